/* SPDX-License-Identifier: MIT */
/*
 * core/net/spawn.c - starting a program with descriptors from number 3 on.
 *
 * Everything that can fail or needs memory is done before the fork: the child of a process with
 * threads may only make calls that are safe in a signal handler.
 */
#include <netpark/inherit.h>

#include "core/failure.h"
#include "core/fd.h"
#include "core/net/inherit.h"
#include "core/net/unix.h"
#include "core/sys.h"
#include "core/task.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#ifdef __APPLE__
#include <crt_externs.h>
#define ENVIRONMENT (*_NSGetEnviron())
#elif defined(__FreeBSD__) || defined(__DragonFly__)
/* Not in the C library but in each program: a library may be linked without it. */
extern char **environ __attribute__((weak));
#define ENVIRONMENT environ
#else
extern char **environ;
#define ENVIRONMENT environ
#endif

/* Of any system: it refuses what it does not have. NSIG is less than there are on FreeBSD. */
enum { SIGNALS_MAX = 128 };

struct launch {
	const char *path;
	char *const *argv;
	char **envp; /* ours, with our variables at the end */
	int *fds;    /* duplicates, numbered above those that the child gets */
	int count;
	char *names;       /* "LISTEN_FDNAMES=..." */
	char fds_text[32]; /* "LISTEN_FDS=..." */
	char pid_text[32]; /* "LISTEN_PID=", completed by the child */
	int status[2];     /* a pipe, through which the child says why there is no program */
	pid_t pid;
	const char *call; /* that failed */
};

/* ---- before ------------------------------------------------------------------------------- */

static bool is_ours(const char *variable)
{
	for (int i = 0; i < NP__INHERITED_VARIABLES; i++) {
		size_t length = strlen(np__inherited_variables[i]);

		if (strncmp(variable, np__inherited_variables[i], length) == 0 &&
		    variable[length] == '=')
			return true;
	}
	return false;
}

/* Without the variables that this process was given itself. */
static int make_environment(struct launch *launch, char *const envp[])
{
	size_t count = 0, used = 0;

	while (envp && envp[count]) /* after clearenv(3) there is none */
		count++;
	launch->envp = calloc(count + NP__INHERITED_VARIABLES + 1, sizeof(char *));
	if (!launch->envp)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++)
		if (!is_ours(envp[i]))
			launch->envp[used++] = envp[i];
	if (launch->count == 0)
		return 0;
	snprintf(launch->fds_text, sizeof(launch->fds_text), "LISTEN_FDS=%d", launch->count);
	snprintf(launch->pid_text, sizeof(launch->pid_text), "LISTEN_PID=");
	launch->envp[used++] = launch->fds_text;
	launch->envp[used++] = launch->pid_text;
	launch->envp[used] = launch->names;
	return 0;
}

/* "LISTEN_FDNAMES=" and the names, with colons in between. */
static int make_names(struct launch *launch, const struct np_inherited *list)
{
	static const char variable[] = "LISTEN_FDNAMES=";
	size_t size = sizeof(variable);
	char *end;

	for (int i = 0; i < launch->count; i++)
		size += strlen(list[i].name) + sizeof("unknown:");
	launch->names = malloc(size);
	if (!launch->names)
		return -ENOMEM;
	end = launch->names + snprintf(launch->names, size, "%s", variable);
	for (int i = 0; i < launch->count; i++)
		end += snprintf(end, size - (size_t)(end - launch->names), "%s%s", i > 0 ? ":" : "",
				*list[i].name ? list[i].name : "unknown");
	return 0;
}

/* A number above those that the child gets, so that none is in another's way there. */
static int duplicate_above(const struct launch *launch, int sysfd)
{
	int duplicate = fcntl(sysfd, F_DUPFD_CLOEXEC, NP__INHERITED_START + launch->count);

	if (duplicate >= 0)
		return duplicate;
	return errno == EINVAL ? -EMFILE : -errno; /* above what there may be */
}

static int duplicate_all(struct launch *launch, const struct np_inherited *list)
{
	launch->call = "fcntl";
	for (int i = 0; i < launch->count; i++) {
		int error = np__fd_incref(list[i].fd, "spawn");

		if (error)
			return error;
		np__fd_share(list[i].fd);
		launch->fds[i] = duplicate_above(launch, list[i].fd->sysfd);
		np__fd_decref(list[i].fd);
		if (launch->fds[i] < 0)
			return launch->fds[i];
	}
	return 0;
}

static int open_status(struct launch *launch)
{
	int ends[2], above;
	int error = np__sys_pipe(ends);

	launch->call = "pipe";
	if (error)
		return error;
	above = duplicate_above(launch, ends[1]);
	np__sys_close(ends[1]);
	launch->status[0] = ends[0];
	launch->status[1] = above;
	return above < 0 ? above : np__sys_set_nonblock(ends[0], false) < 0 ? -errno : 0;
}

static int prepare(struct launch *launch, const struct np_inherited *list, char *const envp[])
{
	int error;

	launch->fds = malloc((size_t)(launch->count + 1) * sizeof(int));
	if (!launch->fds)
		return -ENOMEM;
	for (int i = 0; i < launch->count; i++)
		launch->fds[i] = -1;
	error = make_names(launch, list);
	if (!error)
		error = make_environment(launch, envp);
	if (!error)
		error = duplicate_all(launch, list);
	return error ? error : open_status(launch);
}

static void clean_up(struct launch *launch)
{
	for (int i = 0; i < launch->count && launch->fds; i++)
		if (launch->fds[i] >= 0)
			np__sys_close(launch->fds[i]);
	for (int i = 0; i < 2; i++)
		if (launch->status[i] >= 0)
			np__sys_close(launch->status[i]);
	free(launch->fds);
	free(launch->names);
	free(launch->envp);
}

/* ---- in the child ------------------------------------------------------------------------- */

/* printf(3) is not safe here. */
static void append_number(char *text, pid_t number)
{
	char digits[24];
	int count = 0;

	for (; number > 0; number /= 10)
		digits[count++] = (char)('0' + number % 10);
	text += strlen(text);
	while (count > 0)
		*text++ = digits[--count];
	*text = '\0';
}

/*
 * What this program handles the next one does not know; until it is there a handler would act for a
 * process that is not its own, through pipes that both have.
 */
static void reset_signals(void)
{
	const struct sigaction by_default = { .sa_handler = SIG_DFL };
	struct sigaction action;
	sigset_t none;

	for (int signo = 1; signo <= SIGNALS_MAX; signo++)
		if (sigaction(signo, NULL, &action) == 0 &&
		    (action.sa_flags & SA_SIGINFO || action.sa_handler != SIG_IGN))
			sigaction(signo, &by_default, NULL);
	sigemptyset(&none);
	pthread_sigmask(SIG_SETMASK, &none, NULL);
}

_Noreturn static void become(struct launch *launch)
{
	int error = 0;

	reset_signals();
	append_number(launch->pid_text, getpid());
	for (int i = 0; i < launch->count && !error; i++)
		if (dup2(launch->fds[i], NP__INHERITED_START + i) < 0)
			error = errno;
	if (!error) {
		execve(launch->path, launch->argv, launch->envp);
		error = errno;
	}
	while (write(launch->status[1], &error, sizeof(error)) < 0 && errno == EINTR)
		;
	_exit(127);
}

/* ---- in the parent ------------------------------------------------------------------------ */

/* The pipe closes when the program is there. Why it is not, or 0. */
static int wait_for_program(const struct launch *launch)
{
	int error = 0;
	ssize_t n;

	do
		n = read(launch->status[0], &error, sizeof(error));
	while (n < 0 && errno == EINTR);
	if (n == 0)
		return 0;
	while (waitpid(launch->pid, NULL, 0) < 0 && errno == EINTR)
		;
	return n == (ssize_t)sizeof(error) ? -error : -EIO;
}

/* On a thread that may block. */
static int fork_and_exec(void *arg)
{
	struct launch *launch = arg;
	sigset_t all, before;
	int error;

	/* For the child, see reset_signals(). */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	launch->call = "fork";
	launch->pid = fork();
	error = -errno;
	if (launch->pid == 0)
		become(launch);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (launch->pid < 0)
		return error;
	np__sys_close(launch->status[1]);
	launch->status[1] = -1;
	launch->call = "execve";
	return wait_for_program(launch);
}

static bool is_name(const char name[NP_INHERITED_NAME_MAX + 1])
{
	size_t length = strnlen(name, NP_INHERITED_NAME_MAX + 1);

	for (size_t i = 0; i < length; i++)
		if (name[i] < ' ' || name[i] > '~' || name[i] == ':')
			return false;
	return length <= NP_INHERITED_NAME_MAX;
}

static bool is_list(const struct np_inherited *list, size_t count)
{
	if (count > NP_INHERITED_MAX || (!list && count > 0))
		return false;
	for (size_t i = 0; i < count; i++)
		if (!list[i].fd || list[i].data || !is_name(list[i].name))
			return false;
	return true;
}

int np_spawn(const char *path, char *const argv[], char *const envp[],
	     const struct np_inherited *list, size_t count, pid_t *ret_pid)
{
	struct launch launch = { .path = path, .argv = argv, .status = { -1, -1 } };
	int error;

	if (!path || !argv || !argv[0])
		return np__invalid("np_spawn: no program, or no arguments");
	if (!is_list(list, count))
		return np__invalid("np_spawn: too many handles, none in a place, data, or a name "
				   "that is not printable or has a colon");
	launch.count = (int)count;
	error = prepare(&launch, list, envp ? envp : ENVIRONMENT);
	if (!error)
		error = np__task_blocking(np_task_self(), fork_and_exec, &launch);
	clean_up(&launch);
	if (error && error != NP_ECLOSED) /* of which handle is told already */
		np__fail(error, "spawn", NULL)->call = launch.call;
	else if (!error && ret_pid)
		*ret_pid = launch.pid;
	return np__spend(error);
}
