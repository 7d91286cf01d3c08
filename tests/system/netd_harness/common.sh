# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# What the tests of netd share, on top of lib.sh. The engine's part is played by netd_harness.c.
#
#   host: eth0 10.20.40.1/24 ──── other        branch-a may announce 10.20.0.0/16, the pool is 10.99.0.0/24

# shellcheck source=tests/system/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

HARNESS=$BUILD/system/netd_harness
export EXPECTED='as expected'
ns_add host
ns_add other
veth host eth0 other eth0
addr host eth0 10.20.40.1/24
addr host eth0 2001:db8:20:40::1/64
echo secret >"$WORK/key"
chmod 600 "$WORK/key"

snapshot() {
	ip_ns host -o link
	ip_ns host -o addr
	ip_ns host route show table all
	ip_ns host -6 route show table all
	ip_ns host rule
}
UNTOUCHED=$(snapshot)

start() { # ROLE SCENARIO [VARIABLE=VALUE...]
	start_bg "$WORK/$2.log" "$2" in_ns host env "${@:3}" "$HARNESS" "$1" "$2" "$WORK"
}
stop_clean() { # SCENARIO; it ends well and leaves nothing
	stop_bg "$1"
	check_equal "$1: netd ends with 0" 0 "$EXIT_STATUS"
	check_equal "$1: nothing is left on the host" "$UNTOUCHED" "$(snapshot)"
	check_fails "$1: the control socket is gone" test -e "$WORK/run/harness.sock"
	refute_log "$WORK/$1.log" UNEXPECTED
}
our_routes() {
	(ip_ns host route show proto 67 && ip_ns host -6 route show proto 67) | cut -d ' ' -f 1 | xargs
}
engine_pid() { # SCENARIO; the youngest
	sed -nE 's/.*engine \(pid ([0-9]+)\) started$/\1/p' "$WORK/$1.log" | tail -n 1
}
has_lines() { # FILE REGEX COUNT
	[[ $(grep -cE -e "$2" "$1") -ge $3 ]]
}
engine_waits() { # SCENARIO COUNT; so many of its engines have come to where they wait for engine_go
	wait_for 5 "$1: engine $2 waits" has_lines "$WORK/$1.log" "$1: pid [0-9]+ waits$" "$2"
}
engine_go() { # SCENARIO
	kill -USR1 "$(engine_pid "$1")"
}
process_gone() { ! kill -0 "$1" 2>/dev/null; }
