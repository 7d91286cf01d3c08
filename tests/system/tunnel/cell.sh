# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# One cell of the fault matrix: a tunnel is made, inner connections run, a fault of faults.sh happens, and everything has to be
# whole again. On top of common.sh.
#
# `cell FAULT COLUMN` passes or fails checks as any test does, none of them about time, and sets:
#	CELL_RECOVERY   ms from the fault (or its end, where it lasts) until both ends say `up`, all lanes are there again and a ping
#	                sent after the fault is answered
#	CELL_STALL      ms: the longest time that nothing arrived on one of the bulk connections; empty without such
#	CELL_SKIPPED    why the cell could not be run; else empty
#
# Columns: idle, up and down (a bulk connection from lan-a to lan-b or back), both (four each way at once, with LANES lanes).
# Besides, each cell has two connections that are quiet meanwhile and must be alive and right afterwards: one between the LANs,
# and one between the tunnel's own addresses, as a host has that is itself the end of a tunnel.

# What is set here is read by who sources this, and what is used comes from lib.sh.
# shellcheck disable=SC2034,SC2154
# shellcheck source=tests/system/tunnel/faults.sh
source "$(dirname "${BASH_SOURCE[0]}")/faults.sh"

FLOW=$BUILD/system/flow
COLUMNS_ALL=(idle up down both)
LANES=${LANES:-4}
FLOWS_BOTH=4
RECOVERY_PATIENCE=60 # seconds; far more than any bound: time is not judged here
TRANSFER_PATIENCE=150 # seconds: inner TCP that lost its last try, too, waits up to a minute for the next
CELL_RECOVERY='' CELL_STALL='' CELL_SKIPPED=''
BEGAN_AT='' OVER_AT='' LANES_NOW=1
flow_port=9100

began() { BEGAN_AT=$(now_ms); }
over() { OVER_AT=$(now_ms); }

# ---- the tunnel ----

cell_site() {
	site_add
	wan_add
	uplink_add
	pki_add gw-a stranger
	changes_add
	snapshot gw-a >"$WORK/before-a"
	snapshot gw-b >"$WORK/before-b"
}

tunnel_up() { # FAULT LANES MPTCP
	client_lines=("lanes = $2;" "mptcp = $3;")
	rm -f "$WORK/gw-a.log" "$WORK/gw-b.log"
	change_needs "$1" || return 1
	site_up_with "$SERVER_PROGRAM" <<-CONF || return 1
		ping_interval = $PING_INTERVAL;
		dead_after = $DEAD_AFTER;
		linger = $LINGER;
		lanes = $2;
		mptcp = $3;
		$(printf '%s\n' ${SERVER_LINES[@]+"${SERVER_LINES[@]}"})
	CONF
	pings lan-a "$B4" >/dev/null || return 1
	# As many as there will be; where this kernel or these programs make fewer, the cell is run with those.
	local deadline
	deadline=$(deadline_in 5)
	until LANES_NOW=$(lanes_of gw-b gw-a) && [[ $LANES_NOW -eq $2 ]]; do
		! past "$deadline" || break
		poll_pause
	done
	! $3 || wait_for 5 'each lane has two paths' has_paths || true
}

site_up_with() { # PROGRAM, as the server's
	local CULVERTD=$1
	site_up
}

has_paths() {
	[[ $(count_paths) -eq $((LANES_NOW * 2)) ]]
}

lanes_of() { # NAME PEER
	session_value "$1" "$2" '.lanes | length'
}

whole() { # NAME PEER; true when the session is up with all its lanes
	[[ $(session_value "$1" "$2" '"\(.state) \(.lanes | length)"') == "up $LANES_NOW" ]]
}

no_process() { # NS
	[[ -z $(ip netns pids "$(ns_name "$1")") ]]
}

tunnel_down() {
	local name
	change_over
	for name in gw-a gw-b; do
		stop_bg "$name"
		check_equal "$name ends with 0" 0 "$EXIT_STATUS"
	done
	wan_heal
	for name in a b; do
		wait_for 5 "no process is left in gw-$name" no_process "gw-$name" && pass "no process is left in gw-$name"
		wait_same "gw-$name" "$WORK/before-$name" 5
		check "the control socket of gw-$name is gone" test ! -e "$WORK/gw-$name.sock"
	done
}

# After a cell that failed: nothing of it reaches the next.
cell_clear() {
	local name pid
	for name in lan-a lan-b gw-a gw-b; do
		for pid in $(ip netns pids "$(ns_name "$name")"); do
			kill -KILL "$pid" 2>/dev/null || true
		done
	done
	for name in "${!bg_pids[@]}"; do
		wait_exit "$name" 5 || true
	done
	rm -f "$WORK"/gw-?.sock
	flows=()
	wan_heal
}

# ---- inner connections ----

# Each flow is two processes, NAME.from and NAME.to; the one that sends is NAME.from.
flows=()
flow_start() { # NAME up|down send|linger NS-A NS-B ADDRESS-B; the connection is always made from A
	local name=$1 way=$2 kind=$3 a=$4 b=$5 address=$6 listener=to connector=from
	flow_port=$((flow_port + 1))
	[[ $way == up ]] || listener=from connector=to
	local -A does=([from]=$kind [to]=receive)
	rm -f "$WORK/$name".{from,to}.log
	start_bg "$WORK/$name.$listener.log" "$name.$listener" in_ns "$b" "$FLOW" listen "$address" $flow_port "${does[$listener]}"
	wait_for 5 "$b listens" listens "$b" $flow_port || return 1
	start_bg "$WORK/$name.$connector.log" "$name.$connector" in_ns "$a" "$FLOW" connect "$address" $flow_port "${does[$connector]}"
	flows+=("$name")
}

flow_bytes() { # NAME; how much the receiver has, as far as it has told
	awk '/^at / { n = $2 } END { printf "%.0f\n", n }' "$WORK/$1.to.log" # mawk prints large numbers as 3.1e+10
}

flow_beyond() { # NAME BYTES
	[[ $(flow_bytes "$1") -gt $2 ]]
}

flows_start() { # COLUMN
	local i
	flows=()
	flow_start quiet-lan up linger lan-a lan-b "$B4" || return 1
	flow_start quiet-own up linger gw-a gw-b "$SERVER4" || return 1
	case $1 in
	up | down) flow_start bulk "$1" send lan-a lan-b "$B4" || return 1 ;;
	both)
		for ((i = 1; i <= FLOWS_BOTH; i++)); do
			flow_start "bulk-up-$i" up send lan-a lan-b "$B4" || return 1
			flow_start "bulk-down-$i" down send lan-a lan-b "$B4" || return 1
		done
		;;
	esac
	flows_advance 'the transfers run'
}

# Every bulk connection gets on, from where it is now.
flows_advance() { # DESCRIPTION
	local name
	local -A mark=()
	for name in "${flows[@]}"; do
		mark[$name]=$(flow_bytes "$name")
	done
	for name in "${flows[@]}"; do
		[[ $name == quiet-* ]] ||
			wait_for $TRANSFER_PATIENCE "$1: $name" flow_beyond "$name" $((mark[$name] + 1000000)) || return 1
	done
}

flows_end() {
	local name gap
	CELL_STALL=''
	for name in "${flows[@]}"; do
		kill -TERM "$(pid_of "$name.from")" 2>/dev/null || true
	done
	for name in "${flows[@]}"; do
		EXIT_STATUS='not ended'
		wait_exit "$name.from" 60 || true
		check_equal "$name: the connection has lived, its sender" 0 "$EXIT_STATUS"
		wait_exit "$name.to" 10 || true
		check_equal "$name: and its receiver, every byte right" 0 "$EXIT_STATUS"
		[[ $name != quiet-* ]] || continue
		gap=$(sed -n 's/.*longest-gap //p' "$WORK/$name.to.log")
		[[ ${gap:-0} -le ${CELL_STALL:-0} ]] || CELL_STALL=$gap
	done
	flows=()
}

# ---- recovery ----

# The moment of the first answer to a ping that was sent after MS, in ms; nothing while there is none.
answered_at() { # MS
	tr -d '[]' <"$WORK/pinger.log" | awk -v after="$1" '
		/ time=/ {
			at = $1 * 1000
			rtt = $0
			sub(/.* time=/, "", rtt)
			if (at - rtt >= after) { printf "%.0f\n", at; exit } # mawk has no %d for that much
		}'
}

has_answer() { # MS
	[[ -n $(answered_at "$1") ]]
}

# When the session came up for the last time since MARK, in ms by the log; 0 when it never went down.
up_at() { # NAME PEER MARK
	local stamp
	stamp=$(tail -n "+$(($3 + 1))" "$WORK/$1.log" | grep -E "$2: session: opening -> up" | tail -n 1 | cut -d' ' -f1,2)
	if [[ -n $stamp ]]; then
		date -d "$stamp" +%s%3N
	else
		echo 0
	fi
}

recovered() { # FAULT FAULT-MS MARK-A MARK-B; sets CELL_RECOVERY
	local from=$2 after latest at
	after=$(now_ms) # the fault is done by now: an answer is not one from before
	latest=$from
	[[ -z $OVER_AT ]] || after=$OVER_AT
	wait_for $RECOVERY_PATIENCE 'the client is up again, with all its lanes' whole gw-a gw-b || return 1
	wait_for $RECOVERY_PATIENCE 'and the server' whole gw-b gw-a || return 1
	# No log line tells when the last lane was there. Where none was lost, this would be the time that it takes to ask.
	[[ $LANES_NOW -eq 1 ]] || keeps_connections "$1" || latest=$(now_ms)
	if [[ $1 == one-* ]]; then
		wait_for $RECOVERY_PATIENCE 'all paths are there again' has_paths || return 1
		latest=$(now_ms)
	fi
	wait_for $RECOVERY_PATIENCE 'a ping is answered again' has_answer "$after" || return 1
	for at in "$(answered_at "$after")" "$(up_at gw-a gw-b "$3")" "$(up_at gw-b gw-a "$4")"; do
		[[ $at -le $latest ]] || latest=$at
	done
	CELL_RECOVERY=$((latest - from))
}

# ---- the cell ----

cell_inside() { # FAULT COLUMN
	local lanes=1 multipath=false status=0 mark_a mark_b connections
	[[ $2 != both ]] || lanes=$LANES
	[[ $1 != one-* ]] || multipath=true
	tunnel_up "$1" "$lanes" $multipath || return 1
	connections=$(session_value gw-a gw-b .connections)
	flows_start "$2" || return 1
	rm -f "$WORK/pinger.log"
	start_bg "$WORK/pinger.log" pinger in_ns lan-a stdbuf -oL ping -n -D -i 0.02 -W 1 "$B4"
	wait_for 5 'pings are answered' has_answer 0 || return 1
	mark_a=$(log_mark "$WORK/gw-a.log")
	mark_b=$(log_mark "$WORK/gw-b.log")
	BEGAN_AT='' OVER_AT=''
	"fault_${1//-/_}" >"$WORK/fault.log" 2>&1 || status=$?
	if [[ $status -eq 3 ]]; then
		CELL_SKIPPED=$(tail -n 1 "$WORK/fault.log")
	else
		check_equal "$1: the fault can be made" 0 "$status"
		[[ $status -eq 0 ]] || cat "$WORK/fault.log"
		recovered "$1" "${OVER_AT:-$BEGAN_AT}" "$mark_a" "$mark_b" || return 1
		! keeps_connections "$1" ||
			check_equal "$1: no new connection" "$connections" "$(session_value gw-a gw-b .connections)"
		flows_advance 'the transfers go on' || return 1
	fi
	stop_bg pinger INT
	flows_end
	tunnel_down
}

cell() { # FAULT COLUMN
	local before=$failed
	CELL_RECOVERY='' CELL_STALL='' CELL_SKIPPED=''
	cell_inside "$1" "$2" || fail "$1, $2" 'it did not come to its end'
	if [[ $failed -ne $before ]]; then
		tail -n "$LOG_TAIL" "$WORK/gw-a.log" "$WORK/gw-b.log" "$WORK"/*.from.log "$WORK"/*.to.log 2>/dev/null | sed 's/^/    /'
		cell_clear
		return 1
	fi
}
