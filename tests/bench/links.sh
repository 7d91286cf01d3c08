# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154,SC2317
# SPDX-License-Identifier: Apache-2.0
#
# The links between the namespaces a and b, by name. Each system gets a link and namespaces of its
# own.
#
#   direct            a veth, as fast as the machine
#   100mbit           100 Mbit/s in either direction, queues of 50 ms: tbf on the veth, or our emulator if the kernel has no tbf
#   buffer-RATEmbit-MSms  that rate in either direction, queues of so many ms: tbf or our emulator, with no delay of its own
#   buffer-changing   queues of 20 ms; from link_change_start on 100 and 10 Mbit/s in turn, 5 s each: tbf only
#   shared            100 Mbit/s, a round trip of 20 ms: the emulator
#   20mbit-40ms       20 Mbit/s and a round trip of 40 ms: the emulator
#   loss-PERCENT      100 Mbit/s, a round trip of 40 ms, that share of packets lost in either direction: the emulator
#   grid-RATEmbit-RTTms   that rate in either direction, that round trip: the emulator
#
# Other queues hold 50 ms at the link's rate. Those of grid links hold the round trip if that is longer
# (one bandwidth-delay product).

LINK_WHY=''

emulated_link() { # OPTION...
	link_between a wan0 b wan0 --realtime "$@" || { LINK_WHY='the link emulator does not start' && return 1; }
}

tbf_link() { # RATE LATENCY
	local ns
	veth a wan0 b wan0 || return 1
	for ns in a b; do
		in_ns $ns tc qdisc add dev wan0 root tbf rate "$1" burst 32kb latency "$2" 2>/dev/null || return 1
	done
}

# A link without delay whose queues hold so much.
buffer_link() { # RATE_MBIT QUEUE_MS
	if [[ -n $tbf ]]; then
		tbf_link "$1mbit" "$2ms"
	else
		emulated_link --rate "$1mbit" --queue $(($1 * 125 * $2))
	fi
}

has_tbf() {
	ns_add tbf && ip_ns tbf link add t0 type veth peer name t1
	in_ns tbf tc qdisc add dev t0 root tbf rate 100mbit burst 32kb latency 50ms 2>/dev/null
}

# Makes socket buffers so large that a window may fill the link and its queue, unless the kernel's
# own limits are lower.
wide_buffers() { # BYTES in flight
	local ns path least usual most
	for ns in a b; do
		for path in /proc/sys/net/ipv4/tcp_{rmem,wmem}; do
			read -r least usual most <<<"$(in_ns $ns cat "$path")"
			[[ $most -ge $(($1 * 4)) ]] || in_ns $ns tee "$path" <<<"$least $usual $(($1 * 4))" >/dev/null || return 1
		done
	done
}

grid_link() { # RATE_MBIT RTT_MS
	local queue_ms=$(($2 > 50 ? $2 : 50)) bytes_per_ms=$(($1 * 125))
	emulated_link --rate "$1mbit" --delay $(($2 * 500))us --queue $((bytes_per_ms * queue_ms)) || return 1
	wide_buffers $((bytes_per_ms * ($2 + queue_ms)))
}

link_cables() { # LINK
	local rate rtt queue
	case $1 in
	direct) veth a wan0 b wan0 ;;
	100mbit) buffer_link 100 50 ;;
	buffer-*mbit-*ms)
		rate=${1#buffer-} queue=${1##*-}
		buffer_link "${rate%%mbit*}" "${queue%ms}"
		;;
	buffer-changing)
		[[ -n $tbf ]] || { LINK_WHY='this kernel has no tbf, whose rate can change' && return 1; }
		tbf_link 100mbit 20ms
		;;
	shared) emulated_link --rate 100mbit --delay 10ms --queue 625000 ;;
	20mbit-40ms) emulated_link --rate 20mbit --delay 20ms --queue 125000 ;;
	loss-*) emulated_link --rate 100mbit --delay 20ms --queue 625000 --loss "${1#loss-}%" ;;
	grid-*mbit-*ms)
		rate=${1#grid-} rtt=${1##*-}
		grid_link "${rate%%mbit*}" "${rtt%ms}"
		;;
	*) LINK_WHY="there is no link '$1'" && return 1 ;;
	esac
}

# Runs as a process of its own (start_bg), under which in_ns would take its place.
link_changes() {
	local rate ns
	while true; do
		for rate in 100mbit 10mbit; do
			for ns in a b; do
				ip netns exec "$(ns_name $ns)" tc qdisc change dev wan0 root tbf rate $rate burst 32kb latency 20ms
			done
			pause 5
		done
	done
}

link_change_start() {
	start_bg "$WORK/changes.log" changes link_changes
}

link_change_stop() {
	stop_bg changes
}

# Makes both namespaces with the link and its addresses, and sets the outer congestion control.
link_make() { # LINK
	local ns kernels=${outer/auto/cubic}
	LINK_WHY='the link could not be made'
	ns_add a
	ns_add b
	link_cables "$1" || return 1
	addr a wan0 "$NEAR/24"
	addr b wan0 "$FAR/24"
	for ns in a b; do
		force_congestion "$(ns_name $ns)" "$kernels"
		[[ $(in_ns $ns cat /proc/sys/net/ipv4/tcp_congestion_control) == "$kernels" ]] ||
			{ LINK_WHY="this kernel does not let namespaces have $kernels" && return 1; }
	done
}

# Removes also the emulator and its namespace.
link_remove() {
	local names=("${ns_names[@]}") name
	! bg_running "$(link_name a wan0)" || link_stop a wan0
	for name in "${names[@]}"; do
		ns_del "$name"
	done
}
