/* SPDX-License-Identifier: MIT */
/*
 * tests/refused/test_features.c - what there is without a feature of the kernel: another way to the
 * same, or an error that says what is missing.
 */
#include "core/fd.h"
#include "core/fiber/fiber.h"
#include "tests/support/call.h"
#include "tests/support/fixture.h"
#include "tests/support/hosts.h"
#include "tests/support/refuse.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

TestSuite(features, .init = fixture_begin, .fini = fixture_end, .timeout = FIXTURE_TIMEOUT);

static void without(const char *list)
{
	int error = refuse(list);

	if (error == -ENOTSUP)
		cr_skip_test("nothing can be refused here: there are no seccomp filters");
	cr_assert_eq(error, 0, "%s", list);
}

static void expect_text(int error, const char *expected)
{
	char text[256];

	np_error_text(error, text, sizeof(text));
	cr_assert_str_eq(text, expected, "%s", text);
}

/* ---- descriptors -------------------------------------------------------------------------- */

static void expect_flags_and_close(struct np_fd *fd, const char *what)
{
	cr_assert(fcntl(fd->sysfd, F_GETFD) & FD_CLOEXEC, "%s", what);
	cr_assert(fcntl(fd->sysfd, F_GETFL) & O_NONBLOCK, "%s", what);
	np_close(fd);
}

static void expect_descriptors_of_all_kinds(void)
{
	struct np_fd *listener = call_listen(), *ends[2];

	call_connect(listener, ends);
	expect_flags_and_close(listener, "listener");
	expect_flags_and_close(ends[0], "dialed");
	expect_flags_and_close(ends[1], "accepted");
	cr_assert_eq(np_socketpair("unix", ends), 0);
	expect_flags_and_close(ends[0], "socketpair");
	expect_flags_and_close(ends[1], "socketpair");
	cr_assert_eq(np_pipe(ends), 0);
	expect_flags_and_close(ends[0], "pipe");
	expect_flags_and_close(ends[1], "pipe");
}

Test(features, descriptors_are_made_in_steps)
{
	without("accept4,pipe2,SOCK_NONBLOCK");
	expect_descriptors_of_all_kinds();
}

Test(features, descriptors_are_made_in_steps_where_it_is_forbidden_otherwise)
{
	without("accept4=EPERM,pipe2=EPERM,SOCK_NONBLOCK=EPROTONOSUPPORT");
	expect_descriptors_of_all_kinds();
}

/* ---- backends ----------------------------------------------------------------------------- */

static void need_epoll_by_default(void)
{
	if (strcmp(runtime_poll_default()->name, "epoll") != 0)
		cr_skip_test("epoll is not the default");
}

/* The first wait of a descriptor, on whatever it is. */
static void expect_works(struct np_poller *poller)
{
	struct np_fd *ends[2];
	char byte;

	np_task_use_poller(poller);
	cr_assert_eq(np_socketpair("unix", ends), 0);
	np_set_read_deadline(ends[0], np_time() + 1000000);
	cr_assert_eq(np_read(ends[0], &byte, 1), NP_EDEADLINE);
	cr_assert_eq(np_write(ends[1], "x", 1), 1);
	cr_assert_eq(call_read_patiently(ends[0], &byte, 1), 1);
	np_close(ends[0]);
	np_close(ends[1]);
	np_task_use_poller(test_poller);
}

static void expect_next_backend(void)
{
	struct np_poller *poller;

	cr_assert_eq(np_poller_create(NULL, &poller), 0);
	cr_assert_eq(np_poller_backend(poller), runtime_poll_at(1));
	expect_works(poller);
	cr_assert_eq(np_poller_destroy(poller), 0);
}

Test(features, who_chose_no_backend_gets_the_next_that_works)
{
	need_epoll_by_default();
	without("epoll_create1");
	expect_next_backend();
}

Test(features, who_chose_no_backend_gets_the_next_that_is_allowed)
{
	need_epoll_by_default();
	without("epoll_create1=EPERM,eventfd2=EPERM,pipe2=EPERM");
	expect_next_backend();
}

static int expect_fibers_on_the_next_backend(void *arg)
{
	(void)arg;
	cr_assert_eq(np_poller_backend(np_task_self()->poller), runtime_poll_at(1));
	return 3;
}

Test(features, who_chose_a_backend_is_told_that_there_is_none)
{
	const struct np_poller_options options = { .backend = runtime_poll_default() };
	const struct np_run_options run = { .backend = runtime_poll_default() };
	struct np_poller *poller = NULL;

	need_epoll_by_default();
	without("epoll_create1");
	cr_assert_eq(np_poller_create(&options, &poller), -ENOSYS);
	cr_assert_null(poller);
	cr_assert_eq(np_run(expect_fibers_on_the_next_backend, NULL, &run), -ENOSYS);
}

/* What may be gone the next time is no reason to have another one for good. */
Test(features, too_many_descriptors_are_no_refusal)
{
	struct rlimit limit, none;
	struct np_poller *poller = NULL;

	cr_assert_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	none = limit;
	none.rlim_cur = 0;
	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
	cr_assert_eq(np_poller_create(NULL, &poller), -EMFILE);
	cr_assert_null(poller);
	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

Test(features, fibers_run_on_the_next_backend)
{
	need_epoll_by_default();
	without("epoll_create1=EPERM");
	cr_assert_eq(np_run(expect_fibers_on_the_next_backend, NULL, NULL), 3);
}

Test(features, workers_are_as_many_as_processors_that_nobody_may_ask_for)
{
	without("sched_getaffinity=EPERM");
	cr_assert_eq(np__sys_processors(), (unsigned)sysconf(_SC_NPROCESSORS_ONLN));
}

/* ---- networks ----------------------------------------------------------------------------- */

Test(features, ports_that_cannot_be_shared)
{
	const struct np_listen_options shared = { .flags = NP_LISTEN_REUSE_PORT };
	struct np_fd *listener = NULL;

	without("SO_REUSEPORT");
	cr_assert_eq(np_listen_with("tcp", "127.0.0.1:0", &shared, &listener), -ENOPROTOOPT);
	expect_text(-ENOPROTOOPT,
		    "listen tcp 127.0.0.1:0: setsockopt SO_REUSEPORT: protocol not available");
	cr_assert_eq(np_listen_packet_with("udp", "127.0.0.1:0", &shared, &listener), -ENOPROTOOPT);
	expect_text(-ENOPROTOOPT,
		    "listen udp 127.0.0.1:0: setsockopt SO_REUSEPORT: protocol not available");
	cr_assert_null(listener);
}

static void expect_ipv4(const char *network, const char *address)
{
	struct np_fd *fd;
	struct np_addr addr;

	if (strncmp(network, "udp", 3) == 0)
		cr_assert_eq(np_listen_packet(network, address, &fd), 0, "%s", address);
	else
		cr_assert_eq(np_listen(network, address, &fd), 0, "%s", address);
	cr_assert_eq(np_local_addr(fd, &addr), 0);
	cr_assert_eq(addr.family, NP_ADDR_IPV4);
	np_close(fd);
}

Test(features, a_host_without_ipv6_listens_on_ipv4)
{
	struct np_fd *listener = NULL;

	without("AF_INET6");
	expect_ipv4("tcp", ":0");
	expect_ipv4("udp", ":0");
	cr_assert_eq(np_listen("tcp6", ":0", &listener), -EAFNOSUPPORT);
	expect_text(-EAFNOSUPPORT,
		    "listen tcp6 :0: socket: address family not supported by protocol");
	cr_assert_null(listener);
}

Test(features, a_host_without_ipv6_is_dialed_by_ipv4)
{
	struct hosts hosts;
	const struct np_dial_options options = { .resolver = &hosts.resolver };
	struct np_fd *conn = NULL, *listener;
	struct np_addr addr;
	unsigned port;
	char name[32];

	without("AF_INET6");
	listener = hosts_listen(&port, name);
	hosts_init(&hosts, (const char *[]){ "::1", "127.0.0.1", NULL });
	cr_assert_eq(np_dial_with("tcp", name, &options, &conn), 0);
	cr_assert_eq(np_remote_addr(conn, &addr), 0);
	cr_assert_eq(addr.family, NP_ADDR_IPV4);
	np_close(conn);
	conn = NULL;
	cr_assert_eq(np_dial("tcp", "[::1]:1", 0, &conn), -EAFNOSUPPORT);
	expect_text(-EAFNOSUPPORT,
		    "dial tcp [::1]:1: socket: address family not supported by protocol");
	cr_assert_null(conn);
	np_close(listener);
}

Test(features, families_that_cannot_be_told_apart)
{
	const struct np_listen_options alone = { .flags = NP_LISTEN_V6_ONLY };
	struct np_fd *listener = NULL;

	if (np_listen("tcp6", "[::1]:0", &listener) != 0)
		cr_skip_test("no IPv6 here");
	np_close(listener);
	listener = NULL;
	without("IPV6_V6ONLY");
	expect_ipv4("tcp", ":0");
	expect_ipv4("udp", ":0");
	cr_assert_eq(np_listen_with("tcp", ":0", &alone, &listener), -ENOPROTOOPT);
	expect_text(-ENOPROTOOPT, "listen tcp :0: setsockopt IPV6_V6ONLY: protocol not available");
	cr_assert_null(listener);
	/* Who only says so in the network's name can live with it. */
	cr_assert_eq(np_listen("tcp6", "[::1]:0", &listener), 0);
	np_close(listener);
}

Test(features, interfaces_that_cannot_be_listed)
{
	struct np_interface found;
	uint32_t index;

	without("AF_NETLINK");
	cr_assert_eq(np_interfaces(&found, 1), -EAFNOSUPPORT);
	expect_text(-EAFNOSUPPORT,
		    "interface: getifaddrs: address family not supported by protocol");
	cr_assert_eq(np_interface_by_name("lo", &found), -EAFNOSUPPORT);
	expect_text(-EAFNOSUPPORT,
		    "interface lo: getifaddrs: address family not supported by protocol");
	cr_assert_eq(np_interface_by_index(1, &found), -EAFNOSUPPORT);
	cr_assert_eq(np_interface_addrs(0, NULL, 0), -EAFNOSUPPORT);
	cr_assert_eq(np_zone_parse("lo", &index), 0);
}

Test(features, keep_alive_of_the_system_alone)
{
	const struct np_dial_options wanted = { .keep_alive = { .idle_ns = 1000000000 } };
	const struct np_listen_options listen_wanted = { .keep_alive = wanted.keep_alive };
	struct np_fd *listener, *none = NULL, *ends[2];

	without("TCP_KEEPIDLE");
	listener = call_listen(); /* whose times are ours, and nobody has asked for them */
	call_connect(listener, ends);
	cr_assert_eq(np_set_keep_alive(ends[0], &wanted.keep_alive), -ENOPROTOOPT);
	cr_assert_eq(np_listen_with("tcp", "127.0.0.1:0", &listen_wanted, &none), -ENOPROTOOPT);
	expect_text(-ENOPROTOOPT, "listen tcp 127.0.0.1:0: setsockopt: protocol not available");
	cr_assert_null(none);
	np_close(ends[0]);
	np_close(ends[1]);
	np_close(listener);
}

/* ---- Unix sockets ------------------------------------------------------------------------- */

Test(features, peers_who_cannot_be_known)
{
	struct np_credentials peer;
	struct np_fd *ends[2];

	without("SO_PEERCRED");
	cr_assert_eq(np_socketpair("unix", ends), 0);
	cr_assert_eq(np_peer_credentials(ends[0], &peer), -ENOPROTOOPT);
	np_close(ends[0]);
	np_close(ends[1]);
}

/* A filter sees no names: this is what bind(2) says to one that begins with a zero. */
Test(features, abstract_names_that_are_no_names)
{
	struct np_fd *listener = NULL;

	without("bind");
	cr_assert_eq(np_listen("unix", "@refused", &listener), -EINVAL);
	expect_text(-EINVAL, "listen unix @refused: bind: invalid argument");
	cr_assert_null(listener);
}
