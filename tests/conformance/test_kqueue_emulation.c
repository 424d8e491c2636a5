/* SPDX-License-Identifier: MIT */
/*
 * test_kqueue_emulation.c - is tests/support/kqueue a kqueue?
 *
 * What kqueue(2) of the BSDs promises and the kqueue backend builds on, on real pipes and sockets.
 * Nothing here is about the library. Waits are bounded by PATIENCE, and looks do not wait at all:
 * what a test expects has been caused by the same thread before.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* gettid, accept4, pipe2 */
#endif

#include "tests/support/fixture.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/event.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static const struct timespec NO_TIME = { 0, 0 };
static const struct timespec PATIENCE = { 20, 0 };

static int descriptors_before;
static int kq;

/* --- fixture --- */

static int count_descriptors(void)
{
	DIR *directory = opendir("/proc/self/fd");
	int count = 0;

	cr_assert(directory);
	while (readdir(directory))
		count++;
	closedir(directory);
	return count;
}

static void make_queue(void)
{
	descriptors_before = count_descriptors();
	kq = kqueue();
	cr_assert(kq >= 0, "%s", strerror(errno));
}

static void close_queue(void)
{
	FIXTURE_DEMAND(close(kq) == 0, "the queue was not open");
	FIXTURE_DEMAND(count_descriptors() == descriptors_before,
		       "a test or the queue left some open");
}

TestSuite(kqueue_emulation, .init = make_queue, .fini = close_queue, .timeout = 120);

/* --- changes and events --- */

static int change(uintptr_t ident, int filter, int flags, unsigned fflags, void *udata)
{
	struct kevent entry;

	EV_SET(&entry, ident, filter, flags, fflags, 0, udata);
	return kevent(kq, &entry, 1, NULL, 0, NULL) < 0 ? errno : 0;
}

static void add(int fd, int filter, int flags)
{
	cr_assert_eq(change((uintptr_t)fd, filter, EV_ADD | flags, 0, NULL), 0);
}

static int look(struct kevent *events, int nevents)
{
	return kevent(kq, NULL, 0, events, nevents, &NO_TIME);
}

static struct kevent expect_one(void)
{
	struct kevent events[8];
	int n = look(events, 8);

	cr_assert_eq(n, 1, "%d events", n);
	return events[0];
}

static void expect_none(void)
{
	struct kevent events[8];
	int n = look(events, 8);

	cr_assert_eq(n, 0, "%d events, the first on %d by filter %d", n, (int)events[0].ident,
		     events[0].filter);
}

/* For what another thread or the network has yet to bring. */
static struct kevent await_one(void)
{
	struct kevent event;
	int n = kevent(kq, NULL, 0, &event, 1, &PATIENCE);

	cr_assert_eq(n, 1, "%d: %s", n, n < 0 ? strerror(errno) : "nothing came");
	return event;
}

static void expect_event(struct kevent event, int fd, int filter, int eof, int64_t data)
{
	cr_assert_eq(event.ident, (uintptr_t)fd);
	cr_assert_eq(event.filter, filter);
	cr_assert_eq(event.flags & EV_EOF, eof);
	cr_assert_eq(event.data, data, "data is %lld", (long long)event.data);
	cr_assert_eq(event.flags & EV_ERROR, 0);
}

static bool is_queue_readable(void)
{
	struct pollfd entry = { .fd = kq, .events = POLLIN };

	return poll(&entry, 1, 0) == 1;
}

/* --- descriptors --- */

static void make_pipe(int ends[2])
{
	cr_assert_eq(pipe2(ends, O_NONBLOCK | O_CLOEXEC), 0);
}

static void make_pair(int ends[2])
{
	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
}

static void close_both(const int ends[2])
{
	close(ends[0]);
	close(ends[1]);
}

static void put(int fd, size_t bytes)
{
	static const char zeros[4096];

	cr_assert(bytes <= sizeof(zeros));
	cr_assert_eq(write(fd, zeros, bytes), (ssize_t)bytes);
}

static size_t take_all(int fd)
{
	char buffer[4096];
	size_t total = 0;
	ssize_t n;

	while ((n = read(fd, buffer, sizeof(buffer))) > 0)
		total += (size_t)n;
	return total;
}

static void fill(int fd)
{
	static const char zeros[4096];

	while (write(fd, zeros, sizeof(zeros)) > 0)
		;
	cr_assert_eq(errno, EAGAIN);
}

static int make_tcp(void)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	cr_assert(fd >= 0);
	return fd;
}

static int make_listener(struct sockaddr_in *ret_address)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t size = sizeof(address);
	int fd = make_tcp();

	cr_assert_eq(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	cr_assert_eq(listen(fd, 8), 0);
	cr_assert_eq(getsockname(fd, (struct sockaddr *)&address, &size), 0);
	*ret_address = address;
	return fd;
}

static void start_connect(int fd, const struct sockaddr_in *address)
{
	int result = connect(fd, (const struct sockaddr *)address, sizeof(*address));

	cr_assert(result == 0 || errno == EINPROGRESS || errno == ECONNREFUSED);
}

static void make_connection(int ends[2])
{
	struct sockaddr_in address;
	int listener = make_listener(&address);
	struct pollfd entry = { .fd = listener, .events = POLLIN };

	ends[0] = make_tcp();
	start_connect(ends[0], &address);
	cr_assert_eq(poll(&entry, 1, 20000), 1);
	ends[1] = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	cr_assert(ends[1] >= 0);
	close(listener);
}

/* --- a thread that waits for one event --- */

struct sleeper {
	pthread_t thread;
	atomic_int tid;
	atomic_bool is_done;
	int result;
	int error;
	struct kevent event;
};

static void *sleep_in_kevent(void *opaque)
{
	struct sleeper *sleeper = opaque;

	atomic_store(&sleeper->tid, (int)syscall(SYS_gettid));
	sleeper->result = kevent(kq, NULL, 0, &sleeper->event, 1, NULL);
	sleeper->error = errno;
	atomic_store(&sleeper->is_done, true);
	return NULL;
}

static bool is_asleep(int tid)
{
	char path[64];
	char state = '?';
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", tid);
	file = fopen(path, "r");
	if (!file)
		return false;
	if (fscanf(file, "%*d (%*[^)]) %c", &state) != 1)
		state = '?';
	fclose(file);
	return state == 'S';
}

/* Most likely asleep in kevent when this returns; no test depends on its being so. */
static void start_sleeper(struct sleeper *sleeper)
{
	*sleeper = (struct sleeper){ 0 };
	cr_assert_eq(pthread_create(&sleeper->thread, NULL, sleep_in_kevent, sleeper), 0);
	for (int i = 0; i < 2000 && !is_asleep(atomic_load(&sleeper->tid)); i++)
		poll(NULL, 0, 1);
}

static void join_sleeper(struct sleeper *sleeper)
{
	cr_assert_eq(pthread_join(sleeper->thread, NULL), 0); /* the suite's timeout bounds it */
}

/* --- the queue as a descriptor --- */

Test(kqueue_emulation, a_queue_with_nothing_in_it_reports_nothing)
{
	expect_none();
	cr_assert_not(is_queue_readable());
}

Test(kqueue_emulation, close_on_exec_is_up_to_the_caller)
{
	cr_assert_eq(fcntl(kq, F_GETFD), 0);
	cr_assert_eq(fcntl(kq, F_SETFD, FD_CLOEXEC), 0);
	cr_assert_eq(fcntl(kq, F_GETFD), FD_CLOEXEC);
}

Test(kqueue_emulation, poll_says_readable_while_events_are_pending)
{
	int ends[2];

	make_pipe(ends);
	add(ends[0], EVFILT_READ, EV_CLEAR);
	cr_assert_not(is_queue_readable());
	put(ends[1], 1);
	cr_assert(is_queue_readable());
	expect_one();
	cr_assert_not(is_queue_readable());
	close_both(ends);
}

Test(kqueue_emulation, a_number_that_comes_back_as_another_queue_starts_empty)
{
	int number = kq;
	int ends[2];

	make_pipe(ends);
	put(ends[1], 1);
	add(ends[0], EVFILT_READ, 0);
	cr_assert_eq(change(7, EVFILT_USER, EV_ADD, NOTE_TRIGGER, NULL), 0);
	close(kq);
	kq = kqueue();
	cr_assert_eq(kq, number);
	expect_none();
	cr_assert_eq(change((uintptr_t)ends[0], EVFILT_READ, EV_DELETE, 0, NULL), ENOENT);
	add(ends[0], EVFILT_READ, 0);
	expect_event(expect_one(), ends[0], EVFILT_READ, 0, 1);
	close_both(ends);
}

Test(kqueue_emulation, a_queue_can_be_watched_by_another)
{
	int inner = kq;
	int ends[2];

	make_pipe(ends);
	add(ends[0], EVFILT_READ, EV_CLEAR);
	kq = kqueue();
	add(inner, EVFILT_READ, 0);
	expect_none();
	put(ends[1], 1);
	cr_assert_eq(expect_one().ident, (uintptr_t)inner);
	cr_assert_eq(change((uintptr_t)kq, EVFILT_READ, EV_ADD, 0, NULL), EINVAL);
	close(kq);
	kq = inner;
	expect_event(expect_one(), ends[0], EVFILT_READ, 0, 1);
	close_both(ends);
}

Test(kqueue_emulation, no_descriptor_left_is_emfile)
{
	struct rlimit limit;
	struct rlimit none_left;

	cr_assert_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	none_left = limit;
	none_left.rlim_cur = (rlim_t)kq; /* the lowest free numbers are above it */
	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &none_left), 0);
	cr_assert_eq(kqueue(), -1);
	cr_assert_eq(errno, EMFILE);
	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

/* --- reading --- */

Test(kqueue_emulation, unread_bytes_are_reported_as_long_as_they_are_there)
{
	int ends[2];

	make_pipe(ends);
	add(ends[0], EVFILT_READ, 0);
	expect_none();
	put(ends[1], 3);
	expect_event(expect_one(), ends[0], EVFILT_READ, 0, 3);
	expect_event(expect_one(), ends[0], EVFILT_READ, 0, 3);
	take_all(ends[0]);
	expect_none();
	cr_assert_not(is_queue_readable());
	put(ends[1], 2);
	expect_event(expect_one(), ends[0], EVFILT_READ, 0, 2);
	close_both(ends);
}

static void report_each_arrival_once(const int ends[2])
{
	add(ends[0], EVFILT_READ, EV_CLEAR);
	put(ends[1], 3);
	expect_event(await_one(), ends[0], EVFILT_READ, 0, 3);
	expect_none();
	put(ends[1], 2);
	expect_event(await_one(), ends[0], EVFILT_READ, 0, 5);
	expect_none();
	take_all(ends[0]);
	expect_none();
	put(ends[1], 1);
	expect_event(await_one(), ends[0], EVFILT_READ, 0, 1);
	close_both(ends);
}

Test(kqueue_emulation, with_clear_each_arrival_in_a_pipe_is_reported_once)
{
	int ends[2];

	make_pipe(ends);
	report_each_arrival_once(ends);
}

Test(kqueue_emulation, with_clear_each_arrival_at_a_unix_socket_is_reported_once)
{
	int ends[2];

	make_pair(ends);
	report_each_arrival_once(ends);
}

Test(kqueue_emulation, with_clear_each_arrival_at_a_tcp_socket_is_reported_once)
{
	int ends[2];

	make_connection(ends);
	report_each_arrival_once(ends);
}

Test(kqueue_emulation, adding_reports_the_present_state)
{
	int ends[2];

	make_pair(ends);
	put(ends[1], 4);
	add(ends[0], EVFILT_READ, EV_CLEAR);
	expect_event(expect_one(), ends[0], EVFILT_READ, 0, 4);
	expect_none();
	add(ends[0], EVFILT_READ, EV_CLEAR);
	expect_event(expect_one(), ends[0], EVFILT_READ, 0, 4);
	close_both(ends);
}

Test(kqueue_emulation, what_was_read_before_it_was_reported_is_not_reported)
{
	int ends[2];

	make_pipe(ends);
	add(ends[0], EVFILT_READ, EV_CLEAR);
	put(ends[1], 4);
	take_all(ends[0]);
	expect_none();
	close_both(ends);
}

Test(kqueue_emulation, below_its_low_water_mark_a_reader_hears_nothing)
{
	struct kevent entry;
	int ends[2];

	make_pair(ends);
	EV_SET(&entry, ends[0], EVFILT_READ, EV_ADD, NOTE_LOWAT, 4, NULL);
	cr_assert_eq(kevent(kq, &entry, 1, NULL, 0, NULL), 0);
	put(ends[1], 3);
	expect_none();
	put(ends[1], 1);
	expect_event(expect_one(), ends[0], EVFILT_READ, 0, 4);
	take_all(ends[0]);
	expect_none();
	close(ends[1]);
	expect_event(expect_one(), ends[0], EVFILT_READ, EV_EOF, 0);
	close(ends[0]);
}

Test(kqueue_emulation, an_empty_datagram_is_something_to_read)
{
	int ends[2];

	cr_assert_eq(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, ends), 0);
	add(ends[0], EVFILT_READ, EV_CLEAR);
	cr_assert_eq(send(ends[1], "", 0, 0), 0);
	expect_event(expect_one(), ends[0], EVFILT_READ, 0, 0);
	close_both(ends);
}

Test(kqueue_emulation, a_regular_file_is_readable_up_to_its_end)
{
	FILE *file = tmpfile();
	int fd;

	cr_assert(file);
	fd = fileno(file);
	put(fd, 10);
	add(fd, EVFILT_READ, 0);
	expect_none();
	cr_assert_eq(lseek(fd, 4, SEEK_SET), 4);
	add(fd, EVFILT_READ, 0);
	expect_event(expect_one(), fd, EVFILT_READ, 0, 6);
	expect_event(expect_one(), fd, EVFILT_READ, 0, 6);
	take_all(fd);
	expect_none();
	add(fd, EVFILT_WRITE, EV_CLEAR);
	expect_event(expect_one(), fd, EVFILT_WRITE, 0, 1);
	expect_none();
	fclose(file);
}

/* --- end of file --- */

Test(kqueue_emulation, the_reader_of_a_pipe_hears_that_the_writer_has_gone)
{
	int ends[2];

	make_pipe(ends);
	add(ends[0], EVFILT_READ, EV_CLEAR);
	put(ends[1], 2);
	expect_event(expect_one(), ends[0], EVFILT_READ, 0, 2);
	close(ends[1]);
	expect_event(expect_one(), ends[0], EVFILT_READ, EV_EOF, 2);
	expect_none();
	close(ends[0]);
}

Test(kqueue_emulation, the_writer_of_a_pipe_hears_that_the_reader_has_gone)
{
	int ends[2];

	make_pipe(ends);
	fill(ends[1]);
	add(ends[1], EVFILT_WRITE, EV_CLEAR);
	expect_none();
	close(ends[0]);
	expect_event(expect_one(), ends[1], EVFILT_WRITE, EV_EOF, 0);
	expect_none();
	close(ends[1]);
}

static void half_close_wakes_the_reader_only(const int ends[2])
{
	struct kevent event;

	add(ends[0], EVFILT_READ, EV_CLEAR);
	put(ends[1], 1);
	expect_event(await_one(), ends[0], EVFILT_READ, 0, 1);
	cr_assert_eq(shutdown(ends[1], SHUT_WR), 0);
	expect_event(await_one(), ends[0], EVFILT_READ, EV_EOF, 1);
	expect_none();
	add(ends[0], EVFILT_WRITE, EV_CLEAR);
	do
		event = await_one(); /* READ again is allowed: one registration, one edge */
	while (event.filter == EVFILT_READ);
	expect_event(event, ends[0], EVFILT_WRITE, 0, 1);
	close_both(ends);
}

Test(kqueue_emulation, half_close_of_a_unix_socket_wakes_the_reader_only)
{
	int ends[2];

	make_pair(ends);
	half_close_wakes_the_reader_only(ends);
}

Test(kqueue_emulation, half_close_of_a_tcp_connection_wakes_the_reader_only)
{
	int ends[2];

	make_connection(ends);
	half_close_wakes_the_reader_only(ends);
}

Test(kqueue_emulation, a_closed_peer_is_the_end_of_both_directions)
{
	struct kevent events[4];
	int ends[2];

	make_pair(ends);
	add(ends[0], EVFILT_READ, EV_CLEAR);
	add(ends[0], EVFILT_WRITE, EV_CLEAR);
	expect_event(expect_one(), ends[0], EVFILT_WRITE, 0, 1);
	close(ends[1]);
	cr_assert_eq(look(events, 4), 2);
	cr_assert_neq(events[0].filter, events[1].filter);
	cr_assert(events[0].flags & EV_EOF);
	cr_assert(events[1].flags & EV_EOF);
	expect_none();
	close(ends[0]);
}

static void own_shutdown_is_the_end_of_writing(const int ends[2])
{
	add(ends[0], EVFILT_WRITE, 0);
	expect_event(await_one(), ends[0], EVFILT_WRITE, 0, 1);
	cr_assert_eq(shutdown(ends[0], SHUT_WR), 0);
	expect_event(expect_one(), ends[0], EVFILT_WRITE, EV_EOF, 0);
	close_both(ends);
}

Test(kqueue_emulation, own_shutdown_of_a_unix_socket_is_the_end_of_writing)
{
	int ends[2];

	make_pair(ends);
	own_shutdown_is_the_end_of_writing(ends);
}

Test(kqueue_emulation, own_shutdown_of_a_tcp_connection_is_the_end_of_writing)
{
	int ends[2];

	make_connection(ends);
	own_shutdown_is_the_end_of_writing(ends);
}

/* --- writing --- */

static void room_is_reported_when_it_appears(const int ends[2])
{
	add(ends[1], EVFILT_WRITE, EV_CLEAR);
	cr_assert_eq(await_one().filter, EVFILT_WRITE);
	expect_none();
	fill(ends[1]);
	expect_none();
	cr_assert(take_all(ends[0]) > 0);
	expect_event(await_one(), ends[1], EVFILT_WRITE, 0, 1);
	close_both(ends);
}

Test(kqueue_emulation, room_in_a_pipe_is_reported_when_it_appears)
{
	int ends[2];

	make_pipe(ends);
	room_is_reported_when_it_appears(ends);
}

Test(kqueue_emulation, room_in_a_unix_socket_is_reported_when_it_appears)
{
	int ends[2];

	make_pair(ends);
	room_is_reported_when_it_appears(ends);
}

Test(kqueue_emulation, without_clear_room_is_reported_as_long_as_it_is_there)
{
	int ends[2];

	make_pipe(ends);
	add(ends[1], EVFILT_WRITE, 0);
	cr_assert_eq(expect_one().filter, EVFILT_WRITE);
	cr_assert_eq(expect_one().filter, EVFILT_WRITE);
	fill(ends[1]);
	expect_none();
	close_both(ends);
}

Test(kqueue_emulation, a_reader_alone_hears_nothing_of_room)
{
	int ends[2];

	make_pair(ends);
	add(ends[0], EVFILT_READ, EV_CLEAR);
	fill(ends[0]);
	take_all(ends[1]);
	cr_assert_not(is_queue_readable());
	expect_none();
	close_both(ends);
}

/* --- connections --- */

Test(kqueue_emulation, a_listener_is_readable_while_a_connection_waits)
{
	struct sockaddr_in address;
	int listener = make_listener(&address);
	int client = make_tcp();
	int server;

	add(listener, EVFILT_READ, 0);
	expect_none();
	start_connect(client, &address);
	expect_event(await_one(), listener, EVFILT_READ, 0, 1);
	server = accept(listener, NULL, NULL);
	cr_assert(server >= 0);
	expect_none();
	close(server);
	close(client);
	close(listener);
}

Test(kqueue_emulation, an_unconnected_socket_is_neither_readable_nor_writable)
{
	struct sockaddr_in address;
	int listener = make_listener(&address);
	int client = make_tcp();

	add(client, EVFILT_READ, EV_CLEAR);
	add(client, EVFILT_WRITE, EV_CLEAR);
	expect_none();
	start_connect(client, &address);
	expect_event(await_one(), client, EVFILT_WRITE, 0, 1);
	expect_none();
	close(client);
	close(listener);
}

Test(kqueue_emulation, a_refused_connect_ends_both_directions_and_keeps_its_error)
{
	struct sockaddr_in address;
	struct kevent events[2];
	socklen_t size = sizeof(int);
	int error = 0;
	int client = make_tcp();
	int count = 0;

	close(make_listener(&address));
	add(client, EVFILT_READ, EV_CLEAR);
	add(client, EVFILT_WRITE, EV_CLEAR);
	start_connect(client, &address);
	while (count < 2) {
		int n = kevent(kq, NULL, 0, events, 2, &PATIENCE);

		cr_assert(n > 0);
		for (int i = 0; i < n; i++)
			cr_assert(events[i].flags & EV_EOF);
		count += n;
	}
	cr_assert_eq(getsockopt(client, SOL_SOCKET, SO_ERROR, &error, &size), 0);
	cr_assert_eq(error, ECONNREFUSED);
	close(client);
}

/* --- user events --- */

Test(kqueue_emulation, a_triggered_user_event_stays_without_clear)
{
	struct kevent event;
	int mine;

	cr_assert_eq(change(7, EVFILT_USER, EV_ADD, 0, &mine), 0);
	expect_none();
	cr_assert_eq(change(7, EVFILT_USER, 0, NOTE_TRIGGER, &mine), 0);
	cr_assert(is_queue_readable());
	event = expect_one();
	cr_assert_eq(event.ident, 7);
	cr_assert_eq(event.filter, EVFILT_USER);
	cr_assert_eq(event.udata, &mine);
	expect_one();
	cr_assert_eq(change(7, EVFILT_USER, EV_DELETE, 0, NULL), 0);
	expect_none();
	cr_assert_not(is_queue_readable());
}

Test(kqueue_emulation, with_clear_a_user_event_is_reported_once_for_many_triggers)
{
	cr_assert_eq(change(0, EVFILT_USER, EV_ADD | EV_CLEAR, 0, NULL), 0);
	for (int round = 0; round < 3; round++) {
		cr_assert_eq(change(0, EVFILT_USER, 0, NOTE_TRIGGER, NULL), 0);
		cr_assert_eq(change(0, EVFILT_USER, 0, NOTE_TRIGGER, NULL), 0);
		expect_one();
		expect_none();
		cr_assert_not(is_queue_readable());
		cr_assert_eq(change(0, EVFILT_USER, EV_ENABLE, 0, NULL), 0); /* no trigger */
		expect_none();
	}
}

Test(kqueue_emulation, a_user_event_carries_its_flags)
{
	cr_assert_eq(change(1, EVFILT_USER, EV_ADD, NOTE_FFCOPY | 0x0f, NULL), 0);
	cr_assert_eq(change(1, EVFILT_USER, 0, NOTE_FFOR | 0xf0, NULL), 0);
	cr_assert_eq(change(1, EVFILT_USER, 0, NOTE_FFAND | 0x3c, NULL), 0);
	cr_assert_eq(change(1, EVFILT_USER, 0, NOTE_FFNOP | NOTE_TRIGGER | 0x01, NULL), 0);
	cr_assert_eq(expect_one().fflags, 0x3c);
}

/* --- what changes answer --- */

Test(kqueue_emulation, changes_that_make_no_sense_are_refused)
{
	int ends[2];

	make_pipe(ends);
	cr_assert_eq(change((uintptr_t)ends[0], EVFILT_READ, EV_DELETE, 0, NULL), ENOENT);
	cr_assert_eq(change((uintptr_t)ends[0], EVFILT_READ, EV_ENABLE, 0, NULL), ENOENT);
	cr_assert_eq(change(3, EVFILT_USER, 0, NOTE_TRIGGER, NULL), ENOENT);
	cr_assert_eq(change((uintptr_t)ends[0], -100, EV_ADD, 0, NULL), EINVAL);
	close_both(ends);
	cr_assert_eq(change((uintptr_t)ends[0], EVFILT_READ, EV_ADD, 0, NULL), EBADF);
	cr_assert_eq(change((uintptr_t)-1, EVFILT_WRITE, EV_ADD, 0, NULL), EBADF);
	cr_assert_eq(kevent(-1, NULL, 0, NULL, 0, NULL), -1);
	cr_assert_eq(errno, EBADF);
}

Test(kqueue_emulation, failed_changes_are_answered_and_the_others_made)
{
	struct kevent entries[3];
	int ends[2];

	make_pipe(ends);
	put(ends[1], 1);
	EV_SET(&entries[0], ends[0], EVFILT_WRITE, EV_DELETE, 0, 0, NULL);
	EV_SET(&entries[1], ends[0], EVFILT_READ, EV_ADD, 0, 0, NULL);
	EV_SET(&entries[2], -1, EVFILT_READ, EV_ADD, 0, 0, entries);
	cr_assert_eq(kevent(kq, entries, 3, entries, 3, NULL), 2);
	cr_assert_eq(entries[0].flags, EV_ERROR);
	cr_assert_eq(entries[0].data, ENOENT);
	cr_assert_eq(entries[1].ident, (uintptr_t)-1);
	cr_assert_eq(entries[1].flags, EV_ERROR);
	cr_assert_eq(entries[1].data, EBADF);
	cr_assert_eq(entries[1].udata, entries);
	expect_event(expect_one(), ends[0], EVFILT_READ, 0, 1);
	close_both(ends);
}

Test(kqueue_emulation, without_room_for_the_answer_the_call_fails)
{
	struct kevent changes[3];
	struct kevent answer;
	int ends[2];

	make_pipe(ends);
	EV_SET(&changes[0], ends[0], EVFILT_READ, EV_DELETE, 0, 0, NULL);
	EV_SET(&changes[1], ends[0], -100, EV_ADD, 0, 0, NULL);
	EV_SET(&changes[2], ends[0], EVFILT_READ, EV_ADD, 0, 0, NULL);
	cr_assert_eq(kevent(kq, changes, 3, &answer, 1, NULL), -1);
	cr_assert_eq(errno, EINVAL);
	cr_assert_eq(change((uintptr_t)ends[0], EVFILT_READ, EV_DELETE, 0, NULL), ENOENT);
	close_both(ends);
}

Test(kqueue_emulation, receipts_answer_every_change_and_leave_events_for_later)
{
	struct kevent entries[2];
	int ends[2];

	make_pipe(ends);
	put(ends[1], 1);
	EV_SET(&entries[0], ends[0], EVFILT_READ, EV_ADD | EV_CLEAR | EV_RECEIPT, 0, 0, NULL);
	EV_SET(&entries[1], ends[0], EVFILT_WRITE, EV_DELETE | EV_RECEIPT, 0, 0, NULL);
	cr_assert_eq(kevent(kq, entries, 2, entries, 2, NULL), 2);
	cr_assert_eq(entries[0].flags, EV_ERROR);
	cr_assert_eq(entries[0].data, 0);
	cr_assert_eq(entries[1].flags, EV_ERROR);
	cr_assert_eq(entries[1].data, ENOENT);
	expect_event(expect_one(), ends[0], EVFILT_READ, 0, 1);
	close_both(ends);
}

Test(kqueue_emulation, one_call_can_change_and_collect)
{
	struct kevent entry;
	int ends[2];

	make_pipe(ends);
	put(ends[1], 2);
	EV_SET(&entry, ends[0], EVFILT_READ, EV_ADD | EV_CLEAR, 0, 0, ends);
	cr_assert_eq(kevent(kq, &entry, 1, &entry, 1, NULL), 1);
	expect_event(entry, ends[0], EVFILT_READ, 0, 2);
	cr_assert_eq(entry.udata, ends);
	close_both(ends);
}

Test(kqueue_emulation, adding_again_silently_replaces_user_data_and_habits)
{
	int first, second;
	struct kevent event;
	int ends[2];

	make_pipe(ends);
	put(ends[1], 1);
	cr_assert_eq(change((uintptr_t)ends[0], EVFILT_READ, EV_ADD, 0, &first), 0);
	cr_assert_eq(expect_one().udata, &first);
	cr_assert_eq(change((uintptr_t)ends[0], EVFILT_READ, EV_ADD | EV_CLEAR, 0, &second), 0);
	event = expect_one();
	cr_assert_eq(event.udata, &second);
	cr_assert(event.flags & EV_CLEAR);
	expect_none();
	close_both(ends);
}

/* --- habits --- */

Test(kqueue_emulation, a_deleted_knote_reports_nothing_also_what_was_pending)
{
	int ends[2];

	make_pair(ends);
	add(ends[0], EVFILT_READ, 0);
	add(ends[0], EVFILT_WRITE, EV_CLEAR);
	put(ends[1], 1);
	cr_assert_eq(change((uintptr_t)ends[0], EVFILT_READ, EV_DELETE, 0, NULL), 0);
	cr_assert_eq(expect_one().filter, EVFILT_WRITE);
	put(ends[1], 1);
	cr_assert_not(is_queue_readable());
	cr_assert_eq(change((uintptr_t)ends[0], EVFILT_WRITE, EV_DELETE, 0, NULL), 0);
	close(ends[1]);
	cr_assert_not(is_queue_readable());
	expect_none();
	close(ends[0]);
}

Test(kqueue_emulation, a_one_shot_knote_is_gone_after_its_event)
{
	int ends[2];

	make_pipe(ends);
	put(ends[1], 1);
	add(ends[0], EVFILT_READ, EV_ONESHOT);
	expect_event(expect_one(), ends[0], EVFILT_READ, 0, 1);
	put(ends[1], 1);
	expect_none();
	cr_assert_eq(change((uintptr_t)ends[0], EVFILT_READ, EV_DELETE, 0, NULL), ENOENT);
	close_both(ends);
}

Test(kqueue_emulation, a_dispatched_knote_is_silent_until_it_is_enabled)
{
	int ends[2];

	make_pipe(ends);
	put(ends[1], 1);
	add(ends[0], EVFILT_READ, EV_DISPATCH);
	expect_event(expect_one(), ends[0], EVFILT_READ, 0, 1);
	put(ends[1], 1);
	expect_none();
	cr_assert_eq(change((uintptr_t)ends[0], EVFILT_READ, EV_ENABLE, 0, NULL), 0);
	expect_event(expect_one(), ends[0], EVFILT_READ, 0, 2);
	expect_none();
	close_both(ends);
}

Test(kqueue_emulation, a_disabled_knote_is_silent_until_it_is_enabled)
{
	int ends[2];

	make_pipe(ends);
	add(ends[0], EVFILT_READ, EV_CLEAR | EV_DISABLE);
	put(ends[1], 1);
	expect_none();
	cr_assert_eq(change((uintptr_t)ends[0], EVFILT_READ, EV_ENABLE, 0, NULL), 0);
	expect_event(expect_one(), ends[0], EVFILT_READ, 0, 1);
	put(ends[1], 1);
	cr_assert_eq(change((uintptr_t)ends[0], EVFILT_READ, EV_DISABLE, 0, NULL), 0);
	expect_none();
	close_both(ends);
}

/* --- closed descriptors --- */

Test(kqueue_emulation, a_closed_descriptor_takes_its_knotes_along)
{
	int ends[2];

	make_pipe(ends);
	put(ends[1], 1);
	add(ends[0], EVFILT_READ, 0);
	expect_one();
	close_both(ends);
	expect_none();
	cr_assert_not(is_queue_readable());
}

Test(kqueue_emulation, so_does_one_with_a_duplicate_elsewhere)
{
	int ends[2];
	int duplicate;

	make_pipe(ends);
	add(ends[0], EVFILT_READ, 0);
	duplicate = dup(ends[0]);
	close(ends[0]);
	put(ends[1], 1);
	expect_none();
	cr_assert_not(is_queue_readable());
	close(duplicate);
	close(ends[1]);
}

Test(kqueue_emulation, a_reused_number_is_another_descriptor)
{
	int first, second;
	struct kevent event;
	int ends[2];
	int others[2];

	make_pipe(ends);
	make_pair(others);
	cr_assert_eq(change((uintptr_t)ends[0], EVFILT_READ, EV_ADD, 0, &first), 0);
	put(ends[1], 1);
	expect_one(); /* and would be the next time */
	cr_assert_eq(dup3(others[0], ends[0], O_CLOEXEC), ends[0]);
	put(others[1], 3);
	expect_none();
	cr_assert_eq(change((uintptr_t)ends[0], EVFILT_READ, EV_DELETE, 0, NULL), ENOENT);
	cr_assert_eq(change((uintptr_t)ends[0], EVFILT_READ, EV_ADD | EV_CLEAR, 0, &second), 0);
	event = expect_one();
	expect_event(event, ends[0], EVFILT_READ, 0, 3);
	cr_assert_eq(event.udata, &second);
	expect_none();
	close_both(ends);
	close_both(others);
}

Test(kqueue_emulation, a_reused_number_of_the_same_kind_is_another_descriptor_too)
{
	int fd = eventfd(0, EFD_NONBLOCK);
	int again;

	add(fd, EVFILT_WRITE, EV_CLEAR);
	expect_one();
	close(fd);
	again = eventfd(1, EFD_NONBLOCK); /* all eventfds have one inode */
	cr_assert_eq(again, fd);
	add(again, EVFILT_READ, EV_CLEAR);
	cr_assert_eq(expect_one().filter, EVFILT_READ);
	cr_assert_eq(change((uintptr_t)again, EVFILT_WRITE, EV_DELETE, 0, NULL), ENOENT);
	close(again);
}

/* --- more events than room --- */

Test(kqueue_emulation, what_does_not_fit_comes_with_the_next_call)
{
	struct kevent events[2];
	int ends[2];

	make_pair(ends);
	put(ends[1], 1);
	add(ends[0], EVFILT_READ, EV_CLEAR);
	add(ends[0], EVFILT_WRITE, EV_CLEAR);
	cr_assert_eq(look(&events[0], 1), 1);
	cr_assert(is_queue_readable());
	cr_assert_eq(look(&events[1], 1), 1);
	cr_assert_neq(events[0].filter, events[1].filter);
	cr_assert_not(is_queue_readable());
	expect_none();
	close_both(ends);
}

Test(kqueue_emulation, with_room_for_one_every_knote_gets_its_turn)
{
	struct kevent event;
	int seen[3] = { 0 };
	int pipes[3][2];

	for (int i = 0; i < 3; i++) {
		make_pipe(pipes[i]);
		put(pipes[i][1], 1);
		cr_assert_eq(change((uintptr_t)pipes[i][0], EVFILT_READ, EV_ADD, 0, &seen[i]), 0);
	}
	for (int i = 0; i < 9; i++) {
		cr_assert_eq(look(&event, 1), 1);
		++*(int *)event.udata;
	}
	for (int i = 0; i < 3; i++) {
		cr_assert_eq(seen[i], 3, "%d of 3 for number %d", seen[i], i);
		close_both(pipes[i]);
	}
}

static void collect_many_edges(int nevents, int calls)
{
	enum { PIPES = 150 };
	static int pipes[PIPES][2];
	static int seen[PIPES];
	struct kevent events[PIPES];
	int n;

	for (int i = 0; i < PIPES; i++) {
		make_pipe(pipes[i]);
		cr_assert_eq(
			change((uintptr_t)pipes[i][0], EVFILT_READ, EV_ADD | EV_CLEAR, 0, &seen[i]),
			0);
		put(pipes[i][1], 1);
	}
	for (; (n = look(events, nevents)) > 0; calls--)
		while (n > 0)
			++*(int *)events[--n].udata;
	cr_assert_eq(calls, 0);
	for (int i = 0; i < PIPES; i++) {
		cr_assert_eq(seen[i], 1);
		close_both(pipes[i]);
	}
}

Test(kqueue_emulation, many_edges_come_one_by_one_and_once_each)
{
	collect_many_edges(1, 150);
}

Test(kqueue_emulation, many_edges_come_all_at_once)
{
	collect_many_edges(150, 1);
}

/* --- time and signals --- */

static int64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

Test(kqueue_emulation, a_timed_wait_does_not_end_early)
{
	const struct timespec brief = { 0, 20500000 };
	int64_t before = now_ns();
	struct kevent event;

	cr_assert_eq(kevent(kq, NULL, 0, &event, 1, &brief), 0);
	cr_assert_geq(now_ns() - before, brief.tv_nsec);
}

Test(kqueue_emulation, absurd_timeouts_are_refused_and_long_ones_are_not)
{
	const struct timespec negative = { -1, 0 };
	const struct timespec too_fine = { 0, 1000000000 };
	const struct timespec long_time = { (time_t)(sizeof(time_t) < 8 ? INT32_MAX : INT64_MAX),
					    999999999 };
	struct kevent event;
	int ends[2];

	cr_assert_eq(kevent(kq, NULL, 0, &event, 1, &negative), -1);
	cr_assert_eq(errno, EINVAL);
	cr_assert_eq(kevent(kq, NULL, 0, &event, 1, &too_fine), -1);
	cr_assert_eq(errno, EINVAL);
	make_pipe(ends);
	put(ends[1], 1);
	add(ends[0], EVFILT_READ, 0);
	cr_assert_eq(kevent(kq, NULL, 0, &event, 1, &long_time), 1);
	close_both(ends);
}

Test(kqueue_emulation, without_room_for_events_there_is_no_wait)
{
	cr_assert_eq(kevent(kq, NULL, 0, NULL, 0, NULL), 0);
}

static void ignore_signal(int number)
{
	(void)number;
}

Test(kqueue_emulation, a_signal_ends_the_wait_with_eintr)
{
	struct sigaction action = { .sa_handler = ignore_signal, .sa_flags = SA_RESTART };
	struct sleeper sleeper;

	cr_assert_eq(sigaction(SIGUSR1, &action, NULL), 0);
	start_sleeper(&sleeper);
	/* One that comes before the thread sleeps does nothing, hence many. */
	for (int i = 0; i < 2000 && !atomic_load(&sleeper.is_done); i++) {
		pthread_kill(sleeper.thread, SIGUSR1);
		poll(NULL, 0, 10);
	}
	cr_assert(atomic_load(&sleeper.is_done));
	join_sleeper(&sleeper);
	cr_assert_eq(sleeper.result, -1);
	cr_assert_eq(sleeper.error, EINTR);
}

/* --- threads --- */

Test(kqueue_emulation, a_sleeper_is_woken_by_a_trigger)
{
	struct sleeper sleeper;

	cr_assert_eq(change(9, EVFILT_USER, EV_ADD | EV_CLEAR, 0, NULL), 0);
	start_sleeper(&sleeper);
	cr_assert_eq(change(9, EVFILT_USER, 0, NOTE_TRIGGER, NULL), 0);
	join_sleeper(&sleeper);
	cr_assert_eq(sleeper.result, 1);
	cr_assert_eq(sleeper.event.ident, 9);
	expect_none();
}

Test(kqueue_emulation, a_sleeper_is_woken_by_what_another_thread_adds)
{
	struct sleeper sleeper;
	int ends[2];

	make_pipe(ends);
	put(ends[1], 5);
	start_sleeper(&sleeper);
	add(ends[0], EVFILT_READ, EV_CLEAR);
	join_sleeper(&sleeper);
	cr_assert_eq(sleeper.result, 1);
	expect_event(sleeper.event, ends[0], EVFILT_READ, 0, 5);
	expect_none();
	close_both(ends);
}

Test(kqueue_emulation, a_sleeper_is_woken_by_data_that_came_for_what_was_added_meanwhile)
{
	struct sleeper sleeper;
	int ends[2];

	make_pair(ends);
	start_sleeper(&sleeper);
	add(ends[0], EVFILT_READ, EV_CLEAR);
	put(ends[1], 5);
	join_sleeper(&sleeper);
	expect_event(sleeper.event, ends[0], EVFILT_READ, 0, 5);
	close_both(ends);
}

Test(kqueue_emulation, a_sleeper_sleeps_through_a_deleted_knote)
{
	struct sleeper sleeper;
	int ends[2];

	make_pair(ends);
	add(ends[0], EVFILT_READ, EV_CLEAR);
	start_sleeper(&sleeper);
	cr_assert_eq(change((uintptr_t)ends[0], EVFILT_READ, EV_DELETE, 0, NULL), 0);
	put(ends[1], 1);
	cr_assert_eq(change(1, EVFILT_USER, EV_ADD | EV_ONESHOT, NOTE_TRIGGER, NULL), 0);
	join_sleeper(&sleeper);
	cr_assert_eq(sleeper.event.filter, EVFILT_USER);
	close_both(ends);
}

Test(kqueue_emulation, what_does_not_fit_for_one_sleeper_wakes_another)
{
	struct sleeper sleepers[2];
	int ends[2];

	make_pair(ends);
	add(ends[0], EVFILT_READ, EV_CLEAR);
	add(ends[0], EVFILT_WRITE, EV_CLEAR);
	expect_event(expect_one(), ends[0], EVFILT_WRITE, 0, 1);
	start_sleeper(&sleepers[0]);
	start_sleeper(&sleepers[1]);
	close(ends[1]); /* one edge, two events, room for one each */
	join_sleeper(&sleepers[0]);
	join_sleeper(&sleepers[1]);
	cr_assert_eq(sleepers[0].result, 1);
	cr_assert_eq(sleepers[1].result, 1);
	cr_assert_neq(sleepers[0].event.filter, sleepers[1].event.filter);
	expect_none();
	close(ends[0]);
}

enum { TRAFFIC = 2000, COLLECTORS = 3 };

static atomic_int collected;

/* Read everything at each event; a lost edge would leave the counter short for ever. */
static void *collect_bytes(void *unused)
{
	struct kevent event;

	(void)unused;
	while (kevent(kq, NULL, 0, &event, 1, &PATIENCE) == 1 && event.filter == EVFILT_READ)
		atomic_fetch_add(&collected, (int)take_all((int)event.ident));
	return NULL;
}

static void *send_bytes(void *opaque)
{
	const int *fd = opaque;

	for (int i = 0; i < TRAFFIC; i++)
		while (write(*fd, "x", 1) < 0)
			poll(NULL, 0, 1);
	return NULL;
}

Test(kqueue_emulation, no_edge_is_lost_between_many_collectors)
{
	pthread_t collectors[COLLECTORS];
	pthread_t senders[2];
	int pairs[2][2];

	make_pipe(pairs[0]);
	make_pair(pairs[1]);
	for (int i = 0; i < COLLECTORS; i++)
		pthread_create(&collectors[i], NULL, collect_bytes, NULL);
	for (int i = 0; i < 2; i++) {
		add(pairs[i][0], EVFILT_READ, EV_CLEAR);
		pthread_create(&senders[i], NULL, send_bytes, &pairs[i][1]);
	}
	for (int i = 0; i < 2; i++)
		pthread_join(senders[i], NULL);
	for (int i = 0; i < 10000 && atomic_load(&collected) < 2 * TRAFFIC; i++)
		poll(NULL, 0, 1);
	cr_assert_eq(atomic_load(&collected), 2 * TRAFFIC);
	cr_assert_eq(change(1, EVFILT_USER, EV_ADD, NOTE_TRIGGER, NULL), 0); /* ends all of them */
	for (int i = 0; i < COLLECTORS; i++)
		pthread_join(collectors[i], NULL);
	close_both(pairs[0]);
	close_both(pairs[1]);
}
