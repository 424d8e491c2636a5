#!/bin/sh
# SPDX-License-Identifier: MIT
# analyze.sh BUILD_DIR: cppcheck and clang's static analyzer over the library, clean or fail.
# BUILD_DIR is configured, for the header that is made there.
set -u
cd "$(dirname "$0")/.." || exit 1
build=$1
out=$(mktemp -d) || exit 1
trap 'rm -rf "$out"' EXIT
processors=$(nproc)
bad=0

# Only the library's own objects: the tests' are Criterion's macros for the most part. All that can be
# compiled here, whether this system would have it or not, so without what needs headers of others.
library=$(find backends core -name '*.c' | sort |
	grep -vE '_(bsd|darwin|dl|freebsd|getpeereid|getpeerucred|netbsd|openbsd)\.c$')

set -- -D_GNU_SOURCE '-DNP_BACKEND_LIST(X)=X(epoll) X(poll)' \
	-DNP_WAKEUP_OPEN=np__wakeup_open_eventfd -I. -Iinclude -I"$build/include"

echo "$library" >"$out/library"
if ! cppcheck -j "$processors" --quiet --inline-suppr --error-exitcode=1 \
	--enable=warning,performance,portability --suppress=missingIncludeSystem \
	--std=c11 "$@" --file-list="$out/library" >"$out/cppcheck" 2>&1; then
	echo "cppcheck:"
	cat "$out/cppcheck"
	bad=1
fi

# The paths are looked through after the others, and only kqueue.c and ports.c ask for what is there.
echo "$library" | xargs -P "$processors" -I FILE sh -c '
	out=$1/$(echo "$2" | tr / _) file=$2
	shift 2
	clang --analyze -Xclang -analyzer-werror -Xclang -analyzer-output=text -std=c11 "$@" -o "$out.plist" \
		"$file" >"$out" 2>&1 && exit
	{ echo "clang analyzer, $file:"; cat "$out"; } >"$out.bad"
	exit 1' clang "$out" FILE "$@" -Itests/support/kqueue/include \
	-Itests/support/ports/include || bad=1
cat "$out"/*.bad 2>/dev/null
exit $bad
