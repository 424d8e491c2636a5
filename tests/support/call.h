/* SPDX-License-Identifier: MIT */
/*
 * tests/support/call.h - one call of the library in a thread of its own, or in a fiber where there
 * is a worker (fixture.h), and what it returned.
 *
 *	struct call reader = { .fd = fd };
 *
 *	call_start(&reader, call_read);
 *	FIXTURE_UNTIL(fixture_parked() == 1);
 *	...
 *	cr_assert_eq(call_finish(&reader), 5);
 *
 * The task asserts nothing: results are looked at by the test, after the join.
 */
#ifndef NETPARK_TESTS_SUPPORT_CALL_H
#define NETPARK_TESTS_SUPPORT_CALL_H

#include <netpark.h>

#include <pthread.h>
#include <stdatomic.h>

struct call {
	/* what to call with */
	struct np_fd *fd;
	void *buf; /* reads: NULL takes the call's own */
	size_t size;
	int mode;
	const char *network;
	const char *address;
	int64_t deadline;
	const struct np_dial_options *options; /* of a dial, instead of the deadline */

	/* what came of it */
	ssize_t result;
	size_t written;
	struct np_fd *conn;
	char data[64];
	char text[256];   /* of np_error_text(), when the result is an error */
	int64_t ended_at; /* of np_time() */
	atomic_bool done;

	ssize_t (*make)(struct call *call);
	pthread_t thread;              /* that runs it */
	struct np_semaphore has_ended; /* of a fiber */
};

void call_start(struct call *call, ssize_t (*make)(struct call *call));

/* Join, and return the result. */
ssize_t call_finish(struct call *call);

/* What to call. */
ssize_t call_read(struct call *call);
ssize_t call_write(struct call *call); /* counted */
ssize_t call_accept(struct call *call);
ssize_t call_dial(struct call *call);
ssize_t call_wait(struct call *call);
ssize_t call_close(struct call *call);

/* How many tasks are asleep for the lock of reads or writes. */
size_t call_queued(struct np_fd *fd, int mode);

/* How many calls are under way on @fd. */
size_t call_inside(struct np_fd *fd);

/* np_read() that fails with NP_EDEADLINE instead of hanging the test. Leaves no read deadline. */
ssize_t call_read_patiently(struct np_fd *fd, void *buf, size_t size);

/* Read until @size bytes or end of file; returns the count, or an error. */
ssize_t call_read_full(struct np_fd *fd, void *buf, size_t size);

/*
 * Have the poller told of @fd: by a read that has to wait, and times out. @fd has nothing to read,
 * and @poller no other descriptor that it was not told of. Without a poller: test_poller.
 */
void call_register_in(struct np_poller *poller, struct np_fd *fd);
void call_register(struct np_fd *fd);

/*
 * Write pieces of @size until there is no room, and none comes by itself: TCP's buffers grow while
 * it delivers. Returns how many were written.
 */
int call_fill(struct np_fd *fd, size_t size);

/* A path for a Unix socket, with nothing there, that no other test uses. */
void call_unix_path(char path[static 64]);

/* The address of a listener as np_dial() takes it. */
void call_address(struct np_fd *listener, char text[static NP_ADDR_TEXT_MAX]);

/* A TCP listener of this host, and both ends of a connection that came about through it. */
struct np_fd *call_listen(void);
void call_connect(struct np_fd *listener, struct np_fd *ends[2]);

#endif /* NETPARK_TESTS_SUPPORT_CALL_H */
