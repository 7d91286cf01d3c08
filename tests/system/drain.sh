#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# A server is drained: its clients go to the other server one after the other, no TCP connection inside is lost, it ends with status
# 0, and the clients return when it is back. The drawing is in tunnel/two_servers.sh.
set -euo pipefail
# shellcheck source=tests/system/tunnel/common.sh
source "$(dirname "$0")/tunnel/common.sh"
# shellcheck source=tests/system/tunnel/two_servers.sh
source "$(dirname "$0")/tunnel/two_servers.sh"

BYTES=60000000
[[ -z $SANITIZED ]] || BYTES=20000000
CROWD=9

two_servers_add
pki_clients() {
	local i
	for ((i = 1; i <= CROWD; i++)); do
		pki client "c$i" --remote 192.0.2.10 || return
	done
}
pki_clients
# Both give each client the same fixed address; those of the crowd are of the rest of the pool.
for hub in hub-1 hub-2; do
	{
		echo 'announce = [ "10.2.0.0/24" ];'
		printf '%s\n' 'ping_interval = 0.5;' 'dead_after = 5;' 'linger = 1;'
		echo "peers = ( { name = \"laptop\"; address4 = \"$LAPTOP4\"; }"
		for ((i = 1; i <= CROWD; i++)); do
			echo ", { name = \"c$i\"; address4 = \"10.213.0.$((100 + i))\"; }"
		done
		echo ');'
	} | server_conf $hub gw-b
done
server_start hub-1
server_start hub-2
for name in laptop $(seq -f c%g 1 $CROWD); do
	# One client has the route to the target; they are all on one host.
	routes='accept_routes = [ ];'
	[[ $name != laptop ]] || routes=
	client_conf "$name" <<-CONF
		$routes
		remotes = [ "192.0.2.10", "192.0.2.11 2" ];
		return_after = 2;
		interface = "t-$name";
	CONF
	client_start "$name" laptop
done
# shellcheck disable=SC2317 # wait_for calls it
has_sessions() { # HUB COUNT
	ctl "$1" status --json | jq -e "[.sessions[] | select(.state == \"up\")] | length == $2" >/dev/null
}
wait_for 30 'all clients are at the preferred server' has_sessions hub-1 $((CROWD + 1))

# ---- misuse ----

check_fails 'a client cannot be drained' ctl laptop drain
check_fails 'a duration is one' ctl hub-1 drain --over soon
check_fails 'a day is the most' ctl hub-1 drain --over 25h
check_fails 'other commands have no --over' ctl hub-1 peers --over 1

# ---- drained under a stream ----

start_bg "$WORK/to.log" to in_ns target timeout 120 "$STREAM" listen 10.2.0.9 9000 $BYTES
wait_for 5 'the target listens' listens target 9000
start_bg "$WORK/from.log" from in_ns laptop timeout 120 "$STREAM" connect 10.2.0.9 9000 $BYTES
# shellcheck disable=SC2317 # wait_for calls it
carried() { [[ $(session_value laptop gw-b .in_bytes) -gt 1000000 ]]; }
wait_for 20 'the stream runs' carried
mark=$(log_mark "$WORK/laptop.log")
began=$(now_ms)
check 'the drain begins' grep -F "10 sessions, over 4 s" <(ctl hub-1 drain --over 4s)
check 'the status says so' jq -e '.draining.left > 0' <(ctl hub-1 status --json)
check 'so for people' grep -E 'draining: +no new session is admitted' <(ctl hub-1 status)
# Half of the time, half of the clients.
# shellcheck disable=SC2317 # wait_for calls it
some_moved() { ctl hub-2 status --json | jq -e '.session_count >= 3 and .session_count <= 8' >/dev/null; }
wait_for 4 'they move one after the other' some_moved
wait_exit hub-1 10 || true
check_equal 'the drained server ends with status 0' 0 "$EXIT_STATUS"
echo "a drain of $((CROWD + 1)) clients over 4 s: $(($(now_ms) - began)) ms" >>"$WORK/figures"
wait_for 5 'all clients are at the other server' has_sessions hub-2 $((CROWD + 1))
check 'the client heard the new goodbye' log_has_since "$WORK/laptop.log" "$mark" 'received a goodbye: use another server'
check_equal 'the same address' "$LAPTOP4" "$(session_value laptop gw-b .addresses.local4 | tr -d '"')"
check 'the client says where it is' jq -e '.remote.priority == 2 and .remote.preferred.priority == 1' <(ctl laptop status --json)

# ---- back, and drained again at once: a server that is drained takes nobody, and a probe hears that ----

server_start hub-1
wait_for 30 'all clients have returned' has_sessions hub-1 $((CROWD + 1))
wait_for 10 'and left the other' has_no_session hub-2
for name in to from; do
	wait_exit $name 60
	check_equal "every byte of the stream was right ($name)" 0 "$EXIT_STATUS"
	cat "$WORK/$name.log"
done
check 'the drain begins' ctl hub-1 drain --over 1m
in_ns laptop kill -TERM "$(pid_of c1)"
wait_exit c1 5 || true
client_start c1 laptop
wait_log "$WORK/c1.log" 'received a goodbye: use another server: this server is being drained' 10
# shellcheck disable=SC2317 # wait_for calls it
uses_other() { ctl c1 status --json | jq -e '.remote.host == "192.0.2.11" and .sessions[0].state == "up"' >/dev/null; }
wait_for 5 'a newcomer goes to the other server' uses_other
# shellcheck disable=SC2317 # wait_for calls it
probe_is_refused() { grep -E 'refused: c1: this server is being drained' "$WORK/hub-1.log" >/dev/null; }
wait_for 15 'a probe hears it, too' probe_is_refused
check 'so the client stays' uses_other
check 'a drain can be hurried' ctl hub-1 drain
wait_exit hub-1 10 || true
check_equal 'it ends with status 0' 0 "$EXIT_STATUS"
cat "$WORK/figures"
finish
