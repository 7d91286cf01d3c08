#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# culvert-pki and passphrases: the CA's key with one, for each command and from each source, never among the arguments
# of a process and never beside an unprotected copy; and the file that `export --pkcs12` makes for other programs.
# What a person types is in passphrase.sh.
#
# check: long

# shellcheck source=tests/system/pki/common.sh
source "$(dirname "$0")/pki/common.sh"

WORDS='correct horse \n "battery'

# A PKI whose CA's key has the passphrase, with one server and one client. Openssl takes a second for each use of it.
protected_base() {
	printf '%s\nanother line\n' "$WORDS" >words
	pki init --ca-passphrase --ca-passin file:words
	grep -q 'BEGIN ENCRYPTED PRIVATE KEY' pki/ca/ca.key || because "the key is not protected"
}

case_the_ca_key_has_a_passphrase() {
	protected_base
	mode_is 600 pki/ca/ca.key
	openssl pkey -in pki/ca/ca.key -passin file:words -noout || because "openssl does not open it"
	openssl asn1parse -in pki/ca/ca.key | grep -q ':0927C0$' || because "not 600,000 rounds"
	pki server gw-b --ca-passin file:words
	pki client gw-a --remote h --ca-passin fd:3 3<words
	pki renew gw-a --revoke-old --ca-passin stdin <words
	pki revoke gw-a --ca-passin=file:words
	pki crl --ca-passin file:words
	leaf_is_good pki/servers/gw-b/gw-b.crt gw-b Server
	pki list
	pki rollover
	[ "$(grep -rl 'BEGIN PRIVATE KEY' pki | sort | tr '\n' ' ')" = "pki/clients/gw-a.conf pki/servers/gw-b/gw-b.key " ] ||
		because "unprotected keys lie in $(grep -rl 'BEGIN PRIVATE KEY' pki)"
	[ ! -e pki/.lock ] || because "the lock is left behind"
}

# The new CA's key has the passphrase of the old one's, and each step needs it once.
case_a_rollover_keeps_the_passphrase() {
	protected_base
	pki rollover new --ca-passin file:words
	openssl pkey -in pki/ca/next.key -passin file:words -noout || because "the new key has another passphrase"
	pki rollover cross-issue --ca-passin file:words
	pki crl --ca-passin file:words
	pki rollover retire --ca-passin file:words
	key_opens_for_ca
	! grep -rl 'BEGIN PRIVATE KEY' pki || because "unprotected keys are left"
}

key_opens_for_ca() {
	[ "$(openssl pkey -in pki/ca/ca.key -passin file:words -pubout)" = "$(openssl x509 -in pki/ca.crt -noout -pubkey)" ] ||
		because "the key does not belong to ca.crt"
}

# A CA whose key had none gets one with the new key.
case_a_rollover_gives_a_passphrase() {
	pki init
	printf '%s\n' "$WORDS" >words
	pki rollover new --ca-passin file:words
	pki rollover cross-issue --ca-passin file:words
	pki crl --ca-passin file:words
	pki rollover retire --ca-passin file:words
	key_opens_for_ca
}

case_the_passphrase_is_no_argument() {
	mkdir bin
	# shellcheck disable=SC2016
	printf '#!/bin/sh\nprintf "%%s\\n" "$@" >>%q/arguments\nexec %q "$@"\n' "$PWD" "$(command -v openssl)" >bin/openssl
	chmod 755 bin/openssl
	printf '%s\n' "$WORDS" >words
	PATH=$PWD/bin:$PATH
	pki init --ca-passin file:words
	pki client gw-a --remote h --server-name s --ca-passin file:words
	pki export gw-a --pkcs12 --passout file:words
	[ "$(wc -l <arguments)" -gt 20 ] || because "the arguments were not seen"
	! grep -F horse arguments || because "openssl was given the passphrase as an argument"
}

case_wrong_or_missing_passphrases() {
	local before
	protected_base
	echo 'wrong horse' >wrong
	echo abc >short
	: >empty
	refused 1 "wrong passphrase of pki/ca/ca.key" crl --ca-passin file:wrong
	refused 1 "less than 4" crl --ca-passin file:short
	refused 1 "less than 4" crl --ca-passin file:empty
	refused 1 "cannot read the file gone" crl --ca-passin file:gone
	refused 1 "descriptor 7 is not open" crl --ca-passin fd:7
	refused 2 "does not take --ca-passin" list --ca-passin file:words
	for before in pass:abcd env:HOME fd:9 fd:10 fd: file: horse ''; do
		refused 2 "--ca-passin" crl --ca-passin "$before"
		[[ $said != *abcd* && $said != *horse* ]] || because "the message repeats the passphrase: $said"
	done
	before=$(snapshot)
	setsid -w "$tool" --dir pki crl >out 2>&1 </dev/null && because "it asks nobody and goes on"
	grep -q 'no terminal.*--ca-passin file:PATH' out || because "does not name the cure but: $(<out)"
	[ "$(snapshot)" = "$before" ] || because "refused, and yet something changed"
	rm -r pki
	setsid -w "$tool" --dir pki init --ca-passphrase >out 2>&1 </dev/null && because "init asks nobody"
	[ ! -e pki ] || because "init leaves something"
	refused 1 "less than 4" init --ca-passphrase --ca-passin file:short
}

# What docs/pki.md says for a PKI that exists.
case_a_passphrase_by_openssl() {
	use_base
	printf '%s\n' "$WORDS" >words
	openssl pkcs8 -topk8 -v2 aes-256-cbc -iter 600000 -in pki/ca/ca.key -passout file:words -out new.key
	mv new.key pki/ca/ca.key
	refused 1 "wrong passphrase" crl --ca-passin file:<(echo other)
	pki crl --ca-passin file:words
	cp words same
	openssl ec -aes256 -in pki/ca/ca.key -passin file:words -passout file:same -out old.key
	grep -q 'Proc-Type: 4,ENCRYPTED' old.key || because "not the older form"
	mv old.key pki/ca/ca.key
	pki crl --ca-passin file:words
}

# --- export -------------------------------------------------------------------------------------

p12() { # ARGUMENT...
	openssl pkcs12 -in pki/clients/gw-a.p12 -passin file:words "$@"
}

case_export_pkcs12() {
	use_base
	printf '%s\n' "$WORDS" >words
	pki export gw-a --pkcs12 --passout file:words
	said_that "pki/clients/gw-a.p12"
	mode_is 600 pki/clients/gw-a.p12
	p12 -nodes -nocerts | openssl pkey >x.p12.key
	p12 -nokeys -clcerts | openssl x509 >x.p12.crt
	p12 -nokeys -cacerts | openssl x509 >x.p12.ca
	split_profile pki/clients/gw-a.conf
	cmp x.p12.crt x.crt
	key_matches x.p12.key x.crt
	cmp x.p12.ca pki/ca.crt
	p12 -nokeys -clcerts | grep -q 'friendlyName: gw-a' || because "it has no name"
	p12 -info -nodes >info 2>&1 || because "openssl does not read it: $(<info)"
	[ "$(grep -c 'pbeWithSHA1And3-KeyTripleDES-CBC, Iteration 50000' info)" = 2 ] || because "other algorithms: $(<info)"
	grep -q '^MAC: sha1, Iteration 50000' info || because "another MAC: $(grep MAC info)"
	# Its key is not in the clear, and a wrong passphrase opens nothing.
	! openssl pkcs12 -in pki/clients/gw-a.p12 -passin pass:wrong -noout 2>/dev/null || because "any passphrase opens it"
	# It needs no key of the CA, and may be repeated.
	mv pki/ca/ca.key away.key
	pki export gw-a --pkcs12 --passout fd:5 5<words
	mv away.key pki/ca/ca.key
	pki renew gw-a
	said_that "export it again"
	[ ! -e pki/clients/gw-a.p12 ] || because "the old key is left"
}

case_export_of_a_key_with_a_passphrase() {
	use_base
	printf '%s\n' "$WORDS" >words
	echo 'of the key' >of-key
	split_profile pki/clients/gw-a.conf
	openssl pkcs8 -topk8 -in x.key -passout file:of-key -out locked.key
	{
		sed '/^key = "/,/^"/d' pki/clients/gw-a.conf
		printf 'key = "%s\n";\n' "$(<locked.key)"
	} >with-locked
	cat with-locked >pki/clients/gw-a.conf
	refused 1 "wrong passphrase of the key of gw-a" export gw-a --pkcs12 --passin file:words --passout file:words
	pki export gw-a --pkcs12 --passin file:of-key --passout file:words
	p12 -nodes -nocerts | openssl pkey >x.p12.key
	key_matches x.p12.key x.crt
}

case_export_refuses() {
	use_base
	echo "$WORDS" >words
	refused 2 "export needs --pkcs12" export gw-a
	refused 2 "needs a NAME" export --pkcs12
	refused 2 "gw-b is a server" export gw-b --pkcs12 --passout file:words
	refused 1 "no certificate of nobody" export nobody --pkcs12 --passout file:words
	refused 1 "less than 4" export gw-a --pkcs12 --passout file:/dev/null
	sed -i.bak 's/^key = .*/key = "-----BEGIN";/' pki/clients/gw-a.conf
	refused 1 "openssl pkcs12 failed" export gw-a --pkcs12 --passout file:words
	sed -i 's/^key = .*/key: none/' pki/clients/gw-a.conf
	refused 1 "exactly one inline key" export gw-a --pkcs12 --passout file:words
	mv pki/clients/gw-a.conf away.conf
	refused 1 "gw-a.conf does not exist" export gw-a --pkcs12 --passout file:words
	mv away.conf pki/clients/gw-a.conf
	pki revoke gw-a
	refused 1 "is revoked; first: culvert-pki --dir pki renew gw-a" export gw-a --pkcs12 --passout file:words
}

run_cases
