#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# What `culvert doctor` finds about the ways that a laptop's packets take: resolvers of the server that do not answer or are
# elsewhere, policy rules that come before a full tunnel's, containers that a full tunnel cuts off. Each cure that is named
# works.
#
# The network is drawn in tunnel/laptop.sh; the laptop has a container behind a bridge: 172.17.0.2.
# shellcheck disable=SC2317 # Functions are called by name.
set -euo pipefail
# shellcheck source=tests/system/tunnel/laptop.sh
source "$(dirname "$0")/tunnel/laptop.sh"

ns_add container
veth container eth0 laptop to-container
ip_ns laptop link add docker0 type bridge
ip_ns laptop link set to-container master docker0
addr laptop docker0 172.17.0.1/16
ip_ns laptop link set docker0 up
addr container eth0 172.17.0.2/16

etc=$(ns_etc laptop)
printf 'nameserver 192.0.2.254\n' >"$etc/resolv.conf"
pki_add laptop
server() { # LINES
	server_conf gw-b <<CONF
peers = ( { name = "laptop"; } );
$1
CONF
	server_start gw-b
}
laptop() { # LINES; a fresh client
	rm -f "$WORK/laptop.log"
	client_conf laptop <<<"remotes = [ \"198.51.100.2\" ]; $1"
	client_start laptop
	wait_up laptop gw-b
}
doctor() {
	in_ns laptop timeout 10 "$CULVERT" doctor --socket "$WORK/laptop.sock" >"$WORK/doctor" 2>&1 || true
}
says() { # NAME REGEX; the last doctor
	check "$1" grep -E -e "$2" "$WORK/doctor"
}
silent() { # NAME REGEX
	check "$1" log_lacks "$WORK/doctor" "$2"
}
apply_cure() { # CHECK
	local cure
	cure=$(grep -E "^(problem|note): $1: " "$WORK/doctor" | head -n 1 | sed 's/.*; fix it: //')
	check "the command named for $1: ${cure:-none}" in_ns laptop sh -c "${cure:-false}"
}

# ---- resolvers ----

server "dns = [ \"$OUT4\" ]; announce = [ \"203.0.113.0/24\" ];"
laptop 'accept_routes = [ "203.0.113.0/24" ];'
wait_routes laptop 203.0.113.0/24
doctor
says 'a resolver that nobody runs' "^problem: dns: the server's resolver $OUT4 does not answer through cv0 \\(.*use_dns = false"
resolver_start lan-b "$OUT4" 'local-zone: "." static'
doctor
says 'then it runs' "^ok: dns: the server's resolver $OUT4 answers through cv0"
silent 'nothing is said of a full tunnel' ': cut_off: '

# Policy rules before the main table, where the routes of a tunnel are that is not full.
says 'nobody keeps packets out of the tunnel' '^ok: policy_rules: '
enters() { ip_ns laptop route get "$OUT4" | grep -F 'dev cv0' >/dev/null; }
ip_ns laptop rule add priority 100 lookup 77
doctor
says 'a rule for an empty table is nothing' '^ok: policy_rules: '
ip_ns laptop route add 198.18.0.0/15 via 192.0.2.254 table 77
doctor
says 'nor is one for other networks' '^ok: policy_rules: '
ip_ns laptop route add default via 192.0.2.254 table 77
check_fails 'with a default route it takes the packets' enters
doctor
says 'it is named' '^problem: policy_rules: .*IPv4 policy rule 100 .*packets to 203\.0\.113\.0/24 take table 77 and do not enter cv0; fix it: ip -4 rule del priority 100$'
apply_cure policy_rules
check 'then they are back' enters
ip_ns laptop rule add priority 101 fwmark 9 lookup 77
doctor
says 'one for some packets is a note' '^note: policy_rules: .*IPv4 policy rule 101 .*; fix it: ip -4 rule del priority 101$'
apply_cure policy_rules
# What wg-quick makes: the main table first, without its default route.
ip_ns laptop rule add priority 102 not fwmark 9 lookup 77
ip_ns laptop rule add priority 101 lookup main suppress_prefixlength 0
check 'a rule that leaves the main table its routes does no harm' enters
doctor
silent 'it is no problem' '^problem: policy_rules: '
ip_ns laptop rule del priority 101
doctor
says 'without the first it is one' '^problem: policy_rules: .*IPv4 policy rule 102 '
apply_cure policy_rules
ip_ns laptop route flush table 77
doctor
says 'nobody does any more' '^ok: policy_rules: '
# The laptop comes into a network that has the office's prefix.
addr laptop wan0 203.0.113.99/24
doctor
says 'a resolver that is elsewhere' "^problem: dns: this host reaches the server's resolver $OUT4 by wan0 instead of cv0, .*use_dns = false"
ip_ns laptop addr del 203.0.113.99/24 dev wan0
stop_bg laptop
laptop 'use_dns = false; accept_routes = [ "203.0.113.0/24" ];'
doctor
silent 'with the line that is named nothing is asked' ': dns: '
stop_bg laptop
stop_bg resolver
laptop 'accept_routes = [ ];'
resolver_start net "$OUT4" 'local-zone: "." static'
doctor
says 'one that answers past the tunnel' "^note: dns: the server's resolver $OUT4 answers, but by wan0 instead of cv0"
stop_bg laptop
stop_bg gw-b

# ---- a full tunnel ----

container_answers() { in_ns laptop ping -n -q -c 1 -W 1 172.17.0.2; }
out_answers() { in_ns laptop ping -n -q -c 1 -W 1 "$OUT4"; }
server 'announce = [ "0.0.0.0/0", "::/0" ];'
check 'before, the container answers' container_answers
laptop 'full_tunnel = true;'
wait_for 5 'the full tunnel carries' out_answers
doctor
says 'nobody diverts packets' '^ok: policy_rules: '
check 'the container answers' container_answers
silent 'and is no finding' 'docker0'
says 'a network behind a card is cut off' '^note: cut_off: the full tunnel cuts off wan0: packets to 192.0.2.0/24 .*bypass = \[ "192.0.2.0/24" \];$'
ip_ns laptop rule add priority 100 lookup 77
ip_ns laptop route add default via 192.0.2.254 table 77
doctor
says 'a rule of another program' '^problem: policy_rules: .*IPv4 policy rule 100 .* table 77 .*; fix it: ip -4 rule del priority 100$'
check_fails 'indeed it takes the packets' out_answers
apply_cure policy_rules
check 'then they are back' out_answers
ip_ns laptop -6 rule add priority 101 fwmark 9 lookup 77
doctor
says 'one for some packets is a note' '^note: policy_rules: .*IPv6 policy rule 101 .*; fix it: ip -6 rule del priority 101$'
apply_cure policy_rules
doctor
says 'then it is gone' '^ok: policy_rules: '
stop_bg laptop
laptop 'full_tunnel = true; bypass_local_bridges = false;'
wait_for 5 'the full tunnel carries again' out_answers
doctor
check_fails 'without the option the container does not answer' container_answers
says 'the container is cut off' '^note: cut_off: the full tunnel cuts off docker0: packets to 172.17.0.0/16 .*: bypass_local_bridges = true;$'
stop_bg laptop
laptop 'full_tunnel = true; bypass_local_bridges = true; bypass = [ "192.0.2.0/24" ];'
wait_for 5 'the full tunnel carries once more' out_answers
check 'with the line that is named the container answers' container_answers
doctor
silent 'and is no finding any more' 'docker0'
silent 'nor is the network of the card' '192.0.2.0'
finish
