#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Resolvers that the server pushes: set in each of the three ways, asked through the tunnel alone in full tunnel, put back at
# the end and after a kill, left alone when somebody else has changed them; and a server whose name nobody can look up any more.
#
#   laptop ── 192.0.2.0/24 ── net ── 198.51.100.0/24 ── gw-b ── lan-b
#   192.0.2.1                 .254: a resolver          .2      10.2.0.53: a resolver
# shellcheck disable=SC2317 # Functions are called by name.
set -euo pipefail
# shellcheck source=tests/system/tunnel/common.sh
source "$(dirname "$0")/tunnel/common.sh"

ns_add laptop
ns_add net forward
ns_add gw-b forward
ns_add lan-b
veth laptop wan0 net net0
veth gw-b wan0 net net-b
veth gw-b lan0 lan-b eth0
addr laptop wan0 192.0.2.1/24
addr net net0 192.0.2.254/24
addr net net-b 198.51.100.254/24
addr gw-b wan0 198.51.100.2/24
addr gw-b lan0 10.2.0.1/24
addr lan-b eth0 10.2.0.53/24
route laptop default via 192.0.2.254
route gw-b default via 198.51.100.254
route lan-b default via 10.2.0.1

etc=$(ns_etc laptop)
printf 'hosts: files dns\n' >"$etc/nsswitch.conf"
printf '# mine\nnameserver 192.0.2.254\noptions timeout:1 attempts:1' >"$etc/resolv.conf" # without a last newline
cp "$etc/resolv.conf" "$WORK/original"

resolver() { # NS ADDRESS NAME ANSWER
	cat >"$WORK/$1.unbound" <<CONF
server:
	directory: "$WORK"
	chroot: ""
	username: ""
	pidfile: "$WORK/$1.unbound.pid"
	use-syslog: no
	module-config: "iterator"
	interface: $2
	access-control: 0.0.0.0/0 allow
	local-zone: "example.org." static
	local-data: "vpn.example.org. A 198.51.100.2"
	local-data: "$3. A $4"
CONF
	start_bg "$WORK/$1.resolver" "resolver-$1" in_ns "$1" unbound -d -c "$WORK/$1.unbound"
	wait_for 10 "the resolver of $1 is there" resolver_there "$1"
}
resolver_there() { [[ -n $(in_ns "$1" ss -Hlun 'sport = :53') ]]; }
resolver net 192.0.2.254 web.example.org 192.0.2.254
resolver lan-b 10.2.0.53 web.example.org 10.2.0.80

looks_up() { # NAME ADDRESS
	[[ $(in_ns laptop getent ahostsv4 "$1" | awk 'NR == 1 { print $1 }') == "$2" ]]
}
as_before() { cmp "$WORK/original" "$etc/resolv.conf"; }

pki_add laptop
server() { # LINES
	server_conf gw-b <<CONF
dns = [ "10.2.0.53" ];
peers = ( { name = "laptop"; } );
$1
CONF
	server_start gw-b
}
client() { # LINES [REMOTE]
	rm -f "$WORK/laptop.log"
	client_conf laptop <<<"remotes = [ \"${2:-vpn.example.org}\" ]; $1"
	client_start laptop
}
snapshot laptop >"$WORK/before"
check 'before, the network answers' looks_up web.example.org 192.0.2.254

# ---- the file; in a namespace it is a mount by itself ----

server 'announce = [ "10.2.0.0/24" ]; domains = [ "example.org", "corp.example" ];'
client ''
wait_up laptop gw-b
wait_log "$WORK/laptop.log" '1 resolvers and 2 domains set by writing /etc/resolv.conf' 5
wait_routes laptop 10.2.0.0/24
check 'names are looked up through the tunnel' looks_up web.example.org 10.2.0.80
check 'also short ones' looks_up web 10.2.0.80
# A DHCP client writes the file; what it wrote is what there was before.
cp "$WORK/original" "$WORK/mine"
printf '# by DHCP\nnameserver 192.0.2.254\n' >"$WORK/original"
cat "$WORK/original" >"$etc/resolv.conf"
wait_log "$WORK/laptop.log" 'another program has changed the resolvers \(/etc/resolv.conf\): netd restored them' 2
wait_for 5 'names are looked up through the tunnel again' looks_up web.example.org 10.2.0.80 &&
	pass 'names are looked up through the tunnel again'
# What cannot be read is not taken for ours.
head -c 5000000 /dev/zero >"$etc/resolv.conf"
wait_log "$WORK/laptop.log" 'netd cannot restore them: cannot read /etc/resolv.conf: File too large' 5
cat "$WORK/original" >"$etc/resolv.conf"
wait_for 15 'netd restores what can be read again' looks_up web.example.org 10.2.0.80 && pass 'netd restores what can be read again'
stop_bg laptop
check 'the end puts back what the DHCP client wrote' as_before
cp "$WORK/mine" "$WORK/original"
cat "$WORK/original" >"$etc/resolv.conf"
client ''
wait_up laptop gw-b
wait_log "$WORK/laptop.log" '1 resolvers and 2 domains set by writing /etc/resolv.conf' 5
stop_bg laptop
check 'the end puts the file back as it was' as_before
client 'use_dns = false;'
wait_up laptop gw-b
wait_log "$WORK/laptop.log" 'ignored the server.s resolvers' 5
wait_routes laptop 10.2.0.0/24
check 'without use_dns the file stays' as_before
stop_bg laptop
stop_bg gw-b

# ---- full tunnel: nothing asks elsewhere ----

server 'announce = [ "0.0.0.0/0" ];'
client 'full_tunnel = true;'
full() { looks_up web.example.org 10.2.0.80; }
wait_up laptop gw-b
wait_for 5 'names are looked up through the full tunnel' full
capture_start outside laptop wan0 'udp port 53 or tcp port 53 or udp port 9'
check 'names are looked up through the full tunnel' full
check_fails 'a name that nobody knows' in_ns laptop getent hosts nobody.example.org
in_ns laptop bash -c 'echo query >/dev/udp/192.0.2.254/53'

# Another network namespace may have the same /etc.
in_ns laptop unshare --net "$CULVERT" sweep >"$WORK/swept"
check 'a sweep elsewhere leaves the resolvers of one that lives' full

# The server's own name can be looked up nowhere while the tunnel is down.
mark=$(log_mark "$WORK/laptop.log")
stop_bg gw-b
wait_log_since "$WORK/laptop.log" "$mark" 'connection failed' 5
server 'announce = [ "0.0.0.0/0" ];'
wait_up laptop gw-b "$mark"
wait_for 5 'the tunnel is back although no name could be looked up' full
mark=$(log_mark "$WORK/laptop.log")
kill -KILL "$(engine_pid laptop)"
wait_up laptop gw-b "$mark"
check 'so does a new engine' full
in_ns net bash -c 'echo end >/dev/udp/192.0.2.1/9'
wait_for 5 'the end of the capture' captured outside 'port 9'
check_equal 'nobody was asked outside of the tunnel' '' "$(capture_print outside 'port 53')"

# ---- killed; and changed by others ----

kill_client() {
	local engine
	engine=$(engine_pid laptop)
	kill -KILL "$(pid_of laptop)" "$engine"
	wait_exit laptop 5 || true
	rm -f "$WORK/laptop.sock"
}
doctor_says() { # REGEX
	grep -E "$1" <(in_ns laptop timeout 10 "$CULVERT" doctor --socket "$WORK/laptop.sock" 2>&1)
}
check 'of one that lives doctor says nothing' doctor_says '^ok: leftover_resolvers: '
kill_client
check 'a killed client leaves its file' grep 'nameserver 10.2.0.53' "$etc/resolv.conf"
check 'doctor finds it' doctor_says '^problem: leftover_resolvers: .*/etc/resolv.conf.*fix it: culvert sweep$'
cp "$etc/resolv.conf" "$WORK/ours"

# What somebody has changed stays; it does not keep the rest from being removed.
echo 'options edns0' >>"$etc/resolv.conf"
check 'a file that was changed is not called left over' doctor_says '^ok: leftover_resolvers: '
in_ns laptop nft add table inet culvert-killswitch-gone
check 'a sweep says what it leaves' grep 'another program has changed it' <(in_ns laptop "$CULVERT" sweep 2>&1)
check_fails 'and removes the rest' in_ns laptop nft list table inet culvert-killswitch-gone
cp "$WORK/ours" "$etc/resolv.conf"
client 'use_dns = false;' 198.51.100.2
wait_log "$WORK/laptop.log" 'removed resolvers that a killed tunnel has left' 5
check 'the next start puts the file back' as_before
wait_up laptop gw-b
stop_bg laptop
wait_same laptop "$WORK/before" 3
client ''
wait_up laptop gw-b
wait_log "$WORK/laptop.log" 'set by writing' 5
echo 'nameserver 192.0.2.7' >"$etc/resolv.conf"
stop_bg laptop
expect_log "$WORK/laptop.log" 'belongs to another program now; it is left alone'
check "somebody else's file stays" grep -x 'nameserver 192.0.2.7' "$etc/resolv.conf"
cp "$WORK/original" "$etc/resolv.conf"
client ''
wait_up laptop gw-b
wait_log "$WORK/laptop.log" 'set by writing' 5
echo 'options edns0' >>"$etc/resolv.conf"
stop_bg laptop
expect_log "$WORK/laptop.log" 'another program has changed it; it is left alone'
check 'a changed one of ours too' grep -x 'options edns0' "$etc/resolv.conf"

# ---- resolvconf and systemd-resolved, played by scripts that write down what they are told ----

mkdir "$WORK/tools"
for tool in resolvconf resolvectl; do
	cat >"$WORK/tools/$tool" <<CONF
#!/bin/sh
echo "$tool \$*" >>"$WORK/told"
while read -r line; do echo "  \$line" >>"$WORK/told"; done
CONF
	chmod 755 "$WORK/tools/$tool"
done
with_tools() {
	rm -f "$WORK/laptop.log"
	# shellcheck disable=SC2016 # The inner shell expands.
	start_bg "$WORK/laptop.log" laptop in_ns laptop sh -ec 'mount --bind "$1" /usr/local/sbin; exec "$2" up "$3"' sh \
		"$WORK/tools" "$CULVERT" "$WORK/laptop.conf"
}
told() { # NAME TEXT
	check_equal "$1" "$2" "$(cat "$WORK/told")"
	rm -f "$WORK/told"
}
stop_bg gw-b
server 'announce = [ "10.2.0.0/24" ]; domains = [ "example.org", "corp.example" ];'
printf '# Generated by resolvconf\nnameserver 192.0.2.254\n' >"$etc/resolv.conf"
cp "$etc/resolv.conf" "$WORK/original"
client_conf laptop <<<'remotes = [ "198.51.100.2" ];'
with_tools
wait_up laptop gw-b
wait_log "$WORK/laptop.log" 'set by resolvconf' 5
stop_bg laptop
told 'resolvconf is told and told again' "resolvconf -a tun.cv0.culvert
  nameserver 10.2.0.53
  search example.org corp.example
resolvconf -d tun.cv0.culvert"
check 'the file itself is not written' as_before

start_bg "$WORK/stub.log" stub in_ns laptop socat TCP4-LISTEN:53,bind=127.0.0.53,fork,reuseaddr SYSTEM:true
wait_for 5 'the stub listens' listens laptop 53
with_tools
wait_up laptop gw-b
wait_log "$WORK/laptop.log" 'set by systemd-resolved' 5
stop_bg laptop
told 'resolvectl gets the domains of a split tunnel' 'resolvectl dns -- cv0 10.2.0.53
resolvectl domain -- cv0 example.org corp.example
resolvectl default-route -- cv0 no
resolvectl revert -- cv0'
client_conf laptop <<<'remotes = [ "198.51.100.2" ]; full_tunnel = true;'
with_tools
wait_up laptop gw-b
wait_log "$WORK/laptop.log" 'set by systemd-resolved' 5
stop_bg laptop
told 'and everything in a full one' 'resolvectl dns -- cv0 10.2.0.53
resolvectl domain -- cv0 example.org corp.example ~.
resolvectl default-route -- cv0 yes
resolvectl revert -- cv0'

# One that fails, or hangs, costs the tunnel nothing.
printf '#!/bin/sh\nexit 1\n' >"$WORK/tools/resolvectl"
with_tools
wait_up laptop gw-b
wait_log "$WORK/laptop.log" "the server's resolvers are not used: .*resolvectl ended with status 1" 5
check 'the tunnel works without its resolvers' pings laptop $SERVER4
stop_bg laptop
stop_bg stub
wait_same laptop "$WORK/before" 3
finish
