# shellcheck shell=bash disable=SC2154
# SPDX-License-Identifier: Apache-2.0
#
# New sessions a second and memory of an idle session, of Culvert only: tests/bench/idle-sessions,
# which has its own namespaces. Certificates take most of the time; those of the first round serve
# the others.

sessions_links() { echo direct; }

sessions_run() {
	local count=$sessions_count up
	[[ $SYSTEM_NAME == culvert ]] || { skipped_measure sessions 'measured for Culvert with one lane only' && return 0; }
	CULVERT_BUILD=$BUILD "$TOP/tests/bench/idle-sessions" --count "$count" --pki "$WORK/crowd" \
		>"$WORK/sessions.md" 2>"$WORK/sessions.log" ||
		{ failed_measure sessions "$(tail -n 1 "$WORK/sessions.log")" && return 0; }
	up=$(awk -F'|' '/all up, from starting/ { print $3 + 0 }' "$WORK/sessions.md")
	result sessions_new 'sessions/s' higher "$(jq -n --argjson n "$count" --argjson s "$up" '$n / $s')"
	result memory_engine KiB lower "$(awk -F'|' '/engine, resident/ { print $4 + 0 }' "$WORK/sessions.md")"
	result memory_kernel KiB lower "$(awk -F'|' '/kernel: all/ { print $4 + 0 }' "$WORK/sessions.md")"
}
