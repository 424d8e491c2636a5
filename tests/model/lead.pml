/* SPDX-License-Identifier: MIT */
/*
 * lead.pml - threads that wait on one poller, one of which turns it: core/park_thread.c and the lead
 * of core/poller.c.
 *
 * Each thread waits on a descriptor of its own, PARKS times. For each wait there is one report from
 * the kernel, but for the last of one thread, which is made ready from outside (its descriptor is
 * unblocked). Reports come at any time, in any order, and any number is fetched at once.
 *
 * A thread that sleeps for ever is an end state in which it has not ended. Assertions: never two
 * turns at a time, the lead is free in the end and nobody is listed as a follower, no breaking of a
 * poller by way of a thread that has gone.
 *
 * The heir is any follower, not just the latest. Condition variables are flags of who sleeps. Not
 * here: timers, hosts that turn, the descriptor's slot beyond WAIT, task and the rest (a report that
 * comes before T3 is wait_close.pml's).
 */
#ifndef THREADS
#define THREADS 3
#endif
#ifndef PARKS
#define PARKS 1
#endif
#if THREADS > 2
#define ANY_EVENT (event[0] || event[1] || event[2])
#else
#define ANY_EVENT (event[0] || event[1])
#endif
#define NOBODY 255
#include "wakeup.inc"

/* The slot: what it is for this model. */
mtype = { idle, parked, reported, canceled };
mtype slot[THREADS] = idle;
bool event[THREADS];

/* struct thread_task */
bool t_lock[THREADS];
bool ready[THREADS];
bool must_lead[THREADS];
bool leading[THREADS];
bool in_cond_wait[THREADS];

/* struct np_poller */
bool led;
bool follow_lock;
bool listed[THREADS];
byte follower_count;

bool g_turning;
byte g_round[THREADS];
byte g_ended;

inline lock(l)   { atomic { !l -> l = true } }
inline unlock(l) { l = false }

inline signal_changed(t) { in_cond_wait[t] = false }

inline ready_one(t)
{
	if
	:: t == me -> by_self = true
	:: else ->
		lock(t_lock[t]);
		ready[t] = true;
#ifndef MUTANT_READY_DOES_NOT_BREAK
		if
		:: leading[t] -> np__wakeup_signal(was)
		:: else
		fi;
#endif
		signal_changed(t);
		unlock(t_lock[t])
	fi
}

/* done: ready */
inline is_ready()
{
	if
	:: by_self -> done = true
	:: else ->
#ifdef MUTANT_LEADING_AFTER_LOCK
		lock(t_lock[me]);
		done = ready[me];
		unlock(t_lock[me]);
		leading[me] = !done
#else
		lock(t_lock[me]);
		done = ready[me];
		leading[me] = !done;
		unlock(t_lock[me])
#endif
	fi
}

inline try_lead() { d_step { done = !led; led = true } }

inline give_lead()
{
#ifdef MUTANT_COUNT_FIRST
	heir = follower_count;
	led = false;
	if
	:: heir == 0
#else
	led = false;
	if
	:: follower_count == 0
#endif
	:: else ->
		lock(follow_lock);
		heir = NOBODY;
		if
		:: listed[0] -> heir = 0
		:: listed[1] -> heir = 1
#if THREADS > 2
		:: listed[2] -> heir = 2
#endif
		:: follower_count == 0
		fi;
		if
		:: heir == NOBODY
		:: else ->
			try_lead();
			if
			:: done ->
				d_step { listed[heir] = false; follower_count-- };
				/* take_lead */
				lock(t_lock[heir]);
				must_lead[heir] = true;
				signal_changed(heir);
				unlock(t_lock[heir])
			:: else
			fi
		fi;
		unlock(follow_lock)
	fi;
	heir = 0;
	done = false
}

/* done: leads after all. follower_count is read without the lock: a step of its own. */
inline follow()
{
	lock(follow_lock);
	listed[me] = true;
	follower_count++;
#ifdef MUTANT_NO_LOOK_WHEN_LISTED
	done = false;
#else
	try_lead();
#endif
	if
	:: done -> d_step { listed[me] = false; follower_count-- }
	:: else
	fi;
	unlock(follow_lock)
}

inline unfollow()
{
	lock(follow_lock);
	if
	:: listed[me] -> d_step { listed[me] = false; follower_count-- }
	:: else
	fi;
	unlock(follow_lock)
}

/* One turn; the reports of one moment. */
inline turn()
{
	atomic { assert(!g_turning); g_turning = true };
	atomic {
		wakeup_written > 0 || ANY_EVENT;
		was = wakeup_written > 0;
		at = 0;
		do
		:: at == THREADS -> break
		:: else -> batch[at] = event[at]; event[at] = false; at++
		od;
		at = 0
	};
	if
	:: was -> was = false; np__wakeup_drain()
	:: else
	fi;
	do
	:: at == THREADS -> break
	:: at < THREADS && batch[at] ->
		/* T7: exactly one takes it out. */
		d_step {
			if
			:: slot[at] == parked -> slot[at] = reported
			:: else -> batch[at] = false
			fi
		};
		at++
	:: else -> at++
	od;
	at = 0;
	g_turning = false;
	do
	:: at == THREADS -> break
	:: at < THREADS && batch[at] -> batch[at] = false; ready_one(at); at++
	:: else -> at++
	od;
	at = 0
}

inline lead()
{
	do
	:: true ->
		is_ready();
		if
		:: done -> break
		:: else -> turn()
		fi
	od;
	if
	:: by_self ->
		lock(t_lock[me]);
		leading[me] = false;
		unlock(t_lock[me])
	:: else
	fi;
	give_lead()
}

inline sleep_until_woken()
{
	lock(t_lock[me]);
	do
	:: ready[me] || must_lead[me] -> break
	:: else ->
		atomic { in_cond_wait[me] = true; unlock(t_lock[me]) };
		atomic { !in_cond_wait[me] && !t_lock[me] -> t_lock[me] = true }
	od;
	done = must_lead[me];
	unlock(t_lock[me])
}

inline follow_or_lead()
{
	try_lead();
	if
	:: !done -> follow()
	:: else
	fi;
	if
	:: !done ->
		sleep_until_woken();
		unfollow();
#ifndef MUTANT_MUST_LEAD_ASKED_ONCE
		lock(t_lock[me]);
		done = must_lead[me];
		unlock(t_lock[me])
#endif
	:: else
	fi;
	if
	:: done -> lead()
	:: else
	fi;
	done = false
}

proctype thread(byte me)
{
	byte parks;
	bool by_self;
	bool done;
	bool was;
	byte heir;
	byte at;
	bool batch[THREADS];

	for (parks : 1 .. PARKS) {
		/* thread_park, with T3 */
		atomic {
			by_self = false;
			ready[me] = false;
			must_lead[me] = false;
			assert(!leading[me] && !listed[me]);
			slot[me] = parked;
			g_round[me]++
		};
		follow_or_lead();
		atomic {
			assert(slot[me] == reported || slot[me] == canceled);
			assert(!leading[me] && !listed[me]);
			slot[me] = idle
		}
	};
	g_ended++
}

/* Reports for a thread's waits, one after the other. */
proctype kernel(byte t; byte reports)
{
	byte i;

	for (i : 1 .. reports) {
		atomic { g_round[t] == i && slot[t] == parked -> event[t] = true }
	}
}

/* np_poll_unblock() in the last one. */
proctype outside(byte t)
{
	byte me = NOBODY;
	bool by_self;
	bool was;

	atomic { g_round[t] == PARKS && slot[t] == parked -> slot[t] = canceled }; /* T8 */
	ready_one(t)
}

active proctype end_state()
{
	g_ended == THREADS;
	assert(!led && follower_count == 0 && !g_turning && !follow_lock)
}

init {
	byte i;

	atomic {
		for (i : 0 .. THREADS - 1) {
			run thread(i);
			run kernel(i, (i == 0 -> PARKS - 1 : PARKS))
		};
		run outside(0)
	}
}
