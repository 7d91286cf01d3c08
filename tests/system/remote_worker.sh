#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The page for remote workers, lived through: what stands in docs/remote-worker.md behind `<!-- test: NAME -->` is what the two
# configurations say here.
#
#   laptop ── 192.0.2.0/24 ── gw-b (vpn.example.org) ── lan-b: 10.2.0.53, fd00:2::53
#             192.168.178.9 ─┘
#
# check: quick
#
# shellcheck disable=SC2317 # Functions are called by name.
set -euo pipefail
# shellcheck source=tests/system/tunnel/common.sh
source "$(dirname "$0")/tunnel/common.sh"

page() { # BLOCK; its lines
	awk -v mark="<!-- test: $1 -->" '$0 == mark { found = 1; next } found && /^```/ { if (inside) exit; inside = 1; next }
		inside' "$TOP/docs/remote-worker.md" | grep .
}

ns_add laptop
ns_add gw-b forward
ns_add lan-b
veth laptop wan0 gw-b wan0
veth gw-b lan0 lan-b eth0
addr laptop wan0 192.0.2.1/24 192.168.178.1/24
addr gw-b wan0 192.0.2.2/24 192.168.178.9/24
addr gw-b lan0 10.2.0.1/24 fd00:2::1/64
addr lan-b eth0 10.2.0.53/24 fd00:2::53/64
route laptop default via 192.0.2.2
route lan-b default via 10.2.0.1
route lan-b ::/0 via fd00:2::1
etc=$(ns_etc laptop)
printf 'nameserver 192.0.2.2\n' >"$etc/resolv.conf"
printf '192.0.2.2 vpn.example.org\n' >"$etc/hosts"
cp "$etc/resolv.conf" "$WORK/original"

pki init
pki server gw-b
pki client alice --remote vpn.example.org
client_conf alice </dev/null
snapshot laptop >"$WORK/before"

# ---- split tunnel, with DNS ----

server_conf gw-b < <(page 'split server' && page 'dns server')
server_start gw-b
client_start alice laptop
wait_up alice gw-b
wait_routes laptop 10.2.0.0/24 fd00:2::/64
check 'the office answers' pings laptop 10.2.0.53
check 'over IPv6, too' pings laptop fd00:2::53
check 'the resolvers are those of the office' grep -x 'nameserver 10.2.0.53' "$etc/resolv.conf"
check 'with their domain' grep -x 'search corp.example' "$etc/resolv.conf"
check 'everything else goes where it went' grep -F 'via 192.0.2.2' <(ip_ns laptop route get 203.0.113.1)
stop_bg alice
check 'the resolvers are back' cmp "$WORK/original" "$etc/resolv.conf"
wait_same laptop "$WORK/before" 3
stop_bg gw-b

# ---- full tunnel ----

server_conf gw-b < <(page 'split server' | grep -v '^peers' && page 'full server')
server_start gw-b
client_conf alice < <(page 'full client' && page 'bypass client')
client_start alice laptop
wait_up alice gw-b
full() { # ADDRESS
	ip_ns laptop route get "$1" | grep -F 'dev cv0 table 25462' >/dev/null
}
wait_for 5 'everything goes through the tunnel' full 203.0.113.1
wait_for 5 'IPv6 as well' full 2001:db8::1
check 'the office answers' pings laptop 10.2.0.53
check 'over IPv6, too' pings laptop fd00:2::53
check 'the rule is the one on the page' grep -xF "$(grep -F 'lookup 25462' "$TOP/docs/remote-worker.md" | tr -s '\t ' ' ')" \
	<(ip_ns laptop -d rule show | tr -s '\t ' ' ' | sed 's/ *$//')
check 'what goes past it does' grep -F 'dev wan0' <(ip_ns laptop route get 192.168.178.9)
check 'and answers' pings laptop 192.168.178.9
stop_bg alice
wait_same laptop "$WORK/before" 3
finish
