#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# kill_switch = true, seen from the wire: whatever this host, the box behind it, or somebody who calls from its network tries,
# nothing leaves by wan0 but the connection to the server and what it takes to have an address: before the first connection, when
# connected, while the firewall is flushed, after everything was killed, across a restart. Then the ways to end it.
#
#   box ──── gw-a ════════ gw-b ──── lan-b
#   172.31.0.2  192.0.2.1  .2        10.2.0.2
#
# check: sanitized
# shellcheck disable=SC2317,SC2016 # Functions are called by name; inner shells expand.
set -euo pipefail
# shellcheck source=tests/system/tunnel/common.sh
source "$(dirname "$0")/tunnel/common.sh"

TABLE=culvert-killswitch-gw-a GUARD=culvert-guard-gw-a
OUTER4=192.0.2.2 OUTER6=2001:db8::2
site_add
ns_del lan-a
ns_add box
veth box eth0 gw-a box0
addr box eth0 172.31.0.2/24
addr gw-a box0 172.31.0.1/24
route box default via 172.31.0.1
route gw-a default via $OUTER4
pki_add gw-a
server_conf gw-b <<'CONF'
announce = [ "10.2.0.0/24" ];
peers = ( { name = "gw-a"; accept_routes = [ "172.31.0.0/24" ]; } );
CONF
# The box stands for another host, though a veth is a container's: local_bridges.sh has those.
client_conf gw-a <<'CONF'
kill_switch = true;
bypass_local_bridges = false;
announce = [ "172.31.0.0/24" ];
CONF

# ---- what is tried, and what is seen ----

mac=$(ip_ns gw-a -j link show wan0 | jq -r '.[0].address')
start_bg "$WORK/listen.log" listen in_ns gw-a socat TCP6-LISTEN:8080,fork,ipv6-v6only=0 EXEC:cat
wait_for 5 'gw-a has a service' listens gw-a 8080

# What may leave. Multicast listener reports have a hop-by-hop header; of the rest of ICMPv6 it is 133, 135 and 136.
MAY="arp or (tcp and dst host $OUTER4 and dst port 443) or (udp and src port 68 and dst port 67) or ip6[6] == 0 or \
(icmp6 and (ip6[40] == 133 or ip6[40] == 135 or ip6[40] == 136))"
leaks() { # CAPTURE
	capture_print "$1" "ether src $mac and not ($MAY)"
}
from_gw_a() {
	in_ns gw-a bash -c '
		for target in "$1" "$2" 198.51.100.9; do
			ping -n -q -c 1 -W 0.3 "$target" &
		done
		echo lookup >/dev/udp/"$1"/53
		echo lookup >/dev/udp/"$2"/53
		echo hello >/dev/udp/224.0.0.251/5353
		timeout 1 bash -c "echo hello >/dev/tcp/$1/8081" &
		timeout 1 bash -c "echo hello >/dev/tcp/$2/8081" &
		timeout 1 setpriv --reuid nobody --clear-groups bash -c "echo hello >/dev/tcp/$1/8443" &
		wait' bash "$OUTER4" "$OUTER6"
}
# Nobody may be answered either.
from_outside() {
	in_ns gw-b bash -c '
		ping -n -q -c 1 -W 0.3 "$1" &
		ping -n -q -c 1 -W 0.3 "$2" &
		timeout 0.3 bash -c "exec 3<>/dev/tcp/$1/8080" &
		timeout 0.3 bash -c "exec 3<>/dev/tcp/$1/8081" &
		wait' bash 192.0.2.1 2001:db8::1
}
markers=0
marked() {
	[[ $(capture_print wire 'udp and src port 68 and dst port 67' | wc -l) -ge $markers ]]
}
# All of it, and then a packet that may leave, with which the capture has seen what went before.
everything() {
	(
		from_gw_a &
		from_outside &
		in_ns box ping -n -q -c 1 -W 0.3 $OUTER4 &
		wait
		echo marker | in_ns gw-a socat -u - UDP4:$OUTER4:67,sourceport=68
	) >"$WORK/tries" 2>&1 || true
	markers=$((markers + 1))
	wait_for 10 'the capture has seen it all' marked
}
nothing_leaves() { # WHEN
	everything
	check_equal "$1, nothing leaves" '' "$(leaks wire)"
}
tables() {
	in_ns gw-a nft list tables inet | sed 's/^table inet //' | sort | tr '\n' ' '
}
in_force() {
	[[ $(tables) == "$GUARD $TABLE " ]]
}
through() { # the tunnel
	pings gw-a "$B4" 2 && pings box "$B4" 2 && pings lan-b 172.31.0.2 2
}
up_again() { # MARK
	wait_up gw-a gw-b "$1"
	wait_routes gw-a 10.2.0.0/24
	wait_routes gw-b 172.31.0.0/24
}

# ---- without it all of that leaves ----

capture_start wire gw-a wan0 "ether src $mac"
everything
for what in 'icmp[0] == 8' 'icmp6[0] == 128' 'udp port 53' 'udp port 5353' 'tcp port 8081' 'tcp src port 8080' 'icmp[0] == 0' \
	'src host 172.31.0.2' 'dst host 198.51.100.9'; do
	check "before, it leaves: $what" captured wire "$what"
done
stop_bg wire INT
snapshot gw-a >"$WORK/gw-a.before"

# ---- in force before the first connection ----

capture_start wire gw-a wan0 "ether src $mac"
markers=0
client_start gw-a
wait_log "$WORK/gw-a.log" 'kill switch: nothing leaves this host' "$UP_SECONDS"
check 'both tables are there' in_force
nothing_leaves 'before there is a connection'
check 'a connection is refused' grep 'Connection refused' <(in_ns gw-a bash -c "exec 3<>/dev/tcp/$OUTER4/8081" 2>&1)
check 'a packet is, too' grep 'prohibited\|filtered\|Operation not permitted' <(in_ns gw-a ping -n -c 1 -W 1 $OUTER4 2>&1)
check 'loopback works' pings gw-a 127.0.0.1 1

server_start gw-b
up_again 0
check 'the tunnel works' through

# What nft makes of this text is what netd has made.
in_ns gw-a nft -f - <<RULES
table inet expected {
	chain output {
		type filter hook output priority filter; policy drop;
		oif "cv0" accept
		oif "lo" accept
		meta mark 0x63760001 ip daddr $OUTER4 tcp dport 443 accept
		meta nfproto ipv4 udp sport 68 udp dport 67 accept
		ip6 saddr fe80::/10 udp sport 546 udp dport 547 accept
		meta nfproto ipv6 icmpv6 type nd-router-solicit accept
		meta nfproto ipv6 icmpv6 type nd-neighbor-solicit accept
		meta nfproto ipv6 icmpv6 type nd-neighbor-advert accept
		meta nfproto ipv6 icmpv6 type mld2-listener-report accept
		meta l4proto tcp counter reject with tcp reset
		counter reject with icmpx admin-prohibited
	}
	chain forward {
		type filter hook forward priority filter; policy drop;
		oif "cv0" accept
		iif "cv0" accept
		meta l4proto tcp counter reject with tcp reset
		counter reject with icmpx admin-prohibited
	}
}
RULES
table_text() { # TABLE
	in_ns gw-a nft list table inet "$1" | sed -E 's/table inet \S+/table/; s/packets [0-9]+ bytes [0-9]+//; s/flags owner//; s/#.*//' |
		sed -E 's/\s+$//' | grep .
}
expected=$(table_text expected)
check_equal 'the table holds these rules' "$expected" "$(table_text "$TABLE")"
check_equal 'so does the guard' "$expected" "$(table_text "$GUARD")"
in_ns gw-a nft delete table inet expected
nothing_leaves 'connected'
# The mark is not enough: whoever has CAP_NET_RAW can set it.
in_ns gw-a nft -f - <<'MARKS'
table ip marks { chain output { type route hook output priority mangle; meta mark set 0x63760001; }; }
table ip6 marks { chain output { type route hook output priority mangle; meta mark set 0x63760001; }; }
MARKS
nothing_leaves 'with the mark on everything'
in_ns gw-a nft 'delete table ip marks; delete table ip6 marks'
kill -KILL "$(engine_pid gw-a)"
mark=$(log_mark "$WORK/gw-a.log")
up_again "$mark"
check 'another engine goes on with it' through

# ---- flushed, changed ----

flood() {
	in_ns gw-a bash -c 'while :; do echo flood >/dev/udp/"$1"/53; done' bash "$OUTER4"
}
start_bg /dev/null flood flood
for i in 1 2 3 4 5; do
	check "flush $i" in_ns gw-a nft flush ruleset
	wait_for 5 "the table is back" in_force
done
stop_bg flood KILL || true
nothing_leaves 'flushed five times'
expect_log "$WORK/gw-a.log" "warning .*another program \(nft\) has changed the firewall rules of the kill switch \(table $TABLE\): netd restored them"
is_whole() {
	[[ $(table_text "$TABLE") == "$expected" ]]
}
check 'its rules are taken away' in_ns gw-a nft flush table inet $TABLE
wait_for 5 'they are back' is_whole && pass 'they are put back'
check 'a rule is added' in_ns gw-a nft insert rule inet $TABLE output accept
wait_for 5 'it is gone' is_whole && pass 'it is taken away'
check_fails 'the guard is nobody'"'"'s to change' in_ns gw-a nft flush table inet $GUARD
check 'the tunnel works on' through

# ---- killed, restarted ----

die() {
	kill -KILL "$(pid_of gw-a)"
	wait_exit gw-a 10 || true
	wait_for 10 'its interface is gone' lacks_route gw-a 10.2.0.0/24
}
die
check_equal 'killed, the table stays' "$TABLE " "$(tables)"
nothing_leaves 'killed'
mark=$(log_mark "$WORK/gw-a.log")
client_start gw-a
up_again "$mark"
check 'the next one takes it over' in_force
check 'the tunnel works again' through
stop_bg gw-a USR1
check_equal 'for a restart, it ends with 0' 0 "$EXIT_STATUS"
expect_log "$WORK/gw-a.log" 'the kill switch stays in force.*culvert sweep gw-a'
check_equal 'and the table stays' "$TABLE " "$(tables)"
nothing_leaves 'between stop and start'
mark=$(log_mark "$WORK/gw-a.log")
client_start gw-a
up_again "$mark"

# ---- the ways to end it ----

swept() { # NAME STATUS REGEX [ARGUMENT...]
	local name=$1 expected=$2 regex=$3 status=0
	shift 3
	in_ns gw-a "$CULVERT" sweep "$@" >"$WORK/swept" 2>&1 || status=$?
	check_equal "$name: exit status" "$expected" $status
	check "$name: it says so" grep -E "$regex" "$WORK/swept"
}
swept 'what runs is left alone' 0 'nothing was left behind'
swept 'also when named' 1 'gw-a is running.*culvert down gw-a' gw-a
check 'it is still in force' in_force
says_in_force() { # NAME STATUS COMMAND; nobody runs it
	local status=0
	in_ns gw-a "$CULVERT" "$3" --socket "$WORK/gw-a.sock" >"$WORK/said" 2>&1 || status=$?
	check_equal "$1: exit status" "$2" $status
	check "$1: the kill switch is named" grep -E 'the kill switch of gw-a is in force' "$WORK/said"
	check "$1: and how it goes" grep -E 'culvert sweep gw-a$' "$WORK/said"
}
ctl gw-a doctor >"$WORK/said" || true
check 'while it runs, doctor has nothing to say of it' grep -E '^ok: kill_switch: ' "$WORK/said"
die
says_in_force 'status after a kill' 4 status
says_in_force 'doctor after a kill' 4 doctor
in_ns gw-a nft add table inet culvert-killswitch # nobody's
status=0
in_ns gw-a setpriv --reuid nobody --clear-groups "$CULVERT" sweep >"$WORK/swept" 2>&1 || status=$?
check_equal 'sweeping is not for everybody' 6 $status
nothing_leaves 'killed again'
stop_bg wire INT
swept 'another name' 0 'nothing was left behind' gw-c
swept 'what was left behind' 0 '^gw-a: the kill switch is removed$'
check_equal 'it is gone, and only that' 'culvert-killswitch ' "$(tables)"
in_ns gw-a nft delete table inet culvert-killswitch
check 'packets leave again' pings gw-a $OUTER4 1
wait_same gw-a "$WORK/gw-a.before" 10
swept 'once more' 0 'nothing was left behind'

mark=$(log_mark "$WORK/gw-a.log")
client_start gw-a
up_again "$mark"
check 'culvert down' ctl gw-a down
wait_exit gw-a 10
expect_log "$WORK/gw-a.log" 'the kill switch is removed'
check_equal 'takes it down' '' "$(tables)"
mark=$(log_mark "$WORK/gw-a.log")
client_start gw-a
up_again "$mark"
echo down | socat -t 5 - "UNIX-CONNECT:$WORK/gw-a.sock" >/dev/null
wait_exit gw-a 10
check 'an engine may end the client' log_has_since "$WORK/gw-a.log" "$mark" 'stopping: the engine asked for it'
check_equal 'but not the kill switch' "$TABLE " "$(tables)"
check_fails 'nothing leaves' pings gw-a $OUTER4 1 -W 0.3
client_start gw-a
wait_for "$UP_SECONDS" 'it is in force' in_force
stop_bg gw-a TERM
check_equal 'so does SIGTERM' '' "$(tables)"
check 'packets leave again' pings gw-a $OUTER4 1
wait_same gw-a "$WORK/gw-a.before" 10
finish
