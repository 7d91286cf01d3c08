# shellcheck shell=sh
# SPDX-License-Identifier: Apache-2.0
#
# Passphrases: asked for on the terminal, or read from where an option says. They reach openssl through a pipe, for
# everybody on the host can read the arguments of a process.
#
# The variables are set in culvert-pki, whose functions these are.
# shellcheck disable=SC2034,SC2154

least_passphrase=4 # characters, as openssl has it

# Refuses a source that cannot be read later. The message never repeats it: it may be a passphrase.
check_source() { # SOURCE OPTION
	case $1 in
	file:?* | fd:[0-8] | stdin) ;;
	pass:*)
		usage_error "$2: everybody on this host can read a passphrase among the arguments; use file:PATH, fd:N or stdin"
		;;
	*) usage_error "$2 must be file:PATH, fd:N (0 to 8) or stdin, where the passphrase is the first line" ;;
	esac
}

# Sets $secret to the next line of the source. The working directory is still the caller's.
read_source() { # SOURCE OPTION
	secret=''
	case $1 in
	file:*)
		file=${1#file:}
		[ -r "$file" ] || die "$2: cannot read the file $file"
		IFS= read -r secret <"$file" || :
		;;
	fd:*)
		number=${1#fd:}
		[ -e "/dev/fd/$number" ] || die "$2: the descriptor $number is not open; add a redirection such as $number<FILE"
		IFS= read -r secret <&"$number" || :
		;;
	stdin) IFS= read -r secret || : ;;
	esac
	check_length "$2: the passphrase"
}

check_length() { # WHAT
	[ ${#secret} -ge $least_passphrase ] || die "$1 has less than $least_passphrase characters; choose a longer one"
}

# Whatever the options name is read before the working directory changes.
read_sources() {
	if [ -n "$ca_passin" ]; then
		read_source "$ca_passin" --ca-passin
		ca_passphrase=$secret
	fi
	if [ -n "$passin" ]; then
		read_source "$passin" --passin
		key_passphrase=$secret
	fi
	if [ -n "$passout" ]; then
		read_source "$passout" --passout
		export_passphrase=$secret
	fi
}

# Sets $secret to what is typed, which the terminal does not show.
ask() { # PROMPT OPTION
	(: </dev/tty) 2>/dev/null || die "there is no terminal to ask for a passphrase; give it by $2 file:PATH, fd:N or stdin"
	typing=$(stty -g </dev/tty)
	stty -echo </dev/tty
	printf '%s: ' "$1" >/dev/tty
	IFS= read -r secret </dev/tty || secret=''
	show_typing
	printf '\n' >/dev/tty
}

# Gives the terminal back as it was.
show_typing() {
	[ -n "$typing" ] || return 0
	stty "$typing" </dev/tty || :
	typing=''
}

# Sets $secret to a new passphrase, which is typed twice.
choose_passphrase() { # WHAT OPTION
	ask "New passphrase of $1" "$2"
	check_length "the passphrase"
	chosen=$secret
	ask "The same again" "$2"
	[ "$secret" = "$chosen" ] || die "the two passphrases differ; repeat the command"
}

is_protected() { # KEY
	grep -q ENCRYPTED "$1"
}

opens() { # KEY PASSPHRASE
	printf '%s\n' "$2" | openssl pkey -in "$1" -passin stdin -noout 2>/dev/null
}

# Sets $ca_passphrase, if a key of the CA has one. During a rollover the keys have the same.
unlock_ca() {
	for key in ca/ca.key ca/next.key ca/old.key; do
		if [ ! -f "$key" ] || ! is_protected "$key"; then
			continue
		fi
		if [ -z "$ca_passphrase" ]; then
			ask "Passphrase of the CA's key" --ca-passin
			ca_passphrase=$secret
		fi
		opens "$key" "$ca_passphrase" || die "wrong passphrase of $dir/$key; repeat the command with the right one"
	done
}

# Sets $ca_passphrase for a new key of the CA, if it is to have one.
choose_ca_passphrase() {
	if [ "$ca_protect" = yes ] && [ -z "$ca_passphrase" ]; then
		choose_passphrase "the CA's key" --ca-passin
		ca_passphrase=$secret
	fi
}

# Makes a key of the CA, a path in the staging directory. One with a passphrase is never on disk without it.
stage_ca_key() { # PATH
	if [ -z "$ca_passphrase" ]; then
		stage_openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1"
		return
	fi
	printf '%s\n' "$ca_passphrase" | {
		openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 </dev/null |
			openssl pkcs8 -topk8 -v2 aes-256-cbc -iter 600000 -passout fd:3 -out ".lock/$1"
	} 3<&0 2>.lock/openssl.log || {
		cat .lock/openssl.log >&2
		die "openssl did not make a key with a passphrase; $dir is unchanged"
	}
}

# Runs openssl with a key of the CA in the staging directory.
stage_signing() { # COMMAND ARGUMENT...
	if [ -n "$ca_passphrase" ]; then
		printf '%s\n' "$ca_passphrase" | stage_openssl "$@" -passin stdin
	else
		stage_openssl "$@" </dev/null
	fi
}
