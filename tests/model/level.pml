/* SPDX-License-Identifier: MIT */
/*
 * level.pml - backends/poll.c: the set that poll(2) has, the queue of who arms meanwhile, and the
 * handshake that sees the waiter out.
 *
 * A reader and a writer of descriptor 0 arm, wait for their report, take what there is, and do so
 * again. The owner of descriptor 1 opens it, arms, perhaps waits, closes, and opens the same number
 * with another tag. Somebody makes room in the set, as grow_set() does. One thread turns for ever.
 *
 * A lost arm (I20) or a lost broadcast is an end state in which one of these has not ended.
 * Assertions: nobody writes the set while the kernel has it; a close returns with the descriptor out
 * of the set; at most one report for each arm, with the tag of who armed; a place in the set and the
 * entry that has it name each other.
 *
 * poll(2) looks at all of the set at one moment. Not here: looks, errors, signals, more reports than
 * fit. What becomes of the report: wait_close.pml.
 */
#include "wakeup.inc"

#define FDS     2
#define NO_SLOT 255
#define END     255
#define R 1
#define W 2

/* struct entry, struct poll_state */
byte tag[FDS];
byte place[FDS] = NO_SLOT;
byte next_queued[FDS];
byte armed[FDS];
bool queued[FDS];
bool state_lock;
bool waiting;
byte changers;
byte queue = END;
byte set_fd[FDS];
byte set_events[FDS];
byte set_used; /* the wake-up's place is not counted */

/* The condition variable: who sleeps on it. */
#define SLEEPERS 3
#define WAITER 0
#define CLOSER 1
#define GROWER 2
bool in_cond_wait[SLEEPERS];

byte level[FDS];     /* what the descriptor is ready for */
byte latched[FDS];   /* the slots: READY */
byte g_owed[FDS];    /* armed and not reported */
bool g_has_set;      /* poll(2) is to come or under way */

inline lock()   { atomic { !state_lock -> state_lock = true } }
inline unlock() { state_lock = false }

inline cond_wait(who)
{
	atomic { assert(state_lock); in_cond_wait[who] = true; unlock() };
	atomic { !in_cond_wait[who] && !state_lock -> state_lock = true }
}

inline broadcast()
{
	d_step { in_cond_wait[0] = false; in_cond_wait[1] = false; in_cond_wait[2] = false }
}

inline enter_set(who)
{
	changers++;
	do
	:: waiting ->
#ifndef MUTANT_CLOSE_DOES_NOT_SIGNAL
		np__wakeup_signal(was);
#endif
		cond_wait(who)
	:: else -> break
	od
}

inline leave_set()
{
	changers--;
#ifndef MUTANT_LEAVE_DOES_NOT_BROADCAST
	broadcast()
#endif
}

/* Under the lock, each of these is one step: the kernel is the only other reader. */
inline remove_slot(which)
{
	d_step {
		hole = which;
		assert(!g_has_set && place[set_fd[hole]] == hole);
		moved = set_fd[hole];
		place[moved] = NO_SLOT;
		set_used--;
		if
		:: hole == set_used
		:: else ->
			moved = set_fd[set_used];
			set_fd[hole] = moved;
			set_events[hole] = set_events[set_used];
			place[moved] = hole
		fi;
		set_fd[set_used] = 0;
		set_events[set_used] = 0;
		hole = 0;
		moved = 0
	}
}

inline update_set(fd)
{
	d_step {
		assert(!g_has_set);
		if
		:: place[fd] == NO_SLOT ->
			place[fd] = set_used;
			set_fd[set_used] = fd;
			set_used++
		:: else
		fi;
		set_events[place[fd]] = armed[fd]
	}
}

inline arm(fd, mode)
{
	lock();
	if
	:: (armed[fd] & mode) == mode
	:: else ->
		armed[fd] = armed[fd] | mode;
		g_owed[fd] = g_owed[fd] | mode;
		if
#ifdef MUTANT_ARM_WRITES_THE_SET
		:: true -> update_set(fd)
#else
		:: !waiting -> update_set(fd)
#endif
		:: waiting && !queued[fd] ->
			queued[fd] = true;
			next_queued[fd] = queue;
			queue = fd;
#ifndef MUTANT_ARM_DOES_NOT_SIGNAL
			np__wakeup_signal(was)
#endif
		:: else
		fi
	fi;
	unlock()
}

active proctype turner()
{
	bool was;
	byte hole;
	byte moved;
	byte i;
	byte fd;
	byte revents[FDS];
	byte rest;
	byte next; /* the place at which the next harvest begins */
	byte count;
	byte event_tag[FDS];
	byte event_fd[FDS];
	byte event_flags[FDS];

end:	do
	:: true ->
		lock();
#ifndef MUTANT_WAITER_GOES_FIRST
		do
		:: changers > 0 -> cond_wait(WAITER)
		:: else -> break
		od;
#endif
		/* wait_unlocked */
		atomic {
			assert(changers == 0); /* they go first, or they might wait for ever */
			waiting = true;
			g_has_set = true
		};
		unlock();
end_asleep:	atomic {
			wakeup_written > 0 ||
			(set_used > 0 && (set_events[0] & level[set_fd[0]])) ||
			(set_used > 1 && (set_events[1] & level[set_fd[1]]));
			was = wakeup_written > 0;
			i = 0;
			do
			:: i == FDS -> break
			:: else ->
				if
				:: i < set_used -> revents[i] = set_events[i] & level[set_fd[i]]
				:: else
				fi;
				i++
			od;
			i = 0;
			g_has_set = false
		};
		lock();
		waiting = false;
		if
		:: was -> was = false; np__wakeup_drain()
		:: else
		fi;
		/* harvest(): under the lock to the end */
		rest = set_used;
		do
		:: rest == 0 -> break
		:: else ->
			rest--;
			if
			:: next >= set_used -> next = 0
			:: else
			fi;
			i = next;
			next++;
			assert(i < set_used);
			if
			:: revents[i] == 0
			:: else ->
				d_step {
					fd = set_fd[i];
					assert(tag[fd] != 0 && place[fd] == i);
					event_tag[count] = tag[fd];
					event_fd[count] = fd;
					event_flags[count] = revents[i];
					count++;
#ifndef MUTANT_STAYS_ARMED
					armed[fd] = armed[fd] & ~revents[i]
#endif
				};
				revents[i] = 0;
				if
				:: armed[fd] -> update_set(fd)
				:: else ->
					/* The last one moves here, with its revents. */
					revents[i] = revents[set_used - 1];
					revents[set_used - 1] = 0;
					remove_slot(i)
				fi
			fi
		od;
		i = 0;
		revents[0] = 0;
		revents[1] = 0;
		/* take_queue() */
#ifndef MUTANT_QUEUE_IS_LEFT
		do
		:: queue == END -> break
		:: else ->
			d_step {
				fd = queue;
				queue = next_queued[fd];
				next_queued[fd] = 0;
				queued[fd] = false
			};
			if
#ifdef MUTANT_QUEUE_KEEPS_THE_CLOSED
			:: true -> update_set(fd)
#else
			:: armed[fd] -> update_set(fd)
#endif
			:: else
			fi
		od;
#endif
		fd = 0;
#ifndef MUTANT_WAITER_DOES_NOT_BROADCAST
		if
		:: changers > 0 -> broadcast()
		:: else
		fi;
#endif
		unlock();
		/* The reports, slowly. */
		do
		:: i == count -> break
		:: i < count ->
			d_step {
				fd = event_fd[i];
				if
				:: tag[fd] == event_tag[i] ->
					assert((g_owed[fd] & event_flags[i]) == event_flags[i]);
					g_owed[fd] = g_owed[fd] & ~event_flags[i];
					latched[fd] = latched[fd] | event_flags[i]
				:: else
				fi;
				event_fd[i] = 0;
				event_tag[i] = 0;
				event_flags[i] = 0;
				fd = 0;
				i++
			}
		od;
		i = 0;
		count = 0
	od
}

/* One side of descriptor 0. */
proctype user(byte mode)
{
	bool was;
	byte i;

	for (i : 1 .. 2) {
		if
		:: true -> level[0] = level[0] | mode /* ready when asked */
		:: true -> skip
		fi;
		arm(0, mode);
		level[0] = level[0] | mode;
		/* T1, T3, T12 */
		d_step { latched[0] & mode -> latched[0] = latched[0] & ~mode };
		level[0] = level[0] & ~mode
	}
}

inline backend_open(fd, new_tag)
{
	lock();
	assert(tag[fd] == 0);
	tag[fd] = new_tag;
	unlock()
}

inline backend_close(fd, who)
{
	lock();
	if
	:: place[fd] != NO_SLOT ->
#ifdef MUTANT_CLOSE_ONLY_BREAKS
		np__wakeup_signal(was);
#else
		enter_set(who);
#endif
		if
		:: place[fd] != NO_SLOT -> remove_slot(place[fd])
		:: else
		fi;
#ifndef MUTANT_CLOSE_ONLY_BREAKS
		leave_set()
#endif
	:: else
	fi;
	tag[fd] = 0;
	armed[fd] = 0;
	unlock()
}

proctype owner()
{
	bool was;
	byte hole;
	byte moved;
	byte life;

	for (life : 1 .. 2) {
		backend_open(1, life);
		arm(1, R);
		if
		:: true -> level[1] = R
		:: true -> skip
		fi;
		if
		:: level[1] -> d_step { latched[1] & R -> latched[1] = 0 }
		:: true
		fi;
		backend_close(1, CLOSER);
		/* close(2) may follow: the kernel has nothing of it. */
		assert(place[1] == NO_SLOT);
		assert(set_used == 0 || set_fd[0] != 1);
		assert(set_used < 2 || set_fd[1] != 1);
		/* T14; the memory's reports that are still to come are dropped by their tag */
		d_step { level[1] = 0; latched[1] = 0; g_owed[1] = 0 }
	}
}

/* grow_set() */
proctype grower()
{
	bool was;

	lock();
	enter_set(GROWER);
	assert(!g_has_set);
	leave_set();
	unlock()
}

init {
	atomic {
		tag[0] = 9;
		run user(R);
#ifdef WRITER
		run user(W);
#endif
		run owner();
#ifndef WRITER
		run grower()
#endif
	}
}
