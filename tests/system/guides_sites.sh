#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The README's two hosts and the page about sites, typed as they stand (tests/system/guide).
#
# shellcheck disable=SC2317 # Functions are called by name.
set -euo pipefail
# shellcheck source=tests/system/tunnel/common.sh
source "$(dirname "$0")/tunnel/common.sh"
# shellcheck source=tests/system/guide/site.sh
source "$TOP/tests/system/guide/site.sh"

guide_site

# ---- README ----

guide_skip README.md 'sudo ./scripts/demo      # builds, lays out two sites and a wan, shows the tunnel, takes everything down again' \
	'tests/system/bare_root runs both commands, in roots where nothing is installed'
pcs_meet() { in_ns pc-a ping -n -q -c 1 -W 1 10.2.0.2; }
guide README.md 'Two real hosts in five minutes'
wait_for "$UP_SECONDS" 'the network behind gw-a reaches the one behind gw-b' pcs_meet &&
	pass 'the network behind gw-a reaches the one behind gw-b'
check 'the server starts with its host' on gw-b test -L /etc/systemd/system/multi-user.target.wants/culvertd.service
check 'so does the client' on gw-a test -L /etc/systemd/system/multi-user.target.wants/culvert@gw-a.service
check 'nothing is in the way' on gw-b culvert doctor
check 'nor on gw-a' on gw-a culvert doctor
check 'the logs are where the page says' on gw-a sh -ec 'journalctl -u culvert@gw-a | grep -q .'
on gw-a systemctl stop culvert@gw-a
on gw-b systemctl stop culvertd
guide README.md 'Without systemd'
wait_for "$UP_SECONDS" 'the networks reach each other' pcs_meet && pass 'in the foreground as well'
guide_interrupt gw-a
guide_interrupt gw-b
guide_end README.md
on gw-b systemctl start culvertd
on gw-a systemctl start culvert@gw-a
wait_for "$UP_SECONDS" 'the networks reach each other' pcs_meet
finish
