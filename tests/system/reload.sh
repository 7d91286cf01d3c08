#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The configuration changes while the tunnels run: whoever still qualifies notices nothing, whoever does not is gone
# within a second. Half of the tests give the command, half send SIGHUP.
#
#   berlin (10.1.0.1) ═════╗
#   rome (10.3.0.1) ═══════╬═══ gw-b (10.2.0.1)
#   oslo ══════════════════╝
#
# check: quick
# shellcheck disable=SC2317 # Functions are called by name.
set -euo pipefail
# shellcheck source=tests/system/tunnel/common.sh
source "$(dirname "$0")/tunnel/common.sh"

switch_add
switch_join gw-b 192.0.2.2/24 forward
number=10
for peer in berlin rome oslo; do
	switch_join $peer 192.0.2.$((number++))/24
done
addr gw-b lo 10.2.0.1/32 10.7.0.1/32
addr berlin lo 10.1.0.1/32
addr rome lo 10.3.0.1/32
pki_add berlin rome oslo

BERLIN='{ name = "berlin"; accept_routes = [ "10.1.0.0/16" ]; }'
ROME='{ name = "rome"; accept_routes = [ "10.3.0.0/16" ]; }'
OSLO='{ name = "oslo"; }'
hub_conf() { # TEXT; the common part of the hub's file comes before it
	server_conf gw-b <<<"$1"
}
hub_conf "announce = [ \"10.2.0.0/24\" ]; peers = ( $BERLIN, $ROME, $OSLO );"
client_conf berlin <<<'announce = [ "10.1.0.0/24" ];'
client_conf rome <<<'announce = [ "10.3.0.0/24" ];'
client_conf oslo </dev/null
server_start gw-b
for peer in berlin rome oslo; do
	client_start $peer
	wait_up gw-b $peer
done
wait_routes gw-b 10.1.0.0/24 10.3.0.0/24
wait_routes berlin 10.2.0.0/24

hub() { # FILTER
	jq -r "$1" <(ctl gw-b status --json)
}
generation() { hub .generation; }
# A ping every 10 ms, of which none may be lost and none answered late.
watch_start() { # NAME
	start_bg "$WORK/watch-$1.log" "watch-$1" in_ns "$1" ping -D -i 0.01 -W 1 10.213.0.1
	wait_for 10 "the pings of $1 are answered" grep -q 'icmp_seq=20 ' "$WORK/watch-$1.log"
}
watch_end() { # NAME
	kill -INT "$(pid_of "watch-$1")"
	wait_exit "watch-$1" 10 || true
}
lost() { # NAME
	sed -n 's/.* \([0-9.]*\)% packet loss.*/\1/p' "$WORK/watch-$1.log"
}
connections() { # PEER
	session_value gw-b "$1" .connections
}

# ---- nothing, and faults ----

watch_start berlin
check_equal 'a file that is the same changes nothing' 'nothing has changed: configuration 1 stays' "$(ctl gw-b reload)"
hub_conf "announce = [ \"10.2.0.0/24\" ]; peers = ( $BERLIN, $ROME, $OSLO );"$'\nmtu = 1;'
status=0
ctl gw-b reload 2>"$WORK/refused" || status=$?
check_equal 'a broken file is refused with status 3' 3 "$status"
check 'and the key is named' grep -q 'gw-b.conf:[0-9]*: mtu: expected an integer' "$WORK/refused"
check_equal 'nothing has changed' 1 "$(generation)"
hub_conf "announce = [ \"10.2.0.0/24\" ]; peers = ( $BERLIN, $ROME, $OSLO );"$'\nlinger = 77; workers = 7;'
status=0
ctl gw-b reload 2>"$WORK/refused" || status=$?
check_equal 'a change that needs a restart is refused with status 3' 3 "$status"
check 'and the key is named' grep -q 'workers: a change of this key needs a restart' "$WORK/refused"
check_equal 'nothing of the file was applied' 1 "$(generation)"
check 'the log has it, too' grep -q 'error netd: reload: nothing has changed: .*workers: a change of this key' "$WORK/gw-b.log"
refused() { # WHAT REGEX
	local status=0
	ctl gw-b reload 2>"$WORK/refused" || status=$?
	check_equal "$1: status 3" 3 "$status"
	check "$1: the cure is named" grep -qE "$2" "$WORK/refused"
	check_equal "$1: nothing has changed" 1 "$(generation)"
}
hub_conf $'pool4 = "10.213.0.0/25";\nworkers = 7; max_sessions = 9; mptcp = true; peers = ( );'
refused 'several keys' 'pool4, workers, mptcp: a change of these keys needs a restart.*only grow behind the same first address'
hub_conf 'listen = [ "192.0.2.2:443" ]; peers = ( );'
refused 'one address instead of all' '192\.0\.2\.2:443 takes the place of 0\.0\.0\.0:443, .*restart the program'
cp -p "$WORK/gw-b.conf" "$WORK/gw-b.kept"
echo '# nothing' >"$WORK/gw-b.conf"
refused 'an empty file' 'the key is required, and the file has no key at all'
chmod 600 "$WORK/gw-b.conf"
chown nobody "$WORK/gw-b.conf"
refused 'a file of another user' 'belongs to another user \(uid [0-9]+\); run: chown root /.*gw-b.conf'
chown root "$WORK/gw-b.conf"
chmod 0 "$WORK/gw-b.conf"
refused 'a file without rights' 'its mode is 0000; run: chmod u\+r '
rm "$WORK/gw-b.conf"
cp -p "$WORK/gw-b.kept" "$WORK/gw-b.conf"

# ---- good ones ----

hub_conf "announce = [ \"10.2.0.0/24\" ]; peers = ( $BERLIN, $ROME );"
check_equal 'what would change can be asked for' 'configuration 1 would change: peers.oslo (removed)' "$(ctl gw-b reload --check)"
check_equal 'and nothing changes' 1 "$(generation)"

hub_conf "announce = [ \"10.2.0.0/24\", \"10.7.0.0/24\" ]; peers = ( $BERLIN, $ROME, $OSLO );"$'\nlinger = 77;'
check_equal 'a good file is applied' 'configuration 2 is in force: announce, linger' "$(ctl gw-b reload)"
wait_routes berlin 10.7.0.0/24
check_equal 'status has what changed' 'announce, linger' "$(hub .changed)"
hub_conf "announce = [ \"10.7.0.0/24\" ]; peers = ( $BERLIN, $ROME );"$'\nlinger = 77;'
mark=$(log_mark "$WORK/oslo.log")
kill -HUP "$(pid_of gw-b)"
has_generation() { [[ $(generation) == "$1" ]]; }
wait_for 5 'SIGHUP does the same' has_generation 3
wait_for 5 'the removed peer hears why' log_has_since "$WORK/oslo.log" "$mark" 'no entry in peers for it any more'
knows() { # PEER
	[[ $(hub "[.sessions[].peer] | index(\"$1\") != null") == true ]]
}
knows_not() { # PEER
	! knows "$1"
}
wait_for 5 'and is gone' knows_not oslo
wait_for 10 'and hears it again when it returns' log_has_since "$WORK/oslo.log" "$mark" 'has no entry in peers for it \('
wait_for 5 'a withdrawn prefix is gone' lacks_route berlin 10.2.0.0/24
check 'another one stays' has_route berlin 10.7.0.0/24

# ---- the same peer by another name ----

address=$(session_value gw-b rome .addresses.remote4)
interface=$(session_value gw-b rome .interface.name)
before=$(connections rome)
watch_start rome
hub_conf "announce = [ \"10.7.0.0/24\" ]; peers = ( $BERLIN, { name = \"roma\"; identity = \"dns:rome\"; accept_routes = [ \"10.3.0.0/16\" ]; } );"$'\nlinger = 77;'
check 'an entry is renamed' ctl gw-b reload
wait_for 5 'the session has the new name' knows roma
check 'and none has the old one' knows_not rome
check_equal 'it has its address' "$address" "$(session_value gw-b roma .addresses.remote4)"
check_equal 'its interface' "$interface" "$(session_value gw-b roma .interface.name)"
check_equal 'and its connection' "$before" "$(connections roma)"
check 'the route is still there' has_route gw-b 10.3.0.0/24
watch_end rome
check_equal 'no packet was lost' 0 "$(lost rome)"

# ---- entries that change ----

hub_conf "announce = [ \"10.7.0.0/24\" ]; peers = ( { name = \"berlin\"; accept_routes = [ \"10.9.0.0/16\" ]; }, $OSLO, { name = \"roma\"; identity = \"dns:rome\"; accept_routes = [ \"10.3.0.0/16\" ]; } );"$'\nlinger = 77;'
check 'what a peer may announce is narrowed, and an entry comes back' ctl gw-b reload
wait_for 5 'the route is removed' lacks_route gw-b 10.1.0.0/24
check 'the log says why' grep -q 'or the configuration have changed: it is not inside any prefix of accept_routes$' "$WORK/gw-b.log"
wait_up gw-b oslo
hub_conf "announce = [ \"10.7.0.0/24\" ]; peers = ( $BERLIN, $OSLO, { name = \"roma\"; identity = \"dns:rome\"; reach = [ \"berlin\" ]; accept_routes = [ \"10.3.0.0/16\" ]; } );"$'\nlinger = 77;'
check 'it is widened, and one peer reaches another' ctl gw-b reload
wait_for 5 'the route is back' has_route gw-b 10.1.0.0/24
wait_for 5 'the other peer learns of it' has_route rome 10.1.0.0/24
check_equal 'all that on one connection' 1 "$(connections berlin)"
hub_conf "announce = [ \"10.7.0.0/24\" ]; peers = ( $BERLIN, { name = \"oslo\"; address4 = \"10.213.0.77\"; } );"$'\nlinger = 77;\nlisten = [ "0.0.0.0:443", "0.0.0.0:8443" ];'
check 'an address is fixed, and the server listens elsewhere, too' ctl gw-b reload
has_address() { [[ $(session_value gw-b oslo .addresses.remote4) == 10.213.0.77 ]]; }
wait_for 10 'the peer comes back with that address' has_address
wait_for 5 'the new port listens' listens gw-b 8443
check_fails 'the old family does not' in_ns gw-b sh -c "ss -Hltn | grep -F '[::]:443'"
check 'the connection of another peer is the same' test "$(connections berlin)" = 1
watch_end berlin
check_equal 'in all this berlin has lost nothing' 0 "$(lost berlin)"
finish
