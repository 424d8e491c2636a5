/* SPDX-License-Identifier: MIT */
/* netpark.h - all of netpark. Each header can also be included by itself. */
#ifndef NETPARK_H
#define NETPARK_H

#include <netpark/addr.h>
#include <netpark/base.h>
#include <netpark/channel.h>
#include <netpark/datagram.h>
#include <netpark/dump.h>
#include <netpark/fd.h>
#include <netpark/fiber.h>
#include <netpark/file.h>
#include <netpark/inherit.h>
#include <netpark/interface.h>
#include <netpark/net.h>
#include <netpark/park.h>
#include <netpark/pipe.h>
#include <netpark/poll.h>
#include <netpark/prefix.h>
#include <netpark/reader.h>
#include <netpark/resolve.h>
#include <netpark/runtime_poll.h>
#include <netpark/stream.h>
#include <netpark/sync.h>
#include <netpark/unix.h>
#include <netpark/version.h>

#endif /* NETPARK_H */
