#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Server and client of an ordinary user who has CAP_NET_ADMIN and nothing else, as in a container: the tunnel works, the engine
# is the same user's and has no capability, an engine that was killed is replaced, and nothing is left. What such a user lacks is
# said. (packaging/container/prove does the same with the image, whose programs bring the capability in their files.)
#
#   gw-a ════════ gw-b
#
# check: quick
# shellcheck disable=SC2317 # Functions are called by name.
set -euo pipefail
# shellcheck source=tests/system/tunnel/common.sh
source "$(dirname "$0")/tunnel/common.sh"

USER_ID=10443
net_admin=$(printf '%016x' $((1 << 12))) # linux/capability.h
none=$(printf '%016x' 0)
tun_mode=666

status_of() { # PID FIELD
	awk -v field="$2:" '$1 == field { print $2 }' "/proc/$1/status"
}

as_user() { # CAPABILITIES NS COMMAND...
	local capabilities=$1 ns=$2
	shift 2
	in_ns_tun "$ns" "$tun_mode" setpriv --reuid "$USER_ID" --regid "$USER_ID" --clear-groups --inh-caps="-all,$capabilities" \
		--ambient-caps="-all,$capabilities" --bounding-set="-all,$capabilities" "$@"
}

# Reads a process's memory map as the user, without a capability.
looks_into() { # PID
	setpriv --reuid "$USER_ID" --regid "$USER_ID" --clear-groups --inh-caps=-all --bounding-set=-all cat "/proc/$1/maps"
}

gateways_add
for ns in gw-a gw-b; do
	snapshot $ns >"$WORK/$ns.before"
done
pki_add gw-a
mkdir "$WORK/run"
server_conf gw-b <<CONF
listen = "0.0.0.0:4443";
control_socket = "$WORK/run/gw-b.sock";
state_dir = "$WORK/run/gw-b.state";
announce = "10.2.0.0/24";
peers = ( { name = "gw-a"; } );
CONF
client_conf gw-a <<CONF
control_socket = "$WORK/run/gw-a.sock";
remotes = "192.0.2.2:4443";
CONF
# One end's files are the user's; the other's are root's and readable by the user's group, as a Secret is mounted.
chown -R $USER_ID:$USER_ID "$WORK/run" "$WORK/gw-a.conf"
chmod 711 "$WORK/pki" "$WORK/pki/servers" "$WORK/pki/servers/gw-b"
chmod 644 "$WORK"/pki/servers/gw-b/*.crt
chown root:$USER_ID "$WORK/pki/servers/gw-b/gw-b.key"
chmod 640 "$WORK/pki/servers/gw-b/gw-b.key"

start_bg "$WORK/gw-b.log" gw-b as_user +net_admin gw-b "$CULVERTD" -c "$WORK/gw-b.conf"
wait_log "$WORK/gw-b.log" 'engine: .*starting -> running' "$UP_SECONDS"
start_bg "$WORK/gw-a.log" gw-a as_user +net_admin gw-a "$CULVERT" up "$WORK/gw-a.conf"
wait_up gw-a gw-b
wait_routes gw-a 10.2.0.0/24
check 'IPv4 goes through' pings gw-a $SERVER4 3
check 'IPv6 goes through' pings gw-a $SERVER6 3
for name in gw-a gw-b; do
	netd=$(pid_of $name)
	engine=$(engine_pid $name)
	check_equal "netd of $name has this capability" "$net_admin" "$(status_of "$netd" CapPrm)"
	check_equal "engine of $name has none" "$none" "$(status_of "$engine" CapPrm)"
	check_equal "engine of $name can gain none" 1 "$(status_of "$engine" NoNewPrivs)"
	check_equal "engine of $name is the same user's" "$USER_ID $USER_ID" "$(status_of "$netd" Uid) $(status_of "$engine" Uid)"
	check_fails "engine of $name could not look into netd" looks_into "$netd"
done
start_bg "$WORK/other.log" other setpriv --reuid "$USER_ID" --regid "$USER_ID" --clear-groups --inh-caps=-all sleep 60
wait_for 5 'one without capabilities can be looked into' looks_into "$(pid_of other)"
stop_bg other
mark=$(log_mark "$WORK/gw-a.log")
kill -KILL "$(engine_pid gw-a)"
wait_up gw-a gw-b "$mark"
wait_for 5 'the new engine has its tunnel' pings gw-a $SERVER4 && pass 'a killed engine is replaced'
for name in gw-a gw-b; do
	stop_bg $name
	check_equal "$name ends well" 0 "$EXIT_STATUS"
	wait_same $name "$WORK/$name.before" 5
done
check_equal 'no control socket is left' '' "$(find "$WORK/run" -type s)"

# ---- what is missing ----

refused() { # NAME STATUS REGEX COMMAND...
	local name=$1 expected=$2 regex=$3 status=0
	shift 3
	"$@" >"$WORK/refused" 2>&1 || status=$?
	check_equal "$name: status" "$expected" "$status"
	check "$name: says why" grep -E -e "$regex" "$WORK/refused"
}
run_server() { # CAPABILITIES
	as_user "$1" gw-b timeout 10 "$CULVERTD" -c "$WORK/gw-b.conf"
}
refused 'without the capability' 6 'needs CAP_NET_ADMIN.*container' run_server +net_raw
start_bg "$WORK/gw-b.log" gw-b as_user +net_admin gw-b "$CULVERTD" -c "$WORK/gw-b.conf"
for tun_mode in 600 none; do
	mark=$(log_mark "$WORK/gw-a.log")
	start_bg "$WORK/gw-a.log" gw-a as_user +net_admin gw-a "$CULVERT" up "$WORK/gw-a.conf"
	wait_log_since "$WORK/gw-a.log" "$mark" 'cannot (open|make)|has no /dev' "$UP_SECONDS"
	case $tun_mode in
	600) told='cannot open /dev/net/tun: Permission denied; root can .*chmod 666 /dev/net/tun' ;;
	none) told='this host has no /dev/net/tun: .*modprobe tun' ;;
	esac
	check "a /dev/net/tun of mode $tun_mode is told" log_has_since "$WORK/gw-a.log" "$mark" "$told"
	stop_bg gw-a
done
tun_mode=600
echo 'full_tunnel = true;' >>"$WORK/gw-a.conf"
start_bg "$WORK/claim.log" claim as_user +net_admin gw-a "$CULVERT" up "$WORK/gw-a.conf"
wait_log "$WORK/claim.log" 'cannot claim table [0-9]+: cannot open /dev/net/tun: Permission denied; .*chmod 666' "$UP_SECONDS" &&
	pass 'nor does a full tunnel leave its cause unsaid'
stop_bg claim
stop_bg gw-b
tun_mode=666
sed -i 's/0.0.0.0:4443/0.0.0.0:443/' "$WORK/gw-b.conf"
in_ns gw-b sysctl -q -w net.ipv4.ip_unprivileged_port_start=1024
refused 'a port below 1024' 6 '443' run_server +net_admin
root_without() {
	in_ns gw-b setpriv --inh-caps=-all --bounding-set=-all,+net_admin,+net_bind_service timeout 10 "$CULVERTD" -c "$WORK/gw-b.conf"
}
chmod 600 "$WORK/pki/servers/gw-b/gw-b.key"
refused 'root without the leave to become another' 6 'root needs CAP_SETUID, CAP_SETGID and CAP_SETPCAP.*not root' root_without
finish
