/* SPDX-License-Identifier: MIT */
/*
 * oversleep.pml - deadlines set to earlier and later against a turn that is about to sleep, is
 * asleep or is leaving.
 *
 * Two descriptors with an entry each, three setters, of which two share a descriptor, and a turn
 * that goes round for ever. The clock moves on only when nothing else can move, so whatever is late
 * then is late because the turn sleeps too long: before each tick no deadline of the past may be
 * left. A setter begins at any time.
 *
 * Not here: who waits (deadline.pml), whose turn it is (lead.pml), hosts that sleep in a loop of
 * their own.
 */
#define TASKS 1
#define SIDES 1
#define DESCS 2
#define REPORT_PENDING false
#include "slot.inc"
#include "timers.inc"

#define END_OF_TIME 4

inline handle_report() { skip }

byte setters;

active proctype turner()
{
	SLOT_LOCALS;
	TIMER_LOCALS;

	turn_for_ever()
}

proctype setter(byte desc; short to; bool again)
{
	SLOT_LOCALS;
	TIMER_LOCALS;

	if
	:: true
	:: true -> now >= 1
	fi;
	np_poll_set_deadline(desc, 0, to);
	if
	:: again -> np_poll_set_deadline(desc, 0, to - 1)
	:: else
	fi;
	setters--
}

/* What a tick finds. */
inline nothing_is_late()
{
	assert(deadline[0] <= 0 || deadline[0] > now);
	assert(deadline[1] <= 0 || deadline[1] > now);
	assert(!timers_lock)
}

active proctype clock()
{
	do
	:: timeout ->
		nothing_is_late();
		if
		:: now == END_OF_TIME -> break
		:: else -> now++
		fi
	od;
	/* Nothing is left, and the next turn would know. */
	assert(deadline[0] == DEADLINE_EXPIRED && deadline[1] == DEADLINE_EXPIRED);
	assert(timers_next == 0 && setters == 0)
}

init {
	atomic {
		setters = 3;
		run setter(0, 4, true);
		run setter(0, 2, false);
		run setter(1, 3, true)
	}
}
