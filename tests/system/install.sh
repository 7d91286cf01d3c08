#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# What the Makefile promises: a line for each step; what `make install` puts where, and that `make uninstall` takes away all of it but
# configuration and keys; and that every part of a program says the version that it was built as.
#
#   gw-b       a server of the newer version, asked by the newer client
#
# check: quick suite
set -euo pipefail
# shellcheck source=tests/system/tunnel/common.sh
source "$(dirname "$0")/tunnel/common.sh"

ROOT=$WORK/root
TREE=$WORK/tree
# Objects have names relative to the tree, so a copy of both is as up to date as they are; other tests use the tree itself.
mkdir -p "$TREE/build"
cp -a "$TOP"/{Makefile,*.md,tunnel,daemon,client,certs,docs,packaging} "$TREE/"
cp -a "$BUILD"/{obj,version,culvert,culvertd} "$BUILD"/lib* "$TREE/build/"
make_it() { make -C "$TREE" --no-print-directory BUILD=build DESTDIR="$ROOT" PREFIX=/usr "$@"; }
files() { (cd "$ROOT" && find . ! -type d | sort); }
# Links between installed pages that lead nowhere, each as PAGE: TARGET.
dead_links() {
	local page target
	find "$ROOT/usr/share/doc/culvert" -name '*.md' | sort | while read -r page; do
		grep -oE '\]\([^)#: ]+' "$page" | cut -c 3- | grep -vxE 'https?' | sort -u | while read -r target; do
			test -e "$(dirname "$page")/$target" || echo "${page##*/}: $target"
		done
	done
}
mode_of() { stat -c %a "$ROOT/etc/culvert"; }

# ---- install and uninstall ----

check 'make in a copy' make_it all
check_equal 'what is up to date is not made again' '' "$(make_it all | grep -v 'Nothing to be done' || true)"
check 'install' make_it install
check_equal 'the programs run' "culvert $(sed -n 's/^VERSION := //p' "$TREE/Makefile")" "$("$ROOT/usr/bin/culvert" --version)"
check 'there are the server, the PKI and the units' test -x "$ROOT/usr/sbin/culvertd" -a -x "$ROOT/usr/bin/culvert-pki" -a \
	-f "$ROOT/usr/lib/systemd/system/culvertd.service" -a -f "$ROOT/usr/lib/systemd/system/culvert@.service"
check 'a unit names where the program is' grep -q '^ExecStart=/usr/sbin/culvertd ' "$ROOT/usr/lib/systemd/system/culvertd.service"
check 'pages and pictures are installed' test -e "$ROOT/usr/share/doc/culvert/docs/README.md" -a \
	-e "$ROOT/usr/share/doc/culvert/docs/images/network.svg"
check_equal 'every link in an installed page leads to an installed file' '' "$(dead_links)"
check_equal 'there is a directory for configuration and keys, and it is empty' '755 ' "$(mode_of) $(ls -A "$ROOT/etc/culvert")"
check 'the installed PKI finds its parts' "$ROOT/usr/bin/culvert-pki" --dir "$WORK/made" init
files >"$WORK/installed"
echo key >"$ROOT/etc/culvert/gw-b.key"
chmod 700 "$ROOT/etc/culvert"
check 'install again' make_it install
check_equal 'a directory that somebody closed stays closed' 700 "$(mode_of)"
echo other >"$ROOT/usr/bin/other"
make_it uninstall >"$WORK/said"
check_equal 'uninstall leaves keys and what is not of Culvert' './etc/culvert/gw-b.key ./usr/bin/other' "$(files | xargs)"
check 'it says so' grep -q "$ROOT/etc/culvert .configuration and keys" "$WORK/said"
check_equal 'it leaves no directory of its own' '' "$(find "$ROOT/usr" -type d -name 'culvert*')"
check 'uninstall again' make_it uninstall
rm "$ROOT/etc/culvert/gw-b.key" "$ROOT/usr/bin/other"
make_it uninstall >/dev/null
check_equal 'where nothing else is there, nor an empty directory of its own' './etc ./usr ./usr/bin ./usr/lib ./usr/sbin ./usr/share' \
	"$(cd "$ROOT" && find . -mindepth 1 -type d | sort | xargs)"

# ---- another version ----

sed -i 's/^VERSION := .*/VERSION := 91.7.3/' "$TREE/Makefile"
make_it all >"$WORK/said"
check_equal 'of another version one object is compiled' '  CC        tunnel/base/version.c' "$(grep CC "$WORK/said")"
check 'and each step is a line' test "$(grep -cE '^  (CC|AR|LD)  ' "$WORK/said")" = "$(wc -l <"$WORK/said")" -a \
	"$(wc -l <"$WORK/said")" = 4
for program in culvert culvertd; do
	check_equal "$program says the new version" "$program 91.7.3" "$("$TREE/build/$program" --version)"
done
CULVERT=$TREE/build/culvert
CULVERTD=$TREE/build/culvertd
ns_add gw-b
pki_add gw-a
server_conf gw-b <<<'peers = ( { name = "gw-a"; } );'
server_start gw-b
check_equal 'so does the status of a server' 91.7.3 "$(ctl gw-b status --json | jq -r .version)"
check 'also in words' grep -E '^ +version: +91\.7\.3$' <(ctl gw-b status)
touch "$TREE/build/version"
check_equal 'V=1 shows the commands' 1 "$(make_it V=1 all | grep -c 'DCULVERT_VERSION=.*-c -o build/obj/tunnel/base/version.o')"
finish
