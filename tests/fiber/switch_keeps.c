/* SPDX-License-Identifier: MIT */
/*
 * tests/fiber/switch_keeps.c - what core/fiber/switch.h promises of a switch, on any processor.
 *
 *	switch_keeps assembly|ucontext
 *
 * Nearly without inline assembly: more values of each kind than there are registers are kept across
 * switches, in loops, so that the compiler has every callee-saved register in use.
 */
#include "core/fiber/switch.h"

#include <fenv.h>
#include <setjmp.h>
#include <signal.h>
#include <stdalign.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifndef WITHOUT_UNWINDER
#include <unwind.h>
#endif
#ifdef __GLIBC__
#include <execinfo.h>
#endif

#define CHECK(condition, ...)                                                                      \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			fprintf(stderr, __VA_ARGS__);                                              \
			fputc('\n', stderr);                                                       \
			exit(1);                                                                   \
		}                                                                                  \
	} while (0)

#define NOINLINE __attribute__((noinline))

enum { CONTEXTS = 4, STACK_SIZE = 64 << 10, ROUNDS = 20 };

static alignas(16) char stacks[CONTEXTS][STACK_SIZE];
static struct context contexts[CONTEXTS], outside;
static int current;

/* Run @entry in each context, one after the other and again, until the last one has left. */
static void run_all(context_entry *entry)
{
	for (int i = 0; i < CONTEXTS; i++)
		np__context_init(&contexts[i], stacks[i] + STACK_SIZE, entry);
	current = 0;
	np__context_switch(&outside, &contexts[0], &contexts[0]);
}

/* All pass on equally often. Inline: a function of its own would save registers for its caller. */
static inline __attribute__((always_inline)) void pass_on(void)
{
	int self = current;

	current = (self + 1) % CONTEXTS;
	CHECK(np__context_switch(&contexts[self], &contexts[current], &contexts[current]) ==
		      &contexts[self],
	      "the switch to context %d passed something else", self);
}

static void leave(void)
{
	int self = current++;

	np__context_switch(&contexts[self], current < CONTEXTS ? &contexts[current] : &outside,
			   &contexts[current % CONTEXTS]);
	abort();
}

/* ---- registers ---------------------------------------------------------------------------- */

typedef uint32_t vector __attribute__((vector_size(16)));
typedef int32_t vector_of_bool __attribute__((vector_size(16)));

enum { VALUES = 24 };

struct values {
	uintptr_t integers[VALUES];
	double doubles[VALUES];
	vector vectors[VALUES];
};

static struct values values[CONTEXTS];

/* clang-format off */
#define EACH_VALUE(X) \
	X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) \
	X(8) X(9) X(10) X(11) X(12) X(13) X(14) X(15) \
	X(16) X(17) X(18) X(19) X(20) X(21) X(22) X(23)
/* clang-format on */

#define NAME(n)    v##n,
#define READ(n)    v##n = expected[n];
#define COMPARE(n) wrong |= v##n != expected[n];

/*
 * As far as the compiler knows, a switch may write to @expected: so the copies have to be kept.
 * What all contexts have in common, such as the number of a round, is not in registers.
 */
#define DEFINE_KEEP(name, type, truth)                                                             \
	static NOINLINE bool name(const type *expected)                                            \
	{                                                                                          \
		static const truth none = { 0 };                                                   \
		type EACH_VALUE(NAME) *unused = NULL;                                              \
                                                                                                   \
		(void)unused;                                                                      \
		EACH_VALUE(READ)                                                                   \
		for (volatile int i = 0; i < ROUNDS; i++) {                                        \
			truth wrong = { 0 };                                                       \
                                                                                                   \
			pass_on();                                                                 \
			EACH_VALUE(COMPARE)                                                        \
			if (memcmp(&wrong, &none, sizeof(wrong)))                                  \
				return false;                                                      \
		}                                                                                  \
		return true;                                                                       \
	}

DEFINE_KEEP(keep_integers, uintptr_t, bool)
DEFINE_KEEP(keep_doubles, double, bool)
DEFINE_KEEP(keep_vectors, vector, vector_of_bool)

/* Who moves its stack pointer finds what is its own from the frame pointer. */
static NOINLINE bool keep_frame(int self)
{
	volatile size_t size = 32;
	volatile char *moved = __builtin_alloca(size);
	volatile int own = self;

	for (int i = 0; i < ROUNDS; i++) {
		moved[0] = 1;
		pass_on();
		if (own != self)
			return false;
	}
	return true;
}

#ifdef __powerpc64__
/* Of vector floating point: are the smallest numbers flushed to zero? */
static bool get_non_java(void)
{
	vector vscr;

	__asm__ volatile("mfvscr %0" : "=v"(vscr));
	return vscr[0] & 0x10000;
}

static void set_non_java(bool on)
{
	vector vscr = { on ? 0x10000 : 0 };

	__asm__ volatile("mtvscr %0" : : "v"(vscr));
}
#endif

/* What a compiler seldom keeps across a call. */
static void keep_flags(int self)
{
#ifdef __powerpc64__
	const unsigned long fields = 0xfff000ul, own = (0x248ul << self) << 12 & fields;
	unsigned long now;

	for (int i = 0; i < ROUNDS; i++) {
		__asm__ volatile("mtcrf 0x38, %0" : : "r"(own) : "cr2", "cr3", "cr4");
		pass_on();
		__asm__ volatile("mfcr %0" : "=r"(now));
		CHECK((now & fields) == own, "context %d: CR", self);
	}
	CHECK(get_non_java(), "context %d does not have its creator's mode of vectors", self);
	set_non_java(self % 2);
	for (int i = 0; i < ROUNDS; i++) {
		pass_on();
		CHECK(get_non_java() == self % 2, "context %d: mode of vectors", self);
	}
#endif
	(void)self;
}

static void keep_all(void *arg)
{
	int self = current;

	(void)arg;
	for (int kind = self; kind < self + 3; kind++)
		if (kind % 3 == 0)
			CHECK(keep_integers(values[self].integers), "context %d: integers", self);
		else if (kind % 3 == 1)
			CHECK(keep_doubles(values[self].doubles), "context %d: doubles", self);
		else
			CHECK(keep_vectors(values[self].vectors), "context %d: vectors", self);
	CHECK(keep_frame(self), "context %d: the frame pointer", self);
	keep_flags(self);
	leave();
}

static void check_registers(void)
{
	uint64_t word = 1;

	for (int i = 0; i < CONTEXTS; i++)
		for (int j = 0; j < VALUES; j++) {
			word *= UINT64_C(0x9e3779b97f4a7c15);
			values[i].integers[j] = (uintptr_t)(word ^ word >> 32);
			values[i].doubles[j] = (double)word;
			values[i].vectors[j] = (vector){ (uint32_t)word, (uint32_t)(word >> 32),
							 (uint32_t)~word, (uint32_t)j };
		}
#ifdef __powerpc64__
	set_non_java(true);
#endif
	run_all(keep_all);
#ifdef __powerpc64__
	CHECK(get_non_java(), "mode of vectors outside");
#endif
}

/* ---- the floating-point environment ------------------------------------------------------- */

static const int modes[CONTEXTS] = { FE_UPWARD, FE_TONEAREST, FE_DOWNWARD, FE_TOWARDZERO };
static volatile double one = 1, three = 3;
static volatile long double long_one = 1, long_three = 3, long_zero = 0, infinity;

/* Each context has another mode than the one before. */
static void keep_rounding(void *arg)
{
	int self = current;
	double third, again;
	long double long_third;

	(void)arg;
	CHECK(fesetround(modes[self]) == 0, "fesetround");
	third = one / three;
	long_third = long_one / long_three;
	for (int i = 0; i < ROUNDS; i++) {
		pass_on();
		CHECK(fegetround() == modes[self], "context %d: rounding mode", self);
		again = one / three; /* stored, which takes off what x87 has too much */
		CHECK(again == third, "context %d: a third is another", self);
		CHECK(long_one / long_three == long_third, "context %d: so is a long one", self);
	}
	CHECK((third * 3 > 1) == (modes[self] == FE_UPWARD), "rounding upward or not");
	leave();
}

static void inherit_rounding(void *arg)
{
	int *ret_mode = arg;

	*ret_mode = fegetround();
	np__context_switch(&contexts[0], &outside, NULL);
}

static void check_rounding(void)
{
	int mode = -1;

	run_all(keep_rounding);
	CHECK(fegetround() == FE_TONEAREST, "rounding mode outside");

	fesetround(FE_DOWNWARD);
	np__context_init(&contexts[0], stacks[0] + STACK_SIZE, inherit_rounding);
	fesetround(FE_TONEAREST);
	np__context_switch(&outside, &contexts[0], &mode);
	CHECK(mode == FE_DOWNWARD, "a new context does not have its creator's rounding mode");
	CHECK(fegetround() == FE_TONEAREST, "rounding mode after a new context");
}

/*
 * Where one context has flags of exceptions and the other traps for them, nothing traps. Not all
 * processors have traps, and not all C libraries a function to ask for them.
 */
static void keep_traps(void *arg)
{
	int traps = 0;

	(void)arg;
#ifdef __GLIBC__
	if (current % 2) {
		feclearexcept(FE_ALL_EXCEPT);
		traps = feenableexcept(FE_DIVBYZERO) < 0 ? 0 : FE_DIVBYZERO;
	}
#endif
	for (int i = 0; i < ROUNDS; i++) {
		if (!traps) {
			feraiseexcept(FE_DIVBYZERO);
			infinity = long_one / long_zero; /* another unit's on x86-64 */
		}
		pass_on();
		CHECK(one + three == 4, "a sum");
		CHECK(long_one + long_three == 4, "a long sum");
#ifdef __GLIBC__
		CHECK(fegetexcept() == traps, "context %d: traps", current);
#endif
	}
	leave();
}

/* ---- stacks ------------------------------------------------------------------------------- */

static NOINLINE uintptr_t misalignment(void *local)
{
	return (uintptr_t)local % alignof(max_align_t);
}

static void look_at_stack(void *arg)
{
	uintptr_t (*volatile ask)(void *) =
		misalignment; /* or the compiler would know the answer */
	max_align_t local;

	*(uintptr_t *)arg = ask(&local);
	np__context_switch(&contexts[0], &outside, NULL);
}

static void check_stack(bool is_ucontext)
{
	size_t most = 640 + (is_ucontext ? sizeof(ucontext_t) : 0);
	uintptr_t off = 1;

	memset(stacks[0], 0x55, STACK_SIZE);
	np__context_init(&contexts[0], stacks[0] + STACK_SIZE, look_at_stack);
	for (size_t i = 0; i < STACK_SIZE - most; i++)
		CHECK(stacks[0][i] == 0x55, "%zu bytes below the top were written to",
		      STACK_SIZE - i);
	np__context_switch(&outside, &contexts[0], &off);
	CHECK(off == 0, "the stack is off by %zu", (size_t)off);
}

static void switch_to_self(void)
{
	struct context self;

	CHECK(np__context_switch(&self, &self, &self) == &self, "a switch to itself");
}

/* ---- unwinding ---------------------------------------------------------------------------- */

#ifndef WITHOUT_UNWINDER

/* As unwinders number them: what every function keeps, but for floating-point registers. */
static const int kept[] = {
#if defined(__x86_64__)
	3,  6, 12, 13, 14, 15,
#elif defined(__i386__)
	3,  5, 6, 7,
#elif defined(__aarch64__)
	19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29,
#elif defined(__arm__)
	4,  5, 6, 7, 8, 9, 10, 11,
#elif defined(__riscv)
	8,  9, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27,
#elif defined(__powerpc64__)
	14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31,
#elif defined(__s390x__)
	6,  7, 8, 9, 10, 11, 12, 13,
#endif
	-1,
};

enum { KEPT = sizeof(kept) / sizeof(kept[0]) - 1 };

struct trace {
	uintptr_t sought; /* where a function begins */
	int depth;
	int found;       /* at which depth, from 1 */
	uintptr_t stack; /* there, and the registers */
	uintptr_t registers[KEPT + 1];
};

static _Unwind_Reason_Code note_frame(struct _Unwind_Context *frame, void *arg)
{
	enum { ENDLESS = 100 };
	struct trace *trace = arg;
	const uintptr_t thumb = 1;

	trace->depth++;
	if (((uintptr_t)_Unwind_GetRegionStart(frame) & ~thumb) == (trace->sought & ~thumb)) {
		trace->found = trace->depth;
#ifdef __arm__
		trace->stack = (uintptr_t)_Unwind_GetGR(frame, 13);
#else
		trace->stack = (uintptr_t)_Unwind_GetCFA(frame);
#endif
		for (int i = 0; i < KEPT; i++)
			trace->registers[i] = (uintptr_t)_Unwind_GetGR(frame, kept[i]);
	}
	return trace->depth < ENDLESS ? _URC_NO_REASON : _URC_END_OF_STACK;
}

static struct trace take_trace(context_entry *entry)
{
	struct trace trace = { .sought = (uintptr_t)entry };

	_Unwind_Backtrace(note_frame, &trace);
	return trace;
}

/* Below a context's entry lies what called it; libgcc may tell of the end as of a frame, too. */
static void check_trace(const char *where, struct trace trace)
{
	static int below;

	CHECK(trace.found > 0, "%s: %d frames, not the context's entry", where, trace.depth);
	if (below == 0)
		below = trace.depth - trace.found;
	CHECK(below <= 2 && trace.depth - trace.found == below,
	      "%s: %d frames, the context's entry is number %d", where, trace.depth, trace.found);
}

static sigjmp_buf way_out;
static struct trace signal_trace;

static void trace_context(void *arg);

static void trace_signal(int number)
{
	(void)number;
	signal_trace = take_trace(trace_context);
	siglongjmp(way_out, 1);
}

/* There is no context to go on with at 0: a fault where all is saved and the stack still this one.
 */
static NOINLINE void trace_switch(void)
{
	struct context *volatile nowhere = NULL;
	struct context self;

	if (sigsetjmp(way_out, 1) == 0)
		np__context_switch(&self, nowhere, NULL);
}

static NOINLINE void trace_raise(void)
{
	if (sigsetjmp(way_out, 1) == 0)
		raise(SIGSEGV);
}

/* Not every emulator's signals can be unwound: one that has nothing to do with a switch tells. */
static void trace_context(void *arg)
{
	(void)arg;
	check_trace("in a context", take_trace(trace_context));
	trace_raise();
	if (signal_trace.found > 0) {
		trace_switch();
		check_trace("in the switch", signal_trace);
	} else {
		printf("signals cannot be unwound here\n");
	}
	np__context_switch(&contexts[0], &outside, NULL);
}

static void check_unwinding(void)
{
	struct sigaction act = { .sa_handler = trace_signal };

	sigaction(SIGSEGV, &act, NULL);
	np__context_init(&contexts[0], stacks[0] + STACK_SIZE, trace_context);
	np__context_switch(&outside, &contexts[0], NULL);
	signal(SIGSEGV, SIG_DFL);
}

/* ---- visits ------------------------------------------------------------------------------- */

static void visit_context(void *arg);

/* By the unwinder, and by the C library or, as some of them do, along the frames. */
struct view {
	struct trace trace;
	void *callers[16];
	int count;
};

static NOINLINE void look(void *ret_view)
{
	struct view *view = ret_view;

	view->trace = take_trace(visit_context);
	view->count = 0;
#ifdef __powerpc64__
	for (void **frame = __builtin_frame_address(0); (frame = *frame) && view->count < 16;)
		view->callers[view->count++] = frame[2];
#elif defined(__GLIBC__)
	view->count = backtrace(view->callers, 16);
#endif
}

static volatile int after_look; /* with which no call is the last thing in a function */

/* The first time here, the second time from outside: the caller does not know which it is. */
static NOINLINE void look_or_stop(struct view *own, int time)
{
	if (time == 0)
		look(own);
	else
		np__context_switch(&contexts[0], &outside, NULL);
	after_look++;
}

/* What it has in registers is there at both calls, since they are one. */
static void visit_context(void *arg)
{
	const uintptr_t *expected = values[0].integers;
	uintptr_t EACH_VALUE(NAME) *unused = NULL;
	bool wrong = false;

	(void)unused;
	EACH_VALUE(READ)
	for (volatile int i = 0; i < 2; i++)
		look_or_stop(arg, i);
	EACH_VALUE(COMPARE)
	CHECK(!wrong, "a visit has changed what a context keeps");
	np__context_switch(&contexts[0], &outside, NULL);
}

static void compare_views(const struct view *own, const struct view *visitors)
{
	check_trace("in a context to be visited", own->trace);
	check_trace("in a visit", visitors->trace);
	CHECK(visitors->trace.stack == own->trace.stack, "a visit: stack pointer %#zx, not %#zx",
	      (size_t)visitors->trace.stack, (size_t)own->trace.stack);
	for (int i = 0; i < KEPT; i++)
		CHECK(visitors->trace.registers[i] == own->trace.registers[i],
		      "a visit: register %d is %#zx, not %#zx", kept[i],
		      (size_t)visitors->trace.registers[i], (size_t)own->trace.registers[i]);
	if (own->count == 0)
		printf("the C library has no backtraces here\n");
	/* Perhaps look(), the visit, look_or_stop(), and from there on the same. */
	for (int i = 2; i < own->count; i++)
		CHECK(own->count < 16 && visitors->count == own->count + 1 &&
			      visitors->callers[i + 1] == own->callers[i],
		      "a visit: other callers: %d, %d", own->count, visitors->count);
}

static void check_visit(bool is_ucontext)
{
	struct view own, visitors = { .count = 0 };
	bool is_done;

	np__context_init(&contexts[0], stacks[0] + STACK_SIZE, visit_context);
	np__context_switch(&outside, &contexts[0], &own);
	is_done = np__context_visit(&contexts[0], look, &visitors);
	CHECK(is_done == !is_ucontext && (visitors.trace.depth > 0) == is_done, "a visit, or none");
	if (is_done)
		compare_views(&own, &visitors);
	np__context_switch(&outside, &contexts[0], NULL);
}

#else
static void check_unwinding(void)
{
	printf("there is no unwinder here: what one sees is not checked\n");
}

static void check_visit(bool is_ucontext)
{
	(void)is_ucontext;
}
#endif

int main(int argc, char **argv)
{
	CHECK(argc == 2, "usage: %s assembly|ucontext", argv[0]);
	check_registers();
	check_rounding();
	run_all(keep_traps);
	check_stack(strcmp(argv[1], "ucontext") == 0);
	switch_to_self();
	check_unwinding();
	check_visit(strcmp(argv[1], "ucontext") == 0);
	return 0;
}
