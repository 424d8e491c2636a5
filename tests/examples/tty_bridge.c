/* SPDX-License-Identifier: MIT */
/*
 * tests/examples/tty_bridge.c - a serial line for everybody on the network.
 *
 *	tty_bridge [-b epoll|poll|kqueue] TTY BAUD HOST:PORT
 *
 * What the line says goes to every client, what a client says goes to the line. When the line is
 * hung up (the adapter was unplugged, say) clients stay connected, what they write waits, and the
 * line is opened again as soon as it is there. A client that does not take what it is sent for a
 * second is thrown out.
 *
 * Prints the address it listens on, port 0 takes a free one, and then what happens: "line open",
 * "line lost", "client" and "client gone". SIGINT and SIGTERM stop it, with status 0.
 */
#include "stop.h"

#include <netpark.h>

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

enum { CLIENTS_MAX = 32 };

static const int64_t SECOND = 1000 * 1000 * 1000;

static struct bridge {
	const char *path;
	speed_t speed;
	const char *address;
	struct np_group fibers;

	struct np_mutex lock;
	struct np_cond line_changed;
	struct np_fd *line; /* NULL while there is none */
	struct np_fd *clients[CLIENTS_MAX];
} bridge;

static void say(const char *what)
{
	puts(what);
	fflush(stdout);
}

static int fail(const char *what, int error)
{
	char text[256];

	np_error_text(error, text, sizeof(text));
	fprintf(stderr, "tty_bridge: %s%s\n", what, text);
	return error;
}

/* ---- the line ----------------------------------------------------------------------------- */

/* Bytes as they come, at least one for each read, and no modem's signals. */
static int set_up_line(int sysfd, void *arg)
{
	const speed_t *speed = arg;
	struct termios settings;

	if (tcgetattr(sysfd, &settings) < 0)
		return -errno;
	settings.c_iflag &= (tcflag_t) ~(tcflag_t)(IGNBRK | BRKINT | PARMRK | ISTRIP | INLCR |
						   IGNCR | ICRNL | IXON);
	settings.c_oflag &= (tcflag_t) ~(tcflag_t)OPOST;
	settings.c_lflag &= (tcflag_t) ~(tcflag_t)(ECHO | ECHONL | ICANON | ISIG | IEXTEN);
	settings.c_cflag &= (tcflag_t) ~(tcflag_t)(CSIZE | PARENB);
	settings.c_cflag |= CS8 | CLOCAL | CREAD;
	settings.c_cc[VMIN] = 1; /* with 0 a read would return 0 when there is nothing */
	settings.c_cc[VTIME] = 0;
	if (cfsetispeed(&settings, *speed) < 0 || cfsetospeed(&settings, *speed) < 0)
		return -errno;
	return tcsetattr(sysfd, TCSANOW, &settings) < 0 ? -errno : 0;
}

/* O_NONBLOCK: not to wait for a carrier that CLOCAL says we do not need. */
static int open_line(struct np_fd **ret_line)
{
	struct np_fd *line;
	int error = np_file_open(bridge.path, O_RDWR | O_NONBLOCK, 0, &line);

	if (error)
		return error;
	error = np_fd_control(line, set_up_line, &bridge.speed);
	if (error)
		np_close(line);
	else
		*ret_line = line;
	return error;
}

static void set_line(struct np_fd *line)
{
	np_mutex_lock(&bridge.lock);
	bridge.line = line;
	np_cond_broadcast(&bridge.line_changed);
	np_mutex_unlock(&bridge.lock);
	say(line ? "line open" : "line lost");
}

/* One more reference to the line, which is waited for if there is none. */
static int get_line(struct np_fd **ret_line)
{
	int error = 0;

	np_mutex_lock(&bridge.lock);
	while (!bridge.line && !error)
		error = np_cond_wait(&bridge.line_changed, &bridge.lock);
	if (!error)
		*ret_line = np_ref(bridge.line);
	np_mutex_unlock(&bridge.lock);
	return error;
}

/* Who does not take it in time is closed; its own fiber sees that and cleans up. */
static void send_to_clients(const char *data, size_t size)
{
	struct np_fd *clients[CLIENTS_MAX];
	int count = 0;

	np_mutex_lock(&bridge.lock);
	for (int i = 0; i < CLIENTS_MAX; i++)
		if (bridge.clients[i])
			clients[count++] = np_ref(bridge.clients[i]);
	np_mutex_unlock(&bridge.lock);
	for (int i = 0; i < count; i++) {
		np_set_write_deadline(clients[i], np_deadline(SECOND));
		if (np_write(clients[i], data, size) < 0)
			np_cancel_io(clients[i]);
		np_unref(clients[i]);
	}
}

/* Until it is hung up: at its end, or with an error. */
static int serve_line(struct np_fd *line)
{
	static char data[4096];
	ssize_t n;

	while ((n = np_read(line, data, sizeof(data))) > 0)
		send_to_clients(data, (size_t)n);
	return (int)n;
}

static int run_line(void *arg)
{
	int last = 0, error = 0;

	(void)arg;
	while (error != NP_ECANCELED) {
		struct np_fd *line;

		error = open_line(&line);
		if (!error) {
			set_line(line);
			error = serve_line(line);
			set_line(NULL);
			np_close(line);
		}
		if (error && error != NP_ECANCELED && error != last)
			fail("", error);
		last = error;
		if (error != NP_ECANCELED && np_sleep(SECOND / 20) == NP_ECANCELED)
			error = NP_ECANCELED;
	}
	return 0;
}

/* ---- clients ------------------------------------------------------------------------------ */

/* What a line that was lost has not taken, the next one gets. */
static int send_to_line(const char *data, size_t size)
{
	while (size > 0) {
		struct np_fd *line;
		size_t written;
		int error = get_line(&line);

		if (error)
			return error;
		if (np_write_counted(line, data, size, &written) == NP_ECANCELED)
			error = NP_ECANCELED;
		else if (written < size)
			np_cancel_io(line); /* it is lost; its reader may not know yet */
		np_unref(line);
		if (error)
			return error;
		data += written;
		size -= written;
		if (size > 0 && np_sleep(SECOND / 100) == NP_ECANCELED)
			return NP_ECANCELED;
	}
	return 0;
}

static bool enter(struct np_fd *client, struct np_fd *instead_of)
{
	bool has_room = false;

	np_mutex_lock(&bridge.lock);
	for (int i = 0; i < CLIENTS_MAX && !has_room; i++) {
		has_room = bridge.clients[i] == instead_of;
		if (has_room)
			bridge.clients[i] = client;
	}
	np_mutex_unlock(&bridge.lock);
	return has_room;
}

/* Until it closes its side, or is thrown out. */
static int serve_client(void *arg)
{
	struct np_fd *client = arg;
	char data[1024];
	ssize_t n;

	if (enter(client, NULL)) {
		say("client");
		do
			n = np_read(client, data, sizeof(data));
		while (n > 0 && send_to_line(data, (size_t)n) == 0);
		enter(NULL, client);
		say("client gone");
	}
	np_close(client);
	return 0;
}

static int accept_clients(void *arg)
{
	struct np_fd *client;
	int error = 0;

	while (error != NP_ECANCELED) {
		error = np_accept(arg, &client);
		if (!error && np_group_go(&bridge.fibers, serve_client, client))
			np_close(client);
		if (error && error != NP_ECANCELED) {
			fail("", error);
			error = np_sleep(SECOND / 10); /* too many open files, perhaps */
		}
	}
	return 0;
}

/* ---- the program -------------------------------------------------------------------------- */

static int stop_fd;

static int listen_and_tell(struct np_fd **ret_listener)
{
	char text[NP_ADDR_TEXT_MAX];
	struct np_addr addr;
	int error = np_listen("tcp", bridge.address, ret_listener);

	if (!error)
		error = np_local_addr(*ret_listener, &addr);
	if (error)
		return error;
	np_addr_format(&addr, text, sizeof(text));
	say(text);
	return 0;
}

static int run(void *arg)
{
	struct np_fd *listener;
	int error = listen_and_tell(&listener);

	(void)arg;
	if (error)
		return fail("", error);
	error = np_group_go(&bridge.fibers, run_line, NULL);
	if (!error)
		error = np_group_go(&bridge.fibers, accept_clients, listener);
	if (!error)
		error = stop_wait(stop_fd);
	if (error)
		fail("", error);
	np_group_cancel(&bridge.fibers);
	np_group_join(&bridge.fibers);
	np_close(listener);
	return error;
}

static const struct {
	const char *text;
	speed_t speed;
} speeds[] = {
	{ "1200", B1200 },   { "2400", B2400 },   { "4800", B4800 },   { "9600", B9600 },
	{ "19200", B19200 }, { "38400", B38400 }, { "57600", B57600 }, { "115200", B115200 },
};

static bool parse_speed(const char *text)
{
	for (size_t i = 0; i < sizeof(speeds) / sizeof(speeds[0]); i++)
		if (strcmp(speeds[i].text, text) == 0) {
			bridge.speed = speeds[i].speed;
			return true;
		}
	return false;
}

int main(int argc, char **argv)
{
	struct np_run_options options = { .workers = 1 };
	int option;
	bool is_right = true;

	while ((option = getopt(argc, argv, "b:")) != -1) {
		options.backend = option == 'b' ? runtime_poll_find(optarg) : NULL;
		is_right = is_right && options.backend;
	}
	if (!is_right || argc - optind != 3 || !parse_speed(argv[optind + 1])) {
		fprintf(stderr, "usage: tty_bridge [-b epoll|poll|kqueue] TTY BAUD HOST:PORT\n");
		return 2;
	}
	bridge.path = argv[optind];
	bridge.address = argv[optind + 2];
	if (stop_catch(&stop_fd) < 0) {
		perror("tty_bridge");
		return 1;
	}
	return np_run(run, NULL, &options) ? 1 : 0;
}
