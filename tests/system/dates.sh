#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# A session ends with its peer's certificate. The own certificate's dates delay a start and are no error: one that is not valid
# yet, as behind a clock that has not been set, works when its time has come. A new engine does not refuse a certificate that has
# expired since the one before it began. A revocation list outside its dates stays in force, or refuses all (crl_expired).
#
#   gw-a (192.0.2.1) ──── gw-b (192.0.2.2)
#
# shellcheck disable=SC2317 # Functions are called by name.
set -euo pipefail
# shellcheck source=tests/system/tunnel/common.sh
source "$(dirname "$0")/tunnel/common.sh"

gateways_add
# shellcheck disable=SC2119 # Clients come later.
pki_add
at() { # SECONDS from now
	date -u -d "now + $1 seconds" +%Y%m%d%H%M%SZ
}
server_conf gw-b <<<'lanes = 2; peers = ( { name = "gw-a"; }, { name = "late"; } );'
server_start gw-b

# ---- expires while it runs ----

pki client late --remote 192.0.2.2 --not-after "$(at 20)"
late_files() {
	printf 'lanes = 2;\ncertificate = "%s";\nkey = "%s";\n' "$(pki_extract late certificate)" "$(pki_extract late key)"
}
client_conf gw-a late < <(late_files)
client_start gw-a
wait_up gw-a gw-b
mark=$(log_mark "$WORK/gw-a.log")
has_expired() {
	! in_ns gw-a "$CULVERT" check "$WORK/gw-a.conf" >"$WORK/check.log" 2>&1
}
wait_for 30 'the certificate has expired, says check' has_expired
check 'and it says why' grep 'expired on' "$WORK/check.log"
# The session, too, with a goodbye of its own; then it is as if it were new.
wait_log "$WORK/gw-b.log" 'late: session: up -> closing: the certificate of late has expired' 10
wait_log "$WORK/gw-a.log" 'gw-b: received a goodbye: the certificate has expired: the certificate of late has expired; renew it' 10
wait_log "$WORK/gw-b.log" 'certificate of late expired on .*renew late' 10
kill -KILL "$(engine_pid gw-a)"
wait_for 10 'the next engine goes on' log_has_since "$WORK/gw-a.log" "$mark" 'engine .pid [0-9]*. is ready'
check 'and warns' log_has_since "$WORK/gw-a.log" "$mark" 'warning engine: .*that of late expired on .*new connections fail until'
check 'it answers' ctl gw-a status
# A new certificate is enough, whatever wait the refusals have led to.
wait_log "$WORK/gw-a.log" 'retrying in ([6-9]|[1-9][0-9])' 30
mark=$(log_mark "$WORK/gw-a.log")
pki renew late
begun=$(date +%s%3N)
late_files >/dev/null
wait_log_since "$WORK/gw-a.log" "$mark" 'gw-b: session: opening -> up' 30
took=$(($(date +%s%3N) - begun))
echo "back after $took ms"
# A loaded host may take longer; the wait that the refusals have led to is at least 5 s by now.
check 'it is back at once with the new file' test $took -lt 5000
stop_bg gw-a TERM
check_equal 'a signal ends it in good order' 0 "$EXIT_STATUS"

# ---- not valid yet ----

pki client gw-a --remote 192.0.2.2 --not-before "$(at 25)" --not-after "$(at 86400)"
client_conf gw-a </dev/null
check 'check warns of what is not valid yet' grep '^warning: .*valid only from' <(in_ns gw-a "$CULVERT" check "$WORK/gw-a.conf" 2>&1)
check 'which is no error, as time heals it' in_ns gw-a "$CULVERT" check "$WORK/gw-a.conf"
mark=$(log_mark "$WORK/gw-a.log")
client_start gw-a
wait_for 5 'it starts all the same and says so' log_has_since "$WORK/gw-a.log" "$mark" \
	'that of gw-a is valid only from .*check the clock.*new connections fail until'
check 'it answers meanwhile' ctl gw-a status
check 'doctor says why it is not up' grep -E '^problem: certificate: .*that of gw-a is valid only from .*check the clock' \
	<(in_ns gw-a "$CULVERT" doctor --socket "$WORK/gw-a.sock")
doctor_says() { # REGEX
	grep -E "$1" <(in_ns gw-a "$CULVERT" doctor --socket "$WORK/gw-a.sock")
}
check 'doctor takes the clock for behind' doctor_says "^problem: clock: this host's clock is behind: set it"
client_conf gw-a <<<'kill_switch = true;'
check 'a kill switch comes' ctl gw-a reload
check 'doctor names the deadlock' doctor_says '^problem: clock: .*the kill switch blocks NTP.*kill_switch_time'
client_conf gw-a <<<'kill_switch = true; kill_switch_time = [ "192.0.2.9" ];'
check 'a time server is named' ctl gw-a reload
check 'doctor says whom to ask' doctor_says '^problem: clock: .*only the time servers of kill_switch_time'
client_conf gw-a </dev/null
check 'the kill switch goes' ctl gw-a reload
wait_for 40 'it is up when its time has come' log_has_since "$WORK/gw-a.log" "$mark" 'gw-b: session: opening -> up'

# ---- an expired list stays in force ----

list() { # FROM UNTIL; in days from now: a list of the PKI's CA that revokes `revoked`
	local dir=$WORK/list
	rm -rf "$dir"
	mkdir "$dir"
	: >"$dir/index"
	echo 01 >"$dir/number"
	printf '[ca]\ndefault_ca = it\n[it]\ndatabase = %s/index\ncrlnumber = %s/number\ndefault_md = sha256\n' "$dir" "$dir" >"$dir/conf"
	openssl ca -config "$dir/conf" -cert "$WORK/pki/ca.crt" -keyfile "$WORK/pki/ca/ca.key" \
		-revoke "$(pki_extract revoked certificate)" 2>>"$dir/log"
	openssl ca -config "$dir/conf" -cert "$WORK/pki/ca.crt" -keyfile "$WORK/pki/ca/ca.key" -gencrl \
		-crl_lastupdate "$(at $(($1 * 86400)))" -crl_nextupdate "$(at $(($2 * 86400)))" -out "$WORK/list.pem" 2>>"$dir/log"
}
server() { # MORE
	server_conf gw-b <<<"crl = \"$WORK/list.pem\"; $1 peers = ( { name = \"gw-a\"; }, { name = \"revoked\"; } );"
}
stop_bg gw-a TERM
stop_bg gw-b TERM
pki client revoked --remote 192.0.2.2
list -20 -1
server ''
check 'check warns of the list' grep '^warning: .*crl: .*expired on .*it stays in force' <(in_ns gw-b "$CULVERTD" --check -c "$WORK/gw-b.conf" 2>&1)
mark=$(log_mark "$WORK/gw-b.log")
server_start gw-b
wait_log_since "$WORK/gw-b.log" "$mark" 'warning engine: crl: .*the list of .* expired on .*it stays in force' 5
mark_a=$(log_mark "$WORK/gw-a.log")
client_start gw-a
wait_up gw-a gw-b "$mark_a"
wait_log_since "$WORK/gw-b.log" "$mark" 'gw-a: no list of "Culvert CA" in crl is valid now' 5
check_equal 'status has it' expired "$(ctl gw-b status --json | jq -r '.validity[] | select(.kind == "crl") | .state')"
check 'status says it to people' grep -E '^ +warning: +crl: .*it stays in force' <(ctl gw-b status)
check 'so does doctor' grep '^problem: certificate: crl: .*it stays in force' <(ctl gw-b doctor 2>&1)
client_conf gw-a revoked </dev/null
stop_bg gw-a TERM
client_start gw-a
wait_log_since "$WORK/gw-b.log" "$mark" 'certificate of revoked is revoked' 10
stop_bg gw-a TERM
server 'crl_expired = "refuse";'
check 'a reload refuses what has no valid list' ctl gw-b reload
client_conf gw-a </dev/null
client_start gw-a
wait_log_since "$WORK/gw-b.log" "$mark" 'our revocation list of .* expired on .*crl_expired' 10
list -1 6
wait_up gw-a gw-b "$(log_mark "$WORK/gw-a.log")"
pass 'with a new list it is up, without a command'
finish
