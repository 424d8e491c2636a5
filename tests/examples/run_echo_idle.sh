#!/bin/sh
# SPDX-License-Identifier: MIT
# Stop the echo server by a signal while clients are connected and idle.
#
#	run_echo_idle.sh ECHO CLIENT BACKEND MODE SIGNAL CONNECTIONS        MODE as for run_echo.sh
#
# Fails unless every connection comes to an end of file, and the server's exit status is 0.
set -u
. "$(dirname "$0")/stop.sh"
echo=$1 client=$2 backend=$3 mode=$4 signal=$5 connections=$6

dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
mkfifo "$dir/address" "$dir/result" || exit 1
# shellcheck disable=SC2086
"$echo" -b "$backend" -m $mode 127.0.0.1:0 >"$dir/address" &
server=$!
read -r address <"$dir/address" || { echo "the server did not start" >&2; exit 1; }
"$client" -i "$address" "$connections" 1 >"$dir/result" </dev/null &
idler=$!
exec 3<"$dir/result"
read -r line <&3
if [ "$line" != idle ]; then
	echo "the clients did not come to be idle: $line" >&2
	kill "$server" "$idler"
	exit 1
fi
status=0
stop "$signal" || { echo "the server ended with status $?" >&2; status=1; }
wait "$idler" || { echo "a connection did not end with an end of file" >&2; status=1; }
cat <&3
exit "$status"
