# shellcheck shell=bash disable=SC2034,SC2154
# SPDX-License-Identifier: Apache-2.0
#
# Culvert that leaves the congestion control to the kernel, where throughput has no limit of rate.
# shellcheck source=tests/bench/systems/culvert.sh
source "$TOP/tests/bench/systems/culvert.sh"
SYSTEM_TITLE="Culvert, kernel's congestion control"
SYSTEM_MEASURES='throughput'
CULVERT_CONGESTION=''
