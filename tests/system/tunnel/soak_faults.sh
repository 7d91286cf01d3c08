# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# What scripts/soak does to the network of soak_net.sh: the course that a seed gives, and a function soak_KIND for each kind of
# fault. A function ends the fault too, where it lasts, leaves files and links as they were, and calls check for what the fault
# promises by itself. That all sessions are whole again and all connections go on is awaited by the caller.

# shellcheck disable=SC2034,SC2154
# kind | who it may happen to | in words
KINDS=(
	'cut|spoke|its cable is out'
	'silence|spoke|its cable drops everything'
	'reset|spoke|its outer connections are reset at both ends'
	'address|spoke|its address changes, and back'
	'stopped|any|its engine is stopped (SIGSTOP)'
	'engine|any|its engine is killed'
	'netd|any|its netd is killed, and started again'
	'both|any|both of its processes are killed, and started again'
	'reexec|any|its engine is replaced (culvert reexec)'
	'succeed|any|another process takes its place (--succeed)'
	'restart|any|it ends in good order, and is started again'
	'announce|server|a reload announces one more prefix, another one withdraws it'
	'peers|spoke|a reload of each of its servers removes it, another one takes it in'
	'linger|server|a reload changes linger, another one changes it back'
	'broken|any|a reload of a broken file'
	'revoke|spoke|its certificate is revoked, and it gets a new one'
	'certificate|any|its certificate and key are exchanged'
	'half-key|server|half a key is put in place, then the whole one'
	'drain|gateway|it is drained over 2 s, and started again'
	'flush|any|nft flush ruleset'
	'resolvers|resolving|another program writes the file of resolvers'
)
OFTEN=8 # seconds, for what shows at once where the machine is busy
GONE_SECONDS=30

kind_field() { # KIND NUMBER
	local line
	for line in "${KINDS[@]}"; do
		[[ ${line%%|*} != "$1" ]] || cut -d'|' -f"$2" <<<"$line"
	done
}

# ---- the course ----

# It depends on the seed alone, not on what a shell draws.
drawn=0
course_begin() { # SEED
	drawn=$1
	draw 1
}

draw() { # N; sets NUMBER to one of 0 … N-1
	drawn=$(((drawn * 1103515245 + 12345) & 0x7fffffff))
	NUMBER=$(((drawn >> 8) % $1))
}

who_may() { # CLASS; sets WHO
	case $1 in
	any) WHO=("${NODES[@]}") ;;
	spoke) WHO=("${SPOKES[@]}") ;;
	server) WHO=("${SERVERS[@]}") ;;
	gateway) WHO=(gw-1 gw-2) ;;
	resolving) WHO=(spoke-1) ;;
	esac
}

# Kinds come from a pack that is used up before it is mixed again, so that each happens as often as any other.
pack=()
next_fault() { # sets KIND, NODE and SECONDS_LONG
	local at
	[[ ${#pack[@]} -gt 0 ]] || pack=("${kinds[@]}")
	draw ${#pack[@]}
	at=$NUMBER
	KIND=${pack[at]}
	unset "pack[at]"
	pack=(${pack[@]+"${pack[@]}"})
	who_may "$(kind_field "$KIND" 2)"
	draw ${#WHO[@]}
	NODE=${WHO[NUMBER]}
	draw 5
	SECONDS_LONG=$((NUMBER + 1))
}

# ---- the way between ----

port_state() { # SPOKE STATE; 0 drops everything, 3 forwards
	bridge -n "$(ns_name wan)" link set dev "to-$1" state "$2"
}

soak_cut() { # NODE SECONDS, as each of these
	ip_ns wan link set "to-$1" down
	sleep "$2"
	ip_ns wan link set "to-$1" up
	port_state "$1" 3
}

soak_silence() {
	port_state "$1" 0
	sleep "$2"
	port_state "$1" 3
}

soak_reset() {
	local number server
	number=$(number_of "$1")
	for server in $(servers_of "$1"); do
		destroy "$server" sport = 443 dst "192.0.2.$number" || true
	done
	destroy "$1" dport = 443 || true
}

soak_address() {
	local number
	number=$(number_of "$1")
	ip_ns "$1" addr del "192.0.2.$number/24" dev wan0
	ip_ns "$1" addr add "192.0.2.$((number + 100))/24" dev wan0
	wait_for $GONE_SECONDS "$1 is up from its other address" is_whole "$1"
	ip_ns "$1" addr del "192.0.2.$((number + 100))/24" dev wan0
	ip_ns "$1" addr add "192.0.2.$number/24" dev wan0
}

# ---- processes ----

soak_stopped() {
	local engine
	engine=$(engine_pid "$1")
	kill -STOP "$engine"
	sleep "$2"
	kill -CONT "$engine"
}

soak_engine() {
	kill_now "$(engine_pid "$1")"
}

start_again() { # NODE ENGINE
	wait_exit "$1" $OFTEN || return 1
	wait_for $OFTEN "the engine of $1 ends with its netd" process_gone "$2" || return 1
	node_start "$1"
}

soak_netd() {
	local engine
	engine=$(engine_pid "$1")
	kill_now "$(pid_of "$1")"
	start_again "$1" "$engine"
}

soak_both() {
	local engine
	engine=$(engine_pid "$1")
	kill_now "$(pid_of "$1")" "$engine"
	start_again "$1" "$engine"
}

soak_reexec() {
	local mark
	mark=$(log_mark "$WORK/$1.log")
	check "$1: its engine is to be replaced" ctl "$1" reexec
	wait_log_since "$WORK/$1.log" "$mark" 'the engine is replaced: it runs' $GONE_SECONDS
}

soak_succeed() {
	local command=("$CULVERTD" -c "$WORK/$1.conf")
	is_server "$1" || command=("$CULVERT" up "$WORK/$1.conf")
	start_bg "$WORK/$1.log" next in_ns "$1" "${command[@]}" --succeed "$(pid_of "$1")"
	wait_exit "$1" $GONE_SECONDS || return 1
	check_equal "$1: the predecessor ends with 0" 0 "$EXIT_STATUS"
	bg_pids[$1]=${bg_pids[next]}
	unset "bg_pids[next]"
}

soak_restart() {
	stop_bg "$1"
	check_equal "$1: it ends with 0" 0 "$EXIT_STATUS"
	node_start "$1"
}

# ---- configurations ----

# The reload is answered, and its exit status is this.
reloads() { # NODE STATUS
	local status=0
	ctl "$1" reload || status=$?
	[[ $status -eq $2 ]]
}

soak_announce() {
	local prefix=10.99.$2.0/24 spoke=spoke-2
	[[ $1 == hub ]] || spoke="spoke-5"
	[[ $1 != gw-2 ]] || spoke="spoke-6"
	more_prefixes[$1]=", \"$prefix\""
	server_write "$1"
	check "$1: one more prefix is applied" reloads "$1" 0
	wait_for $OFTEN "$spoke has the prefix" has_route $spoke "$prefix"
	more_prefixes[$1]=''
	server_write "$1"
	check "$1: it is withdrawn" reloads "$1" 0
	wait_for $OFTEN "$spoke has it no more" lacks_route $spoke "$prefix"
}

has_no_session() { # SERVER PEER
	[[ $(session_value "$1" "$2" .state) != up ]]
}

soak_peers() {
	local server mark
	mark=$(log_mark "$WORK/$1.log")
	for server in $(servers_of "$1"); do
		left_out["$server $1"]=1
		server_write "$server"
		check "$server: an entry is removed" reloads "$server" 0
		wait_for $OFTEN "$server: the session of $1 is gone" has_no_session "$server" "$1"
	done
	wait_log_since "$WORK/$1.log" "$mark" 'no entry in peers for it' $OFTEN
	sleep "$2"
	for server in $(servers_of "$1"); do
		left_out["$server $1"]=''
		server_write "$server"
		check "$server: the entry is back" reloads "$server" 0
	done
}

soak_linger() {
	linger[$1]=$((60 + $2))
	server_write "$1"
	check "$1: linger is changed" reloads "$1" 0
	linger[$1]=60
	server_write "$1"
	check "$1: and changed back" reloads "$1" 0
}

soak_broken() {
	cp -p "$WORK/$1.conf" "$WORK/$1.good"
	echo 'no_such_key = 1;' >>"$WORK/$1.conf"
	check "$1: a broken file is refused" reloads "$1" 3
	mv "$WORK/$1.good" "$WORK/$1.conf"
	check "$1: the good one is what runs" reloads "$1" 0
}

# ---- certificates ----

soak_revoke() {
	local mark
	mark=$(log_mark "$WORK/$1.log")
	pki revoke "$1"
	place_crl
	wait_log_since "$WORK/$1.log" "$mark" 'received a goodbye: the certificate is not accepted any more|it has been revoked' $OFTEN
	sleep "$2"
	pki renew "$1"
	place_pair "$1"
}

serial() { # FILE; the certificate's
	openssl x509 -noout -serial -in "$1"
}

is_served() { # SERVER; its file is what it shows
	[[ $({ in_ns spoke-8 timeout 5 openssl s_client -connect "${server_address[$1]}:443" -alpn culvert/1 </dev/null 2>/dev/null || true; } |
		openssl x509 -noout -serial) == "$(serial "$LIVE/$1.crt")" ]]
}

# A client's shows when it connects again.
soak_certificate() {
	local name=$1 mark
	! is_server "$1" || name=${identity[$1]}
	pki renew "$name"
	mark=$(log_mark "$WORK/$1.log")
	place_pair "$1"
	wait_log_since "$WORK/$1.log" "$mark" 'certificate' $OFTEN
	if is_server "$1"; then
		wait_for $OFTEN "$1: the new certificate is shown" is_served "$1"
	else
		soak_reset "$1"
	fi
}

soak_half_key() {
	local mark
	mark=$(log_mark "$WORK/$1.log")
	cp -p "$LIVE/$1.key" "$LIVE/$1.key.whole"
	head -c 100 "$LIVE/$1.key.whole" >"$LIVE/$1.key"
	wait_log_since "$WORK/$1.log" "$mark" 'changed files cannot be used: .*what was read before stays in use' 20
	mv "$LIVE/$1.key.whole" "$LIVE/$1.key"
	wait_log_since "$WORK/$1.log" "$mark" 'the files of certificate, key, ca and crl fit again' 20
}

# ---- the host ----

soak_drain() {
	check "$1: a drain begins" ctl "$1" drain --over 2s
	wait_exit "$1" $GONE_SECONDS
	check_equal "$1: a drained server ends with 0" 0 "$EXIT_STATUS"
	node_start "$1"
}

soak_flush() {
	in_ns "$1" nft flush ruleset
}

soak_resolvers() {
	printf '# by another program, %s s\nnameserver 192.0.2.254\n' "$2" >"$WORK/resolv.conf"
	cat "$WORK/resolv.conf" >"$etc/resolv.conf"
	wait_for $OFTEN 'the pushed resolver is set again' grep -q "^nameserver $RESOLVER" "$etc/resolv.conf"
}
