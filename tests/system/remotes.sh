#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# A client with two servers: it uses the better one, moves to the other when that dies, falls silent or hangs, and returns when the
# better one has answered steadily. A TCP connection inside lives through all of it. The drawing is in tunnel/two_servers.sh.
set -euo pipefail
# shellcheck source=tests/system/tunnel/common.sh
source "$(dirname "$0")/tunnel/common.sh"
# shellcheck source=tests/system/tunnel/two_servers.sh
source "$(dirname "$0")/tunnel/two_servers.sh"

two_servers_add
two_servers_conf </dev/null
server_start hub-1
server_start hub-2
client_conf laptop <<'CONF'
remotes = [ "192.0.2.11 2", "192.0.2.10" ];
return_after = 3;
CONF
client_start laptop

# ---- the better one, and a stream that has to live ----

wait_for "$UP_SECONDS" 'the client uses the better priority' uses_remote 192.0.2.10
check 'the status has its priority' jq -e '.remote.priority == 1 and .remote.preferred == null and .remotes[0].priority == 2' \
	<(ctl laptop status --json)
check 'the other server has no session' has_no_session hub-2
check 'packets pass' pings laptop 10.2.0.9 3
start_bg "$WORK/target.log" target in_ns target "$BUILD/system/flow" listen 10.2.0.9 9000 send
wait_for 5 'the target listens' listens target 9000
start_bg "$WORK/flow.log" flow in_ns laptop "$BUILD/system/flow" connect 10.2.0.9 9000 receive
# shellcheck disable=SC2317 # wait_for calls it
bytes_now() { sed -n 's/^at //p' "$WORK/flow.log" | tail -n 1; }
flows_on() { # WHAT
	local before
	before=$(bytes_now)
	# shellcheck disable=SC2317 # wait_for calls it
	more() { [[ $(bytes_now) -gt ${before:-0} ]]; }
	wait_for 20 "the stream goes on: $1" more
}
flows_on 'at the beginning'

# ---- killed, and back ----

kill -KILL "$(pid_of hub-1)"
moves_to 192.0.2.11 10 'the server is killed'
flows_on 'the server was killed'
check 'the client says that a better one is probed' jq -e '.remote.priority == 2 and .remote.preferred.host == "192.0.2.10" and .remote.preferred.answers_for == null' \
	<(ctl laptop status --json)
check 'so for people' grep -E 'preferred remote: +192\.0\.2\.10 port 443, priority 1: does not answer' <(ctl laptop status)
wait_exit hub-1 5 || true
server_start hub-1
# shellcheck disable=SC2317 # wait_for calls it
answers() { ctl laptop status --json | jq -e '.remote.preferred.answers_for != null' >/dev/null; }
wait_for 5 'a probe is answered' answers
check 'a probe makes no session' has_no_session hub-1
moves_to 192.0.2.10 10 'the server is back, and has answered for 3 s'
flows_on 'it has returned'
wait_for 5 'the other server was told: its session is gone' has_no_session hub-2
check 'a probe is no refused connection' log_lacks "$WORK/hub-1.log" 'refused:'

# ---- silent ----

silence hub-1
moves_to 192.0.2.11 10 'the server falls silent under traffic'
flows_on 'the server fell silent'
unsilence hub-1
moves_to 192.0.2.10 15 'it speaks again, for 3 s'
flows_on 'it spoke again'

# The network comes back before another server has answered: the old connection goes on.
silence hub-2
connections=$(session_value laptop gw-b .connections)
silence hub-1
wait_log "$WORK/laptop.log" 'connecting again beside the old connection' 5
unsilence hub-1
flows_on 'the old connection woke up'
unsilence hub-2
check 'nothing else was needed' uses_remote 192.0.2.10
check 'the same connection, or one new to the same server' test "$(session_value laptop gw-b .connections)" -le $((connections + 1))

# ---- hung: the kernel takes connections, and nobody answers ----

hung=$(engine_pid hub-1)
kill -STOP "$hung"
moves_to 192.0.2.11 20 'the server hangs (dead_after is 5 s)'
kill -CONT "$hung"
flows_on 'the server hung'
wait_for 20 'it is back' uses_remote 192.0.2.10

stop_bg target TERM || true
wait_exit flow 20 || true
check 'every byte was right, from the first to the last' grep -E '^received [0-9]+ longest-gap' "$WORK/flow.log"

# ---- a family that is broken, and one server by two addresses ----

stop_bg laptop
stop_bg hub-2
silence hub-1 'meta nfproto ipv6'
client_conf laptop <<'CONF'
remotes = [ "[2001:db8::10]", "192.0.2.10" ];
CONF
began=$(now_ms)
mark=$(log_mark "$WORK/hub-1.log")
client_start laptop
moves_to 192.0.2.10 3 'IPv6 is broken'
check 'no second was lost to it' test $(($(now_ms) - began)) -lt 2000
unsilence hub-1
check 'one session came of it' jq -e '.session_count == 1 and .sessions[0].connections == 1' <(ctl hub-1 status --json)
check_fails 'and no connection that was refused' log_has_since "$WORK/hub-1.log" "$mark" refused:
stop_bg laptop

# ---- a kill switch and a full tunnel let all remotes pass ----

for hub in hub-1 hub-2; do
	sed -i 's/^announce = .*/announce = [ "10.2.0.0\/24", "0.0.0.0\/0" ];/' "$WORK/$hub.conf"
done
stop_bg hub-1
server_start hub-1
server_start hub-2
client_conf laptop <<'CONF'
remotes = [ "192.0.2.10", "192.0.2.11 2" ];
return_after = 3;
kill_switch = true;
full_tunnel = true;
CONF
client_start laptop
wait_for "$UP_SECONDS" 'with a kill switch' uses_remote 192.0.2.10
wait_for 5 'packets pass' pings laptop 10.2.0.9 1
kill -KILL "$(pid_of hub-1)"
moves_to 192.0.2.11 10 'the server is killed (kill switch and full tunnel)'
wait_for 5 'packets pass by the other' pings laptop 10.2.0.9 1
wait_exit hub-1 5 || true
server_start hub-1
moves_to 192.0.2.10 10 'the server is back (kill switch and full tunnel)'
wait_for 5 'packets pass again' pings laptop 10.2.0.9 1
stop_bg laptop
cat "$WORK/figures"
finish
