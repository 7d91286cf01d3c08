#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Two hosts with one certificate: the newer takes the place of the older, which is told so, ends with exit code 5, and does not
# come back. They never flap.
#
#   twin-1 (192.0.2.1) ──┐
#                        ├── wan ── gw-b        both have the profile of gw-a
#   twin-2 (192.0.2.9) ──┘
#
# check: quick
# check: sanitized
# shellcheck disable=SC2317 # Functions are called by name.
set -euo pipefail
# shellcheck source=tests/system/tunnel/common.sh
source "$(dirname "$0")/tunnel/common.sh"

switch_add
switch_join twin-1 192.0.2.1/24
switch_join twin-2 192.0.2.9/24
switch_join gw-b 192.0.2.2/24

pki_add gw-a
server_conf gw-b <<'CONF'
peers = ( { name = "gw-a"; accept_routes = [ "10.1.0.0/16" ]; } );
CONF
for twin in twin-1 twin-2; do
	client_conf $twin gw-a <<<'announce = [ "10.1.0.0/24" ];'
done
snapshot twin-1 >"$WORK/before"
server_start gw-b
client_start twin-1
wait_up twin-1 gw-b
wait_for 5 'the first has its tunnel' pings twin-1 $SERVER4
address=$(session_value gw-b gw-a .addresses.remote4)

mark=$(log_mark "$WORK/gw-b.log")
client_start twin-2
wait_up twin-2 gw-b
wait_exit twin-1 5
check_equal 'the first ends with exit code 5' 5 "$EXIT_STATUS"
expect_log "$WORK/twin-1.log" 'received a goodbye: .*another instance'
wait_same twin-1 "$WORK/before" 3
wait_for 5 'the second has the tunnel' pings twin-2 $SERVER4
check_equal 'with the address of the first' "$address" "$(session_value gw-b gw-a .addresses.remote4)"
expect_log "$WORK/gw-b.log" 'gw-a: .*192\.0\.2\.9:[0-9]+ replaces the old session'
check_equal 'there is one session' 1 "$(ctl gw-b status --json | jq '.sessions | length')"
wait_routes gw-b 10.1.0.0/24

# Nobody comes back by itself: after the longest time that a first retry could take there is still the same connection.
mark=$(log_mark "$WORK/gw-b.log")
check 'the second stays for a second of pings' pings twin-2 $SERVER4 20
check_fails 'no other connection came' log_has_since "$WORK/gw-b.log" "$mark" 'replaces the old session'
check_equal 'the second was never replaced' 1 "$(session_value twin-2 gw-b .connections)"

# Whoever starts the first again, replaces the second: the newest wins, always.
client_start twin-1
wait_exit twin-2 10
check_equal 'now the second ends with exit code 5' 5 "$EXIT_STATUS"
wait_for 5 'and the first has the tunnel' pings twin-1 $SERVER4

# A newcomer may say all it has behind its hello at once. Its routes and its ping are taken once the session before has ended.
for instance in 17 18 19; do
	puppet_start "eager-$instance" twin-2 192.0.2.2:443
	check "newcomer $instance says hello, routes and ping in one go: all is answered" tell "eager-$instance" <<-SCRIPT
		hello instance $instance
		announce 10.1.$instance.0/24
		end
		ping
		await welcome
		await pong
	SCRIPT
	wait_routes gw-b "10.1.$instance.0/24"
done
check 'the one before is told that it was replaced' tell eager-18 <<<'await goodbye'
check_equal 'again there is one session' 1 "$(ctl gw-b status --json | jq '.sessions | length')"
# ---- copies of one virtual machine: the same instance in both ----

# A virtual machine that is cloned while it runs: the copy takes the session over, and the original, which does not know of that
# connection, replaces it for good.
copy() { # NAME [LAST]: a hello of instance 7; $session is its session
	puppet_start "$1" twin-2 192.0.2.2:443
	tell "$1" <<<"hello instance 7 last 0x${2:-0}"$'\nawait welcome\nend\nsync'
	session=$(sed -n 's/^welcome .*\bsession \([0-9a-f]*\).*/\1/p' "$WORK/$1.told")
}
check 'the original has a session' copy original
mark=$(log_mark "$WORK/gw-b.log")
first=$session
check 'its copy takes it over' copy copied "$first"
copied=$session
puppet_end original
expect_fresh() { log_has_since "$WORK/gw-b.log" "$mark" "$1"; }
check_fails 'nobody was replaced so far' expect_fresh 'another instance with the same identity'
check 'the original comes back' copy returned "$first"
check 'the copy is told that it was replaced' tell copied <<<$'await goodbye\nawait close'
check 'by goodbye 2' grep '^goodbye 2 ' "$WORK/copied.told"
puppet_end copied
puppet_start again twin-2 192.0.2.2:443
tell again <<<"hello instance 7 last 0x$copied"$'\nawait goodbye\nawait close' || true
check 'the copy is refused when it returns' grep '^goodbye 2 ' "$WORK/again.told"
puppet_end again
check 'the original goes on' tell returned <<<sync
puppet_end returned
finish
