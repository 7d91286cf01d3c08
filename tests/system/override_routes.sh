#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# override_routes: the server's route to a network that the laptop has on-link is refused, and taken where the profile names
# it: in a full tunnel, also before a local bridge, and without one for a part of the network.
#
# The network is drawn in tunnel/laptop.sh; net has 192.0.2.77 as well, in the laptop's own network, and lan-b, too.
set -euo pipefail
# shellcheck source=tests/system/tunnel/laptop.sh
source "$(dirname "$0")/tunnel/laptop.sh"

addr net net0 192.0.2.77/24
addr lan-b eth0 192.0.2.77/32 172.17.0.2/32
route gw-b 192.0.2.77 dev lan0
route gw-b 172.17.0.2 dev lan0
ns_add box
ip_ns laptop link add docker0 type bridge
ip_ns laptop link set docker0 up
veth laptop veth1 box eth0
ip_ns laptop link set veth1 master docker0
addr laptop docker0 172.17.0.1/16
addr box eth0 172.17.0.2/16
pki_add laptop
server() { # LINES
	server_conf gw-b <<CONF
peers = ( { name = "laptop"; } );
$1
CONF
	server_start gw-b
}
laptop() { # LINES; a fresh client
	rm -f "$WORK/laptop.log"
	client_conf laptop <<<"remotes = [ \"198.51.100.2\" ]; accept_routes = [ \"0.0.0.0/0\" ]; $1"
	client_start laptop
	wait_up laptop gw-b
}
by() { # ADDRESS INTERFACE
	ip_ns laptop route get "$1" | grep -F "dev $2 "
}
echoes() { # ADDRESS; from lan-b, and not from near
	[[ $(in_ns laptop timeout 2 socat -u "TCP:$1:80,connect-timeout=1" - 2>/dev/null) == far ]]
}
start_bg "$WORK/far.log" far in_ns lan-b socat TCP-LISTEN:80,fork,reuseaddr SYSTEM:'echo far'
start_bg "$WORK/near.log" near in_ns net socat TCP-LISTEN:80,fork,reuseaddr SYSTEM:'echo near'
start_bg "$WORK/box.log" box in_ns box socat TCP-LISTEN:80,fork,reuseaddr SYSTEM:'echo box'
wait_for 5 'the far one listens' listens lan-b 80
wait_for 5 'the near one listens' listens net 80

# ---- a full tunnel ----

server 'announce = [ "0.0.0.0/0", "192.0.2.0/24", "172.17.0.0/16" ];'
laptop 'full_tunnel = true;'
wait_log "$WORK/laptop.log" 'route 192.0.2.0/24: refused' 5
wait_log "$WORK/laptop.log" 'route 172.17.0.0/16: refused' 5
check 'the local bridge is left alone' by 172.17.0.2 docker0
stop_bg laptop
laptop 'full_tunnel = true; override_routes = [ "192.0.2.0/24", "172.16.0.0/12" ];'
wait_log "$WORK/laptop.log" 'route 192.0.2.0/24: installed' 5
wait_log "$WORK/laptop.log" 'route 172.17.0.0/16: installed' 5
check 'the network that is named goes into the tunnel' echoes 192.0.2.77
check 'so does that of a local bridge' echoes 172.17.0.2
check 'the connection to the server goes on' pings laptop $SERVER4
mark=$(log_mark "$WORK/laptop.log")
addr laptop wan0 192.0.2.3/24
wait_log_since "$WORK/laptop.log" "$mark" "this host's network has changed" 5
check 'it stays when the networks are judged again' echoes 192.0.2.77
ip_ns laptop addr del 192.0.2.3/24 dev wan0
stop_bg laptop
stop_bg gw-b

# ---- without ----

server 'announce = [ "192.0.2.0/24", "192.0.2.64/26" ];'
laptop ''
wait_log "$WORK/laptop.log" 'route 192.0.2.64/26: refused' 5
check 'it is near' by 192.0.2.77 wan0
stop_bg laptop
laptop 'override_routes = [ "192.0.2.0/24" ];'
wait_log "$WORK/laptop.log" 'route 192.0.2.64/26: installed' 5
wait_log "$WORK/laptop.log" 'route 192.0.2.0/24: refused' 5
check 'a part of the network goes into the tunnel' echoes 192.0.2.77
check 'the rest is near' by 192.0.2.254 wan0
finish
