#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# No route of a tunnel takes the path that a tunnel itself needs: that to another spoke's outer address, to the
# resolver that knows where the server is, to the hub of another Culvert on the same host.
#
#   spoke-a 198.51.100.2 ──┐
#   spoke-b 10.2.0.7     ──┼── net ── 192.0.2.2 gw-b
#   hub-2 203.0.113.2    ──┘   10.9.0.53: the resolver of spoke-a
# shellcheck disable=SC2317 # Functions are called by name.
set -euo pipefail
# shellcheck source=tests/system/tunnel/common.sh
source "$(dirname "$0")/tunnel/common.sh"

ns_add net forward
join() { # NS ADDRESS ROUTER
	ns_add "$1" forward
	veth "$1" wan0 net "to-$1"
	addr "$1" wan0 "$2/24"
	addr net "to-$1" "$3/24"
	route "$1" default via "$3"
}
join gw-b 192.0.2.2 192.0.2.254
join spoke-a 198.51.100.2 198.51.100.254
join spoke-b 10.2.0.7 10.2.0.254
join hub-2 203.0.113.2 203.0.113.254
addr net lo 10.9.0.53/32

etc=$(ns_etc spoke-a)
printf 'hosts: files dns\n' >"$etc/nsswitch.conf"
printf 'nameserver 10.9.0.53\noptions timeout:1 attempts:1\n' >"$etc/resolv.conf"
resolver_start net 10.9.0.53 'local-zone: "example.org." static' 'local-data: "vpn.example.org. 0 A 192.0.2.2"'

pki_add spoke-a spoke-b
server_conf gw-b <<'CONF'
announce = [ "10.9.0.0/16", "10.20.0.0/16" ];
peers = ( { name = "spoke-a"; accept_routes = [ "10.0.0.0/8" ]; }, { name = "spoke-b"; } );
linger = 60;
ping_interval = 1;
dead_after = 4;
CONF
client_conf spoke-a <<<'remotes = [ "vpn.example.org" ]; accept_routes = [ "10.0.0.0/8" ];'
client_conf spoke-b </dev/null
server_start gw-b
client_start spoke-a
client_start spoke-b
wait_up gw-b spoke-a
wait_up gw-b spoke-b
wait_routes spoke-a 10.20.0.0/16

# ---- the resolver that knows the server ----

words() { # NAME PREFIX TEXT; of a route that was refused
	ctl "$1" routes | grep -F "$2" | grep -F "$3" >/dev/null
}
check 'a route to the resolver is refused' lacks_route spoke-a 10.9.0.0/16
check 'the reason names the resolver' words spoke-a 10.9.0.0/16 '10.9.0.53 is a resolver of this host'
check 'the hub is told' words gw-b 10.9.0.0/16 'a tunnel itself is reached'
route spoke-a 10.9.0.53/32 via 198.51.100.254
check 'the hub withdraws it' ctl gw-b routes del 10.9.0.0/16
# A change and its reverse within 50 ms would not be sent at all.
wait_for 10 'the spokes have heard that' lacks_route spoke-b 10.9.0.0/16
check 'and announces it once more' ctl gw-b routes add 10.9.0.0/16
wait_routes spoke-a 10.9.0.0/16 # since the resolver has a route of its own

# ---- another spoke's outer address ----

check 'spoke-a announces where spoke-b is' ctl spoke-a routes add 10.2.0.0/24
wait_for 5 'the hub refuses that' words gw-b 10.2.0.0/24 '10.2.0.7 is the other end of an outer connection'
check 'and has no such route' lacks_route gw-b 10.2.0.0/24
check 'a route beside it is taken' ctl spoke-a routes add 10.2.1.0/24
wait_routes gw-b 10.2.1.0/24

# ---- a spoke that calls from inside what another has announced already ----

stop_bg spoke-b
wait_for 5 'spoke-b is gone' log_has_since "$WORK/gw-b.log" 0 'spoke-b: session: .* -> ended'
check 'spoke-a announces where spoke-b was' ctl spoke-a routes del 10.2.0.0/24
check 'spoke-a announces where spoke-b was' ctl spoke-a routes add 10.2.0.0/24
wait_routes gw-b 10.2.0.0/24
check 'what is not of Culvert goes into the tunnel' grep -F 'dev cv' <(ip_ns gw-b route get 10.2.0.7)
mark_b=$(log_mark "$WORK/gw-b.log")
client_start spoke-b
wait_up gw-b spoke-b "$mark_b"
check 'spoke-b gets in all the same' pings spoke-b $SERVER4 3
wait_log_since "$WORK/gw-b.log" "$mark_b" '10\.2\.0\.7, which is inside a route of a tunnel' 5
check 'what is not of Culvert goes into the tunnel still' grep -F 'dev cv' <(ip_ns gw-b route get 10.2.0.7)
check 'the outer connection does not' grep -F 'dev wan0' <(ip_ns gw-b route get 10.2.0.7 mark 0x63760002)
mark=$(log_mark "$WORK/gw-b.log")
addr gw-b lo 192.0.2.77/32
wait_log_since "$WORK/gw-b.log" "$mark" 'network has changed' 5
check 'the route stays when the routes are judged again' has_route gw-b 10.2.0.0/24
route gw-b 10.77.0.0/16 via 192.0.2.254
follows() { [[ -n $(ip_ns gw-b route show table 25461 10.77.0.0/16) ]]; }
wait_for 5 'the copy of the main table follows it' follows

# ---- names that nobody looks up any more ----

# The network names another resolver meanwhile, which a route that is there already has taken away; then it is cut.
cut() { # SECONDS; both ends hold the tunnel for dead then
	in_ns net nft 'table inet cut { chain forward { type filter hook forward priority 0; ip daddr { 192.0.2.2, 198.51.100.2 } drop; }; }'
	wait_log_since "$WORK/spoke-a.log" "$1" 'session: .* -> idle' 15
	wait_log_since "$WORK/gw-b.log" "$2" 'spoke-a: session: .* -> idle' 15
	in_ns net nft delete table inet cut
}
printf 'nameserver 10.20.0.53\noptions timeout:5 attempts:2\n' >"$etc/resolv.conf"
mark_a=$(log_mark "$WORK/spoke-a.log") mark_b=$(log_mark "$WORK/gw-b.log")
cut "$mark_a" "$mark_b"
wait_log_since "$WORK/spoke-a.log" "$mark_a" 'vpn.example.org: .*; trying its last known addresses' 15
wait_up spoke-a gw-b "$mark_a"
check 'without a resolver it comes back to where it was' pings spoke-a $SERVER4 3

# So does a new engine of the same client.
mark_a=$(log_mark "$WORK/spoke-a.log")
kill -KILL "$(engine_pid spoke-a)"
wait_up spoke-a gw-b "$mark_a"
check 'so does a new engine' pings spoke-a $SERVER4 3

# ---- two hubs, of two Culverts on one host ----

stop_bg spoke-b
stop_bg gw-b
check_equal 'nothing is left of the rules' '' "$(ip_ns gw-b rule | grep 25461; ip_ns gw-b route show table 25461)"

# ---- the pool has another spoke's outer address ----

stop_bg spoke-a
cp "$WORK/gw-b.conf" "$WORK/gw-b.before"
ip_ns spoke-b addr flush dev wan0
addr spoke-b wan0 '10.2.0.7/32'
ip_ns spoke-b route add default via 10.2.0.254 dev wan0 onlink
pool() { # FIRST SECOND; the order in which they come
	server_conf gw-b <<<'pool4 = "10.2.0.0/24"; peers = ( { name = "spoke-a"; address4 = "10.2.0.7"; }, { name = "spoke-b"; } );'
	rm -f "$WORK/gw-b.log" "$WORK/spoke-a.log" "$WORK/spoke-b.log"
	server_start gw-b
	client_start "$1"
	wait_up gw-b "$1"
	client_start "$2"
	wait_up gw-b "$2"
	wait_log "$WORK/gw-b.log" 'leads to 10\.2\.0\.7, which is inside a route of a tunnel' 5
	check "$1 before $2: its address is another's in the tunnel" pings spoke-a 10.2.0.1 3
	check "$1 before $2: both come through" pings spoke-b 10.2.0.1 3
	check_equal "$1 before $2: no connection was lost" '' "$(grep -E -- 'session: .* -> idle|no answer' "$WORK/$1.log" "$WORK/gw-b.log")"
	stop_bg spoke-a
	stop_bg spoke-b
	stop_bg gw-b
}
client_conf spoke-a </dev/null
pool spoke-b spoke-a
pool spoke-a spoke-b
mv "$WORK/gw-b.before" "$WORK/gw-b.conf"
ip_ns spoke-b addr flush dev wan0
addr spoke-b wan0 10.2.0.7/24
ip_ns spoke-b route add default via 10.2.0.254
pki server hub-2
server_conf hub-2 <<'CONF'
pool4 = "10.214.0.0/24";
pool6 = "fd00:c17:e28::/64";
announce = [ "192.0.2.0/24" ];
peers = ( { name = "spoke-a"; } );
CONF
client_conf second spoke-a <<'CONF'
remotes = [ "203.0.113.2" ];
server_name = "hub-2";
accept_routes = [ "192.0.2.0/24" ];
CONF
server_start hub-2
client_start second spoke-b
wait_up second hub-2
wait_routes spoke-b 192.0.2.0/24
rm -f "$WORK/spoke-b.log"
server_start gw-b
client_start spoke-b
wait_log "$WORK/spoke-b.log" 'gw-b: session: opening -> up' 20 # the first attempt has a source of the tunnel
check 'the hub inside the route of another hub is reached' pings spoke-b $SERVER4 3 -I cv1
finish
