/* SPDX-License-Identifier: MIT */
/*
 * tests/host/loading.c - the library as a guest: loaded and unloaded again and again, while threads
 * that have used it live on and the process forks; and several copies of it side by side.
 *
 *	loading PLUGIN PLUGIN [LOADED]
 *
 * The plugins have copies of their own (plugin.c), LOADED is linked to the shared library. Nothing
 * of the library is in this program.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { LOADS = 20 };
enum { NUMBERS = 256 };
enum { SECONDS_UNTIL_HANG = 240 };

static void fail(const char *what, const char *why)
{
	fprintf(stderr, "failed: %s: %s\n", what, why);
	_exit(1);
}

static int count_descriptors(void)
{
	int count = 0;

	for (int fd = 0; fd < NUMBERS; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

/* Functions are not data in C, so by way of memory. */
typedef int use_fn(void);

static use_fn *find_use(void *object)
{
	void *symbol = dlsym(object, "plugin_use");
	use_fn *use;

	if (!symbol)
		fail("dlsym", dlerror());
	memcpy(&use, &symbol, sizeof(use));
	return use;
}

static void *load(const char *path)
{
	void *object = dlopen(path, RTLD_NOW | RTLD_LOCAL);

	if (!object)
		fail(path, dlerror());
	return object;
}

struct guest {
	const char *path;
	void *object;
	sem_t has_used, may_end;
};

static void use_once(const struct guest *guest)
{
	int error = find_use(guest->object)();

	if (error) {
		char text[32];

		snprintf(text, sizeof(text), "%d", error);
		fail(guest->path, text);
	}
}

/* A thread that ends when what it has used may be gone. */
static void *use_and_wait(void *arg)
{
	struct guest *guest = arg;

	use_once(guest);
	sem_post(&guest->has_used);
	sem_wait(&guest->may_end);
	return NULL;
}

/* The handlers of pthread_atfork(3) run, of whoever is still there. */
static void fork_once(void)
{
	pid_t child = fork();
	int status;

	if (child == 0)
		_exit(3);
	if (waitpid(child, &status, 0) != child || !WIFEXITED(status) || WEXITSTATUS(status) != 3)
		fail("fork", "the child did not come through");
}

static void load_use_unload(const char *path)
{
	struct guest guest = { .path = path, .object = load(path) };
	pthread_t thread;

	sem_init(&guest.has_used, 0, 0);
	sem_init(&guest.may_end, 0, 0);
	if (pthread_create(&thread, NULL, use_and_wait, &guest) != 0)
		fail("pthread_create", "no thread");
	sem_wait(&guest.has_used);
	use_once(&guest);
	dlclose(guest.object);
	fork_once();
	sem_post(&guest.may_end);
	pthread_join(thread, NULL);
	fork_once();
	sem_destroy(&guest.has_used);
	sem_destroy(&guest.may_end);
}

static void again_and_again(const char *path, int most_left)
{
	int before, after;

	load_use_unload(path);
	before = count_descriptors();
	for (int i = 0; i < LOADS; i++)
		load_use_unload(path);
	after = count_descriptors();
	if (after - before > most_left * LOADS) {
		fprintf(stderr, "%d descriptors have become %d\n", before, after);
		fail(path, "descriptors are left");
	}
}

static void *use_often(void *arg)
{
	for (int i = 0; i < LOADS; i++)
		use_once(arg);
	return NULL;
}

/* Each copy has its own runtime, so both run fibers at the same time. */
static void side_by_side(const char *one, const char *other)
{
	struct guest guests[2] = {
		{ .path = one, .object = load(one) },
		{ .path = other, .object = load(other) },
	};
	pthread_t threads[2];

	if (find_use(guests[0].object) == find_use(guests[1].object))
		fail(one, "it is not a copy of its own");
	for (int i = 0; i < 2; i++)
		if (pthread_create(&threads[i], NULL, use_often, &guests[i]) != 0)
			fail("pthread_create", "no thread");
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	for (int i = 0; i < 2; i++)
		dlclose(guests[i].object);
	fork_once();
}

int main(int argc, char **argv)
{
	if (argc < 3) {
		fprintf(stderr, "usage: %s PLUGIN PLUGIN [LOADED]\n", argv[0]);
		return 2;
	}
	alarm(SECONDS_UNTIL_HANG);
	side_by_side(argv[1], argv[2]);
	/* A copy that goes leaves its default poller's descriptors behind. */
	again_and_again(argv[1], 2);
	if (argc > 3)
		again_and_again(argv[3], 0);
	return 0;
}
