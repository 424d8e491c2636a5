/* SPDX-License-Identifier: MIT */
/* core/net/dial.c - connections to somewhere: which addresses that is, and from where. */
#include <netpark/net.h>

#include "core/failure.h"
#include "core/fd.h"
#include "core/net/attempt.h"
#include "core/net/cancel.h"
#include "core/net/lookup.h"
#include "core/net/race.h"
#include "core/task.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The addresses to dial, and the one to dial from. */
struct route {
	const struct np_dial_options *options;
	struct target target; /* the network, and the only address, if there is one */
	bool has_local;
	struct np_addr local;
};

static const struct np_addr *local_of(const struct route *route)
{
	return route->has_local ? &route->local : NULL;
}

/* ---- where from --------------------------------------------------------------------------- */

static int refuse_local(const struct route *route, const char *reason)
{
	int error =
		np__target_refuse("dial", &route->target, reason, route->options->local_address);

	if (np_task_self()->failure)
		np_task_self()->failure->address.family = NP_ADDR_NONE;
	return error;
}

/* "tcp" for "tcp4": of which family the addresses have to be is the remote's business. */
static const char *network_of_local(const char *network)
{
	if (strncmp(network, "tcp", 3) == 0)
		return "tcp";
	return strncmp(network, "udp", 3) == 0 ? "udp" : network;
}

static int find_local(struct route *route)
{
	const char *text = route->options->local_address;
	struct target local;
	int error;

	route->has_local = text != NULL;
	if (!text)
		return 0;
	if (!target_is_unix(&route->target) && (text[0] == '/' || text[0] == '@'))
		return refuse_local(route, "mismatched local address type");
	error = np__target_parse("dial", network_of_local(route->target.network), text, &local);
	if (!error)
		route->local = local.addr;
	return error;
}

static bool fits(const struct route *route, const struct np_addr *remote)
{
	return !route->has_local || np_ip_is_unspecified(&route->local) ||
	       np_ip_is_unspecified(remote) || remote->family == route->local.family;
}

/* ---- where to ----------------------------------------------------------------------------- */

/* One address, which is most often all there is: without anything that a race needs. */
static int dial_one(const struct route *route, const struct np_addr *addr, struct np_fd **ret_conn)
{
	struct attempt attempt;
	int error;

	np__attempt_init(&attempt, route->options, local_of(route), &route->target, addr);
	error = np__attempt_begin(&attempt);
	while (error == -EINPROGRESS) {
		error = np__fd_connect_wait(attempt.conn, route->options->deadline_ns);
		error = np__attempt_end(&attempt, error);
	}
	if (error)
		return np__attempt_fail(&attempt);
	*ret_conn = attempt.conn;
	return 0;
}

/* Those that can be reached from where we dial. How many. */
static size_t keep_fitting(const struct route *route, struct np_addr *addrs, size_t count)
{
	struct target target = route->target;
	size_t kept = 0;

	for (size_t i = 0; i < count; i++) {
		np__target_set(&target, &addrs[i]);
		if (fits(route, &target.addr))
			addrs[kept++] = addrs[i];
	}
	return kept;
}

/* The families in turn, beginning with the first one's; within each the order stays. */
static void interleave(struct np_addr *addrs, size_t count)
{
	for (size_t place = 1; place < count; place++) {
		size_t next = place;
		struct np_addr addr;

		while (next < count && addrs[next].family == addrs[place - 1].family)
			next++;
		if (next == count)
			return; /* all of one family from here on */
		addr = addrs[next];
		memmove(&addrs[place + 1], &addrs[place], (next - place) * sizeof(addr));
		addrs[place] = addr;
	}
}

/* "::" means this host, where somebody may listen in IPv4 alone. */
static bool means_both(const struct route *route, const struct np_addr *addr)
{
	struct np_addr unmapped = *addr;

	np_ip_unmap(&unmapped);
	return unmapped.family == NP_ADDR_IPV6 && np_ip_is_unspecified(addr) &&
	       route->target.network[3] == '\0';
}

/* With room for one more. */
static int dial_all(const struct route *route, struct np_addr *addrs, size_t count,
		    struct np_fd **ret_conn)
{
	count = keep_fitting(route, addrs, count);
	if (count == 0)
		return refuse_local(route, "no suitable address found");
	interleave(addrs, count);
	if (count == 1 && means_both(route, &addrs[0])) {
		addrs[1] = (struct np_addr){ .family = NP_ADDR_IPV4, .port = addrs[0].port };
		count += fits(route, &addrs[1]);
	}
	if (count == 1 && !route->options->cancel)
		return dial_one(route, &addrs[0], ret_conn);
	return np__race(route->options, local_of(route), &route->target, addrs, count, ret_conn);
}

/* ---- by name ------------------------------------------------------------------------------ */

/* More than anybody waits for. */
enum { ADDRS_MAX = 32 };

static int dial_name(struct route *route, const char *address, struct np_fd **ret_conn)
{
	const struct np_dial_options *options = route->options;
	const char *network = route->target.network;
	struct np_addr *addrs = calloc(ADDRS_MAX + 1, sizeof(*addrs));
	int count;

	if (!addrs)
		return np__target_fail("dial", &route->target, -ENOMEM, NULL);
	count = np__resolve(network, address, options->resolver, options->cancel,
			    options->deadline_ns, addrs, ADDRS_MAX);
	if (count > ADDRS_MAX)
		count = ADDRS_MAX;
	if (count < 0)
		np__target_fail_input("dial", network, count);
	else
		count = dial_all(route, addrs, (size_t)count, ret_conn);
	free(addrs);
	return count;
}

/* ---- dialing ------------------------------------------------------------------------------ */

/* Has it ended before it begins? 0 or an error. */
static int check_dial(const struct np_dial_options *options)
{
	if (np__dial_is_canceled(options->cancel))
		return NP_ECANCELED;
	return np__task_check(np_task_self(), options->deadline_ns);
}

static int dial(const char *network, const char *address, const struct np_dial_options *options,
		struct np_fd **ret_conn)
{
	struct route route = { .options = options };
	struct np_addr addrs[2];
	int error = np__target_parse("dial", network, address, &route.target);
	bool may_be_name = np__target_may_be_name(error, network, address);

	if (error && !may_be_name)
		return error;
	error = check_dial(options);
	if (error)
		return np__target_fail("dial", &route.target, error, NULL);
	error = find_local(&route);
	if (error)
		return error;
	if (may_be_name)
		return dial_name(&route, address, ret_conn);
	addrs[0] = route.target.given;
	return dial_all(&route, addrs, 1, ret_conn);
}

/* Where it is refused at once, or accepted, nobody has parked. */
int np_dial_with(const char *network, const char *address, const struct np_dial_options *options,
		 struct np_fd **ret_conn)
{
	static const struct np_dial_options defaults = { .deadline_ns = 0 };

	if (!ret_conn)
		return np__invalid("np_dial: no place for the connection");
	return np__spend(dial(network, address, options ? options : &defaults, ret_conn));
}

int np_dial(const char *network, const char *address, int64_t deadline_ns, struct np_fd **ret_conn)
{
	const struct np_dial_options options = { .deadline_ns = deadline_ns };

	return np_dial_with(network, address, &options, ret_conn);
}
