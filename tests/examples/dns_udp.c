/* SPDX-License-Identifier: MIT */
/*
 * tests/examples/dns_udp.c - DNS over UDP: queries come in batches, and so go the answers that are
 * known; for each of the others a fiber asks upstream.
 */
#include "dns.h"

#include <stdlib.h>
#include <string.h>

enum { BATCH = 32 };

struct batch {
	struct np_message in[BATCH], out[BATCH];
	uint8_t queries[BATCH][DNS_UDP_ROOM], answers[BATCH][DNS_UDP_ROOM];
	int answered;
};

/* One that upstream is asked about. */
struct forward {
	struct dns_server *server;
	struct np_addr from;
	struct dns_query query;
	size_t size;
	uint8_t message[DNS_UDP_ROOM];
	uint8_t answer[DNS_UDP_ROOM + 1]; /* which is too long if it fills that */
};

/* An answer that has no room, with nothing in it but that. Returns its size. */
static ssize_t cut_short(struct forward *self)
{
	struct dns_answer answer;

	dns_answer_begin(&answer, self->message, self->query.question_end, self->answer,
			 self->query.room);
	answer.is_cut = true;
	return (ssize_t)dns_answer_end(&answer, DNS_OK, false, self->query.has_edns);
}

static void forward(void *arg)
{
	struct forward *self = arg;
	struct dns_server *server = self->server;
	ssize_t n = dns_forward(&server->upstream, false, self->message, self->size,
				self->query.question_end, self->answer, sizeof(self->answer));

	if (n == 0)
		n = (ssize_t)dns_answer_error(self->message, &self->query, DNS_SERVER_FAILURE,
					      self->answer, self->query.room);
	else if (n > (ssize_t)self->query.room)
		n = cut_short(self);
	/* Whether they still want it or not. */
	if (n > 0)
		np_send_to(server->udp, self->answer, (size_t)n, &self->from);
	np_semaphore_release(&server->forwards, 1);
	free(self);
}

/* False if there are too many. */
static bool start_forward(struct dns_server *server, const struct np_message *message,
			  const struct dns_query *query)
{
	struct forward *self;

	if (np_semaphore_try_acquire(&server->forwards, 1) != 0)
		return false;
	self = malloc(sizeof(*self));
	if (self) {
		self->server = server;
		self->from = message->addr;
		self->query = *query;
		self->size = message->size;
		memcpy(self->message, message->data, message->size);
		if (np_go(forward, self) == 0)
			return true;
		free(self);
	}
	np_semaphore_release(&server->forwards, 1);
	return false;
}

/* The answer to the query number @i of the batch, or somebody is at it. */
static void answer(struct dns_server *server, struct batch *batch, int i)
{
	const struct np_message *in = &batch->in[i];
	uint8_t *bytes = batch->answers[batch->answered];
	struct dns_query query;
	ssize_t n;

	if (in->flags & NP_MESSAGE_CUT)
		return;
	n = dns_answer_at_once(server, in->data, in->size, false, &query, bytes, DNS_UDP_ROOM);
	if (n < 0 && start_forward(server, in, &query))
		return;
	if (n < 0)
		n = (ssize_t)dns_answer_error(in->data, &query, DNS_SERVER_FAILURE, bytes,
					      query.room);
	if (n == 0)
		return;
	batch->out[batch->answered++] = (struct np_message){
		.addr = in->addr,
		.data = bytes,
		.size = (size_t)n,
	};
}

/* Nobody has to wait for an answer that cannot be sent. */
static int send_answers(struct np_fd *socket, const struct batch *batch)
{
	int error = 0;

	for (int i = 0, sent; i < batch->answered; i += sent + 1) {
		error = np_send_messages(socket, batch->out + i, batch->answered - i, &sent);
		if (error >= 0 || error == NP_ECLOSED || error == NP_ECANCELED)
			break;
	}
	return error;
}

static int serve_batch(struct dns_server *server, struct batch *batch)
{
	int n = np_recv_messages(server->udp, batch->in, BATCH);

	batch->answered = 0;
	for (int i = 0; i < n; i++)
		answer(server, batch, i);
	return n < 0 ? n : send_answers(server->udp, batch);
}

void dns_serve_udp(void *arg)
{
	struct batch *batch = calloc(1, sizeof(*batch));
	int error = 0;

	for (int i = 0; batch && i < BATCH; i++)
		batch->in[i] = (struct np_message){
			.data = batch->queries[i],
			.room = DNS_UDP_ROOM,
		};
	while (batch && error != NP_ECLOSED && error != NP_ECANCELED)
		error = serve_batch(arg, batch);
	free(batch);
}
