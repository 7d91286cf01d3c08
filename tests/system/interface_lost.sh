#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Somebody deletes a tunnel's interface under us: the session makes itself another, and its routes come back with it. And what
# would move a connected network into the tunnel, as a whole or in part, is refused.
#
#   lan-a ──── gw-a ════════ gw-b ──── lan-b
#
# check: quick
# check: sanitized
set -euo pipefail
# shellcheck source=tests/system/tunnel/common.sh
source "$(dirname "$0")/tunnel/common.sh"

site_add
pki_add gw-a
site_up </dev/null
check 'the tunnel works' pings lan-a $B4

# ---- while the tunnel is up ----

mark_a=$(log_mark "$WORK/gw-a.log")
mark_b=$(log_mark "$WORK/gw-b.log")
ip_ns gw-a link delete cv0
wait_log_since "$WORK/gw-a.log" "$mark_a" 'gw-b: session: up -> .*interface does not exist any more' 5
wait_up gw-b gw-a "$mark_b"
wait_up gw-a gw-b "$mark_a"
wait_routes gw-a 10.2.0.0/24 fd00:2::/64
wait_routes gw-b 10.1.0.0/24 fd00:1::/64
check 'the client has made itself another interface' pings lan-a $B4

mark_a=$(log_mark "$WORK/gw-a.log")
ip_ns gw-b link delete cv0
wait_up gw-a gw-b "$mark_a"
wait_routes gw-a 10.2.0.0/24 fd00:2::/64
wait_routes gw-b 10.1.0.0/24 fd00:1::/64
check 'and so has the server' pings lan-b $A6

# ---- while the client waits for its server ----

mark_a=$(log_mark "$WORK/gw-a.log")
stop_bg gw-b
wait_log_since "$WORK/gw-a.log" "$mark_a" 'retrying in' 5
ip_ns gw-a link delete cv0
server_start gw-b
wait_up gw-a gw-b "$mark_a"
wait_routes gw-a 10.2.0.0/24 fd00:2::/64
wait_routes gw-b 10.1.0.0/24 fd00:1::/64
check 'the routes come back with the new interface' pings lan-a $B4

# ---- a connected network stays where it is ----

for prefix in 10.1.0.0/24 10.1.0.0/25 10.1.0.128/25; do
	mark_a=$(log_mark "$WORK/gw-a.log")
	ctl gw-b routes add "$prefix" >"$WORK/out" 2>&1 || true
	wait_log_since "$WORK/gw-a.log" "$mark_a" "route $prefix: refused: it is announced by this end itself, or on-link here" 5
	check "$prefix has not become a route" lacks_route gw-a "$prefix"
done
check 'the LAN is still reached' pings gw-a $A4

finish
