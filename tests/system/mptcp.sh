#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Multipath TCP outside: two wan links, of which the one that the connection began on is cut while a transfer runs inside. The
# session does not notice: same connection, every byte right. An end without MPTCP, and a kernel without it, get TCP.
# How long the longest stall was is printed and not judged. A path that falls silent comes back.
#
#                    wan0 192.0.2.1 ════ .2
#   lan-a ──── gw-a                          gw-b ──── lan-b
#                    wan1 198.51.100.1 ══ .2
set -euo pipefail
# shellcheck source=tests/system/tunnel/common.sh
source "$(dirname "$0")/tunnel/common.sh"

BYTES=1500000000
[[ -z $SANITIZED ]] || BYTES=200000000
kernel_lacks=
FIRST=192.0.2.2
SECOND=198.51.100.2

# The outer connections of gw-a to a server's address, one a line with all that the kernel says of it.
# shellcheck disable=SC2317 # has_outer calls it
outer() { # ADDRESS
	in_ns gw-a ss -OHtnie state established dst "$1" dport = 443 2>/dev/null
}
# How often a server has answered gw-a in MPTCP.
multipath_answers() {
	in_ns gw-a nstat -asz MPTcpExtMPCapableSYNACKRX | awk '/MPCapable/ { print $2 }'
}
# shellcheck disable=SC2317 # wait_for calls it
has_outer() { # ADDRESS WORD
	outer "$1" | grep -F -e "$2" >/dev/null
}
# shellcheck disable=SC2317 # wait_for calls it
carried() { # BYTES; true when so many have come in at the server
	[[ $(session_value gw-b gw-a .in_bytes) -gt $1 ]]
}

# Prints, when it is ended, the longest time in which nothing came out of gw-b's tunnel, and in which nothing went in.
# shellcheck disable=SC2317 # start_bg calls it
watch_stalls() {
	# shellcheck disable=SC2016 # The inner shell expands.
	in_ns gw-b bash -c '
		last=(0 0) since=(0 0) worst=(0 0)
		tell() { echo "longest stall: $((worst[0] / 1000)) ms in, $((worst[1] / 1000)) ms out"; }
		trap "tell; exit 0" TERM
		cd /sys/class/net/cv0/statistics
		while sleep 0.005; do
			t=${EPOCHREALTIME/[.,]/}
			# Not by $(<file): a trap that comes while bash is in there can fail to parse.
			read -r "now[0]" <rx_packets && read -r "now[1]" <tx_packets || continue
			for i in 0 1; do
				stall=$((since[i] == 0 ? 0 : t - since[i]))
				[[ $stall -le ${worst[i]} ]] || worst[i]=$stall
				[[ ${now[i]} == "${last[i]}" ]] || last[i]=${now[i]} since[i]=$t
			done
		done'
}

configure() { # SERVER CLIENT; true or false each
	client_lines=("mptcp = $2;" 'congestion = "reno";' 'mark = 77;')
	site_conf <<CONF
mptcp = $1;
congestion = "reno";
mark = 78;
ping_interval = 0.3;
dead_after = 5.0;
linger = 60;
peers = ( { name = "gw-a"; accept_routes = [ "10.1.0.0/16", "fd00:1::/32" ]; } );
CONF
}

begin() { # SERVER CLIENT
	local mark_a mark_b
	mark_a=$(log_mark "$WORK/gw-a.log")
	mark_b=$(log_mark "$WORK/gw-b.log")
	configure "$@"
	server_start gw-b
	client_start gw-a
	wait_up gw-b gw-a "$mark_b"
	wait_up gw-a gw-b "$mark_a"
	wait_routes gw-a 10.2.0.0/24
	wait_routes gw-b 10.1.0.0/24
}

end() {
	stop_bg gw-a
	stop_bg gw-b
}

site_add
veth gw-a wan1 gw-b wan1
addr gw-a wan1 198.51.100.1/24
addr gw-b wan1 $SECOND/24
pki_add gw-a

in_ns gw-a test -e /proc/sys/net/mptcp/enabled || kernel_lacks=1

# ---- one end only ----

[[ -n $kernel_lacks ]] || for ends in 'true false' 'false true'; do
	# shellcheck disable=SC2086 # They are two words.
	begin $ends
	check "server and client: $ends: TCP carries it" pings lan-a $B4
	check_equal "server and client: $ends: it is plain TCP" 0 "$(multipath_answers)"
	end
	refute_log "$WORK/gw-a.log" 'does not offer Multipath TCP'
	refute_log "$WORK/gw-b.log" 'does not offer Multipath TCP'
done

# ---- a kernel that has none: said once, by both ends ----

[[ -n $kernel_lacks ]] || for ns in gw-a gw-b; do
	in_ns $ns sh -c 'echo 0 >/proc/sys/net/mptcp/enabled'
done
begin true true
check 'a kernel without MPTCP: TCP carries it' pings lan-a $B4
for name in gw-a gw-b; do
	check_equal "$name says so, once" 1 "$(grep -c 'does not offer Multipath TCP' "$WORK/$name.log")"
done
end

# ---- both ends, two links ----

if [[ -n $kernel_lacks ]]; then
	echo '# this kernel has no MPTCP: left out'
	finish
fi
for ns in gw-a gw-b; do
	in_ns $ns sh -c 'echo 1 >/proc/sys/net/mptcp/enabled'
done
in_ns gw-b ip mptcp endpoint add $SECOND dev wan1 signal
in_ns gw-a ip mptcp limits set subflows 2 add_addr_accepted 1
in_ns gw-b ip mptcp limits set subflows 2 add_addr_accepted 0

# Loses the first path under a transfer.
try_loss() { # NAME COMMAND...
	local name=$1 before pair path
	shift
	begin true true
	wait_for 5 "$name: the connection has two paths" has_outer $SECOND tcp-ulp-mptcp
	for path in $FIRST $SECOND; do
		check "$name: the path to $path has the congestion control that was set" has_outer "$path" reno
		check "$name: and the mark" has_outer "$path" 'fwmark:0x4d'
	done
	stream_start 9004 $BYTES
	wait_for 30 "$name: the transfer runs" carried 20000000
	start_bg "$WORK/stalls.log" stalls watch_stalls
	before=$(session_value gw-b gw-a .in_bytes)
	"$@"
	wait_for 20 "$name: the transfer goes on" carried $((before + 50000000))
	stream_end 60 "$name"
	stop_bg stalls || true
	tail -n 1 "$WORK/stalls.log"
	for pair in 'gw-a gw-b' 'gw-b gw-a'; do
		# shellcheck disable=SC2086 # They are two words.
		check_equal "$name: $pair: it is the first connection still" 1 "$(session_value $pair .connections)"
	done
	check_equal "$name: the session is up" up "$(session_value gw-a gw-b .state)"
	check "$name: the tunnel works over what is left" pings lan-b $A6
	refute_log "$WORK/gw-a.log" 'nothing heard'
	refute_log "$WORK/gw-b.log" 'nothing heard'
}

# Nothing arrives any more, and neither end's kernel knows.
# shellcheck disable=SC2317 # try_loss calls it
fall_silent() {
	ip_ns gw-a neigh replace 192.0.2.2 lladdr 02:00:00:00:00:99 dev wan0 nud permanent
	ip_ns gw-b neigh replace 192.0.2.1 lladdr 02:00:00:00:00:99 dev wan0 nud permanent
}

try_loss 'silent link' fall_silent
ip_ns gw-a neigh del 192.0.2.2 dev wan0
ip_ns gw-b neigh del 192.0.2.1 dev wan0
end

# Its address is an endpoint, so netd tells the kernel, which tells the peer; and the path comes back with the link.
# shellcheck disable=SC2317 # wait_for calls it
has_heard_of_loss() {
	[[ $(in_ns gw-b nstat -asz MPTcpExtRmAddr | awk '/RmAddr/ { print $2 }') -gt 0 ]]
}
in_ns gw-a ip mptcp endpoint add 192.0.2.1 dev wan0 id 9 subflow
endpoint=$(in_ns gw-a ip mptcp endpoint show)

# The engine finds out, as neither end's kernel does for a second, and netd tells it. The kernel tries to open the path again, after
# 1, 3 and 7 s …
mark=$(log_mark "$WORK/gw-a.log")
try_loss 'silent endpoint' fall_silent
check 'silent endpoint: netd makes it again' log_has_since "$WORK/gw-a.log" "$mark" 'the uplink of the MPTCP endpoint 192.0.2.1 is silent'
check_equal 'silent endpoint: and only that one' 0 "$(grep -c 'endpoint 198.51.100.1' "$WORK/gw-a.log")"
check_equal 'silent endpoint: it is as it was' "$endpoint" "$(in_ns gw-a ip mptcp endpoint show)"
ip_ns gw-a neigh del 192.0.2.2 dev wan0
ip_ns gw-b neigh del 192.0.2.1 dev wan0
wait_for 20 'the link carries again: so does its path' has_outer $FIRST tcp-ulp-mptcp
check_equal 'the link carries again: it is the first connection still' 1 "$(session_value gw-a gw-b .connections)"
end

# … or gives up; then the engine has netd begin again after 30 s, while there is traffic.
# shellcheck disable=SC2317 # wait_for calls it
has_given_up() {
	! in_ns gw-a ss -Htn state syn-sent src 192.0.2.1 dport = 443 | grep . >/dev/null
}
syn_retries=$(in_ns gw-a cat /proc/sys/net/ipv4/tcp_syn_retries)
in_ns gw-a sh -c 'echo 1 >/proc/sys/net/ipv4/tcp_syn_retries'
mark=$(log_mark "$WORK/gw-a.log")
try_loss 'silent for long' fall_silent
wait_log_since "$WORK/gw-a.log" "$mark" '192.0.2.1 is silent' 5
wait_for 10 'silent for long: the kernel gives the path up' has_given_up
ip_ns gw-a neigh del 192.0.2.2 dev wan0
ip_ns gw-b neigh del 192.0.2.1 dev wan0
start_bg "$WORK/pinger.log" pinger in_ns lan-a ping -i 0.5 "$B4"
wait_for 50 'silent for long: the path is back' has_outer $FIRST tcp-ulp-mptcp
stop_bg pinger INT || true
in_ns gw-a sh -c "echo $syn_retries >/proc/sys/net/ipv4/tcp_syn_retries"
end

mark=$(log_mark "$WORK/gw-a.log")
try_loss 'cut link' ip_ns gw-a link set wan0 down
wait_for 5 'cut link: the peer hears of it' has_heard_of_loss
wait_log_since "$WORK/gw-a.log" "$mark" 'the uplink of the MPTCP endpoint 192.0.2.1 is lost' 5
check_equal 'cut link: the endpoint is as it was' "$endpoint" "$(in_ns gw-a ip mptcp endpoint show)"
ip_ns gw-a link set wan0 up
wait_for 5 'the link is back: so is its path' has_outer $FIRST tcp-ulp-mptcp
check_equal 'the link is back: it is the first connection still' 1 "$(session_value gw-a gw-b .connections)"

finish
