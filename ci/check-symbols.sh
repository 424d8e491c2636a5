#!/bin/sh
# SPDX-License-Identifier: MIT
# check-symbols.sh LIBNETPARK.so LIBNETPARK.a: what each gives its users' name space, and that neither has
# the stack executable.
#
# The shared library exports np_* and runtime_poll_* and nothing else, and nothing internal (np__*).
# In the static one internal names are visible to the linker, so all begin with one of these.
set -u
. "$(dirname "$0")/lib.sh"
shared=$1 static=$2
bad=0

exported=$(nm -D --defined-only "$shared" | awk '{ print $3 }' | sed 's/@.*//')
wrong=$(echo "$exported" | grep -vE '^(np_[a-z]|runtime_poll_)')
if [ -n "$wrong" ]; then
	echo "$shared exports:" $wrong
	bad=1
fi
if ! echo "$exported" | grep -qx np_read; then
	echo "$shared does not export np_read"
	bad=1
fi
wrong=$(nm -g --defined-only "$static" | awk 'NF == 3 { print $3 }' |
	grep -vE '^(np_|np__|runtime_poll_)')
if [ -n "$wrong" ]; then
	echo "$static defines:" $wrong
	bad=1
fi
# Of objects it is what the linker decides by.
check_stack "$shared" || bad=1
wrong=$(readelf -SW "$static" | awk '
	/^File: / { name = $2; without[name] = 1 }
	/ \.note\.GNU-stack / { delete without[name]; if (/ X /) print name }
	END { for (name in without) print name }')
if [ -n "$wrong" ]; then
	echo "the stack can be executed:" $wrong
	bad=1
fi
exit $bad
