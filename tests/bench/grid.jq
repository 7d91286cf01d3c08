# SPDX-License-Identifier: Apache-2.0
# Makes one table of the measure `grid` of several runs of scripts/bench. The input is an array of
# their results.json.
include "report";

def middle($system; $key): [$system.measures[$key].values[]?.value] | median;

# By rate, then by round trip.
def grid_links: [.[].systems[].measures | keys[] | capture("^(?<link>grid-(?<rate>[0-9]+)mbit-(?<rtt>[0-9]+)ms)_")]
	| unique_by([(.rate | tonumber), (.rtt | tonumber)]);

# System by system, each with its pairs of congestion controls in the order of the runs.
def grid_columns: . as $runs
	| ([$runs[].systems[].name] | reduce .[] as $n ([]; if index([$n]) then . else . + [$n] end))[] as $name
	| $runs[] as $run | $run.systems[] | select(.name == $name and any(.measures | keys[]; startswith("grid-")))
	| { system: ., notes: [$run.notes[] | select(.system == $name)],
	    name: "\(.name) \($run.congestion.outer)/\($run.congestion.inner)" };

def grid_cell($column; $link):
	middle($column.system; "\($link)_p50") as $p50 | middle($column.system; "\($link)_lost") as $lost
	| if $p50 == null then "–" else
		"\($p50 | digits) / \(middle($column.system; "\($link)_p99") | digits) ms"
		+ (if $lost >= 1 then ", \($lost | digits) % lost" else "" end)
		+ ", \(middle($column.system; "\($link)_goodput") | digits)"
		+ (if any($column.notes[]; .key == $link and .kind == "unsettled") then " †" else "" end) end;

def grid_words: "\(.rate) Mbit/s, \(.rtt) ms";

def grid_notes($columns): $columns[] | .name as $name | .notes[]
	| select(.kind | IN("emulator", "failed", "skipped")) | "- \($name), \(.key): \(.text)";

def grid_queues($columns; $links):
	[$columns[] | select(any(.system.measures | keys[]; endswith("_queue_delay")))] as $own
	| if ($own | length) == 0 then empty else
		"The near end's own queue: what packets waited in it when the probes ended, packets marked and dropped since the session began.", "",
		"| link |" + ([$own[] | " \(.name) |"] | join("")), "|---|" + ([$own[] | "---|"] | join("")),
		($links[] | "| \(grid_words) |" + (.link as $link | [$own[].system
			| " \(middle(.; "\($link)_queue_delay") | digits) ms, \(middle(.; "\($link)_queue_marks") | digits) marked, "
			+ "\(middle(.; "\($link)_queue_drops") | digits) dropped |"] | join(""))), "" end;

def grid_markdown:
	[grid_columns] as $columns | grid_links as $links | .[0] as $first
	| "Culvert \([.[].revision] | unique | join(", ")); \($first.machine.cpu), \($first.machine.processors) processors; Linux \($first.machine.kernel); \($first.machine.openssl); \($first.rounds) round(s)\(if $first.quick then ", quick: the figures mean little" else "" end); \($first.taken).",
	  "A column is a system with its congestion control outside/inside; a cell is the round trip's p50 / p99 under load, and the load's goodput in Mbit/s.", "",
	  "| link |" + ([$columns[] | " \(.name) |"] | join("")), "|---|" + ([$columns[] | "---|"] | join("")),
	  ($links[] | .link as $link | "| \(grid_words) |" + ([$columns[] | " \(grid_cell(.; $link)) |"] | join(""))), "",
	  (if any($columns[].notes[]; .kind == "unsettled") then "† The load had not settled when the probes began.", "" else empty end),
	  grid_queues($columns; $links),
	  ([grid_notes($columns)] | unique | if length == 0 then empty else "Beside that:", "", .[], "" end);

# For gnuplot: a line for each link; for each column p50 as the bar, and p50 and p99 as the ends of
# its whisker.
def grid_chart:
	[grid_columns] as $columns | (["link"] + [$columns[].name | ., "", ""] | @tsv),
	(grid_links[] | .link as $link | [grid_words] + [$columns[].system
		| middle(.; "\($link)_p50") as $p50 | ($p50, $p50, middle(.; "\($link)_p99")) // "NaN"] | @tsv);
