# SPDX-License-Identifier: Apache-2.0
# The figures of a run as the documentation has them: docs/results/SUITE.jsonl, and what is made of it.
include "report";

# ---- docs/results/SUITE.jsonl: a line about the run, then a line for each figure ----

def significant: if . == 0 then 0 else (fabs | log10 | floor | 3 - .) as $places
	| if $places >= 0 then . * pow(10; $places) | round / pow(10; $places) else round end end;

def folded: (.systems |= map(del(.measures)) | del(.series)),
	(.systems[] | .name as $system | .measures | to_entries[]
		| { system: $system, key, unit: .value.unit, better: .value.better, values: (.value.values | map([.round, (.value | significant)])) });

# The input is an array of the lines.
def unfolded: .[0] as $run | .[1:] as $figures | $run
	| .systems |= map(.name as $name | .measures = ([$figures[] | select(.system == $name)
		| { key, value: { unit, better, values: (.values | map({ round: .[0], value: .[1] })) } }] | from_entries))
	| summed_up;

# ---- the headline ----

def system_of($name): .systems[] | select(.name == $name);

def median_of($system; $key): [system_of($system).measures[$key].median | values][0];

def where_measured: "\(.machine.cpu), \(.machine.processors) processors; \(.machine.os); \(.machine.openssl); \(.rounds) round(s); commit \(.revision), \(.taken[:10])\(noted)";

def headline_rows:
	["throughput_up", "one TCP stream, Gbit/s"], ["throughput_4", "four TCP streams, Gbit/s"],
	["cpu_up", "CPU time of both ends for a gigabyte, s"], ["udp_64", "UDP packets of 64 bytes a second"],
	["latency_100mbit_up_1_mean", "round trip beside one bulk flow at 100 Mbit/s with 20 ms of buffer, ms"],
	["latency_20mbit_up_1_mean", "the same at 20 Mbit/s with 300 ms of buffer, ms"],
	["goodput_loss_1", "one flow at 100 Mbit/s, 40 ms and 1 % loss, Mbit/s"], ["connect", "client start to first answered ping, ms"];

def headline:
	. as $all
	| [headline_rows | select(.[0] as $key | $all | median_of("culvert"; $key))] as $rows
	| ["culvert", "openvpn-tcp", "openvpn-udp", "ocserv", "wireguard-go", "tls", "plain"
		| select(. as $name | any($rows[]; .[0] as $key | $all | median_of($name; $key)))] as $columns
	| "| median |" + ([$columns[] as $name | system_of($name) | " \(.title) |"] | join("")), "|---|" + ([$columns[] | "---|"] | join("")),
	  ($rows[] | .[0] as $key | "| \(.[1]) |" + ([$columns[] as $name | $all | " \(median_of($name; $key) | digits) |"] | join(""))),
	  "", "(\(where_measured).)", "";

def throughput_table:
	. as $all
	| ["culvert", "culvert-4", "tls", "openvpn-tcp" | select(. as $name | $all | median_of($name; "throughput_up"))] as $rows
	| "\(where_measured):", "",
	  "| | one stream up, Gbit/s | down | four streams up | one stream up, CPU s/GB | down | four streams up |", "|---|---|---|---|---|---|---|",
	  ($rows[] as $name | "| \(system_of($name).title) |" + ([("throughput", "cpu" | "\(.)_up", "\(.)_down", "\(.)_4") as $key
		| " \(median_of($name; $key) | digits) |"] | join(""))), "";

# ---- docs/images/throughput.svg ----

def bars: . as $all | [["tls", "TLS stream, no VPN", "bare"], ["culvert-4", "Culvert, 4 lanes", "ours"], ["culvert", "Culvert", "ours"],
	["ocserv", "ocserv + openconnect, TLS", "other"], ["wireguard-go", "wireguard-go", "other"], ["openvpn-udp", "OpenVPN, UDP", "other"],
	["openvpn-tcp", "OpenVPN, TCP", "other"] | .[0] as $name | . + [$all | median_of($name; "throughput_up")] | select(.[3])];

def throughput_svg:
	bars as $bars | ([$bars[][3]] | max) as $most | (46 + 31 * ($bars | length)) as $bottom
	| "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 760 \($bottom + 37)\" width=\"760\" height=\"\($bottom + 37)\" role=\"img\" aria-labelledby=\"title desc\">",
	"  <title id=\"title\">Throughput of one TCP stream</title>",
	"  <desc id=\"desc\">Gigabits a second on one machine, from docs/benchmarks.md.",
	"    \([$bars[] | "\(.[1]): \(.[3] | digits)"] | join("; ")).</desc>", "  <style>",
	"    svg { color: #24292f; font: 14px system-ui, sans-serif; }", "    text { fill: currentColor; }", "    .label { text-anchor: end; }",
	"    .name { font-weight: 600; }", "    .small { font-size: 12px; fill: #57606a; }", "    .ours { fill: #0969da; }",
	"    .other { fill: #8c959f; }", "    .bare { fill: none; stroke: #8c959f; stroke-width: 1.5; stroke-dasharray: 5 4; }",
	"    .axis { stroke: #57606a; }", "    @media (prefers-color-scheme: dark) {", "      svg { color: #e6edf3; }",
	"      .small { fill: #9da7b3; }", "      .ours { fill: #58a6ff; }", "      .other { fill: #6e7681; }", "      .bare { stroke: #9da7b3; }",
	"      .axis { stroke: #9da7b3; }", "    }", "  </style>", "",
	"  <text class=\"name\" x=\"230\" y=\"24\">One TCP stream, Gbit/s</text>", "  <path class=\"axis\" d=\"M230 38V\($bottom)\"/>",
	($bars | to_entries[] | (46 + 31 * .key) as $y | .value as [$name, $called, $class, $value] | (464 * $value / $most | round) as $width
		| (if $class == "ours" then " name" else "" end) as $bold
		| "  <text class=\"label\($bold)\" x=\"220\" y=\"\($y + 15)\">\($called)</text>",
		  "  <rect class=\"\($class)\" x=\"230\" y=\"\($y)\" width=\"\($width)\" height=\"20\"/>",
		  "  <text\(if $bold == "" then "" else " class=\"name\"" end) x=\"\(238 + $width)\" y=\"\($y + 15)\">\($value | digits)</text>"),
	"  <text class=\"small\" x=\"20\" y=\"\($bottom + 23)\">Both ends, sender and receiver on \(.machine.processors) processors of one machine. Median of \(.rounds) round(s); \(.machine.openssl).</text>",
	"</svg>";
