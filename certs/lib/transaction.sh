# shellcheck shell=sh
# SPDX-License-Identifier: Apache-2.0
#
# All or nothing: the lock, moves into place that can be undone, and the trap that undoes them.
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

take_lock() {
	# No signal may fall between the lock and the note that it is ours.
	ignore_signals
	if ! mkdir .lock 2>/dev/null; then
		[ -d .lock ] || die "cannot write in $dir"
		holder=$(cat .lock/pid 2>/dev/null) || holder=unknown
		die "$dir is locked by another culvert-pki (process $holder);\
 if none is running, remove $dir/.lock"
	fi
	state=locked
	catch_signals
	printf '%s\n' $$ >.lock/pid
	mkdir .lock/undo .lock/issued
	: >.lock/undo/log
}

# place NEW PATH: moves a finished file or directory to its place; what was there is kept until
# commit. The log is written first, so that the trap knows of every move that may have happened.
place() {
	moves=$((moves + 1))
	if [ ! -e "$2" ] && [ ! -L "$2" ]; then
		printf 'new %s %s\n' $moves "$2" >>.lock/undo/log
	else
		printf 'old %s %s\n' $moves "$2" >>.lock/undo/log
		if [ -d "$2" ]; then
			mv "$2" ".lock/undo/$moves"
		else
			cp -p "$2" .lock/undo/part
			mv .lock/undo/part ".lock/undo/$moves"
		fi
	fi
	mv "$1" "$2"
}

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
	if [ "$state" = locked ] && [ -s .lock/undo/log ] && ! undo; then
		printf 'culvert-pki: cannot restore everything; the saved files are in %s/.lock/undo\n' "$dir" >&2
		return
	fi
	[ "$state" = outside ] || rm -rf .lock
	if [ "$made_dir" = yes ] && [ "$state" != committed ]; then
		cd / && rmdir "$absolute_dir"
	fi
}

commit() {
	ignore_signals
	state=committed
	rm -rf .lock
}
