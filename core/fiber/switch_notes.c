/* SPDX-License-Identifier: MIT */
/* core/fiber/switch_notes.c - what the sanitizers want to know of a thread's own stack. */
#include "core/fiber/switch_notes.h"

#ifdef NP_NOTE_ASAN
#include <pthread.h>
#endif

void np__note_thread(struct switch_note *note)
{
#ifdef NP_NOTE_ASAN
	pthread_attr_t attr;
	void *low;

	pthread_getattr_np(pthread_self(), &attr);
	pthread_attr_getstack(&attr, &low, &note->size);
	pthread_attr_destroy(&attr);
	note->low = low;
	note->fake_stack = NULL;
#endif
#ifdef NP_NOTE_TSAN
	note->fiber = __tsan_get_current_fiber();
#endif
	(void)note;
}
