# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# Namespaces and cables by their real names: what scripts/lab, scripts/demo and the tests' helpers (tests/system/lib.sh,
# tests/bench/link.sh) have in common. Whoever makes a namespace also removes it.

# What every host has: its loopback up, addresses that are of use at once, forwarding as said and not as the machine has it.
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

# A namespace that only carries others' frames sends no packet of its own.
netns_silence() { # NAMESPACE
	# shellcheck disable=SC2016 # The inner shell expands.
	ip netns exec "$1" sh -ec '
		for each in all default; do
			[ ! -e /proc/sys/net/ipv6 ] || echo 1 >/proc/sys/net/ipv6/conf/$each/disable_ipv6
		done'
}

# Both ends are down.
netns_cable() { # NAMESPACE-A IF-A NAMESPACE-B IF-B [mtu MTU]
	local a=$1 if_a=$2 b=$3 if_b=$4
	shift 4
	ip link add name "$if_a" netns "$a" "$@" type veth peer name "$if_b" netns "$b" "$@"
}

# For the end of a cable that leads to the link emulator: superpackets are cut in software, before they leave. Not every
# kernel knows each of the features; the emulator counts superpackets as `refused`, should one come.
netns_segments_itself() { # NAMESPACE IF
	# shellcheck disable=SC2016 # The inner shell expands.
	ip netns exec "$1" sh -ec '
		ethtool -K "$1" tso off
		for feature in tx-udp-segmentation tx-sctp-segmentation tx-gso-list; do
			ethtool -K "$1" $feature off >/dev/null 2>&1 || true
		done' sh "$2"
}
