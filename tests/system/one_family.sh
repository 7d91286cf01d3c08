#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# IPv6 is switched off on one of two hosts: the tunnel carries IPv4 alone, says so once, and has IPv6 again when it may.
#
#   lan-a ──── gw-a ════════ gw-b ──── lan-b
#
# check: quick
# shellcheck disable=SC2317 # Functions are called by name.
set -euo pipefail
# shellcheck source=tests/system/tunnel/common.sh
source "$(dirname "$0")/tunnel/common.sh"

site_add
pki_add gw-a
ipv6() { # NS on|off
	local off=1 key
	[[ $2 == off ]] || off=0
	for key in all default; do
		in_ns "$1" sysctl -qw "net.ipv6.conf.$key.disable_ipv6=$off"
	done
}
without() { # NS PEER; as the status has it
	session_value "$1" "$2" '.without | join(" ")'
}
both_up() {
	server_start gw-b
	client_start gw-a
	wait_up gw-b gw-a
	wait_up gw-a gw-b
	wait_routes gw-a 10.2.0.0/24
	wait_routes gw-b 10.1.0.0/24
}
both_end() {
	stop_bg gw-a
	stop_bg gw-b
}
count() { # NS PATTERN
	grep -cE "$2" "$WORK/$1.log" || true
}

# ---- the client's host ----

client_lines=('use_dns = true;')
printf 'nameserver 192.0.2.99\n' >"$(ns_etc gw-a)/resolv.conf"
site_conf <<<'dns = [ "10.2.0.53", "fd00:2::53" ];'
ipv6 gw-a off
both_up
check 'a client without IPv6: IPv4 works' pings lan-a $B4
check 'IPv4 works backwards' pings lan-b $A4
check_equal 'its status tells it' ipv6 "$(without gw-a gw-b)"
check 'in words, too' grep -E 'without: +IPv6' <(ctl gw-a status)
check_equal 'the status has no IPv6 address' null "$(session_value gw-a gw-b .addresses.local6)"
check_equal 'one warning' 1 "$(count gw-a 'warning .*cv0 carries no IPv6: .*disable_ipv6')"
check_equal 'the route is refused with these words' 1 "$(count gw-a 'fd00:2::/64: refused: .*cv0 has no IPv6')"
check 'the server has no route to what the client cannot reach' lacks_route gw-b fd00:1::/64
check 'the resolver that is reached is used' grep -q 10.2.0.53 "$(ns_etc gw-a)/resolv.conf"
check 'the other one is not' bash -c "! grep fd00:2::53 '$(ns_etc gw-a)/resolv.conf'"

reconnect() {
	local mark
	mark=$(log_mark "$WORK/gw-a.log")
	kill -9 "$(engine_pid gw-b)"
	wait_up gw-a gw-b "$mark"
	wait_routes gw-a 10.2.0.0/24
}
reconnect
check_equal 'a further connection is no further warning' 1 "$(count gw-a 'cv0 carries no IPv6')"
check 'IPv4 works again' pings lan-a $B4
ipv6 gw-a on
ip_ns gw-a addr replace fd00:1::1/64 dev lan0 nodad
reconnect
wait_routes gw-a fd00:2::/64
wait_routes gw-b fd00:1::/64
check_equal 'with IPv6 on again, a new connection has it' '' "$(without gw-a gw-b)"
check 'the log says it' grep -E 'notice .*cv0 carries IPv6 again' "$WORK/gw-a.log"
both_end

# ---- the server's host ----

ipv6 gw-b off
both_up
check 'a server without IPv6: IPv4 works' pings lan-a $B4
check_equal 'its status tells it' ipv6 "$(without gw-b gw-a)"
check_equal 'it warns' 1 "$(count gw-b 'warning .*cv0 carries no IPv6: .*disable_ipv6')"
check_equal 'the client is offered none' null "$(session_value gw-a gw-b .addresses.local6)"
check 'nor a route of it' lacks_route gw-a fd00:2::/64
both_end

# ---- a kernel without IPv6: not even sockets (ipv6.disable=1) ----

programs=("$CULVERTD" "$CULVERT")
for program in culvertd culvert; do
	printf '#!/bin/sh\nexec "%s" ipv6 "%s" "$@"\n' "$BUILD/system/without" "$BUILD/$program" >"$WORK/$program-4"
	chmod +x "$WORK/$program-4"
done
CULVERTD=$WORK/culvertd-4 CULVERT=$WORK/culvert-4
client_lines=('remotes = [ "[2001:db8::2]:443", "192.0.2.2" ];')
site_conf <<<'listen = [ "[::]:443", "0.0.0.0:443" ];'
both_up
check 'a kernel without IPv6 sockets: IPv4 is served, and dialled' pings lan-a $B4
check_equal 'the server warns once' 1 "$(count gw-b 'warning .*cannot listen on \[::\]:443: .*listening without it')"
both_end
site_conf <<<'listen = [ "[::]:443" ];'
status=0
in_ns gw-b timeout 10 "$CULVERTD" -c "$WORK/gw-b.conf" >"$WORK/alone" 2>&1 || status=$?
check_equal 'with nothing else to listen on there is no start' 1 $status
check 'and a cure' grep 'add one of the other family' "$WORK/alone"
CULVERTD=${programs[0]} CULVERT=${programs[1]}
client_lines=()

# ---- nothing else is there ----

ipv6 gw-b on
site_conf </dev/null
sed -i '/^pool4/d' "$WORK/gw-b.conf"
ipv6 gw-a off
server_start gw-b
client_start gw-a
wait_log "$WORK/gw-a.log" 'cannot add address .*IPv6 is disabled on this host: enable it by sysctl' "$UP_SECONDS" && pass 'IPv6 alone, and that is off: the cause and the cure'
both_end
finish
