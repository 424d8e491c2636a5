/* SPDX-License-Identifier: MIT */
/*
 * deadline.pml - blocked calls whose deadlines are set, moved, cleared and reached, while the clock
 * runs as it likes.
 *
 * A reader, with BOTH_SIDES a writer too, makes calls: look at the clock and reset, unless WAIT_ONLY,
 * then wait. A setter gives deadlines of any kind, one after the other; with TWO_SETTERS two do; with
 * CHANGE_ONE it sets both sides and then changes one. A turn goes round for ever. With EVENT a report
 * comes for the reader. With CLOSE_EARLY the descriptor is unblocked at any time, not only when
 * all is quiet. FEW_VALUES makes the clock tick once only.
 *
 * When nothing moves any more and the clock has stopped, who is still parked has no deadline that
 * was reached and no report (I6, I4), and what was set last is in force. Then all is unblocked, and
 * nobody may be left (I5) and no entry (I14). Assertions on the way: a deadline expires only if it is
 * the one in force and the clock is there (I23); no entry is made after unblock has returned (I14);
 * a call that fails with a timeout had one (I24 is that its own setter sees it at once).
 *
 * One entry serves both sides, so Go's rules for two timers (I12, I13) become: nothing is lost
 * when the entry is at another time than either deadline.
 *
 * The clock is free: it moves between any two steps. Whether a turn sleeps longer than it should is
 * asked by oversleep.pml, with steps finer than the ones here.
 */
#define COARSE
#ifdef BOTH_SIDES
#define TASKS 2
#define SIDES 2
#else
#define TASKS 1
#define SIDES 1
#endif
#define REPORT_PENDING event
bool event; /* the kernel has a report for the reader */
#include "slot.inc"
#include "timers.inc"

#ifdef FEW_VALUES
#define END_OF_TIME 1
#else
#define END_OF_TIME 2
#endif
#ifndef CALLS
#define CALLS 1
#endif
#ifndef SETS
#define SETS 2
#endif

byte callers;

inline handle_report()
{
	event = false;
	np__poll_event(0, 0, false)
}

active proctype turner()
{
	SLOT_LOCALS;
	TIMER_LOCALS;

	turn_for_ever()
}

proctype caller(byte side)
{
	SLOT_LOCALS;
	TIMER_LOCALS;
	byte calls = 0;

	do
	:: calls == CALLS -> break
	:: else ->
		calls++;
#ifndef WAIT_ONLY
		/* np__poll_check() */
		if
		:: deadline[SLOT(0, side)] > 0 ->
			until = now;
			np__poll_expire(0, until);
			until = 0;
			earliest = 0;
			np_ready()
		:: else
		fi;
		np_poll_reset(0, side);
#endif
		/* The system call says EAGAIN. */
		if
		:: result == OK -> np_poll_wait(0, side, side)
		:: else
		fi;
		if
		:: result == E_CLOSED -> break
		:: else
		fi;
		result = OK
	od;
	callers--
}

/* With CHANGE_ONE: both sides, then one of them. */
proctype setter(byte sets)
{
	SLOT_LOCALS;
	TIMER_LOCALS;
	short to;
	byte which;

	do
	:: sets == 0 -> break
	:: else ->
		sets--;
		if
#ifndef FEW_VALUES
		:: to = DEADLINE_NONE
		:: to = DEADLINE_EXPIRED
#endif
		:: to = 1
#if END_OF_TIME > 1
		:: to = END_OF_TIME
#endif
		:: to = END_OF_TIME + 1 /* never comes */
		fi;
#if SIDES > 1
		if
#ifdef CHANGE_ONE
		:: sets == 1 -> which = SIDES
		:: sets == 0 -> which = 0
		:: sets == 0 -> which = 1
#else
		:: which = 0
		:: which = 1
		:: which = SIDES
#endif
		fi;
#endif
		np_poll_set_deadline(0, which, to);
		/* I24: unless another has set it since, it is as told, or has expired. */
		assert((info[0] & INFO_CLOSING) || to != g_in_force[which % SIDES] ||
		       deadline[which % SIDES] == to ||
		       (to > 0 && to <= now && deadline[which % SIDES] == DEADLINE_EXPIRED))
	od
}

active proctype clock()
{
	do
	:: now < END_OF_TIME -> now++
	:: now == END_OF_TIME -> break
	od
}

#ifdef EVENT
active proctype kernel()
{
	event = true
}
#endif

active proctype closer()
{
	SLOT_LOCALS;
	TIMER_LOCALS;
	byte side_left;

#ifndef CLOSE_EARLY
	{
		timeout;
		/* Quiet. Who is parked has no reason to go on. */
		for (side_left : 0 .. SIDES - 1) {
			assert(!IS_TASK(slot[side_left]) || g_in_force[side_left] == DEADLINE_NONE ||
			       g_in_force[side_left] > now);
			assert(deadline[side_left] == g_in_force[side_left] ||
			       (deadline[side_left] == DEADLINE_EXPIRED &&
				g_in_force[side_left] > 0 && g_in_force[side_left] <= now));
			/* I6 for who waits from now on: the entry is there. */
			assert(deadline[side_left] <= 0 ||
			       (timer_when[0] > 0 && timer_when[0] <= deadline[side_left]))
		};
		assert(!timers_lock && timers_next == timer_when[0])
	};
#endif
	np_poll_unblock(0);
	timeout;
	assert(callers == 0);
	assert(timer_when[0] == 0 && timers_next == 0)
}

init {
	byte i;

	atomic {
		callers = TASKS;
		for (i : 0 .. TASKS - 1) { run caller(i) };
		run setter(SETS);
#ifdef TWO_SETTERS
		run setter(1)
#endif
	}
}
