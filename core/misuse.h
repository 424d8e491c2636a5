/* SPDX-License-Identifier: MIT */
/* core/misuse.h - telling the program that it broke a rule, see np_set_misuse_hook(). */
#ifndef NETPARK_CORE_MISUSE_H
#define NETPARK_CORE_MISUSE_H

/* Tell the hook. Returns NP_EMISUSE, if the hook returns. */
int np__misuse(const char *what);

#endif /* NETPARK_CORE_MISUSE_H */
