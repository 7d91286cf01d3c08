#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Another local user tries all the time to attach a queue to the tunnel's interface, also between the two steps that make it. A
# tunnel that comes up is read by nobody else; one that was caught is refused, and the log says why.
#
#   gw-a (192.0.2.1) ──── gw-b (192.0.2.2)
#
# check: quick
#
# shellcheck disable=SC2317 # Functions are called by name.
set -euo pipefail
# shellcheck source=tests/system/tunnel/common.sh
source "$(dirname "$0")/tunnel/common.sh"

ROUNDS=8
gateways_add
pki_add gw-a
server_conf gw-b <<<'lanes = 2; peers = ( { name = "gw-a"; } );'
client_conf gw-a <<<'lanes = 2; interface = "cv0";'
server_start gw-b

stranger_start() {
	start_bg "$WORK/stranger.log" stranger in_ns gw-a "$BUILD/system/stranger_queue" cv0
	wait_log "$WORK/stranger.log" trying 5
}
settled() { # since $mark: up, or refused because of the stranger
	log_has_since "$WORK/gw-a.log" "$mark" 'session: .* -> up|another user of this host has attached a queue'
}
caught=0 leaked=0
for ((round = 1; round <= ROUNDS; round++)); do
	: >"$WORK/stranger.log"
	stranger_start
	mark=$(log_mark "$WORK/gw-a.log")
	client_start gw-a
	wait_for 20 "round $round: up, or refused" settled
	if log_has_since "$WORK/gw-a.log" "$mark" 'another user of this host has attached a queue'; then
		caught=$((caught + 1))
	elif grep -q attached "$WORK/stranger.log"; then
		leaked=$((leaked + 1))
	fi
	stop_bg stranger KILL || true
	stop_bg gw-a TERM
done
check_equal 'no tunnel came up with a queue of somebody else' 0 $leaked
pass "in $caught of $ROUNDS rounds the stranger was caught"

# Without the stranger it works.
mark=$(log_mark "$WORK/gw-a.log")
client_start gw-a
wait_up gw-a gw-b "$mark"
check 'the tunnel works' pings gw-a $SERVER4
finish
