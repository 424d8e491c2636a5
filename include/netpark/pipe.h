/* SPDX-License-Identifier: MIT */
/*
 * netpark/pipe.h - a connection within the process, without descriptors: Go's net.Pipe.
 *
 * To test what was written for np_fd: give it one end, and play the peer at the other. Nothing is
 * buffered, so nothing happens by chance: a write returns when all of it was read.
 */
#ifndef NETPARK_PIPE_H
#define NETPARK_PIPE_H

#include <netpark/base.h>

#ifdef __cplusplus
extern "C" {
#endif

struct np_fd;

/**
 * np_pipe_pair() - two connected ends; what is written to one is read from the other. Go: net.Pipe
 *
 * The calls of netpark/fd.h for data, deadlines and life, and np_close_write(), np_close_read() and
 * the addresses of netpark/net.h, do as they do for connections. In particular:
 *
 *	reads     take from one write at a time, as much as there is room for
 *	writes    wait until all was read, with the deadline for all of that; np_write_counted()
 *	          tells how far an error let them get. Several to one end go one after the other.
 *	          An empty one waits for a read, which returns 0; np_writev() of nothing does not.
 *	close     never fails, and ends what is under way at both ends: NP_ECLOSED here; there reads
 *	          return 0, and writes -EPIPE, from then on. np_close() does not wait for anybody.
 *	half      np_close_write() and np_close_read() end the one way like that, for both ends.
 *	end       comes before deadlines: a read from who has closed returns 0 even if it is late.
 *	fork      in the child everything but close is NP_EFORKED.
 *
 * Both addresses are NP_ADDR_NONE, the network in texts is "pipe". What needs a descriptor is
 * -EOPNOTSUPP: np_fd_control(), np_wait(), np_raw_read(), np_recvmsg(), np_sendmsg(), options.
 *
 * A call that waits may also return -EDEADLK if its task's parker cannot park, and with a deadline
 * -ENOMEM, or -EMFILE or -ENFILE where the default poller could not be made for it.
 *
 * @ret_ends: each is the caller's, and ends by np_close(). Return: 0, -EINVAL, -ENOMEM. Any thread.
 */
NP_API int np_pipe_pair(struct np_fd *ret_ends[2]);

#ifdef __cplusplus
}
#endif

#endif /* NETPARK_PIPE_H */
