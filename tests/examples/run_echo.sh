#!/bin/sh
# SPDX-License-Identifier: MIT
# Start the echo server on a free port, send a load through it, stop it with SIGTERM.
#
#	run_echo.sh ECHO CLIENT BACKEND MODE CONNECTIONS ROUND_TRIPS
#
# MODE is threads or fibers, with options of the server's behind it if need be: "fibers -w 1".
#
# NETPARK_WRAPPER, if set, is a command to run the server under, such as valgrind and its options.
# Prints the client's line of result. Fails if the client does, or the server's exit status is not 0.
set -u
. "$(dirname "$0")/stop.sh"
echo=$1 client=$2 backend=$3 mode=$4 connections=$5 round_trips=$6

dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
mkfifo "$dir/address" || exit 1
# shellcheck disable=SC2086
${NETPARK_WRAPPER-} "$echo" -b "$backend" -m $mode 127.0.0.1:0 >"$dir/address" &
server=$!
# Reading the pipe waits for the server's first line, or for its end.
read -r address <"$dir/address" || { echo "the server did not start" >&2; exit 1; }
"$client" "$address" "$connections" "$round_trips"
status=$?
stop TERM || { echo "the server ended with status $?" >&2; exit 1; }
exit "$status"
