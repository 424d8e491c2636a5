/* SPDX-License-Identifier: MIT */
/*
 * netpark/interface.h - the network interfaces of this host, their addresses, and zones: the names
 * that interfaces have in addresses of IPv6 ("fe80::1%eth0").
 *
 * What is written is what was so when it was asked; interfaces come and go, and an index may be
 * used again. Any thread may call any function here. None of them waits.
 */
#ifndef NETPARK_INTERFACE_H
#define NETPARK_INTERFACE_H

#include <netpark/addr.h>
#include <netpark/base.h>
#include <netpark/prefix.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { NP_INTERFACE_NAME_MAX = 32 };     /* bytes of a name, with its terminator */
enum { NP_INTERFACE_HARDWARE_MAX = 20 }; /* bytes of a hardware address: InfiniBand's */

enum np_interface_flag {
	NP_INTERFACE_UP = 1,             /* switched on */
	NP_INTERFACE_BROADCAST = 2,      /* has a broadcast address */
	NP_INTERFACE_LOOPBACK = 4,       /* leads to this host */
	NP_INTERFACE_POINT_TO_POINT = 8, /* has one peer */
	NP_INTERFACE_MULTICAST = 16,     /* groups can be joined there */
	NP_INTERFACE_RUNNING = 32,       /* its cable, or whatever it has, is plugged in */
};

/** struct np_interface - a network interface, a plain value. Go: net.Interface */
struct np_interface {
	char name[NP_INTERFACE_NAME_MAX];
	uint32_t index;        /* above 0; the zone of addresses that only mean something there */
	uint32_t flags;        /* of enum np_interface_flag */
	uint32_t mtu;          /* bytes of the largest packet, 0 if that is not known */
	uint8_t hardware_size; /* bytes of hardware, 0 if it has no such address */
	uint8_t hardware[NP_INTERFACE_HARDWARE_MAX];
};

/** struct np_interface_addr - an address of an interface, a plain value */
struct np_interface_addr {
	uint32_t index;          /* of the interface */
	struct np_addr addr;     /* without a port; with a zone, if it needs one */
	struct np_prefix prefix; /* the same address, and how much of it the net has in common */
};

/**
 * np_interfaces() - all interfaces, in the system's order. Go: net.Interfaces
 * @ret_interfaces: room for @max; may be NULL if that is 0
 *
 * Return: how many there are, of which the first @max were written; -ENOMEM, -EMFILE or another
 * -errno; -EINVAL.
 */
NP_API int np_interfaces(struct np_interface *ret_interfaces, size_t max);

/** np_interface_by_name() - 0; -ENODEV if there is none; else as np_interfaces() */
NP_API int np_interface_by_name(const char *name, struct np_interface *ret_interface);

/** np_interface_by_index() - the same */
NP_API int np_interface_by_index(uint32_t index, struct np_interface *ret_interface);

/**
 * np_interface_addrs() - the IP addresses of an interface. Go: Interface.Addrs, InterfaceAddrs
 * @index:     0 for those of all interfaces
 * @ret_addrs: room for @max; may be NULL if that is 0
 *
 * Return: how many there are, of which the first @max were written, 0 also where there is no such
 * interface; errors as np_interfaces().
 */
NP_API int np_interface_addrs(uint32_t index, struct np_interface_addr *ret_addrs, size_t max);

/**
 * np_zone_parse() - the index that a zone of an address stands for
 * @zone: the name of an interface, else a decimal number
 *
 * Return: 0; -ENODEV if it is neither; -EINVAL for NULL.
 */
NP_API int np_zone_parse(const char *zone, uint32_t *ret_index);

/**
 * np_zone_format() - the name of the interface, or the number if there is none. 0 is "".
 *
 * Return: the length of the whole text without its terminator, as snprintf(3).
 */
NP_API int np_zone_format(uint32_t index, char *buf, size_t size);

#ifdef __cplusplus
}
#endif

#endif /* NETPARK_INTERFACE_H */
