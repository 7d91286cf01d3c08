#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# A server with a good certificate that pushes routes it should not: each is refused with its reason, in the client's log too, and
# the client's host is as it was when it has gone.
#
#   gw-a ──── 192.0.2.0/24 ──── gw-b       a puppet, which is "hub.test" to the client; 198.51.100.1 is the client's other network
#
# check: sanitized
# shellcheck disable=SC2317 # Functions are called by name.
set -euo pipefail
# shellcheck source=tests/system/tunnel/common.sh
source "$(dirname "$0")/tunnel/common.sh"
# shellcheck source=tests/system/tunnel/craft.sh
source "$(dirname "$0")/tunnel/craft.sh"

gateways_add
veth gw-a lan0 gw-b lan0
addr gw-a lan0 198.51.100.1/24
pki_add gw-a
echo '192.0.2.2 hub.test' >"$(ns_etc gw-a)/hosts"
snapshot gw-a >"$WORK/before"

client_conf gw-a <<'CONF'
remotes = [ "hub.test:9443" ];
accept_routes = [ "0.0.0.0/1", "128.0.0.0/1", "fc00::/7" ];
max_routes = 64;
announce = [ "10.1.0.0/24" ];
CONF

# The client meets the puppet, which knows how to answer a hello.
meet() {
	puppet_listen server gw-b 192.0.2.2:9443
	client_start gw-a
	tell server < <(echo 'await hello' && welcome && echo 'await end-of-routes')
}
part() {
	puppet_end server
	stop_bg gw-a
	wait_same gw-a "$WORK/before" 5
}
# What the server pushes is refused with these words, and the session lives.
refused() { # PREFIX WORDS
	local since
	since=$(log_mark "$WORK/gw-a.log")
	check "$1 is refused" tell server <<<"announce $1"$'\nawait refuse\nsync'
	check "$1: the server is told why" grep -E "^refuse .*$2" "$WORK/server.told"
	wait_log_since "$WORK/gw-a.log" "$since" "gw-b: route ${1//./\\.}: refused: .*$2" 5 && pass "$1: and so is the log"
	check "$1: no route" lacks_route gw-a "$1"
}

meet
refused 0.0.0.0/0 'default'
refused ::/0 'default'
refused 10.3.0.1/24 'host bits'
refused 192.0.2.0/24 'tunnel itself is reached'
refused 192.0.2.2/32 'tunnel itself is reached'
refused 192.0.0.0/8 'tunnel itself is reached'
refused 198.51.100.0/24 'this end'
refused 198.51.100.128/25 'this end'
refused 10.1.0.0/24 'this end'
refused 10.213.0.0/24 'tunnel'
refused 2001:db8::/32 'accept_routes'
refused 127.0.0.0/8 'loopback'

# ---- 10,000 at once ----

{
	for ((i = 0; i < 20; i++)); do
		echo "announce $(for ((j = 0; j < 500; j++)); do
			echo "10.$((10 + i)).$((j / 2)).$((j % 2 * 128))/25"
		done | tr '\n' ' ')"
	done
	echo end
	echo sync
} >"$WORK/flood"
check 'a list of 10,000 routes' tell server <"$WORK/flood"
count() {
	ip_ns gw-a -4 route show proto 67 | wc -l
}
is_full() { [[ $(count) -eq 64 ]]; }
wait_for 5 'max_routes of them are there' is_full && pass 'max_routes of them are there'
check 'a further one' tell server <<<$'announce 10.200.0.0/24\nawait refuse\nsync'
check 'is refused as one too many' grep -E '^refuse .*max_routes' "$WORK/server.told"
check_equal 'no more have come' 64 "$(count)"
check 'the log does not grow with the list' test "$(wc -l <"$WORK/gw-a.log")" -lt 1000
check_equal 'one session through all of it' 1 "$(session_value gw-a gw-b .connections)"
part

# ---- "come back tomorrow", before a session and in one: the other remote is called at once ----

server_conf gw-b <<<''
client_conf gw-a <<<'remotes = [ "hub.test:9443", "192.0.2.2" ];'
server_start gw-b
tomorrow="control $(tlv 11 "$(tlv 1 "$(u16 10)")$(tlv 2 "$(u32 86400000)")")"
at_real_server() { [[ $(session_value gw-a gw-b .outer) == 192.0.2.2:443 ]]; }
for when in before in; do
	puppet_listen server gw-b 192.0.2.2:9443
	client_start gw-a
	if [[ $when == before ]]; then
		tell server < <(echo 'await hello' && echo "$tomorrow")
	else
		tell server < <(echo 'await hello' && welcome && echo 'await end-of-routes' && echo "$tomorrow")
	fi
	wait_for "$UP_SECONDS" "$when a session: one server's retry after does not bind the other" at_real_server && pass "$when a session: the other server is called at once"
	check "$when a session: nobody is held for a day" grep -F 'asks for a pause of 86400 s; the client pauses for 300 s' \
		"$WORK/gw-a.log"
	puppet_end server
	stop_bg gw-a
done
stop_bg gw-b
finish
