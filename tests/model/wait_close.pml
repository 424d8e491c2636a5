/* SPDX-License-Identifier: MIT */
/*
 * wait_close.pml - one reader, one poller, a peer that sends, and a close that comes at any time or
 * never.
 *
 * The reader is the loop of every read: reset, try, on EAGAIN wait and try again. The peer sends a
 * few pieces, each of which is an edge, and may break the socket, which is an edge that tells of an
 * error and nothing else, and go on or leave it at that. Edges that the poller has not fetched yet
 * are one, as they are for the kernel.
 *
 * A lost wake-up is an end state in which the reader has not ended: it has to get every piece or an
 * error (I4), and to go on when it is unblocked (I5). Assertions: one waiter (I1), each park is
 * handed out once (I2), a wait that returned 0 has seen a report (I3, I7), nobody parks and nobody
 * is parked once unblock has returned (I5), an error is told only for its reason (I8).
 *
 * Not here: deadlines (deadline.pml), who turns the poller (lead.pml), the end of the memory
 * (reopen.pml).
 */
#define TASKS 1
#define SIDES 1
#include "slot.inc"

#define PIECES 2

byte data;        /* in the kernel */
bool edge;        /* not yet fetched */
bool broken;      /* the socket has an error */
bool unblocked;   /* np_poll_unblock() has returned */
bool reader_done;
byte g_reports;   /* reports that were made, and waits that returned one */
byte g_returned;

active proctype peer()
{
	byte sent = 0;

	do
	:: sent == PIECES -> break
	:: sent < PIECES ->
		atomic { data++; edge = true };
		sent++
	:: atomic {
		!broken && data == 0 ->
		broken = true;
		edge = true;
		if
		:: true -> break
		:: true
		fi
	   }
	od
}

active proctype poller()
{
	SLOT_LOCALS;
	bool error;

end:	do
	:: atomic {
		edge ->
		edge = false;
		error = broken && data == 0
	   };
	   g_reports++;
	   np__poll_event(0, 0, error);
	   np_ready()
	od
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
#ifdef MUTANT_RESET_AFTER_TRY
			np_poll_reset(0, 0);
#endif
			np_poll_wait(0, 0, 0);
			if
			:: result == OK ->
				g_returned++;
				assert(g_returned <= g_reports);
				goto try_again
			:: else -> break
			fi
		fi
	od;
	assert(result != E_DEADLINE);
	assert(result != E_CLOSED || (info[0] & INFO_CLOSING));
	assert(result != E_NOTPOLLABLE || broken);
	reader_done = true
}

active proctype closer()
{
	SLOT_LOCALS;

	if
	:: true -> goto leave
	:: true
	fi;
	/* np_poll_unblock */
#ifdef MUTANT_CANCEL_FIRST
	slot_cancel(SLOT(0, 0));
	info[0] = info[0] | INFO_CLOSING;
#else
	info[0] = info[0] | INFO_CLOSING;
	slot_cancel(SLOT(0, 0));
#endif
	np_ready();
	unblocked = true;
	assert(!IS_TASK(slot[0]));
	/* np_poll_close, by its contract after the last call has ended */
	reader_done;
	assert(slot[0] <= READY);
leave:
	skip
}

/* I5, in every state: what unblock left behind has no task in it. */
active proctype nobody_parked()
{
end:	atomic {
		unblocked && IS_TASK(slot[0]) -> assert(false)
	}
}
