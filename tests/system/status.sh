#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# `culvert status` where several instances run: all without a name, one or a peer by its name, and --check for monitoring.
#
#   gw-a ════════ gw-b: culvertd, and at the same host a client "up-b" that reaches nobody
#
# check: quick
# shellcheck disable=SC2317 # Functions are called by name.
set -euo pipefail
# shellcheck source=tests/system/tunnel/common.sh
source "$(dirname "$0")/tunnel/common.sh"

gateways_add
pki_add gw-a up-b absent
server_conf gw-b <<'CONF'
peers = ( { name = "gw-a"; }, { name = "absent"; } );
CONF
server_start gw-b
client_conf gw-a </dev/null
client_start gw-a
wait_up gw-a gw-b
# The control sockets are where those of an ordinary user's programs are, so that they are found by name.
mkdir -p "$WORK/run/culvert"
for name in gw-a gw-b up-b; do
	ln -s "$WORK/$name.sock" "$WORK/run/culvert/$name.sock"
done
status() { # [ARGUMENT...]; what it says is in $WORK/status and $WORK/error, how it ended in STATUS
	STATUS=0
	XDG_RUNTIME_DIR=$WORK/run timeout 10 "$CULVERT" status "$@" >"$WORK/status" 2>"$WORK/error" || STATUS=$?
}
ends() { # NAME STATUS
	check_equal "$1" "$2" "$STATUS"
}

rm "$WORK/run/culvert/up-b.sock"
status --check gw-a
ends 'all of the client is up' 0
check_equal 'and nothing is said' '' "$(cat "$WORK/status" "$WORK/error")"
status --check gw-a --peer gw-a
ends 'and of the server, the peer that is named' 0
status --check
ends 'another is not' 1
check_equal 'which is said' 'gw-b: absent is not up: it has no session; not seen since this engine started' "$(cat "$WORK/status")"

ln -s "$WORK/up-b.sock" "$WORK/run/culvert/up-b.sock"
client_conf up-b <<'CONF'
remotes = [ "192.0.2.2:4444" ];
server_name = "gw-c";
CONF
start_bg "$WORK/up-b.log" up-b in_ns gw-b "$CULVERT" up "$WORK/up-b.conf"
wait_log "$WORK/up-b.log" 'connection failed' 10
status
ends 'without a name all are shown' 0
check_equal 'in order' 'client: gw-a server: gw-b client: up-b' "$(grep -E '^(client|server): ' "$WORK/status" | paste -sd' ')"
status --json
check_equal 'as JSON too' 'gw-a gw-b up-b' "$(jq -r '[.instances[].name] | join(" ")' "$WORK/status")"
status gw-b --json
check_equal 'an instance that is named has its own object' 'gw-b server' "$(jq -r '"\(.name) \(.role)"' "$WORK/status")"
status gw-c --json
check_equal 'a name may be that of a peer' 'up-b gw-c' "$(jq -r '.instances[] | "\(.name) \(.sessions[].peer)"' "$WORK/status")"
status gw-b
check 'an instance comes first' grep -E '^server: gw-b$' "$WORK/status"
status --peer gw-b
check 'unless a peer is asked for' grep -E '^client: gw-a$' "$WORK/status"
check_fails 'nothing else is shown' grep -E '^server:' "$WORK/status"
status absent
check 'a peer that is not there' grep -E '^ +absent: +not seen since this engine started$' "$WORK/status"
status nobody
ends 'a name of nobody' 4
check 'is said to be that' grep -F 'nobody is neither a running instance nor a peer of one; running: gw-a, gw-b, up-b' "$WORK/error"
status --check up-b
ends 'a client that reaches nobody is not up' 1
check 'the reason is told' grep -E '^up-b: gw-c is not up \(state idle\): 192\.0\.2\.2 .*refused; no program listens there.*; this for [0-9]+ s; attempts: [0-9]+ failed, ' "$WORK/status"

# One that was killed does not hide the others.
kill -9 "${bg_pids[up-b]}"
wait_exit up-b 5 || true
status --json
ends 'one that has ended' 4
check_equal 'is told beside the others' 'gw-a gw-b up-b: an error' \
	"$(jq -r '[.instances[] | .name + (if .error then ": an error" else "" end)] | join(" ")' "$WORK/status")"
rm "$WORK/run/culvert/up-b.sock" "$WORK/run/culvert/gw-a.sock"
status --json
check_equal 'a single one has its keys at the top, too' 'gw-b gw-b' "$(jq -r '"\(.name) \(.instances[0].name)"' "$WORK/status")"

# A peer that has left.
stop_bg gw-a
status gw-b
check 'when an absent peer was here, and why it left' \
	grep -E '^ +absent: +last seen [0-9]+ s ago, from 192\.0\.2\.1:[0-9]+: ' "$WORK/status"
status gw-b --json
check 'as JSON too' jq -e '.absent[] | select(.peer == "gw-a") | (now - .last_seen | fabs) < 10 and (.last_outer | startswith("192.0.2.1:"))' \
	"$WORK/status"
finish
