/* SPDX-License-Identifier: MIT */
/*
 * ports.pml - backends/ports.c: associations that one event spends, and who makes them anew.
 *
 * A reader and a writer of descriptor 0 arm, wait for their report, take what there is, and do so
 * again; the writer may give up. The owner of descriptor 1 opens it, arms, perhaps waits, closes, and opens the same number
 * with another tag. One thread turns for ever.
 *
 * The port queues an event when what it is about happens, and not when it is taken, as that of
 * illumos does and the emulation of the tests does not. Associating anew takes a queued event back
 * and looks again.
 *
 * A lost arm is an end state in which one of these has not ended. Assertions: a report is of what is
 * there, of the directions that somebody has armed, and of who has the number. Not here: the
 * wake-up, which is wakeup.pml, refusals, hang-up.
 */
#define FDS 2
#define R 1
#define W 2

/* struct entry, struct ports_state */
byte tag[FDS];
byte armed[FDS];
bool state_lock;

/* The kernel. */
byte asked[FDS];  /* 0: nothing is associated */
byte user[FDS];
byte queued[FDS]; /* an event, with what it says; its association is spent */
byte level[FDS];  /* what the descriptor is ready for */

byte latched[FDS]; /* the slots: READY */
byte g_owed[FDS];  /* armed and not reported */

inline lock()   { atomic { !state_lock -> state_lock = true } }
inline unlock() { state_lock = false }

/* The port looks. */
inline consider(fd)
{
	if
	:: asked[fd] & level[fd] ->
		queued[fd] = asked[fd] & level[fd];
		asked[fd] = 0
	:: else
	fi
}

inline associate(fd, events, word)
{
	d_step {
		queued[fd] = 0;
		asked[fd] = events;
		user[fd] = word;
		consider(fd)
	}
}

inline happen(fd, what)
{
	d_step {
		level[fd] = level[fd] | what;
		consider(fd)
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
		events = armed[fd];
#ifdef MUTANT_ARM_ASSOCIATES_UNLOCKED
		unlock();
		associate(fd, events, tag[fd]);
		lock();
#else
#ifdef MUTANT_ARM_ASKS_FOR_ITS_OWN
		events = mode;
#endif
		associate(fd, events, tag[fd]);
#endif
		events = 0
	fi;
	unlock()
}

active proctype turner()
{
	byte fd;
	byte found;
	byte word;

end:	do
	:: atomic {
			queued[0] || queued[1];
			if
			:: queued[0] -> fd = 0
			:: queued[1] -> fd = 1
			fi;
			found = queued[fd];
			word = user[fd];
			queued[fd] = 0
		};
		/* harvest() */
		lock();
		if
#ifdef MUTANT_NO_TAG
		:: armed[fd] == 0
#else
		:: armed[fd] == 0 || tag[fd] != word
#endif
		:: else ->
			assert((level[fd] & found) == found);
			assert((g_owed[fd] & found) == found);
			g_owed[fd] = g_owed[fd] & ~found;
#ifndef MUTANT_STAYS_ARMED
			armed[fd] = armed[fd] & ~found;
#endif
#ifndef MUTANT_THE_REST_IS_LEFT
			if
			:: armed[fd] -> associate(fd, armed[fd], tag[fd])
			:: else
			fi;
#endif
			latched[fd] = latched[fd] | found
		fi;
		d_step { fd = 0; found = 0; word = 0 };
		unlock()
	od
}

/* One side of descriptor 0. */
proctype side(byte mode)
{
	byte events;
	byte i;

	for (i : 1 .. 2) {
		if
		:: true -> happen(0, mode) /* ready when asked */
		:: true -> skip
		fi;
		arm(0, mode);
		if
		:: true ->
			happen(0, mode);
			/* T1, T3, T12 */
			d_step { latched[0] & mode -> latched[0] = latched[0] & ~mode };
			level[0] = level[0] & ~mode
		:: mode == W && !(level[0] & W) -> break /* a deadline; stays armed */
		fi
	}
}

proctype owner()
{
	byte events;
	byte life;

	for (life : 1 .. 2) {
		lock();
		tag[1] = life;
		unlock();
		arm(1, R);
		if
		:: true -> happen(1, R)
		:: true -> skip
		fi;
		if
		:: level[1] -> d_step { latched[1] & R -> latched[1] = 0 }
		:: true
		fi;
		lock();
		d_step { asked[1] = 0; queued[1] = 0 };
		tag[1] = 0;
		armed[1] = 0;
		/* T14, and the next file with this number has nothing to tell yet */
		d_step { level[1] = 0; latched[1] = 0; g_owed[1] = 0 };
		unlock();
		assert(asked[1] == 0 && queued[1] == 0)
	}
}

init {
	atomic {
		tag[0] = 9;
		run side(R);
		run side(W);
		run owner()
	}
}
