#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# A gigabyte through the tunnel in each direction, with IPv4 and with IPv6, all four at once, arrives bit for bit; and while it
# does, small packets pass, too.
#
#   lan-a ──── gw-a ════════ gw-b ──── lan-b
#
# check: sanitized
set -euo pipefail
# shellcheck source=tests/system/tunnel/common.sh
source "$(dirname "$0")/tunnel/common.sh"

BYTES=1000000000
[[ -z $SANITIZED ]] || BYTES=100000000
SECONDS_MAX=100

site_add
pki_add gw-a
site_up </dev/null

stream() { # NAME NS listen|connect ADDRESS PORT
	start_bg "$WORK/$1.log" "$1" in_ns "$2" timeout $SECONDS_MAX "$STREAM" "$3" "$4" "$5" $BYTES
}
before=$(session_value gw-b gw-a '.in_bytes + .out_bytes')
stream b4 lan-b listen $B4 9004
stream b6 lan-b listen $B6 9006
wait_for 5 'lan-b listens' listens lan-b 9004 9006
start=$(now_ms)
stream a4 lan-a connect $B4 9004
stream a6 lan-a connect $B6 9006
check 'pings pass meanwhile' pings lan-a $B4 20
for name in a4 a6 b4 b6; do
	wait_exit $name $SECONDS_MAX
	check_equal "$name received $BYTES right bytes" 0 "$EXIT_STATUS"
	cat "$WORK/$name.log"
done
echo "# $((4 * BYTES / 1000000)) MB in $(($(now_ms) - start)) ms"
check 'all of it went through the tunnel' test \
	$(($(session_value gw-b gw-a '.in_bytes + .out_bytes') - before)) -gt $((4 * BYTES))
check_equal 'in one session' 1 "$(session_value gw-b gw-a .connections)"
check 'which is as good as new' pings lan-b $A6 5
finish
