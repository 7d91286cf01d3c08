#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Addresses: the same after a restart of either daemon, fixed ones, exhaustion, and a broken lease file.
#
#   host-1 (192.0.2.1) ──┐
#   host-2 (192.0.2.3) ──┼── wan ── gw-b       pool4 10.213.0.0/29: server .1, fixed .5, and .2 .3 .4 .6 to give away
#   host-3 (192.0.2.4) ──┘
set -euo pipefail
# shellcheck source=tests/system/tunnel/common.sh
source "$(dirname "$0")/tunnel/common.sh"

switch_add
switch_join host-1 192.0.2.1/24
switch_join gw-b 192.0.2.2/24
switch_join host-2 192.0.2.3/24
switch_join host-3 192.0.2.4/24
pki_add one two three fixed
configure() { # POOL4 POOL6
	server_conf gw-b <<CONF
pool4 = "$1";
pool6 = "$2";
peers = ( { name = "one"; }, { name = "two"; }, { name = "three"; },
	{ name = "fixed"; address4 = "10.213.0.5"; address6 = "fd00:c17:e27::5"; } );
CONF
}
configure 10.213.0.0/29 "$POOL6"
for name in one two three fixed; do
	client_conf $name </dev/null
done
address() { # PEER
	session_value gw-b "$1" '"\(.addresses.remote4) \(.addresses.remote6)"'
}
up() { # NAME NS
	local mark client_mark
	mark=$(log_mark "$WORK/gw-b.log")
	client_mark=$(log_mark "$WORK/$1.log")
	client_start "$1" "$2"
	wait_up gw-b "$1" "$mark"
	wait_up "$1" gw-b "$client_mark"
}
down() { # NAME
	local mark
	mark=$(log_mark "$WORK/gw-b.log")
	stop_bg "$1"
	wait_log_since "$WORK/gw-b.log" "$mark" "$1: session: .* -> ended" 10
}

server_start gw-b
up one host-1
up two host-2
one=$(address one)
two=$(address two)
check 'two clients have different addresses' test "$one" != "$two"
for name in one two; do
	check "the address of $name is in the pool" grep -E '^10\.213\.0\.[2346] fd00:c17:e27::[2-9a-f]' <<<"$(address $name)"
done
check 'the first answers' pings host-1 $SERVER4
check 'the second answers over IPv6' pings host-2 $SERVER6

down one
up three host-1
three=$(address three)
check 'a third does not get the address that the first had' test "$three" != "$one" -a "$three" != "$two"
up fixed host-3
check_equal 'a fixed address is what the entry says' '10.213.0.5 fd00:c17:e27::5' "$(address fixed)"
down three
up one host-1
check_equal 'the first gets its address again' "$one" "$(address one)"

# ---- across a restart of the daemon, in the other order ----

down one
stop_bg two
stop_bg fixed
stop_bg gw-b
check 'there is a lease file, for nobody else to read' test "$(stat -c %a "$WORK/gw-b.state/leases")" = 600
server_start gw-b
up three host-3
up two host-2
up one host-1
check_equal 'the first has its address after the restart' "$one" "$(address one)"
check_equal 'so has the second' "$two" "$(address two)"
check_equal 'so has the third' "$three" "$(address three)"

# ---- kill -9 loses nothing either ----

mark=$(log_mark "$WORK/gw-b.log")
engine=$(engine_pid gw-b)
kill -KILL "$(pid_of gw-b)" "$engine"
wait_exit gw-b 5 || true
wait_for 2 'the engine is gone' bash -c "! kill -0 $engine"
server_start gw-b
for name in one two three; do
	wait_up gw-b $name "$mark"
done
check_equal 'addresses survive kill -9' "$one / $two / $three" "$(address one) / $(address two) / $(address three)"
stop_bg one
stop_bg two
stop_bg three
stop_bg gw-b

# ---- exhaustion: a /30 has one address for clients ----

configure 10.213.0.4/30 fd00:c17:e27::/64
sed -i 's/ address4 = "10.213.0.5"; address6 = "fd00:c17:e27::5";//' "$WORK/gw-b.conf"
server_start gw-b
up two host-2
mark=$(log_mark "$WORK/gw-b.log")
client_start one host-1
wait_log_since "$WORK/gw-b.log" "$mark" '192\.0\.2\.1:[0-9]+: refused: one: .*(address|pool)' 5 &&
	pass 'the server says that the pool is exhausted'
wait_log "$WORK/one.log" 'gw-b: received a goodbye: .*(address|pool)' 5 && pass 'the client says so, too'
check 'the other session goes on' pings host-2 10.213.0.5
down two
wait_up gw-b one "$mark"
pass 'the client comes when an address is free'
stop_bg one
stop_bg gw-b

# ---- an engine dies while its leases cannot be written: everyone keeps what the interfaces have ----

configure 10.213.0.0/29 "$POOL6"
sed -i 's/^linger = .*/linger = 60;/' "$WORK/gw-b.conf"
rm -rf "$WORK/gw-b.state"
mark=$(log_mark "$WORK/gw-b.log")
server_start gw-b
mkdir "$WORK/gw-b.state/leases" # what cannot be replaced by a file
up one host-1
up two host-2
up three host-3
check 'the leases are not written' wait_log_since "$WORK/gw-b.log" "$mark" 'cannot write the leases' 5
before="$(address one) / $(address two) / $(address three)"
mark=$(log_mark "$WORK/gw-b.log")
kill -KILL "$(engine_pid gw-b)"
for name in three two one; do
	wait_up gw-b $name "$mark"
done
check_equal 'all are back with their addresses' "$before" "$(address one) / $(address two) / $(address three)"
check_fails 'nobody was offered what another has' log_has_since "$WORK/gw-b.log" "$mark" "which is another's"
stop_bg one
stop_bg two
stop_bg three
stop_bg gw-b
rm -rf "$WORK/gw-b.state"
configure 10.213.0.4/30 fd00:c17:e27::/64

# ---- one family alone ----

server_conf gw-b <<'CONF'
pool6 = "";
peers = ( { name = "one"; } );
CONF
sed -i '/^pool6/d' "$WORK/gw-b.conf"
rm -rf "$WORK/gw-b.state"
server_start gw-b
up one host-1
check_equal 'a pool of IPv4 alone' 'null' "$(session_value gw-b one .addresses.remote6)"
check 'works' pings host-1 $SERVER4
down one
stop_bg gw-b
sed -i "s|^pool4 = .*|pool6 = \"$POOL6\";|" "$WORK/gw-b.conf"
server_start gw-b
up one host-1
check_equal 'a pool of IPv6 alone' 'null' "$(session_value gw-b one .addresses.remote4)"
check 'works as well' pings host-1 $SERVER6
down one
stop_bg gw-b
configure 10.213.0.4/30 fd00:c17:e27::/64
sed -i 's/ address4 = "10.213.0.5"; address6 = "fd00:c17:e27::5";//' "$WORK/gw-b.conf"

# ---- a broken lease file is set aside, not fatal ----

echo 'this is no lease file' >"$WORK/gw-b.state/leases"
mark=$(log_mark "$WORK/gw-b.log")
server_start gw-b
check 'the log names the file and the line' log_has_since "$WORK/gw-b.log" "$mark" 'lease'
up one host-1
check 'and addresses are given' pings host-1 10.213.0.5

# ---- another user: the state follows; what may be somebody else's stays as it is ----

owners() {
	find "$WORK/gw-b.state" -printf '%u\n' | sort -u
}
one=$(address one)
down one
stop_bg gw-b
check_equal 'the state is the one user'"'"'s' nobody "$(owners)"
echo 'user = "daemon";' >>"$WORK/gw-b.conf"
server_start gw-b
up one host-1
check_equal 'then the other'"'"'s' daemon "$(owners)"
check_equal 'and the lease is kept' "$one" "$(address one)"
expect_log "$WORK/gw-b.log" 'notice .*state directory .* netd gave it to the engine.s user'
down one
stop_bg gw-b
refuses_state() { # NAME
	local status=0
	sed -i '/^user = /d' "$WORK/gw-b.conf"
	in_ns gw-b timeout 10 "$CULVERTD" -c "$WORK/gw-b.conf" >"$WORK/refused" 2>&1 || status=$?
	check_equal "$1: it does not start" 1 "$status"
	check_equal "$1: nothing is given away" daemon "$(stat -c %U "$WORK/gw-b.state")"
	check "$1: the log says how" grep 'state directory .* belongs to uid .*chown -R' "$WORK/refused"
}
touch "$WORK/gw-b.state/diary"
chown daemon "$WORK/gw-b.state/diary"
refuses_state 'a file that is not an engine'"'"'s'
rm "$WORK/gw-b.state/diary"
ln "$WORK/gw-b.state/leases" "$WORK/second"
refuses_state 'a file with a second name'
rm "$WORK/second"
rm "$WORK/gw-b.state/leases"
ln -s "$WORK/pki/ca/ca.key" "$WORK/gw-b.state/leases"
refuses_state 'a link to somewhere else'
check_equal 'and what it leads to stays root'"'"'s' root "$(stat -c %U "$WORK/pki/ca/ca.key")"
finish
