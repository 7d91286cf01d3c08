#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Hooks at both ends, those of docs/hooks.md among them: what they are told, in which order, and that those which fail, hang, are
# missing or could be anybody's do no harm to a session. At the end nothing of them is left.
#
#   gw-a ════════ gw-b
#
# shellcheck disable=SC2016,SC2317 # The hooks expand; functions are called by name.
set -euo pipefail
# shellcheck source=tests/system/tunnel/common.sh
source "$(dirname "$0")/tunnel/common.sh"

gateways_add
pki_add gw-a steady

# A program from the script on stdin: $WORK/NAME.
hook() { # NAME
	{ echo '#!/bin/bash' && cat; } >"$WORK/$1"
	chmod 755 "$WORK/$1"
}
# The first argument is a file that gets a line for each run.
hook note <<'HOOK'
echo "$CULVERT_EVENT $CULVERT_PEER${CULVERT_ROUTE:+ $CULVERT_ROUTE}" >>"$1"
HOOK
notes() { # FILE; on one line
	tr '\n' ';' <"$WORK/$1"
}
noted() { # FILE TEXT
	[[ -e $WORK/$1 && $(notes "$1") == "$2" ]]
}
has_notes() { # FILE COUNT
	[[ $(log_mark "$WORK/$1") -ge $2 ]]
}
server() { # LINES on stdin, on top of what all have
	{
		echo "peers = ( { name = \"gw-a\"; accept_routes = [ \"10.1.0.0/16\" ]; max_routes = 600; }, { name = \"steady\"; } );"
		cat
	} | server_conf gw-b
}
is_gone() { # FILE; with the number of a process, which has no program any more also while nobody has collected it
	[[ -s $WORK/$1 ]] && ! readlink "/proc/$(cat "$WORK/$1")/exe"
}

# ---- what they are told, and when ----

hook env <<'HOOK'
open=(/proc/$$/fd/*)
{ cat /proc/$$/environ | tr '\0' '\n' | sort; echo "argument $2"; readlink /proc/$$/cwd /proc/$$/fd/0; echo "${open[@]}"; } \
	>"$1.$CULVERT_EVENT"
ps -o pid=,pgid=,sid= -p $$ | awk '{ print ($1 == $2 && $2 == $3) ? "own" : "shared" }' >>"$1.$CULVERT_EVENT"
HOOK
server <<CONF
linger = 20;
on_up = [ "$WORK/note", "$WORK/server.notes" ];
on_down = [ "$WORK/note", "$WORK/server.notes" ];
on_route = [ "$WORK/note", "$WORK/server.notes" ];
CONF
client_conf gw-a <<CONF
on_up = [ "$WORK/env", "$WORK/told", "a 'b' \$(c)" ];
on_route = [ "$WORK/env", "$WORK/told", "" ];
on_down = [ "$WORK/env", "$WORK/told", "" ];
announce = [ "10.1.0.0/24" ];
CONF
server_start gw-b
client_start gw-a
wait_up gw-a gw-b
wait_for 5 'the server has run its hooks' noted server.notes 'up gw-a;route-add gw-a 10.1.0.0/24;'
pass 'up, then the route'
wait_for 5 'the client has run its own' test -s "$WORK/told.up"
wait_for 5 'with its last line' grep -qE '^(own|shared)$' "$WORK/told.up"
cat >"$WORK/expected" <<TEXT
CULVERT_EVENT=up
CULVERT_INTERFACE=cv0
CULVERT_LOCAL4=$(session_value gw-a gw-b .addresses.local4)
CULVERT_LOCAL6=$(session_value gw-a gw-b .addresses.local6)
CULVERT_MTU=1500
CULVERT_NAME=gw-a
CULVERT_PEER=gw-b
CULVERT_REMOTE4=$SERVER4
CULVERT_REMOTE6=$SERVER6
CULVERT_ROUTE=
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
argument a 'b' \$(c)
/
/dev/null
TEXT
check 'the environment is the documented one, to the byte' diff "$WORK/expected" <(head -n 14 "$WORK/told.up")
check 'a session of its own' grep -qx own "$WORK/told.up"
for number in $(grep '/fd/' "$WORK/told.up" | tr ' ' '\n' | sed 's,.*/,,'); do
	# bash keeps the script itself open as 255, and the glob's own directory is one more for that moment.
	[[ $number -le 3 || $number -eq 255 ]] || fail 'no other descriptor' "$number is open"
done
check 'a route of ours' ctl gw-a routes add 10.1.9.0/24
wait_for 5 'the server is told' has_notes server.notes 3
check 'goes' ctl gw-a routes del 10.1.9.0/24
wait_for 5 'its going, too' has_notes server.notes 4

# An engine that dies leaves the interface, and so runs nothing.
mark=$(log_mark "$WORK/gw-a.log")
kill -KILL "$(engine_pid gw-a)"
wait_log_since "$WORK/gw-a.log" "$mark" 'gw-b: session: opening -> up' "$UP_SECONDS"
rm "$WORK/told.up"
stop_bg gw-a
check 'the client has run on_down before it ended' grep -qx CULVERT_EVENT=down "$WORK/told.down"
check 'an adopted interface was not made again' test ! -e "$WORK/told.up"
wait_for 5 'the server as well' has_notes server.notes 5
check_equal 'all that happened, in order' \
	'up gw-a;route-add gw-a 10.1.0.0/24;route-add gw-a 10.1.9.0/24;route-delete gw-a 10.1.9.0/24;down gw-a;' \
	"$(notes server.notes)"
stop_bg gw-b

# ---- those that hang and fail, and a burst ----

hook hang <<'HOOK'
trap '' TERM
sleep 1000 &
echo $! >"$1.child"
echo $$ >"$1.pid"
wait
sleep 1000
HOOK
hook fail <<'HOOK'
echo "down: this is what the hook says"
exit 3
HOOK
# The lines about each route would use up what the log has room for of one peer.
server <<CONF
log_level = "notice";
hook_timeout = 1;
on_up = [ "$WORK/hang", "$WORK/hang" ];
on_down = [ "$WORK/fail" ];
on_route = [ "$WORK/note", "$WORK/burst" ];
CONF
client_conf steady </dev/null
server_start gw-b
client_start steady gw-a
wait_up steady gw-b
wait_for 5 'the tunnel answers' pings gw-a $SERVER4
start_bg "$WORK/steady.ping" ping in_ns gw-a ping -n -i 0.05 -W 3 $SERVER4
puppet_start puppet gw-a 192.0.2.2:443
tell puppet <<SCRIPT
hello
await welcome
announce $(seq -f '10.1.%g.0/24' -s ' ' 0 149)
announce $(seq -f '10.1.%g.0/25' -s ' ' 0 149)
sync
SCRIPT
wait_log "$WORK/gw-b.log" 'gw-a: hook on_route: too many events are waiting .* are skipped' 5
check_equal 'one line tells it' 1 "$(grep -c 'too many events' "$WORK/gw-b.log")"
wait_log "$WORK/gw-b.log" "gw-a: hook on_up \\($WORK/hang\\) took longer than 1 s \\(hook_timeout\\) and was ended" 5
wait_for 5 'the one that hung is gone' is_gone hang.pid
wait_for 5 'with its child' is_gone hang.child
wait_for 60 'the routes in the queue are told' has_notes burst 256
check_equal 'in order' 'route-add gw-a 10.1.0.0/24' "$(head -n 1 "$WORK/burst")"
check 'all that waited' test "$(sort -u "$WORK/burst" | wc -l)" -eq 256
stop_bg ping INT
check 'the session lost no ping' none_lost "$WORK/steady.ping"
puppet_end puppet
wait_log "$WORK/gw-b.log" "gw-a: hook on_down \\($WORK/fail\\) failed with exit status 3" 5
expect_log "$WORK/gw-b.log" '^down: this is what the hook says'

stop_bg steady

# ---- files that do not do, seen when they are needed ----

chmod 777 "$WORK/hang"
client_start gw-a
wait_log "$WORK/gw-b.log" "gw-a: hook on_up: $WORK/hang can be written by others .* chmod go-w" "$UP_SECONDS"
stop_bg gw-a
rm "$WORK/fail" "$WORK/hang"
stop_bg gw-b
check_equal 'the server ends well' 0 "$EXIT_STATUS"

# ---- and when they are configured ----

refuses() { # NAME REGEX; the file is $WORK/gw-b.conf
	local status=0
	"$CULVERTD" --check -c "$WORK/gw-b.conf" >"$WORK/out" 2>&1 || status=$?
	check_equal "$1: check refuses it" 3 "$status"
	check "$1: and says why" grep -qE "gw-b.conf:[0-9]+: $2" "$WORK/out"
}
server <<<"on_up = [ \"$WORK/none\" ];"
refuses 'a program that is missing' "on_up: cannot open $WORK/none: No such file"
server <<<"on_down = [ \"logger\", \"x\" ];"
refuses 'a program without its path' 'on_down: expected .*absolute path'
server <<<"on_route = \"$WORK/note\";"
check 'one without arguments is fine' "$CULVERTD" --check -c "$WORK/gw-b.conf"
chmod 775 "$WORK/note"
refuses 'a program that others can write' "on_route: $WORK/note can be written by others .*chmod go-w $WORK/note"
chmod 644 "$WORK/note"
refuses 'a program that is none' "on_route: $WORK/note is not executable; .*chmod 755"
chmod 755 "$WORK/note"
chown 12345 "$WORK/note"
refuses 'a program of somebody else' "on_route: $WORK/note belongs to uid 12345"

# ---- the program ends while a hook hangs ----

hook hang <<'HOOK'
echo $$ >"$1.pid"
sleep 1000
HOOK
server <<CONF
hook_timeout = 600;
on_down = [ "$WORK/hang", "$WORK/last" ];
CONF
client_conf gw-a </dev/null
server_start gw-b
mark=$(log_mark "$WORK/gw-b.log")
client_start gw-a
wait_up gw-b gw-a "$mark"
kill -TERM "$(pid_of gw-b)"
wait_for 5 'its hook runs' test -s "$WORK/last.pid"
check 'the program waits for it' bg_running gw-b
stop_bg gw-b
check_equal 'but not when it is told twice' 0 "$EXIT_STATUS"
check 'nothing of it is left' is_gone last.pid
stop_bg gw-a

# ---- the example of the guide ----

sed -n '/^<!-- example: /,/^<!-- end of example/{ /^#!/,/^```/p; }' "$TOP/docs/hooks.md" | sed '/^```/d' >"$WORK/example"
chmod 755 "$WORK/example"
check 'the guide has an example' grep -q CULVERT_EVENT "$WORK/example"
check 'it is a script' sh -n "$WORK/example"
mkdir "$WORK/bin"
printf '#!/bin/sh\necho "$@" >>%s\n' "$WORK/logged" >"$WORK/bin/logger"
chmod 755 "$WORK/bin/logger"
check 'it runs' env PATH="$WORK/bin:$PATH" CULVERT_EVENT=route-add CULVERT_PEER=gw-a CULVERT_ROUTE=10.1.0.0/24 "$WORK/example" routes
check_equal 'and tells' '-t culvert-routes 10.1.0.0/24 is behind gw-a' "$(cat "$WORK/logged")"
finish
