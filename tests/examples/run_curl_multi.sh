#!/bin/sh
# SPDX-License-Identifier: MIT
# Transfers of libcurl by fibers of one worker: many at a time, large ones, errors, one that takes too long.
#
#	run_curl_multi.sh CURL_MULTI PYTHON BACKEND
set -u
curl_multi=$1 python=$2 backend=$3

dir=$(mktemp -d) || exit 1
peer=''
clean() {
	[ -z "$peer" ] || kill "$peer"
	rm -rf "$dir"
}
trap clean EXIT

die() {
	echo "$*" >&2
	cat "$dir/told" >&2
	exit 1
}

mkfifo "$dir/port" || exit 1
"$python" "$(dirname "$0")/http_peer.py" >"$dir/port" &
peer=$!
read -r port <"$dir/port" || die "the server did not start"
at=http://127.0.0.1:$port

# What each fiber alone would never see the end of.
urls=
for _ in 1 2 3 4 5 6 7 8 9 10 11 12; do urls="$urls $at/together/12"; done
# shellcheck disable=SC2086
"$curl_multi" -b "$backend" -t 60000 "$dir" $urls >"$dir/told" || die "they were not together"
[ "$(grep -c ' 200 13 ' "$dir/told")" -eq 12 ] || die "not all have an answer"

urls=
for _ in 1 2 3 4 5 6 7 8 9 10; do urls="$urls $at/bytes/1000000 $at/bytes/16 $at/bytes/0 $at/nothing"; done
# shellcheck disable=SC2086
"$curl_multi" -b "$backend" -t 60000 "$dir" $urls >"$dir/told" || die "a transfer failed"
for count in ' 200 1000000 ' ' 200 16 ' ' 200 0 ' ' 404 8 '; do
	[ "$(grep -c "$count" "$dir/told")" -eq 10 ] || die "not 10 of$count"
done
yes 0123456789abcdef | tr -d '\n' | head -c 1000000 >"$dir/expected"
for number in 1 5 37; do
	cmp "$dir/expected" "$dir/$number" || die "transfer $number is not what was sent"
done

"$curl_multi" -b "$backend" -t 300 "$dir" "$at/never" "$at/never" >"$dir/told" &&
	die "what never comes has come"
[ "$(grep -c 'failed: Timeout' "$dir/told")" -eq 2 ] || die "no timeouts"

# Nobody listens.
kill "$peer" && wait "$peer" 2>/dev/null
peer=
"$curl_multi" -b "$backend" "$dir" "$at/bytes/16" >"$dir/told" && die "an answer without a server"
grep -q "failed: Couldn't connect" "$dir/told" || die "not refused"
exit 0
