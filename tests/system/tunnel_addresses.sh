#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# A server whose pool is not its own to give: each is a real culvertd with another pool. The client refuses the addresses with a
# reason in both logs, its host stays as it was, and it comes up as soon as the pool is right.
#
#   gw-a ──── 192.0.2.0/24 ──── gw-b
#
# check: quick
set -euo pipefail
# shellcheck source=tests/system/tunnel/common.sh
source "$(dirname "$0")/tunnel/common.sh"

ns_add gw-a
ns_add gw-b
veth gw-a wan0 gw-b wan0
addr gw-a wan0 192.0.2.1/24
addr gw-b wan0 192.0.2.2/24
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
	wait_log "$WORK/gw-a.log" "gw-b: .*$3" "$UP_SECONDS" && pass "refused: $3"
	wait_log "$WORK/gw-b.log" "goodbye heard: .*$3" 5 && pass 'the server hears why'
	check_fails 'there is no interface' ip_ns gw-a link show cv0
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
expect_log "$WORK/gw-a.log" 'error .*gw-b: refused: .*add its range to tunnel_addresses in this profile'
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
finish
