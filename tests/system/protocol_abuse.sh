#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Peers with good certificates that break the protocol after the handshake: each is answered with the goodbye that names what
# it did, or its packet is dropped and counted and the session lives on. The session of gw-a notices nothing of it.
#
#   bad  (192.0.2.9) ──┐
#                      ├── wan ── gw-b         gw-a keeps its session and pings without a pause
#   gw-a (192.0.2.1) ──┘
#
# check: quick suite
# check: long
# check: timeout 400
# check: sanitized
# shellcheck disable=SC2317 # Functions are called by name.
set -euo pipefail
# shellcheck source=tests/system/tunnel/common.sh
source "$(dirname "$0")/tunnel/common.sh"
# shellcheck source=tests/system/tunnel/craft.sh
source "$(dirname "$0")/tunnel/craft.sh"

switch_add
switch_join gw-a 192.0.2.1/24
switch_join gw-b 192.0.2.2/24
switch_join bad 192.0.2.9/24

pki_add gw-a bad
server_conf gw-b <<'CONF'
announce = [ "10.2.0.0/24" ];
peers = ( { name = "gw-a"; }, { name = "bad"; accept_routes = [ "10.1.0.0/16", "fd00:1::/32" ]; max_routes = 4; } );
CONF
client_conf gw-a </dev/null
server_start gw-b
client_start gw-a
wait_up gw-a gw-b
wait_for 5 'the tunnel answers' pings gw-a $SERVER4
start_bg "$WORK/steady.log" steady in_ns gw-a ping -n -i 0.05 -W 3 $SERVER4
log=$WORK/gw-b.log

# ---- what peers say ----

# A hello as docs/protocol.md has it, field by field; an argument N=HEX replaces field N, N= leaves it out, and what is
# behind a + comes at the end.
hello() { # [N=HEX...] [+HEX]
	local fields=([1]=0001 [2]="$(text bad)" [3]="$(bytes 16)" [4]=00000000 [5]=01) extra='' argument body='' number
	for argument; do
		case $argument in
		+*) extra=${argument#+} ;;
		*=) unset "fields[${argument%=}]" ;;
		*) fields[${argument%%=*}]=${argument#*=} ;;
		esac
	done
	for number in "${!fields[@]}"; do
		body+=$(tlv "$number" "${fields[$number]}")
	done
	echo "control $(tlv 1 "$body$extra")"
}

# ---- what ends a connection ----

# Plays the lines on stdin, which must be answered with this goodbye and an orderly close.
ends_with() { # NAME CODE TEXT-REGEX
	local name=$1 code=$2 expected=$3
	puppet_start bad bad 192.0.2.2:443 bad
	if tell bad < <(cat && printf 'await goodbye\nawait close\n') >/dev/null &&
		grep -qE "^goodbye $code .*($expected)" "$WORK/bad.told"; then
		pass "$name"
	else
		fail "$name" "no 'goodbye $code …$expected…': $(tr '\n' ';' <"$WORK/bad.told" | cut -c 1-300)"
	fi
	puppet_end bad
	# The log holds back what it has just said several times, so that a line from before will do.
	wait_log "$log" "(192\.0\.2\.9:[0-9]+: refused: |bad: the peer broke the protocol: |bad: session: ).*($expected)" 5
}
in_session() {
	printf 'hello\nawait welcome\n'
	cat
}

ends_with 'no hello but a ping' 5 'ping' <<<ping
ends_with 'no hello but routes' 5 'announce' <<<'announce 10.1.0.0/24'
ends_with 'a welcome from a client' 5 'welcome' < <(echo "control $(tlv 2 "$(tlv 1 0001)")")
ends_with 'an unknown protocol version' 12 'version' <<<'hello version 9'
ends_with 'version 0' 5 'hello.*version' < <(hello 1=0000)
ends_with 'an absurdly small MTU' 5 'hello.*mtu' < <(hello "+$(tlv 6 "$(u32 68)")")
ends_with 'an absurdly large MTU' 5 'hello.*mtu' < <(hello "+$(tlv 6 ffffffff)")
ends_with 'a hello without a name' 5 'hello.*name' < <(hello 2=)
ends_with 'a hello whose name is none' 5 'hello.*name' < <(hello "2=$(text '../../etc')")
ends_with 'a field twice' 5 'hello.*(twice|version)' < <(hello "+$(tlv 1 0001)")
ends_with 'a field of wrong size' 5 'hello.*instance' < <(hello "3=$(bytes 15)")
ends_with 'a field that is longer than the message' 5 'hello' < <(hello '+000700ff01')
ends_with 'half a field' 5 'hello' < <(hello '+0007')
ends_with 'a message that is longer than its frame' 5 'message|TLV|longer|cut|length' <<<'control 00010400'
ends_with 'bytes behind the message' 5 'message|behind|after|bytes' < <(echo "$(hello)00")
ends_with 'no lanes' 5 'hello.*lanes' < <(hello 5=00)
for type in 0 4 255; do
	ends_with "frame type $type" 5 'unknown frame type' <<<"frame $type 40 $(bytes 40)"
	ends_with "frame type $type in a session" 5 'unknown frame type' < <(in_session <<<"frame $type 40 $(bytes 40)")
done
for frame in '1 0' '1 19' '1 65536' '1 16777215' '2 0' '2 29' '2 65546' '3 0' '3 3' '3 16385'; do
	ends_with "frame of type ${frame/ / and length }" 5 'length' < <(in_session <<<"frame $frame $(bytes 8)")
done
ends_with 'a second hello' 5 'hello' < <(in_session <<<hello)
ends_with 'a welcome in a session' 5 'welcome' < <(in_session <<<"control $(tlv 2 "$(tlv 1 0001)")")
ends_with 'an announcement without a prefix' 5 'announce' < <(in_session <<<"control $(tlv 4 '')")
ends_with 'a prefix of 33 bits' 5 'announce' < <(in_session <<<"control $(tlv 4 "$(tlv 1 04210a000000)")")
ends_with 'a prefix of family 5' 5 'announce' < <(in_session <<<"control $(tlv 4 "$(tlv 1 05080a000000)")")
ends_with 'a ping with half a time' 5 'ping' < <(in_session <<<"control $(tlv 8 "$(tlv 1 00000000)")")
ends_with 'a notice with a NUL in it' 5 'notice' < <(in_session <<<"control $(tlv 10 "$(tlv 1 610062)")")

# Too many messages are heard later: 3,200 short ones at once, and 400 a second.
heard_late() { # NAME COMMAND
	local start took
	puppet_start bad bad 192.0.2.2:443 bad
	tell bad <<<$'hello\nawait welcome' >/dev/null
	start=$(now_ms)
	tell bad <<<"repeat 4000 $2"$'\nsync' >/dev/null
	took=$(($(now_ms) - start))
	check "$1: heard in $took ms" test $took -gt 1500
	check_equal "$1: the session lives" 1 "$(session_value gw-b bad .connections)"
	puppet_end bad
}
heard_late 'a ping flood' ping
heard_late 'a flood of announcements' 'announce 10.1.0.0/24'

# ---- what is dropped and counted ----

# Whole packets; the second byte of the total length is theirs to choose.
ipv4() { # VERSION-AND-LENGTH TOTAL-LENGTH SOURCE-HEX BYTES-BEHIND
	printf '%s00%04x0000000040110000%s0a0200023039%04x%04x0000%s' "$1" "$2" "$3" 7777 8 "$(bytes "$4")"
}
frame() { # HEX
	echo "frame 1 $((${#1} / 2)) $1"
}
# Sends the lines on stdin in the standing session: so many drops for this reason, and the session lives.
dropped() { # NAME REASON COUNT
	local before after
	before=$(drops gw-b bad "$2")
	if ! tell bad < <(cat && echo sync) >/dev/null; then
		fail "$1" "the session did not survive: $(tr '\n' ';' <"$WORK/bad.told" | cut -c 1-300)"
		return 1
	fi
	after=$(drops gw-b bad "$2")
	check_equal "$1: $3 dropped as $2" "$3" $((after - before))
}

puppet_start bad bad 192.0.2.2:443 bad
tell bad <<'SCRIPT'
hello
await welcome
announce 10.1.0.0/24 fd00:1::/64
end
SCRIPT
OURS=$(session_value gw-b bad .addresses.remote4)
OURS6=$(session_value gw-b bad .addresses.remote6)
IFS=. read -ra parts <<<"$OURS"
from=$(printf '%02x' "${parts[@]}")
total=$(drops gw-b bad in_malformed)
dropped 'IP version 5' in_malformed 1 < <(frame "$(ipv4 55 28 "$from" 0)")
dropped 'IP version 0' in_malformed 1 < <(frame "$(ipv4 05 28 "$from" 0)")
dropped 'an IPv4 header of 16 bytes' in_malformed 1 < <(frame "$(ipv4 44 28 "$from" 0)")
dropped 'an IPv4 header longer than the packet' in_malformed 1 < <(frame "$(ipv4 4f 28 "$from" 0)")
dropped 'a total length longer than the frame' in_malformed 1 < <(frame "$(ipv4 45 29 "$from" 0)")
dropped 'a total length shorter than the frame' in_malformed 1 < <(frame "$(ipv4 45 28 "$from" 4)")
dropped 'an IPv6 packet of 20 bytes' in_malformed 1 < <(frame "60000000$(bytes 16)")
dropped 'an IPv6 length that does not fit' in_malformed 1 < <(frame "60000000000911400$(bytes 32)0")
dropped 'the longest packet, of nothing but zeros' in_malformed 1 <<<'frame 1 65535 -
zeros 65535'
dropped 'the longest packet with an offload header' in_malformed 1 <<<'frame 2 65545 -
zeros 65545'
dropped 'multicast' in_link_local 1 <<<"udp $OURS 224.0.0.251 5353 x"
dropped 'link-local' in_link_local 1 <<<'udp fe80::1 ff02::1 5353 x'
dropped 'a source that is not theirs' in_source 3 <<<"udp 10.9.0.1 10.2.0.2 7777 x
udp 10.2.0.2 10.1.0.1 7777 x
udp fd00:9::1 $SERVER6 7777 x"

# flags type header size start offset; a right one for TCP over IPv4 is: 1 1 40 1448 20 16
tcp="tcp $OURS $SERVER4"
for bad in '2 0 0 0 0 0:DATA_VALID alone is fine:0' '1 1 40 1448 20 16:a right one is fine:0' \
	'4 0 0 0 0 0:unknown flag:1' '1 9 40 1448 20 16:unknown type:1' '0 1 40 1448 20 16:segmentation without a checksum:1' \
	'1 1 40 0 20 16:segments of size 0:1' '1 4 40 1448 20 16:the type of IPv6:1' '1 5 40 1448 20 16:the type of UDP:1' \
	'1 1 40 1448 0 16:a checksum from the IP header on:1' '1 1 40 1448 20 6:a checksum elsewhere:1' \
	'1 1 40 1448 5000 16:a checksum past the end:1' '1 1 40 1448 65535 65535:a checksum far past the end:1'; do
	IFS=: read -r header name count <<<"$bad"
	dropped "offload header: $name" in_offload "$count" <<<"vnet $header
$tcp 3000"
done
dropped 'offload header: TCP segmentation of UDP' in_offload 1 <<<"vnet 1 1 40 1448 20 6
udp $OURS $SERVER4 7777 x"
dropped 'offload header: a checksum for UDP is fine' in_offload 0 <<<"vnet 1 0 0 0 20 6
udp $OURS $SERVER4 7777 x"
dropped 'offload header: ECN without segmentation' in_offload 1 <<<"vnet 1 0x80 0 0 40 16
tcp $OURS6 $SERVER6 100"

# ---- what is skipped, and limits ----

alive() { # NAME; lines on stdin change nothing
	check "$1" tell bad < <(cat && echo sync)
}
alive 'an unknown message is skipped' <<<"control $(tlv 999 "$(bytes 30)")"
alive 'an unknown field is skipped' <<<"control $(tlv 8 "$(tlv 1 0000000000000001)$(tlv 77 abcd)")"
alive 'the longest control message is skipped' <<<"control $(tlv 999 "$(bytes 16380)")"
alive 'pongs that nobody asked for' <<<"control $(tlv 9 "$(tlv 1 ffffffffffffffff)")"
alive 'withdrawal of what was never announced' <<<'withdraw 10.1.77.0/24'
alive 'refusal of what was never announced' <<<"control $(tlv 6 "$(tlv 1 0204080b000000)")"
alive 'a notice that wants to forge log lines' \
	<<<"control $(tlv 10 "$(tlv 1 "$(text $'x\n<3>bad: forged line')")")"
refute_log "$log" '^(<[0-9]>)?bad: forged'
tell bad <<<'announce 10.1.1.0/24 10.1.2.0/24 10.1.3.0/24 10.1.4.0/24
await refuse'
check 'more routes than max_routes are refused' grep -E '^refuse .*10\.1\.4\.0/24 \(more prefixes' "$WORK/bad.told"
check_equal 'all the drops were the ones above' $((total + 10)) "$(drops gw-b bad in_malformed)"
check_equal 'one session through all of it' 1 "$(session_value gw-b bad .connections)"
tell bad <<<'goodbye 1 done
await close'
puppet_end bad
wait_log "$log" 'bad: received a goodbye: .*done' 5

# ---- a server that misbehaves ----

client_conf victim bad <<<'remotes = [ "192.0.2.2:9443" ];'
snapshot bad >"$WORK/before"
# Plays a server; the client must answer with this goodbye, and keep nothing of it.
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
	stop_bg victim
	wait_for 3 "$1: the client's host is as it was" same_snapshot bad "$WORK/before"
}
client_ends_with 'a welcome with an MTU of 68' 5 'welcome.*mtu' < <(welcome "7=$(u32 68)")
client_ends_with 'a welcome with an MTU of 4 GB' 5 'welcome.*mtu' < <(welcome 7=ffffffff)
client_ends_with 'a welcome with a loopback address' 5 'welcome.*client4' < <(welcome 8=7f000001)
client_ends_with 'a welcome with a multicast address' 5 'welcome.*server4' < <(welcome 9=e0000001)
client_ends_with 'a welcome with one address for both' 5 'welcome.*address' < <(welcome 8=0ad50001)
client_ends_with 'a welcome with no address' 5 'welcome.*address' < <(welcome 8= 9=)
client_ends_with 'a welcome that pings never' 5 'welcome.*(dead|ping)' < <(welcome "12=$(u32 60000)")
client_ends_with 'a domain with a space' 5 'welcome.*domain' < <(welcome "16=$(text 'corp example')")
client_ends_with 'a domain with a newline' 5 'welcome.*domain' < <(welcome "16=$(text $'corp\nnameserver 192.0.2.66')")
# shellcheck disable=SC2016 # What a shell would run.
client_ends_with 'a domain for a shell' 5 'welcome.*domain' < <(welcome "16=$(text '$(id>/etc/id);x')")
client_ends_with 'a domain that looks like an option' 5 'welcome.*domain' < <(welcome "16=$(text '--set')")
client_ends_with 'a resolver that is this host' 5 'welcome.*dns' < <(welcome 15=7f000035)
client_ends_with 'a hello from the server' 5 'hello' <<<hello
client_ends_with 'routes before the welcome' 5 'announce' <<<'announce 10.2.0.0/24'
client_ends_with 'a second welcome' 5 'welcome' < <(welcome && welcome)
client_ends_with 'an unknown frame' 5 'unknown frame type' < <(welcome && echo "frame 99 4 $(bytes 4)")

# What a server pushes is judged, and bounded; the session goes on.
puppet_listen server gw-b 192.0.2.2:9443
client_start victim bad
ten_thousand() {
	local i j
	for ((i = 0; i < 40; i++)); do
		printf announce
		for ((j = 0; j < 250; j++)); do
			printf ' 10.%d.%d.0/24' $((100 + i)) "$j"
		done
		echo
	done
}
check 'a server announces 10,000 routes and some that nobody may' tell server \
	< <(echo 'await hello' && welcome && ten_thousand && echo 'announce 0.0.0.0/0 ::/0 10.99.0.1/24' && echo end && echo sync)
taken() {
	ip_ns bad -4 route show proto 67 | grep -c '^10\.1'
}
is_full() { [[ $(taken) -eq 256 ]]; }
wait_for 5 'the client has as many as max_routes says' is_full
check 'and says so' grep -E 'more prefixes than max_routes allows' "$WORK/victim.log"
check 'not a default route, as it has no full_tunnel' grep -E 'default route' <(ctl victim routes)
check_equal 'nothing has changed where the host sends the rest' '' "$(ip_ns bad -d rule show | grep 'proto 67')"
check 'nor one with host bits' grep -E '10\.99\.0\.1/24.*host bits' <(ctl victim routes)
check_equal 'no more have come' 256 "$(taken)"
puppet_end server
stop_bg victim
wait_same bad "$WORK/before" 3

stop_bg steady INT
check 'the steady session lost no ping' none_lost "$WORK/steady.log"
check_equal 'it is the same connection' 1 "$(session_value gw-b gw-a .connections)"
finish
