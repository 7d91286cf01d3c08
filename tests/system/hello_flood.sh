#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# A stranger sends 2,000 ClientHellos a second. What the server's handshakes cost the pings of a session: the median with the flood
# against the median without, in the same run.
#
#   bad  (192.0.2.9) ──┐
#                      ├── wan ── gw-b
#   gw-a (192.0.2.1) ──┘
#
# check: alone
#
# RATE says how many a second, PINGS how many pings are taken, TIMES how many times as long they may take. Without packets before
# handshakes it was a hundred times; the claim is TIMES=5, on a machine with nothing else to do.
#
# shellcheck disable=SC2317 # Functions are called by name.
set -euo pipefail
# shellcheck source=tests/system/tunnel/common.sh
source "$(dirname "$0")/tunnel/common.sh"

RATE=${RATE:-2000}
PINGS=${PINGS:-200}
TIMES=${TIMES:-50}
HELLO_FLOOD=$BUILD/system/hello_flood
switch_add
switch_join gw-a 192.0.2.1/24
switch_join gw-b 192.0.2.2/24
switch_join bad 192.0.2.9/24
pki_add gw-a
server_conf gw-b <<<$'log_level = "info";\nworkers = 1;\npeers = ( { name = "gw-a"; } );'
client_conf gw-a </dev/null
server_start gw-b
client_start gw-a
wait_up gw-a gw-b
wait_for 5 'the tunnel answers' pings gw-a "$SERVER4"

# Prints in µs what so many percent of the pings took at most.
ping_us() { # FILE PERCENT
	sed -n 's/.* time=\([0-9.]*\) ms$/\1/p' "$1" | sort -g |
		awk -v percent="$2" '{ value[NR] = $1 } END { printf "%d\n", value[int((NR * percent + 99) / 100)] * 1000 }'
}
ping_all() { # FILE
	in_ns gw-a ping -n -c "$PINGS" -i 0.01 -W 3 "$SERVER4" >"$1" || true
}
share() { # of a processor that the server's engine had since the mark, in percent
	echo $(((cpu - cpu_before) / ($(now_ms) - since) / 10))
}
cpu_us() {
	cat "/proc/$(engine_pid gw-b)/task/"*/schedstat | awk '{ sum += $1 / 1000 } END { printf "%d\n", sum }'
}

rss_kb() {
	awk '/^VmRSS/ { print $2 }' "/proc/$(engine_pid gw-b)/status"
}
at_rest() {
	[[ $(rss_kb) -le $((rss_before + 4096)) ]]
}

ping_all "$WORK/quiet.ping"
rss_before=$(rss_kb)
cpu_before=$(cpu_us) since=$(now_ms)
start_bg "$WORK/flood.log" flood in_ns bad nice -n 19 "$HELLO_FLOOD" 192.0.2.2:443 "$RATE" $((PINGS / 70 + 2))
wait_for 10 "the flood has begun" grep -q refused "$WORK/gw-b.log"
ping_all "$WORK/flood.ping"
cpu=$(cpu_us)
busy=$(share)
wait_exit flood 60
quiet=$(ping_us "$WORK/quiet.ping" 50) flood=$(ping_us "$WORK/flood.ping" 50)
echo "19 of 20 pings: $(ping_us "$WORK/quiet.ping" 95) µs without the flood, $(ping_us "$WORK/flood.ping" 95) µs with it"
check "the median of $PINGS pings: $quiet µs without the flood, $flood µs with it (engine: $busy % of a processor; hellos: $(<"$WORK/flood.log"))" \
	test "$flood" -le $((quiet * TIMES))
check 'no ping was lost' none_lost "$WORK/flood.ping"
check 'the flood was one' grep -q 'more connections' "$WORK/gw-b.log"
echo "memory: $rss_before kB before the flood, $(rss_kb) kB behind it"
[[ -n $SANITIZED ]] || wait_for 25 'the memory is given back' at_rest
echo "and $(rss_kb) kB at rest"
finish
