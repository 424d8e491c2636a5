/* SPDX-License-Identifier: MIT */
/*
 * core/net/lookup.c - see lookup.h.
 *
 * A lookup has two owners: the task that waits and the thread that makes the call. Either may be
 * the last that needs it, and frees it: the task because it took the answer, or the thread because
 * the task no longer wanted one.
 */
#include "core/net/lookup.h"

#include "core/addr.h"
#include "core/detach.h"
#include "core/net/cancel.h"
#include "core/net/gai_error.h"
#include "core/ticket.h"

#include <errno.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>

struct lookup {
	struct np_detached call;
	struct ticket ticket;
	struct np_dial_cancel *cancel; /* with node, of the task that waits */
	struct dial_node node;
	atomic_int owners;
	struct addrinfo hints;
	struct np_addr *addrs;
	int result; /* how many, or an error */
	const char *host, *service;
	char host_text[LOOKUP_HOST_MAX + 1];
	char service_text[LOOKUP_SERVICE_MAX + 1];
};

/* ---- the call ----------------------------------------------------------------------------- */

size_t np__addrs_unique(struct np_addr *addrs, size_t count)
{
	size_t unique = 0;

	for (size_t i = 0; i < count; i++) {
		size_t j = 0;

		while (j < unique && !np_addr_equal(&addrs[i], &addrs[j]))
			j++;
		if (j == unique)
			addrs[unique++] = addrs[i];
	}
	return unique;
}

/* How many, or an error. */
static int convert(const struct addrinfo *list, struct np_addr **ret_addrs)
{
	struct np_addr *addrs;
	size_t count = 0;

	for (const struct addrinfo *info = list; info; info = info->ai_next)
		count++;
	addrs = calloc(count ? count : 1, sizeof(*addrs));
	if (!addrs)
		return -ENOMEM;
	count = 0;
	for (const struct addrinfo *info = list; info; info = info->ai_next) {
		np__addr_from_sockaddr(&addrs[count], info->ai_addr, info->ai_addrlen);
		count += addrs[count].family != NP_ADDR_NONE;
	}
	count = np__addrs_unique(addrs, count);
	if (count == 0)
		free(addrs);
	else
		*ret_addrs = addrs;
	return count ? (int)count : NP_EHOST;
}

/* Blocks. */
static void ask(struct lookup *lookup)
{
	struct addrinfo *list;
	int error;

	errno = 0;
	error = getaddrinfo(lookup->host, lookup->service, &lookup->hints, &list);
	if (error) {
		lookup->result = np__gai_error(error, errno);
		return;
	}
	lookup->result = convert(list, &lookup->addrs);
	freeaddrinfo(list);
}

/* ---- its two owners ----------------------------------------------------------------------- */

static struct lookup *lookup_of(struct np_detached *call)
{
	return container_of(call, struct lookup, call);
}

static void release(struct lookup *lookup)
{
	if (atomic_fetch_sub(&lookup->owners, 1) > 1)
		return;
	free(lookup->addrs);
	free(lookup);
}

static void run(struct np_detached *call)
{
	struct lookup *lookup = lookup_of(call);
	struct task_list ready = { .head = NULL };

	if (np__detached_is_abandoned(call))
		return;
	ask(lookup);
	np__ticket_take(&lookup->ticket, 0, &ready);
	np_ready(ready.head);
}

static void drop(struct np_detached *call)
{
	release(lookup_of(call));
}

static void wake_canceled(struct dial_node *node, struct task_list *ready)
{
	np__ticket_take(&container_of(node, struct lookup, node)->ticket, NP_ECANCELED, ready);
}

static struct lookup *create(const struct lookup_query *query)
{
	struct lookup *lookup = calloc(1, sizeof(*lookup));

	if (!lookup)
		return NULL;
	lookup->call.run = run;
	lookup->call.drop = drop;
	lookup->cancel = query->cancel;
	lookup->node.wake = wake_canceled;
	atomic_init(&lookup->owners, 1);
	lookup->hints.ai_family = query->family;
	lookup->hints.ai_socktype = query->type;
	if (query->host)
		lookup->host = strcpy(lookup->host_text, query->host);
	else
		lookup->hints.ai_flags = AI_PASSIVE; /* or "localhost" would be looked up */
	if (query->service)
		lookup->service = strcpy(lookup->service_text, query->service);
	return lookup;
}

/* ---- waiting ------------------------------------------------------------------------------ */

/* "lookup www.example.org" */
static int describe(const struct np_wait *wait, void *ticket, char *buf, size_t size)
{
	const struct lookup *lookup = container_of(ticket, struct lookup, ticket);
	struct text text;

	np__text_init(&text, buf, size);
	np__text_print(&text, "%s %s", wait->what, lookup->host ? lookup->host : lookup->service);
	return (int)text.length;
}

static const struct np_wait lookup_wait = {
	.what = "lookup",
	.commit = np__ticket_commit,
	.retract = np__ticket_retract,
	.describe = describe,
};

/* A thread without a deadline waits best in the call itself. */
static bool may_block(const struct lookup *lookup, const struct np_task *self, int64_t deadline_ns)
{
	return deadline_ns == 0 && !lookup->cancel && self->parker->park &&
	       !self->parker->blocking && !self->parker->detach;
}

static int ask_elsewhere(struct lookup *lookup, struct np_task *self, int64_t deadline_ns)
{
	int error;

	if (np__dial_is_canceled(lookup->cancel))
		return NP_ECANCELED;
	atomic_store(&lookup->owners, 2);
	error = np__detach(self, &lookup->call);
	if (error) {
		atomic_store(&lookup->owners, 1);
		return error;
	}
	error = np__ticket_wait(&lookup->ticket, &lookup_wait, deadline_ns);
	if (error)
		np__detached_abandon(&lookup->call);
	return error;
}

/* Known to who may cancel from before it looks whether that has happened. */
static int ask_cancelably(struct lookup *lookup, struct np_task *self, int64_t deadline_ns)
{
	int error = np__ticket_draw(&lookup->ticket);

	if (error)
		return error;
	np__dial_attach(lookup->cancel, &lookup->node);
	error = ask_elsewhere(lookup, self, deadline_ns);
	np__dial_detach(lookup->cancel, &lookup->node);
	return error;
}

static int ask_somewhere(struct lookup *lookup, int64_t deadline_ns)
{
	struct np_task *self = np_task_self();
	int error = np__task_check(self, deadline_ns);

	if (error)
		return error;
	if (!may_block(lookup, self, deadline_ns))
		return ask_cancelably(lookup, self, deadline_ns);
	ask(lookup);
	return 0;
}

int np__lookup(const struct lookup_query *query, int64_t deadline_ns, struct np_addr **ret_addrs)
{
	struct lookup *lookup = create(query);
	int result;

	if (!lookup)
		return -ENOMEM;
	result = ask_somewhere(lookup, deadline_ns);
	if (!result) {
		result = lookup->result;
		*ret_addrs = lookup->addrs;
		lookup->addrs = NULL;
	}
	release(lookup);
	return result;
}
