/* SPDX-License-Identifier: MIT */
/* tests/support/private_net.c - see private_net.h: a network namespace, and a TAP device in it. */
#include "tests/support/private_net.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <net/route.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

static int home = -1; /* the namespace that the thread came from */
static int device = -1;

static bool set_up(int control, const char *name)
{
	struct ifreq request = { .ifr_flags = IFF_UP | IFF_MULTICAST };

	strcpy(request.ifr_name, name);
	return ioctl(control, SIOCSIFFLAGS, &request) == 0;
}

static void set_inet(struct sockaddr *name, const char *text)
{
	struct sockaddr_in addr = { .sin_family = AF_INET };

	inet_pton(AF_INET, text, &addr.sin_addr);
	memcpy(name, &addr, sizeof(addr));
}

static bool set_address(int control, const char *name)
{
	struct ifreq request = { .ifr_flags = 0 };

	strcpy(request.ifr_name, name);
	set_inet(&request.ifr_addr, "10.77.0.1");
	return ioctl(control, SIOCSIFADDR, &request) == 0;
}

/* For groups. IPv6 has it from the beginning. */
static bool set_route(int control, char *name)
{
	struct rtentry route = { .rt_flags = RTF_UP, .rt_dev = name };

	set_inet(&route.rt_dst, "224.0.0.0");
	set_inet(&route.rt_genmask, "240.0.0.0");
	return ioctl(control, SIOCADDRT, &route) == 0;
}

/* Addresses of IPv6 are ours at once: there is nobody to ask whether he has them. */
static void ask_nobody(void)
{
	int fd = open("/proc/sys/net/ipv6/conf/default/accept_dad", O_WRONLY | O_CLOEXEC);

	if (fd >= 0) {
		(void)!write(fd, "0", 1);
		close(fd);
	}
}

static bool make_device(int control)
{
	struct ifreq request = { .ifr_flags = IFF_TAP | IFF_NO_PI };

	strcpy(request.ifr_name, "test0");
	ask_nobody();
	device = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
	return device >= 0 && ioctl(device, TUNSETIFF, &request) == 0 && set_up(control, "lo") &&
	       set_address(control, "test0") && set_up(control, "test0") &&
	       set_route(control, request.ifr_name);
}

const char *private_net_enter(unsigned *ret_interface)
{
	int control;
	bool made;

	home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	if (home < 0 || unshare(CLONE_NEWNET) < 0) {
		private_net_leave();
		return "no right to make a network of its own";
	}
	control = socket(AF_INET, SOCK_DGRAM, 0);
	made = make_device(control);
	close(control);
	if (!made) {
		private_net_leave();
		return "no TAP devices for a network of its own";
	}
	*ret_interface = if_nametoindex("test0");
	return NULL;
}

void private_net_leave(void)
{
	if (device >= 0)
		close(device);
	if (home >= 0) {
		setns(home, CLONE_NEWNET);
		close(home);
	}
	device = home = -1;
}
