#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The microbenchmarks still run: every stage of tests/bench/stages.c does its work, and tests/bench/instructions counts the same
# twice and tells what got worse. No topology; nothing here judges a figure.
set -euo pipefail
# shellcheck source=tests/system/lib.sh
source "$(dirname "$0")/lib.sh"

STAGES=$BUILD/bench/stages
BASELINE=$TOP/tests/bench/instructions.json
SMALL=packet-parse-ipv4

refused() { # NAME REGEX ARGUMENT...
	local name=$1 regex=$2 got=0
	shift 2
	"$@" >"$WORK/refused" 2>&1 || got=$?
	check_equal "$name: status" 2 "$got"
	check "$name: says '$regex'" grep -E -e "$regex" "$WORK/refused"
}

names() {
	"$STAGES" --list | cut -f1
}

value() { # FILE; instructions of the stage that was counted
	jq ".stages[] | select(.name == \"$SMALL\") | .instructions" "$1"
}

# ---- stages ----

check_equal 'no name stands for two stages' '' "$(names | sort | uniq -d)"
check 'each stage does an operation' "$STAGES" --all 1
check_equal 'each that is listed' "$(names)" "$("$STAGES" --all 1 | cut -d: -f1)"
check 'a stage is timed' grep -E '^[0-9]+\.[0-9]$' <("$STAGES" --time $SMALL)
refused 'an unknown stage' "no stage 'nothing'; there are:" "$STAGES" nothing 1
check_equal 'and all are named' "$(names)" "$(sed -n 's/^  //p' "$WORK/refused")"
refused 'no operation' "'0' is no number from 1 to" "$STAGES" $SMALL 0
refused 'too many operations' 'no number from 1 to 4096' "$STAGES" $SMALL 4097
refused 'nothing to do' 'usage: ' "$STAGES"

# ---- instructions ----

instructions() {
	CULVERT_BUILD=$BUILD "$TOP/tests/bench/instructions" "$@"
}

check 'instructions are counted' instructions --json $SMALL
cp "$WORK/.check" "$WORK/first.json"
jq '.stages[].instructions -= 5' "$WORK/first.json" >"$WORK/less.json"
status=0
instructions --json --compare "$WORK/less.json" $SMALL >"$WORK/second.json" 2>"$WORK/worse" || status=$?
count=$(value "$WORK/first.json")
check 'an operation costs some' test "$count" -gt 10
check_equal 'and as many the second time' "$count" "$(value "$WORK/second.json")"
check_equal 'more than before is a failure' 1 "$status"
check 'which is named' grep -xE "$SMALL: $((count - 5)) -> $count instructions .*, WORSE" "$WORK/worse"
refused 'counting an unknown stage' "no stage 'nothing'" instructions nothing
check_equal 'the baseline has every stage' "$(names | sort)" "$(jq -r '.stages[].name' "$BASELINE" | sort)"
finish
