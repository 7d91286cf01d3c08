#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# One peer sends refusals of prefixes that it was never told, as fast as it may and faster, for ten seconds: what that costs the
# server's main thread in CPU time. Once within the limit of control messages (400 of 4 KB at once, then 50 a second), and once
# above it, with a new connection whenever the limit is reached.
#
#   bad  (192.0.2.9) ──┐
#                      ├── wan ── gw-b         gw-a keeps its session and pings
#   gw-a (192.0.2.1) ──┘
# SECONDS_LONG says how long each flood lasts; the CPU time is printed.
#
# shellcheck disable=SC2317 # Functions are called by name.
set -euo pipefail
# shellcheck source=tests/system/tunnel/common.sh
source "$(dirname "$0")/tunnel/common.sh"
# shellcheck source=tests/system/tunnel/craft.sh
source "$(dirname "$0")/tunnel/craft.sh"

SECONDS_LONG=${SECONDS_LONG:-3}
switch_add
switch_join gw-a 192.0.2.1/24
switch_join gw-b 192.0.2.2/24
switch_join bad 192.0.2.9/24
pki_add gw-a bad
server_conf gw-b <<<$'announce = [ "10.2.0.0/24" ];\npeers = ( { name = "gw-a"; }, { name = "bad"; } );'
client_conf gw-a </dev/null
server_start gw-b
client_start gw-a
wait_up gw-a gw-b
wait_for 5 'the tunnel answers' pings gw-a $SERVER4

# A refusal of 256 prefixes, and another 256 each time: none was announced.
refusal() { # NUMBER
	local i field list=''
	for ((i = 0; i < 256; i++)); do
		printf -v field '00010007080418%02x%02x%02x00' $((11 + $1 / 256)) $(($1 % 256)) "$i"
		list+=$field
	done
	echo "control $(tlv 6 "$list")"
}
for ((n = 0; n < 60; n++)); do
	refusal $n
done >"$WORK/refusals"

cpu_ms() { # of the main thread
	local pid stat
	pid=$(engine_pid gw-b)
	stat=$(<"/proc/$pid/task/$pid/schedstat")
	echo $((${stat%% *} / 1000000))
}
refusals() { # COUNT; so many commands, which begin again after sixty
	local i
	for ((i = 0; i < $1; i += 60)); do
		head -n $(($1 - i < 60 ? $1 - i : 60)) "$WORK/refusals"
	done
}
pinged() { # what the other peer's pings took meanwhile: the longest, in ms
	sed -n 's|^rtt .*/\([0-9]*\)\.[0-9]*/[0-9.]* ms$|\1|p' "$WORK/steady.log"
}

# ---- within the limit ----

puppet_start bad bad 192.0.2.2:443 bad
tell bad <<<$'hello\nawait welcome'
start_bg "$WORK/steady.log" steady in_ns gw-a ping -n -i 0.05 -W 3 $SERVER4
before=$(cpu_ms) start=$(now_ms) sent=380
tell bad < <(refusals 379 && echo sync) >/dev/null
# One message in 20 ms is let pass, and the ping of sync is one, too; each turn sends what may have gone meanwhile, twenty or more,
# and waits until it is taken.
while gone=$(($(now_ms) - start)) && [[ $gone -lt $((SECONDS_LONG * 1000)) ]]; do
	count=$((gone / 21 + 380 - sent))
	[[ $count -ge 20 ]] || continue
	tell bad < <(refusals $((count - 1)) && echo sync) >/dev/null
	sent=$((sent + count))
done
took=$(($(cpu_ms) - before))
check "$sent refusals of 256 prefixes in $SECONDS_LONG s cost the main thread $took ms of CPU time" test $took -lt $((SECONDS_LONG * 30))
check_equal 'the session lives' 1 "$(session_value gw-b bad .connections)"
puppet_end bad

# ---- as fast as it can ----

(printf 'hello\nawait welcome\n' && refusals 530 && printf 'sync\nquit\n') >"$WORK/script"
certificate=$(pki_extract bad certificate) key=$(pki_extract bad key)
connections=0 before=$(cpu_ms) until=$(($(now_ms) + SECONDS_LONG * 1000))
while [[ $(now_ms) -lt $until ]]; do
	in_ns bad "$PUPPET" connect 192.0.2.2:443 "$certificate" "$key" "$WORK/pki/ca.crt" <"$WORK/script" >"$WORK/bad.said"
	check_fails 'no goodbye' grep '^goodbye' "$WORK/bad.said" >/dev/null
	connections=$((connections + 1))
done
took=$(($(cpu_ms) - before))
check "$connections connections with 530 refusals each in $SECONDS_LONG s cost it $took ms" test $took -lt $((SECONDS_LONG * 60))
stop_bg steady INT
check 'another session lost no ping' none_lost "$WORK/steady.log"
echo "its slowest ping took $(pinged) ms"
finish
