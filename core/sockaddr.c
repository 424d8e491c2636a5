/* SPDX-License-Identifier: MIT */
/* core/sockaddr.c - the kernel's form of addresses. */
#include "core/addr.h"

#include "core/failure.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/un.h>

_Static_assert(sizeof(((struct sockaddr_un *)0)->sun_path) <= NP_ADDR_PATH_MAX,
	       "struct np_addr holds every name there is");

static int unix_to_sockaddr(const struct np_addr *addr, struct sockaddr_storage *ret,
			    socklen_t *ret_length)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	bool is_path = addr->path_size > 0 && addr->path[0] != '\0';
	size_t length = addr->path_size;

	/* A path ends in NUL, an abstract name where the length says. */
	if (length + is_path > sizeof(name.sun_path) || length > NP_ADDR_PATH_MAX)
		return -EINVAL;
	memcpy(name.sun_path, addr->path, length);
	memcpy(ret, &name, sizeof(name));
	*ret_length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length + is_path);
	return 0;
}

bool np__addr_path(const struct np_addr *addr, char ret_path[NP_ADDR_PATH_MAX + 1])
{
	if (addr->family != NP_ADDR_UNIX || addr->path_size == 0 || addr->path[0] == '\0')
		return false;
	memcpy(ret_path, addr->path, addr->path_size);
	ret_path[addr->path_size] = '\0';
	return true;
}

static int fill(const struct np_addr *addr, struct sockaddr_storage *ret, socklen_t *ret_length)
{
	memset(ret, 0, sizeof(*ret));
	if (addr->family == NP_ADDR_IPV4) {
		struct sockaddr_in name = { .sin_family = AF_INET, .sin_port = htons(addr->port) };

		memcpy(&name.sin_addr, addr->ip, 4);
		memcpy(ret, &name, sizeof(name));
		*ret_length = sizeof(name);
	} else if (addr->family == NP_ADDR_IPV6) {
		struct sockaddr_in6 name = {
			.sin6_family = AF_INET6,
			.sin6_port = htons(addr->port),
			.sin6_scope_id = addr->zone,
		};

		memcpy(&name.sin6_addr, addr->ip, 16);
		memcpy(ret, &name, sizeof(name));
		*ret_length = sizeof(name);
	} else if (addr->family == NP_ADDR_UNIX) {
		return unix_to_sockaddr(addr, ret, ret_length);
	} else {
		return -EINVAL;
	}
	return 0;
}

int np__addr_to_sockaddr(const struct np_addr *addr, struct sockaddr_storage *ret,
			 socklen_t *ret_length)
{
	int error = fill(addr, ret, ret_length);

#ifdef NP_HAVE_SA_LEN
	/* Kernels write it themselves, but not in names within options: FreeBSD, macOS. */
	if (!error)
		ret->ss_len = (uint8_t)*ret_length;
#endif
	return error;
}

/* The kernel counts a path's NUL or not, as it was given; an abstract name's NULs are its own. */
static void unix_from_sockaddr(struct np_addr *ret, const struct sockaddr *sa, socklen_t length)
{
	const char *path = (const char *)sa + offsetof(struct sockaddr_un, sun_path);
	size_t size = 0;

	if (length > offsetof(struct sockaddr_un, sun_path))
		size = length - offsetof(struct sockaddr_un, sun_path);
	if (size > NP_ADDR_PATH_MAX)
		size = NP_ADDR_PATH_MAX;
	if (size > 0 && (path[0] != '\0' || !HAS_ABSTRACT_NAMES))
		size = strnlen(path, size);
	ret->family = NP_ADDR_UNIX;
	ret->path_size = (uint8_t)size;
	memcpy(ret->path, path, size);
}

void np__addr_from_sockaddr(struct np_addr *ret, const struct sockaddr *sa, socklen_t length)
{
	struct sockaddr_in in;
	struct sockaddr_in6 in6;

	*ret = (struct np_addr){ .family = NP_ADDR_NONE };
	if (length < offsetof(struct sockaddr, sa_data))
		return;
	if (sa->sa_family == AF_UNIX) {
		unix_from_sockaddr(ret, sa, length);
	} else if (sa->sa_family == AF_INET && length >= sizeof(in)) {
		memcpy(&in, sa, sizeof(in));
		ret->family = NP_ADDR_IPV4;
		ret->port = ntohs(in.sin_port);
		memcpy(ret->ip, &in.sin_addr, 4);
	} else if (sa->sa_family == AF_INET6 && length >= sizeof(in6)) {
		memcpy(&in6, sa, sizeof(in6));
		ret->family = NP_ADDR_IPV6;
		ret->port = ntohs(in6.sin6_port);
		ret->zone = in6.sin6_scope_id;
		memcpy(ret->ip, &in6.sin6_addr, 16);
	}
}

int np_addr_to_sockaddr(const struct np_addr *addr, struct sockaddr *ret_name, size_t size)
{
	struct sockaddr_storage name;
	socklen_t length;

	if (!addr || !ret_name)
		return np__invalid("np_addr_to_sockaddr: no address, or no place for its form");
	if (np__addr_to_sockaddr(addr, &name, &length) < 0)
		return np__invalid("np_addr_to_sockaddr: the kernel has not one form of it");
	if (length > size)
		return np__invalid("np_addr_to_sockaddr: too little room");
	memcpy(ret_name, &name, length);
	return (int)length;
}

int np_addr_from_sockaddr(const struct sockaddr *name, size_t length, struct np_addr *ret_addr)
{
	struct np_addr addr;

	if (!name || !ret_addr)
		return np__invalid("np_addr_from_sockaddr: no name, or no place for the address");
	if (length > sizeof(struct sockaddr_storage))
		length = sizeof(struct sockaddr_storage);
	np__addr_from_sockaddr(&addr, name, (socklen_t)length);
	if (addr.family == NP_ADDR_NONE)
		return np__fail_input(NP_EADDRESS, "neither IP nor a Unix name, or cut short", "");
	*ret_addr = addr;
	return 0;
}
