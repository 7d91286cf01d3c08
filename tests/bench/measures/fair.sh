# shellcheck shell=bash disable=SC2154
# SPDX-License-Identifier: Apache-2.0
#
# Fairness: one flow through the tunnel beside a foreign CUBIC flow outside, on one link, both up, and what each of them
# has second by second.

FAIR_PORT=5202

fair_links() { echo shared; }

# Both flows wait for the same moment: who begins a few round trips earlier has most of the link for half a minute.
fair_flow() { # NAME ADDRESS PORT CONGESTION
	rm -f "$WORK/fair-$1.json"
	# shellcheck disable=SC2016 # It is for the other shell.
	start_bg "$WORK/fair-$1.json" "fair-$1" in_ns a bash -c 'read -r <"$0" || exec "$@"' "$WORK/fair-go" \
		iperf3 --json -c "$2" -p "$3" -t "$fair_seconds" -C "$4"
}

# True: the process waits for it.
fair_waits() { # NAME
	[[ $(cat "/proc/$(pid_of "fair-$1")/wchan") == wait_for_partner ]]
}

fair_result() { # NAME
	if [[ $EXIT_STATUS -eq 0 ]] && jq -e '.end.sum_received.bits_per_second' "$WORK/fair-$1.json" >/dev/null; then
		result "fair_$1" Mbit/s higher "$(jq '.end.sum_received.bits_per_second / 1e6' "$WORK/fair-$1.json")"
		series "fair_$1" "$(jq -c '[.intervals[].sum.bits_per_second / 1e6 * 10 | round / 10]' "$WORK/fair-$1.json")"
	else
		failed_measure "fair_$1" "the transfer failed: $(jq -r '.error // empty' "$WORK/fair-$1.json")"
	fi
}

fair_run() { # LINK
	local name
	bulk_server || { failed_measure fair 'iperf3 does not listen' && return 0; }
	start_bg "$WORK/iperf3-foreign.log" iperf3-foreign in_ns b iperf3 -s -p $FAIR_PORT
	wait_for 5 'the foreign iperf3 listens' listens b $FAIR_PORT || { failed_measure fair 'iperf3 does not listen' && return 0; }
	rm -f "$WORK/fair-go"
	mkfifo "$WORK/fair-go"
	fair_flow foreign "$FAR" $FAIR_PORT cubic
	fair_flow tunnel "$(system_address)" 5201 "$inner"
	for name in foreign tunnel; do
		wait_for 5 "the $name flow waits" fair_waits $name || { failed_measure fair 'a flow does not begin' && return 0; }
	done
	: >"$WORK/fair-go"
	for name in tunnel foreign; do
		wait_exit "fair-$name" $((fair_seconds + 30)) || true
		fair_result $name
	done
	stop_bg iperf3-foreign
}
