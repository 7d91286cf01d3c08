#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Probed announcements: two gateways have the same network, and each announces it while what is behind it answers. It dies behind
# the better one in three ways, the other carries the network within two seconds, and when the better one takes it back, no packet
# is lost. A probe never goes through a tunnel, where the other gateway would answer for it, nor past a kill switch.
#
#   site-1 (10.1.0.5) ─── gw-1 ═══╗
#                                 ╠═══ gw-b (10.2.0.9)
#   site-2 (10.1.0.5) ─── gw-2 ═══╝    hub
#
# PROBED_ROUNDS=10 measures more.
#
# check: timeout 400
# shellcheck disable=SC2317 # Functions are called by name.
set -euo pipefail
# shellcheck source=tests/system/tunnel/common.sh
source "$(dirname "$0")/tunnel/common.sh"

ROUNDS=${PROBED_ROUNDS:-1}
RECOVERIES=${PROBED_RECOVERIES:-$((ROUNDS > 5 ? 5 : ROUNDS))}
# The bound, and what a wait for it costs on a busy machine.
BOUND_MS=2000 SLACK_MS=$((SANITIZED ? 2000 : 500))

switch_add
switch_join gw-b 192.0.2.10/24 forward
addr gw-b lo 10.2.0.9/32 10.2.8.5/32 fd00:2::9/128
for n in 1 2; do
	switch_join gw-$n 192.0.2.$n/24 forward
	ns_add site-$n
	veth gw-$n lan0 site-$n eth0
	addr gw-$n lan0 10.1.0.1/24 fd00:1::1/64
	addr site-$n eth0 10.1.0.5/24 fd00:1::5/64
	route site-$n default via 10.1.0.1
	route site-$n ::/0 via fd00:1::1
done
in_ns gw-1 sysctl -qw net.ipv4.ping_group_range='0 0'
in_ns gw-2 sysctl -qw net.ipv4.ping_group_range='1 0'
listens() { # NS
	[[ -n $(in_ns "$1" ss -Htln 'sport = :22') ]]
}
port_open() { # NS
	start_bg "$WORK/port-$1.log" "port-$1" in_ns "$1" socat -d -d TCP-LISTEN:22,fork,reuseaddr SYSTEM:true
	wait_for 5 "$1 listens" listens "$1"
}
port_close() {
	stop_bg "port-$1"
}

pki_add site-1 site-2
server_conf gw-b <<'CONF'
ping_interval = 0.3;
dead_after = 1.5;
linger = 60;
announce = ( "10.2.0.0/24", "10.0.0.0/9", "fd00:2::/64", { prefix = "10.2.8.0/24"; probe = "10.2.8.5:22"; } );
peers = (
  { name = "site-1"; interface = "cv1"; metric = 100; accept_routes = [ "10.1.0.0/16", "fd00:1::/32" ]; reach = [ "site-2" ]; },
  { name = "site-2"; interface = "cv2"; accept_routes = [ "10.1.0.0/16", "fd00:1::/32" ]; reach = [ "site-1" ];
    announce = [ "10.2.0.0/24", "10.2.8.0/24" ]; }
);
CONF
for n in 1 2; do
	client_conf site-$n < <(
		echo 'remotes = [ "192.0.2.10" ];'
		doc_block site-to-site.md probed
	)
done
port_open site-1
port_open site-2
port_open gw-b
server_start gw-b
client_start site-1 gw-1
client_start site-2 gw-2

uses() { # INTERFACE; the hub's way to the network
	ip_ns gw-b route get 10.1.0.5 2>/dev/null | grep -F "dev $1 " >/dev/null
}
both() {
	[[ $(ip_ns gw-b -o route show 10.1.0.0/24 proto 67 | wc -l) -eq 2 ]]
}
probe() { # NAME FILTER
	ctl "$1" status --json | jq -r ".probes[] | $2"
}
is_probe() { # NAME PREFIX FILTER
	ctl "$1" status --json | jq -e ".probes[] | select(.prefix == \"$2\") | $3" >/dev/null
}

# ---- at the beginning ----

wait_for "$UP_SECONDS" 'both gateways announce the network' both
check 'the better one is used' uses cv1
check 'it carries packets' pings gw-b 10.1.0.5 3 -I 10.2.0.9
check 'the status has the probe' is_probe site-1 10.1.0.0/24 \
	'.target == "10.1.0.5:22" and .kind == "tcp" and .state == "alive" and .announced and .answered'
check 'with IPv6, by an echo' is_probe site-1 fd00:1::/64 '.target == "fd00:1::5" and .kind == "icmp" and .state == "alive"'
wait_routes gw-b fd00:1::/64
check 'a host that lets nobody send one says what to do' is_probe site-2 fd00:1::/64 \
	'.state == "dead" and .announced == false and (.last_failure.error | test("ping_group_range"))'
check 'so does the doctor' grep -F 'fd00:1::/64 is not announced' <(ctl site-2 doctor || true)
check 'a server probes, too' has_route gw-1 10.2.8.0/24
check 'also for the own list of a peer' has_route gw-2 10.2.8.0/24
(umask 077 && sed 's/10\.1\.0\.5:22/10.3.0.1:22/' "$WORK/site-1.conf" >"$WORK/else.conf")
check 'check says that a probe may be elsewhere' grep -F '10.3.0.1 is not in 10.1.0.0/24' <("$CULVERT" check "$WORK/else.conf" || true)

# ---- what is behind the better one dies, and comes back ----

port_closes() { port_close site-1; }
port_opens() { port_open site-1; }
host_vanishes() { in_ns site-1 nft 'table inet gone { chain in { type filter hook prerouting priority -300; drop; }; }'; }
host_returns() { in_ns site-1 nft delete table inet gone; }
link_fails() { ip_ns gw-1 link set lan0 down; }
link_returns() {
	ip_ns gw-1 link set lan0 up
	addr gw-1 lan0 fd00:1::1/64
}
hub_lost() { # SEQUENCE-FROM; of the pings, how many have no answer from there on
	awk -v from="$1" '/bytes from/ { match($0, /icmp_seq=[0-9]+/); seq = substr($0, RSTART + 9, RLENGTH - 9) + 0
		if (seq >= from) { got++; if (seq > last) last = seq } } END { print last - from + 1 - got }' "$WORK/stream"
}
sequence() {
	awk '/bytes from/ { match($0, /icmp_seq=[0-9]+/); last = substr($0, RSTART + 9, RLENGTH - 9) } END { print last + 0 }' "$WORK/stream"
}
beyond() { # SEQUENCE
	[[ $(sequence) -gt $1 ]]
}
# Pings every 5 ms, over the whole recovery. No packet may be lost, since both carry the network meanwhile.
recovers() { # ROUND BACK
	local first begin after
	: >"$WORK/stream"
	start_bg "$WORK/stream" stream in_ns gw-b ping -n -i 0.005 -W 1 -I 10.2.0.9 10.1.0.5
	wait_for 10 'the stream is answered' beyond 20
	first=$(sequence)
	begin=$(now_ms)
	"$2"
	wait_for 80 'the better one takes the network back' uses cv1
	echo "round $1: $2: taken back after $(($(now_ms) - begin)) ms"
	after=$(sequence)
	wait_for 10 'the stream goes on' beyond $((after + 100))
	stop_bg stream INT
	check_equal "round $1: $2: no packet is lost" 0 "$(hub_lost "$first")"
}
fails_over() { # ROUND DIE
	local begin took
	begin=$(now_ms)
	"$2"
	wait_for 10 'the other one carries the network' uses cv2
	took=$(($(now_ms) - begin))
	echo "round $1: $2: the other one carries the network after $took ms"
	check "round $1: $2: within $BOUND_MS ms" [ "$took" -le $((BOUND_MS + SLACK_MS)) ]
	check "round $1: packets arrive by the other one" pings gw-b 10.1.0.5 2 -I 10.2.0.9
}
# The probe's past would make each return wait twice as long as the one before: a new engine has none.
forget() {
	local mark
	mark=$(log_mark "$WORK/gw-b.log")
	kill -KILL "$(engine_pid site-1)"
	wait_log_since "$WORK/gw-b.log" "$mark" 'site-1: session: .* -> up' "$UP_SECONDS"
	wait_for 10 'a new engine probes' is_probe site-1 10.1.0.0/24 '.state == "alive" and .changes == 0'
	check_fails 'the exchange of the engine withdraws nothing' \
		log_has_since "$WORK/gw-b.log" "$mark" 'site-1: route 10\.1\.0\.0/24: removed'
}
for ((round = 1; round <= ROUNDS; round++)); do
	for way in port_closes/port_opens host_vanishes/host_returns link_fails/link_returns; do
		fails_over $round "${way%/*}"
		case $way in
		port*) check 'the status says why' is_probe site-1 10.1.0.0/24 '.state == "dead" and (.last_failure.error | test("refused"))' ;;
		host*) check 'the status says why' is_probe site-1 10.1.0.0/24 '.state == "dead" and (.last_failure.error | test("no answer within 400 ms"))' ;;
		link*)
			# The way is by the hub now, and the other site answers there: that does not count.
			check 'the network can be reached through the tunnel' pings gw-1 10.1.0.5 2
			check 'a port there, too' in_ns gw-1 socat -u /dev/null TCP:10.1.0.5:22,connect-timeout=2
			wait_for 5 'the status says why' is_probe site-1 10.1.0.0/24 '.state == "dead" and (.last_failure.error | test("into a tunnel"))'
			check 'the doctor says it' grep -E 'problem.*probe.*10\.1\.0\.0/24 is not announced' <(ctl site-1 doctor || true)
			check 'the routes say it' grep -E '10\.1\.0\.0/24 .*withheld' <(ctl site-1 routes)
			;;
		esac
		if [[ $round -le $RECOVERIES ]]; then
			recovers $round "${way#*/}"
		else
			"${way#*/}"
			wait_for 80 'the better one takes the network back' uses cv1
		fi
		forget
	done
done
refute_log "$WORK/port-site-1.log" 'accepting connection from AF=2 10\.1\.0\.1'

# ---- one that comes and goes is held down ----

for _ in 1 2; do
	port_close site-1
	wait_for 10 'the other one carries the network' uses cv2
	port_open site-1
	wait_for 20 'the better one takes it back' uses cv1
done
port_close site-1
wait_for 10 'it is dead again' is_probe site-1 10.1.0.0/24 '.state == "dead"'
check 'it has to answer longer each time' is_probe site-1 10.1.0.0/24 '.needed == 20'
port_open site-1
wait_for 20 'it comes back all the same' uses cv1

# ---- a server's own ----

port_close gw-b
wait_for 5 "the server's network is gone" lacks_route gw-1 10.2.8.0/24
wait_for 5 'also from the own list of a peer' lacks_route gw-2 10.2.8.0/24
check 'the others stay' has_route gw-2 10.2.0.0/24
port_open gw-b
wait_for 10 'and it is back' has_route gw-1 10.2.8.0/24

# ---- a reload ----

before=$(probe gw-b 'select(.prefix == "10.2.8.0/24") | .changes')
sed -i 's|{ prefix = "10.2.8.0/24"|{ prefix = "10.2.9.0/24"; probe = "10.2.9.5:22"; }, &|' "$WORK/gw-b.conf"
check 'a reload takes another probe' ctl gw-b reload
wait_for 5 'it is at work' is_probe gw-b 10.2.9.0/24 '.state == "dead" and (.last_failure.error | test("no route"))'
wait_for 5 'what it finds dead is not announced' lacks_route gw-1 10.2.9.0/24
check 'the other probe goes on as it was' is_probe gw-b 10.2.8.0/24 ".state == \"alive\" and .changes == $before"
sed -i 's|{ prefix = "10.2.9.0/24"; probe = "10.2.9.5:22"; }|"10.2.9.0/24"|' "$WORK/gw-b.conf"
check 'a reload takes the probe away' ctl gw-b reload
wait_routes gw-1 10.2.9.0/24
check 'then there is none' jq -e '[.probes[].prefix] == ["10.2.8.0/24"]' <(ctl gw-b status --json)

# ---- behind a kill switch ----

stop_bg site-1
sed -i '1i kill_switch = true;\nbypass_local_bridges = false;' "$WORK/site-1.conf"
capture_start leak site-1 eth0 'tcp port 22 and src host 10.1.0.1'
client_start site-1 gw-1
wait_up gw-b site-1
wait_for 10 'a probe that may not leave is not answered' is_probe site-1 10.1.0.0/24 '.state == "dead"'
stop_bg leak INT
check_equal 'nothing of it has left the host' '' "$(capture_print leak)"
finish
