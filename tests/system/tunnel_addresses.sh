#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# A server whose pool is not its own to give: each is a real culvertd with another pool. The client refuses the addresses with a
# reason in both logs, its host stays as it was, and it comes up as soon as the pool is right.
#
#   home ──── 192.168.178.0/24 ──── gw-a ──── 192.0.2.0/24 ──── gw-b
#    .1, the router                 .20
#
# gw-a asks the resolver 10.88.0.1.
#
# shellcheck disable=SC2317 # Functions are called by name.
set -euo pipefail
# shellcheck source=tests/system/tunnel/common.sh
source "$(dirname "$0")/tunnel/common.sh"

gateways_add
ns_add home
ns_add apart
veth gw-a lan0 home lan0
addr gw-a lan0 192.168.178.20/24 fd00:5::20/64
addr home lan0 192.168.178.1/24 10.213.0.1/24
route gw-a default via 192.168.178.1
echo 'nameserver 10.88.0.1' >"$(ns_etc gw-a)/resolv.conf"
pki_add gw-a

# A server of its own at this port, with these pools.
serve() { # NAME PORT POOL4 POOL6 [ADDRESS]
	printf '%s\n' "listen = \"${5-192.0.2.2}:$2\";" "pool4 = \"$3\";" "pool6 = \"$4\";" 'announce = [ "10.2.0.0/24" ];' \
		'peers = ( { name = "gw-a"; } );' | server_conf "$1" gw-b
	start_bg "$WORK/$1.log" "$1" in_ns gw-b "$CULVERTD" -c "$WORK/$1.conf"
}
# The client refuses what it is given, and both logs say which address, and why.
refused() { # NAME WORDS
	wait_log "$WORK/gw-a.log" "error engine: gw-b: this host refuses the tunnel.s addresses that the server chose: .*$2" "$UP_SECONDS" && pass "refused: $2"
	wait_log "$WORK/$1.log" "received a goodbye: .*$2" 5 && pass 'the server hears why'
}
# The client with this profile comes up.
up() { # WHAT
	client_start gw-a
	wait_up gw-a gw-b
	pass "$1"
	client_gone
}
client_gone() {
	stop_bg gw-a
	rm -f "$WORK/gw-a.log"
}
OURS=fd00:c17:e27::/64

serve public4 7001 203.0.113.0/24 $OURS
serve public6 7002 10.214.0.0/24 2001:db8:5::/64
serve lan4 7003 192.168.178.0/24 $OURS
serve lan6 7004 10.215.0.0/24 fd00:5::/64
serve resolver 7005 10.88.0.0/24 $OURS
# What it is reached at by name, and by a router.
ip_ns gw-b addr add 198.51.100.1/32 dev lo
route gw-a 198.51.100.1/32 via 192.0.2.2
echo '198.51.100.1 hub.test' >"$(ns_etc gw-a)/hosts"
serve outer 7007 198.51.100.0/24 $OURS 198.51.100.1
serve good 7006 10.213.0.0/24 $OURS
for name in public4 public6 lan4 lan6 resolver outer good; do
	wait_log "$WORK/$name.log" 'is ready: 1 listening' "$UP_SECONDS"
done
snapshot gw-a >"$WORK/before"

# ---- one after the other is refused, and the last has a pool of its own ----

client_conf gw-a <<'CONF'
remotes = [ "192.0.2.2:7001", "192.0.2.2:7002", "192.0.2.2:7003", "192.0.2.2:7004", "192.0.2.2:7005", "192.0.2.2:7006" ];
accept_routes = [ "10.2.0.0/24" ];
CONF
client_start gw-a
refused public4 'address 203\.0\.113\.2, which is inside no range of tunnel_addresses or accept_routes'
expect_log "$WORK/gw-a.log" 'accept_routes; add their range to tunnel_addresses in this profile, or give the server another pool'
refused public6 'address 2001:db8:5::2, which is inside no range of tunnel_addresses or accept_routes'
refused lan4 '192\.168\.178\.2 is inside the network 192\.168\.178\.0/24 at lan0'
refused lan6 'fd00:5::2 is inside the network fd00:5::/64 at lan0'
refused resolver '10\.88\.0\.1 is a resolver of the client.s; .* add it to tunnel_addresses as 10\.88\.0\.1/32'
wait_up gw-a gw-b
pass 'the next server, whose pool is its own, is taken'
check 'the router is reached' in_ns gw-a ping -c 1 -W 2 192.168.178.1
wait_routes gw-a 10.2.0.0/24

# ---- a network that comes later ----

no_addresses() {
	[[ -z $(ip_ns gw-a -o addr show dev cv0 scope global) ]]
}
says_why() {
	ctl gw-a status >"$WORK/status" && grep -q '10\.213\.0\.0/24 at lan0\|inside no range\|192\.168\.178\.20' "$WORK/status"
}
addr gw-a lan0 10.213.0.50/24
wait_for 3 'the addresses go' no_addresses
check 'the network that has come is reached' in_ns gw-a ping -c 1 -W 2 10.213.0.1
check 'routes stay, so that nothing leaves in the clear' has_route gw-a 10.2.0.0/24
wait_log "$WORK/gw-a.log" 'warning netd: gw-b: cv0 loses its addresses, .*10\.213\.0\.[0-9]+ is inside the network 10\.213\.0\.0/24 at lan0; leave that network' 3 &&
	pass 'the log names cause and cure'
wait_log "$WORK/gw-a.log" 'gw-b: session: up -> closing: the client refuses the tunnel.s addresses' 3 && pass 'the session ends'
wait_log "$WORK/good.log" 'received a goodbye: .*10\.213\.0\.0/24 at lan0' 3 && pass 'the server hears why'
wait_for 5 'status says why' says_why && pass 'status says why'
since=$(log_mark "$WORK/gw-a.log")
ip_ns gw-a addr del 10.213.0.50/24 dev lan0
wait_log_since "$WORK/gw-a.log" "$since" 'gw-b: session: opening -> up' 30 && pass 'when that network has gone the session comes back'
check 'with its addresses' in_ns gw-a ping -c 1 -W 2 10.213.0.1
stop_bg gw-a
wait_same gw-a "$WORK/before" 5
rm -f "$WORK/gw-a.log"

# ---- what the profile allows ----

client_conf gw-a <<<'remotes = "192.0.2.2:7001"; tunnel_addresses = [ "203.0.113.0/24", "fd00:c17:e27::/64" ];'
up 'the key allows another range'
client_conf gw-a <<<'remotes = "192.0.2.2:7005"; tunnel_addresses = [ "10.88.0.0/24", "10.88.0.1/32", "fd00:c17:e27::/64" ];'
up 'a resolver that the profile names may be in the tunnel'
client_conf gw-a <<<'remotes = "hub.test:7007"; tunnel_addresses = [ "198.51.100.0/24", "fd00:c17:e27::/64" ];'
client_start gw-a
refused outer '198\.51\.100\.1, at which this host reaches the server itself'
client_gone

# ---- in a namespace of its own that namespace counts ----

client_conf gw-a <<<"remotes = \"192.0.2.2:7003\"; netns = \"$(ns_name apart)\";"
up 'in another namespace the networks of the host do not matter'
ip_ns apart link add near0 type veth peer name near1
addr apart near0 192.168.178.9/24
client_start gw-a
refused lan4 '192\.168\.178\.2 is inside the network 192\.168\.178\.0/24 at an interface'

# ---- what check says at the server ----

"$CULVERTD" --check -c "$WORK/public6.conf" >"$WORK/check" 2>&1 || fail 'check' "$(tail -n 1 "$WORK/check")"
check 'check at the server names the line' grep -qE 'public6\.conf:[0-9]+: pool6: 2001:db8:5::/64 is outside the private ranges, so clients refuse its addresses unless each profile has the line: tunnel_addresses = \[ "2001:db8:5::/64" \];' "$WORK/check"
check_equal 'and no other' 1 "$(grep -c tunnel_addresses "$WORK/check")"
finish
