#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Tunnels whose interfaces live in other network namespaces than the programs: TLS stays outside. Two peers of the server have the
# same prefix, each in a namespace of its own. A namespace that goes takes its interface along, and nothing else; one that is
# missing refuses its peer with words, and one that comes back has its tunnel again.
#
#            red ┐ vpn0                      cv0 ┌ blue
#   gw-a ────────┴─────── gw-b ─────────────────┴───────
#                          │ ┌ green cv0
#   gw-c ──────────────────┴─┘            (interfaces of one peer each; gw-c's own is at home)
#
# shellcheck disable=SC2317 # Functions are called by name.
set -euo pipefail
# shellcheck source=tests/system/tunnel/common.sh
source "$(dirname "$0")/tunnel/common.sh"

for name in gw-a gw-b gw-c red blue green; do
	ns_add $name
done
veth gw-a wan0 gw-b wan-a
veth gw-c wan0 gw-b wan-c
addr gw-a wan0 192.0.2.1/30
addr gw-b wan-a 192.0.2.2/30
addr gw-c wan0 198.51.100.1/30
addr gw-b wan-c 198.51.100.2/30
addr red lo 10.1.0.1/32
addr gw-c lo 10.1.0.1/32
addr blue lo 10.2.0.1/32 fd00:2::1/128
addr green lo 10.2.0.1/32 fd00:2::1/128
pki_add gw-a gw-c gw-e
snapshot gw-a >"$WORK/gw-a.before"
snapshot gw-b >"$WORK/gw-b.before"

server_conf gw-b <<CONF
announce = [ "10.2.0.0/24", "fd00:2::/64" ];
linger = 120;
peers = (
	{ name = "gw-a"; accept_routes = [ "10.1.0.0/16" ]; netns = "$(ns_name blue)"; lanes = 2; },
	{ name = "gw-c"; accept_routes = [ "10.1.0.0/16" ]; netns = "/run/netns/$(ns_name green)"; },
	{ name = "gw-d"; netns = "culvert-$$-gone"; },
	{ name = "gw-e"; accept_routes = [ "10.1.0.0/16" ]; netns = "$(ns_name blue)"; interface = "cv1"; }
);
CONF
client_conf gw-a <<CONF
announce = "10.1.0.0/24";
interface = "vpn0";
lanes = 2;
netns = "$(ns_name red)";
CONF
client_conf gw-c <<'CONF'
remotes = "198.51.100.2";
announce = "10.1.0.0/24";
CONF

client_conf gw-e <<'CONF'
remotes = "198.51.100.2";
announce = "10.1.0.0/24";
interface = "vpn1";
metric = 2000;
CONF

has_netns_route() { # NS PREFIX INTERFACE
	ip_ns "$1" route show "$2" proto 67 | grep "dev $3 "
}
both_up() {
	wait_for "$UP_SECONDS" 'red has the route' has_netns_route red 10.2.0.0/24 vpn0
	wait_for "$UP_SECONDS" 'blue has the route' has_netns_route blue 10.1.0.0/24 cv0
}

# ---- check tells what is missing, and starts nothing ----

"$CULVERT" check "$WORK/gw-b.conf" >"$WORK/check" 2>&1
check 'check names the namespace that is not there' grep -qE \
	"gw-b.conf:[0-9]+: peers.\[2\].netns \(gw-d\): network namespace culvert-$$-gone does not exist" "$WORK/check"
check 'and finds the file fine' grep -q 'gw-b.conf: fine' "$WORK/check"
check_equal 'of those that are there it says nothing' 1 "$(grep -c netns "$WORK/check")"

# ---- up: interfaces, addresses and routes are over there ----

server_start gw-b
expect_log "$WORK/gw-b.log" "gw-d: network namespace culvert-$$-gone does not exist .*; the peer is refused until then"
client_start gw-a
client_start gw-c
both_up
wait_for "$UP_SECONDS" 'green has the route' has_netns_route green 10.1.0.0/24 cv0
check 'red reaches blue' pings red 10.2.0.1 3 -I 10.1.0.1
check 'blue reaches red' pings blue 10.1.0.1 3 -I 10.2.0.1
check 'gw-c reaches green: the same prefixes in another namespace' pings gw-c 10.2.0.1 3 -I 10.1.0.1
check 'red reaches the server over IPv6' pings red $SERVER6
check_equal 'the status tells where it is' "$(ns_name blue)" "$(session_value gw-b gw-a .interface.netns)"
check_equal 'and the index it has there' "$(ip_ns blue -j link show cv0 | jq '.[0].ifindex')" \
	"$(session_value gw-b gw-a .interface.index)"
lanes_are_two() { [[ $(session_value gw-a gw-b '.lanes | length') -eq 2 ]]; }
wait_for "$UP_SECONDS" 'there are two lanes' lanes_are_two && pass 'there are two lanes'
in_ns gw-a "$CULVERT" doctor --socket "$WORK/gw-a.sock" >"$WORK/doctor" || true
check 'doctor does not look for it outside' grep -q '^ok: forwarding: ' "$WORK/doctor"
refute_log "$WORK/gw-a.log" 'does not forward'
check 'nothing of it shows outside, at the client' same_snapshot gw-a "$WORK/gw-a.before"
check 'nor at the server' same_snapshot gw-b "$WORK/gw-b.before"

# netd has only what it takes to enter a namespace besides.
capabilities=$(printf '%016x' $((1 << 5 | 1 << 6 | 1 << 7 | 1 << 8 | 1 << 10 | 1 << 12 | 1 << 21)))
check_equal 'netd keeps CAP_SYS_ADMIN for it and no more' "$capabilities" \
	"$(awk '$1 == "CapEff:" { print $2 }' "/proc/$(pid_of gw-b)/status")"

# ---- a prefix is shared within one namespace, and with nobody outside it ----

links_of() { # NS; of the route to gw-a's network, which gw-c and gw-e have as well
	ip_ns "$1" -o route show 10.1.0.0/24 | grep -o 'dev [a-z]*[0-9]' | sort | tr '\n' ' '
}
has_links() { # NS LINKS
	[[ $(links_of "$1") == "$2" ]]
}
check_equal 'two in different namespaces do not share' 'dev cv0 / dev cv0 ' "$(links_of blue)/ $(links_of green)"
client_start gw-e gw-c
wait_for "$UP_SECONDS" 'two in one namespace do' has_links blue 'dev cv0 dev cv1 ' && pass 'two in one namespace do'
check_equal 'which does not concern the other' 'dev cv0 ' "$(links_of green)"
stop_bg gw-e
wait_for 5 'and the one that stays has it all' has_links blue 'dev cv0 ' && pass 'and the one that stays has it all'
check_equal 'nor does that' 'dev cv0 ' "$(links_of green)"

# ---- another process may take the place ----

index=$(ip_ns blue -j link show cv0 | jq '.[0].ifindex') mark=$(log_mark "$WORK/gw-a.log")
start_bg "$WORK/gw-b.log" gw-b.next in_ns gw-b "$CULVERTD" -c "$WORK/gw-b.conf" --succeed "$(pid_of gw-b)"
wait_exit gw-b 10
bg_pids[gw-b]=${bg_pids[gw-b.next]}
unset "bg_pids[gw-b.next]"
wait_log_since "$WORK/gw-a.log" "$mark" 'gw-b: session: .* -> up' "$UP_SECONDS"
check_equal 'interfaces in other namespaces are taken over' "$index" "$(ip_ns blue -j link show cv0 | jq '.[0].ifindex')"
check 'and red reaches blue' pings red 10.2.0.1 3 -I 10.1.0.1

# ---- the engine may die, and be exchanged ----

mark=$(log_mark "$WORK/gw-a.log")
kill -KILL "$(engine_pid gw-b)"
wait_log_since "$WORK/gw-b.log" 0 'gw-a: adopted cv0 with 1 routes' 10
wait_up gw-a gw-b "$mark"
both_up
check 'red reaches blue by a new engine of the server' pings red 10.2.0.1 3 -I 10.1.0.1
mark=$(log_mark "$WORK/gw-a.log")
check 'the client exchanges its engine' ctl gw-a reexec
wait_up gw-a gw-b "$mark"
both_up
check 'red reaches blue by a new engine of the client' pings red 10.2.0.1 3 -I 10.1.0.1

# ---- a namespace goes, and comes back ----

mark=$(log_mark "$WORK/gw-b.log")
ns_del blue
wait_log_since "$WORK/gw-b.log" "$mark" 'gw-a: session: up -> .*interface does not exist any more' 5
wait_log_since "$WORK/gw-b.log" "$mark" "gw-a: cannot make the tunnel interface: gw-a: .*network namespace $(ns_name blue) does not exist" "$UP_SECONDS"
check 'the other peer does not notice' pings gw-c 10.2.0.1 3 -I 10.1.0.1
ns_add blue
addr blue lo 10.2.0.1/32
both_up
check 'a new one of that name has the tunnel' pings red 10.2.0.1 3 -I 10.1.0.1

mark=$(log_mark "$WORK/gw-a.log")
ns_del red
wait_log_since "$WORK/gw-a.log" "$mark" 'gw-b: session: up -> .*interface does not exist any more' 5
wait_log_since "$WORK/gw-a.log" "$mark" "cannot make the tunnel interface: .*network namespace $(ns_name red) does not exist" "$UP_SECONDS"
ns_add red
addr red lo 10.1.0.1/32
both_up
check 'and so at the client' pings red 10.2.0.1 3 -I 10.1.0.1

# ---- a name that another namespace has got, while a process keeps the old one ----

start_bg "$WORK/keeper.log" keeper in_ns blue sleep 1000
wait_for 5 'the keeper is there' test "/proc/$(pid_of keeper)/ns/net" -ef "/run/netns/$(ns_name blue)"
mark=$(log_mark "$WORK/gw-b.log")
ns_del blue
ns_add blue
addr blue lo 10.2.0.1/32
wait_log_since "$WORK/gw-b.log" "$mark" "gw-a: network namespace $(ns_name blue) is another one now" 5
both_up
check 'the tunnel is where the name is now' pings red 10.2.0.1 3 -I 10.1.0.1
check_fails 'and not in the old one any more' nsenter -n -t "$(pid_of keeper)" ip link show cv0
stop_bg keeper

# ---- a name that is taken over there ----

stop_bg gw-a
in_ns red ip tuntap add dev vpn0 mode tun
mark=$(log_mark "$WORK/gw-a.log")
client_start gw-a
wait_log_since "$WORK/gw-a.log" "$mark" "network namespace $(ns_name red): an interface named vpn0 exists already" "$UP_SECONDS"
check 'nothing of the attempt stays outside' same_snapshot gw-a "$WORK/gw-a.before"
ip_ns red link del vpn0
both_up

# ---- the end: interfaces go, namespaces stay ----

stop_bg gw-a
check_equal 'the client ends with 0' 0 "$EXIT_STATUS"
check_fails 'its interface is gone' ip_ns red link show vpn0
start=$(log_mark "$WORK/gw-b.log")
stop_bg gw-b
check_equal 'the server ends with 0' 0 "$EXIT_STATUS"
check_equal 'and says nothing odd at its end' '' "$(tail -n "+$((start + 1))" "$WORK/gw-b.log" | grep -E 'warning|error' || true)"
check_fails 'its interface in blue is gone' ip_ns blue link show cv0
check_fails 'its interface in green is gone' ip_ns green link show cv0
check 'nothing is left at home' same_snapshot gw-b "$WORK/gw-b.before"
stop_bg gw-c

# ---- a process tells the namespace; a client without one does not start ----

start_bg "$WORK/holder.log" holder in_ns red sleep 1000
wait_for 5 'the holder is there' test "/proc/$(pid_of holder)/ns/net" -ef "/run/netns/$(ns_name red)"
server_start gw-b
client_conf gw-a <<CONF
announce = "10.1.0.0/24";
interface = "vpn0";
netns = "pid:$(pid_of holder)";
CONF
client_start gw-a
both_up
check 'a process can tell the namespace' pings red 10.2.0.1 3 -I 10.1.0.1
kill -KILL "$(pid_of gw-a)"
wait_exit gw-a 5
no_vpn0() { ! ip_ns red link show vpn0; }
wait_for 5 'a killed client leaves nothing' no_vpn0 && pass 'a killed client leaves nothing'
stop_bg holder
client_start gw-a
wait_exit gw-a 5
check_equal 'a client whose namespace is not there is worth another start' 1 "$EXIT_STATUS"
expect_log "$WORK/gw-a.log" 'process [0-9]+, whose network namespace is to be used, does not exist'
client_conf gw-a <<<"netns = \"$(ns_name red)\";"
status=0
in_ns gw-a timeout 10 setpriv --inh-caps=-sys_admin --bounding-set=-sys_admin "$CULVERT" up "$WORK/gw-a.conf" \
	>"$WORK/capless.log" 2>&1 || status=$?
check_equal 'nor does one that may not enter it' 6 "$status"
expect_log "$WORK/capless.log" "netd needs CAP_SYS_ADMIN to enter network namespace $(ns_name red) .*; a systemd unit needs"
finish
