/* SPDX-License-Identifier: MIT */
/*
 * netpark/dump.h - a report of who waits for what. Go: the goroutine dump of SIGQUIT, runtime.Stack
 *
 *	netpark 0.1.0: 2 workers
 *
 *	fiber 16777217 "acceptor" [accept tcp 127.0.0.1:7777, fd 5, 3 minutes]:
 *		server(np_accept+0x3a)
 *		server(serve_all+0x81)
 *		...
 *
 *	fiber 16777219 [read tcp 127.0.0.1:7777->127.0.0.1:4242, fd 9, deadline in 27.2 s, 2.8 s]:
 *		...
 *
 *	thread 1 "collector" [channel receive 0x55d0c8f3a2a0, 12.1 s]
 *
 * One entry for each fiber and for each thread that waits in a call of netpark:
 *
 *	its id, as np_self() gives it, and the name it has from np_set_name()
 *	running, ready, not begun, or what it waits for: a descriptor, with the addresses of a
 *	socket; a channel, mutex, condition, semaphore, wait group or fiber group, by its address;
 *	sleep; the function of a blocking call
 *	until when that may last, and how long it has: counted from the last time before the wait at
 *	which the worker looked into its poller. Known of waits that began after the first np_dump()
 *	or np_dump_on_signal(): before that nobody looks at the clock for it
 *	"cancelled", if it was asked to end
 *	of a fiber, where it is: a line for each call, the innermost first, where netpark switches
 *	by assembly (on each processor that has some) and the C library has backtrace(3). On arm
 *	and riscv64 code has to be compiled with -funwind-tables, or that is where it ends.
 *	Functions have names where the dynamic linker knows them: of a program those linked with
 *	-rdynamic. For the others addr2line -e FILE OFFSET tells.
 *
 * Workers stand still, between two fibers, while fibers are looked at, some dozens at a time; while
 * these are written out the workers go on. So it is no picture of one moment, but each entry is
 * true by itself. A worker whose fiber does not let go of it is waited for, a second in all; of its
 * fibers only the ids are told, the first 23 bytes of the names, and which of them runs.
 */
#ifndef NETPARK_DUMP_H
#define NETPARK_DUMP_H

#include <netpark/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * np_dump() - write the report
 * @fd: where to; blocks the calling thread, also if it is a worker's, until it has taken all. It
 * may be non-blocking, and anything that write(2) takes
 *
 * Needs 24 KiB of stack and no memory besides, but what the C library may want the first time to
 * load its unwinder. Fibers and threads; not in signal handlers: see np_dump_on_signal(). In the
 * child of a process whose fibers ran there are none to report.
 *
 * Return: 0; -EBADF, -EPIPE or another -errno of write(2), with the report cut short.
 */
NP_API int np_dump(int fd);

/**
 * np_dump_on_signal() - write the report whenever the process gets a signal
 * @signo: SIGQUIT, say; one that nobody else handles
 * @fd:    as np_dump(); stays the caller's, and open until the end; -1: no longer
 *
 * The handler only tells a thread of netpark's, which is started by the first call and ended with
 * the last signal. Signals that come before a report is finished may share the next. A second call
 * for the same signal changes @fd. With -1 the action from before comes back, if it is still ours
 * to replace. After fork(2) the child writes none until it asks for its own. One call at a time.
 *
 * Return: 0; -EINVAL for what is no signal or cannot be handled, or whose report was not asked for;
 * -ENOMEM, -EAGAIN, -EMFILE, -ENFILE if the thread or its pipe could not be made. By threads and
 * fibers.
 */
NP_API int np_dump_on_signal(int signo, int fd);

#ifdef __cplusplus
}
#endif

#endif /* NETPARK_DUMP_H */
