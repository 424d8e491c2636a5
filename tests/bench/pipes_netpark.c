/* SPDX-License-Identifier: MIT */
/*
 * tests/bench/pipes_netpark.c - netpark, a fiber for each descriptor, which reads, writes to the
 * next one and reads again. The first fiber waits for the end of a round on a descriptor of its
 * own.
 */
#include <netpark.h>

#include "die.h"
#include "peers/pipes.h"

#include <stdint.h>
#include <sys/eventfd.h>

struct fibers {
	struct pipes *pipes;
	struct np_group group;
	struct np_fd **read_fds;
	struct np_fd **write_fds;
	struct np_fd *over;
};

struct walker {
	struct fibers *fibers;
	unsigned index;
};

static struct fibers fibers;

static struct np_fd *wrap(int fd)
{
	struct np_fd *wrapped;

	if (np_fd_open(fd, 0, &wrapped) != 0)
		die("np_fd_open");
	return wrapped;
}

static int walk(void *arg)
{
	struct walker walker = *(struct walker *)arg;
	struct fibers *all = walker.fibers;
	char token[PIPES_TOKEN_SIZE];
	unsigned next;

	free(arg);
	while (np_read(all->read_fds[walker.index], token, sizeof(token)) > 0) {
		if (pipes_next(all->pipes, walker.index, &next))
			np_write(all->write_fds[next], token, sizeof(token));
		if (pipes_is_over(all->pipes))
			np_write(all->over, token, sizeof(token));
	}
	return 0;
}

static void start_walker(unsigned index)
{
	struct pipes *pipes = fibers.pipes;
	struct walker *walker = malloc(sizeof(*walker));

	if (!walker)
		die("out of memory");
	*walker = (struct walker){ &fibers, index };
	fibers.read_fds[index] = wrap(pipes->read_fds[index]);
	fibers.write_fds[index] = pipes->read_fds[index] == pipes->write_fds[index]
					  ? fibers.read_fds[index]
					  : wrap(pipes->write_fds[index]);
	if (np_group_go(&fibers.group, walk, walker) != 0)
		die("np_group_go");
}

static int run(void *arg)
{
	struct pipes *pipes = arg;

	fibers.pipes = pipes;
	fibers.over = wrap(eventfd(0, EFD_NONBLOCK));
	fibers.read_fds = calloc(pipes->count, sizeof(struct np_fd *));
	fibers.write_fds = calloc(pipes->count, sizeof(struct np_fd *));
	if (!fibers.read_fds || !fibers.write_fds)
		die("out of memory");
	for (unsigned i = 0; i < pipes->count; i++)
		start_walker(i);
	np_yield();
	pipes_rounds(pipes);
	np_group_cancel(&fibers.group);
	return np_group_join(&fibers.group);
}

void pipes_loop_main(struct pipes *pipes)
{
	struct np_run_options options = { .workers = 1 };

	if (pipes->backend) {
		options.backend = runtime_poll_find(pipes->backend);
		if (!options.backend)
			die("this build has no such backend");
	}
	if (np_run(run, pipes, &options) < 0)
		die("np_run");
}

void pipes_loop_run(struct pipes *pipes)
{
	char token[PIPES_TOKEN_SIZE];

	(void)pipes;
	if (np_read(fibers.over, token, sizeof(token)) != sizeof(token))
		die("np_read");
}
