/* SPDX-License-Identifier: MIT */
/* tests/net/test_options.c - options of sockets, seen from the other side where that can be. */
#include "tests/support/call.h"
#include "tests/support/fixture.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>

TestSuite(options, .init = fixture_begin, .fini = fixture_end, .timeout = FIXTURE_TIMEOUT);

static int read_linger(int sysfd, void *arg)
{
	socklen_t size = sizeof(struct linger);

	return getsockopt(sysfd, SOL_SOCKET, SO_LINGER, arg, &size);
}

Test(options, linger_is_off_a_time_or_a_reset)
{
	struct linger linger;
	struct np_fd *fds[2];
	char byte;

	fixture_fd_tcp_pair(fds);
	cr_assert_eq(np_set_linger(fds[0], 3), 0);
	cr_assert_eq(np_fd_control(fds[0], read_linger, &linger), 0);
	cr_assert(linger.l_onoff && linger.l_linger == 3);
	cr_assert_eq(np_set_linger(fds[0], -1), 0);
	cr_assert_eq(np_fd_control(fds[0], read_linger, &linger), 0);
	cr_assert(!linger.l_onoff);
	cr_assert_eq(np_set_linger(fds[0], 0), 0);
	np_close(fds[0]);
	cr_assert_eq(np_read(fds[1], &byte, 1), -ECONNRESET);
	np_close(fds[1]);
}

Test(options, sizes_of_buffers_and_any_number)
{
	struct np_fd *fds[2];
	int before, after;

	fixture_fd_tcp_pair(fds);
	cr_assert_eq(np_set_read_buffer(fds[0], 8192), 0);
	cr_assert_eq(np_get_option(fds[0], SOL_SOCKET, SO_RCVBUF, &before), 0);
	cr_assert_eq(np_set_read_buffer(fds[0], 32768), 0);
	cr_assert_eq(np_get_option(fds[0], SOL_SOCKET, SO_RCVBUF, &after), 0);
	cr_assert(before >= 8192 && after > before && after < 4 * 32768);
	cr_assert_eq(np_set_write_buffer(fds[0], 16384), 0);
	cr_assert_eq(np_get_option(fds[0], SOL_SOCKET, SO_SNDBUF, &after), 0);
	cr_assert(after >= 16384 && after <= 4 * 16384);
	cr_assert_eq(np_set_option(fds[0], IPPROTO_TCP, TCP_NODELAY, 1), 0);
	cr_assert_eq(np_get_option(fds[0], IPPROTO_TCP, TCP_NODELAY, &after), 0);
	cr_assert_neq(after, 0);
	np_close(fds[0]);
	np_close(fds[1]);
}

Test(options, failures_are_told)
{
	struct np_fd *fds[2];
	char text[160];
	int value = 7;

	fixture_fd_pipe(fds);
	cr_assert_eq(np_set_linger(fds[0], 1), -ENOTSOCK);
	np_error_text(-ENOTSOCK, text, sizeof(text));
	cr_assert(strncmp(text, "set ", 4) == 0 && strstr(text, "setsockopt: "), "%s", text);
	cr_assert_eq(np_get_option(fds[0], SOL_SOCKET, SO_RCVBUF, &value), -ENOTSOCK);
	cr_assert_eq(value, 7);
	np_ref(fds[0]);
	np_close(fds[0]);
	cr_assert_eq(np_set_write_buffer(fds[0], 1), NP_ECLOSED);
	cr_assert_eq(np_get_option(fds[0], SOL_SOCKET, SO_RCVBUF, &value), NP_ECLOSED);
	np_unref(fds[0]);
	np_close(fds[1]);
	cr_assert_eq(np_set_linger(NULL, 0), -EINVAL);
	cr_assert_eq(np_set_option(NULL, 0, 0, 0), -EINVAL);
	cr_assert_eq(np_get_option(NULL, 0, 0, &value), -EINVAL);
}
