# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# A person at a terminal, by script(1): what the program writes is in $WORK/NAME.terminal, and what the person types goes
# through a pipe.

declare -A terminal_inputs=()

terminal_start() { # NAME COMMAND... (without quotes in it; may not begin with in_ns)
	terminal_start_in '' "$@"
}

# The command takes the place of the shell that script starts: a ^C on the terminal is for the command, and a shell
# beside it might die of it.
terminal_start_in() { # NS NAME COMMAND...
	local ns=$1 name=$2 input command
	shift 2
	command="exec $(printf '%q ' "$@")"
	mkfifo "$WORK/$name.keys"
	: >"$WORK/$name.terminal"
	# shellcheck disable=SC2016 # The inner shell expands.
	start_bg "$WORK/$name.script" "$name" ${ns:+in_ns "$ns"} bash -c 'exec script -qefc "$1" "$2" <"$3" >/dev/null' bash \
		"$command" "$WORK/$name.terminal" "$WORK/$name.keys"
	exec {input}>"$WORK/$name.keys"
	terminal_inputs[$name]=$input
}

# Types, once the terminal shows what matches.
terminal_answer() { # NAME REGEX TEXT
	wait_log "$WORK/$1.terminal" "$2" 10
	printf '%s\n' "$3" >&"${terminal_inputs[$1]}"
}

# Types keys as they are.
terminal_type() { # NAME FORMAT
	# shellcheck disable=SC2059 # It is a format.
	printf "$2" >&"${terminal_inputs[$1]}"
}

# Waits for the command's end and its exit status.
terminal_end() { # NAME STATUS
	local input=${terminal_inputs[$1]}
	wait_exit "$1" 10 || true
	exec {input}>&-
	unset "terminal_inputs[$1]"
	rm -f "$WORK/$1.keys"
	check_equal "$1 ends with $2" "$2" "$EXIT_STATUS"
}
