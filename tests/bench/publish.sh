# shellcheck shell=bash
# shellcheck disable=SC2016,SC2154 # jq expands; report.sh has the folders.
# SPDX-License-Identifier: Apache-2.0
#
# The figures in the documentation. docs/results/SUITE.jsonl has a run of each suite; whatever gives a figure of it is made
# from there: between marks of README.md, docs/benchmarks.md and docs/performance.md, and docs/images/throughput.svg.
# For tests/bench/report.sh, which has `filter`.

# The suite whose figures the README has.
HEADLINE_SUITE=bookworm

# FILE MARK; the marks <!-- MARK --> and <!-- end of MARK -->, or - for a whole file.
published() {
	cat <<-'TEXT'
		README.md headline
		docs/performance.md headline
		docs/benchmarks.md results-bookworm
		docs/benchmarks.md results-trixie
		docs/images/throughput.svg -
	TEXT
}

from_suite() { # SUITE FILTER
	local results=$top/docs/results/$1.jsonl
	if [[ -e $results ]]; then
		jq -s -r -L "$here" --slurpfile targets "$here/targets.json" "include \"report\"; include \"publish\"; unfolded | $2" "$results"
	else
		printf 'There is no run of %s yet.\n\n' "$1"
	fi
}

published_text() { # FILE MARK
	local suite
	case "$1 $2" in
	'README.md headline') from_suite $HEADLINE_SUITE headline ;;
	*' results-'*) from_suite "${2#results-}" 'markdown, targets_markdown($targets[0]), "", notes_markdown, seconds_markdown' ;;
	'docs/performance.md headline')
		for suite in bookworm trixie; do
			from_suite $suite throughput_table || return 1
		done
		;;
	*.svg\ -) from_suite $HEADLINE_SUITE throughput_svg ;;
	esac
}

# Puts TEXT-FILE between the marks of FILE, and prints what comes out.
between_marks() { # FILE MARK TEXT-FILE
	local begin="<!-- $2 -->" end="<!-- end of $2 -->"
	if ! grep -qxF "$begin" "$1" || ! grep -qxF "$end" "$1"; then
		echo "$1 has no lines '$begin' and '$end'" >&2
		return 1
	fi
	awk -v results="$3" -v begin="$begin" -v end="$end" '
		$0 == end { skip = 0 }
		!skip { print }
		$0 == begin { skip = 1; print ""; while ((getline line < results) > 0) print line }' "$1"
}

# Prints the file as it should be.
published_file() { # FILE MARK
	local text=$work/text
	published_text "$1" "$2" >"$text" || return 1
	if [[ $2 == - ]]; then
		cat "$text"
	else
		between_marks "$top/$1" "$2" "$text"
	fi
}

pages() { # write|check; check prints what differs, and fails
	local file mark differs=0
	work=$(mktemp -d)
	trap 'rm -rf "$work"' EXIT
	while read -r file mark; do
		published_file "$file" "$mark" >"$work/file" || return 1
		if [[ $1 == write ]]; then
			cat "$work/file" >"$top/$file"
		elif ! cmp -s "$work/file" "$top/$file"; then
			echo "$file: the figures ($mark) are not those of docs/results: run tests/bench/report.sh pages"
			differs=1
		fi
	done < <(published)
	return $differs
}

publish() { # DIR
	local suite
	suite=$(jq -r .machine.suite "$1/results.json")
	mkdir -p "$top/docs/results"
	jq -c -L "$here" 'include "publish"; folded' "$1/results.json" >"$top/docs/results/$suite.jsonl"
	if [[ $suite == "$HEADLINE_SUITE" ]]; then
		[[ ! -e $1/offered.svg ]] || cp "$1/offered.svg" "$top/docs/images/offered.svg"
		[[ ! -e $1/fair.svg ]] || cp "$1/fair.svg" "$top/docs/images/fairness.svg"
	fi
	pages write
}
