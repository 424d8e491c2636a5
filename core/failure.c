/* SPDX-License-Identifier: MIT */
/* core/failure.c - texts of errors: the short ones, and the last failure of a task in full. */
#include "core/failure.h"

#include "core/task.h"

#include <netpark/park.h>
#include <netpark/version.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

const char *np_version(void)
{
	return NP_VERSION;
}

const char *np_strerror(int error)
{
	switch (error) {
	case 0:
		return "no error";
	case NP_ECLOSED:
		return "use of closed descriptor";
	case NP_EDEADLINE:
		return "i/o timeout";
	case NP_ENOTPOLLABLE:
		return "not pollable";
	case NP_ENODEADLINE:
		return "file type does not support deadline";
	case NP_ENETWORK:
		return "unknown network";
	case NP_EADDRESS:
		return "unusable address";
	case NP_ESHORTWRITE:
		return "kernel wrote nothing and gave no reason";
	case NP_EMISUSE:
		return "misuse of the library";
	case NP_ECANCELED:
		return "task cancelled";
	case NP_ENORUNTIME:
		return "no fibers run";
	case NP_EFORKED:
		return "inherited across fork";
	case NP_EHOST:
		return "no such host";
	case NP_ETRYAGAIN:
		return "temporary failure in name resolution";
	case NP_ERESOLVE:
		return "name resolution failed";
	case NP_EEOF:
		return "unexpected end of stream";
	case NP_ELIMIT:
		return "longer than the limit";
	case NP_EDEADLOCK:
		return "all fibers are asleep";
	default:
		return error < 0 && error > -10000 ? strerror(-error) : "not an error code";
	}
}

int np_is_timeout(int error)
{
	return error == NP_EDEADLINE || error == -ETIMEDOUT || error == -EAGAIN ||
	       error == -EWOULDBLOCK;
}

int np_is_temporary(int error)
{
	switch (error) {
	case NP_ETRYAGAIN:
	case -ECONNABORTED:
	case -EINTR:
	case -EMFILE:
	case -ENFILE:
	case -ENOBUFS:
	case -ENOMEM:
		return true;
	default:
		return np_is_timeout(error);
	}
}

struct np_failure *np__fail(int error, const char *op, const char *network)
{
	struct np_failure *failure = np_task_self()->failure;

	/* Not one for this alone: libraries that are loaded late share little thread-local room. */
	if (!failure)
		failure = np__thread_task()->failure;
	failure->error = error;
	failure->op = op;
	failure->network = network;
	failure->call = NULL;
	failure->reason = NULL;
	failure->is_lookup = false;
	failure->source.family = NP_ADDR_NONE;
	failure->address.family = NP_ADDR_NONE;
	failure->input[0] = '\0';
	return failure;
}

void np__fail_spend(struct np_task *task)
{
	struct np_failure record;

	if (!task->failure) {
		np__task_spend(task);
		return;
	}
	record = *task->failure;
	np__task_spend(task);
	*task->failure = record;
}

int np__spend(int result)
{
	struct np_task *self = np_task_self();

	if (result < 0)
		np__fail_spend(self);
	else
		np__task_spend(self);
	return result;
}

int np__fail_input(int error, const char *reason, const char *input)
{
	struct np_failure *failure = np__fail(error, NULL, NULL);

	failure->reason = reason;
	snprintf(failure->input, sizeof(failure->input), "%s", input);
	return error;
}

int np__fail_lookup(int error, const char *host)
{
	struct np_failure *failure = np__fail(error, NULL, NULL);

	failure->is_lookup = true;
	snprintf(failure->input, sizeof(failure->input), "%s", host);
	return error;
}

static void append_addr(struct text *text, const char *prefix, const struct np_addr *addr)
{
	char formatted[NP_ADDR_TEXT_MAX];

	np_addr_format(addr, formatted, sizeof(formatted));
	np__text_print(text, "%s%s", prefix, formatted);
}

/* "unknown network tpc", "address 1.2.3.4: missing port in address" */
static void append_input_error(struct text *text, const struct np_failure *failure)
{
	if (failure->error == NP_ENETWORK)
		np__text_print(text, "unknown network %s", failure->input);
	else if (failure->error == -EINVAL)
		np__text_print(text, "invalid argument: %s", failure->reason);
	else if (failure->input[0])
		np__text_print(text, "address %s: %s", failure->input, failure->reason);
	else
		np__text_print(text, "%s", failure->reason);
}

static bool is_between(char c, char first, char last)
{
	return first <= c && c <= last;
}

/*
 * The system's own texts begin in upper case, which reads badly at the end of a sentence. Not by
 * ctype(3), which goes by the locale: where that is Turkish, "I" becomes a letter without a dot.
 */
static void append_system_error(struct text *text, int error)
{
	const char *message = np_strerror(error);

	if (is_between(message[0], 'A', 'Z') && is_between(message[1], 'a', 'z'))
		np__text_print(text, "%c%s", message[0] - 'A' + 'a', message + 1);
	else
		np__text_print(text, "%s", message);
}

/* "dial tcp 10.0.0.1:5->127.0.0.1:1: connect: " */
static void append_operation(struct text *text, const struct np_failure *failure)
{
	bool has_source = failure->source.family != NP_ADDR_NONE;
	bool has_address = failure->address.family != NP_ADDR_NONE;
	const char *network = failure->network;

	if (failure->error == NP_ENETWORK || (!network && !failure->reason && failure->input[0]))
		network = failure->input; /* what cannot be one, or the path of a file */
	np__text_print(text, "%s", failure->op);
	if (network)
		np__text_print(text, " %s", network);
	if (has_source)
		append_addr(text, " ", &failure->source);
	if (has_address)
		append_addr(text, has_source ? "->" : " ", &failure->address);
	np__text_print(text, ": ");
	if (failure->call)
		np__text_print(text, "%s: ", failure->call);
}

int np_error_text(int error, char *buf, size_t size)
{
	const struct np_failure *failure = np_task_self()->failure;
	struct text text;

	np__text_init(&text, buf, size);
	if (!failure || failure->error != error || error == 0) {
		np__text_print(&text, "%s", np_strerror(error));
		return (int)text.length;
	}
	if (failure->op)
		append_operation(&text, failure);
	if (failure->is_lookup)
		np__text_print(&text, "lookup %s: ", failure->input);
	if (failure->reason)
		append_input_error(&text, failure);
	else
		append_system_error(&text, error);
	return (int)text.length;
}
