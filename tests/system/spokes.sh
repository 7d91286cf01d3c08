#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# A hub whose spokes reach each other as `reach` says: a lists b, b lists nobody but has a way to a, c is alone.
#
#   spoke-a (10.1.0.1) ═══╗
#   spoke-b (10.3.0.1) ═══╬═══ gw-b
#   spoke-c (10.4.0.1) ═══╝    hub
#
# check: quick
# shellcheck disable=SC2317 # Functions are called by name.
set -euo pipefail
# shellcheck source=tests/system/tunnel/common.sh
source "$(dirname "$0")/tunnel/common.sh"

switch_add
switch_join gw-b 192.0.2.2/24 forward
number=10
for spoke in a:1 b:3 c:4; do
	name=spoke-${spoke%:*} net=${spoke#*:}
	switch_join "$name" 192.0.2.$((number++))/24
	addr "$name" lo "10.$net.0.1/32" "fd00:$net::1/128"
done
pki_add spoke-a spoke-b spoke-c
server_conf gw-b <<'CONF'
announce = [ "10.0.0.0/12" ];
linger = 60;
peers = (
  { name = "spoke-a"; accept_routes = [ "10.1.0.0/16", "fd00:1::/32" ]; reach = [ "spoke-b" ]; },
  { name = "spoke-b"; accept_routes = [ "10.3.0.0/16", "fd00:3::/32" ]; },
  { name = "spoke-c"; accept_routes = [ "10.4.0.0/16", "fd00:4::/32" ]; }
);
CONF
for spoke in a:1 b:3 c:4; do
	net=${spoke#*:}
	client_conf "spoke-${spoke%:*}" <<<"announce = [ \"10.$net.0.0/24\", \"fd00:$net::/64\" ];"
done
echo 'accept_routes = [ "10.0.0.0/8", "fd00:3::/32" ];' >>"$WORK/spoke-a.conf" # but no IPv6 address of the tunnel
server_start gw-b
for spoke in a b c; do
	client_start spoke-$spoke
	wait_up gw-b spoke-$spoke
done
wait_routes gw-b 10.1.0.0/24 10.3.0.0/24 10.4.0.0/24

# ---- who lists another is told its routes and its address; nobody else is ----

address_b=$(session_value gw-b spoke-b .addresses.remote4)
wait_routes spoke-a 10.3.0.0/24 fd00:3::/64 "$address_b"
wait_routes spoke-b 10.0.0.0/12
wait_routes spoke-c 10.0.0.0/12
check 'a reaches b' pings spoke-a 10.3.0.1 3 -I 10.1.0.1
check 'b reaches a, since it has a way' pings spoke-b 10.1.0.1 3 -I 10.3.0.1
check "a reaches b's own address" pings spoke-a "$address_b" 3 -I 10.1.0.1
check 'b is not told of a' lacks_route spoke-b 10.1.0.0/24
check 'a is not told of c' lacks_route spoke-a 10.4.0.0/24
check 'the status tells who is' jq -e '[.received[] | select(.peer == "spoke-b") | .passed_to] == [["spoke-a"], ["spoke-a"]]' \
	<(ctl gw-b routes --json)

# ---- who does not is kept apart, whatever the hub forwards ----

before=$(drops gw-b spoke-c in_destination)
check 'c does not reach b' no_ping spoke-c 10.3.0.1 -I 10.4.0.1
check 'the packet is counted at the session of c' test "$(drops gw-b spoke-c in_destination)" -gt "$before"
before=$(drops gw-b spoke-b in_destination)
check 'b does not reach c' no_ping spoke-b 10.4.0.1 -I 10.3.0.1
check 'nor is that lost without a trace' test "$(drops gw-b spoke-b in_destination)" -gt "$before"
check 'doctor says what would let it pass' grep -E \
	'^note: destination: spoke-c sent packets to 10\.3\.0\.1 of spoke-b, which it may not reach .*: reach = \[ "spoke-b" \];' \
	<(in_ns gw-b "$CULVERT" doctor --socket "$WORK/gw-b.sock" || true)

# ---- a firewall between the two is found, and the command that is named mends it ----

in_ns gw-b nft 'table inet filter { chain forward { type filter hook forward priority 0; policy drop; ct state established,related accept; }; }'
doctor() { in_ns gw-b "$CULVERT" doctor --socket "$WORK/gw-b.sock"; }
doctor >"$WORK/doctor" || true
check 'doctor says what a does not take of b' grep -qE '^problem: routes: this end announces fd00:c17:e27::[0-9]+/128, but spoke-a .*accept_routes' "$WORK/doctor"
check 'doctor says what drops' grep -qE '^problem: firewall: .*from cv0 to cv1; fix it: ' "$WORK/doctor"
check_equal 'of those that may pass, either way' 2 "$(grep -c 'firewall: .*from cv[01] to cv[01];' "$WORK/doctor")"
sed -n 's/^problem: firewall: .*; fix it: //p' "$WORK/doctor" >"$WORK/cure"
check 'the commands run' in_ns gw-b sh -e "$WORK/cure"
check 'a reaches b' pings spoke-a 10.3.0.1 1 -I 10.1.0.1
check 'doctor is content' grep -qE '^ok: firewall: ' <(doctor || true)
in_ns gw-b nft delete table inet filter

# ---- routes follow ----

check 'b announces one more' ctl spoke-b routes add 10.3.7.0/24
wait_routes spoke-a 10.3.7.0/24
check 'b withdraws it' ctl spoke-b routes del 10.3.7.0/24
wait_for 5 'a hears of that' lacks_route spoke-a 10.3.7.0/24
check 'and of nothing else' has_route spoke-a 10.3.0.0/24
stop_bg spoke-b
wait_for 5 'the session of b ends: its routes go from a' lacks_route spoke-a 10.3.0.0/24
wait_for 5 'so does its address' lacks_route spoke-a "$address_b"
client_start spoke-b
wait_routes spoke-a 10.3.0.0/24
wait_for 5 'b is back' pings spoke-a 10.3.0.1 1 -I 10.1.0.1
check 'a reaches b again' pings spoke-a 10.3.0.1 3 -I 10.1.0.1

# One that is lost without a word keeps its session, but nobody is told of it, since there may be another way to it.
kill -KILL "$(pid_of spoke-b)" "$(engine_pid spoke-b)"
wait_exit spoke-b 5 || true
wait_for 5 'the connection of b is lost: its routes go from a' lacks_route spoke-a 10.3.0.0/24
check 'the hub holds them' grep -F 'unreachable 10.3.0.0/24 ' <(ip_ns gw-b route show proto 68)
check_equal 'and the session' idle "$(session_value gw-b spoke-b .state)"

# ---- names that are nobody's ----

for wrong in nobody:'no entry in peers has that name' spoke-a:'the peer itself'; do
	sed "s/reach = .*\]/reach = [ \"${wrong%%:*}\" ]/" "$WORK/gw-b.conf" >"$WORK/wrong.conf"
	check_fails "a reach of ${wrong%%:*} is refused" "$CULVERT" check "$WORK/wrong.conf"
	cp "$WORK/.check" "$WORK/out"
	check "a reach of ${wrong%%:*}: with place and reason" \
		grep -E "wrong.conf:[0-9]+: peers\.\[0\]\.reach\.\[0\] .*${wrong#*:}" "$WORK/out"
done
finish
