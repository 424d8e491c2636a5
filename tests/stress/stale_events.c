/* SPDX-License-Identifier: MIT */
/*
 * tests/stress/stale_events.c - never a report for the wrong descriptor.
 *
 * Busy threads register descriptors, have reports made for them, and close them while those are on
 * their way. Quiet threads register descriptors that nothing ever happens to, with the numbers and
 * in the memory that the busy ones have just given back: the kernel gives out the lowest number,
 * the poller the place freed last. Whatever a quiet one is told was meant for somebody else.
 *
 * A wait may be spurious by contract. Across reuse it never is; that is what limbo and generations
 * are for (core/desc_table.h), and what is demanded here.
 *
 * A backend of our own in front of the real one widens the windows. It hands reports on late, or
 * again and again, as a kernel might; or it holds one until the moment at which it would do harm.
 */
#include "tests/stress/stress.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <unistd.h>

enum { BUSY = 3, QUIET = 2, LATEST = 64 };

enum behaviour { AS_IS, LATE, REPEATING, HOLDING };

/* ---- the backend in front ----------------------------------------------------------------- */

static struct runtime_poll front;
static enum behaviour behaviour;

/* By the thread that waits, which is one at a time. */
static uint64_t wait_random;
static struct runtime_poll_event latest[LATEST];
static unsigned latest_count;

static atomic_uint_fast64_t opened_tag; /* the last one */
static atomic_uint_fast64_t held_tag;   /* HOLDING: the report to hold */
static atomic_bool is_waiting, is_holding, may_go;

static int front_open(void *state, int fd, uint64_t tag)
{
	atomic_store(&opened_tag, tag);
	return stress_backend->open(state, fd, tag);
}

/* Remember what came, and let one of those that came before come again. */
static int repeat(struct runtime_poll_event *events, int count, int capacity)
{
	int own = count;

	if (count < capacity && latest_count > 0) {
		unsigned kept = latest_count < LATEST ? latest_count : LATEST;

		events[count++] = latest[stress_below(&wait_random, kept)];
	}
	for (int i = 0; i < own; i++)
		latest[latest_count++ % LATEST] = events[i];
	return count;
}

static void hold(const struct runtime_poll_event *events, int count)
{
	for (int i = 0; i < count; i++) {
		if (events[i].tag != atomic_load(&held_tag) || !(events[i].flags & NP_READ))
			continue;
		atomic_store(&is_holding, true);
		STRESS_UNTIL(atomic_load(&may_go));
	}
}

static int front_wait(void *state, int64_t delta_ns, struct runtime_poll_event *events,
		      int capacity)
{
	int count;

	atomic_store(&is_waiting, true);
	count = stress_backend->wait(state, delta_ns, events, capacity);
	if (behaviour == LATE && count > 0)
		for (unsigned i = stress_below(&wait_random, 32); i > 0; i--)
			sched_yield();
	if (behaviour == REPEATING && count >= 0)
		count = repeat(events, count, capacity);
	if (behaviour == HOLDING)
		hold(events, count);
	return count;
}

/*
 * With 32 bits of the tag to come back a generation has 8: it is limbo alone that keeps 255 reuses
 * from making an old report look new. One that comes again later needs them all.
 */
static struct np_poller *create_poller(enum behaviour how)
{
	struct np_poller_options options = { .backend = stress_backend };
	struct np_poller *poller;
	int error;

	behaviour = how;
	if (how != AS_IS) {
		front = *stress_backend;
		front.open = front_open;
		front.wait = front_wait;
		if (how != REPEATING)
			front.tag_bits = 32;
		options.backend = &front;
	}
	latest_count = 0;
	error = np_poller_create(&options, &poller);
	STRESS_CHECK(!error, "np_poller_create: %s", np_strerror(error));
	return poller;
}

static void destroy_poller(struct np_poller *poller)
{
	int error = np_poller_destroy(poller);

	STRESS_CHECK(!error, "np_poller_destroy: %s", np_strerror(error));
}

static struct np_poll_desc *open_desc(struct np_poller *poller, int fd)
{
	struct np_poll_desc *desc;
	int error = np_poll_open(poller, fd, &desc);

	STRESS_CHECK(!error, "np_poll_open: %s", np_strerror(error));
	return desc;
}

static void close_desc(struct np_poll_desc *desc)
{
	np_poll_unblock(desc);
	np_poll_close(desc);
}

/* ---- busy --------------------------------------------------------------------------------- */

struct churn {
	struct np_poller *poller;
	unsigned index;
	_Atomic(struct np_poll_desc *) to_unblock; /* a quiet thread asks for it */
	atomic_bool *is_over;
};

static void send_byte(int fd)
{
	STRESS_CHECK(write(fd, "x", 1) == 1, "write to an empty descriptor failed");
}

/* As a reader does. Its own report must come, and a byte with it. */
static void receive_byte(struct np_poll_desc *desc, int fd)
{
	char byte;
	int error = np_poll_reset(desc, NP_READ);

	while (!error && read(fd, &byte, 1) != 1) {
		STRESS_CHECK(errno == EAGAIN, "read failed with errno %d", errno);
		error = np_poll_wait(desc, NP_READ);
	}
	STRESS_CHECK(!error, "a busy descriptor's wait failed: %s", np_strerror(error));
}

/* A backend that needs arming has something on its way only if somebody asked for it. */
static void arm(struct np_poll_desc *desc, uint64_t *random)
{
	int error;

	np_poll_set_deadline(desc, np_deadline(stress_below(random, 20) * MICROSECOND), NP_READ);
	error = np_poll_wait(desc, NP_READ);
	STRESS_CHECK(error == NP_EDEADLINE, "nothing was written, yet np_poll_wait says: %s",
		     np_strerror(error));
}

static void *churn_busy(void *arg)
{
	struct churn *churn = arg;
	uint64_t random = stress_seed(churn->index);

	for (int round = 0; round < stress_rounds; round++) {
		unsigned choice = stress_below(&random, 4);
		struct np_poll_desc *desc;
		int fds[2];

		if (stress_below(&random, 2))
			stress_pipe(fds);
		else
			stress_socketpair(fds);
		desc = open_desc(churn->poller, fds[0]);
		if (choice < 2) {
			send_byte(fds[1]);
			receive_byte(desc, fds[0]);
		} else {
			arm(desc, &random);
		}
		/* What is told from here on finds nobody. */
		if (choice % 2)
			send_byte(fds[1]);
		else
			close(fds[1]);
		if (stress_below(&random, 2))
			stress_jitter(&random);
		close_desc(desc);
		close(fds[0]);
		if (choice % 2)
			close(fds[1]);
	}
	return NULL;
}

/* ---- quiet -------------------------------------------------------------------------------- */

/* A descriptor that is not ready for the mode that is returned; index 0 is the one to wait for. */
static int make_quiet(int fds[2], uint64_t *random)
{
	static const char zeros[4096];
	int reversed[2];

	if (stress_below(random, 2)) {
		stress_socketpair(fds);
		return NP_READ;
	}
	if (stress_below(random, 4)) {
		stress_pipe(fds);
		return NP_READ;
	}
	stress_pipe(reversed);
#ifdef F_SETPIPE_SZ
	fcntl(reversed[1], F_SETPIPE_SZ, 4096);
#endif
	while (write(reversed[1], zeros, sizeof(zeros)) > 0)
		;
	fds[0] = reversed[1];
	fds[1] = reversed[0];
	return NP_WRITE;
}

static void wait_for_deadline(struct np_poll_desc *desc, int mode, uint64_t *random)
{
	int64_t deadline = np_deadline(stress_below(random, 100) * MICROSECOND);
	int error;

	np_poll_set_deadline(desc, deadline, mode);
	error = np_poll_wait(desc, mode);
	STRESS_CHECK(error != 0, "a report came for a descriptor that nothing had happened to");
	STRESS_CHECK(error == NP_EDEADLINE, "np_poll_wait: %s", np_strerror(error));
	STRESS_CHECK(np_time() >= deadline, "np_poll_wait timed out early");
}

static void wait_for_unblock(struct churn *churn, struct np_poll_desc *desc, int mode)
{
	int error;

	atomic_store(&churn->to_unblock, desc);
	error = np_poll_wait(desc, mode);
	STRESS_CHECK(error != 0, "a report came for a descriptor that nothing had happened to");
	STRESS_CHECK(error == NP_ECLOSED, "np_poll_wait: %s", np_strerror(error));
	STRESS_UNTIL(!atomic_load(&churn->to_unblock)); /* not while it is in the call */
}

static void *churn_quiet(void *arg)
{
	struct churn *churn = arg;
	uint64_t random = stress_seed(churn->index);

	for (int round = 0; round < stress_rounds; round++) {
		int fds[2];
		int mode = make_quiet(fds, &random);
		struct np_poll_desc *desc = open_desc(churn->poller, fds[0]);

		if (stress_below(&random, 4)) {
			wait_for_deadline(desc, mode, &random);
			np_poll_unblock(desc);
		} else {
			wait_for_unblock(churn, desc, mode);
		}
		np_poll_close(desc);
		close(fds[0]);
		close(fds[1]);
	}
	return NULL;
}

static void *unblock_quiet(void *arg)
{
	struct churn *churns = arg;
	uint64_t random = stress_seed(100);

	while (!atomic_load(churns->is_over)) {
		for (int i = 0; i < QUIET; i++) {
			struct np_poll_desc *desc = atomic_load(&churns[i].to_unblock);

			if (!desc)
				continue;
			stress_jitter(&random);
			np_poll_unblock(desc);
			atomic_store(&churns[i].to_unblock, NULL);
		}
		sched_yield();
	}
	return NULL;
}

static void churn(enum behaviour how, const char *name)
{
	struct np_poller *poller = create_poller(how);
	struct churn churns[QUIET + BUSY];
	pthread_t threads[QUIET + BUSY];
	atomic_bool is_over = false;
	pthread_t unblocker;

	stress_phase(name);
	wait_random = stress_seed(99);
	for (unsigned i = 0; i < QUIET + BUSY; i++) {
		churns[i] = (struct churn){ .poller = poller, .index = i, .is_over = &is_over };
		threads[i] = stress_start(i < QUIET ? churn_quiet : churn_busy, &churns[i]);
	}
	unblocker = stress_start(unblock_quiet, churns);
	for (unsigned i = 0; i < QUIET + BUSY; i++)
		stress_join(threads[i]);
	atomic_store(&is_over, true);
	stress_join(unblocker);
	destroy_poller(poller);
}

/* ---- a report that is held ---------------------------------------------------------------- */

static void *wait_for_read(void *arg)
{
	return (void *)(intptr_t)np_poll_wait(arg, NP_READ);
}

static int result_of(pthread_t thread)
{
	void *result;

	pthread_join(thread, &result);
	return (int)(intptr_t)result;
}

/*
 * Open and close until the tag is again, in the bits that come back, that of the report which is
 * held. Where the table is right this never happens, since its place is in limbo.
 */
static struct np_poll_desc *open_with_held_tag(struct np_poller *poller, int fd)
{
	struct np_poll_desc *desc = open_desc(poller, fd);

	for (int i = 0; i < 600; i++) {
		if ((uint32_t)atomic_load(&opened_tag) == (uint32_t)atomic_load(&held_tag))
			break;
		close_desc(desc);
		desc = open_desc(poller, fd);
	}
	return desc;
}

/*
 * One thread leads; its wait has a report for another's descriptor and is held there. That one is
 * closed and its place, if it is given out, used until the generations have come round.
 */
static void hold_a_report(void)
{
	struct np_poller *poller = create_poller(HOLDING);
	struct np_poll_desc *desc, *lead;
	pthread_t leader, waiter;
	int lead_fds[2], fds[2], quiet_fds[2];
	int error;

	stress_phase("a report that is held");
	atomic_store(&is_waiting, false);
	atomic_store(&is_holding, false);
	atomic_store(&may_go, false);
	stress_socketpair(lead_fds);
	stress_socketpair(fds);
	stress_socketpair(quiet_fds);
	lead = open_desc(poller, lead_fds[0]);
	leader = stress_start(wait_for_read, lead);
	STRESS_UNTIL(atomic_load(&is_waiting));

	desc = open_desc(poller, fds[0]);
	atomic_store(&held_tag, atomic_load(&opened_tag));
	waiter = stress_start(wait_for_read, desc);
	STRESS_UNTIL(stress_parked(poller) == 2);
	send_byte(fds[1]);
	STRESS_UNTIL(atomic_load(&is_holding));
	np_poll_unblock(desc);
	error = result_of(waiter);
	STRESS_CHECK(error == NP_ECLOSED, "np_poll_wait: %s", np_strerror(error));
	np_poll_close(desc);

	desc = open_with_held_tag(poller, quiet_fds[0]);
	np_poll_set_deadline(desc, np_deadline(5000 * MICROSECOND), NP_READ);
	atomic_store(&may_go, true);
	error = np_poll_wait(desc, NP_READ);
	STRESS_CHECK(error == NP_EDEADLINE, "the report reached a descriptor opened after it: %s",
		     np_strerror(error));
	close_desc(desc);

	send_byte(lead_fds[1]);
	error = result_of(leader);
	STRESS_CHECK(!error, "np_poll_wait: %s", np_strerror(error));
	close_desc(lead);
	destroy_poller(poller);
	for (int i = 0; i < 2; i++) {
		close(lead_fds[i]);
		close(fds[i]);
		close(quiet_fds[i]);
	}
}

int main(int argc, char **argv)
{
	stress_begin(argc, argv, 1000);
	churn(AS_IS, "reuse at full speed");
	churn(LATE, "reuse with reports that are late");
	churn(REPEATING, "reuse with reports that come again");
	for (int i = 0; i < 3; i++)
		hold_a_report();
	return stress_end();
}
