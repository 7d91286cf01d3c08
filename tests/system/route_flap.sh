#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# One peer's routes come and go, as fast as it can, and one peer connects, says goodbye and connects again: what each costs the
# server's main thread, in CPU time, and how many lines the log has of it.
#
#   bad  (192.0.2.9)  ──┐
#                      ├── wan ── gw-b
#   gw-a (192.0.2.1)  ──┘
#
# SECONDS_LONG says how long each flood lasts.
#
# shellcheck disable=SC2317 # Functions are called by name.
set -euo pipefail
# shellcheck source=tests/system/tunnel/common.sh
source "$(dirname "$0")/tunnel/common.sh"

SECONDS_LONG=${SECONDS_LONG:-5}
PREFIXES=256
switch_add
switch_join gw-a 192.0.2.1/24
switch_join gw-b 192.0.2.2/24
switch_join bad 192.0.2.9/24
pki_add gw-a bad
server_conf gw-b <<<'peers = ( { name = "gw-a"; reach = [ "@all" ]; }, { name = "bad"; accept_routes = [ "10.0.0.0/8" ]; max_routes = 256; } );'
client_conf gw-a </dev/null
server_start gw-b
client_start gw-a
wait_up gw-a gw-b
wait_for 5 'the tunnel answers' pings gw-a $SERVER4

cpu_ms() { # of the server's main thread
	local pid stat
	pid=$(engine_pid gw-b)
	read -r stat _ <"/proc/$pid/task/$pid/schedstat"
	echo $((stat / 1000000))
}
lines() { # REGEX; of the server's log, without those for debugging
	grep -cE "(info|notice|warning|error) .*$1" "$WORK/gw-b.log" || true
}
list=''
for ((i = 0; i < PREFIXES; i++)); do
	list+=" 10.100.$i.0/24"
done

# ---- routes ----

puppet_start bad bad 192.0.2.2:443 bad
tell bad <<<$'hello\nawait welcome'
start_bg "$WORK/steady.log" steady in_ns gw-a ping -n -i 0.05 -W 3 $SERVER4
before=$(cpu_ms) logged=$(lines .) start=$(now_ms) turns=0
while [[ $(($(now_ms) - start)) -lt $((SECONDS_LONG * 1000)) ]]; do
	tell bad <<<"announce$list"$'\n'"withdraw$list" >/dev/null
	turns=$((turns + 1))
done
tell bad <<<sync
took=$(($(cpu_ms) - before)) passed=$(($(now_ms) - start))
check "$turns turns of $PREFIXES routes in $passed ms cost the main thread $took ms of CPU time" test $took -lt $((passed / 5))
logged=$(($(lines .) - logged))
check "they made $logged lines" test $logged -lt $((850 + SECONDS_LONG * 10))
check_equal 'the session lives' 1 "$(session_value gw-b bad .connections)"
# What it says last holds, although it has to wait for that.
tell bad <<<'announce 10.99.1.0/24'
wait_routes gw-b 10.99.1.0/24
wait_routes gw-a 10.99.1.0/24
puppet_end bad

# ---- goodbyes ----

certificate=$(pki_extract bad certificate) key=$(pki_extract bad key)
printf 'hello\nawait welcome\nannounce%s\nsync\ngoodbye 1 storm\nquit\n' "$list" >"$WORK/script"
storm() {
	while sleep 0.001; do
		# in_ns would not return.
		(in_ns bad "$PUPPET" connect 192.0.2.2:443 "$certificate" "$key" "$WORK/pki/ca.crt" <"$WORK/script" || true)
	done
}
before=$(cpu_ms) logged=$(lines .) start=$(now_ms)
start_bg "$WORK/storm.log" storm storm
sleep "$SECONDS_LONG"
stop_bg storm TERM
took=$(($(cpu_ms) - before)) passed=$(($(now_ms) - start)) sessions=$(grep -c '^in sync' "$WORK/storm.log")
check "there were $sessions sessions" test "$sessions" -gt "$SECONDS_LONG"
check "$sessions sessions in $passed ms cost the main thread $took ms of CPU time" test $took -lt $((passed / 5))
logged=$(($(lines .) - logged))
check "they made $logged lines" test $logged -lt $((850 + SECONDS_LONG * 10))
stop_bg steady INT
check 'another session lost no ping' none_lost "$WORK/steady.log"
finish
