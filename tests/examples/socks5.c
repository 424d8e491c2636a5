/* SPDX-License-Identifier: MIT */
/*
 * tests/examples/socks5.c - a SOCKS5 server (RFC 1928): CONNECT to IPv4, IPv6 and names.
 *
 *	socks5 [-b epoll|poll|kqueue] [-w WORKERS] [-c CONNECTIONS] [-t MS] [-i MS]
 *	       [-u USER:PASSWORD] HOST:PORT
 *
 * -u wants that of each client (RFC 1929); without, none is asked for. -t is for how long a client
 * may say what it wants, and for how long the connection may then take to come about (10 s each),
 * -i how long it may be idle (10 minutes).
 */
#include "relay.h"
#include "server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

enum { VERSION = 5, NO_METHOD = 0xff, METHOD_NONE = 0, METHOD_PASSWORD = 2, CONNECT = 1 };
enum { TYPE_IPV4 = 1, TYPE_NAME = 3, TYPE_IPV6 = 4 };

/* The replies of RFC 1928, section 6. */
enum reply {
	REPLY_DONE = 0,
	REPLY_FAILED = 1,
	REPLY_NETWORK = 3,
	REPLY_HOST = 4,
	REPLY_REFUSED = 5,
	REPLY_COMMAND = 7,
	REPLY_TYPE = 8,
};

struct socks {
	struct server server;
	const char *user; /* or NULL */
	const char *password;
	int64_t talk_ns, idle_ns;
};

/* All of it, or the client is not worth an answer. */
static bool receive(struct np_fd *conn, void *buf, size_t size)
{
	return np_read_full(conn, buf, size) == (ssize_t)size;
}

static bool answer(struct np_fd *conn, const void *buf, size_t size)
{
	return np_write(conn, buf, size) == (ssize_t)size;
}

/*
 * A byte that says how many follow, and those; as a text, with nothing but zeros behind it. False
 * also if there is a zero in them.
 */
static bool receive_text(struct np_fd *conn, char text[256])
{
	unsigned char length;

	memset(text, 0, 256);
	return receive(conn, &length, 1) && receive(conn, text, length) && strlen(text) == length;
}

/* ---- who is it? --------------------------------------------------------------------------- */

/* In the same time whatever the texts are. */
static bool is_same(const char given[256], const char *wanted)
{
	char all[256] = "";
	int differs = 0;

	memcpy(all, wanted, strlen(wanted));
	for (int i = 0; i < 256; i++)
		differs |= given[i] ^ all[i];
	return !differs;
}

static bool check_password(const struct socks *socks, struct np_fd *conn)
{
	char user[256], password[256];
	unsigned char version, reply[2] = { 1, 1 };
	bool is_right;

	if (!receive(conn, &version, 1) || version != 1 || !receive_text(conn, user) ||
	    !receive_text(conn, password))
		return false;
	is_right = is_same(user, socks->user);
	is_right &= is_same(password, socks->password); /* both, whatever the first is */
	reply[1] = !is_right;
	return answer(conn, reply, 2) && reply[1] == 0;
}

static bool greet(const struct socks *socks, struct np_fd *conn)
{
	const unsigned char wanted = socks->user ? METHOD_PASSWORD : METHOD_NONE;
	unsigned char head[2], methods[255], reply[2] = { VERSION, NO_METHOD };

	if (!receive(conn, head, 2) || head[0] != VERSION || !receive(conn, methods, head[1]))
		return false;
	if (memchr(methods, wanted, head[1]))
		reply[1] = wanted;
	if (!answer(conn, reply, 2) || reply[1] == NO_METHOD)
		return false;
	return !socks->user || check_password(socks, conn);
}

/* ---- where to? ---------------------------------------------------------------------------- */

/* What the address is made of: its text, as np_dial() wants it, less the port. */
static bool receive_host(struct np_fd *conn, unsigned char type, char host[300])
{
	unsigned char ip[16];
	char text[INET6_ADDRSTRLEN];

	switch (type) {
	case TYPE_IPV4:
		return receive(conn, ip, 4) && inet_ntop(AF_INET, ip, host, 300);
	case TYPE_IPV6:
		if (!receive(conn, ip, 16) || !inet_ntop(AF_INET6, ip, text, sizeof(text)))
			return false;
		snprintf(host, 300, "[%s]", text);
		return true;
	default:
		return receive_text(conn, host) && *host && !strpbrk(host, ":[]/");
	}
}

/* The reply that is due, REPLY_DONE if @address says where to; below 0 if none is. */
static int receive_request(struct np_fd *conn, char address[320])
{
	unsigned char head[4], port[2];
	char host[300];

	if (!receive(conn, head, 4) || head[0] != VERSION)
		return -1;
	if (head[3] != TYPE_IPV4 && head[3] != TYPE_IPV6 && head[3] != TYPE_NAME)
		return REPLY_TYPE;
	if (!receive_host(conn, head[3], host) || !receive(conn, port, 2))
		return -1;
	snprintf(address, 320, "%s:%u", host, port[0] << 8 | port[1]);
	return head[1] == CONNECT ? REPLY_DONE : REPLY_COMMAND;
}

static enum reply reply_for(int error)
{
	switch (error) {
	case 0:
		return REPLY_DONE;
	case -ECONNREFUSED:
		return REPLY_REFUSED;
	case -ENETUNREACH:
		return REPLY_NETWORK;
	case -EHOSTUNREACH:
	case -ETIMEDOUT:
	case NP_EDEADLINE:
	case NP_EHOST:
	case NP_ETRYAGAIN:
		return REPLY_HOST;
	default:
		return REPLY_FAILED;
	}
}

/* With the address that the connection comes from, if there is one. */
static bool send_reply(struct np_fd *conn, enum reply reply, struct np_fd *target)
{
	unsigned char message[22] = { VERSION, (unsigned char)reply, 0, TYPE_IPV4 };
	struct np_addr addr = { .family = NP_ADDR_NONE };
	size_t size = 4, ip_size;

	if (target)
		np_local_addr(target, &addr);
	ip_size = addr.family == NP_ADDR_IPV6 ? 16 : 4;
	if (addr.family == NP_ADDR_IPV6)
		message[3] = TYPE_IPV6;
	if (addr.family != NP_ADDR_NONE) {
		memcpy(message + size, addr.ip, ip_size);
		message[size + ip_size] = (unsigned char)(addr.port >> 8);
		message[size + ip_size + 1] = (unsigned char)addr.port;
	}
	return answer(conn, message, size + ip_size + 2);
}

/* The target's connection, or NULL with the client told why. */
static struct np_fd *connect_for(const struct socks *socks, struct np_fd *conn)
{
	struct np_fd *target = NULL;
	char address[320];
	int reply = receive_request(conn, address);

	if (reply == REPLY_DONE)
		reply = (int)reply_for(
			np_dial("tcp", address, np_deadline(socks->talk_ns), &target));
	np_set_deadline(conn, np_deadline(socks->talk_ns));
	if (reply >= 0 && send_reply(conn, (enum reply)reply, target) && reply == REPLY_DONE)
		return target;
	np_close(target);
	return NULL;
}

static void serve(struct np_fd *conn, void *arg)
{
	const struct socks *socks = arg;
	struct np_fd *target;

	np_set_deadline(conn, np_deadline(socks->talk_ns));
	if (!greet(socks, conn))
		return;
	target = connect_for(socks, conn);
	if (!target)
		return;
	np_set_deadline(conn, 0);
	relay(conn, target, socks->idle_ns);
	np_close(target);
}

static int usage(void)
{
	fprintf(stderr, "usage: socks5 [-b epoll|poll|kqueue] [-w WORKERS] [-c CONNECTIONS] "
			"[-t TALK_MS] [-i IDLE_MS] [-u USER:PASSWORD] HOST:PORT\n");
	return 2;
}

/* "USER:PASSWORD", taken apart in place. */
static bool set_user(struct socks *socks, char *text)
{
	char *colon = strchr(text, ':');

	if (!colon || colon == text || strlen(colon + 1) > 255 || colon - text > 255)
		return false;
	*colon = '\0';
	socks->user = text;
	socks->password = colon + 1;
	return true;
}

int main(int argc, char **argv)
{
	const int64_t ms = 1000000;
	struct socks socks = {
		.server = { .name = "socks5", .serve = serve },
		.talk_ns = 10 * 1000 * ms,
		.idle_ns = 600 * 1000 * ms,
	};
	int option;

	socks.server.arg = &socks;
	while ((option = getopt(argc, argv, SERVER_OPTIONS "t:i:u:")) != -1) {
		if (option == 't')
			socks.talk_ns = server_number(&socks.server, optarg, INT_MAX) * ms;
		else if (option == 'i')
			socks.idle_ns = server_number(&socks.server, optarg, INT_MAX) * ms;
		else if (option == 'u' && !set_user(&socks, optarg))
			return usage();
		else if (option != 'u' &&
			 (option == '?' || !server_option(&socks.server, option, optarg)))
			return usage();
	}
	if (optind != argc - 1)
		return usage();
	socks.server.address = argv[optind];
	return server_run(&socks.server);
}
