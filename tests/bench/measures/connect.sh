# shellcheck shell=bash disable=SC2154
# SPDX-License-Identifier: Apache-2.0
#
# The time from starting the client to the first answered ping. The client is not running before,
# and runs afterwards.

connect_links() { echo direct; }

connect_run() {
	[[ ${#CLIENT_COMMAND[@]} -gt 0 ]] || { skipped_measure connect 'there is no client to start' && return 0; }
	stop_bg client
	rm -f "$WORK/first.log"
	start_bg "$WORK/first.log" client in_ns a "$BUILD/bench/probe" first "$(system_address)" "${CLIENT_COMMAND[@]}"
	wait_log "$WORK/first.log" '^([0-9]+\.[0-9]{3}|no answer)$' 35 || return 0
	if grep -qx 'no answer' "$WORK/first.log"; then
		failed_measure connect 'no ping was answered'
	else
		result connect ms lower "$(grep -xE '[0-9]+\.[0-9]{3}' "$WORK/first.log" | head -n 1)"
	fi
}
