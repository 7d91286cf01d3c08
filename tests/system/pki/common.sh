# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# What the tests of culvert-pki share. They need no privilege, no network and no build, hence nothing of
# lib.sh; the output is the same.
#
#   base/            a PKI with the server gw-b and the client gw-a, copied for each case
#   CASE/pki         what the case works on
#   CASE/bin         stand-ins for openssl, mv, cp and sync that fail at a chosen call

set -u
LC_ALL=C
export LC_ALL
unset CULVERT_PKI CULVERT_PKI_TEMPLATES

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../.." && pwd)
tool=$top/certs/culvert-pki
work=$(mktemp -d)
passed=0 failed=0 finished=''

finish() {
	[ -n "$finished" ] || fail pki/end "the script ended early"
	rm -rf "$work"
	printf '%d passed, %d failed\n' $passed $failed
	[ $failed -eq 0 ] && exit 0
	exit 1
}
trap finish EXIT
trap 'exit 130' HUP INT TERM

pass() {
	passed=$((passed + 1))
	printf 'ok %s\n' "$1"
}

fail() {
	failed=$((failed + 1))
	printf 'not ok %s: %s\n' "$1" "$2"
}

# Each case runs in a subshell of its own, in its own directory; its last line says why it failed.
run_case() {
	local name=$1
	mkdir "$work/$name"
	(
		cd "$work/$name" || exit 1
		set -e
		"case_$name"
	) >"$work/$name.log" 2>&1
	# shellcheck disable=SC2181 # a subshell in a condition would lose its set -e
	if [ $? -eq 0 ]; then
		pass "pki/$name"
	else
		fail "pki/$name" "$(tail -n 1 "$work/$name.log")"
	fi
}

because() {
	printf '%s\n' "$*"
	exit 1
}

# pki COMMAND...: must succeed. Its words are in $said.
pki() {
	said=$("$tool" --dir pki "$@" 2>&1) || because "culvert-pki $* failed: $said"
}

# refused STATUS WORDS COMMAND...: must end with the status, say the words and change nothing.
refused() {
	local status=$1 words=$2 before after got=0
	shift 2
	before=$(untouched)
	said=$("$tool" --dir pki "$@" 2>&1) || got=$?
	after=$(untouched)
	[ "$got" = "$status" ] || because "'$*' ended with $got instead of $status: $said"
	[[ $said == *"$words"* ]] || because "'$*' does not say '$words' but: $said"
	[ "$before" = "$after" ] || because "'$*' was refused and yet changed something"
}

said_that() {
	[[ $said == *"$1"* ]] || because "does not say '$1' but: $said"
}

# Every path below pki with its mode, and the hash of every file.
snapshot() {
	[ -d pki ] || return 0
	find pki -printf '%p %y %m\n' | sort
	find pki -type f -exec sha256sum {} + | sort
}

# The same for what nothing may touch: a file that is written or moved has another time of change. It costs one process.
untouched() {
	[ -d pki ] || return 0
	find pki -type d -printf '%p %m\n' -o -printf '%p %y %m %i %s %C@\n'
}

# The PKI that most cases begin with, or that of a step of a rollover: base=after_new, base=after_cross_issue, in which
# all certificates are renewed.
base=base
use_base() {
	[ -d "$work/$base" ] || (make_rollover "$work/$base") || because "cannot make $base"
	cp -a "$work/$base/pki" pki
}

make_rollover() { # DIRECTORY
	mkdir "$1"
	cd "$1"
	cp -a "$work/base/pki" pki
	pki rollover new
	[ "$base" = after_cross_issue ] || return 0
	pki rollover cross-issue
	pki renew gw-a
	pki renew gw-b
}

mode_is() {
	[ "$(stat -c %a "$2")" = "$1" ] || because "$2 has mode $(stat -c %a "$2"), not $1"
}

# inline KEY PROFILE: the PEM text of an inline setting.
inline() {
	awk -v key="$1" '
		index($0, key " = \"") == 1 { inside = 1; $0 = substr($0, length(key) + 5) }
		inside && $0 == "\";" { exit }
		inside { print }' "$2"
}

# Splits a profile into x.crt, x.key and x.ca.
split_profile() {
	inline certificate "$1" >x.crt
	inline key "$1" >x.key
	inline ca "$1" >x.ca
}

verify() { # PURPOSE CERTIFICATE [OPTION...]
	openssl verify -CAfile pki/ca.crt -purpose "$1" "${@:3}" "$2" 2>&1
}

accepted() { # PURPOSE CERTIFICATE [OPTION...]
	local text
	text=$(verify "$@") || because "openssl refuses $2 for $1: ${text//$'\n'/ }"
}

not_accepted() { # WORDS PURPOSE CERTIFICATE [OPTION...]
	local words=$1 text
	shift
	text=$(verify "$@") && because "openssl accepts $2 for $1"
	[[ $text == *"$words"* ]] || because "openssl does not say '$words' but: $text"
}

extension() { # NAME CERTIFICATE: its value on one line
	openssl x509 -in "$2" -noout -ext "$1" | tail -n +1 | tr -s ' \n' ' '
}

has_extension() { # NAME CERTIFICATE VALUE
	local value
	value=$(extension "$1" "$2")
	[[ $value == *"$3"* ]] || because "$1 of $2 is '$value', not '$3'"
}

serial_of() {
	openssl x509 -in "$1" -noout -serial | cut -d= -f2
}

# state_of SERIAL: what list says of it.
state_of() {
	"$tool" --dir pki list | awk -v serial="$1" '$3 == serial { print $5 }'
}

state_is() {
	[ "$(state_of "$1")" = "$2" ] || because "list calls $1 '$(state_of "$1")', not $2"
}

days_between() { # CERTIFICATE: its validity in days
	local from to
	from=$(date -d "$(openssl x509 -in "$1" -noout -startdate | cut -d= -f2)" +%s)
	to=$(date -d "$(openssl x509 -in "$1" -noout -enddate | cut -d= -f2)" +%s)
	printf '%s\n' $(((to - from) / 86400))
}

key_matches() { # KEY CERTIFICATE
	[ "$(openssl pkey -in "$1" -pubout)" = "$(openssl x509 -in "$2" -noout -pubkey)" ] ||
		because "the key $1 does not belong to $2"
}

# Leaf certificates of both roles share everything but the purpose.
leaf_is_good() { # CERTIFICATE NAME PURPOSE
	local text
	text=$(openssl x509 -in "$1" -noout -text)
	[ "$(openssl x509 -in "$1" -noout -subject -nameopt RFC2253)" = "subject=CN=$2" ] ||
		because "the subject is not CN=$2 alone"
	[ "$(extension subjectAltName "$1")" = "X509v3 Subject Alternative Name: DNS:$2 " ] ||
		because "the alternative names are not DNS:$2 alone: $(extension subjectAltName "$1")"
	has_extension basicConstraints "$1" "critical CA:FALSE"
	[ "$(extension keyUsage "$1")" = "X509v3 Key Usage: critical Digital Signature " ] ||
		because "key usage is $(extension keyUsage "$1")"
	[ "$(extension extendedKeyUsage "$1")" = "X509v3 Extended Key Usage: TLS Web $3 Authentication " ] ||
		because "extended key usage is $(extension extendedKeyUsage "$1")"
	[ "$(extension authorityKeyIdentifier "$1" | cut -d: -f2- | tr -d ' ' | sed 's/^keyid://')" = \
		"$(extension subjectKeyIdentifier pki/ca.crt | cut -d: -f2- | tr -d ' ')" ] ||
		because "the authority key identifier is not the CA's subject key identifier"
	has_extension subjectKeyIdentifier "$1" :
	[[ $text == *"ASN1 OID: prime256v1"* ]] || because "the key is not on P-256"
	[ "$(days_between "$1")" = 825 ] || because "valid for $(days_between "$1") days"
	[[ $(serial_of "$1") =~ ^[0-7][0-9A-F]{31,39}$|^[0-9A-F]{30,38}$ ]] ||
		because "the serial $(serial_of "$1") is short, long or negative"
}

# Runs every case_ function of the script, in the order of their names.
run_cases() {
	local name
	mkdir "$work/base"
	(cd "$work/base" && pki init && pki server gw-b && pki client gw-a --remote 192.0.2.1) || exit 1
	while read -r name; do
		run_case "$name"
	done < <(declare -F | awk '$3 ~ /^case_/ { print substr($3, 6) }')
	finished=yes
}
