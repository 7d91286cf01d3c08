#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# A laptop in full tunnel: everything goes through the tunnel and nothing past it, whatever routes and networks others offer,
# while it changes networks, while its engine is gone; and nothing stays behind. Peers stay isolated from each other although
# the server announces everything.
#
# The network is drawn in tunnel/laptop.sh.
# shellcheck disable=SC2317 # Functions are called by name.
set -euo pipefail
# shellcheck source=tests/system/tunnel/laptop.sh
source "$(dirname "$0")/tunnel/laptop.sh"

# The strict check of sources, which knows nothing of marks.
# shellcheck disable=SC2016 # The inner shell expands.
in_ns laptop sh -c 'for i in all wan0 wan1; do echo 1 >/proc/sys/net/ipv4/conf/$i/rp_filter; done'
checks() { in_ns laptop cat /proc/sys/net/ipv4/conf/{all,wan0,wan1}/rp_filter | paste -sd' '; }

pki_add laptop spoke
server() { # ANNOUNCE
	server_conf gw-b <<CONF
announce = [ $1 ];
peers = ( { name = "laptop"; }, { name = "spoke"; accept_routes = [ "10.3.0.0/16" ]; } );
CONF
	server_start gw-b
}
laptop() { # LINES; a fresh client
	rm -f "$WORK/laptop.log"
	client_conf laptop <<<"remotes = [ \"198.51.100.2\" ]; $1"
	client_start laptop
}
rules() { # FAMILY; ours: ip-rule(8) filters by protocol only when it deletes
	ip_ns laptop -d "$1" rule show | grep 'proto 67'
}
in_force() {
	rules -4 && rules -6
}
default_there() { # FAMILY
	ip_ns laptop "$1" route show table 25462 | grep -E '^default dev cv0' >/dev/null
}
ready() {
	in_force && default_there -4 && default_there -6
}
snapshot laptop >"$WORK/before"

# What leaves outside of the tunnel: all but the outer connection itself and how neighbours are found.
watch() { # INTERFACE
	capture_start "$1" laptop "$1" "(ip and not (tcp port 443 and host 198.51.100.2)) or (ip6 and not ip6 multicast and not
		(icmp6 and ip6[40] >= 133 and ip6[40] <= 137))"
}
mark_end() { # NS ADDRESS
	# shellcheck disable=SC2016 # The inner shell expands.
	in_ns "$1" bash -c 'echo end >"/dev/udp/$1/9"' bash "$2"
}
UNEXPECTED='not dst port 9 and not host 192.0.3.254 and not icmp[icmptype] == 3'
# A capture sees at its end what came before: something that may pass is the mark.
no_leak() { # NAME INTERFACE
	ip_ns laptop neigh flush dev "$2" 2>/dev/null || true
	mark_end net "$3"
	wait_for 5 'the end of the capture' captured "$2" "dst port 9"
	check_equal "$1" '' "$(capture_print "$2" "$UNEXPECTED")"
}
tunnelled() { # NAME
	check "$1" pings laptop $OUT4
	check "$1, IPv6" pings laptop $OUT6
}

# ---- a server's default route without full_tunnel ----

server '"0.0.0.0/0", "::/0"'
laptop ''
wait_up laptop gw-b
wait_log "$WORK/laptop.log" 'route 0\.0\.0\.0/0: refused: it is a default route' 5
wait_log "$WORK/gw-b.log" 'laptop: the peer refuses our route ::/0: it is a default route' 5
check 'the server shows it in its status' grep -E 'default route' <(ctl gw-b routes)
check_fails 'no rules without full_tunnel' in_force
check_fails 'nor is that a problem at the server' grep '^problem: routes' <(ctl gw-b doctor)
check 'but a note' grep -E '^note: routes: this end announces 0.0.0.0/0, but .* refuses it' <(ctl gw-b doctor)
stop_bg laptop
wait_same laptop "$WORK/before" 3

# ---- full tunnel ----

watch wan0
laptop 'full_tunnel = true; bypass = [ "192.0.3.254/32" ];'
wait_up laptop gw-b
wait_for 5 'full tunnel is in force' ready
tunnelled 'everything goes through the tunnel'
check 'the server itself is reached, too' pings laptop $SERVER4
check 'what is to go past it does' pings laptop 192.0.3.254
wait_for 5 'and that is all that has' captured wan0 'icmp and dst host 192.0.3.254' &&
	pass 'and that is all that has'
check 'what nobody has is not sent outside' no_ping laptop 192.0.2.254
check 'not even from an address of the wan' no_ping laptop 192.0.2.254 -I 192.0.2.1

# ---- what a policy rule does not hold back ----

asks() { # SOCAT-ADDRESS; as systemd-resolved asks: IP_UNICAST_IF, IPV6_UNICAST_IF, which any user may set
	echo lookup | in_ns laptop socat -u - "$1" 2>/dev/null || true
}
wan0=$(ip_ns laptop -j link show wan0 | jq '.[0].ifindex')
asks "UDP4-SENDTO:192.0.2.254:53,setsockopt=0:50:x$(printf '%08x' "$wan0")"
asks "UDP6-SENDTO:[2001:db8:2::fe]:53,setsockopt=41:76:x$(printf '%08x' "$wan0")"
asks 'TCP4:192.0.2.254:53,so-bindtodevice=wan0'
asks 'TCP6:[2001:db8:2::fe]:853,so-bindtodevice=wan0'
asks "UDP4-SENDTO:192.0.3.254:53" # bypass
wait_for 5 'a lookup to what bypasses the tunnel' captured wan0 'udp port 53 and dst host 192.0.3.254' &&
	pass 'a lookup to what bypasses the tunnel passes'
refused() { # how often the rule that has this text applied
	in_ns laptop nft list table inet culvert-full-tunnel-laptop | grep -F "$1" | grep -oP 'packets \K\d+'
}
check_equal 'all lookups past the tunnel were refused' '2 1 1' \
	"$(refused 'udp dport 53') $(refused 'tcp dport 53') $(refused 'tcp dport 853')"

# A neighbour that asks for the tunnel's addresses (CVE-2019-14899).
inner4=$(session_value gw-b laptop .addresses.remote4) inner6=$(session_value gw-b laptop .addresses.remote6)
UNEXPECTED+=" and not dst host $inner4 and not dst host $inner6" # which come in
route net "$inner4" via 192.0.2.1
route net "$inner6" via 2001:db8:2::1
check "a neighbour is not answered from the tunnel's address" no_ping net "$inner4"
check 'nor by IPv6' no_ping net "$inner6"
check_equal 'and that is why' '1 1' "$(refused "ip daddr $inner4") $(refused "ip6 daddr $inner6")"
ip_ns net route del "$inner4"
ip_ns net -6 route del "$inner6"

# ---- others' routes: TunnelVision (CVE-2024-3661), TunnelCrack ----

route laptop 0.0.0.0/1 via 192.0.2.254
route laptop 128.0.0.0/1 via 192.0.2.254
route laptop $OUT4/32 via 192.0.2.254
route laptop $OUT6/128 via 2001:db8:2::fe
tunnelled 'routes that DHCP pushes do not divert anything'
addr net net0 203.0.113.254/24 2001:db8:f::fe/64
addr laptop wan0 203.0.113.77/24 2001:db8:f::77/64
tunnelled 'a local network with public addresses does not divert anything'
no_leak 'nothing has left past the tunnel' wan0 192.0.2.1

# ---- others remove the rules, as systemd-networkd does when it is started again ----

in_force=$(rules -4 && rules -6)
# shellcheck disable=SC2016 # The inner shell expands.
in_ns laptop sh -c 'for family in -4 -6; do for rule in 25462 25463 25464; do ip $family rule del pref $rule; done; done' 2>/dev/null || true
ip_ns laptop route del unreachable default table 25462
whole() {
	[[ $(rules -4 && rules -6) == "$in_force" ]] && ip_ns laptop route show table 25462 | grep unreachable
}
wait_for 5 'the rules are put back' whole && pass 'rules and routes that others remove are put back'
wait_log "$WORK/laptop.log" 'another program has changed the policy rules of full tunnel .*: netd restored them' 5
tunnelled 'everything goes through the tunnel again'

# ---- the engine dies, the session is away ----

mark=$(log_mark "$WORK/laptop.log")
start_bg "$WORK/ping.log" ping in_ns laptop ping -n -q -i 0.05 $OUT4
kill -KILL "$(engine_pid laptop)"
check 'the rules stay when the engine dies' in_force
wait_up laptop gw-b "$mark"
check 'the default routes were adopted' ready
wait_for 5 'and the tunnel is back' pings laptop $OUT4
mark=$(log_mark "$WORK/laptop.log")
stop_bg gw-b
wait_log_since "$WORK/laptop.log" "$mark" 'gw-b: received a goodbye' 5
check 'the rules stay while the server is away' ready
check 'what is sent meanwhile is not answered' no_ping laptop $OUT4
ip_ns laptop link del cv0
check 'they stay when somebody deletes the interface' in_force
check 'and then the network is unreachable' grep -iE 'unreachable|no route' <(in_ns laptop ping -n -c 1 -W 1 $OUT4 2>&1)
server '"0.0.0.0/0", "::/0"'
wait_up laptop gw-b "$mark"
wait_for 5 'full tunnel is in force again' ready
stop_bg ping INT
tunnelled 'everything goes through the new interface'

# ---- another network ----

ip_ns laptop link set wan1 up
watch wan1
mark=$(log_mark "$WORK/laptop.log")
start_bg "$WORK/ping.log" ping in_ns laptop ping -n -q -i 0.05 $OUT4
laptop_moves
wait_up laptop gw-b "$mark"
wait_for 5 'the tunnel answers in the new network' pings laptop $OUT4
stop_bg ping INT
tunnelled 'everything goes through the tunnel in the new network'
check 'the connection comes from there' grep -F 192.0.3.1: <(ctl gw-b status)
no_leak 'nothing has left past the tunnel there' wan1 192.0.3.1
check_equal 'nor in the old one' '' "$(capture_print wan0 "$UNEXPECTED")"

# ---- the end, in good order and otherwise ----

before_again() {
	ip_ns laptop link set wan1 down
	ip_ns laptop addr flush dev wan1
	ip_ns laptop addr del 203.0.113.77/24 dev wan0
	ip_ns laptop link set wan0 up
	addr laptop wan0 2001:db8:2::1/64
	route laptop default via 192.0.2.254
	route laptop ::/0 via 2001:db8:2::fe
}
check_equal 'the check of sources is off meanwhile' '0 0 0' "$(checks)"
stop_bg laptop
check_fails 'the end takes the rules away' in_force
check_equal 'and switches the check on again' '1 1 1' "$(checks)"
before_again
wait_same laptop "$WORK/before" 5

# ---- a family that the server does not offer ----

stop_bg gw-b
server '"0.0.0.0/0"'
stop_bg wan0
watch wan0
laptop 'full_tunnel = true;'
wait_up laptop gw-b
wait_for 5 'full tunnel is in force' in_force
wait_for 5 'IPv4 goes through the tunnel' pings laptop $OUT4
check 'IPv6 is unreachable' grep -iE 'unreachable|no route' <(in_ns laptop ping -n -c 1 -W 1 $OUT6 2>&1)
no_leak 'and does not leave past it' wan0 192.0.2.1

# ---- as many exceptions as a profile may have ----

stop_bg laptop
laptop "full_tunnel = true; bypass = [ $(printf '"10.77.%d.0/24", ' {1..63}) \"10.77.64.0/24\" ];"
wait_up laptop gw-b
wait_for 5 'full tunnel is in force' in_force
check 'the firewall table has room for all' grep 10.77.64.0/24 <(in_ns laptop nft list table inet culvert-full-tunnel-laptop)

# ---- peers stay isolated from each other, although the server announces everything ----

client_conf spoke <<<'remotes = [ "198.51.100.2" ]; announce = [ "10.3.0.0/24" ];'
client_start spoke
wait_up gw-b spoke
wait_for 5 'the server has the route of the spoke' has_route gw-b 10.3.0.0/24
spoke4=$(session_value gw-b spoke .addresses.remote4)
before=$(drops gw-b laptop in_destination)
capture_start spoke spoke cv0 'icmp or udp port 9'
check "another peer's address is not reached" no_ping laptop "$spoke4"
check "nor another peer's network" no_ping laptop 10.3.0.1
check 'nor the other way round' no_ping spoke "$(session_value gw-b laptop .addresses.remote4)"
check 'it is dropped and counted where it comes in' test "$(drops gw-b laptop in_destination)" -ge $((before + 2))
mark_end gw-b "$spoke4"
wait_for 5 'the end of the capture' captured spoke 'udp port 9'
check_equal 'the spoke has heard nothing' '' "$(capture_print spoke "icmp[icmptype] == 8 and dst host $spoke4 or dst host 10.3.0.1")"
stop_bg spoke

# ---- killed ----

kill_laptop() {
	local engine
	engine=$(engine_pid laptop)
	kill -KILL "$(pid_of laptop)" "$engine"
	wait_exit laptop 5 || true
	rm -f "$WORK/laptop.sock"
}
doctor_says() { # REGEX
	grep -E "$1" <(in_ns laptop timeout 10 "$CULVERT" doctor --socket "$WORK/laptop.sock" 2>&1)
}
check 'of one that lives doctor says nothing' doctor_says '^ok: leftover_rules: '
kill_laptop
check 'doctor finds the rules of one that was killed' doctor_says '^problem: leftover_rules: .* in table 25462.*fix it: culvert sweep$'
check 'a command that finds no daemon, too' \
	grep -E 'a killed full tunnel .*: culvert sweep$' <(in_ns laptop "$CULVERT" status --socket "$WORK/laptop.sock" 2>&1)
check 'the cure takes them away' in_ns laptop "$CULVERT" sweep
check 'which doctor sees' doctor_says '^ok: leftover_rules: '
check_fails 'and so do others' in_force
wait_same laptop "$WORK/before" 5
laptop 'full_tunnel = true;'
wait_up laptop gw-b
wait_for 5 'full tunnel is in force' in_force
kill_laptop
check 'a killed client leaves its rules' in_force
check 'and lets nothing out' no_ping laptop $OUT4
laptop ''
wait_up laptop gw-b
expect_log "$WORK/laptop.log" 'removed policy rules and routes that a killed full tunnel has left'
check_fails 'the next start takes them away' in_force
stop_bg laptop
wait_same laptop "$WORK/before" 5

# A living one's rules are not taken for a dead one's.
laptop 'full_tunnel = true;'
wait_up laptop gw-b
wait_for 5 'full tunnel is in force' in_force
sed -i "s|^name = .*|name = \"second\";|; s|^control_socket = .*|control_socket = \"$WORK/second.sock\";|" "$WORK/laptop.conf"
cp "$WORK/laptop.conf" "$WORK/second.conf"
sed -i 's|^remotes = .*|remotes = [ "192.0.2.254:9" ];|' "$WORK/second.conf"
start_bg "$WORK/second.log" second in_ns laptop "$CULVERT" up "$WORK/second.conf"
wait_log "$WORK/second.log" 'connection failed' 10
check 'another start leaves the rules of one that lives' in_force
stop_bg second
check 'and its end, too' in_force
stop_bg laptop
wait_same laptop "$WORK/before" 5
finish
