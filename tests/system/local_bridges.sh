#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# A full tunnel and a kill switch leave this host's own containers alone, and nothing else: what is on a bridge with an
# uplink is cut off, whether it had the uplink from the start or gets it, and no route of others leads a container's
# packets elsewhere.
#
#   box  172.17.0.2 ── docker0 ──┐
#   pod  10.88.7.2  ── veth7 ────┤
#                     (new) br1 ─┤ laptop ── wan0 ── net (the network is drawn in tunnel/laptop.sh)
#   net1 192.0.3.254 ─ up1 ── br-lan ┘
#
# up1 stands for a network card; a veth would be a container's. It is a VXLAN over wan1.
#
# shellcheck disable=SC2317 # Functions are called by name.
set -euo pipefail
# shellcheck source=tests/system/tunnel/laptop.sh
source "$(dirname "$0")/tunnel/laptop.sh"

ns_add box
ns_add pod
ip_ns laptop link add docker0 type bridge
ip_ns laptop link set docker0 up
veth laptop veth1 box eth0
ip_ns laptop link set veth1 master docker0
addr laptop docker0 172.17.0.1/16 fd00:17::1/64
addr box eth0 172.17.0.2/16 fd00:17::2/64
route box default via 172.17.0.1
route box ::/0 via fd00:17::1
veth laptop veth7 pod eth0
addr laptop veth7 10.88.7.1/24
addr pod eth0 10.88.7.2/24
ip_ns laptop link add br-lan type bridge
ip_ns laptop link set br-lan up
ip_ns laptop link set wan1 up
ip_ns net addr flush dev net1
addr laptop wan1 10.7.7.1/24
addr net net1 10.7.7.254/24
ip_ns laptop link add up1 type vxlan id 7 remote 10.7.7.254 dstport 4789
ip_ns laptop link set up1 up master br-lan
addr laptop br-lan 192.0.3.1/24
ip_ns net link add up1 type vxlan id 7 remote 10.7.7.1 dstport 4789
ip_ns net link set up1 up
addr net up1 192.0.3.254/24
in_ns laptop sysctl -qw net.ipv4.ip_forward=1
# Docker's rules: containers reach the world, and port 8080 is the container's.
in_ns laptop nft -f - <<'NFT'
table ip docker {
	chain from { type nat hook postrouting priority 100; ip saddr 172.17.0.0/16 oifname != "docker0" masquerade; }
	chain to { type nat hook output priority -100; tcp dport 8080 fib daddr type local dnat to 172.17.0.2:80; }
}
NFT

server_conf gw-b <<'CONF'
announce = [ "0.0.0.0/0", "::/0" ];
peers = ( { name = "laptop"; } );
CONF
pki_add laptop
laptop() { # LINES; a fresh client
	rm -f "$WORK/laptop.log"
	client_conf laptop <<<"remotes = [ \"198.51.100.2\" ]; $1"
	client_start laptop
}
out() { pings laptop $OUT4 1 -W 1; }
reaches_none() { no_ping laptop "$1"; }
answers() { # ADDRESS PORT
	[[ $(in_ns laptop timeout 2 socat -u "TCP:$1:$2,connect-timeout=1" - 2>/dev/null) == "the box" ]]
}
start_bg "$WORK/web.log" web in_ns box socat TCP-LISTEN:80,fork,reuseaddr SYSTEM:'echo the box'
start_bg "$WORK/host.log" host in_ns laptop socat TCP-LISTEN:81,fork,reuseaddr SYSTEM:'echo the host'
wait_for 5 'the container has a service' listens box 80
wait_for 5 'the host has one' listens laptop 81
calls_host() { [[ $(in_ns box timeout 2 socat -u "TCP:$1:81,connect-timeout=1" - 2>/dev/null) == "the host" ]]; }

# What is for the containers or from them and leaves by a network card.
leaks_begin() {
	capture_start wan0 laptop wan0 'net 172.16.0.0/12 or net 10.88.0.0/16 or net 10.99.0.0/16 or net fd00::/8 or icmp or udp port 9'
	capture_start up1 laptop up1 'ip and (net 172.16.0.0/12 or net 192.0.3.0/24 or net 10.99.0.0/16)'
}
ends() { # CAPTURE ADDRESS; a packet that may pass marks the end
	# shellcheck disable=SC2016 # The inner shell expands.
	in_ns net bash -c 'echo end >"/dev/udp/$1/9"' bash "$2" || true
	captured "$1" 'udp port 9'
}
leaks_end() { # NAME
	wait_for 5 'the end of the capture' ends wan0 192.0.2.1
	wait_for 5 'the end of the other capture' ends up1 192.0.3.1
	check_equal "$1" '' "$(capture_print wan0 'not udp port 9 and not host 192.0.2.254')$(capture_print up1 'not udp port 9 and not icmp[icmptype] == 3')"
	stop_bg wan0 INT
	stop_bg up1 INT
}
containers_work() { # WHEN
	check "$1: the container answers" pings laptop 172.17.0.2 1
	check "$1: by IPv6" pings laptop fd00:17::2 1
	check "$1: one on a veth, too" pings laptop 10.88.7.2 1
	check "$1: its service" answers 172.17.0.2 80
	check "$1: its published port" answers 192.0.2.1 8080
	check "$1: it reaches the host" calls_host 172.17.0.1
	check "$1: and the host's other address" calls_host 192.0.2.1
}

nothing_left() { # of policy rules, tables and routes of ours
	[[ -z $(ip_ns laptop rule show | grep 'proto 67'; ip_ns laptop route show table all proto 67
		ip_ns laptop -6 route show table all proto 67) ]]
}
server_start gw-b
containers_work 'before'
wait_for 5 'the other network is reached' pings laptop 192.0.3.254 1

# ---- a full tunnel ----

laptop 'full_tunnel = true;'
wait_up laptop gw-b
wait_for 5 'the full tunnel carries' out
leaks_begin
containers_work 'full tunnel'
check 'the container reaches the world through the tunnel' pings box $OUT4 1
check 'a bridge with an uplink is cut off' reaches_none 192.0.3.254
# Any DHCP server can push such a route.
route laptop 172.17.0.2/32 via 192.0.2.254
route laptop 10.88.7.0/25 via 192.0.2.254
check "others' routes do not divert it" pings laptop 172.17.0.2 1
check 'nor this' pings laptop 10.88.7.2 1
ip_ns laptop route del 172.17.0.2/32
ip_ns laptop route del 10.88.7.0/25
check 'what is beside it goes into the tunnel' reaches_none 172.18.0.2
leaks_end 'nothing has left past the tunnel'

# ---- from the tunnel nobody is a container ----

inner4=$(session_value gw-b laptop .addresses.remote4)
addr lan-b eth0 172.17.0.9/32
capture_start inside laptop docker0 'icmp and host 172.17.0.9 or arp host 172.17.0.9'
check 'a container that comes by the tunnel is not answered' no_ping lan-b "$inner4" -I 172.17.0.9
pings laptop 172.17.0.2 1 >/dev/null
check_equal 'nor is the container' '' "$(capture_print inside)"
stop_bg inside INT

# ---- changes ----

ip_ns laptop link add br1 type bridge
ip_ns laptop link set br1 up
ns_add late
veth laptop veth9 late eth0
ip_ns laptop link set veth9 master br1
addr late eth0 10.99.0.2/24
addr laptop br1 10.99.0.1/24
late_answers() { pings laptop 10.99.0.2 1 -W 1; }
wait_for 5 'a bridge that appears' late_answers && pass 'a bridge that appears is left alone'
ip_ns laptop route del 10.99.0.0/24 dev br1 table 25462
wait_for 5 'a route that others remove' late_answers && pass 'a route that others remove is put back'
leaks_begin
ip_ns laptop link set up1 nomaster
ip_ns laptop link set up1 master br1
gone() { [[ -z $(ip_ns laptop route show table 25462 10.99.0.0/24) ]]; }
wait_for 5 'its route goes' gone && pass 'when it gets an uplink it is cut off'
# What was asked for before stays on the wire in between, and that is all.
stop_bg up1 INT
capture_start up1 laptop up1 'ip and (net 172.16.0.0/12 or net 192.0.3.0/24 or net 10.99.0.0/16)'
check 'nobody there is reached' reaches_none 10.99.0.2
in_ns laptop bash -c 'echo lookup >/dev/udp/10.99.0.77/53' 2>/dev/null || true
check 'not even by a bound socket' reaches_none 10.99.0.3 -I br1
addr net up1 10.99.0.254/24
wait_for 5 'the end of the capture' ends up1 10.99.0.1
check_equal 'and nothing leaves' '' "$(capture_print up1 'src host 10.99.0.1 and not icmp[icmptype] == 3')"
ip_ns laptop link set up1 nomaster
wait_for 5 'without it' late_answers && pass 'without the uplink it is back'
ip_ns laptop link del br1
ip_ns laptop link set up1 master br-lan
stop_bg wan0 INT
stop_bg up1 INT

stop_bg laptop
wait_for 5 'nothing is left' nothing_left && pass 'nothing is left behind'

# ---- switched off ----

laptop 'full_tunnel = true; bypass_local_bridges = false;'
wait_up laptop gw-b
wait_for 5 'the full tunnel carries' out
check 'without the option the container is cut off' reaches_none 172.17.0.2
stop_bg laptop

# ---- killed ----

laptop 'full_tunnel = true;'
wait_up laptop gw-b
wait_for 5 'the full tunnel carries' out
kill_laptop() {
	local engine
	engine=$(engine_pid laptop)
	kill -KILL "$(pid_of laptop)" "$engine"
	wait_exit laptop 5 || true
	rm -f "$WORK/laptop.sock"
}
kill_laptop
check 'sweep takes the routes away, too' in_ns laptop "$CULVERT" sweep
check 'nothing is left of a killed one' nothing_left

# ---- a kill switch, alone and with a full tunnel ----

for lines in '' 'full_tunnel = true;'; do
	stop_bg gw-b
	laptop "kill_switch = true; $lines"
	wait_log "$WORK/laptop.log" 'kill switch: nothing leaves this host' 5
	leaks_begin
	containers_work "kill switch${lines:+ and full tunnel} before the first connection"
	check 'a bridge with an uplink is cut off' reaches_none 192.0.3.254
	mark=$(log_mark "$WORK/laptop.log")
	server_start gw-b
	wait_up laptop gw-b "$mark"
	containers_work "kill switch${lines:+ and full tunnel}"
	check 'a bridge with an uplink is still cut off' reaches_none 192.0.3.254
	check "others' addresses are, too" reaches_none 192.0.2.254
	wait_for 5 'the end of the capture' ends wan0 192.0.2.1
	wait_for 5 'the end of the other capture' ends up1 192.0.3.1
	check_equal 'nothing of it has left' '' "$(capture_print wan0 'not udp port 9')$(capture_print up1 'not udp port 9')"
	stop_bg wan0 INT
	stop_bg up1 INT
	kill_laptop
	check 'killed, the switch stays' reaches_none 192.0.2.254
	check 'and the container is reached' pings laptop 172.17.0.2 1
	in_ns laptop "$CULVERT" sweep >/dev/null
done
finish
