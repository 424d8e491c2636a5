#!/bin/sh
# SPDX-License-Identifier: MIT
# Fibers in gdb, of a process and of its core file.
#
#	run_gdb.sh GDB NETPARK_GDB_PY GALLERY SWITCH        SWITCH is assembly or ucontext
#
# With ucontext only the list and the fibers that run are there to see. Exits 77 (skipped) where gdb has
# no Python, or may not trace.
set -u
gdb=$1 script=$2 gallery=$3 switch=$4
bad=0
export DEBUGINFOD_URLS=

dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
"$gdb" --nx --batch -ex 'python gdb.with_parameter' >"$dir/probe" 2>&1
grep -q . "$dir/probe" && exit 77
"$gdb" --nx --batch -ex 'break main' -ex run "$gallery" </dev/null >"$dir/probe" 2>&1
grep -q 'Breakpoint 1, main' "$dir/probe" || exit 77

# inspect FILE ARGUMENT...: what gdb says, with the script.
inspect() {
	out=$1
	shift
	timeout 60 "$gdb" --nx --batch -iex 'set width 0' -iex "source $script" "$@" \
		</dev/null >"$dir/$out" 2>&1
}

# expect FILE PATTERN: a line of it.
expect() {
	grep -qE -e "$2" "$dir/$1" && return
	echo "$1: no line is $2"
	bad=1
}

refuse() {
	grep -qE -e "$2" "$dir/$1" || return
	echo "$1: a line is $2"
	bad=1
}

# expect_in FIBER FILE PATTERN: a line of its part of the output of "fiber all".
expect_in() {
	awk -v name=", $1" '/^Fiber / { on = index($0, name) } /^end of all/ { on = 0 } on' "$dir/$2" \
		>"$dir/$2.$1"
	expect "$2.$1" "$3"
}

# Every fiber is listed: number, id, worker, what it does, its name.
check_list() {
	ids='^[0-9]+ +[0-9]+ +'
	expect "$1" "${ids}- +not begun +newborn\$"
	expect "$1" "${ids}0 +ready +yielder\$"
	expect "$1" "${ids}0 +waiting: channel receive +receiver \"receiver \"one\"\"\$"
	expect "$1" "${ids}0 +waiting: read, descriptor 50 +reader \"reader\"\$"
	expect "$1" "${ids}1 +waiting: sleep +sleeper\$"
	expect "$1" "${ids}0 +ready +winner\$"
	expect "$1" "${ids}1 +running: thread [0-9]+, asked to end +computer \"computer\"\$"
	expect "$1" "${ids}0 +running: thread [0-9]+ +run_main\$"
	# None was given its number after another: the id says so.
	count=$(grep -E "$ids" "$dir/$1" | awk '$2 == $1 + 2 ^ 24' | wc -l)
	[ "$count" -eq 8 ] || { echo "$1: $count fibers instead of 8"; bad=1; }
}

# Each stack has the functions that the fiber is in, with arguments that registers held.
check_stacks() {
	expect_in newborn "$1" '^fiber [0-9]+ has not begun'
	expect_in computer "$1" '^#0 .*compute \('
	expect_in run_main "$1" '^#0 .*gallery_is_open \('
	if [ "$switch" = ucontext ]; then
		expect_in yielder "$1" '^only fibers that run can be shown'
		return
	fi
	# Without debug information on assembly gdb takes its names for Ada's.
	expect_in yielder "$1" '^#1 .*np(__|\.)context_switch'
	expect_in yielder "$1" '^#[0-9]+ .*be_polite \(a=2001, b=2002, c=2003, d=2004, e=2005, f=2006\)'
	expect_in receiver "$1" '^#[0-9]+ .*wait_for_message \('
	expect_in reader "$1" '^#[0-9]+ .*wait_for_bytes \('
	expect_in sleeper "$1" '^#[0-9]+ .*np_sleep \('
	expect_in sleeper "$1" '^#[0-9]+ .*doze \('
	for fiber in yielder receiver reader sleeper; do
		expect_in $fiber "$1" '^#[0-9]+ .*run_fiber \('
		refuse "$1.$fiber" '^#0|gallery_is_open|compute'
	done
}

# Thread and frame are those of before.
check_selection() {
	sed '1,/^end of all/d' "$dir/$1" >"$dir/$1.after"
	sed 1q "$dir/$1.after" >"$dir/$1.frame"
	expect "$1.frame" '^#1 .*run \('
	expect "$1.after" '^#0 .*gallery_is_open \('
	refuse "$1.after" 'context_switch'
}

inspect nothing -ex 'info fibers'
expect nothing 'no debug information of netpark'

inspect live -ex 'break main' -ex run -ex 'info fibers' -ex 'break gallery_is_open' -ex continue \
	-ex 'info fibers' -ex up -ex 'fiber all bt' -ex 'echo end of all\n' -ex frame -ex bt \
	-ex 'fiber 999999 bt' -ex 'fiber nonsense bt' -ex 'fiber 1' \
	-ex "generate-core-file $dir/core.file" -ex delete -ex continue "$gallery"
expect live '^no fibers: np_run\(\) is not running'
expect live '^no fiber 999999'
expect live '^No symbol "nonsense" in current context'
expect live '^fiber NUMBER COMMAND'
expect live 'exited normally'
check_list live
check_stacks live
check_selection live

# With the numbers that the process had.
number=$(awk '/ yielder$/ { print $1; exit }' "$dir/live")
id=$(awk '/ sleeper$/ { print $2; exit }' "$dir/live")
inspect core -ex 'info fibers' -ex up -ex 'fiber all bt' -ex 'echo end of all\n' -ex frame -ex bt \
	"$gallery" "$dir/core.file"
check_list core
check_stacks core
check_selection core

inspect one -ex "fiber $number frame function be_polite" -ex "fiber $number print a + 1" \
	-ex "thread apply all fiber $number bt" \
	-ex "fiber $id frame apply all -s -q print duration_ns / 1000000000" "$gallery" "$dir/core.file"
if [ "$switch" = assembly ]; then
	expect one '^#[0-9]+ .*be_polite \(a=2001'
	expect one '^No symbol "a" in current context'
	expect one ' = 3600$'
	# From each thread, one of which is in main().
	count=$(grep -c '^#.*run_fiber' "$dir/one")
	[ "$count" -eq 3 ] || { echo "one: seen from $count threads instead of 3"; bad=1; }
fi

[ $bad -eq 0 ] || cat "$dir/live" "$dir/core" "$dir/one"
exit $bad
