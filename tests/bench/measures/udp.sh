# shellcheck shell=bash disable=SC2154
# SPDX-License-Identifier: Apache-2.0
#
# The highest rate of UDP packets of 64 and 1200 bytes with under 0.5 % loss, see
# tests/bench/udp_rate.c. The search begins where the slowest system still succeeds here; it may go
# down, too.

UDP_FROM=80000

udp_links() { echo direct; }

udp_run() {
	local bytes address
	address=$(system_address)
	start_bg "$WORK/udp.log" udp in_ns b "$BUILD/bench/udp_rate" serve "$address" 7300
	wait_for 5 'udp_rate listens' listens b 7300 || { failed_measure udp 'udp_rate does not listen' && return 0; }
	for bytes in 64 1200; do
		if in_ns a timeout 180 "$BUILD/bench/udp_rate" search "$address" 7300 $bytes "$udp_trial_ms" "$udp_steps" $UDP_FROM \
			>"$WORK/udp.json" 2>>"$WORK/udp-trials.log"; then
			result "udp_$bytes" 'packets/s' higher "$(jq .rate "$WORK/udp.json")"
		else
			failed_measure "udp_$bytes" "$(tail -n 1 "$WORK/udp-trials.log")"
		fi
	done
	stop_bg udp
}
