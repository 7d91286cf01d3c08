# SPDX-License-Identifier: Apache-2.0
# The tables of results.json (tests/bench/report.sh makes it).

def median: sort | if length == 0 then null elif length % 2 == 1 then .[length / 2 | floor]
	else (.[length / 2 - 1] + .[length / 2]) / 2 end;

# ---- 95 % intervals, of an array with a value of each round ----

def mean: add / length;
def deviation: mean as $m | (map((. - $m) * (. - $m)) | add) / (length - 1) | sqrt;

# The two-sided 95 % quantile of Student's t with one to four degrees of freedom.
def t_quantile($rounds): [12.706, 4.303, 3.182, 2.776][$rounds - 2];

def t_interval: mean as $m | (t_quantile(length) * deviation / (length | sqrt)) as $half | [$m - $half, $m + $half];

# How many of so many values may be left out at either end, so that the median of what they are drawn
# from lies between the others in 95 of 100 cases: it lies outside if one side has all but few of them.
def left_out($rounds):
	{ tail: 0, ways: 1, out: 0 }
	| until(.tail + .ways > 0.025 * pow(2; $rounds); .tail += .ways | .out += 1 | .ways = .ways * ($rounds - .out + 1) / .out)
	| .out - 1;

# Two to five rounds: Student's t, of the logarithms if all are above 0, since what disturbs a round changes it by a
# factor. From six on: between two of the values, whatever their distribution. One round has none.
def interval:
	if length < 2 then null
	elif length < 6 then (if all(. > 0) then map(log) | t_interval | map(exp) else t_interval end)
	else sort as $all | left_out(length) as $out | [$all[$out], $all[-1 - $out]] end
	| if . then { low: .[0], high: .[1] } else null end;

def interval_method($rounds): if $rounds < 2 then null
	elif $rounds < 6 then "Student's t over the rounds, of logarithms where all values are above 0"
	else "order statistics of the rounds" end;

# ---- values ----

def digits: if . == null then "–" elif . >= 100 then round | tostring
	elif . >= 10 then . * 10 | round / 10 | tostring else . * 100 | round / 100 | tostring end;

def interval_text: if . == null then "" else " [\(.low | digits)–\(.high | digits)]" end;

def values($system; $key): .systems[] | select(.name == $system) | .measures[$key].values // [];

# By round, so that both values are of the same round.
def ratios($a; $b): [($a[] | {round, value}) as $x | $b[] | select(.round == $x.round and .value > 0) | $x.value / .value];

# Adds to each measure what is told of its values, and of their ratio to the system `against`.
def summed_up:
	. as $all
	| .systems |= map(.measures |= with_entries(.key as $key | .value |= (
		[.values[].value] as $v
		| ([$all | values($all.against; $key)][0] // []) as $base | ratios(.values; $base) as $r
		| . + { median: ($v | median), interval: ($v | interval),
			ratio: (if ($r | length) > 0 then { median: ($r | median), interval: ($r | interval) } else null end) })));

# ---- targets ----

def judge($target):
	values($target.ours[0]; $target.ours[1]) as $ours
	| (if $target.than then values($target.than[0]; $target.than[1]) else [] end) as $than
	| (if $target.than then ratios($ours; $than) else [$ours[].value] end) as $each
	| ($each | median) as $got
	| if $got == null then empty else
		{ text: $target.text, got: $got, interval: ($each | interval), unit: (if $target.than then " ×" else "" end),
		  needs: ($target.least // $target.most), aim: $target.aim,
		  reached: (if $target.least then $got >= $target.least else $got <= $target.most end),
		  word: (if $target.least then "at least" else "at most" end) } end;

# A target names the congestion controls outside for which it holds, if not for all.
def fits($target): . as $all | ($target.openssl == null or ($all.machine.openssl | test("OpenSSL " + ($target.openssl // ""))))
	and ($target.outer == null or any($target.outer[]; . == $all.congestion.outer))
	and ($target.inner == null or $target.inner == $all.congestion.inner);

def judged($targets): [$targets[] as $t | select(fits($t)) | judge($t)];

# ---- Markdown ----

def cell($m):
	if $m == null then "–" else
		([$m.values[].value]) as $v
		| "\($m.median | digits)"
		+ (if ($v | length) > 1 then " (\($v | min | digits)–\($v | max | digits))" else "" end)
		+ ($m.interval | interval_text)
		+ (if $m.ratio == null then "" else " · \($m.ratio.median | digits) ×\($m.ratio.interval | interval_text)" end) end;

def noted: if (.note // "") == "" then "" else "; \(.note)" end;

def markdown:
	. as $all
	| (.systems | map(select((.measures | length) > 0))) as $systems
	| "Culvert \(.revision); \(.machine.cpu), \(.machine.processors) processors; Linux \(.machine.kernel); \(.machine.os); \(.machine.openssl).",
	  "\(.congestion.outer) outside, \(.congestion.inner) inside; \(.rounds) round(s)\(if .quick then ", quick: the figures mean little" else "" end); \(.taken)\(noted).",
	  "Median (least–most)\(if .rounds > 1 then " [95 % interval]" else "" end), and the median ratio to \(.against) in the same round\(if .rounds > 1 then " with its interval" else "" end).",
	  (interval_method(.rounds) // empty | "Intervals: \(.)."), "",
	  "| system | version | cipher |", "|---|---|---|",
	  (.systems[] | "| \(.title) (`\(.name)`) | \(.version) | \(.cipher) |"), "",
	  ([$systems[].measures | keys_unsorted[]] | reduce .[] as $k ([]; if index([$k]) then . else . + [$k] end)
		| map(. as $k | { key: $k, unit: ([$systems[].measures[$k].unit | values][0]) })) as $keys
	| ($keys | map(.key | sub("_.*"; "")) | reduce .[] as $g ([]; if index([$g]) then . else . + [$g] end))[] as $group
	| ($keys | map(select((.key | sub("_.*"; "")) == $group))) as $rows
	| [$systems[] | . as $s | select(any($rows[]; $s.measures[.key]))] as $columns
	| "| \($group) |" + ([$columns[] | " \(.name) |"] | join("")),
	  "|---|" + ([$columns[] | "---|"] | join("")),
	  ($rows[] | .key as $k | "| \($k), \(.unit) |" + ([$columns[] | " \(cell(.measures[$k])) |"] | join(""))), "";

def notes_markdown:
	([.notes[] | select(.kind == "skipped" or .kind == "failed")] | unique) as $n
	| if ($n | length) == 0 then empty else "Not measured:", ($n[] | "- \(.system), \(.key): \(.kind): \(.text)"), "" end;

def seconds_markdown:
	(.seconds // {}) as $s | if ($s | length) == 0 then empty else
		"It took \(.whole_seconds / 60 | digits) minutes, with several links at a time where their parts are longer together: "
		+ ([$s | to_entries | sort_by(-.value)[] | "\(.key) \(.value / 60 | digits)"] | join(", ")) + "." end;

def targets_markdown($targets):
	judged($targets) as $t
	| if ($t | length) == 0 then empty else
		"| figure | measured | needs | aim | |", "|---|---|---|---|---|",
		($t[] | "| \(.text) | \(.got | digits)\(.unit)\(.interval | interval_text) | \(.word) \(.needs) | \(.aim // "–") | \(if .reached then "reached" else "**missed**" end) |") end;
