/* SPDX-License-Identifier: MIT */
/* core/task.c - which task runs here, and making tasks of any parker ready. */
#include "core/task.h"

NP_TLS struct np_task *np__task_current;

atomic_bool np__task_times_are_wanted;

struct np_task *np_task_self(void)
{
	if (!np__task_current)
		np__task_current = np__thread_task();
	return np__task_current;
}

int np__task_check(struct np_task *task, int64_t deadline_ns)
{
	if (np__task_is_canceled(task))
		return NP_ECANCELED;
	return deadline_ns != 0 && deadline_ns <= np_time() ? NP_EDEADLINE : 0;
}

struct np_task *np_task_enter(struct np_task *task)
{
	struct np_task *before = np__task_current;

	np__task_current = task;
	return before == np__thread_task() ? NULL : before;
}

struct np_poller *np_task_use_poller(struct np_poller *poller)
{
	struct np_task *self = np_task_self();
	struct np_poller *before = self->poller;

	self->poller = poller;
	return before;
}

bool np__task_list_remove(struct task_list *list, struct np_task *task)
{
	struct np_task **link = &list->head;
	struct np_task *before = NULL;

	while (*link && *link != task) {
		before = *link;
		link = &before->next;
	}
	if (!*link)
		return false;
	*link = task->next;
	if (list->tail == task)
		list->tail = before;
	list->count--;
	task->next = NULL;
	return true;
}

/* Each run of tasks with the same parker goes to it as one list. */
void np_ready(struct np_task *list)
{
	while (list) {
		struct np_task *first = list;
		struct np_task *last = first;

		while (last->next && last->next->parker == first->parker)
			last = last->next;
		list = last->next;
		last->next = NULL;
		first->parker->ready(first);
	}
}

void np__wait_describe(const struct np_wait *wait, void *arg, struct text *text)
{
	size_t held = np__text_held(text);
	int n;

	if (!wait->describe) {
		np__text_put(text, wait->what);
		return;
	}
	n = wait->describe(wait, arg, text->buf + held, text->size - held);
	if (n > 0)
		text->length += (size_t)n;
}
