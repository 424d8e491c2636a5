#!/bin/sh
# SPDX-License-Identifier: MIT
# The SOCKS5 server between curl and a web server.
#
#	run_socks5.sh SOCKS5 BACKEND CURL PYTHON
#
# Fails unless curl gets the same bytes through it by an IPv4 and an IPv6 address and by a name, also
# with a password, is told in SOCKS' words what went wrong, and a signal ends it with exit status 0.
set -u
. "$(dirname "$0")/stop.sh"
socks5=$1 backend=$2 curl=$3 python=$4

dir=$(mktemp -d) || exit 1
children=
fail() {
	echo "$*" >&2
	cat "$dir/errors" >&2
	exit 1
}
# shellcheck disable=SC2086
trap '[ -z "$children" ] || kill $children 2>/dev/null; rm -rf "$dir"' EXIT
: >"$dir/errors"
mkdir "$dir/www"
head -c 2000000 /dev/urandom >"$dir/www/file"

# first_line COMMAND...: start it, and wait for its first line, which is $line.
first_line() {
	rm -f "$dir/line"
	mkfifo "$dir/line" || exit 1
	"$@" >"$dir/line" 2>>"$dir/errors" &
	server=$!
	children="$children $server"
	read -r line <"$dir/line" || fail "$1 did not start"
}

# serve ADDRESS: a web server there, on $port.
serve() {
	first_line "$python" -u -m http.server --bind "$1" --directory "$dir/www" 0
	port=${line#*port }
	port=${port%% *}
}

# get OPTION... URL: the file, by way of the SOCKS server. What curl says otherwise is in $said.
get() {
	rm -f "$dir/got"
	said=$("$curl" -sS --noproxy '' --max-time 20 -o "$dir/got" "$@" 2>&1)
}

same() {
	get "$@" || fail "curl $*: $said"
	cmp "$dir/got" "$dir/www/file" || fail "curl $*: other bytes"
}

refused() {
	expected=$1
	shift
	get "$@" && fail "curl $*: no error"
	case $said in
	*$expected*) ;;
	*) fail "curl $*: $said" ;;
	esac
}

serve 127.0.0.1
port4=$port
first_line "$socks5" -b "$backend" 127.0.0.1:0
open=$server address=$line
first_line "$socks5" -b "$backend" -u 'user:pass word' -t 300 127.0.0.1:0
closed=$server strict=$line

same --socks5 "$address" "http://127.0.0.1:$port4/file"
same --socks5-hostname "$address" "http://localhost:$port4/file"
if serve ::1 2>/dev/null; then
	same --socks5-hostname "$address" "http://[::1]:$port/file"
fi
same --socks5 "$strict" --proxy-user 'user:pass word' "http://127.0.0.1:$port4/file"
refused 'rejected' --socks5 "$strict" --proxy-user 'user:pass' "http://127.0.0.1:$port4/file"
refused 'No authentication method' --socks5 "$strict" "http://127.0.0.1:$port4/file"
refused '(5)' --socks5 "$address" http://127.0.0.1:1/file
refused '(3)' --socks5 "$address" http://255.255.255.255:1/file
refused "Can't complete" --socks5-hostname "$address" http://no..such/file

# No SOCKS at all, and a client that says nothing.
refused '' "http://$address/file"
timeout 20 "$curl" -sS --max-time 10 "telnet://$strict" </dev/null >/dev/null 2>&1
[ $? -ne 28 ] || fail "a client that says nothing stays"

for server in $open $closed; do
	stop TERM || fail "the server ended with status $?"
done
