# shellcheck shell=bash disable=SC2154
# SPDX-License-Identifier: Apache-2.0
#
# Bulk TCP up (a to b), down and with four streams, and the CPU time of both VPN ends per gigabyte moved.

throughput_links() { echo direct; }

throughput_of() { # KEY FLOWS up|down
	local before after
	before=$(ends_cpu)
	system_bulk "$2" "$3" "$bulk_seconds" >"$WORK/bulk.json" || { failed_measure "$1" 'the transfer failed' && return 0; }
	after=$(ends_cpu)
	result "$1" Gbit/s higher "$(jq '.bits_per_second / 1e9' "$WORK/bulk.json")"
	[[ $SYSTEM_NAME == plain ]] || result "${1/throughput/cpu}" 's/GB' lower \
		"$(jq --argjson a "$after" --argjson b "$before" '($a - $b + (.cpu_seconds // 0)) / (.bytes / 1e9)' "$WORK/bulk.json")"
	note_inner "$(jq -r '.inner // empty' "$WORK/bulk.json")"
}

throughput_run() {
	throughput_of throughput_up 1 up
	note_outer "$(outer_in_force)"
	throughput_of throughput_down 1 down
	throughput_of throughput_4 4 up
}
