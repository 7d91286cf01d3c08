# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# A cable with the properties of a real link, by tests/bench/link_emulator.c; on top of tests/system/lib.sh:
#
#	ns_add a; ns_add b
#	link_between a eth0 b eth0 --rate 100mbit --delay 20ms --queue 250000
#	addr a eth0 10.0.0.1/24; addr b eth0 10.0.0.2/24
#	link_change a eth0 --rate 20mbit --delay 20ms --loss 1%
#	link_counters a eth0 forward | jq .dropped
#
#   a eth0 ──veth── end-a [ namespace of the emulator ] end-b ──veth── eth0 b      forward is from the first to the second
#
# The hosts' ends do segmentation themselves, so that every packet has its size on the wire; the
# veth may still do checksums. Everything ends with the test. There may be several links, each known
# by its first end.

link_name() { # NS IF
	echo "link-$1-$2"
}

link_log() { # NS IF
	echo "$WORK/$(link_name "$1" "$2").log"
}

# The options are those of link_emulator.
link_between() { # NS-A IF-A NS-B IF-B [OPTION...]
	local a=$1 if_a=$2 b=$3 if_b=$4 name
	shift 4
	name=$(link_name "$a" "$if_a")
	ns_add "$name"
	netns_silence "$(ns_name "$name")"
	veth "$a" "$if_a" "$name" end-a
	veth "$b" "$if_b" "$name" end-b
	netns_segments_itself "$(ns_name "$a")" "$if_a"
	netns_segments_itself "$(ns_name "$b")" "$if_b"
	link_start "$a" "$if_a" "$@"
}

# Starts a link, also one whose emulator link_stop ended, with other options.
link_start() { # NS-A IF-A [OPTION...]
	local name log mark
	name=$(link_name "$1" "$2")
	log=$(link_log "$1" "$2")
	shift 2
	mark=$(log_mark "$log")
	start_bg "$log" "$name" in_ns "$name" "$BUILD/bench/link_emulator" --settings "$log.settings" "$@" end-a end-b
	wait_log_since "$log" "$mark" '^carrying ' 5
}

# Gives a running link other options of a link; those that are not named have their defaults. No packet is lost by it.
link_change() { # NS-A IF-A [OPTION...]
	local name log mark
	name=$(link_name "$1" "$2")
	log=$(link_log "$1" "$2")
	shift 2
	echo "$*" >"$log.settings"
	mark=$(log_mark "$log")
	kill -s HUP "$(pid_of "$name")"
	wait_log_since "$log" "$mark" '^changed' 5
}

link_stop() { # NS-A IF-A
	stop_bg "$(link_name "$1" "$2")"
}

# Prints the emulator's counters as a line of JSON.
link_counters() { # NS-A IF-A forward|backward
	local log mark line="^\{\"direction\":\"$3\".*\}$"
	log=$(link_log "$1" "$2")
	mark=$(log_mark "$log")
	kill -s USR1 "$(pid_of "$(link_name "$1" "$2")")"
	wait_log_since "$log" "$mark" "$line" 5
	tail -n "+$((mark + 1))" "$log" | grep -E "$line" | tail -n 1
}
