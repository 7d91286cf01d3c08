#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Files of certificate, key, CA and revocation lists change while the tunnels run, and nobody gives a command. New ones are used
# for the next handshake; what does not fit is logged once and changes nothing. Whoever is revoked is gone within a second and
# knows why; whoever is not loses no packet.
#
#   berlin (10.1.0.1) ═════╗
#   rome, paris ═══════════╬═══ gw-b (10.2.0.1)
#   oslo ══════════════════╝
#
# check: timeout 300
# shellcheck disable=SC2317 # Functions are called by name.
set -euo pipefail
# shellcheck source=tests/system/tunnel/common.sh
source "$(dirname "$0")/tunnel/common.sh"

switch_add
switch_join gw-b 192.0.2.2/24 forward
number=10
for peer in berlin rome oslo paris; do
	switch_join $peer 192.0.2.$((number++))/24
done
addr gw-b lo 10.2.0.1/32
addr berlin lo 10.1.0.1/32
pki_add berlin rome oslo
# Paris has a certificate of another CA, which is also in `ca`.
pki_in pki2 init --cn 'Second CA'
pki_in pki2 server gw-b
pki_in pki2 client paris --remote 192.0.2.2

# ---- the files ----

LIVE=$WORK/live
LISTS=$WORK/lists
mkdir "$LIVE" "$LISTS"
new_pair() { # DIR; another certificate of gw-b with its key
	pki renew gw-b
	mkdir -p "$1"
	install -m 644 "$WORK/pki/servers/gw-b/gw-b.crt" "$1/tls.crt"
	install -m 600 "$WORK/pki/servers/gw-b/gw-b.key" "$1/tls.key"
}
new_pair "$LIVE"
cat "$WORK/pki/ca.crt" "$WORK/pki2/ca.crt" >"$LIVE/ca.crt"
pki crl
cp "$WORK/pki/crl.pem" "$LISTS/first.crl"
client_files() { # NAME [DIR]; the newest certificate and key that the PKI has made for it
	local part dir=${2:-pki}
	mkdir -p "$WORK/own"
	for part in certificate key; do
		install -m 600 "$(pki_extract "$1" $part "$dir")" "$WORK/own/.$1.$part"
		mv "$WORK/own/.$1.$part" "$WORK/own/$1.$part"
	done
}
pki_extract_dir() { # KIND of paris: pki_extract joins its DIR to the name of the file
	(umask 077 && sed -n "/^$1 = \"/,/^\"/{ s/^$1 = \"//; /^\"/!p; }" "$WORK/pki2/clients/paris.conf" >"$WORK/own/paris.$1")
}
for peer in berlin rome oslo; do
	client_files $peer
done
pki_extract_dir certificate
pki_extract_dir key

server_conf gw-b <<EOT
certificate = "$LIVE/tls.crt";
key = "$LIVE/tls.key";
ca = "$LIVE/ca.crt";
crl = "$LISTS";
linger = 60;
announce = [ "10.2.0.0/24" ];
peers = ( { name = "berlin"; accept_routes = [ "10.1.0.0/16" ]; }, { name = "rome"; }, { name = "oslo"; }, { name = "paris"; } );
EOT
own() { # NAME; the lines for its files
	printf 'certificate = "%s";\nkey = "%s";\n' "$WORK/own/$1.certificate" "$WORK/own/$1.key"
}
{ own berlin && echo 'announce = [ "10.1.0.0/24" ];'; } | client_conf berlin
{ own rome && echo 'lanes = 3;'; } | client_conf rome
cp "$WORK/pki/crl.pem" "$WORK/own/oslo.crl"
{ own oslo && echo "crl = \"$WORK/own/oslo.crl\";"; } | client_conf oslo
cp "$WORK/pki2/clients/paris.conf" "$WORK/pki/clients/paris.conf"
{ own paris && echo "ca = \"$LIVE/ca.crt\";"; } | client_conf paris
server_start gw-b
for peer in berlin rome oslo paris; do
	client_start $peer
	wait_up gw-b $peer
done
wait_routes berlin 10.2.0.0/24
engine=$(engine_pid gw-b)

# A ping every 10 ms the whole time, of which none may be lost.
start_bg "$WORK/pings.log" pings in_ns berlin ping -D -i 0.01 -W 1 10.2.0.1
wait_for 10 'the pings of berlin are answered' grep -q 'icmp_seq=20 ' "$WORK/pings.log"

served() { # the serial number of the certificate that the server shows
	# It shows its own before it refuses who has none.
	{ in_ns berlin timeout 5 openssl s_client -connect 192.0.2.2:443 -alpn culvert/1 </dev/null 2>/dev/null || true; } |
		openssl x509 -noout -serial
}
serial() { # FILE
	openssl x509 -noout -serial -in "$1"
}
is_served() { # FILE
	[[ $(served) == "$(serial "$1")" ]]
}
faults() {
	grep -c 'changed files cannot be used' "$WORK/gw-b.log" || true
}

# ---- certificate and key ----

check 'the server shows the certificate of its start' is_served "$LIVE/tls.crt"
# Each is put in place by a rename, the certificate first.
new_pair "$WORK/next"
mv "$WORK/next/tls.crt" "$LIVE/tls.crt"
sleep 1.5
check_fails 'a certificate without its key is not shown' is_served "$LIVE/tls.crt"
mv "$WORK/next/tls.key" "$LIVE/tls.key"
wait_for 5 'both are used together' is_served "$LIVE/tls.crt"
check_equal 'and that is no fault' 0 "$(faults)"

# Written in place, and half of the key at first.
new_pair "$WORK/next"
old=$(served)
cat "$WORK/next/tls.crt" >"$LIVE/tls.crt"
head -c 100 "$WORK/next/tls.key" >"$LIVE/tls.key"
sleep 1
check_equal 'half a key changes nothing' "$old" "$(served)"
cat "$WORK/next/tls.key" >"$LIVE/tls.key"
wait_for 5 'the rest makes it whole' is_served "$LIVE/tls.crt"
check_equal 'and that is no fault' 0 "$(faults)"

# What stays broken is logged once.
head -c 100 "$WORK/next/tls.key" >"$LIVE/tls.key"
wait_log "$WORK/gw-b.log" 'changed files cannot be used: .*key: .*what was read before stays in use' 10
touch "$LIVE/tls.key"
sleep 6
check_equal 'a broken key is logged once' 1 "$(faults)"
check 'the old one stays in use' is_served "$LIVE/tls.crt"
cat "$WORK/next/tls.key" >"$LIVE/tls.key"
wait_log "$WORK/gw-b.log" 'the files of certificate, key, ca and crl fit again' 5

# As Kubernetes has it: links to ..data, which is turned to another directory.
new_pair "$LIVE/..1"
ln -s ..1 "$LIVE/..data"
for file in tls.crt tls.key; do
	ln -s "..data/$file" "$LIVE/.new"
	mv "$LIVE/.new" "$LIVE/$file"
done
wait_for 5 'files behind links are used' is_served "$LIVE/..1/tls.crt"
new_pair "$LIVE/..2"
ln -s ..2 "$LIVE/..data_tmp"
mv -T "$LIVE/..data_tmp" "$LIVE/..data"
wait_for 5 'a link that is turned counts' is_served "$LIVE/..2/tls.crt"
check_equal 'and that is no fault' 1 "$(faults)"

# ---- revocation ----

milliseconds() {
	echo $((${EPOCHREALTIME/./} / 1000))
}
# Says how long it took from `begun` until both ends have said these.
goodbye_within() { # NAME SECONDS SERVER-REGEX CLIENT-REGEX
	local took
	wait_log_since "$WORK/$1.log" "$client_mark" "$4" "$2" || return 0
	took=$(($(milliseconds) - begun))
	wait_log_since "$WORK/gw-b.log" "$server_mark" "$3" "$2"
	echo "# $1 had its goodbye after $took ms"
}
begin() { # NAME
	server_mark=$(log_mark "$WORK/gw-b.log")
	client_mark=$(log_mark "$WORK/$1.log")
	begun=$(milliseconds)
}
attempts_since_mark() { # NAME
	tail -n "+$((client_mark + 1))" "$WORK/$1.log" | grep -c 'session: idle -> greeting' || true
}

# The new list is appended to the old one.
pki revoke rome
begin rome
cat "$WORK/pki/crl.pem" >>"$LISTS/first.crl"
goodbye_within rome 3 'rome: its certificate is not accepted any more: certificate of rome was revoked' \
	'received a goodbye: the certificate is not accepted any more: the certificate of rome was revoked'
wait_log_since "$WORK/gw-b.log" "$server_mark" 'rome: session: closing -> removing' 5
check 'the server shows why it left' grep -E 'rome.*revoked' <(ctl gw-b status)
sleep 3
check_equal 'a revoked client does not hurry back' 0 "$(attempts_since_mark rome)"
wait_log_since "$WORK/rome.log" "$client_mark" 'gw-b: session: greeting -> idle: .*refused our certificate: it has been revoked' 15
check_equal 'it has tried once more, and was told why' 1 "$(attempts_since_mark rome)"
wait_log_since "$WORK/rome.log" "$client_mark" 'gw-b: retrying in (9|10)\..*' 5

# A new certificate brings it back, without a command at either end.
pki renew rome
begin rome
client_files rome
wait_up rome gw-b "$client_mark"
echo "# rome was back after $(($(milliseconds) - begun)) ms"

# Its certificate is renewed again, and the old one, which its session has shown, is revoked: it need not wait.
pki renew rome
mark=$(log_mark "$WORK/rome.log")
client_files rome
wait_log_since "$WORK/rome.log" "$mark" 'notice netd: configuration .*the file of certificate, the file of key' 10
pki revoke rome --superseded
begin rome
cp "$WORK/pki/crl.pem" "$LISTS/.second"
mv "$LISTS/.second" "$LISTS/second.crl"
wait_log_since "$WORK/rome.log" "$client_mark" 'received a goodbye: the certificate is not accepted any more' 3
wait_log_since "$WORK/rome.log" "$client_mark" 'gw-b: session: opening -> up' 5
check 'who has a new certificate already returns at once' test $(($(milliseconds) - begun)) -lt 8000

# A session that lingers: its peer is gone without a goodbye. The list comes as another file of the directory.
mark=$(log_mark "$WORK/gw-b.log")
stop_bg oslo KILL 2>/dev/null
wait_log_since "$WORK/gw-b.log" "$mark" 'oslo: session: up -> idle' 30
pki revoke oslo
begin oslo
cp "$WORK/pki/crl.pem" "$LISTS/.second"
mv "$LISTS/.second" "$LISTS/second.crl"
wait_log_since "$WORK/gw-b.log" "$server_mark" 'oslo: session: idle -> removing: the certificate of oslo was revoked' 3

# A CA that is not in `ca` any more.
begin paris
cp "$WORK/pki/ca.crt" "$LIVE/ca.new"
mv "$LIVE/ca.new" "$LIVE/ca.crt"
goodbye_within paris 3 'paris: its certificate is not accepted any more: .*which is not in our ca file' \
	'received a goodbye: the certificate is not accepted any more: a CA above the certificate of paris'
wait_log_since "$WORK/gw-b.log" "$server_mark" 'paris: session: removing -> ended' 5

# ---- at a client ----

# Oslo is back with a new certificate, and revokes its server.
pki renew oslo
client_files oslo
client_start oslo
wait_up gw-b oslo "$server_mark"
new_pair "$LIVE/..3"
pki revoke gw-b --superseded
begin oslo
cp "$WORK/pki/crl.pem" "$WORK/own/oslo.crl"
goodbye_within oslo 3 'oslo: received a goodbye: the certificate is not accepted any more: the certificate of gw-b was revoked' \
	'gw-b: its certificate is not accepted any more: certificate of gw-b was revoked'
ln -s ..3 "$LIVE/..data_tmp"
mv -T "$LIVE/..data_tmp" "$LIVE/..data"
wait_log_since "$WORK/oslo.log" "$client_mark" 'gw-b: session: opening -> up' 30
echo "# oslo was back after $(($(milliseconds) - begun)) ms"

# ---- and who was not meant ----

kill -INT "$(pid_of pings)"
wait_exit pings 10 || true
check_equal 'berlin has lost no ping' 0 "$(sed -n 's/.* \([0-9.]*\)% packet loss.*/\1/p' "$WORK/pings.log")"
check_equal 'nor its connection' 1 "$(session_value gw-b berlin .connections)"
check_equal 'the engine is the same' "$engine" "$(engine_pid gw-b)"
finish
