#!/bin/sh
# SPDX-License-Identifier: MIT
# A serial line, for which socat's pseudo terminals stand, and clients at the bridge: what arrives is what was
# sent, to every client and from each, also after the line was hung up and has come back.
#
#	run_tty_bridge.sh BRIDGE BACKEND
#
# The bridge has one end of the line, $dir/near, and this script the other, $dir/far.
set -u
. "$(dirname "$0")/stop.sh"
bridge=$1 backend=$2
size=60000

dir=$(mktemp -d) || exit 1
line='' keeper='' server=''
clean() {
	for process in $keeper $line $server; do kill "$process" 2>/dev/null; done
	rm -rf "$dir"
}
trap clean EXIT

die() {
	echo "$*" >&2
	exit 1
}

# await_file PATH: until it is there, for half a minute at most.
await_file() {
	tries=600
	until [ -e "$1" ]; do
		tries=$((tries - 1))
		[ "$tries" -gt 0 ] || die "no $1"
		sleep 0.05
	done
}

# Somebody has to keep the far end open, or the line hangs up when the last one leaves. Opened by a child,
# since the script may lead its session, which gets what it opens as its terminal.
plug_in() {
	socat "pty,raw,echo=0,link=$dir/near.new" "pty,raw,echo=0,link=$dir/far" 2>"$dir/socat" &
	line=$!
	await_file "$dir/far"
	await_file "$dir/near.new"
	(exec <"$dir/far" && : >"$dir/kept" && exec sleep 300) >/dev/null 2>&1 &
	keeper=$!
	await_file "$dir/kept"
	ln -s "$(readlink "$dir/near.new")" "$dir/near"
}

unplug() {
	kill "$line" "$keeper"
	wait "$line" "$keeper" 2>/dev/null
	rm -f "$dir/near" "$dir/far" "$dir/near.new" "$dir/kept"
}

# expect LINE: that the bridge says so next.
expect() {
	read -r said <&4 || die "the bridge has ended instead of saying: $1"
	[ "$said" = "$1" ] || die "the bridge says '$said' instead of '$1'"
}

# listen NAME: a client who takes what the line says.
listen() {
	socat -u "TCP:$address,readbytes=$size" "CREATE:$dir/$1" &
	clients="$clients $!"
	expect client
}

same() {
	cmp "$dir/sent" "$dir/$1" || die "$1 is not what was sent"
}

# To two clients at a time; then from one after the other.
exchange() {
	head -c "$size" /dev/urandom >"$dir/sent" || exit 1
	clients=
	listen first
	listen second
	(cat "$dir/sent" >"$dir/far")
	# shellcheck disable=SC2086
	wait $clients
	expect "client gone"
	expect "client gone"
	same first
	same second
	for name in third fourth; do
		(head -c "$size" <"$dir/far" >"$dir/$name") &
		reader=$!
		socat -u "FILE:$dir/sent" "TCP:$address" || die "the client failed"
		expect client
		expect "client gone"
		wait "$reader"
		same "$name"
	done
}

mkfifo "$dir/says" || exit 1
"$bridge" -b "$backend" "$dir/near" 115200 127.0.0.1:0 >"$dir/says" 2>"$dir/errors" &
server=$!
exec 4<"$dir/says"
read -r address <&4 || die "the bridge did not start"
# shellcheck disable=SC2034
for round in 1 2; do
	plug_in
	expect "line open"
	exchange
	unplug
	expect "line lost"
done

# What is written while there is no line is for the next one; a client that stays sees both.
socat -u "FILE:$dir/sent" "TCP:$address" &
client=$!
expect client
plug_in
expect "line open"
(head -c "$size" <"$dir/far" >"$dir/late")
same late
wait "$client"
expect "client gone"

stop TERM || die "the bridge ended with status $?"
server=''
grep -v 'no such file' "$dir/errors"
exit 0
