#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# answer_inbound = true: who calls a host in full tunnel from outside is answered there, also on a published port of a
# container, also while the tunnel is down, and under a kill switch; and nothing but answers leaves. Without it nobody is.
# `culvert up` over SSH warns.
#
#   box 172.17.0.2 ── docker0 ─┐
#   behind 10.6.0.2 ─ lan0 ────┤ laptop ── wan0 ── net (the caller; the network is drawn in tunnel/laptop.sh)
#
# shellcheck disable=SC2317 # Functions are called by name.
set -euo pipefail
# shellcheck source=tests/system/tunnel/laptop.sh
source "$(dirname "$0")/tunnel/laptop.sh"

ns_add box
ip_ns laptop link add docker0 type bridge
ip_ns laptop link set docker0 up
veth laptop veth1 box eth0
ip_ns laptop link set veth1 master docker0
addr laptop docker0 172.17.0.1/16
addr box eth0 172.17.0.2/16
route box default via 172.17.0.1
ns_add behind
veth laptop lan0 behind eth0
addr laptop lan0 10.6.0.1/24
addr behind eth0 10.6.0.2/24
route behind default via 10.6.0.1
route net 10.6.0.0/24 via 192.0.2.1
route laptop 10.7.0.0/24 via 10.6.0.2 # or it would be a container
in_ns laptop sysctl -qw net.ipv4.ip_forward=1
in_ns laptop nft -f - <<'NFT'
table ip docker {
	chain to { type nat hook prerouting priority -100; iifname "wan0" tcp dport 8080 dnat to 172.17.0.2:80; }
}
NFT

server_conf gw-b <<'CONF'
announce = [ "0.0.0.0/0", "::/0" ];
peers = ( { name = "laptop"; } );
CONF
pki_add laptop
client() { # LINES; a fresh client
	rm -f "$WORK/laptop.log"
	client_conf laptop <<<"remotes = [ \"198.51.100.2\" ]; $1"
	client_start laptop
}
out() { pings laptop $OUT4 1 -W 1; }
start_bg "$WORK/host.log" host in_ns laptop socat TCP6-LISTEN:22,fork,reuseaddr,ipv6-v6only=0 SYSTEM:'echo the host; cat'
start_bg "$WORK/web.log" web in_ns box socat TCP-LISTEN:80,fork,reuseaddr SYSTEM:'echo the box'
wait_for 5 'the host has a service' listens laptop 22
wait_for 5 'the container has one' listens box 80
called() { # ADDRESS PORT EXPECTED
	[[ $(in_ns net timeout 3 socat -u "TCP:$1:$2,connect-timeout=2" - 2>/dev/null | head -n 1) == "$3" ]]
}
answers() { # WHEN
	check "$1: a call is answered" called 192.0.2.1 22 'the host'
	check "$1: by IPv6" called '[2001:db8:2::1]' 22 'the host'
	check "$1: on a container's published port" called 192.0.2.1 8080 'the box'
}
# What the laptop sends past the tunnel: no answer to a call, and not the outer connection.
leaks_begin() {
	capture_start wan0 laptop wan0 'ip and src net (192.0.2.1 or 10.6.0.0/24 or 172.17.0.0/16) and
		not (tcp port 443 and host 198.51.100.2) and not (tcp src port 22 or tcp src port 8080)'
}
leaks_end() { # NAME
	in_ns net ping -n -q -c 1 -W 1 192.0.2.1 >/dev/null || true
	check_equal "$1" '' "$(capture_print wan0 'not icmp[icmptype] == 0 and not icmp[icmptype] == 3')"
	stop_bg wan0 INT
}
fwmark_accept() { in_ns laptop cat /proc/sys/net/ipv4/tcp_fwmark_accept; }

server_start gw-b
answers 'before'
before=$(fwmark_accept)

# ---- without ----

client 'full_tunnel = true;'
wait_up laptop gw-b
wait_for 5 'the full tunnel carries' out
check_fails 'without the option nobody is answered' called 192.0.2.1 22 'the host'
stop_bg laptop

# ---- with ----

client 'full_tunnel = true; answer_inbound = true;'
wait_up laptop gw-b
wait_for 5 'the full tunnel carries' out
leaks_begin
answers 'full tunnel'
check 'a ping, too' pings net 192.0.2.1 1
check 'everything else goes through the tunnel' pings laptop $OUT4 1
check "the caller's address is not reached from here" no_ping laptop 192.0.2.254
check_fails 'not even from the port that it calls' in_ns laptop socat -u "TCP:192.0.2.254:9,bind=192.0.2.1,sourceport=22,reuseaddr,connect-timeout=1" -
check 'nor by a packet with the mark' no_ping laptop 192.0.2.254 -m $((0x63760004))
check 'a call that is passed on is not answered past the tunnel' no_ping net 10.6.0.2
leaks_end 'and nothing but answers has left'
start_bg "$WORK/call.log" call in_ns net socat -u TCP:192.0.2.1:22 -
wait_log "$WORK/call.log" 'the host' 5
stop_bg gw-b
wait_log "$WORK/laptop.log" 'gw-b: received a goodbye' 5
ip_ns laptop link del cv0 2>/dev/null || true
answers 'while the tunnel is down'
check 'a call from before stays' bg_running call
stop_bg call
in_ns laptop sysctl -qw net.ipv4.tcp_fwmark_accept=0
back() { [[ $(fwmark_accept) == 1 ]]; }
wait_for 25 'the setting is put back' back && pass 'a setting that others change is put back'
stop_bg laptop
check_equal 'the end puts the setting back' "$before" "$(fwmark_accept)"
check_fails 'and takes the table away' in_ns laptop nft list table inet culvert-inbound-laptop
server_start gw-b

# ---- a kill switch ----

client 'kill_switch = true; full_tunnel = true;'
wait_up laptop gw-b
check_fails 'a kill switch answers nobody' called 192.0.2.1 22 'the host'
stop_bg laptop
client 'kill_switch = true; answer_inbound = true;'
wait_up laptop gw-b
leaks_begin
answers 'a kill switch that is told to'
check 'nothing else leaves' no_ping laptop 192.0.2.254
leaks_end 'and nothing but answers has left'
stop_bg laptop

# ---- over SSH ----

with_ssh() { # LINES
	rm -f "$WORK/laptop.log"
	client_conf laptop <<<"remotes = [ \"198.51.100.2\" ]; $1"
	start_bg "$WORK/laptop.log" laptop in_ns laptop env SSH_CONNECTION='192.0.2.254 50000 192.0.2.1 22' \
		"$CULVERT" up "$WORK/laptop.conf"
	wait_up laptop gw-b
	stop_bg laptop
}
with_ssh 'full_tunnel = true;'
expect_log "$WORK/laptop.log" 'SSH from 192.0.2.254, which the full tunnel cuts off.*answer_inbound = true; or bypass = \[ "192.0.2.254/32" \];'
check 'it comes before the tunnel' test "$(grep -n 'SSH from' "$WORK/laptop.log" | cut -d: -f1)" -lt \
	"$(grep -n 'full tunnel: all packets' "$WORK/laptop.log" | cut -d: -f1)"
with_ssh 'full_tunnel = true; answer_inbound = true;'
refute_log "$WORK/laptop.log" 'SSH from'
with_ssh ''
refute_log "$WORK/laptop.log" 'SSH from'
finish
