#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# netd against an engine that is broken or subverted: whatever it sends, the host's links, addresses and routes stay as they
# are, and the log says what it asked for. Then netd around a sound engine: start-up refusals, deaths, signals, kill -9.
# Between two engines, what the first had stays and is offered to the second.
# The engine's part is played by netd_harness.c.
#
#   host: eth0 10.20.40.1/24 ──── other        branch-a may announce 10.20.0.0/16, the pool is 10.99.0.0/24
#
# check: timeout 120
#
# shellcheck disable=SC2317 # Functions are called by name, by check and wait_for.
set -euo pipefail
# shellcheck source=tests/system/lib.sh
source "$(dirname "$0")/lib.sh"

HARNESS=$BUILD/system/netd_harness
EXPECTED='as expected'
ns_add host
ns_add other
veth host eth0 other eth0
addr host eth0 10.20.40.1/24
addr host eth0 2001:db8:20:40::1/64
echo secret >"$WORK/key"
chmod 600 "$WORK/key"

snapshot() {
	ip_ns host -o link
	ip_ns host -o addr
	ip_ns host route show table all
	ip_ns host -6 route show table all
	ip_ns host rule
}
UNTOUCHED=$(snapshot)

start() { # ROLE SCENARIO [VARIABLE=VALUE...]
	start_bg "$WORK/$2.log" "$2" in_ns host env "${@:3}" "$HARNESS" "$1" "$2" "$WORK"
}
stop_clean() { # SCENARIO; it ends well and leaves nothing
	stop_bg "$1"
	check_equal "$1: netd ends with 0" 0 "$EXIT_STATUS"
	check_equal "$1: nothing is left on the host" "$UNTOUCHED" "$(snapshot)"
	check_fails "$1: the control socket is gone" test -e "$WORK/run/harness.sock"
	refute_log "$WORK/$1.log" UNEXPECTED
}
has_lines() { # FILE REGEX COUNT
	[[ $(grep -cE -e "$2" "$1") -ge $3 ]]
}
link_there() { ip_ns host link show "$1"; }
link_gone() { ! ip_ns host link show "$1" 2>/dev/null; }
index_of() { # INTERFACE
	ip_ns host -o link show "$1" | cut -d : -f 1
}
our_routes() {
	(ip_ns host route show proto 67 && ip_ns host -6 route show proto 67) | cut -d ' ' -f 1 | xargs
}
engine_pid() { # SCENARIO; the youngest
	sed -nE 's/.*engine \(pid ([0-9]+)\) started$/\1/p' "$WORK/$1.log" | tail -n 1
}
# The same exit status as the kernel fact's own test: 77 when BPF is not to be had.
steering_is_refused() {
	local status=0
	"$BUILD/assumptions/tun_steering" >/dev/null || status=$?
	[[ $status == 77 ]]
}
process_gone() { ! kill -0 "$1" 2>/dev/null; }

# ---- what no engine sends: it is killed, and a new one starts ----

killed() { # SCENARIO REGEX SECONDS
	start server "$1"
	wait_log "$WORK/$1.log" "is broken or subverted and is killed: $2" "$3"
	wait_log "$WORK/$1.log" 'starting the engine again' 2
	check_equal "$1: the host is untouched" "$UNTOUCHED" "$(snapshot)"
	stop_clean "$1"
}
killed garbage 'it sent a message that cannot be decoded' 3
killed truncated 'it sent a message that cannot be decoded' 3
killed over-long 'it sent a message that is too long or carries descriptors' 3
killed unknown-type 'it sent a message that cannot be decoded: Protocol not supported' 3
killed reply 'it sent a message of type reply, which is not an engine.s to send' 3
killed interface-unready 'it sent a message of type interface before it was ready' 3
killed wrong-generation 'it is ready with generation 2, its configuration is 1' 3
killed ready-twice 'it sent a message of type ready after it was ready' 3
killed adopt-when-ready 'it sent a message of type adopt after it was ready' 3
killed exchange-unready 'it sent a message of type reexec before it was ready' 3
killed mtu-zero 'it sent a message that cannot be decoded' 3
killed flood 'it has not read its replies for 5 s' 15
killed closes-channel 'it has closed its channel and runs on' 3

# Descriptors that come with requests are closed. Counted is while an engine is ready and has not sent any: netd has as many with
# the third engine as with the first.
count_fds() { find "/proc/$(pid_of descriptors)/fd" -mindepth 1 | wc -l; }
engine_waits() { # COUNT; so many engines have
	wait_for 5 "descriptors: engine $1 is ready" has_lines "$WORK/descriptors.log" 'descriptors: pid [0-9]+ waits$' "$1"
}
start server descriptors
engine_waits 1
before=$(count_fds)
for turn in 2 3; do
	kill -USR1 "$(engine_pid descriptors)"
	engine_waits $turn
done
check_equal 'descriptors: none is left open in netd' "$before" "$(count_fds)"
check_equal 'descriptors: two engines are killed for them' 2 \
	"$(grep -c 'broken or subverted.*: it sent a message that is too long or carries descriptors' "$WORK/descriptors.log")"
stop_clean descriptors

# ---- what the configuration does not allow: refused, and said ----

refused() { # ROLE SCENARIO REGEX
	start "$1" "$2"
	wait_log "$WORK/$2.log" "engine: $2: $EXPECTED" 3
	expect_log "$WORK/$2.log" "engine asked for $3.*: the configuration does not allow it"
	check_equal "$2: the host is untouched" "$UNTOUCHED" "$(snapshot)"
	stop_clean "$2"
}
refused server unknown-peer 'an interface for stranger, a peer that is not configured'
refused server outside-pool 'address 10.98.0.7 for branch-a, which is no host address of pool 10.99.0.0/24'
refused server server-address 'address 10.99.0.1 for branch-a'
refused server wrong-local 'local address 10.99.0.2, which is not the server.s own'
refused server anothers-address 'address 10.99.0.50 for branch-a, which is another.s'
refused server fixed-ignored 'address 10.99.0.51 for branch-b, which has a fixed one'
refused server queues-refused 'an interface with 5 queues for branch-a, which may have 4 lanes'
refused server foreign-index 'a change of interface 1, which is not one of Culvert.s'
refused server outgoing-socket 'an outgoing socket'
refused client client-loopback 'addresses 127.0.0.1 and 10.99.0.1, which no tunnel can have'
refused client client-multicast 'addresses 10.99.0.7 and 224.0.0.1, which no tunnel can have'
refused client client-remote 'addresses 10.99.0.7 and 192.0.2.1, which no tunnel can have'
refused client client-stranger 'an interface for other, a peer that is not configured'

start server many-interfaces
wait_log "$WORK/many-interfaces.log" "many-interfaces: $EXPECTED" 10
check_equal 'many-interfaces: as many as max_sessions are made' 8 "$(ip_ns host -o link show type tun | wc -l)"
stop_clean many-interfaces

start server routes
wait_log "$WORK/routes.log" "routes: $EXPECTED" 3
check_equal 'routes: those and only those that are allowed' '10.20.1.0/24 10.20.2.0/24 2001:db8:20::/48' \
	"$(our_routes)"
expect_log "$WORK/routes.log" 'engine asked for route 0.0.0.0/0 to branch-a: it is a default route'
expect_log "$WORK/routes.log" 'engine asked for route 10.21.0.0/16 to branch-a: it is not inside any prefix of accept_routes'
stop_clean routes

# ---- an engine that does not live as it should ----

start server never-ready
wait_log "$WORK/never-ready.log" 'was not ready after 10 s and is killed' 15
stop_clean never-ready

start server exits-at-once
wait_exit exits-at-once 20
check_equal 'exits-at-once: netd gives up' 1 "$EXIT_STATUS"
expect_log "$WORK/exits-at-once.log" 'ended by itself with status 42'
expect_log "$WORK/exits-at-once.log" 'the engine ended 5 times before it was ready; giving up'
check_equal 'exits-at-once: nothing is left on the host' "$UNTOUCHED" "$(snapshot)"

start server exit-code
wait_exit exit-code 5
check_equal 'exit-code: an allowed one becomes the program.s' 5 "$EXIT_STATUS"
expect_log "$WORK/exit-code.log" 'engine asked for exit code 77: the configuration does not allow it'
expect_log "$WORK/exit-code.log" 'the other end said no\\x0a\\x1b\[31m'

start server ignores-stop
wait_log "$WORK/ignores-stop.log" "ignores-stop: $EXPECTED" 3
stop_clean ignores-stop
expect_log "$WORK/ignores-stop.log" 'did not stop within 3 s and is killed'

since=$(log_mark "$WORK/ignores-stop.log")
start server ignores-stop
wait_log_since "$WORK/ignores-stop.log" "$since" 'is ready' 3
kill -TERM "$(pid_of ignores-stop)"
wait_log_since "$WORK/ignores-stop.log" "$since" 'stopping: Terminated' 3
kill -INT "$(pid_of ignores-stop)"
wait_log_since "$WORK/ignores-stop.log" "$since" 'stopping at once' 2
stop_clean ignores-stop

# ---- an engine that is exchanged ----

# It asks twice, and does not go: the second is refused, and it is killed.
start server exchange-stays
wait_log "$WORK/exchange-stays.log" 'exchange-stays: the successor is here' 5
expect_log "$WORK/exchange-stays.log" 'ended: killed by netd: it did not make room for its successor'
expect_log "$WORK/exchange-stays.log" 'the engine is not exchanged: an exchange is going on already'
expect_log "$WORK/exchange-stays.log" 'the engine has been exchanged'
refute_log "$WORK/exchange-stays.log" 'starting the engine again'
stop_clean exchange-stays

# netd is stopped meanwhile: the successor goes as well.
since=$(log_mark "$WORK/exchange-stays.log")
start server exchange-stays
wait_log_since "$WORK/exchange-stays.log" "$since" 'makes room for a new one' 5
next=$(sed -nE 's/.*makes room for a new one \(pid ([0-9]+)\).*/\1/p' "$WORK/exchange-stays.log" | tail -n 1)
stop_clean exchange-stays
wait_for 5 'exchange-stays: nor is its successor left' process_gone "$next" && pass 'exchange-stays: nor is its successor left'

# The new program would have the whole of netd end: the old one comes back instead.
start server exchange-exits
wait_log "$WORK/exchange-exits.log" "exchange-exits: $EXPECTED" 5
expect_log "$WORK/exchange-exits.log" 'ended: killed by netd: the new program cannot go on'
expect_log "$WORK/exchange-exits.log" 'the new program at .*netd_harness is given up'
stop_clean exchange-exits

# ---- what the engine is given ----

start server privileges
wait_log "$WORK/privileges.log" "privileges: $EXPECTED" 3
for line in 'Uid: 65534 65534 65534 65534' 'Groups: *' 'CapInh: 0+' 'CapPrm: 0+' 'CapEff: 0+' 'CapBnd: 0+' \
	'CapAmb: 0+' 'NoNewPrivs: 1' 'SigBlk: 0+' 'SigIgn: 0+'; do
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
expect_log "$WORK/truncated.log" 'cannot listen on 0.0.0.0:4430: Address already in use; another program listens there'

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
not_started 'no such user' 3 "there is no user 'nobody-at-all'" HARNESS_USER=nobody-at-all
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
