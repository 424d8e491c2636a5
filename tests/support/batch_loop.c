/* SPDX-License-Identifier: MIT */
/*
 * tests/support/batch_loop.c - the calls of netpark/datagram.h once more, under other names and
 * with a loop for batches, for systems with system calls for these.
 */
#define np_recv_from           loop_recv_from
#define np_send_to             loop_send_to
#define np_recv_message        loop_recv_message
#define np_send_message        loop_send_message
#define np_recv_messages       loop_recv_messages
#define np_send_messages       loop_send_messages
#define np__batch_receive      loop_batch_receive
#define np__batch_send         loop_batch_send
#define np__batch_receive_each loop_batch_receive_each
#define np__batch_send_each    loop_batch_send_each
#define np__batch_receive_call loop_batch_receive_call
#define np__batch_send_call    loop_batch_send_call

#include "core/net/batch_loop.c"
#include "core/net/batch_none.c"
#include "core/net/datagram.c"

#include "tests/support/batch_variants.h"

const struct batch_variant batch_loop = {
	"loop", np_recv_messages, np_send_messages, np_recv_from, np_recv_message,
};
