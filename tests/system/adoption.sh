#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# An engine is killed: netd keeps what it had, a new engine adopts it, the peers come back, and what runs inside the tunnel goes on.
#
#   lan-a ──── gw-a ════════ gw-b ──── lan-b       linger 60 s
#
# check: quick suite
# check: threads
# check: sanitized
set -euo pipefail
# shellcheck source=tests/system/tunnel/common.sh
source "$(dirname "$0")/tunnel/common.sh"

BYTES=1000000000
[[ -z $SANITIZED ]] || BYTES=150000000

index_of() { # NS
	ip -n "$(ns_name "$1")" -j link show cv0 | jq '.[0].ifindex'
}
# shellcheck disable=SC2317 # wait_for calls it
received() { # BYTES; true when the interface at the server has carried so many
	[[ $(ip -n "$(ns_name gw-b)" -j -s link show cv0 | jq '.[0].stats64.rx.bytes') -gt $1 ]]
}

site_add
pki_add gw-a
snapshot gw-a >"$WORK/before-a"
snapshot gw-b >"$WORK/before-b"
site_up <<'CONF'
linger = 60;
CONF
check 'the tunnel works' pings lan-a $B4
index_a=$(index_of gw-a)
index_b=$(index_of gw-b)

# Kills the engines of these daemons while a transfer runs both ways, and sees it end well.
survive() { # WHAT PORT NAME...
	local what=$1 port=$2 name carried mark_a mark_b
	shift 2
	carried=$(ip -n "$(ns_name gw-b)" -j -s link show cv0 | jq '.[0].stats64.rx.bytes')
	stream_start "$port" $BYTES
	wait_for 30 'the transfer runs' received $((carried + 20000000))
	mark_a=$(log_mark "$WORK/gw-a.log")
	mark_b=$(log_mark "$WORK/gw-b.log")
	for name; do
		kill -KILL "$(engine_pid "$name")"
	done
	for name; do
		wait_log_since "$WORK/$name.log" "$([[ $name == gw-a ]] && echo "$mark_a" || echo "$mark_b")" 'adopted cv0 with 2 routes' 10
	done
	wait_up gw-a gw-b "$mark_a"
	wait_up gw-b gw-a "$mark_b"
	stream_end 60 "$what"
	check_equal "$what: the same interface at the client" "$index_a" "$(index_of gw-a)"
	check_equal "$what: the same interface at the server" "$index_b" "$(index_of gw-b)"
	check "$what: the routes stay" has_route gw-a 10.2.0.0/24
	check "$what: also at the server" has_route gw-b fd00:1::/64
	check "$what: IPv6 works" pings lan-b $A6
}

survive 'the server engine is killed' 9001 gw-b
survive 'the client engine is killed' 9002 gw-a
survive 'both are killed' 9003 gw-a gw-b

# ---- what changed while an engine was away ----

mark_a=$(log_mark "$WORK/gw-a.log")
mark_b=$(log_mark "$WORK/gw-b.log")
ctl gw-a routes add 10.1.9.0/24 >/dev/null
wait_routes gw-b 10.1.9.0/24
kill -KILL "$(engine_pid gw-a)" # its successor announces what the profile says
wait_log_since "$WORK/gw-a.log" "$mark_a" 'adopted cv0' 10
wait_up gw-b gw-a "$mark_b"
wait_for 5 'a route that is not announced again is removed' lacks_route gw-b 10.1.9.0/24
check 'the others stay' has_route gw-b 10.1.0.0/24

# ---- nobody comes back ----

mark_b=$(log_mark "$WORK/gw-b.log")
stop_bg gw-a
wait_log_since "$WORK/gw-b.log" "$mark_b" 'gw-a: session: removing -> ended' 5
stop_bg gw-b
wait_same gw-a "$WORK/before-a" 3
wait_same gw-b "$WORK/before-b" 3

finish
