# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154,SC2317
# SPDX-License-Identifier: Apache-2.0
#
# What lies between the namespaces a and b, by name. Each link is made anew for each system, with namespaces of its own.
#
#   direct            a veth, as fast as the machine is
#   100mbit           100 Mbit/s in either direction: tbf on the veth, or the project's emulator where the kernel has no tbf
#   20mbit-40ms       20 Mbit/s and 40 ms there and back: the emulator
#   loss-PERCENT      100 Mbit/s, 40 ms there and back, that share of packets lost in either direction: the emulator
#   grid-RATEmbit-RTTms   that rate in either direction, that time there and back: the emulator
#
# Queues hold 50 ms at the link's rate; those of grid links hold the round trip where that is longer (one bandwidth-delay product).

LINK_WHY=''

emulated_link() { # OPTION...
	link_between a wan0 b wan0 --realtime "$@" || { LINK_WHY='the link emulator does not start' && return 1; }
}

tbf_link() { # RATE
	local ns
	veth a wan0 b wan0 || return 1
	for ns in a b; do
		in_ns $ns tc qdisc add dev wan0 root tbf rate "$1" burst 32kb latency 50ms 2>/dev/null || return 1
	done
}

has_tbf() {
	ns_add tbf && ip_ns tbf link add t0 type veth peer name t1
	in_ns tbf tc qdisc add dev t0 root tbf rate 100mbit burst 32kb latency 50ms 2>/dev/null
}

# Hosts whose socket buffers are no limit: a window may fill the link and its queue. Where the kernel's own limits do, they stay.
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
	local rate rtt
	case $1 in
	direct) veth a wan0 b wan0 ;;
	100mbit)
		if [[ -n $tbf ]]; then
			tbf_link 100mbit
		else
			emulated_link --rate 100mbit --queue 625000
		fi
		;;
	20mbit-40ms) emulated_link --rate 20mbit --delay 20ms --queue 125000 ;;
	loss-*) emulated_link --rate 100mbit --delay 20ms --queue 625000 --loss "${1#loss-}%" ;;
	grid-*mbit-*ms)
		rate=${1#grid-} rtt=${1##*-}
		grid_link "${rate%%mbit*}" "${rtt%ms}"
		;;
	*) LINK_WHY="there is no link '$1'" && return 1 ;;
	esac
}

# Both namespaces with the link and its addresses, and the outer congestion control.
link_make() { # LINK
	LINK_WHY='the link could not be made'
	ns_add a
	ns_add b
	link_cables "$1" || return 1
	addr a wan0 "$NEAR/24"
	addr b wan0 "$FAR/24"
	for ns in a b; do
		force_congestion "$(ns_name $ns)" "$outer"
		[[ $(in_ns $ns cat /proc/sys/net/ipv4/tcp_congestion_control) == "$outer" ]] ||
			{ LINK_WHY="this kernel does not let namespaces have $outer" && return 1; }
	done
}

# Also the emulator and the namespace that it has in between.
link_remove() {
	local names=("${ns_names[@]}") name
	! bg_running "$(link_name a wan0)" || link_stop a wan0
	for name in "${names[@]}"; do
		ns_del "$name"
	done
}
