# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# What the tests of a running tunnel share, on top of lib.sh: the site, certificates, configurations, daemons.
#
#   lan-a ─────────── gw-a ═════════════ gw-b ─────────── lan-b
#      10.1.0.2/24  .1    192.0.2.1  .2     .1  10.2.0.2/24
#      fd00:1::2/64 ::1   2001:db8::1 ::2   ::1 fd00:2::2/64
#
# gw-b runs culvertd as "gw-b", gw-a runs culvert as "gw-a". Everything that a daemon writes is in $WORK; its log is
# $WORK/NAME.log and its configuration $WORK/NAME.conf.

# shellcheck source=tests/system/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

A4=10.1.0.2 A6=fd00:1::2
B4=10.2.0.2 B6=fd00:2::2
SERVER4=10.213.0.1 SERVER6=fd00:c17:e27::1
POOL4=10.213.0.0/24 POOL6=fd00:c17:e27::/64
export A4 A6 B4 B6 SERVER4 SERVER6

STREAM=$BUILD/system/stream
PUPPET=$BUILD/system/puppet

# Sanitizers make everything slower: waits are longer there, and there is less to carry.
SANITIZED=
if nm -D --undefined-only "$CULVERTD" 2>/dev/null | grep -E '__(asan|tsan)_init' >/dev/null; then
	SANITIZED=1
fi
UP_SECONDS=$((SANITIZED ? 20 : 10))
export STREAM PUPPET SANITIZED UP_SECONDS

# ---- the site ----

# The drawing above; the LANs' interfaces are called lan0 at the gateways and eth0 in the LANs, the wan's wan0.
site_add() {
	ns_add lan-a
	ns_add gw-a forward
	ns_add gw-b forward
	ns_add lan-b
	veth lan-a eth0 gw-a lan0
	veth gw-a wan0 gw-b wan0
	veth gw-b lan0 lan-b eth0
	addr lan-a eth0 $A4/24 $A6/64
	addr gw-a lan0 10.1.0.1/24 fd00:1::1/64
	addr gw-a wan0 192.0.2.1/24 2001:db8::1/64
	addr gw-b wan0 192.0.2.2/24 2001:db8::2/64
	addr gw-b lan0 10.2.0.1/24 fd00:2::1/64
	addr lan-b eth0 $B4/24 $B6/64
	route lan-a default via 10.1.0.1
	route lan-a ::/0 via fd00:1::1
	route lan-b default via 10.2.0.1
	route lan-b ::/0 via fd00:2::1
}

# The drawing's middle alone, with IPv4.
gateways_add() {
	ns_add gw-a
	ns_add gw-b
	veth gw-a wan0 gw-b wan0
	addr gw-a wan0 192.0.2.1/24
	addr gw-b wan0 192.0.2.2/24
}

# Where more than two are to meet: a switch, the namespace wan, for switch_join.
switch_add() {
	ns_add wan
	ip_ns wan link add br0 type bridge
	ip_ns wan link set br0 up
}

# A namespace whose interface wan0 is at the switch, where it is to-NAME.
switch_join() { # NAME ADDRESS/LENGTH [forward]
	ns_add "$1" "${3-}"
	veth "$1" wan0 wan "to-$1"
	ip_ns wan link set "to-$1" master br0
	addr "$1" wan0 "$2"
}

# ---- certificates ----

pki() {
	pki_in pki "$@"
}

# The same for another CA: in the directory DIR of $WORK.
pki_in() { # DIR ARGUMENT...
	local dir=$1
	shift
	"$PKI" --dir "$WORK/$dir" "$@" >"$WORK/pki.log" 2>&1 || {
		fail "culvert-pki $*" "$(tail -n 1 "$WORK/pki.log")"
		return 1
	}
}

# A CA, the server gw-b and clients of these names. Openssl takes seconds for them, so scripts/check has a directory in which the
# tests of a run keep them for each other.
pki_add() { # CLIENT...
	local client shared="${CULVERT_TEST_PKI-}/gw-b $*"
	if [[ -n ${CULVERT_TEST_PKI-} && -d $shared ]]; then
		cp -a "$shared" "$WORK/pki"
		return
	fi
	pki init && pki server gw-b || return
	for client; do
		pki client "$client" --remote 192.0.2.2 || return
	done
	[[ -n ${CULVERT_TEST_PKI-} && $# -le 4 ]] || return 0
	# Of two tests that are here at the same time, one is first.
	cp -a "$WORK/pki" "$shared.$$"
	mv -T "$shared.$$" "$shared" 2>/dev/null || rm -rf "$shared.$$"
}

# A profile's inline certificate, key or ca as a file of its own: $WORK/NAME.KIND.pem
pki_extract() { # CLIENT KIND [DIR]; prints the path
	local path=$WORK/${3-}$1.$2.pem
	(umask 077 && sed -n "/^$2 = \"/,/^\"/{ s/^$2 = \"//; /^\"/!p; }" "$WORK/${3:-pki}/clients/$1.conf" >"$path")
	echo "$path"
}

# A certificate as culvert-pki would never make it, signed by the CA all the same: $WORK/forged/FILE.{crt,key}.
forge() { # FILE SUBJECT EXTENSION-LINES
	local base=$WORK/forged/$1
	mkdir -p "$WORK/forged"
	printf '%b\n' "$3" >"$base.ext"
	if ! openssl req -new -utf8 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$base.key" -out "$base.csr" \
		-subj "$2" >"$WORK/pki.log" 2>&1 ||
		! openssl x509 -req -in "$base.csr" -CA "$WORK/pki/ca.crt" -CAkey "$WORK/pki/ca/ca.key" -days 30 \
			-extfile "$base.ext" -out "$base.crt" >"$WORK/pki.log" 2>&1; then
		fail "openssl makes $1" "$(tail -n 1 "$WORK/pki.log")"
		return 1
	fi
}

# ---- configurations ----

# Prints the settings that the text on stdin does not hold itself, then the text.
with_defaults() { # KEY VALUE...
	local text
	text=$(cat)
	while [[ $# -gt 0 ]]; do
		sets "$1" "$text" || printf '%s = %s;\n' "$1" "$2"
		shift 2
	done
	printf '%s\n' "$text"
}

# No process is started for it, as a configuration asks for a dozen keys.
sets() { # KEY TEXT
	[[ $'\n'$2 =~ $'\n'$1\ *= ]]
}

where() { # NAME; the settings that say where a daemon lives
	printf '%s\n' name "\"$1\"" control_socket "\"$WORK/$1.sock\"" log_level '"debug"'
}

# A server's configuration: sessions end with their connection, but for the tests of lingering; what stdin says, and for everything else the PKI's server NAME (or IDENTITY) with pools.
server_conf() { # NAME [IDENTITY]
	local files=$WORK/pki/servers/${2:-$1} places
	mapfile -t places < <(where "$1")
	with_defaults "${places[@]}" \
		state_dir "\"$WORK/$1.state\"" listen '[ "0.0.0.0:443", "[::]:443" ]' \
		certificate "\"$files/${2:-$1}.crt\"" key "\"$files/${2:-$1}.key\"" ca "\"$files/ca.crt\"" \
		linger 0 pool4 "\"$POOL4\"" pool6 "\"$POOL6\"" >"$WORK/$1.conf"
}

# A client's: what stdin says on top of the profile of IDENTITY.
client_conf() { # NAME [IDENTITY]
	local profile=$WORK/pki/clients/${2:-$1}.conf text key places
	text=$(cat)
	mapfile -t places < <(where "$1")
	rm -f "$WORK/$1.conf"
	(umask 077 && : >"$WORK/$1.conf")
	{
		with_defaults "${places[@]}" <<<"$text"
		for key in remotes server_name; do
			sets "$key" "$text" || grep -E "^$key *=" "$profile"
		done
		for key in certificate key ca; do
			sets "$key" "$text" || sed -n "/^$key = \"/,/^\"/p" "$profile"
		done
	} >"$WORK/$1.conf"
}

# The pair that most tests use: each side announces its LAN and takes the other's. Lines on stdin go to the server's
# configuration too, those in client_lines to the client's.
client_lines=()
site_conf() {
	with_defaults announce '[ "10.2.0.0/24", "fd00:2::/64" ]' peers '(
		{ name = "gw-a"; accept_routes = [ "10.1.0.0/16", "fd00:1::/32" ]; } )' | server_conf gw-b
	printf '%s\n' ${client_lines[@]+"${client_lines[@]}"} | with_defaults announce '[ "10.1.0.0/24", "fd00:1::/64" ]' | client_conf gw-a
}

# The block of a page of docs/ that stands behind the mark <!-- test: NAME -->.
doc_block() { # PAGE NAME
	local block
	block=$(awk -v mark="<!-- test: $2 -->" \
		'$0 == mark { found = 1 } found && /^```/ { if (inside) exit; inside = 1; next } inside' "$TOP/docs/$1")
	[[ -n $block ]] || fail "docs/$1 has a block $2"
	printf '%s\n' "$block"
}

# ---- daemons ----

# The command line asks a daemon.
ctl() { # NAME COMMAND [ARGUMENT...]
	local name=$1
	shift
	timeout 10 "$CULVERT" "$@" --socket "$WORK/$name.sock"
}

server_start() { # NAME [NS]
	local name=$1
	start_bg "$WORK/$name.log" "$name" in_ns "${2:-$name}" "$CULVERTD" -c "$WORK/$name.conf"
	wait_for "$UP_SECONDS" "$name answers" ctl "$name" status
}

client_start() { # NAME [NS]
	start_bg "$WORK/$1.log" "$1" in_ns "${2:-$1}" "$CULVERT" up "$WORK/$1.conf"
}

# Waits until NAME has a session with PEER, since a log_mark where one is given.
wait_up() { # NAME PEER [MARK]
	wait_log_since "$WORK/$1.log" "${3:-0}" "$2: session: opening -> up" "$UP_SECONDS"
}

wait_routes() { # NS PREFIX...; until each is a route to a tunnel
	local ns=$1 prefix
	shift
	for prefix; do
		wait_for "$UP_SECONDS" "$ns has a route to $prefix" has_route "$ns" "$prefix"
	done
}

has_route() { # NS PREFIX; through a tunnel's interface, with Culvert's protocol number
	ip_ns "$1" "$([[ $2 == *:* ]] && echo -6 || echo -4)" route show "$2" proto 67 | grep -E 'dev cv' >/dev/null
}

lacks_route() { # NS PREFIX
	! has_route "$@"
}

# The whole pair, up, with routes; stdin and client_lines as for site_conf.
site_up() {
	site_conf
	server_start gw-b
	client_start gw-a
	wait_up gw-b gw-a
	wait_up gw-a gw-b
	wait_routes gw-a 10.2.0.0/24 fd00:2::/64
	wait_routes gw-b 10.1.0.0/24 fd00:1::/64
}

# netd's child: the engine.
engine_pid() { # NAME
	local pid child
	pid=$(pid_of "$1")
	# A server that issues certificates has another child.
	for child in $(<"/proc/$pid/task/$pid/children"); do
		[[ $(<"/proc/$child/comm") == culvert-issuer ]] || { echo "$child"; return; }
	done
}

# One value of one session in the status, by jq's filter.
session_value() { # NAME PEER FILTER
	ctl "$1" status --json | jq -r --arg peer "$2" ".sessions[] | select(.peer == \$peer) | $3"
}

drops() { # NAME PEER REASON
	session_value "$1" "$2" ".drops.$3"
}

# ---- a peer that does what it is told ----

# One that has gone must not take the test with it.
trap : PIPE
declare -A puppet_inputs=()
puppet_turn=0

puppet_run() { # NAME NS MODE ENDPOINT CERTIFICATE KEY
	local input
	mkfifo "$WORK/$1.in"
	: >>"$WORK/$1.log"
	# shellcheck disable=SC2016 # The inner shell expands.
	start_bg "$WORK/$1.log" "$1" in_ns "$2" bash -c 'input=$1; shift; exec "$@" <"$input"' bash "$WORK/$1.in" \
		"$PUPPET" "$3" "$4" "$5" "$6" "$WORK/pki/ca.crt"
	exec {input}>"$WORK/$1.in"
	puppet_inputs[$1]=$input
}

# A puppet with a client's certificate, connecting.
puppet_start() { # NAME NS ENDPOINT [CLIENT]
	puppet_run "$1" "$2" connect "$3" "$(pki_extract "${4:-gw-a}" certificate)" "$(pki_extract "${4:-gw-a}" key)"
}

# One with the certificate of gw-b, waiting for a connection. That it listens is what it says: a client that is there may
# have connected before anybody looks for its socket.
puppet_listen() { # NAME NS ENDPOINT
	local mark
	mark=$(log_mark "$WORK/$1.log")
	puppet_run "$1" "$2" listen "$3" "$WORK/pki/servers/gw-b/gw-b.crt" "$WORK/pki/servers/gw-b/gw-b.key"
	wait_log_since "$WORK/$1.log" "$mark" '^listening' 10
}

puppet_has() { # NAME MARK WORD
	log_has_since "$WORK/$1.log" "$2" "^$3\$" || ! bg_running "$1"
}

# Gives it the lines on stdin and waits until they are done, or it has given up; what it printed is in $WORK/NAME.told.
tell() { # NAME
	local mark
	mark=$(log_mark "$WORK/$1.log")
	puppet_turn=$((puppet_turn + 1))
	(cat && echo "say turn-$puppet_turn") >&"${puppet_inputs[$1]}" || true
	wait_for 30 "$1 does as told" puppet_has "$1" "$mark" "turn-$puppet_turn"
	tail -n "+$((mark + 1))" "$WORK/$1.log" >"$WORK/$1.told"
	grep -qx "turn-$puppet_turn" "$WORK/$1.told"
}

# Lets it go. It is told so, as whatever was started meanwhile has its input open, too.
puppet_end() { # NAME
	local input=${puppet_inputs[$1]}
	! bg_running "$1" || echo quit >&"$input" || true
	exec {input}>&-
	unset "puppet_inputs[$1]"
	wait_exit "$1" 10 || true
	rm -f "$WORK/$1.in"
}

# ---- traffic ----

pings() { # NS TARGET [COUNT [PING-ARGUMENT...]]
	local ns=$1 target=$2 count=${3:-1}
	shift $(($# < 3 ? $# : 3))
	in_ns "$ns" ping -n -q -c "$count" -i 0.05 -W 3 "$@" "$target"
}

# What `ping -i 0.05` has written until it was interrupted: every request was answered, but for what was under way in the end.
none_lost() { # LOG
	tail -n 3 "$1"
	awk -v under_way=20 '
		match($0, /icmp_seq=[0-9]+/) {
			number = substr($0, RSTART + 9, RLENGTH - 9) + 0
			if (!(number in seen)) count++
			seen[number]
			if (number > last) last = number
		}
		/ packets transmitted/ { sent = $1 }
		END { exit !(sent > 0 && last > 0 && count == last && sent - last <= under_way) }' "$1"
}

no_ping() { # NS TARGET [PING-ARGUMENT...]; true when nothing comes back
	local ns=$1 target=$2
	shift 2
	! in_ns "$ns" ping -n -q -c 1 -W 0.3 "$@" "$target"
}

# Somebody listens on each of these TCP ports.
listens() { # NS PORT...
	local ns=$1 port
	shift
	for port; do
		[[ -n $(in_ns "$ns" ss -Hltn "sport = :$port") ]] || return 1
	done
}

# An inner connection from lan-a to lan-b that carries so many bytes either way, begun; its ends run as `from` and `to`.
stream_start() { # PORT BYTES
	rm -f "$WORK/to.log" "$WORK/from.log"
	start_bg "$WORK/to.log" to in_ns lan-b timeout 90 "$STREAM" listen $B4 "$1" "$2"
	wait_for 5 'lan-b listens' listens lan-b "$1"
	start_bg "$WORK/from.log" from in_ns lan-a timeout 90 "$STREAM" connect $B4 "$1" "$2"
}

stream_end() { # SECONDS WHAT; it has lived through that
	local name
	for name in from to; do
		wait_exit $name "$1"
		check_equal "$2: the inner connection lives through it, every byte right ($name)" 0 "$EXIT_STATUS"
		cat "$WORK/$name.log"
	done
}

# What a namespace has of links, addresses, routes and rules, without what changes by itself. A process each for what it can list.
snapshot() { # NS
	{
		ip_ns "$1" -o -batch - <<<$'link\naddr'
		ip_ns "$1" -4 -batch - <<<$'route show table all\nrule'
		ip_ns "$1" -6 -batch - <<<$'route show table all\nrule'
	} | sed -E 's/ (state|qlen|qdisc|valid_lft|preferred_lft|expires) \S+//g' | sort
}

same_snapshot() { # NS FILE; shows what differs
	snapshot "$1" | diff "$2" -
}

# A namespace is as it was when snapshot wrote FILE; what a dying process leaves may take a moment.
wait_same() { # NS FILE SECONDS
	wait_for "$3" "$1 is as it was" same_snapshot "$1" "$2" && pass "nothing is left behind in $1"
}

# Captures in a namespace until capture_end; a filter that matches little keeps it small.
capture_start() { # NAME NS INTERFACE FILTER...
	local name=$1 ns=$2 interface=$3
	shift 3
	start_bg "$WORK/$name.tcpdump" "$name" in_ns "$ns" tcpdump -Z root --immediate-mode -U -n -s 0 -i "$interface" \
		-w "$WORK/$name.pcap" "$*"
	wait_log "$WORK/$name.tcpdump" 'listening on' 10
}

capture_print() { # NAME [FILTER]
	tcpdump -n -r "$WORK/$1.pcap" "${2-}" 2>/dev/null
}

captured() { # NAME FILTER
	[[ -n $(capture_print "$1" "$2") ]]
}

# ---- a resolver ----

# Starts one with these lines of unbound.conf(5).
resolver_start() { # NS ADDRESS LINE...
	local ns=$1
	cat >"$WORK/unbound.conf" <<CONF
server:
	directory: "$WORK"
	chroot: ""
	username: ""
	pidfile: "$WORK/unbound.pid"
	use-syslog: no
	module-config: "iterator"
	interface: $2
	access-control: 0.0.0.0/0 allow
CONF
	shift 2
	printf '\t%s\n' "$@" >>"$WORK/unbound.conf"
	start_bg "$WORK/resolver.log" resolver in_ns "$ns" unbound -d -c "$WORK/unbound.conf"
	wait_for 10 'the resolver is there' resolver_there "$ns"
}
resolver_there() { [[ -n $(in_ns "$1" ss -Hlun 'sport = :53') ]]; }
