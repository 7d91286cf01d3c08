#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# `forwarding = true`: gateways that do not forward begin to when their daemons start, and stop when these end, also after a
# kill; without it the log says what is in the way, and the command that it names fixes it.
#
#   lan-a ──── gw-a ════════ gw-b ──── lan-b
# shellcheck disable=SC2317 # Functions are called by name.
set -euo pipefail
# shellcheck source=tests/system/tunnel/common.sh
source "$(dirname "$0")/tunnel/common.sh"

site_add
pki_add gw-a

# 1 where anything is switched on; interfaces of the tunnel have gone when this is asked.
forwarding_values() { # NS
	in_ns "$1" sh -c 'cd /proc/sys/net; grep . ipv4/conf/*/forwarding ipv6/conf/*/forwarding ipv6/conf/*/force_forwarding \
		ipv6/conf/*/accept_ra 2>/dev/null' | grep -v /cv0/ | sort
}
is_put_back() { # NS
	[[ $(forwarding_values "$1") == "$(cat "$WORK/$1.before")" ]]
}
for gateway in gw-a gw-b; do
	in_ns $gateway sysctl -qw net.ipv4.ip_forward=0 net.ipv6.conf.all.forwarding=0
	forwarding_values $gateway >"$WORK/$gateway.before"
done

# What drops packets behind Culvert's back is named at the start.
if command -v nft >/dev/null; then
	in_ns gw-b nft 'table ip filter { chain FORWARD { type filter hook forward priority 0; policy drop; accept; }; }'
fi

# Without the setting: said, not done.
site_up </dev/null
if command -v nft >/dev/null; then
	expect_log "$WORK/gw-b.log" 'chain FORWARD of table ip filter drops packets that this host forwards, unless a rule there accepts them'
	refute_log "$WORK/gw-a.log" 'drops packets that this host forwards'
fi
for gateway in gw-a gw-b; do
	for word in 'IPv4.*fix it: sysctl -w net.ipv4.ip_forward=1' 'IPv6.*fix it: sysctl -w net.ipv6.conf.all.forwarding=1'; do
		check_equal "$gateway warns once: $word" 1 "$(grep -cE "warning.*$word" "$WORK/$gateway.log")"
	done
	check "$gateway leaves forwarding as it is" is_put_back $gateway
done
check 'so a LAN does not reach the other' no_ping lan-a $B4
stop_bg gw-a
stop_bg gw-b
rm -f "$WORK"/gw-?.log

# With it: done, and put back.
client_lines=('forwarding = true;')
site_up <<<'forwarding = true;'
check 'a LAN reaches the other by IPv4' pings lan-a $B4 2
check 'and by IPv6' pings lan-a $B6 2
check 'the wan is not forwarded from' grep -qx 0 <(in_ns gw-b cat /proc/sys/net/ipv4/conf/wan0/forwarding)
refute_log "$WORK/gw-a.log" 'does not forward'
check 'what was there before is written down' grep -q '^ipv4/conf/lan0/forwarding 0$' "$WORK/gw-b.sock.sysctl"
stop_bg gw-a
check 'gw-a puts it back' is_put_back gw-a
check 'and keeps no file' test ! -e "$WORK/gw-a.sock.sysctl"

# A kill leaves it on; the next start puts it back.
engine=$(engine_pid gw-b)
kill -KILL "$(pid_of gw-b)" "$engine"
wait_exit gw-b 5 || true
check 'after a kill it is on' grep -qx 1 <(in_ns gw-b cat /proc/sys/net/ipv4/conf/lan0/forwarding)
client_lines=()
site_conf </dev/null
server_start gw-b
expect_log "$WORK/gw-b.log" 'restoring values that an earlier run left'
check 'the next start puts it back' is_put_back gw-b
check 'and keeps no file, either' test ! -e "$WORK/gw-b.sock.sysctl"
stop_bg gw-b

# What leads out is switched on as well: by a default route that is announced, answers come in by this host's own.
ip_ns gw-b route add default via 192.0.2.1
ip_ns gw-b -6 route add default via 2001:db8::1
in_ns gw-b sysctl -qw net.ipv4.ip_forward=0 net.ipv6.conf.all.forwarding=0
forwarding_values gw-b >"$WORK/gw-b.before"
site_conf <<<'announce = [ "10.2.0.0/24", "0.0.0.0/0", "2000::/3" ]; nat = true; forwarding = true;'
mark=$(log_mark "$WORK/gw-b.log")
server_start gw-b
check 'the wan is forwarded from' grep -qx 1 <(in_ns gw-b cat /proc/sys/net/ipv4/conf/wan0/forwarding)
# shellcheck disable=SC2016 # The inner shell expands.
ipv6_forwards() {
	in_ns gw-b sh -c 'cd /proc/sys/net/ipv6/conf; [ "$(cat all/forwarding)" = 1 ] || [ "$(cat wan0/force_forwarding)" = 1 ]'
}
check 'also by IPv6' ipv6_forwards
check_fails 'and nothing is amiss' log_has_since "$WORK/gw-b.log" "$mark" 'fix it|forwards no|let it:'

doctor_says() { # LEVEL; prints the finding
	in_ns gw-b "$CULVERT" doctor --socket "$WORK/gw-b.sock" >"$WORK/doctor" || true # there may be problems
	grep "^$1: forwarding4: " "$WORK/doctor"
}
check 'doctor neither, while nobody is connected' doctor_says ok

# Who switches on all meanwhile means it; and where one is off nevertheless the cure is one that works.
in_ns gw-b sysctl -qw net.ipv4.ip_forward=1
stop_bg gw-b
check_equal 'forwarding that was asked for meanwhile stays' '1 1' \
	"$(in_ns gw-b cat /proc/sys/net/ipv4/conf/lan0/forwarding /proc/sys/net/ipv4/conf/wan0/forwarding | xargs)"
in_ns gw-b sysctl -qw net.ipv4.conf.lan0.forwarding=0 net.ipv4.conf.wan0.forwarding=0
site_conf <<<'announce = [ "10.2.0.0/24", "0.0.0.0/0" ];'
server_start gw-b
check 'doctor sees both sides' grep -E 'by: lan0, wan0' <(doctor_says problem)
cure=$(doctor_says problem | sed 's/.*fix it: //')
# shellcheck disable=SC2086 # Words of a command.
check "its cure: $cure" in_ns gw-b $cure
check 'does something' doctor_says ok
finish
