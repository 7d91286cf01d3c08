# SPDX-License-Identifier: Apache-2.0
# The table of tests/bench/instructions, and its comparison with earlier results.

def digits: if . == null then "–" elif . >= 100 then round elif . >= 10 then . * 10 | round / 10
	else . * 100 | round / 100 end | tostring;

def row: "| " + join(" | ") + " |";

def stage($name): .stages[] | select(.name == $name);

def timed: any(.stages[]; .ns);

def stage_rows:
	timed as $timed
	| (["stage", "one operation", "instructions"] + (if $timed then ["ns"] else [] end) | row, (map("---") | row)),
	  (.stages[] | ["`\(.name)`" + (if .foreign then " \\*" else "" end), .what, (.instructions | tostring)]
		+ (if $timed then [.ns | digits] else [] end) | row);

# The share of checks and counters in the whole way, in percent.
def share($size; $key): [stage("checks-" + $size)[$key], stage("path-" + $size)[$key]]
	| if all(. != null) then .[0] / .[1] * 100 | digits + " %" else "–" end;

def share_rows:
	[.stages[].name] as $names
	| [("52", "1400", "super") | select(all("checks-" + ., "path-" + .; IN($names[])))] as $sizes
	| if $sizes == [] then empty else
		"", (["checks and counters, of the whole way", "by instructions", "by time"] | row, (map("---") | row)),
		($sizes[] as $size | [stage("path-" + $size).what, share($size; "instructions"), share($size; "ns")] | row) end;

def markdown:
	"\(.machine.compiler), \(.machine.libc), OpenSSL \(.machine.openssl), \(.machine.valgrind); \(.machine.cpu): \(.machine.flags | join(", ")).",
	"", stage_rows, (if any(.stages[]; .foreign) then "", "\\* mostly OpenSSL's" else empty end), share_rows;

# Counts are valid only for one compiler, C library and valgrind.
def made_by: "\(.machine.compiler), \(.machine.libc), \(.machine.valgrind)";

def changes($baseline): .stages[] as $now | $baseline | stage($now.name) as $before
	| { $now, $before, percent: (($now.instructions - $before.instructions) / $before.instructions * 100) };

def words: "\(.now.name): \(.before.instructions) -> \(.now.instructions) instructions (\(.percent | . * 100 | round / 100) %)";

# {worse, words}
def compared($baseline; $tolerance):
	if made_by != ($baseline | made_by) then
		{ worse: true, words: ["the baseline was made with \($baseline | made_by); this is \(made_by): make one here (--json)"] }
	else
		([.stages[].name] - [$baseline.stages[].name]) as $new
		| [changes($baseline) | select(.percent > $tolerance or .percent < -$tolerance)] as $changes
		| { worse: any($changes[]; .percent > 0 and (.now.foreign | not)),
		    words: ([$changes[] | words + (if .percent < 0 then ", better" elif .now.foreign then ", mostly OpenSSL's"
			else ", WORSE" end)] + [$new[] | "\(.): not in the baseline"]) }
	end;
