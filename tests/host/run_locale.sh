#!/bin/sh
# SPDX-License-Identifier: MIT
# run_locale.sh PROGRAM FOLDER - try it in locales that are made in that folder: with Turkish letters and
# a comma in numbers; of bytes, and of characters whose second byte may be a letter.
set -u
program=$1
export LOCPATH=$2

if ! command -v localedef >/dev/null 2>&1 || [ ! -e /usr/share/i18n/locales/tr_TR ]; then
	echo "[SKIP] locales: no localedef, or not what it makes locales from (Debian: locales)"
	exit 77
fi
mkdir -p "$LOCPATH"
# Nothing else: how to sort would take most of the time.
cat >"$LOCPATH/source" <<'SOURCE'
LC_CTYPE
copy "tr_TR"
END LC_CTYPE
LC_NUMERIC
copy "de_DE"
END LC_NUMERIC
SOURCE
for charmap in ISO-8859-9 BIG5; do
	localedef -c -i "$LOCPATH/source" -f "$charmap" "$LOCPATH/$charmap" >"$LOCPATH/log" 2>&1
	[ -e "$LOCPATH/$charmap/LC_CTYPE" ] && continue
	cat "$LOCPATH/log"
	exit 1
done
exec "$program" ISO-8859-9 BIG5
