#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The server is the first process of a PID namespace, as in a container without an init: it leaves no zombies, and ends as it does
# elsewhere.
#
#   gw-a (192.0.2.1) ──── gw-b (192.0.2.2; a PID namespace of its own)
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
client_conf gw-a </dev/null

start_bg "$WORK/gw-b.log" gw-b in_ns gw-b unshare --pid --fork "$CULVERTD" -c "$WORK/gw-b.conf"
wait_for "$UP_SECONDS" 'gw-b answers' ctl gw-b status
client_start gw-a
wait_up gw-b gw-a
check 'a session is up' pings gw-a $SERVER4

first=$(pgrep -P "$(pid_of gw-b)")
check_equal 'the server is the first process' 1 "$(awk '/^NSpid:/ { print $NF }' "/proc/$first/status")"

# Processes whose parent has gone, which end some moments later.
inside() {
	nsenter --target "$first" --pid --net -- "$@"
}
for ((i = 0; i < 20; i++)); do
	inside sh -c 'sleep 0.3 & exit 0'
done
orphans() { # SIGN COUNT; of the first process, beside its own child
	test "$(pgrep -P "$first" -x sleep -c)" "$1" "$2"
}
check 'it is their parent' orphans -gt 0
no_orphans() {
	orphans -eq 0
}
wait_for 5 'all are reaped' no_orphans
check 'the session is still up' pings gw-a $SERVER4

kill -TERM "$first"
wait_exit gw-b 10
check_equal 'it ends by TERM, with 0' 0 "$EXIT_STATUS"
check_equal 'nothing is left' 0 "$(ip_ns gw-b -o link show type tun | wc -l)"

# ---- a start that is refused ----

server_conf gw-b <<<'user = "no-such-user";'
start_bg "$WORK/gw-b.log" gw-b in_ns gw-b unshare --pid --fork "$CULVERTD" -c "$WORK/gw-b.conf"
wait_exit gw-b 5
check_equal 'a refused start ends with 3' 3 "$EXIT_STATUS"
finish
