# SPDX-License-Identifier: MIT
# tests/bench/tables.sh - one function for each table of ci/bench. To be sourced by it.
#
# Wants what servers.sh wants, and $rounds, $seconds, $servers, $failed.

heading() {
	echo
	echo "== $*"
}

# Every server once in each round, in turning order. rounds_of FILE BUFFER_SIZE LOAD_ARGUMENT...
rounds_of() {
	file=$1 buffer=$2
	shift 2
	: >"$file"
	round=1
	while [ "$round" -le "$rounds" ]; do
		# shellcheck disable=SC2086
		for name in $(rotate "$round" $servers); do
			one_round "$@" || { echo "$name failed: $(cat "$work/stderr")" >&2; failed=1; }
		done
		round=$((round + 1))
	done
}

one_round() {
	start_server "$name" "$buffer" || return 1
	result=$(load -p "$server" -t "$seconds" "$@" 2>>"$work/stderr")
	status=$?
	stop_server || status=1
	[ "$status" -eq 0 ] && echo "$round $name $result" >>"$file"
}

# summarize FILE [AWK_OPTION...]
summarize() {
	file=$1
	shift
	awk -v order="$servers" "$@" -f tests/bench/summary.awk "$file"
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
	rounds_of "$work/echo-$1-$2" "$3" -c "$1" -s "$2"
	summarize "$work/echo-$1-$2"
}

# A turn of all of them takes a good part of a second: fewer rounds, but longer ones.
many_connections_table() {
	short_rounds=$rounds short_seconds=$seconds
	[ "$rounds" -le 3 ] || rounds=3
	seconds=$(awk -v s="$seconds" 'BEGIN { print s < 1 ? 1 : s }')
	echo_table 10000 64 512
	rounds=$short_rounds seconds=$short_seconds
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
	rounds_of "$work/churn" 512 -m churn -c 50
	summarize "$work/churn"
}

table_fairness() {
	heading "fairness: one quiet connection beside two floods; $rounds rounds of $seconds s"
	rounds_of "$work/fairness" 512 -m flood -c 1 -f 2
	summarize "$work/fairness" -v nocpu=1
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

# Some connections first, so that what is set up once is there already.
memory_of() {
	start_server "$1" 512 || return 1
	[ -p "$work/hold" ] || mkfifo "$work/hold"
	idlers=
	idle 100 && resident
	before_pages=$pages before_tables=$tables
	idle "$2" && resident
	# shellcheck disable=SC2086
	kill $idlers
	# shellcheck disable=SC2086
	wait $idlers
	stop_server || return 1
	printf '%-17s %12d %12d\n' "$1" $(((pages - before_pages) * 1024 / $2)) \
		$(((tables - before_tables) * 1024 / $2))
}

table_memory() {
	connections=10000
	enough_descriptors $((connections + 200)) >/dev/null || connections=$(($(ulimit -n) - 300))
	heading "memory: bytes for each of $connections idle connections, one echo behind them" \
		"(the process's own; not the kernel's sockets)"
	printf '%-17s %12s %12s\n' '' resident 'page tables'
	for name in $servers; do
		memory_of "$name" "$connections" || { echo "$name failed" >&2; failed=1; }
	done
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
		counted_run "$1" "$2" "$requests" || { echo failed; return; }
	done
	sed -n 's/^summary: //p' "$work/cachegrind.$n" "$work/cachegrind.$((2 * n))" |
		awk -v n="$n" '{ total[NR] = $1 } END { printf "%.0f\n", (total[NR] - total[1]) / n }'
}

table_instructions() {
	command -v valgrind >/dev/null || { echo "instructions are left out: no valgrind"; return; }
	heading "instructions: in user space, for each request (cachegrind), with 1 and 50 connections"
	printf '%-17s %12s %12s\n' '' 1 50
	for name in $servers; do
		printf '%-17s %12s %12s\n' "$name" "$(instructions "$name" 1)" "$(instructions "$name" 50)"
	done
}

# system_calls NAME LOAD_ARGUMENT...: the sum, then each that there is at least 0.01 of.
system_calls() {
	name=$1
	shift
	n=2000
	for requests in $n $((2 * n)); do
		tracer="strace -f -c -o $work/strace.$requests"
		start_server "$name" 512 || { echo failed; return; }
		load "$@" -r "$requests" >/dev/null 2>>"$work/stderr" || echo failed
		stop_server || echo failed
	done
	awk -v n="$n" '
		$NF == "total" || $1 !~ /^[0-9.]+$/ { next }
		FNR == NR { calls[$NF] -= $4; next }
		{ calls[$NF] += $4 }
		END {
			for (name in calls) {
				sum += calls[name]
				if (calls[name] / n >= 0.01)
					list = list sprintf(" %s %.2f", name, calls[name] / n)
			}
			printf "%6.2f %s\n", sum / n, list
		}' "$work/strace.$n" "$work/strace.$((2 * n))"
}

table_syscalls() {
	command -v strace >/dev/null || { echo "syscalls are left out: no strace"; return; }
	for connections in 1 50; do
		heading "syscalls: for each request, $connections connections"
		for name in $servers; do
			printf '%-17s %s\n' "$name" "$(system_calls "$name" -c "$connections")"
		done
	done
	heading "syscalls: for each connection of churn, 50 at once"
	for name in $servers; do
		printf '%-17s %s\n' "$name" "$(system_calls "$name" -m churn -c 50)"
	done
}

pipes_program() {
	case $1 in
	netpark) echo "$bench/pipes_netpark" ;;
	*) echo "$peers/pipes_$1" ;;
	esac
}

pipes_table() {
	heading "pipes: $2 $1s, 10 active; ns for each event, $rounds rounds; medians (lowest..highest)"
	file=$work/pipes-$1-$2
	: >"$file"
	round=1
	while [ "$round" -le "$rounds" ]; do
		# shellcheck disable=SC2086
		for name in $(rotate "$round" $programs); do
			result=$(timeout 60 taskset -c "$server_cpu" "$(pipes_program "$name")" \
				-k "$1" -n "$2" -a 10 -r 3) || { echo "$name failed" >&2; failed=1; continue; }
			echo "$round $name $result" >>"$file"
		done
		round=$((round + 1))
	done
	awk -v order="$programs" -v only=ns -f tests/bench/summary.awk "$file"
}

table_pipes() {
	programs=
	for name in epoll libev libevent libuv netpark; do
		if [ -x "$(pipes_program "$name")" ]; then
			programs="$programs $name"
		else
			echo "pipes: $name is left out: its program is not there"
		fi
	done
	for count in 100 2000 19900; do
		enough_descriptors "$count" && pipes_table eventfd "$count"
	done
	pipes_table socketpair 100
	enough_descriptors 9900 && pipes_table socketpair 4900
}
