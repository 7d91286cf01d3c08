# shellcheck shell=bash
# shellcheck disable=SC2016 # jq expands.
# SPDX-License-Identifier: Apache-2.0
#
# The SVG charts of results.json, by gnuplot; for tests/bench/report.sh, which has `filter`.

# Draws one chart: clustered bars, a cluster for each system, of those keys that some system has.
chart() { # DIR NAME TITLE KEY...
	local dir=$1 name=$2 title=$3 plot='' key i=1 keys
	shift 3
	# gnuplot refuses a column without values.
	mapfile -t keys < <(filter "$dir" '$ARGS.positional - ($ARGS.positional - [.systems[].measures | keys[]]) | .[]' --args "$@")
	set -- ${keys[@]+"${keys[@]}"}
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
	chart "$1" latency-100mbit 'round trip under load at 100 Mbit/s with 20 ms of buffer, ms (mean)' latency_100mbit_up_1_mean \
		latency_100mbit_up_4_mean latency_100mbit_down_1_mean latency_100mbit_down_4_mean
	chart "$1" latency-20mbit 'round trip under load at 20 Mbit/s with 300 ms of buffer, ms (mean)' latency_20mbit_up_1_mean \
		latency_20mbit_up_4_mean latency_20mbit_down_1_mean latency_20mbit_down_4_mean
	offered_chart "$1"
	fair_chart "$1"
}

# The first system's line p50 and p99, then the second's, and so on.
offered_chart() { # DIR
	local dir=$1 columns
	filter "$dir" '[.systems[] | select(.measures.offered_0_p50)] as $s | if ($s | length) == 0 then empty else
		(["offered"] + [$s[].name | ., ""] | @tsv),
		([$s[].measures | keys[] | capture("^offered_(?<share>[0-9]+)_p50$").share | tonumber] | unique[] | . as $share
			| [$share] + [$s[].measures | .["offered_\($share)_p50", "offered_\($share)_p99"].median // "NaN"] | @tsv) end' >"$dir/offered.tsv"
	[[ -s $dir/offered.tsv ]] || { rm "$dir/offered.tsv" && return; }
	columns=$(head -n 1 "$dir/offered.tsv" | awk -F'\t' '{ print (NF - 1) / 2 }')
	gnuplot <<-PLOT
		set terminal svg size 960,440 font 'sans,12' background 'white'
		set output '$dir/offered.svg'
		set title 'round trip by offered load in % of 100 Mbit/s, ms: p50, and p99 dashed'
		set datafile separator "\t"
		set logscale y
		set grid ytics
		set xlabel 'offered UDP, % of the link'
		set key outside right
		plot for [i = 0:$columns - 1] '$dir/offered.tsv' using 1:(column(2 * i + 2)) with linespoints lw 2 lc i + 1 pt 7 ps 0.5 title columnheader(2 * i + 2), \
			for [i = 0:$columns - 1] '$dir/offered.tsv' using 1:(column(2 * i + 3)) with lines dt 2 lc i + 1 notitle
	PLOT
}

# A panel for each system: its flow and the foreign one, second by second, in the first round.
fair_chart() { # DIR
	local dir=$1 names name panels=''
	mapfile -t names < <(filter "$dir" '[.series[] | select(.key == "fair_tunnel").system] | unique[]')
	[[ ${#names[@]} -gt 0 ]] || return 0
	for name in "${names[@]}"; do
		filter "$dir" '[.series[] | select(.system == $name and (.key | startswith("fair_")))] | (map(.round) | min) as $round
			| map(select(.round == $round)) | (map(select(.key == "fair_tunnel"))[0].values // []) as $tunnel
			| (map(select(.key == "fair_foreign"))[0].values // []) as $foreign
			| range([$tunnel, $foreign | length] | min) | [. + 1, $tunnel[.], $foreign[.]] | @tsv' --arg name "$name" >"$dir/fair-$name.tsv"
		panels+="set title '$name'"$'\n'
		panels+="plot '$dir/fair-$name.tsv' using 1:2 with lines lw 2 title 'through it', '' using 1:3 with lines lw 2 title 'foreign CUBIC'"$'\n'
	done
	gnuplot <<-PLOT
		set terminal svg size 960,$((260 * ((${#names[@]} + 1) / 2))) font 'sans,12' background 'white'
		set output '$dir/fair.svg'
		set multiplot layout $(((${#names[@]} + 1) / 2)),2
		set yrange [0:120]
		set grid ytics
		set xlabel 's'
		set ylabel 'Mbit/s'
		set key top right horizontal
		$panels
		unset multiplot
	PLOT
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
