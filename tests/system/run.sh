#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# culvert run: an ordinary user, whom no file knows, runs commands inside the VPN. They have addresses, routes and resolvers
# of the tunnel, the terminal and the signals; the host has nothing but a TLS connection, and nothing when it is over.
#
#   host ─────────── gw-b (10.2.0.1)          what `culvert run` makes besides:
#   192.0.2.1       192.0.2.2:443            ┌───────────────┐
#                   192.0.2.2:9443 puppet    │ command       │
#                                            │ cv0 10.213.0… │
#                                            └───────────────┘
#
# shellcheck disable=SC2016,SC2317 # The inner shell expands. Functions are called by name.
set -euo pipefail
# shellcheck source=tests/system/tunnel/common.sh
source "$(dirname "$0")/tunnel/common.sh"

# Where the user can reach it, wherever the repository is.
install -m 755 "$CULVERT" "$WORK/culvert"
CULVERT=$WORK/culvert
USER_ID=424242
PROFILE=$WORK/gw-a.conf
HOME_DIR=$WORK/home
DOING=$HOME_DIR/doing

ns_add host
ns_add gw-b forward
veth host wan0 gw-b wan0
addr host wan0 192.0.2.1/24
addr gw-b wan0 192.0.2.2/24
addr gw-b lo 10.2.0.1/32 fd00:2::1/128
mkdir -m 700 "$HOME_DIR" "$HOME_DIR/runtime"
chown -R $USER_ID:$USER_ID "$HOME_DIR"
pki_add gw-a
server_conf gw-b <<'CONF'
announce = [ "10.2.0.0/24", "fd00:2::/64" ];
dns = [ "10.2.0.53", "fd00:2::53" ];
domains = [ "corp.example" ];
peers = ( { name = "gw-a"; } );
CONF

profile() { # lines on stdin
	client_conf gw-a
	chown $USER_ID:$USER_ID "$PROFILE"
}

user=(setpriv --reuid "$USER_ID" --regid "$USER_ID" --clear-groups)
# SIGINT is given back, which shells take from what runs in the background.
env=(env --default-signal=INT --default-signal=QUIT PATH=/usr/sbin:/usr/bin:/sbin:/bin "HOME=$HOME_DIR" "XDG_RUNTIME_DIR=$HOME_DIR/runtime")
as_user() { in_ns_tun host 666 "${user[@]}" "${env[@]}" "$@"; }
inside() { as_user "$CULVERT" run "$PROFILE" -- "$@"; } # COMMAND...
status_of() { # COMMAND...; prints the exit status
	local status=0
	"$@" >"$WORK/out" 2>&1 || status=$?
	echo $status
}
refused() { # NAME REGEX COMMAND...
	local name=$1 regex=$2 status
	shift 2
	status=$(status_of "$@")
	check_equal "$name: it ends with 125" 125 "$status"
	check "$name: it says why" grep -qE "$regex" "$WORK/out"
}
run_bg() { # NAME OPTION... PROFILE -- COMMAND...
	local name=$1
	shift
	start_bg "$WORK/$name.log" "$name" as_user "$CULVERT" run "$@"
}
said() { # NAME REGEX
	wait_log "$WORK/$1.log" "$2" "$UP_SECONDS"
}

# Culvert has two children.
run_child() { # NAME engine|command
	local pid pids what
	read -ra pids <"/proc/$(pid_of "$1")/task/$(pid_of "$1")/children"
	for pid in "${pids[@]}"; do
		what='command'
		! grep -qx culvert-engine "/proc/$pid/comm" || what=engine
		[[ $what != "$2" ]] || echo "$pid"
	done
}
resolvers() { # NAME; a line
	nsenter --mount --target "$(run_child "$1" command)" cat /etc/resolv.conf | xargs
}

profile </dev/null
server_start gw-b
snapshot host >"$WORK/host.before"

if ! as_user unshare --user --net true; then
	refused 'this machine has no namespaces for users' 'cannot make a (user|network) namespace: .*: .' inside true
	finish
fi

# ---- what the command finds ----

inside sh -c '
	id -u; id -g
	grep -c . /proc/net/dev
	ip -4 route show proto 67; ip -6 route show proto 67
	grep CapEff /proc/self/status
	ping -n -q -c 1 -W 3 10.2.0.1 >/dev/null && echo pinged
	ping -n -q -c 1 -W 3 fd00:2::1 >/dev/null && echo pinged
	cat' <<<'from stdin' >"$WORK/found" 2>"$WORK/complaints"
cat >"$WORK/expected" <<TEXT
$USER_ID
$USER_ID
4
10.2.0.0/24 dev cv0 scope link metric 1024 
fd00:2::/64 via $SERVER6 dev cv0 metric 1024 onlink pref medium
CapEff:	0000000000000000
pinged
pinged
from stdin
TEXT
check 'the command is the user himself, without rights, and has the tunnel and nothing else' diff "$WORK/expected" "$WORK/found"
check_equal 'nothing else is written' '' "$(cat "$WORK/complaints")"
check 'the host is as it was' same_snapshot host "$WORK/host.before"

if as_user unshare --user --map-root-user --net --mount mount -t sysfs -o ro,nosuid,nodev,noexec sysfs /sys; then
	check_equal 'also in /sys' 'cv0 lo 1500' "$(inside sh -c 'ls /sys/class/net; cat /sys/class/net/cv0/mtu' | xargs)"
fi

mkdir "$HOME_DIR/media"
check 'what the host mounts while it runs is there' in_ns_tun host 666 timeout 20 unshare --mount --propagation shared bash -ec '
	"${@:3}" &
	until [[ -e $1 ]]; do sleep 0.02; done
	mount -t tmpfs none "$2"
	touch "$2/stick"
	wait $!' bash "$DOING" "$HOME_DIR/media" "${user[@]}" "${env[@]}" "$CULVERT" run "$PROFILE" -- timeout 5 \
	sh -c "touch $DOING; until [ -e $HOME_DIR/media/stick ]; do sleep 0.02; done"
rm -f "$DOING"

# ---- how it ends ----

check_equal 'its exit status is passed on' 7 "$(status_of inside sh -c 'exit 7')"
check_equal 'a signal that ends it is told as shells do' $((128 + 9)) "$(status_of inside sh -c 'kill -9 $$')"
check_equal 'a command that is not there: 127' 127 "$(status_of inside no-such-command)"
check 'and why' grep -q 'cannot run no-such-command: No such file' "$WORK/out"
check_equal 'one that cannot be executed: 126' 126 "$(status_of inside /etc/passwd)"
closed() { inside test -e /dev/stdin -a -e /dev/stdout <&- >&-; }
check_equal 'with standard input and output closed it has /dev/null' 0 "$(status_of closed)"
check_equal 'options of the command are its own' 0 "$(status_of as_user "$CULVERT" run "$PROFILE" ls -d /)"

# ---- signals, and the tunnel that is lost while it runs ----

run_bg busy --verbose "$PROFILE" -- sh -c '
	trap "echo got TERM; exit 9" TERM
	trap "echo got USR1" USR1
	echo begun
	while :; do ping -n -q -c 1 -W 0.2 10.2.0.1 >/dev/null 2>&1 && echo reached; sleep 0.1; done'
said busy '^begun'
said busy '^reached'
check 'while it runs the host is as it was' same_snapshot host "$WORK/host.before"
check 'the user can ask' as_user "$CULVERT" status gw-a
check_equal 'the same profile a second time is refused' 125 "$(status_of inside true)"
check 'and why' grep -q 'already running' "$WORK/out"
check_equal 'its engine is not exchanged' 5 "$(status_of as_user "$CULVERT" reexec gw-a)"
check 'and why not' grep -q 'culvert run keeps the program that it was started with' "$WORK/out"
kill -USR1 "$(pid_of busy)"
said busy '^got USR1'
check_equal "it has the tunnel's resolvers" 'nameserver 10.2.0.53 nameserver fd00:2::53 search corp.example' "$(resolvers busy)"
mark=$(log_mark "$WORK/busy.log")
stop_bg gw-b
wait_log_since "$WORK/busy.log" "$mark" 'session: up -> ' 5
sed -i 's/^dns = .*/dns = "10.2.0.54";/' "$WORK/gw-b.conf"
server_start gw-b
wait_log_since "$WORK/busy.log" "$mark" 'session: opening -> up' "$UP_SECONDS"
mark=$(log_mark "$WORK/busy.log")
wait_log_since "$WORK/busy.log" "$mark" '^reached' 5
has_new_resolvers() { [[ $(resolvers busy) == 'nameserver 10.2.0.54 search corp.example' ]]; }
wait_for 5 'the new resolvers are there' has_new_resolvers && pass 'its resolvers are those of the new connection'
check_equal 'the command has begun once' 1 "$(grep -c '^begun' "$WORK/busy.log")"
mark=$(log_mark "$WORK/busy.log")
kill -KILL "$(run_child busy engine)"
wait_log_since "$WORK/busy.log" "$mark" 'session: opening -> up' "$UP_SECONDS"
mark=$(log_mark "$WORK/busy.log")
wait_log_since "$WORK/busy.log" "$mark" '^reached' 5
stop_bg busy
check_equal 'SIGTERM is passed on, and its status comes back' 9 "$EXIT_STATUS"
expect_log "$WORK/busy.log" '^got TERM'
check_equal 'there is no control socket left' '' "$(ls "$HOME_DIR/runtime/culvert")"

# The terminal is the command's: a Ctrl-C reaches it once, and Culvert waits for what it makes of it. Nothing but the two is
# on the terminal: a shell of script's would hear it as well, and die of it.
{
	wait_for 10 'the command listens' test -e "$DOING" >&2
	printf '\003'
	wait_for 10 'the command has ended' test ! -e "$DOING" >&2
} | as_user timeout 30 script -qfec "exec $CULVERT run $PROFILE -- sh -c 'trap \"echo got INT; rm $DOING; exit 5\" INT; tty; touch $DOING
	while :; do sleep 0.05; done'" "$HOME_DIR/typescript" >"$WORK/terminal" 2>&1 && status=0 || status=$?
check_equal 'Ctrl-C: the status is what the command made of it' 5 "$status"
check_equal 'it heard it once' 1 "$(grep -c 'got INT' "$WORK/terminal")"
check 'it has the terminal' grep -q '^/dev/pts/' "$WORK/terminal"

# ---- killed, nothing stays ----

run_bg killed "$PROFILE" -- sh -c "echo \$\$ >$DOING; exec sleep 1000"
wait_for "$UP_SECONDS" 'the command runs' test -s "$DOING"
sleeper=$(cat "$DOING")
engine=$(run_child killed engine)
check 'it is there' test -d "/proc/$sleeper" -a -d "/proc/$engine"
kill -KILL "$(pid_of killed)"
wait_exit killed 5
all_gone() { [[ ! -d /proc/$sleeper && ! -d /proc/$engine ]]; }
wait_for 5 'command and engine end with it' all_gone && pass 'command and engine end with it'
wait_same host "$WORK/host.before" 5
rm -f "$DOING"

# ---- what an ordinary user may not have is left out, with a word ----

profile <<<'mark = 7;'
check_equal 'a mark is no reason to fail' 0 "$(status_of inside ping -n -q -c 1 -W 3 10.2.0.1)"
check 'but is told' grep -q 'cannot set mark 7 on a socket: .*; going on without it' "$WORK/out"

# ---- a default route and resolvers that the server pushes; puppet is the server: docs/protocol.md has this welcome ----

welcome='000200ba 000100020001 0002000467772d62 000300081122334455667788
	00040020a0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6b7b8b9babbbcbdbebf 0005000400000007 0006000101 00070004000005dc
	000800040a630002 000900040a630001 000a0010fd990000000000000000000000000002 000b0010fd990000000000000000000000000001
	000c000400001388 000d000400003a98 000e00040001d4c0 000f00040a630001 0010000b6c616e2e6578616d706c65'
profile <<<'remotes = "192.0.2.2:9443";'
cat /etc/resolv.conf >"$WORK/resolv.before"
puppet_listen server gw-b 192.0.2.2:9443
run_bg pushed "$PROFILE" -- sh -c 'cat /etc/resolv.conf; ip route; ip -6 route; echo end'
tell server <<SCRIPT
await hello
control ${welcome//[[:space:]]/}
announce 0.0.0.0/0 ::/0
end
await close
SCRIPT
wait_exit pushed "$UP_SECONDS"
check_equal 'it has run' 0 "$EXIT_STATUS"
expect_log "$WORK/pushed.log" '^nameserver 10.99.0.1$'
expect_log "$WORK/pushed.log" '^search lan.example$'
expect_log "$WORK/pushed.log" '^default dev cv0 proto 67'
check_equal 'a default route of each family' 2 "$(grep -c '^default dev cv0 proto 67' "$WORK/pushed.log")"
check "the host's resolv.conf is as it was" cmp /etc/resolv.conf "$WORK/resolv.before"
puppet_end server

# ---- a host with systemd-resolved and nscd: their places are empty inside, the real servers are taken ----

with_resolved() { # COMMAND...; in mounts of its own
	in_ns_tun host 666 sh -ec '
		mount -t tmpfs none /run
		mkdir -p /run/systemd/resolve /run/nscd "$1"
		echo "nameserver 127.0.0.53" >/run/systemd/resolve/stub-resolv.conf
		echo "nameserver 192.0.2.53" >/run/systemd/resolve/resolv.conf
		touch /run/systemd/resolve/io.systemd.Resolve /run/nscd/socket
		cp -a /etc "$1/etc" || true # the directory of another test in /etc/netns may go meanwhile
		umount /etc/resolv.conf 2>/dev/null || true
		mount --bind "$1/etc" /etc
		rm -f /etc/resolv.conf
		ln -s ../run/systemd/resolve/stub-resolv.conf /etc/resolv.conf
		shift
		exec "$@"' sh "$WORK/root" "${user[@]}" "${env[@]}" "$@"
}
profile <<<'use_dns = false; full_tunnel = true; kill_switch = true;'
with_resolved "$CULVERT" run "$PROFILE" -- sh -c 'cat /etc/resolv.conf; ls /run/nscd /run/systemd/resolve' \
	>"$WORK/resolved" 2>"$WORK/complaints"
sed -i '/^cp: /d' "$WORK/complaints"
check_equal "of a remote worker's profile nothing is amiss" '' "$(cat "$WORK/complaints")"
check_equal 'their sockets are hidden' 'nameserver 192.0.2.53 /run/nscd: /run/systemd/resolve: stub-resolv.conf' \
	"$(xargs <"$WORK/resolved")"

# ---- what is in the way is told ----

limited() { # SETTING COMMAND...; a user namespace where it is 0
	as_user unshare --user --map-root-user sh -ec 'echo 0 >"/proc/sys/user/$1"; shift; exec "$@"' sh "$@"
}
with_tun() { # MODE COMMAND...
	in_ns_tun host "$1" "${user[@]}" "${@:2}"
}
run_true=("$CULVERT" run "$PROFILE" true)
refused 'no user namespaces' 'user namespace: .*the limit user.max_user_namespaces \(here 0\) is reached' \
	limited max_user_namespaces "${run_true[@]}"
refused 'no network namespaces' 'network namespace: .*the limit user.max_net_namespaces .* is reached' \
	limited max_net_namespaces "${run_true[@]}"
refused 'no mount namespaces' 'mount namespace: .*the limit user.max_mnt_namespaces .* is reached' \
	limited max_mnt_namespaces "${run_true[@]}"
refused 'a read-only /proc' 'user namespace: Read-only file system: /proc is read-only or not mounted here' \
	in_ns_tun host 666 sh -ec 'mount --bind /proc /proc; mount -o remount,bind,ro /proc; exec "$@"' sh "${user[@]}" "${run_true[@]}"
refused 'no /dev/net/tun' 'this host has no /dev/net/tun' with_tun none "${run_true[@]}"
refused 'a /dev/net/tun of root' 'cannot open /dev/net/tun: Permission denied; .*chmod 666' with_tun 600 "${run_true[@]}"
install -m 600 "$PROFILE" "$WORK/root.conf"
refused 'a profile of somebody else' 'cannot read .*root.conf: Permission denied' as_user "$CULVERT" run "$WORK/root.conf" true
refused 'no command' 'a command is missing after the profile' as_user "$CULVERT" run "$PROFILE" --
stop_bg gw-b
refused 'no server' 'no tunnel within 1 s' as_user "$CULVERT" run --timeout 1 "$PROFILE" touch "$DOING"
check 'nor does the command begin' test ! -e "$DOING"
check 'and the way it failed is told' grep -q '192.0.2.2.*: connection failed: Connection refused' "$WORK/out"
run_bg waiting "$PROFILE" -- touch "$DOING"
said waiting 'connection failed'
stop_bg waiting
check_equal 'who waits for the tunnel can be ended' $((128 + 15)) "$EXIT_STATUS"
wait_same host "$WORK/host.before" 5
finish
