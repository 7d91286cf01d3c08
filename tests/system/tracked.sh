#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Prefixes that are tracked: the networks on an interface, and the routes of a table, announced and withdrawn as the kernel has
# them; also when the engine has been killed, and never what is Culvert's own or nobody's to announce.
#
#   lan-a ──── gw-a ════════ gw-b ──── lan-b       gw-a announces what is on lan0, and its routes of protocol bird;
#                                                  gw-b announces table 77
# shellcheck disable=SC2317 # Functions are called by name.
set -euo pipefail
# shellcheck source=tests/system/tunnel/common.sh
source "$(dirname "$0")/tunnel/common.sh"

site_add
pki_add gw-a
site_conf <<'CONF'
announce = ( "10.2.0.0/24", { table = 77; } );
peers = ( { name = "gw-a"; accept_routes = [ "10.0.0.0/8", "fd00::/16" ]; } );
CONF
client_conf gw-a < <(doc_block site-to-site.md tracked)
bird_route() { # add|del PREFIX
	ip_ns gw-a route "$1" "$2" via $A4 proto bird
}
bird_route add 10.1.50.0/24
server_start gw-b
client_start gw-a
wait_up gw-b gw-a

# ---- what is there at the beginning ----

wait_routes gw-b 10.1.0.0/24 fd00:1::/64 10.1.50.0/24
wait_routes gw-a 10.2.0.0/24
check 'the tunnel works' pings lan-a $B4
check 'the status says what is tracked' jq -e '[.announced[] | select(.tracked) | .prefix] == ["10.1.0.0/24", "10.1.50.0/24", "fd00:1::/64"]' \
	<(ctl gw-a routes --json)
status=0
ctl gw-a routes del 10.1.50.0/24 >"$WORK/out" 2>&1 || status=$?
check_equal 'it cannot be withdrawn by hand' 5 "$status"
check 'and the answer says why' grep tracked "$WORK/out"

# ---- what comes and goes ----

bird_route add 10.1.51.0/24
wait_routes gw-b 10.1.51.0/24
bird_route del 10.1.50.0/24
wait_for 5 'its route goes' lacks_route gw-b 10.1.50.0/24
check 'the others stay' has_route gw-b 10.1.51.0/24
addr gw-a lan0 10.1.8.1/24
wait_routes gw-b 10.1.8.0/24
check 'a new network on the interface' has_route gw-b 10.1.8.0/24
ip_ns gw-a addr del 10.1.8.1/24 dev lan0
wait_for 5 'it goes with the address' lacks_route gw-b 10.1.8.0/24
ip_ns lan-a link set eth0 down
wait_for 5 'without a carrier there is no network' lacks_route gw-b 10.1.0.0/24
ip_ns lan-a link set eth0 up
addr lan-a eth0 $A6/64
route lan-a default via 10.1.0.1
wait_routes gw-b 10.1.0.0/24
check 'and with it there is' has_route gw-b 10.1.0.0/24
ip_ns gw-b route add 10.7.0.0/24 via $B4 table 77
wait_routes gw-a 10.7.0.0/24
check 'a table of its own' has_route gw-a 10.7.0.0/24

# ---- many at once are few messages; what cannot be announced is not ----

{
	for i in {0..249}; do echo "route add 10.8.$i.0/24 via $A4 proto bird"; done
	for odd in default 127.5.0.0/16 169.254.9.0/24 10.213.0.0/25; do echo "route add $odd via $A4 proto bird"; done
	echo 'route add 10.9.0.0/24 dev lan0 proto 67'
	echo 'route add 10.9.1.0/24 dev lan0 proto static'
	echo "route add 10.9.2.0/24 proto bird nexthop via $A4 nexthop dev cv0"
} >"$WORK/batch"
sed -i 's/accept_routes = \[/max_routes = 1000; accept_routes = [/' "$WORK/gw-b.conf"
stop_bg gw-b
server_start gw-b
wait_routes gw-b 10.1.51.0/24
mark=$(log_mark "$WORK/gw-a.log")
ip_ns gw-a -batch "$WORK/batch"
wait_routes gw-b 10.8.0.0/24 10.8.249.0/24
routes_of() { ip_ns "$1" -4 route show proto 67 | grep -c 'dev cv' || true; }
check_equal 'exactly those' 252 "$(routes_of gw-b)"
changes=$(tail -n "+$((mark + 1))" "$WORK/gw-a.log" | grep -c 'prefixes are tracked now')
check 'they were gathered' test "$changes" -le 20
refute_log "$WORK/gw-b.log" 'route (0\.0\.0\.0/0|127|169|10\.213|10\.9)'

# ---- an engine that dies, and one that is exchanged ----

kill -KILL "$(engine_pid gw-a)"
mark=$(log_mark "$WORK/gw-b.log")
up=$(log_mark "$WORK/gw-a.log") # the other log has had too many lines of gw-a's for another one
wait_log_since "$WORK/gw-a.log" "$up" 'gw-b: session: opening -> up' "$UP_SECONDS"
wait_for 5 'the new engine announces them' jq -e '[.announced[] | select(.tracked)] | length == 253' <(ctl gw-a routes --json)
ip_ns gw-a route flush proto bird
wait_for 5 'it follows what goes' lacks_route gw-b 10.8.9.0/24
check 'no route has gone but those' has_route gw-b 10.1.0.0/24
check_fails 'nor for a moment' log_has_since "$WORK/gw-b.log" "$mark" 'route 10\.1\.0\.0/24: removed'
check 'the tunnel works' pings lan-a $B4
finish
