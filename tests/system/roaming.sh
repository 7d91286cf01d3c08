#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# A laptop in full tunnel with the kill switch changes networks: a connection inside goes on, and while neither network works,
# and before the tunnel is back, nothing but the outer connection and what finds neighbours leaves by either.
# The network is drawn in tunnel/laptop.sh.
# shellcheck disable=SC2317 # Functions are called by name.
set -euo pipefail
# shellcheck source=tests/system/tunnel/laptop.sh
source "$(dirname "$0")/tunnel/laptop.sh"

pki_add laptop
server_conf gw-b <<'CONF'
announce = [ "0.0.0.0/0", "::/0" ];
peers = ( { name = "laptop"; } );
linger = 60;
CONF
client_conf laptop <<<'remotes = [ "198.51.100.2" ]; full_tunnel = true; kill_switch = true;'
server_start gw-b

# What comes out of the laptop by a network, but for the outer connection and what IPv6 finds neighbours with.
watch() { # NUMBER
	capture_start "wan$1" net "net$1" "(ip and not (tcp port 443 and host 198.51.100.2)) or (ip6 and not ip6 multicast and not
		(icmp6 and ip6[40] >= 133 and ip6[40] <= 137))"
}
# A packet to the laptop marks the end: a capture sees what came before.
no_leak() { # NAME NUMBER ADDRESS
	# shellcheck disable=SC2016 # The inner shell expands.
	in_ns net bash -c 'echo end >"/dev/udp/$1/9"' bash "$3"
	wait_for 5 'the end of the capture' captured "wan$2" 'udp dst port 9'
	check_equal "$1" '' "$(capture_print "wan$2" 'not udp dst port 9')"
}

watch 0
watch 1
client_start laptop
wait_up laptop gw-b
wait_for 5 'everything goes through the tunnel' pings laptop $OUT4
check 'IPv6 as well' pings laptop $OUT6

# A transfer and a ping that never cease, and somebody who would rather go past the tunnel.
start_bg "$WORK/sink.log" sink in_ns lan-b socat -u TCP-LISTEN:7000,reuseaddr OPEN:/dev/null
wait_for 5 'the sink listens' listens lan-b 7000
start_bg "$WORK/source.log" source in_ns laptop bash -c "while echo more; do read -rt 0.01 <> <(:) || :; done >/dev/tcp/$OUT4/7000"
start_bg "$WORK/ping.log" ping in_ns laptop ping -n -q -i 0.02 $OUT4
start_bg "$WORK/past.log" past in_ns laptop ping -n -q -i 0.02 192.0.2.254
start_bg "$WORK/past6.log" past6 in_ns laptop ping -n -q -i 0.02 2001:db8:2::fe
transferring() {
	[[ -n $(in_ns lan-b ss -Htn state established 'sport = :7000') ]]
}
wait_for 5 'the transfer has begun' transferring
mark=$(log_mark "$WORK/laptop.log")
laptop_moves
wait_up laptop gw-b "$mark"
wait_for 5 'the tunnel answers in the new network' pings laptop $OUT4
check 'the connection comes from there' grep -F 192.0.3.1: <(ctl gw-b status)
check 'the transfer inside goes on' bg_running source
check 'both ends have it still' transferring
for name in ping past past6; do
	stop_bg $name INT
done
no_leak 'nothing has left past the tunnel in the new network' 1 192.0.3.1
check_equal 'nor in the old one' '' "$(capture_print wan0 'not udp dst port 9')"

# The person takes it down.
stop_bg source
stop_bg laptop
check 'taken down, the network is open' pings laptop 192.0.3.254
finish
