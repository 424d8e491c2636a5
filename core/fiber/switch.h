/* SPDX-License-Identifier: MIT */
/*
 * core/fiber/switch.h - leaving one stack for another.
 *
 * A context that is not running is one word, its stack pointer: what has to be kept is on its
 * stack. One assembly file for each processor (switch_x86_64.S, ...), or switch_ucontext.c, which
 * needs a record of its own and keeps a pointer to it in the same word.
 *
 * Each assembly file has the label np__context_parked where the stacks change. To a debugger
 * (netpark-gdb.py) that is where a context stands that does not run: the CFI there says what is on
 * its stack.
 *
 * Kept: what the ABI calls callee-saved, the vector registers and the floating-point control words
 * among them (rounding, exception masks); not the signal mask and errno, which worker.c sees to.
 * The status flags are anybody's after a switch, the other context's or none, but no flag that one
 * raised traps in another which has it unmasked. Everything else is lost, as in any call.
 */
#ifndef NETPARK_CORE_FIBER_SWITCH_H
#define NETPARK_CORE_FIBER_SWITCH_H

#include <stdbool.h>
#include <stddef.h>

struct context {
	void *sp;
};

/* Where a new context begins; it must not return. @arg is what the switch to it passed. */
typedef void context_entry(void *arg);

/*
 * Make a context that begins with @entry on the stack whose highest address is @top, aligned to 16.
 * What it keeps of the floating-point environment is its creator's. Writes at most 640 bytes below
 * @top, and as many more as a ucontext_t has with switch_ucontext.c; does not allocate.
 */
void np__context_init(struct context *context, void *top, context_entry *entry);

/*
 * Store what runs here into @from and go on with @to. Returns, when somebody switches to @from
 * again, the @arg of that switch. @to is used up: it must be stored anew before it is switched to.
 * Both may be the same: then it returns @arg at once.
 */
void *np__context_switch(struct context *from, struct context *to, void *arg);

/*
 * The same, for who leaves @from where @to was most likely left, too, as fibers do that wait.
 *
 * Processors expect a return to go where the last call came from. After a jump to another stack
 * that is wrong for each return there is; after a return to the same place it is right for as long
 * as both stacks have come there the same way. But who comes back elsewhere is better jumped to.
 */
void *np__context_switch_alike(struct context *from, struct context *to, void *arg);

/*
 * Call @fn, here, in such a way that an unwinder which begins in it comes from np__context_visit()
 * to where @context left. @context does not run meanwhile and is not changed; any thread. False,
 * with nothing called, where there is no assembly switch (visit_none.c).
 */
bool np__context_visit(const struct context *context, void (*fn)(void *arg), void *arg);

#endif /* NETPARK_CORE_FIBER_SWITCH_H */
