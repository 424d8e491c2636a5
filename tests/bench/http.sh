# SPDX-License-Identifier: MIT
# tests/bench/http.sh - small answers of HTTP servers, asked by wrk(1). To be sourced by ci/bench, as
# tables.sh.

# A server that is told its port has none of its own choice: one that was free a moment ago.
free_address() {
	rm -f "$work/address"
	mkfifo "$work/address" || return 1
	"$build/tests/examples/http" 127.0.0.1:0 >"$work/address" 2>"$work/stderr" &
	job=$!
	read -r address <"$work/address"
	kill -TERM "$job"
	wait "$job"
}

# One process, as the others are, and nothing is logged.
start_nginx() {
	free_address || return 1
	cat >"$work/nginx.conf" <<END
daemon off;
master_process off;
pid $work/nginx.pid;
error_log $work/stderr;
events { worker_connections 1024; }
http {
	access_log off;
	keepalive_requests 1000000000;
	default_type text/plain;
	server {
		listen $address backlog=4096;
		location = /hello { return 200 "Hello, world!\n"; }
	}
}
END
	taskset -c "$server_cpu" nginx -p "$work" -c "$work/nginx.conf" 2>>"$work/stderr" &
	job=$! server=$!
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		[ ! -s "$work/nginx.pid" ] || return 0
		sleep 0.1
	done
	return 1
}

# start_http NAME: sets $address and $server, its process.
start_http() {
	rm -f "$work/address" "$work/nginx.pid"
	case $1 in
	nginx) command -v nginx >/dev/null || { echo "it is not installed" >"$work/stderr"; return 1; }
		start_nginx
		return ;;
	netpark) command="$build/tests/examples/http -w 1" ;;
	*) command=$peers/http_$1 ;;
	esac
	[ -x "${command%% *}" ] || { echo "its program is not there" >"$work/stderr"; return 1; }
	mkfifo "$work/address" || return 1
	# shellcheck disable=SC2086
	taskset -c "$server_cpu" $command 127.0.0.1:0 >"$work/address" 2>"$work/stderr" &
	job=$! server=$!
	read -r address <"$work/address" || { wait "$job"; return 1; }
}

# Of all its threads, in nanoseconds.
processor_time() {
	cat "/proc/$server"/task/*/schedstat | awk '{ sum += $1 } END { printf "%.0f\n", sum }'
}

# wrk_result: of its report: how many requests, how many a second, latencies in microseconds.
wrk_result() {
	awk '
		function us(text) {
			return text * (text ~ /us$/ ? 1 : text ~ /ms$/ ? 1000 : 1000000)
		}
		/requests in/ { count = $1 }
		/^Requests\/sec/ { rate = $2 }
		$1 == "50%" { p50 = us($2) }
		$1 == "99%" { p99 = us($2) }
		/Socket errors|Non-2xx/ { failed = 1 }
		END {
			if (failed || count == 0)
				exit 1
			print count, rate, p50, p99
		}' "$1"
}

# ask SECONDS CONNECTIONS DEPTH: so many requests at once on each connection.
ask() {
	taskset -c "$load_cpu" timeout 120 wrk -t 1 -d "$1" -c "$2" --latency \
		-s tests/bench/http_pipeline.lua "http://$address/hello" -- "$3" >"$work/wrk" 2>&1
}

# under_wrk CONNECTIONS DEPTH: what wrk has to say about $name. The first second is not counted.
under_wrk() {
	start_http "$name" || return 1
	ask 1 "$@"
	before=$(processor_time)
	ask "$(awk -v s="$seconds" 'BEGIN { print s < 1 ? 1 : int(s) }')" "$@"
	after=$(processor_time)
	stop_server
	status=$?
	# shellcheck disable=SC2046
	set -- $(wrk_result "$work/wrk")
	[ $# -eq 4 ] || { cat "$work/wrk" >>"$work/stderr"; return 1; }
	echo "rate=$2 cpu=$(((after - before) / $1)) p50=$3 p99=$4"
	return "$status"
}

# Of nginx, netpark and Go, those that are there and answer as they should.
find_http() {
	servers=
	for name in nginx netpark go; do
		if start_http "$name" && answer=$(curl -sS "http://$address/hello" 2>&1) && stop_server &&
			[ "$answer" = "Hello, world!" ]; then
			servers="$servers $name"
		else
			echo "$name is left out: $(head -n 1 "$work/stderr")"
		fi
	done
}

http_table() {
	heading "http: GET of 14 bytes, $1 connections, $2 at once on each; $rounds rounds;" \
		"medians (lowest..highest)"
	rounds_of "$work/http-$1-$2" under_wrk "$1" "$2"
	summarize "$work/http-$1-$2"
}

table_http() {
	for program in wrk curl; do
		command -v "$program" >/dev/null || { echo "http is left out: no $program"; return; }
	done
	all=$servers
	find_http
	http_table 50 1
	http_table 50 16
	echo "nginx does more: it finds host and location, runs the phases of its modules, and fills in" \
		"variables; and Go's handlers may be anything, with headers in a map"
	servers=$all
}
