# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# Runs guides as a reader follows them: what a page shows is typed, block after block, on the hosts that the page names, and the next
# page begins with what this one leaves. On top of tunnel/common.sh.
#
#	guide_host gw-b forward            a host: a namespace with files of its own
#	guide_skip PAGE 'FIRST LINE' 'REASON'
#	guide PAGE 'HEADING'               runs the blocks under that heading
#	guide_end PAGE                     each block of the page was run, or left out for a reason
#
# What a page has to show for that, and what the reader sees as well:
#
#	**On gw-b**                        begins a line, and says where the blocks up to the next heading are for
#	```sh                              lines for a shell
#	Add to `FILE`:                     the line before a block without a language: the block is appended to the file,
#	Replace `KEY` and `KEY` in `FILE` by   takes the place of these settings,
#	Replace the line `LINE` in `FILE` by   takes the place of that line,
#	Write `FILE`:                      is the file
#
# A host is a namespace of network and mounts: /etc, /root, /run, /usr/local and /var/lib are its own, the rest is the machine's.
# In /root/culvert is the repository. sudo, scp, systemctl and journalctl stand in for the real ones (guide/programs).

GUIDE=$TOP/tests/system/guide
GUIDE_UP_SECONDS=$UP_SECONDS
export GUIDE_HOSTS=$WORK/guide/hosts
mkdir -p "$GUIDE_HOSTS" "$WORK/guide/pages"
# Hosts have a /root and a /usr/local of their own, so nothing that runs on them is left where the repository may be.
cp -a "$GUIDE"/{programs,settings} "$WORK/guide/"
cp "$CULVERT" "$CULVERTD" "$WORK/guide/"

# What a page calls several hosts, or one by what it is.
# shellcheck disable=SC2034 # The test fills it.
declare -A guide_names=()
declare -A guide_reasons=() guide_seen=()

# ---- hosts ----

# The repository as a reader has it. Built where the programs of the test are, so that `make` has nothing left to do.
guide_tree() { # DIR [built]
	mkdir -p "$1"
	cp -a "$TOP"/{Makefile,*.md,certs,docs,packaging,scripts} "$1/"
	[[ -n ${2-} ]] || return 0
	cp -a "$TOP"/{tunnel,daemon,client} "$1/"
	mkdir "$1/build"
	cp -a "$BUILD"/{version,culvert,culvertd} "$BUILD"/lib* "$1/build/"
	mkdir "$1/build/obj"
	cp -a "$BUILD"/obj/{tunnel,daemon,client} "$1/build/obj/"
}

# What a host's own directories are, done in its namespace of mounts. dpkg's list of packages stays.
# shellcheck disable=SC2016 # The inner shell expands.
guide_mounts='
	files=$1 tree=$2
	mount -t tmpfs -o mode=755 none "$files" # goes at once with the host, unlike a thousand files on a disk
	cp -a /etc "$files/etc" || true # what another test has in /etc/netns may go meanwhile
	mkdir -p "$files/dpkg"
	mount --bind /var/lib/dpkg "$files/dpkg"
	mount -t tmpfs -o mode=755 none /dev/net
	mknod -m 666 /dev/net/tun c 10 200 # as udev has it
	for own in /root /run /usr/local /var/lib; do
		mount -t tmpfs -o mode=755 none $own
	done
	mkdir -p /var/lib/dpkg /root/culvert /usr/local/bin
	mount --move "$files/dpkg" /var/lib/dpkg 2>/dev/null || mount --bind "$files/dpkg" /var/lib/dpkg
	mount --bind "$files/etc" /etc
	rm -rf /etc/culvert
	[ -z "$tree" ] || mount --bind "$tree" /root/culvert
	echo $$ >"$3"
	exec sleep infinity'

guide_host() { # NAME [forward]
	local name=$1 files=$WORK/guide/$1
	ns_add "$name" "${2-}"
	mkdir "$files"
	start_bg "$WORK/$name.host" "$name host" in_ns "$name" sh -ec "$guide_mounts" sh "$files" "${guide_repository-}" "$GUIDE_HOSTS/$name"
	wait_for 10 "the host $name is there" test -s "$GUIDE_HOSTS/$name"
	guide_names[$name]=$name
}

# An ordinary user of a host: `worker@HOST` is a host where the user types; lines with sudo are root's, with the user's home.
GUIDE_USER=424242
guide_user() { # HOST
	local home=$WORK/guide/$1/home
	on "$1" install -d -o $GUIDE_USER -g $GUIDE_USER "$home"
	echo "worker:x:$GUIDE_USER:$GUIDE_USER::$home:/bin/sh" | on "$1" tee -a /etc/passwd >/dev/null
}

on() { # HOST COMMAND...
	local host=$1
	shift
	if [[ $host == worker@* ]]; then
		host=${host#*@}
		set -- env USER=worker "HOME=$WORK/guide/$host/home" "$@"
		[[ "${*: -1}" == "sudo "* ]] || set -- setpriv --reuid $GUIDE_USER --regid $GUIDE_USER --clear-groups "$@"
	fi
	${in_ns_exec:+exec} nsenter --target "$(<"$GUIDE_HOSTS/$host")" --mount --net --wdns=/root/culvert \
		env -i --default-signal=INT,QUIT HOME=/root LANG=C.UTF-8 "GUIDE_HOSTS=$GUIDE_HOSTS" "GUIDE_LOGS=$WORK/$host" \
		"PATH=$WORK/guide/programs:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" "$@"
}

# A name that a host finds without DNS.
guide_resolves() { # HOST ADDRESS NAME
	echo "$2 $3" | on "$1" tee -a /etc/hosts >/dev/null
}

# ---- pages ----

guide_page() { # PAGE; prints its directory, with `blocks` as guide/blocks prints them
	local there=$WORK/guide/pages/${1//\//_}
	if [[ ! -d $there ]]; then
		mkdir "$there"
		"$GUIDE/blocks" "$TOP/$1" "$there" >"$there/blocks"
	fi
	echo "$there"
}

guide_skip() { # PAGE FIRST-LINE REASON
	guide_reasons[$1: $2]=$3
}

guide() { # PAGE HEADING
	local page=$1 wanted=$2 there number heading language hosts lead first found=
	there=$(guide_page "$page")
	while IFS=$'\t' read -r number heading language hosts lead <&4; do
		[[ $heading == "$wanted" ]] || continue
		found=1
		guide_seen[$page $number]=1
		first=$page:\ $(head -n 1 "$there/$number")
		[[ -z ${guide_reasons[$first]-} ]] || continue
		guide_block "$first" "$there/$number" "$language" "$hosts" "$lead"
	done 4<"$there/blocks"
	[[ -n $found ]] || fail "$page has blocks under '$wanted'" 'it has none'
}

# Each block was run or has a reason, and each reason has a block.
guide_end() { # PAGE
	local page=$1 there number heading first
	there=$(guide_page "$page")
	while IFS=$'\t' read -r number heading _; do
		first=$page:\ $(head -n 1 "$there/$number")
		if [[ -n ${guide_reasons[$first]-} ]]; then
			echo "skipped $first (${guide_reasons[$first]})"
			guide_reasons[$first]=used
		elif [[ -z ${guide_seen[$page $number]-} ]]; then
			fail "$first is run" "block $number under '$heading' is neither run nor skipped with a reason"
		fi
	done <"$there/blocks"
	for first in "${!guide_reasons[@]}"; do
		[[ $first != "$page: "* || ${guide_reasons[$first]} == used ]] || fail "$first is on the page" 'it is skipped, but not there'
	done
}

# ---- blocks ----

guide_block() { # WHAT FILE LANGUAGE HOSTS LEAD
	local what=$1 block=$2 language=$3 host hosts=$4
	hosts=${guide_names[${hosts//\`/}]-}
	if [[ -z $hosts ]]; then
		fail "$what" "the page does not say where this is typed: expected **On HOST** above it, got '$4'"
		return 0
	fi
	for host in $hosts; do
		[[ ! $5 =~ [Ww]rite\ \`/[^\`]+\`:$ ]] || language=text
		case $language in
		sh) guide_lines "$host" "$what" "$block" ;;
		text) check "$host: $what" guide_file "$host" "$block" "$5" ;;
		*) fail "$what" "nobody knows what to do with a block of $language" ;;
		esac
	done
}

# The block goes into a file, as the line before it says.
# shellcheck disable=SC2016 # What stands in quotes is for perl and grep.
guide_file() { # HOST BLOCK LEAD
	local host=$1 block=$2 lead=$3 keys file
	if [[ $lead =~ [Rr]eplace\ the\ line\ \`([^\`]+)\`\ in\ \`([^\`]+)\` ]]; then
		on "$host" env "LINE=${BASH_REMATCH[1]}" perl -i -ne '
			BEGIN { local $/; open my $in, "<", shift or die; $block = <$in> }
			print($_), next if $_ ne "$ENV{LINE}\n";
			print $block; $found = 1;
			END { die "there is no line $ENV{LINE}\n" if !$found }' "$block" "${BASH_REMATCH[2]}"
	elif [[ $lead =~ [Rr]eplace\ (.*)\ in\ \`([^\`]*/[^\`]+)\` ]]; then
		file=${BASH_REMATCH[2]}
		read -ra keys <<<"$(grep -o '`[^`]*`' <<<"${BASH_REMATCH[1]}" | tr -d '`' | xargs)"
		on "$host" "$WORK/guide/settings" "$file" "${keys[@]}" <"$block"
	elif [[ $lead =~ [Aa]dd\ (.*\ )?to\ \`(/[^\`]+)\` ]]; then
		file=${BASH_REMATCH[2]}
		on "$host" test -e "$file" && on "$host" tee -a "$file" <"$block"
	elif [[ $lead =~ [Ww]rite\ \`(/[^\`]+)\`:$ ]]; then
		file=${BASH_REMATCH[1]}
		on "$host" mkdir -p "${file%/*}" && on "$host" tee "$file" <"$block"
	else
		echo "the page does not say what to do with this block; the line before it is: $lead"
		return 1
	fi
}

# Types each line of a block; one that ends in a backslash goes on.
guide_lines() { # HOST WHAT BLOCK
	local host=$1 line whole=
	while IFS= read -r line <&3 || [[ -n $line ]]; do
		whole+=$line
		if [[ $line == *\\ ]]; then
			whole+=$'\n'
			continue
		fi
		[[ -z $whole || $whole == \#* ]] || guide_line "$host" "${2%%: *}" "$whole"
		whole=
	done 3<"$3"
}

# A program that stays in the foreground has a terminal of its own until guide_interrupt. A ping may come before what it needs, as the test
# types faster than a person.
guide_line() { # HOST PAGE LINE
	local host=$1 page=$2 line=$3
	if [[ $line =~ ^(sudo\ )?(culvertd\ -c|culvert\ up)\  ]]; then
		start_bg "$WORK/$host.foreground.log" "$host foreground" on "$host" bash -c "exec ${line#sudo }"
		wait_for "$GUIDE_UP_SECONDS" "$host: $page: $line" on "$host" culvert status
		pass "$host: $page: $line"
	elif [[ $line =~ ^(sudo\ )?(ip\ netns\ exec\ [a-z]+\ )?ping\  ]]; then
		wait_for "$GUIDE_UP_SECONDS" "$host: $page: $line" on "$host" bash -ec "$line" && pass "$host: $page: $line"
	else
		check "$host: $page: $line" on "$host" bash -ec "$line"
	fi
	[[ ! $line =~ (start|restart|reload|up|enable|reexec)(\ |$) ]] || guide_settle
}

# The Ctrl-C of the person at that host.
guide_interrupt() { # HOST
	stop_bg "$1 foreground" INT
}

# Every client that runs has its session. A reader's sessions are minutes old and come back at once; those here are young, so that
# their clients back off further with each restart of the server. A change of the network has them dial again.
guide_settle() {
	local host socket log
	for log in "$WORK"/*.culvert*.log; do
		[[ ! -e $log || " ${bg_logs[*]} " == *" $log "* ]] || bg_logs+=("$log")
	done
	for host in "$GUIDE_HOSTS"/*; do
		host=${host##*/}
		for socket in $(on "$host" sh -c 'ls /run/culvert/*.sock 2>/dev/null'); do
			until_soon guide_is_well "$host" "$socket" || guide_change_network "$host"
			wait_for "$GUIDE_UP_SECONDS" "$host: ${socket##*/} is well" guide_is_well "$host" "$socket"
		done
	done
}
until_soon() { # COMMAND...; false when it does not succeed within half a second
	local deadline
	deadline=$(deadline_in 0.5)
	until "$@"; do
		! past "$deadline" || return 1
		poll_pause
	done
}
guide_change_network() { # HOST
	ip_ns "$1" addr add 198.18.0.1/32 dev lo
	ip_ns "$1" addr del 198.18.0.1/32 dev lo
}
guide_is_well() { # HOST SOCKET; a server waits for nobody, and what was left behind by a killed one is no program
	on "$1" culvert status --socket "$2" --json >"$WORK/.status" 2>/dev/null || return 0
	jq -e '.role == "server" or all(.sessions[]; .state == "up")' "$WORK/.status" >/dev/null
}
