#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# A rollover of the CA under running programs: at each step of `culvert-pki rollover` every client reconnects, with the
# old and the new certificates as the step promises, and the old CA is of no use after the last.
#
#   early    (192.0.2.1) ──┐
#   late     (192.0.2.3) ──┼── wan ── gw-b (192.0.2.2)     early is renewed first, late last, the server in between;
#   between  (192.0.2.4) ──┘                               between is issued during the rollover and then revoked
#
# check: long
# shellcheck disable=SC2317 # Functions are called by name.
set -euo pipefail
# shellcheck source=tests/system/tunnel/common.sh
source "$(dirname "$0")/tunnel/common.sh"

switch_add
switch_join early 192.0.2.1/24
switch_join gw-b 192.0.2.2/24
switch_join late 192.0.2.3/24
switch_join between 192.0.2.4/24
pki_add early late

# ---- what is handed out ----

# To a server: files of its directory, each renamed over the one before.
to_server() { # FILE...
	local file
	mkdir -p "$WORK/gw-b.files"
	handed_out[gw-b]=$(log_mark "$WORK/gw-b.log")
	for file; do
		install -m 600 "$WORK/pki/servers/gw-b/$file" "$WORK/gw-b.files/.new"
		mv "$WORK/gw-b.files/.new" "$WORK/gw-b.files/$file"
	done
}

back_to_before() { # FILE...: what the server had before the rollover
	local file
	handed_out[gw-b]=$(log_mark "$WORK/gw-b.log")
	for file; do
		cp -a "$WORK/before/$file" "$WORK/gw-b.files/.old"
		mv "$WORK/gw-b.files/.old" "$WORK/gw-b.files/$file"
	done
}

to_client() { # NAME [KIND...]: the parts of its profile, as files
	local name=$1 kind
	mkdir -p "$WORK/$name.files"
	handed_out[$name]=$(log_mark "$WORK/$name.log")
	shift
	[[ $# -gt 0 ]] || set -- certificate key ca
	for kind; do
		mv "$(pki_extract "$name" "$kind")" "$WORK/$name.files/$kind"
	done
}

configure_client() { # NAME
	client_conf "$1" <<-CONF
		certificate = "$WORK/$1.files/certificate";
		key = "$WORK/$1.files/key";
		ca = "$WORK/$1.files/ca";
	CONF
}

# The programs use what was handed out, and nobody gives a command.
declare -A handed_out=()
in_use() { # NAME
	wait_log_since "$WORK/$1.log" "${handed_out[$1]}" 'configuration [0-9]+ -> [0-9]+' "$UP_SECONDS"
}

# The ports of its connections say which they are: the log counts lines that are repeated.
connections() { # CLIENT
	in_ns "$1" ss -Htn state established dst 192.0.2.2 dport = 443 | awk '{ print $3 }' | sort
}

# Who waits for the next try, ever longer as its sessions are short, tries at once when an address has changed.
has_come_back() { # CLIENT CONNECTIONS-BEFORE
	local now
	now=$(connections "$1")
	if [[ -z $now ]]; then
		ip_ns "$1" addr add 192.0.2.200/32 dev lo
		ip_ns "$1" addr del 192.0.2.200/32 dev lo
	fi
	[[ -n $now && -z $(comm -12 <(echo "$now") <(echo "$2")) ]] && pings "$1" $SERVER4
}

cut() { # CLIENT
	in_ns "$1" ss -K dst 192.0.2.2 dport = 443 >/dev/null 2>&1 || true
}

# Their connections are cut, so that each makes a new handshake.
reconnects() { # WHEN CLIENT...
	local when=$1 client
	local -A before=()
	shift
	for client; do
		before[$client]=$(connections "$client")
		cut "$client"
	done
	for client; do
		wait_for $((UP_SECONDS * 2)) "$when: $client reconnects" has_come_back "$client" "${before[$client]}" &&
			pass "$when: $client reconnects"
	done
}

tried_since() { # CLIENT MARK REGEX
	log_has_since "$WORK/$1.log" "$2" "$3"
}

# ---- before ----

to_server ca.crt crl.pem gw-b.crt gw-b.key
# Every certificate needs a list, at each step.
server_conf gw-b <<CONF
certificate = "$WORK/gw-b.files/gw-b.crt";
key = "$WORK/gw-b.files/gw-b.key";
ca = "$WORK/gw-b.files/ca.crt";
crl = "$WORK/gw-b.files/crl.pem";
crl_missing = "refuse";
peers = ( { name = "early"; }, { name = "late"; }, { name = "between"; } );
CONF
server_start gw-b
for client in early late; do
	to_client "$client"
	configure_client "$client"
	client_start "$client"
	wait_up "$client" gw-b
done
cp -a "$WORK/gw-b.files" "$WORK/before"
cp -a "$WORK/early.files" "$WORK/early.before"

# ---- the new CA is there, the old one signs ----

pki rollover new
reconnects 'a new CA, not handed out' early late
to_server ca.crt crl.pem
in_use gw-b
pki client between --remote 192.0.2.2
to_client between
configure_client between
client_start between
reconnects 'the server trusts both CAs' early late between

# ---- the new CA signs ----

pki rollover cross-issue
to_server ca.crt crl.pem
in_use gw-b
reconnects 'the new CA signs' early late between
pki renew early
to_client early
in_use early
reconnects 'a renewed client beside old ones' early late between
# Whatever a server has not been given yet: the cross certificate comes with each new one.
back_to_before ca.crt crl.pem
in_use gw-b
reconnects 'a server that has the old CA alone' early late
to_server ca.crt crl.pem
in_use gw-b
pki renew gw-b
to_server gw-b.crt gw-b.key
in_use gw-b
check_equal 'late still trusts the old CA alone' 1 "$(grep -c 'BEGIN CERT' "$WORK/late.files/ca")"
reconnects 'a renewed server, and clients that trust the old CA alone' early late between
mark=$(log_mark "$WORK/gw-b.log")
pki revoke between
to_server crl.pem
in_use gw-b
wait_log_since "$WORK/gw-b.log" "$mark" 'refused: .*certificate of between was revoked' $((UP_SECONDS * 2)) &&
	pass 'a certificate of the old CA is revoked'
stop_bg between
reconnects 'a revocation of the old CA' early late

# ---- the old CA is retired ----

check_fails 'the old CA is not retired while a client needs it' "$PKI" --dir "$WORK/pki" rollover retire
pki renew late
to_client late
in_use late
reconnects 'every client is renewed' early late
pki rollover retire
reconnects 'retired, not handed out' early late
to_server ca.crt crl.pem
in_use gw-b
reconnects 'the server trusts the new CA alone' early late
to_client early ca
in_use early
reconnects 'a client that trusts the new CA alone' early late
check_equal 'early trusts the new CA alone' 1 "$(grep -c 'BEGIN CERT' "$WORK/early.files/ca")"

# What the old CA has signed opens nothing any more, at either end.
mark=$(log_mark "$WORK/gw-b.log")
client_conf between early <<CONF
certificate = "$WORK/early.before/certificate";
key = "$WORK/early.before/key";
ca = "$WORK/pki/ca.crt";
CONF
client_start between
wait_log_since "$WORK/gw-b.log" "$mark" 'refused: .*certificate of early is not signed by the CA' $((UP_SECONDS * 2)) &&
	pass 'a certificate of the old CA is refused'
stop_bg between
mark=$(log_mark "$WORK/early.log")
back_to_before gw-b.crt gw-b.key ca.crt crl.pem
in_use gw-b
cut early
wait_for $((UP_SECONDS * 2)) 'early refuses a server of the old CA' tried_since early "$mark" \
	'connection failed: .*certificate of gw-b is not signed by the CA' && pass 'a server of the old CA is refused'
finish
