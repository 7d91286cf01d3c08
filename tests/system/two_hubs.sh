#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The same networks by two ways. First two gateways of one site at one hub, then one gateway with two hubs, each a process.
#
#   site-1 (10.1.0.9) ═══╗                        branch ═══ gw-b  (10.2.0.9)
#                        ╠═══ gw-b                       ╚══ hub-2 (10.2.0.9)
#   site-2 (10.1.0.9) ═══╝    hub
# shellcheck disable=SC2317 # Functions are called by name.
set -euo pipefail
# shellcheck source=tests/system/tunnel/common.sh
source "$(dirname "$0")/tunnel/common.sh"

number=10
switch_add
host_add() { # NAME INNER-ADDRESS...
	local name=$1
	shift
	switch_join "$name" 192.0.2.$((number++))/24 forward
	addr "$name" lo "$@"
}
host_add gw-b 10.2.0.9/32 fd00:2::9/128
host_add hub-2 10.2.0.9/32 fd00:2::9/128
host_add site-1 10.1.0.9/32 fd00:1::9/128
host_add site-2 10.1.0.9/32 fd00:1::9/128
host_add branch 10.3.0.9/32
pki_add site-1 site-2 branch
pki server hub-2

quick=$'ping_interval = 0.3;\ndead_after = 1.5;\nlinger = 60;'
# What stdin says of the two sites' gateways, and the branch of later on.
hub_conf() {
	{
		echo "$quick"
		echo 'announce = [ "10.2.0.0/24", "fd00:2::/64" ];'
		sed '/^peers = (/a { name = "branch"; accept_routes = [ "10.3.0.0/16" ]; },'
	} | server_conf gw-b
}
for site in site-1 site-2; do
	client_conf $site <<<$'remotes = [ "192.0.2.10" ];\nannounce = [ "10.1.0.0/24", "fd00:1::/64" ];'
done
uses() { # NS ADDRESS INTERFACE
	ip_ns "$1" route get "$2" | grep -E "dev $3 " >/dev/null
}
# Routes with that metric, and how many links they have in all.
links_of() { # NS PREFIX METRIC
	ip_ns "$1" "$([[ $2 == *:* ]] && echo -6 || echo -4)" -o route show "$2" metric "$3" | grep -o 'dev cv' | wc -l
}
has_links() { # COUNT NS PREFIX METRIC
	[[ $(links_of "$2" "$3" "$4") -eq $1 ]]
}

# ---- one hub: the better of two ----

two_gateways='peers = (
  { name = "site-1"; interface = "cv1"; metric = 100; accept_routes = [ "10.1.0.0/16", "fd00:1::/32" ]; },
  { name = "site-2"; interface = "cv2"; accept_routes = [ "10.1.0.0/16", "fd00:1::/32" ]; }
);'
hub_conf <<<"$two_gateways"
server_start gw-b
client_start site-1
client_start site-2
for prefix in 10.1.0.0/24 fd00:1::/64; do
	wait_for "$UP_SECONDS" "$prefix by site-1" has_links 1 gw-b $prefix 100
	wait_for "$UP_SECONDS" "$prefix by site-2" has_links 1 gw-b $prefix 1024
done
check 'the better metric is used' uses gw-b 10.1.0.9 cv1
check 'so with IPv6' uses gw-b fd00:1::9 cv1
check 'it carries packets' pings gw-b 10.1.0.9 3
check 'both are in the status' jq -e '[.received[] | select(.prefix == "10.1.0.0/24" and .state == "installed") | .metric] | sort == [100, 1024]' \
	<(ctl gw-b routes --json)
silent=$(engine_pid site-1)
kill -STOP "$silent"
wait_for 10 'site-1 falls silent: site-2 takes over' uses gw-b 10.1.0.9 cv2
wait_for 5 'so with IPv6' uses gw-b fd00:1::9 cv2
check 'site-2 carries packets' pings gw-b 10.1.0.9 3
check 'site-1 has no route of its own meanwhile' has_links 0 gw-b 10.1.0.0/24 100
check 'one stands in for it, which is unreachable' grep -E '^unreachable 10\.1\.0\.0/24 ' <(ip_ns gw-b route show proto 68)
kill -CONT "$silent"
wait_for 10 'site-1 is back and preferred' uses gw-b 10.1.0.9 cv1
wait_for 5 'so with IPv6' uses gw-b fd00:1::9 cv1
check 'site-1 carries packets again' pings gw-b 10.1.0.9 3

# ---- one hub: two as good as each other ----

stop_bg gw-b
hub_conf <<<"${two_gateways/metric = 100;/}"
server_start gw-b
for prefix in 10.1.0.0/24 fd00:1::/64; do
	wait_for "$UP_SECONDS" "$prefix has two links" has_links 2 gw-b $prefix 1024
	check_equal "$prefix is one route of the kernel" 1 "$(ip_ns gw-b "$([[ $prefix == *:* ]] && echo -6 || echo -4)" -o route show $prefix | wc -l)"
done
check 'they carry packets' pings gw-b 10.1.0.9 5
check 'so with IPv6' pings gw-b fd00:1::9 5
stop_bg site-2
for prefix in 10.1.0.0/24 fd00:1::/64; do
	wait_for 10 "$prefix is left with one link" has_links 1 gw-b $prefix 1024
done
check 'site-1 carries all' pings gw-b 10.1.0.9 5
ctl site-1 routes del 10.1.0.0/24 >/dev/null
wait_for 5 'withdrawn, the route is gone' has_links 0 gw-b 10.1.0.0/24 1024
check 'and the other is not' has_links 1 gw-b fd00:1::/64 1024
stop_bg site-1

# ---- two hubs, two processes ----

server_conf hub-2 <<CONF
$quick
announce = [ "10.2.0.0/24", "fd00:2::/64" ];
pool4 = "10.214.0.0/24";
pool6 = "fd00:c17:e28::/64";
peers = ( { name = "branch"; accept_routes = [ "10.3.0.0/16" ]; } );
CONF
server_start hub-2
client_conf branch <<'CONF'
remotes = [ "192.0.2.10" ];
interface = "cv1";
announce = [ "10.3.0.0/24" ];
metric = 100;
CONF
client_conf branch-2 branch <<'CONF'
remotes = [ "192.0.2.11" ];
server_name = "hub-2";
interface = "cv2";
announce = [ "10.3.0.0/24" ];
CONF
client_start branch
client_start branch-2 branch
wait_for "$UP_SECONDS" 'the route by the first hub' has_links 1 branch 10.2.0.0/24 100
wait_for "$UP_SECONDS" 'the route by the second hub' has_links 1 branch 10.2.0.0/24 1024
wait_for 5 'the first is used' uses branch 10.2.0.9 cv1
check 'it carries packets' pings branch 10.2.0.9 3 -I 10.3.0.9
kill -STOP "$(engine_pid gw-b)"
wait_for 10 'the first hub falls silent: the second takes over' uses branch 10.2.0.9 cv2
check 'the second carries packets' pings branch 10.2.0.9 3 -I 10.3.0.9
kill -CONT "$(engine_pid gw-b)"
wait_for 20 'the first is back and preferred' uses branch 10.2.0.9 cv1

# Two processes know nothing of each other: the same metric is refused, with words.
stop_bg branch-2
sed -i '$a metric = 100;' "$WORK/branch-2.conf"
client_start branch-2 branch
wait_log "$WORK/branch-2.log" 'hub-2: route 10\.2\.0\.0/24: refused: .*cv1 of another Culvert has 10\.2\.0\.0/24 with metric 100' "$UP_SECONDS"
check 'the status names both' jq -e '.received[] | select(.peer == "hub-2" and .prefix == "10.2.0.0/24" and .state == "refused") | .reason | test("cv1 of another Culvert")' \
	<(ctl branch-2 routes --json)
check 'the first is not disturbed' pings branch 10.2.0.9 3 -I 10.3.0.9
finish
