#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# culvert-pki when two run at once, when a step fails and when a signal comes: all or nothing.
#
# check: long
# check: timeout 400

# shellcheck source=tests/system/pki/common.sh
source "$(dirname "$0")/pki/common.sh"

# stand_in COMMAND SCRIPT: puts a script of that name in front of the real one, which is $real.
stand_in() {
	mkdir -p bin
	printf '#!/bin/sh\nreal=%q here=%q\n%s\n' "$(command -v "$1")" "$PWD" "$2" >"bin/$1"
	chmod 755 "bin/$1"
}

with_stand_ins() {
	PATH=$PWD/bin:$PATH "$tool" --dir pki "$@"
}

case_lock_excludes_a_second_run() {
	local first
	use_base
	mkfifo started go
	# The stand-in waits for "go", or for the end of this case, which closes the only writing end.
	exec 3<>started 4<>go
	# shellcheck disable=SC2016
	stand_in openssl '[ "$1" != ca ] || { exec 5<"$here/go"; echo >"$here/started"; read -r _ <&5; }
		exec "$real" "$@"'
	PATH=$PWD/bin:$PATH "$tool" --dir pki client slow --remote h 3>&- 4>&- &
	first=$!
	read -t 20 -r _ <&3 || because "the first run does not come to openssl ca"
	refused 1 "locked by another culvert-pki (process $first)" client other --remote h
	refused 1 "locked" revoke gw-a
	pki list
	echo >&4
	wait $first
	[ ! -e pki/.lock ] || because "the lock is left behind"
	pki client other --remote h
	# What an older version leaves when it is killed is no lock.
	mkdir pki/.lock
	pki client third --remote h
	[ ! -e pki/.lock ] || because "the directory of a killed command is left behind"
}

case_concurrent_runs_keep_the_database() {
	local i done=0 pids=()
	use_base
	for i in 1 2 3 4 5 6 7 8; do
		"$tool" --dir pki client "c$i" --remote h &
		pids+=($!)
	done
	for i in "${pids[@]}"; do
		! wait "$i" || done=$((done + 1))
	done
	[ $done -ge 1 ] || because "none of eight succeeded"
	[ "$("$tool" --dir pki list | grep -c ' valid$')" = $((done + 2)) ] || because "entries are lost"
	[ "$(find pki/clients -name 'c*.conf' | wc -l)" = $done ] || because "profiles and entries differ"
}

# fails_cleanly COMMAND...: lets openssl, mv, cp or sync fail at the first call, the second and so on until the
# command succeeds; each failure must leave everything as it was, so that the next one begins with the same.
fails_cleanly() {
	local program call calls before
	for program in openssl mv cp sync; do
		rm -rf bin pki
		# shellcheck disable=SC2016
		stand_in $program 'read -r calls <"$here/calls"; read -r fail_at <"$here/fail_at"
			calls=$((calls + 1))
			echo $calls >"$here/calls"
			[ $calls != "$fail_at" ] || { echo out of luck >&2; exit 1; }
			exec "$real" "$@"'
		[ "$1" = init ] || use_base
		before=$(snapshot)
		for ((call = 1; ; call++)); do
			[ $call -lt 40 ] || because "$* never succeeds"
			echo 0 >calls
			echo $call >fail_at
			! with_stand_ins "$@" || break
			calls=$(<calls)
			[ "$calls" -ge $call ] || because "$* failed by itself"
			[ "$(snapshot)" = "$before" ] || because "$*: call $call of $program failed and left a trace"
			[ "$1" != init ] || [ ! -e pki ] || because "init left its directory"
		done
		calls=$(<calls)
		[ "$calls" -lt $call ] || because "$*: the failure of call $call of $program went unnoticed"
	done
}

case_a_failing_init_leaves_nothing() {
	fails_cleanly init
}

case_a_failing_server_leaves_nothing() {
	fails_cleanly server new
}

case_a_failing_client_leaves_nothing() {
	fails_cleanly client new --remote h
}

case_a_failing_revoke_leaves_nothing() {
	fails_cleanly revoke gw-a
}

case_a_failing_crl_leaves_nothing() {
	fails_cleanly crl
}

case_a_failing_renewal_leaves_nothing() {
	fails_cleanly renew gw-b --revoke-old
	fails_cleanly renew gw-a --revoke-old
}

case_a_failing_export_leaves_nothing() {
	echo 'a passphrase' >words
	fails_cleanly export gw-a --pkcs12 --passout file:words
}

# The base of each step is the result of the one before it.
case_a_failing_rollover_leaves_nothing() {
	fails_cleanly rollover new
	base=after_new
	fails_cleanly rollover cross-issue
	base=after_cross_issue
	fails_cleanly rollover retire
}

# A key with a passphrase takes more programs, and a second for each use.
case_a_failing_init_with_a_passphrase_leaves_nothing() {
	echo 'a passphrase' >words
	fails_cleanly init --ca-passin file:words
}

case_a_signal_leaves_nothing() {
	local signal before status
	use_base
	before=$(snapshot)
	for signal in INT TERM HUP; do
		# shellcheck disable=SC2016
		stand_in openssl '[ "$1" != ca ] || kill -'$signal' "$(cat pid)"; exec "$real" "$@"'
		status=0
		with_stand_ins client new --remote h || status=$?
		[ $status -ge 128 ] || because "ended with $status after $signal"
		[ "$(snapshot)" = "$before" ] || because "$signal left a trace"
	done
	pki client new --remote h
}

# A loss of power leaves what the disk had: never a log that names files of which the disk had nothing.
case_the_disk_has_the_saved_files_before_the_log() {
	local saved
	use_base
	# shellcheck disable=SC2016
	stand_in sync 'for path; do
			[ -e "$here/pki/.lock/undo/log" ] || printf "%s\n" "$path" >>"$here/before"
			printf "%s\n" "$path" >>"$here/synced"
		done
		exec "$real" "$@"'
	with_stand_ins revoke gw-a
	saved=$(grep -c '^\.lock/undo/[0-9]' synced) || because "no saved file is synced"
	[ "$(grep -c '^\.lock/undo/[0-9]' before)" = "$saved" ] || because "the log comes before the files: $(<synced)"
	grep -qx '\.lock/undo' synced || because "the log's name is not synced"
}

run_cases
