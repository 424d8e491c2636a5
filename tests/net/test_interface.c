/* SPDX-License-Identifier: MIT */
/*
 * tests/net/test_interface.c - the interfaces of this host: every system has a loopback; what else
 * there is has to be what the kernel says in /sys, where there is that.
 */
#include "tests/support/fixture.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void begin(void)
{
	fixture_begin();
	fixture_needs("AF_NETLINK");
}

TestSuite(interface, .init = begin, .fini = fixture_end, .timeout = FIXTURE_TIMEOUT);

enum { MOST = 256 };

static struct np_interface interfaces[MOST];
static struct np_interface_addr addrs[MOST];

static int list(void)
{
	int count = np_interfaces(interfaces, MOST);

	cr_assert_gt(count, 0, "%d", count);
	cr_assert_leq(count, MOST);
	return count;
}

static const struct np_interface *find_loopback(void)
{
	int count = list();

	for (int i = 0; i < count; i++)
		if (interfaces[i].flags & NP_INTERFACE_LOOPBACK)
			return &interfaces[i];
	cr_assert_fail("no loopback");
	return NULL;
}

/* ---- interfaces --------------------------------------------------------------------------- */

Test(interface, each_is_there_once_and_found_by_name_and_index)
{
	int count = list();
	struct np_interface found;

	for (int i = 0; i < count; i++) {
		cr_assert_gt(interfaces[i].index, 0);
		for (int j = 0; j < i; j++)
			cr_assert_neq(interfaces[i].index, interfaces[j].index);
		cr_assert_eq(np_interface_by_name(interfaces[i].name, &found), 0);
		cr_assert_eq(memcmp(&found, &interfaces[i], sizeof(found)), 0);
		cr_assert_eq(np_interface_by_index(interfaces[i].index, &found), 0);
		cr_assert_eq(memcmp(&found, &interfaces[i], sizeof(found)), 0);
	}
}

Test(interface, that_are_none_are_told)
{
	struct np_interface found;
	char text[128];

	cr_assert_eq(np_interface_by_name("no_such_if", &found), -ENODEV);
	np_error_text(-ENODEV, text, sizeof(text));
	cr_assert_str_eq(text, "interface no_such_if: no such device", "%s", text);
	cr_assert_eq(np_interface_by_index(0, &found), -ENODEV);
	cr_assert_eq(np_interface_by_index(UINT32_MAX, &found), -ENODEV);
	np_error_text(-ENODEV, text, sizeof(text));
	cr_assert_str_eq(text, "interface 4294967295: no such device", "%s", text);
	cr_assert_eq(np_interface_by_name(NULL, &found), -EINVAL);
	cr_assert_eq(np_interface_by_name("lo", NULL), -EINVAL);
	cr_assert_eq(np_interface_by_index(1, NULL), -EINVAL);
	cr_assert_eq(np_interfaces(NULL, 1), -EINVAL);
	cr_assert_eq(np_interface_addrs(0, NULL, 1), -EINVAL);
}

Test(interface, more_than_there_is_room_for_are_counted)
{
	int count = list();
	struct np_interface first[2];

	memset(first, 0, sizeof(first));
	cr_assert_eq(np_interfaces(first, 1), count);
	cr_assert_eq(memcmp(&first[0], &interfaces[0], sizeof(first[0])), 0);
	cr_assert_eq(first[1].index, 0);
	cr_assert_eq(np_interfaces(NULL, 0), count);
}

static bool read_file(const char *interface, const char *name, char *text, size_t size)
{
	char path[512];
	FILE *file;
	bool has_line;

	snprintf(path, sizeof(path), "/sys/class/net/%s/%s", interface, name);
	file = fopen(path, "r");
	if (!file)
		return false;
	has_line = fgets(text, (int)size, file);
	fclose(file);
	text[strcspn(text, "\n")] = '\0';
	return has_line;
}

static unsigned long read_number(const char *interface, const char *name)
{
	char text[64];

	cr_assert(read_file(interface, name, text, sizeof(text)), "%s of %s", name, interface);
	return strtoul(text, NULL, 0);
}

static void format_hardware(const struct np_interface *interface, char *text)
{
	*text = '\0';
	for (int i = 0; i < interface->hardware_size; i++)
		text += sprintf(text, "%s%02x", i ? ":" : "", interface->hardware[i]);
}

/* The kernel's flags have other numbers: <linux/if.h>. */
static void expect_flag(unsigned long system, unsigned long its, uint32_t ours, uint32_t our)
{
	cr_assert_eq(!(system & its), !(ours & our), "%lx, %lx: %x", system, its, (unsigned)ours);
}

static void expect_as_in_sys(const char *name)
{
	struct np_interface interface;
	char hardware[128], expected[128] = "";
	unsigned long flags = read_number(name, "flags");

	cr_assert_eq(np_interface_by_name(name, &interface), 0, "%s", name);
	cr_assert_str_eq(interface.name, name);
	cr_assert_eq(interface.index, read_number(name, "ifindex"));
	cr_assert_eq(interface.mtu, read_number(name, "mtu"));
	expect_flag(flags, 1, interface.flags, NP_INTERFACE_UP);
	expect_flag(flags, 2, interface.flags, NP_INTERFACE_BROADCAST);
	expect_flag(flags, 8, interface.flags, NP_INTERFACE_LOOPBACK);
	expect_flag(flags, 16, interface.flags, NP_INTERFACE_POINT_TO_POINT);
	expect_flag(flags, 0x1000, interface.flags, NP_INTERFACE_MULTICAST);
	format_hardware(&interface, hardware);
	read_file(name, "address", expected, sizeof(expected));
	cr_assert_str_eq(hardware, expected, "%s: %s", name, hardware);
}

Test(interface, all_are_as_the_kernel_says)
{
	DIR *dir = opendir("/sys/class/net");
	struct dirent *entry;
	int count = 0;

	if (!dir)
		cr_skip_test("needs /sys/class/net, which Linux has");
	while ((entry = readdir(dir))) {
		char type[16];

		/* There may be files beside the interfaces: bonding_masters. */
		if (entry->d_name[0] == '.' ||
		    !read_file(entry->d_name, "type", type, sizeof(type)))
			continue;
		expect_as_in_sys(entry->d_name);
		count++;
	}
	closedir(dir);
	cr_assert_eq(list(), count);
}

/* ---- addresses ---------------------------------------------------------------------------- */

static void expect_loopback_addr(const struct np_interface_addr *addr, bool is_v4)
{
	char text[NP_PREFIX_TEXT_MAX];

	np_prefix_format(&addr->prefix, text, sizeof(text));
	cr_assert(np_prefix_contains(&addr->prefix, &addr->addr));
	cr_assert_eq(addr->addr.port, 0);
	cr_assert_eq(addr->addr.zone, 0);
	cr_assert_str_eq(text, is_v4 ? "127.0.0.1/8" : "::1/128", "%s", text);
}

Test(interface, loopback_has_its_addresses)
{
	const struct np_interface *loopback = find_loopback();
	int found = 0;
	int count = np_interface_addrs(loopback->index, addrs, MOST);

	cr_assert_gt(count, 0);
	for (int i = 0; i < count; i++) {
		bool is_v4 = addrs[i].addr.family == NP_ADDR_IPV4;

		cr_assert_eq(addrs[i].index, loopback->index);
		if (is_v4 ? memcmp(addrs[i].addr.ip, "\x7f\0\0\1", 4) == 0
			  : addrs[i].addr.ip[15] == 1) {
			expect_loopback_addr(&addrs[i], is_v4);
			found += is_v4;
		}
	}
	cr_assert_eq(found, 1);
}

Test(interface, addresses_of_all_are_those_of_each)
{
	int all = np_interface_addrs(0, addrs, MOST);
	int sum = 0;
	int count = list();
	struct np_interface_addr one[2];

	for (int i = 0; i < count; i++) {
		int its = np_interface_addrs(interfaces[i].index, NULL, 0);

		cr_assert_geq(its, 0);
		sum += its;
	}
	cr_assert_eq(sum, all);
	for (int i = 0; i < all; i++) {
		bool is_link_local = addrs[i].addr.family == NP_ADDR_IPV6 &&
				     addrs[i].addr.ip[0] == 0xfe && addrs[i].addr.ip[1] == 0x80;

		cr_assert_eq(addrs[i].addr.zone, is_link_local ? addrs[i].index : 0);
	}
	memset(one, 0, sizeof(one));
	cr_assert_eq(np_interface_addrs(0, one, 1), all);
	cr_assert(np_addr_equal(&one[0].addr, &addrs[0].addr));
	cr_assert_eq(one[1].index, 0);
	cr_assert_eq(np_interface_addrs(UINT32_MAX, NULL, 0), 0);
}

/* ---- zones -------------------------------------------------------------------------------- */

Test(interface, zones_are_names_or_numbers)
{
	const struct np_interface *loopback = find_loopback();
	uint32_t index = 0;
	char text[NP_INTERFACE_NAME_MAX];

	cr_assert_eq(np_zone_parse(loopback->name, &index), 0);
	cr_assert_eq(index, loopback->index);
	cr_assert_eq(np_zone_format(index, text, sizeof(text)), (int)strlen(loopback->name));
	cr_assert_str_eq(text, loopback->name);
	cr_assert_eq(np_zone_format(index, NULL, 0), (int)strlen(loopback->name));

	cr_assert_eq(np_zone_parse("4000000000", &index), 0);
	cr_assert_eq(index, 4000000000U);
	cr_assert_eq(np_zone_format(index, text, sizeof(text)), 10);
	cr_assert_str_eq(text, "4000000000");
	cr_assert_eq(np_zone_format(0, text, sizeof(text)), 0);
	cr_assert_str_eq(text, "");

	index = 7;
	cr_assert_eq(np_zone_parse("no_such_if", &index), -ENODEV);
	cr_assert_eq(np_zone_parse("", &index), -ENODEV);
	cr_assert_eq(np_zone_parse("0", &index), -ENODEV);
	cr_assert_eq(np_zone_parse("1x", &index), -ENODEV);
	cr_assert_eq(np_zone_parse("4294967296", &index), -ENODEV);
	cr_assert_eq(np_zone_parse(NULL, &index), -EINVAL);
	cr_assert_eq(np_zone_parse("1", NULL), -EINVAL);
	cr_assert_eq(index, 7);
}
