#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Packets with a source that their sender does not own, or a destination that nobody announces to it: none arrives on the other
# side, each is counted where it was dropped.
#
#   lan-a ──── gw-a ════════ gw-b ──── lan-b       172.31.0.9 and fd00:bad::9 are in lan-a, and nobody announces them;
#                                                  nor 172.31.0.8 and fd00:bad::8, which are in lan-b
#
# check: quick
# check: sanitized
# shellcheck disable=SC2317 # Functions are called by name.
set -euo pipefail
# shellcheck source=tests/system/tunnel/common.sh
source "$(dirname "$0")/tunnel/common.sh"

site_add
pki_add gw-a
site_up </dev/null
addr lan-a eth0 172.31.0.9/32 fd00:bad::9/128
addr lan-b eth0 172.31.0.8/32 fd00:bad::8/128
capture_start b lan-b eth0 'udp port 7777 or icmp or icmp6'
capture_start a lan-a eth0 'udp port 7777'

# A packet that may pass, sent after those that may not, marks the end of the wait.
marker() {
	in_ns lan-a bash -c "echo marker >/dev/udp/$B4/7777"
	captured b "udp and src host $A4"
}
refuse_pings() { # NAME COUNTING-DAEMON ITS-PEER REASON PING...
	local before name=$1 daemon=$2 peer=$3 reason=$4
	shift 4
	before=$(drops "$daemon" "$peer" "$reason")
	check_fails "$name: no answer" "$@"
	check_equal "$name: three packets counted as $reason" $((before + 3)) "$(drops "$daemon" "$peer" "$reason")"
}
refuse_pings 'foreign source from lan-a' gw-a gw-b out_source \
	in_ns lan-a ping -n -q -c 3 -i 0.05 -W 0.2 -I 172.31.0.9 $B4
refuse_pings 'foreign IPv6 source from lan-a' gw-a gw-b out_source \
	in_ns lan-a ping -n -q -c 3 -i 0.05 -W 0.2 -I fd00:bad::9 $B6
refuse_pings 'foreign source from lan-b' gw-b gw-a out_source \
	in_ns lan-b ping -n -q -c 3 -i 0.05 -W 0.2 -I 172.31.0.8 $A4
wait_for 5 'the marker arrives' marker
check_equal 'nothing with a foreign source arrived in lan-b' '' \
	"$(capture_print b 'src net 172.31.0.0/16 or src net fd00:bad::/32' | grep -v '172.31.0.8 >' || true)"

# An error that a router behind the tunnel sends about a packet of ours passes, whatever address the router has: lan-b is
# one, and answers from 172.31.0.8.
in_ns lan-b sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward'
ip_ns lan-b route replace default via 10.2.0.1 src 172.31.0.8
ip_ns gw-b route add 10.2.0.99/32 via $B4
in_ns lan-a ping -n -c 1 -W 1 -t 3 10.2.0.99 >"$WORK/ping" 2>&1 || true
check 'an ICMP error from a foreign router passes' grep -E 'From 172\.31\.0\.8 .*Time to live exceeded' "$WORK/ping"
ip_ns lan-b route replace default via 10.2.0.1

# A client that does not check what it sends.
stop_bg gw-a
wait_log "$WORK/gw-b.log" 'gw-a: session: .* -> ended' 10
puppet_start puppet gw-a 192.0.2.2:443
check 'it gets its session' tell puppet <<SCRIPT
hello
await welcome
announce 10.1.0.0/24 fd00:1::/64
end
SCRIPT
wait_routes gw-b 10.1.0.0/24 fd00:1::/64
check 'it sends its packets' tell puppet <<SCRIPT
udp 172.31.0.9 $B4 7777 spoofed
udp 10.9.0.1 $B4 7777 spoofed
udp 10.2.0.2 $B4 7777 spoofed
udp 127.0.0.1 $B4 7777 spoofed
udp 10.213.0.1 $B4 7777 spoofed
udp fd00:bad::9 $B6 7777 spoofed
udp fd00:2::2 $B6 7777 spoofed
udp ::1 $B6 7777 spoofed
udp $A4 $B4 7777 fine
udp $A6 $B6 7777 fine
sync
SCRIPT
wait_for 10 'the last packet arrives' captured b "udp and src host $A6"
check_equal 'six spoofed packets are counted' 6 "$(drops gw-b gw-a in_source)"
check_equal 'and two that never leave a host' 2 "$(drops gw-b gw-a in_link_local)"
check_equal 'and none arrived' '' \
	"$(capture_print b 'udp port 7777' | grep -vE "IP6? ($A4|$A6)\.[0-9]+ >" || true)"
check_equal 'the session is still up' up "$(session_value gw-b gw-a .state)"

# ---- destinations ----

ip_ns gw-b route add 172.31.0.8/32 via $B4
ip_ns gw-b route add fd00:bad::8/128 via $B6
# What gw-b routes or has itself, but does not announce, and what is of one host or link; then what it announces.
strays() {
	tell puppet <<SCRIPT
udp $A4 172.31.0.8 7777 stray
udp $A6 fd00:bad::8 7777 stray
udp $A4 192.0.2.2 7777 stray
udp $A4 127.0.0.1 7777 stray
udp $A4 10.1.0.1 7777 stray
udp $A4 255.255.255.255 7777 stray
udp $A4 $B4 7778 fine
sync
SCRIPT
}
capture_start strays gw-b any 'udp port 7777 or udp port 7778'
check 'it sends where it may not' strays
wait_for 10 'what is announced arrives' captured strays 'udp port 7778'
check_equal 'what is not announced does not even reach the kernel' '' "$(capture_print strays 'udp port 7777')"
check_equal 'four are counted' 4 "$(drops gw-b gw-a in_destination)"
check_equal 'and two more that never leave a host or a link' 4 "$(drops gw-b gw-a in_link_local)"
doctor() {
	in_ns gw-b "$CULVERT" doctor --socket "$WORK/gw-b.sock" 2>&1 || true
}
doctor >"$WORK/doctor"
check 'doctor names the line to add' \
	grep -F '172.31.0.8, which this end does not announce to it (4 in_destination); to allow that: announce = [ "10.2.0.0/24", "fd00:2::/64", "172.31.0.8/32" ];' \
	"$WORK/doctor"
check 'once it is announced' ctl gw-b routes add 172.31.0.8/32
check 'the same packets pass' strays
wait_for 10 'and arrive' captured b 'udp and dst host 172.31.0.8'
check_equal 'three more are counted' 7 "$(drops gw-b gw-a in_destination)"
doctor >"$WORK/doctor"
check 'doctor names another' grep -F 'fd00:bad::8, which this end does not announce to it' "$WORK/doctor"
puppet_end puppet

# As it was before.
stop_bg gw-b
echo 'check_destination = false;' >>"$WORK/gw-b.conf"
server_start gw-b
puppet_start puppet gw-a 192.0.2.2:443
check 'it gets its session again' tell puppet <<SCRIPT
hello
await welcome
announce 10.1.0.0/24 fd00:1::/64
end
SCRIPT
wait_routes gw-b 10.1.0.0/24 fd00:1::/64
check 'destinations are left to routing' strays
wait_for 10 'and all of it arrives' captured b 'udp and dst host fd00:bad::8'
check_equal 'nothing is counted' 0 "$(drops gw-b gw-a in_destination)"
check_equal 'but what never leaves a host or a link' 2 "$(drops gw-b gw-a in_link_local)"
puppet_end puppet
finish
