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

ns_add gw-a
ns_add gw-b
veth gw-a wan0 gw-b wan0
addr gw-a wan0 192.0.2.1/24
addr gw-b wan0 192.0.2.2/24
ns_add home
ns_add apart
veth gw-a lan0 home lan0
addr gw-a lan0 192.168.178.20/24 fd00:5::20/64
addr home lan0 192.168.178.1/24 10.213.0.1/24
route gw-a default via 192.168.178.1
echo 'nameserver 10.88.0.1' >"$(ns_etc gw-a)/resolv.conf"
pki_add gw-a

# The server with these pools.
serve() { # POOL4 [POOL6]
	printf '%s\n' "pool4 = \"$1\";" "pool6 = \"${2-fd00:c17:e27::/64}\";" 'peers = ( { name = "gw-a"; } );' | server_conf gw-b
	rm -f "$WORK/gw-b.log"
	server_start gw-b
}
# The client refuses what it is given: both logs say which address, and why. Its host is as it was.
refused() { # POOL4 POOL6 WORDS
	serve "$1" "$2"
	client_start gw-a
	wait_log "$WORK/gw-a.log" "error engine: gw-b: .*$3" "$UP_SECONDS" && pass "refused: $3"
	wait_log "$WORK/gw-b.log" "goodbye heard: .*$3" 5 && pass 'the server hears why'
	check_fails 'there is no interface' ip_ns gw-a link show cv0
	check 'the router is reached' in_ns gw-a ping -c 1 -W 2 192.168.178.1
	stop_bg gw-b
}
client_gone() {
	stop_bg gw-a
	wait_same gw-a "$WORK/before" 5
	rm -f "$WORK/gw-a.log"
}

client_conf gw-a <<<'accept_routes = [ ];'
snapshot gw-a >"$WORK/before"

# ---- ranges ----

refused 203.0.113.0/24 fd00:c17:e27::/64 'address 203\.0\.113\.2, which is inside no range of tunnel_addresses or accept_routes'
expect_log "$WORK/gw-a.log" 'error .*gw-b: the tunnel.s addresses are refused: .*add their range to tunnel_addresses in this profile'
client_gone
refused 10.213.0.0/24 2001:db8:5::/64 'address 2001:db8:5::2, which is inside no range of tunnel_addresses or accept_routes'

"$CULVERTD" --check -c "$WORK/gw-b.conf" >"$WORK/check" 2>&1 || fail 'check' "$(tail -n 1 "$WORK/check")"
check 'check at the server names the line' grep -qE 'gw-b\.conf:[0-9]+: pool6: 2001:db8:5::/64 is outside the private ranges, so clients refuse its addresses unless each profile has the line: tunnel_addresses = \[ "2001:db8:5::/64" \];' "$WORK/check"
check_equal 'and no other' 1 "$(grep -c tunnel_addresses "$WORK/check")"

serve 10.213.0.0/24
wait_up gw-a gw-b
pass 'with a pool that is its own the client comes up by itself'
stop_bg gw-b
client_gone

client_conf gw-a <<<'tunnel_addresses = [ "203.0.113.0/24", "fd00:c17:e27::/64" ];'
serve 203.0.113.0/24
client_start gw-a
wait_up gw-a gw-b
pass 'the key allows another range'
stop_bg gw-b
client_gone

# ---- what is near the client ----

client_conf gw-a <<<''
refused 192.168.178.0/24 fd00:c17:e27::/64 '192\.168\.178\.2 is inside the network 192\.168\.178\.20/24 at lan0'
expect_log "$WORK/gw-a.log" 'error .*leave that network, or let the server have another pool'
client_gone
refused 10.213.0.0/24 fd00:5::/64 'fd00:5::2 is inside the network fd00:5::20/64 at lan0'
client_gone
refused 10.88.0.0/24 fd00:c17:e27::/64 '10\.88\.0\.1 is a resolver of the client.s; .* name it in tunnel_addresses as 10\.88\.0\.1/32'
client_gone

client_conf gw-a <<<'tunnel_addresses = [ "10.88.0.0/24", "10.88.0.1/32", "fd00:c17:e27::/64" ];'
serve 10.88.0.0/24
client_start gw-a
wait_up gw-a gw-b
pass 'a resolver that the profile names may be in the tunnel'
stop_bg gw-b
client_gone

# ---- in a namespace of its own that namespace counts ----

client_conf gw-a <<<"netns = \"$(ns_name apart)\";"
serve 192.168.178.0/24
client_start gw-a
wait_up gw-a gw-b
pass 'in another namespace the networks of the host do not matter'
stop_bg gw-a
rm -f "$WORK/gw-a.log"
ip_ns apart link add near0 type veth peer name near1
addr apart near0 192.168.178.9/24
client_start gw-a
wait_log "$WORK/gw-a.log" '192\.168\.178\.2 is inside the network 192\.168\.178\.9/24 at an interface' "$UP_SECONDS" && pass 'but its own do'
stop_bg gw-b
stop_bg gw-a
rm -f "$WORK/gw-a.log"

# ---- a network that comes later ----

no_addresses() {
	[[ -z $(ip_ns gw-a -o addr show dev cv0 scope global) ]]
}
client_conf gw-a <<<''
printf '%s\n' 'announce = [ "10.2.0.0/24" ];' 'peers = ( { name = "gw-a"; } );' | server_conf gw-b
rm -f "$WORK/gw-b.log"
server_start gw-b
client_start gw-a
wait_up gw-a gw-b
wait_routes gw-a 10.2.0.0/24
since=$(now_ms)
addr gw-a lan0 10.213.0.50/24
wait_for 3 'the addresses go' no_addresses
echo "the addresses went within $(($(now_ms) - since)) ms"
check 'the network that has come is reached' in_ns gw-a ping -c 1 -W 2 10.213.0.1
wait_log "$WORK/gw-a.log" 'warning netd: gw-b: cv0 loses its addresses, .*10\.213\.0\.[0-9]+ is inside the network 10\.213\.0\.50/24 at lan0; leave that network' 3 &&
	pass 'the log names cause and cure'
wait_log "$WORK/gw-a.log" 'gw-b: session: up -> closing: the client refuses the tunnel.s addresses' 3 && pass 'the session ends'
wait_log "$WORK/gw-b.log" 'goodbye heard: .*10\.213\.0\.50/24 at lan0' 3 && pass 'the server hears why'
check 'routes stay, so that nothing leaves in the clear' has_route gw-a 10.2.0.0/24
says_why() {
	ctl gw-a status >"$WORK/status" && grep -q '10\.213\.0\.50/24 at lan0' "$WORK/status"
}
wait_for 5 'status says why' says_why && pass 'status says why'
since=$(log_mark "$WORK/gw-a.log")
ip_ns gw-a addr del 10.213.0.50/24 dev lan0
wait_up gw-a gw-b "$since"
pass 'when that network has gone the session comes back'
check 'with its addresses' in_ns gw-a ping -c 1 -W 2 10.213.0.1
stop_bg gw-b
client_gone
finish
