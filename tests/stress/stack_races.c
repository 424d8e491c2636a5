/* SPDX-License-Identifier: MIT */
/*
 * tests/stress/stack_races.c - stacks taken and put by several threads at once, each with a pool,
 * some passed from one to another, some taken from the depot without a pool.
 *
 * A stack that two have at the same time is found by what its owner wrote at both its ends; a race
 * on it by ThreadSanitizer. Numbers swing between few and many, so that the depot trims while
 * others take.
 */
#include "core/fiber/stack.h"
#include "tests/stress/stress.h"

#include <stdlib.h>

enum { THREADS = 4, MOST = 1500, SWAPS = 64 };

static struct stack_depot *depot;

/* Where one thread leaves a stack and another finds it; its owner is whoever swapped it out. */
static struct {
	pthread_mutex_t lock;
	struct stack stack; /* low is NULL: none */
} swaps[SWAPS];

struct user {
	unsigned index;
	uint64_t random;
	struct stack_pool *pool;
	struct stack held[MOST];
	unsigned count;
};

static uintptr_t *lowest(const struct stack *stack)
{
	return (uintptr_t *)(void *)stack->low;
}

static uintptr_t *highest(const struct stack *stack)
{
	return (uintptr_t *)(void *)stack->top - 1;
}

static void sign(const struct user *user, struct stack *stack)
{
	*lowest(stack) = *highest(stack) = user->index + 1;
}

static void check(const struct user *user, const struct stack *stack)
{
	STRESS_CHECK(*lowest(stack) == user->index + 1 && *highest(stack) == user->index + 1,
		     "a stack of thread %u was written to by %ju and %ju", user->index,
		     (uintmax_t)*lowest(stack) - 1, (uintmax_t)*highest(stack) - 1);
}

static void take(struct user *user)
{
	struct stack *stack = &user->held[user->count];
	int error = stress_below(&user->random, 8) ? np__stack_take(user->pool, stack)
						   : np__stack_take_shared(depot, stack);

	STRESS_CHECK(error == 0, "no stack: %s", np_strerror(error));
	sign(user, stack);
	user->count++;
}

static void put(struct user *user)
{
	unsigned i = stress_below(&user->random, user->count);
	struct stack stack = user->held[i];

	check(user, &stack);
	user->held[i] = user->held[--user->count];
	if (stress_below(&user->random, 8) == 0) {
		np__stack_put_shared(depot, stack);
		return;
	}
	np__stack_put(user->pool, stack);
	check(user, &stack); /* a fiber that ends runs on it a little longer */
}

static void swap(struct user *user)
{
	unsigned i = stress_below(&user->random, user->count);
	unsigned place = stress_below(&user->random, SWAPS);
	struct stack mine = user->held[i], found;

	check(user, &mine);
	pthread_mutex_lock(&swaps[place].lock);
	found = swaps[place].stack;
	swaps[place].stack = mine;
	pthread_mutex_unlock(&swaps[place].lock);
	if (found.low) {
		sign(user, &found);
		user->held[i] = found;
	} else {
		user->held[i] = user->held[--user->count];
	}
}

static void ask(struct user *user)
{
	const struct stack *stack = &user->held[stress_below(&user->random, user->count)];
	struct stack found;

	STRESS_CHECK(np__stack_guards(depot, stack->low - 1, &found) && found.low == stack->low &&
			     found.top == stack->top,
		     "a stack without a guard");
	STRESS_CHECK(!np__stack_guards(depot, stack->low, &found), "a guard where a stack is");
}

static void *use(void *arg)
{
	struct user *user = arg;

	for (int round = 0; round < stress_rounds; round++) {
		unsigned wanted = stress_below(&user->random, MOST);

		while (user->count != wanted) {
			if (user->count < wanted)
				take(user);
			else
				put(user);
			if (user->count > 0 && stress_below(&user->random, 16) == 0)
				swap(user);
			if (user->count > 0 && stress_below(&user->random, 64) == 0)
				ask(user);
		}
		stress_jitter(&user->random);
	}
	while (user->count > 0)
		put(user);
	return NULL;
}

static void run(void)
{
	struct user *users = calloc(THREADS, sizeof(*users));
	pthread_t threads[THREADS];

	STRESS_CHECK(users, "no memory");
	for (unsigned i = 0; i < THREADS; i++) {
		users[i].index = i;
		users[i].random = stress_seed(i);
		STRESS_CHECK(np__stack_pool_create(depot, &users[i].pool) == 0, "no pool");
		threads[i] = stress_start(use, &users[i]);
	}
	for (unsigned i = 0; i < THREADS; i++) {
		stress_join(threads[i]);
		np__stack_pool_destroy(users[i].pool);
	}
	free(users);
}

static void empty_swaps(void)
{
	for (int i = 0; i < SWAPS; i++) {
		if (swaps[i].stack.low)
			np__stack_put_shared(depot, swaps[i].stack);
		pthread_mutex_destroy(&swaps[i].lock);
	}
}

int main(int argc, char **argv)
{
	struct stack_stats stats;

	stress_begin(argc, argv, 300);
	STRESS_CHECK(np__stack_depot_create(64 << 10, &depot) == 0, "no depot");
	for (int i = 0; i < SWAPS; i++)
		pthread_mutex_init(&swaps[i].lock, NULL);
	stress_phase("take, put, swap");
	run();
	empty_swaps();
	np__stack_depot_get_stats(depot, &stats);
	STRESS_CHECK(stats.out == 0, "%zu stacks were lost", stats.out);
	STRESS_CHECK(stats.trimmed > 0, "none was ever trimmed");
	np__stack_depot_destroy(depot);
	return stress_end();
}
