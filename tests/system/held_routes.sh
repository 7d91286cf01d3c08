#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The routes of a peer that is not connected give way to every live way, covering prefixes included, and no packet for it leaves
# in clear meanwhile: the router counts what reaches it, the whole test long.
#
#   site-1 (10.1.7.0/24) ═══╗                       branch ═══ gw-b  (10.2.7.0/24)
#                           ╠═══ gw-b ── router           ╚══ hub-2 (10.2.0.0/16)
#   site-2 (10.1.0.0/16) ═══╝      ║
#                                spoke
# shellcheck disable=SC2317 # Functions are called by name.
set -euo pipefail
# shellcheck source=tests/system/tunnel/common.sh
source "$(dirname "$0")/tunnel/common.sh"

number=10
switch_add
host_add() { # NAME INNER-ADDRESS...
	local name=$1
	shift
	switch_join "$name" 192.0.2.$((number))/24 forward
	addr "$name" wan0 2001:db8::$((number++))/64
	route "$name" default via 192.0.2.1
	route "$name" ::/0 via 2001:db8::1
	[[ $# -eq 0 ]] || addr "$name" lo "$@"
}
switch_join router 192.0.2.1/24 forward
addr router wan0 2001:db8::1/64
ip_ns router route add blackhole default
ip_ns router -6 route add blackhole default
in_ns router nft 'table inet seen {
	counter in_clear { }
	chain arrived {
		type filter hook prerouting priority 0;
		ip daddr { 10.1.0.0/16, 10.2.0.0/16 } counter name in_clear;
		ip6 daddr fd00:1::/32 counter name in_clear;
	}
}'
seen_in_clear() { in_ns router nft -j list counter inet seen in_clear | jq '.nftables[] | select(.counter) | .counter.packets'; }

host_add gw-b 10.2.7.9/32
host_add hub-2 10.2.7.9/32
host_add site-1 10.1.7.9/32 fd00:1:0:7::9/128
host_add site-2 10.1.7.9/32 fd00:1:0:7::9/128
host_add spoke 10.4.0.9/32
host_add branch 10.3.0.9/32
pki_add site-1 site-2 spoke branch
pki server hub-2
quick=$'ping_interval = 0.3;\ndead_after = 1.5;\nlinger = 60;'
server_conf gw-b <<CONF
$quick
announce = [ "10.2.7.0/24" ];
peers = (
  { name = "site-1"; interface = "cv1"; metric = 100; accept_routes = [ "10.1.7.0/24", "fd00:1::/32" ]; reach = [ "spoke" ]; },
  { name = "site-2"; interface = "cv2"; accept_routes = [ "10.1.0.0/16", "fd00:1::/32" ]; reach = [ "spoke" ]; },
  { name = "spoke"; accept_routes = [ "10.4.0.0/16" ]; reach = [ "site-1", "site-2" ]; },
  { name = "branch"; accept_routes = [ "10.3.0.0/16" ]; }
);
CONF
client_conf site-1 <<<$'remotes = [ "192.0.2.10" ];\nannounce = [ "10.1.7.0/24", "fd00:1:0:7::/64" ];'
client_conf site-2 <<<$'remotes = [ "192.0.2.10" ];\nannounce = [ "10.1.0.0/16", "fd00:1::/48" ];'
client_conf spoke <<<$'remotes = [ "192.0.2.10" ];\nannounce = [ "10.4.0.0/24" ];'

uses() { # NS ADDRESS INTERFACE
	ip_ns "$1" route get "$2" 2>/dev/null | grep -E "dev $3 " >/dev/null
}
# True: the kernel lets no packet to the address leave.
nowhere() { # NS ADDRESS
	! ip_ns "$1" route get "$2" >/dev/null 2>&1
}
held() { # NS PREFIX
	[[ -n $(ip_ns "$1" "$([[ $2 == *:* ]] && echo -6 || echo -4)" route show type unreachable proto 68 "$2") ]]
}
state() { # NAME PEER PREFIX STATE
	ctl "$1" routes --json | jq -e --arg peer "$2" --arg prefix "$3" --arg state "$4" \
		'any(.received[]; .peer == $peer and .prefix == $prefix and .state == $state)' >/dev/null
}
told() { # NAME PEER NUMBER; as many of the peer's routes are held
	[[ $(ctl "$1" status --json | jq --arg peer "$2" '.. | objects | select(.peer? == $peer) | .interface.routes_held') == "$3" ]]
}

server_start gw-b
for peer in site-1 site-2 spoke; do
	client_start $peer
	wait_up gw-b $peer
done
wait_routes gw-b 10.1.7.0/24 10.1.0.0/16 fd00:1:0:7::/64 fd00:1::/48
wait_routes spoke 10.1.7.0/24 10.1.0.0/16

# ---- a covering prefix of another peer ----

check 'the longer prefix is used' uses gw-b 10.1.7.9 cv1
check 'it carries packets' pings gw-b 10.1.7.9 3
check_equal 'nothing is held' '' "$(ip_ns gw-b route show table all proto 68; ip_ns gw-b -6 route show table all proto 68)"
start_bg "$WORK/flow" flow in_ns gw-b ping -n -D -i 0.02 -W 1 10.1.7.9
start_bg "$WORK/flow6" flow6 in_ns gw-b ping -6 -n -D -i 0.02 -W 1 fd00:1:0:7::9

# The longest pause between two answers since then, in milliseconds.
pause_since() { # LOG MARK
	tail -n "+$(($2 + 1))" "$1" | sed -n 's/^\[\([0-9.]*\)\] [0-9]* bytes.*/\1/p' |
		awk 'NR > 1 && $1 - last > most { most = $1 - last } { last = $1 } END { printf "%d\n", 1000 * most }'
}
flow=$(log_mark "$WORK/flow")
one=$(engine_pid site-1)
kill -STOP "$one"
wait_for 10 'site-1 is cut: the wider prefix of site-2 takes over' uses gw-b 10.1.7.9 cv2
wait_for 5 'so with IPv6' uses gw-b fd00:1:0:7::9 cv2
check 'site-2 carries packets' pings gw-b 10.1.7.9 3
check 'so with IPv6' pings gw-b fd00:1:0:7::9 3
check 'the wider prefix is held' held gw-b 10.1.0.0/16
check_fails 'the longer one is not' held gw-b 10.1.7.0/24
check 'the state is "held, idle"' state gw-b site-1 10.1.7.0/24 'held, idle'
check 'in the table as well' grep -E '^10\.1\.7\.0/24 +site-1 +held, idle' <(ctl gw-b routes)
check 'and in the status' grep -E '^  routes: +2 held, idle' <(ctl gw-b status site-1)
check 'and its JSON' told gw-b site-1 2
check 'site-2 has its routes in use' state gw-b site-2 10.1.0.0/16 installed
check 'of that peer none is held' told gw-b site-2 0
wait_for 5 'the spoke is not told of site-1 any more' lacks_route spoke 10.1.7.0/24
check 'but of site-2' has_route spoke 10.1.0.0/16
check 'the spoke reaches the host by site-2' pings spoke 10.1.7.9 3 -I 10.4.0.9
pause=$(pause_since "$WORK/flow" "$flow")
check "the longest pause was dead_after and at most three seconds more ($pause ms)" [ "$pause" -le 4500 ]

# ---- no way at all ----

two=$(engine_pid site-2)
kill -STOP "$two"
wait_for 10 'site-2 is cut as well: there is no way' nowhere gw-b 10.1.7.9
wait_for 5 'nor with IPv6' nowhere gw-b fd00:1:0:7::9
wait_for 5 'each holds its own prefix' held gw-b 10.1.7.0/24
check 'so site-2' held gw-b 10.1.0.0/16
check 'what neither has goes where it went before' uses gw-b 10.9.9.9 wan0
kill -CONT "$two"
wait_for 20 'site-2 is back' uses gw-b 10.1.7.9 cv2
check 'it carries packets' pings gw-b 10.1.7.9 3

# ---- what a routing daemon knows, and what it does not ----

kill -STOP "$two"
wait_for 10 'site-2 is cut once more' nowhere gw-b 10.1.7.9
route gw-b 10.1.0.0/20 via 192.0.2.12 proto static
# netd has looked again when it knows another way, which came later.
route gw-b fd00:1::/40 via 2001:db8::12 proto bird
wait_for 5 'netd has looked since' held gw-b fd00:1::/40
check 'a static route to a covering prefix is no way: it may leave in clear' nowhere gw-b 10.1.7.9
ip_ns gw-b route del 10.1.0.0/20 proto static
ip_ns gw-b -6 route del fd00:1::/40 proto bird
route gw-b 10.1.0.0/20 via 192.0.2.12 proto bird
wait_for 5 'one of a routing daemon is' uses gw-b 10.1.7.9 wan0
check 'that is held, for when it goes' held gw-b 10.1.0.0/20
ip_ns gw-b route del 10.1.0.0/20 proto bird
check 'it goes: at once there is no way' nowhere gw-b 10.1.7.9
wait_for 5 'the own prefix is held again' held gw-b 10.1.7.0/24
kill -CONT "$two"
wait_for 20 'site-2 is back' uses gw-b 10.1.7.9 cv2
flow=$(log_mark "$WORK/flow")
kill -CONT "$one"
wait_for 20 'site-1 is back and preferred' uses gw-b 10.1.7.9 cv1
lacks_rule() { ! grep 25461 <(ip_ns gw-b rule; ip_ns gw-b -6 rule) >/dev/null; }
none_held() { [[ -z $(ip_ns gw-b route show table all proto 68; ip_ns gw-b -6 route show table all proto 68) ]]; }
wait_for 5 'nothing is held any more' none_held
wait_for 5 'the rules for outer connections are gone with that' lacks_rule
wait_routes spoke 10.1.7.0/24
check 'the spoke reaches the host by site-1' pings spoke 10.1.7.9 3 -I 10.4.0.9
pause=$(pause_since "$WORK/flow" "$flow")
check "the change back had no gap ($pause ms)" [ "$pause" -le 500 ]
stop_bg flow INT
stop_bg flow6 INT

# ---- a peer that has gone for good ----

# What it might announce is not excluded from the wider prefix, for a peer that may reach it.
stop_bg site-1
wait_for 5 'site-1 has left, and the spoke knows' lacks_route spoke 10.1.7.0/24
check 'the spoke reaches the host by site-2' pings spoke 10.1.7.9 3 -I 10.4.0.9
client_start site-1
wait_for "$UP_SECONDS" 'site-1 is back and preferred' uses gw-b 10.1.7.9 cv1
one=$(engine_pid site-1)

# ---- an outer connection from inside a held prefix ----

kill -STOP "$one"
wait_for 10 'site-1 is cut' uses gw-b 10.1.7.9 cv2
stop_bg site-2
wait_for 10 'and site-2' nowhere gw-b 10.1.7.9
stop_bg spoke
ip_ns spoke addr flush dev wan0
addr spoke wan0 10.1.7.77/24
ip_ns wan addr add 10.1.7.1/24 dev br0
ip_ns wan addr add 192.0.2.2/24 dev br0
in_ns wan sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward'
route spoke default via 10.1.7.1
ip_ns gw-b route add 10.0.0.0/8 via 192.0.2.2
copied() { [[ -n $(ip_ns gw-b route show table 25461 10.0.0.0/8) ]]; }
wait_for 5 'outer connections follow this host'\''s own route' copied
mark=$(log_mark "$WORK/gw-b.log")
client_start spoke
wait_up gw-b spoke "$mark"
check 'a peer that calls from there gets in' pings spoke $SERVER4 3
check 'other packets to it do not leave' nowhere gw-b 10.1.7.77
kill -CONT "$one"
wait_for 20 'site-1 is back' uses gw-b 10.1.7.9 cv1
# Longer than dead_after.
check 'the peer stays, now inside a route in use' pings spoke $SERVER4 20 -i 0.2
stop_bg spoke
ip_ns gw-b route del 10.0.0.0/8
check_equal 'no packet has left in clear' 0 "$(seen_in_clear)"

# ---- two hubs, two processes ----

server_conf hub-2 <<CONF
$quick
announce = [ "10.2.0.0/16" ];
pool4 = "10.214.0.0/24";
pool6 = "fd00:c17:e28::/64";
peers = ( { name = "branch"; accept_routes = [ "10.3.0.0/16" ]; } );
CONF
server_start hub-2
client_conf branch <<'CONF'
remotes = [ "192.0.2.10" ];
interface = "cv1";
announce = [ "10.3.0.0/24" ];
CONF
client_conf branch-2 branch <<'CONF'
remotes = [ "192.0.2.11" ];
server_name = "hub-2";
interface = "cv2";
announce = [ "10.3.0.0/24" ];
CONF
client_start branch
client_start branch-2 branch
wait_routes branch 10.2.7.0/24 10.2.0.0/16
wait_for 5 'the first hub is used' uses branch 10.2.7.9 cv1
check 'it carries packets' pings branch 10.2.7.9 3 -I 10.3.0.9
hub=$(engine_pid gw-b)
start_bg "$WORK/flow-b" flow-b in_ns branch ping -n -D -i 0.02 -W 1 -I 10.3.0.9 10.2.7.9
kill -STOP "$hub"
wait_for 10 'the first hub is cut: the summary of the second takes over' uses branch 10.2.7.9 cv2
check 'the second carries packets' pings branch 10.2.7.9 3 -I 10.3.0.9
check 'the state says so' state branch gw-b 10.2.7.0/24 'held, idle'
stop_bg branch-2
check 'the second process ends: nothing leaves' nowhere branch 10.2.7.9
wait_for 5 'the own prefix is held' held branch 10.2.7.0/24
client_start branch-2 branch
wait_for "$UP_SECONDS" 'the second is back' uses branch 10.2.7.9 cv2
kill -CONT "$hub"
wait_for 20 'the first is back' uses branch 10.2.7.9 cv1
check 'it carries packets' pings branch 10.2.7.9 3 -I 10.3.0.9
stop_bg flow-b INT

# ---- what a killed netd leaves ----

kill -STOP "$hub"
wait_for 10 'the first hub is cut' uses branch 10.2.7.9 cv2
stop_bg branch-2
wait_for 5 'its route is held' held branch 10.2.7.0/24
engine=$(engine_pid branch)
kill -KILL "$(pid_of branch)"
engine_gone() { ! kill -0 "$engine" 2>/dev/null; }
wait_for 5 'its engine ends with it' engine_gone
check 'its netd is killed: the held route stays' held branch 10.2.7.0/24
check 'doctor names it' grep -E 'leftover_routes: a killed Culvert has left 1 ' <(in_ns branch "$CULVERT" doctor || true)
check 'sweep removes it' in_ns branch "$CULVERT" sweep
check_fails 'it is gone' held branch 10.2.7.0/24
check_equal 'no packet has left in clear' 0 "$(seen_in_clear)"
finish
