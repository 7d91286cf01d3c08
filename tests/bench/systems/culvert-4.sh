# shellcheck shell=bash disable=SC2034,SC2154
# SPDX-License-Identifier: Apache-2.0
#
# Culvert with four lanes.
# shellcheck source=tests/bench/systems/culvert.sh
source "$TOP/tests/bench/systems/culvert.sh"
SYSTEM_TITLE='Culvert, 4 lanes'
CULVERT_LANES=4
