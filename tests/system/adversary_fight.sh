#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# A program that does not stop: it removes one object as soon as netd has restored it. After ten times in ten seconds netd
# leaves the object alone for half a minute, says so once, and shows it. What is closed stays closed meanwhile, and after
# the fight everything is back.
#
# FIGHT_SECONDS (15) is how long each fight lasts.
#
# The network is drawn in tunnel/laptop.sh.
#
# check: long
# shellcheck disable=SC2317 # Functions are called by name.
set -euo pipefail
# shellcheck source=tests/system/tunnel/laptop.sh
source "$(dirname "$0")/tunnel/laptop.sh"

FIGHT_SECONDS=${FIGHT_SECONDS:-15} HOLD_SECONDS=30
pki_add laptop

fight() { # COMMAND...; runs it again and again, and counts its successes in $WORK/removals
	local count=0 ends
	ends=$(($(now_ms) + FIGHT_SECONDS * 1000))
	while (($(now_ms) < ends)); do
		! "$@" 2>/dev/null || count=$((count + 1))
		poll_pause
	done
	echo "$count" >"$WORK/removals"
}
at_most() { # NAME MAXIMUM
	check "$1: netd stops restoring it" test "$(cat "$WORK/removals")" -le "$2"
}

# ---- a full tunnel ----

server_conf gw-b <<'CONF'
announce = [ "0.0.0.0/0", "::/0" ];
linger = 30;
peers = ( { name = "laptop"; } );
CONF
server_start gw-b
client_conf laptop <<<'remotes = [ "198.51.100.2" ]; full_tunnel = true; kill_switch = true;'
client_start laptop
wait_up laptop gw-b
default_there() { ip_ns laptop route show table 25462 | grep '^default dev cv0'; }
wait_for 5 'the default route is there' default_there
capture_start past laptop wan0 "(ip and not (tcp port 443 and host 198.51.100.2)) or (ip6 and not ip6 multicast and not
	(icmp6 and ip6[40] >= 133 and ip6[40] <= 137))"
start_bg "$WORK/ping.log" ping in_ns laptop ping -n -q -i 0.02 $OUT4

# The rule without which every packet would take the main table.
began=$(now_ms)
fight ip_ns laptop rule del pref 25463
at_most 'a rule' 11
check_equal 'a rule: says so once' 1 "$(grep -cE 'changes the policy rules of full tunnel .*each time' "$WORK/laptop.log")"
# The lasting table of the kill switch.
fight in_ns laptop nft delete table inet culvert-killswitch-laptop
at_most 'the kill switch' 11
check 'the kill switch: names who fights' grep -E 'another program \(nft\) changes the firewall rules of the kill switch' "$WORK/laptop.log"
shown() { # ITEM FILTER
	ctl laptop status --json | jq -e --arg item "$1" ".host[] | select(.item == \$item) | $2"
}
check 'the status shows the rules as lost' shown 'policy rules of full tunnel' '.in_place == false and .changed == "IPv4 rule 25463"'
check 'and who changed the kill switch' shown 'firewall rules of the kill switch' '.in_place == false and .changed_by == "nft"'
check 'and that others are in place' shown 'firewall rules of full tunnel' '.in_place'
check 'in words, too' grep -E 'not in place: .*policy rules of full tunnel: changed [0-9]+ times .*, the last: IPv4 rule 25463' <(ctl laptop status)
in_ns laptop timeout 10 "$CULVERT" doctor --socket "$WORK/laptop.sock" >"$WORK/doctor" 2>&1 || true
check 'doctor calls it a problem' grep -E '^problem: host: the firewall rules of the kill switch are not in place: .*changed by nft' "$WORK/doctor"
rules_there() { ip_ns laptop rule show | grep '^25463:'; }
wait_for $((HOLD_SECONDS + 2)) 'the rule is back after the fight' rules_there && pass 'the rule is back after the fight'
check 'but not before half a minute is over' test $(($(now_ms) - began)) -ge $((HOLD_SECONDS * 1000))
table_there() { in_ns laptop nft list table inet culvert-killswitch-laptop; }
wait_for $((HOLD_SECONDS + 2)) 'and so is the kill switch' table_there && pass 'and so is the kill switch'
wait_for 5 'the status shows that' shown 'policy rules of full tunnel' .in_place && pass 'the status shows that'
wait_for 5 'the tunnel works after it' pings laptop $OUT4 && pass 'the tunnel works after it'
stop_bg ping INT
check_equal 'nothing has left past the tunnel' '' "$(capture_print past '')"

# ---- a route at the server ----

fight_route() { ip_ns gw-b route del 10.3.0.0/24 proto 67; }
stop_bg laptop
rm -f "$WORK/laptop.log"
stop_bg gw-b
server_conf gw-b <<'CONF'
peers = ( { name = "laptop"; accept_routes = [ "10.3.0.0/16" ]; } );
CONF
server_start gw-b
client_conf laptop <<<'remotes = [ "198.51.100.2" ]; announce = [ "10.3.0.0/24", "10.3.1.0/24" ];'
client_start laptop
wait_routes gw-b 10.3.0.0/24 10.3.1.0/24
fight fight_route
at_most 'a route' 11
expect_log "$WORK/gw-b.log" 'another program removes route 10\.3\.0\.0/24 from interface cv0 each time'
ip_ns gw-b route del 10.3.1.0/24 proto 67
wait_for 2 'another route is restored meanwhile' has_route gw-b 10.3.1.0/24 && pass 'another route is restored meanwhile'
finish
