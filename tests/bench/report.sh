#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2016 # jq expands.
#
# What scripts/bench found, as one JSON object, a Markdown table and SVG charts.
#
#   report.sh make DIR AGAINST OUTER INNER QUICK ROUNDS REVISION SYSTEMS    from DIR/*.jsonl; prints which figures reach what
#                                                                           tests/bench/targets.json wants
#   report.sh grid DIR RESULTS-DIR...                                       one table and one chart, DIR/grid.md and DIR/grid.svg, of
#                                                                           what the measure `grid` found in several runs
#   report.sh write DIR FILE [NAME]                                         puts DIR/NAME.md between the marks NAME of FILE; NAME is
#                                                                           `results` where it is not given
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)

machine() {
	jq -n --arg kernel "$(uname -r)" --argjson processors "$(nproc)" --arg openssl "$(openssl version | cut -d' ' -f1,2)" \
		--arg cpu "$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)" \
		--arg memory "$(awk '/^MemTotal/ { print int($2 / 1024) " MiB" }' /proc/meminfo)" \
		--arg os "$(. /etc/os-release && echo "$PRETTY_NAME $(cat /etc/debian_version 2>/dev/null)")" '$ARGS.named'
}

assemble() { # DIR AGAINST OUTER INNER QUICK ROUNDS REVISION SYSTEMS
	jq -n --arg against "$2" --arg outer "$3" --arg inner "$4" --argjson quick "$5" --argjson rounds "$6" \
		--arg revision "$7" --arg taken "$(date -u +%FT%TZ)" --argjson machine "$(machine)" \
		--slurpfile values "$1/values.jsonl" --slurpfile notes "$1/notes.jsonl" --slurpfile systems "$1/systems.jsonl" \
		--slurpfile durations "$1/durations.jsonl" '
		{ format: 1, taken: $taken, revision: $revision, quick: $quick, rounds: $rounds, against: $against,
		  congestion: { outer: $outer, inner: $inner }, machine: $machine,
		  systems: [$systems[] | .system as $name | { name: $name, title, cipher, version,
			congestion: ([$notes[] | select(.system == $name and .key == "congestion") | { (.kind): .text }] | add),
			measures: ([$values[] | select(.system == $name)] | reduce .[] as $v ({};
				.[$v.key] |= { unit: $v.unit, better: $v.better,
					values: ((.values // []) + [{ round: $v.round, value: $v.value }]) })) }],
		  seconds: ($durations | group_by(.what) | map({ (.[0].what): (map(.ms) | add / 1000) }) | add),
		  notes: [$notes[] | select(.kind | IN("skipped", "failed", "unsettled", "emulator"))] }' >"$1/results.json"
}

filter() { # DIR FILTER [JQ-OPTION...]
	local dir=$1 what=$2
	shift 2
	jq -r -L "$here" --slurpfile targets "$here/targets.json" "include \"report\"; $what" "$@" <"$dir/results.json"
}

# One chart: clustered bars, a cluster a system. Keys are those measures that anybody has.
chart() { # DIR NAME TITLE KEY...
	local dir=$1 name=$2 title=$3 plot='' key i=1
	shift 3
	filter "$dir" '[.systems[] | select(any(.measures | keys[]; IN($ARGS.positional[])))] | .[]
		| [.name, (.measures as $m | $ARGS.positional[] as $k | [$m[$k].values[]?.value] | median // "NaN")] | @tsv' \
		--args "$@" >"$dir/$name.tsv"
	if [[ ! -s $dir/$name.tsv ]]; then
		rm -f "$dir/$name.tsv"
		return 0
	fi
	for key; do
		i=$((i + 1))
		plot+="${plot:+, }'$dir/$name.tsv' using $i:xtic(1) title '${key//_/ }'"
	done
	gnuplot <<-PLOT
		set terminal svg size 960,440 font 'sans,12' background 'white'
		set output '$dir/$name.svg'
		set title '$title'
		set datafile separator "\t"
		set style data histogram
		set style histogram clustered gap 1
		set style fill solid 0.8 border -1
		set yrange [0:*]
		set grid ytics
		set xtics rotate by -25
		set key outside top horizontal
		plot $plot
	PLOT
}

charts() { # DIR
	if ! command -v gnuplot >/dev/null; then
		echo 'no charts: gnuplot is not installed (scripts/deps bench)'
		return 0
	fi
	chart "$1" throughput 'TCP through the tunnel, Gbit/s' throughput_up throughput_down throughput_4
	chart "$1" cpu 'CPU seconds of both ends for a gigabyte' cpu_up cpu_down cpu_4
	chart "$1" udp 'UDP packets a second with under 0.5 % loss' udp_64 udp_1200
	chart "$1" rtt 'round trip when idle, ms' rtt_p50 rtt_p99
	chart "$1" connect 'client start to first answered ping, ms' connect
	chart "$1" load-100mbit 'round trip under load at 100 Mbit/s, ms (median)' load_100mbit_1_p50 load_100mbit_4_p50 \
		load_100mbit_4_new_p50 load_100mbit_flood_p50
	chart "$1" load-20mbit 'round trip under load at 20 Mbit/s and 40 ms, ms (median)' load_20mbit_40ms_1_p50 \
		load_20mbit_40ms_4_p50 load_20mbit_40ms_4_new_p50
	chart "$1" loss 'goodput at 100 Mbit/s and 40 ms with loss, Mbit/s' goodput_loss_0 goodput_loss_0_1 goodput_loss_1 \
		goodput_loss_3
}

# The round trips span three powers of ten.
grid_chart() { # DIR
	local dir=$1 columns
	columns=$(head -n 1 "$dir/grid.tsv" | awk -F'\t' '{ print (NF - 1) / 3 }')
	gnuplot <<-PLOT
		set terminal svg size 1200,560 font 'sans,12' background 'white'
		set output '$dir/grid.svg'
		set title 'round trip under load, ms: p50, and p99 at the whisker''s end; congestion control outside/inside'
		set datafile separator "\t"
		set style data histogram
		set style histogram errorbars gap 2 lw 1
		set style fill solid 0.8 border -1
		set bars 0.4
		set logscale y
		set yrange [1:*]
		set grid ytics
		set xtics rotate by -25
		set key outside top horizontal
		plot for [i = 0:$columns - 1] '$dir/grid.tsv' using (column(3 * i + 2)):(column(3 * i + 3)):(column(3 * i + 4)):xtic(1) title columnheader(3 * i + 2)
	PLOT
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
	filter "$1" "markdown(\$targets[0]), targets_markdown(\$targets[0]), \"\", notes_markdown, seconds_markdown" >"$1/results.md"
	charts "$1"
	echo
	filter "$1" "judged(\$targets[0])[] | \"\\(.text): \\(.got | digits)\\(.unit), needs \\(.word) \\(.needs)\\(.unit): \\(if .reached then \"reached\" else \"missed\" end)\""
	;;
grid)
	shift
	grid "$@"
	;;
write)
	begin="<!-- ${4:-results} -->" end="<!-- end of ${4:-results} -->"
	if ! grep -qxF "$begin" "$3" || ! grep -qxF "$end" "$3"; then
		echo "$3 has no lines '$begin' and '$end'" >&2
		exit 1
	fi
	new=$(mktemp)
	trap 'rm -f "$new"' EXIT
	awk -v results="$2/${4:-results}.md" -v begin="$begin" -v end="$end" '
		$0 == end { skip = 0 }
		!skip { print }
		$0 == begin { skip = 1; print ""; while ((getline line < results) > 0) print line }' "$3" >"$new"
	cat "$new" >"$3"
	;;
*)
	echo 'usage: report.sh make|grid|write ...' >&2
	exit 2
	;;
esac
