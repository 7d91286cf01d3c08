#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Other programs take the tunnel's routes, addresses and link state away: netd puts them back within a second, with one
# warning. What it cannot put back it says, and puts back when it can. It does not fight without end.
#
#   lan-a ──── gw-a ════════ gw-b ──── lan-b
#
# check: quick
# shellcheck disable=SC2317 # Functions are called by name.
set -euo pipefail
# shellcheck source=tests/system/tunnel/common.sh
source "$(dirname "$0")/tunnel/common.sh"

site_add
pki_add gw-a
site_up </dev/null
check 'the tunnel works' pings lan-a $B4

are_back() { # NS PREFIX...
	local ns=$1 prefix
	shift
	for prefix; do has_route "$ns" "$prefix" || return 1; done
}
slowest=0
lose() { # NS LOG-PATTERN WHAT COMMAND...; one warning, and all is back
	local ns=$1 pattern=$2 what=$3 mark began took
	shift 3
	mark=$(log_mark "$WORK/$ns.log")
	ip_ns "$ns" "$@"
	began=$(date +%s%3N)
	if [[ $ns == gw-a ]]; then
		wait_for 10 "$what: back" are_back gw-a 10.2.0.0/24 fd00:2::/64
	else
		wait_for 10 "$what: back" are_back gw-b 10.1.0.0/24 fd00:1::/64
	fi
	took=$(($(date +%s%3N) - began))
	((took <= slowest)) || slowest=$took
	wait_log_since "$WORK/$ns.log" "$mark" "had lost .*$pattern.*: restored" 5 && pass "$what: says so"
	check_equal "$what: once" 1 "$(tail -n "+$((mark + 1))" "$WORK/$ns.log" | grep -c 'had lost')"
	check "$what: IPv4 works" pings lan-a $B4
	check "$what: IPv6 works" pings lan-a $B6
}

lose gw-a 'route 10\.2\.0\.0/24' 'an IPv4 flush' route flush proto 67
lose gw-a 'route fd00:2::/64' 'an IPv6 flush' -6 route flush proto 67
lose gw-a 'route 10\.2\.0\.0/24' 'one route' route del 10.2.0.0/24 dev cv0
lose gw-a 'its link' 'the link set down' link set cv0 down
lose gw-a 'address 10\.213' 'the addresses' addr flush dev cv0
lose gw-b 'route 10\.1\.0\.0/24' "the server's routes" route flush proto 67
lose gw-b 'its link' "the server's link" link set cv0 down
lose gw-a 'its link' 'the MTU' link set cv0 mtu 1290
echo "the slowest was back after $slowest ms"

# ---- somebody else sits in the place ----

mark=$(log_mark "$WORK/gw-a.log")
metric=$(ip_ns gw-a -j route show 10.2.0.0/24 | jq '.[0].metric')
ip_ns gw-a route replace 10.2.0.0/24 via 192.0.2.2 metric "$metric" proto 99
wait_log_since "$WORK/gw-a.log" "$mark" 'cannot be restored: .*wan0 has 10\.2\.0\.0/24.*protocol 99' 5 && pass 'a replaced route: it says by whom'
state_is() { # STATE
	[[ $(ctl gw-a routes --json | jq -r '.received[] | select(.prefix == "10.2.0.0/24") | .state') == "$1" ]]
}
wait_for 5 'status says that it is missing' state_is missing && pass 'status says that it is missing'
check 'and why' grep -E 'missing: +routes: .*wan0 has 10\.2\.0\.0/24.*protocol 99' <(ctl gw-a status)
in_ns gw-a timeout 10 "$CULVERT" doctor --socket "$WORK/gw-a.sock" >"$WORK/doctor" 2>&1 || true
check 'so does doctor' grep -E '^problem: routes: the kernel has lost the route to 10\.2\.0\.0/24 of gw-b' "$WORK/doctor"
check 'with the cause' grep -E '^problem: interface: cv0: another program removed 1 routes, .*protocol 99.*; fix it: ip monitor' "$WORK/doctor"
engine=$(engine_pid gw-a) again=$(log_mark "$WORK/gw-a.log")
kill -KILL "$engine"
wait_up gw-a gw-b "$again"
wait_for 5 'the next engine says so, too' state_is missing && pass 'the next engine says so, too'
check 'the other program keeps its route' bash -c "ip -n $(ns_name gw-a) route show 10.2.0.0/24 proto 99 | grep via"
ip_ns gw-a route del 10.2.0.0/24 proto 99
wait_for 10 'the route is back when the place is free' has_route gw-a 10.2.0.0/24
wait_for 5 'status says that it is installed' state_is installed && pass 'status says that it is installed'
check 'it works' pings lan-a $B4

# ---- IPv6 is switched off, and on ----

mark=$(log_mark "$WORK/gw-a.log")
in_ns gw-a sysctl -qw net.ipv6.conf.cv0.disable_ipv6=1
wait_log_since "$WORK/gw-a.log" "$mark" 'cannot be restored' 5
check 'IPv4 goes on without IPv6' pings lan-a $B4
in_ns gw-a sysctl -qw net.ipv6.conf.cv0.disable_ipv6=0
wait_for 10 'IPv6 is back' has_route gw-a fd00:2::/64
check 'it works with IPv6' pings lan-a $B6

# ---- a program that does not stop ----

mark=$(log_mark "$WORK/gw-b.log")
gives_up() {
	ip_ns gw-b route del 10.1.0.0/24 proto 67 2>/dev/null || true
	log_has_since "$WORK/gw-b.log" "$mark" 'another program removes route 10\.1\.0\.0/24 .*waits'
}
wait_for 20 'it does not fight without end' gives_up && pass 'it does not fight without end'
finish
