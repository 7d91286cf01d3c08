#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Who holds what while a tunnel is up: netd only what it goes on to need, the engine nothing at all.
#
#   lan-a ──── gw-a ════════ gw-b ──── lan-b
#
# check: quick
set -euo pipefail
# shellcheck source=tests/system/tunnel/common.sh
source "$(dirname "$0")/tunnel/common.sh"

# CAP_KILL, CAP_SETGID, CAP_SETUID, CAP_SETPCAP, CAP_NET_BIND_SERVICE, CAP_NET_ADMIN: linux/capability.h
capabilities=$(printf '%016x' $((1 << 5 | 1 << 6 | 1 << 7 | 1 << 8 | 1 << 10 | 1 << 12)))
none=$(printf '%016x' 0)

status_of() { # PID FIELD
	awk -v field="$2:" '$1 == field { print $2 }' "/proc/$1/status"
}

site_add
pki_add gw-a
site_up </dev/null
check 'the tunnel works' pings lan-a $B4

for name in gw-a gw-b; do
	netd=$(pid_of $name)
	engine=$(engine_pid $name)
	for set in CapPrm CapEff CapBnd; do
		check_equal "netd of $name: $set" "$capabilities" "$(status_of "$netd" $set)"
		check_equal "engine of $name: $set" "$none" "$(status_of "$engine" $set)"
	done
	check_equal "engine of $name: no new privileges" 1 "$(status_of "$engine" NoNewPrivs)"
	check_equal "engine of $name: its user" "$(id -u nobody)" "$(status_of "$engine" Uid)"
	check_equal "engine of $name: no other groups" '' "$(status_of "$engine" Groups)"
	check "engine of $name: may not read the key" bash -c \
		"! setpriv --reuid=nobody --clear-groups cat '$WORK/pki/ca/ca.key' 2>/dev/null"
done

# ---- netd can still do its work: a killed engine is started again, of the same user, and everything is taken down ----

mark=$(log_mark "$WORK/gw-a.log")
kill -KILL "$(engine_pid gw-a)"
wait_up gw-a gw-b "$mark"
wait_routes gw-a 10.2.0.0/24
wait_routes gw-b 10.1.0.0/24
check 'a new engine has its tunnel' pings lan-a $B4
check_equal 'and no capability' "$none" "$(status_of "$(engine_pid gw-a)" CapPrm)"

finish
