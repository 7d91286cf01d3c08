#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# A slow link in the middle: what waits, waits in the lane's own queue, which marks flows that know ECN, drops of those that do
# not, counts both, loses nothing else, lets small flows past a flood, and is bounded when the peer takes nothing.
#
#   lan-a ──── gw-a ══ 20 Mbit/s ══ gw-b ──── lan-b
# shellcheck disable=SC2317 # Functions are called by name.
set -euo pipefail
# shellcheck source=tests/system/tunnel/common.sh
source "$(dirname "$0")/tunnel/common.sh"
# shellcheck source=tests/bench/link.sh
source "$TOP/tests/bench/link.sh"

FLOW=$BUILD/system/flow
UDP_RATE=$BUILD/bench/udp_rate
QUEUE_BYTES_MAX=$((4 << 20)) # docs/status.md

site_add
ip_ns gw-a link del wan0
link_between gw-a wan0 gw-b wan0 --rate 20mbit --queue 125000
addr gw-a wan0 192.0.2.1/24
addr gw-b wan0 192.0.2.2/24
pki_add gw-a
site_up </dev/null

# ---- helpers ----

ecn() { # 0|1, for connections of both LANs that are still to come
	local lan
	for lan in lan-a lan-b; do
		in_ns "$lan" tee /proc/sys/net/ipv4/tcp_ecn <<<"$1" >/dev/null
	done
}
kernel_counter() { # NS NAME, as nstat(8) has it
	in_ns "$1" nstat -asz "$2" | awk -v name="$2" '$1 == name { print $2 }'
}
queue() { # FIELD
	session_value gw-a gw-b ".lanes[0].queue.$1"
}
has_grown() { # COMMAND BEFORE; the command prints a number
	[[ $($1) -gt $2 ]]
}
marks() { queue marks; }
delay_drops() { drops gw-a gw-b out_delay; }
full_drops() { drops gw-a gw-b out_queue; }
arrived_marked() { kernel_counter lan-b IpExtInCEPkts; }

# A bulk flow from lan-a to lan-b while something is awaited; all of it arrives right.
load_until() { # NAME COMMAND...
	local name=$1
	shift
	start_bg "$WORK/sink.log" sink in_ns lan-b "$FLOW" listen "$B4" 9000 receive
	wait_for 5 'lan-b listens' listens lan-b 9000
	start_bg "$WORK/source.log" source in_ns lan-a "$FLOW" connect "$B4" 9000 send
	wait_for 30 "$name" "$@" && pass "$name"
	kill -TERM "$(pid_of source)"
	wait_exit source 20 && check_equal 'all has arrived, says the sender' 0 "$EXIT_STATUS"
	wait_exit sink 20 && check_equal 'and the receiver' 0 "$EXIT_STATUS"
}

# ---- a flow that does not know ECN ----

ecn 0
load_until 'a flow without ECN is dropped of' has_grown delay_drops 0
check_equal 'nothing was marked' 0 "$(marks)"

# What is left of a superpacket after drops and cuts is one that the kernel takes.
check_equal 'the receiving kernel has dropped nothing' 0 "$(ip_ns gw-b -s -j link show lan0 | jq '.[0].stats64.tx.dropped')"

# ---- one that does ----

ecn 1
load_until 'a flow with ECN is marked' has_grown marks 0
check 'which arrives' has_grown arrived_marked 0
check 'and comes back to the sender' test "$(kernel_counter lan-a TcpExtTCPDeliveredCE)" -gt 0
check 'the text says so, too' grep -E 'queue: .* [1-9][0-9]* packets marked' <(ctl gw-a status)

# ---- a flood ----

# Every datagram has arrived, or is among the drops that are counted.
before=$(($(delay_drops) + $(full_drops)))
sent() { kernel_counter lan-a UdpOutDatagrams; }
arrived() { echo $(($(kernel_counter lan-b UdpInDatagrams) + $(kernel_counter lan-b UdpInErrors))); }
ring_drops() { ip_ns gw-a -s -j link show cv0 | jq '.[0].stats64.tx.dropped'; }
sent_before=$(sent) arrived_before=$(arrived) ring_before=$(ring_drops)
accounted() {
	[[ $(($(sent) - sent_before)) -eq $(($(arrived) - arrived_before + $(delay_drops) + $(full_drops) - before + $(ring_drops) - ring_before)) ]]
}
start_bg "$WORK/serve.log" serve in_ns lan-b "$UDP_RATE" serve "$B4" 9001
wait_for 5 'lan-b counts' listens lan-b 9001
start_bg "$WORK/flood.log" flood in_ns lan-a "$UDP_RATE" flood "$B4" 9001 1200 6000 2
wait_for 5 'the flood is dropped of' has_grown delay_drops $((before + 100)) || true
check 'pings pass it, none is lost' pings lan-a $B4 20
check 'a new connection gets through meanwhile' in_ns lan-a timeout 20 socat -u /dev/null "TCP4:$B4:9001"
wait_exit flood 20
check_equal 'it has ended well' 0 "$EXIT_STATUS"
wait_for 5 'no datagram is gone without a count' accounted && pass 'no datagram is gone without a count'
stop_bg serve

# ---- a peer that takes nothing ----

waits_bounded() { # the queue is full, and has no more than it may
	has_grown full_drops "$full_before" && [[ $(queue bytes) -gt 0 && $(queue bytes) -le $QUEUE_BYTES_MAX ]]
}
full_before=$(full_drops)
start_bg "$WORK/serve.log" serve in_ns lan-b "$UDP_RATE" serve "$B4" 9001
wait_for 5 'lan-b counts' listens lan-b 9001
start_bg "$WORK/flood.log" flood in_ns lan-a "$UDP_RATE" flood "$B4" 9001 1200 20000 8
wait_for 5 'the flood flows' has_grown sent $(($(sent) + 1000))
kill -STOP "$(engine_pid gw-b)"
wait_for 10 'what waits for a peer that takes nothing is bounded' waits_bounded && pass 'what waits for a peer that takes nothing is bounded'
kill -CONT "$(engine_pid gw-b)"
stop_bg flood
stop_bg serve
wait_for 15 'the tunnel carries again' pings lan-a $B4
finish
