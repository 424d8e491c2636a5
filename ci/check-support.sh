#!/bin/sh
# SPDX-License-Identifier: MIT
# check-support.sh [all]: README's table of systems says what the builds said of themselves, see
# tell_support(), and what forks run. With "all" every step has been run on Debian: then what the table
# calls run, emulated or built there has been, and nothing else.
set -u
cd "$(dirname "$0")/.." || exit 1
told=build-support.txt
[ -e "$told" ] || told=/dev/null
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT

# The table as lines SYSTEM|PROCESSOR|BACKENDS|WAKE-UP|SWITCH|DEBIAN|FORKS.
awk -F ' *[|] *' '
	/^[|] system [|] processor [|]/ { inside = 1; next }
	!/^[|]/ { inside = 0 }
	inside && !/^[|] *---/ { print $2 "|" $3 "|" $4 "|" $5 "|" $6 "|" $7 "|" $8 }' README.md >"$dir/table"

# What forks run as lines SYSTEM|PROCESSOR|WHERE. Images of sourcehut are for x86_64 unless they say.
sed -n 's/.*{system: \([^,]*\), processor: \([^,}]*\).*/\1|\2|GitHub/p' .github/workflows/*.yml >"$dir/forks"
sed -n -e 's|^image: \([a-z]*\).*|\1/x86_64/sourcehut|p' .builds/*.yml | tr / '|' |
	sed -e 's/^alpine/Linux musl/' -e 's/^debian/Linux glibc/' -e 's/^freebsd/FreeBSD/' \
		-e 's/^netbsd/NetBSD/' -e 's/^openbsd/OpenBSD/' >>"$dir/forks"

awk -F '|' -v all="${1-}" '
	function complain(text) {
		print text
		bad = 1
	}
	BEGIN {
		value["built"] = 1
		value["emulated"] = 2
		value["run"] = 3
	}
	{ key = $1 ", " $2 }
	kind == "told" {
		facts[key] = $3 "|" $4 "|" $5
		if (value[$6] > value[best[key]])
			best[key] = $6
	}
	kind == "forks" && !seen[$0]++ { forks[key] = forks[key] == "" ? $3 : forks[key] " " $3 }
	kind == "table" {
		if (rows[key]++)
			complain(key ": two rows in README")
		row = $3 "|" $4 "|" $5
		if (key in facts && facts[key] != row)
			complain(key ": README says " row ", the build " facts[key])
		if (all && $6 != (key in best ? best[key] : "-"))
			complain(key ": README says " $6 " on Debian, but it is " (key in best ? best[key] : "-"))
		if ($7 != (key in forks ? forks[key] : "-"))
			complain(key ": README says " $7 " in forks, but it is " (key in forks ? forks[key] : "-"))
	}
	END {
		for (key in facts)
			if (!(key in rows))
				complain(key ": README has no row for " facts[key] "|" best[key])
		for (key in forks)
			if (!(key in rows))
				complain(key ": README has no row for what runs on " forks[key])
		for (key in rows)
			count++
		print count + 0 " systems and processors in README, " (bad ? "not" : "all") " as they are"
		exit bad || !count
	}' kind=told "$told" kind=forks "$dir/forks" kind=table "$dir/table"
