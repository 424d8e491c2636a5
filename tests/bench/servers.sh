# SPDX-License-Identifier: MIT
# tests/bench/servers.sh - start and stop what is measured. To be sourced by ci/bench.
#
# Wants $build, the build folder; $work, a folder for scratch files; $server_cpu and $load_cpu.

bench=$build/tests/bench
peers=$bench/peers

# The command of server $1 with a buffer of $2 bytes for each connection. The example has the small
# buffer only; the thread of a connection has a large one anyway.
server_command() {
	case $1:$2 in
	epoll:*) echo "$peers/echo_epoll -s $2" ;;
	epoll-recv:*) echo "$peers/echo_epoll -r -s $2" ;;
	netpark:512) echo "$build/tests/examples/echo -m fibers -w 1" ;;
	netpark:*) echo "$bench/echo_netpark -s $2" ;;
	netpark-2:512) echo "$build/tests/examples/echo -m fibers -w 2" ;;
	netpark-2:*) echo "$bench/echo_netpark -w 2 -s $2" ;;
	netpark-plain:*) echo "$bench/echo_netpark -s $2" ;;
	netpark-deadline:*) echo "$bench/echo_netpark -d -s $2" ;;
	*-deadline:*) echo "$peers/echo_${1%-deadline} -d -s $2" ;;
	netpark-threads:*) echo "$build/tests/examples/echo -m threads" ;;
	*) echo "$peers/echo_${1%-2} -s $2" ;;
	esac
}

# server_processors NAME: those with two workers have two, of which one is the load's.
server_processors() {
	case $1 in
	*-2) echo "$server_cpu,$load_cpu" ;;
	*) echo "$server_cpu" ;;
	esac
}

# start_server NAME BUFFER_SIZE: sets $address and $server, its process. $tracer is a command to start
# it under that becomes its parent, $wrapper one that becomes it.
start_server() {
	command=$(server_command "$1" "$2")
	if [ ! -x "${command%% *}" ]; then
		echo "its program is not there" >"$work/stderr"
		return 1
	fi
	rm -f "$work/address"
	mkfifo "$work/address" || return 1
	# shellcheck disable=SC2016,SC2086
	taskset -c "$(server_processors "$1")" ${tracer-} sh -c 'echo $$ >"$0"; exec "$@"' "$work/pid" ${wrapper-} \
		$command 127.0.0.1:0 >"$work/address" 2>"$work/stderr" &
	job=$!
	# Waits for the first line, or for the server's end.
	read -r address <"$work/address" || { wait "$job"; return 1; }
	server=$(cat "$work/pid")
}

# Fails if its status is not 0.
stop_server() {
	kill -TERM "$server"
	wait "$job"
}

# load ARGUMENT...: a load for the server, away from it. A hang must not stop everything.
load() {
	timeout 120 taskset -c "$load_cpu" "$bench/load" "$@" "$address"
}

# Of servers $*, those that start and stop, in $servers; a line for each other, and for what one has to
# say about itself.
find_servers() {
	servers=
	for name in "$@"; do
		if start_server "$name" 512 && stop_server; then
			servers="$servers $name"
			[ ! -s "$work/stderr" ] || echo "$name: $(head -n 1 "$work/stderr")"
		else
			echo "$name is left out: $(head -n 1 "$work/stderr")"
		fi
	done
}

# rotate N WORD...: the words from number N on, then those before.
rotate() {
	n=$1
	shift
	n=$((n % $#))
	while [ "$n" -gt 0 ]; do
		first=$1
		shift
		set -- "$@" "$first"
		n=$((n - 1))
	done
	echo "$@"
}
