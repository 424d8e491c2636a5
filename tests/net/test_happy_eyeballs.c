/* SPDX-License-Identifier: MIT */
/*
 * tests/net/test_happy_eyeballs.c - hosts with several addresses: which are tried, when, and what
 * becomes of those that lose.
 *
 * The addresses are this host's: 127.0.0.1 is the one that answers, at others of 127.0.0.0/8
 * nobody listens, or a listener is silent (hosts.h). The control function tells which are tried.
 */
#include "tests/support/call.h"
#include "tests/support/fixture.h"
#include "tests/support/hosts.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

TestSuite(happy_eyeballs, .init = fixture_begin, .fini = fixture_end, .timeout = FIXTURE_TIMEOUT);

static const int64_t MILLISECOND = 1000 * 1000;
static const int64_t SECOND = 1000 * 1000 * 1000;
static const int64_t HOUR = INT64_C(3600) * 1000 * 1000 * 1000;

/* Which addresses were tried, and when. */
struct tries {
	int count;
	char all[512]; /* their hosts, each with a blank after it */
	int64_t began;
	int64_t after[HOSTS_MAX]; /* ns since it began: a try's own beginning is seen a bit late */
};

static int note(int sysfd, const char *network, const char *address, void *arg)
{
	struct tries *tries = arg;
	const char *port = strrchr(address, ':');
	size_t length = strlen(tries->all);

	(void)sysfd, (void)network;
	tries->after[tries->count++] = np_time() - tries->began;
	snprintf(tries->all + length, sizeof(tries->all) - length, "%.*s ", (int)(port - address),
		 address);
	return 0;
}

/* What most tests have. */
struct scene {
	struct np_fd *listener;
	unsigned port;
	char name[32];
	struct hosts hosts;
	struct tries tries;
	struct np_dial_options options;
	struct np_fd *conn;
};

static void scene_begin(struct scene *scene, const char *const *ips)
{
	memset(scene, 0, sizeof(*scene));
	scene->listener = hosts_listen(&scene->port, scene->name);
	hosts_init(&scene->hosts, ips);
	scene->options.resolver = &scene->hosts.resolver;
	scene->options.control = note;
	scene->options.control_arg = &scene->tries;
}

static void scene_end(struct scene *scene)
{
	cr_assert_eq(np_close(scene->conn), 0);
	cr_assert_eq(np_close(scene->listener), 0);
}

/* Nobody answers at two addresses. False where that cannot be had. */
static bool be_silent(struct silent silent[2], const struct scene *scene)
{
	bool first = silent_begin(&silent[0], "127.0.0.2", scene->port);
	bool second = silent_begin(&silent[1], "127.0.0.3", scene->port);

	return first && second;
}

static int dial(struct scene *scene)
{
	scene->tries.began = np_time();
	return np_dial_with("tcp", scene->name, &scene->options, &scene->conn);
}

static void expect_peer(struct np_fd *conn, const char *ip)
{
	struct np_addr addr;
	char text[NP_ADDR_TEXT_MAX];

	cr_assert_eq(np_remote_addr(conn, &addr), 0);
	np_ip_format(&addr, text, sizeof(text));
	cr_assert_str_eq(text, ip);
}

/* The connection is the one that the listener has, and there is no other. */
static void expect_one_connection(struct scene *scene)
{
	struct np_fd *accepted, *none = NULL;
	char byte;

	cr_assert_eq(np_accept(scene->listener, &accepted), 0);
	cr_assert_eq(np_write(scene->conn, "x", 1), 1);
	cr_assert_eq(call_read_patiently(accepted, &byte, 1), 1);
	cr_assert_eq(np_set_read_deadline(scene->listener, np_time() + MILLISECOND), 0);
	cr_assert_eq(np_accept(scene->listener, &none), NP_EDEADLINE);
	np_close(accepted);
}

/* ---- order -------------------------------------------------------------------------------- */

#define IPS(...) ((const char *const[]){ __VA_ARGS__, NULL })

static void expect_order(const char *const *ips, const char *expected)
{
	struct scene scene;

	scene_begin(&scene, ips);
	scene.options.fallback_delay_ns = HOUR;
	cr_assert_lt(dial(&scene), 0);
	cr_assert_str_eq(scene.tries.all, expected);
	scene_end(&scene);
}

Test(happy_eyeballs, the_families_take_turns_and_the_first_begins)
{
	fixture_needs("AF_INET6");
	expect_order(IPS("127.0.0.2", "127.0.0.3", "127.0.0.4", "::1"),
		     "127.0.0.2 [::1] 127.0.0.3 127.0.0.4 ");
	expect_order(IPS("::1", "127.0.0.2", "127.0.0.3"), "[::1] 127.0.0.2 127.0.0.3 ");
	expect_order(IPS("127.0.0.2", "127.0.0.3"), "127.0.0.2 127.0.0.3 ");
	expect_order(IPS("127.0.0.3", "127.0.0.4", "fe80::1%1", "127.0.0.5", "::1"),
		     "127.0.0.3 [fe80::1%lo] 127.0.0.4 [::1] 127.0.0.5 ");
}

/* An hour's delay: only its failure brings the next. */
Test(happy_eyeballs, a_failure_brings_the_next_at_once)
{
	struct scene scene;

	scene_begin(&scene, IPS("127.0.0.2", "127.0.0.3", "127.0.0.1", "127.0.0.4"));
	scene.options.fallback_delay_ns = HOUR;
	cr_assert_eq(dial(&scene), 0);
	expect_peer(scene.conn, "127.0.0.1");
	cr_assert_str_eq(scene.tries.all, "127.0.0.2 127.0.0.3 127.0.0.1 ");
	expect_one_connection(&scene);
	scene_end(&scene);
}

Test(happy_eyeballs, all_that_fail_leave_the_error_of_the_first)
{
	struct scene scene;
	char text[256], expected[64];

	scene_begin(&scene, IPS("127.0.0.2", "255.255.255.255", "127.0.0.3"));
	cr_assert_eq(dial(&scene), -ECONNREFUSED);
	np_error_text(-ECONNREFUSED, text, sizeof(text));
	snprintf(expected, sizeof(expected), "dial tcp 127.0.0.2:%u: connect: ", scene.port);
	cr_assert_eq(strncmp(text, expected, strlen(expected)), 0, "%s", text);
	cr_assert_eq(scene.tries.count, 3);
	hosts_init(&scene.hosts, IPS("255.255.255.255", "127.0.0.3"));
	cr_assert_neq(dial(&scene), -ECONNREFUSED);
	scene_end(&scene);
}

Test(happy_eyeballs, of_a_local_address_only_its_family_is_tried)
{
	struct scene scene;
	char text[256];

	scene_begin(&scene, IPS("::1", "127.0.0.2", "127.0.0.1"));
	scene.options.local_address = "127.0.0.1:0";
	cr_assert_eq(dial(&scene), 0);
	cr_assert_str_eq(scene.tries.all, "127.0.0.2 127.0.0.1 ");
	np_close(scene.conn);
	scene.conn = NULL;
	hosts_init(&scene.hosts, IPS("::1", "fe80::1%1"));
	cr_assert_eq(dial(&scene), NP_EADDRESS);
	np_error_text(NP_EADDRESS, text, sizeof(text));
	cr_assert_str_eq(text, "dial tcp: address 127.0.0.1:0: no suitable address found");
	scene_end(&scene);
}

Test(happy_eyeballs, a_lookup_that_fails_is_told)
{
	struct scene scene;
	char text[256];

	scene_begin(&scene, IPS("127.0.0.1"));
	scene.hosts.error = NP_EHOST;
	cr_assert_eq(dial(&scene), NP_EHOST);
	np_error_text(NP_EHOST, text, sizeof(text));
	cr_assert_str_eq(text, "dial tcp: lookup any.name: no such host");
	cr_assert_eq(scene.tries.count, 0);
	scene_end(&scene);
}

/* ---- delays ------------------------------------------------------------------------------- */

Test(happy_eyeballs, who_does_not_answer_is_overtaken)
{
	struct silent silent[2];
	struct scene scene;

	scene_begin(&scene, IPS("127.0.0.2", "127.0.0.3", "127.0.0.1", "127.0.0.4"));
	if (be_silent(silent, &scene)) {
		scene.options.fallback_delay_ns = 20 * MILLISECOND;
		cr_assert_eq(dial(&scene), 0);
		expect_peer(scene.conn, "127.0.0.1");
		cr_assert_str_eq(scene.tries.all, "127.0.0.2 127.0.0.3 127.0.0.1 ");
		cr_assert_geq(scene.tries.after[1], 20 * MILLISECOND);
		cr_assert_geq(scene.tries.after[2], 40 * MILLISECOND);
		expect_one_connection(&scene);
	}
	silent_end(&silent[0]);
	silent_end(&silent[1]);
	scene_end(&scene);
}

/* The first goes on, but not for ever. */
Test(happy_eyeballs, the_usual_delay_is_some_hundred_milliseconds)
{
	struct silent silent;
	struct scene scene;

	scene_begin(&scene, IPS("127.0.0.2", "127.0.0.1"));
	if (silent_begin(&silent, "127.0.0.2", scene.port)) {
		cr_assert_eq(dial(&scene), 0);
		expect_peer(scene.conn, "127.0.0.1");
		cr_assert_geq(scene.tries.after[1], 300 * MILLISECOND);
	}
	silent_end(&silent);
	scene_end(&scene);
}

/* The second is refused; the first, which was asked before, answers when it asks again. */
Test(happy_eyeballs, who_was_overtaken_can_still_win)
{
	struct silent silent;
	struct scene scene;
	struct call dialer = { .network = "tcp" };

	scene_begin(&scene, IPS("127.0.0.2", "127.0.0.3"));
	if (silent_begin(&silent, "127.0.0.2", scene.port)) {
		scene.options.fallback_delay_ns = MILLISECOND;
		dialer.address = scene.name;
		dialer.options = &scene.options;
		call_start(&dialer, call_dial);
		FIXTURE_UNTIL(fixture_parked() == 1);
		FIXTURE_UNTIL((silent_listen(&silent), atomic_load(&dialer.done)));
		cr_assert_eq(call_finish(&dialer), 0, "%s", dialer.text);
		expect_peer(dialer.conn, "127.0.0.2");
		cr_assert_eq(scene.tries.count, 2);
		scene.conn = dialer.conn;
	}
	silent_end(&silent);
	scene_end(&scene);
}

/* All ask again at about the same time: those who connect in vain are closed. */
Test(happy_eyeballs, several_that_answer_at_once_leave_one)
{
	static const char *const ips[] = { "127.0.0.2", "127.0.0.3", "127.0.0.4", NULL };
	struct silent silent[3];
	struct scene scene;
	struct call dialer = { .network = "tcp" };
	bool are_silent = true;

	scene_begin(&scene, ips);
	for (int i = 0; i < 3; i++)
		are_silent = silent_begin(&silent[i], ips[i], scene.port) && are_silent;
	if (are_silent) {
		scene.options.fallback_delay_ns = 1;
		dialer.address = scene.name;
		dialer.options = &scene.options;
		call_start(&dialer, call_dial);
		FIXTURE_UNTIL(fixture_parked() == 3);
		while (!atomic_load(&dialer.done))
			for (int i = 0; i < 3; i++)
				silent_listen(&silent[i]);
		cr_assert_eq(call_finish(&dialer), 0, "%s", dialer.text);
		scene.conn = dialer.conn;
	}
	for (int i = 0; i < 3; i++)
		silent_end(&silent[i]);
	scene_end(&scene);
}

/* ---- deadlines ---------------------------------------------------------------------------- */

Test(happy_eyeballs, the_deadline_ends_all)
{
	struct silent silent[2];
	struct scene scene;

	scene_begin(&scene, IPS("127.0.0.2", "127.0.0.3"));
	if (be_silent(silent, &scene)) {
		char text[256], expected[64];

		scene.options.fallback_delay_ns = 1;
		scene.options.deadline_ns = np_deadline(30 * MILLISECOND);
		cr_assert_eq(dial(&scene), NP_EDEADLINE);
		cr_assert_geq(np_time(), scene.options.deadline_ns);
		cr_assert_leq(scene.tries.count, 2);
		np_error_text(NP_EDEADLINE, text, sizeof(text));
		snprintf(expected, sizeof(expected), "dial tcp 127.0.0.2:%u: i/o timeout",
			 scene.port);
		/* Where it was over before anything was tried, there is no address. */
		cr_assert(scene.tries.count == 0 || strcmp(text, expected) == 0, "%s", text);
	}
	silent_end(&silent[0]);
	silent_end(&silent[1]);
	scene_end(&scene);
}

/* The last 2 s are not divided. */
static void expect_one_after_the_other(int64_t delay_ns)
{
	struct silent silent;
	struct scene scene;

	scene_begin(&scene, IPS("127.0.0.2", "127.0.0.1"));
	if (silent_begin(&silent, "127.0.0.2", scene.port)) {
		scene.options.fallback_delay_ns = delay_ns;
		scene.options.deadline_ns = np_deadline(20 * MILLISECOND);
		cr_assert_eq(dial(&scene), NP_EDEADLINE);
		cr_assert_leq(scene.tries.count, 1); /* none on a machine so slow */
	}
	silent_end(&silent);
	scene_end(&scene);
}

Test(happy_eyeballs, without_a_delay_one_goes_after_the_other)
{
	expect_one_after_the_other(-1);
}

/* No time is that late. */
Test(happy_eyeballs, after_a_delay_without_end_none_begins)
{
	expect_one_after_the_other(INT64_MAX - 1);
	expect_one_after_the_other(INT64_MAX);
}

/* A minute for 31 addresses: the first has its 2 s. Long, so only where nothing else is tested. */
Test(happy_eyeballs, each_has_its_share_of_the_deadline)
{
	struct silent silent;
	struct scene scene;
	char more[30][16];
	const char *ips[32] = { "127.0.0.2", "127.0.0.1" };

	if (fixture_backend() != runtime_poll_default() || fixture_has_worker())
		cr_skip_test("takes 2 s, and does not depend on the backend");
	for (int i = 2; i < 31; i++) {
		snprintf(more[i - 2], sizeof(more[0]), "127.0.1.%d", i);
		ips[i] = more[i - 2];
	}
	scene_begin(&scene, ips);
	if (silent_begin(&silent, "127.0.0.2", scene.port)) {
		scene.options.fallback_delay_ns = -1;
		scene.options.deadline_ns = np_deadline(60 * SECOND);
		cr_assert_eq(dial(&scene), 0);
		expect_peer(scene.conn, "127.0.0.1");
		cr_assert_geq(scene.tries.after[1], 19 * SECOND / 10);
	}
	silent_end(&silent);
	scene_end(&scene);
}

/* ---- cancellation ------------------------------------------------------------------------- */

/* A dial that gets nowhere by itself. */
struct endless {
	struct silent silent[2];
	struct scene scene;
	struct np_dial_cancel cancel;
	struct call dialers[3];
};

static bool endless_begin(struct endless *endless)
{
	bool are_silent;

	memset(endless, 0, sizeof(*endless));
	scene_begin(&endless->scene, IPS("127.0.0.2", "127.0.0.3"));
	are_silent = be_silent(endless->silent, &endless->scene);
	endless->scene.options.control = NULL;
	endless->scene.options.fallback_delay_ns = 1;
	endless->scene.options.cancel = &endless->cancel;
	for (int i = 0; i < 3; i++) {
		endless->dialers[i].network = "tcp";
		endless->dialers[i].address = endless->scene.name;
		endless->dialers[i].options = &endless->scene.options;
	}
	return are_silent;
}

static void endless_end(struct endless *endless)
{
	silent_end(&endless->silent[0]);
	silent_end(&endless->silent[1]);
	scene_end(&endless->scene);
}

Test(happy_eyeballs, all_dials_that_are_cancelled_end)
{
	struct endless endless;

	if (endless_begin(&endless)) {
		for (int i = 0; i < 3; i++)
			call_start(&endless.dialers[i], call_dial);
		FIXTURE_UNTIL(fixture_parked() == 6);
		np_dial_cancel(&endless.cancel);
		for (int i = 0; i < 3; i++)
			cr_assert_eq(call_finish(&endless.dialers[i]), NP_ECANCELED);
		cr_assert_null(endless.cancel.dials);
	}
	endless_end(&endless);
}

Test(happy_eyeballs, a_dial_of_one_address_can_be_cancelled)
{
	struct endless endless;
	char text[64];

	if (endless_begin(&endless)) {
		snprintf(text, sizeof(text), "127.0.0.2:%u", endless.scene.port);
		endless.dialers[0].address = text;
		call_start(&endless.dialers[0], call_dial);
		FIXTURE_UNTIL(fixture_parked() == 1);
		np_dial_cancel(&endless.cancel);
		cr_assert_eq(call_finish(&endless.dialers[0]), NP_ECANCELED);
		cr_assert(strstr(endless.dialers[0].text, text), "%s", endless.dialers[0].text);
	}
	endless_end(&endless);
}

Test(happy_eyeballs, a_cancellation_holds_for_later_dials)
{
	struct scene scene;
	struct np_dial_cancel cancel = { .is_canceled = 0 };
	char text[NP_ADDR_TEXT_MAX];

	scene_begin(&scene, IPS("127.0.0.1"));
	scene.options.cancel = &cancel;
	call_address(scene.listener, text);
	cr_assert_eq(np_dial_with("tcp", text, &scene.options, &scene.conn), 0);
	np_close(scene.conn);
	scene.conn = NULL;
	np_dial_cancel(&cancel);
	np_dial_cancel(&cancel);
	np_dial_cancel(NULL);
	cr_assert_eq(np_dial_with("tcp", text, &scene.options, &scene.conn), NP_ECANCELED);
	cr_assert_eq(dial(&scene), NP_ECANCELED);
	cr_assert_eq(scene.hosts.asked, 0);
	cr_assert_eq(scene.tries.count, 1);
	scene_end(&scene);
}

/* In the middle of the dial, when everything else has gone well. */
static int cancel_now(int sysfd, const char *network, const char *address, void *arg)
{
	(void)sysfd, (void)network, (void)address;
	np_dial_cancel(arg);
	return 0;
}

/* A Unix listener is connected to at once, so that everything is decided. */
Test(happy_eyeballs, who_has_connected_when_it_is_cancelled_is_closed)
{
	struct np_dial_cancel cancel = { .is_canceled = 0 };
	const struct np_dial_options options = {
		.cancel = &cancel,
		.control = cancel_now,
		.control_arg = &cancel,
	};
	struct np_fd *listener, *accepted, *conn = NULL;
	char path[64], byte;

	call_unix_path(path);
	cr_assert_eq(np_listen("unix", path, &listener), 0);
	cr_assert_eq(np_dial_with("unix", path, &options, &conn), NP_ECANCELED);
	cr_assert_null(conn);
	cr_assert_eq(np_accept(listener, &accepted), 0);
	cr_assert_eq(call_read_patiently(accepted, &byte, 1), 0);
	np_close(accepted);
	np_close(listener);
}

/* ---- tasks of other kinds ----------------------------------------------------------------- */

static void never_ready(struct np_task *list)
{
	(void)list;
	abort();
}

Test(happy_eyeballs, who_cannot_park_has_what_comes_at_once)
{
	const struct np_parker parker = { .name = "callback", .ready = never_ready };
	struct np_task task = { .parker = &parker, .poller = test_poller };
	struct endless endless;
	int streams, messages;

	if (!endless_begin(&endless)) {
		endless_end(&endless);
		return;
	}
	np_task_enter(&task);
	streams = dial(&endless.scene);
	messages = np_dial_with("udp", endless.scene.name, &endless.scene.options,
				&endless.scene.conn);
	np_task_enter(NULL);
	cr_assert_eq(streams, -EDEADLK);
	cr_assert_eq(messages, 0, "%d", messages);
	endless_end(&endless);
}

/* A host that has others make its lookups, and has changed its mind when it has begun one. */
struct fickle {
	struct np_task task; /* first */
	struct np_dial_cancel cancel;
	struct np_detached *call;
};

static int begin_and_cancel(struct np_task *self, struct np_detached *call)
{
	struct fickle *fickle = (struct fickle *)self;

	fickle->call = call;
	np_dial_cancel(&fickle->cancel);
	return 0;
}

/* Who did not hear of it waits for the answer. */
static void wait_for_answer(struct np_task *self, const struct np_wait *wait, void *arg,
			    struct np_poller *poller)
{
	struct fickle *fickle = (struct fickle *)self;

	(void)poller;
	if (wait->commit(self, arg))
		fickle->call->run(fickle->call);
}

static void note_ready(struct np_task *list)
{
	(void)list;
}

Test(happy_eyeballs, lookups_are_cancelled_of_hosts_and_of_services)
{
	const struct np_parker parker = {
		.name = "fickle",
		.park = wait_for_answer,
		.ready = note_ready,
		.detach = begin_and_cancel,
	};
	const char *const names[] = { "localhost:80", "127.0.0.1:no_service" };

	for (int i = 0; i < 2; i++) {
		struct fickle fickle = { .task = { .parker = &parker, .poller = test_poller } };
		const struct np_dial_options options = { .cancel = &fickle.cancel };
		struct np_fd *conn;
		int error;

		np_task_enter(&fickle.task);
		error = np_dial_with("tcp", names[i], &options, &conn);
		np_task_enter(NULL);
		cr_assert_eq(error, NP_ECANCELED, "%s: %d", names[i], error);
		cr_assert_null(fickle.cancel.dials);
		fickle.call->run(fickle.call);
		fickle.call->drop(fickle.call);
	}
}

enum { FIBERS = 20 };

struct crowd_of_fibers {
	struct scene *scene;
	struct np_wait_group group;
	atomic_int connected, canceled;
	np_fiber_id ids[FIBERS];
	atomic_int begun;
};

static void dial_and_close(void *arg)
{
	struct crowd_of_fibers *crowd = arg;
	struct np_fd *conn;
	int error = np_dial_with("tcp", crowd->scene->name, &crowd->scene->options, &conn);

	if (!error)
		np_close(conn);
	atomic_fetch_add(&crowd->connected, error == 0);
	np_wait_group_done(&crowd->group);
}

static int dial_all(void *arg)
{
	struct crowd_of_fibers *crowd = arg;

	np_wait_group_add(&crowd->group, FIBERS);
	for (int i = 0; i < FIBERS; i++)
		if (np_go(dial_and_close, crowd))
			np_wait_group_done(&crowd->group);
	np_wait_group_wait(&crowd->group);
	return 0;
}

Test(happy_eyeballs, fibers_of_several_workers_race_side_by_side)
{
	const struct np_run_options options = { .workers = 2, .backend = fixture_backend() };
	struct crowd_of_fibers crowd = { .scene = NULL };
	struct silent silent;
	struct scene scene;

	if (fixture_has_worker())
		cr_skip_test("runs fibers of its own");
	scene_begin(&scene, IPS("127.0.0.2", "127.0.0.1"));
	scene.options.control = NULL;
	scene.options.fallback_delay_ns = MILLISECOND;
	crowd.scene = &scene;
	if (silent_begin(&silent, "127.0.0.2", scene.port)) {
		cr_assert_eq(np_run(dial_all, &crowd, &options), 0);
		cr_assert_eq(atomic_load(&crowd.connected), FIBERS);
	}
	silent_end(&silent);
	scene_end(&scene);
}

static void dial_until_canceled(void *arg)
{
	struct crowd_of_fibers *crowd = arg;
	struct np_fd *conn;

	crowd->ids[atomic_fetch_add(&crowd->begun, 1)] = np_self();
	if (np_dial_with("tcp", crowd->scene->name, &crowd->scene->options, &conn) == NP_ECANCELED)
		atomic_fetch_add(&crowd->canceled, 1);
	np_wait_group_done(&crowd->group);
}

static int cancel_all(void *arg)
{
	struct crowd_of_fibers *crowd = arg;

	np_wait_group_add(&crowd->group, FIBERS);
	for (int i = 0; i < FIBERS; i++)
		if (np_go(dial_until_canceled, crowd))
			np_wait_group_done(&crowd->group);
	while (atomic_load(&crowd->begun) < FIBERS)
		np_yield();
	np_sleep(5 * MILLISECOND); /* most have begun to wait; the others are not to */
	for (int i = 0; i < FIBERS; i++)
		np_cancel(crowd->ids[i]);
	np_wait_group_wait(&crowd->group);
	return 0;
}

Test(happy_eyeballs, fibers_that_are_cancelled_leave_nothing)
{
	const struct np_run_options options = { .workers = 2, .backend = fixture_backend() };
	struct crowd_of_fibers crowd = { .scene = NULL };
	struct endless endless;

	if (fixture_has_worker())
		cr_skip_test("runs fibers of its own");
	if (endless_begin(&endless)) {
		endless.scene.options.cancel = NULL;
		crowd.scene = &endless.scene;
		cr_assert_eq(np_run(cancel_all, &crowd, &options), 0);
		cr_assert_eq(atomic_load(&crowd.canceled), FIBERS);
	}
	endless_end(&endless);
}
