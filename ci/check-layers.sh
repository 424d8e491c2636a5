#!/bin/sh
# SPDX-License-Identifier: MIT
# No storey includes from one above it. Each line below names a storey's files and what they may
# include of this project; system headers are free.
set -u
cd "$(dirname "$0")/.." || exit 1
bad=0

storey() {
	files=$1 allowed=$2
	# shellcheck disable=SC2086
	wrong=$(grep -HnE '^#[[:space:]]*include ["<](core|backends|netpark|tests)' $files |
		grep -vE "include [\"<]($allowed)[\">]")
	[ -z "$wrong" ] && return
	echo "against the direction of the storeys:"
	echo "$wrong"
	bad=1
}

base='netpark/(base|addr|prefix|version)\.h|core/(asm|sys|sys_calls|sys_steps|misuse|addr|hints|fork|text|clock|thread|uncancelled)\.h'
seam="$base|netpark/park\\.h|core/(task|failure|detach)\\.h"
poll="$seam|netpark/(runtime_poll|poll)\\.h|core/(poll_desc|desc_table|timers|poller|spin|ticket)\\.h"
fd="$poll|netpark/fd\\.h|core/(fd_mutex|fd)\\.h"
sync="$poll|netpark/(sync|channel)\\.h|core/sync/[a-z_]+\\.h"
fiber="$poll|netpark/(fiber|dump)\\.h|core/fiber/[a-z_]+\\.h"
net="$fd|netpark/(inherit|interface|net|datagram|reader|resolve|stream|unix)\\.h|netpark/(pipe|sync)\\.h|core/(net|sync)/[a-z_]+\\.h"
file="$fd|netpark/file\\.h|core/file/[a-z_]+\\.h"

storey 'include/netpark/base.h include/netpark/addr.h' 'netpark/base\.h'
storey 'include/netpark/prefix.h' 'netpark/(addr|base)\.h'
storey 'include/netpark/runtime_poll.h include/netpark/park.h include/netpark/fd.h' 'netpark/base\.h'
storey 'include/netpark/dump.h' 'netpark/base\.h'
storey 'include/netpark/poll.h' 'netpark/(base|park|runtime_poll)\.h'
storey 'include/netpark/sync.h' 'netpark/base\.h'
storey 'include/netpark/channel.h' 'netpark/(base|sync)\.h'
storey 'include/netpark/fiber.h' 'netpark/(base|runtime_poll)\.h'
storey 'include/netpark/file.h' 'netpark/(base|fd)\.h'
storey 'include/netpark/reader.h include/netpark/pipe.h' 'netpark/base\.h'
storey 'include/netpark/stream.h' 'netpark/(base|fd)\.h'
storey 'include/netpark/inherit.h include/netpark/unix.h' 'netpark/(base|fd)\.h'
storey 'include/netpark/net.h' 'netpark/(base|addr|fd|resolve)\.h'
storey 'include/netpark/resolve.h' 'netpark/(base|addr)\.h'
storey 'include/netpark/interface.h' 'netpark/(base|addr|prefix)\.h'
storey 'backends/*.[ch]' 'netpark/runtime_poll\.h|backends/[a-z_]+\.h|core/(sys|uncancelled)\.h'
storey 'core/asm.h core/sys*.[chS] core/time.c core/misuse.[ch] core/addr.[ch] core/ip.c core/prefix.c core/sockaddr.c core/zone.c core/hints.h core/fork.[ch] core/text.[ch] core/clock*.[ch] core/thread.[ch] core/uncancelled.h' "$base|core/failure\\.h"
storey 'core/task.[ch] core/failure.[ch] core/detach.[ch]' "$seam"
storey 'core/poll_desc.[ch] core/poll_describe.c core/desc_table.[ch] core/timers.[ch] core/poller.[ch] core/ticket.[ch] core/spin.[ch]' "$poll"
storey 'core/park_thread.c' "$poll"
storey 'core/sync/*.[ch]' "$sync"
storey 'core/fiber/*.[chS]' "$fiber"
storey 'core/fd*.[ch]' "$fd"
storey 'core/net/*.[ch]' "$net"
storey 'core/file/*.[ch]' "$file"

# A file that no storey names would go unchecked.
for file in core/*.[chS]; do
	case $file in
	core/asm.h|core/sys*|core/time.c|core/misuse.*|core/addr.*|core/ip.c|core/prefix.c|core/sockaddr.c|core/zone.c|core/hints.h|core/fork.*|core/text.*|core/clock*|core/task.*|core/failure.*|core/thread.*|core/uncancelled.h|core/detach.*) ;;
	core/poll_desc*|core/desc_table.*|core/timers.*|core/poller.*|core/ticket.*) ;;
	core/park_thread.c|core/spin.*|core/fd*) ;;
	*) echo "$file belongs to no storey: add it to $0"; bad=1 ;;
	esac
done
exit $bad
