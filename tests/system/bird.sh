#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Culvert beside BIRD, with the example that is shipped: a router behind the gateway learns the other site's networks by OSPF,
# and the networks behind that router are announced to the other site.
#
#   r ──── gw-a ════════ gw-b ──── lan-b       r: 10.1.9.0/24, fd00:1:9::/64 on a link of its own
#   BIRD   BIRD
# shellcheck disable=SC2317 # Functions are called by name.
set -euo pipefail
# shellcheck source=tests/system/tunnel/common.sh
source "$(dirname "$0")/tunnel/common.sh"

site_add
# What site_add calls lan-a is the router here, which knows nothing but what OSPF tells.
r=lan-a
ip_ns $r route del default
ip_ns $r -6 route del default
in_ns $r sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward; echo 1 >/proc/sys/net/ipv6/conf/all/forwarding'
veth $r inner $r inner-end
addr $r inner 10.1.9.1/24 fd00:1:9::1/64

bird_start() { # NAME NS; with $WORK/NAME.bird
	bird -p -c "$WORK/$1.bird" >"$WORK/out" 2>&1 || fail "BIRD takes $1.bird" "$(cat "$WORK/out")"
	start_bg "$WORK/$1.log" "$1" in_ns "$2" bird -f -c "$WORK/$1.bird" -s "$WORK/$1.ctl" -P "$WORK/$1.pid"
}

cp "$TOP/docs/examples/bird.conf" "$WORK/bird-a.bird"
sed -e 's/^router id .*/router id 10.1.9.1;/' -e 's/"lan0"/"eth0"/' -e 's/export filter from_culvert;/export none;/' \
	-e 's/&& !culverts_own()//' -e '/^	area 0 {/a\		interface "inner" { stub; };' \
	"$TOP/docs/examples/bird.conf" >"$WORK/bird-r.bird"
pki_add gw-a
site_conf </dev/null
client_conf gw-a < <(doc_block site-to-site.md tracked)
bird_start bird-a gw-a
bird_start bird-r "$r"
server_start gw-b
client_start gw-a
wait_up gw-b gw-a

learnt() { # PREFIX
	ip_ns "$r" "$([[ $1 == *:* ]] && echo -6 || echo -4)" route show "$1" proto bird | grep -q eth0
}
wait_routes gw-a 10.2.0.0/24 fd00:2::/64
for prefix in 10.2.0.0/24 fd00:2::/64; do
	wait_for 20 "the router learns $prefix" learnt "$prefix" && pass "the router learns $prefix"
done
UP_SECONDS=20
wait_routes gw-b 10.1.0.0/24 10.1.9.0/24 fd00:1:9::/64
check 'behind the router one reaches the other site' pings $r $B4 3 -I 10.1.9.1
check 'and the other way round' pings lan-b 10.1.9.1 3
check 'so with IPv6' pings lan-b fd00:1:9::1 3
check 'nothing goes in a circle' jq -e '[.announced[].prefix] | index("10.2.0.0/24") == null' <(ctl gw-a routes --json)

ip_ns $r addr del 10.1.9.1/24 dev inner
wait_for 10 'a network that goes from OSPF goes from the other site' lacks_route gw-b 10.1.9.0/24
unlearnt() { ! learnt 10.2.0.0/24; }
stop_bg gw-a
wait_for 10 'without the tunnel the router forgets the other site' unlearnt
check 'it does' unlearnt
finish
