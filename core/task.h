/* SPDX-License-Identifier: MIT */
/* core/task.h - lists of tasks on their way to be made ready. */
#ifndef NETPARK_CORE_TASK_H
#define NETPARK_CORE_TASK_H

#include "core/hints.h"
#include "core/text.h"
#include "core/uncancelled.h"

#include <netpark/park.h>

#include <stdatomic.h>
#include <stddef.h>

#define container_of(pointer, type, member) ((type *)((char *)(pointer)-offsetof(type, member)))

struct task_list {
	struct np_task *head;
	struct np_task *tail;
	int count;
};

static inline void task_list_append(struct task_list *list, struct np_task *task)
{
	task->next = NULL;
	if (list->tail)
		list->tail->next = task;
	else
		list->head = task;
	list->tail = task;
	list->count++;
}

/* The first of the list, or NULL. */
static inline struct np_task *task_list_take(struct task_list *list)
{
	struct np_task *task = list->head;

	if (!task)
		return NULL;
	list->head = task->next;
	if (!list->head)
		list->tail = NULL;
	list->count--;
	task->next = NULL;
	return task;
}

/* Take @task out, wherever it is. False if it is not in the list. */
bool np__task_list_remove(struct task_list *list, struct np_task *task);

/* Append what @wait waits for. By who keeps its task from going on. */
void np__wait_describe(const struct np_wait *wait, void *arg, struct text *text);

/* Is it to end? Its waits fail then. Sequentially consistent, as everything that wakes is. */
static inline bool np__task_is_canceled(struct np_task *task)
{
	return __atomic_load_n(&task->canceled, __ATOMIC_SEQ_CST) != 0;
}

/*
 * Is there no use in beginning what may last until @deadline_ns (0: for ever)? NP_ECANCELED or
 * NP_EDEADLINE; else 0.
 */
int np__task_check(struct np_task *task, int64_t deadline_ns);

/* A call of @task has been done without parking; others may be waiting for their turn. */
static inline void np__task_spend(struct np_task *task)
{
	if (--task->budget == 0 && task->parker->yield)
		task->parker->yield(task);
}

/* Run @fn, which blocks, where that keeps only @task, the calling one. As np_parker's blocking().
 */
static inline int np__task_blocking(struct np_task *task, int (*fn)(void *arg), void *arg)
{
	if (task->parker->blocking)
		return task->parker->blocking(task, fn, arg);

	NP_UNCANCELLED;
	return fn(arg);
}

/*
 * For what each call looks at. Without a call also in a shared library, where the C library keeps
 * some room for that in libraries that are loaded late (core/meson.build).
 */
#ifdef NP_HAVE_STATIC_TLS
#define NP_TLS _Thread_local __attribute__((tls_model("initial-exec")))
#else
#define NP_TLS _Thread_local
#endif

/* Which task runs on this thread; NULL: the thread's own. */
extern NP_TLS struct np_task *np__task_current;

/* A name for the calling thread. */
static inline const void *np__this_thread(void)
{
	return &np__task_current;
}

/* np_task_self(), in place. */
static inline struct np_task *np__task_self(void)
{
	struct np_task *task = np__task_current;

	return task ? task : np_task_self();
}

/* Has anybody ever asked for a dump, or said that he might? Then tasks note since when they wait.
 */
extern atomic_bool np__task_times_are_wanted;

/*
 * Append what threads wait, those whose number is above *after, and store how far it got; until all
 * are told or @text has no more than @room left. True if there may be more.
 */
bool np__threads_describe(uint64_t *after, struct text *text, size_t room);

/* What these call the calling thread. */
void np__thread_set_name(const char *name);

/* The calling thread's own task, whatever runs on it. */
struct np_task *np__thread_task(void);

#endif /* NETPARK_CORE_TASK_H */
