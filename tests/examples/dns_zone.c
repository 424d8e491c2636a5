/* SPDX-License-Identifier: MIT */
/* tests/examples/dns_zone.c - names that the DNS server knows by itself. */
#include "dns.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool parse_address(struct dns_record *record, const char *text, enum np_family family)
{
	struct np_addr addr;

	if (np_ip_parse(text, &addr) != 0 || addr.family != family || addr.zone != 0)
		return false;
	record->size = family == NP_ADDR_IPV4 ? 4 : 16;
	memcpy(record->data, addr.ip, record->size);
	return true;
}

static bool parse_text(struct dns_record *record, const char *text)
{
	size_t size = strlen(text);

	if (size > sizeof(record->data) - 2)
		return false;
	record->data[0] = (uint8_t)size;
	memcpy(record->data + 1, text, size);
	record->size = (uint8_t)(size + 1);
	return true;
}

static bool parse_record(struct dns_record *record, const char *text)
{
	char name[256], type[8];
	int value = 0;

	if (sscanf(text, "%255s %7s %n", name, type, &value) != 2 || value == 0 ||
	    !dns_name_parse(name, &record->name))
		return false;
	if (strcmp(type, "A") == 0) {
		record->type = DNS_A;
		return parse_address(record, text + value, NP_ADDR_IPV4);
	}
	if (strcmp(type, "AAAA") == 0) {
		record->type = DNS_AAAA;
		return parse_address(record, text + value, NP_ADDR_IPV6);
	}
	record->type = DNS_TXT;
	return strcmp(type, "TXT") == 0 && parse_text(record, text + value);
}

bool dns_zone_add(struct dns_zone *zone, const char *text)
{
	struct dns_record *records =
		realloc(zone->records, ((size_t)zone->count + 1) * sizeof(*records));

	if (!records)
		return false;
	zone->records = records;
	return parse_record(&records[zone->count], text) && ++zone->count;
}

/* A name exists if there is anything at it, or below it. */
enum dns_rcode dns_zone_answer(const struct dns_zone *zone, const struct dns_query *query,
			       struct dns_answer *answer)
{
	bool exists = dns_name_equal(&query->name, &zone->origin);

	for (int i = 0; i < zone->count; i++) {
		const struct dns_record *record = &zone->records[i];

		exists = exists || dns_name_is_within(&record->name, &query->name);
		if (dns_name_equal(&record->name, &query->name) &&
		    (query->type == record->type || query->type == DNS_ANY))
			dns_answer_add(answer, record->type, record->data, record->size);
	}
	return exists ? DNS_OK : DNS_NO_SUCH_NAME;
}
