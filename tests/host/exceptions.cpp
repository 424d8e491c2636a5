/* SPDX-License-Identifier: MIT */
/*
 * tests/host/exceptions.cpp - a program in C++: fibers that throw and catch, wait while they
 * unwind, and leave what they handle before they wait on.
 */
#include <netpark.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <string>
#include <sys/wait.h>
#include <unistd.h>

namespace
{

enum { FIBERS = 8, ROUNDS = 20 };

[[noreturn]] void fail(const char *what)
{
	std::fprintf(stderr, "failed: %s\n", what);
	_exit(1);
}

void check(bool condition, const char *what)
{
	if (!condition)
		fail(what);
}

/* A handle as C++ has it. Its end may wait. */
class connection
{
      public:
	explicit connection(np_fd *fd) : fd_(fd)
	{
	}
	connection(const connection &) = delete;
	connection &operator=(const connection &) = delete;
	~connection()
	{
		np_yield();
		np_sleep(1000);
		np_close(fd_);
	}

	std::string read()
	{
		char buf[64];
		ssize_t n = np_read(fd_, buf, sizeof(buf));

		if (n < 0)
			throw std::runtime_error(np_strerror(static_cast<int>(n)));
		return std::string(buf, static_cast<size_t>(n));
	}

	void write(const std::string &text)
	{
		if (np_write(fd_, text.data(), text.size()) < 0)
			throw std::runtime_error("write");
	}

	void expire()
	{
		np_set_read_deadline(fd_, -1);
	}

      private:
	np_fd *fd_;
};

/* Through two frames, one of which waits on the way, with others doing the same meanwhile. */
void read_too_late(connection &conn, const std::string &text)
{
	std::string copy = text;

	conn.write(copy);
	conn.expire();
	np_yield();
	conn.read();
}

int throw_and_catch(void *arg)
{
	const std::string mine = "fiber " + std::to_string(*static_cast<int *>(arg));

	for (int i = 0; i < ROUNDS; i++) {
		std::string caught;

		try {
			np_fd *ends[2];

			check(np_socketpair("unix", ends) == 0, "np_socketpair");
			connection left(ends[0]), right(ends[1]);

			left.write(mine);
			check(right.read() == mine, "other bytes arrive");
			read_too_late(left, mine);
		} catch (const std::runtime_error &error) {
			caught = mine + error.what();
		}
		np_sleep(1000); /* out of the handler */
		check(caught == mine + "i/o timeout", "another exception was caught");
	}
	return 0;
}

int throw_in_fibers(void *)
{
	np_group group = {};
	int numbers[FIBERS];

	for (int i = 0; i < FIBERS; i++) {
		numbers[i] = i;
		check(np_group_go(&group, throw_and_catch, &numbers[i]) == 0, "np_group_go");
	}
	return np_group_join(&group);
}

int throw_out_of_fiber(void *)
{
	throw std::runtime_error("nobody catches this");
}

/* As out of main(). */
void uncaught()
{
	pid_t child = fork();
	int status = 0;

	if (child == 0) {
		check(std::freopen("/dev/null", "w", stderr) != nullptr, "freopen");
		np_run(throw_out_of_fiber, nullptr, nullptr);
		_exit(0);
	}
	check(waitpid(child, &status, 0) == child, "waitpid");
	check(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT, "nobody was told of it");
}

} // namespace

int main()
{
	alarm(240);
	uncaught();
	for (unsigned workers = 1; workers <= 2; workers++) {
		np_run_options options = {};

		options.workers = workers;
		check(np_run(throw_in_fibers, nullptr, &options) == 0, "np_run");
	}
	return 0;
}
