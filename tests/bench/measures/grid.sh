# shellcheck shell=bash disable=SC2154
# SPDX-License-Identifier: Apache-2.0
#
# Latency under load over rates and round trips: a probe every 10 ms beside one bulk flow up, on
# nine links. Not a default measure; tests/bench/grid runs it for each pair of congestion controls
# and makes one table of them.
#
# The probes begin when the load has converged, and goodput is the bytes acknowledged while they
# ran. So neither includes slow start.

grid_links() { echo grid-{10,100,1000}mbit-{1,40,200}ms; }

# Prints the bytes of the bulk flow that the far end has acknowledged. Of iperf3's two connections
# the larger one carries data.
grid_acked() { # ADDRESS
	in_ns a ss -Htin state established dst "$1" dport = :5201 |
		awk '{ for (i = 1; i <= NF; i++) if (sub(/^bytes_acked:/, "", $i) && $i + 0 > most) most = $i + 0 } END { printf "%d", most }'
}

# Waits until the flow no longer grows: two windows in a row each moved at most a tenth more than
# the one before. A window is four round trips, in which slow start grows by far more.
grid_settle() { # ADDRESS RTT_MS
	local window=$(($2 * 4 > 500 ? $2 * 4 : 500)) calm=0 since acked before=0 rate last=0 elapsed deadline
	deadline=$(deadline_in "$grid_settle_max")
	since=$(now_ms)
	while ! past "$deadline"; do
		pause "$(seconds "$window")"
		acked=$(grid_acked "$1")
		elapsed=$(($(now_ms) - since))
		since=$((since + elapsed))
		rate=$(((acked - before) * 1000 / elapsed))
		calm=$((last > 0 && rate * 10 <= last * 11 ? calm + 1 : 0))
		[[ $calm -lt 2 ]] || return 0
		before=$acked last=$rate
	done
	return 1
}

grid_probe() { # LINK ADDRESS COUNT
	local start acked elapsed
	start=$(now_ms)
	acked=$(grid_acked "$2")
	in_ns a "$BUILD/bench/probe" ping "$2" 10 "$3" >"$WORK/grid.json" || { failed_measure "$1" 'no probe was answered' && return 0; }
	acked=$(($(grid_acked "$2") - acked))
	elapsed=$(($(now_ms) - start))
	result "$1_p50" ms lower "$(jq .p50 "$WORK/grid.json")"
	result "$1_p99" ms lower "$(jq .p99 "$WORK/grid.json")"
	result "$1_lost" % lower "$(jq '100 * (.sent - .answered) / .sent' "$WORK/grid.json")"
	result "$1_goodput" Mbit/s higher "$(jq -n "$acked * 8 / 1000 / $elapsed")"
}

grid_queue() { # LINK
	system_queue >"$WORK/queue.json"
	[[ -s $WORK/queue.json ]] || return 0
	result "$1_queue_delay" ms lower "$(jq .delay_ms "$WORK/queue.json")"
	result "$1_queue_marks" packets lower "$(jq .marks "$WORK/queue.json")"
	result "$1_queue_drops" packets lower "$(jq .drops "$WORK/queue.json")"
}

# Prints the emulator's losses that no real link has: they make a figure invalid, so they are
# printed with the figures.
grid_emulator() { # LINK
	local told
	told=$(for way in forward backward; do link_counters a wan0 $way; done | jq -rs '(map(.overrun + .refused + .undelivered) | add) as $n
		| (map(.late_mean_us) | max) as $late | select($n > 0 or $late > 1000)
		| "the emulator lost \($n) packets itself and was late by \($late) us on average"')
	[[ -z $told ]] || note emulator "$1" "$told"
}

grid_run() { # LINK
	local address rtt=${1##*-} probes_ms
	rtt=${rtt%ms}
	probes_ms=$((rtt * grid_rtts > grid_seconds * 1000 ? rtt * grid_rtts : grid_seconds * 1000))
	address=$(system_address)
	bulk_server || { failed_measure "$1" 'iperf3 does not listen' && return 0; }
	start_bg "$WORK/bulk.log" bulk in_ns a iperf3 -c "$address" -t 600 -C "$inner"
	grid_settle "$address" "$rtt" || note unsettled "$1" "the load still grew or had stopped after $grid_settle_max s"
	grid_probe "$1" "$address" $((probes_ms / 10))
	grid_queue "$1"
	grid_emulator "$1"
	bg_running bulk || failed_measure "$1" "the load ended: $(tail -n 1 "$WORK/bulk.log")"
	stop_bg bulk
}
