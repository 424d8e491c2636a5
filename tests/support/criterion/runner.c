/* SPDX-License-Identifier: MIT */
/*
 * tests/support/criterion/runner.c - runs the tests of a program, one after the other.
 *
 *	test-net-eventfd [PATTERN ...]
 *
 * A pattern is as the shell's and for suite/test; with a ! before it, it names what is left out.
 * Without one that names what is wanted, that is everything. What fails or is skipped is said, and
 * at the end how many of each there were; the result is 0 if at least one ran and none failed.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <fnmatch.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

/* As others who run tests do, so that a test that ends by itself is less likely to be taken for it.
 */
enum { EXIT_SKIPPED = 77, EXIT_FAILED = 78 };

static struct standin_suite *suites;
static struct standin_test *tests;

/* In the process of a test. */
static const struct standin_test *current;
static atomic_bool has_failed;

void standin_add_suite(struct standin_suite *suite)
{
	suite->next = suites;
	suites = suite;
}

void standin_add_test(struct standin_test *test)
{
	test->next = tests;
	tests = test;
}

/* ---- in a test ---------------------------------------------------------------------------- */

__attribute__((format(printf, 3, 0))) static void tell(const char *what, const char *check,
						       const char *format, va_list arguments)
{
	char text[4096] = "";

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral" /* clang's, of the formats of tests */
	if (format)
		vsnprintf(text, sizeof(text), format, arguments);
#pragma GCC diagnostic pop
	printf("[%s] %s/%s: %s%s%s\n", what, current->suite, current->name, check,
	       *check && *text ? ": " : "", text);
	fflush(stdout);
}

__attribute__((format(printf, 4, 0))) static void
tell_failure(const char *file, int line, const char *check, const char *format, va_list arguments)
{
	char place[2048];

	snprintf(place, sizeof(place), "%s:%d: %s", file, line, check);
	tell("FAIL", place, format, arguments);
	atomic_store(&has_failed, true);
}

__attribute__((format(printf, 4, 5))) void standin_fail(const char *file, int line,
							const char *check, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	tell_failure(file, line, check, format, arguments);
	va_end(arguments);
}

/* From any thread: what the others do is of no interest any more. */
__attribute__((format(printf, 4, 5))) void
standin_give_up(const char *file, int line, const char *check, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	tell_failure(file, line, check, format, arguments);
	va_end(arguments);
	_exit(EXIT_FAILED);
}

void standin_skip(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	tell("SKIP", "", format, arguments);
	va_end(arguments);
	_exit(atomic_load(&has_failed) ? EXIT_FAILED : EXIT_SKIPPED);
}

static void call(void (*fn)(void))
{
	if (fn)
		fn();
}

static _Noreturn void be_test(const struct standin_test *test, const struct standin_options *suite)
{
	signal(SIGALRM, SIG_DFL); /* the test may want to die of its own */
	current = test;
	call(suite->init);
	call(test->options.init);
	test->run();
	call(test->options.fini);
	call(suite->fini);
	exit(atomic_load(&has_failed) ? EXIT_FAILED : EXIT_SUCCESS); /* sanitizers look for leaks */
}

/* ---- around it ---------------------------------------------------------------------------- */

static volatile sig_atomic_t is_late;

static void on_alarm(int signal)
{
	(void)signal;
	is_late = 1;
}

/* From then on each second: an alarm before the wait would otherwise be lost. */
static void set_alarm(double seconds)
{
	const struct itimerval timer = { .it_value.tv_sec = (time_t)seconds,
					 .it_interval.tv_sec = seconds > 0 };

	setitimer(ITIMER_REAL, &timer, NULL);
}

/* The status of the process of a test, which is killed when its time is over. */
static int wait_for(pid_t process)
{
	int status;

	while (waitpid(process, &status, 0) < 0) {
		if (errno != EINTR)
			return -1;
		if (is_late)
			kill(process, SIGKILL);
	}
	return status;
}

static const struct standin_options *options_of_suite(const char *name)
{
	static const struct standin_options none;

	for (struct standin_suite *suite = suites; suite; suite = suite->next)
		if (strcmp(suite->name, name) == 0)
			return &suite->options;
	return &none;
}

/* EXIT_SUCCESS, EXIT_SKIPPED or EXIT_FAILED. */
static int judge(const struct standin_test *test, int status)
{
	int signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
	int code = WIFEXITED(status) ? WEXITSTATUS(status) : 0;

	if (code == EXIT_FAILED || code == EXIT_SKIPPED)
		return code;
	if (!is_late && code == 0 && signal == test->options.signal)
		return EXIT_SUCCESS;
	printf("[FAIL] %s/%s: %s: exit %d, signal %d\n", test->suite, test->name,
	       is_late ? "took too long" : "ended otherwise than it should", code, signal);
	return EXIT_FAILED;
}

static int run(const struct standin_test *test)
{
	const struct standin_options *suite = options_of_suite(test->suite);
	double timeout = test->options.timeout > 0 ? test->options.timeout : suite->timeout;
	pid_t process;
	int status;

	fflush(NULL);
	process = fork();
	if (process == 0)
		be_test(test, suite);
	if (process < 0) {
		perror("fork");
		return EXIT_FAILED;
	}
	is_late = 0;
	set_alarm(timeout);
	status = wait_for(process);
	set_alarm(0);
	return judge(test, status);
}

/* ---- all of them -------------------------------------------------------------------------- */

static bool is_wanted(const struct standin_test *test, char **patterns)
{
	char name[512];
	bool has_wish = false, is_wished = false;

	snprintf(name, sizeof(name), "%s/%s", test->suite, test->name);
	for (; *patterns; patterns++) {
		if (**patterns != '!') {
			has_wish = true;
			is_wished |= fnmatch(*patterns, name, 0) == 0;
		} else if (fnmatch(*patterns + 1, name, 0) == 0) {
			return false;
		}
	}
	return !has_wish || is_wished;
}

/* They were put before each other as they came. */
static void reverse_tests(void)
{
	struct standin_test *reversed = NULL, *next;

	for (struct standin_test *test = tests; test; test = next) {
		next = test->next;
		test->next = reversed;
		reversed = test;
	}
	tests = reversed;
}

int main(int argc, char **argv)
{
	const struct sigaction action = { .sa_handler = on_alarm }; /* no SA_RESTART */
	unsigned passed = 0, failed = 0, skipped = 0;

	(void)argc;
	sigaction(SIGALRM, &action, NULL);
	reverse_tests();
	for (struct standin_test *test = tests; test; test = test->next) {
		int result = is_wanted(test, argv + 1) ? run(test) : -1;

		passed += result == EXIT_SUCCESS;
		failed += result == EXIT_FAILED;
		skipped += result == EXIT_SKIPPED;
	}
	printf("%u passed, %u failed, %u skipped\n", passed, failed, skipped);
	return passed > 0 && failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
