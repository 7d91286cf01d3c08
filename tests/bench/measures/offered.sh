# shellcheck shell=bash disable=SC2154
# SPDX-License-Identifier: Apache-2.0
#
# Latency against offered load: a ping every 10 ms beside UDP of 0 to 150 % of a link's 100 Mbit/s, up. The share counts the
# datagrams as they are on a bare link, with IP's and Ethernet's headers; a tunnel's own bytes come on top, so it is full
# before 100 %. What arrives is in the same unit.

OFFERED_SHARES=(0 25 50 75 90 100 110 125 150)
OFFERED_PAYLOAD=1200
OFFERED_BYTES=1242

offered_links() { echo 100mbit; }

offered_load() { # ADDRESS SHARE
	local rate=$((1000000 * $2 / (8 * OFFERED_BYTES)))
	rm -f "$WORK/offered-flood.json"
	start_bg "$WORK/offered-flood.json" flood in_ns a "$BUILD/bench/udp_rate" flood "$1" 7300 $OFFERED_PAYLOAD $rate \
		$((offered_seconds + 2))
	pause 1
}

offered_probe() { # ADDRESS SHARE
	local key=offered_$2
	if in_ns a "$BUILD/bench/probe" ping "$1" 10 $((offered_seconds * 100)) >"$WORK/offered.json"; then
		result "${key}_p50" ms lower "$(jq .p50 "$WORK/offered.json")"
		result "${key}_p99" ms lower "$(jq .p99 "$WORK/offered.json")"
		result "${key}_lost" % lower "$(jq '100 * (.sent - .answered) / .sent' "$WORK/offered.json")"
	else
		failed_measure "$key" 'no ping was answered'
	fi
}

offered_run() { # LINK
	local address share
	address=$(system_address)
	start_bg "$WORK/udp.log" udp in_ns b "$BUILD/bench/udp_rate" serve "$address" 7300
	wait_for 5 'udp_rate listens' listens b 7300 || { failed_measure offered 'udp_rate does not listen' && return 0; }
	for share in "${OFFERED_SHARES[@]}"; do
		[[ $share -eq 0 ]] || offered_load "$address" "$share"
		offered_probe "$address" "$share"
		[[ $share -ne 0 ]] || continue
		wait_exit flood $((offered_seconds + 60)) || true
		[[ $EXIT_STATUS -eq 0 ]] || { failed_measure "offered_$share" 'the load failed' && continue; }
		result "offered_${share}_arrived" % higher \
			"$(jq ".received * 8 * $OFFERED_BYTES / 1e6 / $((offered_seconds + 2))" "$WORK/offered-flood.json")"
	done
	stop_bg udp
}
