/* SPDX-License-Identifier: MIT */
/*
 * core/net/cancel.h - what struct np_dial_cancel ends.
 *
 * Whoever dials attaches a node, on its stack, for as long as there is something to end; its
 * function is called under the lock of the np_dial_cancel, after that has been marked.
 */
#ifndef NETPARK_CORE_NET_CANCEL_H
#define NETPARK_CORE_NET_CANCEL_H

#include <netpark/net.h>

#include <stdbool.h>

struct task_list;

struct dial_node {
	/* Have the task go on, if it waits: append it to @ready. It will look at the mark. */
	void (*wake)(struct dial_node *self, struct task_list *ready);
	struct dial_node *next, **previous;
};

/* Has it been ended? @cancel may be NULL, here and below. */
static inline bool np__dial_is_canceled(struct np_dial_cancel *cancel)
{
	return cancel && __atomic_load_n(&cancel->is_canceled, __ATOMIC_SEQ_CST) != 0;
}

void np__dial_attach(struct np_dial_cancel *cancel, struct dial_node *node);

/* After that nothing happens to the node any more. True if it has been ended, for good. */
bool np__dial_detach(struct np_dial_cancel *cancel, struct dial_node *node);

#endif /* NETPARK_CORE_NET_CANCEL_H */
