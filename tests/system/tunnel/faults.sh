# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# The faults of the fault matrix, one function each, and their bounds; on top of common.sh, whose site gets a wan that can fail:
#
#   lan-a ──── gw-a ──── wan (a bridge) ──── gw-b ──── lan-b
#                  └─── a second uplink ──────┘         only for faults one-…, with Multipath TCP
#
# A function fault_NAME does the fault and, where a fault is a state, ends it. It calls `began` when it begins, and `over` when it
# is over, if it lasts. A supervisor's part (starting again what was killed) is done by the function, at once. Each leaves the site
# as it was. A fault that cannot be made here returns 3 after a line that says why.

PING_INTERVAL=1
DEAD_AFTER=3
LINGER=60
SILENT_LONG=5 # seconds, more than DEAD_AFTER
SILENT_SHORT=1 # less, also with the wait of the outer TCP that follows
STOPPED=20

# name | what it is in words | bound of recovery | bound of the inner stall, in seconds.
# Recovery counts from the fault, or from its end where it lasts. The stall counts from the fault, so its bound holds how long
# that lasts, and as much again for the inner TCP: it doubles its own wait for every try that is lost, and so may sleep on after
# the tunnel is back. A stopped engine makes it worse: awake, it delivers answers that are as old as its sleep, from which an
# inner TCP concludes that a round trip takes that long (RFC 6298, 2.3), and what it then sends by the dead connection is lost.
# Of two uplinks, the second carries on, and recovery lasts until the connections have the first one back. The kernel tries to open
# a path that was silent after 1, 3 and 7 s, and netd has it begin again after 30 s.
# A change that nobody is to notice is over when a ping is answered that was sent after it was taken; its stall is what counts. A
# client that judges its server's old certificate by a new CA, and one that is sent away by its only server, wait 10 s.
FAULTS=(
	"client-engine|the client's engine is killed|1|2"
	"client-netd|the client's netd is killed, and started again|1|3"
	"client|both of the client's processes are killed, and started again|1|3"
	"server-engine|the server's engine is killed|1|2"
	"server-netd|the server's netd is killed, and started again|1|3"
	"server|both of the server's processes are killed, and started again|1|3"
	"all|all four processes are killed, and started again|1|3"
	"client-next|another process takes the client's place (--succeed)|1|2"
	"server-next|another process takes the server's place (--succeed)|1|2"
	"server-store|the server is restarted, and its supervisor keeps its descriptors|1|2"
	"server-upgrade|the server's engine is replaced by another program (culvert reexec)|1|2"
	"drain|the server is drained over 1 s, and started again|12|32"
	"reload|a reload changes linger and announces one more prefix|2|1"
	"reload-broken|a reload of a broken file|2|1"
	"reload-removed|a reload removes the connected peer; 2 s later another takes it in|12|32"
	"crl|a new revocation list with somebody else in it|2|1"
	"revoked|the client is revoked; 2 s later it gets another certificate|3|16"
	"certificate|certificate and key of both ends are exchanged|2|1"
	"rollover|the CA is replaced, step by step|12|32"
	"flush|nft flush ruleset at both ends, of nat and a kill switch|2|1"
	"resolver|connections are reset while the resolver of the server's name is out for 1 s|2|4"
	"disk-full|the server's engine is killed while the disk of the leases is full|1|2"
	"cut|the client's cable is out for $SILENT_LONG s|3|16"
	"silent-short|the wan drops everything for $SILENT_SHORT s|2|4"
	"silent|the wan drops everything for $SILENT_LONG s|3|16"
	"reset|the outer connections are reset at both ends|1|2"
	"address|the client's address changes|1|16"
	"stopped|the server's engine is stopped (SIGSTOP) for $STOPPED s|2|70"
	"lane|one of several lanes is reset|2|2"
	"one-cut|one of two uplinks (MPTCP) is out for $SILENT_LONG s|35|1"
	"one-silent|one of two uplinks (MPTCP) drops everything for $SILENT_LONG s|35|1"
)
export LINGER PING_INTERVAL DEAD_AFTER

fault_field() { # NAME NUMBER; 2: words, 3 and 4: bounds
	local line
	for line in "${FAULTS[@]}"; do
		[[ ${line%%|*} != "$1" ]] || cut -d'|' -f"$2" <<<"$line"
	done
}

fault_names() {
	printf '%s\n' "${FAULTS[@]%%|*}"
}

# shellcheck source=tests/system/tunnel/changes.sh
source "$(dirname "${BASH_SOURCE[0]}")/changes.sh"

# ---- the wan ----

# Puts a bridge between the gateways of site_add.
wan_add() {
	ns_add wan
	ip_ns gw-a link del wan0
	ip_ns wan link add bridge0 type bridge forward_delay 0 mcast_snooping 0
	ip_ns wan link set bridge0 up
	veth gw-a wan0 wan to-a
	veth gw-b wan0 wan to-b
	ip_ns wan link set to-a master bridge0
	ip_ns wan link set to-b master bridge0
	addr gw-a wan0 192.0.2.1/24 2001:db8::1/64
	addr gw-b wan0 192.0.2.2/24 2001:db8::2/64
	wait_for 5 'the wan carries packets' pings gw-a 192.0.2.2
}

# The client's second uplink. Connections get a path from there if they are MPTCP's.
uplink_add() {
	local ns
	veth gw-a wan1 gw-b wan1
	addr gw-a wan1 198.51.100.1/24
	addr gw-b wan1 198.51.100.2/24
	ip_ns gw-a rule add from 198.51.100.1 table 101
	ip_ns gw-a route add default via 198.51.100.2 dev wan1 table 101
	in_ns gw-a test -e /proc/sys/net/mptcp/enabled || return 0
	for ns in gw-a gw-b; do
		in_ns $ns ip mptcp limits set subflows 2
	done
	in_ns gw-a ip mptcp endpoint add 192.0.2.1 dev wan0 subflow
	in_ns gw-a ip mptcp endpoint add 198.51.100.1 dev wan1 subflow
}

# How many paths the client's connections have.
count_paths() {
	in_ns gw-a ss -Htni state established dst 192.0.2.2 dport = 443 | grep -c tcp-ulp-mptcp
}

# A port that is disabled drops everything, and nobody's interface goes down.
wan_port() { # disabled|forwarding
	local state=3
	[[ $1 != disabled ]] || state=0
	bridge -n "$(ns_name wan)" link set dev to-a state "$state"
}

wan_cable() { # up|down; down: the client's interface loses its carrier
	ip_ns wan link set to-a "$1"
}

# However a fault ended, the wan is whole afterwards.
wan_heal() {
	wan_cable up
	wan_port forwarding 2>/dev/null || true
	ip_ns gw-a addr del 192.0.2.11/24 dev wan0 2>/dev/null || true
	ip_ns gw-a addr replace 192.0.2.1/24 dev wan0
	wait_for 5 'the wan carries packets' pings gw-a 192.0.2.2
}

# ---- processes ----

# Killed ones of ours stay zombies until they are waited for; a zombie may have threads that still hold its descriptors.
process_gone() { # PID
	local state tasks
	state=$(sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -c 1) || true
	tasks=("/proc/$1/task"/*)
	[[ -z $state || ($state == Z && ${#tasks[@]} -le 1) ]]
}

kill_now() { # PID...
	local pid
	kill -KILL "$@"
	for pid; do
		wait_for 5 "process $pid is gone" process_gone "$pid"
	done
}

# What a supervisor does after netd's death: sees that nothing of it is left, and starts it again. It waits for nothing else.
supervise() { # NAME ENGINE
	wait_exit "$1" 5 || return 1
	wait_for 5 "the engine of $1 ends with its netd" process_gone "$2" || return 1
	if [[ $1 == gw-b ]]; then
		start_bg "$WORK/$1.log" "$1" in_ns "$1" "$CULVERTD" -c "$WORK/$1.conf"
	else
		client_start "$1"
	fi
}

kill_engine() { # NAME
	local engine
	engine=$(engine_pid "$1")
	began
	kill_now "$engine"
}

kill_netd() { # NAME
	local engine
	engine=$(engine_pid "$1")
	began
	kill_now "$(pid_of "$1")"
	supervise "$1" "$engine"
}

kill_all() { # NAME...
	local name engine pids=()
	local -A engines=()
	for name; do
		engines[$name]=$(engine_pid "$name")
		pids+=("$(pid_of "$name")" "${engines[$name]}")
	done
	began
	kill_now "${pids[@]}"
	for name; do
		engine=${engines[$name]}
		supervise "$name" "$engine"
	done
}

# Nothing is killed: another process takes the place, and the old one ends by itself.
take_place() { # NAME
	local command=("$CULVERT" up "$WORK/$1.conf")
	[[ $1 != gw-b ]] || command=("$CULVERTD" -c "$WORK/$1.conf")
	began
	start_bg "$WORK/$1.log" next in_ns "$1" "${command[@]}" --succeed "$(pid_of "$1")"
	wait_exit "$1" 5 || return 1
	bg_pids[$1]=${bg_pids[next]}
	unset "bg_pids[next]"
}

fault_client_next() { take_place gw-a; }
fault_server_next() { take_place gw-b; }
fault_client_engine() { kill_engine gw-a; }
fault_client_netd() { kill_netd gw-a; }
fault_client() { kill_all gw-a; }
fault_server_engine() { kill_engine gw-b; }
fault_server_netd() { kill_netd gw-b; }
fault_server() { kill_all gw-b; }
fault_all() { kill_all gw-b gw-a; }

fault_stopped() {
	local engine
	engine=$(engine_pid gw-b)
	began
	kill -STOP "$engine"
	sleep "$STOPPED"
	kill -CONT "$engine"
	over
}

# ---- the way between ----

fault_cut() {
	began
	wan_cable down
	sleep "$SILENT_LONG"
	wan_cable up
	over
}

silence() { # SECONDS
	began
	wan_port disabled
	sleep "$1"
	wan_port forwarding
	over
}

fault_silent_short() { silence "$SILENT_SHORT"; }
fault_silent() { silence "$SILENT_LONG"; }

of_two() { # FUNCTION ARGUMENT...
	if [[ $(count_paths) -lt 2 ]]; then
		echo 'this kernel makes no second path (MPTCP)'
		return 3
	fi
	"$@"
}
fault_one_cut() { of_two fault_cut; }
fault_one_silent() { of_two fault_silent; }

# wan_heal gives the old address back.
fault_address() {
	began
	ip_ns gw-a addr del 192.0.2.1/24 dev wan0
	ip_ns gw-a addr add 192.0.2.11/24 dev wan0
}

# ---- outer connections ----

outer_ports() { # the client's end of each outer connection
	in_ns gw-a ss -Htn state established dst 192.0.2.2 dport = 443 | awk '{ sub(/.*:/, "", $3); print $3 }' | sort -n
}

# Destroys the socket, which sends a reset to the other end. At the other end there may be none left.
destroy() { # NS FILTER...
	local ns=$1
	shift
	in_ns "$ns" ss -HKtn "$@" | grep . >/dev/null
}

fault_reset() {
	began
	if ! destroy gw-b sport = 443; then
		echo 'this kernel cannot destroy sockets (INET_DIAG_DESTROY)'
		return 3
	fi
	destroy gw-a dst 192.0.2.2 dport = 443 || true
}

# Another lane each time, since one of them has the control role.
lane_turn=0
fault_lane() {
	local ports=()
	mapfile -t ports < <(outer_ports)
	if [[ ${#ports[@]} -lt 2 ]]; then
		echo 'the session has one lane only'
		return 3
	fi
	began
	destroy gw-b sport = 443 dport = "${ports[lane_turn++ % ${#ports[@]}]}" || return 3
}
