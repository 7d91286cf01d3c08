#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# congestion = "auto", the default: a lane whose path loses packets without a full queue goes over to BBR, the end that
# sends alone, and says why. What the configuration names stays. A kernel without BBR changes nothing, which the status says.
#
#   gw-a ═══ link emulator: 100 Mbit/s, 40 ms, 2 % of packets lost each way ═══ gw-b
#
# check: quick
set -euo pipefail
# shellcheck source=tests/system/tunnel/common.sh
source "$(dirname "$0")/tunnel/common.sh"
# shellcheck source=tests/bench/link.sh
source "$TOP/tests/bench/link.sh"

# shellcheck disable=SC2317 # wait_for calls them.
control_is() { # NS PEER CONTROL
	[[ $(session_value "$1" "$2" '.lanes[0].congestion.control') == "$3" ]]
}
kernels_control() { # NS; of the outer connection
	in_ns "$1" ss -Htin sport = 443 or dport = 443 | grep -oE '\b(cubic|bbr|reno)\b' | sort -u
}

ns_add gw-a
ns_add gw-b
link_between gw-a wan0 gw-b wan0 --rate 100mbit --delay 20ms --queue 625000 --loss 2%
addr gw-a wan0 192.0.2.1/24
addr gw-b wan0 192.0.2.2/24
pki_add gw-a
server_conf gw-b <<<'peers = ( { name = "gw-a"; } );'
client_conf gw-a <<<''
server_start gw-b
client_start gw-a
wait_up gw-a gw-b

check_equal 'a lane begins with the default of the kernel' 'cubic null' \
	"$(session_value gw-a gw-b '.lanes[0].congestion | "\(.control) \(.reason)"')"
start_bg "$WORK/to.log" to in_ns gw-b socat -u "TCP-LISTEN:9000,bind=$SERVER4" OPEN:/dev/null
wait_for 5 'gw-b listens' listens gw-b 9000
start_bg "$WORK/from.log" from in_ns gw-a socat -u OPEN:/dev/zero "TCP:$SERVER4:9000"
wait_for 60 'the lane goes over to BBR' control_is gw-a gw-b bbr && pass 'a path that loses packets gets BBR'
check_equal 'the kernel has it in force' bbr "$(kernels_control gw-a)"
expect_log "$WORK/gw-a.log" 'gw-b: lane 1: congestion control: cubic -> bbr: the path loses packets without a full queue \([0-9.]+ % lost, round trip [0-9.]+ ms, least [0-9.]+ ms, [0-9.]+ Mbit/s\)'
check_equal 'the status says why, and what the path showed' 'the path loses packets without a full queue 1 true true' \
	"$(session_value gw-a gw-b '.lanes[0].congestion | "\(.reason) \(.changes) \(.loss_ppm > 0) \(.least_rtt >= 0.04)"')"
check 'so does the text for people' grep -E '^ *congestion: +lane no. 1: bbr for .*: the path loses packets' <(ctl gw-a status)
check_equal 'the end that only receives keeps its own' 'cubic 0' \
	"$(session_value gw-b gw-a '.lanes[0].congestion | "\(.control) \(.changes)"')"
check_equal 'also in the kernel' cubic "$(kernels_control gw-b)"
stop_bg from || true

# ---- what is configured stays ----

stop_bg gw-a
client_conf gw-a <<<'congestion = "";'
client_start gw-a
wait_for "$UP_SECONDS" 'the lane carries' control_is gw-a gw-b cubic
start_bg "$WORK/to.log" to in_ns gw-b socat -u "TCP-LISTEN:9001,bind=$SERVER4" OPEN:/dev/null
wait_for 5 'gw-b listens' listens gw-b 9001
start_bg "$WORK/from.log" from in_ns gw-a socat -u OPEN:/dev/zero "TCP:$SERVER4:9001"
# More losses than it took before, and more seconds than a window has.
lost_before=$(link_counters gw-a wan0 forward | jq .lost)
# shellcheck disable=SC2317 # wait_for calls it.
lossy() { [[ $(link_counters gw-a wan0 forward | jq .lost) -ge $((lost_before + 30)) ]]; }
wait_for 60 'packets are lost' lossy
check_equal 'with congestion = "" the kernel decides' cubic "$(kernels_control gw-a)"
stop_bg from || true

# ---- a kernel without BBR ----

# shellcheck disable=SC2317 # wait_for calls it.
reason_has() { # NS PEER TEXT
	[[ $(session_value "$1" "$2" '.lanes[0].congestion.reason // ""') == *"$3"* ]]
}
stop_bg gw-a
client_conf gw-a <<<''
start_bg "$WORK/gw-a.log" gw-a in_ns gw-a "$BUILD/system/without" bbr "$CULVERT" up "$WORK/gw-a.conf"
wait_for "$UP_SECONDS" 'the lane carries' control_is gw-a gw-b cubic
start_bg "$WORK/to.log" to in_ns gw-b socat -u "TCP-LISTEN:9002,bind=$SERVER4" OPEN:/dev/null
wait_for 5 'gw-b listens' listens gw-b 9002
start_bg "$WORK/from.log" from in_ns gw-a socat -u OPEN:/dev/zero "TCP:$SERVER4:9002"
wait_for 60 'the status says that there is no BBR' reason_has gw-a gw-b 'but this kernel has no BBR' && pass 'without BBR the status says so'
check_equal 'and the lane keeps what it has' 'cubic 0' "$(session_value gw-a gw-b '.lanes[0].congestion | "\(.control) \(.changes)"')"
expect_log "$WORK/gw-a.log" 'gw-b: lane 1: congestion control: cubic stays cubic: .*no BBR'

finish
