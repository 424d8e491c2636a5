/* SPDX-License-Identifier: MIT */
/*
 * tests/support/dns.h - a world with one name server in it: namespaces of the test's own, with its
 * own files in /etc and nothing but a loopback, where a thread of the test answers.
 *
 *	static void begin(void)
 *	{
 *		dns_begin();  (first: what is started after it is in the world)
 *		fixture_begin();
 *	}
 *
 * The first label of a name says what becomes of it:
 *	one    10.0.0.1, and 2001:db8::1
 *	four   10.0.0.1 alone
 *	many   40 addresses of IPv4
 *	nx     no such name
 *	fail   the server cannot tell
 *	slow   no answer until dns_release(); then 10.0.0.1
 * The files have "both.test" (127.0.0.1 twice, ::1) and the service "testing", 1234/tcp and
 *4321/udp.
 */
#ifndef NETPARK_TESTS_SUPPORT_DNS_H
#define NETPARK_TESTS_SUPPORT_DNS_H

#include <stdbool.h>

/* Skips the test, with a sentence, where such a world cannot be made. */
void dns_begin(void);

/* The server ends, and every lookup with it. */
void dns_end(void);

/* How many questions are held back now. */
int dns_held(void);

/* Answer them, and "slow" from now on like any other. */
void dns_release(void);

/* Answer those that are held back now, and go on as before. Returns when that is done. */
void dns_release_held(void);

/* How many questions there have been. */
int dns_asked(void);

#endif /* NETPARK_TESTS_SUPPORT_DNS_H */
