#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Ends that vanish without a word: the other notices within the dead-peer time, nothing stays behind on either host, and who
# comes back gets its tunnel again by itself.
#
#   lan-a ──── gw-a ════════ gw-b ──── lan-b       ping_interval 0.3 s, dead_after 1 s
#
set -euo pipefail
# shellcheck source=tests/system/tunnel/common.sh
source "$(dirname "$0")/tunnel/common.sh"

site_add
pki_add gw-a
snapshot gw-a >"$WORK/before-a"
snapshot gw-b >"$WORK/before-b"
site_up <<'CONF'
ping_interval = 0.3;
dead_after = 1.0;
CONF
check 'the tunnel works' pings lan-a $B4

# Cuts the wan, so that no reset or end of the connection reaches the other side, only silence.
cut_wan() { ip_ns gw-a link set wan0 down; }
mend_wan() {
	ip_ns gw-a link set wan0 up
	ip_ns gw-a -6 addr replace 2001:db8::1/64 dev wan0 nodad
}

# The time from the cut, $start, to the log's line, by its own clock; half a second is for a busy machine.
check_silence() { # NAME
	local stamp took
	stamp=$(grep 'session: up -> .*nothing heard' "$WORK/$1.log" | tail -n 1 | cut -d' ' -f1,2)
	took=$(($(date -d "$stamp" +%s%3N) - start))
	[[ -n $SANITIZED ]] || check "$1 does so within dead_after, after $took ms" test "$took" -le 1500
}

# ---- the client is killed; the server hears nothing more ----

kill_all() { # NAME; netd and engine at once
	local engine
	engine=$(engine_pid "$1")
	kill -KILL "$(pid_of "$1")" "$engine"
	wait_exit "$1" 5 || true
	wait_for 2 "the engine of $1 is gone" bash -c "! kill -0 $engine"
}

mark=$(log_mark "$WORK/gw-b.log")
cut_wan
start=$(now_ms)
kill_all gw-a
if wait_log_since "$WORK/gw-b.log" "$mark" 'gw-a: session: up -> .*nothing heard' 5; then
	pass 'the server notices that its peer is dead'
	check_silence gw-b
fi
wait_for 5 'the session has ended' bash -c "! ip -n $(ns_name gw-b) link show cv0"
mend_wan
wait_same gw-b "$WORK/before-b" 3
wait_same gw-a "$WORK/before-a" 3

mark=$(log_mark "$WORK/gw-b.log")
rm -f "$WORK/gw-a.sock" # what kill -9 left; a stale socket is replaced as well, which the next part shows
client_start gw-a
wait_up gw-b gw-a "$mark"
wait_routes gw-a 10.2.0.0/24
wait_routes gw-b 10.1.0.0/24
check 'a new client gets its tunnel' pings lan-a $B4

# ---- the server is killed, and silence follows ----

mark=$(log_mark "$WORK/gw-a.log")
index=$(ip -n "$(ns_name gw-a)" -j link show cv0 | jq '.[0].ifindex')
cut_wan
start=$(now_ms)
kill_all gw-b
if wait_log_since "$WORK/gw-a.log" "$mark" 'gw-b: session: up -> .*nothing heard' 5; then
	pass 'the client notices that its server is dead'
	check_silence gw-a
fi
mend_wan
wait_same gw-b "$WORK/before-b" 3
mark=$(log_mark "$WORK/gw-a.log")
server_start gw-b # over the stale control socket
wait_up gw-a gw-b "$mark"
wait_routes gw-a 10.2.0.0/24 fd00:2::/64
wait_routes gw-b 10.1.0.0/24 fd00:1::/64
check 'the tunnel is back by itself' pings lan-a $B4
check 'also for IPv6' pings lan-b $A6
check_equal 'the client kept its interface' "$index" "$(ip -n "$(ns_name gw-a)" -j link show cv0 | jq '.[0].ifindex')"

# ---- the server is killed, and its kernel says so ----

mark=$(log_mark "$WORK/gw-a.log")
kill_all gw-b
wait_log_since "$WORK/gw-a.log" "$mark" 'gw-b: session: up -> ' 2 && pass 'a reset is noticed at once'
wait_same gw-b "$WORK/before-b" 3
mark=$(log_mark "$WORK/gw-a.log")
server_start gw-b
wait_up gw-a gw-b "$mark"
wait_routes gw-b 10.1.0.0/24
wait_routes gw-a 10.2.0.0/24
check 'and the tunnel comes back' pings lan-a $B4

# ---- only the engine dies ----

for name in gw-a gw-b; do
	mark_a=$(log_mark "$WORK/gw-a.log")
	mark_b=$(log_mark "$WORK/gw-b.log")
	old=$(engine_pid $name)
	kill -KILL "$old"
	wait_up gw-a gw-b "$mark_a"
	wait_up gw-b gw-a "$mark_b"
	wait_routes gw-a 10.2.0.0/24
	wait_routes gw-b 10.1.0.0/24
	check "the engine of $name is another one" test "$(engine_pid $name)" != "$old"
	check "the tunnel works with the new engine of $name" pings lan-a $B4
done

# ---- somebody removes the interface ----

for name in gw-a gw-b; do
	mark_a=$(log_mark "$WORK/gw-a.log")
	mark_b=$(log_mark "$WORK/gw-b.log")
	ip_ns $name link del cv0
	wait_up gw-a gw-b "$mark_a"
	wait_up gw-b gw-a "$mark_b"
	wait_routes gw-a 10.2.0.0/24 fd00:2::/64
	wait_routes gw-b 10.1.0.0/24 fd00:1::/64
	check "the tunnel heals when $name loses its interface" pings lan-a $B4
done

# ---- both are told to end ----

stop_bg gw-a
stop_bg gw-b
wait_same gw-a "$WORK/before-a" 3
wait_same gw-b "$WORK/before-b" 3
finish
