#!/bin/sh
# SPDX-License-Identifier: MIT
# Restart the server again and again under load; not one request may fail.
#
#	run_restart.sh RESTART CLIENT BACKEND spawn|hand-over|activate RESTARTS [ACTIVATE]
#
# activate: as spawn, but the first one is started by ACTIVATE, systemd-socket-activate.
#
# Prints what the load saw. Fails unless each server ends with status 0 and has served somebody, and no
# request failed.
set -u
restart=$1 client=$2 backend=$3 mode=$4 restarts=$5 activate=${6-}

dir=$(mktemp -d) || exit 1
cp "$restart" "$dir/restart" || exit 1
restart=$dir/restart
server=
load=
fail() {
	echo "$*" >&2
	# shellcheck disable=SC2086
	kill $server $load ${many-} 2>/dev/null
	exit 1
}
trap 'rm -rf "$dir"' EXIT
mkfifo "$dir/lines" "$dir/input" || exit 1
exec 3<>"$dir/lines"

# read_line WHAT: the next line that begins so, into $pid and $rest; others are kept for later.
read_line() {
	while read -r what pid rest <&3; do
		[ "$what" = "$1" ] && return
		echo "$what $pid $rest" >>"$dir/others"
	done
	fail "there is no line: $1"
}

start() {
	# shellcheck disable=SC2086
	"$restart" -b "$backend" "$@" >&3 4>&- &
	child=$!
}

: >"$dir/others"
case $mode in
spawn) start spawn 127.0.0.1:0 ;;
hand-over) start hand-over 127.0.0.1:0 "$dir/control" ;;
activate)
	"$activate" -l "$dir/web" --fdname=web "$restart" -b "$backend" spawn "$dir/nowhere" >&3 2>"$dir/errors" &
	child=$!
	server=$child
	while ! [ -S "$dir/web" ]; do
		kill -0 "$child" 2>/dev/null || fail "there is no socket: $(cat "$dir/errors")"
		sleep 0.05
	done
	"$client" -n 1 "$dir/web" 1 0 >/dev/null || fail "not served: $(cat "$dir/errors")"
	;;
esac
read_line serving
server=$pid address=$rest
"$client" "$address" 4 4 <"$dir/input" >"$dir/result" &
load=$!
exec 4>"$dir/input"
many=
if [ "$mode" = hand-over ]; then # each time many that are idle
	"$client" -n 3 -p 500 "$address" 0 300 4>&- >/dev/null &
	many=$!
fi

i=0
while [ "$i" -lt "$restarts" ]; do
	"$client" -n 10 "$address" 1 1 >/dev/null || fail "not served after $i restarts"
	if [ "$mode" = hand-over ]; then
		old=$child
		start hand-over "$address" "$dir/control"
		read_line serving
		wait "$old" || fail "a server ended with status $?"
	else
		# Another program of that name by now: a new version, say.
		cp "$restart" "$dir/new" && mv "$dir/new" "$restart" || exit 1
		kill -HUP "$server" || fail "the server is gone"
		read_line serving
		# shellcheck disable=SC3013
		[ "/proc/$pid/exe" -ef "$restart" ] || fail "the old program was started"
	fi
	server=$pid
	i=$((i + 1))
done
"$client" -n 10 "$address" 1 1 >/dev/null || fail "not served after all restarts"
if [ -n "$many" ]; then
	wait "$many" || fail "idle connections have failed"
fi
exec 4>&-
wait "$load" || { cat "$dir/result"; fail "the load has failed"; }
cat "$dir/result"
kill -TERM "$server"
wait "$child" || fail "a server ended with status $?"
# Each has told how many requests it has answered.
left=$(grep -c '^left' "$dir/others")
while [ "$left" -le "$restarts" ]; do
	read_line left
	echo "left $pid $rest" >>"$dir/others"
	left=$((left + 1))
done
awk '$1 == "left" && $3 == 0 { bad = 1 } END { exit bad }' "$dir/others" || fail "one had nothing to do"
