#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# A server with a low limit of open files says at its start how much it has room for, takes no more, and answers `status` and
# serves its sessions while strangers and peers hold everything else.
#
#   host-1, host-2, host-3 ──── wan ──── gw-b (192.0.2.2)
#
# shellcheck disable=SC2317 # Functions are called by name.
set -euo pipefail
# shellcheck source=tests/system/tunnel/common.sh
source "$(dirname "$0")/tunnel/common.sh"

LIMIT=112 CLIENTS=8
switch_add
switch_join gw-b 192.0.2.2/24
for i in 1 2 3; do
	switch_join host-$i 192.0.2.1$i/24
done
names=()
for ((i = 0; i < CLIENTS; i++)); do names+=("c$i"); done
pki_add one "${names[@]}"
server_conf gw-b <<'CONF'
unlisted = true;
workers = 2;
max_sessions = 500;
lanes = 2;
handshake_timeout = 30;
ping_interval = 100;
dead_after = 300;
CONF
client_conf one </dev/null

start_bg "$WORK/gw-b.log" gw-b in_ns gw-b prlimit --nofile=64:$LIMIT "$CULVERTD" -c "$WORK/gw-b.conf"
wait_for "$UP_SECONDS" 'gw-b answers' ctl gw-b status
engine=$(engine_pid gw-b)
check_equal 'the soft limit is raised to the hard one' $LIMIT "$(awk '/Max open files/ { print $4 }' "/proc/$engine/limits")"
warning=$(grep -E 'warning .*limit of open files is 112, and max_sessions = 500 .*: no more than [0-9]+ sessions .*LimitNOFILE=' "$WORK/gw-b.log")
check 'one warning says how much there is room for' test "$(wc -l <<<"$warning")" -eq 1
sessions=$(sed -E 's/.*no more than ([0-9]+) sessions.*/\1/' <<<"$warning")
check "there is room for some sessions ($sessions), and not for all" test "$sessions" -ge 2 -a "$sessions" -le $CLIENTS

# ---- strangers ----

client_start one host-1
wait_up gw-b one
for i in 1 2 3; do
	# shellcheck disable=SC2016 # The inner shell expands.
	start_bg "$WORK/silent.log" silent-$i in_ns host-$i bash -c '
		for fd in {10..69}; do eval "exec $fd<>/dev/tcp/192.0.2.2/443" || true; done; exec sleep infinity'
done
wait_log "$WORK/gw-b.log" 'refused: ' 10
ticks() { awk '{ print $14 + $15 }' "/proc/$engine/stat"; }
before=$(ticks)
for _ in 1 2 3 4 5; do check 'status is answered meanwhile' ctl gw-b status; done
check 'the session goes on' pings host-1 $SERVER4 5
check 'the engine does not spin' test $(($(ticks) - before)) -lt 100
check 'it keeps a reserve' test "$(find "/proc/$engine/fd" -mindepth 1 | wc -l)" -lt $((LIMIT - 20))
for i in 1 2 3; do stop_bg silent-$i; done

# ---- peers ----

quiet() { ! in_ns gw-b ss -Htnp state established 'sport = :443' | grep -v "dst 192.0.2.11" | grep -c users | grep -qv '^1$'; }
wait_for 10 'the strangers are gone' quiet
for name in "${names[@]}"; do
	puppet_start "$name" host-2 192.0.2.2:443 "$name"
	tell "$name" <<<$'hello\nawait welcome 10' || true
done
up() { ctl gw-b status --json | jq '.sessions | length'; }
check_equal 'as many sessions as there is room for' "$sessions" "$(up)"
check 'the others are refused with the cause' grep -E 'refused: c[0-9]+: the limit of open files allows no more sessions' "$WORK/gw-b.log"
check 'the first goes on' pings host-1 $SERVER4 3
check_equal 'the engine is still the same' "$engine" "$(engine_pid gw-b)"
check_equal 'nothing was lost on the way' 0 "$(grep -c 'received no queues' "$WORK/gw-b.log")"
for name in "${names[@]}"; do puppet_end "$name"; done
finish
