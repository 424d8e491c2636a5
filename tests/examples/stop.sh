# SPDX-License-Identifier: MIT
# tests/examples/stop.sh - stop a server that was started in the background. To be sourced.

# stop SIGNAL: tell $server, and wait for its end, whose status is returned. With NETPARK_TELL_AGAIN in
# the environment it is told again each second: ThreadSanitizer keeps a signal that comes while a fiber
# runs until that fiber goes on, which it may never do.
stop() {
	kill -"$1" "$server"
	again=
	if [ -n "${NETPARK_TELL_AGAIN-}" ]; then
		(while sleep 1 && kill -"$1" "$server"; do :; done) >/dev/null 2>&1 &
		again=$!
	fi
	wait "$server"
	server_status=$?
	[ -z "$again" ] || kill "$again" 2>/dev/null
	return "$server_status"
}
