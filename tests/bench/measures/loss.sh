# shellcheck shell=bash disable=SC2154
# SPDX-License-Identifier: Apache-2.0
#
# Goodput at 100 Mbit/s and 40 ms with 0, 0.1, 1 and 3 % of packets lost, after a warm-up, in which a
# system may find out what the path is like: of one stream, either way, and at 1 %
# also of eight. Several lanes can carry eight streams side by side; one flow is always on one lane.

loss_links() { echo loss-0 loss-0.1 loss-1 loss-3; }

loss_of() { # KEY FLOWS up|down
	if system_bulk "$2" "$3" "$loss_seconds" "$loss_warm_up" >"$WORK/bulk.json"; then
		result "$1" Mbit/s higher "$(jq '.bits_per_second / 1e6' "$WORK/bulk.json")"
	else
		failed_measure "$1" 'the transfer failed'
	fi
}

loss_run() { # LINK
	local key=goodput_${1//[-.]/_}
	loss_of "$key" 1 up
	loss_of "${key}_down" 1 down
	[[ $1 != loss-1 ]] || loss_of "${key}_flows" 8 up
}
