#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Sizes: LANs with an MTU of 1280, 1500 and 9000, tunnels of different MTUs, offloads switched off at the LANs' interfaces or by
# configuration at one end or both; packets that fit pass, packets that do not get their ICMP error, fragments pass, and TCP
# streams arrive whole whatever is between them.
#
#   lan-a ──── gw-a ════════ gw-b ──── lan-b
#
set -euo pipefail
# shellcheck source=tests/system/tunnel/common.sh
source "$(dirname "$0")/tunnel/common.sh"

BYTES=20000000
[[ -z $SANITIZED ]] || BYTES=4000000

site_add
pki_add gw-a

lan_mtu() { # A-OR-B MTU
	ip_ns "lan-$1" link set eth0 mtu "$2"
	ip_ns "gw-$1" link set lan0 mtu "$2"
}
lan_offloads() { # on|off; at both LANs, both ends
	local place feature
	for place in lan-a:eth0 gw-a:lan0 gw-b:lan0 lan-b:eth0; do
		for feature in tso gso gro tx rx sg; do
			in_ns "${place%:*}" ethtool -K "${place#*:}" $feature "$1" >/dev/null 2>&1 || true
		done
	done
}
forget_paths() {
	local ns
	for ns in lan-a gw-a gw-b lan-b; do
		in_ns $ns sh -c 'ip route flush cache; ip -6 route flush cache' 2>/dev/null || true
	done
}
# A whole restart with other configurations: lines for the server, lines for the client.
tunnel() { # SERVER-LINES CLIENT-LINE...
	local lines=$1
	shift
	client_lines=("$@")
	stop_bg gw-a
	stop_bg gw-b
	rm -f "$WORK/gw-a.log" "$WORK/gw-b.log"
	site_up <<<"$lines"
}

# TCP both ways at once, in one family.
streams() { # NAME
	local address
	for address in $B4 $B6; do
		start_bg "$WORK/stream.log" listener in_ns lan-b timeout 60 "$STREAM" listen "$address" 9000 $BYTES
		wait_for 5 'lan-b listens' listens lan-b 9000
		check "$1: a TCP stream to $address" in_ns lan-a timeout 60 "$STREAM" connect "$address" 9000 $BYTES
		wait_exit listener 30
		check_equal "$1: and back" 0 "$EXIT_STATUS"
	done
}
# The largest packet that may pass without fragments does; one byte more is answered by an ICMP error.
limit() { # NAME MTU
	forget_paths
	check "$1: $2 bytes of IPv4 pass unfragmented" pings lan-a $B4 1 -M 'do' -s $(($2 - 28))
	check "$1: one more does not" no_ping lan-a $B4 -M 'do' -s $(($2 - 27))
	check "$1: $2 bytes of IPv6 pass unfragmented" pings lan-a $B6 1 -M 'do' -s $(($2 - 48))
	check "$1: one more does not, either" no_ping lan-a $B6 -M 'do' -s $(($2 - 47))
	forget_paths
}
# Packets that have to be cut into pieces on the way.
fragments() { # NAME SIZE...
	local name=$1 size
	shift
	for size; do
		forget_paths
		check "$name: $size bytes of IPv4 in fragments" pings lan-a $B4 2 -M dont -s "$size"
		check "$name: and from the other side" pings lan-b $A4 2 -M dont -s "$size"
		# An IPv6 sender learns the path's MTU from the first that is lost.
		in_ns lan-a ping -n -q -c 1 -W 0.3 -s "$size" $B6 >"$WORK/ping" 2>&1 || true
		check "$name: $size bytes of IPv6 in fragments" pings lan-a $B6 2 -s "$size"
	done
	forget_paths
}

tunnel ''
limit 'MTU 1500 everywhere' 1500
fragments 'MTU 1500 everywhere' 1473 4000 20000 65000
streams 'MTU 1500 everywhere'

lan_mtu b 1280
limit 'a LAN of 1280 behind the tunnel' 1280
fragments 'a LAN of 1280 behind the tunnel' 1400 9000
streams 'a LAN of 1280 behind the tunnel'

lan_mtu a 9000
lan_mtu b 9000
limit 'LANs of 9000 and a tunnel of 1500' 1500
fragments 'LANs of 9000 and a tunnel of 1500' 8000 30000
streams 'LANs of 9000 and a tunnel of 1500'

lan_mtu b 1500
lan_offloads off
streams 'LANs without offloads'
fragments 'LANs without offloads' 3000
lan_offloads on

tunnel 'mtu = 9000;'
lan_mtu b 9000
limit 'a tunnel of 9000' 9000
streams 'a tunnel of 9000'
check_equal 'both ends have it' '9000 9000' "$(session_value gw-a gw-b .mtu) $(session_value gw-b gw-a .mtu)"
lan_mtu a 1280
streams 'a tunnel of 9000 between LANs of 1280 and 9000'

tunnel 'mtu = 9000;' 'mtu = 1280;'
lan_mtu a 9000
check_equal "the client's lower MTU counts" 1280 "$(ip -n "$(ns_name gw-a)" -j link show cv0 | jq '.[0].mtu')"
streams 'a client with an MTU of 1280'
fragments 'a client with an MTU of 1280' 1400 5000
tunnel '' 'mtu = 9000;'
expect_log "$WORK/gw-a.log" 'notice engine: gw-b: mtu = 9000 in the profile has no effect, because the server has 1500'

lan_mtu a 1500
lan_mtu b 1500
tunnel 'offloads = false;'
check_equal 'no offloads at the server: none in use' '[] []' \
	"$(session_value gw-a gw-b '.offloads.send | tostring') $(session_value gw-b gw-a '.offloads.send | tostring')"
streams 'no offloads at the server'
fragments 'no offloads at the server' 3000
tunnel '' 'offloads = false;'
streams 'no offloads at the client'
tunnel 'offloads = false;' 'offloads = false;'
streams 'no offloads at both'
lan_offloads off
streams 'no offloads anywhere'
fragments 'no offloads anywhere' 3000
finish
