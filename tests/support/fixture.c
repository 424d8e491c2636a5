/* SPDX-License-Identifier: MIT */
/* tests/support/fixture.c - see fixture.h. */
#include "tests/support/fixture.h"

#include "tests/support/refuse.h"

#include <netpark/fiber.h>

#include <criterion/criterion.h>
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

struct np_poller *test_poller;

static int descriptors_before;

/* The worker beside the test. */
static struct {
	pthread_t thread;
	struct np_semaphore is_there, is_over;
} worker;

const struct runtime_poll *fixture_backend(void)
{
	const char *name = getenv("NETPARK_TEST_BACKEND");
	const struct runtime_poll *backend =
		name ? runtime_poll_find(name) : runtime_poll_default();

	cr_assert(backend, "this build has no backend \"%s\"", name);
	return backend;
}

int fixture_count_descriptors(void)
{
	int count = 0;
	long max = sysconf(_SC_OPEN_MAX);
	DIR *dir = opendir("/proc/self/fd");

	if (dir) {
		while (readdir(dir))
			count++;
		closedir(dir);
		return count - 3; /* ".", "..", and the directory itself */
	}
	for (int fd = 0; fd < max && fd < 65536; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

/* Asked once, by fixture_begin(): there are tests that take the environment away. */
bool fixture_has_worker(void)
{
	static atomic_int known = -1;

	if (atomic_load(&known) < 0) {
		const char *calls = getenv("NETPARK_TEST_CALLS");

		atomic_store(&known, calls && strcmp(calls, "fibers") == 0);
	}
	return atomic_load(&known);
}

static int stay(void *arg)
{
	(void)arg;
	test_poller = np_task_self()->poller;
	np_semaphore_release(&worker.is_there, 1);
	return np_semaphore_acquire(&worker.is_over, 1);
}

static void *run_worker(void *arg)
{
	const struct np_run_options options = { .workers = 1, .backend = fixture_backend() };

	(void)arg;
	return (void *)(intptr_t)np_run(stay, NULL, &options);
}

static void start_worker(void)
{
	cr_assert_eq(pthread_create(&worker.thread, NULL, run_worker, NULL), 0);
	np_semaphore_acquire(&worker.is_there, 1);
}

static void end_worker(void)
{
	void *result;

	np_semaphore_release(&worker.is_over, 1);
	pthread_join(worker.thread, &result);
	FIXTURE_DEMAND(!result, "the worker ended with %p", result);
}

void fixture_give_up(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
	abort();
}

void fixture_refuse(void)
{
	const char *list = getenv(REFUSE_VARIABLE);
	int error = list ? refuse(list) : 0;

	if (error == -ENOTSUP)
		cr_skip_test("nothing can be refused here: there are no seccomp filters");
	cr_assert_eq(error, 0, REFUSE_VARIABLE "=%s: what is that?", list);
}

bool fixture_is_refused(const char *feature)
{
	const char *list = getenv(REFUSE_VARIABLE);

	return list && refuse_errno(list, feature) != 0;
}

void fixture_needs(const char *feature)
{
	if (fixture_is_refused(feature))
		cr_skip_test("is about %s, which is refused", feature);
}

void fixture_begin(void)
{
	const struct np_poller_options options = { .backend = fixture_backend() };

	fixture_refuse();
	descriptors_before = fixture_count_descriptors();
	if (fixture_has_worker())
		start_worker();
	else
		cr_assert_eq(np_poller_create(&options, &test_poller), 0);
	np_task_use_poller(test_poller);
}

void fixture_end(void)
{
	struct np_poller_stats stats;
	int descriptors;

	np_poller_get_stats(test_poller, &stats);
	FIXTURE_DEMAND(stats.descriptors == 0, "%zu poll descriptors are left open",
		       stats.descriptors);
	FIXTURE_DEMAND(stats.timers == 0, "%zu timers are left", stats.timers);
	np_task_use_poller(NULL);
	if (fixture_has_worker())
		end_worker();
	else
		FIXTURE_DEMAND(np_poller_destroy(test_poller) == 0, "the poller is in use");
	descriptors = fixture_count_descriptors();
	FIXTURE_DEMAND(descriptors == descriptors_before,
		       "%d descriptors before the test, %d after it", descriptors_before,
		       descriptors);
}

static void make_nonblocking(int fd)
{
	cr_assert_eq(fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK), 0);
}

void fixture_socketpair(int fds[2])
{
	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	make_nonblocking(fds[0]);
	make_nonblocking(fds[1]);
}

void fixture_pipe(int fds[2])
{
	cr_assert_eq(pipe(fds), 0);
	make_nonblocking(fds[0]);
	make_nonblocking(fds[1]);
}

void fixture_tcp_pair(int fds[2])
{
	struct sockaddr_in addr = { .sin_family = AF_INET };
	socklen_t length = sizeof(addr);
	int listener = socket(AF_INET, SOCK_STREAM, 0);

	addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	cr_assert_eq(bind(listener, (struct sockaddr *)&addr, sizeof(addr)), 0);
	cr_assert_eq(listen(listener, 1), 0);
	cr_assert_eq(getsockname(listener, (struct sockaddr *)&addr, &length), 0);
	fds[0] = socket(AF_INET, SOCK_STREAM, 0);
	cr_assert_eq(connect(fds[0], (struct sockaddr *)&addr, sizeof(addr)), 0);
	fds[1] = accept(listener, NULL, NULL);
	cr_assert_geq(fds[1], 0);
	close(listener);
	make_nonblocking(fds[0]);
	make_nonblocking(fds[1]);
}

static void wrap_both(const int fds[2], struct np_fd *handles[2])
{
	cr_assert_eq(np_fd_open(fds[0], 0, &handles[0]), 0);
	cr_assert_eq(np_fd_open(fds[1], 0, &handles[1]), 0);
}

void fixture_fd_pair(struct np_fd *handles[2])
{
	int fds[2];

	fixture_socketpair(fds);
	wrap_both(fds, handles);
}

void fixture_fd_pipe(struct np_fd *handles[2])
{
	int fds[2];

	fixture_pipe(fds);
	wrap_both(fds, handles);
}

void fixture_fd_tcp_pair(struct np_fd *handles[2])
{
	int fds[2];

	fixture_tcp_pair(fds);
	wrap_both(fds, handles);
}

struct start {
	void *(*run)(void *arg);
	void *arg;
};

static void *run_on_test_poller(void *arg)
{
	struct start start = *(struct start *)arg;

	free(arg);
	np_task_use_poller(test_poller);
	return start.run(start.arg);
}

pthread_t fixture_start_thread(void *(*run)(void *arg), void *arg)
{
	struct start *start = malloc(sizeof(*start));
	pthread_t thread;

	cr_assert(start);
	*start = (struct start){ run, arg };
	cr_assert_eq(pthread_create(&thread, NULL, run_on_test_poller, start), 0);
	return thread;
}

static const struct timespec pause_between = { 0, 200 * 1000 };

static void lose_patience(struct fixture_patience *patience, const char *condition)
{
	if (patience->give_up == 0)
		patience->give_up = np_deadline(INT64_C(60) * 1000000000);
	cr_assert_lt(np_time(), patience->give_up, "still waiting for: %s", condition);
}

void fixture_stay_patient(struct fixture_patience *patience, const char *condition)
{
	lose_patience(patience, condition);
	nanosleep(&pause_between, NULL);
}

void fixture_be_patient(struct fixture_patience *patience, const char *condition)
{
	bool asks_often = ++patience->asked % 16;

	lose_patience(patience, condition);
	np_yield(); /* what is waited for may need the worker of a test that is a fiber */
	if (np_self() && !asks_often)
		np_sleep(pause_between.tv_nsec);
	else if (!np_self())
		nanosleep(&pause_between, NULL);
}

size_t fixture_parked(void)
{
	struct np_poller_stats stats;

	np_poller_get_stats(test_poller, &stats);
	return stats.parked;
}

const char *fixture_error(int number)
{
	static char text[128];

	snprintf(text, sizeof(text), "%s", strerror(number));
	text[0] = (char)tolower((unsigned char)text[0]);
	return text;
}

uint64_t fixture_seed(void)
{
	const char *given = getenv("NETPARK_TEST_SEED");
	uint64_t seed = given ? strtoull(given, NULL, 0) : (uint64_t)np_time();

	if (seed == 0)
		seed = 1;
	printf("seed: NETPARK_TEST_SEED=%llu\n", (unsigned long long)seed);
	fflush(stdout);
	return seed;
}

uint64_t fixture_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}
