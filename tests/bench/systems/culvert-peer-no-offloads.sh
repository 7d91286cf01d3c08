# shellcheck shell=bash disable=SC2034,SC2154
# SPDX-License-Identifier: Apache-2.0
#
# Culvert with offloads only at the client.
# shellcheck source=tests/bench/systems/culvert.sh
source "$TOP/tests/bench/systems/culvert.sh"
SYSTEM_TITLE='Culvert, peer without offloads'
# On a link of 100 Mbit/s offloads change nothing.
SYSTEM_MEASURES='throughput udp rtt connect'
CULVERT_SERVER_LINES='offloads = false;'
