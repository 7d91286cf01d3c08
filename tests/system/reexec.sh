#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The program is replaced on disk and the engine is told to `reexec`: the new engine is the new file, the old one's interface
# and routes are its own, and what runs inside the tunnel goes on. A file that must not be executed is refused while the old
# engine works on; one whose engine does not get ready is given up for the old program.
#
#   lan-a ──── gw-a ════════ gw-b ──── lan-b       linger 60 s
#
# culvertd is started by a symbolic link, culvert by a relative path, from a directory of the test.
#
# check: long
# check: timeout 400
set -euo pipefail
# shellcheck source=tests/system/tunnel/common.sh
source "$(dirname "$0")/tunnel/common.sh"

BYTES=1000000000
[[ -z $SANITIZED ]] || BYTES=150000000

# The command line stays what was built; the daemons' files come and go.
mkdir -p "$WORK/v1" "$WORK/v2" "$WORK/sbin"
declare -A file=([gw-a]=$WORK/v1/culvert [gw-b]=$WORK/v1/culvertd)
declare -A built=([gw-a]=$CULVERT [gw-b]=$CULVERTD)

# Puts a file where the program is, as a package does: by rename. It then has a mode, and an owner.
replace() { # NAME FROM [MODE [OWNER]]
	install -m "${3:-755}" -o "${4:-root}" "$2" "${file[$1]}.new"
	mv "${file[$1]}.new" "${file[$1]}"
}
inode_of() { # FILE
	stat -L -c %i "$1"
}
engine_inode() { # NAME
	inode_of "/proc/$(engine_pid "$1")/exe"
}
index_of() { # NS
	ip_ns "$1" -j link show cv0 | jq '.[0].ifindex'
}
carried() { # what the interface at the server has received
	ip_ns gw-b -j -s link show cv0 | jq '.[0].stats64.rx.bytes'
}
# shellcheck disable=SC2317 # wait_for calls it
carried_more() { # THAN
	[[ $(carried) -gt $1 ]]
}

site_add
pki_add gw-a
replace gw-a "$CULVERT"
replace gw-b "$CULVERTD"
ln -s ../v1/culvertd "$WORK/sbin/culvertd"
snapshot gw-a >"$WORK/before-a"
snapshot gw-b >"$WORK/before-b"
site_conf <<'CONF'
linger = 60;
CONF
CULVERTD=$WORK/sbin/culvertd server_start gw-b
cd "$WORK/v1"
CULVERT=./culvert client_start gw-a
cd "$TOP"
wait_up gw-a gw-b
wait_up gw-b gw-a
wait_routes gw-a 10.2.0.0/24 fd00:2::/64
wait_routes gw-b 10.1.0.0/24 fd00:1::/64
check 'the tunnel works' pings lan-a $B4
index_a=$(index_of gw-a)
index_b=$(index_of gw-b)

same_interfaces() { # WHAT
	check_equal "$1: the same interface at the client" "$index_a" "$(index_of gw-a)"
	check_equal "$1: the same interface at the server" "$index_b" "$(index_of gw-b)"
	check "$1: the routes stay" has_route gw-a 10.2.0.0/24
	check "$1: also at the server" has_route gw-b fd00:1::/64
}

# ---- upgrades ----

# Has these engines exchanged, whose files are new, while a transfer runs both ways.
exchange() { # WHAT PORT NAME...
	local what=$1 port=$2 name since mark_a mark_b
	shift 2
	since=$(carried)
	stream_start "$port" $BYTES
	wait_for 30 'the transfer runs' carried_more $((since + 20000000))
	mark_a=$(log_mark "$WORK/gw-a.log")
	mark_b=$(log_mark "$WORK/gw-b.log")
	for name; do
		check_equal "$what: the command says so" "the engine of $name is being replaced" "$(ctl "$name" reexec)"
	done
	for name; do
		wait_log_since "$WORK/$name.log" "$([[ $name == gw-a ]] && echo "$mark_a" || echo "$mark_b")" \
			'the engine is replaced: it runs' 10
		check_equal "$what: the engine of $name is the new file" "$(inode_of "${file[$name]}")" "$(engine_inode "$name")"
	done
	wait_up gw-a gw-b "$mark_a"
	wait_up gw-b gw-a "$mark_b"
	stream_end 60 "$what"
	same_interfaces "$what"
	check "$what: IPv6 works" pings lan-b $A6
}

before=$(engine_inode gw-b)
replace gw-b "$CULVERTD"
check "the new file is another" test "$before" != "$(inode_of "${file[gw-b]}")"
exchange 'the server is upgraded' 9001 gw-b
replace gw-a "$CULVERT"
exchange 'the client is upgraded' 9002 gw-a
replace gw-a "$CULVERT"
file[gw-b]=$WORK/v2/culvertd
replace gw-b "$CULVERTD"
ln -sfn ../v2/culvertd "$WORK/sbin/culvertd"
exchange 'both, the server by its link' 9003 gw-a gw-b
exchange 'nothing is new' 9004 gw-b

# ---- what must not be executed: refused, and nothing happens ----

refused() { # NAME WHAT REGEX
	local name=$1 what=$2 engine connections status=0
	engine=$(engine_pid "$name")
	connections=$(session_value gw-b gw-a .connections)
	ctl "$name" reexec >"$WORK/out" 2>"$WORK/err" || status=$?
	check_equal "$what: refused" 5 "$status"
	check "$what: and it is said why" grep -E "the engine is not replaced: .*$3" "$WORK/err"
	check_equal "$what: the engine stays" "$engine" "$(engine_pid "$name")"
	check "$what: the tunnel works" pings lan-a $B4
	check_equal "$what: on the same connection" "$connections" "$(session_value gw-b gw-a .connections)"
}

# A program as it is, but for the version that netd and engine speak.
other_version() { # FROM TO
	local at
	cp "$1" "$2"
	at=$(grep -abo 'culvert REQUEST_VERSION is' "$2" | head -n 1 | cut -d : -f 1)
	printf '\372' | dd of="$2" bs=1 seek=$((at + 28)) conv=notrunc status=none
}

for name in gw-a gw-b; do
	replace $name "${built[$name]}" 757
	refused $name "$name is writable by others" 'can be written by others than its owner.*chmod go-w'
	replace $name "${built[$name]}" 775
	refused $name "$name is writable by its group" 'can be written by others than its owner.*chmod go-w'
	replace $name "${built[$name]}" 755 nobody
	refused $name "$name is somebody's" 'belongs to uid.*chown root'
	replace $name "${built[$name]}" 644
	refused $name "$name is not executable" 'is not executable.*chmod 755'
	replace $name "${built[$name]}" 700
	refused $name "$name is not executable by the engine's user" 'chmod o\+x'
	printf '#!/bin/sh\nexit 1\n' >"$WORK/script"
	replace $name "$WORK/script"
	refused $name "$name is a script" 'is not a program that this host can execute'
	: >"$WORK/empty"
	replace $name "$WORK/empty"
	refused $name "$name is empty" 'is not a program that this host can execute'
	other_version "${built[$name]}" "$WORK/other-version"
	replace $name "$WORK/other-version"
	refused $name "$name speaks another version" 'speaks version 250 .*restart the whole program'
	rm "${file[$name]}"
	refused $name "$name is missing" 'cannot open .*No such file'
	mkdir "${file[$name]}"
	refused $name "$name is a directory" 'is not a file'
	rmdir "${file[$name]}"
done

# ---- what does not get ready: the old program comes back ----

# shellcheck disable=SC2317 # wait_for calls it
has_lines() { # FILE MARK REGEX COUNT
	[[ $(tail -n "+$(($2 + 1))" "$1" | grep -cE -e "$3") -ge $4 ]]
}
given_up() { # NAME WHAT TIMES
	local name=$1 what=$2 inode mark
	# Of these lines each is another, with its pid: equal ones are counted by the log, not repeated.
	inode=$(engine_inode "$name")
	mark=$(log_mark "$WORK/$name.log")
	for ((i = 1; i <= $3; i++)); do
		ctl "$name" reexec >/dev/null
		wait_for 10 "$what: the old program is back" has_lines "$WORK/$name.log" "$mark" 'engine .* is ready' "$i"
	done
	check "$what: it is said" log_has_since "$WORK/$name.log" "$mark" 'new program at .* failed: .*old one'
	check_equal "$what: the engine is the old file" "$inode" "$(engine_inode "$name")"
	wait_for "$UP_SECONDS" "$what: the peer comes back" pings lan-a $B4 && pass "$what: the tunnel works"
	same_interfaces "$what"
	check "$what: there was no backoff" log_lacks <(tail -n "+$((mark + 1))" "$WORK/$name.log") 'starting the engine again'
}

replace gw-b /bin/false
given_up gw-b 'the server ends at once, more often than engines may' 6
replace gw-b "$CULVERT"
given_up gw-b "it cannot read a server's configuration" 1
replace gw-a /bin/false
given_up gw-a 'the client ends at once' 1

# ---- and a good one after all that ----

replace gw-a "$CULVERT"
replace gw-b "$CULVERTD"
exchange 'both are mended' 9005 gw-a gw-b

stop_bg gw-a
stop_bg gw-b
wait_same gw-a "$WORK/before-a" 3
wait_same gw-b "$WORK/before-b" 3

finish
