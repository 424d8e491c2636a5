/* SPDX-License-Identifier: MIT */
/*
 * tests/fiber/test_stack.c - stacks: what one is, who gets which, what becomes of their memory, and
 * what happens when there are no more.
 */
#include "core/fiber/stack.h"
#include "tests/support/fixture.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static struct stack_depot *depot;
static struct stack_pool *pool;

static void make_depot(size_t size)
{
	cr_assert_eq(np__stack_depot_create(size, &depot), 0);
	cr_assert_eq(np__stack_pool_create(depot, &pool), 0);
}

static struct stack_stats stats(void)
{
	struct stack_stats result;

	np__stack_depot_get_stats(depot, &result);
	return result;
}

static void end_depot(void)
{
	np__stack_pool_destroy(pool);
	FIXTURE_DEMAND(stats().out == 0, "%zu stacks were lost", (size_t)stats().out);
	np__stack_depot_destroy(depot);
}

static void begin(void)
{
	make_depot(0);
}

static void begin_small(void)
{
	make_depot(64 << 10);
}

static struct stack take(void)
{
	struct stack stack;

	cr_assert_eq(np__stack_take(pool, &stack), 0);
	return stack;
}

/* For as many as a test may want. */
static struct stack *take_many(size_t count)
{
	struct stack *stacks = calloc(count, sizeof(*stacks));

	cr_assert(stacks);
	for (size_t i = 0; i < count; i++)
		stacks[i] = take();
	return stacks;
}

static void put_many(struct stack *stacks, size_t count)
{
	for (size_t i = 0; i < count; i++)
		np__stack_put(pool, stacks[i]);
	free(stacks);
}

static size_t page_size(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

static char *end_of(const struct stack *stack)
{
	uintptr_t past = (uintptr_t)stack->top % page_size();

	return past ? stack->top + (page_size() - past) : stack->top;
}

static size_t guard_size(const struct stack *stack)
{
	struct stack found;
	size_t size = 0;

	while (np__stack_guards(depot, stack->low - size - 1, &found) && found.low == stack->low)
		size++;
	return size;
}

/* Of the process; 0 where there is no /proc. */
static size_t count_maps(void)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	size_t count = 0;

	if (!maps)
		return 0;
	for (int c = getc(maps); c != EOF; c = getc(maps))
		count += c == '\n';
	fclose(maps);
	return count;
}

static size_t number_in(const char *path)
{
	FILE *file = fopen(path, "r");
	unsigned long number = 0;

	if (!file)
		return 0;
	if (fscanf(file, "%lu", &number) != 1)
		number = 0;
	fclose(file);
	return number;
}

TestSuite(stack, .init = begin, .fini = end_depot, .timeout = FIXTURE_TIMEOUT);
TestSuite(trimming, .init = begin_small, .fini = end_depot, .timeout = FIXTURE_TIMEOUT);
TestSuite(stack_memory, .timeout = FIXTURE_TIMEOUT);

/* ---- what a stack is ---------------------------------------------------------------------- */

Test(stack, has_256_KiB_of_addresses_unless_told_otherwise)
{
	struct stack stack = take();

	cr_assert_eq((size_t)(end_of(&stack) - stack.low) + guard_size(&stack), 256 << 10);
	np__stack_put(pool, stack);
}

Test(stack_memory, sizes_are_rounded_up_to_pages)
{
	struct stack stack;

	make_depot((300 << 10) + 1); /* more than the least, however large pages are */
	stack = take();
	cr_assert_eq((size_t)(end_of(&stack) - stack.low) + guard_size(&stack),
		     ((300 << 10) / page_size() + 1) * page_size());
	np__stack_put(pool, stack);
	end_depot();
}

Test(stack_memory, the_smallest_has_room_for_a_signal)
{
	struct stack stack;

	make_depot(1);
	stack = take();
	cr_assert_geq(stack.top - stack.low, (ptrdiff_t)((size_t)MINSIGSTKSZ + page_size()));
	memset(stack.low, 0xa5, (size_t)(stack.top - stack.low));
	np__stack_put(pool, stack);
	end_depot();
}

Test(stack_memory, absurd_sizes_are_refused)
{
	struct stack_depot *unchanged = NULL;

	cr_assert_eq(np__stack_depot_create(SIZE_MAX, &unchanged), -EINVAL);
	cr_assert_eq(np__stack_depot_create(SIZE_MAX / 2, &unchanged), -EINVAL);
	cr_assert_null(unchanged);
}

Test(stack_memory, a_stack_larger_than_a_slab_is_a_slab)
{
	struct stack stack;

	if (sizeof(size_t) < 8)
		cr_skip_test("32 bits have no room for it");
	make_depot((size_t)3 << 30);
	cr_assert_eq(np__stack_take_shared(depot, &stack), 0);
	stack.low[0] = 1;
	stack.top[-1] = 1;
	np__stack_put_shared(depot, stack);
	end_depot();
}

Test(stack, tops_are_aligned_and_of_many_colours)
{
	enum { COUNT = 200 };
	struct stack *stacks = take_many(COUNT);
	bool seen[64] = { false };
	int colours = 0;

	for (int i = 0; i < COUNT; i++) {
		size_t lost = (size_t)(end_of(&stacks[i]) - stacks[i].top);

		cr_assert_eq((uintptr_t)stacks[i].top % 16, 0);
		cr_assert_leq(lost, 1024);
		colours += !seen[lost / 64];
		seen[lost / 64] = true;
	}
	cr_assert_geq(colours, 8);
	for (int i = 1; i < COUNT; i++)
		cr_assert_neq((uintptr_t)stacks[i].top % page_size(),
			      (uintptr_t)stacks[i - 1].top % page_size(), "neighbours in time");
	put_many(stacks, COUNT);
}

Test(stack, all_of_each_can_be_written_and_none_is_anothers)
{
	enum { COUNT = 150 }; /* more than one slab */
	struct stack *stacks = take_many(COUNT);

	for (int i = 0; i < COUNT; i++)
		memset(stacks[i].low, i + 1, (size_t)(stacks[i].top - stacks[i].low));
	for (int i = 0; i < COUNT; i++)
		for (const char *at = stacks[i].low; at < stacks[i].top; at++)
			cr_assert(*at == (char)(i + 1));
	put_many(stacks, COUNT);
}

/* ---- the guard ---------------------------------------------------------------------------- */

/* The signal that ends a child of ours for writing to @address, or 0. */
static int signal_of_writing(char *address)
{
	const struct rlimit no_core = { 0, 0 };
	int status;
	pid_t child = fork();

	cr_assert_geq(child, 0);
	if (child == 0) {
		setrlimit(RLIMIT_CORE, &no_core);
		signal(SIGSEGV, SIG_DFL);
		signal(SIGBUS, SIG_DFL);
		*(volatile char *)address = 1;
		_exit(0);
	}
	cr_assert_eq(waitpid(child, &status, 0), child);
	return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void expect_fault(char *address)
{
	int number = signal_of_writing(address);

	cr_assert(number == SIGSEGV || number == SIGBUS, "signal %d", number);
}

static void expect_guard(const struct stack *stack)
{
	size_t size = guard_size(stack);

	cr_assert_geq(size, page_size());
	expect_fault(stack->low - 1);
	expect_fault(stack->low - size / 2);
	expect_fault(stack->low - size);
	cr_assert_eq(signal_of_writing(stack->low), 0);
}

/* The first of a batch, one in the middle, and one of another slab. */
static void expect_guards(void)
{
	enum { COUNT = 100 };
	struct stack *stacks = take_many(COUNT);

	expect_guard(&stacks[0]);
	expect_guard(&stacks[10]);
	expect_guard(&stacks[COUNT - 1]);
	put_many(stacks, COUNT);
}

Test(stack, a_write_below_faults)
{
	expect_guards();
}

Test(stack, a_write_below_faults_without_guard_regions)
{
	np__stack_depot_use_mprotect(depot);
	expect_guards();
	cr_assert_not(stats().has_guard_regions);
}

Test(stack, a_guard_is_found_by_address_and_says_whose_it_is)
{
	enum { COUNT = 300 };
	struct stack *stacks = take_many(COUNT);
	size_t guard = guard_size(&stacks[0]);
	struct stack found;

	for (int i = 0; i < COUNT; i++) {
		const char *low = stacks[i].low;

		cr_assert(np__stack_guards(depot, low - 1, &found));
		cr_assert(found.low == stacks[i].low && found.top == stacks[i].top);
		cr_assert(np__stack_guards(depot, low - guard, &found));
		cr_assert(found.low == stacks[i].low && found.top == stacks[i].top);
		cr_assert_not(np__stack_guards(depot, low, &found));
		cr_assert_not(np__stack_guards(depot, low - guard - 1, &found));
		cr_assert_not(np__stack_guards(depot, stacks[i].top - 1, &found));
	}
	put_many(stacks, COUNT);
}

Test(stack, what_is_no_stack_is_no_guard)
{
	struct stack found;
	int local = 0;

	cr_assert_not(np__stack_guards(depot, &local, &found), "there is not even a slab");
	np__stack_put(pool, take());
	cr_assert_not(np__stack_guards(depot, NULL, &found));
	cr_assert_not(np__stack_guards(depot, &local, &found));
	cr_assert_not(np__stack_guards(depot, depot, &found));
	cr_assert_not(np__stack_guards(depot, (void *)UINTPTR_MAX, &found));
}

Test(stack, no_guard_is_found_above_the_highest)
{
	enum { COUNT = 64 }; /* one slab */
	struct stack *stacks = take_many(COUNT);
	struct stack highest = stacks[0], found;

	for (int i = 1; i < COUNT; i++)
		if (stacks[i].low > highest.low)
			highest = stacks[i];
	cr_assert_eq(stats().slabs, 1);
	cr_assert_not(np__stack_guards(depot, end_of(&highest), &found));
	cr_assert_not(np__stack_guards(depot, end_of(&highest) + 1, &found));
	put_many(stacks, COUNT);
}

/* ---- who gets which ----------------------------------------------------------------------- */

Test(stack, the_last_one_put_is_the_first_one_taken)
{
	struct stack first = take(), second = take();

	np__stack_put(pool, first);
	np__stack_put(pool, second);
	cr_assert_eq(take().low, second.low);
	cr_assert_eq(take().low, first.low);
	np__stack_put(pool, second);
	np__stack_put(pool, first);
}

Test(stack, a_pool_goes_to_the_depot_once_for_a_batch)
{
	struct stack *stacks = take_many(1);

	cr_assert_eq(stats().out, STACK_BATCH);
	put_many(stacks, 1);
	stacks = take_many(STACK_BATCH);
	cr_assert_eq(stats().out, STACK_BATCH);
	put_many(stacks, STACK_BATCH);
	stacks = take_many(STACK_BATCH + 1);
	cr_assert_eq(stats().out, 2 * STACK_BATCH);
	put_many(stacks, STACK_BATCH + 1);
}

Test(stack, a_pool_that_has_enough_gives_its_oldest_to_others)
{
	enum { COUNT = STACK_POOL_MOST + STACK_BATCH };
	struct stack *stacks = take_many(COUNT);
	struct stack oldest[STACK_BATCH];
	struct stack_pool *other;

	memcpy(oldest, stacks, sizeof(oldest));
	put_many(stacks, COUNT);
	cr_assert_eq(stats().free, STACK_BATCH);
	cr_assert_eq(np__stack_pool_create(depot, &other), 0);
	for (int i = STACK_BATCH - 1; i >= 0; i--) {
		struct stack stack;

		cr_assert_eq(np__stack_take(other, &stack), 0);
		cr_assert(stack.low == oldest[i].low && stack.top == oldest[i].top);
	}
	cr_assert_eq(stats().free, 0);
	for (int i = 0; i < STACK_BATCH; i++)
		np__stack_put(other, oldest[i]);
	np__stack_pool_destroy(other);
}

/* Take all that the depot has to give, look for @stack among it, and give it back. */
static bool is_in_depot(const struct stack *stack)
{
	size_t count = stats().free;
	struct stack *all = calloc(count + 1, sizeof(*all));
	bool is_there = false;

	for (size_t i = 0; i < count; i++) {
		cr_assert_eq(np__stack_take_shared(depot, &all[i]), 0);
		is_there = is_there || all[i].low == stack->low;
	}
	while (count-- > 0)
		np__stack_put_shared(depot, all[count]);
	free(all);
	return is_there;
}

Test(stack, the_one_just_put_is_nobody_elses_and_keeps_what_it_holds)
{
	enum { COUNT = 400 };
	struct stack *stacks = take_many(COUNT);

	for (int i = 0; i < COUNT; i++) {
		stacks[i].top[-1] = 1;
		np__stack_put(pool, stacks[i]);
		cr_assert_not(is_in_depot(&stacks[i]), "after %d", i);
		cr_assert_eq(stacks[i].top[-1], 1);
	}
	free(stacks);
}

Test(stack, a_thread_without_a_pool_shares_the_depot)
{
	struct stack shared, again, pooled;

	cr_assert_eq(np__stack_take_shared(depot, &shared), 0);
	cr_assert_eq(stats().out, 1);
	np__stack_put_shared(depot, shared);
	cr_assert_eq(stats().out, 0);
	cr_assert_eq(np__stack_take_shared(depot, &again), 0);
	cr_assert(again.low == shared.low && again.top == shared.top);
	np__stack_put_shared(depot, again);
	pooled = take();
	cr_assert(pooled.low == shared.low && pooled.top == shared.top, "pools get it, too");
	np__stack_put(pool, pooled);
}

Test(stack, a_pool_that_ends_gives_everything_back)
{
	struct stack_pool *other;
	struct stack stacks[STACK_POOL_MOST];

	cr_assert_eq(np__stack_pool_create(depot, &other), 0);
	for (int i = 0; i < STACK_POOL_MOST; i++)
		cr_assert_eq(np__stack_take(other, &stacks[i]), 0);
	for (int i = 0; i < STACK_POOL_MOST; i++)
		np__stack_put(other, stacks[i]);
	cr_assert_eq(stats().out, STACK_POOL_MOST);
	np__stack_pool_destroy(other);
	cr_assert_eq(stats().out, 0);
	cr_assert_eq(stats().free, STACK_POOL_MOST);
}

/* ---- how much was used -------------------------------------------------------------------- */

Test(stack, the_high_water_mark_is_the_lowest_word_that_was_written)
{
	struct stack stack = take();
	size_t all = (size_t)(stack.top - stack.low);

	cr_assert_eq(np__stack_high_water(&stack), 0);
	stack.top[-1] = 1;
	cr_assert_eq(np__stack_high_water(&stack), sizeof(uintptr_t));
	stack.top[-5000] = 1;
	cr_assert_geq(np__stack_high_water(&stack), 5000);
	cr_assert_lt(np__stack_high_water(&stack), 5000 + sizeof(uintptr_t));
	stack.low[0] = 1;
	cr_assert_eq(np__stack_high_water(&stack), all);
	np__stack_put(pool, stack);
}

/* ---- memory ------------------------------------------------------------------------------- */

/* Elsewhere the kernel takes it when it has need of it. */
#ifdef __linux__
static const bool is_released_at_once = true;
#else
static const bool is_released_at_once = false;
#endif

/* How many of the pages of these stacks have memory. */
static size_t resident_pages(const struct stack *stacks, size_t count)
{
	size_t resident = 0;

	for (size_t i = 0; i < count; i++) {
		unsigned char pages[1024];
		size_t length = (size_t)(end_of(&stacks[i]) - stacks[i].low);

		cr_assert_leq(length / page_size(), sizeof(pages));
		cr_assert_eq(mincore(stacks[i].low, length, (void *)pages), 0);
		for (size_t page = 0; page < length / page_size(); page++)
			resident += pages[page] & 1;
	}
	return resident;
}

enum { TRIM_STACKS = 4000, WARM_LEAST = 1024, TRIM_WARM_MOST = WARM_LEAST + 2 * STACK_BATCH };

/* All of them in use, with two pages touched, and all of them put again. */
static struct stack *use_and_put(void)
{
	struct stack *stacks = take_many(TRIM_STACKS);
	struct stack *copy = calloc(TRIM_STACKS, sizeof(*copy));

	cr_assert(copy);
	memcpy(copy, stacks, TRIM_STACKS * sizeof(*copy));
	for (int i = 0; i < TRIM_STACKS; i++)
		stacks[i].low[0] = stacks[i].top[-1] = 1;
	cr_assert_eq(stats().trimmed, 0);
	put_many(stacks, TRIM_STACKS);
	return copy;
}

static void expect_trimming(void)
{
	struct stack *stacks = use_and_put();
	size_t warm = stats().free - stats().trimmed;

	cr_assert_geq(warm, WARM_LEAST, "not more than it should: %zu are warm", warm);
	cr_assert_leq(warm, TRIM_WARM_MOST);
	free(stacks);
}

Test(trimming, keeps_some_of_those_that_lie_free)
{
	expect_trimming();
}

Test(trimming, gives_memory_back)
{
	struct stack *stacks = use_and_put();

	if (is_released_at_once)
		cr_assert_leq(resident_pages(stacks, TRIM_STACKS),
			      2 * (TRIM_WARM_MOST + STACK_POOL_MOST));
	free(stacks);
}

static void expect_use_after_trimming(void)
{
	struct stack *stacks;
	size_t clean = 0;

	free(use_and_put());
	stacks = take_many(TRIM_STACKS);
	cr_assert_eq(stats().free, 0, "they are all in use again, and no others");
	cr_assert_eq(stats().trimmed, 0);
	for (int i = 0; i < TRIM_STACKS; i++) {
		clean += stacks[i].low[0] == 0 && stacks[i].top[-1] == 0;
		stacks[i].low[0] = stacks[i].top[-1] = 2;
	}
	if (is_released_at_once)
		cr_assert_geq(clean, TRIM_STACKS - TRIM_WARM_MOST - STACK_POOL_MOST);
	expect_guard(&stacks[TRIM_STACKS - 1]); /* the coldest */
	put_many(stacks, TRIM_STACKS);
}

Test(trimming, leaves_stacks_that_can_be_used_and_their_guards)
{
	expect_use_after_trimming();
}

Test(trimming, leaves_guards_that_are_no_guard_regions_too)
{
	np__stack_depot_use_mprotect(depot);
	expect_use_after_trimming();
}

Test(trimming, spares_a_share_of_those_in_use)
{
	enum { COUNT = 10000, SOME = 2000 };
	struct stack *stacks = take_many(COUNT);

	for (int i = 0; i < SOME; i++)
		np__stack_put_shared(depot, stacks[i]);
	cr_assert_eq(stats().trimmed, 0, "%d may lie free beside %d", SOME, COUNT - SOME);
	for (int i = SOME; i < COUNT; i++)
		np__stack_put_shared(depot, stacks[i]);
	cr_assert_gt(stats().trimmed, 0);
	free(stacks);
}

Test(stack_memory, nothing_is_left_of_a_depot)
{
	size_t before;

	make_depot(0); /* whatever the first one costs the process once */
	put_many(take_many(1000), 1000);
	end_depot();
	before = number_in("/proc/self/statm");
	make_depot(0);
	put_many(take_many(1000), 1000);
	end_depot();
	cr_assert_leq(number_in("/proc/self/statm"), before + (4 << 20) / page_size());
}

/* ---- very many, and no more --------------------------------------------------------------- */

enum { VERY_MANY = 200000 };

/* Valgrind has records of its own for all that is mapped: gigabytes, and not for so many maps. */
static void skip_on_valgrind(void)
{
	const char *preloaded = getenv("LD_PRELOAD");

	if (preloaded && strstr(preloaded, "vgpreload"))
		cr_skip_test("more than Valgrind can bear");
}

Test(stack, two_hundred_thousand_are_few_maps_where_guards_are_regions)
{
	size_t before = count_maps();
	struct stack *stacks;

	skip_on_valgrind();
	if (sizeof(size_t) < 8)
		cr_skip_test("32 bits have no room for so many");
	np__stack_put(pool, take());
	if (!stats().has_guard_regions)
		cr_skip_test("this kernel has no guard regions");
	stacks = take_many(VERY_MANY);
	cr_assert_leq(stats().slabs, 100);
	cr_assert_leq(count_maps(), before + 100);
	for (int i = 0; i < VERY_MANY; i += 1000)
		memset(stacks[i].top - 1000, 1, 1000);
	expect_guard(&stacks[VERY_MANY / 2]);
	expect_guard(&stacks[VERY_MANY - 1]);
	put_many(stacks, VERY_MANY);
}

/*
 * Take until there are no more, and check that what there is remains usable. Returns how many there
 * were and the last that was made.
 */
static size_t exhaust(struct stack *stacks, size_t most, struct stack *ret_last)
{
	enum { BACK = 1000 };
	size_t count = 0, again = 0;
	struct stack none = { NULL, NULL };
	int error = 0;

	while (count < most && (error = np__stack_take(pool, &stacks[count])) == 0)
		count++;
	if (count == most || count < BACK)
		return count;
	*ret_last = stacks[count - 1];
	if (error != -ENOMEM || np__stack_take(pool, &none) != -ENOMEM || none.low)
		return 0;
	if (np__stack_take_shared(depot, &none) != -ENOMEM || none.low)
		return 0;
	for (size_t i = 0; i < BACK; i++)
		np__stack_put(pool, stacks[--count]);
	while (count < most && np__stack_take(pool, &stacks[count]) == 0) {
		stacks[count].low[0] = stacks[count].top[-1] = 1;
		count++;
		again++;
	}
	return again == BACK ? count : 0;
}

/* Between exhaustion and the end, nothing that might need memory of its own. */
static void expect_exhaustion(struct stack *stacks, size_t most)
{
	struct stack last = { NULL, NULL };
	size_t count = exhaust(stacks, most, &last);

	for (size_t i = 0; i < count; i++)
		np__stack_put(pool, stacks[i]);
	cr_assert_gt(count, 0, "it failed otherwise than it should");
	cr_assert_lt(count, most, "they never ran out");
	expect_guard(&last);
	free(stacks);
}

Test(stack, maps_run_out_without_guard_regions_and_that_is_an_error)
{
	size_t limit = number_in("/proc/sys/vm/max_map_count");
	struct stack *stacks;

	skip_on_valgrind();
	if (limit == 0 || limit > VERY_MANY)
		cr_skip_test("maps do not run out here");
	stacks = calloc(limit, sizeof(*stacks));
	cr_assert(stacks);
	np__stack_depot_use_mprotect(depot);
	expect_exhaustion(stacks, limit);
}

Test(stack, address_space_runs_out_and_that_is_an_error)
{
	enum { MOST = 100000, ROOM = 960 << 20, FIT = ROOM / (256 << 10), BEYOND = 2 * FIT };
	struct stack *stacks = calloc(MOST, sizeof(*stacks));
	struct rlimit before, limit;
	size_t used = number_in("/proc/self/statm") * page_size();

	skip_on_valgrind();
	if (used == 0)
		cr_skip_test("no /proc to tell how much is in use");
	if (used / page_size() > (size_t)1 << 28)
		cr_skip_test("AddressSanitizer ends the process when it gets no more");
	cr_assert(stacks);
	cr_assert_eq(getrlimit(RLIMIT_AS, &before), 0);
	limit = before;
	limit.rlim_cur = (rlim_t)(used + ROOM);
	cr_assert_eq(setrlimit(RLIMIT_AS, &limit), 0);
	expect_exhaustion(stacks, MOST);
	cr_assert_geq(stats().free, FIT * 4 / 5, "most of the room was used");
	cr_assert_eq(setrlimit(RLIMIT_AS, &before), 0);
	put_many(take_many(BEYOND), BEYOND);
}
