#!/bin/sh
# SPDX-License-Identifier: MIT
# More clients than the echo server has descriptors for.
#
#	run_echo_full.sh ECHO CLIENT BACKEND MODE        MODE as for run_echo.sh
#
# Fails unless those that were served before are still served then, the server goes on when others
# have left, and a signal stops it while it has none to spare: with exit status 0, and an end of file
# on every connection that it had accepted.
set -u
. "$(dirname "$0")/stop.sh"
echo=$1 client=$2 backend=$3 mode=$4
descriptors=40

dir=$(mktemp -d) || exit 1
children=
fail() {
	echo "$*" >&2
	# shellcheck disable=SC2086
	kill $children
	exit 1
}
trap 'rm -rf "$dir"' EXIT
mkfifo "$dir/address" "$dir/errors" "$dir/again" "$dir/result" || exit 1

# shellcheck disable=SC2086,SC3045
(ulimit -n "$descriptors" && exec "$echo" -b "$backend" -m $mode 127.0.0.1:0) \
	>"$dir/address" 2>"$dir/errors" &
server=$!
children="$server"
exec 3<"$dir/address" 4<"$dir/errors"
read -r address <&3 || fail "the server did not start: $(cat <&4)"

# crowd: more than fit, until the server has said so. They stay, and so do those that wait.
crowd() {
	"$client" -i "$address" "$descriptors" 1 </dev/null >/dev/null 2>&1 &
	crowd=$!
	children="$server $guests $crowd"
	read -r line <&4 || fail "the server is gone"
	case $line in
	*'too many open files'* | *'no file descriptors'*) ;; # glibc, musl
	*) fail "$line" ;;
	esac
}

# still_idle WHEN: the guests say that they have made their round trips.
still_idle() {
	read -r line <&5
	[ "$line" = idle ] || fail "not served $1"
}

"$client" -i "$address" 5 20 <"$dir/again" >"$dir/result" &
guests=$!
children="$server $guests"
exec 6>"$dir/again" 5<"$dir/result"
still_idle 'at first'
crowd
echo again >&6
still_idle 'by a server without descriptors'
kill "$crowd"
wait "$crowd" 2>/dev/null # how it ended, which it was told to
"$client" "$address" 5 20 || fail "not served when others have left"
crowd
status=0
stop TERM || { echo "the server ended with status $?: $(cat <&4)" >&2; status=1; }
wait "$guests" || { echo "a connection did not end with an end of file" >&2; status=1; }
kill "$crowd" 2>/dev/null
wait "$crowd" 2>/dev/null
exit "$status"
