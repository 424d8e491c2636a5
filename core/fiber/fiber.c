/* SPDX-License-Identifier: MIT */
/* core/fiber/fiber.c - what a fiber asks about itself, and sleep. */
#include "core/fiber/fiber.h"
#include "core/ticket.h"

static const struct np_wait sleep_wait = {
	.what = "sleep",
	.commit = np__ticket_commit,
	.retract = np__ticket_retract,
	.describe = np__ticket_describe,
};

int np_sleep(int64_t duration_ns)
{
	struct ticket ticket;
	int result;

	if (duration_ns <= 0) {
		np_yield();
		return np__task_is_canceled(np_task_self()) ? NP_ECANCELED : 0;
	}
	result = np__ticket_draw(&ticket);
	if (!result)
		result = np__ticket_wait(&ticket, &sleep_wait, np_deadline(duration_ns));
	return result == NP_EDEADLINE ? 0 : result;
}

void np_set_name(const char *name)
{
	struct fiber *self = np__fiber_self();
	const char *next = name ? name : "";

	if (!self) {
		np__thread_set_name(name);
		return;
	}
	self->name = name;
	for (size_t i = 0; i < FIBER_LABEL; i++) {
		char c = i < FIBER_LABEL - 1 ? *next : '\0';

		/* Who reads it then finds in our state that whoever was here before has ended. */
		__atomic_store_n(&self->label[i], c, __ATOMIC_RELEASE);
		next += c != '\0';
	}
}

void np__fiber_read_label(const struct fiber *fiber, char label[FIBER_LABEL])
{
	for (size_t i = 0; i < FIBER_LABEL; i++)
		label[i] = __atomic_load_n(&fiber->label[i], __ATOMIC_ACQUIRE);
}

size_t np_stack_used(void)
{
	const struct fiber *self = np__fiber_self();
	size_t used;

	if (!self)
		return 0;
	np__note_look_begin();
	used = np__stack_high_water(&self->stack);
	np__note_look_end();
	return used;
}
