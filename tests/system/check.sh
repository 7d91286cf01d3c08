#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# What `check` finds: the levels, the exit status, JSON; that a start says the same; that what a running instance holds itself is
# no finding.
#
#   gw-a (192.0.2.1) ──── gw-b (192.0.2.2)
#
# All but tunnels is in gw-b. config.sh has the mistakes in the file itself.
#
# check: quick suite
set -euo pipefail
# shellcheck source=tests/system/tunnel/common.sh
source "$(dirname "$0")/tunnel/common.sh"

gateways_add
pki_add gw-a

# Checks the configuration NAME; what it said is in $WORK/said, the exit status in `status`.
run_check() { # NAME OPTION...
	status=0
	in_ns gw-b timeout 10 "$CULVERT" check "$WORK/$1.conf" "${@:2}" >"$WORK/said" 2>&1 || status=$?
}
# NAME is the test's, too. It must have this exit status, and a line of that level and words.
finds() { # TEST STATUS REGEX NAME OPTION...
	local name=$1 expected=$2 regex=$3
	run_check "${@:4}"
	if [[ $status -eq $expected ]] && grep -qE -- "$regex" "$WORK/said"; then
		pass "$name"
	else
		fail "$name" "expected exit status $expected and '$regex', got $status: $(head -n 4 "$WORK/said" | tr '\n' ';')"
	fi
}
lacks() { # TEST REGEX NAME OPTION...
	run_check "${@:3}"
	check_fails "$1" grep -E -- "$2" "$WORK/said"
}
json() { # FILTER NAME OPTION...
	in_ns gw-b "$CULVERT" check "$WORK/$2.conf" --json "${@:3}" 2>/dev/null | jq -r "$1"
}

# ---- levels, options, JSON ----

server_conf warned gw-b <<<'announce = ( { interface = "lan7"; } );'
finds 'a warning leaves the exit status 0' 0 '^warning: .*lan7' warned
finds 'and the verdict' 0 'warned.conf: fine: a server named gw-b' warned
finds 'with --strict it is 3' 3 '^warning: .*lan7' warned --strict
lacks 'and nothing is fine' 'fine' warned --strict
lacks 'of the file alone the host is no part' 'lan7' warned --file-only
finds 'but its values are' 0 '^warning: .*peers: the list is empty' warned --file-only
check_equal 'JSON has the warnings' $'true\ngw-b\n0\n2' "$(json '.fine, .name, .errors, .warnings' warned)"
check_equal 'and the words for a program' announce "$(json '.findings[] | select(.level == "warning" and .check != "peers") | .check' warned)"
check_equal 'also with --strict' false "$(json .fine warned --strict)"
server_conf wrong gw-b <<CONF
user = "no-such-user";
ca = "/nonexistent";
CONF
finds 'all errors are listed' 3 "^error: .*user: .*'no-such-user'" wrong
finds 'not the first alone' 3 '^error: .*ca: .*/nonexistent' wrong
check_equal 'also as JSON' $'false\nnull\n2' "$(json '.fine, .name, .errors' wrong)"
finds 'the host has users, a file has not' 3 '^error: .*ca: ' wrong --file-only
lacks 'so they are not looked up' no-such-user wrong --file-only
printf 'mtu = "x";\n' >"$WORK/syntax.conf"
check_equal 'a file that does not load is JSON, too' $'false\nfile' "$(json '.fine, .findings[0].check' syntax)"
client_conf profile gw-a </dev/null
check_equal 'a profile has a name, too' gw-a "$(json .name profile)"

# ---- certificates of other tools ----

# A PKI by openssl alone: a CA, gw-a and gw-b, as DIR/ca.crt, DIR/gw-a.crt and so on.
openssl_pki() { # DIR CURVE-OF-THE-CA CURVE [CA-EXTENSION...]
	local dir=$WORK/$1 name usage
	mkdir "$dir"
	openssl ecparam -name "$2" -genkey -noout -out "$dir/ca.key"
	printf '[req]\ndistinguished_name = dn\n[dn]\n[ext]\n' >"$dir/ca.cnf"
	[[ $# -lt 4 ]] || printf '%s\n' "${@:4}" >>"$dir/ca.cnf"
	openssl req -x509 -new -key "$dir/ca.key" -subj "/CN=Office CA" -days 30 -config "$dir/ca.cnf" -extensions ext -out "$dir/ca.crt"
	for name in gw-a gw-b; do
		usage=clientAuth
		[[ $name != gw-b ]] || usage=serverAuth
		openssl ecparam -name "$3" -genkey -noout -out "$dir/$name.key"
		openssl req -new -key "$dir/$name.key" -subj "/CN=$name" -out "$dir/$name.csr"
		openssl x509 -req -in "$dir/$name.csr" -CA "$dir/ca.crt" -CAkey "$dir/ca.key" -CAcreateserial -days 30 \
			-extfile <(echo "extendedKeyUsage = $usage") -out "$dir/$name.crt" 2>"$WORK/openssl.log"
	done
	chmod 600 "$dir"/*.key
}
# The files of a PKI as lines of a configuration.
files_of() { # DIR NAME
	printf '%s = "%s";\n' certificate "$WORK/$1/$2.crt" key "$WORK/$1/$2.key" ca "$WORK/$1/ca.crt"
}
pair_of() { # DIR; gw-a and gw-b of that PKI
	{ files_of "$1" gw-b && echo 'peers = ( { name = "gw-a"; } );'; } | server_conf gw-b
	{ files_of "$1" gw-a && printf '%s\n' 'remotes = "192.0.2.2";' 'server_name = "gw-b";'; } | client_conf gw-a
}
# With no basic constraints that are critical, no key usage and no identifiers, as easy-rsa and a plain openssl leave them out.
openssl_pki formal prime256v1 prime256v1 'basicConstraints = CA:TRUE'
openssl_pki curved brainpoolP384r1 secp384r1 'basicConstraints = CA:TRUE'
for dir in formal curved; do
	pair_of $dir
	finds "$dir: the server is fine" 0 'fine: a server named gw-b' gw-b --strict
	finds "$dir: the client is fine" 0 'fine: client gw-a' gw-a --strict --file-only
	server_start gw-b
	mark=$(log_mark "$WORK/gw-a.log")
	client_start gw-a
	wait_up gw-a gw-b "$mark"
	stop_bg gw-a
	stop_bg gw-b
done
openssl_pki no_ca prime256v1 prime256v1 'basicConstraints = CA:FALSE'
pair_of no_ca
finds 'an authority that is none' 3 '^error: .*ca: .*"Office CA" in it is not a CA' gw-b
for curve in brainpoolP256r1 secp256k1; do
	openssl_pki $curve prime256v1 $curve 'basicConstraints = CA:TRUE'
	pair_of $curve
	finds "a key on $curve" 3 "^error: .*gw-b.conf:[0-9]+: certificate: $WORK/$curve/gw-b.crt: .*TLS 1.3 cannot use .EC on $curve.*P-256" gw-b
	status=0
	in_ns gw-b timeout 10 "$CULVERTD" -c "$WORK/gw-b.conf" >"$WORK/said" 2>&1 || status=$?
	check_equal "nor does it start with one on $curve" 3 "$status"
	check 'and it says the same' grep "TLS 1.3 cannot use .EC on $curve" "$WORK/said"
done

# The private half of a key, whose last byte is another: the public half still fits.
damaged_key() { # FROM TO
	openssl pkcs8 -topk8 -nocrypt -in "$1" -outform DER |
		perl -0777 -e '
			my $der = <STDIN>;
			my $at = index($der, "\x02\x01\x01\x04\x20") + 5;
			substr($der, $at + 31, 1) = chr(ord(substr($der, $at + 31, 1)) ^ 1);
			print $der' | openssl base64 | { echo '-----BEGIN PRIVATE KEY-----' && cat && echo '-----END PRIVATE KEY-----'; } >"$2"
	chmod 600 "$2"
}
damaged_key "$WORK/formal/gw-b.key" "$WORK/damaged.key"
pair_of formal
sed -i "s|^key = .*|key = \"$WORK/damaged.key\";|" "$WORK/gw-b.conf"
finds 'a damaged key' 3 "^error: .*gw-b.conf:[0-9]+: key: $WORK/damaged.key: is damaged" gw-b
pair_of formal
sed -i "s|^ca = .*|ca = \"$WORK/pki/ca.crt\";|" "$WORK/gw-b.conf"
finds 'a certificate of another CA than that of the peers' 0 '^warning: .*issued by "Office CA", which is not in our ca file' gw-b
openssl_pki again prime256v1 prime256v1 'basicConstraints = CA:TRUE'
sed -i "s|^ca = .*|ca = \"$WORK/again/ca.crt\";|" "$WORK/gw-b.conf"
finds 'a CA of the same name with another key' 0 '^warning: .*not signed by the CA "Office CA" in our ca file, only by one of that name' gw-b

pki client brief --remote 192.0.2.2 --not-before "$(date -u -d 'now - 20 days' +%Y%m%d%H%M%SZ)" --not-after "$(date -u -d 'now + 50 hours' +%Y%m%d%H%M%SZ)"
client_conf brief brief </dev/null
finds 'a certificate that ends soon' 0 '^warning: .*certificate: that of brief ends in less than 3 days, on .*: renew it, for example with culvert-pki renew' brief
lacks 'of the file alone no clock is asked' 'ends in' brief --file-only

# ---- this host ----

server_conf own gw-b <<'CONF'
announce = ( { interface = "lan0"; }, "10.9.0.0/24" );
peers = ( { name = "gw-a"; interface = "office"; } );
CONF
ip_ns gw-b link add lan0 type veth peer name lan1
ip_ns gw-b link set lan1 up
finds 'an interface that is down or has no network is announced for nothing' 0 '^warning: .*announce.\[0\].interface: lan0 has no address with a network' own
addr gw-b lan0 10.2.0.1/24
ip_ns gw-b link set lan0 up
lacks 'with one it is not named' 'announce.\[' own
ip_ns gw-b link set lan0 down
finds 'without a carrier it is' 0 '^warning: .*lan0 is down or has no carrier' own
ip_ns gw-b link set lan0 up
check_equal 'then nothing is amiss' 0 "$(json .warnings own)"
server_start own gw-b
check_equal 'nor is it while it runs: it holds its own port, pool and interface' 0 "$(json .warnings own)"
server_conf other gw-b <<<'peers = ( { name = "gw-a"; } );'
finds 'for another the port is taken, and by whom' 0 \
	"^warning: .*listen.\[0\]: culvertd .process $(pgrep -f "^[^ ]*culvertd -c $WORK/own.conf" | head -n 1). listens on 0.0.0.0:443" other
stop_bg own
ip_ns gw-b link add office type veth peer name office1
finds 'an interface of that name' 0 '^warning: .*peers.\[0\].interface .gw-a.: this host has an interface office already' own
ip_ns gw-b link del office
server_conf own gw-b <<<'listen = [ "192.0.2.9:443", "192.0.2.2:443" ]; peers = ( { name = "gw-a"; } );'
finds 'an address that is not there' 0 '^warning: .*listen.\[0\]: no interface of this host has the address of 192.0.2.9:443 now' own
server_conf own gw-b <<<'peers = ( { name = "gw-a"; } );'
in_ns gw-b sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
finds 'a pool of a family that is disabled' 0 '^warning: .*pool6: IPv6 is disabled on this host, .*disable_ipv6=0' own
in_ns gw-b sysctl -qw net.ipv6.conf.all.disable_ipv6=0 net.ipv6.conf.default.disable_ipv6=0
mkdir -m 755 "$WORK/taken" && chown 4711 "$WORK/taken"
server_conf own gw-b <<<"state_dir = \"$WORK/taken\"; peers = ( { name = \"gw-a\"; } );"
finds "somebody else's state directory" 3 "^error: .*state_dir: $WORK/taken belongs to uid 4711 .*chown -R" own
status=0
in_ns gw-b timeout 10 "$CULVERTD" -c "$WORK/own.conf" >"$WORK/said" 2>&1 || status=$?
check_equal 'with which nothing starts' 3 "$status"
server_conf own gw-b <<<"state_dir = \"$WORK/own.conf\"; peers = ( { name = \"gw-a\"; } );"
finds 'a state directory that is none' 3 '^error: .*state_dir: .*is no directory' own
server_conf own gw-b <<<'max_sessions = 16384; lanes = 16; peers = ( { name = "gw-a"; } );'
limited() { # HARD LIMIT
	in_ns gw-b bash -c "ulimit -Sn 256 && ulimit -Hn $1 && exec \"\$@\"" bash "$CULVERT" check "$WORK/own.conf" 2>&1
}
check 'more sessions than descriptors' grep -E '^warning: .*max_sessions: .*open files, and the limit here is 4096; .*LimitNOFILE' <(limited 4096)
server_conf own gw-b <<<'peers = ( { name = "gw-a"; } );'
check 'a limit that only this shell has is a note' grep -E '^note: .*max_sessions: .*limit here is 256; .*ulimit -n' <(limited 16384)
client_conf office gw-a <<<'interface = "office";'
ip_ns gw-b link add office type veth peer name office1
finds "also of a client" 0 '^warning: .*interface: this host has an interface office already' office
ip_ns gw-b link del office
client_conf office gw-a <<<'remotes = [ "224.0.0.1:443", "300.1.1.1" ];'
finds 'remotes that can never be dialled' 3 '^error: .*remotes.\[1\]: "300.1.1.1" can never be dialled' office
client_conf office gw-a <<<'remotes = [ "224.0.0.1:443", "192.0.2.2" ];'
finds 'with another beside them they are a warning' 0 '^warning: .*remotes.\[0\]: "224.0.0.1" can never be dialled: it is a multicast' office
client_conf office gw-a <<<'remotes = [ "2001:db8::2:443" ];'
finds 'an IPv6 address with a port and no brackets' 0 '^warning: .*remotes.\[0\]: .*write "\[2001:db8::2\]:443", else "\[2001:db8::2:443\]:443"' office

# ---- a command line ----

printf 'client\ndev tun\nremote vpn.example 1194\n' >"$WORK/client1.ovpn"
cp "$WORK/warned.conf" "$WORK/office.culvert"
here() { # FILE; by its name alone, in its own directory
	(cd "$WORK" && "$CULVERT" check "$1" 2>&1) || true
}
check 'a file of OpenVPN by its name' grep '^error: client1.ovpn:1: this is a file of OpenVPN' <(here client1.ovpn)
check 'a file with another ending' grep '^error: no profile office.culvert in /etc/culvert; .*write its path: ./office.culvert' \
	<(here office.culvert)

status=0
in_ns gw-b "$CULVERTD" -c "$WORK/warned.conf" --json >"$WORK/said" 2>&1 || status=$?
check_equal 'options of a check are for a check' 2 "$status"
finish
