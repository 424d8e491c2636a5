/* SPDX-License-Identifier: MIT */
/*
 * reopen.pml - descriptors opened and closed over and over while a turn holds a batch of reports for
 * earlier ones.
 *
 * Two owners open, close, open and close. There are two places of memory, and the free list and
 * limbo are sets: any free one may be given out, which is more than the stack of the C code does.
 * A turn fetches what the kernel has for the registrations, up to two reports at once, and handles
 * them one by one, slowly. With OLD_TAGS the kernel is worse than it may be: it reports
 * registrations that were forgotten long ago, too (a duplicate of the descriptor elsewhere keeps
 * them alive where a close fails).
 *
 * Each opening is a life. Assertions: a report touches no life but the one it was made for (I17), nor
 * memory on the free list; two lives never share memory at a time; tags of different lives differ.
 * The turn that begins after
 * the last close leaves all memory free.
 *
 * Not here: waits (the slots are only looked at for who changed them), how a tag of 32 bits wraps.
 */
#define PLACES 2
#define OWNERS 2
#define LIVES  5 /* number 0 is nobody's */
#define TAG(place, generation) ((generation) * PLACES + (place))

byte generation[PLACES];  /* with the place: desc->tag */
byte life[PLACES];        /* ghost: whose memory it is, or was last */
bool free[PLACES];        /* on the free list */
bool limbo[PLACES];
byte limbo_count;
bool table_lock;
bool in_turn;
bool touched[PLACES];     /* a slot or the info word was changed by a report */

byte registered[OWNERS];  /* the kernel: for each fd the life, 0 if none */
byte tag_of[LIVES];
byte lives = 1;
byte owners_done;

inline lock_table()   { atomic { !table_lock -> table_lock = true } }
inline unlock_table() { table_lock = false }

/* np__poll_event(), a step for the info word and one for the slot. */
inline touch(place)
{
	d_step {
		assert(!free[place]);
		assert(life[place] == batch_life[at]);
		touched[place] = true
	}
}

inline np__desc_end_limbo()
{
	if
	:: limbo_count == 0
	:: else ->
		lock_table();
		d_step {
			at = 0;
			do
			:: at == PLACES -> break
			:: else ->
				if
				:: limbo[at] -> limbo[at] = false; free[at] = true
				:: else
				fi;
				at++
			od;
			at = 0;
			limbo_count = 0
		};
		unlock_table()
	fi
}

active proctype turner()
{
	byte batch_tag[2];
	byte batch_life[2];
	byte count;
	byte at;
	byte place;
	byte pick;
	bool last = false;

	do
	:: last -> break
	:: else ->
		last = owners_done == OWNERS;
		in_turn = true;
		/* The backend's wait: all at one moment. */
		atomic {
			count = 0;
			do
			:: count < 2 ->
#ifdef OLD_TAGS
				select (pick : 1 .. LIVES - 1);
				if
				:: pick < lives && tag_of[pick] != 0
				:: else -> goto fetched
				fi;
#else
				select (pick : 0 .. OWNERS - 1);
				if
				:: registered[pick] -> pick = registered[pick]
				:: else -> goto fetched
				fi;
#endif
				batch_tag[count] = tag_of[pick];
				batch_life[count] = pick;
				count++
			:: true -> break
			od;
fetched:		pick = 0
		};
#ifdef MUTANT_END_LIMBO_EARLY
		in_turn = false;
		np__desc_end_limbo();
#endif
		at = 0;
		do
		:: at == count -> break
		:: else ->
			place = batch_tag[at] % PLACES;
			/* np__desc_of_tag */
			if
#ifdef MUTANT_NO_TAG
			:: true ->
#else
			:: TAG(place, generation[place]) == batch_tag[at] ->
#endif
				touch(place);
				touch(place)
			:: else
			fi;
			batch_tag[at] = 0;
			batch_life[at] = 0;
			at++
		od;
		place = 0;
		at = 0;
		count = 0;
#ifndef MUTANT_END_LIMBO_EARLY
		in_turn = false;
#ifndef MUTANT_NO_END_LIMBO
		np__desc_end_limbo()
#endif
#endif
	od;
	assert(!limbo[0] && !limbo[1] && limbo_count == 0);
	assert((life[0] == 0 || free[0]) && (life[1] == 0 || free[1]))
}

inline next_generation()
{
#ifndef MUTANT_SAME_GENERATION
	generation[place]++
#else
	skip
#endif
}

inline np__desc_free()
{
#ifdef MUTANT_GENERATION_LATE
	skip;
#else
	next_generation();
#endif
	lock_table();
#ifdef MUTANT_NO_LIMBO
	free[place] = true;
#else
	if
#ifdef MUTANT_IN_TURN_READ_FIRST
	:: was_in_turn ->
#else
	:: in_turn ->
#endif
		limbo[place] = true;
		limbo_count++
	:: else -> free[place] = true
	fi;
#endif
	unlock_table();
#ifdef MUTANT_GENERATION_LATE
	next_generation();
#endif
}

proctype owner(byte fd)
{
	byte place;
	byte opened = 0;
	byte own;
	bool was_in_turn;

	do
	:: opened == 2 -> break
	:: else ->
		opened++;
		/* np__desc_alloc: one free, or the first never used */
		lock_table();
		if
		:: free[0] -> place = 0
		:: free[1] -> place = 1
		:: !free[0] && !free[1] && life[0] == 0 -> place = 0
		:: !free[0] && !free[1] && life[0] != 0 && life[1] == 0 -> place = 1
		:: else -> unlock_table(); goto no_memory
		fi;
		atomic {
			free[place] = false;
			own = lives;
			lives++;
			if
			:: generation[place] == 0 -> generation[place] = 1
			:: else
			fi;
			life[place] = own
		};
		unlock_table();
		/* T14, and the other words */
		touched[place] = false;
		/* np__poll_register */
		d_step { tag_of[own] = TAG(place, generation[place]); registered[fd] = own };
		assert(life[place] == own && !free[place] && !limbo[place]);
		/* destroy() */
#ifdef MUTANT_IN_TURN_READ_FIRST
		was_in_turn = in_turn;
#endif
		registered[fd] = 0;
		assert(life[place] == own);
		np__desc_free();
no_memory:	own = 0;
		place = 0;
		was_in_turn = false
	od;
	owners_done++
}

init {
	atomic {
		run owner(0);
		run owner(1)
	}
}
