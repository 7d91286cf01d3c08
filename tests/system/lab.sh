#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# scripts/lab: the shipped examples and one of twenty hosts come up, carry pings through their tunnels and leave nothing when they
# go; also when a lab was made half, or has lost processes. A file with a mistake makes nothing and says where it is. Labs carry
# the test's pid in their names and live below $WORK.
# shellcheck disable=SC2317 # Functions are called by name.
set -euo pipefail
# shellcheck source=tests/system/lib.sh
source "$(dirname "$0")/lib.sh"

LAB=$TOP/scripts/lab
export CULVERT_LAB_DIR=$WORK/labs CULVERT_BUILD=$BUILD

end_labs() {
	local status=$? name
	set +e
	for name in "$CULVERT_LAB_DIR"/*/; do
		[[ ! -d $name ]] || "$LAB" down "$(basename "$name")" >/dev/null 2>&1
	done
	(exit "$status")
	cleanup
}
trap end_labs EXIT

# ---- helpers ----

host_state() { # what the machine itself has; a lab changes none of it
	ip -o link | sed -E 's/ (state|qlen|qdisc) \S+//g'
	ip -4 route show table all
	ip rule
}

# What is left of a lab: its namespaces, what runs by its directory's path, its directory.
leftovers() { # NAME
	ip netns list | awk '{ print $1 }' | grep -E "^lab-$1(-|\$)" || true
	grep -lF -e "$CULVERT_LAB_DIR/$1/" /proc/[0-9]*/cmdline 2>/dev/null || true
	[[ ! -e $CULVERT_LAB_DIR/$1 ]] || echo "$CULVERT_LAB_DIR/$1"
}

goes() { # NAME
	local pids
	pids=$(pids_in "$1")
	check "$1 goes down" "$LAB" down "$1"
	check_equal "nothing of $1 is left" '' "$(leftovers "$1")"
	check_equal "and none of its processes" '' "$(alive "$pids")"
}

pids_in() { # NAME
	local each
	for each in /run/netns/"lab-$1" /run/netns/"lab-$1"-*; do
		[[ ! -e $each ]] || ip netns pids "$(basename "$each")"
	done
}

alive() { # PIDS; those that nobody has to wait for only
	local pid
	for pid in $1; do
		grep -Es '^State:[[:space:]]+[A-Ya-z]' "/proc/$pid/status" | sed "s/^/$pid: /" || true
	done
}

on() { # NAME HOST COMMAND...
	"$LAB" exec "$@"
}

reaches() { # NAME HOST ADDRESS; within the time that routes may take
	wait_for 10 "$2 reaches $3" on "$1" "$2" ping -n -c 1 -W 1 "$3" && pass "$1: $2 reaches $3"
}

says() { # NAME REGEX COMMAND...
	"${@:3}" >"$WORK/said" 2>&1 || true
	check "$1" grep -qE -e "$2" "$WORK/said"
}

example() { # NAME; a copy under a name of this test's own. Prints the name
	cp "$TOP/docs/examples/lab/$1.lab" "$WORK/$1_$$.lab"
	echo "$1_$$"
}

# The lines of the n-th block of commands in docs/lab.md are run as they are there, but for the labs' names. The last takes the
# lab down, which is left to the test.
guide() { # N
	local line
	while IFS= read -r line <&3; do
		check "docs/lab.md: $line" bash -ec "cd '$TOP' && $line"
	done 3< <(awk -v want="$1" '/^```sh$/ { n++; inside = n == want; next } /^```$/ { inside = 0 } inside' "$TOP/docs/lab.md" |
		sed -E "s/^sudo //; s#docs/examples/lab/(\\w+)\\.lab#$WORK/\\1_$$.lab#; s/ (site_pair|roaming)( |\$)/ \\1_$$\\2/; \$d")
}

# ---- what the file may be ----

host_state >"$WORK/before"
check 'docs/lab.md has the table that the program prints' diff <("$BUILD/lab/plan" --options) \
	<(sed -n '/^<!-- table: lab -->$/,/^<!-- end of table -->$/{/^<!--/!p}' "$TOP/docs/lab.md")

# What docs/lab.md shows of the file is a lab, too; the second block adds to it.
block() { # N; the n-th block without a language
	awk -v want="$1" '/^```/ { if (inside) { inside = 0; next } plain = $0 == "```"; n += plain; inside = 1; next }
		inside && plain && n == want' "$TOP/docs/lab.md"
}
{ block 1 && block 2; } >"$WORK/smallest.lab"
says 'the smallest lab of docs/lab.md' 'smallest: 2 hosts, 1 link, 0 LANs, 1 tunnel$' "$LAB" diagram "$WORK/smallest.lab"

# A file that is fine but for what is put in; it must be refused at that line, and make nothing.
mistake() { # NAME LINE REGEX TEXT-TO-REPLACE REPLACEMENT
	local text status=0
	text=$(cat "$TOP/docs/examples/lab/site_pair.lab")
	[[ $text == *"$4"* ]] || fail "$1" "the example no longer has '$4'"
	printf '%s\n' "${text/"$4"/"$5"}" >"$WORK/bad_$$.lab"
	"$LAB" up "$WORK/bad_$$.lab" >"$WORK/said" 2>&1 || status=$?
	check_equal "$1: status" 3 "$status"
	check "$1: one line that says where and why" grep -qE -e "^$WORK/bad_$$\.lab:$2: $3" "$WORK/said"
	check_equal "$1: one line" 1 "$(wc -l <"$WORK/said")"
	check_equal "$1: nothing is made" '' "$(leftovers "bad_$$")"
}
mistake 'an unknown key' 5 'links.\[0\].dealy: .*did you mean "delay"' 'delay =' 'dealy ='
mistake 'a value the emulator does not know' 5 "links.\[0\] \(wan\): rate '50' is not understood; .*100mbit" '50mbit' 50
mistake 'an interface on no network' 11 'hosts.\[0\].interfaces.\[0\].network \(pc-a\): there is no link or LAN named "lan_x"' \
	'network = "lan_a"; addresses = [ "10.1.0.2/24"' 'network = "lan_x"; addresses = [ "10.1.0.2/24"'
mistake 'a name for an option' 11 'hosts.\[0\].interfaces.\[0\].name \(pc-a\): "-d" cannot be' 'name = "eth0"' 'name = "-d"'
mistake 'an address twice' 14 'hosts.\[1\].interfaces.\[0\].addresses.\[0\] \(gw-a\): pc-a has that address already' \
	'"10.1.0.1/24"' '"10.1.0.2/24"'
mistake 'a name twice' 16 'hosts.\[2\].name \(gw-a\): another host has that name' 'name = "gw-b"; forward' 'name = "gw-a"; forward'
mistake 'a link with one end' 5 'links.\[0\] \(wan\): a link has two ends' 'name = "wan0"; network = "wan"' 'name = "wan0"; network = "lan_a"'
mistake 'a gateway out of reach' 12 'hosts.\[0\].interfaces.\[0\].gateways.\[0\] \(pc-a\): 10.9.0.1 is no neighbour' \
	'"10.1.0.1", "fd00:1::1"' '"10.9.0.1", "fd00:1::1"'
mistake 'a tunnel to nobody' 26 'tunnels.\[0\].server: there is no host named "gw-x"' 'server = "gw-b"' 'server = "gw-x"'
mistake 'a remote that nobody has' 26 'tunnels.\[0\].remotes.\[0\]: no interface has 192.0.2.9' '"192.0.2.2",' '"192.0.2.9",'
mistake 'a setting that culvertd does not know' 24 'servers.\[0\].settings \(gw-b\): gw-b.conf:[0-9]+: lane: .*"lanes"' \
	'{ host = "gw-b";' '{ host = "gw-b"; settings = "lane = 4;";'
sed '1i name = "a-b";' "$TOP/docs/examples/lab/hub.lab" >"$WORK/named.lab"
says 'a name that no lab can have' 'name: "a-b" may hold letters' "$LAB" diagram "$WORK/named.lab"
cp "$TOP/docs/examples/lab/hub.lab" "$WORK/with-dash.lab"
says 'nor get by its file' 'with-dash.lab: name: "with-dash" may hold' "$LAB" up "$WORK/with-dash.lab"
says 'a lab that is not there' 'there is no lab named nowhere' "$LAB" down nowhere
# A copy, as the repository may stand where that user cannot go.
reach=$WORK/reach
mkdir -p "$reach"/{scripts,tests/lab,build/lab,build/bench}
cp "$LAB" "$reach/scripts/"
cp "$TOP"/tests/lab/*.sh "$reach/tests/lab/"
cp "$CULVERT" "$CULVERTD" "$reach/build/"
cp "$BUILD/lab/plan" "$reach/build/lab/"
cp "$BUILD/bench/link_emulator" "$reach/build/bench/"
cp "$TOP/docs/examples/lab/hub.lab" "$reach/"
as_nobody=(setpriv --reuid nobody --clear-groups env CULVERT_BUILD="$reach/build" "$reach/scripts/lab")
says 'an ordinary user' 'needs root' "${as_nobody[@]}" up "$reach/hub.lab"
check 'a drawing needs no root' "${as_nobody[@]}" diagram "$reach/hub.lab"

# ---- two sites ----

name=$(example site_pair)
guide 1
reaches "$name" pc-b fd00:1::2
# shellcheck disable=SC2016 # Variables of awk.
check 'the ping took the long way' awk '/^rtt/ { split($4, t, "/"); exit !(t[1] >= 40) }' \
	<(on "$name" pc-a ping -n -q -c 2 -i 0.1 10.2.0.2)
check 'status: all is well' "$LAB" status "$name"
says 'status knows the link' 'link +wan +gw-a wan0 ─ gw-b wan0: carrying' "$LAB" status "$name"
says 'status knows the tunnel' 'client +gw-a +on gw-a, to gw-b: up' "$LAB" status "$WORK/$name.lab"
says 'status without a name lists labs' "^$name\$" "$LAB" status
says 'the command line on a host asks its daemon' '10.2.0.0/24 +gw-b +installed' on "$name" gw-a culvert routes
says 'it cannot be made twice' "$name exists already; take it down first" "$LAB" up "$WORK/$name.lab"
status_of() { # COMMAND...
	local status=0
	"$@" >/dev/null 2>&1 || status=$?
	echo $status
}
check_equal "exec ends as the command does, and as a shell where there is none: status" '3 127 126' \
	"$(status_of on "$name" pc-a sh -c 'exit 3') $(status_of on "$name" pc-a no-such-command) $(status_of on "$name" pc-a /etc/passwd)"
says 'a host that is not there' "no host 'pc-c' in $name; its hosts: pc-a gw-a gw-b pc-b" on "$name" pc-c true
check_equal 'the drawing of what is up is that of the file' "$("$LAB" diagram "$WORK/$name.lab")" "$("$LAB" diagram "$name")"
says 'it draws the link' 'wan: a link, rate 50mbit, delay 20ms, queue 250kb, loss 0.1%' "$LAB" diagram "$name"
says 'it draws the ends' '├─ gw-a \(router\)  wan0  192.0.2.1/24  2001:db8::1/64' "$LAB" diagram "$name"
says 'it draws the tunnel' 'gw-a ═══ gw-b  at 192.0.2.2:443; announces 10.1.0.0/24' "$LAB" diagram "$name"

# It loses an engine's parent, its emulator, and has a guest: status says so, and it goes down all the same.
kill -KILL "$(cat "$CULVERT_LAB_DIR/$name/gw-a.pid")" "$(cat "$CULVERT_LAB_DIR/$name/links/wan.pid")"
start_bg "$WORK/guest.log" guest "$LAB" exec "$name" pc-a sleep 300
check_fails 'status: not all is well' "$LAB" status "$name"
says 'status names the dead link' 'link +wan .*DEAD' "$LAB" status "$name"
says 'status names the dead client' 'client +gw-a .*DEAD' "$LAB" status "$name"
goes "$name"

# ---- a hub ----

name=$(example hub)
check "$name comes up" "$LAB" up "$WORK/$name.lab"
for spoke in 1 2 3 4 5; do
	reaches "$name" spoke-$spoke 10.0.0.2
done
says 'the hub has five peers' 'server +hub +on hub: 5 of 5 peers up' "$LAB" status "$name"
check_fails 'no spoke reaches another' on "$name" spoke-1 ping -n -c 1 -W 0.3 10.2.0.1
goes "$name"

# ---- a laptop ----

name=$(example roaming)
guide 2
says 'the laptop has come by its mobile network' '198.51.100.140:' on "$name" gw culvert status
goes "$name"

# ---- many ----

many() {
	local i
	echo 'lans = ( { name = "net"; } ); hosts = ('
	for ((i = 1; i <= 20; i++)); do
		echo "{ name = \"h$i\"; interfaces = { name = \"eth0\"; network = \"net\"; addresses = \"192.0.2.$i/24\"; }; }$([[ $i -eq 20 ]] || echo ,)"
	done
	echo '); tunnels = ( { client = "h2"; server = "h1"; remotes = "192.0.2.1"; }, { client = "h3"; server = "h1"; remotes = "192.0.2.1"; },'
	echo '{ client = "h2"; name = "h2-second"; server = "h4"; remotes = "192.0.2.4:4443"; settings = "lanes = 2;"; } );'
	echo 'servers = ( { host = "h4"; settings = "listen = \"0.0.0.0:4443\"; lanes = 2;"; } );'
}
name=many_$$
many >"$WORK/$name.lab"
check 'twenty hosts come up' "$LAB" up "$WORK/$name.lab"
check_equal 'each is a namespace' 21 "$(ip netns list | grep -cE "^lab-$name(-|\$| )")"
reaches "$name" h3 10.213.1.1
reaches "$name" h2 10.213.0.1
says 'a second tunnel has the settings it was given' '"lanes_granted": ?2' \
	on "$name" h2 culvert status --json --socket "$CULVERT_LAB_DIR/$name/h2-second.sock"
goes "$name"

# ---- made half ----

# The last host's namespace is there already, as somebody else's.
name=$(example site_pair)
ip netns add "lab-$name-pc-b"
says 'a namespace of somebody else is in the way' "there are namespaces of that name: lab-$name-pc-b;" "$LAB" up "$WORK/$name.lab"
check_equal 'it is left alone, and nothing else is there' "lab-$name-pc-b" "$(leftovers "$name")"
ip netns del "lab-$name-pc-b"
# The server cannot start: its state directory is a file's.
sed -i 's|{ host = "gw-b";|& settings = "state_dir = \\"/dev/null/x\\";";|' "$WORK/$name.lab"
says 'a server that does not start takes the lab with it' 'gw-b did not start.*' "$LAB" up "$WORK/$name.lab"
check 'with its own words' grep -q 'cannot make state directory /dev/null/x' "$WORK/said"
check_equal 'nothing of it is left' '' "$(leftovers "$name")"
# Whoever makes a lab is killed in the midst of it.
name=$(example site_pair)
start_bg "$WORK/killed.log" killed "$LAB" up "$WORK/$name.lab"
wait_for 10 'the first host is there' test -e "/run/netns/lab-$name-pc-a"
kill -STOP "$(pid_of killed)"
says 'meanwhile nobody else takes it down' 'being made or taken down by another' "$LAB" down "$name"
stop_bg killed KILL
goes "$name"

check 'the machine is as it was' diff "$WORK/before" <(host_state)
finish
