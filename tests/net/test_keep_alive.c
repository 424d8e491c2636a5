/* SPDX-License-Identifier: MIT */
/* tests/net/test_keep_alive.c - probes of silent peers: what is dialed and accepted has, and who
 * else. */
#include "core/fd.h"
#include "core/net/keep_alive_options.h"
#include "tests/support/call.h"
#include "tests/support/fixture.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

/* As systems need it that hand less down than Linux. */
#define np__sys_accepted hand_down
#include "core/sys_accepted_tcp.c"

TestSuite(keep_alive, .init = fixture_begin, .fini = fixture_end, .timeout = FIXTURE_TIMEOUT);

static const int64_t SECOND = 1000 * 1000 * 1000;

struct probes {
	int on, idle, interval, count;
};

static int option(int sysfd, int level, int name)
{
	int value = -1;
	socklen_t length = sizeof(value);

	getsockopt(sysfd, level, name, &value, &length);
	return value;
}

static int ask(int sysfd, void *arg)
{
	struct probes *probes = arg;

	probes->on = option(sysfd, SOL_SOCKET, SO_KEEPALIVE);
	probes->idle = option(sysfd, IPPROTO_TCP, OPTION_IDLE);
	probes->interval = option(sysfd, IPPROTO_TCP, OPTION_INTERVAL);
	probes->count = option(sysfd, IPPROTO_TCP, OPTION_COUNT);
	return 0;
}

static struct probes probes_of(struct np_fd *fd)
{
	struct probes probes;

	cr_assert_eq(np_fd_control(fd, ask, &probes), 0);
	return probes;
}

/* What a socket has that nobody has touched. */
static struct probes probes_of_system(void)
{
	struct probes probes;
	int fds[2];

	fixture_tcp_pair(fds);
	ask(fds[0], &probes);
	close(fds[0]);
	close(fds[1]);
	return probes;
}

static void expect(struct np_fd *fd, struct probes expected)
{
	struct probes probes = probes_of(fd);

	cr_assert_eq(probes.on != 0, expected.on);
	cr_assert_eq(probes.idle, expected.idle, "%d", probes.idle);
	cr_assert_eq(probes.interval, expected.interval, "%d", probes.interval);
	cr_assert_eq(probes.count, expected.count, "%d", probes.count);
}

/* Both ends of a connection made with options. */
static void connect_with(const struct np_listen_options *listen, const struct np_dial_options *dial,
			 struct np_fd *ends[2])
{
	struct np_fd *listener;
	char text[NP_ADDR_TEXT_MAX];

	cr_assert_eq(np_listen_with("tcp", "127.0.0.1:0", listen, &listener), 0);
	call_address(listener, text);
	cr_assert_eq(np_dial_with("tcp", text, dial, &ends[0]), 0);
	cr_assert_eq(np_accept(listener, &ends[1]), 0);
	np_close(listener);
}

/* Here to one that the listener has nothing to do with. */
Test(keep_alive, times_are_handed_down_where_the_kernel_does_not)
{
	const struct np_listen_options listen = {
		.keep_alive = { .idle_ns = 70 * SECOND, .interval_ns = 3 * SECOND, .count = 4 },
	};
	struct np_fd *listener;
	struct probes probes;
	int fds[2];

	fixture_needs("TCP_KEEPIDLE");
	cr_assert_eq(np_listen_with("tcp", "127.0.0.1:0", &listen, &listener), 0);
	fixture_tcp_pair(fds);
	hand_down(listener->sysfd, fds[0]);
	ask(fds[0], &probes);
	cr_assert_eq(probes.idle, 70);
	cr_assert_eq(probes.interval, 3);
	cr_assert_eq(probes.count, 4);
	close(fds[0]);
	close(fds[1]);
	np_close(listener);
}

static void close_ends(struct np_fd *ends[2])
{
	cr_assert_eq(np_close(ends[0]), 0);
	cr_assert_eq(np_close(ends[1]), 0);
}

Test(keep_alive, is_on_at_both_ends_by_default)
{
	const int count = probes_of_system().count;
	struct np_fd *ends[2];

	fixture_needs("TCP_KEEPIDLE");
	connect_with(NULL, NULL, ends);
	expect(ends[0], (struct probes){ true, 15, 15, count });
	expect(ends[1], (struct probes){ true, 15, 15, count });
	close_ends(ends);
}

Test(keep_alive, is_as_was_asked_rounded_up)
{
	const struct np_listen_options listen = {
		.keep_alive = { .idle_ns = SECOND + 1, .interval_ns = 3 * SECOND, .count = 4 },
	};
	const struct np_dial_options dial = {
		.keep_alive = { .idle_ns = 1, .interval_ns = 20 * SECOND, .count = 7 },
	};
	struct np_fd *ends[2];

	fixture_needs("TCP_KEEPIDLE");
	connect_with(&listen, &dial, ends);
	expect(ends[0], (struct probes){ true, 1, 20, 7 });
	expect(ends[1], (struct probes){ true, 2, 3, 4 });
	close_ends(ends);
}

Test(keep_alive, is_left_to_the_system_where_that_is_asked)
{
	const struct np_keep_alive system = { .idle_ns = -1, .interval_ns = -1, .count = -1 };
	const struct np_listen_options listen = { .keep_alive = system };
	const struct np_dial_options dial = { .keep_alive = system };
	struct probes expected = probes_of_system();
	struct np_fd *ends[2];

	expected.on = true;
	connect_with(&listen, &dial, ends);
	expect(ends[0], expected);
	expect(ends[1], expected);
	close_ends(ends);
}

Test(keep_alive, is_off_where_that_is_asked)
{
	const struct np_listen_options listen = { .keep_alive = { .is_off = true } };
	const struct np_dial_options dial = { .keep_alive = { .is_off = true } };
	struct np_fd *ends[2];

	connect_with(&listen, &dial, ends);
	cr_assert_eq(probes_of(ends[0]).on, 0);
	cr_assert_eq(probes_of(ends[1]).on, 0);
	close_ends(ends);
}

Test(keep_alive, can_be_changed)
{
	const struct np_keep_alive off = { .is_off = true };
	const struct np_keep_alive other = { 5 * SECOND, 6 * SECOND, 7, false };
	struct np_fd *ends[2];

	fixture_needs("TCP_KEEPIDLE");
	connect_with(NULL, NULL, ends);
	cr_assert_eq(np_set_keep_alive(ends[0], &other), 0);
	expect(ends[0], (struct probes){ true, 5, 6, 7 });
	cr_assert_eq(np_set_keep_alive(ends[0], &off), 0);
	expect(ends[0], (struct probes){ false, 5, 6, 7 });
	cr_assert_eq(np_set_keep_alive(ends[0], NULL), 0);
	expect(ends[0], (struct probes){ true, 15, 15, 9 });
	close_ends(ends);
}

/* Of a listener, it is that of those to come. */
Test(keep_alive, of_a_listener_is_for_what_it_accepts)
{
	const struct np_keep_alive other = { 5 * SECOND, 6 * SECOND, 7, false };
	struct np_fd *listener = call_listen(), *ends[2];

	fixture_needs("TCP_KEEPIDLE");
	cr_assert_eq(np_set_keep_alive(listener, &other), 0);
	call_connect(listener, ends);
	expect(ends[1], (struct probes){ true, 5, 6, 7 });
	close_ends(ends);
	np_close(listener);
}

Test(keep_alive, refuses_what_makes_no_sense)
{
	struct np_fd *ends[2];

	cr_assert_eq(np_set_keep_alive(NULL, NULL), -EINVAL);
	fixture_fd_pipe(ends);
	cr_assert_eq(np_set_keep_alive(ends[0], NULL), -ENOTSOCK);
	close_ends(ends);
	fixture_fd_tcp_pair(ends);
	cr_assert_eq(np_set_keep_alive(ends[0], &(struct np_keep_alive){ .count = 100000 }),
		     -EINVAL);
	np_cancel_io(ends[0]);
	cr_assert_eq(np_set_keep_alive(ends[0], NULL), NP_ECLOSED);
	np_unref(ends[0]);
	np_close(ends[1]);
}
