#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Two gateways of one site, each with BIRD and the example that is shipped. The line of the better one is cut: the site's router
# goes over to the other, and so does the other site, though nothing tells them but Culvert's routes.
#
#      ┌── gw-1 ═══╗
#   r ─┤           ╠═══ gw-b (10.2.0.9)        r: 10.1.9.1 to 10.1.9.20, the sources
#      └── gw-2 ═══╝
# shellcheck disable=SC2317 # Functions are called by name.
set -euo pipefail
# shellcheck source=tests/system/tunnel/common.sh
source "$(dirname "$0")/tunnel/common.sh"

SOURCES=20
switch_add
switch_join gw-b 192.0.2.10/24 forward
addr gw-b lo 10.2.0.9/32 fd00:2::9/128
ns_add r forward
for n in 1 2; do
	switch_join gw-$n 192.0.2.$n/24 forward
	veth r to-$n gw-$n lan0
	addr gw-$n lan0 10.1.$n.1/24 fd00:1:0:$n::1/64
	addr r to-$n 10.1.$n.9/24 fd00:1:0:$n::9/64
done
veth r inner r inner-end
for ((i = 1; i <= SOURCES; i++)); do
	addr r inner "10.1.9.$i/24"
done

bird_start() { # NAME NS; with $WORK/NAME.bird
	bird -p -c "$WORK/$1.bird" >"$WORK/out" 2>&1 || fail "BIRD takes $1.bird" "$(cat "$WORK/out")"
	start_bg "$WORK/$1.log" "$1" in_ns "$2" bird -f -c "$WORK/$1.bird" -s "$WORK/$1.ctl" -P "$WORK/$1.pid"
}
example=$TOP/docs/examples/bird.conf
for n in 1 2; do
	sed -e "s/^router id .*/router id 10.1.$n.1;/" "$example" >"$WORK/bird-$n.bird"
done
# The router learns from both, and the way to the second costs more.
sed -e 's/^router id .*/router id 10.1.9.1;/' -e 's/export filter from_culvert;/export none;/' -e 's/&& !culverts_own()//' \
	-e 's/interface "lan0" {/interface "inner" { stub; };\n		interface "to-2" { type ptp; cost 100; hello 1; dead 4; };\n		interface "to-1" {/' \
	"$example" >"$WORK/bird-r.bird"

pki_add site-1 site-2
quick=$'ping_interval = 0.3;\ndead_after = 1.5;'
DEAD_AFTER_MS=1500
server_conf gw-b <<CONF
$quick
linger = 60;
announce = [ "10.2.0.0/24", "fd00:2::/64" ];
peers = (
  { name = "site-1"; interface = "cv1"; metric = 100; accept_routes = [ "10.1.0.0/16", "fd00:1::/32" ]; max_routes = 64; },
  { name = "site-2"; interface = "cv2"; accept_routes = [ "10.1.0.0/16", "fd00:1::/32" ]; max_routes = 64; }
);
CONF
for n in 1 2; do
	{
		echo 'remotes = [ "192.0.2.10" ];'
		doc_block site-to-site.md tracked
	} | client_conf site-$n
	bird_start bird-$n gw-$n
done
bird_start bird-r r
server_start gw-b
client_start site-1 gw-1
client_start site-2 gw-2

uses() { # NS ADDRESS INTERFACE
	ip_ns "$1" route get "$2" 2>/dev/null | grep -E "dev $3 " >/dev/null
}
both_there() { [[ $(ip_ns gw-b -o route show 10.1.9.0/24 | wc -l) -eq 2 ]]; }
wait_for 30 'both gateways announce what is behind the router' both_there
wait_for 20 'the router takes the better gateway' uses r 10.2.0.9 to-1
wait_for 20 'the other site, too' uses gw-b 10.1.9.1 cv1
check 'all sources reach the other site' pings r 10.2.0.9 3 -I 10.1.9.20

# ---- the line of the better one is cut ----

for ((i = 1; i <= SOURCES; i++)); do
	start_bg "$WORK/source-$i" "source-$i" in_ns r ping -n -D -i 0.1 -W 1 -I "10.1.9.$i" 10.2.0.9
done
# How many sources have had an answer since then (seconds since 1970).
arrived_since() {
	local count=0 i
	for ((i = 1; i <= SOURCES; i++)); do
		if awk -v since="$1" '/bytes from/ { if (substr($1, 2) + 0 > since) found = 1 } END { exit !found }' "$WORK/source-$i"; then
			count=$((count + 1))
		fi
	done
	echo $count
}
all_arrived() { [[ $(arrived_since "$cut") -eq $SOURCES ]]; }
cut=$(date +%s.%N)
wait_for 10 'all sources have answers' all_arrived
in_ns gw-1 nft 'table inet cut {
	chain in { type filter hook input priority 0; iifname wan0 counter drop; }
	chain out { type filter hook output priority 0; oifname wan0 drop; }
}'
begin=$(now_ms)
# What had come in before may be answered still: it has gone when something is dropped.
cut_holds() { in_ns gw-1 nft list chain inet cut in | grep -q 'packets [1-9]'; }
wait_for 5 'the line is cut' cut_holds
cut=$(date +%s.%N)
wait_for 15 'all sources arrive again' all_arrived
took=$(($(now_ms) - begin))
echo "$SOURCES of $SOURCES sources arrived $took ms after the cut"
check "$SOURCES of $SOURCES arrive within three seconds after dead_after ($took ms after the cut)" [ "$took" -le $((DEAD_AFTER_MS + 3000)) ]
check 'the router takes the other gateway' uses r 10.2.0.9 to-2
check 'the gateway itself holds the network' grep -F 'unreachable 10.2.0.0/24' <(ip_ns gw-1 route show proto 68)
check 'its BIRD exports nothing of that' [ -z "$(birdc -s "$WORK/bird-1.ctl" show route table master4 10.2.0.0/24 protocol kernel4 | grep -F 10.2.0.0/24)" ]
check 'nor with IPv6' [ -z "$(birdc -s "$WORK/bird-1.ctl" show route table master6 fd00:2::/64 protocol kernel6 | grep -F fd00:2::/64)" ]
wait_for 10 'so the router learns with IPv6' grep -q to-2 <(ip_ns r -6 route show fd00:2::/64)

# ---- and is back ----

in_ns gw-1 nft delete table inet cut
wait_for 30 'the router takes the better one again' uses r 10.2.0.9 to-1
wait_for 20 'the other site, too' uses gw-b 10.1.9.1 cv1
cut=$(date +%s.%N)
wait_for 5 'all sources arrive' all_arrived
check_equal 'all sources arrive' $SOURCES "$(arrived_since "$cut")"
finish
