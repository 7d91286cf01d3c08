#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# A full tunnel fails closed: from the first welcome on nothing leaves past it, for either family, whether the server offers no
# default route, withdraws the ones it had, is restarted without them, or ends the session; nor can another local user keep it
# from being in force. `status` and the log name the cause.
#
# The network is drawn in tunnel/laptop.sh. Two boxes, 172.16.9.2 and .3, are at a bridge of the laptop's.
#
# shellcheck disable=SC2317 # Functions are called by name.
set -euo pipefail
# shellcheck source=tests/system/tunnel/laptop.sh
source "$(dirname "$0")/tunnel/laptop.sh"

ip_ns laptop link add br0 type bridge
ip_ns laptop link set br0 up
addr laptop br0 172.16.9.1/24 fd00:9::1/64
for box in 2 3; do
	ns_add box$box
	veth laptop box$box box$box eth0
	ip_ns laptop link set box$box master br0
	addr box$box eth0 172.16.9.$box/24 fd00:9::$box/64
	route box$box default via 172.16.9.1
	route box$box ::/0 via fd00:9::1
done
in_ns laptop sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
link_local() { ip_ns net -6 -j addr show dev net0 scope link | jq -r '[.[0].addr_info[]? | select(.scope == "link").local][0]'; }
NEAR=$(link_local)%wan0
pki_add laptop
server() { # ANNOUNCE
	server_conf gw-b <<CONF
announce = [ $1 ];
peers = ( { name = "laptop"; } );
CONF
	server_start gw-b
	# A change of the network makes a client that waits dial at once.
	ip_ns laptop addr add 198.18.0.1/32 dev lo && ip_ns laptop addr del 198.18.0.1/32 dev lo
}
watch() { # what the laptop sends in clear, except how neighbours are found
	capture_start wan0 laptop wan0 "(ip and src host 192.0.2.1 and not (tcp port 443 and host 198.51.100.2)) or
		(ip6 and src host 2001:db8:2::1 and not (icmp6 and ip6[40] >= 133 and ip6[40] <= 137)) or
		src net 172.16.9.0/24 or src net fd00:9::/64"
}
watch
nothing_leaves() { # WHEN
	check "$1, IPv4 is held back" no_ping laptop $OUT4
	check "$1, IPv6 is held back" no_ping laptop $OUT6
	check "$1, the neighbour is not reached" no_ping laptop 192.0.2.254
	in_ns net ping -n -q -c 1 -W 1 192.0.2.1 >/dev/null 2>&1 || true
	check_equal "$1, nothing has left past the tunnel" '' "$(capture_print wan0 'not dst host 192.0.2.254')"
}
told() { # FAMILY...
	local want
	want=$(printf '%s\n' "$@" | jq -Rsc 'split("\n") | map(select(. != ""))')
	[[ $(ctl laptop status --json | jq -c '.full_tunnel.held_back') == "$want" ]]
}

doctor_says() { # REGEX
	grep -E "$1" <(in_ns laptop timeout 10 "$CULVERT" doctor --socket "$WORK/laptop.sock" 2>&1)
}
lacks_network() {
	! ip_ns laptop route show table 25462 | grep -F 203.0.113.8/29 >/dev/null
}

# ---- what any user may do ----

for number in {0..15}; do
	start_bg /dev/null "squat$number" in_ns laptop setpriv --reuid nobody --clear-groups \
		socat "ABSTRACT-LISTEN:culvert-full-tunnel-$number,fork" /dev/null
done
check_fails 'a stranger cannot claim a table' in_ns_tun laptop 666 setpriv --reuid nobody --clear-groups ip tuntap add cvclaim0 mode tun

# ---- a server that offers a network and no default route ----

server '"203.0.113.8/29"'
client_conf laptop <<<'remotes = [ "198.51.100.2" ]; full_tunnel = true; accept_routes = [ "203.0.113.8/29" ];'
check 'before the first welcome nothing is held back' pings laptop $OUT6
stop_bg wan0 INT
watch
client_start laptop
wait_up laptop gw-b
wait_for 5 'status names what is held back' told IPv4 IPv6 && pass 'status names what is held back'
wait_for 5 'what the server offers goes through the tunnel' pings laptop $OUT4
check 'the server is reached inside the tunnel' pings laptop "$SERVER4"
check 'IPv6 is held back' no_ping laptop $OUT6
check 'the neighbour is not reached' no_ping laptop 192.0.2.254
check_equal 'nothing has left past the tunnel' '' "$(capture_print wan0)"
wait_log "$WORK/laptop.log" 'full tunnel: held back: the server announces no IPv4 and no IPv6 default route' 5
check 'status says so to people' grep -F 'held back: the server announces no IPv4 and no IPv6 default route' <(ctl laptop status)
check 'doctor does, too' doctor_says '^problem: full_tunnel: everything is held back: the server announces no IPv4 and no IPv6 default route'
check 'and takes the way to the server for fine' doctor_says '^ok: path: packets to 198.51.100.2 '

# ---- withdrawn while it runs ----

check 'the server offers IPv4' ctl gw-b routes add 0.0.0.0/0
wait_for 5 'IPv6 alone is held back' told IPv6 && pass 'IPv6 alone is held back'
check 'it is withdrawn' ctl gw-b routes del 0.0.0.0/0
wait_for 5 'both are held back again' told IPv4 IPv6 && pass 'both are held back again'
ctl gw-b routes del 203.0.113.8/29 >/dev/null
wait_for 5 'the network is withdrawn, too' lacks_network
nothing_leaves 'withdrawn'

# ---- another engine, another server ----

mark=$(log_mark "$WORK/laptop.log")
kill -KILL "$(engine_pid laptop)"
nothing_leaves 'while the engine is away'
wait_up laptop gw-b "$mark"
mark=$(log_mark "$WORK/laptop.log")
stop_bg gw-b
nothing_leaves 'while the server is away'
check 'doctor says that the session is away' doctor_says '^problem: full_tunnel: everything is held back: the tunnel is not up: '
server '"0.0.0.0/0"'
wait_up laptop gw-b "$mark"
wait_for 5 'IPv4 goes through the tunnel' pings laptop $OUT4
check 'IPv6 does not leave' no_ping laptop $OUT6
mark=$(log_mark "$WORK/laptop.log")
stop_bg gw-b
server ''
wait_up laptop gw-b "$mark"
wait_for 5 'both are held back' told IPv4 IPv6
nothing_leaves 'restarted without a default route'

# ---- what no policy rule holds back ----

bound() { # WHEN; programs that name their interface, and what br_netfilter does not show
	check "$1, a bound socket reaches nobody" no_ping laptop $OUT4 -I wan0
	check "$1, nor its neighbour" no_ping laptop 192.0.2.254 -I wan0
	check "$1, nor by IPv6" no_ping laptop 2001:db8:2::fe -I wan0
	check "$1, nor by a link-local address" no_ping laptop "$NEAR"
	# With CAP_NET_RAW alone a program may set the mark.
	in_ns laptop setpriv --reuid nobody --clear-groups --inh-caps=-all,+net_raw --ambient-caps=-all,+net_raw \
		socat -u EXEC:'echo marked' "UDP4:$OUT4:443,setsockopt-int=1:36:$((0x63760001))" 2>/dev/null || true
	# shellcheck disable=SC2016 # The inner shell expands.
	in_ns laptop bash -c 'echo >/dev/udp/192.0.2.255/9' 2>/dev/null || true
}
rules_gone() { # each time a packet is sent at once
	# shellcheck disable=SC2016 # The inner shell expands.
	in_ns laptop bash -c 'for i in {1..5}; do
		for pref in 25462 25463 25464; do ip rule del pref $pref; ip -6 rule del pref $pref; done
		ping -n -q -c 1 -W 0.1 203.0.113.10; ping -n -q -c 1 -W 0.1 2001:db8:f::10
	done' >/dev/null 2>&1 || true
}
bound 'in force'
check 'in force, a bridge passes what its ports send each other' pings box2 172.16.9.3
check 'in force, for IPv6, too' pings box2 fd00:9::3
from_a_box() { in_ns box2 ping -n -q -f -w 30 "$1" >/dev/null 2>&1; }
start_bg /dev/null flood4 from_a_box $OUT4
start_bg /dev/null flood6 from_a_box $OUT6
rules_gone
stop_bg flood4 INT
stop_bg flood6 INT
nothing_leaves 'while another program removes the rules'
check_fails 'the log does not say that anything may have left' grep -F 'may have gone past' "$WORK/laptop.log"

stop_bg laptop
check 'the end lets packets leave' pings laptop $OUT6

# ---- no table is to be had ----

for number in {0..15}; do
	ip_ns laptop link add "cvclaim$number" type veth peer name "other$number"
done
rm -f "$WORK/laptop.log"
client_start laptop
wait_log "$WORK/laptop.log" 'full tunnel: the tables 25462 to 25477 are all in use' 10
wait_log "$WORK/laptop.log" 'meanwhile nothing leaves this host' 1
check_equal 'without a table no session carries anything' '' "$(ip_ns laptop -br link show type tun)"
stop_bg wan0 INT
watch
bound 'without a table'
nothing_leaves 'without a table'
check 'status says why' grep -F 'held back: the tunnel has no interface: ' <(ctl laptop status)
check 'and doctor' doctor_says '^problem: full_tunnel: everything is held back: the tunnel has no interface: .*25477 are all in use'
kill -KILL "$(engine_pid laptop)"
nothing_leaves 'without a table and an engine'
for number in {0..15}; do
	ip_ns laptop link delete "cvclaim$number"
done
wait_up laptop gw-b
check_equal 'until there is one nothing has left past the tunnel' '' "$(capture_print wan0)"
check 'then the server is reached inside the tunnel' pings laptop "$SERVER4"
stop_bg laptop
check 'the end lets packets leave again' pings laptop $OUT6

# ---- neither a routing table nor a firewall table is to be had ----

for number in {0..15}; do
	ip_ns laptop link add "cvclaim$number" type veth peer name "other$number"
done
status=0
in_ns laptop timeout 20 "$BUILD/system/without" netfilter "$CULVERT" up "$WORK/laptop.conf" >"$WORK/neither.log" 2>&1 || status=$?
check_equal 'where nothing can hold packets back the program ends' 1 $status
check 'and says why' grep -F 'full_tunnel = true, but netd can block no packets' "$WORK/neither.log"
finish
