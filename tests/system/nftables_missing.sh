#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# nat and kill_switch where the kernel has no firewall tables, or does not let us have any: nothing is started, the message
# says what is missing, and the host is as it was.
#
# check: quick
# shellcheck disable=SC2317,SC2016 # Functions are called by name; inner shells expand.
set -euo pipefail
# shellcheck source=tests/system/tunnel/common.sh
source "$(dirname "$0")/tunnel/common.sh"

WITHOUT=("$BUILD/system/without" netfilter)
ns_add gw-a
ns_add gw-b forward
veth gw-a wan0 gw-b wan0
addr gw-a wan0 192.0.2.1/24
addr gw-b wan0 192.0.2.2/24
pki_add gw-a
server_conf gw-b <<<'nat = true; peers = ( { name = "gw-a"; } );'
client_conf gw-a <<<'kill_switch = true;'

refused() { # NAME NS LOG STATUS REGEX COMMAND...
	local name=$1 ns=$2 log=$WORK/$3 expected=$4 regex=$5 status=0
	shift 5
	snapshot "$ns" >"$WORK/before"
	timeout 20 ip netns exec "$(ns_name "$ns")" "$@" >"$log" 2>&1 || status=$?
	check_equal "$name: exit status" "$expected" $status
	check "$name: the message" grep -E "$regex" "$log"
	check "$name: no engine was started" log_lacks "$log" 'engine \(pid'
	check_equal "$name: no table" '' "$(in_ns "$ns" nft list tables)"
	check "$name: nothing else, either" same_snapshot "$ns" "$WORK/before"
	check "$name: no control socket" test ! -e "$WORK/$ns.sock"
}

missing='this kernel has no firewall tables.*modprobe nf_tables'
refused 'a server with nat' gw-b nat.log 1 "nat = true: $missing" "${WITHOUT[@]}" "$CULVERTD" -c "$WORK/gw-b.conf"
refused 'a client with kill_switch' gw-a kill_switch.log 1 "kill_switch = true: $missing" "${WITHOUT[@]}" "$CULVERT" up "$WORK/gw-a.conf"
check 'without the settings nobody asks' log_lacks <(server_conf plain gw-b <<<'peers = ();' && in_ns gw-b "${WITHOUT[@]}" "$CULVERTD" \
	--check -c "$WORK/plain.conf" 2>&1) 'firewall table'
check 'sweep finds nothing' grep 'nothing was left behind' <(in_ns gw-a "${WITHOUT[@]}" "$CULVERT" sweep 2>&1)

# A table that is somebody else's: another culvert of the same name, as it seems.
mkfifo "$WORK/nft.in"
start_bg "$WORK/nft.log" nft in_ns gw-a bash -c 'exec nft -i <"$1"' bash "$WORK/nft.in"
exec {nft}>"$WORK/nft.in"
echo 'add table inet culvert-guard-gw-a { flags owner; }' >&"$nft"
theirs() {
	in_ns gw-a nft list tables | grep -F culvert-guard-gw-a
}
wait_for 5 'another program has the table' theirs
status=0
timeout 20 ip netns exec "$(ns_name gw-a)" "$CULVERT" up "$WORK/gw-a.conf" >"$WORK/theirs.log" 2>&1 || status=$?
check_equal 'a table of somebody else: exit status' 1 $status
check 'a table of somebody else: the message' grep -E \
	'the kernel refuses the table culvert-guard-gw-a: Operation not permitted; it belongs to another program' "$WORK/theirs.log"
check_equal 'it is as it was, and alone' 'table inet culvert-guard-gw-a' "$(in_ns gw-a nft list tables)"
exec {nft}>&-
wait_exit nft 5 || true
finish
