#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# A server with nat = true. Its peers reach a network that knows nothing of the pool, and get their answers; beyond the server they
# have its address, as nft sees it and a capture shows. From peer to peer nothing is masqueraded, so the check of what may go to a
# peer holds. The table goes with netd, however that ends, and nobody else can change it; an engine that is exchanged for another
# does not touch it.
#
#   spoke-a ═══╗
#              ╠═══ gw-b ──── net (198.51.100.2, no route back; here stands for the internet)
#   spoke-c ═══╝ .1
#
# shellcheck disable=SC2317 # Functions are called by name.
set -euo pipefail
# shellcheck source=tests/system/tunnel/common.sh
source "$(dirname "$0")/tunnel/common.sh"

TABLE=culvert-nat-gw-b
NET4=198.51.100.2 NET6=2001:db8:51::2
OUT4=198.51.100.1 OUT6=2001:db8:51::1

ns_add spoke-a
ns_add spoke-c
ns_add gw-b
ns_add net
veth spoke-a wan0 gw-b wan-a
veth spoke-c wan0 gw-b wan-c
veth gw-b net0 net eth0
addr spoke-a wan0 192.0.2.1/30
addr gw-b wan-a 192.0.2.2/30
addr spoke-c wan0 192.0.2.5/30
addr gw-b wan-c 192.0.2.6/30
addr gw-b net0 $OUT4/24 $OUT6/64
addr net eth0 $NET4/24 $NET6/64

pki_add spoke-a spoke-c
server_conf gw-b <<'CONF'
nat = true;
check_destination = false; # so that what one peer sends to another gets as far as the rules
announce = [ "198.51.100.0/24", "2001:db8:51::/64" ];
peers = (
	{ name = "spoke-a"; },
	{ name = "spoke-c"; interface = "branch-c"; }
);
CONF
for spoke in spoke-a spoke-c; do
	client_conf $spoke <<CONF
remotes = [ "$([[ $spoke == spoke-a ]] && echo 192.0.2.2 || echo 192.0.2.6):443" ];
accept_routes = [ "198.51.100.0/24", "2001:db8:51::/64" ];
CONF
done
tables() { # NS
	in_ns "$1" nft list tables
}
start_bg "$WORK/gw-b.log" gw-b in_ns gw-b "$CULVERTD" -c "$WORK/gw-b.conf"
wait_for "$UP_SECONDS" 'gw-b answers' ctl gw-b status

# ---- a host that does not forward is told the command, which then is enough ----

for setting in ipv4/ip_forward ipv6/conf/all/forwarding; do
	expect_log "$WORK/gw-b.log" "warning .*forwards no IPv[46] packets.*sysctl -w net/$setting=1"
	check "the command for $setting is one" in_ns gw-b sysctl -q -w "net/$setting=1"
done
check_equal 'each is said once' 2 "$(grep -c 'forwards no' "$WORK/gw-b.log")"

snapshot gw-b >"$WORK/gw-b.before"
client_start spoke-a
client_start spoke-c
for spoke in spoke-a spoke-c; do
	wait_up gw-b $spoke
	wait_routes $spoke 198.51.100.0/24 2001:db8:51::/64
done

# ---- there and back ----

start_bg "$WORK/net.log" echo in_ns net socat TCP6-LISTEN:7001,fork,ipv6-v6only=0 EXEC:cat
wait_for 5 'somebody echoes' listens net 7001
capture_start net net eth0 'icmp or icmp6 or tcp port 7001'
check 'a ping is answered' pings spoke-a $NET4 3
check 'over IPv6, too' pings spoke-a $NET6 3
check "the other spoke's, too" pings spoke-c $NET4 3
echoes() { # NS ADDRESS
	[[ $(echo hello | in_ns "$1" timeout 5 socat -t 5 - "TCP:$2:7001") == hello ]]
}
check 'a connection works' echoes spoke-a $NET4
check 'over IPv6, too' echoes spoke-a "[$NET6]"
check 'beyond, they have the address of the server' captured net "src host $OUT4 and dst host $NET4"
check 'and its IPv6 address' captured net "src host $OUT6 and dst host $NET6"
check_equal 'none has one of the pool' '' "$(capture_print net "net $POOL4 or net $POOL6")"
check "the server's own answers itself" pings gw-b 10.213.0.1 1
stop_bg net INT

rules() {
	in_ns gw-b nft list table inet $TABLE
}
check 'nft shows whose table it is' grep -E 'flags owner' <(rules)
check 'nft shows the rule for IPv4' grep -E "ip saddr $POOL4 counter packets [1-9][0-9]* bytes [0-9]+ masquerade" <(rules)
check 'nft shows the rule for IPv6' grep -E "ip6 saddr $POOL6 counter packets [1-9][0-9]* bytes [0-9]+ masquerade" <(rules)
check 'and where it leaves packets alone' grep -E 'oifgroup 67 accept' <(rules)
check 'every tunnel is in that group, whatever its name' test \
	"$(ip_ns gw-b -o link show group 67 | grep -cE ': (cv0|branch-c): ')" = 2

# ---- from peer to peer there is no way, however one tries ----

c4=$(session_value gw-b spoke-c .addresses.remote4)
a4=$(session_value gw-b spoke-a .addresses.remote4)
c6=$(session_value gw-b spoke-c .addresses.remote6)
a6=$(session_value gw-b spoke-a .addresses.remote6)
stop_bg spoke-a
wait_log "$WORK/gw-b.log" 'spoke-a: session: .* -> ended' 10
puppet_start puppet spoke-a 192.0.2.2:443 spoke-a
check 'a dishonest spoke gets its session' tell puppet <<'SCRIPT'
hello
await welcome
end
SCRIPT
capture_start c spoke-c any 'udp port 7777'
before=$(drops gw-b spoke-c out_source)
check 'it sends to the other spoke' tell puppet <<SCRIPT
repeat 5 udp $a4 $c4 7777 spoke-to-spoke
repeat 5 udp $a6 $c6 7777 spoke-to-spoke
sync
SCRIPT
all_dropped() {
	[[ $(drops gw-b spoke-c out_source) -ge $((before + 10)) ]]
}
wait_for 5 'all ten are counted at the session of spoke c' all_dropped && pass 'all ten are dropped'
marker() {
	in_ns gw-b bash -c "echo marker >/dev/udp/$c4/7777"
	captured c 'src host 10.213.0.1'
}
wait_for 5 'the marker arrives at spoke c' marker
check_equal 'the dishonest spoke reaches nobody' '' "$(capture_print c 'not src host 10.213.0.1')"
puppet_end puppet
stop_bg c INT

# ---- the table ----

structure() {
	rules | sed -E 's/packets [0-9]+ bytes [0-9]+//'
}
before=$(structure)
check_fails 'nobody else can delete it' in_ns gw-b nft delete table inet $TABLE
check 'a flush of the firewall' in_ns gw-b nft flush ruleset
check_equal 'leaves it alone' "$before" "$(structure)"
mark=$(log_mark "$WORK/spoke-c.log")
kill -KILL "$(engine_pid gw-b)"
wait_up spoke-c gw-b "$mark"
wait_routes spoke-c 198.51.100.0/24
check_equal 'so does another engine' "$before" "$(structure)"
check 'which goes on masquerading' pings spoke-c $NET4 3

kill -KILL "$(pid_of gw-b)"
wait_exit gw-b 10 || true
check_equal 'with a netd that was killed it is gone' '' "$(tables gw-b)"
stop_bg spoke-c
wait_same gw-b "$WORK/gw-b.before" 10
server_start gw-b
check 'a new one makes it again' grep -F "table inet $TABLE" <(tables gw-b)
check 'and says nothing about forwarding, which is on' test "$(grep -c 'forwards no' "$WORK/gw-b.log")" = 2
stop_bg gw-b
check_equal 'it ends with 0' 0 "$EXIT_STATUS"
check_equal 'and takes it along' '' "$(tables gw-b)"
finish
