/* SPDX-License-Identifier: MIT */
/*
 * port.h - event ports for Linux, as much of them as a readiness backend and its tests can want.
 *
 * For tests only: it lets code that was written for illumos and Solaris compile and run where there
 * are none. Names and fields are those of port_create(3C). What it does differently is said in
 * ports.c.
 */
#ifndef NETPARK_TESTS_PORT_H
#define NETPARK_TESTS_PORT_H

#include <stdint.h>
#include <sys/types.h>
#include <time.h>

/* Of <sys/types.h> there. */
typedef unsigned short ushort_t;
typedef unsigned int uint_t;

typedef struct port_event {
	int portev_events;
	ushort_t portev_source;
	ushort_t portev_pad;
	uintptr_t portev_object; /* a descriptor */
	void *portev_user;
} port_event_t;

#define PORT_SOURCE_FD 4

#ifdef __cplusplus
extern "C" {
#endif

int port_create(void);
int port_associate(int port, int source, uintptr_t object, int events, void *user);
int port_dissociate(int port, int source, uintptr_t object);
int port_getn(int port, port_event_t list[], uint_t max, uint_t *nget,
	      const struct timespec *timeout);

#ifdef __cplusplus
}
#endif

#endif /* NETPARK_TESTS_PORT_H */
