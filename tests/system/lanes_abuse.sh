#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Connections that would join a session and must not, and lanes that misbehave when they have joined: a stranger to the session
# is refused in words and the session notices nothing; what one of its own lanes does wrong ends it. Also servers that say
# join and joined out of turn.
#
#   bad  (192.0.2.9) ──┐
#                      ├── wan ── gw-b         gw-a keeps its session of two lanes and pings without a pause
#   gw-a (192.0.2.1) ──┘
#
# shellcheck disable=SC2317 # Functions are called by name.
#
# check: long
# check: timeout 400
# check: sanitized
set -euo pipefail
# shellcheck source=tests/system/tunnel/lanes.sh
source "$(dirname "$0")/tunnel/lanes.sh"

switch_add
switch_join gw-a 192.0.2.1/24
switch_join gw-b 192.0.2.2/24
switch_join bad 192.0.2.9/24

pki_add gw-a bad idle
snapshot gw-b >"$WORK/gw-b.before"
server_conf gw-b <<'CONF'
lanes = 4;
handshake_timeout = 3;
dead_after = 6;
peers = ( { name = "gw-a"; }, { name = "bad"; accept_routes = [ "10.1.0.0/16" ]; }, { name = "idle"; } );
CONF
client_conf gw-a <<<'lanes = 2;'
server_start gw-b
client_start gw-a
wait_up gw-a gw-b
wait_lanes 2
wait_for 5 'the tunnel answers' pings gw-a $SERVER4
start_bg "$WORK/steady.log" steady in_ns gw-a ping -n -i 0.05 -W 3 $SERVER4
log=$WORK/gw-b.log
ZEROS=$(printf '%064d' 0)

tlv() { # NUMBER HEX
	printf '%04x%04x%s' "$1" $((${#2} / 2)) "$2"
}

# ---- a session of two lanes, the puppets `first` and `second`, and whoever else comes ----

session=''
token=''
# A session with `lanes` granted, by the instance 7; $session and $token are its secrets.
session_start() { # LANES
	puppet_start first bad 192.0.2.2:443 bad
	tell first <<-SCRIPT
		hello instance 7 lanes $1
		await welcome
	SCRIPT
	session=$(sed -n 's/^welcome .*\bsession \([0-9a-f]*\).*/\1/p' "$WORK/first.told")
	token=$(sed -n 's/^welcome .*\btoken \([0-9a-f]*\).*/\1/p' "$WORK/first.told")
	check_equal 'the session has its lanes' "$1" "$(sed -n 's/^welcome .*\blanes \([0-9]*\).*/\1/p' "$WORK/first.told")"
}
session_end() {
	tell first <<<$'goodbye 1 done\nawait close' || true
	puppet_end first
	wait_for 5 'the session has ended' no_session
}
no_session() {
	[[ -z $(session_value gw-b bad .state) ]]
}
lane_count() {
	session_value gw-b bad '[.lanes[] | select(.stage == "carrying")] | length'
}
has_lanes() { # COUNT
	[[ $(lane_count) -eq $1 ]]
}
control_lane() {
	session_value gw-b bad '.lanes[] | select(.control) | .number'
}
joins() { # NAME [join's arguments]; a good lane
	local name=$1
	shift
	puppet_start "$name" bad 192.0.2.2:443 bad
	tell "$name" <<<"join $session $token instance 7 $*"$'\nawait joined\nsync'
}

# A connection whose only line is answered with this goodbye and closed; the session carries on.
refused() { # NAME CODE TEXT-REGEX LINE [IDENTITY]
	puppet_start other bad 192.0.2.2:443 "${5:-bad}"
	if tell other <<<"$4"$'\nawait goodbye\nawait close' && grep -qE "^goodbye $2 .*($3)" "$WORK/other.told"; then
		pass "$1: refused in words"
	else
		fail "$1: refused in words" "no 'goodbye $2 …$3…': $(tr '\n' ';' <"$WORK/other.told" | cut -c 1-300)"
	fi
	puppet_end other
	if [[ -n $session ]]; then
		check "$1: the session answers" tell first <<<sync
		check_equal "$1: it has the lanes that it had" "$lanes" "$(lane_count)"
	fi
}
wrong_bit() { # HEX; its last bit the other way
	printf '%s%x' "${1%?}" $((0x${1: -1} ^ 1))
}

refused 'a join without a session' 5 'join does not match a session of this client' "join 0123456789abcdef $ZEROS instance 7"
session_start 2
lanes=1
refused 'a wrong token' 5 'join does not match a session of this client' "join $session $(wrong_bit "$token") instance 7"
refused 'no token' 5 'join does not match a session of this client' "join $session $ZEROS instance 7"
refused 'a wrong session' 5 'join does not match a session of this client' "join $(wrong_bit "$session") $token instance 7"
refused 'another instance' 5 'join does not match a session of this client' "join $session $token instance 8"
refused 'another identity, with a session' 5 'join does not match a session of this client' "join $session $token instance 7" gw-a
refused 'another identity, without a session' 5 'join does not match a session of this client' "join $session $token instance 7" idle
refused 'another identity that wants the role' 5 'join does not match a session of this client' \
	"join $session $token instance 7 claim 1" gw-a
instance=$(printf '07%.0s' {1..16})
refused 'half a token' 5 'join.*token' \
	"control $(tlv 3 "$(tlv 1 "$session")$(tlv 2 "${token:0:32}")$(tlv 3 "$instance")")"
refused 'a claim that is neither yes nor no' 5 'join.*claim' \
	"control $(tlv 3 "$(tlv 1 "$session")$(tlv 2 "$token")$(tlv 3 "$instance")$(tlv 4 02)")"
refused 'joined in the place of join' 5 'joined before' 'control 000c0000'
expect_log "$log" '192\.0\.2\.9:[0-9]+: refused: .*join does not match a session of this client'

check 'a second lane joins' joins second
check_equal 'without the role' 'joined control 0' "$(grep ^joined "$WORK/second.told")"
lanes=2
refused 'a third lane of two' 10 'limit of 2 lanes is reached' "join $session $token instance 7"
refused 'a third lane that wants the role' 10 'limit of 2 lanes is reached' "join $session $token instance 7 claim 1"

# ---- what a lane may say ----

check 'what only the control lane may say is skipped on another' tell second <<<$'announce 10.1.7.0/24\nend\nsync'
check_equal 'nothing was announced' '[]' "$(ctl gw-b routes --json | jq -c '[.. | objects | select(.prefix? == "10.1.7.0/24")]')"
check 'a lane that says goodbye goes alone' tell second <<<$'goodbye 1 enough\nawait close'
puppet_end second
wait_for 5 'it is gone' has_lanes 1
check 'the session answers' tell first <<<sync
check 'another may take its place' joins second
check 'and may claim the role' tell second <<<"join $session $token instance 7 claim 1"$'\nawait joined\nannounce 10.1.7.0/24\nend\nsync'
check_equal 'which it has' 'joined control 1' "$(grep ^joined "$WORK/second.told")"
check_equal 'as the status says' 3 "$(control_lane)"
wait_routes gw-b 10.1.7.0/24 && pass 'what it announces is taken'
check 'a claim on an older one is late, and passed over' tell first <<<"join $session $token instance 7 claim 1"$'\nsync'
check_equal 'the role stays' 3 "$(control_lane)"
puppet_end second
wait_for 5 'a lane that just closes goes alone' has_lanes 1
check 'now the first one may claim it back' tell first <<<"join $session $token instance 7 claim 1"$'\nawait joined\nend\nsync'
check_equal 'which the status shows' 1 "$(control_lane)"
wait_for 5 'routes that were not said again are gone' lacks_route gw-b 10.1.7.0/24
puppet_start second bad 192.0.2.2:443 bad
check 'joining with a claim at once' tell second <<<"join $session $token instance 7 claim 1"$'\nawait joined'
check_equal 'is answered' 'joined control 1' "$(grep ^joined "$WORK/second.told")"
check_equal 'it moves the role' 4 "$(control_lane)"
check_fails 'the answer comes once' tell second <<<'await joined 1'

# The lane with the role is lost.
puppet_end second
wait_for 5 'the lane with the role is gone' has_lanes 1
check 'no lane has the role' test -z "$(control_lane)"
check 'the session answers all the same' tell first <<<sync
check 'and can be led again' tell first <<<"join $session $token instance 7 claim 1"$'\nawait joined\nsync'
session_end

# ---- what ends the session ----

# The lane WHO says a line; the session ends with this goodbye on the control lane, and the other lane is closed.
ends_session() { # NAME WHO CODE TEXT-REGEX LINE
	local mark
	mark=$(log_mark "$log")
	session_start 2
	joins second || fail "$1: it joins" "$(tail -n 3 "$WORK/second.log")"
	eval "echo \"$5\"" >&"${puppet_inputs[$2]}"
	if tell first <<<$'await goodbye\nawait close' && grep -qE "^goodbye $3 .*($4)" "$WORK/first.told"; then
		pass "$1: ends the session in words"
	else
		fail "$1: ends the session in words" "no 'goodbye $3 …$4…': $(tr '\n' ';' <"$WORK/first.told" | cut -c 1-300)"
	fi
	check "$1: the other lane is closed" tell second <<<'await close'
	wait_for 5 "$1: the session is over" no_session
	wait_log_since "$log" "$mark" "bad: the peer broke the protocol: .*($4)" 5
	puppet_end first
	puppet_end second
}
# shellcheck disable=SC2016 # They are expanded when the session is there.
{
	ends_session 'a second join without a claim' second 5 'join on a lane that has joined' 'join $session $token instance 7'
	ends_session 'a join on the first lane' first 5 'join on a lane that has joined' 'join $session $token instance 7'
	ends_session 'a claim with a wrong token' second 5 'join on a lane that has joined' \
		'join $session $ZEROS instance 7 claim 1'
}
ends_session 'joined from a client' second 5 'joined' 'control 000c0000'
ends_session 'joined from a client with the role' first 5 'joined' 'control 000c0000'
ends_session 'an unknown frame on a joined lane' second 5 'unknown frame type' 'frame 99 4 00000000'
ends_session 'a broken message on a joined lane' second 5 'ping' 'control 00080000'

# Nobody claims the role of a lane that is lost.
session_start 2
joins second
puppet_end first
check 'a session that nobody leads ends, told by the lane that is left' tell second <<<$'await goodbye 12\nawait close'
check 'and why' grep -E '^goodbye 7 no lane took the control role in time' "$WORK/second.told"
wait_for 5 'it is over' no_session
puppet_end second
session=''

# ---- a server that misbehaves ----

u32() { printf %08x "$1"; }
welcome() { # LANES
	echo "control $(tlv 2 "$(tlv 1 0001)$(tlv 2 67772d62)$(tlv 3 1122334455667788)$(tlv 4 "$ZEROS")$(tlv 6 "$(printf %02x "$1")")$(
		tlv 7 "$(u32 1500)")$(tlv 8 0ad50009)$(tlv 9 0ad50001)$(tlv 12 "$(u32 5000)")$(tlv 13 "$(u32 15000)")")"
}
joined=$(tlv 12 '')
join=$(tlv 3 "$(tlv 1 1122334455667788)$(tlv 2 "$ZEROS")$(tlv 3 "$instance")")
client_conf victim bad <<<$'remotes = [ "192.0.2.2:9443" ];\nlanes = 2;\nhandshake_timeout = 4;'
snapshot bad >"$WORK/bad.before"

victim_end() {
	stop_bg victim
	wait_for 5 'the client leaves nothing' same_snapshot bad "$WORK/bad.before"
}
# The client's only connection says lines; it answers with this goodbye.
client_ends_with() { # NAME CODE TEXT-REGEX
	puppet_listen server gw-b 192.0.2.2:9443
	client_start victim bad
	if tell server < <(echo 'await hello' && cat && echo 'await goodbye') >/dev/null &&
		grep -qE "^goodbye $2 .*($3)" "$WORK/server.told"; then
		pass "$1"
	else
		fail "$1" "no 'goodbye $2 …$3…': $(tr '\n' ';' <"$WORK/server.told" | cut -c 1-300)"
	fi
	puppet_end server
	victim_end
}
client_ends_with 'joined in the place of welcome' 5 'joined' <<<"control $joined"
client_ends_with 'a join from the server' 5 'join' < <(welcome 1 && echo "control $join")
# A second connection that is served the lines on stdin instead of joined.
joiner_hears() { # NAME
	puppet_listen server gw-b 192.0.2.2:9443
	client_start victim bad
	tell server < <(echo 'await hello' && welcome "${2:-2}" && echo sync) || fail "$1: a session" "$(cat "$WORK/server.told")"
	puppet_listen "$1" gw-b 192.0.2.2:9443
	tell "$1" < <(echo 'await join' && cat)
}
granted() {
	session_value victim gw-b .lanes_granted
}

check 'a refused lane' joiner_hears refusing 64 <<<$'goodbye 10 enough\nawait close'
wait_log "$WORK/victim.log" 'gw-b: lost lane 2, 1 remain: received a goodbye: .*enough' 5
check 'leaves the session as it was' tell server <<<sync
check_equal 'which has no more lanes than the client wanted, whatever the server grants' 2 "$(granted)"
puppet_end refusing
puppet_end server
victim_end

check 'a lane that is refused as a protocol error' joiner_hears denying <<<$'goodbye 5 no\nawait close'
check 'leaves the session as it was, too' tell server <<<sync
puppet_end denying
puppet_end server
victim_end

check 'a lane that is welcomed in the place of joined' joiner_hears again < <(welcome 2 && echo 'sync')
check 'is still waited for' tell again <<<"control $joined"$'\nsync'
wait_log "$WORK/victim.log" 'gw-b: lane 2 joined' 5
echo "control $joined" >&"${puppet_inputs[again]}"
tell server <<<'await goodbye' || true
check 'joined twice ends the session' grep -E '^goodbye 5 joined without a join' "$WORK/server.told"
puppet_end again
puppet_end server
victim_end

check 'a lane that is never answered' joiner_hears mute <<<'await close 15'
wait_log "$WORK/victim.log" 'gw-b: lost lane 2, 1 remain: .*join was not answered in time' 15
check 'is given up alone' tell server <<<sync
puppet_end mute
puppet_end server
victim_end

# ---- all the while ----

stop_bg steady INT
check 'the steady session lost no ping' none_lost "$WORK/steady.log"
check_equal 'it is the same connection' 1 "$(session_value gw-b gw-a .connections)"
check_equal 'with the same lanes' '1 2' "$(session_value gw-b gw-a '[.lanes[].number] | sort | join(" ")')"
check_equal 'no other session is left' 1 "$(ctl gw-b status --json | jq '.sessions | length')"
stop_bg gw-a
stop_bg gw-b
wait_same gw-b "$WORK/gw-b.before" 5
refute_log "$log" 'this is a bug'
refute_log "$WORK/victim.log" 'this is a bug'
finish
