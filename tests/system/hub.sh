#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# A hub with two spokes. Each spoke reaches the hub's LAN; no spoke reaches the other, however it tries: what it sends is
# dropped by its own end, and when that end is not honest, by the hub.
#
#   spoke-a (10.1.0.1) ═══╗
#                         ╠═══ gw-b ──── lan-b (10.2.0.2)
#   spoke-c (10.3.0.1) ═══╝    hub
#
# check: quick
# shellcheck disable=SC2317 # Functions are called by name.
set -euo pipefail
# shellcheck source=tests/system/tunnel/common.sh
source "$(dirname "$0")/tunnel/common.sh"

ns_add spoke-a
ns_add spoke-c
ns_add gw-b forward
ns_add lan-b
veth spoke-a wan0 gw-b wan-a
veth spoke-c wan0 gw-b wan-c
veth gw-b lan0 lan-b eth0
addr spoke-a wan0 192.0.2.1/30
addr gw-b wan-a 192.0.2.2/30
addr spoke-c wan0 198.51.100.1/30
addr gw-b wan-c 198.51.100.2/30
addr spoke-a lo 10.1.0.1/32 fd00:1::1/128
addr spoke-c lo 10.3.0.1/32 fd00:3::1/128
addr gw-b lan0 10.2.0.1/24 fd00:2::1/64
addr lan-b eth0 $B4/24 $B6/64
route lan-b default via 10.2.0.1
route lan-b ::/0 via fd00:2::1

pki_add spoke-a spoke-c
server_conf gw-b <<'CONF'
announce = [ "10.2.0.0/24", "fd00:2::/64" ];
peers = (
	{ name = "spoke-a"; accept_routes = [ "10.1.0.0/16", "fd00:1::/32" ]; },
	{ name = "spoke-c"; accept_routes = [ "10.3.0.0/16", "fd00:3::/32" ]; interface = "branch-c"; }
);
CONF
client_conf spoke-a <<'CONF'
announce = [ "10.1.0.0/24", "fd00:1::/64" ];
CONF
client_conf spoke-c <<'CONF'
remotes = [ "198.51.100.2:443" ];
announce = [ "10.3.0.0/24", "fd00:3::/64" ];
CONF
server_start gw-b
client_start spoke-a
client_start spoke-c
wait_up gw-b spoke-a
wait_up gw-b spoke-c
wait_routes spoke-a 10.2.0.0/24 fd00:2::/64
wait_routes spoke-c 10.2.0.0/24 fd00:2::/64
wait_routes gw-b 10.1.0.0/24 fd00:1::/64
wait_for 5 'the other spoke has its route at the hub' ip_ns gw-b route get 10.3.0.1

check 'spoke a reaches the LAN' pings spoke-a $B4 3 -I 10.1.0.1
check 'spoke c reaches the LAN' pings spoke-c $B4 3 -I 10.3.0.1
check 'spoke a reaches the LAN over IPv6' pings spoke-a $B6 3 -I fd00:1::1
check 'spoke c reaches the LAN over IPv6' pings spoke-c $B6 3 -I fd00:3::1
check 'the LAN reaches spoke a' pings lan-b 10.1.0.1 3
check 'the LAN reaches spoke c' pings lan-b 10.3.0.1 3
check 'the interface has the name from the peers entry' ip_ns gw-b link show branch-c
check_equal 'the hub has two sessions' 2 "$(ctl gw-b status --json | jq '.sessions | length')"
check 'each spoke has an address of its own' test \
	"$(session_value gw-b spoke-a .addresses.remote4)" != "$(session_value gw-b spoke-c .addresses.remote4)"

# An honest client does not even send it.
before=$(drops spoke-a gw-b out_destination)
ip_ns spoke-a route add 10.3.0.0/24 dev cv0
check 'a ping from spoke to spoke is not answered' no_ping spoke-a 10.3.0.1 -I 10.1.0.1
check 'it is counted where it was dropped' test "$(drops spoke-a gw-b out_destination)" -gt "$before"

# One that plays spoke a without these checks: its packets do not even reach the hub's kernel. The last is an ICMP error: host
# unreachable, about a packet that c never sent to a.
stop_bg spoke-a
wait_log "$WORK/gw-b.log" 'spoke-a: session: .* -> ended' 10
capture_start c spoke-c any 'udp port 7777 or src host 10.1.0.1'
puppet_start puppet spoke-a 192.0.2.2:443 spoke-a
check 'a dishonest spoke gets its session' tell puppet <<'SCRIPT'
hello
await welcome
announce 10.1.0.0/24 fd00:1::/64
end
SCRIPT
wait_routes gw-b 10.1.0.0/24 fd00:1::/64
check 'it sends its packets' tell puppet <<'SCRIPT'
repeat 5 udp 10.1.0.1 10.3.0.1 7777 spoke-to-spoke
repeat 5 udp fd00:1::1 fd00:3::1 7777 spoke-to-spoke
frame 1 56 4500003800000000400166c00a0100010a0300010301c034000000004500001c00000000401166cc0a0300010a0100011e611e6100080000
sync
SCRIPT
# A packet that may pass marks the end in the capture.
marker() {
	in_ns lan-b bash -c 'echo marker >/dev/udp/10.3.0.1/7777'
	captured c 'src host 10.2.0.2'
}
wait_for 5 'the marker arrives at spoke c' marker
check_equal 'the dishonest spoke reaches nobody' '' "$(capture_print c 'not src host 10.2.0.2')"
check_equal 'the ten are counted at the session of spoke a' 10 "$(drops gw-b spoke-a in_destination)"
check_equal 'the error is counted there as well' 1 "$(drops gw-b spoke-a in_source)"
puppet_end puppet
check 'spoke c works on' pings spoke-c $B4 3 -I 10.3.0.1
stop_bg c INT
finish
