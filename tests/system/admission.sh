#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Who is let in, and how many: peers without an entry where that is allowed, limits on sessions and on handshakes, hundreds of
# routes, and connections that come and go without leaving anything in the server's processes.
#
#   host-1 (192.0.2.1) ──┐
#   host-2 (192.0.2.3) ──┼── wan ── gw-b (192.0.2.2)
#   host-3 (192.0.2.4) ──┘
#
# check: sanitized
# shellcheck disable=SC2317 # Functions are called by name.
set -euo pipefail
# shellcheck source=tests/system/tunnel/common.sh
source "$(dirname "$0")/tunnel/common.sh"

switch_add
switch_join host-1 192.0.2.1/24
switch_join gw-b 192.0.2.2/24
switch_join host-2 192.0.2.3/24
switch_join host-3 192.0.2.4/24
pki_add one two three

PREFIXES=200
many=$(for ((i = 0; i < PREFIXES; i++)); do printf '"10.7.%d.0/24", ' $i; done)
server_conf gw-b <<CONF
unlisted = true;
max_sessions = 2;
max_handshakes = 10;
handshake_timeout = 2;
announce = [ "10.2.0.0/24" ];
peers = ( { name = "one"; accept_routes = [ "10.7.0.0/16" ]; max_routes = 300; } );
CONF
client_conf one <<<"announce = [ ${many%, } ];"
client_conf two <<<'announce = [ "10.1.0.0/24" ];'
client_conf three </dev/null
log=$WORK/gw-b.log
server_start gw-b

# ---- hundreds of routes ----

client_start one host-1
wait_up gw-b one
routes_there() { # COUNT
	[[ $(ip_ns gw-b -4 route show proto 67 | grep -c '^10\.7\.') -eq $1 ]]
}
wait_for 10 "$PREFIXES routes are installed" routes_there $PREFIXES
pass "$PREFIXES routes are installed"
check_equal 'and listed' $PREFIXES \
	"$(ctl gw-b routes --json | jq '[.received[] | select(.peer == "one" and .state == "installed")] | length')"

# ---- unlisted ----

client_start two host-2
wait_up gw-b two
wait_up two gw-b
wait_routes host-2 10.2.0.0/24
check 'a peer without an entry is admitted where that is allowed' pings host-2 $SERVER4
check_equal 'as unlisted' false "$(session_value gw-b two .listed)"
wait_log "$WORK/two.log" 'refuses our route 10\.1\.0\.0/24: .*accept_routes' 5 && pass 'but none of its routes'
check 'not in the kernel either' lacks_route gw-b 10.1.0.0/24

# ---- max_sessions ----

client_start three host-3
wait_log "$log" '192\.0\.2\.4:[0-9]+: refused: three: .*max_sessions' 10 && pass 'a third session is one too many'
wait_log "$WORK/three.log" 'received a goodbye: .*max_sessions' 5 && pass 'and the client is told'
mark=$(log_mark "$log")
stop_bg two
wait_up gw-b three "$mark"
pass 'it comes in when there is room'
stop_bg three
wait_log_since "$log" "$mark" 'three: session: .* -> ended' 5

# ---- max_handshakes: silent connections fill it, and go with the deadline ----

mark=$(log_mark "$log")
# shellcheck disable=SC2016 # The inner shell expands.
start_bg "$WORK/silent.log" silent in_ns host-2 bash -c '
	for fd in {10..29}; do eval "exec $fd<>/dev/tcp/192.0.2.2/443"; done; exec sleep infinity'
wait_log_since "$log" "$mark" '192\.0\.2\.3:[0-9]+: refused: .*max_handshakes' 5 && pass 'too many handshakes are refused'
check 'the session of the first goes on' pings host-1 $SERVER4 3
client_start three host-3
wait_up gw-b three "$mark"
pass 'and others come in after the deadline'
stop_bg silent
stop_bg three
wait_log_since "$log" "$mark" 'three: session: .* -> ended' 5

# ---- nothing piles up ----

descriptors() { # PID
	find "/proc/$1/fd" -mindepth 1 2>/dev/null | wc -l
}
# No process has a socket to these hosts any more; what the kernel winds up alone does not count.
handshakes_are_over() {
	! in_ns gw-b ss -Htnp 'sport = :443 and ( dst 192.0.2.3 or dst 192.0.2.4 )' | grep users
}
wait_for 10 'the handshakes are over' handshakes_are_over
engine=$(engine_pid gw-b) netd=$(pid_of gw-b)
before="$(descriptors "$engine") $(descriptors "$netd")"
certificate=$(pki_extract three certificate) key=$(pki_extract three key)
come_and_go() {
	for _ in {1..10}; do
		printf 'hello\nawait welcome\nquit\n' | in_ns host-3 "$PUPPET" connect 192.0.2.2:443 "$certificate" "$key" "$WORK/pki/ca.crt"
		printf 'hello\nquit\n' | in_ns host-3 "$PUPPET" connect 192.0.2.2:443 "$certificate" "$key" "$WORK/pki/ca.crt"
		printf 'ping\nquit\n' | in_ns host-3 "$PUPPET" connect 192.0.2.2:443 "$certificate" "$key" "$WORK/pki/ca.crt"
		in_ns host-3 bash -c 'exec 3<>/dev/tcp/192.0.2.2/443; echo nonsense >&3' || return 1
		in_ns host-3 bash -c 'exec 3<>/dev/tcp/192.0.2.2/443' || return 1
	done
}
check 'fifty connections come and go' come_and_go
wait_for 10 'they are over' handshakes_are_over
same_descriptors() {
	[[ "$(descriptors "$engine") $(descriptors "$netd")" == "$before" ]]
}
wait_for 5 "as many descriptors as before ($before)" same_descriptors && pass 'no descriptor is left behind'
check_equal 'one session is left' 1 "$(ctl gw-b status --json | jq '.sessions | length')"
check_equal 'one interface is left' 1 "$(ip_ns gw-b -o link show type tun | wc -l)"
check 'it is the first, and works' pings host-1 $SERVER4
check_equal 'the engine is still the same' "$engine" "$(engine_pid gw-b)"
finish
