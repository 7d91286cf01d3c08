# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# The part of the fault matrix about the path: under a bulk connection inside it gets losses, another rate or another delay, and
# `congestion = "auto"` does what it should, rarely, and says why. On top of common.sh, link.sh and a `flow` helper.
#
#   gw-a ═══ link emulator ═══ gw-b        the connection is from gw-a to the tunnel's address of gw-b
#
# `path_cell NAME` passes or fails checks, and sets PATH_CONTROL, PATH_CHANGES and PATH_REASON to what the status says afterwards.
# PATH_SKIPPED is why the cell could not be run; else empty.
#
# A function path_NAME changes the link, and waits until the status is as expected or, where nothing should happen, for longer
# than `auto` needs to decide. It returns 3 after it has set PATH_SKIPPED.

# What is set here is read by who sources this, and what is used comes from lib.sh.
# shellcheck disable=SC2034,SC2154
PATH_CONTROL='' PATH_CHANGES='' PATH_REASON='' PATH_SKIPPED=''
PATH_PATIENCE=60 # seconds
PATH_STILL=6     # seconds in which nothing may happen; a window of `auto` has three
PATH_APART=10    # seconds at least between two changes

# name | what happens, in words | link at the start | congestion control at the end | changes | reason at the end
PATHS=(
	'loss-begins|1 % of packets are lost from then on|--rate 100mbit --delay 20ms --queue 625000|bbr|1|the path loses packets without a full queue'
	'loss-ends|1 % of packets are lost, then none; 100 Mbit/s|--rate 100mbit --delay 20ms --queue 625000 --loss 1%|bbr|1|the path loses packets without a full queue'
	'loss-ends-fast|the same on a path of over 500 Mbit/s|--delay 2ms --queue 4mb --loss 1%|cubic|2|the path is fast and loses nothing'
	'no-way-back|the same, and the kernel refuses CUBIC|--delay 2ms --queue 4mb --loss 1%|bbr|1|the kernel refuses the way back'
	'no-bbr|1 % of packets are lost, and the kernel has no BBR|--rate 100mbit --delay 20ms --queue 625000|cubic|0|this kernel has no BBR'
	'rate-steps|100 Mbit/s, then 20, then 100|--rate 100mbit --delay 20ms --queue 625000|cubic|0|'
	'delay-steps|a round trip of 20 ms, then 80, then 20|--rate 100mbit --delay 10ms --queue 625000|cubic|0|'
)

path_field() { # NAME NUMBER
	local line
	for line in "${PATHS[@]}"; do
		[[ ${line%%|*} != "$1" ]] || cut -d'|' -f"$2" <<<"$line"
	done
}

path_names() {
	printf '%s\n' "${PATHS[@]%%|*}"
}

# ---- the link ----

path_site() {
	ns_add gw-a
	ns_add gw-b
	link_between gw-a wan0 gw-b wan0
	addr gw-a wan0 192.0.2.1/24
	addr gw-b wan0 192.0.2.2/24
	for name in gw-a gw-b; do
		force_congestion "$(ns_name $name)" cubic
	done
	[[ -e $WORK/pki/clients/gw-a.conf ]] || pki_add gw-a
}

# The link stays; only what it does changes. What is under way is lost, once.
path_becomes() { # OPTION...
	link_stop gw-a wan0
	link_start gw-a wan0 "$@"
}

path_status() { # FILTER; of the connection that sends
	session_value gw-a gw-b ".lanes[0].congestion | $1"
}

path_is() { # CONTROL CHANGES REASON
	[[ $(path_status '"\(.control) \(.changes) \(.reason // "")"') == "$1 $2 "*"$3"* ]]
}

path_reaches() { # NAME
	wait_for $PATH_PATIENCE "$1: the status has '$(path_field "$1" 4)', because '$(path_field "$1" 6)'" \
		path_is "$(path_field "$1" 4)" "$(path_field "$1" 5)" "$(path_field "$1" 6)"
}

# ---- what happens ----

SLOW_PATH=(--rate 100mbit --delay 20ms --queue 625000)
FAST_PATH=(--delay 2ms --queue 4mb)

path_loss_begins() {
	wait_for $PATH_PATIENCE 'the path is full' path_has_carried $((20 << 20)) || return 1
	path_becomes "${SLOW_PATH[@]}" --loss 1%
}

path_loss_ends() {
	wait_for $PATH_PATIENCE 'the losses are noticed' path_is bbr 1 '' || return 1
	path_becomes "${SLOW_PATH[@]}"
	sleep $((PATH_APART + PATH_STILL))
}

path_loss_ends_fast() {
	wait_for $PATH_PATIENCE 'the losses are noticed' path_is bbr 1 '' || return 1
	path_becomes "${FAST_PATH[@]}"
	path_fast_enough "$1"
}

path_bytes() {
	awk '/^at / { n = $2 } END { printf "%.0f\n", n }' "$WORK/path.to.log"
}

path_has_carried() { # BYTES
	[[ $(path_bytes) -ge $1 ]]
}

# `auto` goes back at 500 Mbit/s in each tenth of a second. A machine that has not reached 800 on average, since others use it, says
# nothing about that: 3.
path_fast_enough() { # NAME
	local before since deadline mbit
	before=$(path_bytes) since=$(now_ms)
	deadline=$(deadline_in $PATH_PATIENCE)
	until path_is "$(path_field "$1" 4)" "$(path_field "$1" 5)" "$(path_field "$1" 6)"; do
		if past "$deadline"; then
			mbit=$((($(path_bytes) - before) / 125 / ($(now_ms) - since)))
			[[ $mbit -ge 800 ]] || { PATH_SKIPPED="only $mbit Mbit/s passed the link emulator here" && return 3; }
			return 0 # the caller finds the failure
		fi
		poll_pause
	done
}

path_no_way_back() { path_loss_ends_fast "$1"; }
path_no_bbr() { path_loss_begins; }

path_rate_steps() {
	local rate
	for rate in 20mbit 100mbit; do
		sleep $PATH_STILL
		path_becomes --rate $rate --delay 20ms --queue 625000
	done
	sleep $PATH_STILL
}

path_delay_steps() {
	local delay
	for delay in 40ms 10ms; do
		sleep $PATH_STILL
		path_becomes --rate 100mbit --delay $delay --queue 625000
	done
	sleep $PATH_STILL
}

# ---- a cell ----

# Prints a client that runs on such a kernel.
path_client() { # NAME
	case $1 in
	no-way-back) printf '%s\n' "$BUILD/system/without" cubic "$CULVERT" ;;
	no-bbr) printf '%s\n' "$BUILD/system/without" bbr "$CULVERT" ;;
	*) echo "$CULVERT" ;;
	esac
}

path_begin() { # NAME
	local command link
	mapfile -t command < <(path_client "$1")
	read -ra link < <(path_field "$1" 3)
	path_becomes "${link[@]}"
	rm -f "$WORK"/gw-?.log "$WORK"/path.*.log
	server_conf gw-b <<<'peers = ( { name = "gw-a"; } );'
	client_conf gw-a <<<''
	server_start gw-b || return 1
	start_bg "$WORK/gw-a.log" gw-a in_ns gw-a "${command[@]}" up "$WORK/gw-a.conf"
	wait_up gw-a gw-b || return 1
	start_bg "$WORK/path.to.log" path.to in_ns gw-b "$BUILD/system/flow" listen "$SERVER4" 9100 receive
	wait_for 5 'gw-b listens' listens gw-b 9100 || return 1
	start_bg "$WORK/path.from.log" path.from in_ns gw-a "$BUILD/system/flow" connect "$SERVER4" 9100 send
}

# Changes of the log are as many as in the status, each with a reason, and PATH_APART s apart.
path_explained() { # NAME
	local line at last='' told=0
	while read -r line; do
		told=$((told + 1))
		check "$1: the log says why: $line" grep -qE 'congestion control: [a-z]+ -> [a-z]+: the path .+ \(.*% lost, round trip' <<<"$line"
		at=$(date -d "${line:0:23}" +%s%3N)
		[[ -z $last ]] || check "$1: changes are $PATH_APART s apart" test $((at - last)) -ge $((PATH_APART * 1000))
		last=$at
	done < <(grep -E 'congestion control: [a-z]+ -> ' "$WORK/gw-a.log")
	check_equal "$1: the log has each change" "$PATH_CHANGES" "$told"
	[[ -z $PATH_REASON ]] || check "$1: the log has the reason of the status" grep -qF "$PATH_REASON" "$WORK/gw-a.log"
}

path_end() { # NAME
	local name
	kill -TERM "$(pid_of path.from)"
	for name in path.from path.to; do
		wait_exit $name 60 || true
		check_equal "$1: the connection inside has lived, every byte right: $name" 0 "$EXIT_STATUS"
	done
	for name in gw-a gw-b; do
		stop_bg $name
		check_equal "$1: $name ends with 0" 0 "$EXIT_STATUS"
	done
}

path_cell_inside() { # NAME
	local status=0
	path_begin "$1" || return 1
	"path_${1//-/_}" "$1" || status=$?
	if [[ $status -eq 3 ]]; then
		path_end "$1"
		return 0
	fi
	[[ $status -eq 0 ]] || return 1
	path_reaches "$1" || return 1
	PATH_CONTROL=$(path_status .control) PATH_CHANGES=$(path_status .changes) PATH_REASON=$(path_status '.reason // ""')
	path_explained "$1"
	path_end "$1"
}

path_cell() { # NAME
	local before=$failed name
	PATH_CONTROL='' PATH_CHANGES='' PATH_REASON='' PATH_SKIPPED=''
	path_cell_inside "$1" || fail "$1" 'it did not come to its end'
	[[ $failed -ne $before ]] || return 0
	path_status . 2>/dev/null || true
	grep 'congestion' "$WORK"/gw-?.log || true
	for name in path.from path.to gw-a gw-b; do
		stop_bg $name KILL || true
	done
	return 1
}
