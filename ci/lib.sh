# SPDX-License-Identifier: MIT
# ci/lib.sh - what the scripts here share. To be sourced.

# Say in one line why it cannot go on.
die() {
	echo "$(basename "$0"): $*" >&2
	exit 1
}

# need COMMAND:PACKAGE ... - make sure that the commands are there, by this system's package manager if need
# be. The packages' names are Debian's; ci/packages says what others call them. A name with a slash is a
# file to look for instead of a command.
need() {
	missing='' unknown=''
	for pair in "$@"; do
		thing=${pair%%:*} package=${pair#*:}
		case $thing in
		*/*) [ ! -e "$thing" ] || continue ;;
		*) ! command -v "$thing" >/dev/null 2>&1 || continue ;;
		esac
		theirs=$(package_name "$package")
		case " $missing $unknown $theirs " in
		*' . '* | *" $theirs "*" $theirs "*) ;;
		*' - '*) unknown="$unknown $package" ;;
		*) missing="$missing $theirs" ;;
		esac
	done
	[ -z "$unknown" ] || die "missing$unknown (Debian's names): this system has no package that is known here"
	[ -z "$missing" ] && return
	[ -n "$(package_manager)" ] ||
		die "missing$missing (Debian's names): install them with this system's package manager"
	echo "installing$missing"
	# shellcheck disable=SC2086
	if ! install_packages $missing >"${TMPDIR:-/tmp}/netpark-packages.$$" 2>&1; then
		tail -n 5 "${TMPDIR:-/tmp}/netpark-packages.$$" >&2
		rm -f "${TMPDIR:-/tmp}/netpark-packages.$$"
		die "missing$missing: $(package_manager) could not install them"
	fi
	rm -f "${TMPDIR:-/tmp}/netpark-packages.$$"
}

# want COMMAND:PACKAGE ... - the same of what is nice to have. In a subshell, because need ends the shell
# that it cannot help.
want() {
	for pair in "$@"; do
		(need "$pair") || echo "goes on without ${pair%%:*}"
	done
}

# The columns of ci/packages. NetBSD has a pkg_add as well, and illumos another pkg.
package_manager() {
	[ "$(uname -s)" != SunOS ] || return
	# shellcheck disable=SC2013
	for manager in $(sed '/^#/d;q' ci/packages); do
		if command -v "$manager" >/dev/null 2>&1 && [ "$manager $(uname -s)" != 'pkg_add NetBSD' ]; then
			echo "$manager"
			return
		fi
	done
}

# package_name PACKAGE: what Debian's package is called here.
package_name() {
	sed '/^#/d' ci/packages | awk -v manager="$(package_manager)" -v package="$1" '
		NR == 1 { for (i = 1; i <= NF; i++) if ($i == manager) column = i }
		$1 == package && column { name = $column }
		END { print name == "" ? package : name }'
}

install_packages() {
	as_root=
	if [ "$(id -u)" -ne 0 ] && [ "$(package_manager)" != brew ]; then
		for as_root in sudo doas ''; do
			command -v "$as_root" >/dev/null 2>&1 && break
		done
		[ -n "$as_root" ] || { echo "not root, and neither sudo nor doas"; return 1; }
	fi
	case $(package_manager) in
	apt-get)
		# Somebody else may be installing, and networks have bad moments.
		apt="$as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=120 -o Acquire::Retries=3"
		$apt update && $apt install -y --no-install-recommends "$@"
		;;
	apk) $as_root apk add --no-progress --update-cache "$@" ;;
	dnf) $as_root dnf -qy install "$@" ;;
	pacman) $as_root pacman -Sy --needed --noconfirm "$@" ;;
	zypper) $as_root zypper -qn install "$@" ;;
	pkg) $as_root env ASSUME_ALWAYS_YES=yes pkg install "$@" ;;
	pkg_add) $as_root pkg_add -I "$@" ;;
	pkgin) $as_root pkgin -y install "$@" ;;
	brew) brew install -q "$@" ;;
	esac
}

# npm_install DIR PACKAGE: from the npm registry, into the folder. npm only trusts what it was built to trust,
# and where a network has certificates of its own it would try again for ever: it is told of the system's.
npm_install() {
	mkdir -p "$1"
	store=/etc/ssl/certs/ca-certificates.crt
	[ -n "${NODE_EXTRA_CA_CERTS-}" ] || [ ! -e "$store" ] || export NODE_EXTRA_CA_CERTS="$store"
	timeout 300 npm install --prefix "$1" --no-audit --no-fund --ignore-scripts "$2" >"$1/npm.log" 2>&1 && return
	tail -n 20 "$1/npm.log"
	rm -rf "$1/node_modules" # or the next run would take a part for the whole
	echo "npm could not install $2 within five minutes"
	return 1
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

# What README's table calls the system that this runs on.
this_system() {
	case $(uname -s) in
	Darwin) echo macOS ;;
	Linux) if ldd --version 2>&1 | grep -q musl; then echo 'Linux musl'; else echo 'Linux glibc'; fi ;;
	SunOS) echo illumos ;;
	*) uname -s ;;
	esac
}

# processor_of DIR: what build folder DIR is for, as Meson calls it.
processor_of() {
	sed -n 's/^Host machine cpu family: //p' "$1/meson-logs/meson-log.txt" | tail -n 1
}
