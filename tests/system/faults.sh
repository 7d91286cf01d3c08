#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# A representative part of the fault matrix: after each fault the session is up again with all its lanes, the inner connections
# that ran have lived and carried every byte right, quiet ones too, and nothing is left over. No time is judged: that is what
# tests/system/fault-matrix does, which runs all of it.
#
#   lan-a ──── gw-a ──── wan (a bridge) ──── gw-b ──── lan-b       ping_interval 1 s, dead_after 3 s, linger 60 s
#
# check: timeout 300
set -euo pipefail
# shellcheck source=tests/system/tunnel/common.sh
source "$(dirname "$0")/tunnel/common.sh"
# shellcheck source=tests/system/tunnel/cell.sh
source "$(dirname "$0")/tunnel/cell.sh"

CELLS=(
	'client-engine up'
	'server-netd down'
	'all idle'
	'cut both'
	'silent up'
	'reset down'
	'address idle'
	'lane both'
	'one-silent down'
)

cell_site
for entry in "${CELLS[@]}"; do
	read -r fault column <<<"$entry"
	echo "# $(fault_field "$fault" 2); $column"
	cell "$fault" "$column" || true
	[[ -z $CELL_SKIPPED ]] || echo "# left out: $CELL_SKIPPED"
done
finish
