#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# kill_switch = true holds before anything can refuse the profile, and whatever refuses it. One host without a server.
#
# check: quick
#
# shellcheck disable=SC2317 # Functions are called by name.
set -euo pipefail
# shellcheck source=tests/system/tunnel/common.sh
source "$(dirname "$0")/tunnel/common.sh"

gateways_add
pki_add gw-a

tables() {
	in_ns gw-a nft list tables inet | sed 's/^table inet //' | sort | tr '\n' ' '
}
refused() { # NAME CODE TABLE REGEX; of broken.conf
	local name=$1 code=$2 table=$3 regex=$4 status=0
	in_ns gw-a timeout 20 "$CULVERT" up "$WORK/broken.conf" >"$WORK/out" 2>&1 </dev/null || status=$?
	check_equal "$name: exit code" "$code" "$status"
	check "$name: the message" grep -E "$regex" "$WORK/out"
	check_equal "$name: the kill switch" "$table" "$(tables)"
	[[ -n $table ]] || return 0
	check "$name: how to open is said" grep -w "culvert sweep $(tr -d ' ' <<<"${table#culvert-killswitch-}")" "$WORK/out"
	check_fails "$name: nothing leaves" pings gw-a 192.0.2.2 1 -W 0.3
	check "$name: swept" in_ns gw-a "$CULVERT" sweep
	check_equal "$name: gone" '' "$(tables)"
}
broken() { # LINE...
	rm -f "$WORK/broken.conf"
	client_conf gw-a <<<'kill_switch = true;'
	(umask 077 && {
		cat "$WORK/gw-a.conf"
		printf '%s\n' "$@"
	} >"$WORK/broken.conf")
}
OURS='culvert-killswitch-gw-a '

broken 'unknown_key = 1;'
refused 'an unknown key' 3 "$OURS" unknown_key
check 'check sets nothing' test -z "$(in_ns gw-a "$CULVERT" check "$WORK/broken.conf" >/dev/null 2>&1 || tables)"
broken 'bypass = [ "10.0.0.0/8";'
refused 'a syntax error' 3 "$OURS" 'broken.conf:'
broken 'unknown_key = 1;'
sed -i '/^name *=/d' "$WORK/broken.conf"
refused 'a profile without a name' 3 'culvert-killswitch-broken ' unknown_key
broken 'unknown_key = 1;'
sed -i 's/^name *=.*/name = "other";/' "$WORK/broken.conf"
refused 'a profile with a name of its own' 3 'culvert-killswitch-other ' unknown_key
broken
chmod 644 "$WORK/broken.conf"
refused 'a key that all may read' 3 "$OURS" 'broken.conf'
broken
sed -i '0,/^MI/s/^MI.*/garbage/' "$WORK/broken.conf"
refused 'a damaged certificate' 3 "$OURS" 'damaged|PEM'
broken 'on_up = "/nowhere/hook";'
refused 'a hook that is not there' 3 "$OURS" on_up
broken
sed -i 's/kill_switch = true/kill_switch = false/' "$WORK/broken.conf"
echo 'unknown_key = 1;' >>"$WORK/broken.conf"
refused 'a profile without it' 3 '' unknown_key

# A second start of a profile that is running, whatever is wrong by then, leaves what is in force alone.
broken
client_start gw-a
running() {
	[[ $(tables) == 'culvert-guard-gw-a culvert-killswitch-gw-a ' ]]
}
wait_for "$UP_SECONDS" 'it is in force' running
before=$(in_ns gw-a nft -a list table inet culvert-killswitch-gw-a)
mv "$WORK/gw-a.conf" "$WORK/good.conf"
cp "$WORK/good.conf" "$WORK/gw-a.conf"
echo 'unknown_key = 1;' >>"$WORK/gw-a.conf"
check_fails 'a second start is refused' in_ns gw-a "$CULVERT" up "$WORK/gw-a.conf"
check_equal 'and has changed nothing' "$before" "$(in_ns gw-a nft -a list table inet culvert-killswitch-gw-a)"
stop_bg gw-a TERM
check_equal 'SIGTERM takes it down' '' "$(tables)"
finish
