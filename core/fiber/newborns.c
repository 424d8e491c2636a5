/* SPDX-License-Identifier: MIT */
/*
 * core/fiber/newborns.c - fibers that have not begun, and which worker takes them.
 *
 * A worker puts those that its fibers start into a queue of its own, and takes some of them
 * whenever it looks around. A worker that has nothing to do steals. So that starting a fiber wakes
 * a sleeping worker when that helps, and not for each of a thousand, one worker at a time searches:
 * who starts a fiber while one does leaves it to that. The searcher that finds something summons
 * the next, if there is more; who has stolen looks around for as long as a wake-up costs before it
 * sleeps.
 *
 * A fiber stays where it begins, so a worker that had a start would keep all that come in one go to
 * itself, for good. So one that has many leaves newborns to those that have few: these are on their
 * way, or busy. Not for long: if nobody comes it takes them.
 *
 * Nothing is overlooked. Who pushes counts, then looks for a searcher and for sleepers. Who stops
 * searching, or looked for sleepers in vain, says so, then looks at the counts; who goes to sleep
 * does, too. All sequentially consistent, so of two such one sees the other.
 */
#include "core/fiber/fiber.h"
#include "core/spin.h"

enum { ADOPT = 16 };  /* taken at a time, beside as many as were started */
enum { LOOKS = 200 }; /* of a searcher, some microseconds */
enum { AHEAD = 8 };   /* so many more fibers than another are not many */

/* ---- the queue ---------------------------------------------------------------------------- */

void np__newborns_init(struct newborns *newborns)
{
	*newborns = (struct newborns){ .first = NULL };
	newborns->end = &newborns->first;
}

void np__newborns_push(struct newborns *newborns, struct fiber *fiber)
{
	fiber->link = NULL;
	np__spin_lock(&newborns->lock);
	*newborns->end = fiber;
	newborns->end = &fiber->link;
	atomic_fetch_add(&newborns->count, 1);
	np__spin_unlock(&newborns->lock);
}

/* The first @most, linked; NULL if there are none. */
static struct fiber *take(struct newborns *newborns, size_t most)
{
	struct fiber *list;
	struct fiber **link;
	size_t taken = 0;

	np__spin_lock(&newborns->lock);
	list = newborns->first;
	for (link = &newborns->first; *link && taken < most; link = &(*link)->link)
		taken++;
	newborns->first = *link;
	if (!newborns->first)
		newborns->end = &newborns->first;
	*link = NULL;
	atomic_fetch_sub(&newborns->count, taken);
	np__spin_unlock(&newborns->lock);
	return taken > 0 ? list : NULL;
}

/* ---- who takes them ----------------------------------------------------------------------- */

/* The fibers that a worker has. */
static uint64_t count_of(const struct worker *worker)
{
	uint64_t ended = atomic_load_explicit(&worker->ended, memory_order_relaxed);
	uint64_t taken = atomic_load_explicit(&worker->taken, memory_order_relaxed);

	return taken > ended ? taken - ended : 0;
}

/* How many @worker may take before it has many more than another. */
static size_t room_of(const struct worker *worker)
{
	const struct runtime *runtime = worker->runtime;
	uint64_t least = UINT64_MAX - AHEAD;
	uint64_t own = count_of(worker);

	for (unsigned i = 0; i < runtime->worker_count; i++) {
		uint64_t count = count_of(&runtime->workers[i]);

		if (i != worker->index && count < least)
			least = count;
	}
	return least + AHEAD > own ? (size_t)(least + AHEAD - own) : 0;
}

/*
 * How many of @count newborns @worker takes. Not all at once: the first of them may keep it busy,
 * and the others could be stolen. But as many as it has itself started since it last looked,
 * @recent, and some more: or those that start others would go on while ever more of these wait.
 * What others have room for is left to them for a while. Who has waited in vain, and starts more
 * all the time, does not wait again for each.
 */
static size_t share_of(struct worker *worker, size_t count, size_t recent)
{
	size_t half = (count + 1) / 2;
	size_t most = half < ADOPT + recent ? half : ADOPT + recent;
	size_t room = room_of(worker);
	int64_t now;

	if (most <= room)
		return most;
	now = np_time();
	if (now < worker->leaves_none_until)
		return most;
	if (!worker->left_since)
		worker->left_since = now;
	if (now - worker->left_since < NEWBORN_PATIENCE)
		return room;
	worker->left_since = 0;
	if (recent > 0)
		worker->leaves_none_until = now + NEWBORN_MEMORY;
	return most;
}

static bool adopt(struct worker *worker, struct newborns *newborns, size_t recent)
{
	size_t count = atomic_load(&newborns->count);
	size_t share = count > 0 ? share_of(worker, count, recent) : 0;
	struct fiber *list = share > 0 ? take(newborns, share) : NULL;
	uint64_t taken = atomic_load_explicit(&worker->taken, memory_order_relaxed);

	if (!list)
		return false;
	while (list) {
		struct fiber *fiber = list;

		list = fiber->link;
		np__fiber_begin(fiber, worker);
		taken++;
	}
	atomic_store_explicit(&worker->taken, taken, memory_order_relaxed);
	return true;
}

bool np__newborns_adopt_some(struct worker *worker)
{
	uint64_t born = atomic_load_explicit(&worker->born, memory_order_relaxed);
	bool own = adopt(worker, &worker->newborns, (size_t)(born - worker->born_before));

	worker->born_before = born;
	return adopt(worker, &worker->runtime->outside, 0) || own;
}

static bool steal(struct worker *worker)
{
	struct runtime *runtime = worker->runtime;

	for (unsigned i = 1; i < runtime->worker_count; i++) {
		unsigned victim = (worker->index + i) % runtime->worker_count;

		if (adopt(worker, &runtime->workers[victim].newborns, 0)) {
			worker->has_stolen = true;
			return true;
		}
	}
	return false;
}

bool np__newborns_find(struct worker *worker)
{
	if (np__newborns_adopt(worker) || (worker->runtime->worker_count > 1 && steal(worker)))
		return true;
	if (worker->left_since && !np__newborns_exist(worker->runtime))
		worker->left_since = 0;
	return false;
}

/* ---- the searcher ------------------------------------------------------------------------- */

bool np__newborns_exist(struct runtime *runtime)
{
	bool any = atomic_load(&runtime->outside.count) > 0;

	for (unsigned i = 0; i < runtime->worker_count && !any; i++)
		any = atomic_load(&runtime->workers[i].newborns.count) > 0;
	return any;
}

/* Of those that sleep the one that has the fewest fibers; NULL if nobody does. */
static struct worker *find_sleeper(struct runtime *runtime)
{
	struct worker *found = NULL;

	for (unsigned i = 0; i < runtime->worker_count; i++) {
		struct worker *worker = &runtime->workers[i];

		if (atomic_load(&worker->sleep) == ASLEEP &&
		    (!found || count_of(worker) < count_of(found)))
			found = worker;
	}
	return found;
}

/* Wake one that sleeps, if there is one. */
static bool summon_one(struct runtime *runtime)
{
	struct worker *worker;

	while ((worker = find_sleeper(runtime))) {
		int expected = ASLEEP;

		if (atomic_compare_exchange_strong(&worker->sleep, &expected, SUMMONED)) {
			np_poller_break(worker->poller);
			return true;
		}
	}
	return false;
}

static bool does_any_sleep(struct runtime *runtime)
{
	for (unsigned i = 0; i < runtime->worker_count; i++)
		if (atomic_load(&runtime->workers[i].sleep) == ASLEEP)
			return true;
	return false;
}

void np__newborns_summon(struct runtime *runtime)
{
	if (atomic_load(&runtime->searching) || !does_any_sleep(runtime))
		return;
	do {
		if (atomic_exchange(&runtime->searching, true) || summon_one(runtime))
			return;
		/* Who has pushed since left it to us, who found nobody: look again. */
		atomic_store(&runtime->searching, false);
	} while (does_any_sleep(runtime) && np__newborns_exist(runtime));
}

/* By the searcher. */
static bool search(struct worker *worker)
{
	unsigned turns = 0;
	bool found = false;

	for (int looks = 0; looks < LOOKS && !found; looks++) {
		found = np__newborns_find(worker) || worker->ready.first ||
			np__worker_has_messages(worker);
		if (!found)
			np__spin_pause(&turns);
		turns %= 32; /* never so long that it yields: others have nothing to gain */
	}
	atomic_store(&worker->runtime->searching, false);
	if (np__newborns_exist(worker->runtime))
		np__newborns_summon(worker->runtime);
	return found;
}

void np__newborns_search(struct worker *worker)
{
	search(worker);
}

bool np__newborns_linger(struct worker *worker)
{
	bool has_stolen = worker->has_stolen;

	worker->has_stolen = false;
	return has_stolen && !atomic_exchange(&worker->runtime->searching, true) && search(worker);
}
