/* SPDX-License-Identifier: MIT */
/*
 * tests/fiber/test_overflow.c - running over a stack is told, and other faults are none of our
 * business. What may die happens in a child; its standard error and its end are the result.
 */
#include "core/fiber/overflow.h"
#include "core/fiber/stack.h"
#include "core/fiber/switch.h"
#include "tests/support/fixture.h"

#include <netpark/fiber.h>

#include <criterion/criterion.h>
#include <errno.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

TestSuite(overflow, .timeout = FIXTURE_TIMEOUT);

/* ---- children ----------------------------------------------------------------------------- */

enum { EXIT_DONE = 0, EXIT_BROKEN = 1, EXIT_HANDLED = 7 };

struct outcome {
	int exit;   /* status, or -1 */
	int signal; /* that ended it, or 0 */
	char text[16384];
};

/* In the child, where Criterion's own checks would be no use. */
static void must(bool is_so)
{
	if (!is_so)
		_exit(EXIT_BROKEN);
}

static void become_child(int output)
{
	const struct rlimit no_core = { 0, 0 };

	setrlimit(RLIMIT_CORE, &no_core);
	dup2(output, STDERR_FILENO);
	signal(SIGSEGV, SIG_DFL); /* a sanitizer may have its own */
	signal(SIGBUS, SIG_DFL);
}

static struct outcome run(void (*fn)(void))
{
	struct outcome outcome = { .exit = -1 };
	size_t length = 0;
	ssize_t n;
	int fds[2], status;
	pid_t child;

	cr_assert_eq(pipe(fds), 0);
	child = fork();
	cr_assert_geq(child, 0);
	if (child == 0) {
		become_child(fds[1]);
		fn();
		_exit(EXIT_DONE);
	}
	close(fds[1]);
	while ((n = read(fds[0], outcome.text + length, sizeof(outcome.text) - 1 - length)) > 0)
		length += (size_t)n;
	close(fds[0]);
	cr_assert_eq(waitpid(child, &status, 0), child);
	if (WIFEXITED(status))
		outcome.exit = WEXITSTATUS(status);
	else
		outcome.signal = WTERMSIG(status);
	return outcome;
}

static void expect_exit(void (*fn)(void), int status)
{
	struct outcome outcome = run(fn);

	cr_assert_eq(outcome.exit, status, "exit %d, signal %d: %s", outcome.exit, outcome.signal,
		     outcome.text);
	cr_assert_null(strstr(outcome.text, "netpark"), "%s", outcome.text);
}

/* Of a fault; @told is all that we say. A sanitizer or Valgrind may have said something, too. */
static void expect_death(void (*fn)(void), const char *told)
{
	struct outcome outcome = run(fn);
	const char *ours = strstr(outcome.text, "netpark");

	cr_assert(outcome.signal == SIGSEGV || outcome.signal == SIGBUS, "exit %d, signal %d: %s",
		  outcome.exit, outcome.signal, outcome.text);
	cr_assert_eq(ours != NULL, told != NULL, "%s", outcome.text);
	cr_assert(!told || strncmp(ours, told, strlen(told)) == 0, "%s", outcome.text);
	cr_assert(!told || !strstr(ours + strlen(told), "netpark"), "%s", outcome.text);
}

/* ---- what a runtime would have ------------------------------------------------------------ */

static struct stack_depot *depot;
static struct overflow_thread overflow_thread;

static bool describe(void *arg, const void *address, char *buf, size_t size)
{
	struct stack stack;

	if (!np__stack_guards(depot, address, &stack))
		return false;
	strncpy(buf, arg, size - 1);
	buf[size - 1] = '\0';
	return true;
}

static char name[] = "7 \"deep\"";

static void install(void)
{
	must(np__overflow_install(describe, name) == 0);
}

static void begin(void)
{
	must(np__stack_depot_create(64 << 10, &depot) == 0);
	must(np__overflow_thread_begin(&overflow_thread) == 0);
	install();
}

/* Never so deep: the frames are all needed after the call, so that they cannot be folded. */
static __attribute__((noinline)) int recurse(int depth)
{
	volatile char frame[256];

	frame[0] = (char)depth;
	return depth == 0 ? 0 : recurse(depth - 1) + frame[0];
}

static void overflow(void)
{
	recurse(1 << 20);
}

static struct context thread_context;
static struct context fiber_context;

static void enter(void *arg)
{
	void (**fn)(void) = arg;

	(*fn)();
	np__context_switch(&fiber_context, &thread_context, NULL);
}

static void on_new_stack(void (*fn)(void))
{
	struct stack stack;

	must(np__stack_take_shared(depot, &stack) == 0);
	np__context_init(&fiber_context, stack.top, enter);
	np__context_switch(&thread_context, &fiber_context, &fn);
}

/* ---- overflows ---------------------------------------------------------------------------- */

#define TOLD "netpark: stack overflow in fiber 7 \"deep\"\n"

static void overflow_on_this_thread(void)
{
	begin();
	on_new_stack(overflow);
}

Test(overflow, names_the_fiber_and_dies)
{
	expect_death(overflow_on_this_thread, TOLD);
}

static void *overflow_in_thread(void *arg)
{
	struct overflow_thread thread;

	must(np__overflow_thread_begin(&thread) == 0);
	on_new_stack(overflow);
	return arg;
}

static void overflow_on_another_thread(void)
{
	pthread_t thread;

	begin();
	must(pthread_create(&thread, NULL, overflow_in_thread, NULL) == 0);
	pthread_join(thread, NULL);
}

Test(overflow, is_told_of_any_thread)
{
	expect_death(overflow_on_another_thread, TOLD);
}

static void overflow_without_guard_regions(void)
{
	begin();
	np__stack_depot_use_mprotect(depot);
	on_new_stack(overflow);
}

Test(overflow, is_told_without_guard_regions_too)
{
	expect_death(overflow_without_guard_regions, TOLD);
}

static void handled(int number)
{
	(void)number;
	_exit(EXIT_HANDLED);
}

static void overflow_above_a_handler(void)
{
	signal(SIGSEGV, handled);
	signal(SIGBUS, handled);
	begin();
	on_new_stack(overflow);
}

Test(overflow, is_ours_even_if_the_program_handles_faults)
{
	expect_death(overflow_above_a_handler, TOLD);
}

static void overflow_with_a_long_name(void)
{
	static char endless[1000];

	memset(endless, 'n', sizeof(endless) - 1);
	must(np__stack_depot_create(64 << 10, &depot) == 0);
	must(np__overflow_thread_begin(&overflow_thread) == 0);
	must(np__overflow_install(describe, endless) == 0);
	on_new_stack(overflow);
}

Test(overflow, a_name_too_long_is_cut)
{
	struct outcome outcome = run(overflow_with_a_long_name);
	const char *name_told = strstr(outcome.text, "fiber n");
	size_t length = name_told ? strspn(name_told + 6, "n") : 0;

	cr_assert_neq(outcome.signal, 0);
	cr_assert(length > 200 && length < 300, "%zu", length);
	cr_assert_eq(name_told[6 + length], '\n');
}

/* ---- overflows of a runtime's fibers ------------------------------------------------------ */

static unsigned workers;
static atomic_bool has_begun;

/* Its id comes first, so that the test knows which it is. */
static void overflow_with_a_name(void *arg)
{
	char text[64];
	int length = snprintf(text, sizeof(text), "id %llu\n", (unsigned long long)np_self());

	(void)arg;
	np_set_name("the deep one");
	must(write(STDERR_FILENO, text, (size_t)length) == length);
	atomic_store(&has_begun, true);
	overflow();
}

/* With several workers another one than that of the calling thread. */
static int start_overflow(void *arg)
{
	must(np_go(overflow_with_a_name, arg) == 0);
	while (workers > 1 && !atomic_load(&has_begun))
		sched_yield();
	return np_sleep(INT64_C(3600) * 1000000000);
}

static int overflow_in_main(void *arg)
{
	overflow_with_a_name(arg);
	return 0;
}

static int (*first_fiber)(void *arg);

static void overflow_in_runtime(void)
{
	const struct np_run_options options = {
		.workers = workers,
		.stack_size = 64 << 10,
		.backend = fixture_backend(),
	};

	alarm(60); /* it must not outlive the test */
	np_run(first_fiber, NULL, &options);
}

static void expect_name(int (*first)(void *arg), unsigned on)
{
	struct outcome outcome;
	char told[128];
	const char *id;

	first_fiber = first;
	workers = on;
	outcome = run(overflow_in_runtime);
	cr_assert(outcome.signal == SIGSEGV || outcome.signal == SIGBUS, "exit %d, signal %d: %s",
		  outcome.exit, outcome.signal, outcome.text);
	id = strstr(outcome.text, "id ");
	cr_assert(id, "%s", outcome.text);
	snprintf(told, sizeof(told), "netpark: stack overflow in fiber %llu (\"the deep one\"), ",
		 strtoull(id + 3, NULL, 10));
	cr_assert(strstr(outcome.text, told), "no \"%s\" in: %s", told, outcome.text);
}

Test(overflow, of_a_runtimes_fiber_is_told_on_each_worker)
{
	static const unsigned counts[] = { 1, 2, 8 };

	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		expect_name(start_overflow, counts[i]);
		expect_name(overflow_in_main, counts[i]);
	}
}

/* ---- other faults ------------------------------------------------------------------------- */

static char *forbidden;

/* To write to, that is: Valgrind finds no fault with the rest. */
static void make_forbidden(void)
{
	forbidden = mmap(NULL, 1, PROT_READ, MAP_PRIVATE | MAP_ANON, -1, 0);
	must(forbidden != MAP_FAILED);
}

static void fault(void)
{
	*(volatile char *)forbidden = 1;
}

static void expect_siginfo(int number, siginfo_t *info, void *context)
{
	must(number == SIGSEGV || number == SIGBUS);
	must(info->si_addr == forbidden && context);
	_exit(EXIT_HANDLED);
}

static void set_action(void (*handler)(int, siginfo_t *, void *), unsigned flags, int masked)
{
	struct sigaction action = { .sa_sigaction = handler };

	action.sa_flags = (int)(flags | SA_SIGINFO);
	sigemptyset(&action.sa_mask);
	if (masked)
		sigaddset(&action.sa_mask, masked);
	must(sigaction(SIGSEGV, &action, NULL) == 0);
	must(sigaction(SIGBUS, &action, NULL) == 0);
}

static void fault_above_a_handler(void)
{
	make_forbidden();
	set_action(expect_siginfo, 0, 0);
	begin();
	on_new_stack(fault);
}

Test(overflow, another_fault_is_the_handlers_that_was_there)
{
	expect_exit(fault_above_a_handler, EXIT_HANDLED);
}

static void fault_above_a_plain_handler(void)
{
	make_forbidden();
	signal(SIGSEGV, handled);
	signal(SIGBUS, handled);
	begin();
	fault();
}

Test(overflow, a_handler_without_siginfo_is_called_as_one)
{
	expect_exit(fault_above_a_plain_handler, EXIT_HANDLED);
}

static void fault_above_none(void)
{
	make_forbidden();
	begin();
	on_new_stack(fault);
}

Test(overflow, another_fault_kills_as_it_did_and_nothing_is_said)
{
	expect_death(fault_above_none, NULL);
}

static void fault_above_ignorance(void)
{
	make_forbidden();
	signal(SIGSEGV, SIG_IGN);
	signal(SIGBUS, SIG_IGN);
	begin();
	fault();
}

Test(overflow, a_fault_cannot_be_ignored)
{
	expect_death(fault_above_ignorance, NULL);
}

static void mend(int number, siginfo_t *info, void *context)
{
	(void)number;
	(void)context;
	must(mprotect(info->si_addr, 1, PROT_READ | PROT_WRITE) == 0);
	errno = ERANGE;
}

static void fault_and_go_on(void)
{
	make_forbidden();
	set_action(mend, 0, 0);
	begin();
	errno = EILSEQ;
	fault();
	must(errno == EILSEQ && *forbidden == 1);
	make_forbidden();
	fault();
}

Test(overflow, a_handler_may_mend_what_was_wrong_and_return)
{
	expect_exit(fault_and_go_on, EXIT_DONE);
}

static const char mended[] = "netpark's test mended it\n";

static void fault_twice_above_a_handler_for_once(void)
{
	make_forbidden();
	set_action(mend, (unsigned)SA_RESETHAND, 0);
	begin();
	fault();
	must(*forbidden == 1);
	must(write(STDERR_FILENO, mended, sizeof(mended) - 1) == sizeof(mended) - 1);
	make_forbidden();
	fault();
}

Test(overflow, a_handler_for_once_is_called_once)
{
	expect_death(fault_twice_above_a_handler_for_once, mended);
}

static void expect_mask(int number, siginfo_t *info, void *context)
{
	sigset_t blocked;

	(void)info;
	(void)context;
	must(pthread_sigmask(SIG_BLOCK, NULL, &blocked) == 0);
	must(sigismember(&blocked, SIGUSR1) && sigismember(&blocked, number));
	_exit(EXIT_HANDLED);
}

static void fault_above_a_mask(void)
{
	make_forbidden();
	set_action(expect_mask, 0, SIGUSR1);
	begin();
	fault();
}

Test(overflow, a_handler_has_the_mask_it_asked_for)
{
	expect_exit(fault_above_a_mask, EXIT_HANDLED);
}

static void send_above_none(void)
{
	begin();
	raise(SIGSEGV);
}

static void send_above_ignorance(void)
{
	signal(SIGSEGV, SIG_IGN);
	begin();
	raise(SIGSEGV);
}

static void send_above_a_handler(void)
{
	signal(SIGSEGV, handled);
	begin();
	raise(SIGSEGV);
}

Test(overflow, a_signal_that_was_sent_does_what_it_did)
{
	expect_death(send_above_none, NULL);
	expect_exit(send_above_ignorance, EXIT_DONE);
	expect_exit(send_above_a_handler, EXIT_HANDLED);
}

/* ---- installing --------------------------------------------------------------------------- */

static bool is_action(void (*handler)(int))
{
	struct sigaction segv, bus;

	must(sigaction(SIGSEGV, NULL, &segv) == 0 && sigaction(SIGBUS, NULL, &bus) == 0);
	return segv.sa_handler == handler && bus.sa_handler == handler;
}

static void install_and_uninstall(void)
{
	signal(SIGSEGV, handled);
	signal(SIGBUS, handled);
	for (int i = 0; i < 2; i++) {
		install();
		must(!is_action(handled));
		must(np__overflow_install(describe, name) == -EBUSY);
		np__overflow_uninstall();
		must(is_action(handled));
	}
}

Test(overflow, uninstalling_restores_what_was_there)
{
	expect_exit(install_and_uninstall, EXIT_DONE);
}

static struct sigaction below;

static void pass_below(int number, siginfo_t *info, void *context)
{
	below.sa_sigaction(number, info, context);
}

/* A crash reporter comes, keeps our action to pass faults on to, and never goes. */
static void bury(void)
{
	struct sigaction reporter = { .sa_sigaction = pass_below };

	reporter.sa_flags = SA_SIGINFO | SA_ONSTACK;
	sigemptyset(&reporter.sa_mask);
	must(sigaction(SIGSEGV, &reporter, &below) == 0);
	must(sigaction(SIGBUS, &reporter, NULL) == 0);
}

static void fault_after_burial(void)
{
	struct sigaction now;

	make_forbidden();
	set_action(expect_siginfo, 0, 0);
	begin();
	bury();
	np__overflow_uninstall();
	must(sigaction(SIGSEGV, NULL, &now) == 0 && now.sa_sigaction == pass_below);
	fault();
}

static void fault_after_burial_and_return(void)
{
	make_forbidden();
	set_action(expect_siginfo, 0, 0);
	begin();
	bury();
	np__overflow_uninstall();
	install();
	fault();
}

Test(overflow, below_a_later_handler_faults_still_reach_the_earlier_one)
{
	expect_exit(fault_after_burial, EXIT_HANDLED);
	expect_exit(fault_after_burial_and_return, EXIT_HANDLED);
}

static void overflow_after_burial_and_return(void)
{
	begin();
	bury();
	np__overflow_uninstall();
	install();
	on_new_stack(overflow);
}

Test(overflow, below_a_later_handler_an_overflow_is_told)
{
	expect_death(overflow_after_burial_and_return, TOLD);
}

/* ---- alternate stacks --------------------------------------------------------------------- */

static char programs_own[1 << 16];

static void begin_and_end_thread(void)
{
	stack_t own = { .ss_sp = programs_own, .ss_size = sizeof(programs_own) };
	stack_t now;

	must(sigaltstack(&own, NULL) == 0);
	must(np__overflow_thread_begin(&overflow_thread) == 0);
	must(sigaltstack(NULL, &now) == 0 && now.ss_sp != own.ss_sp);
	memset(now.ss_sp, 1, now.ss_size);
	np__overflow_thread_end(&overflow_thread);
	must(sigaltstack(NULL, &now) == 0);
	must(now.ss_sp == own.ss_sp && now.ss_size == own.ss_size && !now.ss_flags);
}

static void begin_and_end_thread_without(void)
{
	stack_t none = { .ss_flags = SS_DISABLE, .ss_size = sizeof(programs_own) };
	stack_t now;

	must(sigaltstack(&none, NULL) == 0);
	must(np__overflow_thread_begin(&overflow_thread) == 0);
	must(sigaltstack(NULL, &now) == 0 && !(now.ss_flags & SS_DISABLE));
	np__overflow_thread_end(&overflow_thread);
	must(sigaltstack(NULL, &now) == 0 && now.ss_flags & SS_DISABLE);
}

static void replace_while_begun(void)
{
	stack_t own = { .ss_sp = programs_own, .ss_size = sizeof(programs_own) };
	stack_t now;

	must(np__overflow_thread_begin(&overflow_thread) == 0);
	must(sigaltstack(&own, NULL) == 0);
	np__overflow_thread_end(&overflow_thread);
	must(sigaltstack(NULL, &now) == 0 && now.ss_sp == own.ss_sp);
}

Test(overflow, a_threads_alternate_stack_is_given_back)
{
	expect_exit(begin_and_end_thread, EXIT_DONE);
	expect_exit(begin_and_end_thread_without, EXIT_DONE);
	expect_exit(replace_while_begun, EXIT_DONE);
}

/* With the guard below it, a handler of the program's that needs too much is not unseen. */
static void touch_below_alternate_stack(void)
{
	stack_t now;

	must(np__overflow_thread_begin(&overflow_thread) == 0);
	must(sigaltstack(NULL, &now) == 0);
	((volatile char *)now.ss_sp)[-1] = 1;
}

Test(overflow, the_alternate_stack_has_a_guard)
{
	expect_death(touch_below_alternate_stack, NULL);
}
