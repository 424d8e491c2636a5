/* SPDX-License-Identifier: MIT */
/* core/task.h - lists of tasks on their way to be made ready. */
#ifndef NETPARK_CORE_TASK_H
#define NETPARK_CORE_TASK_H

#include <netpark/park.h>

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

/* The calling thread's own task, whatever runs on it. */
struct np_task *np__thread_task(void);

#endif /* NETPARK_CORE_TASK_H */
