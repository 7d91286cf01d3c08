#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Certificates as easy-rsa, step-ca, cert-manager, SPIRE and a company's CA issue them, all made by plain openssl: each
# meets the entry of peers that names it, and a wrong one is refused with its reason at both ends.
#
#   gw-a ── gw-b
#
# check: long
# shellcheck disable=SC2317 # Functions are called by name.
set -euo pipefail
# shellcheck source=tests/system/tunnel/common.sh
source "$(dirname "$0")/tunnel/common.sh"

ns_add gw-a
ns_add gw-b
veth gw-a wan0 gw-b wan0
addr gw-a wan0 192.0.2.1/24
addr gw-b wan0 192.0.2.2/24
mkdir "$WORK/c"
cd "$WORK/c"

# ---- certificates ----

key() { # FILE [ALGORITHM-ARGUMENT...]
	local file=$1
	shift
	[[ $# -gt 0 ]] || set -- -algorithm EC -pkeyopt ec_paramgen_curve:P-256
	(umask 077 && openssl genpkey "$@" -out "$file.key" 2>/dev/null)
}
root() { # FILE SUBJECT EXTENSION-LINES
	key "$1"
	printf '%b\n' "$3" >"$1.ext"
	openssl req -new -utf8 -key "$1.key" -subj "$2" -out "$1.csr"
	openssl x509 -req -in "$1.csr" -signkey "$1.key" -days 30 -extfile "$1.ext" -out "$1.crt" 2>/dev/null
}
issue() { # FILE CA SUBJECT EXTENSION-LINES [X509-ARGUMENT...]; a key that is there is used
	local file=$1 ca=$2 subject=$3 extensions=$4
	shift 4
	[[ -e $file.key ]] || key "$file"
	printf '%b\n' "$extensions" >"$file.ext"
	openssl req -new -utf8 -key "$file.key" -subj "$subject" -out "$file.csr"
	openssl x509 -req -in "$file.csr" -CA "$ca.crt" -CAkey "$ca.key" -days 20 -extfile "$file.ext" -out "$file.crt" "$@" 2>/dev/null
}
digest() { # FILE
	openssl x509 -in "$1.crt" -outform DER | sha256sum | cut -d' ' -f1
}
key_digest() { # FILE
	openssl x509 -in "$1.crt" -noout -pubkey | openssl pkey -pubin -outform DER | sha256sum | cut -d' ' -f1
}
CLIENT='extendedKeyUsage=clientAuth'
BOTH='keyUsage=critical,digitalSignature\nextendedKeyUsage=serverAuth,clientAuth'
UPN='1.3.6.1.4.1.311.20.2.3;UTF8'

# easy-rsa: basic constraints not critical, key usage not critical; a leaf has a common name and no other.
root easy '/CN=Easy-RSA CA' 'basicConstraints=CA:TRUE\nkeyUsage=cRLSign,keyCertSign'
# Plain openssl, as in many a tutorial: no key usage, no identifiers of keys.
root plain '/CN=Tutorial CA' 'basicConstraints=CA:TRUE\nsubjectKeyIdentifier=none\nauthorityKeyIdentifier=none'
# step-ca and cert-manager: a root that stays offline, and an intermediate that is all that anybody has.
root offline '/O=Smallstep/CN=Offline Root' 'basicConstraints=critical,CA:TRUE,pathlen:1\nkeyUsage=critical,keyCertSign,cRLSign'
issue sub offline '/O=Smallstep/CN=Sub CA' 'basicConstraints=critical,CA:TRUE,pathlen:0\nkeyUsage=critical,keyCertSign,cRLSign'
root foreign '/CN=Foreign CA' 'basicConstraints=critical,CA:TRUE'
# Of a CA that may only issue names below example.org.
root narrow '/CN=Narrow CA' 'basicConstraints=critical,CA:TRUE\nnameConstraints=critical,permitted;DNS:example.org'

# A public CA's: several DNS names, an IP address, the first name also as the common name.
issue gw-b sub '/CN=vpn.example.org' "$BOTH\nsubjectAltName=DNS:www.example.org,DNS:VPN.example.org,IP:192.0.2.2,DNS:*.example.org"
cat sub.crt >>gw-b.crt

issue easy-client easy '/CN=easy-client' "basicConstraints=CA:FALSE\nkeyUsage=digitalSignature\n$CLIENT"
issue tutorial plain '/C=DE/O=Beispiel/CN=Büro Köln 2' "subjectKeyIdentifier=none\nauthorityKeyIdentifier=none\n$CLIENT"
issue step sub '/' "$BOTH\nsubjectAltName=critical,DNS:laptop.internal,URI:https://ca.internal/laptop"
issue manager sub '/' "$BOTH\nsubjectAltName=critical,DNS:pod-a.ns.svc,DNS:pod-a.ns.svc.cluster.local,IP:10.0.0.1"
issue spire sub '/C=US/O=SPIRE' "$BOTH\nsubjectAltName=URI:spiffe://example.org/ns/vpn/sa/gw-a"
issue person easy '/O=Corp/CN=Alice Ä. Example' "$CLIENT\nsubjectAltName=email:alice@Example.org,otherName:$UPN:alice@corp.example"
issue upn easy '/O=Corp/CN=Bob' "$CLIENT\nsubjectAltName=otherName:$UPN:bob@corp.example,email:bob@example.org"
issue subject easy '/C=DE/O=Corp, Inc./CN=gate way' "$CLIENT"
issue pinned easy '/CN=whatever' "$CLIENT"
issue keyed easy '/CN=keyed' "$CLIENT"
issue same-easy easy '/CN=twin' "$CLIENT"
issue same-sub sub '/CN=twin' "$CLIENT"

# ---- the server ----

cat easy.crt plain.crt sub.crt narrow.crt >ca.crt
server_conf() { # LINES; all peers of the test come before them
	cat >"$WORK/gw-b.conf" <<CONF
name = "gw-b"; control_socket = "$WORK/gw-b.sock"; log_level = "debug"; state_dir = "$WORK/gw-b.state";
certificate = "$WORK/c/gw-b.crt"; key = "$WORK/c/gw-b.key"; ca = "$WORK/c/ca.crt";
listen = [ "0.0.0.0:443" ]; linger = 0; pool4 = "10.9.0.0/24";
peers = (
	{ name = "easy-client"; },
	{ name = "koeln"; identity = "cn:Büro Köln 2"; },
	{ name = "laptop"; identity = "dns:Laptop.internal"; },
	{ name = "pod-a"; identity = "dns:pod-a.ns.svc"; },
	{ name = "spire"; identity = "uri:spiffe://example.org/ns/vpn/sa/gw-a"; },
	{ name = "alice"; identity = "email:alice@example.org"; },
	{ name = "bob"; identity = "upn:bob@corp.example"; },
	{ name = "gate"; identity = "subject:CN=gate way,O=Corp\\\\, Inc.,C=DE"; },
	{ name = "pinned"; identity = "sha256:$(digest pinned)"; },
	{ name = "keyed"; identity = "spki-sha256:$(key_digest keyed)"; },
	{ name = "twin-easy"; identity = "cn:twin"; issuer = "sha256:$(digest easy)"; },
	{ name = "twin-sub"; identity = "cn:twin"; issuer = "subject:CN=Sub CA,O=Smallstep"; },
	{ name = "dns-a"; identity = "dns:a.example.org"; },
	{ name = "dns-b"; identity = "dns:b.example.org"; }$2
);
$1
CONF
}
server_conf '' ''
check 'the configuration is fine' "$CULVERTD" -c "$WORK/gw-b.conf" --check --file-only
server_start gw-b
log=$WORK/gw-b.log

client_conf() { # FILE [LINES]
	local lines=${2-}
	[[ $lines ]] || lines='server_name = "vpn.example.org";'
	(umask 077 && cat >"$WORK/gw-a.conf") <<CONF
name = "gw-a"; control_socket = "$WORK/gw-a.sock"; log_level = "debug"; remotes = [ "192.0.2.2" ];
certificate = "$WORK/c/$1.crt"; key = "$WORK/c/$1.key"; ca = "$WORK/c/ca.crt"; $lines
CONF
}
comes_as() { # FILE ENTRY
	local mark
	mark=$(log_mark "$log")
	client_conf "$1"
	client_start gw-a
	if wait_log_since "$log" "$mark" "$2: session: opening -> up" "$UP_SECONDS"; then
		pass "$1 is $2"
	fi
	check "check says that $1 meets $2" grep -qx "meets entry $2" <("$CULVERT" check "$WORK/gw-b.conf" --certificate "$1.crt")
	stop_bg gw-a
}
refused() { # FILE SERVER-REGEX CLIENT-REGEX; its reason at both ends, and before
	local mark
	mark=$(log_mark "$log")
	client_conf "$1"
	client_start gw-a
	if wait_log_since "$log" "$mark" "refused: .*($2)" "$UP_SECONDS"; then
		pass "$1: the server says why"
	fi
	if wait_log "$WORK/gw-a.log" "$3" "$UP_SECONDS"; then
		pass "$1: so does the client"
	fi
	stop_bg gw-a
}
not_started() { # FILE REGEX
	client_conf "$1"
	check_fails "$1 is not even tried" in_ns gw-a timeout 20 "$CULVERT" up "$WORK/gw-a.conf"
	check "$1: the file to replace is named" grep -qE "c/$1.(crt|key).*($2)" <("$CULVERT" check "$WORK/gw-a.conf" --file-only 2>&1)
}

comes_as easy-client easy-client
comes_as tutorial koeln
comes_as step laptop
comes_as manager pod-a
comes_as spire spire
comes_as person alice
comes_as upn bob
comes_as subject gate
comes_as pinned pinned
comes_as keyed keyed
comes_as same-easy twin-easy
comes_as same-sub twin-sub

# ---- who must not become another ----

NONE='no entry in peers for it'
issue two easy '/CN=two' "$CLIENT\nsubjectAltName=DNS:a.example.org,DNS:b.example.org"
refused two 'meets two entries in peers, dns-. and dns-.,' 'meets two entries in peers, dns-. and dns-.,'
issue two-kinds easy '/CN=easy-client' "$CLIENT\nsubjectAltName=DNS:easy-client,DNS:a.example.org,URI:spiffe://example.org/ns/vpn/sa/gw-a"
refused two-kinds 'meets two entries' 'meets two entries'
issue wild easy '/CN=wild' "$CLIENT\nsubjectAltName=DNS:*.example.org"
refused wild "$NONE" "$NONE"
issue longer easy '/CN=longer' "$CLIENT\nsubjectAltName=DNS:a.example.org.evil.net,DNS:x.a.example.org"
refused longer "$NONE" "$NONE"
issue other-kind easy '/CN=a.example.org' "$CLIENT\nsubjectAltName=email:x@a.example.org"
refused other-kind "$NONE" "$NONE"
issue uri-case easy '/CN=x' "$CLIENT\nsubjectAltName=URI:spiffe://example.org/NS/vpn/sa/gw-a"
refused uri-case "$NONE" "$NONE"
issue uri-more easy '/CN=x' "$CLIENT\nsubjectAltName=URI:spiffe://example.org/ns/vpn/sa/gw-a/"
refused uri-more "$NONE" "$NONE"
issue email-case easy '/CN=x' "$CLIENT\nsubjectAltName=email:Alice@example.org"
refused email-case "$NONE" "$NONE"
issue cn-space easy '/CN=Büro Köln 2 ' "$CLIENT"
refused cn-space "$NONE" "$NONE"
issue subject-less easy '/O=Corp, Inc./CN=gate way' "$CLIENT"
refused subject-less "$NONE" "$NONE"
issue namesake easy '/CN=laptop' "$CLIENT"
refused namesake 'has the name of the entry laptop in peers, but does not meet it: its identity' 'has the name of the entry laptop'
issue twin-plain plain '/CN=twin' "$CLIENT"
refused twin-plain "$NONE" "$NONE"
issue rekeyed easy '/CN=whatever' "$CLIENT"
refused rekeyed "$NONE" "$NONE"
issue narrow-cn narrow '/CN=twin' "$CLIENT"
refused narrow-cn 'has name constraints' "$NONE"
issue narrow-dns narrow '/CN=x' "$CLIENT\nsubjectAltName=DNS:laptop.internal"
not_started narrow-dns 'name constraints of its CA permit'
issue nul easy '/CN=x' "$CLIENT\nsubjectAltName=DER:30:14:82:12:61:2e:65:78:61:6d:70:6c:65:2e:6f:72:67:00:65:76:69:6c"
not_started nul 'has a control character'
# The issuer of the trusted CA is not trusted by that, nor is a CA that only has its name.
issue offline-leaf offline '/CN=easy-client' "$CLIENT"
refused offline-leaf 'not in our ca file' 'not in the ca file'
issue foreign-leaf foreign '/CN=easy-client' "$CLIENT"
refused foreign-leaf 'not in our ca file' 'not in the ca file'
key fake-sub
issue fake-sub foreign '/O=Smallstep/CN=Sub CA' 'basicConstraints=critical,CA:TRUE'
issue fake-leaf fake-sub '/CN=easy-client' "$CLIENT"
refused fake-leaf 'not signed by the CA "Sub CA"|not in our ca file' 'other end refused our certificate|not in the ca file'

# ---- what is too weak, or made for something else ----

issue no-usage easy '/CN=easy-client' 'basicConstraints=CA:FALSE'
not_started no-usage 'has no extended key usage, and a client.s needs clientAuth'
issue server-usage easy '/CN=easy-client' 'extendedKeyUsage=serverAuth'
not_started server-usage 'not meant for a client'
issue mail-usage easy '/CN=easy-client' 'extendedKeyUsage=emailProtection'
not_started mail-usage 'not meant for a client'
issue is-ca easy '/CN=easy-client' "basicConstraints=critical,CA:TRUE\n$CLIENT"
not_started is-ca "a CA's own certificate"
issue sha1 easy '/CN=easy-client' "$CLIENT" -sha1
not_started sha1 'SHA-1, which is too weak'
key rsa1024 -algorithm RSA -pkeyopt rsa_keygen_bits:1024
issue rsa1024 easy '/CN=easy-client' "$CLIENT"
not_started rsa1024 'too short .RSA needs 2,048 bits or more'
issue encipher easy '/CN=easy-client' "keyUsage=critical,keyEncipherment\n$CLIENT"
not_started encipher 'lacks digitalSignature'
issue below easy-client '/CN=below' "$CLIENT"
cat easy-client.crt >>below.crt
not_started below "it is not a CA's"
cp easy-client.key swapped.key
cp easy.crt swapped.crt
not_started swapped "a CA's own; put the one of this end's key first, and the CA's into ca"
cp easy-client.key as-key.crt
cp easy-client.key as-key.key
not_started as-key 'holds a private key: that belongs into key'
head -c 300 easy-client.crt >cut.crt
cp easy-client.key cut.key
not_started cut 'damaged .bad end line.; copy the whole file again'
cp easy-client.csr request.crt
cp easy-client.key request.key
not_started request 'a request for a certificate'

# ---- the server's names ----

named() { # SERVER-NAME
	local mark
	mark=$(log_mark "$log")
	client_conf easy-client "server_name = \"$1\";"
	client_start gw-a
	if wait_log_since "$log" "$mark" 'easy-client: session: opening -> up' "$UP_SECONDS"; then
		pass "server_name $1"
	fi
	stop_bg gw-a
}
named vpn.example.org
named WWW.example.org
for wrong in gw.example.org example.org 192.0.2.2; do
	mark=$(log_mark "$log")
	client_conf easy-client "server_name = \"$wrong\";"
	client_start gw-a
	wait_log "$WORK/gw-a.log" "not for server_name .$wrong. of the profile, but for dns:www.example.org, dns:vpn.example.org" "$UP_SECONDS" &&
		pass "not server_name $wrong"
	wait_log_since "$log" "$mark" "the client refuses this server: .*$wrong" "$UP_SECONDS" && pass 'the server hears it'
	stop_bg gw-a
done
check 'check knows the certificate of the server' grep -qx "it is the server's: server_name vpn.example.org" \
	<(client_conf easy-client && "$CULVERT" check "$WORK/gw-a.conf" --certificate gw-b.crt)

# ---- check ----

"$CULVERTD" -c "$WORK/gw-b.conf" --check --certificate spire.crt >"$WORK/check.out" || fail 'check --certificate' 'not 0'
check 'check shows the names' grep -qx '  uri:spiffe://example.org/ns/vpn/sa/gw-a' "$WORK/check.out"
check 'and the trusted CA' grep -qx '  subject:CN=Sub CA,O=Smallstep' "$WORK/check.out"
check 'and why another entry is not met' grep -q '^entry laptop: its identity "dns:Laptop.internal" is none' "$WORK/check.out"
check 'also one with the plain name' grep -q '^entry easy-client: it has no identity, so' "$WORK/check.out"
status=0
"$CULVERT" check "$WORK/gw-b.conf" --certificate two.crt >"$WORK/check.out" || status=$?
check_equal 'a certificate that is refused has status 3' 3 "$status"
check 'and its reason' grep -q '^refused: the certificate meets two entries' "$WORK/check.out"
"$CULVERT" check "$WORK/gw-b.conf" --certificate foreign-leaf.crt >"$WORK/check.out" || true
check 'one of another CA, too' grep -q '^refused in the handshake: certificate of easy-client was issued by "Foreign CA"' "$WORK/check.out"
issue stranger foreign '/CN=stranger' "$CLIENT"
"$CULVERT" check "$WORK/gw-b.conf" --certificate stranger.crt >"$WORK/check.out" || true
check 'nor is it called valid then' grep -q "^refused: the server's configuration has no entry in peers for it" "$WORK/check.out"
server_conf '' ', { name = "again"; identity = "dns:B.example.org"; }'
check 'two entries that one certificate meets are an error' grep -q 'peers.\[14\].identity (again): .*also meets peers.\[13\] (dns-b)' \
	<("$CULVERTD" -c "$WORK/gw-b.conf" --check --file-only 2>&1)

# A reload judges by the names, too.
mark=$(log_mark "$log")
client_conf step
client_start gw-a
wait_log_since "$log" "$mark" 'laptop: session: opening -> up' "$UP_SECONDS"
server_conf '' ', { name = "second"; identity = "uri:https://ca.internal/laptop"; }'
ctl gw-b reload >/dev/null
wait_log "$WORK/gw-a.log" 'meets two entries in peers, (laptop and second|second and laptop),' 5 && pass 'after a reload two entries are too many'
stop_bg gw-a
finish
