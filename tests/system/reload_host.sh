#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# What a client and a server hold on their hosts follows the configuration while the tunnel stays up: full tunnel, bypass, kill
# switch, answers to calls, NAT, forwarding. What is to be held back is held back from the moment at which the command returns.
#
# The network is drawn in tunnel/laptop.sh.
#
# check: quick
# shellcheck disable=SC2317 # Functions are called by name.
set -euo pipefail
# shellcheck source=tests/system/tunnel/laptop.sh
source "$(dirname "$0")/tunnel/laptop.sh"

pki_add laptop
server() { # LINES
	server_conf gw-b <<CONF
announce = [ "0.0.0.0/0", "::/0", "203.0.113.0/24" ];
peers = ( { name = "laptop"; } );
$1
CONF
}
laptop() { # LINES
	client_conf laptop <<CONF
remotes = [ "198.51.100.2" ];
accept_routes = [ "203.0.113.0/24" ];
$1
CONF
}
reload() { # NAME WHAT
	check_equal "$1: $2" "$2" "$(ctl "$1" reload 2>&1 | sed 's/^configuration [0-9]* is in force: //')"
}
rules() { # FAMILY; how many of ours
	ip_ns laptop -d "$1" rule show | grep -c 'proto 67' || true
}
tables() { # NS; the firewall tables of ours
	in_ns "$1" nft list tables | awk '{ print $3 }' | grep culvert | sort | paste -sd' '
}
connections() {
	session_value gw-b laptop .connections
}
has_route_in() { # NS TABLE
	ip_ns "$1" route show table "$2" | grep -q '^default dev'
}
# The connection is made again where its mark has changed, which takes a moment.
tunnelled() { # NAME
	wait_for 10 "$1" pings laptop $OUT4 1 && pass "$1"
	check "$1, IPv6" pings laptop $OUT6
}
# The other network answers as OUT4, so an answer alone says nothing: what leaves in clear is captured.
UNEXPECTED='(host 203.0.113.10 or host 2001:db8:f::10)'
watches=0
watch() { capture_start "watch$((++watches))" laptop wan0 "$UNEXPECTED or udp port 9"; }
no_leak() { # NAME
	# shellcheck disable=SC2016 # The inner shell expands.
	in_ns net bash -c 'echo end >"/dev/udp/$1/9"' bash 192.0.2.1
	wait_for 5 'the end of the capture' captured "watch$watches" 'dst port 9'
	check_equal "$1" '' "$(capture_print "watch$watches" "$UNEXPECTED")"
	stop_bg "watch$watches"
}

server ''
laptop ''
server_start gw-b
client_start laptop
wait_up laptop gw-b
wait_routes laptop 203.0.113.0/24

# ---- a full tunnel comes and goes ----

laptop 'full_tunnel = true;'
reload laptop full_tunnel
watch
check 'rules for both families are in force' test "$(rules -4) $(rules -6)" = '2 3'
wait_for 5 'the default route is taken' has_route_in laptop 25462
tunnelled 'everything goes through the tunnel'
no_leak 'and nothing in clear'
laptop $'full_tunnel = true;\nbypass = [ "192.0.3.0/24", "198.51.101.0/24" ];'
reload laptop bypass
check_equal 'bypass has its rules' 2 "$(ip_ns laptop rule show | grep -c 'to .* goto' || true)"
laptop $'full_tunnel = true;\nbypass = [ "192.0.3.0/24" ];'
reload laptop bypass
check_equal 'one is gone' 1 "$(ip_ns laptop rule show | grep -c 'to .* goto' || true)"
watch
tunnelled 'everything else goes through the tunnel still'
no_leak 'and nothing in clear'
laptop ''
reload laptop 'full_tunnel, bypass'
check_equal 'no rule is left' 0 "$(rules -4)"
check_equal 'nor a firewall table' '' "$(tables laptop)"
wait_for 5 'the other routes are there' has_route laptop 203.0.113.0/24
wait_for 10 'and carry' pings laptop $OUT4 1

# ---- a kill switch ----

laptop 'kill_switch = true;'
reload laptop kill_switch
check_equal 'its tables are there' 'culvert-guard-laptop culvert-killswitch-laptop' "$(tables laptop)"
wait_for 10 'the tunnel passes' pings laptop $OUT4 1
check 'and nothing else' no_ping laptop 192.0.2.254
laptop $'kill_switch = true;\nanswer_inbound = true;'
reload laptop answer_inbound
check 'a call from outside is answered' pings net 192.0.2.1
laptop ''
reload laptop 'kill_switch, answer_inbound'
check_equal 'all tables are gone' '' "$(tables laptop)"
check 'and the neighbour answers again' pings laptop 192.0.2.254
wait_for 10 'the tunnel goes on' pings laptop $OUT4 1

# ---- the server ----

before=$(connections)
server 'nat = true;'
reload gw-b nat
check_equal 'the table of nat is there' culvert-nat-gw-b "$(tables gw-b)"
check 'packets pass' pings laptop $OUT4
server $'nat = true;\nforwarding = true;'
reload gw-b forwarding
server ''
reload gw-b 'forwarding, nat'
check_equal 'the table is gone' '' "$(tables gw-b)"
check_equal 'no connection was made again' "$before" "$(connections)"
finish
