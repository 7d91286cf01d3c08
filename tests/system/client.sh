#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# What the client does on its own: several remotes in turn, names resolved again, IPv6 outside, backoff, an interface that stays
# while it reconnects, and an end that leaves nothing.
#
#   gw-a (192.0.2.1, 2001:db8::1) ──── gw-b (192.0.2.2, 2001:db8::2)
#
# check: quick suite
# check: long
# check: timeout 400
# shellcheck disable=SC2317 # Functions are called by name.
set -euo pipefail
# shellcheck source=tests/system/tunnel/common.sh
source "$(dirname "$0")/tunnel/common.sh"

ns_add gw-a
ns_add gw-b
veth gw-a wan0 gw-b wan0
addr gw-a wan0 192.0.2.1/24 2001:db8::1/64
addr gw-b wan0 192.0.2.2/24 2001:db8::2/64
pki_add gw-a
server_conf gw-b <<'CONF'
peers = ( { name = "gw-a"; accept_routes = [ "10.1.0.0/16" ]; } );
announce = [ "10.2.0.0/24" ];
CONF
snapshot gw-a >"$WORK/before"
server_start gw-b
log=$WORK/gw-a.log

client() { # REMOTES; a fresh client
	rm -f "$log"
	client_conf gw-a <<<"remotes = [ $1 ];"
	client_start gw-a
}
client_end() {
	stop_bg gw-a
	wait_for 3 'gw-a is as it was' same_snapshot gw-a "$WORK/before"
}
outer() { # PREFIX of the server's address
	check "$1: the tunnel goes over $2" grep -F "$2" <<<"$(session_value gw-a gw-b .outer)"
}

# ---- remotes ----

client '"192.0.2.2:4444", "192.0.2.2:443"'
wait_up gw-a gw-b
expect_log "$log" '192\.0\.2\.2:4444.*connection failed: .*[Rr]efused'
wait_for 5 'the second of two remotes works' pings gw-a $SERVER4
pass 'the second of two remotes works'
client_end

client '"192.0.2.2:4444"'
wait_log "$log" 'connection failed' 5
check 'status says why no connection comes up' grep -E '^ +last attempt: +192\.0\.2\.2 .*:4444\): connection failed: .*refused' <(ctl gw-a status)
check 'it counts the attempts, and knows of the next' \
	grep -E '^ +attempts: +[0-9]+ failed, the last [0-9]+ s ago; (the next in [0-9]+ s|one is under way)$' <(ctl gw-a status)
attempt=$(ctl gw-a status --json | jq '.sessions[0].attempt')
check "its JSON too: $attempt" jq -e '.failed > 0 and .ago < 10 and .next < 31 and (.text | test("192.0.2.2:4444.: connection failed"))' <<<"$attempt"
check 'since when it is not up' jq -e '.sessions[0] | .down_for > 0 and .down_for >= .attempt.ago' <(ctl gw-a status --json)
check_equal "its reason is in the log's words" 1 \
	"$(grep -cF -m 1 "$(ctl gw-a status --json | jq -r '.sessions[0].attempt.text')" "$log")"
check 'and so does doctor' grep -E '^problem: session: gw-b is not up \(state idle\): 192\.0\.2\.2 .*: connection failed: .*refused' \
	<(ctl gw-a doctor)
client_end

client '"no-such-host.invalid", "192.0.2.2"'
wait_up gw-a gw-b
expect_log "$log" 'no-such-host\.invalid.*connection failed'
client_end

client '"[2001:db8::2]:443"'
wait_up gw-a gw-b
outer 'an IPv6 remote' '[2001:db8::2]:443'
check 'IPv4 inside of IPv6' pings gw-a $SERVER4
client_end

# ---- names: ip netns exec shows the namespace its own /etc/hosts ----

hosts=$(ns_etc gw-a)
# A resolver that is not there would only cost time.
printf 'hosts: files\n' >"$hosts/nsswitch.conf"
echo '192.0.2.77 vpn.example.org' >"$hosts/hosts"
ip_ns gw-b addr add 192.0.2.77/24 dev wan0
client '"vpn.example.org:443"'
wait_up gw-a gw-b
outer 'a name' '192.0.2.77:443'
# The name moves, and the old address goes away: the client finds the server at the new one.
mark=$(log_mark "$log")
echo '2001:db8::2 vpn.example.org' >"$hosts/hosts"
stop_bg gw-b
ip_ns gw-b addr del 192.0.2.77/24 dev wan0
server_start gw-b
wait_up gw-a gw-b "$mark"
outer 'a name that moved' '[2001:db8::2]:443'
client_end
# Two addresses, of which one is dead.
printf '2001:db8::99 vpn.example.org\n192.0.2.2 vpn.example.org\n' >"$hosts/hosts"
client '"vpn.example.org:443"'
wait_up gw-a gw-b
outer 'the second address of a name' '192.0.2.2:443'
client_end

# ---- the server comes and goes ----

client '"192.0.2.2"'
wait_up gw-a gw-b
wait_routes gw-a 10.2.0.0/24
index=$(session_value gw-a gw-b .interface.index)
for round in 1 2 3; do
	mark=$(log_mark "$log")
	stop_bg gw-b
	wait_log_since "$log" "$mark" 'gw-b: received a goodbye' 5
	# Once only: each failure makes the waits of the later rounds longer.
	if [[ $round -eq 1 ]]; then
		wait_log_since "$log" "$mark" 'connection failed: .*refused' 5
		check_equal 'status knows why it went down, and why it stays down' \
			'received a goodbye: the other end is shutting down; connection failed: Connection refused; no program listens there' \
			"$(session_value gw-a gw-b '"\(.lost[:50]); \(.attempt.text | sub(".*: connection"; "connection") | sub(", or a firewall.*"; ""))"')"
	fi
	check_equal "round $round: the interface stays" "$index" "$(ip -n "$(ns_name gw-a)" -j link show cv0 | jq '.[0].ifindex')"
	server_start gw-b
	wait_up gw-a gw-b "$mark"
	wait_for 5 "round $round: the tunnel is back" pings gw-a $SERVER4
	wait_routes gw-a 10.2.0.0/24
	check_equal "round $round: with the same interface" "$index" "$(session_value gw-a gw-b .interface.index)"
done
check_equal 'four connections in all' 4 "$(session_value gw-a gw-b .connections)"

# Whoever stops is not told that the other end does.
check 'the end that is stopped says so' grep -F 'session: up -> closing: the program was stopped' "$WORK/gw-b.log"
check 'the other end says once what has happened' \
	grep -E 'received a goodbye: the other end is shutting down: the program was stopped$' "$log"

# A route that the server does not repeat goes at its end-of-routes.
mark=$(log_mark "$log")
check_equal 'no attempt is told while it is up' 'null null' "$(session_value gw-a gw-b .attempt) $(session_value gw-a gw-b .down_for)"
stop_bg gw-b
sed -i 's/^announce = .*/announce = [ "10.5.0.0\/24" ];/' "$WORK/gw-b.conf"
server_start gw-b
wait_up gw-a gw-b "$mark"
wait_routes gw-a 10.5.0.0/24
wait_for 5 'what is not announced again is removed' lacks_route gw-a 10.2.0.0/24
pass 'what is not announced again is removed'

# ---- backoff ----

client_end
stop_bg gw-b
client '"192.0.2.2"'
retries() {
	[[ $(grep -c 'retrying in' "$log") -ge 5 ]]
}
wait_for 20 'five attempts' retries
waits=$(sed -nE 's/.*retrying in ([0-9.]+) s.*/\1/p' "$log" | head -n 5 | paste -sd' ')
# shellcheck disable=SC2016 # Variables of awk.
check "the waits grow from about 0.2 s: $waits" awk '{ exit !($1 <= 0.4 && $5 > 2 * $1 && $5 <= 30) }' <<<"$waits"

# ---- marks: what is marked takes a table of its own, which leads nowhere ----

stop_bg gw-a
server_start gw-b
ip_ns gw-a rule add fwmark 7 lookup 77
ip_ns gw-a route add unreachable default table 77
rm -f "$log"
client_conf gw-a <<<'mark = 7;'
client_start gw-a
wait_log "$log" 'connection failed: .*[Uu]nreachable|connection failed: .*[Nn]o route' 5
ip_ns gw-a route del unreachable default table 77
wait_up gw-a gw-b
pass 'the mark decides on the way outside'
stop_bg gw-a
ip_ns gw-a rule del fwmark 7 lookup 77
rm -f "$log"
client_conf gw-a <<<'congestion = "reno";'
client_start gw-a
wait_up gw-a gw-b
check 'the congestion control is the configured one' grep -w reno <(in_ns gw-a ss -Htin dst 192.0.2.2)
stop_bg gw-a
stop_bg gw-b
client '"192.0.2.2"'
wait_log "$log" 'connection failed' 5

# ---- ends ----

for signal in INT TERM; do
	stop_bg gw-a $signal
	check_equal "SIG$signal while there is no server: exit code 0" 0 "$EXIT_STATUS"
	wait_for 3 "SIG$signal: gw-a is as it was" same_snapshot gw-a "$WORK/before"
	client '"192.0.2.2"'
	wait_log "$log" 'connection failed' 5
done
bg_running gw-b || server_start gw-b
for signal in INT TERM; do
	wait_up gw-a gw-b
	stop_bg gw-a $signal
	check_equal "SIG$signal in a session: exit code 0" 0 "$EXIT_STATUS"
	wait_for 3 "SIG$signal: gw-a is as it was" same_snapshot gw-a "$WORK/before"
	pass "SIG$signal takes everything down"
	client '"192.0.2.2"'
done
wait_up gw-a gw-b
check 'culvert down' ctl gw-a down
wait_exit gw-a 5
check_equal 'ends the client with 0' 0 "$EXIT_STATUS"
wait_for 3 'gw-a is as it was' same_snapshot gw-a "$WORK/before"

# Ctrl-C in a terminal goes to the whole process group.
rm -f "$log"
start_bg "$log" gw-a in_ns gw-a setsid "$CULVERT" up "$WORK/gw-a.conf"
wait_up gw-a gw-b
kill -INT -- "-$(pid_of gw-a)"
wait_exit gw-a 5
check_equal 'Ctrl-C: exit code 0' 0 "$EXIT_STATUS"
expect_log "$log" 'gw-b: sent a goodbye: '
wait_same gw-a "$WORK/before" 3
finish
