# shellcheck shell=bash disable=SC2034,SC2154
# SPDX-License-Identifier: Apache-2.0
#
# Culvert with its defaults, one lane. Other systems set more lines for both ends or one.
SYSTEM_TITLE='Culvert'
SYSTEM_CIPHER='TLS 1.3, AES-256-GCM'
CULVERT_LANES=1 CULVERT_CONGESTION=$outer CULVERT_SERVER_LINES='' CULVERT_CLIENT_LINES=''
system_version() { "$CULVERTD" --version; }
system_address() { echo "$SERVER4"; }

system_prepare() {
	local common
	common=$(printf 'lanes = %s;\ncongestion = "%s";\nlog_level = "info";\n' "$CULVERT_LANES" "$CULVERT_CONGESTION")
	printf '%s\npeers = ( { name = "gw-a"; } );\n%s\n' "$common" "$CULVERT_SERVER_LINES" | server_conf gw-b
	printf '%s\n%s\n' "$common" "$CULVERT_CLIENT_LINES" | client_conf gw-a
	CLIENT_COMMAND=("$CULVERT" up "$WORK/gw-a.conf")
}

system_server() {
	start_bg "$WORK/server.log" server in_ns b "$CULVERTD" -c "$WORK/gw-b.conf"
	wait_for "$UP_SECONDS" 'culvertd answers' ctl gw-b status
}

culvert_lanes() {
	[[ $(session_value gw-b gw-a '.lanes | length') -eq $CULVERT_LANES ]]
}

system_queue() {
	session_value gw-a gw-b '{ delay_ms: (.queue.delay * 1000), marks: .queue.marks,
		drops: (.drops | .out_stale + .out_queue + .out_delay) }'
}

system_settled() {
	wait_for 10 "the tunnel has $CULVERT_LANES lanes" culvert_lanes
}
