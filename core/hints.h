/* SPDX-License-Identifier: MIT */
/*
 * core/hints.h - what the compiler cannot know: which way a call nearly always goes.
 *
 * The calls that everything goes through are short as long as what they rarely need stays out.
 */
#ifndef NETPARK_CORE_HINTS_H
#define NETPARK_CORE_HINTS_H

/* Whatever leads here is unlikely, too. */
#define NP_RARE __attribute__((cold, noinline))

/* Not rare, but no part of the way that shall be short. */
#define NP_APART __attribute__((noinline))

/* Compute what follows from @word again, instead of keeping it in a register that calls want. */
#define NP_FORGET(word) __asm__("" : "+r"(word))

#define NP_IN_PLACE     __attribute__((always_inline)) inline

#endif /* NETPARK_CORE_HINTS_H */
