#!/bin/sh
# SPDX-License-Identifier: MIT
# The HTTP server, asked by curl, by hand through nc(1), and by wrk(1) if that is given.
#
#	run_http.sh HTTP BACKEND [WRK]
set -u
nc -h 2>&1 | grep -q OpenBSD || exit 77 # others have other options
. "$(dirname "$0")/stop.sh"
http=$1 backend=$2 wrk=${3-}
failed=0

dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
mkfifo "$dir/address" || exit 1
mkdir -p "$dir/root/sub" || exit 1
head -c 3000000 /dev/urandom >"$dir/root/big.txt"
echo index >"$dir/root/index.html"
echo secret >"$dir/root/.hidden"
echo secret >"$dir/secret"
head -c 70000 /dev/urandom >"$dir/body"
head -c 70001 /dev/zero >"$dir/long"

# start OPTION...
start() {
	"$http" -b "$backend" -d "$dir/root" "$@" 127.0.0.1:0 >"$dir/address" 2>"$dir/stderr" &
	server=$!
	read -r address <"$dir/address" || { echo "the server did not start" >&2; exit 1; }
	url=http://$address
	port=${address##*:}
}

finish() {
	stop TERM || { echo "the server ended with status $?"; failed=1; }
	! grep 'runtime error' "$dir/stderr" || failed=1
}

expect() {
	[ "$2" = "$3" ] && return
	printf '%s:\n expected: %s\n got:      %s\n' "$1" "$2" "$3"
	failed=1
}

# Status by curl.
ask() {
	curl -sS -m 20 -o "$dir/out" -w '%{http_code}' "$@" 2>>"$dir/curl" || echo " curl $?"
}

# Every status line that comes back for a request written by hand; "|" between them.
raw() {
	printf "$@" | timeout 20 nc -N 127.0.0.1 "$port" | tr -d '\r' | grep -a '^HTTP/1.1' |
		cut -d' ' -f2 | paste -sd'|' -
}

start -m 70000
expect "a GET" 200 "$(ask "$url/hello")"
expect "its body" "Hello, world!" "$(cat "$dir/out")"
expect "one connection for three" 1 \
	"$(curl -sS -m 20 -o "$dir/out" -o "$dir/out" -o "$dir/out" -w '%{num_connects}\n' \
		"$url/hello" "$url/nothing" "$url/hello" | awk '{ n += $1 } END { print n }')"
expect "a HEAD" 200 "$(ask -I "$url/hello")"
expect "its length" "14" "$(tr -d '\r' <"$dir/out" | awk '/^Content-Length:/ { print $2 }')"
expect "HTTP/1.0" 200 "$(ask -0 "$url/hello")"
expect "a query" 200 "$(ask "$url/hello?a=b/../c")"
expect "what is not there" 404 "$(ask "$url/nothing")"
expect "another method" 405 "$(ask -X POST -d x -D "$dir/head" "$url/hello")"
expect "which there are" "GET, HEAD" "$(tr -d '\r' <"$dir/head" | sed -n 's/^Allow: //p')"
expect "the other method" 405 "$(ask -D "$dir/head" "$url/echo")"
expect "which there is" "POST" "$(tr -d '\r' <"$dir/head" | sed -n 's/^Allow: //p')"
expect "no method" 501 "$(ask -X DELETE "$url/hello")"

expect "a POST" 200 "$(ask --data-binary @"$dir/body" "$url/echo")"
cmp "$dir/body" "$dir/out" || failed=1
expect "a POST in chunks" 200 \
	"$(ask -H 'Transfer-Encoding: chunked' --data-binary @"$dir/body" "$url/echo")"
cmp "$dir/body" "$dir/out" || failed=1
expect "a POST that asks first" 200 "$(ask -H 'Expect: 100-continue' -d abc "$url/echo")"
expect "an empty POST" 200 "$(ask -d '' "$url/echo")"
expect "too much" 413 "$(ask --data-binary @"$dir/long" "$url/echo")"
expect "too much in chunks" 413 \
	"$(ask -H 'Transfer-Encoding: chunked' --data-binary @"$dir/long" "$url/echo")"

expect "a file" 200 "$(ask "$url/big.txt")"
cmp "$dir/root/big.txt" "$dir/out" || failed=1
expect "a HEAD of a file" 200 "$(ask -I "$url/big.txt")"
expect "an index" "200 index" "$(ask "$url/") $(cat "$dir/out")"
expect "a directory" 404 "$(ask "$url/sub")"
for path in /../secret /sub/../../secret /%2e%2e/secret /..%2fsecret /.hidden /sub/..%2f..%2fsecret //secret; do
	expect "outside: $path" 404 "$(ask --path-as-is "$url$path")"
done
expect "a NUL in a path" 400 "$(ask --path-as-is "$url/big.txt%00.html")"

long=$(head -c 9000 /dev/zero | tr '\0' a)
expect "a long target" 414 "$(ask "$url/$long")"
expect "a long field" 431 "$(ask -H "X: $long" "$url/hello")"
half=$(head -c 6000 /dev/zero | tr '\0' a)
expect "many long fields" 431 "$(ask -H "X: $half" -H "Y: $half" -H "Z: $half" "$url/hello")"

get='GET /hello HTTP/1.1\r\nHost: x\r\n'
expect "a pipeline" '200|404|200|200' \
	"$(raw "$get\r\nGET /no HTTP/1.1\r\nHost: x\r\n\r\nPOST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nab\n${get}Connection: close\r\n\r\n$get\r\n")"
expect "no body after a HEAD" 1 \
	"$(printf "HEAD /hello HTTP/1.1\r\nHost: x\r\n\r\nHEAD / HTTP/1.1\r\nHost: x\r\n\r\n$get\r\n" |
		timeout 20 nc -N 127.0.0.1 "$port" | grep -cE 'Hello|index')"
expect "no body after a HEAD that is wrong" 1 \
	"$(printf 'HEAD /hello HTTP/1.1\r\nHost: x\r\nX : y\r\n\r\n' |
		timeout 20 nc -N 127.0.0.1 "$port" | grep -c 'Bad Request')"
expect "chunks by hand" '200|200' \
	"$(raw "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n0A\r\n012345678\n\r\n0\r\nX: y\r\n\r\n$get\r\n")"
expect "a body where none belongs" '200|200' "$(raw "${get}Content-Length: 3\r\n\r\nabc$get\r\n")"
expect "a chunk that is longer than it says" '400' \
	"$(raw "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n")"
# After each of these nothing that follows is heard: it could be part of the first.
for bad in 'GET /hello HTTP/1.1\nHost: x\n' 'GET /hello HTTP/1.1\r\n' 'GET  /hello HTTP/1.1\r\nHost: x\r\n' \
	"${get}Host: y\r\n" "${get}Content-Length: 3\r\nContent-Length: 3\r\n" \
	"${get}Content-Length: 3\r\nTransfer-Encoding: chunked\r\n" "${get}Content-Length: +3\r\n" \
	"${get}Content-Length : 3\r\n" "${get}X: a\r\n b\r\n" "${get}X: a\rb\r\n" \
	'GET hello HTTP/1.1\r\nHost: x\r\n' 'GET /hello\r\n'; do
	expect "smuggled: $bad" 400 "$(raw "$bad\r\nabc$get\r\n")"
done
expect "another encoding" 501 "$(raw "${get}Transfer-Encoding: gzip\r\n\r\n$get\r\n")"
expect "another version" 505 "$(raw 'GET / HTTP/2.0\r\nHost: x\r\n\r\n')"

expect "HTTP/1.0 knows no 100" 'HTTP/1.1 200 OK' \
	"$({ printf 'POST /echo HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n'; sleep 0.2; echo ab; } |
		timeout 20 nc -N 127.0.0.1 "$port" | tr -d '\r' | head -n 1)"
# What comes behind the last request, and is not read with it, costs its answer nothing.
{ printf 'GET /big.txt HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'; cat "$dir/body"; } |
	timeout 20 nc -N 127.0.0.1 "$port" | { sleep 0.5; tail -c 3000000; } >"$dir/out"
cmp "$dir/root/big.txt" "$dir/out" || failed=1

if [ -n "$wrk" ]; then
	"$wrk" -t 1 -c 20 -d 2 "$url/hello" >"$dir/wrk" 2>&1 || failed=1
	grep -q 'Requests/sec' "$dir/wrk" && ! grep -qE 'Socket errors|Non-2xx' "$dir/wrk" ||
		{ cat "$dir/wrk"; failed=1; }
fi
finish

# Who is slow, at any place, is thrown out; who is silent between requests is just let go.
slow() {
	printf "$@" | timeout 20 nc 127.0.0.1 "$port" | tr -d '\r' | sed -n 's,^HTTP/1.1 \([0-9]*\).*,\1,p' |
		paste -sd'|' -
}

start -t 300
expect "half a head" 408 "$(slow 'GET /hello HTTP/1.1\r\nHo')"
expect "half a body" 408 "$(slow "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nabc")"
expect "half a second request" '200|408' "$(slow "$get\r\nGET")"
expect "no second request" 200 "$(slow "$get\r\n")"
expect "nothing at all" '' "$(slow '')"
finish

# The only one there may be: another's turn comes when this one is thrown out, who sends bytes all the
# time, or reads none.
start -c 1 -t 300
truncate -s 64M "$dir/root/huge"
(printf 'GET /hello HTTP/1.1\r\n'; while printf 'X: a\r\n' && sleep 0.05; do :; done) 2>/dev/null |
	nc 127.0.0.1 "$port" >"$dir/trickle" &
trickler=$!
expect "behind one who sends forever" 200 "$(ask "$url/hello")"
wait "$trickler"
mkfifo "$dir/blocked"
printf "GET /huge HTTP/1.1\r\nHost: x\r\n\r\n" | nc 127.0.0.1 "$port" >"$dir/blocked" &
reader=$!
exec 4<"$dir/blocked"
expect "behind one who does not read" 200 "$(ask "$url/hello")"
exec 4<&-
{ kill "$reader"; wait "$reader"; } 2>/dev/null
finish

# More clients than there are descriptors.
(ulimit -n 20 && exec "$http" -b "$backend" -w 1 -t 500 127.0.0.1:0) >"$dir/address" 2>"$dir/stderr" &
server=$!
read -r address <"$dir/address"
port=${address##*:}
silent=
for i in $(seq 30); do
	timeout 20 nc -d 127.0.0.1 "$port" & silent="$silent $!"
done
expect "with no descriptor left" 200 "$(ask "http://$address/hello")"
# shellcheck disable=SC2086
wait $silent
grep -q -e 'oo many open files' -e 'o file descriptors' "$dir/stderr" || { echo "it has never run out of descriptors"; failed=1; }
finish

# Told to stop, it lets go who waits and answers who has asked, however long that takes.
start -t 60000 -g 60000
timeout 50 nc -d 127.0.0.1 "$port" &
silent=$!
mkfifo "$dir/in"
timeout 50 nc -N 127.0.0.1 "$port" <"$dir/in" >"$dir/out" &
asking=$!
exec 3>"$dir/in"
printf 'POST /echo HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n' >&3
until grep -q '100 Continue' "$dir/out"; do sleep 0.05; done
(sleep 0.2; printf 'ab\n' >&3) &
finish
exec 3>&-
wait "$asking"
wait "$silent" || { echo "who has asked for nothing was not let go"; failed=1; }
expect "who asked before the end" '100|200' \
	"$(tr -d '\r' <"$dir/out" | sed -n 's,^HTTP/1.1 \([0-9]*\).*,\1,p' | paste -sd'|' -)"
grep -q 'Connection: close' "$dir/out" || { echo "the last answer does not say so"; failed=1; }
exit $failed
