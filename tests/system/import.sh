#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Profiles by name: culvert import checks a profile, or makes one of a PKCS#12 bundle, and installs it in the configuration
# directory; up and check find it there. What is refused leaves the directory as it was.
#
#   gw-a (192.0.2.1) ──── gw-b (192.0.2.2)
#
set -euo pipefail
# shellcheck source=tests/system/tunnel/common.sh
source "$(dirname "$0")/tunnel/common.sh"
# shellcheck source=tests/system/tunnel/terminal.sh
source "$(dirname "$0")/tunnel/terminal.sh"

gateways_add
pki_add gw-a
etc=$WORK/etc # made by the first import
profile=$WORK/pki/clients/gw-a.conf

import() { # ARGUMENT...
	"$CULVERT" import --dir "$etc" "$@"
}

refused() { # NAME CODE REGEX ARGUMENT...
	local name=$1 code=$2 regex=$3 status=0 before after
	shift 3
	before=$(ls -lA --time-style=full-iso "$etc" 2>&1 || true)
	import "$@" >"$WORK/out" 2>&1 </dev/null || status=$?
	after=$(ls -lA --time-style=full-iso "$etc" 2>&1 || true)
	if [[ $status -ne $code ]]; then
		fail "$name: exit code $code" "it was $status: $(head -n 2 "$WORK/out")"
	elif ! grep -qE -e "$regex" "$WORK/out"; then
		fail "$name: the right words" "expected '$regex': $(head -n 2 "$WORK/out")"
	elif [[ $before != "$after" ]]; then
		fail "$name: nothing is changed" "$after"
	else
		pass "$name"
	fi
}

# ---- a profile ----

check 'a profile is imported' import "$profile"
check_equal 'with its owner and mode' '0:0 600' "$(stat -c '%u:%g %a' "$etc/gw-a.conf")"
check 'byte by byte' cmp "$profile" "$etc/gw-a.conf"
check_equal 'and nothing else is there' gw-a.conf "$(ls -A "$etc")"
check 'check finds it by name' grep -F "$etc/gw-a.conf: fine" <("$CULVERT" check gw-a --dir "$etc")
refused 'it is not replaced' 1 'gw-a.conf exists already; --force' "$profile"
echo '# changed' >>"$etc/gw-a.conf"
check 'but by force' import "$profile" --force
check 'it is the new one then' cmp "$profile" "$etc/gw-a.conf"
sed 's/^remotes = .*/remotes = "2001:db8::2:443";/' "$profile" >"$WORK/typed.conf"
check 'what check warns of, it warns of' grep "^warning: $WORK/typed.conf:[0-9]*: remotes.*write " <(import "$WORK/typed.conf" typed 2>&1)
check 'and imports it' rm "$etc/typed.conf"
cp "$profile" "$WORK/from the mail.conf"
chmod 644 "$WORK/from the mail.conf"
refused 'a file whose name is no profile name' 2 'give one: culvert import FILE NAME' "$WORK/from the mail.conf"
refused 'a name with an ending, which up would take for a path' 2 'NAME must be without .conf' "$profile" alice.conf
refused 'an option that there is not' 2 'culvert import: unknown option: --name; try' "$profile" --name alice
refused 'an option without its value' 2 'culvert import: a value is missing after --remote; try' "$profile" --remote
check 'a name of its own, and a word about who can read the file' grep -F 'mail.conf holds a secret, and others can read it' \
	<(import "$WORK/from the mail.conf" alice)
check_equal 'private where it lies' 600 "$(stat -c %a "$etc/alice.conf")"

echo 'mut = 1500;' | cat "$profile" - >"$WORK/broken.conf"
refused 'a profile with a mistake' 3 "$WORK/broken.conf:[0-9]+: mut: .*did you mean \"mtu\"" "$WORK/broken.conf"
client_conf relative gw-a <<<'ca = "ca.crt";'
refused 'a relative path' 3 'relative.conf:[0-9]+: ca: expected an absolute path' "$WORK/relative.conf"
client_conf other gw-a <<<"key = \"$WORK/pki/servers/gw-b/gw-b.key\";"
refused "another's key" 3 'other.conf:[0-9]+: key: .*does not belong to the certificate' "$WORK/other.conf"
refused "a server's configuration" 3 "is a server's configuration" "$WORK/pki/servers/gw-b/culvertd.conf" gw-b
refused "the server's name" 2 "is the server's" "$profile" culvertd
refused 'a name that is a path' 2 'NAME must be' "$profile" ../x
refused 'no file' 2 'expected FILE'
refused 'one that is not there' 3 'nowhere.conf: No such file' "$WORK/nowhere.conf"
refused 'two names' 2 'expected FILE' "$profile" a b
refused 'settings that a profile has itself' 3 'is not a PKCS#12 bundle' "$profile" bob --remote 192.0.2.2
: >"$WORK/file"
check_equal 'a directory that is none' 1 "$(status=0 && "$CULVERT" import "$profile" --dir "$WORK/file" >"$WORK/out" 2>&1 || echo $?)"
check_equal 'somebody who may not write there' 6 "$(install -m 644 "$profile" "$WORK/public.conf" &&
	setpriv --reuid 65534 --regid 65534 --clear-groups "$CULVERT" import "$WORK/public.conf" --dir "$etc" \
		>"$WORK/out" 2>&1 || echo $?)"

# ---- up by name ----

server_conf gw-b <<<'peers = ( { name = "gw-a"; } );'
server_start gw-b
status=0
in_ns gw-a "$CULVERT" up nobody --dir "$etc" >"$WORK/out" 2>&1 || status=$?
check_equal 'a name that is none: exit code 3' 3 "$status"
check 'and the names that there are' grep -F "no profile nobody in $etc (there: alice, gw-a)" "$WORK/out"

# ---- a bundle ----

certificate=$(pki_extract gw-a certificate) key=$(pki_extract gw-a key)
bundle() { # FILE PASSPHRASE [OPENSSL-ARGUMENT...]
	local file=$WORK/$1 passphrase=$2
	shift 2
	openssl pkcs12 -export -in "$certificate" -inkey "$key" -passout "pass:$passphrase" -out "$file" "$@"
}
bundle open.p12 '' -certfile "$WORK/pki/ca.crt"
bundle alice.p12 'open sesame' -certfile "$WORK/pki/ca.crt"
bundle no-ca.pfx ''
server=(--remote 192.0.2.2 --server-name gw-b)
check 'a bundle without a passphrase becomes a profile' import "$WORK/open.p12" "${server[@]}"
check_equal 'private as well' 600 "$(stat -c %a "$etc/open.conf")"
refused 'a bundle without a server' 3 '--remote HOST --server-name NAME' "$WORK/open.p12" bob
refused 'a remote that would end its string' 3 'remote: expected HOST' "$WORK/open.p12" bob --server-name gw-b --remote 'x"; mtu = 1400; #'
refused 'a remote that is none' 3 'open.p12:[0-9]+: remotes' "$WORK/open.p12" bob --server-name gw-b --remote 'x:99999'
refused 'a bundle without a CA' 3 'no-ca.pfx: holds no self-signed CA certificate' "$WORK/no-ca.pfx" "${server[@]}"
head -c 700 "$WORK/open.p12" >"$WORK/cut.p12"
refused 'a bundle that is cut' 3 'cut.p12: is no PKCS#12 bundle, or a damaged one' "$WORK/cut.p12" "${server[@]}"
# Who makes such a bundle today has to say so.
# The one that culvert-pki makes for other programs.
(umask 077 && echo 'of the export' >"$WORK/export.words")
pki export gw-a --pkcs12 --passout "file:$WORK/export.words"
terminal_start export "$CULVERT" import --dir "$etc" "$WORK/pki/clients/gw-a.p12" exported "${server[@]}"
terminal_answer export 'Passphrase of .*gw-a.p12: ' 'of the export'
terminal_end export 0
if bundle old.p12 old -certfile "$WORK/pki/ca.crt" -legacy 2>/dev/null; then
	terminal_start old "$CULVERT" import --dir "$etc" "$WORK/old.p12" "${server[@]}"
	terminal_answer old 'Passphrase of .*old.p12: ' old
	terminal_end old 3
	check 'an old bundle: the cure is named' grep -F 'openssl pkcs12 -legacy' "$WORK/old.terminal"
fi
terminal_start alice "$CULVERT" import --dir "$etc" --force "$WORK/alice.p12" "${server[@]}"
terminal_answer alice 'Passphrase of .*alice.p12: ' wrong
terminal_answer alice 'Wrong passphrase. Passphrase of .*alice.p12: ' 'open sesame'
terminal_end alice 0
check 'a bundle with a passphrase, asked for' grep -F "installed: client gw-a of server gw-b" "$WORK/alice.terminal"
check 'which is not shown' log_lacks "$WORK/alice.terminal" 'sesame'

# It is a profile like others; only what this test needs besides is added.
cat >>"$etc/alice.conf" <<CONF
control_socket = "$WORK/alice.sock";
CONF
start_bg "$WORK/alice.log" alice in_ns gw-a "$CULVERT" up alice --dir "$etc"
wait_up alice gw-b
wait_for 5 'the tunnel answers' pings gw-a $SERVER4
pass 'up by name, of a bundle'
finish
