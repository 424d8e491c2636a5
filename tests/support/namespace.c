/* SPDX-License-Identifier: MIT */
/* tests/support/namespace.c - see namespace.h. */
#include "tests/support/namespace.h"

#include "tests/support/fixture.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

__attribute__((format(printf, 1, 0))) static bool run(const char *format, va_list args)
{
	char text[400], command[sizeof(text) + 32];
	int length = vsnprintf(text, sizeof(text), format, args);

	cr_assert_lt(length, (int)sizeof(text));
	snprintf(command, sizeof(command), "{ %s; } >/dev/null 2>&1", text);
	return system(command) == 0;
}

bool namespace_try(const char *format, ...)
{
	va_list args;
	bool done;

	va_start(args, format);
	done = run(format, args);
	va_end(args);
	return done;
}

void namespace_run(const char *format, ...)
{
	va_list args;
	bool done;

	va_start(args, format);
	done = run(format, args);
	va_end(args);
	cr_assert(done, "%s", format);
}

void namespace_enter(void)
{
	if (geteuid() != 0)
		cr_skip_test("a network of its own is for root");
	fixture_needs("AF_NETLINK"); /* the program ip does */
	if (unshare(CLONE_NEWNET) < 0)
		cr_skip_test("no network of its own: %s", strerror(errno));
	if (!namespace_try("ip link set lo up"))
		cr_skip_test("a network of its own takes the program ip");
}

void namespace_add_silence(void)
{
	namespace_run("ip link add silent type veth peer name deaf");
	namespace_run("ip address add 10.99.0.1/24 dev silent");
	namespace_try("ip address add fd00:99::1/64 dev silent nodad");
	namespace_run("ip link set silent up");
	namespace_run("ip link set deaf up");
	namespace_run("ip neighbour add " NAMESPACE_SILENT4
		      " lladdr 02:00:00:00:00:07 dev silent nud permanent");
	namespace_try("ip neighbour add " NAMESPACE_SILENT6
		      " lladdr 02:00:00:00:00:07 dev silent nud permanent");
}

static int open_own(void)
{
	int fd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);

	cr_assert_geq(fd, 0);
	return fd;
}

static void go(int fd)
{
	cr_assert_eq(setns(fd, CLONE_NEWNET), 0);
}

/* The link is made there, and its other end is sent here by the name of this process's part. */
void namespace_peer_begin(struct namespace_peer *peer)
{
	peer->near = open_own();
	cr_assert_eq(unshare(CLONE_NEWNET), 0);
	peer->far = open_own();
	go(peer->near);
	namespace_run("ip link add near type veth peer name far netns /proc/%d/fd/%d",
		      (int)getpid(), peer->far);
	namespace_run("ip address add " NAMESPACE_NEAR "/24 dev near");
	namespace_run("ip link set near up");
	go(peer->far);
	namespace_run("ip link set lo up");
	namespace_run("ip address add " NAMESPACE_FAR "/24 dev far");
	namespace_run("ip link set far up");
	go(peer->near);
}

void namespace_peer_end(struct namespace_peer *peer)
{
	close(peer->far);
	close(peer->near);
}

void namespace_go_far(const struct namespace_peer *peer)
{
	go(peer->far);
}

void namespace_come_back(const struct namespace_peer *peer)
{
	go(peer->near);
}
