#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# A client renews its certificate through the tunnel, again and again, and keeps it across restarts. The issuing process alone
# has the key of the issuing CA; it refuses whom it must, and comes back when it was killed. A full disk leaves the old
# certificate in place. A new CA reaches the client by a cross certificate.
#
#   gw-a (192.0.2.1) ──── gw-b (192.0.2.2)
#
# check: timeout 300
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
openssl_quiet() {
	openssl "$@" >>"$WORK/openssl.log" 2>&1
}

# A CA of its own for a name and a key: self-signed, and in a cross certificate of the network's CA, which by its path length
# may have no CA below it.
authority() { # DIR NAME EXTENSION-LINE...
	local dir=$WORK/$1 name=$2
	shift 2
	mkdir -p "$dir"
	printf '%s\n' 'basicConstraints = critical,CA:TRUE' 'keyUsage = critical,keyCertSign,cRLSign' \
		'subjectKeyIdentifier = hash' "$@" >"$dir/ext"
	[[ -e $dir/key.pem ]] || openssl_quiet genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$dir/key.pem"
	chmod 600 "$dir/key.pem"
	openssl_quiet req -new -key "$dir/key.pem" -out "$dir/csr.pem" -subj "/CN=$name"
	openssl_quiet x509 -req -in "$dir/csr.pem" -signkey "$dir/key.pem" -days 30 -extfile "$dir/ext" -out "$dir/cert.pem"
	openssl_quiet x509 -req -in "$dir/csr.pem" -CA "$WORK/pki/ca.crt" -CAkey "$WORK/pki/ca/ca.key" -days 30 \
		-extfile "$dir/ext" -out "$dir/cross.pem"
}
# The issuing CA makes clients' certificates and no servers'.
authority issuer 'Renewal CA' 'extendedKeyUsage = clientAuth'
cat "$WORK/pki/ca.crt" "$WORK/issuer/cert.pem" "$WORK/issuer/cross.pem" >"$WORK/ca.pem"

server_with() { # LINE...
	printf '%s\n' 'linger = 30; peers = ( { name = "gw-a"; }, { name = "gw-c"; } );' "$@" | server_conf gw-b
}
issuer="issuer = { certificate = \"$WORK/issuer/cert.pem\"; key = \"$WORK/issuer/key.pem\"; lifetime = \"30s\"; };"
server_with "$issuer" "ca = \"$WORK/ca.pem\";"
check 'check takes the issuer' "$CULVERTD" --check -c "$WORK/gw-b.conf"
sed "s|$WORK/issuer/key.pem|$WORK/pki/ca/ca.key|" "$WORK/gw-b.conf" >"$WORK/wrong.conf"
check_equal 'check refuses a key of another CA' 3 "$("$CULVERTD" --check -c "$WORK/wrong.conf" >"$WORK/wrong.out" 2>&1; echo $?)"
check 'and names it' grep -F 'issuer.key: does not belong to issuer.certificate' "$WORK/wrong.out"
server_start gw-b
wait_log "$WORK/gw-b.log" 'issuer: ready to renew certificates' 5

issuer_pid() {
	sed -n 's/.*the issuing process runs (pid \([0-9]*\)).*/\1/p' "$WORK/gw-b.log" | tail -n 1
}
check 'the engine does not have the key' bash -c "! ls -l /proc/$(engine_pid gw-b)/fd | grep issuer"

# ---- again and again ----

moved() { # TIMES
	[[ $(grep -c 'session: up -> .*a connection with the renewed certificate takes over' "$WORK/gw-a.log") -ge $1 ]]
}

pki client gw-a --remote 192.0.2.2 --not-after "$(at 30)"
client_conf gw-a <<<"renew = true; state_dir = \"$WORK/gw-a.state\";"
client_start gw-a
wait_up gw-a gw-b
renewals() {
	grep -c 'gw-a: issued a certificate' "$WORK/gw-b.log" || true
}
renewed() { # TIMES
	[[ $(renewals) -ge $1 ]]
}
start_bg "$WORK/ping.log" ping in_ns gw-a ping -n -i 0.05 -W 3 "$SERVER4"
wait_for 40 'the certificate is renewed in the last third of its life' renewed 1
check 'the issuer logs whose, which and until when' \
	grep -E 'issuer: gw-a: issued a certificate: serial [0-9a-f]{38}, valid until 20' "$WORK/gw-b.log"
wait_log "$WORK/gw-a.log" 'the certificate is renewed; connecting with it beside the old connection' 5
wait_log "$WORK/gw-a.log" 'a connection with the renewed certificate takes over' 5
check_equal 'what was renewed is private' 600 "$(stat -c %a "$WORK/gw-a.state/renewed.pem")"
wait_for 40 'and renewed again' renewed 2
wait_for 5 'and the session moves again' moved 2
stop_bg ping INT
# What is under way on the old connection in that moment may be lost, and no more.
# shellcheck disable=SC2016 # Expanded by awk.
check 'moving costs a packet or two at most' awk '/ packets transmitted/ { lost = $1 - $4 } END { exit !(NR > 0 && lost <= 3) }' "$WORK/ping.log"
refute_log "$WORK/gw-a.log" 'the certificate of gw-a has expired'
check 'status says when the next is' grep 'next renewal: ' <(ctl gw-a status)
check 'and what came of the last' grep -E '"renewed": ?true' <(ctl gw-a status --json)
subject() { # FILE
	openssl x509 -in "$1" -noout -subject -ext subjectAltName,basicConstraints,extendedKeyUsage 2>>"$WORK/openssl.log"
}
check 'it names the same and is no CA' grep -E 'CA:FALSE' <(subject "$WORK/gw-a.state/renewed.pem")
check 'for a client only' grep -F 'TLS Web Client Authentication' <(subject "$WORK/gw-a.state/renewed.pem")

# ---- a restart ----

stop_bg gw-a TERM
mark=$(log_mark "$WORK/gw-a.log")
check 'the profile has expired meanwhile' bash -c "! openssl x509 -in '$(pki_extract gw-a certificate)' -noout -checkend 0"
client_start gw-a
wait_for 10 'a restart takes the renewed one' log_has_since "$WORK/gw-a.log" "$mark" 'session: opening -> up'
check_fails 'it does not warn of the expired profile' log_has_since "$WORK/gw-a.log" "$mark" 'new connections fail until'
count=$(renewals)
wait_for 40 'and it is renewed further' renewed $((count + 1))

# ---- the issuing process ----

kill -KILL "$(issuer_pid)"
wait_log "$WORK/gw-b.log" 'the issuing process .pid [0-9]*. has ended' 5
count=$(renewals)
wait_for 60 'killed, it comes back and goes on' renewed $((count + 1))

# ---- a full disk ----

stop_bg gw-a TERM
mkdir "$WORK/full"
client_conf gw-a <<<"renew = true; state_dir = \"$WORK/full\";"
mark=$(log_mark "$WORK/gw-a.log")
# shellcheck disable=SC2016 # Expanded by that shell.
start_bg "$WORK/gw-a.log" gw-a in_ns gw-a unshare -m sh -ec 'mount -t tmpfs -o size=16k,mode=700 none "$2"
	cp "$1"/renewed*.pem "$2"; chown -R --reference="$1" "$2"
	dd if=/dev/zero of="$2/renewed.filler" bs=1k count=64 2>/dev/null || :; chown --reference="$1" "$2/renewed.filler"
	shift 2; exec "$@"' sh "$WORK/gw-a.state" "$WORK/full" "$CULVERT" up "$WORK/gw-a.conf"
wait_for 10 'it is up by what was renewed' log_has_since "$WORK/gw-a.log" "$mark" 'session: opening -> up'
full() {
	echo "/proc/$(pid_of gw-a)/root$WORK/full"
}
before=$(md5sum <"$(full)/renewed.pem")
wait_log "$WORK/gw-a.log" 'the certificate was not renewed: cannot write .*renewed.pem: .*the old one stays' 60
check_equal 'a full disk leaves the old one' "$before" "$(md5sum <"$(full)/renewed.pem")"
rm "$(full)/renewed.filler"
has_changed() {
	[[ $(md5sum <"$(full)/renewed.pem") != "$before" ]]
}
wait_for 60 'with room it is renewed' has_changed
stop_bg gw-a TERM

# ---- a new CA ----

pki renew gw-a

pki_in next init --cn 'Next CA'
cp "$WORK/next/ca/ca.key" "$WORK/next/key.pem"
authority next 'Next CA'
cat "$WORK/ca.pem" "$WORK/next/ca.crt" "$WORK/next/cross.pem" >"$WORK/both.crt"
stop_bg gw-b TERM
server_with "$issuer" "ca = \"$WORK/both.crt\";"
server_start gw-b
rm -rf "$WORK/gw-a.state"
client_conf gw-a <<<"renew = true; state_dir = \"$WORK/gw-a.state\";"
client_start gw-a
wait_log "$WORK/gw-a.log" 'trusting 2 more authorities, for which one vouches already: "Renewal CA", "Next CA"' 10
# Now the server gets a certificate of the new CA alone, which the profile does not know.
pki_in next server gw-b
stop_bg gw-b TERM
server_with "$issuer" "ca = \"$WORK/both.crt\";" "certificate = \"$WORK/next/servers/gw-b/gw-b.crt\";" \
	"key = \"$WORK/next/servers/gw-b/gw-b.key\";"
mark=$(log_mark "$WORK/gw-a.log")
server_start gw-b
wait_for 20 'the client takes a server of the new CA' log_has_since "$WORK/gw-a.log" "$mark" 'session: opening -> up'
stop_bg gw-a TERM
mark=$(log_mark "$WORK/gw-a.log")
client_start gw-a
wait_for 10 'after a restart, too' log_has_since "$WORK/gw-a.log" "$mark" 'session: opening -> up'
# The profile alone would not accept the server.
mark=$(log_mark "$WORK/gw-a.log")
echo 'max_routes = 77;' >>"$WORK/gw-a.conf"
check 'a reload is applied' "$CULVERT" reload --socket "$WORK/gw-a.sock"
pings gw-a "$SERVER4" 20
check_fails 'and the session goes on by the renewed authorities' log_has_since "$WORK/gw-a.log" "$mark" 'session: up -> '
stop_bg gw-a TERM
printf 'x' >>"$WORK/gw-a.state/renewed-trust.pem"
cp "$WORK/next/ca.crt" "$WORK/gw-a.state/renewed-trust.pem"
mark=$(log_mark "$WORK/gw-a.log")
client_start gw-a
wait_for 10 'an authority for which nothing vouches is not trusted, even from the state directory' \
	log_has_since "$WORK/gw-a.log" "$mark" 'renewed-trust.pem is not used: no CA that this host trusts vouches'
stop_bg gw-a TERM

# ---- no renewal ----

client_conf gw-a <<<"renew = true; state_dir = \"/proc/renewed\";"
mark=$(log_mark "$WORK/gw-a.log")
client_start gw-a
wait_for 10 'without a directory it warns' log_has_since "$WORK/gw-a.log" "$mark" 'renew = true has no effect: cannot make state directory'
finish
