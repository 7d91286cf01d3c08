# shellcheck shell=sh
# SPDX-License-Identifier: Apache-2.0
#
# What the CA does: entering the PKI, signing, revoking, the CRL, and the registry of all issued.
#
# The variables are set in culvert-pki, whose functions these are.
# shellcheck disable=SC2034,SC2154

# Runs openssl in the staging directory; its words are shown only if it fails.
stage_openssl() {
	(cd .lock && openssl "$@" >openssl.log 2>&1) || {
		cat .lock/openssl.log >&2
		die "openssl $1 failed; $dir is unchanged"
	}
}

enter() {
	no_pki="there is no PKI in $dir; make one with culvert-pki --dir $dir init"
	[ -d "$dir" ] || die "$no_pki"
	cd -- "$dir" || exit 1
	recover_to_read
	if [ ! -f ca.crt ] || [ ! -f ca/index.txt ]; then
		die "$no_pki"
	fi
}

enter_to_change() {
	enter
	lock_to_change
}

# Takes the lock and copies the database for openssl to work on. Nobody waits for a lock while a passphrase is typed.
lock_to_change() {
	[ -f ca/ca.key ] || die "$dir/ca/ca.key does not exist; the CA cannot sign without its key: run this where the CA was made"
	unlock_ca
	take_lock
	cp ca/index.txt ca/crlnumber .lock/
	printf 'unique_subject = no\n' >.lock/index.txt.attr
	if [ -z "$crl_days" ] && [ -f ca/crl_days ]; then
		crl_days=$(cat ca/crl_days)
	fi
}

# Sets $end to the end of a certificate, as "2028-01-31 23:59:59Z".
read_end() {
	end=$(openssl x509 -in "$1" -noout -enddate -dateopt iso_8601) || die "openssl cannot read the certificate $dir/$1; its message above says why"
	end=${end#*=}
}

# Sets $root_end to the end of the CA that signs, as YYYYMMDDHHMMSS.
read_root_end() {
	read_end ca.crt
	root_end=$(printf '%s' "$end" | tr -cd 0-9)
	[ "$root_end" -gt "$(date -u +%Y%m%d%H%M%S)" ] ||
		die "the CA has expired, and all its certificates have; make a new PKI in another directory"
}

# The CA's last day bounds every certificate: what outlives its CA only looks valid.
bound_validity() {
	: "${days:=$leaf_days}"
	read_root_end
	if [ -n "$not_after" ]; then
		[ "${not_after%Z}" -le "$root_end" ] || die "--not-after is later than the end of the CA, $end"
		start=${not_before%Z}
		[ "${not_after%Z}" -gt "${start:-0}" ] || die "--not-after must be later than --not-before"
		return
	fi
	# The exit status is the same for "will expire" and for a failure of openssl.
	case $(openssl x509 -in ca.crt -noout -checkend $((days * 86400))) in
	*'will not expire'*) ;;
	*'will expire'*)
		not_after=${root_end}Z
		say "Note: the certificate expires with the CA, in less than $days days."
		;;
	*) die "openssl cannot read the certificate $dir/ca.crt; its message above says why" ;;
	esac
}

# Makes .lock/key.pem and .lock/cert.pem for $name, and sets $serial and $expires.
issue() { # ROLE
	bound_validity
	stage_openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out key.pem
	stage_openssl req -new -config "$templates/issue.cnf" -key key.pem -subj "/CN=$name" \
		-out request.pem
	set -- "$1" ${not_before:+-startdate "$not_before"}
	if [ -n "$not_after" ]; then
		set -- "$@" -enddate "$not_after"
	else
		set -- "$@" -days "$days"
	fi
	extensions=$templates/$1.cnf
	shift
	CULVERT_PKI_NAME=$name
	export CULVERT_PKI_NAME
	stage_signing ca -batch -notext -config "$templates/issue.cnf" -extfile "$extensions" \
		-cert ../ca.crt -keyfile ../ca/ca.key -in request.pem -out cert.pem "$@"
	serial=$(openssl x509 -in .lock/cert.pem -noout -serial) || die "openssl cannot read the new certificate of $name; $dir is unchanged"
	serial=${serial#*=}
	read_end .lock/cert.pem
	expires=${end%% *}
	[ -f ".lock/issued/$serial.pem" ] || die "openssl ca signed the certificate of $name, but wrote no file $serial.pem; $dir is unchanged"
	# Who trusts the old CA alone needs it. The copy in ca/ stays as it was signed.
	[ ! -f ca/old.crt ] || cat cross.crt >>.lock/cert.pem
}

# The certificate's copy goes first, so that no entry in the database is without its role.
place_issued() { # ROLE
	place ".lock/issued/$serial.pem" "ca/$1s/$serial.pem"
	place .lock/index.txt ca/index.txt
}

# Marks certificates revoked in the staged database. "name role serial ..." lines come on stdin.
stage_revocations() {
	while read -r _ old_role old_serial _; do
		stage_signing ca -config "$templates/issue.cnf" -cert ../ca.crt -keyfile ../ca/ca.key \
			-revoke "../ca/${old_role}s/$old_serial.pem"
	done
}

# The list of each key, one after the other in crl.pem. Sets $crl_end to the day on which the first ends.
stage_crls() { # CERTIFICATE KEY..., relative to the staging directory
	: >.lock/crl.pem
	while [ $# -gt 0 ]; do
		stage_signing ca -config "$templates/issue.cnf" -cert "$1" -keyfile "$2" \
			-gencrl -crldays "${crl_days:-$root_days}" -out one-crl.pem
		cat .lock/one-crl.pem >>.lock/crl.pem
		shift 2
	done
	crl_end=$(openssl crl -in .lock/crl.pem -noout -nextupdate -dateopt iso_8601) ||
		die "openssl cannot read the new CRL; $dir is unchanged"
	crl_end=${crl_end#*=} crl_end=${crl_end%% *}
}

# The lists of the keys that the CA has now, that of the signing key first.
stage_crl() {
	set -- ../ca.crt ../ca/ca.key
	for other in next old; do
		[ ! -f ca/$other.crt ] || set -- "$@" ../ca/$other.crt ../ca/$other.key
	done
	stage_crls "$@"
}

# Each server's directory is ready to be copied at any time, so it gets the new CRL as well. The
# CRL goes before the database: what the database calls revoked is revoked in the CRL.
place_crl() {
	for server in servers/* servers/.[!.]* servers/..?*; do
		[ -f "$server/crl.pem" ] || continue
		cp .lock/crl.pem .lock/crl-copy.pem
		place .lock/crl-copy.pem "$server/crl.pem"
	done
	place .lock/crlnumber ca/crlnumber
	place .lock/crl.pem crl.pem
	new_crl=.lock/new/$moves
}

# A line for each certificate, in the order of issue: name, role, serial, expiry as YYYYMMDDHHMMSS,
# state.
registry() {
	{
		for role in server client; do
			for file in "ca/${role}s/"*.pem; do
				serial_of=${file##*/}
				printf '%s\t%s\n' $role "${serial_of%.pem}"
			done
		done
	} | awk -F '\t' -v now="$(date -u +%Y%m%d%H%M%S)" '
		NR == FNR { role[$2] = $1; next }
		{
			name[++count] = substr($6, index($6, "/CN=") + 4)
			serial[count] = $4
			flag[count] = $1
			# UTCTime has two digits for the year, from 1950 to 2049 (RFC 5280, 4.1.2.5.1).
			expiry[count] = substr($2, 1, length($2) - 1)
			if (length(expiry[count]) == 12)
				expiry[count] = (substr(expiry[count], 1, 2) < 50 ? "20" : "19") expiry[count]
			newest[name[count]] = count
		}
		END {
			for (i = 1; i <= count; i++) {
				state = "valid"
				if (flag[i] == "R")
					state = "revoked"
				else if (expiry[i] + 0 <= now + 0)
					state = "expired"
				else if (newest[name[i]] != i)
					state = "superseded"
				if (!(serial[i] in role))
					role[serial[i]] = "unknown"
				print name[i], role[serial[i]], serial[i], expiry[i], state
			}
		}' - ca/index.txt
}

# The lines of $name that are not revoked; with "superseded", only those that a newer one replaced.
revocable() {
	registry | awk -v name="$name" -v which="${1:-all}" '
		$1 == name { line[++count] = $0; state[count] = $5 }
		END {
			for (i = 1; i <= count; i++)
				if (state[i] != "revoked" && (which == "all" || i < count))
					print line[i]
		}'
}

# Names that differ only in case would be taken for each other by people and some file systems.
check_unused() {
	taken=$(registry | awk -v name="$name" 'tolower($1) == tolower(name) { print $1, $2; exit }')
	if [ -n "$taken" ]; then
		die "the name $name is taken: ${taken% *} is a ${taken#* };\
 for a new certificate use renew ${taken% *}"
	fi
	for path in "servers/$name" "clients/$name.conf"; do
		[ ! -e "$path" ] || die "$dir/$path exists and is not overwritten; move it away"
	done
}

# Sets $role to the role that $name has had so far.
find_role() {
	role=$(registry | awk -v name="$name" '$1 == name { role = $2 } END { print role }')
	case $role in
	server | client) ;;
	'') die "there is no certificate of $name; see culvert-pki list" ;;
	*) die "$dir/ca has no copy of a certificate of $name; restore it" ;;
	esac
}
