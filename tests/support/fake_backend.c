/* SPDX-License-Identifier: MIT */
/* tests/support/fake_backend.c - see fake_backend.h. */
#include "tests/support/fake_backend.h"
#include "tests/support/fixture.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

struct fake_state fake;
struct scripted_task scripted;

/* ---- the backend -------------------------------------------------------------------------- */

static int fake_init(void **ret_state)
{
	*ret_state = &fake;
	return 0;
}

static void fake_fini(void *state)
{
	(void)state;
}

static int fake_open(void *state, int fd, uint64_t tag)
{
	int error = fake.open_error;

	(void)state;
	fake.open_error = 0;
	if (error)
		return error;
	fake.opens++;
	fake.tags[fd] = tag;
	return 0;
}

static int fake_close(void *state, int fd)
{
	(void)state;
	fake.closes++;
	fake.tags[fd] = 0;
	return 0;
}

static void fake_arm(void *state, int fd, unsigned mode)
{
	(void)state;
	fake.arms++;
	if (fake.in_arm)
		fake.in_arm(fd, mode);
}

static int fake_wait(void *state, int64_t delta_ns, struct runtime_poll_event *events, int capacity)
{
	int count;

	(void)state;
	fake.waits++;
	fake.last_delta = delta_ns;
	if (fake.in_wait)
		fake.in_wait();
	count = fake.count;
	cr_assert_leq(count, capacity);
	memcpy(events, fake.events, (size_t)count * sizeof(*events));
	fake.count = 0;
	return count;
}

static int fake_break_wait(void *state)
{
	(void)state;
	fake.breaks++;
	return 0;
}

static bool fake_is_poll_descriptor(const void *state, int fd)
{
	(void)state;
	return fd == 63;
}

static int fake_descriptor(const void *state)
{
	(void)state;
	return -EOPNOTSUPP;
}

const struct runtime_poll fake_edge = {
	.name = "fake",
	.traits = RUNTIME_POLL_REPORTS_PRIORITY,
	.tag_bits = 64,
	.init = fake_init,
	.fini = fake_fini,
	.open = fake_open,
	.close = fake_close,
	.wait = fake_wait,
	.break_wait = fake_break_wait,
	.is_poll_descriptor = fake_is_poll_descriptor,
	.descriptor = fake_descriptor,
};

const struct runtime_poll fake_level = {
	.name = "fake level",
	.traits = RUNTIME_POLL_NEEDS_ARM,
	.tag_bits = 32,
	.init = fake_init,
	.fini = fake_fini,
	.open = fake_open,
	.close = fake_close,
	.arm = fake_arm,
	.wait = fake_wait,
	.break_wait = fake_break_wait,
	.is_poll_descriptor = fake_is_poll_descriptor,
	.descriptor = fake_descriptor,
};

void fake_inject_tag(uint64_t tag, uint32_t flags)
{
	cr_assert_lt(fake.count, 16);
	fake.events[fake.count++] = (struct runtime_poll_event){ tag, flags };
}

void fake_inject(int fd, uint32_t flags)
{
	cr_assert_neq(fake.tags[fd], 0, "descriptor %d is not open", fd);
	fake_inject_tag(fake.tags[fd], flags);
}

/* ---- the parker --------------------------------------------------------------------------- */

static void scripted_park(struct np_task *self, const struct np_wait *wait, void *arg,
			  struct np_poller *poller)
{
	int readies = scripted.readies;
	int park;

	(void)poller;
	if (scripted.before_commit)
		scripted.before_commit();
	cr_assert_eq(scripted.readies, readies, "made ready before it was parked");
	if (!wait->commit(self, arg)) {
		scripted.refusals++;
		return;
	}
	park = scripted.parks++;
	cr_assert(park < 4 && scripted.parked[park],
		  "parked without a script: would sleep for ever");
	scripted.parked[park]();
	cr_assert_eq(scripted.readies, readies + 1, "made ready %d times in one park",
		     scripted.readies - readies);
}

static void scripted_ready(struct np_task *list)
{
	for (; list; list = list->next) {
		cr_assert_eq(list, &scripted.task);
		scripted.readies++;
	}
}

static const struct np_parker scripted_parker = {
	.name = "scripted",
	.park = scripted_park,
	.ready = scripted_ready,
};

struct np_poller *fake_begin(const struct runtime_poll *backend)
{
	const struct np_poller_options options = { .backend = backend };
	struct np_poller *poller;

	fake = (struct fake_state){ .count = 0 };
	scripted = (struct scripted_task){ .task.parker = &scripted_parker };
	cr_assert_eq(np_poller_create(&options, &poller), 0);
	np_task_enter(&scripted.task);
	return poller;
}

void fake_end(struct np_poller *poller)
{
	np_task_enter(NULL);
	FIXTURE_DEMAND(np_poller_destroy(poller) == 0, "something is left open");
	FIXTURE_DEMAND(fake.opens == fake.closes, "%d opened, %d closed", (int)fake.opens,
		       (int)fake.closes);
}
