/* SPDX-License-Identifier: MIT */
/* core/fork.h - has the process been forked? Then another may have what this one closes. */
#ifndef NETPARK_CORE_FORK_H
#define NETPARK_CORE_FORK_H

#include <stdbool.h>

/* From now on forks are noticed. */
void np__fork_watch(void);

/* Since then, in this process or in the one that it was forked from. */
bool np__fork_has_happened(void);

/* Another in each child: what was made under a different one was inherited. */
unsigned np__fork_generation(void);

#endif /* NETPARK_CORE_FORK_H */
