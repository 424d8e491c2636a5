/* SPDX-License-Identifier: MIT */
/*
 * core/fiber/switch_notes.h - telling AddressSanitizer, ThreadSanitizer and Valgrind of stacks and
 * switches. Nothing at all in builds that none of them looks at.
 *
 *	np__note_stack(&new, low, top)           when a context is made
 *	np__note_leave(&from, &to, is_dying)     right before np__context_switch()
 *	np__note_arrive(&self)                   right after it, and first thing in a new context
 *	np__note_end(&self, &grave)              last thing in a context; it leaves from the grave
 *	np__note_bury(&grave)                    after each arrival
 */
#ifndef NETPARK_CORE_FIBER_SWITCH_NOTES_H
#define NETPARK_CORE_FIBER_SWITCH_NOTES_H

#include <stdbool.h>
#include <stddef.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define NP_NOTE_ASAN 1
#endif
#if __has_feature(thread_sanitizer)
#define NP_NOTE_TSAN 1
#endif
#endif
#ifdef __SANITIZE_ADDRESS__
#define NP_NOTE_ASAN 1
#endif
#ifdef __SANITIZE_THREAD__
#define NP_NOTE_TSAN 1
#endif

#ifdef NP_NOTE_ASAN
#include <sanitizer/asan_interface.h>
#endif
#ifdef NP_NOTE_TSAN
#include <sanitizer/tsan_interface.h>
#endif
#ifdef NP_HAVE_VALGRIND
#include <valgrind/valgrind.h>
#endif

struct switch_note {
#ifdef NP_NOTE_ASAN
	void *fake_stack;
	const void *low;
	size_t size;
#endif
#ifdef NP_NOTE_TSAN
	void *fiber;
#endif
	unsigned valgrind_id;
};

static inline void np__note_stack(struct switch_note *note, char *low, char *top)
{
#ifdef NP_NOTE_ASAN
	note->fake_stack = NULL;
	note->low = low;
	note->size = (size_t)(top - low);
#endif
#ifdef NP_NOTE_TSAN
	note->fiber = __tsan_create_fiber(0);
#endif
#ifdef NP_HAVE_VALGRIND
	note->valgrind_id = (unsigned)VALGRIND_STACK_REGISTER(low, top);
#endif
	(void)note, (void)low, (void)top;
}

/* The stack of the calling thread. */
void np__note_thread(struct switch_note *note);

/* By the context itself, at its end: its note now lies in @grave. */
static inline void np__note_end(struct switch_note *note, struct switch_note *grave)
{
	*grave = *note;
#ifdef NP_HAVE_VALGRIND
	VALGRIND_STACK_DEREGISTER(note->valgrind_id);
#endif
}

/* By whoever runs next. */
static inline void np__note_bury(struct switch_note *grave)
{
#ifdef NP_NOTE_TSAN
	if (grave->fiber)
		__tsan_destroy_fiber(grave->fiber);
	grave->fiber = NULL;
#endif
	(void)grave;
}

static inline void np__note_leave(struct switch_note *from, struct switch_note *to, bool is_dying)
{
#ifdef NP_NOTE_ASAN
	/* Its frames never return, so nothing else takes back what was noted of them. */
	if (is_dying)
		__asan_handle_no_return();
	__sanitizer_start_switch_fiber(is_dying ? NULL : &from->fake_stack, to->low, to->size);
#endif
#ifdef NP_NOTE_TSAN
	__tsan_switch_to_fiber(to->fiber, 0);
#endif
	(void)from, (void)to, (void)is_dying;
}

static inline void np__note_arrive(struct switch_note *self)
{
#ifdef NP_NOTE_ASAN
	__sanitizer_finish_switch_fiber(self->fake_stack, NULL, NULL);
#endif
	(void)self;
}

/*
 * Around a look at what lies below the stack pointer, which Valgrind takes for a mistake. Of the
 * calling thread only.
 */
static inline void np__note_look_begin(void)
{
#ifdef NP_HAVE_VALGRIND
	VALGRIND_DISABLE_ERROR_REPORTING;
#endif
}

static inline void np__note_look_end(void)
{
#ifdef NP_HAVE_VALGRIND
	VALGRIND_ENABLE_ERROR_REPORTING;
#endif
}

#endif /* NETPARK_CORE_FIBER_SWITCH_NOTES_H */
