/* SPDX-License-Identifier: MIT */
/*
 * tests/net/test_multicast.c - groups joined and left, on the loopback interface, and the other
 * options of UDP.
 */
#include "core/fd.h"
#include "core/net/multicast.h"
#include "tests/support/call.h"
#include "tests/support/datagram.h"
#include "tests/support/fixture.h"
#include "tests/support/multicast_mreq.h"
#include "tests/support/private_net.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

TestSuite(multicast, .init = fixture_begin, .fini = fixture_end, .timeout = FIXTURE_TIMEOUT);

/* Who sends, on which interface, and to where. */
struct scene {
	const char *network;
	unsigned interface;
	struct np_fd *sender;
	struct np_addr groups[2];
};

static struct np_addr address(const char *text)
{
	struct np_addr addr;

	cr_assert_eq(np_ip_parse(text, &addr), 0);
	return addr;
}

static void begin_on(struct scene *scene, const char *network, unsigned interface)
{
	bool v6 = strcmp(network, "udp6") == 0;

	*scene = (struct scene){
		.network = network,
		.interface = interface,
		.groups = { address(v6 ? "ff02::7:1" : "239.255.7.1"),
			    address(v6 ? "ff02::7:2" : "239.255.7.2") },
	};
	cr_assert_eq(np_listen_packet(network, ":0", &scene->sender), 0);
	cr_assert_eq(np_set_multicast_interface(scene->sender, interface), 0);
}

/* IPv4 goes through the loopback interface, in its way. */
static void begin(struct scene *scene)
{
	begin_on(scene, "udp4", if_nametoindex("lo"));
}

/* An interface as others. Ended by leave_network(). */
static void begin_in_private(struct scene *scene, const char *network)
{
	unsigned interface = 0;
	const char *refusal = private_net_enter(&interface);

	if (refusal)
		cr_skip_test("%s", refusal);
	if (strcmp(network, "udp6") == 0 && !datagram_has_ipv6()) {
		private_net_leave();
		cr_skip_test("this host has no IPv6");
	}
	begin_on(scene, network, interface);
	/* An address of IPv6 takes its time. */
	scene->groups[0].port = 9;
	FIXTURE_UNTIL(np_send_to(scene->sender, "", 0, &scene->groups[0]) == 0);
}

/* A socket for the groups' port, which is another one for each test. */
static struct np_fd *listen_to_group(struct scene *scene, const char *port)
{
	char host[NP_ADDR_TEXT_MAX], text[NP_ADDR_TEXT_MAX];
	struct np_addr addr;
	struct np_fd *fd;

	np_ip_format(&scene->groups[0], host, sizeof(host));
	np_join_host_port(host, port, text, sizeof(text));
	cr_assert_eq(np_listen_packet(scene->network, text, &fd), 0, "%s", text);
	cr_assert_eq(np_local_addr(fd, &addr), 0);
	cr_assert(np_ip_is_unspecified(&addr));
	scene->groups[0].port = scene->groups[1].port = addr.port;
	return fd;
}

static void send_to_group(struct scene *scene, int group, const char *text)
{
	cr_assert_eq(np_send_to(scene->sender, text, strlen(text), &scene->groups[group]),
		     (ssize_t)strlen(text));
}

/* The next message is this one: those before it did not come. */
static void expect_next(struct np_fd *fd, const char *text)
{
	char buf[32];

	datagram_await(fd);
	cr_assert_eq(np_recv_from(fd, buf, sizeof(buf), NULL), (ssize_t)strlen(text), "not %s",
		     text);
	cr_assert_arr_eq(buf, text, strlen(text));
}

static void expect_membership(struct scene scene)
{
	struct np_fd *first, *second, *third;
	char port[8];

	first = listen_to_group(&scene, "0");
	snprintf(port, sizeof(port), "%u", scene.groups[0].port);
	second = listen_to_group(&scene, port);
	third = listen_to_group(&scene, port);
	cr_assert_eq(np_multicast_join(first, &scene.groups[0], scene.interface, NULL), 0);
	cr_assert_eq(np_multicast_join(first, &scene.groups[1], scene.interface, NULL), 0);
	cr_assert_eq(np_multicast_join(second, &scene.groups[0], scene.interface, NULL), 0);
	cr_assert_eq(np_multicast_join(third, &scene.groups[1], scene.interface, NULL), 0);
	cr_assert_eq(np_multicast_join(third, &scene.groups[1], scene.interface, NULL),
		     -EADDRINUSE);
	send_to_group(&scene, 0, "to two");
	send_to_group(&scene, 1, "to two others");
	expect_next(first, "to two");
	expect_next(first, "to two others");
	expect_next(second, "to two");
	/* On Linux one would get what others joined. */
	expect_next(third, "to two others");
	cr_assert_eq(np_multicast_leave(first, &scene.groups[0], scene.interface, NULL), 0);
	cr_assert_eq(np_multicast_leave(first, &scene.groups[0], scene.interface, NULL),
		     -EADDRNOTAVAIL);
	send_to_group(&scene, 0, "to one");
	send_to_group(&scene, 1, "to two");
	expect_next(first, "to two");
	expect_next(second, "to one");
	expect_next(third, "to two");
	np_close(first);
	np_close(second);
	np_close(third);
	np_close(scene.sender);
}

Test(multicast, each_gets_the_groups_that_it_has_joined)
{
	struct scene scene;

	begin(&scene);
	expect_membership(scene);
}

Test(multicast, each_gets_the_groups_of_ipv6_that_it_has_joined)
{
	struct scene scene;

	begin_in_private(&scene, "udp6");
	expect_membership(scene);
	private_net_leave();
}

/* Where it is an interface's own, the group says which: not the one that the kernel would take. */
Test(multicast, the_zone_of_a_group_is_its_interface)
{
	struct scene scene;
	struct np_addr group;
	struct np_fd *fd;

	begin_in_private(&scene, "udp6");
	fd = listen_to_group(&scene, "0");
	group = scene.groups[0];
	group.zone = if_nametoindex("lo");
	cr_assert_eq(np_multicast_join(fd, &group, 0, NULL), 0);
	cr_assert_eq(np_multicast_leave(fd, &scene.groups[0], group.zone, NULL), 0);
	np_close(fd);
	np_close(scene.sender);
	private_net_leave();
}

/* Others' groups are the host's, too, and so Linux would give them to who has joined none. */
Test(multicast, who_joins_nothing_gets_what_is_sent_to_this_host)
{
	struct scene scene;
	struct np_fd *fd, *other;
	struct np_addr to = address("127.0.0.1");

	begin(&scene);
	cr_assert_eq(np_listen_packet("udp4", ":0", &other), 0);
	cr_assert_eq(np_multicast_join(other, &scene.groups[0], scene.interface, NULL), 0);
	fd = listen_to_group(&scene, "0");
	send_to_group(&scene, 0, "others'");
	to.port = scene.groups[0].port;
	cr_assert_eq(np_send_to(scene.sender, "mine", 4, &to), 4);
	expect_next(fd, "mine");
	np_close(fd);
	np_close(other);
	np_close(scene.sender);
}

/* Who listens on a port, no group's, and joins one has that one and no other. */
Test(multicast, a_plain_socket_that_joins_gets_no_others_groups)
{
	struct scene scene;
	struct np_fd *plain, *other;

	begin(&scene);
	other = listen_to_group(&scene, "0");
	cr_assert_eq(np_multicast_join(other, &scene.groups[1], scene.interface, NULL), 0);
	cr_assert_eq(np_listen_packet("udp4", ":0", &plain), 0);
	cr_assert_eq(np_multicast_join(plain, &scene.groups[0], scene.interface, NULL), 0);
	cr_assert_eq(np_local_addr(plain, &scene.groups[0]), 0);
	scene.groups[1].port = scene.groups[0].port;
	memcpy(scene.groups[0].ip, (uint8_t[]){ 239, 255, 7, 1 }, 4);
	send_to_group(&scene, 1, "others'");
	send_to_group(&scene, 0, "mine");
	expect_next(plain, "mine");
	np_close(plain);
	np_close(other);
	np_close(scene.sender);
}

#ifdef MCAST_JOIN_SOURCE_GROUP
Test(multicast, a_source_can_be_chosen)
{
	const struct np_addr wanted = address("127.0.0.2");
	struct scene scene;
	struct np_fd *fd, *source;

	begin(&scene);
	fd = listen_to_group(&scene, "0");
	cr_assert_eq(np_listen_packet("udp4", "127.0.0.2:0", &source), 0);
	cr_assert_eq(np_set_multicast_interface(source, scene.interface), 0);
	cr_assert_eq(np_multicast_join(fd, &scene.groups[0], scene.interface, &wanted), 0);
	send_to_group(&scene, 0, "unwanted");
	cr_assert_eq(np_send_to(source, "wanted", 6, &scene.groups[0]), 6);
	expect_next(fd, "wanted");
	cr_assert_eq(np_multicast_leave(fd, &scene.groups[0], scene.interface, &wanted), 0);
	cr_assert_eq(np_multicast_join(fd, &scene.groups[0], scene.interface, NULL), 0);
	send_to_group(&scene, 0, "anybody's");
	expect_next(fd, "anybody's");
	np_close(fd);
	np_close(source);
	np_close(scene.sender);
}
#endif

/* Which is the only one there. */
static void expect_kernels_choice(const char *network)
{
	struct scene scene;
	struct np_fd *fd;

	begin_in_private(&scene, network);
	fd = listen_to_group(&scene, "0");
	cr_assert_eq(np_multicast_join(fd, &scene.groups[0], 0, NULL), 0);
	send_to_group(&scene, 0, "joined");
	expect_next(fd, "joined");
	cr_assert_eq(np_multicast_join(fd, &scene.groups[0], scene.interface, NULL), -EADDRINUSE);
	cr_assert_eq(np_multicast_leave(fd, &scene.groups[0], 0, NULL), 0);
	cr_assert_eq(np_multicast_leave(fd, &scene.groups[0], 0, NULL), -EADDRNOTAVAIL);
	np_close(fd);
	np_close(scene.sender);
	private_net_leave();
}

Test(multicast, the_kernel_may_choose_the_interface)
{
	expect_kernels_choice("udp4");
	expect_kernels_choice("udp6");
}

#ifdef MCAST_JOIN_SOURCE_GROUP
Test(multicast, the_kernel_may_choose_the_interface_of_a_source)
{
	const struct np_addr source = address("192.0.2.1");
	struct scene scene;
	struct np_fd *fd;

	begin_in_private(&scene, "udp4");
	fd = listen_to_group(&scene, "0");
	cr_assert_eq(np_multicast_join(fd, &scene.groups[0], 0, &source), 0);
	cr_assert_eq(np_multicast_leave(fd, &scene.groups[0], scene.interface, &source), 0);
	cr_assert_eq(np_multicast_join(fd, &scene.groups[0], scene.interface, &source), 0);
	cr_assert_eq(np_multicast_leave(fd, &scene.groups[0], 0, &source), 0);
	np_close(fd);
	np_close(scene.sender);
	private_net_leave();
}
#endif

/* What the loopback interface brings back is not a copy for this host, but the message. */
Test(multicast, the_sender_may_keep_its_messages_from_this_host)
{
	struct scene scene;
	struct np_fd *fd;

	begin_in_private(&scene, "udp4");
	fd = listen_to_group(&scene, "0");
	cr_assert_eq(np_multicast_join(fd, &scene.groups[0], scene.interface, NULL), 0);
	cr_assert_eq(np_set_multicast_loop(scene.sender, false), 0);
	send_to_group(&scene, 0, "kept");
	cr_assert_eq(np_set_multicast_loop(scene.sender, true), 0);
	send_to_group(&scene, 0, "told");
	expect_next(fd, "told");
	np_close(fd);
	np_close(scene.sender);
	private_net_leave();
}

/* As systems do it that have no other way. */
static void expect_older_interface(struct scene scene)
{
	struct membership membership = { .group = &scene.groups[0], .interface = scene.interface };
	struct np_fd *fd = listen_to_group(&scene, "0");

	cr_assert_eq(mreq_join(fd->sysfd, &membership), 0);
	send_to_group(&scene, 0, "joined");
	expect_next(fd, "joined");
	cr_assert_eq(mreq_leave(fd->sysfd, &membership), 0);
	cr_assert_eq(mreq_leave(fd->sysfd, &membership), -EADDRNOTAVAIL);
	membership.group = &scene.groups[1];
	cr_assert_eq(mreq_join(fd->sysfd, &membership), 0);
	send_to_group(&scene, 0, "left");
	send_to_group(&scene, 1, "the other");
	expect_next(fd, "the other");
	membership.source = membership.group;
	cr_assert_eq(mreq_join(fd->sysfd, &membership), -EOPNOTSUPP);
	np_close(fd);
	np_close(scene.sender);
}

Test(multicast, the_older_interface_joins_and_leaves)
{
	struct scene scene;

	begin(&scene);
	expect_older_interface(scene);
	begin_in_private(&scene, "udp6");
	expect_older_interface(scene);
	private_net_leave();
}

Test(multicast, what_cannot_be_joined_is_told)
{
	const struct np_addr group = address("239.255.7.1"), group6 = address("ff01::7:1");
	const struct np_addr host = address("127.0.0.1");
	struct np_fd *fd, *unix_fds[2];
	char text[256];

	cr_assert_eq(np_listen_packet("udp4", "127.0.0.1:0", &fd), 0);
	cr_assert_eq(np_multicast_join(fd, &host, 0, NULL), NP_EADDRESS);
	np_error_text(NP_EADDRESS, text, sizeof(text));
	cr_assert_str_eq(text, "set udp4: address 127.0.0.1: not a multicast address");
	cr_assert_eq(np_multicast_join(fd, &group6, 0, &host), NP_EADDRESS);
	np_error_text(NP_EADDRESS, text, sizeof(text));
	cr_assert_str_eq(text, "set udp4: address 127.0.0.1: a source of another family");
	cr_assert_eq(np_multicast_leave(fd, &host, 0, NULL), NP_EADDRESS);
	cr_assert_eq(np_multicast_join(fd, &group, 1U << 30, NULL), -ENODEV);
	cr_assert_eq(np_multicast_join(fd, NULL, 0, NULL), -EINVAL);
	cr_assert_eq(np_multicast_join(NULL, &group, 0, NULL), -EINVAL);
	cr_assert_eq(np_multicast_leave(fd, NULL, 0, NULL), -EINVAL);
	fixture_fd_pair(unix_fds);
	cr_assert_lt(np_multicast_join(unix_fds[0], &group, 0, NULL), 0);
	cr_assert_eq(np_set_ttl(unix_fds[0], 5), -ENOPROTOOPT);
	np_close(unix_fds[0]);
	np_close(unix_fds[1]);
	cr_assert_eq(np_cancel_io(fd), 0);
	cr_assert_eq(np_multicast_join(fd, &group, 0, NULL), NP_ECLOSED);
	cr_assert_eq(np_set_broadcast(fd, true), NP_ECLOSED);
	np_unref(fd);
}

/* ---- other options ------------------------------------------------------------------------ */

static int option(struct np_fd *fd, int level, int name)
{
	int value = 0;
	socklen_t length = sizeof(value);

	cr_assert_eq(getsockopt(fd->sysfd, level, name, &value, &length), 0);
	return value;
}

Test(multicast, options_are_set_for_the_families_of_the_socket)
{
	struct np_fd *fd;

	cr_assert_eq(np_listen_packet("udp4", ":0", &fd), 0);
	cr_assert_eq(np_set_multicast_ttl(fd, 7), 0);
	cr_assert_eq(option(fd, IPPROTO_IP, IP_MULTICAST_TTL), 7);
	cr_assert_eq(np_set_multicast_ttl(fd, 0), 0);
	cr_assert_eq(option(fd, IPPROTO_IP, IP_MULTICAST_TTL), 0);
	cr_assert_eq(np_set_ttl(fd, 9), 0);
	cr_assert_eq(option(fd, IPPROTO_IP, IP_TTL), 9);
	cr_assert_eq(np_set_multicast_ttl(fd, 256), -EINVAL);
	cr_assert_eq(np_set_multicast_ttl(fd, -1), -EINVAL);
	cr_assert_eq(np_set_multicast_ttl(NULL, 1), -EINVAL);
	cr_assert_eq(np_set_ttl(fd, 0), -EINVAL);
	cr_assert_eq(np_set_ttl(fd, 256), -EINVAL);
	cr_assert_eq(np_set_ttl(NULL, 1), -EINVAL);
	cr_assert_eq(np_set_multicast_loop(NULL, 1), -EINVAL);
	cr_assert_eq(np_set_multicast_interface(NULL, 1), -EINVAL);
	cr_assert_eq(np_set_multicast_interface(fd, UINT32_MAX), -EINVAL);
	cr_assert_eq(np_set_multicast_interface(fd, 1U << 30), -EADDRNOTAVAIL);
	cr_assert_eq(np_set_broadcast(NULL, true), -EINVAL);
	np_close(fd);
	if (!datagram_has_ipv6())
		return;
	cr_assert_eq(np_listen_packet("udp", ":0", &fd), 0);
	cr_assert_eq(np_set_multicast_ttl(fd, 7), 0);
	cr_assert_eq(option(fd, IPPROTO_IPV6, IPV6_MULTICAST_HOPS), 7);
	cr_assert_eq(np_set_ttl(fd, 9), 0);
	cr_assert_eq(option(fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS), 9);
	cr_assert_eq(np_set_multicast_loop(fd, false), 0);
	cr_assert_eq(option(fd, IPPROTO_IPV6, IPV6_MULTICAST_LOOP), 0);
#ifdef __linux__
	cr_assert_eq(option(fd, IPPROTO_IP, IP_MULTICAST_TTL), 7);
	cr_assert_eq(option(fd, IPPROTO_IP, IP_TTL), 9);
	cr_assert_eq(option(fd, IPPROTO_IP, IP_MULTICAST_LOOP), 0);
#endif
	np_close(fd);
}

Test(multicast, broadcasts_are_sent_and_may_be_forbidden)
{
	struct np_addr addr, everybody = address("127.255.255.255");
	struct np_fd *sender, *fd;

	cr_assert_eq(np_listen_packet("udp4", ":0", &fd), 0);
	cr_assert_eq(np_local_addr(fd, &addr), 0);
	everybody.port = addr.port;
	cr_assert_eq(np_listen_packet("udp4", "127.0.0.1:0", &sender), 0);
	cr_assert_eq(np_set_broadcast(sender, false), 0);
	cr_assert_eq(np_send_to(sender, "no", 2, &everybody), -EACCES);
	cr_assert_eq(np_set_broadcast(sender, true), 0);
	cr_assert_eq(np_send_to(sender, "yes", 3, &everybody), 3);
	expect_next(fd, "yes");
	np_close(sender);
	np_close(fd);
}
