#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Counters are exact: packets and bytes of known pings at both ends, in both families and directions, and every drop under its
# reason.
#
#   lan-a ──── gw-a ════════ gw-b ──── lan-b
#
# check: quick suite
set -euo pipefail
# shellcheck source=tests/system/tunnel/common.sh
source "$(dirname "$0")/tunnel/common.sh"

site_add
pki_add gw-a
# The kernel reports its multicast groups at random moments of the first seconds; here at once, so that it does not disturb.
for ns in gw-a gw-b; do
	in_ns $ns sh -c 'echo 1 >/proc/sys/net/ipv6/conf/default/mldv2_unsolicited_report_interval'
done
site_up </dev/null
PINGS=20

# in_packets in_bytes out_packets out_bytes drops, but for multicast that the kernel of each end sends when it likes
counters() { # NAME PEER
	session_value "$1" "$2" \
		'"\(.in_packets) \(.in_bytes) \(.out_packets) \(.out_bytes) \(([.drops[]] | add) - .drops.out_link_local)"'
}

# What the kernel counts at the tunnel's interface: received packets and bytes come from the daemon. Of what it sends, the
# multicast is taken out again.
kernel() { # NS PEER
	local noise
	noise=$(drops "$1" "$2" out_link_local)
	ip -n "$(ns_name "$1")" -s -j link show cv0 | jq -r --argjson noise "$noise" \
		'.[0].stats64 | "\(.rx.packets) \(.rx.bytes) \(.tx.packets - $noise)"'
}

difference() { # BEFORE AFTER
	paste -d- <(tr ' ' '\n' <<<"$2") <(tr ' ' '\n' <<<"$1") | while read -r term; do echo $((term)); done | paste -sd' '
}

# Each echo of SIZE bytes is one packet of SIZE + headers there, and one back.
exact() { # NAME FROM TARGET SIZE HEADERS
	local a b kernel_a kernel_b bytes=$((PINGS * ($4 + $5))) expected
	a=$(counters gw-a gw-b) b=$(counters gw-b gw-a)
	kernel_a=$(kernel gw-a gw-b) kernel_b=$(kernel gw-b gw-a)
	expected="$PINGS $bytes $PINGS $bytes"
	check "$1: $PINGS pings" pings "$2" "$3" "$PINGS" -s "$4"
	check_equal "$1: the client's counters" "$expected 0" "$(difference "$a" "$(counters gw-a gw-b)")"
	check_equal "$1: the server's counters" "$expected 0" "$(difference "$b" "$(counters gw-b gw-a)")"
	check_equal "$1: the kernel's at the client" "${expected% *}" "$(difference "$kernel_a" "$(kernel gw-a gw-b)")"
	check_equal "$1: the kernel's at the server" "${expected% *}" "$(difference "$kernel_b" "$(kernel gw-b gw-a)")"
}
exact 'IPv4, 100 bytes, from lan-a' lan-a $B4 100 28
exact 'IPv4, empty, from lan-b' lan-b $A4 0 28
exact 'IPv6, 1000 bytes, from lan-a' lan-a $B6 1000 48
exact 'IPv6, 1 byte, from lan-b' lan-b $A6 1 48
exact 'IPv4, 1472 bytes, from lan-a' lan-a $B4 1472 28

# One daemon's out is the other's in.
check_equal 'both ends agree' "$(session_value gw-a gw-b '"\(.out_packets) \(.out_bytes)"')" \
	"$(session_value gw-b gw-a '"\(.in_packets) \(.in_bytes)"')"
check_equal 'the sums are the sums of the lanes' "$(session_value gw-a gw-b .out_bytes)" \
	"$(session_value gw-a gw-b '[.lanes[].out_bytes] | add')"

# Drops by reason: what is sent to nobody's prefix, and noise.
before=$(counters gw-a gw-b)
dest=$(drops gw-a gw-b out_destination)
ip_ns gw-a route add 10.99.0.0/16 dev cv0
in_ns lan-a ping -n -q -c 7 -i 0.05 -W 0.2 10.99.0.1 >"$WORK/ping" || true
check_equal 'seven packets to an address that is not the peer'\''s' $((dest + 7)) "$(drops gw-a gw-b out_destination)"
noise=$(drops gw-a gw-b out_link_local)
in_ns gw-a ping -n -q -c 3 -i 0.05 -W 0.2 -I cv0 224.0.0.251 >"$WORK/ping" || true
check 'three to a multicast group are counted, and may have company' test "$(drops gw-a gw-b out_link_local)" -ge $((noise + 3))
check_equal 'none of them counts as carried' '0 0 0 0 7' "$(difference "$before" "$(counters gw-a gw-b)")"
finish
