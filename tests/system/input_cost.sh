#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Counts the instructions of the handlers of a peer's bytes (input_cost.c), by callgrind, and holds them to the bounds that stand
# beside the handlers. No topology.
set -euo pipefail
# shellcheck source=tests/system/lib.sh
source "$(dirname "$0")/lib.sh"

[[ -n $(command -v callgrind_annotate) ]] || { echo '0 passed, 0 failed (valgrind is not installed)' && exit; }
# A long copy is one instruction to the processor (`rep movsb`) but one a byte to callgrind; symbols are looked up beforehand.
if ! LD_BIND_NOW=1 GLIBC_TUNABLES=glibc.cpu.x86_rep_movsb_threshold=1000000000 \
	valgrind --tool=callgrind --callgrind-out-file="$WORK/counts" "$BUILD/system/input_cost" >"$WORK/bounds" 2>"$WORK/log"; then
	fail 'the handlers are called' "$(tail -n 3 "$WORK/log")"
	finish
fi
callgrind_annotate --inclusive=yes --threshold=100 "$WORK/counts" |
	sed -nE 's/^ *([0-9,]+) \([^)]*\) .*:(case_[a-z0-9_]+).*/\2 \1/p' | tr -d , >"$WORK/costs"
while read -r name bytes bound; do
	cost=$(awk -v name="$name" '$1 == name { print $2; exit }' "$WORK/costs")
	check "${name#case_}: $bytes bytes cost ${cost:-?} instructions, at most $bound" test "${cost:-$((bound + 1))}" -le "$bound"
done <"$WORK/bounds"
finish
