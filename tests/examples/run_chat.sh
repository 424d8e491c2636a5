#!/bin/sh
# SPDX-License-Identifier: MIT
# The chat room, with nc(1) and socat(1) as its guests, over TCP or a Unix socket.
#
#	run_chat.sh CHAT BACKEND tcp|unix
set -u
nc -h 2>&1 | grep -q OpenBSD || exit 77 # others have other options
. "$(dirname "$0")/stop.sh"
chat=$1 backend=$2 kind=$3
failed=0

dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
mkfifo "$dir/address" || exit 1
case $kind in
tcp) listen=127.0.0.1:0 ;;
*) listen=unix:$dir/socket ;;
esac

# start OPTION...
start() {
	"$chat" -b "$backend" -t 60000 "$@" "$listen" >"$dir/address" &
	server=$!
	read -r address <"$dir/address" || { echo "the server did not start" >&2; exit 1; }
	case $kind in
	tcp) nc_args="127.0.0.1 ${address##*:}" socat_address=TCP:$address ;;
	*) nc_args="-U $address" socat_address=UNIX-CONNECT:$address ;;
	esac
}

start -l 256

# hears FILE TEXT [TIMES]: wait for the line.
hears() {
	for _ in $(seq 400); do
		[ "$(grep -acxF "$2" "$dir/$1")" -ge "${3-1}" ] && return
		sleep 0.05
	done
	echo "$1 has not heard: $2"
	tail -n 3 "$dir/$1"
	failed=1
}

# Each guest has a FIFO to talk into, which a descriptor of this shell keeps open.
mkfifo "$dir/to_ann" "$dir/to_bob" "$dir/to_eve" "$dir/slow" || exit 1
# shellcheck disable=SC2086
nc $nc_args <"$dir/to_ann" >"$dir/ann" &
ann=$!
exec 3>"$dir/to_ann"
socat - "$socat_address" <"$dir/to_bob" >"$dir/bob" &
bob=$!
exec 4>"$dir/to_bob"

hears ann '* your name?'
echo 'a b' >&3
hears ann '* your name?' 2
printf 'ann\r\n' >&3
hears ann '* welcome, ann'
printf 'ann\nbob\n' >&4
hears bob '* your name?' 2
hears bob '* welcome, bob'
hears ann '* bob has come'
printf 'hello\nhow are\007 you?\n' >&3
hears bob 'ann: hello'
hears bob 'ann: how are? you?'
printf 'fine, thanks' >&4
echo >&4
hears ann 'bob: fine, thanks'
echo /who >&4
hears bob '* ann is here'
hears bob '* bob is here'

# A line is longer than the room allows, and nobody hears it; the next one is heard.
{ head -c 3000 /dev/zero | tr '\0' x; printf '\nshort\n'; } >&3
hears ann '* a line has no more than 511 bytes'
hears bob 'ann: short'
grep -aq xxx "$dir/bob" && { echo "bob has heard a long line"; failed=1; }

# One more comes and never reads. The others go on, and in the end it is thrown out.
# shellcheck disable=SC2086
nc $nc_args <"$dir/to_eve" >"$dir/slow" &
eve=$!
exec 5>"$dir/to_eve"
exec 6<"$dir/slow"
echo eve >&5
hears ann '* eve has come'
text=$(head -c 480 /dev/zero | tr '\0' y)
for round in $(seq 200); do
	yes "$text" | head -n 200 >&3
	echo "round $round" >&3
	hears bob "ann: round $round"
	[ "$failed" = 0 ] || break
	grep -aqxF '* eve has left' "$dir/bob" && break
done
hears bob '* eve has left'
hears ann '* eve has left'
exec 5>&- 6<&-

echo /quit >&4
hears ann '* bob has left'
wait "$bob"
grep -aq '^ann:' "$dir/ann" && { echo "ann has heard herself"; failed=1; }
stop TERM || { echo "the server ended with status $?"; failed=1; }
exec 3>&- 4>&-
{ kill "$eve"; wait "$ann" "$eve"; } 2>/dev/null

# A crowd, with room for two lines in each queue: who is there does not overflow it.
start -w 1 -l 2
mkfifo "$dir/hold" || exit 1
exec 3<>"$dir/hold"
guests=
for i in $(seq 30); do
	: >"$dir/guest$i"
	# shellcheck disable=SC2086
	{ echo "guest$i"; [ "$i" != 30 ] || echo /who; exec cat "$dir/hold"; } 3>&- | nc $nc_args >"$dir/guest$i" 3>&- &
	guests="$guests $!"
	hears "guest$i" "* welcome, guest$i"
done
hears guest30 '* guest30 is here'
hears guest30 '* guest1 is here'
stop TERM || { echo "the server ended with status $?"; failed=1; }
exec 3>&-
# shellcheck disable=SC2086
wait $guests
[ "$failed" = 0 ] || exit 1
