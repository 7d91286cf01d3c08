# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# A laptop that can be in two networks, of which wan0 is up, a server beyond both, and what lies behind it:
#
#            ┌─ wan0 192.0.2.0/24 ────┐
#   laptop ──┤                        net ── 198.51.100.0/24 ── gw-b ── lan-b: 203.0.113.10, 2001:db8:f::10
#            └─ wan1 192.0.3.0/24 ────┘ │
#                                       └── 198.51.101.0/24 ── spoke (10.3.0.1)
#
# net answers as 203.0.113.10 and 2001:db8:f::10 as well: whatever goes past the tunnel gets an answer, and is captured.

# shellcheck source=tests/system/tunnel/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

OUT4=203.0.113.10 OUT6=2001:db8:f::10
ns_add laptop
ns_add net forward
ns_add gw-b forward
ns_add lan-b
ns_add spoke
veth laptop wan0 net net0
veth laptop wan1 net net1
veth gw-b wan0 net net-b
veth spoke wan0 net net-s
veth gw-b lan0 lan-b eth0
addr laptop wan0 192.0.2.1/24 2001:db8:2::1/64
addr net net0 192.0.2.254/24 2001:db8:2::fe/64
addr net net1 192.0.3.254/24 2001:db8:3::fe/64
addr net net-b 198.51.100.254/24
addr net net-s 198.51.101.254/24
addr net lo $OUT4/32 $OUT6/128
addr gw-b wan0 198.51.100.2/24
addr spoke wan0 198.51.101.2/24
addr spoke lo 10.3.0.1/32
addr gw-b lan0 203.0.113.1/24 2001:db8:f::1/64
addr lan-b eth0 $OUT4/24 $OUT6/64
route laptop default via 192.0.2.254
route laptop ::/0 via 2001:db8:2::fe
route gw-b default via 198.51.100.254
route spoke default via 198.51.101.254
route lan-b default via 203.0.113.1
route lan-b ::/0 via 2001:db8:f::1
ip_ns laptop link set wan1 down

# Into the other network, as a network manager would do it.
laptop_moves() {
	ip_ns laptop link set wan1 up
	ip_ns laptop link set wan0 down
	addr laptop wan1 192.0.3.1/24 2001:db8:3::1/64
	route laptop default via 192.0.3.254
}
