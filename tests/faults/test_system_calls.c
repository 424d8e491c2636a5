/* SPDX-License-Identifier: MIT */
/*
 * tests/faults/test_system_calls.c - how many system calls the common cases cost, counted.
 */
#include "tests/support/call.h"
#include "tests/support/fault.h"
#include "tests/support/fixture.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

static void end(void)
{
	fault_clear();
	fixture_end();
	FIXTURE_DEMAND(fault_allocations() == 0, "%ld are not freed", fault_allocations());
}

TestSuite(system_calls, .init = fixture_begin, .fini = end, .timeout = FIXTURE_TIMEOUT);

/* The shortcut after a short read needs a backend that tells urgent data apart, or asks anew. */
static bool has_shortcut(void)
{
	return fixture_backend()->traits & (RUNTIME_POLL_REPORTS_PRIORITY | RUNTIME_POLL_NEEDS_ARM);
}

enum { ROUNDS = 20 };

/* How many recv a read costs that has to wait, after a read that found less than it wanted. */
static int receives_per_read(struct np_fd *reader, int writer)
{
	struct call call = { .fd = reader };
	int calls;

	cr_assert_eq(send(writer, "first", 5, 0), 5);
	cr_assert_eq(np_read(reader, call.data, sizeof(call.data)), 5);
	fault_clear();
	for (int i = 0; i < ROUNDS; i++) {
		call_start(&call, call_read);
		FIXTURE_UNTIL(fixture_parked() == 1);
		/* Not by the library: only its own calls are to be counted, and of recv. */
		cr_assert_eq(send(writer, "hello", 5, 0), 5);
		cr_assert_eq(call_finish(&call), 5);
	}
	calls = fault_calls("recv");
	cr_assert_eq(calls % ROUNDS, 0, "%d for %d reads", calls, ROUNDS);
	return calls / ROUNDS;
}

static int ignore(int sysfd, void *arg)
{
	(void)sysfd;
	(void)arg;
	return 0;
}

/* The pair's first is a handle that the poller has been told of. */
static int measure(void (*make)(int fds[2]), bool with_control)
{
	struct np_fd *fd;
	int fds[2], per_read;

	make(fds);
	cr_assert_eq(np_fd_open(fds[0], 0, &fd), 0);
	call_register(fd);
	if (with_control)
		cr_assert_eq(np_fd_control(fd, ignore, NULL), 0);
	per_read = receives_per_read(fd, fds[1]);
	cr_assert_eq(np_close(fd), 0);
	close(fds[1]);
	return per_read;
}

Test(system_calls, a_short_read_of_tcp_saves_the_next_one_a_call)
{
	cr_assert_eq(measure(fixture_tcp_pair, false), has_shortcut() ? 1 : 2);
}

/* What an option may have changed is not known. */
Test(system_calls, control_ends_that)
{
	cr_assert_eq(measure(fixture_tcp_pair, true), 2);
}

/* A Unix stream may return less than it has: descriptors that were passed keep bytes apart. */
Test(system_calls, a_short_read_of_a_unix_socket_saves_nothing)
{
	cr_assert_eq(measure(fixture_socketpair, false), 2);
}

Test(system_calls, a_full_read_saves_nothing)
{
	struct np_fd *fds[2];
	char byte;

	fixture_fd_tcp_pair(fds);
	call_register(fds[0]);
	cr_assert_eq(np_write(fds[1], "ab", 2), 2);
	cr_assert_eq(np_read(fds[0], &byte, 1), 1);
	fault_clear();
	cr_assert_eq(np_read(fds[0], &byte, 1), 1);
	cr_assert_eq(fault_calls("recv"), 1);
	cr_assert_eq(np_set_read_deadline(fds[0], np_deadline(1000 * 1000)), 0);
	cr_assert_eq(np_read(fds[0], &byte, 1), NP_EDEADLINE);
	cr_assert_geq(fault_calls("recv"), 1);
	np_close(fds[0]);
	np_close(fds[1]);
}

Test(system_calls, of_data_that_is_there_a_read_and_a_write_make_one_each)
{
	struct np_fd *fds[2];
	char buf[8];

	fixture_fd_pair(fds);
	fault_clear();
	cr_assert_eq(np_write(fds[1], "hello", 5), 5);
	cr_assert_eq(np_read(fds[0], buf, sizeof(buf)), 5);
	cr_assert_eq(fault_calls("send"), 1);
	cr_assert_eq(fault_calls("recv"), 1);
	cr_assert_eq(fault_calls("epoll_ctl") + fault_calls("kevent") + fault_calls("fcntl"), 0);
	cr_assert_eq(fault_calls("malloc") + fault_calls("calloc") + fault_calls("realloc"), 0);
	cr_assert_eq(np_read(fds[0], buf, 0), 0);
	cr_assert_eq(fault_calls("recv"), 1, "no bytes need no system call");
	np_close(fds[0]);
	np_close(fds[1]);
}

Test(system_calls, what_makes_no_sense_does_not_reach_the_kernel)
{
	static struct iovec many[IOV_MAX + 1];
	char byte = 'x';
	struct iovec overflow[] = { { &byte, SSIZE_MAX }, { &byte, 1 } };
	struct iovec wrap[] = { { &byte, SIZE_MAX }, { &byte, 2 } };
	struct np_fd *fds[2];

	for (int i = 0; i <= IOV_MAX; i++)
		many[i] = (struct iovec){ &byte, 1 };
	fixture_fd_pipe(fds);
	fault_clear();
	cr_assert_eq(np_readv(fds[0], overflow, 2), -EINVAL);
	cr_assert_eq(np_readv(fds[0], wrap, 2), -EINVAL);
	cr_assert_eq(np_readv(fds[0], many, IOV_MAX + 1), -EINVAL);
	cr_assert_eq(fault_calls("readv"), 0);
	cr_assert_eq(np_writev(fds[1], overflow, 2), -EINVAL);
	cr_assert_eq(np_writev(fds[1], wrap, 2), -EINVAL);
	cr_assert_eq(fault_calls("writev"), 0);
	np_close(fds[0]);
	np_close(fds[1]);
}

enum { GIB = 1 << 30 };

/* Address space only: no page of it is touched but the few that the kernel does. */
static char *reserve(size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	cr_assert_neq(memory, MAP_FAILED);
	return memory;
}

Test(system_calls, streams_are_read_and_written_in_pieces_of_a_gibibyte)
{
	const size_t size = (size_t)GIB + 5;
	char *memory = reserve(size);
	struct np_fd *fds[2];
	size_t written = 0;

	fixture_fd_pair(fds);
	fault_clear();
	/* The first piece is not really written. */
	fault_return("send", 1, 1, GIB);
	cr_assert_eq(np_write_counted(fds[1], memory, size, &written), (ssize_t)size);
	cr_assert_eq(written, size);
	cr_assert_eq(fault_calls("send"), 2);
	cr_assert_eq(fault_largest("send"), GIB);
	cr_assert_eq(np_read(fds[0], memory, size), 5);
	cr_assert_eq(fault_largest("recv"), GIB);
	munmap(memory, size);
	np_close(fds[0]);
	np_close(fds[1]);
}

Test(system_calls, messages_are_never_cut_in_pieces)
{
	const size_t size = (size_t)GIB + 5;
	char *memory = reserve(size);
	struct np_fd *fds[2];
	int numbers[2];

	cr_assert_eq(socketpair(AF_UNIX, SOCK_DGRAM, 0, numbers), 0);
	cr_assert_eq(np_fd_open(numbers[0], 0, &fds[0]), 0);
	cr_assert_eq(np_fd_open(numbers[1], 0, &fds[1]), 0);
	fault_clear();
	cr_assert_eq(np_write(fds[1], memory, size), -EMSGSIZE);
	cr_assert_eq(fault_largest("send"), size);
	cr_assert_eq(np_write(fds[1], "x", 1), 1);
	cr_assert_eq(np_read(fds[0], memory, size), 1);
	cr_assert_eq(fault_largest("recv"), size);
	munmap(memory, size);
	np_close(fds[0]);
	np_close(fds[1]);
}

/* One registration for life: waiting costs no change to it. */
Test(system_calls, a_descriptor_is_registered_once)
{
	struct np_fd *fds[2];
	const char *name = fixture_backend()->traits & RUNTIME_POLL_NEEDS_ARM ? NULL : "epoll_ctl";

	if (!name || fixture_backend()->tag_bits != 64 || !has_shortcut())
		cr_skip_test("of epoll only");
	fixture_fd_tcp_pair(fds);
	call_register(fds[0]);
	fault_clear();
	for (int i = 0; i < ROUNDS; i++) {
		struct call reader = { .fd = fds[0] };

		call_start(&reader, call_read);
		FIXTURE_UNTIL(fixture_parked() == 1);
		cr_assert_eq(np_write(fds[1], "x", 1), 1);
		cr_assert_eq(call_finish(&reader), 1);
	}
	cr_assert_eq(fault_calls(name), 0);
	np_close(fds[0]);
	np_close(fds[1]);
}
