#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The command line: help, versions, exit codes, and what asks a daemon that is not there. One namespace; a daemon for the parts
# that need one.
#
# check: quick
set -euo pipefail
# shellcheck source=tests/system/tunnel/common.sh
source "$(dirname "$0")/tunnel/common.sh"

ns_add host
pki_add gw-a

ends() { # NAME CODE REGEX COMMAND...; the words may be on either stream
	local name=$1 code=$2 expected=$3 status=0
	shift 3
	timeout 10 "$@" >"$WORK/out" 2>&1 || status=$?
	if [[ $status -eq $code ]] && grep -qE -- "$expected" "$WORK/out"; then
		pass "$name"
	else
		fail "$name" "expected exit code $code and '$expected', got $status: $(head -n 3 "$WORK/out" | tr '\n' ';')"
	fi
}
out() { # NAME REGEX COMMAND...; success, on stdout only
	local name=$1 expected=$2
	shift 2
	if "$@" >"$WORK/out" 2>"$WORK/err" && grep -qE -- "$expected" "$WORK/out" && [[ ! -s $WORK/err ]]; then
		pass "$name"
	else
		fail "$name" "$(head -n 3 "$WORK/out" "$WORK/err" | tr '\n' ';')"
	fi
}

out 'culvertd --help' 'usage: culvertd' "$CULVERTD" --help
out 'culvert --help' 'usage: culvert' "$CULVERT" --help
for command in up run check import down reload drain reexec status peers routes doctor sweep options; do
	out "culvert $command --help" "usage: culvert $command" "$CULVERT" "$command" --help
	out "culvert $command -h" "usage: culvert $command" "$CULVERT" "$command" -h
done
for word in up down reload drain reexec status peers routes doctor check sweep; do
	out "the help names $word" "^ +$word" "$CULVERT" --help
done
out 'the help documents exit codes' 'Exit status: .*0' "$CULVERT" --help
out 'culvertd --version' '^culvertd [0-9]+\.[0-9]+\.[0-9]+$' "$CULVERTD" --version
out 'culvert --version' '^culvert [0-9]+\.[0-9]+\.[0-9]+$' "$CULVERT" --version
check_equal 'both have one version' "$("$CULVERTD" --version | cut -d' ' -f2)" "$("$CULVERT" --version | cut -d' ' -f2)"

ends 'no command' 2 'culvert' "$CULVERT"
ends 'unknown command' 2 'frobnicate|unknown' "$CULVERT" frobnicate
for words in 'statsu:did you mean: culvert status' 'udp:did you mean: culvert up' 'route:did you mean: culvert routes' \
	'connect:did you mean: culvert up' 'relaod:did you mean: culvert reload' './alice.conf:did you mean: culvert up ./alice.conf' \
	'frobnicate:"frobnicate"; culvert --help'; do
	ends "the mistyped command ${words%%:*}" 2 "${words#*:}" "$CULVERT" "${words%%:*}"
done
ends 'a mistyped routes add' 2 'expected add or del before prefixes, got: ad' "$CULVERT" routes ad 10.0.0.0/8
ends 'a word for culvertd' 2 'systemctl start culvertd' "$CULVERTD" start
ends 'unknown option' 2 'option' "$CULVERT" status --frobnicate
ends 'unknown option of culvertd' 2 'option' "$CULVERTD" --frobnicate
ends 'too much' 2 '' "$CULVERTD" one two
ends 'up without a file' 2 'file' "$CULVERT" up
ends 'up with two files' 2 'file' "$CULVERT" up a b
ends 'sweep with two names' 2 'one name' "$CULVERT" sweep a b
ends 'routes add without a prefix' 2 'prefix' "$CULVERT" routes add
ends 'routes add with nonsense' 2 'prefix' "$CULVERT" routes add nonsense --socket "$WORK/no.sock"
for command in status peers routes down reload drain reexec doctor; do
	ends "$command without a daemon" 4 "no culvert is running.*$WORK/no.sock" "$CULVERT" "$command" --socket "$WORK/no.sock"
	ends "$command with an unknown name" 4 'no culvert is running.*no-such-name' "$CULVERT" "$command" no-such-name
done
ends 'routes add without a daemon' 4 'no culvert is running' "$CULVERT" routes add 10.9.0.0/16 --socket "$WORK/no.sock"

# A socket behind which nobody is any more.
server_conf gw-b <<<'peers = ( { name = "gw-a"; } );'
server_start gw-b host
check 'the control socket is for its owner only' test "$(stat -c %a "$WORK/gw-b.sock")" = 600
engine=$(engine_pid gw-b)
check 'the engine is not root' test "$(stat -c %U "/proc/$engine")" = nobody
check 'it has no capability' grep -E '^CapEff:\s*0+$' "/proc/$engine/status"
check 'and can gain none' grep -E '^NoNewPrivs:\s*1$' "/proc/$engine/status"
ends 'the environment names a socket' 0 '' env CULVERT_SOCKET="$WORK/gw-b.sock" "$CULVERT" status
ends 'an option goes before it' 4 "$WORK/no.sock" env CULVERT_SOCKET="$WORK/gw-b.sock" "$CULVERT" status --socket "$WORK/no.sock"
ends 'so does a name' 4 'no-such-name' env CULVERT_SOCKET="$WORK/gw-b.sock" "$CULVERT" status no-such-name
ends 'routes add of what cannot be one' 5 'multicast' "$CULVERT" routes add 224.0.0.0/4 --socket "$WORK/gw-b.sock"
check 'a server may announce a default route' ctl gw-b routes add 0.0.0.0/0
ends 'an ordinary user may not ask' 6 '' setpriv --reuid nobody --clear-groups "$CULVERT" status --socket "$WORK/gw-b.sock"
kill -KILL "$(pid_of gw-b)" "$engine"
wait_exit gw-b 5 || true
# The engine holds the socket, too, and may still be about to end.
ends 'status at a stale socket' 4 'no culvert is running|ended before it answered' "$CULVERT" status --socket "$WORK/gw-b.sock"

server_start gw-b host
check 'down' ctl gw-b down
wait_exit gw-b 5
check_equal 'ends the daemon with 0' 0 "$EXIT_STATUS"
check 'its socket is gone' test ! -e "$WORK/gw-b.sock"

client_conf gw-a </dev/null
chmod 644 "$WORK/gw-a.conf"
ends 'a profile for all to read is refused' 3 'chmod 600' "$CULVERT" up "$WORK/gw-a.conf"
chmod 600 "$WORK/gw-a.conf"
cp "$WORK/gw-a.conf" "$WORK/own.conf"
chown nobody "$WORK/own.conf"
ends 'an ordinary user is told what is missing' 6 'root|CAP_NET_ADMIN' \
	setpriv --reuid nobody --clear-groups "$CULVERT" up "$WORK/own.conf"
finish
