/* SPDX-License-Identifier: MIT */
/* tests/support/call.c - see call.h. */
#include "tests/support/call.h"

#include "core/fd.h"
#include "tests/support/fixture.h"

#include <criterion/criterion.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

static void run(struct call *call)
{
	call->result = call->make(call);
	call->ended_at = np_time();
	if (call->result < 0)
		np_error_text((int)call->result, call->text, sizeof(call->text));
	atomic_store(&call->done, true);
}

static void *run_in_thread(void *arg)
{
	run(arg);
	return NULL;
}

static void run_in_fiber(void *arg)
{
	struct call *call = arg;

	call->thread = pthread_self();
	run(call);
	np_semaphore_release(&call->has_ended, 1);
}

void call_start(struct call *call, ssize_t (*make)(struct call *call))
{
	call->make = make;
	atomic_store(&call->done, false);
	if (fixture_has_worker())
		cr_assert_eq(np_go(run_in_fiber, call), 0);
	else
		call->thread = fixture_start_thread(run_in_thread, call);
}

ssize_t call_finish(struct call *call)
{
	if (fixture_has_worker())
		np_semaphore_acquire(&call->has_ended, 1);
	else
		pthread_join(call->thread, NULL);
	return call->result;
}

ssize_t call_read(struct call *call)
{
	if (call->buf)
		return np_read(call->fd, call->buf, call->size);
	return np_read(call->fd, call->data, call->size ? call->size : sizeof(call->data));
}

ssize_t call_write(struct call *call)
{
	return np_write_counted(call->fd, call->buf, call->size, &call->written);
}

ssize_t call_accept(struct call *call)
{
	return np_accept(call->fd, &call->conn);
}

ssize_t call_dial(struct call *call)
{
	if (call->options)
		return np_dial_with(call->network, call->address, call->options, &call->conn);
	return np_dial(call->network, call->address, call->deadline, &call->conn);
}

ssize_t call_wait(struct call *call)
{
	return np_wait(call->fd, call->mode);
}

ssize_t call_close(struct call *call)
{
	return np_close(call->fd);
}

/* The layout of the word is told in core/fd_mutex.h. */
static size_t bits_of_word(struct np_fd *fd, int shift)
{
	return (size_t)(atomic_load(&fd->mutex.word) >> shift) & 0xfffff;
}

size_t call_queued(struct np_fd *fd, int mode)
{
	return bits_of_word(fd, mode == NP_READ ? 23 : 43);
}

size_t call_inside(struct np_fd *fd)
{
	return bits_of_word(fd, 3);
}

ssize_t call_read_patiently(struct np_fd *fd, void *buf, size_t size)
{
	ssize_t n;

	cr_assert_eq(np_set_read_deadline(fd, np_deadline(INT64_C(10) * 1000000000)), 0);
	n = np_read(fd, buf, size);
	cr_assert_eq(np_set_read_deadline(fd, 0), 0);
	return n;
}

ssize_t call_read_full(struct np_fd *fd, void *buf, size_t size)
{
	size_t done = 0;

	while (done < size) {
		ssize_t n = np_read(fd, (char *)buf + done, size - done);

		if (n < 0)
			return n;
		if (n == 0)
			break;
		done += (size_t)n;
	}
	return (ssize_t)done;
}

/* Pipes and terminals are told of at open, and sockets at the first wait. */
void call_register_in(struct np_poller *poller, struct np_fd *fd)
{
	struct np_poller_stats stats;
	char byte;

	/* A slow machine may find the deadline expired before there was a wait: then a later one.
	 */
	for (int64_t timeout_ns = 1000 * 1000;; timeout_ns *= 2) {
		cr_assert_eq(np_set_read_deadline(fd, np_deadline(timeout_ns)), 0);
		np_poller_get_stats(poller, &stats);
		if (stats.registered == stats.descriptors)
			break;
		cr_assert_eq(np_read(fd, &byte, 1), NP_EDEADLINE);
	}
	cr_assert_eq(np_set_read_deadline(fd, 0), 0);
}

void call_register(struct np_fd *fd)
{
	call_register_in(test_poller, fd);
}

static int tell_number(int sysfd, void *arg)
{
	*(int *)arg = sysfd;
	return 0;
}

int call_fill(struct np_fd *fd, size_t size)
{
	static const char zeros[1 << 16];
	struct pollfd room = { .events = POLLOUT };
	int count = 0;

	cr_assert_leq(size, sizeof(zeros));
	cr_assert_eq(np_fd_control(fd, tell_number, &room.fd), 0);
	do {
		while (write(room.fd, zeros, size) > 0)
			count++;
		/* Room that poll(2) thinks too little to mention is taken, too. */
	} while (poll(&room, 1, 50) > 0 || (write(room.fd, zeros, size) > 0 && ++count));
	return count;
}

void call_unix_path(char path[static 64])
{
	static int count;

	snprintf(path, 64, "/tmp/netpark-test-%ld-%d", (long)getpid(), count++);
	unlink(path);
}

void call_address(struct np_fd *listener, char text[static NP_ADDR_TEXT_MAX])
{
	struct np_addr addr;

	cr_assert_eq(np_local_addr(listener, &addr), 0);
	cr_assert_lt(np_addr_format(&addr, text, NP_ADDR_TEXT_MAX), NP_ADDR_TEXT_MAX);
}

struct np_fd *call_listen(void)
{
	struct np_fd *listener;

	cr_assert_eq(np_listen("tcp", "127.0.0.1:0", &listener), 0);
	return listener;
}

void call_connect(struct np_fd *listener, struct np_fd *ends[2])
{
	char text[NP_ADDR_TEXT_MAX];

	call_address(listener, text);
	cr_assert_eq(np_dial("tcp", text, 0, &ends[0]), 0);
	cr_assert_eq(np_accept(listener, &ends[1]), 0);
}
