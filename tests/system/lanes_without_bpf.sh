#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# A client whose kernel refuses it the steering program says so and does with one lane, whatever both ends would grant.
#
#   lan-a ──── gw-a ════════ gw-b ──── lan-b       lanes = 4 at both ends; gw-a without CAP_BPF and CAP_SYS_ADMIN
#
# check: alone
# check: quick
# shellcheck disable=SC2317 # Functions are called by name.
set -euo pipefail
# shellcheck source=tests/system/tunnel/lanes.sh
source "$(dirname "$0")/tunnel/lanes.sh"

site_add
pki_add gw-a
for ns in gw-a gw-b; do
	snapshot $ns >"$WORK/$ns.before"
done
client_lines=('lanes = 4;')
site_conf <<<'lanes = 4;'
server_start gw-b

# Where anybody may load programs, nothing is refused.
if [[ $(cat /proc/sys/kernel/unprivileged_bpf_disabled) == 0 ]]; then
	echo '# this kernel lets everybody load programs: left out'
	pass 'nothing to refuse'
	finish
fi

start_bg "$WORK/gw-a.log" gw-a in_ns gw-a setpriv --bounding-set -bpf,-sys_admin --inh-caps -bpf,-sys_admin \
	"$CULVERT" up "$WORK/gw-a.conf"
wait_up gw-a gw-b
wait_up gw-b gw-a
wait_routes gw-a 10.2.0.0/24
wait_routes gw-b 10.1.0.0/24
wait_lanes 1
expect_log "$WORK/gw-a.log" 'warning .*lanes = 4, but one will be used: the kernel refuses .*CAP_BPF'
check_equal 'one lane, the client says' 1 "$(session_value gw-a gw-b .lanes_granted)"
ctl gw-a doctor >"$WORK/doctor" || true
check 'and why, culvert doctor says' grep '^problem: lanes: gw-b: 1 of 4: the kernel refused the BPF program' "$WORK/doctor"
check 'the tunnel works' pings lan-a $B4 10
check 'IPv6, too' pings lan-a $B6 10

# A server of several queues behind one lane: all that it sends goes there.
order_start
enough() {
	[[ $(session_value gw-b gw-a .in_packets) -gt 20000 ]]
}
wait_for 60 'packets pass' enough
check 'both ends heard every flow' order_end
: >"$WORK/spans"
for end in a b; do
	check "lan-$end: nothing is out of order" in_order_but $end "$WORK/spans"
	check_equal "lan-$end: nothing is lost" 0 "$(order_value $end lost)"
done
check_equal 'and never a second connection' 1 "$(in_ns gw-b ss -Htn state established sport = 443 | wc -l)"
stop_bg gw-a
stop_bg gw-b
wait_same gw-a "$WORK/gw-a.before" 5
wait_same gw-b "$WORK/gw-b.before" 5
finish
