# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# What the tests of a client with two servers share, on top of common.sh.
#
#                    ╔═══ hub-1 (192.0.2.10) ───┐
#   laptop ── switch ╣                          ├── target (10.2.0.9)
#                    ╚═══ hub-2 (192.0.2.11) ───┘
#
# Both servers have the identity gw-b and give the laptop the same fixed address. The target sends to hub-1, which sends on to
# hub-2 what it has no tunnel for: so packets find the laptop whichever server it uses.

LAPTOP4=10.213.0.77
export LAPTOP4

two_servers_add() {
	switch_add
	switch_join laptop 192.0.2.20/24
	switch_join hub-1 192.0.2.10/24 forward
	switch_join hub-2 192.0.2.11/24 forward
	addr laptop wan0 2001:db8::20/64
	addr hub-1 wan0 2001:db8::10/64
	addr hub-2 wan0 2001:db8::11/64
	ns_add target
	in_ns target ip link add lan type bridge
	ip_ns target link set lan up
	addr target lan 10.2.0.9/24
	for hub in hub-1 hub-2; do
		veth $hub lan0 target "$hub"
		ip_ns target link set "$hub" master lan
		# A stream that always runs leaves the machine to the others.
		in_ns target tc qdisc add dev "$hub" root tbf rate 40mbit burst 64kb latency 50ms
		addr $hub lan0 "10.2.0.${hub#hub-}/24"
	done
	route target 10.213.0.0/24 via 10.2.0.1
	# It would tell the target to use hub-2 from then on.
	in_ns hub-1 sysctl -qw net.ipv4.conf.all.send_redirects=0 net.ipv4.conf.lan0.send_redirects=0
	route hub-1 $LAPTOP4/32 via 10.2.0.2 metric 9999
	pki_add laptop
}

# What stdin says on top of what both have.
two_servers_conf() {
	local text
	text=$(cat)
	for hub in hub-1 hub-2; do
		with_defaults ping_interval 0.5 dead_after 5 linger 1 announce '[ "10.2.0.0/24" ]' \
			peers "( { name = \"laptop\"; address4 = \"$LAPTOP4\"; } )" <<<"$text" | server_conf $hub gw-b
	done
}

# The host of the remote that the laptop's newest connection is to.
remote_of_laptop() { ctl laptop status --json | jq -r .remote.host; }
# shellcheck disable=SC2317 # wait_for calls it
uses_remote() { # HOST
	ctl laptop status --json | jq -e --arg host "$1" '.remote.host == $host and .sessions[0].state == "up"' >/dev/null
}
# shellcheck disable=SC2317 # called by name
has_no_session() { # HUB
	ctl "$1" status --json | jq -e '.session_count == 0' >/dev/null
}
# Milliseconds from now until the laptop has a session at HOST.
moves_to() { # HOST SECONDS WHAT
	local began
	began=$(now_ms)
	wait_for "$2" "$3" uses_remote "$1" && echo "$3: $(($(now_ms) - began)) ms" >>"$WORK/figures"
}
# Packets from and to HUB's wan are lost from now on, without a word; the last one ends that.
silence() { # HUB [FAMILY]
	in_ns "$1" nft "add table inet silent; add chain inet silent in { type filter hook input priority -300; }
		add chain inet silent out { type filter hook output priority -300; }
		add rule inet silent in iif wan0 ${2:-} drop; add rule inet silent out oif wan0 ${2:-} drop"
}
unsilence() { # HUB
	in_ns "$1" nft delete table inet silent
}
