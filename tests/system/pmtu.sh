#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Path MTU discovery through gateways: who answers a packet that is too large, from which address and with which MTU, for
# each place on the way that can be narrower, from both LANs, by IPv4 with DF and by IPv6; that the senders heed it; and
# that errors pass which a router of the site makes, whose own address nobody has announced.
#
#   lan-a ──── gw-a ════════ gw-b ──── lan-b ──── far
#      10.1.0.2                  10.2.0.2  172.31.0.1   10.2.9.2
# shellcheck disable=SC2317 # Functions are called by name.
set -euo pipefail
# shellcheck source=tests/system/tunnel/common.sh
source "$(dirname "$0")/tunnel/common.sh"

FAR4=10.2.9.2 FAR6=fd00:2:0:9::2

site_add
ns_add far
in_ns lan-b sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
# Each answer of the router counts, however soon it follows others.
in_ns lan-b sysctl -qw net.ipv4.icmp_ratelimit=0 net.ipv6.icmp.ratelimit=0
veth lan-b far0 far eth0
addr lan-b far0 172.31.0.1/24 fd99::1/64
addr far eth0 $FAR4/32 172.31.0.2/24 $FAR6/128 fd99::2/64
route lan-b $FAR4/32 via 172.31.0.2
route lan-b $FAR6/128 via fd99::2
route far default via 172.31.0.1 src $FAR4
route far ::/0 via fd99::1 src $FAR6
route gw-b 10.2.9.0/24 via $B4
route gw-b fd00:2:0:9::/64 via $B6

pki_add gw-a
site_up <<'END'
mtu = 1400;
announce = [ "10.2.0.0/24", "fd00:2::/64", "10.2.9.0/24", "fd00:2:0:9::/64" ];
END
wait_routes gw-a 10.2.9.0/24 fd00:2:0:9::/64
CLIENT4=$(session_value gw-a gw-b .addresses.local4)
CLIENT6=$(session_value gw-a gw-b .addresses.local6)

link_mtu() { # NSA IFA NSB IFB MTU
	ip_ns "$1" link set "$2" mtu "$5"
	ip_ns "$3" link set "$4" mtu "$5"
}
forget_paths() {
	local ns
	for ns in lan-a gw-a gw-b lan-b far; do
		in_ns $ns sh -c 'ip route flush cache; ip -6 route flush cache'
	done
}
# The answer to one packet of SIZE bytes in all that must not be cut: "ADDRESS MTU" of the error, or "none".
error_of() { # NS TARGET SIZE
	local headers=28
	[[ $2 != *:* ]] || headers=48
	in_ns "$1" ping -n -c 1 -W 1 -M 'do' -s $(($3 - headers)) "$2" 2>&1 |
		sed -nE 's/^From ([0-9a-f.:]+):? icmp_seq=1 (Frag needed and DF set|Packet too big).*mtu ?= ?([0-9]+).*/\1 \3/p;
			s/.* bytes from .*/none/p'
}
path_mtu() { # NS TARGET; as its kernel has learned it
	ip_ns "$1" route get "$2" | sed -nE 's/.* mtu ([0-9]+).*/\1/p'
}
too_big() { # NAME NS TARGET SIZE FROM MTU
	forget_paths
	check_equal "$1: $4 bytes are answered" "$5 $6" "$(error_of "$2" "$3" "$4")"
	check_equal "$1: the sender has learned it" "$6" "$(path_mtu "$2" "$3")"
	check "$1: and what fits arrives" pings "$2" "$3" 1 -M 'do' -s $(($6 - 48))
}

# The tunnel is the narrowest: each gateway answers its own LAN.
link_mtu lan-a eth0 gw-a lan0 9000
link_mtu gw-b lan0 lan-b eth0 9000
link_mtu lan-b far0 far eth0 9000
too_big 'the tunnel, from lan-a' lan-a $B4 1401 10.1.0.1 1400
too_big 'the tunnel, from lan-a by IPv6' lan-a $B6 1401 fd00:1::1 1400
too_big 'the tunnel, from lan-b' lan-b $A4 1401 10.2.0.1 1400
too_big 'the tunnel, from lan-b by IPv6' lan-b $A6 1401 fd00:2::1 1400
too_big 'the tunnel, from far' far $A4 9000 10.2.0.1 1400
too_big 'the tunnel, from far by IPv6' far $A6 9000 fd00:2::1 1400

# The other LAN is narrower still: the gateway there answers through the tunnel, with its address in it.
link_mtu gw-b lan0 lan-b eth0 1280
too_big "lan-b's link, from lan-a" lan-a $B4 1400 $SERVER4 1280
too_big "lan-b's link, from lan-a by IPv6" lan-a $B6 1400 $SERVER6 1280
link_mtu gw-b lan0 lan-b eth0 9000
link_mtu lan-a eth0 gw-a lan0 1280
too_big "lan-a's link, from lan-b" lan-b $A4 1400 "$CLIENT4" 1280
too_big "lan-a's link, from lan-b by IPv6" lan-b $A6 1400 "$CLIENT6" 1280
too_big "lan-a's link, from far" far $A4 1400 "$CLIENT4" 1280
link_mtu lan-a eth0 gw-a lan0 1500

# A router of the site answers, from an address that is not announced: the error passes for the flow that it quotes.
ip_ns lan-b addr del $B4/24 dev eth0
addr lan-b eth0 172.30.0.2/24
addr gw-b lan0 172.30.0.1/24
ip_ns gw-b route replace 10.2.9.0/24 via 172.30.0.2
ip_ns lan-b route replace default via 172.30.0.1
link_mtu lan-b far0 far eth0 1280
too_big 'a link behind a router' lan-a $FAR4 1400 172.30.0.2 1280
too_big 'a link behind a router, by IPv6' lan-a $FAR6 1400 $B6 1280
check_equal 'no error was taken for spoofed' 0 "$(drops gw-a gw-b in_source)"
check_equal 'nor held back' 0 "$(drops gw-b gw-a out_source)"
ttl_answer() { # NS TARGET TTL; who answers when the way is too long
	in_ns "$1" ping -n -c 1 -W 1 -t "$3" "$2" 2>&1 | sed -nE 's/^From ([0-9a-f.:]+):? icmp_seq=1 Time.*/\1/p'
}
check_equal 'the way can be traced: the gateway there' $SERVER4 "$(ttl_answer lan-a $FAR4 2)"
check_equal 'and the router behind it' 172.30.0.2 "$(ttl_answer lan-a $FAR4 3)"

# UDP: what may not be cut is refused once the path is known, what may be arrives in pieces; all of it whole.
udp() { # DISCOVER BYTES; IP_MTU_DISCOVER: 0 may be cut, 2 must not be
	head -c "$2" /dev/zero | in_ns lan-a socat -u -b 65000 - "UDP4-DATAGRAM:$FAR4:9001,mtudiscover=$1" 2>&1
}
has_size() { # BYTES
	[[ $(stat -c %s "$WORK/udp") -eq $1 ]]
}
: >"$WORK/udp"
start_bg "$WORK/udp.log" udp in_ns far socat -u -b 65000 UDP4-RECV:9001 "OPEN:$WORK/udp,append"
udp_listens() {
	[[ -n $(in_ns far ss -Hlun 'sport = :9001') ]]
}
wait_for 5 'far listens' udp_listens
forget_paths
# Lost, and answered by the router; the kernel takes the answer for a socket that is still there. So the pipe stays open: at its
# end the sender would go.
mkfifo "$WORK/pipe"
exec 8<>"$WORK/pipe"
start_bg "$WORK/sender.log" sender in_ns lan-a socat -u -b 65000 "PIPE:$WORK/pipe" "UDP4-DATAGRAM:$FAR4:9001,mtudiscover=2"
head -c 1300 /dev/zero >&8
learned() {
	[[ $(path_mtu lan-a "$FAR4") == 1280 ]]
}
wait_for 5 'the path is learned from UDP' learned
stop_bg sender
exec 8>&-
check_fails 'a datagram with DF that does not fit is refused then' udp 2 1300
check 'one that fits is sent' udp 2 1252
wait_for 5 'and arrives' has_size 1252
check 'without DF it is sent' udp 0 5000
wait_for 5 'and arrives, in pieces' has_size 6252

# TCP, both ways, between LANs of 9000 and 1280 with a router that learns nothing.
link_mtu lan-a eth0 gw-a lan0 9000
for target in $FAR4 $FAR6; do
	forget_paths
	start_bg "$WORK/stream.log" listener in_ns far timeout 60 "$STREAM" listen "$target" 9000 3000000
	wait_for 5 'far listens' listens far 9000
	check "a TCP stream to $target" in_ns lan-a timeout 60 "$STREAM" connect "$target" 9000 3000000
	wait_exit listener 30
	check_equal 'and back' 0 "$EXIT_STATUS"
done
finish
