#!/bin/sh
# SPDX-License-Identifier: MIT
# analyze.sh BUILD_DIR: cppcheck and clang's static analyzer over the library, clean or fail.
# BUILD_DIR is a configured build with a compile_commands.json.
set -u
cd "$(dirname "$0")/.." || exit 1
build=$1
out=$(mktemp) || exit 1
trap 'rm -f "$out"' EXIT
bad=0

# Only the library's own objects: the tests' are Criterion's macros for the most part.
library=$(find backends core -name '*.c' | sort)

if ! cppcheck --quiet --inline-suppr --error-exitcode=1 --std=c11 --enable=warning,performance,portability \
	--suppress=missingIncludeSystem -D_GNU_SOURCE '-DNP_BACKEND_LIST(X)=X(epoll) X(poll)' \
	-DNP_WAKEUP_OPEN=np__wakeup_open_eventfd -I. -Iinclude -I"$build/include" \
	$library >"$out" 2>&1; then
	echo "cppcheck:"
	cat "$out"
	bad=1
fi

for file in $library; do
	extra=
	case $file in
	backends/kqueue.c) extra=-Itests/support/kqueue/include ;;
	esac
	# shellcheck disable=SC2086
	clang --analyze -Xclang -analyzer-werror -Xclang -analyzer-output=text -std=c11 -D_GNU_SOURCE \
		'-DNP_BACKEND_LIST(X)=X(epoll) X(poll)' -DNP_WAKEUP_OPEN=np__wakeup_open_eventfd \
		-I. -Iinclude -I"$build/include" $extra "$file" >"$out" 2>&1 || {
		echo "clang's analyzer, $file:"
		cat "$out"
		bad=1
	}
done
rm -f ./*.plist
exit $bad
