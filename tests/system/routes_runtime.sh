#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Routes announced and withdrawn while the tunnel runs, by either end; and prefixes that are refused, with the reason in the
# logs and in the status of both ends.
#
#   lan-a ──── gw-a ════════ gw-b ──── lan-b       the server takes 10.1.0.0/16, 192.0.2.0/24 and 3 routes in all
#
# check: quick
# check: sanitized
set -euo pipefail
# shellcheck source=tests/system/tunnel/common.sh
source "$(dirname "$0")/tunnel/common.sh"

site_add
pki_add gw-a
site_conf <<'CONF'
peers = ( { name = "gw-a"; accept_routes = [ "10.1.0.0/16", "192.0.2.0/24", "10.213.0.0/16", "10.2.0.0/16" ]; max_routes = 3; } );
CONF
sed -i 's/^announce = .*/announce = [ "10.1.0.0\/24" ];/' "$WORK/gw-a.conf"
server_start gw-b
client_start gw-a
wait_up gw-a gw-b
wait_routes gw-a 10.2.0.0/24
wait_routes gw-b 10.1.0.0/24
check 'the tunnel works' pings lan-a $B4

# ---- add and del ----

addr lan-b eth0 10.4.0.2/24 fd00:4::2/64
route gw-b 10.4.0.0/24 via $B4
route gw-b fd00:4::/64 via $B6
check 'the server announces two more' ctl gw-b routes add 10.4.0.0/24 fd00:4::/64
wait_routes gw-a 10.4.0.0/24 fd00:4::/64
check 'they carry packets' pings lan-a 10.4.0.2 3
expect_log "$WORK/gw-a.log" 'gw-b: route 10\.4\.0\.0/24: installed'
check 'they are among the routes of the client' jq -e \
	'.received[] | select(.prefix == "10.4.0.0/24" and .peer == "gw-b" and .state == "installed")' \
	<(ctl gw-a routes --json)
check 'the server withdraws them' ctl gw-b routes del 10.4.0.0/24 fd00:4::/64
wait_for 5 'the route goes' lacks_route gw-a 10.4.0.0/24
wait_for 5 'the IPv6 route goes' lacks_route gw-a fd00:4::/64
check 'no packet takes it any more' no_ping lan-a 10.4.0.2
expect_log "$WORK/gw-a.log" 'gw-b: route 10\.4\.0\.0/24: removed'
check 'the first route is still there' pings lan-a $B4

addr lan-a eth0 10.1.7.2/24
route gw-a 10.1.7.0/24 via $A4
check 'the client announces one more' ctl gw-a routes add 10.1.7.0/24
wait_routes gw-b 10.1.7.0/24
check 'it carries packets' pings lan-b 10.1.7.2 3
check 'and withdraws it' ctl gw-a routes del 10.1.7.0/24
wait_for 5 'the route goes from the server' lacks_route gw-b 10.1.7.0/24

# ---- refused before anything is sent: the form is wrong ----

bad_form() { # PREFIX WORDS
	local status=0
	ctl gw-a routes add "$1" >"$WORK/out" 2>&1 || status=$?
	check_equal "$1 is refused at once" 5 "$status"
	check "$1: says why" grep -E "$2" "$WORK/out"
}
bad_form 0.0.0.0/0 'default'
bad_form ::/0 'default'
bad_form 127.0.0.0/8 'loopback'
bad_form ::1/128 'loopback'
bad_form 224.0.0.0/4 'multicast'
bad_form ff02::/16 'multicast'
bad_form 169.254.0.0/16 'link-local'
bad_form 10.1.5.1/24 'host bits'
status=0
ctl gw-a routes add 10.1.5.0/24 10.1.5.1/24 >"$WORK/out" 2>&1 || status=$?
check_equal 'one bad among good ones refuses all' 5 "$status"
check_equal 'nothing of it is announced' 1 "$(ctl gw-a routes --json | jq '.announced | length')"
status=0
ctl gw-a routes del 10.77.0.0/16 >"$WORK/out" 2>&1 || status=$?
check_equal 'what is not announced cannot be withdrawn' 5 "$status"

# ---- refused by the other end ----

refused_there() { # PREFIX WORDS
	check "$1 is announced" ctl gw-a routes add "$1"
	wait_log "$WORK/gw-b.log" "gw-a: route ${1//./\\.}: refused: .*$2" 5 && pass "$1: the server's log says why"
	wait_log "$WORK/gw-a.log" "gw-b: the peer refuses our route ${1//./\\.}: .*$2" 5 && pass "$1: so does the client's"
	# shellcheck disable=SC2016 # Variables of jq.
	check "$1: so does the server's status" jq -e --arg prefix "$1" --arg words "$2" \
		'.received[] | select(.prefix == $prefix and .state == "refused") | .reason | test($words)' <(ctl gw-b routes --json)
	# shellcheck disable=SC2016 # Variables of jq.
	check "$1: so does the client's status" jq -e --arg prefix "$1" --arg words "$2" \
		'.announced[] | select(.prefix == $prefix) | .refusals[] | select(.peer == "gw-b") | .reason | test($words)' \
		<(ctl gw-a routes --json)
	check "$1: no route" lacks_route gw-b "$1"
	check "$1 is withdrawn" ctl gw-a routes del "$1"
}
refused_there 10.99.0.0/16 'accept_routes'
refused_there fd00:1::/64 'accept_routes'
refused_there 192.0.2.0/24 'tunnel itself is reached'
refused_there 10.213.0.0/24 'tunnel'
refused_there 10.2.0.0/24 'this end'
check 'two more fit' ctl gw-a routes add 10.1.20.0/24 10.1.21.0/24
wait_routes gw-b 10.1.20.0/24 10.1.21.0/24
check 'a fourth does not' ctl gw-a routes add 10.1.22.0/24
wait_log "$WORK/gw-a.log" 'gw-b: the peer refuses our route 10\.1\.22\.0/24: .*max_routes' 5 && pass 'and the client is told'
check 'it is not there' lacks_route gw-b 10.1.22.0/24
check 'the tunnel works through all of it' pings lan-a $B4

# The same words for what a peer sends that has no such checks of its own.
stop_bg gw-a
wait_log "$WORK/gw-b.log" 'gw-a: session: .* -> ended' 10
snapshot gw-b | grep -vE 'cv[0-9]' >"$WORK/before"
puppet_start puppet gw-a 192.0.2.2:443
for pair in 0.0.0.0/0:default ::/0:default 127.0.0.0/8:loopback 224.0.0.0/4:multicast ff00::/8:multicast \
	10.1.5.1/24:'host bits' 169.254.0.0/16:link-local fe80::/10:link-local 0.0.0.0/8:unspecified \
	128.0.0.0/1:'outer|reached|accept_routes'; do
	words=${pair##*:} prefix=${pair%:*}
	[[ $prefix != 0.0.0.0/0 ]] || tell puppet <<<$'hello\nawait welcome'
	check "$prefix from a careless peer is refused" tell puppet <<<"announce $prefix"$'\nawait refuse'
	check "$prefix: with the reason" grep -E "^refuse .*($words|loopback|multicast|peer itself)" "$WORK/puppet.told"
done
check_equal 'no route came of it' "$(cat "$WORK/before")" "$(snapshot gw-b | grep -vE 'cv[0-9]')"
puppet_end puppet
finish
