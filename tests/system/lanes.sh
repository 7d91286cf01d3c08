#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# A session of several lanes: as many as the smaller of both ends' settings says, on workers of their own where there are
# so many; flows spread over all of them, each on one lane in both directions, and in order.
#
#   lan-a ──── gw-a ════════ gw-b ──── lan-b       lanes = 4 at both ends
#                   ════════
#
# check: alone
# check: quick suite
# check: threads
# check: sanitized
# shellcheck disable=SC2317 # Functions are called by name.
set -euo pipefail
# shellcheck source=tests/system/tunnel/lanes.sh
source "$(dirname "$0")/tunnel/lanes.sh"

site_add
pki_add gw-a
for ns in gw-a gw-b; do
	snapshot $ns >"$WORK/$ns.before"
done
client_lines=('lanes = 4;' 'workers = 4;')
site_up <<<'lanes = 4; workers = 4;'
wait_lanes 4

# ---- what the status says ----

for pair in 'gw-a gw-b' 'gw-b gw-a'; do
	read -r end peer <<<"$pair"
	check "$end has four lanes, one with the control role" lanes_carry "$end" "$peer" 4
	check_equal "$end: four are granted" 4 "$(session_value "$end" "$peer" .lanes_granted)"
	check_equal "$end: each has a worker of its own" 4 "$(session_value "$end" "$peer" '[.lanes[].worker] | unique | length')"
	check_equal "$end: one connection, as people count" 1 "$(session_value "$end" "$peer" .connections)"
	check_equal "$end: an interface of four queues" 4 "$(in_ns "$end" sh -c 'ls -d /sys/class/net/cv0/queues/tx-*' | wc -l)"
done
check_equal 'four TCP connections between the gateways' 4 "$(in_ns gw-b ss -Htn state established sport = 443 | wc -l)"
check 'the tunnel works' pings lan-a $B4
check 'IPv6, too' pings lan-b $A6

# ---- one flow, one lane ----

start_bg "$WORK/echo.log" echo in_ns lan-b socat UDP4-LISTEN:7000,fork,reuseaddr EXEC:cat
start_bg "$WORK/echo6.log" echo6 in_ns lan-b socat UDP6-LISTEN:7001,fork,reuseaddr EXEC:cat
bound() { # PORT
	[[ -n $(in_ns lan-b ss -Hlun "sport = :$1") ]]
}
wait_for 5 'lan-b echoes' bound 7000
wait_for 5 'lan-b echoes IPv6' bound 7001

# What lane_packets said before and after a flow: "PORT +IN +OUT" of lanes with more than a stray packet.
lanes_used() { # BEFORE AFTER
	join "$1" "$2" | awk '{ came = ($4 - $2 >= 5); went = ($5 - $3 >= 5); if (came || went) print $1, came, went }'
}
declare -A used=()
flow() { # UDP-ADDRESS OPTIONS; ten datagrams there and back
	lane_packets >"$WORK/lanes.before"
	for _ in {1..10}; do
		echo x
		sleep 0.02
	done | in_ns lan-a timeout 10 socat -t 0.3 - "$1" >"$WORK/echoed"
	lane_packets >"$WORK/lanes.after"
}
wrong=0
for port in {50000..50015}; do
	flow "UDP4:$B4:7000,sourceport=$port"
	lane=$(lanes_used "$WORK/lanes.before" "$WORK/lanes.after")
	[[ $lane == *' 1 1' && $lane != *$'\n'* ]] || { wrong=$((wrong + 1)) && echo "# flow $port: ${lane//$'\n'/; }"; }
	used[$lane]=1
	if [[ $port == 50000 ]]; then
		flow "UDP4:$B4:7000,sourceport=$port"
		check_equal 'the same flow again has the same lane' "$lane" "$(lanes_used "$WORK/lanes.before" "$WORK/lanes.after")"
	fi
done
check_equal 'each of 16 flows had one lane, the same in both directions' 0 "$wrong"
check "they had more than one among them (${#used[@]})" test "${#used[@]}" -gt 1
flow "UDP6:[$B6]:7001,sourceport=50000"
check 'a flow of IPv6 has one lane' grep -E '^[0-9]+ 1 1$' <(lanes_used "$WORK/lanes.before" "$WORK/lanes.after")
stop_bg echo
stop_bg echo6

# ---- many flows, both ends sending ----

lane_packets >"$WORK/lanes.before"
order_start
: >"$WORK/spans"
all_used() { # every lane has carried in both directions since
	[[ $(join "$WORK/lanes.before" <(lane_packets) | awk '$4 - $2 > 500 && $5 - $3 > 500' | wc -l) -eq 4 ]]
}
wait_for 30 'every lane carries, in both directions' all_used && pass 'many flows use every lane, in both directions'
enough() {
	[[ $(session_value gw-b gw-a .in_packets) -gt 40000 ]]
}
wait_for 60 'there has been enough to see' enough
check 'both ends heard every flow' order_end
for end in a b; do
	check "lan-$end: nothing is out of order" in_order_but $end "$WORK/spans"
	check_equal "lan-$end: nothing came twice" 0 "$(order_value $end duplicates)"
	check_equal "lan-$end: nothing is lost" 0 "$(order_value $end lost)"
done
check_equal 'still one connection' 1 "$(session_value gw-b gw-a .connections)"
check_equal 'and the lanes of the beginning' '1 2 3 4' "$(session_value gw-b gw-a '[.lanes[].number] | sort | join(" ")')"
stop_bg gw-a
wait_for 5 'the session ends with its client' bash -c "! ip -n $(ns_name gw-b) link show cv0"
check_equal 'no connection is left' 0 "$(in_ns gw-b ss -Htn state established sport = 443 | wc -l)"
wait_same gw-a "$WORK/gw-a.before" 5
wait_same gw-b "$WORK/gw-b.before" 5

# ---- the smaller setting wins ----

grants() { # CLIENT GRANTED NAME; the server's lines are in server_lines
	local mark_a mark_b
	mark_a=$(log_mark "$WORK/gw-a.log")
	mark_b=$(log_mark "$WORK/gw-b.log")
	client_lines=("lanes = $1;")
	site_conf <<<"$server_lines"
	client_start gw-a
	wait_up gw-a gw-b "$mark_a"
	wait_up gw-b gw-a "$mark_b"
	wait_lanes "$2"
	check_equal "$3: granted, as the server says" "$2" "$(session_value gw-b gw-a .lanes_granted)"
	check_equal "$3: granted, as the client says" "$2" "$(session_value gw-a gw-b .lanes_granted)"
	wait_routes gw-a 10.2.0.0/24
	wait_routes gw-b 10.1.0.0/24
	check "$3: it works" pings lan-a $B4
}
has_queues() { # NS; its interface is one of several queues
	ip_ns "$1" -d link show cv0 | grep multi_queue
}
server_lines='lanes = 4;'
grants 2 2 'four against two'
stop_bg gw-a
wait_same gw-b "$WORK/gw-b.before" 5
grants 1 1 'four against one'
check_fails 'one lane has a plain interface at the client' has_queues gw-a
check_fails 'one lane has a plain interface at the server' has_queues gw-b
stop_bg gw-a
wait_same gw-b "$WORK/gw-b.before" 5
stop_bg gw-b
# shellcheck disable=SC2034
server_lines=$'lanes = 4;\npeers = ( { name = "gw-a"; accept_routes = [ "10.1.0.0/16", "fd00:1::/32" ]; lanes = 3; } );'
site_conf <<<"$server_lines"
server_start gw-b
grants 4 3 "three for this peer against the client's four"
check 'it has an interface of several queues' has_queues gw-b
stop_bg gw-a
stop_bg gw-b
wait_same gw-a "$WORK/gw-a.before" 5
wait_same gw-b "$WORK/gw-b.before" 5

finish
