#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# A laptop takes the office's route 192.168.5.0/24, and then comes home, where the printer is 192.168.5.9: the route gives way
# to the network that is on-link there, both ends show why, and it comes back when the laptop leaves. The same at a gateway
# that gets a network which a branch has announced.
#
#            ┌─ wan0 192.0.2.0/24 ──── net ── 198.51.100.0/24 ── gw-b
#   laptop ──┤
#            └─ wlan0 192.168.5.20/24 ── printer 192.168.5.9
#
# check: quick
# shellcheck disable=SC2317 # Functions are called by name.
set -euo pipefail
# shellcheck source=tests/system/tunnel/laptop.sh
source "$(dirname "$0")/tunnel/laptop.sh"

ns_add printer
veth laptop wlan0 printer eth0
addr printer eth0 192.168.5.9/24
addr gw-b lan0 192.168.5.1/24
addr lan-b eth0 192.168.5.9/24
pki_add laptop

state_is() { # STATE
	[[ $(ctl laptop routes --json | jq -r '.received[] | select(.prefix == "192.168.5.0/24") | .state') == "$1" ]]
}
server_conf gw-b <<'CONF'
announce = [ "192.168.5.0/24", "10.2.0.0/24" ];
peers = ( { name = "laptop"; accept_routes = [ "10.3.0.0/16" ]; } );
CONF
server_start gw-b
client_conf laptop <<<'remotes = [ "198.51.100.2" ]; announce = [ "10.3.0.0/24", "10.3.1.0/24" ];'
client_start laptop
wait_up laptop gw-b
wait_routes laptop 192.168.5.0/24 10.2.0.0/24
way() { ip_ns laptop route get 192.168.5.9 | grep -o 'dev [^ ]*'; }
check_equal 'elsewhere the office has it' 'dev cv0' "$(way)"

mark=$(log_mark "$WORK/laptop.log")
addr laptop wlan0 192.168.5.20/24
wait_for 2 'at home the route is refused' state_is refused && pass 'at home the route is refused'
check_fails 'and not in the kernel' has_route laptop 192.168.5.0/24
check 'the log says why' log_has_since "$WORK/laptop.log" "$mark" \
	'gw-b: cv0 loses the route to 192\.168\.5\.0/24, as this host.s networks or the configuration have changed: .*192\.168\.5\.0/24 at wlan0'
check 'and so does the status' grep -E '192\.168\.5\.0/24.*192\.168\.5\.0/24 at wlan0' <(ctl laptop routes)
check_equal 'the printer is reached directly' 'dev wlan0' "$(way)"
check 'and answers' pings laptop 192.168.5.9
wait_for 5 'the server is told' bash -c "$CULVERT routes --socket $WORK/gw-b.sock --json | grep -F 192.168.5.0/24"
check 'another route stays' has_route laptop 10.2.0.0/24

# One more address there changes nothing, and is no reason for another line.
mark=$(log_mark "$WORK/laptop.log")
addr laptop wlan0 192.168.5.21/24
wait_log_since "$WORK/laptop.log" "$mark" 'network has changed' 5
check_fails 'nothing is said twice' log_has_since "$WORK/laptop.log" "$mark" 'route 192\.168\.5\.0/24: refused'
check 'it stays refused' state_is refused

ip_ns laptop addr flush dev wlan0
wait_for 2 'when the laptop leaves, the route comes back' has_route laptop 192.168.5.0/24 &&
	pass 'when the laptop leaves, the route comes back'
wait_for 2 'and the status says so' state_is installed && pass 'and the status says so'
check_equal 'the office has it again' 'dev cv0' "$(way)"

# ---- a server ----

wait_routes gw-b 10.3.0.0/24 10.3.1.0/24
addr gw-b lan0 10.3.0.1/24
wait_for 2 "a gateway's own new network comes first" lacks_route gw-b 10.3.0.0/24 && pass "a gateway's own new network comes first"
check 'the other route stays' has_route gw-b 10.3.1.0/24
check 'and the session' pings laptop "$SERVER4"
ip_ns gw-b addr del 10.3.0.1/24 dev lan0
wait_for 2 'it is the tunnel again after it' has_route gw-b 10.3.0.0/24 && pass 'it is the tunnel again after it'
finish
