/* SPDX-License-Identifier: MIT */
/*
 * tests/examples/dns_nonsense.c - messages that no DNS server should get, to one: cut short, with
 * names that go on for ever or point at themselves, with lengths that lie, and spoilt at random.
 *
 *	dns_nonsense PORT COUNT
 *
 * To 127.0.0.1, over UDP and TCP, without caring what comes of it.
 *
 *	dns_nonsense
 *
 * The other way round: what no upstream should answer, at the port that is printed, until killed.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ROOM = 600 };

struct nonsense {
	size_t size;
	uint8_t bytes[ROOM];
};

/* One question of A for a.inner.test, with an OPT record. */
static const uint8_t GOOD[] = "\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x01"
			      "\x01"
			      "a\x05inner\x04test\x00\x00\x01\x00\x01"
			      "\x00\x00\x29\x04\xd0\x00\x00\x00\x00\x00\x00";

enum { GOOD_SIZE = sizeof(GOOD) - 1, QUESTION = 12, OPT = GOOD_SIZE - 11 };

static uint64_t state = 88172645463325252u;

static unsigned random_below(unsigned limit)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (unsigned)(state % limit);
}

static struct nonsense good(void)
{
	struct nonsense nonsense = { .size = GOOD_SIZE };

	memcpy(nonsense.bytes, GOOD, GOOD_SIZE);
	return nonsense;
}

static struct nonsense spoil(void)
{
	struct nonsense nonsense = good();

	for (unsigned i = random_below(4) + 1; i > 0; i--)
		nonsense.bytes[random_below(GOOD_SIZE)] = (uint8_t)random_below(256);
	if (random_below(2))
		nonsense.size = random_below(GOOD_SIZE + 1);
	return nonsense;
}

/* The ones that are there for a reason, then any. */
static struct nonsense make(unsigned number)
{
	struct nonsense nonsense = good();

	switch (number) {
	case 0: /* a name that is a pointer to itself */
		memcpy(nonsense.bytes + QUESTION, "\xc0\x0c", 2);
		return nonsense;
	case 1: /* two that point at each other */
		memcpy(nonsense.bytes + QUESTION, "\xc0\x0e\xc0\x0c", 4);
		return nonsense;
	case 2: /* a name of labels without an end */
		nonsense.size = ROOM;
		memset(nonsense.bytes + QUESTION, 1, ROOM - QUESTION);
		return nonsense;
	case 3: /* a label longer than the message */
		nonsense.bytes[QUESTION] = 63;
		return nonsense;
	case 4: /* a record longer than the message */
		memset(nonsense.bytes + GOOD_SIZE - 2, 0xff, 2);
		return nonsense;
	case 5: /* records that are not there */
		memset(nonsense.bytes + 6, 0xff, 6);
		return nonsense;
	case 6: /* questions that are not there */
		memset(nonsense.bytes + 4, 0xff, 2);
		return nonsense;
	case 7: /* no room for an answer at all */
		memset(nonsense.bytes + OPT + 3, 0, 2);
		return nonsense;
	case 8: /* an answer */
		nonsense.bytes[2] |= 0x80;
		return nonsense;
	case 9:
		nonsense.size = 0;
		return nonsense;
	default:
		return number < 10 + GOOD_SIZE ? (nonsense.size = number - 10, nonsense) : spoil();
	}
}

static int connect_to(int type, const char *port)
{
	struct sockaddr_in name = { .sin_family = AF_INET };
	int fd = socket(AF_INET, type, 0);

	name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	name.sin_port = htons((uint16_t)atoi(port));
	if (fd < 0 || connect(fd, (struct sockaddr *)&name, sizeof(name)) < 0) {
		perror("connect");
		exit(1);
	}
	return fd;
}

/* A length that says the truth, or not. */
static void send_over_tcp(const struct nonsense *nonsense, const char *port)
{
	uint8_t buf[2 + ROOM];
	size_t length = random_below(4) ? nonsense->size : random_below(65536);
	int fd = connect_to(SOCK_STREAM, port);

	buf[0] = (uint8_t)(length >> 8);
	buf[1] = (uint8_t)length;
	memcpy(buf + 2, nonsense->bytes, nonsense->size);
	send(fd, buf, 2 + nonsense->size, MSG_NOSIGNAL);
	close(fd);
}

/* To each query two answers to something else, then one that is longer than anybody takes. */
static int answer(void)
{
	struct sockaddr_in name = { .sin_family = AF_INET };
	socklen_t length = sizeof(name);
	uint8_t bytes[2000] = { 0 };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd < 0 || bind(fd, (struct sockaddr *)&name, length) < 0 ||
	    getsockname(fd, (struct sockaddr *)&name, &length) < 0)
		return 1;
	printf("%u\n", ntohs(name.sin_port));
	fflush(stdout);
	while (recvfrom(fd, bytes, sizeof(bytes), 0, (struct sockaddr *)&name, &length) >= 0) {
		bytes[2] |= 0x80;
		bytes[1] ^= 1; /* its number */
		sendto(fd, bytes, QUESTION + 20, 0, (struct sockaddr *)&name, length);
		bytes[1] ^= 1;
		bytes[QUESTION + 1] ^= 1; /* the name */
		sendto(fd, bytes, QUESTION + 20, 0, (struct sockaddr *)&name, length);
		bytes[QUESTION + 1] ^= 1;
		sendto(fd, bytes, sizeof(bytes), 0, (struct sockaddr *)&name, length);
	}
	return 1;
}

int main(int argc, char **argv)
{
	unsigned count;
	int udp;

	if (argc == 1)
		return answer();
	if (argc != 3)
		return 2;
	count = (unsigned)atoi(argv[2]);
	udp = connect_to(SOCK_DGRAM, argv[1]);
	for (unsigned i = 0; i < count; i++) {
		struct nonsense nonsense = make(i);

		send(udp, nonsense.bytes, nonsense.size, MSG_NOSIGNAL);
		if (i < 10 || i % 16 == 0)
			send_over_tcp(&nonsense, argv[1]);
	}
	close(udp);
	return 0;
}
