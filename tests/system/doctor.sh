#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# `culvert doctor`: each thing that can be in the way is put there, found, and fixed by the very command that is named; then
# there is no problem.
#
#   lan-a ──── gw-a ════════ gw-b ──── lan-b
set -euo pipefail
# shellcheck source=tests/system/tunnel/common.sh
source "$(dirname "$0")/tunnel/common.sh"

site_add
pki_add gw-a stranger
client_lines=('announce = [ "10.1.0.0/24", "fd00:1::/64", "172.16.1.0/24" ];')
site_up </dev/null

STATUS=
doctor() { # NS NAME [ARGUMENT...]; what it says is in $WORK/doctor, how it ended in STATUS
	local ns=$1 name=$2
	shift 2
	STATUS=0
	in_ns "$ns" timeout 10 "$CULVERT" doctor --socket "$WORK/$name.sock" "$@" >"$WORK/doctor" 2>&1 || STATUS=$?
}
says() { # NAME REGEX; the last doctor
	check "$1" grep -E -e "$2" "$WORK/doctor"
}
silent() { # NAME REGEX
	check "$1" log_lacks "$WORK/doctor" "$2"
}
# Runs the command that the finding names, as a person would.
apply_cure() { # NS CHECK
	local cure
	cure=$(grep -E "^problem: $2: " "$WORK/doctor" | head -n 1 | sed 's/.*; fix it: //')
	check "the command named for $2: ${cure:-none}" in_ns "$1" sh -c "${cure:-false}"
}

doctor gw-b gw-b
says 'the session is fine' '^ok: session: gw-a is up'
says 'the certificate too' "^ok: certificate: this end's certificate \(gw-b\) is valid for [0-9]+ more days"
says 'and forwarding' '^ok: forwarding4: '
says 'the path has its MTU' '^ok: path: packets to 192.0.2.1 may have 1500 bytes'
says 'each route leads to its tunnel' '^ok: rp_filter: '
says 'a route that is not taken is told' '^note: routes: this end refuses the route to 172.16.1.0/24 of gw-a: '
silent 'there is no problem' '^problem: '
check_equal 'so it ends with 0' 0 "$STATUS"
doctor gw-a gw-a
says 'at the other end it is a problem' '^problem: routes: this end announces 172.16.1.0/24, but gw-b refuses it: .*accept_routes'
check_equal 'so it ends with 1' 1 "$STATUS"
doctor gw-b gw-b --json
check_equal 'JSON says the same' 'false ok' "$(jq -r '"\(.problems) \(.findings[] | select(.check == "session") | .level)"' "$WORK/doctor")"

# Forwarding.
in_ns gw-b sysctl -qw net.ipv4.ip_forward=0 net.ipv6.conf.all.forwarding=0
doctor gw-b gw-b
says 'IPv4 is not forwarded' '^problem: forwarding4: .*lan0, cv0.*; fix it: sysctl -w net.ipv4.ip_forward=1$'
says 'nor is IPv6' '^problem: forwarding6: .*; fix it: sysctl -w net.ipv6.conf.all.forwarding=1$'
check 'indeed it is not' no_ping lan-a $B4
apply_cure gw-b forwarding4
apply_cure gw-b forwarding6
check 'now it is' pings lan-a $B4
check 'and IPv6' pings lan-a $B6

# A firewall that drops.
in_ns gw-b nft -f - <<'RULES'
table inet filter {
	chain forward {
		type filter hook forward priority filter; policy drop;
		ct state established,related accept
	}
}
RULES
doctor gw-b gw-b
says 'the firewall drops' '^problem: firewall: chain forward of table inet filter drops packets from lan0 to cv0; fix it: nft '
check 'indeed it does' no_ping lan-a $B4
apply_cure gw-b firewall
doctor gw-b gw-b
says 'one direction is left' '^problem: firewall: .* from cv0 to lan0; '
apply_cure gw-b firewall
doctor gw-b gw-b
says 'then it lets both pass' '^ok: firewall: '
check 'indeed it does both' pings lan-a $B4

# One that lets no new client in.
in_ns gw-b nft -f - <<'RULES'
table inet filter {
	chain input {
		type filter hook input priority filter; policy drop;
		iifname "lo" accept
		ct state established,related accept
	}
}
RULES
# shellcheck disable=SC2317 # Called by name.
connects() { in_ns gw-a timeout 1 bash -c 'exec 3<>/dev/tcp/192.0.2.2/443'; }
doctor gw-b gw-b
says 'the firewall lets nobody in' \
	'^problem: firewall: chain input of table inet filter drops TCP connections to port 443, where this server listens; fix it: nft '
check_fails 'indeed it does not' connects
apply_cure gw-b firewall
doctor gw-b gw-b
says 'then it does' '^ok: firewall: no nftables rule drops TCP connections to port 443'
check 'indeed' connects

# A prefix whose answers go another way.
in_ns gw-b sysctl -qw net.ipv4.conf.all.rp_filter=1
ip_ns gw-b route add 10.1.0.0/24 via 192.0.2.1 metric 5
doctor gw-b gw-b
says 'strict filtering drops what comes in' '^problem: rp_filter: the kernel reaches 10.1.0.0/24 by wan0, so it drops .* cv0 '
apply_cure gw-b rp_filter
doctor gw-b gw-b
says 'loose filtering does not' '^note: rp_filter: the kernel reaches 10.1.0.0/24 by wan0 instead of cv0'
check_equal 'nothing is left' 0 "$STATUS"
ip_ns gw-b route del 10.1.0.0/24 via 192.0.2.1 metric 5
in_ns gw-b sysctl -qw net.ipv4.conf.cv0.rp_filter=1
ip_ns gw-b route add 10.1.0.0/25 via 192.0.2.1
doctor gw-b gw-b
says 'a part of it that goes another way is no news' '^ok: rp_filter: '
ip_ns gw-b route del 10.1.0.0/25 via 192.0.2.1

# Somebody who is not admitted.
client_lines=()
client_conf stranger </dev/null
start_bg "$WORK/stranger.log" stranger in_ns gw-a "$CULVERT" up "$WORK/stranger.conf"
wait_log "$WORK/gw-b.log" 'refused: stranger' 10
doctor gw-b gw-b
says 'who was refused, and why' '^problem: refused: stranger from 192.0.2.1 was refused, .*: .*no entry in peers'
doctor gw-a stranger
says 'on the other side its session is not up' '^problem: session: gw-b is not up \(state '
stop_bg stranger

# As anybody, and without a daemon.
status=0
in_ns gw-b setpriv --reuid nobody --clear-groups "$CULVERT" doctor --socket "$WORK/gw-b.sock" >"$WORK/doctor" 2>&1 || status=$?
says 'an ordinary user may not ask the daemon' 'you may not use '
check_equal 'and is told so by 6' 6 $status
doctor gw-b none
says 'without a daemon the host is examined' ': tun: '
says 'and it is said' 'no culvert is running there'
check_equal 'by 4' 4 "$STATUS"
finish
