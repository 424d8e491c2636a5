/* SPDX-License-Identifier: MIT */
/*
 * tests/examples/dns_message.c - DNS messages, read from anybody and written (RFC 1035, 6891).
 *
 * Nothing is followed, so nothing can go in circles: a pointer in a question, which has nothing
 * before it to point to, is an error, and names of other records are skipped.
 */
#include "dns.h"

#include <string.h>

enum {
	FLAG_RESPONSE = 0x8000,
	FLAG_OPCODE = 0x7800,
	FLAG_AUTHORITATIVE = 0x0400,
	FLAG_CUT = 0x0200,
	FLAG_WANTS_RECURSION = 0x0100,
	FLAG_HAS_RECURSION = 0x0080,

	LABEL_MAX = 63,
	POINTER = 0xc0,
	CLASS_IN = 1,
	CLASS_ANY = 255,
	TTL = 60,
	RECORD_FIXED = 10, /* type, class, TTL and length */
	OPT_SIZE = 11,
	RECORDS_MAX = 32, /* that a query may have */
};

uint16_t dns_get16(const uint8_t *bytes)
{
	return (uint16_t)(bytes[0] << 8 | bytes[1]);
}

void dns_put16(uint8_t *bytes, uint16_t value)
{
	bytes[0] = (uint8_t)(value >> 8);
	bytes[1] = (uint8_t)value;
}

/* ---- names -------------------------------------------------------------------------------- */

static uint8_t to_lower(uint8_t c)
{
	return (uint8_t)(c >= 'A' && c <= 'Z' ? c + 'a' - 'A' : c);
}

bool dns_name_parse(const char *text, struct dns_name *ret_name)
{
	size_t used = 0;

	while (*text) {
		size_t size = strcspn(text, ".");

		if (size == 0 || size > LABEL_MAX || used + 1 + size + 1 > DNS_NAME_MAX)
			return false;
		ret_name->bytes[used++] = (uint8_t)size;
		for (size_t i = 0; i < size; i++)
			ret_name->bytes[used++] = to_lower((uint8_t)text[i]);
		text += size;
		text += *text == '.';
	}
	ret_name->bytes[used++] = 0;
	ret_name->size = (uint8_t)used;
	return true;
}

bool dns_name_equal(const struct dns_name *a, const struct dns_name *b)
{
	return a->size == b->size && memcmp(a->bytes, b->bytes, a->size) == 0;
}

bool dns_name_is_within(const struct dns_name *name, const struct dns_name *zone)
{
	/* From label to label, so that "example" is not within "ample". */
	for (size_t i = 0; name->size - i >= zone->size; i += 1U + name->bytes[i]) {
		if (name->size - i == zone->size)
			return memcmp(name->bytes + i, zone->bytes, zone->size) == 0;
		if (name->bytes[i] == 0)
			break;
	}
	return false;
}

/* The name at @at, whole. Returns where it ends, 0 if it is none. */
static size_t read_name(const uint8_t *message, size_t size, size_t at, struct dns_name *name)
{
	size_t used = 0;

	for (;;) {
		size_t label = at < size ? message[at] : LABEL_MAX + 1U;

		if (label > LABEL_MAX || label >= size - at || used + 1 + label > DNS_NAME_MAX)
			return 0;
		name->bytes[used++] = (uint8_t)label;
		at++;
		for (size_t i = 0; i < label; i++)
			name->bytes[used++] = to_lower(message[at++]);
		if (label == 0)
			break;
	}
	name->size = (uint8_t)used;
	return at;
}

/* Where the name at @at ends, with a pointer perhaps. 0 if it does not. */
static size_t skip_name(const uint8_t *message, size_t size, size_t at)
{
	while (at < size) {
		size_t label = message[at];

		if (label >= POINTER)
			return at + 2 <= size ? at + 2 : 0;
		if (label > LABEL_MAX)
			return 0;
		at += 1 + label;
		if (label == 0)
			return at;
	}
	return 0;
}

/* ---- queries ------------------------------------------------------------------------------ */

/* The record at @at. Returns where it ends, 0 if it does not. */
static size_t read_record(const uint8_t *message, size_t size, size_t at, struct dns_query *query)
{
	size_t fixed = skip_name(message, size, at);
	size_t end;

	if (fixed == 0 || size - fixed < RECORD_FIXED)
		return 0;
	end = fixed + RECORD_FIXED + dns_get16(message + fixed + 8);
	if (end > size)
		return 0;
	if (dns_get16(message + fixed) == DNS_OPT && message[at] == 0) {
		/* Its class is how much they take. */
		size_t room = dns_get16(message + fixed + 2);

		query->has_edns = true;
		query->room = room < DNS_CLASSIC_ROOM ? DNS_CLASSIC_ROOM : room;
		if (query->room > DNS_UDP_ROOM)
			query->room = DNS_UDP_ROOM;
	}
	return end;
}

/* All that comes behind the question. */
static bool read_records(const uint8_t *message, size_t size, struct dns_query *query)
{
	unsigned count =
		0U + dns_get16(message + 6) + dns_get16(message + 8) + dns_get16(message + 10);
	size_t at = query->question_end;

	if (count > RECORDS_MAX)
		return false;
	while (count-- > 0) {
		at = read_record(message, size, at, query);
		if (at == 0)
			return false;
	}
	return at == size;
}

enum dns_rcode dns_query_parse(const uint8_t *message, size_t size, struct dns_query *query)
{
	uint16_t class;
	size_t at;

	*query = (struct dns_query){ .question_end = DNS_HEADER, .room = DNS_CLASSIC_ROOM };
	/* Answers are not answered, or two servers would go on for ever. */
	if (size < DNS_HEADER || dns_get16(message + 2) & FLAG_RESPONSE)
		return DNS_DROP;
	if (dns_get16(message + 2) & FLAG_OPCODE)
		return DNS_NOT_IMPLEMENTED;
	if (dns_get16(message + 4) != 1)
		return DNS_FORMAT_ERROR;
	at = read_name(message, size, DNS_HEADER, &query->name);
	if (at == 0 || size - at < 4)
		return DNS_FORMAT_ERROR;
	query->type = dns_get16(message + at);
	class = dns_get16(message + at + 2);
	query->question_end = at + 4;
	if (!read_records(message, size, query))
		return DNS_FORMAT_ERROR;
	return class == CLASS_IN || class == CLASS_ANY ? DNS_OK : DNS_NOT_IMPLEMENTED;
}

/* ---- answers ------------------------------------------------------------------------------ */

void dns_answer_begin(struct dns_answer *answer, const uint8_t *query, size_t question_end,
		      uint8_t *bytes, size_t room)
{
	*answer = (struct dns_answer){ .bytes = bytes, .room = room };
	if (question_end > room)
		question_end = DNS_HEADER;
	memcpy(bytes, query, question_end);
	memset(bytes + 4, 0, DNS_HEADER - 4);
	dns_put16(bytes + 4, question_end > DNS_HEADER);
	answer->size = question_end;
}

void dns_answer_add(struct dns_answer *answer, uint16_t type, const uint8_t *data, size_t size)
{
	uint8_t *at = answer->bytes + answer->size;

	/* What an OPT record needs is kept. */
	if (answer->is_cut || answer->room - answer->size < 2 + RECORD_FIXED + size + OPT_SIZE) {
		answer->is_cut = true;
		return;
	}
	dns_put16(at, POINTER << 8 | DNS_HEADER); /* the name in the question */
	dns_put16(at + 2, type);
	dns_put16(at + 4, CLASS_IN);
	dns_put16(at + 6, 0);
	dns_put16(at + 8, TTL);
	dns_put16(at + 10, (uint16_t)size);
	memcpy(at + 12, data, size);
	answer->size += 2 + RECORD_FIXED + size;
	dns_put16(answer->bytes + 6, (uint16_t)(dns_get16(answer->bytes + 6) + 1));
}

static void add_edns(struct dns_answer *answer)
{
	uint8_t *at = answer->bytes + answer->size;

	if (answer->room - answer->size < OPT_SIZE)
		return;
	memset(at, 0, OPT_SIZE);
	dns_put16(at + 1, DNS_OPT);
	dns_put16(at + 3, DNS_UDP_ROOM);
	answer->size += OPT_SIZE;
	dns_put16(answer->bytes + 10, 1);
}

size_t dns_answer_end(struct dns_answer *answer, enum dns_rcode rcode, bool is_ours, bool has_edns)
{
	uint16_t flags = dns_get16(answer->bytes + 2);

	flags &= FLAG_OPCODE | FLAG_WANTS_RECURSION;
	flags |= FLAG_RESPONSE | FLAG_HAS_RECURSION | (uint16_t)rcode;
	if (is_ours)
		flags |= FLAG_AUTHORITATIVE;
	if (answer->is_cut)
		flags |= FLAG_CUT;
	dns_put16(answer->bytes + 2, flags);
	if (has_edns)
		add_edns(answer);
	return answer->size;
}

bool dns_answer_fits(const uint8_t *message, size_t size, const uint8_t *query, size_t question_end,
		     uint16_t id)
{
	return size >= question_end && dns_get16(message) == id &&
	       dns_get16(message + 2) & FLAG_RESPONSE && dns_get16(message + 4) == 1 &&
	       memcmp(message + DNS_HEADER, query + DNS_HEADER, question_end - DNS_HEADER) == 0;
}
