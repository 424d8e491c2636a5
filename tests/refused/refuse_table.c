/* SPDX-License-Identifier: MIT */
/*
 * tests/refused/refuse_table.c - refuse_table REFUSE: that what refuse.h knows is really refused,
 * and nothing beside it; and that programs inherit it, by one that REFUSE starts: itself, with
 * nothing to look for but what the environment says.
 */
#include "tests/support/refuse.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SKIPPED = 77 };

/* What no kernel says to any of these calls. */
#define UNHEARD_OF "EXDEV"
enum { UNHEARD_OF_NUMBER = EXDEV };

/* A call of each, which does nothing where it is not refused: nothing is behind -1 or NULL. */
static const struct probe {
	const char *feature;
	long call;
	long arguments[6];
} probes[] = {
	{ "epoll_create1", SYS_epoll_create1, { -1 } },
	{ "bind", SYS_bind, { -1 } },
	{ "epoll_pwait2", 441, { -1 } },
	{ "eventfd2", SYS_eventfd2, { 0, -1 } },
	{ "pipe2", SYS_pipe2, { 0, O_CLOEXEC } },
	{ "accept4", SYS_accept4, { -1 } },
	{ "SOCK_NONBLOCK", SYS_socket, { -1, SOCK_STREAM | SOCK_NONBLOCK } },
	{ "SOCK_NONBLOCK", SYS_socketpair, { -1, SOCK_DGRAM | SOCK_NONBLOCK } },
	{ "splice", SYS_splice, { -1, 0, -1, 0, 1 } },
	{ "sendfile", SYS_sendfile, { -1, -1 } },
	{ "preadv2", SYS_preadv2, { -1 } },
	{ "recvmmsg", SYS_recvmmsg, { -1 } },
	{ "sendmmsg", SYS_sendmmsg, { -1 } },
	{ "SO_ZEROCOPY", SYS_setsockopt, { -1, SOL_SOCKET, 60 } },
	{ "MSG_ZEROCOPY", SYS_sendto, { -1, 0, 0, 0x4000000 | MSG_NOSIGNAL } },
	{ "SO_REUSEPORT", SYS_setsockopt, { -1, SOL_SOCKET, SO_REUSEPORT } },
	{ "SO_PEERCRED", SYS_getsockopt, { -1, SOL_SOCKET, SO_PEERCRED } },
	{ "SO_PROTOCOL", SYS_getsockopt, { -1, SOL_SOCKET, SO_PROTOCOL } },
	{ "TCP_ULP", SYS_getsockopt, { -1, IPPROTO_TCP, 31 } },
	{ "TCP_KEEPIDLE", SYS_setsockopt, { -1, IPPROTO_TCP, TCP_KEEPIDLE } },
	{ "AF_INET6", SYS_socket, { AF_INET6, 0xf } },
	{ "IPV6_V6ONLY", SYS_setsockopt, { -1, IPPROTO_IPV6, IPV6_V6ONLY } },
	{ "AF_NETLINK", SYS_socket, { AF_NETLINK, 0xf } },
	{ "MADV_GUARD_INSTALL", SYS_madvise, { 1, 0, 102 } },
	{ "madvise", SYS_madvise, { 1 } },
	{ "mincore", SYS_mincore, { 1 } },
	{ "sched_getaffinity", SYS_sched_getaffinity, { 0 } },
	{ "sched_setaffinity", SYS_sched_setaffinity, { -1 } },
	{ "clone3", 435, { 0 } },
	{ "close_range", 436, { 1, 0 } },
	{ "getrandom", SYS_getrandom, { 0 } },
	{ "membarrier", SYS_membarrier, { -1 } },
	/* Of the same calls, what no feature is about. */
	{ "", SYS_socket, { -1, SOCK_STREAM } },
	{ "", SYS_setsockopt, { -1, SOL_SOCKET, SO_REUSEADDR } },
	{ "", SYS_setsockopt, { -1, IPPROTO_TCP, SO_REUSEPORT } },
	{ "", SYS_getsockopt, { -1, SOL_SOCKET, SO_TYPE } },
	{ "", SYS_sendto, { -1, 0, 0, MSG_NOSIGNAL } },
	{ "", SYS_pipe2, { 0, O_NONBLOCK } },
};

enum { PROBES = sizeof(probes) / sizeof(probes[0]) };

static int errno_of(const struct probe *probe)
{
	const long *a = probe->arguments;

	return syscall(probe->call, a[0], a[1], a[2], a[3], a[4], a[5]) < 0 ? errno : 0;
}

static int complain(const char *list, const struct probe *probe, int expected, int number)
{
	printf("%s: %s, call %ld: %d and not %d\n", list, probe->feature, probe->call, number,
	       expected);
	return 1;
}

/* That what @list refuses is refused, and, if it is as UNHEARD_OF, that nothing else is. */
static int check(const char *list)
{
	int bad = 0;

	for (size_t i = 0; i < PROBES; i++) {
		int expected = refuse_errno(list, probes[i].feature);
		int number = errno_of(&probes[i]);

		/* One feature of madvise(2) is all of it. */
		if (expected == 0 && strcmp(probes[i].feature, "MADV_GUARD_INSTALL") == 0)
			expected = refuse_errno(list, "madvise");
		if (expected ? number != expected : number == UNHEARD_OF_NUMBER)
			bad += complain(list, &probes[i], expected, number);
	}
	return bad;
}

/* In a child, since nobody loses a filter again. */
static int check_in_child(const char *list)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		int error = refuse(list);

		if (error)
			printf("%s: %s\n", list, strerror(-error));
		fflush(stdout);
		_exit(error ? 1 : check(list) != 0);
	}
	return pid < 0 || waitpid(pid, &status, 0) != pid || status != 0;
}

static int check_each(void)
{
	const char *feature;
	int bad = 0;

	for (size_t i = 0; (feature = refuse_feature(i)); i++) {
		char list[64];
		bool has_probe = false;

		for (size_t j = 0; j < PROBES; j++)
			has_probe |= strcmp(probes[j].feature, feature) == 0;
		if (!has_probe)
			printf("%s: there is no probe of it\n", feature);
		snprintf(list, sizeof(list), "%s=" UNHEARD_OF, feature);
		bad += !has_probe + check_in_child(list) + check_in_child(feature);
	}
	return bad;
}

static int check_words(void)
{
	int bad = 0;

	bad += refuse("no_such_call") != -EINVAL;
	bad += refuse("accept4=ENOSUCH") != -EINVAL;
	bad += refuse("accept") != -EINVAL;
	if (bad)
		printf("words that mean nothing were taken\n");
	return bad;
}

static int is_possible(void)
{
	int status;
	pid_t pid = fork();

	if (pid == 0)
		_exit(refuse("bind") == -ENOTSUP);
	return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
}

int main(int argc, char **argv)
{
	const char *list = getenv(REFUSE_VARIABLE);

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc < 2)
		return !list || check(list) != 0;
	if (!is_possible()) {
		printf("[SKIP] nothing can be refused here: no seccomp filters\n");
		return SKIPPED;
	}
	if (check_each() + check_words() + check_in_child("all") +
		    check_in_child("accept4=EPERM,all=" UNHEARD_OF) !=
	    0)
		return 1;
	execl(argv[1], argv[1], "all,epoll_create1=EPERM", argv[0], (char *)NULL);
	perror(argv[1]);
	return 1;
}
