#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# netd against an engine that is broken or subverted: whatever it sends, the host's links, addresses and routes stay as they
# are, and the log says what it asked for.
#
# check: timeout 120
# check: sanitized
#
# shellcheck disable=SC2317 # Functions are called by name, by check and wait_for.
set -euo pipefail
# shellcheck source=tests/system/netd_harness/common.sh
source "$(dirname "$0")/netd_harness/common.sh"

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
killed reply 'it sent a message of type reply, which only netd sends' 3
killed interface-unready 'it sent a message of type interface before it was ready' 3
killed wrong-generation 'it is ready with generation 2, its configuration is 1' 3
killed ready-twice 'it sent a message of type ready after it was ready' 3
killed adopt-when-ready 'it sent a message of type adopt after it was ready' 3
killed exchange-unready 'it sent a message of type reexec before it was ready' 3
killed mtu-zero 'it sent a message that cannot be decoded' 3
killed flood 'it has not read its replies for 5 s' 15
killed closes-channel 'it has closed its channel and runs on' 3

# Descriptors that come with requests are closed. Counted is while an engine is ready and has not sent any: netd has as
# many with the third engine as with the first.
count_fds() { find "/proc/$(pid_of descriptors)/fd" -mindepth 1 | wc -l; }
start server descriptors
engine_waits descriptors 1
before=$(count_fds)
for turn in 2 3; do
	engine_go descriptors
	engine_waits descriptors $turn
done
check_equal 'descriptors: none is left open in netd' "$before" "$(count_fds)"
check_equal 'descriptors: two engines are killed for them' 2 \
	"$(grep -c 'broken or subverted.*: it sent a message that is too long or carries descriptors' "$WORK/descriptors.log")"
stop_clean descriptors

# ---- what it writes where root looks ----

start_bg /dev/null a-terminal socat -u "PTY,link=$WORK/tty,rawer" "OPEN:$WORK/screen,creat,append"
wait_for 5 'there is a terminal' test -c "$WORK/tty"
on_terminal() { in_ns host "$HARNESS" server drives-terminal "$WORK" >"$WORK/tty" 2>&1; }
start_bg /dev/null drives-terminal on_terminal
wait_log "$WORK/screen" 'drives-terminal: wrote [0-9]+ bytes, to a terminal: 0' 5
stop_bg drives-terminal
check_equal 'an engine does not drive the terminal of its netd, by stdout or stderr' 2 \
	"$(grep -cF 'clear \x1b[2J \x9b31m title \x1b]0;x\x07 over\x0dwritten' "$WORK/screen")"
check_fails 'no byte that is neither printable nor a newline comes there' grep -qP '[^\x20-\x7e]' "$WORK/screen"
stop_bg a-terminal

# ---- what the configuration does not allow: refused, and said ----

refused() { # ROLE SCENARIO REGEX
	start "$1" "$2"
	wait_log "$WORK/$2.log" "engine: $2: $EXPECTED" 3
	expect_log "$WORK/$2.log" "engine asked for $3.*: the configuration does not allow it"
	check_equal "$2: the host is untouched" "$UNTOUCHED" "$(snapshot)"
	stop_clean "$2"
}
refused server unknown-peer 'an interface for stranger, a peer that is not configured'
refused server outside-pool 'address 10.98.0.7 for branch-a, which is not a host address of pool 10.99.0.0/24'
refused server server-address 'address 10.99.0.1 for branch-a'
refused server wrong-local 'local address 10.99.0.2, which is not the server.s own'
refused server anothers-address 'address 10.99.0.50 for branch-a, which is another.s'
refused server fixed-ignored 'address 10.99.0.51 for branch-b, which has a fixed one'
refused server queues-refused 'an interface with 5 queues for branch-a, which may have 4 lanes'
refused server foreign-index 'a change of interface 1, which is not Culvert.s'
refused server outgoing-socket 'an outgoing socket'
refused client client-loopback 'address 127.0.0.1, which no tunnel can have: it overlaps the loopback range'
refused client client-multicast 'address 224.0.0.1, which no tunnel can have: it overlaps the multicast range'
refused client client-remote 'address 192.0.2.1, at which remotes or proxy reach the server itself'
refused client client-foreign 'address 8.8.8.8, which is inside no range of tunnel_addresses or accept_routes'
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

start server refuses-next
wait_log "$WORK/refuses-next.log" "refuses-next: $EXPECTED" 10
expect_log "$WORK/refuses-next.log" 'killed by netd: it refuses the configuration that the previous engine accepted'
stop_clean refuses-next

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
expect_log "$WORK/exchange-stays.log" 'ended: killed by netd: it did not end in time for the engine that replaces it'
expect_log "$WORK/exchange-stays.log" 'the engine is not replaced: a reexec is in progress already'
expect_log "$WORK/exchange-stays.log" 'the engine is replaced: it runs'
refute_log "$WORK/exchange-stays.log" 'starting the engine again'
stop_clean exchange-stays

# netd is stopped meanwhile: the successor goes as well.
since=$(log_mark "$WORK/exchange-stays.log")
start server exchange-stays
wait_log_since "$WORK/exchange-stays.log" "$since" 'a new engine .* replaces' 5
next=$(sed -nE 's/.*a new engine \(pid ([0-9]+)\) .* replaces.*/\1/p' "$WORK/exchange-stays.log" | tail -n 1)
stop_clean exchange-stays
wait_for 5 'exchange-stays: nor is its successor left' process_gone "$next" && pass 'exchange-stays: nor is its successor left'

# The new program would have the whole of netd end: the old one comes back instead.
start server exchange-exits
wait_log "$WORK/exchange-exits.log" "exchange-exits: $EXPECTED" 5
expect_log "$WORK/exchange-exits.log" 'ended: killed by netd: the new program cannot continue'
expect_log "$WORK/exchange-exits.log" 'the new program at .*netd_harness failed'
stop_clean exchange-exits

finish
