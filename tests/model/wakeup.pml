/* SPDX-License-Identifier: MIT */
/*
 * wakeup.pml - two threads that break, twice each, and one that turns: looks, which leave the
 * wake-up alone, and waits that block, in any order, for ever.
 *
 * I19: a break begins, and a wait that blocks returns after that. At the end, when nothing moves any
 * more, no break is left that no return has followed. A signal that drain swallows passes only
 * because the wait it is swallowed by has yet to return.
 *
 * With HOST, the other half: a host that only ever looks, whenever the descriptor is readable, and
 * counts on drain_host_break() to make it silent again. That is a property of infinite runs.
 *
 * Not here: a full pipe, interrupted system calls, the signal handler that breaks in the middle of
 * its own thread's break (which is one of the interleavings of two breakers).
 */
#include "wakeup.inc"

#define BREAKERS 2

bool broken; /* poller->broken */
bool asleep; /* in the wait that blocks, with nothing to read */
byte breakers_done;
bool g_owed; /* a break began that no return of a wait followed */

proctype breaker()
{
	bool was;
	byte i;

	for (i : 1 .. 2) {
		g_owed = true;
		/* np_poller_break */
#ifdef MUTANT_NOTE_FIRST
		broken = true;
		np__wakeup_signal(was)
#else
		np__wakeup_signal(was);
		broken = true
#endif
	}
	breakers_done++
}

#ifndef HOST
proctype turner()
{
end:	do
	:: true -> skip /* a look */
#ifdef MUTANT_LOOK_DRAINS
		;
		if
		:: wakeup_written > 0 -> np__wakeup_drain()
		:: else
		fi
#endif
	:: true ->
		/* A wait that blocks; another report may end it, too. */
		if
		:: wakeup_written > 0 -> np__wakeup_drain()
		:: breakers_done < BREAKERS -> skip
		:: breakers_done == BREAKERS && wakeup_written == 0 -> break
		fi;
		g_owed = false
	od;
	/* Asleep for good. */
	assert(!g_owed);
	/* and not deaf */
	assert(!wakeup_pending)
}
#else
proctype turner()
{
	bool was;

end:	do
	:: wakeup_written > 0 ->
		/* np_poller_turn(poller, 0) */
		d_step { was = broken; broken = false };
		if
		:: was && wakeup_written > 0 -> np__wakeup_drain()
		:: else
		fi
	od
}

ltl silent { <> [] (wakeup_written == 0) }
#endif

init {
	byte i;

	atomic {
		for (i : 1 .. BREAKERS) { run breaker() };
		run turner()
	}
}
