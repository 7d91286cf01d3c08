#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Whoever does not get past the handshake: each is refused or closed within handshake_timeout, the server's log says why and
# from where, a Culvert client says why in words, and a session that is there all the while notices nothing.
#
#   stranger (192.0.2.9) ──┐
#                          ├── wan ── gw-b         gw-a keeps its session and pings without a pause
#   gw-a     (192.0.2.1) ──┘
#
# check: sanitized
# shellcheck disable=SC2317 # Functions are called by name.
set -euo pipefail
# shellcheck source=tests/system/tunnel/common.sh
source "$(dirname "$0")/tunnel/common.sh"

TIMEOUT=3 # handshake_timeout of the server

switch_add
switch_join gw-a 192.0.2.1/24
switch_join gw-b 192.0.2.2/24
switch_join stranger 192.0.2.9/24

# Certificates: of our CA and what is wrong with them, and of another CA.
pki_add gw-a stranger unlisted revoked
pki client expired --remote 192.0.2.2 --not-before 20200101000000Z --not-after 20200201000000Z
pki client early --remote 192.0.2.2 --not-before "$(date -u -d '+1 year' +%Y%m%d000000Z)" --not-after "$(date -u -d '+2 years' +%Y%m%d000000Z)"
pki revoke revoked
pki_in other init --cn 'Other CA'
pki_in other server gw-b
pki_in other client stranger --remote 192.0.2.2
CLIENT_USE='extendedKeyUsage=clientAuth\nkeyUsage=critical,digitalSignature\nbasicConstraints=critical,CA:FALSE'
forge slash '/CN=stranger' "$CLIENT_USE\nsubjectAltName=DNS:../../etc/passwd"
# shellcheck disable=SC2016 # A name that would be a command.
forge command '/CN=stranger' "$CLIENT_USE"'\nsubjectAltName=DNS:\\$(id)'
forge two-names '/CN=stranger' "$CLIENT_USE\nsubjectAltName=DNS:stranger,DNS:gw-a"
forge two-cns '/CN=stranger/CN=gw-a' "$CLIENT_USE"
forge nameless '/O=Nobody' "$CLIENT_USE"
forge long '/CN=stranger' "$CLIENT_USE\nsubjectAltName=DNS:$(printf 'a%.0s' {1..65})"
forge ca '/CN=stranger' 'extendedKeyUsage=clientAuth\nbasicConstraints=critical,CA:TRUE\nsubjectAltName=DNS:stranger'
forge no-purpose '/CN=stranger' 'basicConstraints=critical,CA:FALSE\nsubjectAltName=DNS:stranger'
forge cn-only '/CN=stranger' "$CLIENT_USE"

server_conf gw-b <<CONF
handshake_timeout = $TIMEOUT;
crl = "$WORK/pki/crl.pem";
peers = ( { name = "gw-a"; }, { name = "stranger"; }, { name = "revoked"; }, { name = "expired"; },
	{ name = "early"; }, { name = "gw-b"; } );
CONF
# A list of another CA alone.
client_conf gw-a <<<"crl = \"$WORK/other/crl.pem\"; crl_missing = \"refuse\";"
check_fails 'who refuses what has no list needs one of its CA' in_ns gw-a "$CULVERT" check "$WORK/gw-a.conf"
client_conf gw-a <<<"crl = \"$WORK/other/crl.pem\";"
server_start gw-b
client_start gw-a
wait_up gw-a gw-b
check 'a certificate whose issuer has no list is let in with a warning' \
	grep -E 'warning engine: gw-b: crl has no revocation list of "Culvert CA", .* crl_missing' "$WORK/gw-a.log"
wait_for 5 'the tunnel answers' pings gw-a $SERVER4
start_bg "$WORK/steady.log" steady in_ns gw-a ping -n -i 0.05 -W 3 $SERVER4

FROM='192\.0\.2\.9:[0-9]+'
log=$WORK/gw-b.log

# openssl s_client as the stranger; stdin stays open, so that it is the server who ends it.
s_client() { # ARGUMENT...
	in_ns stranger timeout $((TIMEOUT + UP_SECONDS)) bash -c 'sleep infinity | exec "$@"' bash \
		openssl s_client -connect 192.0.2.2:443 -quiet -no_ign_eof "$@" </dev/null
}

disconnected() {
	[[ -z $(in_ns gw-b ss -Htn state established dst 192.0.2.9) ]]
}

end_stranger() {
	local pid
	for pid in $(ip netns pids "$(ns_name stranger)"); do
		kill -KILL "$pid" 2>/dev/null || true
	done
}

# Runs somebody who must be refused: the server's log has to say so with this cause, in time.
refused() { # NAME CAUSE-REGEX COMMAND...
	local name=$1 cause=$2 mark start
	shift 2
	mark=$(log_mark "$log")
	start=$(now_ms)
	"$@" >"$WORK/refused.out" 2>&1 &
	local pid=$!
	if wait_log_since "$log" "$mark" "$FROM: refused: .*($cause)" $((TIMEOUT + UP_SECONDS)); then
		pass "$name: refused with its cause"
	fi
	if [[ -z $SANITIZED && $(($(now_ms) - start)) -gt $((TIMEOUT * 1000 + 1000)) ]]; then
		fail "$name: in time" "it took $(($(now_ms) - start)) ms"
	fi
	wait_for $((TIMEOUT + UP_SECONDS)) "$name: its connection is closed" disconnected
	end_stranger
	wait "$pid" 2>/dev/null || true
}

with_cert() { # CERTIFICATE KEY; ALPN and version as a client of ours has them
	s_client -tls1_3 -alpn culvert/1 -cert "$1" -key "$2"
}
forged() { # FILE
	with_cert "$WORK/forged/$1.crt" "$WORK/forged/$1.key"
}
profile() { # CLIENT
	with_cert "$(pki_extract "$1" certificate)" "$(pki_extract "$1" key)"
}

# ---- certificates ----

refused 'a certificate of another CA' 'ca file' \
	with_cert "$(pki_extract stranger certificate other)" "$(pki_extract stranger key other)"
refused 'an expired certificate' 'certificate of expired expired on 2020-02-01; renew it with culvert-pki renew expired' \
	profile expired
refused 'a certificate that is not valid yet' "certificate of early is valid only from $(date -u -d '+1 year' +%Y-%m-%d)" profile early
refused 'a revoked certificate' 'certificate of revoked was revoked on ' profile revoked
refused "a server's certificate" 'gw-b.*(clientAuth|not meant for a client|does not permit)' \
	with_cert "$WORK/pki/servers/gw-b/gw-b.crt" "$WORK/pki/servers/gw-b/gw-b.key"
refused 'no certificate' 'no certificate' s_client -tls1_3 -alpn culvert/1
refused 'a name that is a path' 'etc/passwd.*(not|is none)|characters' forged slash
refused 'a name that is a command' 'characters|refused' forged command
refused 'two names' 'one DNS name' forged two-names
refused 'two common names' 'more than one common name' forged two-cns
refused 'no name' 'names no peer|neither' forged nameless
refused 'a name that is too long' '1 to 64' forged long
refused "a CA's certificate" 'CA' forged ca
refused 'a certificate without a purpose' 'extended key usage' forged no-purpose

# ---- what is not TLS 1.3 with our ALPN ----

refused 'TLS 1.2' 'TLS 1\.2|TLS 1\.3' s_client -tls1_2 -alpn culvert/1
refused 'another ALPN' 'culvert/1' s_client -tls1_3 -alpn h2
refused 'no ALPN' 'culvert/1' s_client -tls1_3
refused 'plain HTTP' 'HTTP' \
	in_ns stranger timeout $((TIMEOUT + UP_SECONDS)) bash -c \
	'exec 3<>/dev/tcp/192.0.2.2/443; printf "GET / HTTP/1.1\r\nHost: gw-b\r\n\r\n" >&3; cat <&3'
refused 'random bytes' 'TLS' \
	in_ns stranger timeout $((TIMEOUT + UP_SECONDS)) bash -c \
	'exec 3<>/dev/tcp/192.0.2.2/443; head -c 20000 /dev/urandom >&3; cat <&3'
refused 'silence' 'deadline|in time|too long' \
	in_ns stranger timeout $((TIMEOUT + UP_SECONDS)) bash -c 'exec 3<>/dev/tcp/192.0.2.2/443; cat <&3'
# A valid beginning of a ClientHello, then a byte a second.
refused 'one byte a second' 'deadline|in time|too long' \
	in_ns stranger timeout $((TIMEOUT + UP_SECONDS)) bash -c \
	'exec 3<>/dev/tcp/192.0.2.2/443; printf "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" >&3
	while printf "\0" >&3; do read -r -t 1 <&3; [[ $? -gt 128 ]] || exit 0; done'
refused 'an early close' 'closed' \
	in_ns stranger timeout $((TIMEOUT + UP_SECONDS)) bash -c \
	'exec 3<>/dev/tcp/192.0.2.2/443; printf "\x16\x03\x01\x02\x00" >&3'
# Sends half of a record, then ends its direction and waits for the server's end.
refused 'a half-close' 'closed' \
	in_ns stranger timeout $((TIMEOUT + UP_SECONDS)) bash -c \
	'printf "\x16\x03\x01\x02\x00\x01\x00" | socat -t 60 - TCP4:192.0.2.2:443'
puppet_half() {
	in_ns stranger "$PUPPET" connect 192.0.2.2:443 "$(pki_extract stranger certificate)" \
		"$(pki_extract stranger key)" "$WORK/pki/ca.crt"
}
silent_after_tls() {
	printf 'await close 60\n' | puppet_half
}
refused 'silence after the handshake' 'deadline|in time|too long|hello' silent_after_tls
half_after_tls() {
	printf 'shut\nawait close 60\n' | puppet_half
}
refused 'a half-close after the handshake' 'closed' half_after_tls

# The server closes within the deadline even where nobody could see a log line: counted in real time.
if [[ -z $SANITIZED ]]; then
	start=$(now_ms)
	in_ns stranger timeout 20 bash -c 'exec 3<>/dev/tcp/192.0.2.2/443; cat <&3' || true
	took=$(($(now_ms) - start))
	check "silence is ended after handshake_timeout, not much later ($took ms)" \
		test "$took" -ge $((TIMEOUT * 1000 - 200)) -a "$took" -le $((TIMEOUT * 1000 + 1500))
fi

# ---- the words at a client's ----

says() { # NAME CONF CAUSE-REGEX; a client that tries goes on trying, and says why it does not succeed
	start_bg "$WORK/$2.log" "$2" in_ns stranger "$CULVERT" up "$WORK/$2.conf"
	if wait_log "$WORK/$2.log" "$3" "$UP_SECONDS"; then
		pass "$1: the client says why"
	fi
	stop_bg "$2"
}
server_says() { # NAME CAUSE-REGEX
	expect_log "$log" "$FROM: refused: .*$2"
}

client_conf unlisted </dev/null
says 'an unlisted client' unlisted 'peers entry|not listed|unlisted'
server_says unlisted '(unlisted|peers)'
# As in docs/examples/worker.conf: what keeps it out is no detail.
client_conf revoked <<<'log_level = "notice";'
says 'a revoked client, at log_level notice,' revoked 'refused our certificate: it has been revoked'
mkdir "$WORK/cut"
client_conf stranger </dev/null
sed "/^ca = \"/,/^\"/d" "$WORK/stranger.conf" >"$WORK/wrong-ca.conf"
sed -n "/^ca = \"/,/^\"/p" "$WORK/other/clients/stranger.conf" >>"$WORK/wrong-ca.conf"
sed -i "s|$WORK/stranger\.|$WORK/wrong-ca.|; s/\"stranger\"/\"wrong-ca\"/" "$WORK/wrong-ca.conf"
chmod 600 "$WORK/wrong-ca.conf"
says 'a client that knows another CA' wrong-ca 'connection failed: .*gw-b.*ca file'
client_conf wrong-name stranger <<'CONF'
server_name = "gw-z";
CONF
says 'a client that expects another server' wrong-name 'gw-b.*gw-z|gw-z.*gw-b'
is_turned_down() { grep -qE 'refused: .*stranger.* the client refuses this server: .*gw-z' <(ctl gw-b doctor); }
wait_for 5 'the server tells the cause, too' is_turned_down
pass 'the server tells the cause, too'
mkdir -p "$WORK/foreign"
{
	sed -n "/^certificate = \"/,/^\"/p; /^key = \"/,/^\"/p" "$WORK/other/clients/stranger.conf"
	sed "/^certificate = \"/,/^\"/d; /^key = \"/,/^\"/d; s|$WORK/stranger\.|$WORK/foreign.|; s/\"stranger\"/\"foreign\"/" \
		"$WORK/stranger.conf"
} >"$WORK/foreign.conf"
chmod 600 "$WORK/foreign.conf"
says 'a client of another CA' foreign 'refused our certificate: its issuer is not in the ca file'
client_conf expired </dev/null
says 'a client with an expired certificate' expired 'expired on 2020-02-01; renew it with culvert-pki renew expired'
in_ns stranger "$CULVERT" check "$WORK/expired.conf" >"$WORK/expired.out" 2>&1 && status=0 || status=$?
check_equal 'check refuses an expired certificate' 3 "$status"
check 'and names the cure' grep -E 'expired on 2020-02-01; renew it with culvert-pki renew expired' "$WORK/expired.out"
# A common name alone is an identity as well.
client_conf cn-only stranger <<CONF
certificate = "$WORK/forged/cn-only.crt";
key = "$WORK/forged/cn-only.key";
CONF
says 'a certificate with nothing but a common name is good' cn-only 'gw-b: session: opening -> up'

# A server that is none.
start_bg "$WORK/http.log" http in_ns gw-b socat TCP4-LISTEN:8443,fork,reuseaddr SYSTEM:'read x; printf "HTTP/1.1 400 Bad Request\r\n\r\n"'
start_bg "$WORK/tls.log" tls in_ns gw-b openssl s_server -accept 9443 -quiet -tls1_3 -cert "$WORK/pki/servers/gw-b/gw-b.crt" \
	-key "$WORK/pki/servers/gw-b/gw-b.key"
start_bg "$WORK/old.log" old in_ns gw-b openssl s_server -accept 10443 -quiet -tls1_2 -cert "$WORK/pki/servers/gw-b/gw-b.crt" \
	-key "$WORK/pki/servers/gw-b/gw-b.key"
for place in 8443:http:HTTP 9443:tls:culvert/1 '10443:old:TLS 1\.[23]'; do
	IFS=: read -r port name cause <<<"$place"
	client_conf "to-$name" stranger <<<"remotes = [ \"192.0.2.2:$port\" ];"
	says "a server that is no culvertd ($name)" "to-$name" "connection failed: .*$cause"
done
client_conf nobody stranger <<<'remotes = [ "192.0.2.2:7" ];'
says 'nobody listens there' nobody 'connection failed: .*[Rr]efused'

# ---- all the while ----

stop_bg steady INT
check 'the steady session lost no ping' none_lost "$WORK/steady.log"
check_equal 'it is the same connection' 1 "$(session_value gw-b gw-a .connections)"
check_equal 'no other session is left' 1 "$(ctl gw-b status --json | jq '.sessions | length')"
finish
