/* SPDX-License-Identifier: MIT */
/*
 * sys/event.h - kqueue(2) for Linux, as much of it as a readiness backend and its tests can want.
 *
 * For tests only: it lets code that was written for the BSDs compile and run where there is no
 * kqueue. Names, fields and numbers are FreeBSD's. What it does differently is said in kqueue.c.
 */
#ifndef NETPARK_TESTS_SYS_EVENT_H
#define NETPARK_TESTS_SYS_EVENT_H

#include <stdint.h>
#include <sys/types.h>
#include <time.h>

struct kevent {
	uintptr_t ident; /* a descriptor; for EVFILT_USER any number */
	short filter;
	unsigned short flags;
	unsigned fflags;
	int64_t data;
	void *udata;
};

#define EV_SET(kevp, ident_, filter_, flags_, fflags_, data_, udata_)                              \
	((void)(*(kevp) = (struct kevent){                                                         \
			.ident = (uintptr_t)(ident_),                                              \
			.filter = (short)(filter_),                                                \
			.flags = (unsigned short)(flags_),                                         \
			.fflags = (unsigned)(fflags_),                                             \
			.data = (int64_t)(data_),                                                  \
			.udata = (udata_),                                                         \
		}))

#define EVFILT_READ  (-1)
#define EVFILT_WRITE (-2)
#define EVFILT_USER  (-11)

/* Actions, in a change. */
#define EV_ADD     0x0001
#define EV_DELETE  0x0002
#define EV_ENABLE  0x0004
#define EV_DISABLE 0x0008

/* Habits of a knote, in a change and in an event. */
#define EV_ONESHOT  0x0010
#define EV_CLEAR    0x0020
#define EV_RECEIPT  0x0040
#define EV_DISPATCH 0x0080

/* News, in an event. */
#define EV_ERROR 0x4000
#define EV_EOF   0x8000

/* fflags of EVFILT_READ and EVFILT_WRITE. */
#define NOTE_LOWAT 0x00000001

/* fflags of EVFILT_USER: 24 bits are the user's, two say how a change combines with them. */
#define NOTE_FFNOP      0x00000000U
#define NOTE_FFAND      0x40000000U
#define NOTE_FFOR       0x80000000U
#define NOTE_FFCOPY     0xc0000000U
#define NOTE_FFCTRLMASK 0xc0000000U
#define NOTE_FFLAGSMASK 0x00ffffffU
#define NOTE_TRIGGER    0x01000000U

#ifdef __cplusplus
extern "C" {
#endif

int kqueue(void);
int kevent(int kq, const struct kevent *changelist, int nchanges, struct kevent *eventlist,
	   int nevents, const struct timespec *timeout);

#ifdef __cplusplus
}
#endif

#endif /* NETPARK_TESTS_SYS_EVENT_H */
