/* SPDX-License-Identifier: MIT */
/* core/fiber/local.c - fiber-local storage: a short list a fiber, searched. */
#include "core/fiber/fiber.h"

#include <errno.h>
#include <stdlib.h>

struct local_value {
	struct local_value *next;
	const struct np_local *local;
	void *value;
};

static struct local_value *find(const struct fiber *fiber, const struct np_local *local)
{
	struct local_value *value = fiber->locals;

	while (value && value->local != local)
		value = value->next;
	return value;
}

int np_local_set(const struct np_local *local, void *value)
{
	struct fiber *self = np__fiber_self();
	struct local_value *place;

	if (!local)
		return np__invalid("np_local_set: no variable");
	if (!self)
		return NP_ENORUNTIME;
	place = find(self, local);
	if (!place) {
		place = malloc(sizeof(*place));
		if (!place)
			return -ENOMEM;
		place->local = local;
		place->next = self->locals;
		self->locals = place;
	}
	place->value = value;
	return 0;
}

void *np_local_get(const struct np_local *local)
{
	const struct fiber *self = np__fiber_self();
	const struct local_value *value = self ? find(self, local) : NULL;

	return value ? value->value : NULL;
}

/* One by one, since a destructor may set others, or the same again. */
void np__locals_destroy(struct fiber *fiber)
{
	while (fiber->locals) {
		struct local_value *value = fiber->locals;

		fiber->locals = value->next;
		if (value->value && value->local->destroy)
			value->local->destroy(value->value);
		free(value);
	}
}
