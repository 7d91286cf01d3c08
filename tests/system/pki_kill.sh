#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# culvert-pki killed before its system calls that change a file: the next command finds the PKI as it was, or with all
# that the killed command does, and the killed command works when it is repeated.
#
#   PKI_KILL=SEED   before a sample of these calls, which the number decides; the default is a new one for each run
#   PKI_KILL=all    before each of them, which takes some minutes
#
# check: long
# check: timeout 900

# Each command waits for its disk; memory is as good here, for nothing but processes dies.
[[ ! -d /dev/shm || ! -w /dev/shm ]] || export TMPDIR=/dev/shm
# shellcheck source=tests/system/pki/common.sh
source "$(dirname "$0")/pki/common.sh"

kill_at=${CULVERT_BUILD:-$top/build}/system/kill_at
[[ $kill_at == /* ]] || kill_at=$top/$kill_at

# How far the next kill may be: before the log begins (always so far), and after it (at most so far).
case ${PKI_KILL:=$RANDOM} in
all)
	coarse=12 widest=1 least_undone=12
	echo 'PKI_KILL=all: a kill before each call'
	;;
*)
	coarse=20 widest=13 least_undone=3
	echo "PKI_KILL=$PKI_KILL repeats this sample of the calls, PKI_KILL=all takes each of them"
	;;
esac

# Each case has the same sample, whichever cases run before it.
begin_sample() {
	[ "$PKI_KILL" = all ] || RANDOM=$PKI_KILL
	fine=no
}

crl_serials() { # FILE [LIST-NUMBER]
	pem_part "$1" 'X509 CRL' "${2-1}" | openssl crl -noout -text | sed -n 's/^ *Serial Number: *//p' | sort
}

pem_part() { # FILE KIND NUMBER: one of several in a file
	awk -v begin="-----BEGIN $2-----" -v end="-----END $2-----" -v number="$3" '
		$0 == begin { count++ }
		count == number { print }
		$0 == end && count == number { exit }' "$1"
}

# The keys and certificates of the CA are those of one step of a rollover, and all that is handed out has them.
is_one_step() { # WORDS
	local keys expected=1 number file kind
	keys=$(cd pki/ca && echo *.key)
	case $keys in
	ca.key) [ "$(cd pki && echo ca/*.crt cross* ca/*.serials)" = 'ca/*.crt cross* ca/*.serials' ] || because "$1: a rollover's file is left" ;;
	'ca.key next.key' | 'ca.key old.key')
		kind=${keys#ca.key } kind=${kind%.key} expected=2
		key_matches "pki/ca/$kind.key" "pki/ca/$kind.crt"
		[ "$(pem_part pki/ca.crt CERTIFICATE 2 | openssl x509 -noout -pubkey)" = "$(openssl pkey -in "pki/ca/$kind.key" -pubout)" ] ||
			because "$1: the second in ca.crt is not $kind.crt"
		[ -f pki/cross.crt ] || because "$1: no cross.crt"
		[ "$kind" = next ] || [ -f pki/ca/old.serials ] || because "$1: no old.serials"
		;;
	*) because "$1: the CA's keys are $keys" ;;
	esac
	key_matches pki/ca/ca.key pki/ca.crt
	for file in pki/ca.crt pki/servers/*/ca.crt pki/clients/*.conf; do
		[ -f "$file" ] || continue
		case $file in *.conf) split_profile "$file" && file=x.ca ;; esac
		cmp -s "$file" pki/ca.crt || because "$1: $file has another CA"
	done
	[ "$(grep -c 'BEGIN CERTIFICATE' pki/ca.crt) $(grep -c 'BEGIN X509 CRL' pki/crl.pem)" = "$expected $expected" ] ||
		because "$1: not $expected CAs and lists"
	for ((number = 1; number <= expected; number++)); do
		[ "$(crl_serials pki/crl.pem $number)" = "$(crl_serials pki/crl.pem)" ] || because "$1: the lists differ"
		pem_part pki/crl.pem 'X509 CRL' $number | openssl crl -CAfile <(pem_part pki/ca.crt CERTIFICATE $number) -noout 2>/dev/null ||
			because "$1: the list $number is another CA's"
	done
}

# Database, copies, CRLs, bundles and profiles tell the same, and there is nothing else.
is_consistent() {
	local name role serial server text
	local -A newest=()
	[ ! -e pki/.lock ] || because "$1: .lock is left"
	is_one_step "$1"
	text=$("$tool" --dir pki list) || because "$1: list fails"
	[ "$(awk '$5 == "revoked" { print $3 }' <<<"$text" | sort)" = "$(crl_serials pki/crl.pem)" ] ||
		because "$1: the database and the CRL differ"
	for server in pki/servers/*/; do
		[ ! -d "$server" ] || cmp -s pki/crl.pem "$server/crl.pem" || because "$1: the CRL of $server differs"
	done
	while read -r name role serial _ _; do
		[ "$role" != unknown ] || because "$1: $name has no copy of $serial"
		newest[$role/$name]=$serial
	done < <(tail -n +2 <<<"$text")
	[ "$(find pki/ca/servers pki/ca/clients -name '*.pem' | wc -l)" = "$(tail -n +2 <<<"$text" | wc -l)" ] ||
		because "$1: a copy has no entry"
	for name in "${!newest[@]}"; do
		case $name in
		server/*)
			name=${name#*/}
			[ "$(serial_of "pki/servers/$name/$name.crt")" = "${newest[server/$name]}" ] ||
				because "$1: the bundle of $name has another certificate"
			key_matches "pki/servers/$name/$name.key" "pki/servers/$name/$name.crt"
			;;
		client/*)
			name=${name#*/}
			split_profile "pki/clients/$name.conf"
			[ "$(serial_of x.crt)" = "${newest[client/$name]}" ] || because "$1: the profile of $name has another certificate"
			key_matches x.key x.crt
			;;
		esac
	done
	text=$(find pki/servers pki/clients -mindepth 1 -maxdepth 1 ! -name '*.p12' | wc -l)
	[ "$text" = ${#newest[@]} ] || because "$1: $text bundles and profiles, but ${#newest[@]} names"
}

# next_step: sets `step` to that of the next kill. What a command does before it begins its log, in .lock alone, is cut
# at few steps; all that follows, at each, or at a sample.
next_step() {
	if [ "$fine" = yes ]; then
		step=$((step + 1 + RANDOM % widest))
	elif [ -e pki/.lock ] && [ ! -e pki/.lock/undo/part ] && [ ! -e pki/.lock/undo/log ]; then
		step=$((step + coarse))
	else
		fine=yes
		step=$((step > coarse ? step - coarse + 1 + RANDOM % widest : step + 1))
	fi
}

# killed_everywhere COMMAND...: step by step, until the command comes to its end.
killed_everywhere() {
	local step=2 fine before status at after=0 undone=0
	begin_sample
	use_base
	before=$(snapshot)
	while :; do
		[ $step -lt 2000 ] || because "$* never ends"
		status=0
		"$kill_at" "$step" "$tool" --dir pki "$@" >out 2>&1 || status=$?
		[ $status -ne 0 ] || break
		[ $status -eq 137 ] || because "$* ended with $status at step $step: $(tail -n 1 out)"
		at=$step
		next_step
		"$tool" --dir pki list >/dev/null 2>err || because "after step $at of $*: $(tail -n 1 err)"
		if [ "$(snapshot)" = "$before" ]; then
			[ $after -eq 0 ] || because "step $at of $* is undone, although an earlier one was not"
			undone=$((undone + 1))
			continue
		fi
		after=$((after + 1))
		is_consistent "step $at of $*"
		rm -rf pki
		use_base
	done
	is_consistent "the end of $*"
	[ $undone -ge $least_undone ] || because "$*: only $undone steps were undone"
	[ $after -ge 1 ] || because "$*: no step was after the commit"
}

case_init() {
	local step=1 fine status at
	begin_sample
	while :; do
		[ $step -lt 2000 ] || because "init never ends"
		status=0
		"$kill_at" "$step" "$tool" --dir pki init >out 2>&1 || status=$?
		[ $status -ne 0 ] || break
		[ $status -eq 137 ] || because "init ended with $status at step $step: $(tail -n 1 out)"
		at=$step
		next_step
		if "$tool" --dir pki list >/dev/null 2>err; then
			is_consistent "step $at of init"
			rm -rf pki
		else
			grep -q 'there is no PKI' err || because "after step $at: $(tail -n 1 err)"
			[ ! -e pki ] || [ -z "$(ls -A pki)" ] || because "step $at leaves $(ls -A pki)"
		fi
	done
	is_consistent 'the end of init'
}

case_server() {
	killed_everywhere server new
}

case_client() {
	killed_everywhere client new --remote h
}

case_revoke() {
	killed_everywhere revoke gw-a
}

case_crl() {
	killed_everywhere crl
}

case_renew_server() {
	killed_everywhere renew gw-b --revoke-old
}

case_renew_client() {
	killed_everywhere renew gw-a --revoke-old
}

case_crl_days() {
	killed_everywhere crl --days 30
}

case_export() {
	echo 'a passphrase' >words
	killed_everywhere export gw-a --pkcs12 --passout file:words
}

case_rollover_new() {
	killed_everywhere rollover new
}

case_rollover_cross_issue() {
	base=after_new
	killed_everywhere rollover cross-issue
}

case_rollover_retire() {
	base=after_cross_issue
	killed_everywhere rollover retire
}

# A recovery that is killed itself is done by the next command.
case_recovery() {
	local step=2 middle beyond depth status before fine
	begin_sample
	use_base
	before=$(snapshot)
	"$kill_at" 0 "$tool" --dir pki renew gw-b --revoke-old 3>calls >out 2>&1 || because "renew fails: $(tail -n 1 out)"
	# The last step at which the command is undone, behind all of its moves.
	beyond=$(<calls)
	while [ $((beyond - step)) -gt 1 ]; do
		middle=$(((step + beyond) / 2))
		rm -rf pki
		use_base
		"$kill_at" $middle "$tool" --dir pki renew gw-b --revoke-old >out 2>&1 || :
		"$tool" --dir pki list >/dev/null 2>&1 || because "after step $middle: list fails"
		if [ "$(snapshot)" = "$before" ]; then step=$middle; else beyond=$middle; fi
	done
	for ((depth = 1; ; depth += 1 + RANDOM % widest)); do
		[ $depth -lt 200 ] || because "the recovery never ends"
		rm -rf pki
		use_base
		"$kill_at" $step "$tool" --dir pki renew gw-b --revoke-old >out 2>&1 || :
		[ -s pki/.lock/undo/log ] || because "nothing to undo"
		status=0
		"$kill_at" $depth "$tool" --dir pki list >out 2>&1 || status=$?
		[ $status -ne 0 ] || break
		"$tool" --dir pki list >/dev/null 2>err || because "after $depth steps of a recovery: $(tail -n 1 err)"
		[ "$(snapshot)" = "$before" ] || because "after $depth steps of a recovery something is left"
	done
	grep -q 'earlier command was killed' out || because "the recovery is not told: $(<out)"
	[ "$(snapshot)" = "$before" ] || because "the recovery leaves something"
	[ $depth -gt 5 ] || because "the recovery has only $depth steps"
}

run_cases
