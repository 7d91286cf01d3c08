#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Release 0.1.0 and this tree work together, in both roles: connect, routes, traffic, takeover, goodbye. The old programs are built
# from the repository's history once, in a folder that is kept: ${CULVERT_CACHE:-/var/cache/culvert}/older.
#
#   lan-a ──── gw-a ════════ gw-b ──── lan-b       linger 60 s
#
# check: needs-history
# check: timeout 300
set -euo pipefail
shopt -s inherit_errexit
# shellcheck source=tests/system/tunnel/common.sh
source "$(dirname "$0")/tunnel/common.sh"

# The commit that the tag 0.1.0 names; a clone may lack the tag, but not the commit.
RELEASE=5b0a2d6b04d71182383fabb2597f0bd3176eba6f
CACHE=${CULVERT_CACHE:-/var/cache/culvert}/older

# Programs of one compiler and one libssl do not run everywhere: the folder's name tells them apart.
old_build() { # prints the folder of the old programs
	local suite folder=$CACHE half
	suite=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
	folder=$CACHE/${RELEASE:0:12}-${suite:-unknown}-$(uname -m)
	mkdir -p "$CACHE"
	exec 8>"$CACHE/lock"
	flock 8
	if [[ ! -x $folder/build/culvert || ! -x $folder/build/culvertd ]]; then
		rm -rf "$CACHE"/making.*
		half=$(mktemp -d "$CACHE/making.XXXXXX")
		git -c safe.directory="$TOP" -C "$TOP" archive "$RELEASE" | tar -x -C "$half"
		make -C "$half" -j "$(nproc)" --no-print-directory BUILD=build WERROR=0 all >"$WORK/old-build.log" 2>&1
		rm -rf "$folder"
		mv "$half" "$folder"
	fi
	flock -u 8
	# The engine runs under another uid, and a cache may be closed to it.
	mkdir "$WORK/old"
	install -m 755 "$folder/build/culvert" "$folder/build/culvertd" "$WORK/old/"
	echo "$WORK/old"
}

index_of() { # NS
	ip_ns "$1" -j link show cv0 | jq '.[0].ifindex'
}
# shellcheck disable=SC2317 # wait_for calls it
connections_are() { # NUMBER
	[[ $(session_value gw-b gw-a .connections) -eq $1 ]]
}

# One pair: how its ends talk, and how each takes the other's goodbye.
pair() { # WHAT CLIENT-PROGRAM SERVER-PROGRAM
	local what=$1 client=$2 server=$3 index mark
	site_conf <<<'linger = 60;'
	CULVERTD=$server server_start gw-b
	CULVERT=$client client_start gw-a
	wait_up gw-b gw-a
	wait_up gw-a gw-b
	wait_routes gw-a 10.2.0.0/24 fd00:2::/64
	wait_routes gw-b 10.1.0.0/24 fd00:1::/64
	check "$what: IPv4 passes" pings lan-a $B4
	check "$what: IPv6 passes" pings lan-a $B6
	if [[ $server == "$CULVERTD" ]]; then
		check_equal "$what: the status names what the client lacks" '["goodbye class","renewal","push"]' \
			"$(session_value gw-b gw-a '.peer_lacks | tojson')"
	else
		check_equal "$what: the status names what the server lacks" '["goodbye class","renewal","push"]' \
			"$(session_value gw-a gw-b '.peer_lacks | tojson')"
	fi

	index=$(index_of gw-b)
	kill -KILL "$(engine_pid gw-a)"
	wait_for "$UP_SECONDS" "$what: the client takes its session over" connections_are 2
	wait_for "$UP_SECONDS" "$what: traffic passes after a takeover" pings lan-a $B4
	check_equal "$what: the interface is the same after a takeover" "$index" "$(index_of gw-b)"
	wait_routes gw-a 10.2.0.0/24 fd00:2::/64

	mark=$(log_mark "$WORK/gw-b.log")
	stop_bg gw-a
	wait_log_since "$WORK/gw-b.log" "$mark" 'gw-a: (received a goodbye|goodbye heard)' "$UP_SECONDS"
	pass "$what: the server hears a goodbye"

	mark=$(log_mark "$WORK/gw-a.log")
	CULVERT=$client client_start gw-a
	wait_up gw-a gw-b "$mark"
	stop_bg gw-b
	wait_log_since "$WORK/gw-a.log" "$mark" 'gw-b: (received a goodbye|goodbye heard)' "$UP_SECONDS"
	CULVERTD=$server server_start gw-b
	mark=$(log_mark "$WORK/gw-b.log")
	wait_for "$UP_SECONDS" "$what: the client comes back to a server that was shut down" pings lan-a $B4

	# Another host with the same certificate: the one before is told, and ends for good.
	sed -e "s/^name = .*/name = \"second\";/" -e "s|^control_socket = .*|control_socket = \"$WORK/second.sock\";|" \
		"$WORK/gw-a.conf" >"$WORK/second.conf"
	chmod 600 "$WORK/second.conf"
	CULVERT=$client client_start second gw-a
	wait_exit gw-a "$UP_SECONDS"
	check_equal "$what: a replaced client ends for good" 5 "$EXIT_STATUS"
	stop_bg second
	stop_bg gw-b
}

OLD=$(old_build)
site_add
pki_add gw-a
pair 'old client, new server' "$OLD/culvert" "$CULVERTD"
rm -rf "$WORK/gw-b.state" "$WORK"/gw-?.log "$WORK/second.log"
pair 'new client, old server' "$CULVERT" "$OLD/culvertd"
finish
