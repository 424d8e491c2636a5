#!/bin/sh
# SPDX-License-Identifier: MIT
# Search all models of models.list, with nothing left out, and those with a known mistake until it
# is found.
#
#	run.sh DIRECTORY [PATTERN]
#
# DIRECTORY, made if there is none, takes the checkers and their output; a trail of what was found is
# played by "spin -t -p -g". PATTERN, for grep, picks lines of models.list. Prints a line for each
# model, and exits with 1 if a search found something, or was not complete, or missed a mistake.
set -u
[ $# -ge 1 ] || { echo "usage: $0 DIRECTORY [PATTERN]" >&2; exit 2; }
here=$(cd "$(dirname "$0")" && pwd) || exit 1
mkdir -p "$1" && cd "$1" || exit 1
cc=${CC:-cc}

# generate NAME FLAG SPIN_ARGUMENTS...: the checker NAME/pan
generate() {
	name=$1 flag=$2
	shift 2
	rm -rf "./$name" && mkdir "./$name" || return 1
	(cd "./$name" && spin -a "$@" >spin.log 2>&1) || return 1
	(cd "./$name" && $cc -w -O2 -DMEMLIM=3000 "$flag" -o pan pan.c >cc.log 2>&1)
}

# count NAME: the errors that the search reports, or nothing if it does not get there
count() {
	sed -n 's/^State-vector.*errors: \([0-9]*\)$/\1/p' "$1/pan.log"
}

is_complete() {
	! grep -Eq 'depth too small|out of memory|not completed|[Ii]ncomplete|aborted' "$1/pan.log"
}

number=0 models=0 mutants=0 wrong=0
while read -r kind file switches; do
	case $kind in
	ok | bad) flag=-DSAFETY options=-m1000000 ;;
	live | dead) flag=-DNFAIR=4 options='-a -f -m1000000' ;;
	*) continue ;;
	esac
	if ! echo "$kind $file $switches" | grep -q -e "${2-}"; then
		continue
	fi
	number=$((number + 1))
	what="$file${switches:+ $switches}"
	# shellcheck disable=SC2086 # several switches
	if ! generate "$number" "$flag" $switches "$here/$file"; then
		echo "$what: spin or the compiler failed, see $number/*.log"
		wrong=$((wrong + 1))
		continue
	fi
	# shellcheck disable=SC2086
	(cd "$number" && ./pan $options >pan.log 2>&1)
	errors=$(count "$number")
	states=$(sed -n 's/^ *\([0-9.e+]*\) states, stored.*/\1/p' "$number/pan.log")
	case $kind in
	ok | live)
		models=$((models + 1))
		if [ "${errors:-none}" = 0 ] && is_complete "$number"; then
			echo "$what: $states states, errors: 0"
		else
			echo "$what: FAILED, errors: ${errors:-unknown}, see $number/pan.log"
			wrong=$((wrong + 1))
		fi
		;;
	*)
		mutants=$((mutants + 1))
		if [ "${errors:-0}" -eq 0 ]; then
			echo "$what: FAILED, the mistake was not found, see $number/pan.log"
			wrong=$((wrong + 1))
		fi
		;;
	esac
done <"$here/models.list"

if [ "$number" -eq 0 ]; then
	echo "nothing to run" >&2
	exit 1
fi
if [ "$wrong" -gt 0 ]; then
	echo "$wrong of $number failed"
	exit 1
fi
echo "$models models, errors: 0; $mutants mutants, all found"
