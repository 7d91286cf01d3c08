#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# culvert-pki rollover: what each step makes, with openssl as the judge, and that it may be repeated. Running clients are
# in ca_rollover.sh, kills in pki_kill.sh, failures in pki_safety.sh.
#
# check: long

# shellcheck source=tests/system/pki/common.sh
source "$(dirname "$0")/pki/common.sh"

authorities() { # FILE: how many certificates are in it
	grep -c 'BEGIN CERTIFICATE' "$1"
}

lists() { # FILE: how many CRLs are in it
	grep -c 'BEGIN X509 CRL' "$1"
}

key_of() { # CERTIFICATE-FILE: its first key
	openssl x509 -in "$1" -noout -pubkey
}

# chains CA-FILE CRL-FILE PURPOSE CERTIFICATE: openssl accepts it, with what comes with it and a list for each level.
chains() {
	openssl verify -x509_strict -crl_check_all -CAfile "$1" -CRLfile "$2" -purpose "$3" -untrusted "$4" "$4" >verdict 2>&1 ||
		because "refused by $1 and $2: $(tr '\n' ' ' <verdict)"
}

refuses() { # WORDS CA-FILE CRL-FILE PURPOSE CERTIFICATE
	! openssl verify -x509_strict -crl_check_all -CAfile "$2" -CRLfile "$3" -purpose "$4" -untrusted "$5" "$5" >verdict 2>&1 ||
		because "$5 is accepted by $2"
	grep -q "$1" verdict || because "does not say '$1' but: $(tr '\n' ' ' <verdict)"
}

# handed_out COUNT: everything that is handed out has that many CAs and lists.
handed_out() {
	local file
	for file in pki/ca.crt pki/servers/gw-b/ca.crt pki/clients/gw-a.conf; do
		case $file in
		*.conf) split_profile $file && cp x.ca handed ;;
		*) cp $file handed ;;
		esac
		cmp handed pki/ca.crt || because "$file has other CAs"
	done
	[ "$(authorities pki/ca.crt)" = "$1" ] || because "ca.crt has $(authorities pki/ca.crt) CAs instead of $1"
	[ "$(lists pki/crl.pem)" = "$1" ] || because "crl.pem has $(lists pki/crl.pem) lists instead of $1"
	cmp pki/crl.pem pki/servers/gw-b/crl.pem
	key_matches pki/ca/ca.key pki/ca.crt
	[ -z "$(find pki -type f -perm /077)" ] || because "others may read $(find pki -type f -perm /077)"
}

# repeated STEP: again, it changes nothing and says the same.
repeated() {
	local before first=$said
	before=$(untouched)
	pki rollover "$1"
	[ "$before" = "$(untouched)" ] || because "$1 changes something when it is repeated"
	said_that "done already; nothing was changed"
	[ "$(tail -n +2 <<<"$said")" = "$(tail -n +2 <<<"$first")" ] || because "$1 says something else when it is repeated: $said"
}

case_the_three_steps() {
	use_base
	cp pki/ca.crt old-ca.crt
	cp pki/crl.pem old-crl.pem
	split_profile pki/clients/gw-a.conf
	cp x.crt old.crt
	pki rollover
	said_that "rollover new"

	pki rollover new
	said_that "Hand out ca.crt and crl.pem from pki/ to every server"
	said_that "Clients need nothing yet"
	said_that "Next, when every server has both: culvert-pki --dir pki rollover cross-issue"
	repeated new
	handed_out 2
	[ "$(key_of pki/ca.crt)" = "$(key_of old-ca.crt)" ] || because "the old CA is not the first in ca.crt"
	key_matches pki/ca/next.key pki/ca/next.crt
	[ "$(openssl x509 -in pki/ca/next.crt -noout -subject)" = "$(openssl x509 -in old-ca.crt -noout -subject)" ] ||
		because "the new CA has another name"
	openssl verify -CAfile old-ca.crt -x509_strict pki/cross.crt || because "the old CA does not vouch for the new one"
	[ "$(key_of pki/cross.crt)" = "$(key_of pki/ca/next.crt)" ] || because "cross.crt has another key"
	[ "$(openssl x509 -in pki/cross.crt -noout -enddate)" = "$(openssl x509 -in old-ca.crt -noout -enddate)" ] ||
		because "cross.crt does not end with the old CA"
	pki client between --remote h
	split_profile pki/clients/between.conf
	chains old-ca.crt old-crl.pem sslclient x.crt
	chains pki/ca.crt pki/crl.pem sslclient x.crt

	pki rollover cross-issue
	said_that "culvert-pki --dir pki renew between"
	said_that "culvert-pki --dir pki renew gw-a"
	said_that "culvert-pki --dir pki renew gw-b"
	said_that "when all of them use their new certificates: culvert-pki --dir pki rollover retire"
	repeated cross-issue
	handed_out 2
	[ "$(key_of pki/ca/old.crt)" = "$(key_of old-ca.crt)" ] || because "old.crt is another's"
	key_matches pki/ca/old.key pki/ca/old.crt
	[ ! -e pki/ca/next.key ] || because "next.key is left"
	[ "$("$tool" --dir pki list | grep -c 'valid (old CA)$')" = 3 ] || because "list does not show the old CA"
	refused 1 "renew or revoke each first" rollover retire
	said_that "  gw-a"
	pki renew gw-a
	pki renew gw-b
	split_profile pki/clients/gw-a.conf
	for file in x.crt pki/servers/gw-b/gw-b.crt; do
		[ "$(authorities $file)" = 2 ] || because "$file comes without the cross certificate"
	done
	# Old and new at each end.
	chains old-ca.crt old-crl.pem sslclient x.crt
	chains old-ca.crt old-crl.pem sslserver pki/servers/gw-b/gw-b.crt
	chains pki/ca.crt pki/crl.pem sslclient x.crt
	chains pki/ca.crt pki/crl.pem sslserver pki/servers/gw-b/gw-b.crt
	chains pki/ca.crt pki/crl.pem sslclient old.crt
	refused 1 "renew or revoke each first" rollover retire
	[[ $said == *between* && $said != *gw-* ]] || because "it names others than between: $said"
	pki revoke between
	pki rollover
	said_that "Every valid certificate is of the new CA"

	pki rollover retire
	said_that "Hand out ca.crt and crl.pem from pki/ to every server"
	said_that "The rollover is done"
	handed_out 1
	[ "$(key_of pki/ca.crt)" != "$(key_of old-ca.crt)" ] || because "the old CA is left"
	[ "$(cd pki && echo ca/*.* cross*)" = "ca/ca.key ca/index.txt cross*" ] || because "left: $(ls pki pki/ca)"
	chains pki/ca.crt pki/crl.pem sslclient x.crt
	refuses 'certificate signature failure\|unable to get' pki/ca.crt pki/crl.pem sslclient old.crt
	before=$(untouched)
	pki rollover retire
	said_that "No rollover is under way"
	[ "$before" = "$(untouched)" ] || because "retire changes something when it is repeated"
	pki renew gw-a
	split_profile pki/clients/gw-a.conf
	[ "$(authorities x.crt)" = 1 ] || because "a cross certificate is left"
}

# A certificate of either CA can be revoked at each step, for those that have the old files as well.
case_revoking_in_between() {
	use_base
	cp pki/ca.crt old-ca.crt
	pki client of-old --remote h
	pki client of-old-2 --remote h
	split_profile pki/clients/of-old.conf && cp x.crt old.crt
	split_profile pki/clients/of-old-2.conf && cp x.crt old-2.crt
	pki rollover new
	pki revoke of-old
	for ca in old-ca.crt pki/ca.crt; do
		refuses revoked $ca pki/crl.pem sslclient old.crt
		chains $ca pki/crl.pem sslclient old-2.crt
	done
	pki rollover cross-issue
	pki client of-new --remote h
	split_profile pki/clients/of-new.conf && cp x.crt new.crt
	chains old-ca.crt pki/crl.pem sslclient new.crt
	pki revoke of-old-2
	pki revoke of-new
	for ca in old-ca.crt pki/ca.crt; do
		for crt in old old-2 new; do
			refuses revoked $ca pki/crl.pem sslclient $crt.crt
		done
	done
	pki renew gw-a --revoke-old
	pki crl --days 30
	pki renew gw-b
	pki rollover retire
	refuses revoked pki/ca.crt pki/crl.pem sslclient new.crt
	[ "$(awk '/BEGIN X509 CRL/' pki/crl.pem | wc -l)" = 1 ] || because "the old list is left"
}

case_steps_out_of_order() {
	use_base
	refused 1 "first: culvert-pki --dir pki rollover new" rollover cross-issue
	pki rollover retire
	said_that "No rollover is under way"
	refused 2 "unknown step 'retir'; did you mean retire?" rollover retir
	refused 2 "too many" rollover new new
	refused 2 "does not take --days" rollover --days 3
	refused 2 "does not take --days" rollover retire --days 3
	pki rollover new --days 4000
	[ "$(days_between pki/ca/next.crt)" = 4000 ] || because "--days is not used"
	refused 1 "first: culvert-pki --dir pki rollover cross-issue" rollover retire
	pki rollover cross-issue
	pki rollover new
	said_that "done already"
	mv pki/ca/ca.key away.key
	refused 1 "ca.key does not exist" rollover retire
	pki rollover
	said_that "renew gw-a"
}

# The next rollover is like the first, and a profile without inline CA does not hold it up.
case_two_rollovers() {
	local turn
	use_base
	for turn in 1 2; do
		sed -i '/^ca = "/,/^"/d' pki/clients/gw-a.conf
		echo 'ca = "/etc/culvert/ca.crt";' >>pki/clients/gw-a.conf
		pki rollover new
		said_that "pki/clients/gw-a.conf has no inline ca"
		pki rollover cross-issue
		pki renew gw-b
		pki renew gw-a --remote "h$turn"
		pki rollover retire
		handed_out 1
	done
}

# Certificates that have ended keep nobody from retiring their CA; a CA that has ended cannot vouch for another.
case_at_the_end_of_the_ca() {
	pki init
	pki client short --remote h --server-name s --not-before 20200101000000Z --not-after 20200201000000Z
	pki rollover new
	pki rollover cross-issue
	pki rollover retire
	mkdir cross
	: >cross/index.txt
	openssl req -new -config "$top/certs/templates/root.cnf" -key pki/ca/ca.key -subj '/CN=Culvert CA' -out request
	openssl ca -selfsign -batch -notext -config "$top/certs/templates/cross.cnf" -keyfile pki/ca/ca.key -in request \
		-startdate 20200101000000Z -enddate 20210101000000Z -out pki/ca.crt
	refused 1 "the CA has expired, and all its certificates have; make a new PKI" rollover new
}

run_cases
