# shellcheck shell=bash disable=SC2154
# SPDX-License-Identifier: Apache-2.0
#
# Latency under load on a new tunnel, and the load's goodput: a ping every 50 ms from second 1 beside TCP for 12 s. Each
# load is measured in either direction, with one flow and with four, and new connections' first packets beside
# four. The links have no delay of their own, so what a ping takes is queues: 100 Mbit/s with 20 ms of buffer, and 20
# Mbit/s with 300 ms, as at the end of a home's line. On a third link, whose rate changes, it is one flow, for longer.

latency_links() { echo buffer-100mbit-20ms buffer-20mbit-300ms buffer-changing; }

latency_result() { # KEY FILE
	result "$1_mean" ms lower "$(jq .mean "$2")"
	result "$1_p99" ms lower "$(jq .p99 "$2")"
}

# Waits until no packets of the load before are under way, so that the next begins on an empty link.
latency_idle() {
	in_ns a "$BUILD/bench/probe" ping "$(system_address)" 10 10 >/dev/null || true
}

latency_beside() { # KEY FLOWS up|down SECONDS
	local address way=() pings=$((($4 - 1) * 20))
	address=$(system_address)
	[[ $3 != down ]] || way=(-R)
	latency_idle
	rm -f "$WORK/latency-bulk.json"
	start_bg "$WORK/latency-bulk.json" bulk in_ns a iperf3 --json -c "$address" -t "$4" -P "$2" -C "$inner" \
		${way[@]+"${way[@]}"}
	pause 1
	rm -f "$WORK/latency-new.json"
	[[ $2 -eq 1 ]] || start_bg "$WORK/latency-new.json" new in_ns a "$BUILD/bench/probe" connect "$address" 9 50 "$pings"
	if in_ns a "$BUILD/bench/probe" ping "$address" 50 "$pings" >"$WORK/latency.json"; then
		latency_result "$1" "$WORK/latency.json"
	else
		failed_measure "$1" 'no ping was answered'
	fi
	if [[ $2 -ne 1 ]] && wait_exit new 30; then
		[[ $EXIT_STATUS -ne 0 ]] || latency_result "${1}_new" "$WORK/latency-new.json"
	fi
	wait_exit bulk $(($4 + 30)) || true
	result "${1}_goodput" Mbit/s higher "$(jq '(.end.sum_received.bits_per_second // 0) / 1e6' "$WORK/latency-bulk.json")"
}

latency_run() { # LINK
	local key=${1#buffer-} flows way
	key=latency_${key%%-*}
	bulk_server || { failed_measure "$key" 'iperf3 does not listen' && return 0; }
	for way in up down; do
		if [[ $1 == buffer-changing ]]; then
			link_change_start
			latency_beside "${key}_${way}_1" 1 "$way" $((latency_seconds * 2))
			link_change_stop || true
			continue
		fi
		for flows in 1 4; do
			latency_beside "${key}_${way}_$flows" "$flows" "$way" "$latency_seconds"
		done
	done
}
