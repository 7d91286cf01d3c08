#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# A hub whose peers have lists of their own in place of the common announce and dns: the laptop alone gets the default
# route, the gateway no resolver, the guest no prefix; the laptop and the gateway reach every other peer.
#
#   alice (laptop) ═════════╗
#   spoke-a (10.1.0.1) ═════╬═══ gw-b (10.2.0.1, 203.0.113.1)
#   guest ══════════════════╝    hub
#
# check: quick
# shellcheck disable=SC2317 # Functions are called by name.
set -euo pipefail
# shellcheck source=tests/system/tunnel/common.sh
source "$(dirname "$0")/tunnel/common.sh"

switch_add
switch_join gw-b 192.0.2.2/24 forward
number=10
for peer in alice spoke-a guest; do
	switch_join $peer 192.0.2.$((number++))/24
	printf 'nameserver 192.0.2.200\n' >"$(ns_etc $peer)/resolv.conf"
done
addr gw-b lo 10.2.0.1/32 203.0.113.1/32
addr spoke-a lo 10.1.0.1/32
pki_add alice spoke-a guest
server_conf gw-b <<'END'
announce = [ "10.2.0.0/24" ];
dns = [ "10.2.0.53" ];
domains = [ "corp.example" ];
peers = (
  { name = "alice"; announce = [ "@common", "0.0.0.0/0" ]; reach = [ "@all" ]; dns = [ "10.2.0.54", "@common" ]; },
  { name = "spoke-a"; accept_routes = [ "10.1.0.0/16" ]; reach = [ "@all" ]; dns = [ ]; domains = [ ]; },
  { name = "guest"; announce = [ ]; domains = [ "@common", "guest.example" ]; }
);
END
client_conf alice <<<'full_tunnel = true;'
client_conf spoke-a <<<'announce = [ "10.1.0.0/24" ];'
client_conf guest </dev/null
server_start gw-b
for peer in alice spoke-a guest; do
	client_start $peer
	wait_up gw-b $peer
done
resolvers() { # PEER
	awk '$1 == "nameserver" || $1 == "search" { printf "%s ", $0 }' "$(ns_etc "$1")/resolv.conf"
}

# ---- what each peer hears ----

wait_routes gw-b 10.1.0.0/24
wait_routes spoke-a 10.2.0.0/24
wait_for 5 'the laptop reaches everything by the tunnel' pings alice 203.0.113.1 1
refused_by() { jq -r '[.announced[].refusals[].peer] | join(" ")' <(ctl gw-b routes --json); }
check_equal 'nobody refuses a route' '' "$(refused_by)"
check_equal 'the status tells the common ones from the others' '0.0.0.0/0 false, 10.2.0.0/24 true' \
	"$(jq -r '[.announced[] | "\(.prefix) \(.common)"] | sort | join(", ")' <(ctl gw-b routes --json))"
check 'the gateway is not told of the default route' jq -e '[.received[].prefix] | index("0.0.0.0/0") == null' <(ctl spoke-a routes --json)
check_equal 'the guest is told of nothing' 0 "$(jq '.received | length' <(ctl guest routes --json))"
check 'doctor has no note on a refused default route' bash -c '! grep -q 0.0.0.0/0' < <(in_ns gw-b "$CULVERT" doctor --socket "$WORK/gw-b.sock" || true)

# ---- who reaches what ----

check 'the office answers the gateway' pings spoke-a 10.2.0.1 1 -I 10.1.0.1
check 'the laptop reaches the gateway' pings alice 10.1.0.1
address=$(session_value gw-b alice .addresses.remote4)
check 'the gateway reaches the laptop' pings spoke-a "$address" 1 -I 10.1.0.1
check '@all covers the guest as well' \
	has_route spoke-a "$(session_value gw-b guest .addresses.remote4)"
interface=$(session_value guest gw-b .interface.name)
ip_ns guest route add 10.2.0.1/32 dev "$interface"
check 'the guest does not reach the office' no_ping guest 10.2.0.1

# ---- resolvers ----

check_equal 'the laptop asks its own resolver first' 'nameserver 10.2.0.54 nameserver 10.2.0.53 search corp.example ' "$(resolvers alice)"
check_equal 'the gateway keeps its resolver' 'nameserver 192.0.2.200 ' "$(resolvers spoke-a)"
check_equal 'the guest has one more domain' 'nameserver 10.2.0.53 search corp.example guest.example ' "$(resolvers guest)"

# ---- at run time ----

check 'the hub announces one more' ctl gw-b routes add 10.7.0.0/24
wait_routes spoke-a 10.7.0.0/24
check 'not to the guest' jq -e '.received == []' <(ctl guest routes --json)
check 'the hub withdraws it' ctl gw-b routes del 10.7.0.0/24
wait_for 5 'the gateway hears of that' lacks_route spoke-a 10.7.0.0/24
check_fails 'what is announced to some alone is no command to withdraw' ctl gw-b routes del 0.0.0.0/0

# ---- with a reload ----

connections() { session_value gw-b alice .connections; }
before=$(connections)
sed -i 's/"10.2.0.54", "@common"/"10.2.0.55"/; s/"corp.example"/"new.example"/' "$WORK/gw-b.conf"
check 'the hub gets other resolvers' ctl gw-b reload
has_resolvers() { # PEER TEXT
	[[ $(resolvers "$1") == "$2" ]]
}
wait_for 5 'the laptop has them at once' has_resolvers alice 'nameserver 10.2.0.55 search new.example '
wait_for 5 'the guest has the domain' has_resolvers guest 'nameserver 10.2.0.53 search new.example guest.example '
check_equal 'the gateway keeps its resolver' 'nameserver 192.0.2.200 ' "$(resolvers spoke-a)"
check_equal 'all on the same connection' "$before" "$(connections)"
finish
