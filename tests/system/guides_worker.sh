#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The page for remote workers, typed as it stands from where the README ends (tests/system/guide). Beside the README's hosts are
#
#   alice ──────────── wan ─────── internet            gw-b's LAN has the resolver 10.2.0.53, fd00:2::53
#   192.0.2.9,         192.0.2.2: gw-b    192.0.2.99 with 203.0.113.1
#   192.168.178.1
#
# check: long
#
# shellcheck disable=SC2317 # Functions are called by name.
set -euo pipefail
# shellcheck source=tests/system/tunnel/common.sh
source "$(dirname "$0")/tunnel/common.sh"
# shellcheck source=tests/system/guide/site.sh
source "$TOP/tests/system/guide/site.sh"

PAGE=docs/remote-worker.md
guide_site
addr pc-b eth0 10.2.0.53/24 fd00:2::53/64
route pc-b ::/0 via fd00:2::1
guide_host_at_wan alice 192.0.2.9/24
addr alice wan0 192.168.178.1/24
switch_join internet 192.0.2.99/24
addr internet lo 203.0.113.1/32
addr internet wan0 192.168.178.9/24
for host in gw-b alice; do
	route "$host" default via 192.0.2.99
done
echo 'nameserver 192.0.2.99' >"$WORK/original"
on alice tee /etc/resolv.conf <"$WORK/original" >/dev/null
guide_installs alice
snapshot alice >"$WORK/alice.before"
guide README.md 'Two real hosts in five minutes'
guide_names['the laptop']=alice

guide_skip $PAGE '25463:  not from all fwmark 0x63760001 lookup 25462 proto 67' 'what the kernel has is compared with it'

# ---- split tunnel, with DNS ----

guide $PAGE 'A remote worker'
guide $PAGE 'Split tunnel'
check 'everything else goes where it went' grep -F 'via 192.0.2.99' <(ip_ns alice route get 203.0.113.1)
wait_for "$UP_SECONDS" 'IPv6, too' in_ns alice ping -n -q -c 1 -W 1 fd00:2::53 && pass 'the office answers over IPv6, too'
wait_for "$UP_SECONDS" 'gw-a is there as before' in_ns pc-a ping -n -q -c 1 -W 1 10.2.0.2 && pass 'gw-a is there as before'
guide $PAGE 'DNS'
has_resolver() { on alice grep -x 'nameserver 10.2.0.53' /etc/resolv.conf; }
wait_for "$UP_SECONDS" 'the resolvers are those of the office' has_resolver && pass 'the resolvers are those of the office'
check 'with their domain' on alice grep -x 'search corp.example' /etc/resolv.conf

# ---- full tunnel ----

guide $PAGE 'Full tunnel'
full() { # ADDRESS
	ip_ns alice route get "$1" | grep -F 'dev cv0 table 25462' >/dev/null
}
wait_for 5 'everything goes through the tunnel' full 203.0.113.1 && pass 'everything goes through the tunnel'
wait_for 5 'IPv6 as well' full 2001:db8::1 && pass 'IPv6 as well'
check 'the office answers' pings alice 10.2.0.53
check 'over IPv6, too' pings alice fd00:2::53
check 'the rule is the one on the page' grep -xF "$(grep -F 'lookup 25462' "$TOP/$PAGE" | tr -s '\t ' ' ')" \
	<(ip_ns alice -d rule show | tr -s '\t ' ' ' | sed 's/ *$//')
check 'what goes past it does' grep -F 'dev wan0' <(ip_ns alice route get 192.168.178.9)
check 'and answers' pings alice 192.168.178.9
check_fails 'the Internet has no way back to the pool' pings alice 203.0.113.1 1 -W 1
guide $PAGE 'NAT at the server'
internet() { in_ns alice ping -n -q -c 1 -W 1 203.0.113.1; }
wait_for "$UP_SECONDS" 'with NAT the Internet answers' internet && pass 'with NAT the Internet answers'
check 'no gateway is troubled by the default routes' in_ns pc-a ping -n -q -c 1 -W 1 10.2.0.2
check 'nothing is in the way at the server' on gw-b culvert doctor

# ---- kill switch ----

killswitch() { on alice nft list table inet culvert-killswitch-alice; }
guide $PAGE 'Kill switch'
check 'the switch is in force' killswitch
wait_for "$UP_SECONDS" 'the Internet answers' internet && pass 'the Internet answers through the tunnel'
check_fails 'and nothing by another way' pings alice 192.168.178.9 1 -W 1
guide $PAGE 'Taking it down'
check_fails 'it is down' killswitch
check 'the resolvers are back' on alice cmp "$WORK/original" /etc/resolv.conf
wait_same alice "$WORK/alice.before" 3
on alice systemctl start culvert@alice
on alice systemctl stop culvert@alice
check 'with the drop-in the switch outlives the unit' killswitch
on alice culvert sweep alice
check_fails 'until it is swept' killswitch
guide_end $PAGE
finish
