# SPDX-License-Identifier: Apache-2.0
# What a table shows of results.json (tests/bench/report.sh makes it).

def median: sort | if length == 0 then null elif length % 2 == 1 then .[length / 2 | floor]
	else (.[length / 2 - 1] + .[length / 2]) / 2 end;

def digits: if . == null then "–" elif . >= 100 then round | tostring
	elif . >= 10 then . * 10 | round / 10 | tostring else . * 100 | round / 100 | tostring end;

def values($system; $key): .systems[] | select(.name == $system) | .measures[$key].values // [];

# By round, so that both values are of the same one.
def ratios($a; $b): [($a[] | {round, value}) as $x | $b[] | select(.round == $x.round and .value > 0) | $x.value / .value];

def judge($target):
	values($target.ours[0]; $target.ours[1]) as $ours
	| (if $target.than then values($target.than[0]; $target.than[1]) else [] end) as $than
	| (if $target.than then ratios($ours; $than) else [$ours[].value] end | median) as $got
	| if $got == null then empty else
		{ text: $target.text, got: $got, unit: (if $target.than then " ×" else "" end),
		  needs: ($target.least // $target.most), aim: $target.aim,
		  reached: (if $target.least then $got >= $target.least else $got <= $target.most end),
		  word: (if $target.least then "at least" else "at most" end) } end;

def fits($target): . as $all | ($target.openssl == null or ($all.machine.openssl | test("OpenSSL " + ($target.openssl // ""))))
	and ($target.congestion == null or $target.congestion == $all.congestion.outer);

def judged($targets): [$targets[] as $t | select(fits($t)) | judge($t)];

def cell($m; $base):
	if $m == null then "–" else
		([$m.values[].value]) as $v
		| "\($v | median | digits)"
		+ (if ($v | length) > 1 then " (\($v | min | digits)–\($v | max | digits))" else "" end)
		+ (if $base == null then "" else (ratios($m.values; $base.values) | median) as $r
			| if $r == null then "" else " · \($r | digits) ×" end end) end;

def markdown($targets):
	. as $all
	| (.systems | map(select((.measures | length) > 0))) as $systems
	| (.systems[] | select(.name == $all.against) | .measures) as $base
	| "Culvert \(.revision); \(.machine.cpu), \(.machine.processors) processors; Linux \(.machine.kernel); \(.machine.os); \(.machine.openssl).",
	  "\(.congestion.outer) outside, \(.congestion.inner) inside; \(.rounds) round(s)\(if .quick then ", quick: the figures mean little" else "" end); \(.taken).",
	  "Median (least–most), and the median ratio to \(.against) in the same round.", "",
	  "| system | version | cipher |", "|---|---|---|",
	  (.systems[] | "| \(.title) (`\(.name)`) | \(.version) | \(.cipher) |"), "",
	  ([$systems[].measures | keys_unsorted[]] | reduce .[] as $k ([]; if index([$k]) then . else . + [$k] end)
		| map(. as $k | { key: $k, unit: ([$systems[].measures[$k].unit | values][0]) })) as $keys
	| ($keys | map(.key | sub("_.*"; "")) | reduce .[] as $g ([]; if index([$g]) then . else . + [$g] end))[] as $group
	| ($keys | map(select((.key | sub("_.*"; "")) == $group))) as $columns
	| "| system |" + ([$columns[] | " \(.key), \(.unit) |"] | join("")),
	  "|---|" + ([$columns[] | "---|"] | join("")),
	  ($systems[] | .measures as $m | select(any($columns[]; $m[.key]))
		| "| \(.name) |" + ([$columns[] | " \(cell($m[.key]; $base[.key])) |"] | join(""))), "";

def notes_markdown:
	([.notes[] | select(.kind == "skipped" or .kind == "failed")] | unique) as $n
	| if ($n | length) == 0 then empty else "Not measured:", ($n[] | "- \(.system), \(.key): \(.kind): \(.text)"), "" end;

def seconds_markdown:
	(.seconds // {}) as $s | if ($s | length) == 0 then empty else
		"It took \([$s[]] | add / 60 | digits) minutes: "
		+ ([$s | to_entries | sort_by(-.value)[] | "\(.key) \(.value / 60 | digits)"] | join(", ")) + "." end;

def targets_markdown($targets):
	judged($targets) as $t
	| if ($t | length) == 0 then empty else
		"| figure | measured | needs | aim | |", "|---|---|---|---|---|",
		($t[] | "| \(.text) | \(.got | digits)\(.unit) | \(.word) \(.needs) | \(.aim // "–") | \(if .reached then "reached" else "**missed**" end) |") end;
