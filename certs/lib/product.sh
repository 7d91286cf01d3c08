# shellcheck shell=sh
# SPDX-License-Identifier: Apache-2.0
#
# What servers and clients get, the files and the words that say where they go.
#
# The variables are set in culvert-pki, whose functions these are.
# shellcheck disable=SC2034,SC2154

server_configuration() {
	cat <<END
# Culvert server $name, made by culvert-pki on $(date -u +%Y-%m-%d).
# Copy this directory to $prefix_dir, then: culvertd -c $prefix_dir/culvertd.conf

listen = [ "[::]:443", "0.0.0.0:443" ];

certificate = "$prefix_dir/$name.crt";
key = "$prefix_dir/$name.key";
ca = "$prefix_dir/ca.crt";
crl = "$prefix_dir/crl.pem";

# The tunnel's own addresses; the first of each is the server's.
pool4 = "10.213.0.0/24";
pool6 = "fd00:c17:e27::/64";

# Who may connect, by the name in the certificate, and what each may announce. An example:
# peers = (
#   { name = "branch-a"; accept_routes = [ "10.1.0.0/16" ]; }
# );
peers = ( );
END
}

# Fills .lock/bundle; a server's configuration that exists already is kept.
stage_bundle() {
	mkdir .lock/bundle
	[ ! -d "servers/$name" ] || cp -Rp "servers/$name/." .lock/bundle/
	[ -f .lock/bundle/culvertd.conf ] || server_configuration >.lock/bundle/culvertd.conf
	mv .lock/cert.pem ".lock/bundle/$name.crt"
	mv .lock/key.pem ".lock/bundle/$name.key"
	cp ca.crt .lock/bundle/ca.crt
	# One that revokes the old certificate is planned already.
	cp "${new_crl:-crl.pem}" .lock/bundle/crl.pem
}

# Puts a passphrase on the new key. openssl asks for it on the terminal, or takes it from stdin.
protect_key() {
	say "Choose a passphrase for the key of $name; Culvert asks for it at each start:"
	(cd .lock && openssl pkcs8 -topk8 -v2 aes-256-cbc -iter 600000 -in key.pem -out locked.pem) ||
		die "openssl did not encrypt the key; $dir is unchanged"
	mv .lock/locked.pem .lock/key.pem
}

# read_block PROFILE KEY: prints the PEM text of an inline setting.
read_block() {
	awk -v key="$2" '
		$0 ~ "^[ \t]*" key "[ \t]*[=:][ \t]*\"[ \t]*(-----BEGIN|$)" {
			inside = 1
			sub(/^[^"]*"/, "")
		}
		inside && /"/ {
			sub(/".*/, "")
			found++
			inside = 0
			if ($0 != "")
				print
			next
		}
		inside { print }
		END { exit found != 1 }
	' "$1" || die "cannot read $dir/$1: it must have exactly one inline $2; correct it"
}

# The passphrase of the client's key, if it has one, and that of the new file.
choose_export_passphrases() {
	if is_protected .lock/key.pem; then
		if [ -z "$key_passphrase" ]; then
			ask "Passphrase of the key of $name" --passin
			key_passphrase=$secret
		fi
		opens .lock/key.pem "$key_passphrase" || die "wrong passphrase of the key of $name; repeat the command with the right one"
	fi
	if [ -z "$export_passphrase" ]; then
		choose_passphrase "the exported file" --passout
		export_passphrase=$secret
	fi
}

# Triple DES and SHA-1 are what OpenSSL 3 reads without its legacy provider and older phones read as well: Android 12
# and iOS before 16 refuse AES with SHA-256, and call the passphrase wrong. What an attacker would try is the
# passphrase, so each try costs 50,000 rounds, as many as Java's keytool has long used with these algorithms.
stage_pkcs12() {
	[ -n "$key_passphrase" ] || key_passphrase=none
	printf '%s\n%s\n' "$key_passphrase" "$export_passphrase" |
		stage_openssl pkcs12 -export -in cert.pem -inkey key.pem -certfile ../ca.crt -name "$name" \
			-certpbe PBE-SHA1-3DES -keypbe PBE-SHA1-3DES -macalg SHA1 -iter 50000 \
			-passin stdin -passout stdin -out export.p12
}

# block KEY FILE: a PEM file as a setting.
block() {
	printf '%s = "' "$1"
	cat "$2"
	printf '";\n'
}

# list_setting KEY VALUES EXAMPLE: a setting, or a comment that shows how to write it.
list_setting() {
	if [ -n "$2" ]; then
		printf '%s = [ %s ];\n' "$1" "$2"
	else
		printf '# %s = [ "%s" ];\n' "$1" "$3"
	fi
}

stage_profile() {
	today=$(date -u +%Y-%m-%d)
	{
		printf '# Culvert profile of %s, made by culvert-pki on %s.\n' "$name" "$today"
		printf '# It holds a private key: keep it 0600. Use: culvert import %s.conf\n' "$name"
		printf 'remotes = [ %s ];\n' "$remotes"
		printf 'server_name = "%s";\n' "$server_name"
		list_setting announce "$announce" 10.1.0.0/24
		list_setting accept_routes "$accept" 10.2.0.0/24
		block certificate .lock/cert.pem
		block key .lock/key.pem
		block ca ca.crt
	} >.lock/profile
}

# replace_blocks PROFILE KEY FILE...: prints the profile with the inline blocks of these keys replaced and everything
# else as it was. Status 1: it has not exactly one of each.
replace_blocks() {
	profile=$1
	shift
	awk -v pairs="$*" '
		BEGIN {
			count = split(pairs, word_of, " ")
			for (i = 1; i < count; i += 2)
				file[word_of[i]] = word_of[i + 1]
		}
		function finish(rest) {
			inside = 0
			print "\"" rest
		}
		inside {
			if (at = index($0, "\""))
				finish(substr($0, at + 1))
			next
		}
		/^[ \t]*(certificate|key|ca)[ \t]*[=:][ \t]*"[ \t]*(-----BEGIN|$)/ {
			word = $0
			sub(/^[ \t]*/, "", word)
			sub(/[ \t]*[=:].*$/, "", word)
			if (!(word in file)) {
				print
				next
			}
			seen[word]++
			at = index($0, "\"")
			printf "%s", substr($0, 1, at)
			while ((getline line < file[word]) > 0)
				print line
			close(file[word])
			inside = 1
			rest = substr($0, at + 1)
			if (at = index(rest, "\""))
				finish(substr(rest, at + 1))
			next
		}
		{ print }
		END {
			for (word in file)
				if (seen[word] != 1)
					exit 1
			exit inside
		}
	' "$profile"
}

stage_renewed_profile() {
	replace_blocks "clients/$name.conf" certificate .lock/cert.pem key .lock/key.pem ca ca.crt >.lock/profile ||
		die "cannot renew $dir/clients/$name.conf: it must have exactly one inline certificate, one key and one ca; correct it, or give --remote to write the profile from the beginning; it is unchanged"
}

# The only server whose newest certificate is valid, unless --server-name said which.
choose_server() {
	servers=$(registry | awk '
		$2 == "server" { state[$1] = $5 }
		END { for (name in state) if (state[name] == "valid") print name }' | sort)
	if [ -n "$server_name" ]; then
		printf '%s\n' "$servers" | grep -Fqx -- "$server_name" ||
			say "Note: this PKI has no valid server named $server_name yet."
		return
	fi
	case $(printf '%s' "$servers" | grep -c .) in
	0) die "there is no server yet; make one with culvert-pki server NAME, or give --server-name" ;;
	1) server_name=$servers ;;
	*)
		die "there are several servers: $(printf '%s' "$servers" | tr '\n' ' ' | sed 's/ /, /g');\
 choose one with --server-name"
		;;
	esac
}

explain_server() {
	say "Copy everything in $dir/servers/$name/ to $prefix_dir/ on the server, for example:" \
		"  ssh root@SERVER install -d $prefix_dir" \
		"  scp -p $dir/servers/$name/* root@SERVER:$prefix_dir/" \
		"Name its peers in culvertd.conf, then start it:" \
		"  culvertd -c $prefix_dir/culvertd.conf" \
		"Next: culvert-pki --dir $dir client NAME --remote HOST"
}

# The configuration in use is the server's own by now: the starting one must not replace it.
explain_renewed_server() {
	say "Copy $name.crt, $name.key and crl.pem, but not culvertd.conf, from $dir/servers/$name/" \
		"to where the server has them (such as $prefix_dir/). culvertd uses them for the next connection by itself."
}

explain_client() {
	say "Copy $dir/clients/$name.conf to the client and keep it 0600: it holds the key. There:" \
		"  culvert import $name.conf && culvert up $name"
}

# The client has a profile of that name by now, and mostly a program that runs with it.
explain_renewed_client() {
	say "Copy $dir/clients/$name.conf to the client and keep it 0600: it holds the key. There:" \
		"  culvert import --force $name.conf" \
		"Then, if it runs: culvert reload $name. The next connection has the new certificate."
}

explain_crl() {
	say "Copy $dir/crl.pem to every server (next to its certificate); culvertd uses it within a second." \
		"Until then the servers admit peers with revoked certificates."
}
