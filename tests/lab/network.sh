# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# Makes namespaces and cables by their real names, for scripts/lab, scripts/demo and the tests'
# helpers (tests/system/lib.sh, tests/bench/link.sh). The caller that makes a namespace also removes
# it.

# Prepares a host: loopback up, addresses usable at once, and forwarding as requested instead of the
# machine's default.
netns_prepare() { # NAMESPACE [forward]
	ip -n "$1" link set lo up
	# shellcheck disable=SC2016 # The inner shell expands.
	ip netns exec "$1" sh -ec '
		cd /proc/sys/net
		forward=0
		[ "$1" != forward ] || forward=1
		echo $forward >ipv4/ip_forward
		[ -e ipv6 ] || exit 0
		echo 0 >ipv6/conf/default/accept_dad
		echo $forward >ipv6/conf/all/forwarding' sh "${2-}"
}

# Keeps a namespace that only carries others' frames from sending packets of its own.
netns_silence() { # NAMESPACE
	# shellcheck disable=SC2016 # The inner shell expands.
	ip netns exec "$1" sh -ec '
		for each in all default; do
			[ ! -e /proc/sys/net/ipv6 ] || echo 1 >/proc/sys/net/ipv6/conf/$each/disable_ipv6
		done'
}

# Makes a cable whose ends are both down.
netns_cable() { # NAMESPACE-A IF-A NAMESPACE-B IF-B [mtu MTU]
	local a=$1 if_a=$2 b=$3 if_b=$4
	shift 4
	ip link add name "$if_a" netns "$a" "$@" type veth peer name "$if_b" netns "$b" "$@"
}

# For the end of a cable to the link emulator: cuts superpackets in software before they leave. Not
# every kernel knows each feature; the emulator counts any superpacket as `refused`.
netns_segments_itself() { # NAMESPACE IF
	# shellcheck disable=SC2016 # The inner shell expands.
	ip netns exec "$1" sh -ec '
		ethtool -K "$1" tso off
		for feature in tx-udp-segmentation tx-sctp-segmentation tx-gso-list; do
			ethtool -K "$1" $feature off >/dev/null 2>&1 || true
		done' sh "$2"
}
