#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# What the programs tell a supervisor (NOTIFY_SOCKET, as systemd has it): ready when the kill switch is in force and connections
# are tried or taken, never after a start that was refused; and no child of theirs can speak to it.
#
#   gw-a (192.0.2.1) ──── gw-b (192.0.2.2)
#
# check: quick
#
# shellcheck disable=SC2317 # Functions are called by name.
set -euo pipefail
# shellcheck source=tests/system/tunnel/common.sh
source "$(dirname "$0")/tunnel/common.sh"

gateways_add
pki_add gw-a
server_conf gw-b <<<'peers = ( { name = "gw-a"; } );'
client_conf gw-a <<<'kill_switch = true;'

supervise() { # NAME; listens for it and names the socket
	start_bg /dev/null "supervisor-$1" socat -u "UNIX-RECV:$WORK/$1.notify" "OPEN:$WORK/$1.heard,creat,append"
	wait_for 5 "a supervisor of $1" test -S "$WORK/$1.notify"
	export NOTIFY_SOCKET=$WORK/$1.notify
}
heard() { # NAME REGEX
	grep -qaE "$2" "$WORK/$1.heard"
}

# ---- a server ----

supervise gw-b
server_start gw-b
wait_for "$UP_SECONDS" 'the server is ready' heard gw-b 'READY=1'
check 'it listens by then' listens gw-b 443
check_fails 'its engine does not know the supervisor' grep -qa NOTIFY_SOCKET "/proc/$(engine_pid gw-b)/environ"
stop_bg gw-b TERM
check 'it says that it stops' heard gw-b 'STOPPING=1'

# ---- a client: its server is away ----

supervise gw-a
client_start gw-a
wait_for "$UP_SECONDS" 'the client is ready' heard gw-a 'READY=1'
check 'the kill switch is in force by then, and it says so' heard gw-a 'STATUS=.*kill switch'
check 'and so it is' in_ns gw-a nft list table inet culvert-guard-gw-a
kill -KILL "$(engine_pid gw-a)"
wait_log "$WORK/gw-a.log" 'starting the engine again' 5
stop_bg gw-a TERM
check_equal 'it is ready once, whatever becomes of its engine' 1 "$(grep -ao READY=1 "$WORK/gw-a.heard" | wc -l)"

# ---- a start that is refused ----

supervise broken
client_conf gw-a <<<'user = "no-such-user";'
client_start gw-a
wait_exit gw-a 5
check_equal 'a refused start ends with 3' 3 "$EXIT_STATUS"
check_fails 'and is never ready' heard broken 'READY'
finish
