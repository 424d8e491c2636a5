#!/bin/sh
# SPDX-License-Identifier: MIT
# The proxy between redis and its own clients: TCP before a Unix socket, and a second one, on a Unix
# socket, before the first.
#
#	run_proxy.sh PROXY BACKEND REDIS_SERVER REDIS_CLI REDIS_BENCHMARK
#
# Fails unless small requests and large values come through both unchanged, more clients than there is
# room for wait their turn, who is idle for too long or has no server behind it is sent away, and a
# signal ends it with exit status 0.
set -u
. "$(dirname "$0")/stop.sh"
proxy=$1 backend=$2 redis_server=$3 redis_cli=$4 redis_benchmark=$5

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

# start OPTION...: a proxy; its address is $address, and its process $server.
start() {
	rm -f "$dir/address"
	mkfifo "$dir/address" || exit 1
	"$proxy" -b "$backend" "$@" >"$dir/address" 2>>"$dir/errors" &
	server=$!
	children="$children $server"
	read -r address <"$dir/address" || fail "the proxy did not start"
}

"$redis_server" --port 0 --unixsocket "$dir/redis" --save '' --appendonly no --dir "$dir" \
	>"$dir/redis.log" 2>&1 &
children=$!
tries=0
until [ "$("$redis_cli" -s "$dir/redis" ping 2>/dev/null)" = PONG ]; do
	tries=$((tries + 1))
	[ "$tries" -lt 100 ] || fail "redis-server did not start: $(cat "$dir/redis.log")"
	sleep 0.05
done

start 127.0.0.1:0 "unix:$dir/redis"
first=$server port=${address##*:}
start "unix:$dir/second" "127.0.0.1:$port"
second=$server

# A large value there and back, through both; and as it is without a proxy.
head -c 3000000 /dev/urandom | od -An -v -tx1 | tr -d ' \n' >"$dir/value"
[ "$("$redis_cli" -s "$dir/second" -x set large <"$dir/value")" = OK ] || fail "it could not be set"
"$redis_cli" -s "$dir/second" --raw get large | tr -d '\n' | cmp - "$dir/value" || fail "it came back changed"
"$redis_cli" -s "$dir/redis" --raw get large | tr -d '\n' | cmp - "$dir/value" || fail "it was stored changed"

"$redis_benchmark" -s "$dir/second" -n 2000 -c 20 -P 4 -t set,get,lrange_300 --csv >"$dir/result" ||
	fail "redis-benchmark failed"
[ "$(wc -l <"$dir/result")" -ge 4 ] || fail "redis-benchmark said: $(cat "$dir/result")"

# More clients than connections.
start -c 4 127.0.0.1:0 "unix:$dir/redis"
narrow=$server
timeout 20 "$redis_benchmark" -p "${address##*:}" -n 500 -c 3 -t set -q >/dev/null || fail "3 clients failed"
for i in 1 2 3 4 5 6 7 8; do
	timeout 20 "$redis_cli" -p "${address##*:}" eval 'return 7' 0 >"$dir/answer.$i" &
	children="$children $!"
	clients="${clients-} $!"
done
for client in $clients; do
	wait "$client" || fail "a client that had to wait was not served"
done

# Nobody says anything, and nobody is there.
start -i 100 127.0.0.1:0 "unix:$dir/redis"
idle=$server
timeout 20 "$redis_cli" -p "${address##*:}" blpop nothing 0 >/dev/null 2>&1
[ $? -ne 124 ] || fail "an idle connection stayed"
start -d 1000 127.0.0.1:0 "unix:$dir/nobody"
nobody=$server
timeout 20 "$redis_cli" -p "${address##*:}" ping >/dev/null 2>&1 && fail "an answer of nobody"
grep -q "dial unix $dir/nobody: connect: no such file" "$dir/errors" || fail "nobody was told why"

for server in $second $first $narrow $idle $nobody; do
	stop TERM || fail "a proxy ended with status $?"
done
[ ! -e "$dir/second" ] || fail "the path is still there"
