/* SPDX-License-Identifier: MIT */
/* tests/support/multicast_mreq.c - see multicast_mreq.h. */
#include "tests/support/multicast_mreq.h"

#define np__multicast_join  mreq_join
#define np__multicast_leave mreq_leave

#include "core/net/multicast_mreq.c"
