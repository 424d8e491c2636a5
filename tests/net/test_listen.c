/* SPDX-License-Identifier: MIT */
/* tests/net/test_listen.c - what listeners can be told: queue, control, sharing, paths, families.
 */
#include "tests/support/call.h"
#include "tests/support/fixture.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

TestSuite(listen_with, .init = fixture_begin, .fini = fixture_end, .timeout = FIXTURE_TIMEOUT);

static bool has_ipv6(void)
{
	struct np_fd *listener;

	if (np_listen("tcp6", "[::1]:0", &listener) != 0)
		return false;
	np_close(listener);
	return true;
}

static bool exists(const char *path)
{
	struct stat status;

	return lstat(path, &status) == 0;
}

static unsigned mode_of(const char *path)
{
	struct stat status;

	cr_assert_eq(lstat(path, &status), 0);
	return status.st_mode & 0777;
}

/* ---- options ------------------------------------------------------------------------------ */

Test(listen_with, options_that_are_unknown_are_refused)
{
	struct np_fd *untouched = (struct np_fd *)(uintptr_t)-1;
	struct np_fd *listener = untouched;
	const struct np_listen_options bad[] = {
		{ .flags = 1u << 20 },
		{ .backlog = -1 },
		{ .path_mode = 01777 },
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		cr_assert_eq(np_listen_with("tcp", "127.0.0.1:0", &bad[i], &listener), -EINVAL);
	cr_assert_eq(np_listen_with("tcp", "127.0.0.1:0", NULL, NULL), -EINVAL);
	cr_assert_eq(listener, untouched);
}

static int64_t soon(void)
{
	return np_deadline(50 * 1000 * 1000);
}

/* How many connections come about before one has to wait; not asked of the first @enough. */
static int count_queued(const struct np_listen_options *options, int enough)
{
	struct np_fd *listener, *clients[8];
	char text[NP_ADDR_TEXT_MAX];
	int count = 0;

	cr_assert_eq(np_listen_with("tcp", "127.0.0.1:0", options, &listener), 0);
	call_address(listener, text);
	while (count < 8 && np_dial("tcp", text, count < enough ? 0 : soon(), &clients[count]) == 0)
		count++;
	for (int i = 0; i < count; i++)
		np_close(clients[i]);
	np_close(listener);
	return count;
}

Test(listen_with, the_queue_is_as_long_as_was_asked)
{
	const struct np_listen_options of_two = { .backlog = 2 };
	int queued = count_queued(&of_two, 2);

	/* Linux takes one more; a full queue elsewhere may be refused, or be half as much longer.
	 */
	cr_assert(queued >= 2 && queued < 8, "%d", queued);
	cr_assert_eq(count_queued(NULL, 8), 8);
}

struct seen {
	int calls;
	int result;
	bool is_bound;
	bool is_close_on_exec;
	char network[16];
	char address[NP_ADDR_TEXT_MAX];
};

static int see(int sysfd, const char *network, const char *address, void *arg)
{
	struct seen *seen = arg;
	struct sockaddr_in name = { .sin_family = AF_INET };
	socklen_t length = sizeof(name);

	seen->calls++;
	getsockname(sysfd, (struct sockaddr *)&name, &length);
	seen->is_bound = name.sin_port != 0;
	seen->is_close_on_exec = fcntl(sysfd, F_GETFD) & FD_CLOEXEC;
	snprintf(seen->network, sizeof(seen->network), "%s", network);
	snprintf(seen->address, sizeof(seen->address), "%s", address);
	return seen->result;
}

Test(listen_with, the_control_function_sees_the_socket_before_it_is_bound)
{
	struct seen seen = { .is_bound = true };
	const struct np_listen_options options = { .control = see, .control_arg = &seen };
	struct np_fd *listener;

	cr_assert_eq(np_listen_with("tcp", "127.0.0.1:0", &options, &listener), 0);
	np_close(listener);
	cr_assert_eq(seen.calls, 1);
	cr_assert(!seen.is_bound);
	cr_assert(seen.is_close_on_exec);
	cr_assert_str_eq(seen.network, "tcp4");
	cr_assert_str_eq(seen.address, "127.0.0.1:0");
}

Test(listen_with, the_control_function_is_told_the_family)
{
	struct seen seen = { .calls = 0 };
	const struct np_listen_options options = { .control = see, .control_arg = &seen };
	struct np_fd *listener;
	char path[64];

	call_unix_path(path);
	cr_assert_eq(np_listen_with("unix", path, &options, &listener), 0);
	np_close(listener);
	cr_assert_str_eq(seen.network, "unix");
	cr_assert_str_eq(seen.address, path);
	if (!has_ipv6())
		return;
	cr_assert_eq(np_listen_with("tcp", "[::1]:0", &options, &listener), 0);
	np_close(listener);
	cr_assert_str_eq(seen.network, "tcp6");
	cr_assert_str_eq(seen.address, "[::1]:0");
}

Test(listen_with, the_control_function_can_refuse)
{
	struct seen seen = { .result = -EXDEV };
	const struct np_listen_options options = { .control = see, .control_arg = &seen };
	struct np_fd *listener = NULL;
	char path[64], text[256];

	call_unix_path(path);
	cr_assert_eq(np_listen_with("tcp", "127.0.0.1:0", &options, &listener), -EXDEV);
	np_error_text(-EXDEV, text, sizeof(text));
	cr_assert_eq(strncmp(text, "listen tcp 127.0.0.1:0: ", 24), 0, "%s", text);
	cr_assert_null(strstr(text, "bind"), "%s", text);
	cr_assert_eq(np_listen_with("unix", path, &options, &listener), -EXDEV);
	cr_assert_null(listener);
	cr_assert(!exists(path));
}

/* ---- addresses ---------------------------------------------------------------------------- */

#ifdef SO_REUSEPORT
Test(listen_with, a_port_can_be_shared_by_those_who_all_ask_for_it)
{
	const struct np_listen_options shared = { .flags = NP_LISTEN_REUSE_PORT };
	struct np_fd *first, *second, *third = NULL;
	char text[NP_ADDR_TEXT_MAX];

	fixture_needs("SO_REUSEPORT");
	cr_assert_eq(np_listen_with("tcp", "127.0.0.1:0", &shared, &first), 0);
	call_address(first, text);
	cr_assert_eq(np_listen_with("tcp", text, &shared, &second), 0);
	cr_assert_eq(np_listen("tcp", text, &third), -EADDRINUSE);
	np_close(first);
	np_close(second);
}
#endif

Test(listen_with, an_address_is_free_as_soon_as_its_listener_is_closed)
{
	struct np_fd *listener = call_listen(), *ends[2];
	char text[NP_ADDR_TEXT_MAX];

	call_address(listener, text);
	for (int i = 0; i < 20; i++) {
		struct call acceptor = { .fd = listener };

		call_connect(listener, ends);
		call_start(&acceptor, call_accept);
		FIXTURE_UNTIL(fixture_parked() == 1);
		cr_assert_eq(np_close(listener), 0);
		cr_assert_eq(np_listen("tcp", text, &listener), 0);
		cr_assert_eq(call_finish(&acceptor), NP_ECLOSED);
		np_close(ends[0]);
		np_close(ends[1]);
	}
	np_close(listener);
}

Test(listen_with, a_name_is_looked_up)
{
	struct np_fd *listener, *untouched = NULL;
	struct np_addr addr;
	char text[256];

	cr_assert_eq(np_listen("tcp", "localhost:0", &listener), 0);
	cr_assert_eq(np_local_addr(listener, &addr), 0);
	cr_assert(np_ip_is_loopback(&addr));
	cr_assert_eq(addr.family, NP_ADDR_IPV4);
	np_close(listener);
	cr_assert_eq(np_listen("tcp", "not a name:0", &untouched), NP_EADDRESS);
	cr_assert_null(untouched);
	np_error_text(NP_EADDRESS, text, sizeof(text));
	cr_assert_eq(strncmp(text, "listen tcp: ", 12), 0, "%s", text);
}

/* Listen for IPv6 alone on any port, and then for IPv4 on the same. */
static bool listen_side_by_side(const struct np_listen_options *alone)
{
	struct np_fd *six, *four, *conn;
	struct np_addr addr;
	char text[32];
	bool done;

	cr_assert_eq(np_listen_with("tcp", ":0", alone, &six), 0);
	cr_assert_eq(np_local_addr(six, &addr), 0);
	snprintf(text, sizeof(text), "[::1]:%u", addr.port);
	cr_assert_eq(np_dial("tcp", text, 0, &conn), 0);
	np_close(conn);
	snprintf(text, sizeof(text), ":%u", addr.port);
	done = np_listen("tcp4", text, &four) == 0;
	if (done)
		np_close(four);
	np_close(six);
	return done;
}

/* Some other program may have the port for IPv4 already; not every time. */
Test(listen_with, ipv6_alone_can_be_asked_for)
{
	const struct np_listen_options alone = { .flags = NP_LISTEN_V6_ONLY };
	struct np_fd *listener = NULL;
	bool done = false;

	cr_assert_eq(np_listen_with("tcp", "127.0.0.1:0", &alone, &listener), NP_EADDRESS);
	cr_assert_eq(np_listen_with("tcp4", ":0", &alone, &listener), NP_EADDRESS);
	cr_assert_null(listener);
	if (!has_ipv6())
		cr_skip_test("no IPv6 here");
	fixture_needs("IPV6_V6ONLY");
	for (int tries = 0; tries < 20 && !done; tries++)
		done = listen_side_by_side(&alone);
	cr_assert(done);
}

/* ---- paths -------------------------------------------------------------------------------- */

Test(listen_with, a_path_has_the_mode_that_was_asked_for)
{
	const unsigned modes[] = { 0600, 0660, 0666, 0777, 0622 };
	struct np_fd *listener, *conn;
	char path[64];
	mode_t before = umask(027);

	call_unix_path(path);
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		const struct np_listen_options options = { .path_mode = modes[i] };

		cr_assert_eq(np_listen_with("unix", path, &options, &listener), 0);
		cr_assert_eq(mode_of(path), modes[i], "%o", mode_of(path));
		cr_assert_eq(np_dial("unix", path, 0, &conn), 0);
		np_close(conn);
		np_close(listener);
	}
	cr_assert_eq(np_listen_with("unix", path, NULL, &listener), 0);
	cr_assert_eq(mode_of(path) & 027, 0);
	np_close(listener);
	umask(before);
}

#ifdef __linux__
Test(listen_with, a_name_without_a_path_has_no_mode)
{
	const struct np_listen_options options = { .path_mode = 0600 };
	struct np_fd *listener;
	char name[64];

	snprintf(name, sizeof(name), "@netpark-mode-%d", (int)getpid());
	cr_assert_eq(np_listen_with("unix", name, &options, &listener), 0);
	np_close(listener);
}
#endif

Test(listen_with, a_path_is_kept_where_that_is_asked)
{
	const struct np_listen_options keep = { .flags = NP_LISTEN_KEEP_PATH };
	struct np_fd *listener;
	char path[64];

	call_unix_path(path);
	cr_assert_eq(np_listen_with("unix", path, &keep, &listener), 0);
	cr_assert_eq(np_close(listener), 0);
	cr_assert(exists(path));
	cr_assert_eq(np_listen("unix", path, &listener), -EADDRINUSE);
	cr_assert_eq(unlink(path), 0);
	cr_assert_eq(np_listen("unix", path, &listener), 0);
	cr_assert_eq(np_close(listener), 0);
	cr_assert(!exists(path));
}
