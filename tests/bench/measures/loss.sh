# shellcheck shell=bash disable=SC2154
# SPDX-License-Identifier: Apache-2.0
#
# Goodput of one stream at 100 Mbit/s and 40 ms with 0, 0.1, 1 and 3 % of packets lost.

loss_links() { echo loss-0 loss-0.1 loss-1 loss-3; }

loss_run() { # LINK
	local key=goodput_${1//[-.]/_}
	if system_bulk 1 up "$loss_seconds" >"$WORK/bulk.json"; then
		result "$key" Mbit/s higher "$(jq '.bits_per_second / 1e6' "$WORK/bulk.json")"
	else
		failed_measure "$key" 'the transfer failed'
	fi
}
