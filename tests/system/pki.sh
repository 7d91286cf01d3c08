#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# What culvert-pki makes, through its command line and with openssl as the judge.
#
# check: quick suite
# check: long

# shellcheck source=tests/system/pki/common.sh
source "$(dirname "$0")/pki/common.sh"

# --- init ---------------------------------------------------------------------------------------

case_init_makes_a_ca() {
	pki init --cn "Test Net CA"
	mode_is 700 pki/ca
	mode_is 600 pki/ca/ca.key
	[ ! -e pki/.lock ] || because "the lock is left behind"
	key_matches pki/ca/ca.key pki/ca.crt
	openssl verify -CAfile pki/ca.crt -x509_strict pki/ca.crt
	[ "$(openssl x509 -in pki/ca.crt -noout -subject)" = "subject=CN = Test Net CA" ] ||
		[ "$(openssl x509 -in pki/ca.crt -noout -subject)" = "subject=CN=Test Net CA" ] ||
		because "the CA is not called Test Net CA"
	has_extension basicConstraints pki/ca.crt "critical CA:TRUE, pathlen:0"
	[ "$(extension keyUsage pki/ca.crt)" = "X509v3 Key Usage: critical Certificate Sign, CRL Sign " ] ||
		because "key usage is $(extension keyUsage pki/ca.crt)"
	[ "$(days_between pki/ca.crt)" = 3650 ] || because "valid for $(days_between pki/ca.crt) days"
	[ -z "$(find pki -type f -perm /077)" ] || because "others may read $(find pki -type f -perm /077)"
}

case_init_makes_an_empty_long_crl() {
	local until
	pki init
	openssl crl -in pki/crl.pem -CAfile pki/ca.crt -noout
	openssl crl -in pki/crl.pem -noout -text | grep -q 'No Revoked Certificates' ||
		because "the CRL is not empty"
	until=$(date -d "$(openssl crl -in pki/crl.pem -noout -nextupdate | cut -d= -f2)" +%s)
	[ $(((until - $(date +%s)) / 86400)) -ge 3648 ] || because "the CRL ends too soon"
}

case_init_refuses_to_overwrite() {
	use_base
	refused 1 "exists already" init
	mv pki/ca elsewhere
	refused 1 "exists already" init
}

case_init_works_anywhere() {
	# shellcheck disable=SC2016
	local odd='a $(touch hacked) "dir'\''; #\n'
	"$tool" --dir "$odd/deep" init
	"$tool" --dir "$odd/deep" server s.example
	CULVERT_PKI="$odd/deep" "$tool" client c --remote s.example
	[ -s "$odd/deep/clients/c.conf" ] || because "no profile below the odd directory"
	[ ! -e hacked ] || because "the directory's name was run as a command"
	mkdir ./-dir
	"$tool" init --dir=-dir
	[ -s ./-dir/ca.crt ] || because "no PKI in an existing, empty directory"
}

# --- server and client --------------------------------------------------------------------------

case_server_certificate() {
	use_base
	leaf_is_good pki/servers/gw-b/gw-b.crt gw-b Server
	accepted sslserver pki/servers/gw-b/gw-b.crt -x509_strict -verify_hostname gw-b
	accepted sslserver pki/servers/gw-b/gw-b.crt -crl_check -CRLfile pki/crl.pem
	not_accepted "purpose" sslclient pki/servers/gw-b/gw-b.crt
	key_matches pki/servers/gw-b/gw-b.key pki/servers/gw-b/gw-b.crt
}

case_server_bundle() {
	use_base
	[ "$(cd pki/servers/gw-b && echo *)" = "ca.crt crl.pem culvertd.conf gw-b.crt gw-b.key" ] ||
		because "the bundle holds $(ls pki/servers/gw-b)"
	mode_is 600 pki/servers/gw-b/gw-b.key
	mode_is 700 pki/servers/gw-b
	cmp pki/ca.crt pki/servers/gw-b/ca.crt
	cmp pki/crl.pem pki/servers/gw-b/crl.pem
	for line in 'listen = [ "[::]:443", "0.0.0.0:443" ];' 'certificate = "/etc/culvert/gw-b.crt";' \
		'key = "/etc/culvert/gw-b.key";' 'ca = "/etc/culvert/ca.crt";' 'peers = ( );' \
		'crl = "/etc/culvert/crl.pem";' 'pool4 = "10.213.0.0/24";' 'pool6 = "fd00:c17:e27::/64";'; do
		grep -Fqx "$line" pki/servers/gw-b/culvertd.conf || because "culvertd.conf lacks: $line"
	done
	pki server gw-c --prefix-dir /srv/vpn/
	said_that "/srv/vpn/culvertd.conf"
	grep -Fqx 'key = "/srv/vpn/gw-c.key";' pki/servers/gw-c/culvertd.conf ||
		because "--prefix-dir is not used"
	refused 2 "absolute" server gw-d --prefix-dir relative
	refused 2 "may hold only" server gw-d --prefix-dir '/x";y'
	refused 2 "named 'ca'" server ca
}

case_client_profile() {
	use_base
	mode_is 600 pki/clients/gw-a.conf
	split_profile pki/clients/gw-a.conf
	leaf_is_good x.crt gw-a Client
	accepted sslclient x.crt -x509_strict -crl_check -CRLfile pki/crl.pem
	not_accepted "purpose" sslserver x.crt
	key_matches x.key x.crt
	cmp x.ca pki/ca.crt
	[ "$(grep -c 'PRIVATE KEY' pki/clients/gw-a.conf)" = 2 ] || because "not one inline key"
	grep -Fqx 'remotes = [ "192.0.2.1:443" ];' pki/clients/gw-a.conf || because "remotes is wrong"
	grep -Fqx 'server_name = "gw-b";' pki/clients/gw-a.conf || because "server_name is wrong"
	grep -q '^# announce = ' pki/clients/gw-a.conf || because "announce is not shown as a comment"
	grep -q '^# accept_routes = ' pki/clients/gw-a.conf || because "accept_routes is not shown"
	[ "$(grep -rl 'PRIVATE KEY' pki | sort | tr '\n' ' ')" = \
		"pki/ca/ca.key pki/clients/gw-a.conf pki/servers/gw-b/gw-b.key " ] ||
		because "keys lie in $(grep -rl 'PRIVATE KEY' pki)"
}

case_client_options() {
	use_base
	pki client full --remote '[2001:db8::1]' --remote=vpn.example.org:8443 --remote '[fe80::1%eth0]:1' \
		--server-name gw-b --announce 10.1.0.0/24 --announce fd00:1::/64 --accept 0.0.0.0/0 --accept ::/0
	for line in 'announce = [ "10.1.0.0/24", "fd00:1::/64" ];' 'accept_routes = [ "0.0.0.0/0", "::/0" ];' \
		'remotes = [ "[2001:db8::1]:443", "vpn.example.org:8443", "[fe80::1%eth0]:1" ];'; do
		grep -Fqx "$line" pki/clients/full.conf || because "the profile lacks: $line"
	done
	said_that '{ name = "full"; accept_routes = [ "10.1.0.0/24", "fd00:1::/64" ]; }'
	pki client bare --remote h
	said_that '{ name = "bare"; }'
	said_that 'culvert import bare.conf && culvert up bare'
}

case_client_refuses_bad_options() {
	local bad
	use_base
	refused 2 "client needs --remote" client x
	for bad in '' ':443' 'h:' 'h:0' 'h:65536' 'h:080' 'h:99999999999999999999' '2001:db8::1' '[::1' '[]' \
		'[1.2.3.4]' '[::1%]' 'a"b' 'a b' $'a\nb' 'a;b' '-x' '[::1]x' 'a/b' '[::1]:443:1'; do
		refused 2 "--remote" client x --remote "$bad"
	done
	for bad in '' 10.0.0.0 10.0.0.0/33 10.0.0.1/24 10.0.0/24 10.0.0.256/32 ::/129 1::2::/64 fd00:1/64 \
		12345::/64 '10.0.0.0/8";' $'10.0.0.0/8\n' 10.0.0.0/8/8 10.0.0.0/-1; do
		refused 2 "--announce" client x --remote h --announce "$bad"
		refused 2 "--accept" client x --remote h --accept "$bad"
	done
	refused 2 "--server-name" client x --remote h --server-name 'a"; b = "'
}

case_client_needs_to_know_the_server() {
	pki init
	refused 1 "no server yet" client x --remote h
	pki server one
	pki client a --remote h
	pki server two
	refused 1 "one, two" client b --remote h
	pki client b --remote h --server-name two
	grep -Fqx 'server_name = "two";' pki/clients/b.conf || because "--server-name is not used"
	pki revoke two
	pki client c --remote h
	grep -Fqx 'server_name = "one";' pki/clients/c.conf || because "a revoked server was counted"
}

case_names_are_unique() {
	use_base
	refused 1 "gw-a is a client" client gw-a --remote h
	refused 1 "gw-b is a server" client gw-b --remote h
	refused 1 "gw-a is a client" server gw-a
	refused 1 "gw-b is a server" server GW-B
	rm pki/clients/gw-a.conf
	refused 1 "is taken" client gw-a --remote h
	pki revoke gw-a
	refused 1 "is taken" client gw-a --remote h
	echo precious >pki/clients/x.conf
	refused 1 "not overwritten" client x --remote h
}

case_bad_names_are_refused() {
	local bad long=1234567890123456789012345678901234567890123456789012345678901234
	use_base
	# shellcheck disable=SC2016
	for bad in '' . .. ../x a/b /etc/x '$(id)' '`id`' 'a b' $'a\nb' $'a\n' "${long}5" 'ä' 'a;b' '*' "a'b" \
		'a"b' 'a\b' 'a=b' 'a,b' -x; do
		refused 2 "the name" server -- "$bad"
		refused 2 "the name" client --remote h -- "$bad"
		refused 2 "the name" revoke -- "$bad"
		refused 2 "the name" renew -- "$bad"
	done
	refused 2 "unknown option" server -x
	pki server "$long"
	leaf_is_good "pki/servers/$long/$long.crt" "$long" Server
	pki client A._-9 --remote h --server-name gw-b
}

# --- revoke, renew, list ------------------------------------------------------------------------

case_revoke() {
	local number
	use_base
	split_profile pki/clients/gw-a.conf
	number=$(openssl crl -in pki/crl.pem -noout -crlnumber)
	accepted sslclient x.crt -crl_check -CRLfile pki/crl.pem
	pki revoke gw-a
	said_that "Copy pki/crl.pem to every server"
	said_that "culvertd uses it within a second"
	not_accepted "revoked" sslclient x.crt -crl_check -CRLfile pki/crl.pem
	accepted sslserver pki/servers/gw-b/gw-b.crt -crl_check -CRLfile pki/crl.pem
	cmp pki/crl.pem pki/servers/gw-b/crl.pem
	[ "$(openssl crl -in pki/crl.pem -noout -crlnumber)" != "$number" ] || because "same CRL number"
	mode_is 600 pki/crl.pem
	state_is "$(serial_of x.crt)" revoked
	refused 1 "no certificate of nobody" revoke nobody
}

# A list that was lost or is old is written again: by a second revoke, and by crl.
case_revoke_again() {
	local command
	use_base
	split_profile pki/clients/gw-a.conf
	cp pki/crl.pem empty.pem
	pki revoke gw-a
	for command in 'revoke gw-a' 'revoke gw-b --superseded' crl; do
		cp empty.pem pki/crl.pem
		cp empty.pem pki/servers/gw-b/crl.pem
		# shellcheck disable=SC2086 # two words
		pki $command
		case $command in
		'revoke gw-a') said_that "Every certificate of gw-a is revoked already" ;;
		revoke*) said_that "No older certificate of gw-b" ;;
		crl) said_that "1 certificates are revoked" ;;
		esac
		said_that "Copy pki/crl.pem to every server"
		not_accepted "revoked" sslclient x.crt -crl_check -CRLfile pki/crl.pem
		cmp pki/crl.pem pki/servers/gw-b/crl.pem
		state_is "$(serial_of pki/servers/gw-b/gw-b.crt)" valid
	done
}

case_crl() {
	local number until
	use_base
	number=$(openssl crl -in pki/crl.pem -noout -crlnumber)
	pki crl --days 30
	said_that "valid for 30 days"
	said_that "0 certificates are revoked"
	openssl crl -in pki/crl.pem -CAfile pki/ca.crt -noout
	[ "$(openssl crl -in pki/crl.pem -noout -crlnumber)" != "$number" ] || because "same CRL number"
	until=$(date -d "$(openssl crl -in pki/crl.pem -noout -nextupdate | cut -d= -f2)" +%s)
	[ $(((until - $(date +%s)) / 86400)) -le 30 ] || because "the CRL ends too late"
	mode_is 600 pki/crl.pem
	refused 2 "takes no name" crl gw-a
	refused 2 "does not take --remote" crl --remote h
	mv pki/ca/ca.key away.key
	refused 1 "ca.key does not exist" crl
}

case_renew_client_keeps_settings() {
	local profile=pki/clients/gw-a.conf
	use_base
	split_profile $profile
	mv x.crt old.crt
	mv x.key old.key
	sed -i 's/^# announce = .*/announce = [ "10.7.0.0\/16" ]; # by hand/;s/^key = "/key:  "/' $profile
	sed -i '$s/$/ # the end/' $profile
	printf 'mtu = 1400;\n' >>$profile
	sed '/--BEGIN/,/--END/d' $profile >settings
	pki renew gw-a
	said_that 'culvert import --force gw-a.conf'
	said_that 'culvert reload gw-a'
	said_that "stays valid until"
	sed '/--BEGIN/,/--END/d' $profile | diff settings - || because "the settings changed"
	mode_is 600 $profile
	sed -i 's/^key:  "/key = "/' $profile
	split_profile $profile
	leaf_is_good x.crt gw-a Client
	key_matches x.key x.crt
	! cmp -s x.key old.key || because "the key is the old one"
	accepted sslclient x.crt -crl_check -CRLfile pki/crl.pem
	accepted sslclient old.crt -crl_check -CRLfile pki/crl.pem
	state_is "$(serial_of old.crt)" superseded
	state_is "$(serial_of x.crt)" valid
	pki revoke gw-a --superseded
	not_accepted "revoked" sslclient old.crt -crl_check -CRLfile pki/crl.pem
	accepted sslclient x.crt -crl_check -CRLfile pki/crl.pem
}

case_renew_can_revoke_the_old() {
	use_base
	split_profile pki/clients/gw-a.conf
	mv x.crt old.crt
	pki renew gw-a --revoke-old
	said_that "is revoked"
	split_profile pki/clients/gw-a.conf
	not_accepted "revoked" sslclient old.crt -crl_check -CRLfile pki/crl.pem
	accepted sslclient x.crt -crl_check -CRLfile pki/crl.pem
	cmp pki/crl.pem pki/servers/gw-b/crl.pem
	pki revoke gw-a
	pki renew gw-a
	said_that "No earlier certificate of gw-a is valid"
	split_profile pki/clients/gw-a.conf
	accepted sslclient x.crt -crl_check -CRLfile pki/crl.pem
}

case_renew_server_keeps_its_configuration() {
	use_base
	echo '# by hand' >>pki/servers/gw-b/culvertd.conf
	cp -r pki/servers/gw-b old
	pki renew gw-b
	cmp old/culvertd.conf pki/servers/gw-b/culvertd.conf
	leaf_is_good pki/servers/gw-b/gw-b.crt gw-b Server
	key_matches pki/servers/gw-b/gw-b.key pki/servers/gw-b/gw-b.crt
	! cmp -s old/gw-b.key pki/servers/gw-b/gw-b.key || because "the key is the old one"
	said_that "not culvertd.conf"
	refused 2 "gw-b is a server" renew gw-b --remote h
}

case_renew_without_a_profile() {
	use_base
	refused 1 "no certificate of nobody" renew nobody
	refused 2 "give --remote" renew gw-a --announce 10.0.0.0/8
	mv pki/clients/gw-a.conf away.conf
	refused 1 "does not exist: restore it" renew gw-a
	pki renew gw-a --remote other:1
	grep -Fqx 'remotes = [ "other:1" ];' pki/clients/gw-a.conf || because "no new profile"
	sed -i 's/^ca = .*/ca = "\/etc\/ca.crt";/' pki/clients/gw-a.conf
	sed -i '/^certificate = /d' pki/clients/gw-a.conf
	refused 1 "must have exactly one inline certificate" renew gw-a
}

case_list() {
	local row
	use_base
	pki client old --remote h --not-before 20200101000000Z --not-after 20200201000000Z
	pki client far --remote h --days 36500
	said_that "expires with the CA"
	pki client gone --remote h
	pki revoke gone
	pki renew gw-b
	pki list
	[ "$(head -n 1 <<<"$said" | tr -s ' ')" = "NAME ROLE SERIAL EXPIRES STATE" ] || because "no heading"
	for row in 'gw-b server * superseded' 'gw-a client * valid' 'old client * 2020-02-01 expired' \
		'gone client * revoked' 'gw-b server * valid'; do
		# shellcheck disable=SC2254 # the row is a pattern
		tr -s ' ' <<<"$said" | (while read -r line; do case $line in $row) exit 0 ;; esac; done; exit 1) ||
			because "list has no row like: $row"
	done
	[ "$(wc -l <<<"$said")" = 7 ] || because "list has $(wc -l <<<"$said") lines"
}

# --- times --------------------------------------------------------------------------------------

case_validity() {
	use_base
	pki server past --not-before 20200101000000Z --not-after 20200201000000Z
	not_accepted "expired" sslserver pki/servers/past/past.crt
	pki server future --not-before 20340101000000Z --not-after 20340201000000Z
	not_accepted "not yet valid" sslserver pki/servers/future/future.crt
	pki server short --days 3
	[ "$(days_between pki/servers/short/short.crt)" = 3 ] || because "--days is not used"
	pki renew short --days 9
	[ "$(days_between pki/servers/short/short.crt)" = 9 ] || because "renew does not use --days"
	pki server long --days 36500
	[ "$(openssl x509 -in pki/servers/long/long.crt -noout -enddate)" = \
		"$(openssl x509 -in pki/ca.crt -noout -enddate)" ] || because "outlives the CA"
	refused 1 "end of the CA" server x --not-after 20990101000000Z
	refused 1 "later than" server x --not-before 20300101000000Z --not-after 20290101000000Z
	refused 1 "openssl ca failed" server x --not-after 20291931000000Z
	for bad in '' 0 -1 1x 08 36501 99999999999999999999; do
		refused 2 "--days" server x --days "$bad"
	done
	refused 2 "--not-after" server x --not-after 2029
	refused 2 "--not-before" server x --not-before 20290101000000
}

# --- the rest of the command line ---------------------------------------------------------------

case_command_line() {
	use_base
	pki --help
	said_that "usage: culvert-pki"
	pki --version
	said_that "culvert-pki "
	refused 2 "unknown command 'frobnicate'" frobnicate
	[[ $said != *mean* ]] || because "it means something: $said"
	refused 2 "unknown command 'revok'; did you mean revoke?" revok gw-a
	refused 2 "unknown command 'clr'; did you mean crl?" clr
	refused 2 "unknown option '--remot'; did you mean --remote?" client x --remot h
	refused 2 "expected a command"
	refused 2 "needs a NAME" server
	refused 2 "too many" server a b
	refused 2 "takes no name" list a
	refused 2 "does not take --remote" server x --remote h
	refused 2 "needs a value" server x --days
	refused 2 "--cn" init --cn 'a/O=b'
	rm -r pki
	refused 1 "no PKI in pki" list
	refused 1 "no PKI in pki" server x
}

case_found_through_a_link() {
	mkdir sbin
	ln -s "$tool" sbin/link
	ln -s link sbin/culvert-pki
	PATH=$PWD/sbin:$PATH culvert-pki init
	[ -s pki/ca.crt ] || because "no PKI in the default place"
	cp -r "$top/certs/templates" mine
	CULVERT_PKI_TEMPLATES=mine "$tool" server x
	local refused_templates
	refused_templates=$(CULVERT_PKI_TEMPLATES=none "$tool" server y 2>&1) && because "ran without templates"
	[[ $refused_templates == *CULVERT_PKI_TEMPLATES* ]] || because "says: $refused_templates"
}

case_runs_where_a_package_installs_it() {
	mkdir -p usr/bin usr/share/culvert/pki
	cp "$tool" usr/bin/
	cp -r "$top/certs/lib" "$top/certs/templates" usr/share/culvert/pki/
	usr/bin/culvert-pki init
	usr/bin/culvert-pki server x
	[ -s pki/servers/x/x.crt ] || because "no certificate"
}

case_needs_the_ca_key() {
	use_base
	mv pki/ca/ca.key away.key
	refused 1 "ca.key does not exist" client x --remote h
	pki list
}

run_cases
