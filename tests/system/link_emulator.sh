#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The benchmarks' link emulator does what it says. Here time is the behaviour: its bounds are those that a busy machine cannot
# break, as it only ever makes things later. What a link does with packets in detail is tests/unit/test_link_schedule.c's.
#
#   a eth0 ──── link emulator ──── eth0 b
# shellcheck disable=SC2317 # check and wait_for call functions by their names.
set -euo pipefail
# shellcheck source=tests/system/lib.sh
source "$(dirname "$0")/lib.sh"
# shellcheck source=tests/bench/link.sh
source "$TOP/tests/bench/link.sh"

EMULATOR=$BUILD/bench/link_emulator
STREAM=$BUILD/system/stream
PING_FRAME=1042 # of ping -s 1000: with the headers of ICMP, IPv4 and Ethernet

# ---- helpers ----

with() { # OPTION...; the link has these from now on
	link_stop a eth0
	link_start a eth0 "$@"
}

counter() { # DIRECTION JQ-EXPRESSION
	link_counters a eth0 "$1" | jq "$2"
}

counts() { # DIRECTION JQ-CONDITION; wait_for calls it
	[[ $(counter "$1" "$2") == true ]]
}

# The numbers of the pings that were answered.
answered() { # PING-ARGUMENT...
	{ in_ns a ping -n -W 3 "$@" 10.0.0.2 || true; } | sed -nE 's/.* icmp_seq=([0-9]+) .*/\1/p'
}

# The sequence of these numbers rises.
in_order() { # FILE
	[[ -s $1 ]] && sort -n -c "$1"
}

mac() { # NS
	ip_ns "$1" -j link show eth0 | jq -r '.[0].address'
}

# Sends BYTES both ways at the same time; each end verifies what it gets. STREAM_MS is how long it took.
streams() { # BYTES
	local start
	start_bg "$WORK/listen.log" listen in_ns b "$STREAM" listen 10.0.0.2 7000 "$1"
	wait_for 5 'a listener' listening
	start=$(now_ms)
	in_ns a timeout 60 "$STREAM" connect 10.0.0.2 7000 "$1" || return 1
	wait_exit listen 10
	[[ $EXIT_STATUS -eq 0 ]] || return 1
	STREAM_MS=$(($(now_ms) - start))
}

listening() {
	[[ -n $(in_ns b ss -Hltn 'sport = :7000') ]]
}

refused() { # NAME STATUS REGEX ARGUMENT...
	local name=$1 status=$2 regex=$3 got=0
	shift 3
	in_ns a "$@" >"$WORK/refused" 2>&1 || got=$?
	check_equal "$name: status" "$status" "$got"
	check "$name: says '$regex'" grep -E -e "$regex" "$WORK/refused"
}

# ---- options ----

ns_add a
ns_add b
# Not a packet but those of the test: they are counted.
for ns in a b; do
	in_ns "$ns" sysctl -q -w net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1 2>/dev/null || true
done

refused 'an unknown option' 2 "no option --speed; --help" "$EMULATOR" --speed 1mbit a b
refused 'a rate without unit' 2 "rate '100' is not understood; .*100mbit" "$EMULATOR" --rate 100 a b
refused 'a rate below zero' 2 "rate '-1mbit' is not understood" "$EMULATOR" --rate -1mbit a b
refused 'a delay in hours' 2 "delay '1h' is not understood; .*20ms" "$EMULATOR" --delay 1h a b
refused 'a loss over 100 %' 2 "loss '101%' is not understood" "$EMULATOR" --loss 101% a b
refused 'a jitter larger than the delay' 2 'jitter is larger' "$EMULATOR" --delay 1ms --jitter 2ms a b
refused 'an unknown key of a direction' 2 "'speed' describes no direction" "$EMULATOR" --forward speed=1 a b
refused 'a wrong value of a direction' 2 "queue 'x' is not" "$EMULATOR" --backward rate=1mbit,queue=x a b
refused 'an option without its value' 2 'rate wants a value' "$EMULATOR" a b --rate
refused 'one interface' 2 'two different interfaces' "$EMULATOR" a
refused 'one interface twice' 2 'two different interfaces' "$EMULATOR" lo lo
refused 'an interface that is not there' 1 "no interface 'wan7'.*ip link" "$EMULATOR" lo wan7
refused 'no privilege' 6 'as root' setpriv --bounding-set=-net_raw "$EMULATOR" lo wan7

# ---- all arrives ----

link_between a eth0 b eth0
addr a eth0 10.0.0.1/24
addr b eth0 10.0.0.2/24
ip_ns a neigh replace 10.0.0.2 lladdr "$(mac b)" dev eth0
ip_ns b neigh replace 10.0.0.1 lladdr "$(mac a)" dev eth0

check 'without options every byte arrives in order' streams 32000000
check_equal 'nothing was lost, dropped or refused' 0 \
	"$(counter forward '.lost + .dropped + .overrun + .refused + .undelivered')"
check 'the counters know all bytes' counts forward '.bytes >= 32000000 and .sent_bytes == .bytes and .sent == .packets'
check 'the other direction counts its own' counts backward '.bytes >= 32000000 and .from == "end-b" and .to == "end-a"'

link_stop a eth0
check_equal 'it ends with 0' 0 "$EXIT_STATUS"
check_equal 'its last words are the counters' 2 "$(tail -n 2 "$(link_log a eth0)" | jq -r .direction | wc -l)"

# ---- rate, delay ----

link_start a eth0 --rate 10mbit
check 'at 10 Mbit/s every byte arrives' streams 1500000
check "1.5 MB take 1.2 s at least ($STREAM_MS ms)" test "$STREAM_MS" -ge 1200
with --delay 50ms
in_ns a ping -q -c 5 -i 0.05 -W 3 10.0.0.2 >"$WORK/ping"
# A clock that is just being put right may be off by a little.
check_equal 'with 50 ms each way no answer comes in less than 100' 'not earlier' \
	"$(awk -F '[=/]' '/^rtt/ { print($5 < 99.5 ? "after " $5 " ms" : "not earlier") }' "$WORK/ping")"

# ---- loss ----

with --forward loss=20%,seed=5
answered -c 300 -i 0.004 >"$WORK/first"
check_equal 'the counters agree with the answers' "$((300 - $(wc -l <"$WORK/first")))" "$(counter forward .lost)"
check_equal 'all that came to b was answered' 0 "$(counter backward '.lost + .dropped')"
check 'some were lost, and some were not' counts forward '.lost > 20 and .sent > 150'
with --loss 0 --forward loss=20%,seed=5,delay=3ms
answered -c 300 -i 0.004 >"$WORK/second"
check 'the same seed loses the same packets' cmp "$WORK/first" "$WORK/second"
with --forward loss=20%,seed=6
answered -c 300 -i 0.004 >"$WORK/third"
check_fails 'another seed loses others' cmp "$WORK/first" "$WORK/third"

# ---- queue ----

# A packet takes 0.4 s, so the first is still being sent when the last of the burst comes.
with --forward "rate=20kbit,queue=$((4 * PING_FRAME + PING_FRAME / 2))"
answered -s 1000 -l 12 -c 12 >"$WORK/burst"
check_equal 'of a burst arrive the first, and those that fit into the queue' '1 2 3 4 5' "$(xargs <"$WORK/burst")"
check_equal 'the others are counted' 7 "$(counter forward .dropped)"
check_equal 'the longest queue is known' $((4 * PING_FRAME)) "$(counter forward .queue_max)"

# ---- jitter ----

with --delay 8ms --jitter 8ms
answered -c 400 -i 0.002 >"$WORK/jitter"
check 'jitter changes no order' in_order "$WORK/jitter"
check_equal 'and loses nothing' 400 "$(wc -l <"$WORK/jitter")"

# ---- changes ----

with --rate 20kbit --queue 1mb --delay 1ms
answered -s 1000 -c 1 >/dev/null
start_bg "$WORK/under-way" under-way in_ns a ping -n -W 10 -s 1000 -l 3 -c 3 10.0.0.2
wait_for 5 'three packets are under way' counts forward '.packets == 4'
check 'a running link takes other options' link_change a eth0 --delay 30ms
wait_exit under-way 15
check_equal 'and loses nothing by it' '1 2 3' "$(sed -nE 's/.* icmp_seq=([0-9]+) .*/\1/p' "$WORK/under-way" | xargs)"
in_ns a ping -q -c 3 -i 0.05 -W 3 10.0.0.2 >"$WORK/ping"
check_equal 'what comes then has the new delay' 'not earlier' \
	"$(awk -F '[=/]' '/^rtt/ { print($5 < 59.5 ? "after " $5 " ms" : "not earlier") }' "$WORK/ping")"
echo '--rate 100' >"$(link_log a eth0).settings"
kill -s HUP "$(pid_of "$(link_name a eth0)")"
wait_log "$(link_log a eth0)" "rate '100' is not understood" 5 && pass 'options that are wrong are refused, and the link goes on'
check 'it carries as before' in_ns a ping -q -c 1 -W 3 10.0.0.2

# ---- what would falsify a measurement ----

in_ns a ethtool -K eth0 tso on
with --rate 100mbit
start_bg "$WORK/listen.log" listen in_ns b "$STREAM" listen 10.0.0.2 7000 10000000
wait_for 5 'a listener' listening
start_bg "$WORK/connect.log" connect in_ns a "$STREAM" connect 10.0.0.2 7000 10000000
wait_for 10 'superpackets are counted' counts forward '.refused > 0' && pass 'superpackets are refused and counted'
for name in connect listen; do
	stop_bg $name
done
finish
