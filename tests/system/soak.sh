#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# scripts/soak gives the same course for the same seed, and a minute of it ends well.
#
# check: long
# check: timeout 600
set -euo pipefail
# shellcheck source=tests/system/lib.sh
source "$(dirname "$0")/lib.sh"

course() { # SEED
	"$TOP/scripts/soak" --course 100 --seed "$1" | grep -vE '^ok |passed'
}
kinds=$("$TOP/scripts/soak" --list | grep -cE '^[a-z-]+ +(any|server|spoke|gateway|resolving) ')
course 5 >"$WORK/course"
check 'the same seed gives the same course' diff "$WORK/course" <(course 5)
check_fails 'another seed gives another' diff "$WORK/course" <(course 6)
check_equal 'each kind has had its turn before one has its second' "$kinds" "$(head -n "$kinds" "$WORK/course" | awk '{ print $1 }' | sort -u | wc -l)"
check_fails 'minutes are a number' "$TOP/scripts/soak" soon
check_fails 'a kind of fault is known' "$TOP/scripts/soak" 1 --only no-such
# Its findings are lines of its own, which are shown when it fails.
check 'a minute of it ends well' "$TOP/scripts/soak" 1 --seed 2
finish
