#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Every mistake in a configuration ends the program with exit code 3 and one error that names file, line, key and what was
# expected; nothing is started, made or changed. No topology but one namespace: nobody is to get as far as a connection.
#
# check: quick suite
# check: long
# check: timeout 400
set -euo pipefail
# shellcheck source=tests/system/tunnel/common.sh
source "$(dirname "$0")/tunnel/common.sh"

ns_add host
pki_add gw-a
snapshot host >"$WORK/before"

# Runs a program on the file; it must end with 3, having said one error that matches, and left the host alone. There may be
# warnings as well.
refuses() { # NAME FILE REGEX COMMAND...
	local name=$1 file=$2 expected=$3 status=0 lines
	shift 3
	in_ns host timeout 10 "$@" >"$WORK/out" 2>&1 || status=$?
	mapfile lines < <(grep -vE '^warning: | warning netd: ' "$WORK/out")
	if [[ $status -ne 3 ]]; then
		fail "$name: exit code 3" "it was $status: ${lines[*]:0:3}"
	elif [[ ${#lines[@]} -ne 1 || ${lines[0]} != *$'\n' ]]; then
		fail "$name: one line" "${#lines[@]} lines: ${lines[*]:0:5}"
	elif [[ ! ${lines[0]} =~ $expected || ${lines[0]} != *"$file"* ]]; then
		fail "$name: the right words" "expected $file and '$expected': ${lines[0]}"
	elif ! same_snapshot host "$WORK/before" >/dev/null || [[ -e $WORK/broken.sock || -e $WORK/broken.state ||
		-e /var/lib/culvert/broken ]]; then
		fail "$name: nothing is started" "something was made"
	else
		pass "$name"
	fi
}

# A mistake in the server's configuration, run and checked: LINE is appended, or replaces that of the same key.
server_mistake() { # NAME LINE REGEX
	local line number
	server_conf broken gw-b <<<'peers = ( { name = "gw-a"; } );'
	line=$(printf '%b' "$2")
	if grep -qE "^${line%% *} = " "$WORK/broken.conf"; then
		number=$(grep -nE "^${line%% *} = " "$WORK/broken.conf" | cut -d: -f1)
		sed -i "${number}d" "$WORK/broken.conf"
		sed -i "$((number - 1))r /dev/stdin" "$WORK/broken.conf" <<<"$line"
	else
		echo "$line" >>"$WORK/broken.conf"
		number=$(($(wc -l <"$WORK/broken.conf") - $(wc -l <<<"$line") + 1))
	fi
	refuses "$1" "broken.conf:$number" "$3" "$CULVERTD" -c "$WORK/broken.conf"
	refuses "$1 (--check)" "broken.conf:$number" "$3" "$CULVERTD" --check -c "$WORK/broken.conf"
}
server_mistake 'unknown key' 'lisen = "0.0.0.0:443";' 'lisen: .*did you mean "listen"'
server_mistake 'number in quotes' 'mtu = "1500";' 'mtu: expected an integer from 1280 to 65535, got "1500"'
server_mistake 'number for a switch' 'offloads = 1;' 'offloads: expected true or false'
server_mistake 'out of range' 'mtu = 100;' 'mtu: expected .*1280 to 65535, got 100'
server_mistake 'negative' 'workers = -1;' 'workers: expected .*0 to 64, got -1'
server_mistake 'bad prefix' 'pool4 = "10.213.0.0/33";' 'pool4: expected .*prefix'
server_mistake 'host bits' 'announce = [ "10.2.0.1/24" ];' 'announce'
server_mistake 'bad address' 'listen = [ "300.1.1.1:443" ];' 'listen'
server_mistake 'bad duration' 'ping_interval = "5 parsecs";' 'ping_interval: expected .*"250ms"'
server_mistake 'duration out of range' 'handshake_timeout = 0;' 'handshake_timeout: expected .*1 s to 60 s'
server_mistake 'dead before the ping' 'dead_after = 1;' 'dead_after'
server_mistake 'unknown level' 'log_level = "chatty";' 'log_level: expected .*"debug", got "chatty"'
server_mistake 'peer without a name' 'peers = ( { accept_routes = [ "10.0.0.0/8" ]; } );' 'peers.*name'
server_mistake 'peer with a bad name' 'peers = ( { name = "../x"; } );' 'peers.*name'
server_mistake 'unknown key of a peer' 'peers = ( { name = "x"; adress4 = "10.213.0.2"; } );' 'adress4.*address4'
server_mistake 'peer twice' 'peers = ( { name = "x"; }, { name = "x"; } );' 'peers'
server_mistake 'fixed address outside the pool' 'peers = ( { name = "x"; address4 = "10.9.0.2"; } );' 'peers.*address4'
server_mistake 'fixed address of the server' 'peers = ( { name = "x"; address4 = "10.213.0.1"; } );' 'peers.*address4'
server_mistake 'syntax error' 'mtu = ;' 'syntax|expected'
server_mistake 'include' '@include "/etc/passwd"' 'include'

# Keys twice, and keys missing, are mistakes of the whole file.
server_conf broken gw-b <<<'mtu = 1400;'
echo 'mtu = 1400;' >>"$WORK/broken.conf"
refuses 'a key twice' "broken.conf:$(wc -l <"$WORK/broken.conf")" 'mtu: .*(twice|again|once)' "$CULVERTD" -c "$WORK/broken.conf"
server_conf broken gw-b </dev/null
sed -i '/^ca = /d' "$WORK/broken.conf"
refuses 'a key missing' broken.conf 'ca: .*(missing|required|expected)' "$CULVERTD" -c "$WORK/broken.conf"
server_conf broken gw-b </dev/null
sed -i '/^pool[46] = /d' "$WORK/broken.conf"
refuses 'no pool' broken.conf 'pool' "$CULVERTD" -c "$WORK/broken.conf"
printf 'mtu = 1500;\0' >>"$WORK/broken.conf"
refuses 'a NUL byte' broken.conf 'NUL' "$CULVERTD" -c "$WORK/broken.conf"
refuses 'no such file' "$WORK/nowhere.conf" '([Nn]o such file|does not exist|not there)' "$CULVERTD" -c "$WORK/nowhere.conf"
refuses 'a directory' "$WORK" 'directory|regular file' "$CULVERTD" -c "$WORK"
: >"$WORK/broken.conf"
refuses 'an empty file' broken.conf 'missing|required|expected' "$CULVERTD" -c "$WORK/broken.conf"

# ---- files that the configuration names ----

# The line of a KEY in the broken configuration, as it is named in front of every word.
at() { # KEY
	echo "broken.conf:$(grep -nE "^$1 = " "$WORK/broken.conf" | cut -d: -f1): $1: "
}
server_files() { # NAME KEY REGEX; names file, line and key
	refuses "$1" "$(at "$2")" "$3" "$CULVERTD" -c "$WORK/broken.conf"
	refuses "$1 (--check)" "$(at "$2")" "$3" "$CULVERTD" --check -c "$WORK/broken.conf"
	refuses "$1 (culvert check)" "$(at "$2")" "$3" "$CULVERT" check "$WORK/broken.conf"
}
client_files() { # NAME KEY REGEX
	refuses "$1" "$(at "$2")" "$3" "$CULVERT" up "$WORK/broken.conf"
	refuses "$1 (check)" "$(at "$2")" "$3" "$CULVERT" check "$WORK/broken.conf"
}
key=$WORK/pki/servers/gw-b/gw-b.key
server_conf broken gw-b </dev/null
chmod 644 "$key"
server_files 'a key that others can read' key "chmod 600 $key"
chmod 640 "$key"
server_files 'a key that the group can read' key "chmod 600 $key"
chmod 600 "$key"
chown nobody "$key"
server_files 'a key of somebody else' key "chown root $key"
chown root "$key"
server_conf broken gw-b <<<"certificate = \"$WORK/missing.crt\";"
server_files 'no certificate file' certificate "$WORK/missing.crt: No such file"
server_conf broken gw-b <<<"ca = \"/nonexistent\";"
server_files 'no file of authorities' ca '/nonexistent: No such file'
server_conf broken gw-b <<<"crl = \"$WORK\";"
server_files 'a directory without a revocation list' crl "the directory $WORK holds no file with a revocation list"
echo 'not a certificate' >"$WORK/none.crt"
server_conf broken gw-b <<<"certificate = \"$WORK/none.crt\";"
server_files 'a certificate that is none' certificate "$WORK/none.crt: holds no certificate"
server_conf broken gw-b <<<"crl = \"$WORK/pki/ca.crt\";"
server_files 'a revocation list that is none' crl "$WORK/pki/ca.crt: holds no revocation list"
server_conf broken gw-b <<<"key = \"$(pki_extract gw-a key)\";"
server_files 'a key of another certificate' key "$WORK/gw-a.key.pem: does not belong to the certificate"
server_conf broken gw-b <<CONF
certificate = "$(pki_extract gw-a certificate)";
key = "$(pki_extract gw-a key)";
CONF
server_files "a client's certificate at the server" certificate "$WORK/gw-a.certificate.pem: .*server"
for user in no-such-user root 0; do
	server_conf broken gw-b <<<"user = \"$user\";"
	server_files "an engine that would run as $user" user "user: .*'$user'"
	client_conf broken gw-a <<<"user = \"$user\";"
	client_files "a client's engine that would run as $user" user "user: .*'$user'"
done
# Other names of root, and of root's group; in a mount namespace, where /etc/passwd is another.
{
	cat /etc/passwd
	echo 'culvert-toor:x:0:100::/:/bin/false'
	echo 'culvert-wheel:x:4242:0::/:/bin/false'
} >"$WORK/passwd"
for user in culvert-toor culvert-wheel; do
	server_conf broken gw-b <<<"user = \"$user\";"
	for arguments in -c '--check -c'; do
		# shellcheck disable=SC2016,SC2086 # bash's own; words.
		refuses "an engine that would run as $user ($arguments)" "$(at user)" "user: '$user' is .*root.*useradd" \
			unshare -m bash -c 'mount --bind "$1" /etc/passwd; shift; exec "$@"' bash "$WORK/passwd" \
			"$CULVERTD" $arguments "$WORK/broken.conf"
	done
done

# What clears by itself is worth another start, and so ends with none of the codes that systemd leaves to a person. A process's
# memory is a regular file whose first byte cannot be read, as on a disk that fails.
server_conf broken gw-b <<<'ca = "/proc/self/mem";'
client_conf broken-client gw-a <<<'ca = "/proc/self/mem";'
for command in "$CULVERTD -c $WORK/broken.conf" "$CULVERTD --check -c $WORK/broken.conf" "$CULVERT up $WORK/broken-client.conf" \
	"$CULVERT check $WORK/broken-client.conf"; do
	status=0
	# shellcheck disable=SC2086 # Words.
	in_ns host timeout 10 $command >"$WORK/out" 2>&1 || status=$?
	check_equal "a disk that fails: exit code 1: ${command#"${CULVERT%/*}/"}" 1 "$status"
	check 'a disk that fails: named' grep 'ca: .*/proc/self/mem: Input/output error' "$WORK/out"
done

# ---- profiles ----

profile_mistake() { # NAME REGEX; the profile is on stdin
	client_conf broken gw-a
	refuses "$1" broken.conf "$2" "$CULVERT" up "$WORK/broken.conf"
	refuses "$1 (check)" broken.conf "$2" "$CULVERT" check "$WORK/broken.conf"
}
profile_mistake 'unknown key in a profile' 'remots: .*did you mean "remotes"' <<<'remots = [ "192.0.2.2" ];'
profile_mistake "a server's key in a profile" 'pool4' <<<'pool4 = "10.0.0.0/24";'
profile_mistake 'no remotes' 'remotes' <<<'remotes = [ ];'
profile_mistake 'a remote with a bad port' 'remotes' <<<'remotes = [ "192.0.2.2:99999" ];'
profile_mistake 'an MTU below that of IPv6' 'mtu' <<<'mtu = 576;'
client_conf broken gw-a <<<'certificate = "-----BEGIN CERTIFICATE-----
xxxx
-----END CERTIFICATE-----
";'
client_files 'a certificate that is none in a profile' certificate 'certificate: certificate 1 is damaged'
client_conf broken gw-a <<<'ca = "/nonexistent";'
client_files 'no file of authorities in a profile' ca '/nonexistent: No such file'
client_conf broken gw-a <<<"key = \"$(pki_extract gw-a certificate)\";"
client_files 'a certificate for a key in a profile' key "$WORK/gw-a.certificate.pem: holds no readable private key"
client_conf broken gw-a <<<'pool4 = "10.0.0.0/8";'
refuses 'a profile with a pool, which no client has' "$(at pool4)" 'known key' "$CULVERT" up "$WORK/broken.conf"
client_conf broken gw-a </dev/null
chmod 644 "$WORK/broken.conf"
refuses 'a profile that others can read' "$WORK/broken.conf" "chmod 600 $WORK/broken.conf" "$CULVERT" up "$WORK/broken.conf"
refuses 'a profile that others can read (check)' "$WORK/broken.conf" "chmod 600 $WORK/broken.conf" \
	"$CULVERT" check "$WORK/broken.conf"
chmod 600 "$WORK/broken.conf"
chown nobody "$WORK/broken.conf"
refuses "somebody else's profile" "$WORK/broken.conf" "chown root $WORK/broken.conf" "$CULVERT" up "$WORK/broken.conf"
refuses "somebody else's profile (check)" "$WORK/broken.conf" "chown root $WORK/broken.conf" "$CULVERT" check "$WORK/broken.conf"

# ---- the other program's file ----

server_conf other gw-b </dev/null
refuses 'a server given to up' other.conf "is a server's configuration; start it with: culvertd -c $WORK/other.conf" \
	"$CULVERT" up "$WORK/other.conf"
client_conf other gw-a </dev/null
refuses 'a profile given to culvertd' other.conf "is a client's profile; .*: culvert up $WORK/other.conf" "$CULVERTD" -c "$WORK/other.conf"
refuses 'also to its check' other.conf "is a client's profile; .*: culvert check " "$CULVERTD" --check -c "$WORK/other.conf"
chmod 600 "$WORK/other.conf"
refuses 'a file that only root may read' other.conf 'Permission denied; run it as root' \
	setpriv --reuid 65534 --regid 65534 --clear-groups "$CULVERT" check "$WORK/other.conf"

# ---- what is right ----

server_conf good gw-b </dev/null
check 'check finds a good configuration good' in_ns host "$CULVERT" check "$WORK/good.conf"
server_conf good gw-b </dev/null
sed -i '/^listen = /d' "$WORK/good.conf"
check 'also one that leaves it to the default where to listen' grep 'fine: a server' \
	<(in_ns host "$CULVERT" check "$WORK/good.conf")
server_conf good gw-b </dev/null
check 'so does culvertd --check' in_ns host "$CULVERTD" --check -c "$WORK/good.conf"
client_conf good-profile gw-a </dev/null
check 'and a good profile' in_ns host "$CULVERT" check "$WORK/good-profile.conf"
check 'the profile as culvert-pki made it' in_ns host "$CULVERT" check "$WORK/pki/clients/gw-a.conf"
check 'checking started nothing' same_snapshot host "$WORK/before"

# ---- what is valid, and yet does not do ----

warns() { # NAME REGEX COMMAND...
	check "$1" grep -E "^warning: $2" <("${@:3}" 2>&1)
}
server_conf lacks gw-b <<<'announce = ( { interface = "lan7"; } );'
line() { grep -nE "^$1 = " "$WORK/lacks.conf" | cut -d: -f1; } # KEY
warns 'nobody is admitted' '.*lacks.conf: peers: the list is empty, .*add an entry' "$CULVERT" check "$WORK/lacks.conf"
warns 'an interface to track is not there' "$WORK/lacks.conf:$(line announce): announce.\[0\].interface: .* no interface lan7" \
	"$CULVERT" check "$WORK/lacks.conf"
warns 'there is no /dev/net/tun' 'this host has no /dev/net/tun: .*modprobe tun' in_ns_tun host none "$CULVERT" check "$WORK/lacks.conf"
server_conf lacks gw-b <<<'peers = ( { name = "gw-a"; } );'
ip_ns host link add lan0 type veth peer name lan1
addr host lan0 10.213.0.129/25 fd00:c17:e27:0:1::1/80
addr host lan1 10.213.0.1/32
warnings=$WORK/warnings
in_ns host "$CULVERT" check "$WORK/lacks.conf" >"$warnings" 2>&1
check 'a pool that is the LAN' grep -E "lacks.conf:$(line pool4): pool4: 10.213.0.0/24 overlaps .* 10.213.0.129/25 on lan0" "$warnings"
check 'also of IPv6' grep -E "lacks.conf:$(line pool6): pool6: fd00:.* overlaps .* on lan0" "$warnings"
check_equal 'and nothing else is amiss' 2 "$(grep -c warning "$warnings")"
server_start lacks host
check 'a start says the same' cmp <(grep -o 'lacks.conf:.*' "$warnings" | grep overlaps) \
	<(grep -o 'lacks.conf:.*' "$WORK/lacks.log" | grep overlaps)
stop_bg lacks
ip_ns host link del lan0
client_conf lacks gw-a </dev/null
warns 'nor has a client /dev/net/tun' 'this host has no /dev/net/tun' in_ns_tun host none "$CULVERT" check "$WORK/lacks.conf"
check_equal 'else nothing is amiss there' 0 "$(in_ns host "$CULVERT" check "$WORK/lacks.conf" 2>&1 | grep -c warning || true)"

# ---- places that are taken ----

server_start good host
status=0
server_conf second gw-b </dev/null
in_ns host timeout 10 "$CULVERTD" -c "$WORK/second.conf" >"$WORK/out" 2>&1 || status=$?
check_equal 'a port that is taken: exit code 1' 1 "$status"
check 'a port that is taken: named' grep -E ':443' "$WORK/out"
server_conf second gw-b <<CONF
listen = "0.0.0.0:444";
control_socket = "$WORK/good.sock";
CONF
status=0
in_ns host timeout 10 "$CULVERTD" -c "$WORK/second.conf" >"$WORK/out" 2>&1 || status=$?
check 'a control socket that is in use ends the second' test "$status" -ne 0
check 'and the message says so' grep -E 'good\.sock.*(already|running|in use)|already.*running' "$WORK/out"
check 'the first is not disturbed' ctl good status
finish
