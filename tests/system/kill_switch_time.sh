#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# kill_switch_time names the time servers that this host may ask past a kill switch and a full tunnel: UDP to port 123 of these
# addresses and nothing else, also while no server can be reached, and as a reload has it.
#
#   gw-a (192.0.2.1) ──── gw-b (192.0.2.2, 192.0.2.9: both answer the time)
#
# shellcheck disable=SC2317,SC2016 # Functions are called by name; inner shells expand.
set -euo pipefail
# shellcheck source=tests/system/tunnel/common.sh
source "$(dirname "$0")/tunnel/common.sh"

SERVER=192.0.2.2 TIME4=192.0.2.9 TIME6=2001:db8::9
gateways_add
addr gw-b wan0 $TIME4/24
addr gw-a wan0 2001:db8::1/64
addr gw-b wan0 $TIME6/64
# shellcheck disable=SC2119 # The client's name is the default.
pki_add gw-a
n=0
for at in "$SERVER:123" "$TIME4:123" "$TIME4:124" "[$TIME6]:123"; do
	n=$((n + 1))
	family=4
	[[ $at != \[* ]] || family=6
	start_bg "$WORK/answer$n" "answer$n" in_ns gw-b socat "UDP$family-RECVFROM:${at##*:},bind=${at%:*},fork" EXEC:cat
done

asks() { # ADDRESS [PORT]: true if there is an answer
	local host=$1
	[[ $host != *:* ]] || host="[$host]"
	# shellcheck disable=SC2016 # The inner shell expands.
	in_ns gw-a timeout 3 bash -c 'echo time | socat -t 1 - "UDP:$1:$2"' bash "$host" "${2:-123}" 2>/dev/null | grep -q time
}
asks_none() {
	! asks "$@"
}
only_time() { # WHEN
	check "$1, the time server answers" asks $TIME4
	check "$1, it does by IPv6" asks $TIME6
	check "$1, another port of it does not" asks_none $TIME4 124
	check "$1, another host does not" asks_none $SERVER
}
conf() { # LINES
	client_conf gw-a <<<"remotes = [ \"$SERVER\" ]; kill_switch = true; bypass_local_bridges = false; $1"
}
reload() {
	check "reload: $1" ctl gw-a reload
}

wait_for 5 'the answers are ready' asks $TIME4
wait_for 5 'by IPv6, too' asks $TIME6
check 'another port answers' asks $TIME4 124

conf "kill_switch_time = [ \"$TIME4\", \"$TIME6\" ];"
client_start gw-a
wait_log "$WORK/gw-a.log" 'kill switch: nothing leaves this host' "$UP_SECONDS"
only_time 'without a server'

server_conf gw-b <<<'peers = ( { name = "gw-a"; } );'
server_start gw-b
wait_up gw-a gw-b
only_time 'connected'

conf ''
reload 'none'
check 'without the key it is held back' asks_none $TIME4
conf "kill_switch_time = [ \"$TIME4\", \"$TIME6\" ]; full_tunnel = true;"
reload 'with a full tunnel'
only_time 'in a full tunnel'
stop_bg gw-b
only_time 'in a full tunnel without a server'
conf "kill_switch_time = [ \"$TIME4\" ]; full_tunnel = true;"
reload 'one of two'
check 'the one is left' asks $TIME4
check 'the other is not' asks_none $TIME6
stop_bg gw-a TERM
check 'in the end all is open again' asks $SERVER
finish
