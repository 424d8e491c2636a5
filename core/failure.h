/* SPDX-License-Identifier: MIT */
/*
 * core/failure.h - the record of a task's last failure, from which np_error_text() makes a text.
 *
 * Filling one in copies values and pointers to constants: a failure costs no allocation and no
 * formatting, since most are handled by code and never read by a person.
 */
#ifndef NETPARK_CORE_FAILURE_H
#define NETPARK_CORE_FAILURE_H

#include <netpark/addr.h>

#include <errno.h>
#include <stdbool.h>

struct np_task;

/* Go's OpError: "op network source->address: call: error", each part left out if it is not set. */
struct np_failure {
	int error;
	const char *op;      /* "dial", "read", ... constant; NULL for a bare address error */
	const char *network; /* "tcp", ... constant */
	const char *call; /* the system call that failed, constant; NULL for netpark's own errors */
	const char *reason; /* replaces the text of NP_EADDRESS and NP_ENETWORK, constant */
	struct np_addr source;
	struct np_addr address;
	char input[NP_ADDR_TEXT_MAX]; /* for errors about it: what the caller wrote, cut to fit; or,
					 where nothing of it is wrong, a file's path */
	bool is_lookup; /* of the host that input names: "lookup no.such.host: no such host" */
};

/*
 * Begin the record of the calling task's failure and return it for more fields to be set. Where
 * the task keeps none, it is that of its thread.
 */
struct np_failure *np__fail(int error, const char *op, const char *network);

/* The failure to understand @input, for @reason. Returns @error. */
int np__fail_input(int error, const char *reason, const char *input);

/* The failure to look @host up. Returns @error. */
int np__fail_lookup(int error, const char *host);

/*
 * A call of @task has failed without parking: np__task_spend(), which leaves its record alone, as
 * those who run meanwhile would not. Or who goes on calling what fails would keep its thread.
 */
void np__fail_spend(struct np_task *task);

/* The same for a call that may have succeeded: it ends without having parked, with @result. */
int np__spend(int result);

/* An argument that makes no sense: @what names the call and the rule. Returns -EINVAL. */
static inline int np__invalid(const char *what)
{
	np__fail(-EINVAL, NULL, NULL)->reason = what;
	return -EINVAL;
}

#endif /* NETPARK_CORE_FAILURE_H */
