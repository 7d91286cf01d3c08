#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# netd around a sound engine: what it gives it, deaths, kill -9, start-up refusals. Between two engines, what the first had stays
# and is offered to the second.
#
# check: sanitized
# shellcheck disable=SC2317 # Functions are called by name, by check and wait_for.
set -euo pipefail
# shellcheck source=tests/system/netd_harness/common.sh
source "$(dirname "$0")/netd_harness/common.sh"

link_there() { ip_ns host link show "$1"; }
link_gone() { ! ip_ns host link show "$1" 2>/dev/null; }
index_of() { # INTERFACE
	ip_ns host -o link show "$1" | cut -d : -f 1
}
# The same exit status as the kernel fact's own test: 77 when BPF is not to be had.
steering_is_refused() {
	local status=0
	"$BUILD/assumptions/tun_steering" >/dev/null || status=$?
	[[ $status == 77 ]]
}

# ---- what the engine is given ----

start server privileges
wait_log "$WORK/privileges.log" "privileges: $EXPECTED" 3
for line in 'Uid: 65534 65534 65534 65534' 'Groups: *' 'CapInh: 0+' 'CapPrm: 0+' 'CapEff: 0+' 'CapBnd: 0+' \
	'CapAmb: 0+' 'NoNewPrivs: 1' 'SigBlk: 0+' 'SigIgn: 0+1000000'; do # SIGXFSZ: by its own log_init()
	expect_log "$WORK/privileges.log" "status $line\$"
done
check_equal 'privileges: it has its four descriptors and no other' '0 1 2 3' \
	"$(sed -nE 's/.* open ([0-9]+)$/\1/p' "$WORK/privileges.log" | xargs)"
check 'privileges: it has a session of its own' \
	test "$(ps -o sid= -p "$(engine_pid privileges)" | tr -d ' ')" = "$(engine_pid privileges)"
stop_clean privileges

start server configuration
wait_log "$WORK/configuration.log" "configuration: $EXPECTED" 3
check_equal 'the state directory is the engine.s alone' '700 nobody' "$(stat -c '%a %U' "$WORK/state")"
check_equal 'the control socket is root.s alone' '600 root' "$(stat -c '%a %U' "$WORK/run/harness.sock")"
stop_clean configuration

# ---- what stays when an engine ends, and who gets it ----

# The first engine makes something and is killed. The caller looks at its successor.
bereaved() { # ROLE SCENARIO
	local before
	start "$1" "$2"
	wait_log "$WORK/$2.log" "engine: $2: made" 5
	before=$(snapshot)
	kill -KILL "$(engine_pid "$2")"
	wait_log "$WORK/$2.log" 'ended: killed by signal 9' 3
	check_equal "$2: nothing changes with the engine's end" "$before" "$(snapshot)"
	wait_log "$WORK/$2.log" 'offering 1 interfaces to the new engine' 3
}

for role in server client; do
	bereaved $role adopt-$role
	engine_waits adopt-$role 1
	engine_go adopt-$role
	wait_log "$WORK/adopt-$role.log" "adopt-$role: $EXPECTED" 3
	check_equal "adopt-$role: both engines are of one instance" 1 \
		"$(sed -nE 's/.*: instance ([0-9a-f]{32})$/\1/p' "$WORK/adopt-$role.log" | sort -u | wc -l)"
	check_equal "adopt-$role: what was adopted can be changed" 10.20.1.0/24 "$(our_routes)"
	stop_clean adopt-$role
done
check_equal 'another run is another instance' 2 \
	"$(sed -nE 's/.*: instance ([0-9a-f]{32})$/\1/p' "$WORK"/adopt-{server,client}.log | sort -u | wc -l)"

bereaved server adopt-pages
wait_log "$WORK/adopt-pages.log" "adopt-pages: $EXPECTED" 5
check_equal 'adopt-pages: every route is there' 600 "$(ip_ns host route show proto 67 | wc -l)"
stop_clean adopt-pages

bereaved server adopt-beyond
wait_log "$WORK/adopt-beyond.log" 'all were refused' 3
expect_log "$WORK/adopt-beyond.log" 'engine asked for interface number 0 of 0, from its route 0 on, to adopt: the configuration'
expect_log "$WORK/adopt-beyond.log" 'engine asked for interface number 4294967295 of 1, '
expect_log "$WORK/adopt-beyond.log" 'engine asked for interface number 0 of 1, from its route 1 on'
stop_clean adopt-beyond

# One that was killed for what it sent leaves no less: all it had, the configuration allows.
start server adopt-after-garbage
wait_log "$WORK/adopt-after-garbage.log" 'is broken or subverted and is killed' 3
wait_log "$WORK/adopt-after-garbage.log" "adopt-after-garbage: $EXPECTED" 3
check 'adopt-after-garbage: the interface is there' link_there cv0
stop_clean adopt-after-garbage

# Queues of several lanes: the harness sees where packets go. Without BPF a client has one.
bereaved server queues-server
wait_log "$WORK/queues-server.log" "queues-server: $EXPECTED" 3
expect_log "$WORK/queues-server.log" 'interface cv0 made: .* queues 4$'
stop_clean queues-server

if steering_is_refused; then
	echo 'skipped: queues-client: this kernel refuses BPF programs'
else
	bereaved client queues-client
	wait_log "$WORK/queues-client.log" "queues-client: $EXPECTED" 3
	refute_log "$WORK/queues-client.log" 'one will be used'
	stop_clean queues-client
fi
if [[ $(</proc/sys/kernel/unprivileged_bpf_disabled) == 0 ]]; then
	echo 'skipped: queues-single: this kernel lets everybody load BPF programs'
else
	start_bg "$WORK/queues-single.log" queues-single in_ns host setpriv --bounding-set=-bpf,-sys_admin \
		--inh-caps=-bpf,-sys_admin "$HARNESS" client queues-single "$WORK"
	wait_log "$WORK/queues-single.log" "queues-single: $EXPECTED" 3
	expect_log "$WORK/queues-single.log" 'lanes = 4, but one will be used: .*Operation not permitted; loading it needs CAP_BPF'
	check_equal 'queues-single: it is said once' 1 "$(grep -c ' warn.* one will be used' "$WORK/queues-single.log")"
	stop_clean queues-single
fi

# No successor gets ready: netd gives up, and takes down what was kept for them.
bereaved server adopt-never
wait_exit adopt-never 20
check_equal 'adopt-never: netd gives up' 1 "$EXIT_STATUS"
expect_log "$WORK/adopt-never.log" 'the engine ended 5 times before it was ready; giving up'
expect_log "$WORK/adopt-never.log" 'interface cv0 removed: the program stops'
check_equal 'adopt-never: nothing is left on the host' "$UNTOUCHED" "$(snapshot)"

# ---- a sound engine ----

start server sound
wait_log "$WORK/sound.log" "sound: $EXPECTED" 3
check 'sound: the interface is as asked for' grep -q 'mtu 1400' <<<"$(ip_ns host link show cv0)"
check_equal 'sound: its addresses' '10.99.0.1 peer 10.99.0.8/32 fd99::1 peer fd99::7/128' \
	"$(ip_ns host -o addr show dev cv0 | sed -nE 's/.* inet6? (.* peer [^ ]+) .*/\1/p' | xargs)"
check_equal 'sound: its route stays through a change of address' 10.20.1.0/24 \
	"$(ip_ns host route show proto 67 | cut -d ' ' -f 1)"
# The engine dies, and the next does not adopt what it is offered: when it asks for the same interface, it gets that.
since=$(log_mark "$WORK/sound.log")
index=$(index_of cv0)
kill -KILL "$(engine_pid sound)"
wait_log_since "$WORK/sound.log" "$since" 'ended: killed by signal 9 \(Killed\)' 3
wait_log_since "$WORK/sound.log" "$since" 'offering 1 interfaces to the new engine' 3
wait_log_since "$WORK/sound.log" "$since" "sound: $EXPECTED" 3
check_equal 'sound: it is the same interface' "$index" "$(index_of cv0)"
check_equal 'sound: it is the only one' 1 "$(ip_ns host -o link show type tun | wc -l)"
refute_log "$WORK/sound.log" 'interface cv0 removed'

# A second one beside it.
start server garbage HARNESS_PORT=4431
wait_exit garbage 5
check_equal 'another with the same control socket does not start' 1 "$EXIT_STATUS"
expect_log "$WORK/garbage.log" 'already running: a program answers on'
check 'the first keeps its control socket' test -S "$WORK/run/harness.sock"
start server truncated
wait_exit truncated 5
check_equal 'another on the same port does not start' 1 "$EXIT_STATUS"
expect_log "$WORK/truncated.log" 'cannot listen on 0.0.0.0:4430: .* \(process [0-9]+\) listens there already; end it'

# kill -9 of netd: the engine goes by itself, and with it what the kernel held for both.
engine=$(engine_pid sound)
stop_bg sound KILL
wait_for 5 'kill -9 of netd: the engine ends' process_gone "$engine"
wait_for 5 'kill -9 of netd: the interface goes' link_gone cv0
check_equal 'kill -9 of netd: nothing is left on the host' "$UNTOUCHED" "$(snapshot)"
check 'kill -9 of netd: only the socket file stays' test -S "$WORK/run/harness.sock"
start server sound
wait_for 3 'the next start replaces it' link_there cv0
stop_clean sound

# ---- what keeps it from starting ----

not_started() { # NAME EXIT REGEX [VARIABLE=VALUE...]
	: >"$WORK/unknown-peer.log"
	start server unknown-peer "${@:4}"
	wait_exit unknown-peer 5
	check_equal "$1: exit code" "$2" "$EXIT_STATUS"
	expect_log "$WORK/unknown-peer.log" "$3"
	check_equal "$1: one line says why" 1 "$(grep -c ' error ' "$WORK/unknown-peer.log")"
	refute_log "$WORK/unknown-peer.log" 'started'
	check_fails "$1: no control socket is left" test -e "$WORK/run/harness.sock"
}
not_started 'no such user' 3 "user 'nobody-at-all', which is to run the engine, does not exist" HARNESS_USER=nobody-at-all
not_started 'unknown congestion control' 3 'net.ipv4.tcp_available_congestion_control' HARNESS_CONGESTION=none-such
chmod 640 "$WORK/key"
not_started 'a key that others can read' 3 "chmod 600 $WORK/key"
chmod 600 "$WORK/key"
chown nobody "$WORK/key"
not_started 'a key of somebody else.s' 3 "chown root $WORK/key"
rm "$WORK/key"
not_started 'no key' 3 "cannot read $WORK/key: No such file or directory"
echo secret >"$WORK/key"
chmod 600 "$WORK/key"
start_bg "$WORK/unprivileged.log" unprivileged in_ns host setpriv --bounding-set=-net_admin --inh-caps=-net_admin \
	"$HARNESS" server sound "$WORK"
wait_exit unprivileged 5
check_equal 'without CAP_NET_ADMIN: exit code' 6 "$EXIT_STATUS"
expect_log "$WORK/unprivileged.log" 'this needs CAP_NET_ADMIN'
check_equal 'nothing is left on the host in the end' "$UNTOUCHED" "$(snapshot)"

finish
