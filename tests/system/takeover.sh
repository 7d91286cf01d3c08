#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# A session outlives its connection: it lingers with interface, addresses and routes, the returning client takes it over, and what
# runs inside goes on. It ends when nobody comes back, at once when the client says goodbye, and its routes go to whoever else offers them.
#
#   lan-a ──── gw-a ════════ gw-b ──── lan-b       ping_interval 0.3 s, dead_after 1 s, linger 60 s
#                            gw-b ════════ gw-c
#
# check: alone
# check: quick
# check: threads
# check: sanitized
set -euo pipefail
# shellcheck source=tests/system/tunnel/common.sh
source "$(dirname "$0")/tunnel/common.sh"

BYTES=1500000000
[[ -z $SANITIZED ]] || BYTES=200000000

# Under load the kernel may miss an acknowledgement for dead_after before the daemon has found the silence.
LOST='(nothing heard|connection failed: Connection timed out)'

cut() { ip_ns gw-a link set wan0 down; }
heal() {
	ip_ns gw-a link set wan0 up
	ip_ns gw-a -6 addr replace 2001:db8::1/64 dev wan0 nodad
}
index_of() { # NS
	ip -n "$(ns_name "$1")" -j link show cv0 | jq '.[0].ifindex'
}
# shellcheck disable=SC2317 # wait_for calls it
carried() { # BYTES; true when so many have come in at the server
	[[ $(session_value gw-b gw-a .in_bytes) -gt $1 ]]
}

site_add
pki_add gw-a gw-c
site_up <<'CONF'
ping_interval = 0.3;
dead_after = 1.0;
linger = 60;
peers = (
	{ name = "gw-a"; accept_routes = [ "10.1.0.0/16", "fd00:1::/32" ]; },
	{ name = "gw-c"; accept_routes = [ "10.1.0.0/16" ]; }
);
CONF
check 'the tunnel works' pings lan-a $B4
index_a=$(index_of gw-a)
index_b=$(index_of gw-b)

# ---- the wan is cut while a transfer runs both ways, and mended when both ends have given the connection up ----

stream_start 9004 $BYTES
wait_for 30 'the transfer runs' carried 20000000
mark_a=$(log_mark "$WORK/gw-a.log")
mark_b=$(log_mark "$WORK/gw-b.log")
cut
wait_log_since "$WORK/gw-a.log" "$mark_a" 'gw-b: session: up -> idle: '"$LOST" 5
wait_log_since "$WORK/gw-b.log" "$mark_b" 'gw-a: session: up -> idle: '"$LOST" 5
# Its own route for a second, then the one that is held for it.
kept() { has_route gw-b "$1" || grep -F "unreachable $1 " <(ip_ns gw-b route show proto 68); }
check 'the routes of a lingering session stay' kept 10.1.0.0/24
check 'the status says for how long it is kept' test "$(session_value gw-b gw-a '.linger_left | . > 0 and . <= 60')" = true
check 'its interface stays' test "$(index_of gw-b)" = "$index_b"
in_ns lan-b ping -c 1 -W 0.1 $A4 >/dev/null || true # something that waits until the connection is back
heal
wait_up gw-b gw-a "$mark_b"
wait_up gw-a gw-b "$mark_a"
stream_end 60 'the path was gone'
check_equal 'the same interface at the client' "$index_a" "$(index_of gw-a)"
check_equal 'the same interface at the server' "$index_b" "$(index_of gw-b)"
check_equal 'the same session, by its second connection' 2 "$(session_value gw-b gw-a .connections)"
check 'what had waited in the ring was dropped and counted' test "$(drops gw-b gw-a out_stale)" -gt 0
check 'IPv6 goes on, too' pings lan-b $A6

# ---- the client comes back before the server has noticed anything ----

mark_a=$(log_mark "$WORK/gw-a.log")
mark_b=$(log_mark "$WORK/gw-b.log")
in_ns gw-a ss -K dst 192.0.2.2 dport = 443 >/dev/null 2>&1 || true
if log_has_since "$WORK/gw-a.log" "$mark_a" 'up -> idle'; then
	wait_up gw-b gw-a "$mark_b"
	check_equal 'the connection was replaced' 3 "$(session_value gw-b gw-a .connections)"
else
	echo '# this kernel cannot destroy a socket: left out'
fi

# ---- an announcement that changed meanwhile ----

mark_a=$(log_mark "$WORK/gw-a.log")
cut
wait_log_since "$WORK/gw-a.log" "$mark_a" 'gw-b: session: up -> idle: '"$LOST" 5
ctl gw-a routes add 10.1.7.0/24 >/dev/null
ctl gw-a routes del fd00:1::/64 >/dev/null
heal
wait_up gw-a gw-b "$mark_a"
wait_routes gw-b 10.1.0.0/24 10.1.7.0/24
wait_for 5 'what is not announced any more is removed' lacks_route gw-b fd00:1::/64

# ---- somebody else offers the same prefix while the session lingers ----

client_lines=('announce = [ "10.1.7.0/24" ];')
printf '%s\n' "${client_lines[@]}" | client_conf gw-c
mark_b=$(log_mark "$WORK/gw-b.log")
cut
wait_log_since "$WORK/gw-b.log" "$mark_b" 'gw-a: session: up -> idle: '"$LOST" 5
ns_add gw-c
veth gw-b wan1 gw-c wan0
addr gw-b wan1 198.51.100.2/24
addr gw-c wan0 198.51.100.3/24
sed -i 's/^remotes = .*/remotes = [ "198.51.100.2:443" ];/' "$WORK/gw-c.conf"
client_start gw-c
wait_up gw-b gw-c "$mark_b"
wait_log_since "$WORK/gw-b.log" "$mark_b" 'gw-c: route 10\.1\.7\.0/24: installed' 5
pass 'the prefix went to who is there'
check 'the other route of the lingering session stays' kept 10.1.0.0/24
stop_bg gw-c
heal
wait_up gw-b gw-a "$mark_b"

# ---- a goodbye ends it at once ----

mark_b=$(log_mark "$WORK/gw-b.log")
stop_bg gw-a
wait_log_since "$WORK/gw-b.log" "$mark_b" 'gw-a: session: removing -> ended' 5
check 'no interface is left' bash -c "! ip -n $(ns_name gw-b) link show cv0 2>/dev/null"

finish
