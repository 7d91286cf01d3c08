#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# A key with a passphrase: asked for on the terminal, which shows nothing of it and is as before whatever happens, or through
# systemd's agents; nobody is asked again when an engine is replaced; check judges all but the key.
#
#   gw-a (192.0.2.1) ──── gw-b (192.0.2.2)
#
# shellcheck disable=SC2317 # Functions are called by name.
set -euo pipefail
# shellcheck source=tests/system/tunnel/common.sh
source "$(dirname "$0")/tunnel/common.sh"
# shellcheck source=tests/system/tunnel/terminal.sh
source "$(dirname "$0")/tunnel/terminal.sh"

gateways_add
pki_add gw-a
server_conf gw-b <<<'linger = 30; peers = ( { name = "gw-a"; } );'
server_start gw-b

WORDS='correct horse'
lock() { # KEY NEWKEY
	(umask 077 && openssl pkcs8 -topk8 -v2 aes-256-cbc -in "$1" -out "$2" -passout "pass:$WORDS")
}
lock "$(pki_extract gw-a key)" "$WORK/locked.key"
client_conf gw-a <<<"key = \"$(cat "$WORK/locked.key")
\";"
PROMPT='Passphrase of the key in .*gw-a.conf: '
up=("$CULVERT" up "$WORK/gw-a.conf")

# ---- check ----

check 'check finds the rest fine and says that the key was not judged' \
	grep -F 'the key is protected by a passphrase' <("$CULVERT" check "$WORK/gw-a.conf" </dev/null)
cp "$WORK/gw-a.conf" "$WORK/broken.conf"
echo 'mtu = 100;' >>"$WORK/broken.conf"
check_fails 'check still finds mistakes' "$CULVERT" check "$WORK/broken.conf"

# ---- the terminal ----

terminal_start_in gw-a gw-a "${up[@]}"
terminal_answer gw-a "$PROMPT" 'wrong horse'
terminal_answer gw-a "Wrong passphrase. $PROMPT" "$WORDS"
log=$WORK/gw-a.terminal
wait_log "$log" 'gw-b: session: opening -> up' "$UP_SECONDS"
check 'the tunnel is up' pings gw-a $SERVER4
check 'nothing that was typed is shown' log_lacks "$log" horse

# The next engines have the key without anybody's help.
ready_engines() {
	sed -nE 's/.*engine \(pid ([0-9]+)\) is ready.*/\1/p' "$log"
}
again() { # NAME COUNT; until so many engines were ready and the last has its session
	has_been_ready() {
		[[ $(ready_engines | wc -l) -eq $1 ]]
	}
	wait_for 10 "$1: an engine is ready" has_been_ready "$2"
	wait_for "$UP_SECONDS" "$1: the tunnel answers" pings gw-a $SERVER4
	pass "$1: the tunnel is back"
}
kill -KILL "$(ready_engines)"
again 'an engine that was killed' 2
check 'culvert reexec' ctl gw-a reexec
again 'an engine that was exchanged' 3
check_equal 'the person was asked twice in all' 2 "$(grep -cE "$PROMPT" "$log")"
ctl gw-a down
terminal_end gw-a 0

terminal_start_in gw-a thrice "${up[@]}"
for turn in 1 2 3; do
	asked() {
		[[ $(grep -cE "$PROMPT" "$WORK/thrice.terminal") -eq $turn ]]
	}
	wait_for 10 "question $turn" asked
	terminal_answer thrice "$PROMPT" "wrong $turn"
done
terminal_end thrice 3
check 'three times wrong is the end' grep -F 'was wrong 3 times' "$WORK/thrice.terminal"

# The shell's terminal shows what is typed again, whatever came: ^C, and ^Z, after which the question is asked anew.
cat >"$WORK/signals" <<'SHELL'
trap : INT
"$@"
echo "ended with $?"
stty -a
echo 'and now ^Z'
set -m
"$@"
echo "stopped with $?"
stty -a
fg
echo "done with $?"
stty -a
SHELL
terminal_start_in gw-a signals bash "$WORK/signals" "${up[@]}"
log=$WORK/signals.terminal
wait_log "$log" "$PROMPT" 10
terminal_type signals '\003'
wait_log "$log" 'and now' 10
prompts() { # COUNT
	[[ $(grep -cE "$PROMPT" "$log") -eq $1 ]]
}
wait_for 10 'the second is asked' prompts 2
terminal_type signals '\032'
wait_log "$log" 'stopped with 148' 10
wait_for 10 'it is asked again' prompts 3
terminal_type signals '\003'
wait_log "$log" 'done with 130' 10
terminal_end signals 0
check '^C ends it' grep -F 'ended with 130' "$log"
check_equal 'the terminal shows what is typed, each time' 3 "$(grep -cE '(^| )echo( |$)' "$log")"

# ---- nobody at a terminal ----

# With a /run of its own, so that no agent of this host is asked; systemd is what has a directory there.
detached() { # NAME [DIRECTORY]
	# shellcheck disable=SC2016 # The inner shell expands.
	start_bg "$WORK/$1.log" "$1" in_ns gw-a unshare -m sh -ec 'mount -t tmpfs tmpfs /run; mkdir -p "$1"; shift; exec setsid "$@"' sh \
		"${2:-/run}" "${up[@]}"
}
detached alone
wait_exit alone 10
check_equal 'nobody to ask: exit code 3' 3 "$EXIT_STATUS"
expect_log "$WORK/alone.log" 'gw-a.conf is protected by a passphrase: neither a terminal nor systemd'

if [[ -x /usr/bin/systemd-ask-password ]]; then
	detached agent /run/systemd/system
	run=/proc/$(pid_of agent)/root/run/systemd/ask-password
	question() {
		grep -hE "^Message=$PROMPT?" "$run"/ask.*
	}
	wait_for 10 'the question is there for an agent' question
	check 'as a question for a passphrase' grep -h '^Echo=0' "$run"/ask.*
	socket=$(sed -n 's/^Socket=//p' "$run"/ask.*)
	printf '+%s' "$WORDS" | nsenter -t "$(pid_of agent)" -m socat -u - "UNIX-SENDTO:$socket"
	wait_up agent gw-b
	wait_for 5 'the tunnel answers' pings gw-a $SERVER4
	pass 'an agent has answered'
	stop_bg agent
	# Whoever does not want to wait for an answer ends both.
	detached impatient /run/systemd/system
	run=/proc/$(pid_of impatient)/root/run/systemd/ask-password
	wait_for 10 'the question is there for an agent' question
	kill "$(pid_of impatient)"
	wait_exit impatient 10
	asks() {
		pgrep -f "systemd-ask-password.*$WORK/gw-a.conf"
	}
	gone() {
		! asks
	}
	wait_for 10 'the question goes with who has asked' gone
	pass 'the question goes with who has asked'
fi

# ---- culvert-pki gives a key its passphrase ----

pki_terminal() { # NAME SECOND-ANSWER STATUS ARGUMENT...
	local name=$1 second=$2 status=$3
	shift 3
	terminal_start "$name" "$PKI" --dir "$WORK/pki" "$@"
	terminal_answer "$name" '^Enter.*:' "$WORDS"
	terminal_answer "$name" 'Verifying.*:' "$second"
	terminal_end "$name" "$status"
}
is_locked() {
	"$CULVERT" check "$WORK/pki/clients/locked.conf" | grep -F 'protected by a passphrase'
}
pki_terminal typo 'other words' 1 client locked --remote 192.0.2.2 --passphrase
check 'a passphrase mistyped makes nothing' test ! -e "$WORK/pki/clients/locked.conf"
pki_terminal client "$WORDS" 0 client locked --remote 192.0.2.2 --passphrase
check 'a profile with a passphrase' is_locked
before=$(sed -n '/^key = /,/^"/p' "$WORK/pki/clients/locked.conf")
pki_terminal renew "$WORDS" 0 renew locked
check 'renew asks again by itself' is_locked
check 'and the key is a new one' test "$before" != "$(sed -n '/^key = /,/^"/p' "$WORK/pki/clients/locked.conf")"

# ---- culvert-pki asks for that of the CA's key, and of a file for other programs ----

asked_twice() { # NAME SECOND-ANSWER STATUS ARGUMENT...
	local name=$1 second=$2 status=$3
	shift 3
	terminal_start "$name" "$PKI" "$@"
	terminal_answer "$name" '^New passphrase of .*: ' "$WORDS"
	terminal_answer "$name" '^The same again: ' "$second"
	terminal_end "$name" "$status"
	check "$name: nothing that was typed is shown" log_lacks "$WORK/$name.terminal" horse
}
asked_twice ca-typo 'other horse' 1 --dir "$WORK/locked-pki" init --ca-passphrase
check 'a passphrase mistyped makes no CA' test ! -e "$WORK/locked-pki"
asked_twice ca "$WORDS" 0 --dir "$WORK/locked-pki" init --ca-passphrase
check 'the key of the CA is protected' grep 'BEGIN ENCRYPTED' "$WORK/locked-pki/ca/ca.key"
for answer in 'wrong horse' "$WORDS"; do
	name=ca-${answer%% *}
	terminal_start "$name" "$PKI" --dir "$WORK/locked-pki" server gw-b
	terminal_answer "$name" "^Passphrase of the CA's key: " "$answer"
	terminal_end "$name" "$([[ $answer == "$WORDS" ]] && echo 0 || echo 1)"
done
expect_log "$WORK/ca-wrong.terminal" 'wrong passphrase of .*ca.key'
check 'the right one signs' test -s "$WORK/locked-pki/servers/gw-b/gw-b.crt"
asked_twice export "$WORDS" 0 --dir "$WORK/pki" export gw-a --pkcs12
check 'the file for other programs opens with it' openssl pkcs12 -in "$WORK/pki/clients/gw-a.p12" -noout -passin "pass:$WORDS"
# ^C while it asks: the terminal shows again what is typed.
cat >"$WORK/ca-break" <<'SHELL'
trap : INT
"$@"
echo "ended with $?"
stty -a
SHELL
terminal_start ca-break bash "$WORK/ca-break" "$PKI" --dir "$WORK/locked-pki" crl
wait_log "$WORK/ca-break.terminal" "^Passphrase of the CA's key: " 10
terminal_type ca-break '\003'
terminal_end ca-break 0
expect_log "$WORK/ca-break.terminal" 'ended with 130'
expect_log "$WORK/ca-break.terminal" '(^| )echo( |$)'

# ---- a key in the older form, and one in a file of its own ----

openssl ec -aes128 -in "$(pki_extract gw-a key)" -passout "pass:$WORDS" 2>/dev/null >"$WORK/old.key"
chmod 600 "$WORK/old.key"
client_conf gw-a <<<"key = \"$WORK/old.key\";"
chmod 644 "$WORK/gw-a.conf" # nothing in it is secret
terminal_start_in gw-a old "${up[@]}"
terminal_answer old "Passphrase of the key in $WORK/old.key: " "$WORDS"
wait_log "$WORK/old.terminal" 'gw-b: session: opening -> up' "$UP_SECONDS"
pass 'a key file of the older form'
ctl gw-a down
terminal_end old 0
lock "$WORK/pki/servers/gw-b/gw-b.key" "$WORK/other.key"
client_conf gw-a <<<"key = \"$WORK/other.key\";"
terminal_start_in gw-a other "${up[@]}"
terminal_answer other "Passphrase of the key in $WORK/other.key: " "$WORDS"
terminal_end other 3
check "another's key is found out once it is open" grep -F 'does not belong to the certificate' "$WORK/other.terminal"
finish
