/* SPDX-License-Identifier: MIT */
/* core/fiber/overflow.c - the handler, what it passes on, and the stack it runs on. */
#include "core/fiber/overflow.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* The handler that we call may expect more than the least a signal frame needs. */
enum { STACK_BYTES = 64 << 10 };

enum { TEXT_MAX = 256 };

static const int signals[] = { SIGSEGV, SIGBUS };

enum { SIGNALS = sizeof(signals) / sizeof(signals[0]) };

/*
 * Signal actions are the process's, so what stands behind them is, too. It outlives
 * np__overflow_uninstall(): somebody's later handler may have kept ours to pass faults on to.
 */
static struct {
	_Atomic(overflow_describe *) describe; /* NULL: not installed */
	void *arg;
	struct sigaction before[SIGNALS]; /* constant while is_ours */
	bool is_ours[SIGNALS];            /* ours is the action, or below somebody else's */
} overflow;

/* ---- the handler -------------------------------------------------------------------------- */

static const struct sigaction *action_before(int number)
{
	int i = SIGNALS - 1;

	while (i > 0 && signals[i] != number)
		i--;
	return &overflow.before[i];
}

/* The two kinds of handlers share their place, and SIG_DFL may be told with the flag of either. */
static bool is_handler(const struct sigaction *action)
{
	return action->sa_handler != SIG_DFL && action->sa_handler != SIG_IGN;
}

static void set_default(int number)
{
	struct sigaction action = { .sa_handler = SIG_DFL };

	sigemptyset(&action.sa_mask);
	sigaction(number, &action, NULL);
}

/* By kill(2) and its like, rather than for a fault: there is no address. */
static bool is_sent(const siginfo_t *info)
{
	return info->si_code <= 0 || info->si_code == SI_USER || info->si_code == SI_QUEUE;
}

static void tell(const char *text)
{
	static const char prefix[] = "netpark: stack overflow in fiber ";
	char line[sizeof(prefix) + TEXT_MAX + 1];
	size_t length = strnlen(text, TEXT_MAX);
	ssize_t written;

	memcpy(line, prefix, sizeof(prefix) - 1);
	memcpy(line + sizeof(prefix) - 1, text, length);
	line[sizeof(prefix) - 1 + length] = '\n';
	/* In one piece; where it cannot be written there is nobody left to tell. */
	written = write(STDERR_FILENO, line, sizeof(prefix) + length);
	(void)written;
}

static bool is_overflow(const siginfo_t *info)
{
	overflow_describe *describe =
		atomic_load_explicit(&overflow.describe, memory_order_acquire);
	char text[TEXT_MAX] = "";

	if (!describe || is_sent(info))
		return false;
	if (!describe(overflow.arg, info->si_addr, text, sizeof(text)))
		return false;
	tell(text);
	return true;
}

/*
 * A fault happens again when the handler returns, and then is the default's. It is so even if the
 * action before was to ignore it: the kernel does not let a fault be ignored. What was sent does
 * not happen again by itself.
 */
static void die_or_ignore(int number, const siginfo_t *info, bool is_ignored)
{
	if (is_ignored && is_sent(info))
		return;
	set_default(number);
	if (is_sent(info))
		raise(number);
}

/* The mask is right already: ours was installed with the mask of the one before. */
static void pass_on(int number, siginfo_t *info, void *context)
{
	const struct sigaction *before = action_before(number);

	if (!is_handler(before)) {
		die_or_ignore(number, info, before->sa_handler == SIG_IGN);
		return;
	}
	if ((unsigned)before->sa_flags & (unsigned)SA_RESETHAND)
		set_default(number);
	if (before->sa_flags & SA_SIGINFO)
		before->sa_sigaction(number, info, context);
	else
		before->sa_handler(number);
}

static void handle(int number, siginfo_t *info, void *context)
{
	int error = errno;

	if (is_overflow(info))
		set_default(number);
	else
		pass_on(number, info, context);
	errno = error;
}

/* ---- its installation --------------------------------------------------------------------- */

/*
 * Left below somebody else's handler, ours stays there: above it once more, the two would pass a
 * fault to each other for ever.
 */
static int install(int i)
{
	struct sigaction action;

	if (sigaction(signals[i], NULL, &action) < 0)
		return -errno;
	if (overflow.is_ours[i] && is_handler(&action))
		return 0;
	overflow.before[i] = action;
	action.sa_flags &= SA_NODEFER | SA_RESTART;
	action.sa_flags |= SA_SIGINFO | SA_ONSTACK;
	action.sa_sigaction = handle;
	if (sigaction(signals[i], &action, NULL) < 0)
		return -errno;
	overflow.is_ours[i] = true;
	return 0;
}

static void uninstall(int i)
{
	struct sigaction now;

	if (!overflow.is_ours[i] || sigaction(signals[i], NULL, &now) < 0)
		return;
	if (!(now.sa_flags & SA_SIGINFO) || now.sa_sigaction != handle)
		return;
	sigaction(signals[i], &overflow.before[i], NULL);
	overflow.is_ours[i] = false;
}

int np__overflow_install(overflow_describe *describe, void *arg)
{
	int error = 0;

	if (atomic_load_explicit(&overflow.describe, memory_order_relaxed))
		return -EBUSY;
	overflow.arg = arg;
	atomic_store_explicit(&overflow.describe, describe, memory_order_release);
	for (int i = 0; i < SIGNALS && !error; i++)
		error = install(i);
	if (error)
		np__overflow_uninstall();
	return error;
}

void np__overflow_uninstall(void)
{
	for (int i = 0; i < SIGNALS; i++)
		uninstall(i);
	atomic_store_explicit(&overflow.describe, NULL, memory_order_release);
}

/* ---- where it runs ------------------------------------------------------------------------ */

static size_t guard_size(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

/* With a guard: a handler that needs more must not write over a neighbour in silence. */
static int map_stack(struct overflow_thread *thread)
{
	size_t size = guard_size() + STACK_BYTES;
	void *map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANON, -1, 0);

	if (map == MAP_FAILED)
		return -errno;
	if (mprotect(map, guard_size(), PROT_NONE) < 0) {
		int error = -errno;

		munmap(map, size);
		return error;
	}
	thread->map = map;
	thread->size = size;
	return 0;
}

int np__overflow_thread_begin(struct overflow_thread *thread)
{
	size_t guard = guard_size();
	stack_t stack = { .ss_flags = 0 };
	int error = map_stack(thread);

	if (error < 0)
		return error;
	stack.ss_sp = thread->map + guard;
	stack.ss_size = thread->size - guard;
	if (sigaltstack(&stack, &thread->before) < 0) {
		error = -errno;
		munmap(thread->map, thread->size);
	}
	return error;
}

void np__overflow_thread_end(struct overflow_thread *thread)
{
	stack_t now;

	/* macOS looks at the size of a stack that is disabled. */
	if (thread->before.ss_flags & SS_DISABLE)
		thread->before.ss_size = thread->size;
	if (sigaltstack(NULL, &now) == 0 && now.ss_sp == thread->map + guard_size())
		sigaltstack(&thread->before, NULL);
	munmap(thread->map, thread->size);
}
