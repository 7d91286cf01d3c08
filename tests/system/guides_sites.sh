#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The README's two hosts and the page about sites, typed as they stand (tests/system/guide). Beside the README's hosts are
#
#   gw-c: 192.0.2.3, lan0 10.3.0.1/24            gw-a2: 192.0.2.4, lan0 10.1.0.3/24 in the LAN of pc-a
#
# pc-a becomes a router, with 10.1.9.0/24 behind it.
#
# check: long
#
# shellcheck disable=SC2317 # Functions are called by name.
set -euo pipefail
# shellcheck source=tests/system/tunnel/common.sh
source "$(dirname "$0")/tunnel/common.sh"
# shellcheck source=tests/system/guide/site.sh
source "$TOP/tests/system/guide/site.sh"

guide_site

# ---- README ----

guide_skip README.md 'sudo ./scripts/demo      # builds, lays out two sites and a wan, shows the tunnel, takes everything down again' \
	'tests/system/bare_root runs both commands, in roots where nothing is installed'
pcs_meet() { in_ns pc-a ping -n -q -c 1 -W 1 10.2.0.2; }
guide README.md 'Two real hosts in five minutes'
wait_for "$UP_SECONDS" 'the network behind gw-a reaches the one behind gw-b' pcs_meet &&
	pass 'the network behind gw-a reaches the one behind gw-b'
check 'the server starts with its host' on gw-b test -L /etc/systemd/system/multi-user.target.wants/culvertd.service
check 'so does the client' on gw-a test -L /etc/systemd/system/multi-user.target.wants/culvert@gw-a.service
check 'nothing is in the way' on gw-b culvert doctor
check 'nor on gw-a' on gw-a culvert doctor
check 'the logs are where the page says' on gw-a sh -ec 'journalctl -u culvert@gw-a | grep -q .'
on gw-a systemctl stop culvert@gw-a
on gw-b systemctl stop culvertd
guide README.md 'Without systemd'
wait_for "$UP_SECONDS" 'the networks reach each other' pcs_meet && pass 'in the foreground as well'
guide_interrupt gw-a
guide_interrupt gw-b
guide_end README.md
on gw-b systemctl start culvertd
on gw-a systemctl start culvert@gw-a
wait_for "$UP_SECONDS" 'the networks reach each other' pcs_meet

# ---- site to site ----

PAGE=docs/site-to-site.md
guide_skip $PAGE '$ ip route show proto 68' 'it shows what two commands print; two_hubs.sh has that route'
guide_skip $PAGE 'route-map tunnels permit 10' 'FRR is not among what scripts/deps installs; it was tried by hand, as the page says'
guide_skip $PAGE 'announce = (' 'its targets are not in this network; probed.sh has such entries at two gateways'
guide_host_at_wan gw-c 192.0.2.3/24
veth gw-c lan0 gw-c lan-end
addr gw-c lan0 10.3.0.1/24
guide_host_at_wan gw-a2 192.0.2.4/24
guide_joins_lan gw-a2
addr gw-a2 lan0 10.1.0.3/24
for host in gw-c gw-a2; do
	guide_installs $host
done
tracked() { on gw-a culvert routes --json | jq -e '[.announced[] | select(.tracked).prefix] == ["10.1.0.0/24"]'; }

guide $PAGE '1. One link'
guide $PAGE '2. Prefixes that follow the kernel'
wait_for "$UP_SECONDS" 'the prefix is that of lan0' tracked && pass 'the prefix is that of lan0'
wait_for "$UP_SECONDS" 'the networks reach each other' pcs_meet && pass 'it carries packets'
guide $PAGE '3. A hub with spokes'
wait_for "$UP_SECONDS" 'spoke to spoke' in_ns pc-a ping -n -q -c 1 -W 1 10.3.0.1 && pass 'the networks of two spokes reach each other'
wait_for "$UP_SECONDS" 'the networks reach each other' pcs_meet && pass 'the hub is reached as before'
guide $PAGE '4. Two ways to one site'
by() { ip_ns gw-b route get 10.1.0.2 | grep -E "dev $1 "; }
wait_for "$UP_SECONDS" 'the better metric is used' by cv1 && pass 'the better metric is used'
wait_for "$UP_SECONDS" 'the networks reach each other' pcs_meet && pass 'it carries packets'
on gw-a systemctl stop culvert@gw-a
wait_for "$UP_SECONDS" 'the other gateway takes over' by cv2 && pass 'the other gateway takes over'
on gw-a systemctl start culvert@gw-a
wait_for "$UP_SECONDS" 'the better one is back' by cv1

# The router's own BIRD: the example without what is for gateways.
in_ns pc-a sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward'
veth pc-a inner pc-a inner-end
addr pc-a inner 10.1.9.1/24
sed -e 's/^router id .*/router id 10.1.0.2;/' -e 's/"lan0"/"eth0"/' -e 's/export filter from_culvert;/export none;/' -e 's/&& !culverts_own()//' \
	-e '/^	area 0 {/a\		interface "inner" { stub; };' "$TOP/docs/examples/bird.conf" >"$WORK/pc-a.bird"
start_bg "$WORK/pc-a.log" bird in_ns pc-a bird -f -c "$WORK/pc-a.bird" -s "$WORK/pc-a.ctl" -P "$WORK/pc-a.pid"
guide $PAGE '5. Beside BIRD or FRR'
learnt() { ip_ns pc-a route show 10.2.0.0/24 proto bird | grep -q eth0; }
wait_for 20 'the router learns the other site by OSPF' learnt && pass 'the router learns the other site by OSPF'
wait_for 20 'the other site learns what is behind the router' has_route gw-b 10.1.9.0/24 && pass 'the other site learns what is behind the router'
guide_end $PAGE
finish
