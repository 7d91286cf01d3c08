#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# A client's netd tells its engine when the host's network has changed: links, addresses, routes; a burst once, and also when
# the kernel could not tell all. Of what it does to its own interfaces it says nothing. A server's netd says nothing at all.
# The engine's part is played by netd_harness.c.
#
#   host: eth0 192.0.2.1/24 ──── other
#
# check: alone
# check: quick
# check: sanitized
#
# shellcheck disable=SC2317 # Functions are called by name, by check and wait_for.
set -euo pipefail
# shellcheck source=tests/system/lib.sh
source "$(dirname "$0")/lib.sh"

HEARD='heard: the network has changed'
LOG=$WORK/network.log
PATIENCE=15 # seconds
ns_add host
ns_add other
veth host eth0 other eth0
addr host eth0 192.0.2.1/24
echo secret >"$WORK/key"
chmod 600 "$WORK/key"

# The last change of the set-up is a new link's own address: when the kernel has noticed the carrier, a worker of its own adds it as
# tentative, and later, once it gets the lock of the network's configuration, makes it a real one. Each step is news.
settled() {
	ip_ns host -o link show eth0 | grep 'state UP' && address6_there fe80::
}
address6_there() { # BEGINNING
	ip_ns host -6 route show table local | grep "$1.* dev eth0" && ! ip_ns host -6 -o addr show dev eth0 tentative | grep .
}
wait_for "$PATIENCE" 'eth0 has settled' settled

heard() { grep -c "$HEARD" "$LOG" || true; }
heard_times() { [[ $(heard) -ge $1 ]]; }

# Runs a command and expects one word of it, however many events it makes: netd finds them together, as it stands still
# meanwhile. A word too many would show at the next one.
times=0
told_of() { # NAME COMMAND...
	local name=$1 pid
	shift
	pid=$(pid_of network)
	check_equal "before '$name' nothing else was told" $times "$(heard)"
	times=$((times + 1))
	kill -STOP "$pid"
	wait_for "$PATIENCE" 'netd stands still' grep -q '^State:.T' "/proc/$pid/status"
	"$@"
	kill -CONT "$pid"
	wait_for "$PATIENCE" "told of: $name" heard_times $times && pass "told of: $name"
}

address6() {
	ip_ns host addr add 2001:db8::9/64 dev eth0 nodad
	wait_for "$PATIENCE" 'the address is there' address6_there 2001:db8::9
}

burst() {
	local i
	for i in {1..20}; do
		printf 'addr add 198.51.100.%s/32 dev eth0\nroute add 203.0.113.%s/32 dev eth0\n' "$i" "$i"
	done | ip_ns host -batch -
}

# Culvert's own routes, added and removed: two events each, of which netd tells nothing.
own_events() { # ROUTES
	local verb i
	for verb in add del; do
		for ((i = 0; i < $1; i++)); do
			echo "route $verb 10.77.$((i / 256)).$((i % 256))/32 dev eth0 proto 67"
		done
	done | ip_ns host -batch -
}

# Several times as many events as libnl's buffer holds, and fewer than the kernel grants a process.
own_routes() {
	own_events 60
	# shellcheck disable=SC2016 # awk's own.
	check_equal 'a burst of own events fits in the buffer' 0 "$(in_ns host awk '$2 == 0 { drops += $9 } END { print drops }' /proc/net/netlink)"
	ip_ns host link set lo mtu 65000
}

# More events than the kernel keeps for one who does not read.
overrun() { own_events 4000; }

start_bg "$LOG" network in_ns host "$BUILD/system/netd_harness" client network "$WORK"
wait_log "$LOG" 'network: as expected' "$PATIENCE"
told_of 'an address' ip_ns host addr add 192.0.2.9/24 dev eth0
told_of 'an IPv6 address' address6
told_of 'a route' ip_ns host route add 10.5.0.0/16 via 192.0.2.2
told_of 'an IPv6 route' ip_ns host -6 route add 2001:db8:5::/48 dev eth0
told_of 'a burst' burst
ip_ns host route add 10.78.0.0/16 dev eth0 proto 67
ip_ns host route del 10.78.0.0/16 dev eth0 proto 67
told_of 'a link, after routes of ours that do not count' own_routes
told_of 'events that were lost' overrun
told_of 'a link that goes down' ip_ns host link set eth0 down
refute_log "$LOG" UNEXPECTED
stop_bg network
check_equal 'netd ends with 0' 0 "$EXIT_STATUS"

# ---- a server does not listen ----

start_bg "$WORK/sound.log" sound in_ns host "$BUILD/system/netd_harness" server sound "$WORK"
wait_log "$WORK/sound.log" 'sound: as expected' "$PATIENCE"
ip_ns host link set eth0 up
stop_bg sound
refute_log "$WORK/sound.log" "$HEARD"

finish
