# SPDX-License-Identifier: MIT
# ci/processors.sh - the library on other processors, those of ci/processors. To be sourced by ci/test.
#
# On each: what a switch keeps, suites, and the echo server. The suites are run by the stand-in for
# Criterion, whose own runner starts its program anew, which an emulator cannot.

# The list without its comments and heads, of the processors that are asked for.
list_processors() {
	sed -e '/^#/d' -e 's/  */ /g' ci/processors | sed 1d | grep "^\\($1\\) "
}

# What that needs, as need() takes it.
for_processors() {
	echo qemu-s390x-static:qemu-user-static readelf:binutils
	list_processors '.*' | while read -r name triple debian suites; do
		echo "$triple-gcc:gcc-$triple /usr/$triple/lib/libc.so.6:libc6-dev-$debian-cross"
	done
}

# Those under emulators two at a time. The client of x86 is everybody's.
test_processors() {
	try_processors x86 && check_layouts i686-linux-gnu-gcc || return 1
	try_processors 's390x\|ppc64' >build-processors.log 2>&1 &
	others=$!
	try_processors 'arm\|aarch64\|riscv64' && try_pages build-aarch64 16384 65536
	result=$?
	wait $others || result=1
	cat build-processors.log
	rm -f build-processors.log
	return $result
}

try_processors() {
	list_processors "$1" | {
		while read -r name triple debian suites; do
			try_processor "$name" "$suites" </dev/null || { echo "failed on $name"; exit 1; }
		done
	}
}

# try_processor NAME SUITES: and a line of what ran.
try_processor() {
	dir=build-$1 how=run
	emulator=$(emulator_of "$1")
	[ -z "$emulator" ] || how=emulated
	# shellcheck disable=SC2046,SC2086
	set_up "$dir" --cross-file "ci/cross/$1.ini" -Ddebug=false -Dswitch=assembly -Dcriterion=standin &&
		build "$dir" tests/fiber/switch_keeps tests/examples/echo tests/examples/echo_client \
			$(printf 'tests/suites/test-%s-eventfd ' $2) || return 1
	check_stack "$dir/tests/fiber/switch_keeps" "$dir/tests/examples/echo" || return 1
	# shellcheck disable=SC2086
	timeout 60 $emulator "$dir/tests/fiber/switch_keeps" assembly >"$dir/switch.log" 2>&1 ||
		{ cat "$dir/switch.log"; return 1; }
	counts=
	for suite in $2; do
		run_suite "$dir" "$suite" '*' || return 1
	done
	NETPARK_WRAPPER=$emulator timeout 120 sh tests/examples/run_echo.sh "$dir/tests/examples/echo" \
		build-x86/tests/examples/echo_client epoll 'fibers -w 1' 20 50 >"$dir/echo.log" 2>&1 ||
		{ cat "$dir/echo.log"; return 1; }
	echo "$1, $how: switch, echo over TCP, tests of$counts"
	tell_support 'Linux glibc' "$1" "$dir" "$how"
}

emulator_of() {
	sed -n "s/^exe_wrapper = \\[\\(.*\\)\\]/\\1/p" "ci/cross/$1.ini" | tr -d "',"
}

# run_suite DIR SUITE PATTERN...: and put into counts how many tests there were. Patterns are the program's.
run_suite() {
	dir=$1 suite=$2
	shift 2
	set -f
	# shellcheck disable=SC2046,SC2086
	timeout 300 $emulator "$dir/tests/suites/test-$suite-eventfd" "$@" \
		${emulator:+$(beyond_emulators "$suite") $(as_on_x86 "${dir#build-}" "$suite")} >"$dir/$suite.log" 2>&1
	status=$?
	set +f
	if [ $status -ne 0 ]; then
		grep -a '^\[FAIL\]' "$dir/$suite.log" || tail -n 20 "$dir/$suite.log"
		return 1
	fi
	counts="$counts $suite $(sed -n '$s/ passed.*//p' "$dir/$suite.log")"
}

# QEMU does not know TCP_INFO, struct ip_mreqn, and what the kernel says of memory that it was lent; tells of
# no message that was cut; and is the first to run out of maps and addresses. On riscv64 it forgets the masks
# of handlers.
beyond_emulators() {
	case $emulator in
	*riscv64*) echo '!overflow/a_handler_has_the_mask*' ;;
	esac
	case $1 in
	conformance) echo '!*_emulation/*' ;;
	faults) echo '!copy_faults/*lent*' ;;
	fiber) echo '!many/*' '!stack/*run*out*' ;;
	net) echo '!multicast/*' '!namespace_link/*' '!zero_copy/*' '!*/*cut' '!*/recvmsg_of_no_bytes*' ;;
	esac
}

# as_on_x86 PROCESSOR SUITE: what takes long and knows no difference but the order of bytes or the size of
# pointers, on those that have the usual ones.
as_on_x86() {
	case $1-$2 in
	s390x-*) ;;
	*-core) echo '!addr/*' '!ip/*' '!prefix/*' ;;
	arm-*) ;;
	*-fiber) echo '!fiber_errno/*' '!fiber_fd/*' '!forks/*' '!hogs/*' ;;
	esac
}

# try_pages DIR SIZE...: what is about stacks, on larger pages, which QEMU can feign. Not how much memory is
# left, which the kernel tells in pages of its own.
try_pages() {
	dir=$1
	emulator=$(emulator_of "${dir#build-}")
	shift
	for size in "$@"; do
		counts=
		QEMU_PAGESIZE=$size run_suite "$dir" fiber 'stack*/*' 'trimming/*' 'overflow/*' 'run/*' \
			'!*/nothing_is_left*' || return 1
		echo "${dir#build-}, emulated, pages of $size bytes: tests of$counts"
	done
}

# check_layouts COMPILER: of 32 bits. What a program shares with the library has one size, whichever sizes of
# file offsets and times either was compiled for.
check_layouts() {
	{
		echo '#include <netpark.h>'
		sed -n 's/^struct \([a-z_0-9]*\) {$/unsigned size_of_\1 = sizeof(struct \1);/p' include/netpark/*.h
	} >build-x86/layouts.c
	rm -f build-x86/layouts-*.s
	for bits in '32 32' '64 32' '64 64'; do
		# shellcheck disable=SC2086
		"$1" -Iinclude -Ibuild-x86/include -D_FILE_OFFSET_BITS=${bits% *} -D_TIME_BITS=${bits#* } -S \
			-o "build-x86/layouts-$bits.s" build-x86/layouts.c &&
			grep -q size_of_np_addr "build-x86/layouts-$bits.s" &&
			cmp "build-x86/layouts-$bits.s" 'build-x86/layouts-32 32.s' || return 1
	done
}
