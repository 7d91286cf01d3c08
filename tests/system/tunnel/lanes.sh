# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# What the tests of several lanes a session share, on top of common.sh.
#
# A lane is named by its client's port, which the server's status shows; numbers of lanes need not agree between the ends.

# shellcheck source=tests/system/tunnel/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

ORDER=$BUILD/system/order
FLOWS=40
export FLOWS

# ---- what the status says ----

lanes_carry() { # NAME PEER COUNT; so many lanes are there, all carry, exactly one has the control role
	[[ $(session_value "$1" "$2" '"\(.state) \(.lanes | length) \([.lanes[] | select(.stage == "carrying")] | length) \(
		[.lanes[] | select(.control)] | length)"') == "up $3 $3 1" ]]
}

wait_lanes() { # COUNT [SECONDS]; at both ends
	wait_for "${2:-$UP_SECONDS}" "gw-b has $1 lanes" lanes_carry gw-b gw-a "$1"
	wait_for "${2:-$UP_SECONDS}" "gw-a has $1 lanes" lanes_carry gw-a gw-b "$1"
}

# Ports, at the client, of the lanes that this filter of jq selects; the oldest first.
# shellcheck disable=SC2120 # Others pass one.
lane_ports() { # [FILTER]
	session_value gw-b gw-a "[.lanes[] | select(${1:-true})] | sort_by(.number)[] | .outer | capture(\":(?<port>[0-9]+)$\").port"
}

lane_gone() { # PORT
	! lane_ports true | grep -x "$1"
}

# "PORT IN OUT" of each lane of the server: how many packets came in and went out.
lane_packets() {
	session_value gw-b gw-a '.lanes[] | "\(.outer | capture(":(?<port>[0-9]+)$").port) \(.in_packets) \(.out_packets)"' | sort
}

# ---- what befalls a lane ----

# Its connection is aborted, with a RST to the client. Whether the kernel can (CONFIG_INET_DIAG_DESTROY) is seen by who waits.
lane_kill() { # PORT
	in_ns gw-b ss -K -t src 192.0.2.2 sport = 443 dport = "$1" >/dev/null 2>&1 || true
}

lane_rules() { # add|del PORT
	ip_ns gw-b rule "$1" pref 1 ipproto 6 sport 443 dport "$2" blackhole
	ip_ns gw-a rule "$1" pref 1 ipproto 6 sport "$2" dport 443 blackhole
}

# Nothing leaves either end on this connection any more, and nobody is told.
lane_silence() { # PORT
	lane_rules add "$1"
}

lane_unsilence() { # PORT
	lane_rules del "$1"
}

# ---- the order of packets ----

# Both LANs send in $FLOWS flows until order_end.
order_start() {
	start_bg "$WORK/order-b.log" order-b in_ns lan-b "$ORDER" $B4 5000 $A4 40000+ $FLOWS
	start_bg "$WORK/order-a.log" order-a in_ns lan-a "$ORDER" $A4 40000+ $B4 5000 $FLOWS
	wait_log "$WORK/order-b.log" '^running' 20
	wait_log "$WORK/order-a.log" '^running' 20
}

# What they print is in $WORK/order-{a,b}.log afterwards, with a line each shown.
order_end() {
	local end status=0
	kill -TERM "$(pid_of order-a)" "$(pid_of order-b)"
	for end in a b; do
		stop_bg order-$end || status=1
		[[ $EXIT_STATUS -eq 0 ]] || status=1
		echo "# at lan-$end: $(grep '^sent=' "$WORK/order-$end.log") $(grep '^silence=' "$WORK/order-$end.log") ms"
	done
	return $status
}

order_value() { # a|b KEY; of the summary
	sed -n "s/.*\b$2=\([0-9]*\).*/\1/p" <(grep -E '^(sent|silence)=' "$WORK/order-$1.log")
}

# Reorderings at that end outside of the spans of time in a file with a line "FROM TO" (ms) for each.
reorderings_outside() { # a|b FILE
	awk -v spans="$2" '
		BEGIN { while ((getline < spans) > 0) { from[++count] = $1; to[count] = $2 } }
		/^reordering / {
			split($2, at, "=")
			for (i = 1; i <= count; i++)
				if (at[2] >= from[i] && at[2] <= to[i])
					next
			print
		}' "$WORK/order-$1.log"
}

in_order_but() { # a|b FILE
	[[ -n $(order_value "$1" sent) ]] || return 1
	! reorderings_outside "$1" "$2" | grep . || return 1
}
