#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# A program that has reloaded its configuration is succeeded by another process: what the reload has replaced is gone, and the
# successor gets what is in force. The file is so large that the kernel takes its pages back when the program frees it.
#
#   berlin ════ gw-b
#
# check: quick
# shellcheck disable=SC2317 # Functions are called by name.
set -euo pipefail
# shellcheck source=tests/system/tunnel/common.sh
source "$(dirname "$0")/tunnel/common.sh"

switch_add
switch_join gw-b 192.0.2.2/24
switch_join berlin 192.0.2.10/24
pki_add berlin
hub_conf() { # LINGER
	{
		printf 'linger = %s;\npeers = ( { name = "berlin"; } );\n' "$1"
		seq -f '# line %g of a large file' 10000
	} | server_conf gw-b
}
hub_conf 70
client_conf berlin </dev/null
server_start gw-b
client_start berlin
wait_up gw-b berlin

for linger in 71 72; do
	hub_conf $linger
	check_equal "the linger of $linger s is in force" "configuration $((linger - 69)) is in force: linger" "$(ctl gw-b reload)"
done
# Another reload is under way, whose listener the successor opens, too.
interface=$(session_value gw-b berlin .interface.name)
kill -STOP "$(engine_pid gw-b)"
sed -i 's/^listen = .*/listen = [ "0.0.0.0:443", "0.0.0.0:8443" ];/' "$WORK/gw-b.conf"
kill -HUP "$(pid_of gw-b)"
wait_for 5 'the new port listens' listens gw-b 8443
mark_berlin=$(log_mark "$WORK/berlin.log")
start_bg "$WORK/gw-b.log" next in_ns gw-b "$CULVERTD" -c "$WORK/gw-b.conf" --succeed "$(pid_of gw-b)"
wait_exit gw-b 10
check_equal 'the predecessor ends in good order' 0 "$EXIT_STATUS"
bg_pids[gw-b]=${bg_pids[next]}
unset 'bg_pids[next]'
wait_log_since "$WORK/berlin.log" "$mark_berlin" 'gw-b: session: .* -> up' "$UP_SECONDS"
wait_up gw-b berlin
check_equal 'the interface is the same' "$interface" "$(session_value gw-b berlin .interface.name)"
check 'the new port listens' listens gw-b 8443
check_equal 'the successor begins with number 1' 1 "$(jq .generation <(ctl gw-b status --json))"
hub_conf 73
sed -i 's/^listen = .*/listen = [ "0.0.0.0:443", "0.0.0.0:8443" ];/' "$WORK/gw-b.conf"
check_equal 'and reloads' 'configuration 2 is in force: linger' "$(ctl gw-b reload)"
check_fails 'nothing of the program was broken' grep -E 'Sanitizer|killed by signal' "$WORK/gw-b.log"
finish
