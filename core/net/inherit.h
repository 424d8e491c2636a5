/* SPDX-License-Identifier: MIT */
/* core/net/inherit.h - how descriptors are passed to a program that is started. */
#ifndef NETPARK_CORE_NET_INHERIT_H
#define NETPARK_CORE_NET_INHERIT_H

/* The number of the first; and how many variables may tell of them. */
enum { NP__INHERITED_START = 3, NP__INHERITED_VARIABLES = 4 };

extern const char *const np__inherited_variables[NP__INHERITED_VARIABLES];

#endif /* NETPARK_CORE_NET_INHERIT_H */
