# SPDX-License-Identifier: MIT
# ci/lib.sh - what the scripts here share. To be sourced.

# Say in one line why it cannot go on.
die() {
	echo "$(basename "$0"): $*" >&2
	exit 1
}

# need COMMAND:PACKAGE ... - make sure that the commands are there, from Debian's packages if need be.
# A name with a slash or a dot is a file to look for instead of a command.
need() {
	missing=
	for pair in "$@"; do
		thing=${pair%%:*}
		case $thing in
		*/*) [ -e "$thing" ] || missing="$missing ${pair#*:}" ;;
		*) command -v "$thing" >/dev/null 2>&1 || missing="$missing ${pair#*:}" ;;
		esac
	done
	[ -z "$missing" ] && return
	command -v apt-get >/dev/null 2>&1 ||
		die "missing$missing (Debian's names): install them with this system's package manager"
	sudo=
	if [ "$(id -u)" -ne 0 ]; then
		command -v sudo >/dev/null 2>&1 || die "missing$missing: run as root, apt-get install$missing"
		sudo=sudo
	fi
	echo "installing$missing"
	# Somebody else may be installing, and networks have bad moments.
	apt="$sudo env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=120 -o Acquire::Retries=3"
	# shellcheck disable=SC2086
	if ! { $apt update && $apt install -y --no-install-recommends $missing; } \
		>"${TMPDIR:-/tmp}/netpark-apt.$$" 2>&1; then
		tail -n 5 "${TMPDIR:-/tmp}/netpark-apt.$$" >&2
		die "missing$missing: apt-get could not install them"
	fi
	rm -f "${TMPDIR:-/tmp}/netpark-apt.$$"
}

# check_stack FILE ...: none of these ELF files asks for a stack that can be executed. One that says
# nothing does.
check_stack() {
	for file in "$@"; do
		flags=$(readelf -lW "$file" | sed -n 's/^ *GNU_STACK *\(0x[0-9a-f]* *\)*\([RWE ]*[RWE]\) .*/\2/p')
		case $flags in
		*E* | '') echo "$file: the stack can be executed (${flags:-nothing is said of it})"; return 1 ;;
		esac
	done
}

# tell_support SYSTEM PROCESSOR DIR run|emulated|built: build folder DIR is for that system and processor,
# and what was built there has been run here, under an emulator, or not at all. One call for each, once it
# went well. ci/check-support.sh holds README's table to what was told in build-support.txt.
#
# SYSTEM as in that table: "Linux glibc", "Linux musl", macOS, FreeBSD, NetBSD, OpenBSD, DragonFly, illumos.
# PROCESSOR as Meson calls its family. The rest the build's own summary says.
tell_support() {
	facts=
	for fact in backends wakeup switch; do
		value=$(sed -n "s/^ *$fact *: //p" "$3/meson-logs/meson-log.txt" | tail -n 1)
		[ -n "$value" ] || { echo "$3 does not say its $fact"; return 1; }
		facts="$facts|$value"
	done
	echo "$1|$2$facts|$4" >>build-support.txt
}
