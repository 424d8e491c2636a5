#!/bin/sh
# SPDX-License-Identifier: MIT
# Use netpark as its users do: installed, through pkg-config, shared and static; and as a Meson
# subproject. Also looks at what the libraries export.
set -u
cd "$(dirname "$0")/.." || exit 1
source=$PWD
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT

run() {
	"$@" >"$dir/log" 2>&1 && return
	echo "failed: $*"
	tail -n 30 "$dir/log"
	exit 1
}

run meson setup "$dir/build" "$source" --prefix="$dir/root" --libdir=lib -Ddefault_library=both -Dtests=disabled
run ninja -C "$dir/build"
run meson install -C "$dir/build" --no-rebuild

# Names are the same everywhere, and Linux has the tools to look at them.
static=
if [ "$(uname -s)" = Linux ]; then
	run sh ci/check-symbols.sh "$dir/root/lib/libnetpark.so" "$dir/root/lib/libnetpark.a"
	static=-static
fi

export PKG_CONFIG_PATH="$dir/root/lib/pkgconfig"
consumer=tests/install/consumer/consumer.c
# shellcheck disable=SC2046
run cc -o "$dir/shared" $consumer $(pkg-config --cflags --libs netpark)
run env LD_LIBRARY_PATH="$dir/root/lib" "$dir/shared"
rm -f "$dir"/root/lib/libnetpark.*so* "$dir"/root/lib/libnetpark.*dylib
# shellcheck disable=SC2046,SC2086
run cc $static -o "$dir/static" $consumer $(pkg-config --static --cflags --libs netpark)
run "$dir/static"
unset PKG_CONFIG_PATH

for kind in shared static; do
	mkdir -p "$dir/$kind.project/subprojects"
	cp tests/install/consumer/* "$dir/$kind.project"
	# Only what is the project's: not its build folders.
	mkdir "$dir/$kind.project/subprojects/netpark"
	cp -R meson.build meson_options.txt include backends core "$dir/$kind.project/subprojects/netpark"
	run meson setup "$dir/$kind.build" "$dir/$kind.project" -Ddefault_library=$kind
	run meson test -C "$dir/$kind.build"
done
echo "installed, shared, static and as a subproject: a user's program builds and runs"
