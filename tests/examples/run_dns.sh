#!/bin/sh
# SPDX-License-Identifier: MIT
# Ask the DNS server with dig: about its own names, and through it another one about its.
#
#	run_dns.sh DNS NONSENSE DIG BACKEND
#
# Two servers run: the outer one has the zone "inner." of the other one as its upstream, and a third
# one an upstream that says nothing.
set -u
. "$(dirname "$0")/stop.sh"
dns=$1 nonsense=$2 dig=$3 backend=$4
dir=$(mktemp -d) || exit 1
servers=
failed=0
cleanup() {
	# shellcheck disable=SC2086
	[ -z "$servers" ] || kill $servers 2>/dev/null
	rm -rf "$dir"
}
trap cleanup EXIT

# start OPTION...: a server, whose process is $server and port $port.
start() {
	rm -f "$dir/address"
	mkfifo "$dir/address" || exit 1
	# shellcheck disable=SC2086
	${NETPARK_WRAPPER-} "$dns" -b "$backend" "$@" 127.0.0.1:0 >"$dir/address" &
	server=$!
	servers="$servers $server"
	read -r address <"$dir/address" || { echo "the server did not start" >&2; exit 1; }
	port=${address##*:}
}

# ask PORT ARGUMENT...: what dig says, once.
ask() {
	at=$1
	shift
	"$dig" @127.0.0.1 -p "$at" +tries=1 +timeout=20 "$@" 2>&1
}

# expect WHAT PATTERN TEXT: a line of TEXT has PATTERN.
expect() {
	if ! echo "$3" | grep -qE "$2"; then
		echo "$1: no $2 in:"
		echo "$3"
		failed=1
	fi
}

# status WHAT RCODE TEXT
status() {
	expect "$1" "status: $2," "$3"
}

text=$(printf '%0200d' 0)
start -z inner.test -r 'a.inner.test A 192.0.2.1' -r 'a.inner.test AAAA 2001:db8::1' \
	-r 'txt.inner.test TXT hello, world' -r "big.inner.test TXT ${text}1" \
	-r "big.inner.test TXT ${text}2" -r "big.inner.test TXT ${text}3" \
	-r "huge.inner.test TXT ${text}1" -r "huge.inner.test TXT ${text}2" \
	-r "huge.inner.test TXT ${text}3" -r "huge.inner.test TXT ${text}4" \
	-r "huge.inner.test TXT ${text}5" -r "huge.inner.test TXT ${text}6" \
	-r "huge.inner.test TXT ${text}7"
inner=$port inner_server=$server
start -z outer.test -r 'b.outer.test A 192.0.2.2' -u "127.0.0.1:$inner"
outer=$port outer_server=$server
# Nobody reads there: a port that is bound, and no more. And nobody at all.
start -z quiet.test -r 'q.quiet.test A 192.0.2.3'
quiet_server=$server quiet=$port
kill -STOP "$quiet_server"
start -t 300 -u "127.0.0.1:$quiet"
waiting=$port waiting_server=$server

for at in $inner $outer; do
	for tcp in +notcp +tcp; do
		way="$at $tcp"
		answer=$(ask "$at" "$tcp" A.Inner.test A)
		status "$way A" NOERROR "$answer"
		expect "$way A" '^A.Inner.test.[[:space:]]+60[[:space:]]+IN[[:space:]]+A[[:space:]]+192.0.2.1$' "$answer"
		answer=$(ask "$at" "$tcp" a.inner.test AAAA)
		expect "$way AAAA" '[[:space:]]AAAA[[:space:]]+2001:db8::1$' "$answer"
		expect "$way TXT" '^"hello, world"$' "$(ask "$at" "$tcp" +short txt.inner.test TXT)"
		status "$way no such name" NXDOMAIN "$(ask "$at" "$tcp" x.inner.test A)"
		answer=$(ask "$at" "$tcp" txt.inner.test A)
		status "$way no such type" NOERROR "$answer"
		expect "$way no such type" 'ANSWER: 0,' "$answer"
	done
	# Fits 1232 bytes and not 512; and not 1232 either. dig comes again over TCP.
	answer=$(ask "$at" +noedns +ignore big.inner.test TXT)
	expect "$at cut" 'flags:.* tc' "$answer"
	answer=$(ask "$at" +noedns big.inner.test TXT)
	expect "$at again over TCP" '\(TCP\)' "$answer"
	expect "$at again over TCP" 'ANSWER: 3,' "$answer"
	answer=$(ask "$at" +ignore big.inner.test TXT)
	expect "$at large" 'ANSWER: 3,' "$answer"
	expect "$at large" 'EDNS: version: 0,' "$answer"
	answer=$(ask "$at" huge.inner.test TXT)
	expect "$at huge" '\(TCP\)' "$answer"
	expect "$at huge" 'ANSWER: 7,' "$answer"
done
answer=$(ask "$inner" a.inner.test A)
expect 'of its own' 'flags:.* aa' "$answer"
status 'of its own' NOERROR "$(ask "$outer" b.outer.test A)"
status 'of nobody' REFUSED "$(ask "$inner" a.elsewhere.test A)"
status 'of nobody, forwarded' REFUSED "$(ask "$outer" a.elsewhere.test A)"
status 'another operation' NOTIMP "$(ask "$inner" +opcode=notify +noedns a.inner.test A)"
status 'another class' NOTIMP "$(ask "$inner" -c CH a.inner.test TXT)"

# What makes no sense is refused or let go, and the server lives.
status 'no question' FORMERR "$(ask "$inner" +header-only)"
for at in $inner $outer; do
	"$nonsense" "$at" 3000 || failed=1
	status "$at after nonsense" NOERROR "$(ask "$at" +tries=5 +timeout=4 a.inner.test A)"
	status "$at after nonsense, over TCP" NOERROR "$(ask "$at" +tcp a.inner.test A)"
done

# Upstream says what was not asked, and then too much: there is more, over TCP.
rm -f "$dir/address"
mkfifo "$dir/address" || exit 1
"$nonsense" >"$dir/address" &
liar_upstream=$!
servers="$servers $liar_upstream"
read -r port <"$dir/address"
start -u "127.0.0.1:$port"
liar=$server
for edns in +noedns +bufsize=4096; do
	answer=$(ask "$port" $edns +ignore a.inner.test A)
	status "$edns too long" NOERROR "$answer"
	expect "$edns too long" 'flags:.* tc' "$answer"
	expect "$edns too long" 'ANSWER: 0,' "$answer"
done
kill "$liar_upstream"

# However many descriptors are missing, it says so and ends.
rm -f "$dir/address"
mkfifo "$dir/address" || exit 1
limit=4
few_status=1
while [ "$few_status" = 1 ] || [ "$few_status" = 127 ]; do
	limit=$((limit + 1))
	(ulimit -n "$limit" && exec "$dns" -b "$backend" 127.0.0.1:0) >"$dir/address" 2>"$dir/few" &
	server=$!
	if read -r address <"$dir/address"; then stop TERM; else wait "$server"; fi
	few_status=$?
	grep -v -e 'oo many open files' -e 'o file descriptors' "$dir/few" && { echo "with $limit descriptors"; failed=1; }
done

# Upstream does not answer: an error comes before dig gives up.
status 'silent upstream' SERVFAIL "$(ask "$waiting" a.inner.test A)"
status 'silent upstream over TCP' SERVFAIL "$(ask "$waiting" +tcp a.inner.test A)"
kill -CONT "$quiet_server"
server=$quiet_server
stop TERM
status 'dead upstream' SERVFAIL "$(ask "$waiting" a.inner.test A)"
status 'dead upstream over TCP' SERVFAIL "$(ask "$waiting" +tcp a.inner.test A)"

# Many at once, each a hundred queries. dig lets the kernel give two of its processes the same port
# (SO_REUSEPORT), and then one of them may have the other's answer: now and then one asks again.
i=0
while [ $i -lt 100 ]; do
	echo 'a.inner.test A'
	i=$((i + 1))
done >"$dir/queries"
askers=
for i in 1 2 3 4 5 6 7 8; do
	for at in $inner $outer; do
		ask "$at" +tries=3 +timeout=5 +short -f "$dir/queries" >"$dir/result-$at-$i" &
		askers="$askers $!"
	done
done
for asker in $askers; do
	wait "$asker" || failed=1
done
for i in 1 2 3 4 5 6 7 8; do
	for at in $inner $outer; do
		n=$(grep -c '^192.0.2.1$' "$dir/result-$at-$i")
		[ "$n" = 100 ] || { echo "$at: $n answers of 100"; failed=1; }
	done
done

servers=
for server in $waiting_server $outer_server $inner_server $liar; do
	stop TERM || { echo "a server ended with status $?"; failed=1; }
done
exit $failed
