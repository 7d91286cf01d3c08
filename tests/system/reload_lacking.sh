#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# A reload switches on a kill switch that the kernel refuses, as another program has a table of that name. The caller hears that it
# is not in force, and netd puts it in force as soon as the table is free.
#
# check: quick
# shellcheck disable=SC2317,SC2016 # Functions are called by name; inner shells expand.
set -euo pipefail
# shellcheck source=tests/system/tunnel/common.sh
source "$(dirname "$0")/tunnel/common.sh"

ns_add gw-a
ns_add gw-b forward
veth gw-a wan0 gw-b wan0
addr gw-a wan0 192.0.2.1/24
addr gw-b wan0 192.0.2.2/24
pki_add gw-a
server_conf gw-b <<<'peers = ( { name = "gw-a"; } );'
client_conf gw-a </dev/null
server_start gw-b
client_start gw-a
wait_up gw-b gw-a

mkfifo "$WORK/nft.in"
start_bg "$WORK/nft.log" nft in_ns gw-a bash -c 'exec nft -i <"$1"' bash "$WORK/nft.in"
exec {nft}>"$WORK/nft.in"
echo 'add table inet culvert-guard-gw-a { flags owner; }' >&"$nft"
theirs() {
	in_ns gw-a nft list tables | grep -F culvert-guard-gw-a
}
ours() {
	in_ns gw-a nft list tables | grep -F 'culvert-killswitch-gw-a'
}
wait_for 5 'another program has the table' theirs
client_conf gw-a <<<'kill_switch = true;'
for turn in 'the first' 'another'; do
	status=0
	ctl gw-a reload >"$WORK/reload.log" 2>&1 || status=$?
	check_equal "$turn reload: exit status" "$([[ $turn == another ]] && echo 0 || echo 1)" $status
done
client_conf gw-a <<<$'kill_switch = true;\nmtu = 1400;'
status=0
ctl gw-a reload >"$WORK/reload.log" 2>&1 || status=$?
check_equal 'a further reload says it, too' 1 $status
check 'the message' grep -E 'configuration 3 is in force, except for this: kill_switch = true: .*culvert-guard-gw-a: Operation not permitted' \
	"$WORK/reload.log"
check_fails 'it is not in force' ours
exec {nft}>&-
wait_exit nft 5 || true
wait_for 40 'it is in force when the table is free' ours
check 'and the tunnel works' in_ns gw-a ping -c 1 -W 2 10.213.0.1
check_fails 'and nothing else' in_ns gw-a ping -c 1 -W 1 192.0.2.2
finish
