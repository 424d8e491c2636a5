# SPDX-License-Identifier: MIT
# tests/bench/tables.sh - one function for each table of ci/bench. To be sourced by it.
#
# Wants what servers.sh wants, and $rounds, $seconds, $servers, $failed.

heading() {
	echo
	echo "== $*"
}

# Every server once in each round, in turning order. rounds_of FILE FUNCTION ARGUMENT...: the function
# measures $name and prints KEY=VALUE...
rounds_of() {
	file=$1
	shift
	: >"$file"
	round=1
	while [ "$round" -le "$rounds" ]; do
		# shellcheck disable=SC2086
		for name in $(rotate "$round" $servers); do
			result=$("$@") ||
				{ echo "$name failed: $(cat "$work/stderr")" >&2; failed=1; continue; }
			echo "$round $name $result" >>"$file"
		done
		round=$((round + 1))
	done
}

# under_load BUFFER_SIZE LOAD_ARGUMENT...: what the load has to say about $name.
under_load() {
	start_server "$name" "$1" || return 1
	shift
	load -p "$server" -t "$seconds" "$@" 2>>"$work/stderr"
	status=$?
	stop_server || status=1
	return $status
}

# base_of NAME...: what ratios are to.
base_of() {
	case " $* " in
	*" epoll "*) echo epoll ;;
	*) echo "${1-}" ;;
	esac
}

# bases_with SERVER: the base of the servers, and that one if it is there and another.
bases_with() {
	# shellcheck disable=SC2086
	base=$(base_of $servers)
	case "$base: $servers " in
	"$1":*) echo "$base" ;;
	*" $1 "*) echo "$base $1" ;;
	*) echo "$base" ;;
	esac
}

# summarize FILE [AWK_OPTION...]
summarize() {
	file=$1
	shift
	# shellcheck disable=SC2086
	awk -v order="$servers" -v base="$(base_of $servers)" "$@" -f tests/bench/summary.awk "$file"
}

enough_descriptors() {
	[ "$(ulimit -n)" = unlimited ] && return
	[ "$(ulimit -n)" -ge $(($1 + 100)) ] && return
	echo "left out: $1 connections need more open files than $(ulimit -n)"
	return 1
}

echo_table() {
	heading "echo: $1 connections, $2 bytes; $rounds rounds of $seconds s; medians (lowest..highest)"
	enough_descriptors "$1" || return
	rounds_of "$work/echo-$1-$2" under_load "$3" -c "$1" -s "$2"
	summarize "$work/echo-$1-$2"
}

# rounds_at_most N COMMAND...: where a turn of all takes long.
rounds_at_most() {
	many_rounds=$rounds
	[ "$rounds" -le "$1" ] || rounds=$1
	shift
	"$@"
	rounds=$many_rounds
}

# Fewer rounds, but longer ones.
many_connections_table() {
	short_seconds=$seconds
	seconds=$(awk -v s="$seconds" 'BEGIN { print s < 1 ? 1 : s }')
	rounds_at_most 3 echo_table 10000 64 512
	seconds=$short_seconds
}

table_echo() {
	echo_table 1 64 512
	echo_table 50 64 512
	echo_table 1000 64 512
	many_connections_table
	echo_table 50 16384 16384
}

table_churn() {
	heading "churn: connect, one echo, close; 50 at once; $rounds rounds of $seconds s"
	rounds_of "$work/churn" under_load 512 -m churn -c 50
	summarize "$work/churn"
}

table_fairness() {
	heading "fairness: one quiet connection beside two floods; $rounds rounds of $seconds s"
	rounds_of "$work/fairness" under_load 512 -m flood -c 1 -f 2
	# Libev does one read of each connection a turn: it is the measure of what fair is.
	summarize "$work/fairness" -v nocpu=1 -v base="$(bases_with libev)"
}

# resident: of the server, in KiB: its pages, and the page tables that map them.
resident() {
	pages=$(awk '/^Rss:/ { print $2 }' "/proc/$server/smaps_rollup")
	tables=$(awk '/^VmPTE:/ { print $2 }' "/proc/$server/status")
}

# idle COUNT: that many connections more, until the load is stopped. It holds both ends of its input.
idle() {
	rm -f "$work/ready"
	mkfifo "$work/ready"
	timeout 120 taskset -c "$load_cpu" "$bench/load" -m idle -c "$1" "$address" 0<>"$work/hold" \
		>"$work/ready" 2>>"$work/stderr" &
	idlers="$idlers $!"
	read -r ready <"$work/ready"
}

# with_idle COUNT: what so many connections take of $name. Some connections first, so that what is set up
# once is there already.
with_idle() {
	start_server "$name" 512 || return 1
	[ -p "$work/hold" ] || mkfifo "$work/hold"
	idlers=
	idle 100 && resident && before_pages=$pages before_tables=$tables && idle "$1" && resident
	status=$?
	# shellcheck disable=SC2086
	kill $idlers
	# shellcheck disable=SC2086
	wait $idlers
	stop_server || status=1
	[ "$status" -eq 0 ] && echo "resident=$(((pages - before_pages) * 1024 / $1))" \
		"tables=$(((tables - before_tables) * 1024 / $1))"
}

table_memory() {
	connections=10000
	enough_descriptors $((connections + 200)) >/dev/null || connections=$(($(ulimit -n) - 300))
	rounds_at_most 3 memory_table "$connections"
}

memory_table() {
	heading "memory: bytes for each of $1 idle connections, one echo behind them" \
		"(the process's own; not the kernel's sockets); $rounds rounds; medians (lowest..highest)"
	rounds_of "$work/memory" with_idle "$1"
	programs=$servers
	show_key "$work/memory" resident resident -v format=%.0f
	show_key "$work/memory" tables "page tables" -v format=%.0f
}

# counted_run NAME CONNECTIONS REQUESTS: a whole run from start to end under $tracer or $wrapper.
counted_run() {
	start_server "$1" 512 || return 1
	load -c "$2" -r "$3" >/dev/null 2>>"$work/stderr"
	status=$?
	stop_server || status=1
	return $status
}

# instructions NAME CONNECTIONS: two runs, one with twice the requests: what is not theirs cancels out.
# Cachegrind counts what Callgrind counts, and unlike it survives the signals of Go's runtime; those
# that preempt would hit at random, so they are off.
instructions() {
	n=5000
	for requests in $n $((2 * n)); do
		wrapper="env GODEBUG=asyncpreemptoff=1 valgrind --tool=cachegrind --cache-sim=no
			--cachegrind-out-file=$work/cachegrind.$requests"
		counted_run "$1" "$2" "$requests" || return
	done
	sed -n 's/^summary: //p' "$work/cachegrind.$n" "$work/cachegrind.$((2 * n))" |
		awk -v n="$n" '{ total[NR] = $1 } END { printf "%.0f\n", (total[NR] - total[1]) / n }'
}

# instructions_of: $name's.
instructions_of() {
	single=$(instructions "$name" 1) && many=$(instructions "$name" 50) &&
		echo "single=$single many=$many"
}

# with_deadlines SERVER...: after each that has one, the same with a deadline before each read.
with_deadlines() {
	for name in "$@"; do
		echo "$name"
		case "$name $* " in
		*" $name-deadline "*) ;;
		"go "* | "libev "* | "libevent "* | "libuv "*) echo "$name-deadline" ;;
		esac
	done
}

table_instructions() {
	command -v valgrind >/dev/null || { echo "instructions are left out: no valgrind"; return; }
	all=$servers
	# shellcheck disable=SC2046,SC2086
	find_servers $(with_deadlines $servers)
	heading "instructions: in user space, for each request (cachegrind)"
	# They hardly differ from round to round.
	rounds_at_most 1 rounds_of "$work/instructions" instructions_of
	programs=$servers
	show_key "$work/instructions" single "1 connection" -v format=%.0f
	show_key "$work/instructions" many "50 connections" -v format=%.0f
	servers=$all
}

# system_calls NAME REQUESTS BUFFER_SIZE LOAD_ARGUMENT...: the sum, then each that there is at least 0.01
# of. What start and end need cancels out, as for instructions.
system_calls() {
	name=$1 n=$2 buffer=$3
	shift 3
	for requests in $n $((2 * n)); do
		tracer="strace -f -c -o $work/strace.$requests"
		start_server "$name" "$buffer" || { echo failed; return; }
		load "$@" -r "$requests" >/dev/null 2>>"$work/stderr" || echo failed
		stop_server || echo failed
	done
	calls_each "$n"
}

# calls_each N: the difference of the traces of N and 2 * N requests, for one. $told is told of in any
# case.
calls_each() {
	awk -v n="$1" -v told="${told-}" '
		$NF == "total" || $1 !~ /^[0-9.]+$/ { next }
		FNR == NR { calls[$NF] -= $4; next }
		{ calls[$NF] += $4 }
		END {
			for (name in calls) {
				sum += calls[name]
				if (calls[name] / n >= 0.01 && name != told)
					list = list sprintf(" %s %.2f", name, calls[name] / n)
			}
			if (told != "")
				list = list sprintf(" %s %.2f", told, calls[told] > 0 ? calls[told] / n : 0)
			printf "%6.2f %s\n", sum / n, list
		}' "$work/strace.$1" "$work/strace.$((2 * $1))"
}

table_syscalls() {
	command -v strace >/dev/null || { echo "syscalls are left out: no strace"; return; }
	syscalls_table "for each request, 1 connection" 2000 512 -c 1
	syscalls_table "for each request, 50 connections" 2000 512 -c 50
	syscalls_table "for each request, 1,000 connections" 10000 512 -c 1000
	syscalls_table "for each request, 50 connections, 16 KiB" 2000 16384 -c 50 -s 16384
	syscalls_table "for each connection of churn, 50 at once" 2000 512 -m churn -c 50
}

# syscalls_table TITLE REQUESTS BUFFER_SIZE LOAD_ARGUMENT...
syscalls_table() {
	heading "syscalls: $1"
	shift
	for name in $servers; do
		printf '%-17s %s\n' "$name" "$(system_calls "$name" "$@")"
	done
}

# two_workers TITLE LOAD_ARGUMENT...: no rates, because the load shares a processor with the server.
two_workers() {
	heading "two workers, one of them on the load's processor: $1, 50 connections;" \
		"$rounds rounds of $seconds s; medians (lowest..highest)"
	shift
	rounds_of "$work/two" under_load 512 -c 50 "$@"
	summarize "$work/two" -v base="$(bases_with netpark)" -v only=cpu -v title="CPU ns/request" \
		-v format=%.0f
	command -v strace >/dev/null || return
	echo "system calls:"
	# More requests than elsewhere: who sleeps and who steals is not the same in two runs.
	told=futex
	for name in $servers; do
		printf '%-17s %s\n' "$name" "$(system_calls "$name" 8000 512 -c 50 "$@")"
	done
	told=
}

table_two() {
	all=$servers
	find_servers epoll netpark netpark-2 go go-2
	two_workers "echo"
	two_workers "churn" -m churn
	servers=$all
}

# ---- programs that measure themselves, without a load ----------------------------------------------

# program_command TABLE NAME: what runs NAME's part of a table. A number at the end: so many workers.
program_command() {
	case $1:$2 in
	workers:netpark-*) echo "$bench/workers_netpark -w ${2##*-}" ;;
	workers:*) echo "$peers/workers_${2%-*} -w ${2##*-}" ;;
	*:netpark) echo "$bench/$1_netpark" ;;
	*:netpark-clock) echo "$bench/$1_netpark -c" ;;
	# Fewer events: each wait looks at all descriptors.
	pipes:netpark-poll) echo "$bench/pipes_netpark -b poll -w 2000" ;;
	*) echo "$peers/$1_$2" ;;
	esac
}

# find_programs TABLE NAME...: those that are there, in $programs.
find_programs() {
	table=$1 programs=
	shift
	for name in "$@"; do
		command=$(program_command "$table" "$name")
		if [ -x "${command%% *}" ]; then
			programs="$programs $name"
		else
			echo "$table: $name is left out: its program is not there"
		fi
	done
}

# Every program once in each round, in turning order. program_rounds FILE TABLE PROCESSORS ARGUMENT...
program_rounds() {
	file=$1 table=$2 cpus=$3
	shift 3
	round=1
	while [ "$round" -le "$rounds" ]; do
		# shellcheck disable=SC2086
		for name in $(rotate "$round" $programs); do
			# shellcheck disable=SC2046
			result=$(timeout 60 taskset -c "$cpus" $(program_command "$table" "$name") "$@") ||
				{ echo "$name failed" >&2; failed=1; continue; }
			echo "$round $name $result" >>"$file"
		done
		round=$((round + 1))
	done
}

# show_key FILE KEY TITLE [AWK_OPTION...]
show_key() {
	file=$1 key=$2 title=$3
	shift 3
	# shellcheck disable=SC2086
	awk -v order="$programs" -v base="$(base_of $programs)" -v only="$key" -v title="$title" "$@" \
		-f tests/bench/summary.awk "$file"
}

# A program has several measures: each gets a part of the time.
measure_seconds() {
	awk -v s="$seconds" 'BEGIN { print s / 6 }'
}

pipes_table() {
	heading "pipes: $2 $1s, 10 active; $rounds rounds; medians (lowest..highest)"
	program_rounds "$work/pipes-$1-$2" pipes "$server_cpu" -k "$1" -n "$2" -a 10 -r 3
	show_key "$work/pipes-$1-$2" ns "ns for each event"
}

# pipes_growth KIND FEW MANY: how many times the nanoseconds of few an event of many takes.
pipes_growth() {
	awk '
		{ split($3, pair, "=") }
		FNR == NR { few[$1, $2] = pair[2]; next }
		($1, $2) in few { print $1, $2, "growth=" pair[2] / few[$1, $2] }
	' "$work/pipes-$1-$2" "$work/pipes-$1-$3" >"$work/pipes-$1-growth"
	heading "pipes: growth from $2 to $3 $1s"
	show_key "$work/pipes-$1-growth" growth "times the ns" -v format=%.2f
}

# pipes_tables KIND DESCRIPTORS_EACH: as many as 20,000, or as there may be.
pipes_tables() {
	most=20000
	enough_descriptors $((most * $2)) >/dev/null || most=$((($(ulimit -n) - 100) / $2))
	for count in 100 2000 "$most"; do
		[ "$count" -gt "$most" ] || pipes_table "$1" "$count"
	done
	[ "$most" -le 100 ] || pipes_growth "$1" 100 "$most"
}

# Not State Threads: Debian's has only poll(2), whose cost for each descriptor netpark's backend of that
# name shows as well.
table_pipes() {
	find_programs pipes epoll libev libevent libuv netpark netpark-poll go
	pipes_tables eventfd 1
	pipes_tables socketpair 2
}

table_fibers() {
	heading "fibers: from one to the next on one worker; $rounds rounds; medians (lowest..highest)"
	find_programs fibers netpark st go
	program_rounds "$work/fibers" fibers "$server_cpu" -t "$(measure_seconds)"
	programs=" netpark"
	program_rounds "$work/fibers" switch "$server_cpu" -t "$(measure_seconds)"
	show_key "$work/fibers" switch "ns: bare switch"
	find_programs fibers netpark st go
	show_key "$work/fibers" yield2 "ns: yield of 2"
	show_key "$work/fibers" yield1000 "ns: yield of 1,000"
	show_key "$work/fibers" spawn "ns: start and end"
	show_key "$work/fibers" spawn1000 "ns: the same, 1,000 at once"
	show_key "$work/fibers" mutex "ns: pass a mutex on"
	show_key "$work/fibers" cond "ns: tell of a condition"
	find_programs fibers netpark go
	show_key "$work/fibers" channel "ns: a channel's element"
	show_key "$work/fibers" buffered "ns: the same with room"
}

deadline_echo_table() {
	heading "deadlines: echo with a new one before each read; 50 connections, 64 bytes;" \
		"$rounds rounds of $seconds s; medians (lowest..highest)"
	all=$servers
	find_servers epoll netpark-plain netpark-deadline libev libev-deadline libevent libevent-deadline \
		libuv libuv-deadline go go-deadline
	rounds_of "$work/deadline-echo" under_load 512 -c 50 -s 64
	summarize "$work/deadline-echo"
	# What it costs of a request: two servers that differ by nothing else.
	for name in netpark-plain libev libevent libuv go; do
		summarize "$work/deadline-echo" -v base="$name" -v cost="${name%-plain}-deadline"
	done
	servers=$all
}

deadlines_table() {
	heading "deadlines: beside $1 that are pending; $rounds rounds; medians (lowest..highest)"
	program_rounds "$work/deadlines-$1" deadlines "$server_cpu" -n "$1" -t "$(measure_seconds)"
	show_key "$work/deadlines-$1" arm "ns: arm"
	show_key "$work/deadlines-$1" move "ns: move, as before each read"
	show_key "$work/deadlines-$1" any "ns: move to any time"
	show_key "$work/deadlines-$1" cancel "ns: cancel"
}

table_deadlines() {
	deadline_echo_table
	find_programs deadlines netpark netpark-clock libev libevent libuv go
	deadlines_table 1
	deadlines_table 10000
	rounds_at_most 3 deadlines_table 1000000
}

table_wake() {
	heading "wake: by another thread; $rounds rounds; medians (lowest..highest)"
	find_programs wake epoll netpark libev libevent libuv go
	program_rounds "$work/wake" wake "$server_cpu,$load_cpu" -t "$(measure_seconds)"
	show_key "$work/wake" trip "ns: wake and be answered"
	show_key "$work/wake" pending "ns: wake once more"
}

# worker_calls NAME: system calls for each request, as system_calls.
worker_calls() {
	for requests in 6400 12800; do
		# shellcheck disable=SC2046
		timeout 60 taskset -c "$server_cpu,$load_cpu" strace -f -c -o "$work/strace.$requests" \
			$(program_command workers "$1") -r "$requests" >/dev/null || { echo failed; return; }
	done
	calls_each 6400
}

table_workers() {
	heading "workers: 64 socket pairs in the process, echo; $rounds rounds of $seconds s;" \
		"medians (lowest..highest)"
	find_programs workers netpark-1 netpark-2 go-1 go-2
	program_rounds "$work/workers" workers "$server_cpu,$load_cpu" -t "$seconds"
	show_key "$work/workers" rate "requests/s"
	show_key "$work/workers" cpu "CPU ns/request"
	programs=" netpark-2"
	show_key "$work/workers" busiest "% on the busiest worker"
	command -v strace >/dev/null || return
	find_programs workers netpark-1 netpark-2 go-1 go-2
	for name in $programs; do
		printf '%-17s %s\n' "$name" "$(worker_calls "$name")"
	done
}
