/* SPDX-License-Identifier: MIT */
/*
 * core/fiber/dump.c - a report of fibers and waiting threads.
 *
 * All of a fiber but its state is its worker's, so it is read while that stands still (hold.c).
 * What is written down then goes out once they have been let go: who reads it may be one of them.
 */
#include "core/clock.h"
#include "core/fiber/backtrace.h"
#include "core/fiber/fiber.h"
#include "core/uncancelled.h"

#include <netpark/dump.h>
#include <netpark/version.h>

#include <errno.h>
#include <poll.h>
#include <unistd.h>

enum { TEXT_SIZE = 16 << 10 };
enum { ENTRY_SIZE = 4 << 10 }; /* there is room for one more as long as there is this much */

static const int64_t PATIENCE_NS = 1000 * 1000 * 1000;

struct dump {
	struct runtime *runtime;
	int fd;
	int error;
	int64_t until; /* when patience with workers ends */
	size_t place;  /* of the next fiber */
	uint32_t number;
	struct text text;
	char buf[TEXT_SIZE];
};

/* ---- writing ------------------------------------------------------------------------------ */

static int write_some(int fd, const char **data, size_t *size)
{
	struct pollfd full = { .fd = fd, .events = POLLOUT };
	ssize_t n = write(fd, *data, *size);

	if (n >= 0) {
		*data += n;
		*size -= (size_t)n;
		return 0;
	}
	if (errno != EINTR && errno != EAGAIN && errno != EWOULDBLOCK)
		return -errno;
	if (errno != EINTR)
		poll(&full, 1, -1);
	return 0;
}

/* Write out what there is, and begin again with an empty text. */
static void flush(struct dump *dump)
{
	const char *data = dump->buf;
	size_t size = np__text_held(&dump->text);

	while (size > 0 && !dump->error)
		dump->error = write_some(dump->fd, &data, &size);
	np__text_init(&dump->text, dump->buf, sizeof(dump->buf));
}

static bool has_room(const struct dump *dump)
{
	return sizeof(dump->buf) - np__text_held(&dump->text) > ENTRY_SIZE;
}

/* ---- while the workers are held ----------------------------------------------------------- */

static void see(struct dump *dump, struct np_task *task)
{
	for (; task; task = task->next)
		np__fiber_of(task)->seen = dump->number;
}

/* It will keep the time, which it knows nothing of yet. */
static void tell_time(struct worker *worker)
{
	if (atomic_load_explicit(&worker->looked, memory_order_relaxed) == 0)
		atomic_store_explicit(&worker->looked, np__time_coarse(), memory_order_relaxed);
}

/* What was parked may have been made ready since: then it is in a queue. */
static void look_at_workers(struct dump *dump)
{
	struct runtime *runtime = dump->runtime;

	dump->number = ++runtime->dumps;
	for (unsigned i = 0; i < runtime->worker_count; i++) {
		struct worker *worker = &runtime->workers[i];

		if (!atomic_load(&worker->is_held))
			continue;
		tell_time(worker);
		see(dump, worker->ready.first);
		see(dump, worker->sated.first);
		see(dump, atomic_load(&worker->inbox));
	}
}

/* Of a fiber whose worker runs: all that may be read. */
static void put_loose(struct dump *dump, const struct fiber *fiber, struct worker *worker)
{
	struct text *text = &dump->text;
	bool runs = __atomic_load_n(&worker->current, __ATOMIC_RELAXED) == fiber;

	np__text_print(text, "%s worker %u, which does not answer", runs ? "running on" : "on",
		       worker->index);
	np__text_print_age(text, atomic_load_explicit(&worker->looked, memory_order_relaxed));
	np__text_put(text, "]\n\n");
}

static void put_newborn(struct dump *dump, const struct fiber *fiber)
{
	const void *fn = (const void *)(uintptr_t)fiber->fn;

	if (fiber->group)
		fn = (const void *)(uintptr_t)fiber->member;
	np__text_put(&dump->text, "not begun: ");
	np__backtrace_name(fn, &dump->text);
}

static void put_state(struct dump *dump, const struct fiber *fiber)
{
	struct text *text = &dump->text;

	if (fiber == fiber->worker->current) {
		np__text_put(text, "running");
	} else if (fiber->seen == dump->number || !fiber->wait) {
		np__text_put(text, "ready");
	} else {
		np__wait_describe(fiber->wait, fiber->wait_arg, text);
		np__text_print_age(text, fiber->since);
	}
}

static void put_backtrace(struct dump *dump, const struct fiber *fiber)
{
	if (fiber != fiber->worker->current)
		np__backtrace_context(&fiber->context, &dump->text);
	else if (fiber == np__fiber_self())
		np__backtrace_here(&dump->text);
}

/* Nobody runs it, and nobody will before the hold ends. */
static void put_still(struct dump *dump, const struct fiber *fiber, uint64_t state)
{
	struct text *text = &dump->text;

	if (state & FIBER_BEGUN)
		put_state(dump, fiber);
	else
		put_newborn(dump, fiber);
	np__text_put(text, state & FIBER_ASKED ? ", cancelled]:\n" : "]:\n");
	if (state & FIBER_BEGUN)
		put_backtrace(dump, fiber);
	np__text_put(text, "\n");
}

static void put_head(struct dump *dump, const struct fiber *fiber, const char *name)
{
	np__text_put(&dump->text, "fiber ");
	np__text_put_number(&dump->text, np__fiber_id(fiber));
	if (name)
		np__text_print(&dump->text, " \"%s\"", name);
	np__text_put(&dump->text, " [");
}

static struct worker *worker_of(struct runtime *runtime, uint64_t state)
{
	return &runtime->workers[state >> FIBER_WORKER_SHIFT & UINT16_MAX];
}

/* Those that have not begun are anybody's to begin. */
static bool is_still(const struct dump *dump, uint64_t state)
{
	const struct runtime *runtime = dump->runtime;

	if (state & FIBER_BEGUN)
		return atomic_load(&worker_of(dump->runtime, state)->is_held);
	for (unsigned i = 0; i < runtime->worker_count; i++)
		if (!atomic_load(&runtime->workers[i].is_held))
			return false;
	return true;
}

/*
 * The state once more, after it was found to be still: it may have come to that since. And after
 * what there is of the name where it is not: that may be another fiber's since.
 */
static void describe_fiber(struct dump *dump, struct fiber *fiber)
{
	uint64_t state = atomic_load(&fiber->state);
	bool still = is_still(dump, state);
	char label[FIBER_LABEL];
	const char *name = NULL;
	uint64_t again;

	if (!(state & FIBER_LIVE) || state & FIBER_ENDED)
		return;
	if (!still)
		np__fiber_read_label(fiber, label);
	again = atomic_load(&fiber->state);
	if ((state ^ again) & ~(uint64_t)FIBER_ASKED)
		return;
	if (state & FIBER_BEGUN)
		name = still ? fiber->name : label[0] ? label : NULL;
	put_head(dump, fiber, name);
	if (still)
		put_still(dump, fiber, state);
	else if (state & FIBER_BEGUN)
		put_loose(dump, fiber, worker_of(dump->runtime, state));
	else
		np__text_put(&dump->text, "not begun]\n\n");
}

/* As many as there is room for. True if there may be more. */
static bool put_some(struct dump *dump)
{
	struct fiber *fiber;

	while (has_room(dump)) {
		fiber = np__fiber_table_at(&dump->runtime->table, dump->place);
		if (!fiber)
			return false;
		describe_fiber(dump, fiber);
		dump->place++;
	}
	return true;
}

/* ---- the report --------------------------------------------------------------------------- */

static void put_fibers(struct dump *dump)
{
	bool more;

	do {
		np__hold_begin(dump->runtime, dump->until);
		look_at_workers(dump);
		more = put_some(dump);
		np__hold_end(dump->runtime);
		flush(dump);
	} while (more && !dump->error);
}

static void put_threads(struct dump *dump)
{
	uint64_t after = 0;
	bool more;

	do {
		more = np__threads_describe(&after, &dump->text, ENTRY_SIZE);
		flush(dump);
	} while (more && !dump->error);
}

int np__dump(struct runtime *runtime, int fd)
{
	struct dump dump;

	dump.runtime = runtime;
	dump.fd = fd;
	dump.error = 0;
	dump.until = np_deadline(PATIENCE_NS);
	dump.place = 0;
	np__text_init(&dump.text, dump.buf, sizeof(dump.buf));
	atomic_store(&np__task_times_are_wanted, true);
	np__text_print(&dump.text, "netpark %s: %u workers\n\n", NP_VERSION,
		       runtime ? runtime->worker_count : 0);
	if (runtime)
		put_fibers(&dump);
	put_threads(&dump);
	return dump.error;
}

int np_dump(int fd)
{
	NP_UNCANCELLED;
	struct runtime *runtime = np__runtime_visit();
	int error = np__dump(runtime, fd);

	np__runtime_leave(runtime);
	return error;
}
