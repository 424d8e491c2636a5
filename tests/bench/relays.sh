# SPDX-License-Identifier: MIT
# tests/bench/relays.sh - proxies for streams, and servers of files. To be sourced by ci/bench.
#
# Wants what tables.sh wants. HAProxy and nginx do more than what is measured here: they log, count,
# can be told new configurations, check the health of what is behind them, and nginx reads requests in
# full. So a ratio says what the way of the bytes costs beside theirs, and no more.

# free_port: for programs that cannot take port 0.
free_port() {
	port=$((20000 + ($(date +%N | sed 's/^0*//') / 1000) % 12000))
	while is_listened_on "$port"; do
		port=$((port + 1))
	done
}

# haproxy_config OPTION
haproxy_config() {
	cat >"$work/haproxy.cfg" <<-CONFIG
		global
			nbthread 1
			maxconn 2000
		defaults
			mode tcp
			timeout connect 5s
			timeout client 60s
			timeout server 60s
			$1
		listen bench
			bind 127.0.0.1:$port
			server echo $target
	CONFIG
	relay_command="$haproxy -db -q -f $work/haproxy.cfg"
}

# nginx_config BLOCK: one process, that serves what the block says.
nginx_config() {
	mkdir -p "$work/nginx"
	cat >"$work/nginx.conf" <<-CONFIG
		${nginx_module-}
		daemon off;
		master_process off;
		pid $work/nginx/pid;
		error_log stderr crit;
		events { worker_connections 2000; }
		$1
	CONFIG
	relay_command="$nginx -p $work/nginx -c $work/nginx.conf -e stderr"
}

# find_relay_command NAME: how to start it, in $relay_command, for $port and $target.
find_relay_command() {
	case $1 in
	netpark) relay_command="$build/tests/examples/proxy -w 1 127.0.0.1:$port $target" ;;
	haproxy) haproxy_config '' ;;
	haproxy-splice) haproxy_config 'option splice-auto' ;;
	nginx)
		nginx_config "stream { server { listen 127.0.0.1:$port; proxy_pass $target; } }"
		;;
	files-netpark) relay_command="$bench/files_netpark $target 127.0.0.1:$port" ;;
	files-netpark-read) relay_command="$bench/files_netpark -r $target 127.0.0.1:$port" ;;
	files-nginx)
		nginx_config "http { access_log off; sendfile on; tcp_nopush on;
			keepalive_requests 1000000;
			client_body_temp_path $work/nginx/body; proxy_temp_path $work/nginx/proxy;
			fastcgi_temp_path $work/nginx/fastcgi; uwsgi_temp_path $work/nginx/uwsgi;
			scgi_temp_path $work/nginx/scgi;
			server { listen 127.0.0.1:$port; root ${target%/*}; } }"
		;;
	esac
}

is_listened_on() {
	grep -q ":$(printf %04X "$1") 00000000:0000 0A" /proc/net/tcp
}

# start_relay NAME: with $address and $server, its process, once it accepts.
start_relay() {
	free_port
	find_relay_command "$1"
	# shellcheck disable=SC2086
	taskset -c "$server_cpu" $relay_command >/dev/null 2>"$work/stderr" &
	job=$! server=$! address=127.0.0.1:$port
	tries=0
	until is_listened_on "$port"; do
		tries=$((tries + 1))
		if [ "$tries" -gt 60 ] || ! kill -0 "$server" 2>/dev/null; then
			kill "$server" 2>/dev/null
			wait "$job" 2>/dev/null
			return 1
		fi
		sleep 0.05
	done
}

stop_relay() {
	kill -TERM "$server" 2>/dev/null
	wait "$job" 2>/dev/null
	return 0
}

# find_relays NAME...: those that start, in $servers.
find_relays() {
	servers=
	for name in "$@"; do
		if start_relay "$name"; then
			stop_relay
			servers="$servers $name"
		else
			echo "$name is left out: $(head -n 1 "$work/stderr")"
		fi
	done
}

# through_relay LOAD_ARGUMENT...
through_relay() {
	start_relay "$name" || return 1
	load -p "$server" -t "$seconds" "$@" 2>>"$work/stderr"
	status=$?
	stop_relay
	return $status
}

# What is behind the proxies: the echo written by hand, on the load's processor.
start_target() {
	rm -f "$work/target"
	mkfifo "$work/target"
	taskset -c "$load_cpu" "$peers/echo_epoll" -s 65536 127.0.0.1:0 >"$work/target" &
	target_job=$!
	read -r target <"$work/target"
}

# Programs that can be asked for, and nginx's module for streams.
find_peers() {
	haproxy=$(command -v haproxy || echo /usr/sbin/haproxy)
	nginx=$(command -v nginx || echo /usr/sbin/nginx)
	module=/usr/lib/nginx/modules/ngx_stream_module.so
	[ ! -e "$module" ] || nginx_module="load_module $module;"
}

table_proxy() {
	all=$servers
	find_peers
	start_target
	find_relays netpark haproxy haproxy-splice nginx
	heading "proxy: small requests through it, 50 connections, 64 bytes; $rounds rounds of $seconds s"
	rounds_of "$work/proxy-small" through_relay -c 50 -s 64
	summarize "$work/proxy-small" -v base="$(base_of_relays)"
	heading "proxy: in bulk, 4 connections, 1 MiB there and back; seconds of its processor for each GiB"
	rounds_of "$work/proxy-bulk" through_relay -c 4 -s 1048576
	per_gib "$work/proxy-bulk"
	kill "$target_job"
	wait "$target_job" 2>/dev/null
	servers=$all
}

# The same peer for all: HAProxy as it comes, or whatever there is.
base_of_relays() {
	case " $servers " in
	*" haproxy "*) echo haproxy ;;
	*" files-nginx "*) echo files-nginx ;;
	*) echo "${servers# }" | cut -d' ' -f1 ;;
	esac
}

# per_gib FILE: a request is 2 MiB.
per_gib() {
	sed 's/cpu=\([0-9.]*\)/gib=\1/' "$1" |
		awk '{ for (i = 3; i <= NF; i++) if ($i ~ /^gib=/) print $1, $2, "gib=" substr($i, 5) * 512 / 1e9 }' \
			>"$1-gib"
	summarize "$1-gib" -v base="$(base_of_relays)" -v only=gib -v title="s/GiB" -v format=%.3f
}

# fetched: $name's file, again and again.
fetched() {
	start_relay "$name" || return 1
	timeout 120 taskset -c "$load_cpu" "$bench/fetch" -p "$server" -t "$seconds" "$address" 2>>"$work/stderr" |
		awk '{ split($2, pair, "="); printf "%s gib=%.4f\n", $1, pair[2] / 1e9 }'
	stop_relay
}

sendfile_table() {
	heading "sendfile: a file of $1 MiB from memory, one connection; seconds of the server's processor for" \
		"each GiB; $rounds rounds of $seconds s"
	target=$work/www/file
	mkdir -p "$work/www"
	head -c "$(($1 << 20))" /dev/zero >"$target"
	find_relays files-netpark files-netpark-read files-nginx
	rounds_of "$work/sendfile-$1" fetched
	summarize "$work/sendfile-$1" -v base="$(base_of_relays)" -v only=gib -v title="s/GiB" -v format=%.3f
}

table_sendfile() {
	all=$servers
	find_peers
	sendfile_table 1
	sendfile_table 100
	servers=$all
}
