# shellcheck shell=bash disable=SC2154
# SPDX-License-Identifier: Apache-2.0
#
# Latency under load: probes every 10 ms beside one and four bulk flows, and beside 150 Mbit/s of
# UDP. With four flows there are new connections at the same time, whose first packets have to get
# through. These are twenty a second, no load by themselves.

load_links() { echo 100mbit 20mbit-40ms; }

load_probe() { # KEY
	in_ns a "$BUILD/bench/probe" ping "$(system_address)" 10 $((load_seconds * 100)) >"$WORK/load.json" ||
		{ failed_measure "$1" 'no probe was answered' && return 0; }
	result "$1_p50" ms lower "$(jq .p50 "$WORK/load.json")"
	result "$1_p99" ms lower "$(jq .p99 "$WORK/load.json")"
	result "$1_lost" % lower "$(jq '100 * (.sent - .answered) / .sent' "$WORK/load.json")"
}

load_new_flows_start() {
	rm -f "$WORK/load-new.json"
	start_bg "$WORK/load-new.json" new in_ns a "$BUILD/bench/probe" connect "$(system_address)" 9 50 $((load_seconds * 20))
}

load_new_flows() { # KEY
	wait_exit new 30 || return 0
	[[ $EXIT_STATUS -eq 0 ]] || { failed_measure "$1" 'no connection was answered' && return 0; }
	result "$1_p50" ms lower "$(jq .p50 "$WORK/load-new.json")"
	result "$1_p99" ms lower "$(jq .p99 "$WORK/load-new.json")"
}

# Probes beside a bulk load; the warm-up keeps its slow start out of the figures.
load_beside() { # KEY FLOWS
	local whole=$((load_warm_up + load_seconds + 1))
	bulk_server || { failed_measure "$1" 'iperf3 does not listen' && return 0; }
	rm -f "$WORK/load-bulk.json"
	start_bg "$WORK/load-bulk.json" bulk in_ns a iperf3 --json -c "$(system_address)" -t $whole -P "$2" -C "$inner"
	pause "$load_warm_up"
	[[ $2 -eq 1 ]] || load_new_flows_start
	load_probe "$1"
	[[ $2 -eq 1 ]] || load_new_flows "${1}_new"
	wait_exit bulk $((whole + 30)) || true
	result "${1}_goodput" Mbit/s higher "$(jq '(.end.sum_received.bits_per_second // 0) / 1e6' "$WORK/load-bulk.json")"
}

load_flood() { # KEY
	local address
	address=$(system_address)
	start_bg "$WORK/udp.log" udp in_ns b "$BUILD/bench/udp_rate" serve "$address" 7300
	wait_for 5 'udp_rate listens' listens b 7300 || { failed_measure "$1" 'udp_rate does not listen' && return 0; }
	rm -f "$WORK/flood.json"
	start_bg "$WORK/flood.json" flood in_ns a "$BUILD/bench/udp_rate" flood "$address" 7300 1200 15625 \
		$((load_warm_up + load_seconds + 1))
	pause "$load_warm_up"
	load_probe "$1"
	wait_exit flood $((load_warm_up + load_seconds + 60)) || true
	stop_bg udp
}

load_run() { # LINK
	local key=load_${1//-/_}
	load_beside "${key}_1" 1
	load_beside "${key}_4" 4
	[[ $1 != 100mbit ]] || load_flood "${key}_flood"
}
