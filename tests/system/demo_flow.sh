#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# What scripts/demo shows, as a test: two sites joined, each LAN learnt over the control channel, both families, only TLS
# on the wan, and nothing left at the end.
#
#   lan-a ──── gw-a ════════ gw-b ──── lan-b         culvert up in gw-a, culvertd in gw-b
#
# check: quick
set -euo pipefail
# shellcheck source=tests/system/tunnel/common.sh
source "$(dirname "$0")/tunnel/common.sh"

site_add
pki_add gw-a
snapshot gw-a >"$WORK/before-a"
snapshot gw-b >"$WORK/before-b"
capture_start wan gw-b wan0 ''

site_up </dev/null
check 'lan-a reaches lan-b over IPv4' pings lan-a $B4 5
check 'lan-a reaches lan-b over IPv6' pings lan-a $B6 5
check 'lan-b reaches lan-a over IPv4' pings lan-b $A4 5
check 'lan-b reaches lan-a over IPv6' pings lan-b $A6 5
check 'gw-a reaches the server in the tunnel' pings gw-a $SERVER4
check 'gw-a reaches the server in the tunnel over IPv6' pings gw-a $SERVER6

for name in gw-a gw-b; do
	check "status of $name" ctl "$name" status
	check "peers of $name" ctl "$name" peers
	check "routes of $name" ctl "$name" routes
	for command in status peers routes; do
		# shellcheck disable=SC2016 # The inner shell expands.
		check "$command of $name is JSON" bash -o pipefail -c \
			'timeout 10 "$1" "$2" --json --socket "$3" | jq -e type' sh "$CULVERT" "$command" "$WORK/$name.sock"
	done
done
check 'the status names the peer and its state' grep -E 'gw-a' <(ctl gw-b status)
check 'the routes name what was learnt' grep -F '10.1.0.0/24' <(ctl gw-b routes)
check_equal 'the session is up' up "$(session_value gw-b gw-a .state)"

# ping and TCP passed by, so that the capture would show them if they went beside the tunnel.
in_ns lan-b timeout 30 "$STREAM" listen $B4 9000 1000000 &
listener=$!
wait_for 5 'lan-b listens' listens lan-b 9000
check 'a TCP stream arrives' in_ns lan-a timeout 30 "$STREAM" connect $B4 9000 1000000
check 'and in the other direction' wait $listener

stop_bg gw-a
check_equal 'culvert ends with 0' 0 "$EXIT_STATUS"
expect_log "$WORK/gw-b.log" 'gw-a: received a goodbye: '
stop_bg gw-b
check_equal 'culvertd ends with 0' 0 "$EXIT_STATUS"
stop_bg wan INT
check 'the capture holds the tunnel' captured wan 'tcp port 443'
check 'the wan carried nothing but TLS over TCP to port 443, ARP and IPv6 discovery' \
	"$BUILD/system/only_tls" "$WORK/wan.pcap"
wait_same gw-a "$WORK/before-a" 3
wait_same gw-b "$WORK/before-b" 3
check 'the control sockets are gone' test ! -e "$WORK/gw-a.sock" -a ! -e "$WORK/gw-b.sock"
finish
