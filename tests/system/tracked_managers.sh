#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Tracked networks as network managers and routing daemons set them: addresses without the kernel's own route, nexthop objects,
# routes with several next hops, a route that turns into the tunnel; and an item of `announce` that yields nothing.
#
#   lan-a ════ gw-a ════════ gw-b ──── lan-b       gw-a announces what is on lan0 and lan1, and its routes of protocol bird
#
# check: quick
# shellcheck disable=SC2317 # Functions are called by name.
set -euo pipefail
# shellcheck source=tests/system/tunnel/common.sh
source "$(dirname "$0")/tunnel/common.sh"

site_add
veth lan-a eth1 gw-a lan1
pki_add gw-a
site_conf <<'CONF'
peers = ( { name = "gw-a"; accept_routes = [ "10.0.0.0/8", "fd00::/16" ]; } );
CONF
client_conf gw-a <<'CONF'
announce = ( { interface = "lan0"; }, { interface = "lan1"; }, { table = 254; protocol = "bird"; }, { interface = "absent0"; } );
CONF
server_start gw-b
client_start gw-a
wait_up gw-b gw-a
wait_routes gw-b 10.1.0.0/24 fd00:1::/64
arrives() { # NAME PREFIX
	wait_for 3 "$1" has_route gw-b "$2" && pass "$1"
}
goes() { # NAME PREFIX
	wait_for 3 "$1" lacks_route gw-b "$2" && pass "$1"
}
at_gw_a() { ip_ns gw-a "$@"; }

# ---- what yields nothing ----

expect_log "$WORK/gw-a.log" 'warning .*announce: interface absent0 has no network now'
expect_log "$WORK/gw-a.log" 'warning .*announce: interface lan1 has no network now'
expect_log "$WORK/gw-a.log" 'warning .*announce: table 254 has no route now'
refute_log "$WORK/gw-a.log" 'announce: interface lan0 has no network'

# ---- network managers ----

at_gw_a addr add 10.1.20.1/24 dev lan0 noprefixroute
at_gw_a route add 10.1.20.0/24 dev lan0 proto dhcp scope link
arrives 'what a DHCP client sets' 10.1.20.0/24
at_gw_a addr add 10.1.21.1/24 dev lan1 noprefixroute
at_gw_a route add 10.1.21.0/24 dev lan1 proto static scope link
arrives 'what NetworkManager sets' 10.1.21.0/24
at_gw_a -6 addr add fd00:1:20::5/128 dev lan0 nodad
at_gw_a -6 route add fd00:1:20::/64 dev lan0 proto ra
arrives 'a network of a router advertisement' fd00:1:20::/64
at_gw_a route add 10.1.23.0/24 dev lan0 proto static scope link
at_gw_a route del 10.1.20.0/24 dev lan0
goes 'it goes with its route' 10.1.20.0/24
check_fails 'a path that is no network of the interface is not announced' has_route gw-b 10.1.23.0/24
check_equal 'what yields nothing is said once' 1 "$(grep -c 'interface absent0 has no network' "$WORK/gw-a.log")"

# ---- nexthop objects ----

for compatible in 1 0; do
	in_ns gw-a sysctl -qw net.ipv4.nexthop_compat_mode=$compatible
	at_gw_a nexthop add id 10 via $A4 dev lan0
	at_gw_a route add 10.1.60.0/24 nhid 10 proto bird
	arrives "a route by a nexthop object, compatible $compatible" 10.1.60.0/24
	at_gw_a nexthop add id 11 dev cv0
	at_gw_a nexthop add id 12 group 10/11
	at_gw_a route add 10.1.65.0/24 nhid 11 proto bird
	at_gw_a route add 10.1.66.0/24 nhid 12 proto bird
	at_gw_a route add 10.1.67.0/24 nhid 10 proto bird
	arrives "another one, $compatible" 10.1.67.0/24
	check_fails "one into the tunnel is not announced, $compatible" has_route gw-b 10.1.65.0/24
	check_fails "nor one of a group with it, $compatible" has_route gw-b 10.1.66.0/24
	at_gw_a nexthop del id 11
	at_gw_a nexthop del id 10
	goes "it goes with the object, $compatible" 10.1.60.0/24
	at_gw_a nexthop flush >/dev/null 2>&1
done

# ---- several next hops ----

addr gw-a lan1 10.1.90.1/24
addr lan-a eth1 10.1.90.2/24
at_gw_a route add 10.1.62.0/24 proto bird nexthop via $A4 dev lan0 nexthop via 10.1.90.2 dev lan1
arrives 'a route with two next hops' 10.1.62.0/24
ip_ns lan-a link set eth1 down
goes 'a network goes without carrier' 10.1.90.0/24
check 'but not the route that has another next hop' has_route gw-b 10.1.62.0/24
ip_ns lan-a link set eth0 down
goes 'a route whose next hops are all dead goes' 10.1.62.0/24
ip_ns lan-a link set eth0 up
arrives 'and comes back with one of them' 10.1.62.0/24

# ---- into the tunnel ----

at_gw_a route add 10.1.61.0/24 via $A4 proto bird
arrives 'a route to the LAN' 10.1.61.0/24
at_gw_a route replace 10.1.61.0/24 dev cv0 proto bird
goes 'one that turns into the tunnel is not announced any more' 10.1.61.0/24
finish
