/* SPDX-License-Identifier: MIT */
/*
 * grow.pml - room in the set of backends/poll.c when several open at a time while one waits.
 *
 * Who needs room has to see the waiter out, and lets the lock go meanwhile; others come to the same
 * point. Each open has to leave room for all that are open and the wake-up, for arming never fails.
 * The waiter is let out as soon as somebody asks; it comes and goes as it likes. The sizes are small:
 * room for two to begin with, one of them the wake-up's.
 *
 * Not here: how the waiter is woken and what is armed (level.pml), openings that fail.
 */
#define OPENERS 4

bool state_lock;
bool waiting;
byte changers;
byte set_size = 2;
byte open_count;
byte g_opened;

inline lock()   { atomic { !state_lock -> state_lock = true } }
inline unlock() { state_lock = false }

active proctype waiter()
{
end:	do
	:: atomic { !state_lock && changers == 0 -> waiting = true };
	   atomic { !state_lock -> waiting = false }
	od
}

proctype opener()
{
	byte size;

	lock();
	/* grow_set */
#ifdef MUTANT_DECIDE_BEFORE_WAIT
	size = set_size * 2;
#endif
	if
	:: open_count + 1 < set_size
	:: else ->
		changers++;
		do
		:: waiting -> unlock(); !waiting; lock()
		:: else -> break
		od;
#ifdef MUTANT_DECIDE_BEFORE_WAIT
		set_size = size;
#else
		if
		:: open_count + 1 >= set_size -> set_size = set_size * 2
		:: else
		fi;
#endif
		changers--
	fi;
	size = 0;
	open_count++;
	assert(open_count < set_size);
	unlock();
	g_opened++
}

init {
	byte i;

	atomic { for (i : 1 .. OPENERS) { run opener() } };
	g_opened == OPENERS;
	assert(open_count == OPENERS && changers == 0)
}
