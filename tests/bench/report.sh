#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2016 # jq expands.
#
# Makes one JSON object, a Markdown table and SVG charts of the results of scripts/bench.
#
#   report.sh make DIR AGAINST OUTER INNER QUICK REVISION [NOTE]            from DIR/*.jsonl; prints which figures meet
#                                                                           tests/bench/targets.json
#   report.sh grid DIR RESULTS-DIR...                                       one table and one chart, DIR/grid.md and DIR/grid.svg,
#                                                                           of the measure `grid` in several runs
#   report.sh write DIR FILE NAME                                           puts DIR/NAME.md between the marks NAME of FILE
#   report.sh publish DIR                                                   puts the run into the documentation, in all places
#   report.sh pages                                                         makes those places again of docs/results
#   report.sh check                                                         fails if one of them differs from docs/results
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/bench/charts.sh
source "$here/charts.sh"
# shellcheck source=tests/bench/publish.sh
source "$here/publish.sh"
top=$(cd "$here/../.." && pwd)

machine() {
	jq -n --arg kernel "$(uname -r)" --argjson processors "$(nproc)" --arg openssl "$(openssl version | cut -d' ' -f1,2)" \
		--arg cpu "$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)" \
		--arg memory "$(awk '/^MemTotal/ { print int($2 / 1024) " MiB" }' /proc/meminfo)" \
		--arg os "$(. /etc/os-release && echo "$PRETTY_NAME $(cat /etc/debian_version 2>/dev/null)")" \
		--arg suite "$(. /etc/os-release && echo "$VERSION_CODENAME")" '$ARGS.named'
}

assemble() { # DIR AGAINST OUTER INNER QUICK REVISION [NOTE]
	jq -n -L "$here" --arg against "$2" --arg outer "$3" --arg inner "$4" --argjson quick "$5" --arg revision "$6" --arg note "${7-}" \
		--arg taken "$(date -u +%FT%TZ)" --argjson machine "$(machine)" \
		--slurpfile values "$1/values.jsonl" --slurpfile notes "$1/notes.jsonl" --slurpfile systems "$1/systems.jsonl" \
		--slurpfile durations "$1/durations.jsonl" --slurpfile series "$1/series.jsonl" '
		include "report";
		[$values[] | [.system, .key]] as $counted
		| { format: 1, taken: $taken, revision: $revision, note: $note, quick: $quick, rounds: ($counted | group_by(.) | map(length) | max // 0), against: $against,
		  congestion: { outer: $outer, inner: $inner }, machine: $machine,
		  systems: [$systems | reduce .[] as $s ([]; if any(.system == $s.system) then map(if .system == $s.system then $s else . end) else . + [$s] end) | .[] | .system as $name | { name: $name, title, cipher, version,
			congestion: ([$notes[] | select(.system == $name and .key == "congestion") | { (.kind): .text }] | add),
			measures: ([$values[] | select(.system == $name)] | reduce .[] as $v ({};
				.[$v.key] |= { unit: $v.unit, better: $v.better,
					values: ((.values // []) + [{ round: $v.round, value: $v.value }]) })) }],
		  series: [$series[] | { system, round, key, values: .value }],
		  whole_seconds: ([$durations[] | select(.what == "whole").ms] | add // 0 | . / 1000),
		  seconds: ($durations | map(select(.what != "whole")) | group_by(.what) | map({ (.[0].what): (map(.ms) | add / 1000) }) | add),
		  notes: [$notes[] | select(.kind | IN("skipped", "failed", "unsettled", "emulator"))] } | summed_up' >"$1/results.json"
}

filter() { # DIR FILTER [JQ-OPTION...]
	local dir=$1 what=$2
	shift 2
	jq -r -L "$here" --slurpfile targets "$here/targets.json" "include \"report\"; $what" "$@" <"$dir/results.json"
}

grid() { # DIR RESULTS-DIR...
	local dir=$1
	shift
	mkdir -p "$dir"
	jq -s -r -L "$here" 'include "grid"; grid_markdown' "${@/%//results.json}" >"$dir/grid.md"
	jq -s -r -L "$here" 'include "grid"; grid_chart' "${@/%//results.json}" >"$dir/grid.tsv"
	! command -v gnuplot >/dev/null || grid_chart "$dir"
}

case ${1-} in
make)
	shift
	assemble "$@"
	filter "$1" "markdown, targets_markdown(\$targets[0]), \"\", notes_markdown, seconds_markdown" >"$1/results.md"
	charts "$1"
	echo
	filter "$1" "judged(\$targets[0])[] | \"\\(.text): \\(.got | digits)\\(.unit)\\(.interval | interval_text), needs \\(.word) \\(.needs)\\(.unit): \\(if .reached then \"reached\" else \"missed\" end)\""
	;;
grid)
	shift
	grid "$@"
	;;
write)
	new=$(mktemp)
	trap 'rm -f "$new"' EXIT
	between_marks "$3" "$4" "$2/$4.md" >"$new"
	cat "$new" >"$3"
	;;
publish) publish "$2" ;;
pages) pages write ;;
check) pages check ;;
*)
	echo 'usage: report.sh make|grid|write|publish|pages|check ...' >&2
	exit 2
	;;
esac
