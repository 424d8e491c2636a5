/* SPDX-License-Identifier: MIT */
/*
 * wait_home.pml - the wait of a fiber on the poller that its own worker turns, in one step
 * (np__poll_wait_at_home()), against a close and a deadline from other threads.
 *
 * The worker turns its poller only while the fiber has stopped, and resumes it only when that turn
 * has ended. The fiber publishes itself before it has stopped: who takes it out of the slot early
 * only queues it. The reader, the peer and what a lost wake-up is are those of wait_close.pml.
 */
bool stopped; /* the fiber has left its worker to others */
bool turning; /* the worker is in a turn */

#define STOP       stopped = true
#define MAY_RESUME !turning
#define RESUMED    stopped = false

#define TASKS 1
#define SIDES 1
#include "slot.inc"

#define PIECES 2

byte data; /* in the kernel */
bool edge; /* not yet fetched */
bool unblocked;
bool reader_done;
byte g_reports; /* reports that were made, and waits that returned one */
byte g_returned;

active proctype peer()
{
	byte sent = 0;

	do
	:: sent == PIECES -> break
	:: sent < PIECES ->
		atomic { data++; edge = true };
		sent++
	od
}

active proctype poller()
{
	SLOT_LOCALS;

end:	do
	:: atomic { stopped && edge -> edge = false; turning = true };
	   g_reports++;
	   np__poll_event(0, 0, false);
	   np_ready();
	   turning = false
	od
}

/* result: OK or the error. */
inline np__poll_wait_at_home(d, s, me)
{
	d_step {
		old = slot[SLOT(d, s)];
		done = old == NIL;
		if
		:: done -> slot[SLOT(d, s)] = TASK(me); g_parked[me] = true
		:: else
		fi;
		old = 0
	};
	if
	:: !done -> np_poll_wait(d, s, me)
	:: else ->
		done = false;
#ifdef MUTANT_NO_LOOK
		result = OK;
#else
		check(d, s);
#endif
		if
		:: result != OK ->
			d_step {
#ifdef MUTANT_WITHDRAW_IS_NO_SWAP
				done = true;
#else
				done = slot[SLOT(d, s)] == TASK(me);
#endif
				if
				:: done -> slot[SLOT(d, s)] = NIL; g_parked[me] = false
				:: else
				fi
			}
		:: else
		fi;
		if
		:: done -> done = false
		:: else ->
#ifdef MUTANT_HANDED_OUT_GOES_ON
			if
			:: result == OK -> sleep(me)
			:: else -> g_parked[me] = false
			fi;
#else
			sleep(me);
#endif
			done = slot[SLOT(d, s)] == READY
		fi;
		if
		:: done -> done = false; slot[SLOT(d, s)] = NIL; result = OK
		:: else ->
#ifdef MUTANT_NO_REPORT_IS_ONE
			result = OK
#else
			np_poll_wait(d, s, me)
#endif
		fi
	fi
}

active proctype reader()
{
	SLOT_LOCALS;
	byte got = 0;

	do
	:: got == PIECES -> break
	:: else ->
		np_poll_reset(0, 0);
		if
		:: result != OK -> break
		:: else
		fi;
try_again:
		atomic {
			if
			:: data > 0 -> data--; got++; done = true
			:: else -> done = false
			fi
		};
		if
		:: done -> done = false
		:: else ->
			np__poll_wait_at_home(0, 0, 0);
			if
			:: result == OK ->
				g_returned++;
				assert(g_returned <= g_reports);
				goto try_again
			:: else -> break
			fi
		fi
	od;
	assert(result != E_DEADLINE || deadline[SLOT(0, 0)] == DEADLINE_EXPIRED);
	assert(result != E_CLOSED || (info[0] & INFO_CLOSING));
	assert(result != E_NOTPOLLABLE);
	assert(!g_handed[0] && !runnable[0]); /* or it would be made ready when it has gone */
	reader_done = true
}

active proctype closer()
{
	SLOT_LOCALS;

	if
	:: true -> goto leave
	:: true
	fi;
	info[0] = info[0] | INFO_CLOSING;
	slot_cancel(SLOT(0, 0));
	np_ready();
	unblocked = true;
	reader_done;
	assert(slot[0] <= READY);
leave:
	skip
}

/* Nobody stays behind. */
active proctype nobody_parked()
{
end:	atomic {
		unblocked && stopped && IS_TASK(slot[0]) -> assert(false)
	}
}

active proctype setter()
{
	SLOT_LOCALS;

	if
	:: true -> goto leave
	:: true
	fi;
	deadline[SLOT(0, 0)] = DEADLINE_EXPIRED;
	slot_cancel(SLOT(0, 0));
	np_ready();
leave:
	skip
}
