# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# The network of scripts/soak, what runs in it, and what it is compared by afterwards; on top of common.sh and faults.sh.
#
#   spoke-1 … spoke-4 ───┐         ┌─── hub ────┐
#                        wan ──────┼─── gw-1 ───┼─── lan       gw-1 and gw-2 serve spoke-5 … spoke-8 with the same addresses;
#   spoke-5 … spoke-8 ───┘         └─── gw-2 ───┘              odd ones prefer gw-1, even ones gw-2
#
# spoke-N has 10.N.0.1 and announces 10.N.0.0/24; the lan is 10.100.0.9 behind the hub and 10.200.0.9 behind the gateways. spoke-1
# has a full tunnel with a kill switch and gets a resolver; spoke-3 and spoke-7 have three lanes. Between the lan and each spoke runs
# one connection with every byte compared, from the lan to spokes with an odd number, and from the others to the lan.

# What is set here is read by who sources this.
# shellcheck disable=SC2034,SC2154
SERVERS=(hub gw-1 gw-2)
SPOKES=(spoke-{1..8})
NODES=("${SERVERS[@]}" "${SPOKES[@]}")
FLOW=$BUILD/system/flow
RATE=4mbit
PORT=9000
HUB_LAN=10.100.0 GATEWAY_LAN=10.200.0
RESOLVER=$HUB_LAN.9
SETTLE_SECONDS=5
# What a process may have more than at its start: buffers of connections come and go, and an allocator keeps some.
GROWTH_KB=6144

declare -A server_address=([hub]=192.0.2.20 [gw-1]=192.0.2.21 [gw-2]=192.0.2.22)
declare -A identity=([hub]=hub [gw-1]=gateway [gw-2]=gateway)
# What reloads change: prefixes that a server announces besides, its linger, and peers that are taken out.
declare -A more_prefixes=() linger=([hub]=60 [gw-1]=60 [gw-2]=60) left_out=()

number_of() { # SPOKE
	echo "${1#spoke-}"
}

is_server() { # NODE
	[[ $1 != spoke-* ]]
}

behind_hub() { # SPOKE
	[[ ${1#spoke-} -le 4 ]]
}

# The servers that serve it, the preferred one first.
servers_of() { # SPOKE
	if behind_hub "$1"; then
		echo hub
	elif [[ $((${1#spoke-} % 2)) -eq 1 ]]; then
		echo gw-1 gw-2
	else
		echo gw-2 gw-1
	fi
}

# ---- the network ----

spoke_add() { # NUMBER
	local name=spoke-$1
	switch_join "$name" "192.0.2.$1/24"
	addr "$name" lo "10.$1.0.1/32"
	in_ns "$name" tc qdisc add dev wan0 root tbf rate $RATE burst 32k latency 50ms
	in_ns wan tc qdisc add dev "to-$name" root tbf rate $RATE burst 32k latency 50ms
	retry_soon "$name"
}

# An inner connection that waits as long again as the fault lasted would leave time for few faults.
retry_soon() { # NS
	# shellcheck disable=SC2016 # The inner shell expands.
	in_ns "$1" sh -c 'echo 1500 >/proc/sys/net/ipv4/tcp_rto_max_ms' 2>/dev/null || true
}

lan_join() { # SERVER ADDRESS/LENGTH
	veth "$1" lan0 lan "to-$1"
	ip_ns lan link set "to-$1" master br0
	addr "$1" lan0 "$2"
	# The gateways send on to each other what the other has the session of, and the lan is to go on asking the first.
	# shellcheck disable=SC2016 # The inner shell expands.
	in_ns "$1" sh -c 'for i in all lan0; do echo 0 >/proc/sys/net/ipv4/conf/$i/send_redirects; done'
}

network_add() {
	local name number
	switch_add
	ns_add lan
	ip_ns lan link add br0 type bridge
	ip_ns lan link set br0 up
	addr lan br0 $HUB_LAN.9/24 $GATEWAY_LAN.9/24
	retry_soon lan
	for name in "${SERVERS[@]}"; do
		switch_join "$name" "${server_address[$name]}/24" forward
	done
	lan_join hub $HUB_LAN.1/24
	lan_join gw-1 $GATEWAY_LAN.1/24
	lan_join gw-2 $GATEWAY_LAN.2/24
	for number in {1..8}; do
		spoke_add "$number"
		if [[ $number -le 4 ]]; then
			route lan "10.$number.0.0/24" via $HUB_LAN.1
		else
			route lan "10.$number.0.0/24" via $GATEWAY_LAN.1
			route gw-1 "10.$number.0.0/24" via $GATEWAY_LAN.2 metric 5000
			route gw-2 "10.$number.0.0/24" via $GATEWAY_LAN.1 metric 5000
		fi
	done
	etc=$(ns_etc spoke-1)
	printf '# by hand\nnameserver 192.0.2.254\n' >"$etc/resolv.conf"
	cp "$etc/resolv.conf" "$WORK/resolv.conf"
}

# ---- certificates ----

place_pair() { # NODE; the newest that the PKI has made for it
	local pair=$WORK/pki/servers/${identity[$1]-}
	if is_server "$1"; then
		place 600 "$pair/${identity[$1]}.key" "$LIVE/$1.key"
		place 644 "$pair/${identity[$1]}.crt" "$LIVE/$1.crt"
	else
		place 600 "$(pki_extract "$1" key)" "$LIVE/$1.key"
		place 644 "$(pki_extract "$1" certificate)" "$LIVE/$1.crt"
	fi
}

place_crl() {
	place 644 "$WORK/pki/crl.pem" "$LIVE/crl.pem"
}

certificates_add() {
	local name
	mkdir "$LIVE"
	pki init
	pki server hub
	pki server gateway
	pki crl
	for name in "${SPOKES[@]}"; do
		pki client "$name" --remote 192.0.2.20 --server-name hub
	done
	for name in "${NODES[@]}"; do
		place_pair "$name"
	done
	place_crl
}

own_files() { # NODE
	printf '%s = "%s";\n' certificate "$LIVE/$1.crt" key "$LIVE/$1.key" ca "$WORK/pki/ca.crt"
}

# ---- configurations ----

peers_of() { # SERVER
	local name number network=10.214.0 network6=fd00:c17:e28:: dns=''
	[[ $1 != hub ]] || network=10.213.0 network6=fd00:c17:e27::
	for name in "${SPOKES[@]}"; do
		number=$(number_of "$name")
		[[ " $(servers_of "$name") " == *" $1 "* && -z ${left_out[$1 $name]-} ]] || continue
		dns=''
		[[ $name != spoke-1 ]] || dns="dns = [ \"$RESOLVER\" ];"
		echo ", { name = \"$name\"; interface = \"to-$name\"; $dns accept_routes = [ \"10.$number.0.0/16\" ];" \
			"address4 = \"$network.$((number + 10))\"; address6 = \"$network6$((number + 10))\"; }"
	done | sed '1s/^, //'
}

server_write() { # SERVER
	local lan=$HUB_LAN pool=10.213.0.0/24 pool6=fd00:c17:e27::/64 nat=true
	[[ $1 == hub ]] || lan=$GATEWAY_LAN pool=10.214.0.0/24 pool6=fd00:c17:e28::/64 nat=false
	server_conf "$1" "${identity[$1]}" <<-CONF
		$(own_files "$1")
		crl = "$LIVE/crl.pem";
		ping_interval = 1;
		dead_after = 4;
		lanes = 4;
		nat = $nat;
		pool4 = "$pool";
		pool6 = "$pool6";
		linger = ${linger[$1]};
		announce = [ "$lan.0/24"${more_prefixes[$1]-} ];
		peers = (
		$(peers_of "$1")
		);
	CONF
}

client_write() { # SPOKE
	local remotes=() server
	for server in $(servers_of "$1"); do
		remotes+=("\"${server_address[$server]}$([[ ${#remotes[@]} -eq 0 ]] || echo ' 2')\"")
	done
	{
		own_files "$1"
		printf 'remotes = [ %s ];\n' "$(IFS=, && echo "${remotes[*]}")"
		behind_hub "$1" || printf '%s;\n' 'server_name = "gateway"' 'return_after = 2'
		printf 'announce = [ "10.%s.0.0/24" ];\n' "$(number_of "$1")"
		case $1 in
		spoke-1) printf '%s;\n' 'full_tunnel = true' 'kill_switch = true' 'bypass = [ "10.1.0.0/24" ]' ;;
		spoke-[37]) printf '%s;\n' 'lanes = 3' 'use_dns = false' ;;
		*) echo 'use_dns = false;' ;;
		esac
	} | client_conf "$1"
}

# ---- daemons ----

node_start() { # NODE
	if is_server "$1"; then
		start_bg "$WORK/$1.log" "$1" in_ns "$1" "$CULVERTD" -c "$WORK/$1.conf"
	else
		client_start "$1"
	fi
}

daemons_start() {
	local name
	for name in "${SERVERS[@]}"; do
		server_write "$name"
		node_start "$name"
	done
	for name in "${SPOKES[@]}"; do
		client_write "$name"
		node_start "$name"
	done
}

lanes_of() { # SPOKE
	[[ $1 == spoke-[37] ]] && echo 3 || echo 1
}

# The session is up with all its lanes, at the preferred server.
is_whole() { # SPOKE
	local server
	read -r server _ <<<"$(servers_of "$1")"
	[[ $(ctl "$1" status --json | jq -r '"\(.sessions[0].state) \(.sessions[0].lanes | length) \(.remote.host)"') == \
	"up $(lanes_of "$1") ${server_address[$server]}" ]]
}

# ---- traffic ----

flow_start() { # SPOKE; the lan makes the connection
	local number lan=receive spoke=send
	number=$(number_of "$1")
	[[ $((number % 2)) -eq 0 ]] || lan=send spoke=receive
	rm -f "$WORK/flow-$1".{lan,spoke}.log
	start_bg "$WORK/flow-$1.spoke.log" "flow-$1.spoke" in_ns "$1" "$FLOW" listen "10.$number.0.1" $PORT $spoke
	wait_for 5 "$1 listens" listens "$1" $PORT || return 1
	start_bg "$WORK/flow-$1.lan.log" "flow-$1.lan" in_ns lan "$FLOW" connect "10.$number.0.1" $PORT $lan
}

flow_end_of() { # SPOKE send|receive; the name of its process
	case $(($(number_of "$1") % 2))$2 in
	1send | 0receive) echo "flow-$1.lan" ;;
	*) echo "flow-$1.spoke" ;;
	esac
}

flow_bytes() { # SPOKE
	tail -n 1 "$WORK/$(flow_end_of "$1" receive).log" 2>/dev/null | awk '/^at / { n = $2 } END { printf "%.0f\n", n }'
}

flow_beyond() { # SPOKE BYTES
	[[ $(flow_bytes "$1") -gt $2 ]]
}

flow_lives() { # SPOKE
	bg_running "flow-$1.lan" && bg_running "flow-$1.spoke"
}

flow_stop() { # SPOKE
	local name
	kill -TERM "$(pid_of "$(flow_end_of "$1" send)")" 2>/dev/null || true
	for name in "$(flow_end_of "$1" send)" "$(flow_end_of "$1" receive)"; do
		EXIT_STATUS='not ended'
		wait_exit "$name" 60 || true
		check_equal "the connection of $1 has lived, every byte right: $name" 0 "$EXIT_STATUS"
	done
	tail -n 1 "$WORK/$(flow_end_of "$1" receive).log"
}

# ---- values ----

# What a namespace has, by names: numbers of interfaces and link-local addresses are others after a restart.
kernel_state() { # NS
	{
		snapshot "$1" | sed -E 's/^[0-9]+: //; s/ altname \S+//; /inet6 fe80|^fe80|local fe80|anycast fe80/d; s/ metric 429[0-9]+//'
		in_ns "$1" nft list ruleset | sed -E 's/ counter packets [0-9]+ bytes [0-9]+//; s/ # handle.*//; s/expires \S+//'
	} | sort
}

descriptors() { # PID; each kind with its number
	# What was inherited by a process with mounts of its own has another path.
	find "/proc/$1/fd" -type l -printf '%l\n' 2>/dev/null | sed -E 's/[0-9]+/N/g; s|^/net/tun$|/dev/net/tun|' | sort | uniq -c
}

processes_state() { # NODE; descriptors and threads of both processes
	local pid
	for pid in "$(pid_of "$1")" "$(engine_pid "$1")"; do
		descriptors "$pid"
		echo "threads $(find "/proc/$pid/task" -mindepth 1 -maxdepth 1 | wc -l)"
	done
}

anonymous_kb() { # PID; what it has allocated: heap, stacks and buffers
	awk '/^RssAnon/ { print $2 }' "/proc/$1/status" 2>/dev/null
}

values_remember() {
	local name
	for name in "${NODES[@]}"; do
		kernel_state "$name" >"$WORK/$name.kernel"
		processes_state "$name" >"$WORK/$name.processes"
	done
}

same_kernel() { # NODE
	kernel_state "$1" | diff "$WORK/$1.kernel" -
}

same_processes() { # NODE
	processes_state "$1" | diff "$WORK/$1.processes" -
}

values_compare() { # NODE...
	local name
	for name; do
		wait_for 30 "$name: interfaces, addresses, routes, rules and tables are those of the start" same_kernel "$name" &&
			pass "$name: interfaces, addresses, routes, rules and tables are those of the start"
		wait_for 30 "$name: descriptors and threads are those of the start" same_processes "$name" &&
			pass "$name: descriptors and threads are those of the start"
	done
}

# Memory is followed in each process for as long as it lives: "NODE KIND PID" -> what it had when it was first seen at rest.
declare -A memory_first=() memory_last=()
memory_look() {
	local name kind pid now
	for name in "${NODES[@]}"; do
		for kind in netd engine; do
			pid=$(pid_of "$name")
			[[ $kind == netd ]] || pid=$(engine_pid "$name")
			now=$(anonymous_kb "${pid:-0}")
			[[ -n $now ]] || continue
			[[ -n ${memory_first["$name $kind $pid"]-} ]] || memory_first["$name $kind $pid"]=$now
			memory_last["$name $kind $pid"]=$now
		done
	done
}

memory_compare() {
	local key grown worst=0 of='' kind
	for kind in netd engine; do
		worst=0 of=nobody
		for key in "${!memory_first[@]}"; do
			grown=$((memory_last[$key] - memory_first[$key]))
			[[ $key == *" $kind "* && $grown -gt $worst ]] || continue
			worst=$grown of="$key, from ${memory_first[$key]} KiB"
		done
		echo "# the $kind that grew most: $worst KiB ($of)"
		# AddressSanitizer keeps what was freed, and searches for leaks itself.
		[[ -n $SANITIZED ]] || check "no $kind has grown by more than $GROWTH_KB KiB" test "$worst" -le $GROWTH_KB
	done
}
