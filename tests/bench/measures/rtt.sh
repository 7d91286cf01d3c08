# shellcheck shell=bash disable=SC2154
# SPDX-License-Identifier: Apache-2.0
#
# Round trips without other traffic.

rtt_links() { echo direct; }

rtt_run() {
	in_ns a "$BUILD/bench/probe" ping "$(system_address)" 10 "$rtt_count" >"$WORK/rtt.json" ||
		{ failed_measure rtt 'no ping was answered' && return 0; }
	result rtt_p50 ms lower "$(jq .p50 "$WORK/rtt.json")"
	result rtt_p99 ms lower "$(jq .p99 "$WORK/rtt.json")"
}
