#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# A client that reaches its server through a proxy: Debian's tinyproxy (HTTP CONNECT) and microsocks (SOCKS5), with and
# without user and password, and then proxies that refuse, lie, close, trickle and hang. gw-a has no other way to gw-b.
#
#   gw-a (192.0.2.1, 2001:db8::1) ──── proxy (.5, ::5 │ 198.51.100.5) ──── gw-b (198.51.100.2)
# shellcheck disable=SC2317 # Functions are called by name.
set -euo pipefail
# shellcheck source=tests/system/tunnel/common.sh
source "$(dirname "$0")/tunnel/common.sh"

ns_add gw-a
ns_add proxy
ns_add gw-b
veth gw-a wan0 proxy in0
veth proxy out0 gw-b wan0
addr gw-a wan0 192.0.2.1/24 2001:db8::1/64
addr proxy in0 192.0.2.5/24 2001:db8::5/64
addr proxy out0 198.51.100.5/24
addr gw-b wan0 198.51.100.2/24
pki_add gw-a
# A route to where the proxy is must not be taken; one to where the server is may be, as nothing of ours goes there.
server_conf gw-b <<'CONF'
peers = ( { name = "gw-a"; accept_routes = [ "10.1.0.0/16" ]; } );
announce = [ "10.2.0.0/24", "192.0.2.0/29", "198.51.100.0/24" ];
lanes = 2;
CONF
snapshot gw-a >"$WORK/before"
server_start gw-b
log=$WORK/gw-a.log

# The proxy alone knows the server's name; the client, the proxy's.
names=$(ns_etc gw-a)
printf 'hosts: files\n' >"$names/nsswitch.conf"
echo '192.0.2.5 proxy.example.org' >"$names/hosts"
names=$(ns_etc proxy)
printf 'hosts: files\n' >"$names/nsswitch.conf"
echo '198.51.100.2 vpn.example.org' >"$names/hosts"

# ---- the proxies ----

tinyproxy() { # PORT [LINE]
	printf '%s\n' "Port $1" 'Timeout 600' 'MaxClients 20' 'ConnectPort 443' ${2+"$2"} >"$WORK/tinyproxy-$1.conf"
	start_bg "$WORK/tinyproxy-$1.log" "tinyproxy-$1" in_ns proxy tinyproxy -d -c "$WORK/tinyproxy-$1.conf"
}
microsocks() { # PORT [ARGUMENT...]
	local port=$1
	shift
	start_bg "$WORK/microsocks-$port.log" "microsocks-$port" in_ns proxy microsocks -i :: -p "$port" "$@"
}
tinyproxy 3128
tinyproxy 3129 'BasicAuth alice w0rd4alice'
microsocks 1080
microsocks 1081 -u alice -P 'p@ss:w%rd'
# Percent-encoded where it has to be, and where it need not.
HTTP_LOGIN='alice:%770rd4alice' SOCKS_LOGIN='alice:p%40ss:w%25rd'
wait_for 10 'the proxies listen' listens proxy 3128 3129 1080 1081

# ---- through them ----

client() { # PROXY [REMOTE]; a fresh client; more settings may come on stdin
	rm -f "$log"
	{
		[[ -t 0 ]] || cat
		printf '%s = "%s";\n' proxy "$1" remotes "${2:-vpn.example.org}"
	} | client_conf gw-a
	client_start gw-a
}
client_end() {
	stop_bg gw-a
	wait_for 3 'gw-a is as it was' same_snapshot gw-a "$WORK/before"
}
through() { # NAME PROXY ENDPOINT [REMOTE]
	client "$2" "${4:-vpn.example.org}" </dev/null
	wait_up gw-a gw-b
	wait_for 5 "$1: the tunnel answers" pings gw-a $SERVER4
	check_equal "$1: the tunnel goes through it" "$3" "$(session_value gw-a gw-b .outer)"
	client_end
}
through 'HTTP' 'http://proxy.example.org:3128' 192.0.2.5:3128
through 'HTTP over IPv6, to an address' 'http://[2001:db8::5]:3128' '[2001:db8::5]:3128' 198.51.100.2:443
through 'SOCKS5' 'socks5://proxy.example.org:1080' 192.0.2.5:1080
through 'SOCKS5 over IPv6 with a password, to an address' "socks5h://$SOCKS_LOGIN@[2001:db8::5]:1081" '[2001:db8::5]:1081' 198.51.100.2

# ---- every lane and every reconnect; routes; nothing told ----

client "http://$HTTP_LOGIN@proxy.example.org:3129" <<'CONF'
lanes = 2;
mark = 7;
accept_routes = [ "10.0.0.0/8", "192.0.2.0/24", "198.51.100.0/24" ];
CONF
wait_up gw-a gw-b
lanes_are() { # COUNT
	[[ $(session_value gw-a gw-b '.lanes | map(select(.stage == "carrying")) | length') == "$1" ]]
}
wait_for "$UP_SECONDS" 'both lanes are up' lanes_are 2
check_equal 'every lane goes through the proxy' '192.0.2.5:3129 192.0.2.5:3129' \
	"$(session_value gw-a gw-b '.lanes | map(.outer) | join(" ")')"
check_equal 'and is marked' 2 "$(in_ns gw-a ss -Htne state established dport = :3129 | grep -c 'fwmark:0x7')"
wait_routes gw-a 10.2.0.0/24 198.51.100.0/24
check 'a route that would capture the proxy is refused' grep -F 'would capture the address' \
	<(ctl gw-a routes | grep -F 192.0.2.0/29)
mark=$(log_mark "$log")
stop_bg tinyproxy-3129
wait_log_since "$log" "$mark" 'connection failed: .*[Rr]efused' 10
tinyproxy 3129 'BasicAuth alice w0rd4alice'
wait_up gw-a gw-b "$mark"
wait_for 5 'it comes back through the proxy' pings gw-a $SERVER4
check_equal 'it comes back through the proxy' '192.0.2.5:3129' "$(session_value gw-a gw-b .outer)"
check 'the status says so' grep -F '192.0.2.5:3129, the HTTP proxy' <(ctl gw-a status)
check_equal 'also as JSON' HTTP "$(session_value gw-a gw-b .proxy)"
{
	ctl gw-a status
	ctl gw-a status --json
	cat "$log"
} >"$WORK/told"
check 'nothing tells user or password' log_lacks "$WORK/told" 'alice|0rd4|YWxpY2U'
client_end

# ---- refusals ----

says() { # NAME PROXY REGEX [REMOTE]
	client "$2" "${4:-vpn.example.org}" </dev/null
	if wait_log "$log" "through the (HTTP|SOCKS5) proxy .*connection failed: .*$3" "$UP_SECONDS"; then
		pass "$1: the log says why"
	fi
	check "$1: and not the password" log_lacks "$log" 'wrong'
	client_end
}
says 'no credentials for HTTP' 'http://192.0.2.5:3129' 'wants a user and password \(407\): write proxy = "http://USER:'
says 'wrong ones for HTTP' 'http://alice:wrong@192.0.2.5:3129' 'refuses this user and password'
says 'no credentials for SOCKS5' 'socks5://192.0.2.5:1081' 'wants a user and password: write proxy = "socks5://USER:'
says 'wrong ones for SOCKS5' 'socks5://alice:wrong@192.0.2.5:1081' 'refuses this user and password'
says 'a port that the proxy forbids' 'http://192.0.2.5:3128' 'forbids connections to vpn.example.org:4443 \(403' vpn.example.org:4443
says 'a server that is not there, by HTTP' 'http://192.0.2.5:3128' 'cannot reach 198.51.100.5:443' 198.51.100.5
says 'a server that is not there, by SOCKS5' 'socks5://192.0.2.5:1080' '198.51.100.5:443: connection refused' 198.51.100.5
says 'HTTP to a SOCKS5 proxy' 'http://192.0.2.5:1080' 'speaks SOCKS5|without an answer'
says 'a name of the proxy that is none' 'socks5://nowhere.example.org:1080' 'cannot resolve nowhere.example.org'

# ---- proxies that are none ----

rogue() { # PORT; the script on stdin runs for each connection
	cat >"$WORK/rogue-$1.sh"
	start_bg "$WORK/rogue-$1.log" "rogue-$1" in_ns proxy socat "TCP6-LISTEN:$1,fork,reuseaddr" "EXEC:bash $WORK/rogue-$1.sh"
	rogues+=("$1")
}
rogues=()
rogue 4001 <<<'head -c 3 >/dev/null; printf "no proxy at all\r\n"; exec cat >/dev/null'
rogue 4002 <<<'printf "HTTP/1.1 200 OK\r\n"; exec yes "X-Endless: header"'
rogue 4003 <<<'exec head -c 3 >/dev/null'
rogue 4004 <<<'head -c 3 >/dev/null; printf "HTTP/1.1 200 O"'
rogue 4005 <<<'exec cat >/dev/null'
rogue 4006 <<<'printf "HTTP/1.1 200 OK\r\n"; while printf "X-Next: line\r\n"; do read -r -t 0.2; done'
rogue 4007 <<<'printf "HTTP/1.1 200 OK\r\n\r\nand more"; exec cat >/dev/null' # in one segment
wait_for 5 'the rogues listen' listens proxy "${rogues[@]}"
says 'garbage' 'http://192.0.2.5:4001' 'the answer does not come from an HTTP proxy'
says 'garbage for SOCKS5' 'socks5://192.0.2.5:4001' 'the answer does not come from a SOCKS5 proxy'
says 'an endless header' 'http://192.0.2.5:4002' 'more than 8192 bytes'
says 'an early close' 'http://192.0.2.5:4003' 'closed the connection|reset by peer'
says 'a close in the middle' 'http://192.0.2.5:4004' 'in the middle of its answer|reset by peer'
says 'a proxy that goes on by itself' 'http://192.0.2.5:4007' 'went on after its answer'
# Silence, and a line now and then.
for url in socks5://192.0.2.5:4005 http://192.0.2.5:4006; do
	client "$url" <<<'handshake_timeout = 1;'
	wait_log "$log" 'connection failed: the proxy did not answer in time' "$UP_SECONDS"
	pass "$url: what does not end is ended by the deadline"
	client_end
done

# ---- the profile itself ----

client_conf gw-a <<CONF
proxy = "http://$HTTP_LOGIN@192.0.2.5:3129";
key = "$(pki_extract gw-a key)";
CONF
chmod 644 "$WORK/gw-a.conf"
status=0
"$CULVERT" check "$WORK/gw-a.conf" >"$WORK/out" 2>&1 || status=$?
check_equal 'a profile with a password that others can read is refused' 3 "$status"
check 'and told how to fix it' grep -F "chmod 600 $WORK/gw-a.conf" "$WORK/out"
sed -i "s|$HTTP_LOGIN@||" "$WORK/gw-a.conf"
check 'without the password it need not be private' "$CULVERT" check "$WORK/gw-a.conf"
finish
