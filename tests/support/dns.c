/* SPDX-License-Identifier: MIT */
/* tests/support/dns.c - see dns.h. */
#include "tests/support/dns.h"

#include "tests/support/fixture.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <net/if.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MESSAGE_MAX = 1024, HEADER = 12, MOST_HELD = 64 };
enum { TYPE_A = 1, TYPE_AAAA = 28 };
enum { RCODE_FAIL = 2, RCODE_NX = 3 };

struct question {
	struct sockaddr_in from;
	size_t size; /* of bytes, up to the end of the question */
	uint8_t bytes[512];
};

static int server = -1;
static pthread_t thread;
static atomic_int asked, held;
static atomic_bool released;
static int wakes[2]; /* a pipe: what the server has to look at besides its socket */
static struct question questions[MOST_HELD];

/* ---- the world ---------------------------------------------------------------------------- */

static void write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	cr_assert_not_null(file, "%s", path);
	fputs(text, file);
	cr_assert_eq(fclose(file), 0);
}

/* The server is not given up on: what ends a wait is what the test has end it. */
static void write_files(void)
{
	write_file("/etc/resolv.conf", "nameserver 127.0.0.1\noptions timeout:30 attempts:5\n");
	write_file("/etc/host.conf", "multi on\n");
	write_file("/etc/nsswitch.conf", "hosts: files dns\nservices: files\n");
	write_file("/etc/hosts", "127.0.0.1 both.test localhost\n127.0.0.1 both.test\n"
				 "::1 both.test localhost\n");
	write_file("/etc/services", "testing 1234/tcp\ntesting 4321/udp\nhttp 8080/tcp\n");
}

static bool make_namespaces(void)
{
	return unshare(CLONE_NEWNS | CLONE_NEWNET) == 0 &&
	       mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL) == 0 &&
	       mount("none", "/etc", "tmpfs", 0, NULL) == 0;
}

static void bring_loopback_up(void)
{
	struct ifreq request = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	cr_assert_eq(ioctl(fd, SIOCSIFFLAGS, &request), 0);
	close(fd);
}

/* ---- answers ------------------------------------------------------------------------------ */

static bool is_label(const struct question *question, const char *label)
{
	size_t length = strlen(label);

	return question->bytes[HEADER] == length &&
	       memcmp(question->bytes + HEADER + 1, label, length) == 0;
}

static int type_of(const struct question *question)
{
	return question->bytes[question->size - 4] << 8 | question->bytes[question->size - 3];
}

/* A record of the name that was asked for. */
static size_t put_record(uint8_t *to, int type, const void *data, size_t size)
{
	const uint8_t head[12] = { 0xc0, HEADER, 0, (uint8_t)type, 0, 1, 0, 0,
				   0,    0,      0, (uint8_t)size };

	memcpy(to, head, sizeof(head));
	memcpy(to + sizeof(head), data, size);
	return sizeof(head) + size;
}

static int count_records(const struct question *question)
{
	if (type_of(question) == TYPE_AAAA)
		return is_label(question, "one");
	if (type_of(question) != TYPE_A || is_label(question, "nx") || is_label(question, "fail"))
		return 0;
	return is_label(question, "many") ? 40 : 1;
}

static void answer(const struct question *question)
{
	static const uint8_t v6[16] = { 0x20, 1, 0xd, 0xb8, [15] = 1 };
	uint8_t bytes[MESSAGE_MAX];
	size_t size = question->size;
	int count = count_records(question);

	memcpy(bytes, question->bytes, size);
	bytes[2] |= 0x80; /* an answer */
	bytes[3] = is_label(question, "nx")     ? 0x80 | RCODE_NX
		   : is_label(question, "fail") ? 0x80 | RCODE_FAIL
						: 0x80;
	bytes[7] = (uint8_t)count;
	memset(bytes + 8, 0, 4);
	for (int i = 0; i < count; i++) {
		const uint8_t v4[4] = { 10, 0, 0, (uint8_t)(i + 1) };
		bool is_v4 = type_of(question) == TYPE_A;

		size += put_record(bytes + size, type_of(question), is_v4 ? v4 : v6,
				   is_v4 ? 4 : 16);
	}
	sendto(server, bytes, size, 0, (const struct sockaddr *)&question->from,
	       sizeof(question->from));
}

/* The question's end: after its name, type and class. 0 if it is none. */
static size_t end_of_question(const uint8_t *bytes, size_t size)
{
	size_t at = HEADER;

	while (at < size && bytes[at])
		at += 1U + bytes[at];
	return at + 5 <= size ? at + 5 : 0;
}

static void answer_held(void)
{
	int count = atomic_load(&held);

	for (int i = 0; i < count; i++)
		answer(&questions[i]);
	atomic_store(&held, 0);
}

static void receive(void)
{
	struct question question;
	socklen_t length = sizeof(question.from);
	ssize_t n = recvfrom(server, question.bytes, sizeof(question.bytes), 0,
			     (struct sockaddr *)&question.from, &length);

	question.size = n > 0 ? end_of_question(question.bytes, (size_t)n) : 0;
	if (question.size == 0)
		return;
	atomic_fetch_add(&asked, 1);
	if (!is_label(&question, "slow") || atomic_load(&released)) {
		answer(&question);
	} else if (atomic_load(&held) < MOST_HELD) {
		questions[atomic_load(&held)] = question;
		atomic_fetch_add(&held, 1);
	}
}

static void *serve(void *arg)
{
	struct pollfd fds[2] = { { .fd = server, .events = POLLIN },
				 { .fd = wakes[0], .events = POLLIN } };
	char what;

	for (;;) {
		poll(fds, 2, -1);
		if (fds[0].revents)
			receive();
		if (!fds[1].revents)
			continue;
		if (read(wakes[0], &what, 1) != 1)
			return arg;
		answer_held();
	}
}

/* ---- for tests ---------------------------------------------------------------------------- */

void dns_begin(void)
{
	struct sockaddr_in name = {
		.sin_family = AF_INET,
		.sin_port = htons(53),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};

	if (!make_namespaces())
		cr_skip_test("needs to make namespaces, as root does");
	write_files();
	bring_loopback_up();
	server = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	cr_assert_eq(bind(server, (struct sockaddr *)&name, sizeof(name)), 0);
	cr_assert_eq(pipe(wakes), 0);
	cr_assert_eq(pthread_create(&thread, NULL, serve, NULL), 0);
}

void dns_end(void)
{
	close(wakes[1]);
	pthread_join(thread, NULL);
	close(wakes[0]);
	close(server);
}

int dns_held(void)
{
	return atomic_load(&held);
}

int dns_asked(void)
{
	return atomic_load(&asked);
}

void dns_release_held(void)
{
	cr_assert_eq(write(wakes[1], "r", 1), 1);
	FIXTURE_UNTIL(atomic_load(&held) == 0);
}

void dns_release(void)
{
	atomic_store(&released, true);
	dns_release_held();
}
