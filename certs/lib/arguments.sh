# shellcheck shell=sh
# SPDX-License-Identifier: Apache-2.0
#
# The command line of culvert-pki: the rules for each value, and what each command takes.
#
# The variables are set in culvert-pki, whose functions these are.
# shellcheck disable=SC2034,SC2154

# The identity rule of Culvert; '-' in front is refused as well, for it would look like an option.
check_name() {
	case $1 in
	'') usage_error "$2 is empty; use 1 to $name_max characters of A-Z a-z 0-9 . _ -" ;;
	*[!A-Za-z0-9._-]*) usage_error "$2 may hold only A-Z a-z 0-9 . _ and -" ;;
	-*) usage_error "$2 may not begin with '-'" ;;
	. | ..) usage_error "$2 may not be '.' or '..'" ;;
	esac
	[ ${#1} -le "$name_max" ] || usage_error "$2 is longer than $name_max characters"
}

# nearest WORD KNOWN...: prints the known word with the fewest letters to insert, delete or replace, if these are at most
# three and half of the word's; in a word of three letters two, as when they are exchanged. As tunnel/base/nearest.c does.
nearest() {
	printf '%s\n' "$@" | awk '
		NR == 1 {
			word = $0
			best = length(word) == 3 ? 3 : int(length(word) / 2) + 1
			if (best > 4)
				best = 4
			next
		}
		{
			for (j = 0; j <= length($0); j++)
				row[j] = j
			for (i = 1; i <= length(word); i++) {
				diagonal = row[0]
				row[0] = i
				for (j = 1; j <= length($0); j++) {
					least = diagonal + (substr(word, i, 1) != substr($0, j, 1))
					diagonal = row[j]
					if (row[j] + 1 < least)
						least = row[j] + 1
					if (row[j - 1] + 1 < least)
						least = row[j - 1] + 1
					row[j] = least
				}
			}
			if (row[length($0)] < best) {
				best = row[length($0)]
				found = $0
			}
		}
		END { print found }'
}

# unknown WHAT WORD KNOWN...: refuses the word, and names the one that was meant.
unknown() {
	what=$1
	shift
	meant=$(nearest "$@")
	usage_error "unknown $what '$1'${meant:+; did you mean $meant?}"
}

# check_number VALUE LARGEST WHAT. A leading zero is refused, for the shell would read it as octal.
check_number() {
	case $1 in
	'' | 0* | *[!0-9]*) usage_error "$3 must be a number from 1 to $2" ;;
	esac
	if [ ${#1} -gt ${#2} ] || [ "$1" -gt "$2" ]; then
		usage_error "$3 must be a number from 1 to $2"
	fi
}

check_time() {
	case $1 in
	[1-9][0-9][0-9][0-9][01][0-9][0-3][0-9][0-2][0-9][0-5][0-9][0-5][0-9]Z) ;;
	*) usage_error "$2 must be a time in UTC as YYYYMMDDHHMMSSZ" ;;
	esac
}

# The prefix goes into a configuration: only what cannot end a string there is let through.
check_prefix() {
	case $1 in
	*[!0-9A-Fa-f.:/]*) usage_error "$2 must be a prefix such as 10.1.0.0/24 or fd00:1::/64" ;;
	esac
	printf '%s\n' "$1" | awk -F/ '
		function octets(text, part, count, i, value) {
			count = split(text, part, ".")
			for (i = 1; i <= count; i++) {
				if (part[i] !~ /^[0-9][0-9]?[0-9]?$/ || part[i] > 255)
					return -1
				value = value * 256 + part[i]
			}
			return count == 4 ? value : -1
		}
		function groups_fit(text, part, count, i, elided) {
			elided = gsub(/::/, ":", text)
			sub(/^:/, "", text)
			sub(/:$/, "", text)
			count = text == "" ? 0 : split(text, part, ":")
			for (i = 1; i <= count; i++)
				if (part[i] !~ /^[0-9A-Fa-f][0-9A-Fa-f]?[0-9A-Fa-f]?[0-9A-Fa-f]?$/)
					return 0
			return elided == 1 ? count < 8 : elided == 0 && count == 8
		}
		NF != 2 || $2 !~ /^[0-9][0-9]?[0-9]?$/ { exit 1 }
		$1 ~ /:/ { exit !($2 <= 128 && groups_fit($1)) }
		{ value = octets($1); exit !($2 <= 32 && value >= 0 && value % 2 ^ (32 - $2) == 0) }
	' || usage_error "$2 $1 is not a prefix without host bits, such as 10.1.0.0/24 or fd00:1::/64"
}

# Appends HOST[:PORT] to $remotes, the port written out.
add_remote() {
	host=$1 port=$default_port
	case $1 in
	\[*\]) ;;
	\[*\]:*) host=${1%:*} port=${1##*:} ;;
	*:*:*) usage_error "--remote: write an IPv6 address in brackets: [$1]" ;;
	*:*) host=${1%:*} port=${1##*:} ;;
	esac
	check_number "$port" 65535 "--remote: the port"
	case $host in
	\[*\])
		address=${host#\[} address=${address%\]}
		scope=${address#*%}
		[ "$scope" != "$address" ] || scope=none
		case ${address%%\%*}/$scope in
		*[!0-9A-Fa-f:.]*/* | */ | */*[!A-Za-z0-9._-]*) host='' ;;
		*:*/*) ;;
		*) host='' ;;
		esac
		;;
	-* | .* | *[!A-Za-z0-9._-]*) host='' ;;
	esac
	if [ -z "$host" ] || [ ${#host} -gt "$host_max" ]; then
		usage_error "--remote must be HOST, HOST:PORT, [IPV6] or [IPV6]:PORT"
	fi
	remote_count=$((remote_count + 1))
	[ "$remote_count" -le "$remotes_max" ] || usage_error "--remote is given more than $remotes_max times"
	remotes="${remotes:+$remotes, }\"$host:$port\""
}

# take_option OPTION VALUE
take_option() {
	case $1 in
	--dir) [ -n "$2" ] || usage_error "--dir is empty" && dir=$2 ;;
	--cn)
		case $2 in
		'' | ' '* | *' ' | *[!A-Za-z0-9._\ -]*)
			usage_error "--cn may hold only A-Z a-z 0-9 . _ - and inner spaces"
			;;
		esac
		[ ${#2} -le "$name_max" ] || usage_error "--cn is longer than $name_max characters"
		common_name=$2
		;;
	--days) check_number "$2" 36500 --days && days=$2 ;;
	--not-before) check_time "$2" "$1" && not_before=$2 ;;
	--not-after) check_time "$2" "$1" && not_after=$2 ;;
	--prefix-dir)
		case $2 in
		*[!A-Za-z0-9._/-]*) usage_error "--prefix-dir may hold only A-Z a-z 0-9 . _ - and /" ;;
		/*) prefix_dir=${2%/} ;;
		*) usage_error "--prefix-dir must be an absolute path" ;;
		esac
		;;
	--remote) add_remote "$2" ;;
	--server-name) check_name "$2" "$1" && server_name=$2 ;;
	--ca-passin) check_source "$2" "$1" && ca_passin=$2 ;;
	--passin) check_source "$2" "$1" && passin=$2 ;;
	--passout) check_source "$2" "$1" && passout=$2 ;;
	--announce) check_prefix "$2" "$1" && announce="${announce:+$announce, }\"$2\"" ;;
	--accept) check_prefix "$2" "$1" && accept="${accept:+$accept, }\"$2\"" ;;
	esac
	[ "$1" = --dir ] || used="$used $1"
}

take_operand() {
	operands=$((operands + 1))
	case $operands in
	1) command=$1 ;;
	2) name=$1 ;;
	*) usage_error "too many arguments: '$1'" ;;
	esac
}

parse() {
	while [ $# -gt 0 ]; do
		case $1 in
		--help | -h) help && exit 0 ;;
		--version) say "culvert-pki $version" && exit 0 ;;
		--) shift && break ;;
		--revoke-old) revoke_old=yes used="$used $1" && shift ;;
		--passphrase) passphrase=yes used="$used $1" && shift ;;
		--ca-passphrase) ca_protect=yes used="$used $1" && shift ;;
		--pkcs12) pkcs12=yes used="$used $1" && shift ;;
		--superseded) superseded_only=yes used="$used $1" && shift ;;
		--dir | --cn | --days | --not-before | --not-after | --prefix-dir | --remote | \
			--server-name | --announce | --accept | --ca-passin | --passin | --passout)
			[ $# -ge 2 ] || usage_error "$1 needs a value"
			take_option "$1" "$2"
			shift 2
			;;
		--*=*)
			option=${1%%=*} value=${1#*=}
			shift
			set -- "$option" "$value" "$@"
			;;
		-*)
			unknown option "$1" --dir --cn --days --not-before --not-after --prefix-dir --remote --server-name \
				--announce --accept --passphrase --revoke-old --superseded --ca-passphrase --ca-passin --pkcs12 \
				--passin --passout --help --version
			;;
		*) take_operand "$1" && shift ;;
		esac
	done
	for operand in "$@"; do
		take_operand "$operand"
	done
}

# expect OPERANDS OPTION...: refuses what the command does not take.
expect() {
	if [ "$1" = 2 ]; then
		[ "$operands" -ge 2 ] || usage_error "$command needs a NAME"
		check_name "$name" "the name"
	elif [ "$operands" -gt 1 ]; then
		usage_error "$command takes no name"
	fi
	shift
	for option in $used; do
		case " $* " in
		*" $option "*) ;;
		*) usage_error "$command does not take $option" ;;
		esac
	done
}
