#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# A full tunnel holds back from the first welcome on, also one that is refused, until `culvert up` ends: with a server that gives
# addresses nobody takes, on a host with IPv6 alone, over an exchange of the engine, when the claim is deleted, and when the server
# ends the session for good, up to the last hook.
#
# The network is drawn in tunnel/laptop.sh; gw-b has an IPv6 address as well.
#
# shellcheck disable=SC2317 # Functions are called by name.
set -euo pipefail
# shellcheck source=tests/system/tunnel/laptop.sh
source "$(dirname "$0")/tunnel/laptop.sh"

addr net net-b 2001:db8:1::fe/64
addr gw-b wan0 2001:db8:1::2/64
route gw-b ::/0 via 2001:db8:1::fe
pki_add laptop
# shellcheck disable=SC2016 # The hook expands.
printf '#!/bin/bash\nping -n -q -c 1 -W 1 %s >/dev/null 2>&1 && echo left >>"$1" || echo held >>"$1"\n' $OUT6 >"$WORK/hook"
chmod 755 "$WORK/hook"
server() { # LINES
	rm -f "$WORK/gw-b.log"
	server_conf gw-b <<<"$1 peers = ( { name = \"laptop\"; } );"
	server_start gw-b
}
client() { # REMOTE
	rm -f "$WORK/laptop.log" "$WORK/hook.out"
	client_conf laptop <<<"remotes = [ \"$1\" ]; full_tunnel = true; on_down = [ \"$WORK/hook\", \"$WORK/hook.out\" ];"
	client_start laptop
}
watch() { # what the laptop sends in clear, except how neighbours are found
	capture_start wan0 laptop wan0 "(ip and src host 192.0.2.1 and not (tcp port 443 and host 198.51.100.2)) or
		(ip6 and src host 2001:db8:2::1 and not (icmp6 and ip6[40] >= 133 and ip6[40] <= 137) and
		not (tcp port 443 and host 2001:db8:1::2))"
}
nothing_leaves() { # WHEN
	check "$1, IPv4 is held back" no_ping laptop $OUT4
	check "$1, IPv6 is held back" no_ping laptop $OUT6
	check "$1, so is a bound socket" no_ping laptop 2001:db8:2::fe -I wan0
	check_equal "$1, nothing has left past the tunnel" '' "$(capture_print wan0)"
}
told() { # JQ-FILTER VALUE
	[[ $(ctl laptop status --json | jq -r "$1") == "$2" ]]
}

# ---- a welcome that is refused ----

server 'pool4 = "203.0.113.128/25";'
check 'before the first welcome nothing is held back' pings laptop $OUT6
client 198.51.100.2
wait_log "$WORK/laptop.log" "this host refuses the tunnel.s addresses that the server chose: .*203\\.0\\.113" 10
wait_for 5 'status says that everything is held back' told '.full_tunnel.held_back | join(" ")' 'IPv4 IPv6' &&
	pass 'status says that everything is held back'
watch
nothing_leaves 'refused'
check 'status says why' grep -E 'held back: .*203\.0\.113' <(ctl laptop status)
kill -KILL "$(engine_pid laptop)"
nothing_leaves 'while the engine is away'
wait_for 5 'the next engine knows it, too' told '.full_tunnel.held_back | join(" ")' 'IPv4 IPv6' && pass 'the next engine knows it, too'
stop_bg laptop
check 'the end lets packets leave' pings laptop $OUT6
stop_bg gw-b
stop_bg wan0 INT

# ---- a host with IPv6 alone, a server with IPv4 alone ----

server 'announce = [ "0.0.0.0/0" ];'
ip_ns laptop addr del 192.0.2.1/24 dev wan0
client 2001:db8:1::2
wait_up laptop gw-b
wait_for 5 'IPv4 goes through the tunnel' pings laptop $OUT4
watch
check 'IPv6 is held back' no_ping laptop $OUT6
check 'so is a bound socket' no_ping laptop 2001:db8:2::fe -I wan0

# ---- another engine, by exchange ----

mark=$(log_mark "$WORK/laptop.log")
start_bg "$WORK/ping.log" ping in_ns laptop ping -n -q -i 0.05 $OUT6
ctl laptop reexec >/dev/null
wait_up laptop gw-b "$mark"
stop_bg ping INT
check_equal 'an exchange of the engine lets nothing out' '' "$(capture_print wan0)"

# ---- the claim is deleted, and another Culvert starts ----

claimed() {
	ip_ns laptop link show cvclaim0
}
ip_ns laptop link del cvclaim0
wait_for 5 'the claim is made again' claimed && pass 'the claim is made again'
ip_ns laptop link add cvclaim1 type veth peer name other1
for _ in 1 2 3; do
	ip_ns laptop link del cvclaim0
	in_ns laptop "$CULVERT" sweep >/dev/null 2>&1 || true
	in_ns laptop ping -n -q -c 1 -W 0.1 $OUT6 >/dev/null 2>&1 || true
done
ip_ns laptop link del cvclaim1
wait_for 5 'the claim is made again after sweeps' claimed && pass 'the claim is made again after sweeps'
check_equal 'a lost claim lets nothing out' '' "$(capture_print wan0)"
check 'IPv6 is held back still' no_ping laptop $OUT6

# ---- the server ends the session for good ----

start_bg "$WORK/ping.log" ping in_ns laptop ping -n -q -i 0.05 2001:db8:2::fe -I wan0
cp "$WORK/laptop.conf" "$WORK/second.conf"
sed -i "s|^name = .*|name = \"second\";|; s|^control_socket = .*|control_socket = \"$WORK/second.sock\";|
	s|^remotes = .*|remotes = [ \"198.51.100.2\" ];|" "$WORK/second.conf"
sed -i 's|full_tunnel = true; on_down = [^;]*;||' "$WORK/second.conf"
start_bg "$WORK/second.log" second in_ns spoke "$CULVERT" up "$WORK/second.conf"
wait_exit laptop 10 || true
expect_log "$WORK/laptop.log" 'the session has ended and the client does not retry'
stop_bg ping INT
check_equal 'what a hook sends at the end is held back' held "$(cat "$WORK/hook.out")"
check 'then packets leave' pings laptop $OUT6
stop_bg second
finish
