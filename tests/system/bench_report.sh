#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# check: quick suite
#
# tests/bench/report.sh makes of invented values what scripts/bench reports: medians, ratios within a round, 95 % intervals, and
# which targets hold under which congestion control. It puts a run into pages, all of which then have the same figures. No
# network: files only.
set -euo pipefail
cd "$(dirname "$0")/../.."
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
passed=0 failed=0
[[ -n $(command -v jq) ]] || { echo '0 passed, 0 failed (jq is not installed)' && exit; }

check_equal() { # WHAT WANTED GOT
	if [[ $2 == "$3" ]]; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
		echo "FAIL: $1: '$3', not '$2'"
	fi
}

value() { # SYSTEM KEY VALUE...: one for each round
	local system=$1 key=$2 round=0
	shift 2
	for value; do
		round=$((round + 1))
		echo "{\"system\":\"$system\",\"round\":$round,\"key\":\"$key\",\"unit\":\"ms\",\"better\":\"lower\",\"value\":$value}"
	done >>"$out/values.jsonl"
}

# Reports of these systems; jq's filter of results.json is next.
report() { # OUTER INNER
	local name
	for name in culvert culvert-4 plain openvpn-tcp; do
		echo "{\"system\":\"$name\",\"title\":\"$name\",\"cipher\":\"none\",\"version\":\"1\"}"
	done >"$out/systems.jsonl"
	touch "$out/"{notes,durations,series}.jsonl
	said=$(bash tests/bench/report.sh make "$out" plain "$1" "$2" false a-revision 'beside other work')
}

measure() { # SYSTEM KEY FILTER; two digits after the point
	jq -r --arg system "$1" --arg key "$2" ".systems[] | select(.name == \$system) | .measures[\$key] | $3
		| if type == \"array\" then map(. * 100 | round / 100) | join(\" \") else . end" "$out/results.json"
}

begin() { rm -f "$out"/*.jsonl; }

targets() { # TEXT; how many that were judged have it
	grep -cF "$1" "$out/results.md" || true
}

# ---- intervals ----

# Student's t by hand: the mean's standard error is 1 / sqrt(3), its quantile 4.303.
begin
value culvert lost -1 0 1
value culvert rtt 10 20 40
value plain rtt 10 10 10
report auto cubic
check_equal 'the median and 95 % of three rounds' '0 -2.48 2.48' "$(measure culvert lost '[.median, .interval.low, .interval.high]')"
# The logarithms are 1 apart, to the base of 2: 20 times and by 2 to the power of 2.484.
check_equal 'values above 0 differ by factors' '20 3.57 111.92' "$(measure culvert rtt '[.median, .interval.low, .interval.high]')"
check_equal 'a ratio is of the same round' '2 0.36 11.19' "$(measure culvert rtt '[.ratio.median, .ratio.interval.low, .ratio.interval.high]')"
check_equal 'the table has them' '| rtt, ms | 20 (10–40) [3.57–112] · 2 × [0.36–11.2] | 10 (10–10) [10–10] · 1 × [1–1] |' \
	"$(grep '^| rtt, ms' "$out/results.md")"
check_equal 'the method is named' 1 "$(targets "Intervals: Student's t over the rounds")"

begin
value culvert rtt 10
report auto cubic
check_equal 'one round has no interval' 'null' "$(measure culvert rtt .interval)"
check_equal 'nor does the table' '| rtt, ms | 10 |' "$(grep '^| rtt, ms' "$out/results.md")"

# The chance that six values are all on one side of the median is 1/32; of nine, eight: 10/256.
begin
value culvert six 6 2 3 4 5 1
value culvert nine 9 2 3 4 5 6 7 8 1
value culvert twelve 1 2 3 4 5 6 7 8 9 10 11 12
report auto cubic
check_equal 'six values: all' '1 6' "$(measure culvert six '[.interval.low, .interval.high]')"
check_equal 'nine: all but one at either end' '2 8' "$(measure culvert nine '[.interval.low, .interval.high]')"
check_equal 'twelve: all but two' '3 10' "$(measure culvert twelve '[.interval.low, .interval.high]')"

# ---- targets ----

begin
value culvert goodput_loss_1 70 66 60
value culvert-4 goodput_loss_1_flows 10 10 10
value openvpn-tcp goodput_loss_1_flows 2 2 2
value culvert load_100mbit_1_p50 5 5 5
value plain load_100mbit_1_p50 10 10 10
default='1 % loss, default settings, up' bbr_inside='default settings, BBR inside' bbr='1 % loss, BBR outside' cubic='1 % loss, CUBIC'
beside='RTT under load at 100 Mbit/s, one bulk flow'
report auto cubic
check_equal 'default settings' '1 0 0 0 1' "$(for text in "$default" "$bbr_inside" "$bbr" "$cubic" "$beside"; do targets "$text"; done | xargs)"
check_equal 'a target tells its interval' "goodput at 100 Mbit/s, 40 ms, $default, in Mbit/s: 66 [53.7–79.1], needs at least 65: reached" \
	"$(grep -F "$default" <<<"$said")"
report auto bbr
check_equal 'BBR inside' '0 1 0 0 1' "$(for text in "$default" "$bbr_inside" "$bbr" "$cubic" "$beside"; do targets "$text"; done | xargs)"
report cubic cubic
check_equal 'CUBIC outside' '0 0 0 1 1' "$(for text in "$default" "$bbr_inside" "$bbr" "$cubic" "$beside"; do targets "$text"; done | xargs)"
report bbr bbr
check_equal 'BBR outside' '0 0 1 0 0' "$(for text in "$default" "$bbr_inside" "$bbr" "$cubic" "$beside"; do targets "$text"; done | xargs)"

# ---- the pages ----

tree=$out/tree
mkdir -p "$tree/docs/images" "$tree/tests"
cp -r tests/bench "$tree/tests/"
printf 'before\n<!-- headline -->\nold\n<!-- end of headline -->\nafter\n' | tee "$tree/README.md" >"$tree/docs/performance.md"
printf '<!-- results-bookworm -->\n<!-- end of results-bookworm -->\n<!-- results-trixie -->\n<!-- end of results-trixie -->\n' >"$tree/docs/benchmarks.md"
touch "$tree/docs/images/throughput.svg"

run_of() { # SUITE THROUGHPUT...
	local suite=$1
	shift
	begin
	value culvert throughput_up "$@"
	value plain throughput_up 20 20 20
	value plain load_100mbit_1_lost 0 0 0
	report auto cubic
	jq --arg suite "$suite" '.machine.suite = $suite' "$out/results.json" >"$out/other.json"
	mv "$out/other.json" "$out/results.json"
	bash "$tree/tests/bench/report.sh" publish "$out"
}

differing() { # prints what `check` names
	bash "$tree/tests/bench/report.sh" check | sed 's/:.*//' | sort -u | xargs
}

run_of bookworm 8.78612 8.2 9
check_equal 'all pages have the run' '' "$(differing)"
check_equal 'the README' '| one TCP stream, Gbit/s | 8.79 | 20 |' "$(grep '^| one TCP' "$tree/README.md")"
check_equal 'with what was noted' 1 "$(grep -c 'beside other work' "$tree/README.md")"
check_equal 'around the marks nothing changes' 'before after' "$(sed -n '1p;$p' "$tree/README.md" | xargs)"
check_equal 'and nothing old is left' 0 "$(grep -c old "$tree/README.md" || true)"
check_equal 'performance' '| culvert | 8.79 |' "$(grep -o '^| culvert | [0-9.]* |' "$tree/docs/performance.md")"
check_equal 'benchmarks, with the interval' 1 "$(grep -c '8.79 (8.2–9) \[7.68–9.76\]' "$tree/docs/benchmarks.md")"
check_equal 'the chart' 1 "$(grep -c '>8.79</text>' "$tree/docs/images/throughput.svg")"
check_equal 'another suite has no run yet' 1 "$(grep -c 'no run of trixie yet' "$tree/docs/benchmarks.md")"
cp "$tree/README.md" "$out/README.md"
run_of trixie 12 12.5 13
check_equal 'a run of another suite is in the pages, too' '' "$(differing)"
check_equal 'but not in the README' '' "$(cmp "$tree/README.md" "$out/README.md" 2>&1)"
sed -i 's/8.79/9.97/' "$tree/README.md"
check_equal 'a figure that somebody changed is found' 'README.md' "$(differing)"
cp "$out/README.md" "$tree/README.md"
sed -i 's/8.786/7.777/' "$tree/docs/results/bookworm.jsonl"
check_equal 'also where the results changed' 'README.md docs/benchmarks.md docs/images/throughput.svg docs/performance.md' "$(differing)"
sed -i 's/<!-- end of headline -->//' "$tree/README.md"
check_equal 'marks that are gone are an error' 1 "$(bash "$tree/tests/bench/report.sh" pages >/dev/null 2>&1 || echo $?)"

echo "$passed passed, $failed failed"
[[ $failed -eq 0 ]]
