#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# A whole program, netd included, is succeeded by another process without a supervisor (--succeed PID): interfaces, addresses,
# routes, policy rules and firewall tables stay as they are, sessions resume, and what runs inside the tunnel goes on. What another
# configuration does not allow goes. A successor that is refused or ends half-way changes nothing, and nobody else can ask.
#
#   lan-a ──── gw-a ════════ gw-b ──── lan-b       gw-a: full tunnel, kill switch; gw-b: nat, linger 60 s
#
# check: long
# check: timeout 300
#
# shellcheck disable=SC2317 # Functions are called by name.
set -euo pipefail
# shellcheck source=tests/system/tunnel/common.sh
source "$(dirname "$0")/tunnel/common.sh"

BYTES=400000000 ROUNDS=${ROUNDS:-3} REST=${REST:-1}
[[ -z $SANITIZED ]] || BYTES=60000000

site_add
pki_add gw-a
snapshot gw-a >"$WORK/before-a"
snapshot gw-b >"$WORK/before-b"
etc=$(ns_etc gw-a)
printf '# mine\nnameserver 192.0.2.254\n' >"$etc/resolv.conf"
cp "$etc/resolv.conf" "$WORK/resolv.conf"
client_lines=('lanes = 4;' 'remotes = [ "192.0.2.2" ];' 'full_tunnel = true;' 'kill_switch = true;' 'bypass = [ "10.1.0.0/24", "fd00:1::/64" ];')
site_conf <<'CONF'
lanes = 4;
linger = 60;
nat = true;
peers = ( { name = "gw-a"; accept_routes = [ "10.1.0.0/16", "fd00:1::/32" ]; dns = [ "10.2.0.53" ]; } );
CONF
server_start gw-b
client_start gw-a
wait_up gw-b gw-a
in_table() { # PREFIX; of the full tunnel
	[[ -n $(ip_ns gw-a route show table 25462 "$1" proto 67) ]]
}
wait_for "$UP_SECONDS" 'the full tunnel has a route' in_table 10.2.0.0/24
wait_for "$UP_SECONDS" 'the pushed resolver is set' grep -q '^nameserver 10.2.0.53' "$etc/resolv.conf"
all_lanes() { # NAME PEER
	[[ $(session_value "$1" "$2" '.lanes | length') == 4 ]]
}
wait_for "$UP_SECONDS" 'all lanes are up' all_lanes gw-a gw-b
wait_routes gw-b 10.1.0.0/24 fd00:1::/64
check 'the tunnel works' pings lan-a $B4

# ---- what has to stay ----

tables() { # NS; without counters
	in_ns "$1" nft list ruleset | sed -E 's/ counter packets [0-9]+ bytes [0-9]+//'
}
remember() {
	for name in gw-a gw-b; do
		snapshot $name >"$WORK/$name.snapshot"
		tables $name >"$WORK/$name.tables"
	done
	stat -c '%i %Y' "$etc/resolv.conf" >"$WORK/resolvers"
}
monitor_start() {
	for name in gw-a gw-b; do
		: >"$WORK/$name.monitor"
		start_bg "$WORK/$name.monitor" "monitor-$name" in_ns $name stdbuf -oL ip monitor link address route rule
	done
}
monitor_end() { # WHAT; no removal was seen
	for name in gw-a gw-b; do
		# The monitor reads in order, so it has all that was before this address's end.
		ip_ns $name addr add 198.18.0.1/32 dev lo
		ip_ns $name addr del 198.18.0.1/32 dev lo
		wait_for 5 "the monitor of $name" grep -qE 'Deleted .*198\.18\.0\.1' "$WORK/$name.monitor"
		stop_bg monitor-$name INT
		check_equal "$1: the kernel of $name saw no removal" '' "$(sed -n '/198\.18\.0\.1/!{ /Deleted/p }' "$WORK/$name.monitor")"
	done
}
stays() { # WHAT
	for name in gw-a gw-b; do
		check "$1: links, addresses, routes and rules of $name are the same" same_snapshot $name "$WORK/$name.snapshot"
		check "$1: the firewall tables of $name are the same" diff "$WORK/$name.tables" <(tables $name)
	done
	check_equal "$1: nobody has written the resolvers" "$(cat "$WORK/resolvers")" "$(stat -c '%i %Y' "$etc/resolv.conf")"
	wait_for "$UP_SECONDS" 'all lanes are up again' all_lanes gw-a gw-b && pass "$1: all lanes are up again"
}

# ---- successors ----

declare -A peer_of=([gw-a]=gw-b [gw-b]=gw-a)
turn=0
start_successor() { # NAME [PID]; as NAME.next
	local command=("$CULVERTD" -c "$WORK/$1.conf")
	[[ $1 != gw-a ]] || command=("$CULVERT" up "$WORK/$1.conf")
	start_bg "$WORK/$1.log" "$1.next" in_ns "$1" "${command[@]}" --succeed "${2:-$(pid_of "$1")}"
}
succeed() { # NAME
	local mark other=${peer_of[$1]} mark_other
	mark=$(log_mark "$WORK/$1.log")
	mark_other=$(log_mark "$WORK/$other.log")
	start_successor "$1"
	wait_exit "$1" 10
	turn=$((turn + 1))
	check_equal "$1: the predecessor ends in good order ($turn)" 0 "$EXIT_STATUS"
	bg_pids[$1]=${bg_pids[$1.next]}
	unset "bg_pids[$1.next]"
	wait_log_since "$WORK/$1.log" "$mark" "$other: session: .* -> up" "$UP_SECONDS"
	wait_log_since "$WORK/$other.log" "$mark_other" "$1: session: .* -> up" "$UP_SECONDS"
	# A client waits longer for a server whose connections live for less than ten seconds.
	pings lan-a $B4 $((REST * 20)) >/dev/null || true
}

remember
monitor_start
stream_start 9004 $BYTES
start_bg "$WORK/ping.log" ping in_ns lan-a ping -n -D -i 0.01 $B4
for ((round = 0; round < ROUNDS; round++)); do
	succeed gw-b
	succeed gw-a
done
stop_bg ping INT
monitor_end 'both are succeeded'
stays 'both are succeeded'
stream_end 90 'both are succeeded'
gaps=$(sed -nE 's/^\[([0-9.]+)\].*icmp_seq=.*/\1/p' "$WORK/ping.log" | sort -n |
	awk 'NR > 1 && $1 - last > 0.05 { printf "%.3f\n", $1 - last } { last = $1 }' | sort -n)
echo "longest gaps of a ping each 10 ms, in seconds: $(tail -n $((2 * ROUNDS)) <<<"$gaps" | paste -sd' ')"
check 'no gap is longer than a second' test "$(awk '$1 > 1' <<<"$gaps" | wc -l)" -le $((SANITIZED ? 99 : 0))

# ---- nobody else, and no half ----

engine=$(engine_pid gw-b) pid=$(pid_of gw-b) socket=$WORK/gw-b.sock.succession
check_equal 'its socket is for its user alone' 600 "$(stat -c %a "$socket")"
check_fails 'another user cannot ask' setpriv --reuid 65534 --regid 65534 --clear-groups socat -u /dev/null "UNIX-CONNECT:$socket"
start_successor gw-b $$
wait_exit gw-b.next 10
check_equal 'another process than the one that is meant is not succeeded' 1 "$EXIT_STATUS"
expect_log "$WORK/gw-b.log" "cannot succeed process $$: process $pid"
cp "$WORK/gw-b.conf" "$WORK/gw-b.good"
echo 'no_such_key = true;' >>"$WORK/gw-b.conf"
start_successor gw-b
wait_exit gw-b.next 10
check_equal 'a broken configuration is refused' 3 "$EXIT_STATUS"
cp "$WORK/gw-b.good" "$WORK/gw-b.conf"
check_equal 'meanwhile the engine is the same' "$engine" "$(engine_pid gw-b)"
check 'and the tunnel works' pings lan-a $B4
mark=$(log_mark "$WORK/gw-b.log")
in_ns gw-b socat -t 0 - "UNIX-CONNECT:$socket" <<<$'\x01' >"$WORK/answer" || true
wait_log_since "$WORK/gw-b.log" "$mark" 'asked to succeed this one is refused: it speaks another version' 5
mark_a=$(log_mark "$WORK/gw-a.log")
printf '\x01\x00\x76\x63' | in_ns gw-b timeout 5 socat -t 0.2 - "UNIX-CONNECT:$socket" >"$WORK/answer" || true
wait_log_since "$WORK/gw-b.log" "$mark" 'ended before it had taken over; going on' 5
wait_log_since "$WORK/gw-a.log" "$mark_a" 'gw-b: session: .* -> up' "$UP_SECONDS"
check 'a successor that ends half-way leaves everything as it was' pings lan-a $B4
stays 'a successor ended half-way'

# ---- another configuration ----

sed -i 's|accept_routes = \[ "10.1.0.0/16", |accept_routes = [ |' "$WORK/gw-b.conf"
succeed gw-b
check 'a route that the configuration does not allow any more is gone' lacks_route gw-b 10.1.0.0/24
check 'the others stay' has_route gw-b fd00:1::/64
expect_log "$WORK/gw-b.log" 'the route to 10.1.0.0/24 on cv0 is removed'
cp "$WORK/gw-b.good" "$WORK/gw-b.conf"
sed -i 's|nat = true;||' "$WORK/gw-b.conf"
succeed gw-b
wait_routes gw-b 10.1.0.0/24
check_equal 'the table of nat is gone with the option' '' "$(tables gw-b)"
sed -i 's|kill_switch = true;||' "$WORK/gw-a.conf"
succeed gw-a
check_equal 'the kill switch is gone with the option' '' "$(in_ns gw-a nft list tables | sed -nE '/killswitch|culvert-guard/p')"
check 'and the full tunnel stays' in_ns gw-a nft list table inet culvert-full-tunnel-gw-a
check 'the tunnel works' pings lan-a $B4
mark_a=$(log_mark "$WORK/gw-a.log")
sed -i 's|full_tunnel = true;||; s|bypass = .*||' "$WORK/gw-a.conf"
succeed gw-a
wait_routes gw-a 10.2.0.0/24
check_equal 'so is the full tunnel' '' "$(tables gw-a)$(ip_ns gw-a rule | sed -n '/lookup 25462/p')"
check 'the tunnel works without it' pings lan-a $B4

sed -i '1i use_dns = false;' "$WORK/gw-a.conf"
succeed gw-a
check 'resolvers that are not wanted any more are put back' cmp "$etc/resolv.conf" "$WORK/resolv.conf"
sed -i '/^use_dns = false;/d' "$WORK/gw-a.conf"
succeed gw-a
wait_for "$UP_SECONDS" 'the pushed resolver is set again' grep -q '^nameserver 10.2.0.53' "$etc/resolv.conf"

# ---- a peer that is not connected ----

kill -KILL "$(pid_of gw-a)"
wait_exit gw-a 5
is_held() { [[ -n $(ip_ns gw-b route show 10.1.0.0/24 proto 68) ]]; }
wait_for "$UP_SECONDS" 'its routes are held' is_held
snapshot gw-b >"$WORK/gw-b.snapshot"
start_successor gw-b
wait_exit gw-b 10
bg_pids[gw-b]=${bg_pids[gw-b.next]}
unset "bg_pids[gw-b.next]"
check 'held routes, and the rules for outer connections, stay' same_snapshot gw-b "$WORK/gw-b.snapshot"
client_start gw-a
wait_routes gw-b 10.1.0.0/24
wait_routes gw-a 10.2.0.0/24
check 'the peer has its session again' pings lan-a $B4

# ---- the end ----

check 'culvert down ends the process that answers now' ctl gw-a down
wait_exit gw-a 10
check_equal 'a client ends in good order' 0 "$EXIT_STATUS"
check 'the resolvers are as they were' cmp "$etc/resolv.conf" "$WORK/resolv.conf"
stop_bg gw-b TERM
check_equal 'a server ends in good order' 0 "$EXIT_STATUS"
wait_same gw-a "$WORK/before-a" 5
wait_same gw-b "$WORK/before-b" 5
check_equal 'no table of the firewall is left' '' "$(tables gw-a)$(tables gw-b)"
check_equal 'no socket is left' '' "$(find "$WORK" -name '*.sock*')"
finish
