/* SPDX-License-Identifier: MIT */
/*
 * fd_close.pml - closing a handle while calls on it are under way, queue for its lock, or are only
 * about to make its poll descriptor: core/fd.c and core/fd_mutex.c.
 *
 * Two readers, of which one has to wait for the other's lock, a writer that waits on the other side,
 * or with SETTER one that only needs the descriptor for a moment; and one or, with TWO_CLOSERS, two
 * that close. No data ever comes, so all calls end by the close or not at all; with DATA it is there
 * at once, and nobody closes: the lock has to be handed on.
 *
 * Who is still asleep in the end state was forgotten. Assertions: no system call on a number that
 * was given back, which happens exactly once; each poll descriptor is unblocked once, closed once and
 * after that, and not used afterwards; a close that returns finds the number given back.
 *
 * The word's operations are one step each, the semaphores' too (they are under a lock). Not here:
 * the references that keep the memory, blocking descriptors, deadlines.
 */
#define TASKS 3
#define SIDES 2
#define DESCS 4
#include "slot.inc"

#define NONE 255

/* struct fd_mutex */
bool closed;
byte refs;
bool locked;      /* the read lock; the writer's would be alike */
byte sleepers;
byte releases;
bool asleep[TASKS];
byte destroyed_releases;

byte fd_desc = NONE;
bool given_back; /* sysfd */
bool desc_freed[DESCS];

/* done: it is there. abandoned: destroy */
inline incref() { d_step { done = !closed; if :: done -> refs++ :: else fi } }

inline decref()
{
	d_step {
		assert(refs > 0);
		refs--;
		abandoned = closed && refs == 0
	}
}

inline semaphore_acquire()
{
	atomic {
		if
		:: releases > 0 -> releases--
		:: else -> asleep[me] = true
		fi
	};
	!asleep[me]
}

inline semaphore_release()
{
	atomic {
		if
		:: asleep[0] -> asleep[0] = false
		:: asleep[1] -> asleep[1] = false
		:: !asleep[0] && !asleep[1] -> releases++
		fi
	}
}

/* np__fd_lock() of the read side. done: locked */
inline fd_lock()
{
	do
	:: d_step {
		/* try_lock */
		done = false;
		busy = false;
		if
		:: closed
		:: !closed && locked -> busy = true
		:: else -> locked = true; refs++; done = true
		fi
	   };
	   if
	   :: !busy -> break
	   :: else
	   fi;
	   d_step {
		/* fall_asleep */
#ifdef MUTANT_FALL_ASLEEP_BLINDLY
		sleepers++;
#else
		if
		:: closed || !locked -> busy = false
		:: else -> sleepers++
		fi
#endif
	   };
	   if
	   :: busy -> semaphore_acquire()
	   :: else
	   fi
	od
}

/* Whoever is about to wake a sleeper stays inside until that is done. */
inline fd_unlock()
{
	d_step {
		assert(locked && refs > 0);
		locked = false;
		wake = sleepers > 0;
		if
		:: wake -> sleepers--
		:: else -> refs--; abandoned = closed && refs == 0
		fi
	};
	if
	:: wake ->
#ifndef MUTANT_UNLOCK_WAKES_NOBODY
		semaphore_release();
#endif
		decref()
	:: else
	fi;
	wake = false
}

inline np_poll_unblock(d)
{
	d_step { assert(!(info[d] & INFO_CLOSING)); info[d] = info[d] | INFO_CLOSING };
	slot_cancel(SLOT(d, 0));
	slot_cancel(SLOT(d, 1));
	assert(!desc_freed[d]);
	np_ready()
}

inline np_poll_close(d)
{
	d_step {
		assert(info[d] & INFO_CLOSING);
		assert(!desc_freed[d]);
		assert(slot[SLOT(d, 0)] <= READY && slot[SLOT(d, 1)] <= READY);
		desc_freed[d] = true
	}
}

inline destroy()
{
	desc = fd_desc;
	if
	:: desc != NONE ->
#ifndef MUTANT_DESTROY_TRUSTS_CLOSE
		if
		:: !(info[desc] & INFO_CLOSING) -> np_poll_unblock(desc)
		:: else
		fi;
#endif
		np_poll_close(desc)
	:: else
	fi;
	d_step { assert(!given_back); given_back = true };
	destroyed_releases++
}

/* np__fd_desc(). result: OK and desc, or E_CLOSED. Who makes one makes that of its own number. */
inline np__fd_desc()
{
	desc = fd_desc;
	if
	:: desc == NONE ->
		/* np__poll_create, create_desc */
		info[me] = INFO_OPEN;
		desc = me;
#ifdef MUTANT_DESC_IS_STORED
		fd_desc = me;
#else
		d_step {
			if
			:: fd_desc == NONE -> fd_desc = me
			:: else -> desc = fd_desc
			fi
		};
#endif
		if
		:: desc != me -> np_poll_unblock(me); np_poll_close(me)
		:: else
		fi
	:: else
	fi;
#ifdef MUTANT_DESC_WITHOUT_LOOK
	result = OK
#else
	result = (closed -> E_CLOSED : OK)
#endif
}

#define FD_LOCALS byte desc = NONE; bool busy; bool abandoned; bool wake

proctype reader(byte me)
{
	SLOT_LOCALS;
	FD_LOCALS;

	fd_lock();
	if
	:: done ->
		done = false;
		do
		:: true ->
			assert(!given_back); /* the system call */
#ifdef DATA
			break;
#endif
			np__fd_desc();
			if
			:: result == OK ->
				assert(!desc_freed[desc]);
				np_poll_wait(desc, 0, me)
			:: else
			fi;
			if
			:: result != OK -> break
			:: else
			fi
		od;
#ifndef DATA
		assert(result == E_CLOSED);
#endif
		assert(!given_back);
		fd_unlock();
		if
		:: abandoned -> destroy()
		:: else
		fi
	:: else
	fi;
}

proctype writer(byte me)
{
	SLOT_LOCALS;
	FD_LOCALS;

	incref();
	if
	:: done ->
		done = false;
		np__fd_desc();
#ifndef SETTER
		if
		:: result == OK -> np_poll_wait(desc, 1, me)
		:: else
		fi;
#else
		/* np_poll_set_deadline() */
		if
		:: result == OK -> assert(!desc_freed[desc] && !given_back)
		:: else
		fi;
#endif
		assert(!given_back);
		decref();
		if
		:: abandoned -> destroy()
		:: else
		fi
	:: else
	fi;
}

/* np_cancel_io() */
proctype closer()
{
	SLOT_LOCALS;
	FD_LOCALS;
	byte to_wake;

#ifdef MUTANT_LOAD_THEN_MARK
	desc = fd_desc;
#endif
	/* incref_and_close */
	d_step {
		done = !closed;
		if
		:: done ->
			closed = true;
			refs++;
			to_wake = sleepers;
			sleepers = 0
		:: else
		fi
	};
	if
	:: done ->
		done = false;
#ifndef MUTANT_CLOSE_LEAVES_SLEEPERS
		do
		:: to_wake == 0 -> break
		:: else -> semaphore_release(); to_wake--
		od;
#endif
#ifndef MUTANT_LOAD_THEN_MARK
		desc = fd_desc;
#endif
		if
		:: desc != NONE -> np_poll_unblock(desc)
		:: else
		fi;
		decref();
		if
		:: abandoned -> destroy()
		:: else
		fi;
		/* wait_destroyed */
		atomic { destroyed_releases > 0 -> destroyed_releases-- };
		assert(given_back && refs == 0)
	:: else
	fi;
}

init {
	atomic {
		run reader(0);
		run reader(1);
#ifndef DATA
		run writer(2);
		run closer();
#endif
#ifdef TWO_CLOSERS
		run closer()
#endif
	}
}
