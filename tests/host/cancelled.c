/* SPDX-License-Identifier: MIT */
/*
 * tests/host/cancelled.c - pthread_cancel(3): no call of the library is a point at which a thread
 * ends. What is asked for before a call, or while it waits, has to wait until after it.
 */
#include "tests/host/host.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/eventfd.h>
#endif

enum { THREADS = 8 };
enum { LARGE = 64 << 10 };

/* ---- asked for before the call -------------------------------------------------------------- */

/* What the calls are made on. For each call anew. */
struct things {
	struct np_fd *tcp[2], *unix_pair[2], *udp, *pipe[2], *listener, *file;
	int null; /* opened before that could be a point to end at */
	char address[NP_ADDR_TEXT_MAX];
#ifdef __linux__
	int counter;
#endif
	struct np_channel *channel;
	struct np_semaphore semaphore;
	struct np_mutex mutex;
	char buf[LARGE];
};

static void open_things(struct things *things)
{
	FILE *file = tmpfile();

	memset(things, 0, sizeof(*things));
	HOST_CHECK(file, "tmpfile: errno %d", errno);
	HOST_EXPECT(np_fd_open(dup(fileno(file)), 0, &things->file), 0);
	fclose(file);
	HOST_EXPECT(np_pwrite(things->file, "hello", 5, 0), 5);
	host_pair("tcp", things->tcp);
	host_pair("unix", things->unix_pair);
	HOST_EXPECT(np_pipe(things->pipe), 0);
	HOST_EXPECT(np_listen("tcp", "127.0.0.1:0", &things->listener), 0);
	host_address(things->listener, things->address);
	HOST_EXPECT(np_listen_packet("udp", "127.0.0.1:0", &things->udp), 0);
#ifdef __linux__
	things->counter = eventfd(0, EFD_CLOEXEC);
#endif
	things->null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	HOST_EXPECT(np_channel_create(1, 1, &things->channel), 0);
	for (int i = 0; i < 2; i++) {
		HOST_EXPECT(np_write(things->tcp[i], "hello", 5), 5);
		HOST_EXPECT(np_write(things->unix_pair[i], "hello", 5), 5);
	}
	HOST_EXPECT(np_write(things->pipe[1], "hello", 5), 5);
}

static void close_things(struct things *things)
{
	struct np_fd *fds[] = {
		things->tcp[0],       things->tcp[1],  things->unix_pair[0],
		things->unix_pair[1], things->pipe[0], things->pipe[1],
		things->listener,     things->file,    things->udp,
	};

	for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
		np_close(fds[i]);
	close(things->null);
	HOST_EXPECT(np_channel_destroy(things->channel), 0);
}

static void soon(struct np_fd *fd)
{
	np_set_deadline(fd, np_deadline(1000000));
}

static void call_read(struct things *things)
{
	for (int i = 0; i < 2; i++)
		HOST_EXPECT(np_read(things->tcp[i], things->buf, LARGE), 5);
	HOST_EXPECT(np_read(things->pipe[0], things->buf, LARGE), 5);
	HOST_EXPECT(np_read(things->file, things->buf, 5), 5);
}

static void call_read_and_wait(struct things *things)
{
	HOST_EXPECT(np_read(things->tcp[0], things->buf, LARGE), 5);
	soon(things->tcp[0]);
	HOST_EXPECT(np_read(things->tcp[0], things->buf, LARGE), NP_EDEADLINE);
}

#ifdef __linux__
/* What reading it leaves behind is looked up in a file. */
static void call_open(struct things *things)
{
	struct np_fd *fd;

	HOST_EXPECT(np_fd_open(things->counter, 0, &fd), 0);
	HOST_EXPECT(np_close(fd), 0);
}
#endif

static void call_readv(struct things *things)
{
	struct iovec parts[2] = { { things->buf, 2 }, { things->buf + 2, 100 } };

	HOST_EXPECT(np_readv(things->tcp[0], parts, 2), 5);
	HOST_EXPECT(np_readv(things->pipe[0], parts, 2), 5);
}

static void call_write(struct things *things)
{
	HOST_EXPECT(np_write(things->tcp[0], things->buf, 10), 10);
	HOST_EXPECT(np_write(things->pipe[1], things->buf, 10), 10);
	HOST_EXPECT(np_write(things->file, things->buf, 10), 10);
	HOST_EXPECT(np_write_zero_copy(things->tcp[0], things->buf, LARGE), LARGE);
}

static void call_writev(struct things *things)
{
	struct iovec parts[2] = { { things->buf, 2 }, { things->buf + 2, 3 } };
	struct iovec again[2] = { { things->buf, 2 }, { things->buf + 2, 3 } };

	HOST_EXPECT(np_writev(things->tcp[0], parts, 2), 5);
	HOST_EXPECT(np_writev(things->pipe[1], again, 2), 5);
}

static void call_messages(struct things *things)
{
	struct iovec part = { things->buf, 5 };
	struct msghdr header = { .msg_iov = &part, .msg_iovlen = 1 };
	struct np_addr self;

	HOST_EXPECT(np_recvmsg(things->unix_pair[0], &header, 0), 5);
	HOST_EXPECT(np_sendmsg(things->unix_pair[0], &header, 0), 5);
	HOST_EXPECT(np_local_addr(things->udp, &self), 0);
	HOST_EXPECT(np_send_to(things->udp, "hello", 5, &self), 5);
	HOST_EXPECT(np_recv_from(things->udp, things->buf, 5, &self), 5);
}

static void call_batches(struct things *things)
{
	struct np_message message = { .data = things->buf, .room = 5, .size = 5 };
	int sent;

	HOST_EXPECT(np_local_addr(things->udp, &message.addr), 0);
	HOST_EXPECT(np_send_messages(things->udp, &message, 1, &sent), 1);
	HOST_EXPECT(np_send_message(things->udp, &message), 5);
	HOST_EXPECT(np_recv_messages(things->udp, &message, 1), 1);
	HOST_EXPECT(np_recv_message(things->udp, &message), 5);
}

static void call_descriptors(struct things *things)
{
	int fds[1];
	size_t count;

	HOST_EXPECT(np_read(things->unix_pair[1], things->buf, 5), 5);
	HOST_EXPECT(np_fd_duplicate(things->file, &fds[0]), 0);
	HOST_EXPECT(np_send_fds(things->unix_pair[0], "x", 1, fds, 1), 1);
	/* Both may be ends for the library here, which close(2) would not be. */
	HOST_EXPECT(np_recv_fds(things->unix_pair[1], things->buf, 1, fds, 1, &count), 1);
}

static void call_wait(struct things *things)
{
	HOST_EXPECT(np_wait(things->tcp[0], NP_READ), 0);
	soon(things->udp);
	HOST_EXPECT(np_wait(things->udp, NP_READ), NP_EDEADLINE);
}

static bool receive_raw(int sysfd, void *arg)
{
	return recv(sysfd, arg, 1, 0) >= 0;
}

/* The program's own function has the lock. */
static void call_raw(struct things *things)
{
	HOST_EXPECT(np_raw_read(things->tcp[0], receive_raw, things->buf), 0);
}

static void call_listen(struct things *things)
{
	struct np_fd *listener;

	(void)things;
	HOST_EXPECT(np_listen("tcp", "127.0.0.1:0", &listener), 0);
	HOST_EXPECT(np_close(listener), 0);
}

static void call_dial(struct things *things)
{
	struct np_fd *dialled, *accepted;

	HOST_EXPECT(np_dial("tcp", things->address, 0, &dialled), 0);
	HOST_EXPECT(np_accept(things->listener, &accepted), 0);
	HOST_EXPECT(np_close(dialled), 0);
	HOST_EXPECT(np_close(accepted), 0);
}

static void call_resolve(struct things *things)
{
	struct np_interface interface;
	struct np_interface_addr addr;
	struct np_addr addrs[8];

	(void)things;
	for (int i = 0; i < 2; i++)
		HOST_EXPECT(np_addr_parse("tcp", i ? "127.0.0.1:1" : "[::1]:1", &addrs[i]), 0);
	HOST_EXPECT(np_addrs_sort(addrs, 2), 0);
	np_resolve("tcp", "localhost:80", np_deadline(INT64_C(10000000000)), addrs, 8);
	HOST_CHECK(np_interfaces(&interface, 1) >= 0, "no interfaces");
	HOST_CHECK(np_interface_addrs(0, &addr, 1) >= 0, "no addresses");
}

static void call_copy(struct things *things)
{
	HOST_EXPECT(np_sendfile(things->tcp[0], things->file, 0, 5), 5);
	HOST_EXPECT(np_copy(things->unix_pair[0], things->pipe[0], 5), 5);
	HOST_EXPECT(np_copy(things->unix_pair[1], things->tcp[1], 10), 10);
}

static void call_file(struct things *things)
{
	struct np_fd *fds[2];
	int64_t position;

	HOST_EXPECT(np_file_open("/", O_RDONLY, 0, &fds[0]), 0);
	HOST_EXPECT(np_close(fds[0]), 0);
	HOST_EXPECT(np_file_standard(0, &fds[0]), 0);
	HOST_EXPECT(np_close(fds[0]), 0);
	HOST_EXPECT(np_pipe(fds), 0);
	HOST_EXPECT(np_close(fds[0]), 0);
	HOST_EXPECT(np_close(fds[1]), 0);
	HOST_EXPECT(np_pread(things->file, things->buf, 5, 0), 5);
	HOST_EXPECT(np_pwrite(things->file, things->buf, 5, 0), 5);
	HOST_EXPECT(np_seek(things->file, 0, SEEK_SET, &position), 0);
	HOST_EXPECT(np_sync(things->file), 0);
	HOST_EXPECT(np_sync_data(things->file), 0);
}

static void call_close(struct things *things)
{
	HOST_EXPECT(np_cancel_io(things->tcp[0]), 0);
	HOST_EXPECT(np_close(things->tcp[1]), 0);
	things->tcp[1] = NULL;
}

static void call_sync(struct things *things)
{
	char byte;

	HOST_EXPECT(np_sleep(1000), 0);
	HOST_EXPECT(np_semaphore_acquire_until(&things->semaphore, 1, np_deadline(1000)),
		    NP_EDEADLINE);
	HOST_EXPECT(np_channel_receive_until(things->channel, &byte, np_deadline(1000)),
		    NP_EDEADLINE);
	HOST_EXPECT(np_mutex_lock(&things->mutex), 0);
	HOST_EXPECT(np_mutex_unlock(&things->mutex), 0);
	np_yield();
}

static void call_poller(struct things *things)
{
	const struct np_poller_options options = { .backend = host_backend };
	struct np_poller *poller;

	(void)things;
	HOST_EXPECT(np_poller_create(&options, &poller), 0);
	HOST_EXPECT(np_poller_break(poller), 0);
	HOST_EXPECT(np_poller_turn(poller, -1), 0);
	HOST_EXPECT(np_poller_turn(poller, 1000), 0);
	HOST_EXPECT(np_poller_destroy(poller), 0);
}

static int echo_in_fiber(void *arg)
{
	(void)arg;
	pthread_testcancel();
	host_echo();
	return 7;
}

static void call_run(struct things *things)
{
	(void)things;
	HOST_EXPECT(host_run(echo_in_fiber, 2), 7);
}

static void call_dump(struct things *things)
{
	HOST_EXPECT(np_dump(things->null), 0);
	HOST_EXPECT(np_dump_on_signal(SIGUSR1, things->null), 0);
	raise(SIGUSR1);
	HOST_EXPECT(np_dump_on_signal(SIGUSR1, -1), 0);
}

static void call_spawn(struct things *things)
{
	static char name[] = "true";
	char *const argv[] = { name, NULL };
	pid_t child;

	(void)things;
	HOST_EXPECT(np_spawn("/bin/true", argv, NULL, NULL, 0, &child), 0);
}

static void call_hand_over(struct things *things)
{
	struct np_inherited list = { .fd = things->file, .name = "file" };

	HOST_EXPECT(np_close(things->unix_pair[1]), 0);
	things->unix_pair[1] = NULL;
	HOST_CHECK(np_hand_over(things->unix_pair[0], &list, 1) < 0, "it was handed to nobody");
	HOST_CHECK(np_take_over(things->tcp[0], &list, 1) < 0, "nobody has handed it over");
}

static const struct call {
	const char *name;
	void (*make)(struct things *things);
} calls[] = {
	{ "read", call_read },       { "read, with a wait", call_read_and_wait },
	{ "readv", call_readv },     { "write", call_write },
	{ "writev", call_writev },   { "messages", call_messages },
	{ "batches", call_batches }, { "descriptors", call_descriptors },
	{ "wait", call_wait },       { "raw", call_raw },
	{ "listen", call_listen },   { "dial", call_dial },
	{ "resolve", call_resolve }, { "copy", call_copy },
	{ "files", call_file },      { "close", call_close },
	{ "sync", call_sync },       { "poller", call_poller },
	{ "run", call_run },         { "dump", call_dump },
	{ "spawn", call_spawn },     { "hand over", call_hand_over },
#ifdef __linux__
	{ "open", call_open },
#endif
};

struct request {
	const struct call *call;
	struct things things;
	bool is_done;
};

static void *make_call(void *arg)
{
	struct request *request = arg;

	host_use_backend();
	open_things(&request->things);
	pthread_cancel(pthread_self());
	request->call->make(&request->things);
	request->is_done = true;
	pthread_testcancel();
	return NULL;
}

static void *read_until_closed(void *arg)
{
	char byte;

	host_use_backend();
	HOST_EXPECT(np_read(arg, &byte, 1), NP_ECLOSED);
	pthread_testcancel();
	return NULL;
}

/* While another thread waits and leads, which changes of what is waited for may have to break. */
static void before_a_call(void)
{
	struct np_poller *poller = host_use_backend();
	struct np_poller_stats stats;
	static struct request request;
	struct np_fd *ends[2];
	pthread_t leader;
	void *result;
	int input[2];

	HOST_EXPECT(pipe(input), 0);
	HOST_EXPECT(dup2(input[0], STDIN_FILENO), STDIN_FILENO);
	host_pair("unix", ends);
	leader = host_start(read_until_closed, ends[0]);
	HOST_UNTIL(host_parked(poller) == 1);

	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		request.call = &calls[i];
		request.is_done = false;
		pthread_join(host_start(make_call, &request), &result);
		HOST_CHECK(request.is_done, "the thread ended in %s", calls[i].name);
		HOST_CHECK(result == PTHREAD_CANCELED, "%s took the request away", calls[i].name);
		close_things(&request.things);
	}
	for (int i = 0; i < 2; i++)
		HOST_EXPECT(np_close(ends[i]), 0);
	pthread_join(leader, NULL);
	np_poller_get_stats(poller, &stats);
	HOST_EXPECT(stats.parked + stats.descriptors + stats.timers, 0);
	host_echo();
}

/* ---- asked for while the call waits ---------------------------------------------------------- */

struct reader {
	struct np_fd *fd;
	atomic_bool has_read;
};

static void *read_byte(void *arg)
{
	struct reader *reader = arg;
	char byte;

	host_use_backend();
	HOST_EXPECT(np_read(reader->fd, &byte, 1), 1);
	atomic_store(&reader->has_read, true);
	pthread_testcancel();
	return NULL;
}

/* All of them are asked, so who leads is, too. The last that waits is the one that was first. */
static void while_parked(void)
{
	struct np_poller *poller = host_use_backend();
	struct np_fd *ends[THREADS][2];
	struct reader readers[THREADS];
	pthread_t threads[THREADS];
	void *result;

	for (int i = 0; i < THREADS; i++) {
		host_pair("unix", ends[i]);
		readers[i].fd = ends[i][0];
		atomic_init(&readers[i].has_read, false);
		threads[i] = host_start(read_byte, &readers[i]);
		HOST_UNTIL(host_parked(poller) == (size_t)i + 1);
	}
	for (int i = 0; i < THREADS; i++)
		pthread_cancel(threads[i]);
	for (int i = THREADS; i-- > 0;) {
		HOST_CHECK(!atomic_load(&readers[i].has_read), "a byte that nobody has written");
		HOST_EXPECT(np_write(ends[i][1], "x", 1), 1);
		pthread_join(threads[i], &result);
		HOST_CHECK(atomic_load(&readers[i].has_read), "a thread ended in its read");
		HOST_CHECK(result == PTHREAD_CANCELED, "the request was taken away");
	}
	for (int i = 0; i < THREADS; i++)
		for (int k = 0; k < 2; k++)
			HOST_EXPECT(np_close(ends[i][k]), 0);
	host_echo();
}

static void *lock_and_unlock(void *arg)
{
	host_use_backend();
	HOST_EXPECT(np_mutex_lock(arg), 0);
	HOST_EXPECT(np_mutex_unlock(arg), 0);
	pthread_testcancel();
	return NULL;
}

static void while_waiting_for_a_lock(void)
{
	struct np_mutex mutex = { .state = 0 };
	pthread_t threads[THREADS];
	void *result;

	HOST_EXPECT(np_mutex_lock(&mutex), 0);
	for (int i = 0; i < THREADS; i++) {
		threads[i] = host_start(lock_and_unlock, &mutex);
		pthread_cancel(threads[i]);
	}
	HOST_EXPECT(np_mutex_unlock(&mutex), 0);
	for (int i = 0; i < THREADS; i++) {
		pthread_join(threads[i], &result);
		HOST_CHECK(result == PTHREAD_CANCELED, "the request was taken away");
	}
	HOST_EXPECT(np_mutex_try_lock(&mutex), 0);
}

/* Out of a wait it comes by what is there for that. */
static void and_closed(void)
{
	struct np_poller *poller = host_use_backend();
	struct np_fd *ends[2];
	pthread_t thread;
	void *result;

	host_pair("unix", ends);
	thread = host_start(read_until_closed, ends[0]);
	HOST_UNTIL(host_parked(poller) == 1);
	pthread_cancel(thread);
	HOST_EXPECT(np_close(ends[0]), 0);
	pthread_join(thread, &result);
	HOST_CHECK(result == PTHREAD_CANCELED, "the request was taken away");
	HOST_EXPECT(np_close(ends[1]), 0);
}

/* ---- who runs tasks of its own --------------------------------------------------------------- */

static struct np_poller *own_poller;
static struct np_fd *waits_for;
static bool is_ready;
static int parks;

/*
 * What else would run on the thread now may be cancelled, or not, as it has asked for. The wait
 * ends by a deadline that nobody had before.
 */
static void own_park(struct np_task *self, const struct np_wait *wait, void *arg,
		     struct np_poller *poller)
{
	int state, ours;

	(void)poller;
	pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, &state);
	HOST_CHECK(state == PTHREAD_CANCEL_ENABLE, "%s is parked uncancelled", wait->what);
	parks++;
	is_ready = false;
	if (wait->commit(self, arg)) {
		np_set_deadline(waits_for, 1);
		while (!is_ready)
			HOST_CHECK(np_poller_turn(own_poller, -1) >= 0, "the turn failed");
	}
	pthread_setcancelstate(state, &ours);
}

static void own_ready(struct np_task *list)
{
	(void)list;
	is_ready = true;
}

static void wait_for(struct np_fd *fd)
{
	waits_for = fd;
	np_set_deadline(fd, 0);
}

static void wait_to_write(struct things *things)
{
	ssize_t n;

	wait_for(things->tcp[0]);
	do
		n = np_write_zero_copy(things->tcp[0], things->buf, LARGE);
	while (n == LARGE);
	HOST_EXPECT(n, NP_EDEADLINE);
}

static void wait_for_messages(struct things *things)
{
	struct iovec part = { things->buf, 1 };
	struct np_message message = { .data = things->buf, .room = 5 };
	struct np_addr addr;

	wait_for(things->udp);
	HOST_EXPECT(np_readv(things->udp, &part, 1), NP_EDEADLINE);
	wait_for(things->udp);
	HOST_EXPECT(np_recv_from(things->udp, things->buf, 5, &addr), NP_EDEADLINE);
	wait_for(things->udp);
	HOST_EXPECT(np_recv_message(things->udp, &message), NP_EDEADLINE);
	wait_for(things->udp);
	HOST_EXPECT(np_recv_messages(things->udp, &message, 1), NP_EDEADLINE);
}

static void wait_for_others(struct things *things)
{
	struct np_fd *accepted;
	size_t count;
	int fd;

	HOST_EXPECT(np_read(things->unix_pair[0], things->buf, LARGE), 5);
	wait_for(things->unix_pair[0]);
	HOST_EXPECT(np_recv_fds(things->unix_pair[0], things->buf, 1, &fd, 1, &count),
		    NP_EDEADLINE);
	wait_for(things->listener);
	HOST_EXPECT(np_accept(things->listener, &accepted), NP_EDEADLINE);
	HOST_EXPECT(np_read(things->pipe[0], things->buf, LARGE), 5);
	wait_for(things->pipe[0]);
	HOST_EXPECT(np_copy(things->unix_pair[1], things->pipe[0], 5), NP_EDEADLINE);
}

static void in_a_task_of_its_own(void)
{
	static const struct np_parker parker = { .name = "own",
						 .park = own_park,
						 .ready = own_ready };
	const struct np_poller_options options = { .backend = host_backend };
	static struct things things;
	struct np_task task = { .parker = &parker };

	HOST_EXPECT(np_poller_create(&options, &own_poller), 0);
	task.poller = own_poller;
	np_task_enter(&task);
	open_things(&things);
	wait_to_write(&things);
	wait_for_messages(&things);
	wait_for_others(&things);
	close_things(&things);
	np_task_enter(NULL);
	HOST_EXPECT(np_poller_destroy(own_poller), 0);
	HOST_CHECK(parks >= 8, "only %d calls were parked", parks);
}

/* ---- asked of a worker ----------------------------------------------------------------------- */

static atomic_bool has_begun, has_gone_on;

static void cancel_own_thread(void *arg)
{
	(void)arg;
	atomic_store(&has_begun, true);
	pthread_cancel(pthread_self());
	HOST_EXPECT(np_sleep(1000), 0);
	pthread_testcancel();
	atomic_store(&has_gone_on, true);
}

/* By the other worker, as this one is kept from it. */
static int have_worker_cancelled(void *arg)
{
	(void)arg;
	HOST_EXPECT(np_go(cancel_own_thread, NULL), 0);
	while (!atomic_load(&has_begun))
		sched_yield();
	HOST_UNTIL(atomic_load(&has_gone_on));
	return 7;
}

static void of_a_worker(void)
{
	HOST_EXPECT(host_run(have_worker_cancelled, 2), 7);
}

static const struct host_case cases[] = {
	{ "before-a-call", before_a_call },
	{ "while-parked", while_parked },
	{ "while-waiting-for-a-lock", while_waiting_for_a_lock },
	{ "and-closed", and_closed },
	{ "in-a-task-of-its-own", in_a_task_of_its_own },
	{ "of-a-worker", of_a_worker },
};

int main(int argc, char **argv)
{
	return HOST_MAIN(argc, argv, cases);
}
