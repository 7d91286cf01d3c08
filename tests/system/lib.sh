# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# What every system test shares. A test is a bash script, run as root:
#
#	#!/bin/bash
#	# SPDX-License-Identifier: Apache-2.0
#	#
#	# What is tested, and the topology drawn.
#	#
#	# check: quick            (runs also in scripts/check --quick)
#	# check: alone            (while no other test runs)
#	# check: threads          (runs also with ThreadSanitizer)
#	# check: sanitized        (runs also with AddressSanitizer)
#	# check: timeout 300      (seconds; otherwise 180)
#	set -euo pipefail
#	source "$(dirname "$0")/lib.sh"
#	ns_add a; ns_add b forward
#	veth a eth0 b eth0
#	addr a eth0 10.0.0.1/24; addr b eth0 10.0.0.2/24
#	start_bg "$WORK/d.log" daemon in_ns b "$CULVERTD" -c "$WORK/d.conf"
#	wait_log "$WORK/d.log" 'ready' 5
#	check 'b answers a' in_ns a ping -c 1 -W 2 10.0.0.2
#	finish
#
# Each result is a line `ok NAME` or `not ok NAME: why`, and the last line is `N passed, N failed`, also when the
# script ends early. Programs come from $CULVERT_BUILD (default: build). Whatever happens, processes that were started
# here, namespaces and the work directory go; KEEP=1 keeps the directory, and says where it is.

if [[ $(id -u) -ne 0 ]]; then
	echo "system tests make network namespaces and need root" >&2
	echo "not ok root: not run as root"
	echo "0 passed, 1 failed"
	exit 1
fi

TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
BUILD=$(cd "$TOP" && cd "${CULVERT_BUILD:-build}" && pwd)
CULVERT=$BUILD/culvert
CULVERTD=$BUILD/culvertd
PKI=$TOP/certs/culvert-pki
WORK=$(mktemp -d "${TMPDIR:-/tmp}/culvert-test-XXXXXX")
mkfifo "$WORK/.pause"
# The engine runs under another uid and is given paths in here.
chmod 755 "$WORK"
# The repository may stand in a home that only root may enter. What an ordinary user runs has to be within that user's reach.
if ! setpriv --reuid 65534 --regid 65534 --clear-groups test -x "$CULVERT" 2>/dev/null; then
	mkdir "$WORK/programs"
	cp "$CULVERT" "$CULVERTD" "$WORK/programs/"
	CULVERT=$WORK/programs/culvert
	CULVERTD=$WORK/programs/culvertd
fi
export TOP BUILD CULVERT CULVERTD PKI WORK
# shellcheck source=tests/lab/network.sh
source "$TOP/tests/lab/network.sh"

# script(1) and others start what this says, and how that handles signals is a matter of which shell it is.
export SHELL=/bin/sh

# A finding is told on stderr, hence in the log that finish searches, and by the exit status.
export ASAN_OPTIONS=${ASAN_OPTIONS-detect_leaks=1:abort_on_error=0:exitcode=99}
export UBSAN_OPTIONS=${UBSAN_OPTIONS-print_stacktrace=1:exitcode=99}
export TSAN_OPTIONS=${TSAN_OPTIONS-exitcode=99}
SANITIZER_FINDING='ERROR: (Address|Leak)Sanitizer|runtime error:|WARNING: ThreadSanitizer'

STOP_SECONDS=10
POLL_SECONDS=0.04
LOG_TAIL=40

passed=0
failed=0
finished=
ns_names=()
declare -A bg_pids=()
bg_logs=()
# Exit status of the process that stop_bg or wait_exit ended last; the test reads it.
# shellcheck disable=SC2034
EXIT_STATUS=

# ---- results ----

pass() { # NAME
	passed=$((passed + 1))
	echo "ok $1"
}

fail() { # NAME WHY
	failed=$((failed + 1))
	echo "not ok $1: ${2:-failed}"
}

# Runs a command; its success is the result. Its output is shown when it fails.
check() { # NAME COMMAND...
	local name=$1 status=0 failed_before=$failed
	shift
	"$@" >"$WORK/.check" 2>&1 || status=$?
	if [[ $status -ne 0 ]]; then
		fail "$name" "\`$*\` ended with $status"
	elif [[ $failed -gt $failed_before ]]; then # what it waited for, say
		echo "failed within $name:"
	else
		pass "$name"
		return 0
	fi
	tail -n "$LOG_TAIL" "$WORK/.check" | sed 's/^/    /'
}

# The same the other way round: the command has to fail.
check_fails() { # NAME COMMAND...
	local name=$1
	shift
	if "$@" >"$WORK/.check" 2>&1; then
		fail "$name" "\`$*\` succeeded"
		tail -n "$LOG_TAIL" "$WORK/.check" | sed 's/^/    /'
	else
		pass "$name"
	fi
}

check_equal() { # NAME EXPECTED ACTUAL
	if [[ $2 == "$3" ]]; then
		pass "$1"
	else
		fail "$1" "expected '$2', got '$3'"
	fi
}

show_logs() {
	local log
	for log in "${bg_logs[@]}"; do
		echo "    --- the end of $(basename "$log")"
		tail -n "$LOG_TAIL" "$log" 2>/dev/null | sed 's/^/    /'
	done
}

# Ends the test: stops what runs, looks for sanitizers' findings in every log, prints the closing line.
finish() {
	local name log
	for name in "${!bg_pids[@]}"; do
		stop_bg "$name" || true
	done
	for log in "${bg_logs[@]}"; do
		if grep -qE "$SANITIZER_FINDING" "$log" 2>/dev/null; then
			fail "sanitizers are silent in $(basename "$log")" "they found something"
			grep -m 1 -A "$LOG_TAIL" -E "$SANITIZER_FINDING" "$log" | sed 's/^/    /'
		fi
	done
	[[ $failed -eq 0 ]] || show_logs
	finished=1
	[[ $failed -eq 0 && $passed -gt 0 ]] || exit 1
	exit 0
}

# ---- namespaces ----

ns_name() { # NAME; prints the real name, which carries the test's pid
	echo "culvert-$$-$1"
}

# A namespace with its loopback up.
ns_add() { # NAME [forward]
	local name
	name=$(ns_name "$1")
	ip netns add "$name"
	ns_names+=("$1")
	netns_prepare "$name" "${2-}"
	force_congestion "$name" cubic
}

set_congestion() { # REALNAME ALGORITHM
	# shellcheck disable=SC2016 # The inner shell expands.
	ip netns exec "$1" sh -c 'echo "$1" >/proc/sys/net/ipv4/tcp_congestion_control' sh "$2" 2>/dev/null
}

# Machines differ in their default congestion control, and a new namespace has the machine's. Where an algorithm is not among
# those that anybody may use, a namespace's default cannot be set to it: it is allowed for the moment of setting. Where
# even that is refused (a container), the test runs with what there is.
force_congestion() { # REALNAME ALGORITHM
	local allowed=/proc/sys/net/ipv4/tcp_allowed_congestion_control before
	! set_congestion "$@" || return 0
	before=$(cat "$allowed" 2>/dev/null) || return 0
	echo "$before $2" 2>/dev/null >"$allowed" || return 0
	set_congestion "$@" || true
	echo "$before" >"$allowed"
}

# A directory of a namespace's own files for /etc, as ip-netns(8) has it; prints its path. It goes with the test. A file there
# is mounted over the machine's own of that name, so an empty one is made where the machine has none (it stays).
ns_etc() { # NAME
	local path file
	for file in /etc/hosts /etc/nsswitch.conf /etc/resolv.conf; do
		[[ -e $file || -L $file ]] || : >>"$file"
	done
	path=/etc/netns/$(ns_name "$1")
	mkdir -p "$path"
	echo "$path"
}

ns_del() { # NAME
	local kept=() name
	ip netns del "$(ns_name "$1")"
	for name in "${ns_names[@]}"; do
		[[ $name == "$1" ]] || kept+=("$name")
	done
	ns_names=(${kept[@]+"${kept[@]}"})
}

# Runs a command in a namespace. Below start_bg it becomes the process itself, so that its pid is the command's.
in_ns() { # NAME COMMAND...
	local name=culvert-$$-$1
	shift
	${in_ns_exec-} ip netns exec "$name" "$@"
}

# The same with a /dev/net/tun of that mode, or without any (`none`), whatever the machine's own is: only with udev may
# everybody open it. ip-netns(8) gives the command mounts of its own, so the machine's device stays as it is.
in_ns_tun() { # NAME MODE COMMAND...
	# shellcheck disable=SC2016 # The inner shell expands.
	in_ns "$1" sh -ec 'mount -t tmpfs -o mode=755 none /dev/net
		[ "$1" = none ] || mknod -m "$1" /dev/net/tun c 10 200
		shift; exec "$@"' sh "${@:2}"
}

# ip(8) in a namespace, without a process of its own in between.
ip_ns() { # NAME ARGUMENT...
	local name=culvert-$$-$1
	shift
	ip -n "$name" "$@"
}

# A cable between two namespaces, both ends up.
veth() { # NSA IFA NSB IFB
	netns_cable "$(ns_name "$1")" "$2" "$(ns_name "$3")" "$4"
	ip_ns "$1" link set "$2" up
	ip_ns "$3" link set "$4" up
}

addr() { # NS IF ADDRESS/LENGTH...
	local ns=$1 interface=$2 address
	shift 2
	for address; do
		if [[ $address == *:* ]]; then
			ip_ns "$ns" addr add "$address" dev "$interface" nodad
		else
			ip_ns "$ns" addr add "$address" dev "$interface"
		fi
	done
}

route() { # NS PREFIX via ADDRESS [...]
	local ns=$1 prefix=$2
	shift 2
	if [[ $prefix == *:* ]]; then
		ip_ns "$ns" -6 route add "$prefix" "$@"
	else
		ip_ns "$ns" route add "$prefix" "$@"
	fi
}

# ---- processes ----

# Starts a command in the background, stdout and stderr to the log (appended, so that a restart keeps it). The command may
# begin with in_ns. SIGINT is given back, which shells take from background processes.
start_bg() { # LOGFILE NAME COMMAND...
	local log=$1 name=$2 seen
	shift 2
	for seen in ${bg_logs[@]+"${bg_logs[@]}"}; do
		[[ $seen != "$log" ]] || break
	done
	[[ ${seen-} == "$log" ]] || bg_logs+=("$log")
	(
		trap - EXIT INT TERM
		# shellcheck disable=SC2034 # in_ns reads it.
		in_ns_exec='exec env --default-signal=INT,QUIT'
		if [[ $(type -t "$1") == function ]]; then
			"$@"
		else
			exec env --default-signal=INT,QUIT "$@"
		fi
	) >>"$log" 2>&1 </dev/null &
	bg_pids[$name]=$!
}

pid_of() { # NAME
	echo "${bg_pids[$1]}"
}

bg_running() { # NAME
	[[ -n ${bg_pids[$1]-} ]] && kill -0 "${bg_pids[$1]}" 2>/dev/null
}

# Waits for a process to end by itself; EXIT_STATUS is its status. One that does not is killed, and that is a failure.
wait_exit() { # NAME SECONDS
	local name=$1 seconds=$2 pid=${bg_pids[$1]} deadline
	deadline=$(deadline_in "$seconds")
	EXIT_STATUS=0
	while kill -0 "$pid" 2>/dev/null; do
		if past "$deadline"; then
			fail "$name ends" "it still runs after $seconds s"
			kill -KILL "$pid" 2>/dev/null || true
			wait "$pid" 2>/dev/null || EXIT_STATUS=$?
			unset "bg_pids[$name]"
			return 1
		fi
		poll_pause
	done
	# shellcheck disable=SC2034
	wait "$pid" 2>/dev/null || EXIT_STATUS=$?
	unset "bg_pids[$name]"
}

# Ends a process that start_bg started, and waits until it is gone.
stop_bg() { # NAME [SIGNAL]
	[[ -n ${bg_pids[$1]-} ]] || return 0
	kill -s "${2:-TERM}" "${bg_pids[$1]}" 2>/dev/null || true
	wait_exit "$1" "$STOP_SECONDS"
}

# ---- waiting ----

now_ms() {
	local now=${EPOCHREALTIME/[.,]/}
	echo $((now / 1000))
}

# Deadlines are by the time since the machine's start, which nobody sets.
deadline_in() { # SECONDS, may have decimals; prints milliseconds
	local whole=${1%.*} part=0
	[[ $1 != *.* ]] || part=${1#*.}000
	local now
	read -r now _ </proc/uptime
	echo $((10#${now/./}0 + ${whole:-0} * 1000 + 10#${part:0:3}))
}

past() { # DEADLINE
	local now
	read -r now _ </proc/uptime
	[[ $((10#${now/./}0)) -ge $1 ]]
}

# Between two looks. Nobody writes to the pipe, and no process is started, of which the tests start most by waiting.
poll_pause() {
	read -rt "$POLL_SECONDS" _ <>"$WORK/.pause" || true
}

# Polls until the command succeeds. When it does not in time, that is a failed check, and the logs' ends are shown.
wait_for() { # SECONDS DESCRIPTION COMMAND...
	local seconds=$1 what=$2 deadline
	shift 2
	deadline=$(deadline_in "$seconds")
	until "$@" >"$WORK/.wait" 2>&1; do
		if past "$deadline"; then
			fail "$what" "not within $seconds s (\`$*\`)"
			tail -n "$LOG_TAIL" "$WORK/.wait" | sed 's/^/    /'
			return 1
		fi
		poll_pause
	done
}

wait_log() { # FILE REGEX SECONDS
	wait_for "$3" "$(basename "$1") says '$2'" grep -qE -e "$2" "$1"
}

# Lines of a log, from where one wants to look on: `since=$(log_mark FILE)`, later `wait_log_since FILE $since REGEX SECONDS`.
log_mark() { # FILE
	if [[ -e $1 ]]; then
		wc -l <"$1"
	else
		echo 0
	fi
}

log_has_since() { # FILE MARK REGEX
	tail -n "+$(($2 + 1))" "$1" | grep -E -e "$3" >/dev/null
}

wait_log_since() { # FILE MARK REGEX SECONDS
	wait_for "$4" "$(basename "$1") says '$3' again" log_has_since "$1" "$2" "$3"
}

expect_log() { # FILE REGEX
	check "$(basename "$1") says '$2'" grep -qE -e "$2" "$1"
}

log_lacks() { # FILE REGEX; a file that is not there proves nothing
	[[ -e $1 ]] && ! grep -E -e "$2" "$1"
}

refute_log() { # FILE REGEX
	check "$(basename "$1") does not say '$2'" log_lacks "$1" "$2"
}

# ---- clean-up ----

cleanup() {
	local status=$? name pid
	trap - EXIT INT TERM
	set +e
	if [[ -z $finished ]]; then
		show_logs
		echo "not ok $(basename "$0"): it ended early (status $status)"
		[[ $failed -gt 0 ]] || failed=1
	fi
	for name in "${!bg_pids[@]}"; do
		kill -TERM "${bg_pids[$name]}" 2>/dev/null
	done
	# What was started in our namespaces by others of ours (an engine whose parent was killed) goes as well.
	for name in ${ns_names[@]+"${ns_names[@]}"}; do
		for pid in $(ip netns pids "$(ns_name "$name")" 2>/dev/null); do
			kill -KILL "$pid" 2>/dev/null
		done
	done
	for name in "${!bg_pids[@]}"; do
		kill -KILL "${bg_pids[$name]}" 2>/dev/null
		wait "${bg_pids[$name]}" 2>/dev/null
	done
	for name in ${ns_names[@]+"${ns_names[@]}"}; do
		ip netns del "$(ns_name "$name")" 2>/dev/null
		rm -rf "/etc/netns/$(ns_name "$name")"
	done
	rmdir /etc/netns 2>/dev/null
	if [[ ${KEEP-} == 1 ]]; then
		echo "kept: $WORK"
	else
		rm -rf "$WORK"
	fi
	echo "$passed passed, $failed failed"
	[[ $failed -eq 0 && $passed -gt 0 && $status -eq 0 ]] || exit 1
	exit 0
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
