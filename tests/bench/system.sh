# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# The defaults of a measured system. The system's file, tests/bench/systems/NAME.sh, overrides them
# and defines:
#
#	SYSTEM_TITLE, SYSTEM_CIPHER
#	system_needs      prints why the system cannot run here; nothing if it can
#	system_version    prints one line
#	system_prepare    writes what both ends need, in $WORK; sets CLIENT_COMMAND, which runs in namespace a
#	system_server     starts the far end, in namespace b, as `server` (start_bg), and waits until it accepts connections
#	system_address    prints the far end's address through the tunnel
#	system_queue      prints JSON with .delay_ms, .marks and .drops of the near end's own queue; nothing if it has none
#	system_bulk       moves bulk data; prints JSON with .bits_per_second, .bytes, .seconds and maybe .cpu_seconds
#
# Processes are those that start_bg named `server` and `client`, with their children. No function
# runs in a subshell: one that fails returns 1 at once, and its caller checks that.
# shellcheck disable=SC2034,SC2154,SC2317 # Who sources this reads and sets these.

NEAR=192.0.2.1 FAR=192.0.2.2

system_defaults() {
	SYSTEM_TITLE='' SYSTEM_CIPHER='' CLIENT_COMMAND=()
	system_needs() { :; }
	system_version() { echo 'none'; }
	system_prepare() { :; }
	system_server() { :; }
	system_address() { echo "$FAR"; }
	system_queue() { :; }
	system_bulk() { iperf_bulk "$@"; }
	system_settled() { :; } # a system may need more than a ping until it is complete
}

system_load() { # NAME
	system_defaults
	# shellcheck source=/dev/null
	source "$TOP/tests/bench/systems/$1.sh"
}

needs_command() { # COMMAND...
	local name
	for name; do
		command -v "$name" >/dev/null || PATH=$PATH:/usr/sbin:/sbin command -v "$name" >/dev/null ||
			{ echo "$name is not installed (scripts/deps bench)" && return 0; }
	done
}

# ---- processes ----

# Prints a process and all its descendants.
tree() { # PID
	local child
	[[ -e /proc/$1 ]] || return 0
	echo "$1"
	while read -r child; do
		tree "$child"
	done < <(cat "/proc/$1/task/"*/children 2>/dev/null | tr ' ' '\n' | grep .)
}

ends_pids() {
	local name
	for name in server client; do
		[[ -z ${bg_pids[$name]-} ]] || tree "${bg_pids[$name]}"
	done
}

# Prints the user and system time of both ends so far, in seconds.
ends_cpu() {
	local pid
	for pid in $(ends_pids); do
		sed 's/.*) //' "/proc/$pid/stat" 2>/dev/null || true
	done | awk -v hz="$(getconf CLK_TCK)" '{ ticks += $12 + $13 } END { printf "%.2f\n", ticks / hz }'
}

# ---- up and down ----

answers() {
	in_ns a ping -n -q -c 1 -W 1 "$(system_address)"
}

system_up() {
	system_prepare || return 1
	system_server || return 1
	[[ ${#CLIENT_COMMAND[@]} -eq 0 ]] || start_bg "$WORK/client.log" client in_ns a "${CLIENT_COMMAND[@]}"
	wait_for 20 "$SYSTEM_NAME answers a ping" answers || return 1
	system_settled || return 1
}

system_down() {
	local name pid
	for name in "${!bg_pids[@]}"; do
		stop_bg "$name" || true
	done
	# Removes what a program left behind, only in our namespaces.
	for name in a b; do
		for pid in $(ip netns pids "$(ns_name $name)" 2>/dev/null); do
			kill -KILL "$pid" 2>/dev/null || true
		done
	done
}

# ---- bulk data ----

bulk_server() {
	bg_running iperf3 || start_bg "$WORK/iperf3.log" iperf3 in_ns b iperf3 -s
	wait_for 5 'iperf3 listens' listens b 5201
}

iperf_bulk() { # FLOWS up|down SECONDS [WARM-UP-SECONDS]
	local way=()
	[[ $2 != down ]] || way=(-R)
	bulk_server || return 1
	in_ns a timeout $(($3 + ${4:-0} + 30)) iperf3 --json -c "$(system_address)" -t "$3" -O "${4:-0}" -P "$1" -C "$inner" \
		${way[@]+"${way[@]}"} >"$WORK/iperf3.json" || {
		jq -r '.error // empty' "$WORK/iperf3.json" >&2
		return 1
	}
	# It may end with 0 but without a result, if it lost its control connection at the end.
	jq 'if .end.sum_received.bits_per_second == null then "iperf3 has no result\n" | halt_error else
		{ bits_per_second: .end.sum_received.bits_per_second, bytes: .end.sum_received.bytes,
			seconds: .end.sum_received.seconds, inner: .end.sender_tcp_congestion } end' "$WORK/iperf3.json"
}

# Prints the algorithms of the connections between the namespaces' own addresses.
outer_in_force() {
	in_ns a ss -Htin state established dst "$FAR" 2>/dev/null | awk '/^[ \t]/ { print $1 }' | sort | uniq -c |
		awk '{ printf "%s%s × %s", (NR > 1 ? ", " : ""), $1, $2 }'
}
