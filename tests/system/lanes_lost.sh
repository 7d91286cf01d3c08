#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Lanes are lost and return: one, the one with the control role, one that goes silent, all. The session stays up while one is
# left; packets are out of order only around the moment in which flows move; a connection inside lives through it.
#
#   lan-a ──── gw-a ════════ gw-b ──── lan-b       lanes = 4 at both ends, ping_interval 0.3 s, dead_after 1 s (2.5 s with a sanitizer)
#                   ════════
#
# check: threads
# check: timeout 300
# shellcheck disable=SC2317 # Functions are called by name.
set -euo pipefail
# shellcheck source=tests/system/tunnel/lanes.sh
source "$(dirname "$0")/tunnel/lanes.sh"

BYTES=3000000000
AFTER_MS=1000 # a move may be felt for so long
DEAD_AFTER=1.0
# A sanitizer's engine has queues of seconds when the machine is busy, and may not hear a peer for one.
[[ -z $SANITIZED ]] || BYTES=1000000000 AFTER_MS=5000 DEAD_AFTER=2.5

site_add
pki_add gw-a
for ns in gw-a gw-b; do
	snapshot $ns >"$WORK/$ns.before"
done
client_lines=('lanes = 4;')
site_up <<CONF
lanes = 4;
ping_interval = 0.3;
dead_after = $DEAD_AFTER;
linger = 60;
CONF
wait_lanes 4
check 'the tunnel works' pings lan-a $B4

: >"$WORK/spans"
control_port() {
	lane_ports .control
}
# A moment of peace, seen by what has passed.
calm() {
	local start
	start=$(session_value gw-b gw-a .in_packets)
	# shellcheck disable=SC2317
	more() { [[ $(session_value gw-b gw-a .in_packets) -gt $((start + $1)) ]]; }
	wait_for 30 'packets pass' more 20000
}
# Flows move when a lane is lost, which is when both ends know, and when one joins, which was just before it is seen.
span_begin() {
	span_from=$(now_ms)
}
span_end() {
	echo "$span_from $(($(now_ms) + AFTER_MS))" >>"$WORK/spans"
}
wait_return() {
	wait_lanes 4 30
	span_from=$(($(now_ms) - AFTER_MS))
	span_end
}
connections() {
	echo "$(session_value gw-a gw-b .connections) $(session_value gw-b gw-a .connections)"
}
order_check() { # NAME
	local end
	check "$1: both ends heard every flow" order_end
	for end in a b; do
		check "$1: in order at lan-$end but when flows moved" in_order_but $end "$WORK/spans"
		check_equal "$1: nothing came twice to lan-$end" 0 "$(order_value $end duplicates)"
		echo "# $(order_value $end reordered) of $(order_value $end received) came late, all within $(awk '{ ms += $2 - $1 } END { print ms }' "$WORK/spans") ms"
		rm "$WORK/order-$end.log"
	done
	: >"$WORK/spans"
}

# ---- one lane after the other ----

order_start
for turn in 1 2 3 4; do
	calm
	port=$(lane_ports '.control | not' | head -n 1)
	span_begin
	lane_kill "$port"
	if ! wait_for 10 "lane $turn is gone" lane_gone "$port"; then
		echo '# can this kernel destroy a socket? (CONFIG_INET_DIAG_DESTROY)'
		break
	fi
	span_end
	wait_return
done
calm
order_check 'a lane was killed, four times'
check_equal 'the session has gone on by its first connection' '1 1' "$(connections)"
expect_log "$WORK/gw-a.log" 'gw-b: lost lane [0-9]+, 3 remain: '
expect_log "$WORK/gw-b.log" 'gw-a: lost lane [0-9]+, 3 remain: '

# ---- a connection inside ----

stream_start 9004 $BYTES
carrier() { # the lane that has carried much since lane_packets wrote the file; both directions of one connection
	join "$WORK/lanes.before" <(lane_packets) | awk '$4 - $2 > 200 && $5 - $3 > 200 { print $1 }' | head -n 1
}
has_carrier() {
	[[ -n $(carrier) ]]
}
for turn in 1 2 3; do
	lane_packets >"$WORK/lanes.before"
	wait_for 10 'the transfer runs on a lane' has_carrier
	check 'the transfer is still under way' bg_running to
	port=$(carrier)
	lane_kill "$port"
	wait_for 10 'its lane is gone' lane_gone "$port"
	wait_return # or the transfer is on a lane that the next turn does not know
done
stream_end 90 'three times it loses its lane'
wait_lanes 4 30

# ---- the lane with the control role ----

order_start
calm
port=$(control_port)
span_begin
oldest=$(lane_ports '.control | not' | head -n 1)
lane_kill "$port"
wait_for 10 'the control lane is gone' lane_gone "$port"
span_end
wait_return
check_equal 'the oldest of the others has the role' "$oldest" "$(control_port)"
expect_log "$WORK/gw-a.log" 'gw-b: lane [0-9]+ has the control role now'
expect_log "$WORK/gw-b.log" 'gw-a: lane [0-9]+ has the control role now'
check 'the routes of the client stay' has_route gw-b 10.1.0.0/24
check 'the routes of the server stay' has_route gw-a 10.2.0.0/24
check 'the client announces one more' ctl gw-a routes add 10.1.7.0/24
wait_routes gw-b 10.1.7.0/24 && pass 'which the server installs'
check 'and withdraws it' ctl gw-a routes del 10.1.7.0/24
wait_for 5 'what is withdrawn goes' lacks_route gw-b 10.1.7.0/24
check 'the server announces one more' ctl gw-b routes add 10.2.7.0/24
wait_routes gw-a 10.2.7.0/24 && pass 'which the client installs'
ctl gw-b routes del 10.2.7.0/24 >/dev/null
measured() {
	[[ $(session_value "$1" "$2" '[.lanes[] | .rtt != null] | all') == true ]]
}

# ---- a lane that goes silent ----

calm
port=$(lane_ports '.control | not' | head -n 1)
mark_a=$(log_mark "$WORK/gw-a.log")
mark_b=$(log_mark "$WORK/gw-b.log")
span_begin
lane_silence "$port"
wait_log_since "$WORK/gw-a.log" "$mark_a" 'gw-b: this end closes lane [0-9]+: nothing heard for [0-9.]+ s;' 10
wait_log_since "$WORK/gw-b.log" "$mark_b" 'gw-a: this end closes lane [0-9]+: nothing heard for [0-9.]+ s;' 10
wait_for 10 'a silent lane goes' lane_gone "$port"
span_end
wait_return && pass 'a silent lane is replaced'
lane_unsilence "$port"
calm
order_check 'a lane lost the role, another its voice'
check_equal 'still the first connection' '1 1' "$(connections)"

# The control lane, silent: its peer cannot be told, so the role moves when both have noticed.
port=$(control_port)
lane_silence "$port"
wait_for 10 'the silent control lane goes' lane_gone "$port"
wait_lanes 4 30 && pass 'a silent control lane is replaced, the role moves'
lane_unsilence "$port"
check_equal 'and still the first connection' '1 1' "$(connections)"
ctl gw-a routes add 10.1.8.0/24 >/dev/null
wait_routes gw-b 10.1.8.0/24 && pass 'announcements go by the new control lane'
wait_for 10 'the client has measured each lane' measured gw-a gw-b
wait_for 10 'so has the server' measured gw-b gw-a

# ---- all at once ----

# Since the session came up for the last time no attempt had to wait.
joined_at_once() {
	local since
	since=$(tail -n "+$((mark_a + 1))" "$WORK/gw-a.log" | sed '1,/session: opening -> up/d')
	[[ $(grep -cE 'lane [0-9]+ joined' <<<"$since") == 3 ]] && ! grep -q 'retrying in' <<<"$since"
}

index_of() { # NS
	ip -n "$(ns_name "$1")" -j link show cv0 | jq '.[0].ifindex'
}
index_b=$(index_of gw-b)
mark_a=$(log_mark "$WORK/gw-a.log")
mark_b=$(log_mark "$WORK/gw-b.log")
# Connections are reset one after the other. A client that is awake has the first replaced before the last is gone.
kill -STOP "$(engine_pid gw-a)"
in_ns gw-b ss -K -t sport = 443 >/dev/null 2>&1 || true
wait_log_since "$WORK/gw-b.log" "$mark_b" 'gw-a: session: up -> idle' 5
kill -CONT "$(engine_pid gw-a)"
wait_log_since "$WORK/gw-a.log" "$mark_a" 'gw-b: session: up -> idle' 5
wait_up gw-b gw-a "$mark_b"
wait_up gw-a gw-b "$mark_a"
wait_lanes 4 && pass 'the session was idle and is back with four lanes'
check 'which joined one after the other, without a wait' joined_at_once
check_equal 'by its second connection' '2 2' "$(connections)"
check_equal 'the interface is the same' "$index_b" "$(index_of gw-b)"
check 'it works' pings lan-a $B4
wait_routes gw-b 10.1.8.0/24
order_start
calm
order_check 'after all were lost'

# ---- nothing is left behind ----

stop_bg gw-a
wait_same gw-a "$WORK/gw-a.before" 5
stop_bg gw-b
wait_same gw-b "$WORK/gw-b.before" 5
refute_log "$WORK/gw-a.log" 'this is a bug'
refute_log "$WORK/gw-b.log" 'this is a bug'
finish
