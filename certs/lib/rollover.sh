# shellcheck shell=sh
# SPDX-License-Identifier: Apache-2.0
#
# The CA's rollover: a new key under the same name takes over from the old one, in three steps.
#
#   step          ca/ca.key  beside it                     ca.crt, crl.pem  who signs certificates
#   (none)        old                                      old              old
#   new           old        next.key, next.crt            old, new         old
#   cross-issue   new        old.key, old.crt, old.serials new, old         new
#   retire        new                                      new              new
#
# The first certificate in ca.crt is always that of ca/ca.key. cross.crt is the new CA's key, certified by the old CA.
# After the second step each certificate comes with it, so that those who trust the old CA alone accept it. Both CAs
# have one name and one database: each list of revoked certificates names those of both.
#
# The variables are set in culvert-pki, whose functions these are.
# shellcheck disable=SC2034,SC2154

# Sets $step to the step that was done last.
read_step() {
	if [ -f ca/next.crt ]; then
		step=new
	elif [ -f ca/old.crt ]; then
		step=cross-issue
	else
		step=none
	fi
}

# Both CAs' certificates and lists, wherever they are kept for somebody.
place_authorities() { # CERTIFICATE...
	cat "$@" >.lock/ca.crt
	for server in servers/* servers/.[!.]* servers/..?*; do
		[ -f "$server/ca.crt" ] || continue
		cp .lock/ca.crt .lock/ca-copy.crt
		place .lock/ca-copy.crt "$server/ca.crt"
	done
	for profile in clients/*.conf clients/.[!.]*.conf clients/..?*.conf; do
		[ -f "$profile" ] || continue
		if replace_blocks "$profile" ca .lock/ca.crt >.lock/profile 2>/dev/null; then
			place .lock/profile "$profile"
		else
			say "Note: $dir/$profile has no inline ca, so it keeps what it has."
		fi
	done
	place .lock/ca.crt ca.crt
}

# The old CA certifies the new one's key, until its own end.
stage_cross() {
	mkdir .lock/cross
	: >.lock/cross/index.txt
	stage_signing req -new -config "$templates/root.cnf" -key next.key -subj "/CN=$common_name" -out cross.req
	stage_signing ca -batch -notext -config "$templates/cross.cnf" -cert ../ca.crt -keyfile ../ca/ca.key \
		-enddate "${root_end}Z" -in cross.req -out cross.crt
}

# Sets $common_name to that of the CA, which the new one has as well.
read_common_name() {
	common_name=$(openssl x509 -in ca.crt -noout -subject -nameopt RFC2253) ||
		die "openssl cannot read the certificate $dir/ca.crt; its message above says why"
	common_name=${common_name#subject=}
	case $common_name in
	*[!A-Za-z0-9._=\ -]* | *=*=*) die "the CA is called $common_name, and not as culvert-pki does it; make a new PKI" ;;
	CN=?*) common_name=${common_name#CN=} ;;
	*) die "the CA is called $common_name, and not as culvert-pki does it; make a new PKI" ;;
	esac
}

# The names whose newest certificate is of the old CA and valid.
still_old() {
	registry | awk '
		NR == FNR { old[$1]; next }
		{ state[$1] = $5; serial[$1] = $3 }
		END { for (name in state) if (state[name] == "valid" && serial[name] in old) print name }
	' ca/old.serials - | sort
}

rollover_new() {
	read_root_end
	read_common_name
	choose_ca_passphrase
	stage_ca_key next.key
	stage_signing req -x509 -new -config "$templates/root.cnf" -key next.key -subj "/CN=$common_name" \
		-days "${days:-$root_days}" -out next.crt
	stage_cross
	stage_crls ../ca.crt ../ca/ca.key next.crt next.key
	place_crl
	place_authorities ca.crt .lock/next.crt
	place .lock/next.key ca/next.key
	place .lock/next.crt ca/next.crt
	place .lock/cross.crt cross.crt
	commit
	step=new
	say "Made a new CA \"$common_name\": the same name, a new key. The old one still signs certificates."
}

rollover_cross_issue() {
	stage_crls ../ca/next.crt ../ca/next.key ../ca.crt ../ca/ca.key
	place_crl
	openssl x509 -in ca.crt -out .lock/old.crt || die "openssl cannot read the certificate $dir/ca.crt; its message above says why"
	registry | awk '{ print $3 }' >.lock/old.serials
	place_authorities ca/next.crt .lock/old.crt
	for file in key crt; do
		[ $file = crt ] || cp ca/ca.key .lock/old.key
		place .lock/old.$file ca/old.$file
	done
	place .lock/old.serials ca/old.serials
	cp ca/next.key .lock/ca.key
	place .lock/ca.key ca/ca.key
	displace ca/next.key
	displace ca/next.crt
	commit
	step=cross-issue
	say "From now on the new CA signs certificates. Those of the old CA stay valid."
}

rollover_retire() {
	left=$(still_old)
	if [ -n "$left" ]; then
		printf '%s\n' "$left" | sed 's/^/  /' >&2
		die "the certificates of the names above are of the old CA and would be refused; renew or revoke each first"
	fi
	openssl x509 -in ca.crt -out .lock/new.crt || die "openssl cannot read the certificate $dir/ca.crt; its message above says why"
	stage_crls ../ca.crt ../ca/ca.key
	place_crl
	place_authorities .lock/new.crt
	for file in ca/old.key ca/old.crt ca/old.serials cross.crt; do
		displace $file
	done
	commit
	step=retired
	say "The old CA is retired: its key is deleted, and ca.crt holds the new one alone."
}

# What to hand out after the last step, and what comes next.
explain_step() {
	case $step in
	none)
		say "No rollover is under way: $dir/ca.crt holds one CA, which signs all certificates." \
			"To replace it: culvert-pki --dir $dir rollover new"
		;;
	new)
		say "Hand out ca.crt and crl.pem from $dir/ to every server (next to its certificate)." \
			"Clients need nothing yet." \
			"Next, when every server has both: culvert-pki --dir $dir rollover cross-issue"
		;;
	cross-issue) explain_cross_issue ;;
	retired)
		say "Hand out ca.crt and crl.pem from $dir/ to every server: certificates of the old CA are refused from then on." \
			"Hand out the profiles in $dir/clients/ when it suits: until then a client still trusts the old CA as well." \
			"Delete the old key from your backups. The rollover is done."
		;;
	esac
}

explain_cross_issue() {
	left=$(still_old)
	if [ -n "$left" ]; then
		say "Renew each of these, in any order, and hand out what renew says; nobody has to hurry before the old CA ends:" \
			"$(printf '%s\n' "$left" | sed "s|^|  culvert-pki --dir $dir renew |")"
		say "Next, when all of them use their new certificates: culvert-pki --dir $dir rollover retire"
	else
		say "Every valid certificate is of the new CA." \
			"Next, when all servers and clients use theirs: culvert-pki --dir $dir rollover retire"
	fi
}

# A step that was done is explained again. One that has to wait for another is refused.
command_rollover() {
	[ "$operands" -le 2 ] || usage_error "too many arguments"
	case $name in
	'') expect 1 ;;
	new) expect 2 --days --ca-passphrase --ca-passin ;;
	cross-issue | retire) expect 2 --ca-passin ;;
	*) unknown "step" "$name" new cross-issue retire ;;
	esac
	enter
	if [ -n "$name" ]; then
		lock_to_change
	fi
	read_step
	case $name/$step in
	new/none) rollover_new ;;
	cross-issue/new) rollover_cross_issue ;;
	retire/cross-issue) rollover_retire ;;
	new/* | cross-issue/cross-issue) say "This step is done already; nothing was changed." ;;
	cross-issue/none) die "there is no new CA yet; first: culvert-pki --dir $dir rollover new" ;;
	retire/new) die "the old CA still signs certificates; first: culvert-pki --dir $dir rollover cross-issue" ;;
	*) ;;
	esac
	explain_step
}
