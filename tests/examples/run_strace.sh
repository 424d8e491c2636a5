#!/bin/sh
# SPDX-License-Identifier: MIT
# What a round trip on a lone connection costs in system calls, seen from outside.
#
#	run_strace.sh STRACE ECHO CLIENT BACKEND MODE        MODE as for run_echo.sh
#
# Fails unless the server makes one wait, one read and one write for each round trip and nothing else,
# within a few calls for starting and stopping. Exits 77 (skipped) where tracing is not allowed.
set -u
strace=$1 echo=$2 client=$3 backend=$4 mode=$5
round_trips=500

dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
"$strace" -f -o "$dir/probe" true 2>/dev/null || exit 77
mkfifo "$dir/address" || exit 1
# shellcheck disable=SC2086
"$strace" -f -o "$dir/trace" "$echo" -b "$backend" -m $mode 127.0.0.1:0 >"$dir/address" &
tracer=$!
read -r address <"$dir/address" || { echo "the server did not start" >&2; exit 1; }
"$client" "$address" 1 "$round_trips" || exit 1
server=$(awk 'NR == 1 { print $1 }' "$dir/trace")
kill -TERM "$server"
wait "$tracer" || { echo "the server ended with status $?" >&2; exit 1; }

# Calls that were cut in two by another thread's count once, where they begin.
awk -v round_trips="$round_trips" -v slack=40 '
	/resumed>/ || !/\(/ { next }
	{ name = $2; sub(/\(.*/, "", name); calls[name]++ }
	END {
		waits = calls["epoll_wait"] + calls["epoll_pwait"] + calls["epoll_pwait2"] + calls["ppoll"] + calls["poll"]
		reads = calls["recvfrom"]
		writes = calls["sendto"]
		for (name in calls)
			total += calls[name]
		rest = total - waits - reads - writes
		printf "%d round trips: %d waits, %d reads, %d writes, %d futex, %d in all\n",
			round_trips, waits, reads, writes, calls["futex"], total
		if (writes != round_trips || reads > round_trips + 5 || waits > round_trips + 10 ||
		    calls["futex"] > slack || rest > 250)
			exit 1
	}' "$dir/trace"
