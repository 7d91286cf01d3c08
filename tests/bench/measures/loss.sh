# shellcheck shell=bash disable=SC2154
# SPDX-License-Identifier: Apache-2.0
#
# Goodput at 100 Mbit/s and 40 ms with 0, 0.1, 1 and 3 % of packets lost: of one stream, and at 1 % of eight, which several
# lanes can carry side by side (one flow is always on one lane).

loss_links() { echo loss-0 loss-0.1 loss-1 loss-3; }

loss_of() { # KEY FLOWS
	if system_bulk "$2" up "$loss_seconds" >"$WORK/bulk.json"; then
		result "$1" Mbit/s higher "$(jq '.bits_per_second / 1e6' "$WORK/bulk.json")"
	else
		failed_measure "$1" 'the transfer failed'
	fi
}

loss_run() { # LINK
	local key=goodput_${1//[-.]/_}
	loss_of "$key" 1
	[[ $1 != loss-1 ]] || loss_of "${key}_flows" 8
}
