# shellcheck shell=sh
# SPDX-License-Identifier: Apache-2.0
#
# All or nothing, also where the command is killed or the power fails: the lock, moves into place that can be undone,
# the trap that undoes them, and the recovery of what a killed command has left.
#
# The lock is flock(2) on the PKI's directory, which ends with the command and all that it has started. In .lock are
# the copies that the command works on, new/ with the finished files, and undo/ with the log of all moves and what was
# in their places. The log is complete and on disk before the first move. commit() renames it: from then on the moves
# stay. Where .lock has a log and no command holds the lock, its command has not come so far, and the next command
# undoes the moves, as often as it takes.
#
# The variables are set in culvert-pki, whose functions these are.
# shellcheck disable=SC2034,SC2154

catch_signals() {
	trap 'exit 129' HUP
	trap 'exit 130' INT
	trap 'exit 143' TERM
}

ignore_signals() {
	trap '' HUP INT TERM
}

# try_lock: takes the lock of the working directory until the end of this process. Status 1: another has it.
try_lock() {
	exec 9<.
	flock -n 9 2>/dev/null && return
	[ $? -eq 1 ] || die "cannot lock $dir: keep the PKI on a local file system"
	return 1
}

take_lock() {
	if ! try_lock; then
		holder=$(cat .lock/pid 2>/dev/null) || holder=unknown
		die "$dir is locked by another culvert-pki (process $holder); try again when that has ended"
	fi
	recover
	mkdir .lock 2>/dev/null || die "cannot write in $dir"
	state=locked
	printf '%s\n' $$ >.lock/pid
	mkdir .lock/new .lock/undo .lock/issued
	: >.lock/plan
}

# Undoes what a killed command has left. The caller has the lock.
recover() {
	[ -e .lock ] || return 0
	if [ -s .lock/undo/log ]; then
		undo || die "cannot undo an earlier command, which was killed: the saved files are in $dir/.lock/undo"
		flush . ca ca/servers ca/clients servers clients
		say "Note: an earlier command was killed before it was done; what it had begun is undone, so repeat it." >&2
	fi
	rm -rf .lock
	[ ! -e .lock ] || die "cannot remove $dir/.lock, which a killed command has left"
}

# For commands that only read. One that is running is left alone.
recover_to_read() {
	[ -e .lock ] || return 0
	try_lock || return 0
	recover
	exec 9<&-
}

# flush PATH...: waits until files and the entries of directories are on disk; what is not there is left out.
flush() {
	for path in "$@"; do
		shift
		[ ! -e "$path" ] || set -- "$@" "$path"
	done
	sync "$@"
}

# place NEW PATH: plans the move of a finished file or directory to its place. A file inside a
# directory that is replaced as well comes before that directory.
place() {
	moves=$((moves + 1))
	mv "$1" ".lock/new/$moves"
	printf '%s %s\n' $moves "$2" >>.lock/plan
}

# displace PATH: plans the removal of a file.
displace() {
	moves=$((moves + 1))
	printf '%s %s\n' $moves "$1" >>.lock/plan
}

# Saves what is in the places of the plan. A directory is saved when its place is needed.
save() {
	while read -r number path; do
		if [ ! -e "$path" ] && [ ! -L "$path" ]; then
			printf 'new %s %s\n' "$number" "$path" >>.lock/undo/part
			continue
		fi
		printf 'old %s %s\n' "$number" "$path" >>.lock/undo/part
		[ -d "$path" ] || cp -p "$path" ".lock/undo/$number"
	done <.lock/plan
	# The disk has what the log names before it has the log: an undo after a loss of power would else put back files that
	# were never written.
	find .lock -exec sync {} +
	mv .lock/undo/part .lock/undo/log
	sync .lock/undo
}

move() {
	while read -r number path; do
		[ ! -d "$path" ] || mv "$path" ".lock/undo/$number"
		if [ -e ".lock/new/$number" ]; then
			mv ".lock/new/$number" "$path"
		else
			rm -f "$path"
		fi
	done <.lock/plan
	flush . ca ca/servers ca/clients servers clients "servers/$name"
}

# Puts everything back, the last move first. It may be killed and begin again.
undo() {
	sed '1!G;h;$!d' .lock/undo/log | {
		undone=0
		while read -r kind number path; do
			if [ "$kind" = new ]; then
				rm -rf "$path" || undone=1
			elif [ -e ".lock/undo/$number" ]; then
				[ ! -d "$path" ] || rm -rf "$path" || undone=1
				mv ".lock/undo/$number" "$path" || undone=1
			fi
		done
		exit $undone
	}
}

# shellcheck disable=SC2317 # called by the trap
clean_up() {
	ignore_signals
	show_typing
	if [ "$state" = locked ] && [ -s .lock/undo/log ] && ! undo; then
		printf 'culvert-pki: cannot restore everything; the next command tries again, and the saved files are in %s/.lock/undo\n' \
			"$dir" >&2
		return
	fi
	[ "$state" = outside ] || rm -rf .lock
	if [ "$made_dir" = yes ] && [ "$state" != committed ]; then
		cd / && rmdir "$absolute_dir"
	fi
}

commit() {
	save
	move
	ignore_signals
	mv .lock/undo/log .lock/undo/done
	if ! sync .lock/undo; then
		mv .lock/undo/done .lock/undo/log
		exit 1
	fi
	state=committed
	rm -rf .lock
}
