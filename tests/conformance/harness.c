/* SPDX-License-Identifier: MIT */
/* harness.c - see harness.h. */
#include "tests/conformance/harness.h"
#include "tests/support/fixture.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* More looks than this that all find something are a storm. */
enum { LOOKS_MAX = 10000 };

struct harness *tested;

static int descriptors_before;

void harness_begin(void)
{
	fixture_refuse();
	signal(SIGPIPE, SIG_IGN);
	descriptors_before = fixture_count_descriptors();
	tested = harness_create(fixture_backend());
}

void harness_end(void)
{
	int descriptors;

	harness_destroy(tested);
	descriptors = fixture_count_descriptors();
	FIXTURE_DEMAND(descriptors == descriptors_before,
		       "%d descriptors before the test, %d after it", descriptors_before,
		       descriptors);
}

struct harness *harness_create(const struct runtime_poll *backend)
{
	struct harness *harness = calloc(1, sizeof(*harness));

	cr_assert(harness);
	harness->backend = backend;
	cr_assert_eq(backend->init(&harness->state), 0);
	return harness;
}

void harness_destroy(struct harness *harness)
{
	harness->backend->fini(harness->state);
	free(harness);
}

bool harness_needs_arm(const struct harness *harness)
{
	return (harness->backend->traits & RUNTIME_POLL_NEEDS_ARM) != 0;
}

bool harness_is(const struct harness *harness, const char *backend)
{
	return strcmp(harness->backend->name, backend) == 0;
}

void harness_open(struct harness *harness, int fd, uint64_t tag)
{
	int error = harness->backend->open(harness->state, fd, tag);

	cr_assert_eq(error, 0, "open of %d: %s", fd, strerror(-error));
	cr_assert_lt(tag, HARNESS_TAGS);
	harness->is_open[tag] = true;
	harness_forget(harness, tag);
}

void harness_close(struct harness *harness, int fd, uint64_t tag)
{
	int error = harness->backend->close(harness->state, fd);

	cr_assert_eq(error, 0, "close of %d: %s", fd, strerror(-error));
	harness->is_open[tag] = false;
}

void harness_arm(struct harness *harness, int fd, unsigned mode)
{
	if (harness_needs_arm(harness))
		harness->backend->arm(harness->state, fd, mode);
}

void harness_watch(struct harness *harness, int fd, uint64_t tag, unsigned mode)
{
	harness_open(harness, fd, tag);
	harness_arm(harness, fd, mode);
}

/* What runtime_poll.h says of every report. */
static void check_report(const struct harness *harness, const struct runtime_poll_event *event)
{
	bool told = (harness->backend->traits & RUNTIME_POLL_REPORTS_PRIORITY) != 0;
	const uint32_t known = BOTH | ERROR | HANGUP | PRIORITY;

	cr_assert_neq(event->tag, 0, "%s reports its own wake-up", harness->backend->name);
	cr_assert_lt(event->tag, HARNESS_TAGS, "a tag that was never given");
	cr_assert(harness->is_open[event->tag], "%s reports tag %d, which is not open",
		  harness->backend->name, (int)event->tag);
	cr_assert_neq(event->flags, 0, "an empty report");
	cr_assert_eq(event->flags & ~known, 0, "unknown flags: %x", event->flags);
	if (event->flags & ERROR)
		cr_assert_eq(event->flags, BOTH | ERROR | HANGUP, "ERROR comes with %x",
			     event->flags);
	if (event->flags & HANGUP)
		cr_assert_neq(event->flags & BOTH, 0, "a hang-up that wakes nobody");
	if (event->flags & PRIORITY)
		cr_assert(told, "PRIORITY without the trait that promises it");
}

int harness_collect(struct harness *harness, int64_t delta_ns, int capacity)
{
	struct runtime_poll_event events[HARNESS_CAPACITY];
	int n;

	cr_assert_leq(capacity, HARNESS_CAPACITY);
	n = harness->backend->wait(harness->state, delta_ns, events, capacity);
	cr_assert_geq(n, 0, "wait: %s", strerror(-n));
	cr_assert_leq(n, capacity);
	for (int i = 0; i < n; i++) {
		check_report(harness, &events[i]);
		harness->flags[events[i].tag] |= events[i].flags;
		harness->reports[events[i].tag]++;
	}
	return n;
}

void harness_settle(struct harness *harness)
{
	int looks = 0;

	while (harness_collect(harness, 0, HARNESS_CAPACITY) > 0)
		cr_assert_lt(looks++, LOOKS_MAX, "%s reports without end", harness->backend->name);
}

uint32_t harness_news(struct harness *harness, uint64_t tag)
{
	uint32_t flags;

	harness_settle(harness);
	flags = harness->flags[tag];
	harness_forget(harness, tag);
	return flags;
}

uint32_t harness_await(struct harness *harness, uint64_t tag, uint32_t flags)
{
	int64_t give_up = harness_now() + PATIENCE;

	while ((harness->flags[tag] & flags) != flags) {
		int64_t left = give_up - harness_now();

		cr_assert_gt(left, 0, "%s: of tag %d expected %x, reported %x",
			     harness->backend->name, (int)tag, flags, harness->flags[tag]);
		harness_collect(harness, left, HARNESS_CAPACITY);
	}
	return harness->flags[tag];
}

void harness_forget(struct harness *harness, uint64_t tag)
{
	harness->flags[tag] = 0;
	harness->reports[tag] = 0;
}

void harness_expect_broken(struct harness *harness)
{
	int64_t start = harness_now();

	harness_collect(harness, PATIENCE, HARNESS_CAPACITY);
	cr_assert_lt(harness_now() - start, PATIENCE, "the break did not end the wait");
}

void harness_expect_silence(struct harness *harness, int64_t delta_ns)
{
	int64_t start = harness_now();
	int n = harness_collect(harness, delta_ns, HARNESS_CAPACITY);
	int64_t elapsed = harness_now() - start;

	cr_assert_eq(n, 0, "%d reports", n);
	cr_assert_geq(elapsed, delta_ns, "the wait ended after %lld of %lld ns", (long long)elapsed,
		      (long long)delta_ns);
}

int64_t harness_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * SECOND + now.tv_nsec;
}

/* ---- descriptors -------------------------------------------------------------------------- */

void harness_make_nonblocking(int fd)
{
	cr_assert_eq(fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK), 0);
}

void harness_write(int fd, const char *text)
{
	ssize_t length = (ssize_t)strlen(text);

	cr_assert_eq(write(fd, text, (size_t)length), length);
}

/* The last bytes one by one: a buffer may have room for less than a block. */
size_t harness_fill(int fd)
{
	static const char block[4096];
	size_t total = 0;

	for (size_t size = sizeof(block); size > 0;) {
		ssize_t n = write(fd, block, size);

		if (n > 0) {
			total += (size_t)n;
			continue;
		}
		cr_assert_eq(errno, EAGAIN, "write: %s", strerror(errno));
		size = size > 1 ? 1 : 0;
	}
	return total;
}

size_t harness_drain(int fd)
{
	char block[4096];
	size_t total = 0;
	ssize_t n;

	while ((n = read(fd, block, sizeof(block))) > 0)
		total += (size_t)n;
	if (n < 0)
		cr_assert_eq(errno, EAGAIN, "read: %s", strerror(errno));
	return total;
}

void harness_close_both(const int fds[2])
{
	cr_assert_eq(close(fds[0]), 0);
	cr_assert_eq(close(fds[1]), 0);
}

int harness_tcp_socket(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	cr_assert_geq(fd, 0);
	harness_make_nonblocking(fd);
	return fd;
}

int harness_listen(struct sockaddr_in *ret_addr, int backlog)
{
	socklen_t length = sizeof(*ret_addr);
	int fd = harness_tcp_socket();

	*ret_addr = (struct sockaddr_in){ .sin_family = AF_INET };
	ret_addr->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	cr_assert_eq(bind(fd, (const struct sockaddr *)ret_addr, sizeof(*ret_addr)), 0);
	cr_assert_eq(listen(fd, backlog), 0);
	cr_assert_eq(getsockname(fd, (struct sockaddr *)ret_addr, &length), 0);
	return fd;
}

int harness_connect(int fd, const struct sockaddr_in *addr)
{
	return connect(fd, (const struct sockaddr *)addr, sizeof(*addr)) < 0 ? errno : 0;
}
