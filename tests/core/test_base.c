/* SPDX-License-Identifier: MIT */
/* tests/core/test_base.c - time, deadlines as numbers, versions, tasks and the list of backends. */
#include "core/task.h"
#include "tests/support/fixture.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

TestSuite(base, .timeout = FIXTURE_TIMEOUT);

Test(base, time_does_not_go_back)
{
	int64_t last = np_time();

	cr_assert_gt(last, 0);
	for (int i = 0; i < 100000; i++) {
		int64_t now = np_time();

		cr_assert_geq(now, last);
		last = now;
	}
}

Test(base, a_deadline_is_never_the_number_for_none)
{
	int64_t before = np_time();
	int64_t deadline = np_deadline(1000);

	cr_assert_geq(deadline, before + 1000);
	cr_assert_leq(deadline, np_time() + 1000);
	cr_assert_lt(np_deadline(0), 0);
	cr_assert_lt(np_deadline(-5), 0);
	cr_assert_lt(np_deadline(INT64_MIN), 0);
	cr_assert_eq(np_deadline(INT64_MAX), INT64_MAX, "no overflow");
}

Test(base, the_library_is_of_the_version_of_its_headers)
{
	cr_assert_str_eq(np_version(), NP_VERSION);
	cr_assert_geq(NP_VERSION_HEX, 0x000100);
}

Test(base, backends_are_found_by_name_and_by_number)
{
	cr_assert_eq(runtime_poll_at(0), runtime_poll_default());
	for (size_t i = 0; runtime_poll_at(i); i++) {
		cr_assert_eq(runtime_poll_find(runtime_poll_at(i)->name), runtime_poll_at(i));
		for (size_t k = 0; k < i; k++)
			cr_assert_neq(runtime_poll_at(k), runtime_poll_at(i));
	}
	cr_assert_not_null(runtime_poll_find("poll"));
	cr_assert_null(runtime_poll_find("select"));
	cr_assert_null(runtime_poll_find(""));
	cr_assert_null(runtime_poll_find(NULL));
}

/* ---- tasks
 * --------------------------------------------------------------------------------------- */

struct list_seen {
	int calls;
	int tasks;
};

static struct list_seen seen_a, seen_b;

static int length_of(struct np_task *list)
{
	int length = 0;

	for (; list; list = list->next)
		length++;
	return length;
}

static void ready_a(struct np_task *list)
{
	seen_a.calls++;
	seen_a.tasks += length_of(list);
}

static void ready_b(struct np_task *list)
{
	seen_b.calls++;
	seen_b.tasks += length_of(list);
}

Test(base, ready_tasks_go_to_their_own_parkers_in_runs)
{
	static const struct np_parker a = { .name = "a", .ready = ready_a };
	static const struct np_parker b = { .name = "b", .ready = ready_b };
	struct np_task tasks[6];
	const struct np_parker *const parkers[6] = { &a, &a, &b, &b, &b, &a };
	struct task_list list = { .head = NULL };

	np_ready(NULL);
	for (int i = 0; i < 6; i++) {
		tasks[i] = (struct np_task){ .parker = parkers[i] };
		task_list_append(&list, &tasks[i]);
	}
	cr_assert_eq(list.count, 6);
	np_ready(list.head);
	cr_assert_eq(seen_a.calls, 2);
	cr_assert_eq(seen_a.tasks, 3);
	cr_assert_eq(seen_b.calls, 1);
	cr_assert_eq(seen_b.tasks, 3);
}

static void *own_task(void *arg)
{
	(void)arg;
	return np_task_self();
}

Test(base, every_thread_has_a_task_of_its_own_and_runs_the_one_it_entered)
{
	static const struct np_parker host = { .name = "host" };
	struct np_task task = { .parker = &host };
	struct np_task *mine = np_task_self();
	pthread_t thread;
	void *theirs;

	cr_assert_eq(mine->parker, &np_parker_thread);
	cr_assert_eq(np_task_self(), mine);
	pthread_create(&thread, NULL, own_task, NULL);
	pthread_join(thread, &theirs);
	cr_assert_neq(theirs, mine);

	cr_assert_null(np_task_enter(&task));
	cr_assert_eq(np_task_self(), &task);
	cr_assert_null(np_task_use_poller((struct np_poller *)&task));
	cr_assert_eq(np_task_use_poller(NULL), (struct np_poller *)&task);
	cr_assert_eq(np_task_enter(NULL), &task);
	cr_assert_eq(np_task_self(), mine);
}
