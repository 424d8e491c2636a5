/* SPDX-License-Identifier: MIT */
/* core/net/cancel.c - see cancel.h. */
#include "core/net/cancel.h"

#include "core/spin.h"
#include "core/task.h"

void np__dial_attach(struct np_dial_cancel *cancel, struct dial_node *node)
{
	if (!cancel)
		return;
	np__spin_lock(&cancel->lock);
	node->next = cancel->dials;
	if (node->next)
		node->next->previous = &node->next;
	node->previous = NULL; /* the first */
	cancel->dials = node;
	np__spin_unlock(&cancel->lock);
}

bool np__dial_detach(struct np_dial_cancel *cancel, struct dial_node *node)
{
	bool is_canceled;

	if (!cancel)
		return false;
	np__spin_lock(&cancel->lock);
	if (node->next)
		node->next->previous = node->previous;
	if (node->previous)
		*node->previous = node->next;
	else
		cancel->dials = node->next;
	is_canceled = np__dial_is_canceled(cancel);
	np__spin_unlock(&cancel->lock);
	return is_canceled;
}

/* The tasks wait until they are told, so they can be after the lock was given. */
void np_dial_cancel(struct np_dial_cancel *cancel)
{
	struct task_list ready = { .head = NULL };

	if (!cancel)
		return;
	np__spin_lock(&cancel->lock);
	__atomic_store_n(&cancel->is_canceled, 1, __ATOMIC_SEQ_CST);
	for (struct dial_node *node = cancel->dials; node; node = node->next)
		node->wake(node, &ready);
	np__spin_unlock(&cancel->lock);
	np_ready(ready.head);
}
