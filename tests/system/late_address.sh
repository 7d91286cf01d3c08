#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The server listens on addresses that its host does not have yet, of both families, and is there when they come. Its units say
# which failures systemd leaves to a person.
#
#   gw-a (192.0.2.1) ──── gw-b (192.0.2.2, later)
#
# check: quick
#
set -euo pipefail
# shellcheck source=tests/system/tunnel/common.sh
source "$(dirname "$0")/tunnel/common.sh"

ns_add gw-a
ns_add gw-b
veth gw-a wan0 gw-b wan0
addr gw-a wan0 192.0.2.1/24
pki_add gw-a
server_conf gw-b <<'CONF'
listen = [ "192.0.2.2:443", "[2001:db8::2]:443" ];
peers = ( { name = "gw-a"; } );
CONF
client_conf gw-a <<<'remotes = [ "192.0.2.2:443" ];'
server_start gw-b
wait_log "$WORK/gw-b.log" 'engine .pid [0-9]*. is ready' "$UP_SECONDS"
for address in '192.0.2.2:443' '\[2001:db8::2\]:443'; do
	expect_log "$WORK/gw-b.log" "warning .*cannot listen on $address: .*no interface of this host has that address; netd listens anyway"
done
addr gw-b wan0 192.0.2.2/24
client_start gw-a
wait_up gw-a gw-b
check 'the tunnel works' pings gw-a $SERVER4
# By the other family, while duplicate detection may still be going on.
addr gw-b wan0 2001:db8::2/64
check 'the other address is listened on' grep -F '[2001:db8::2]:443' <(in_ns gw-b ss -Hltn)

# ---- the units ----

units=$(dirname "$0")/../../packaging/systemd
for unit in "$units"/*.service.in; do
	name=$(basename "$unit" .in)
	for line in 'Wants=network-online.target' 'After=network-online.target' 'StartLimitIntervalSec=0' 'Restart=on-failure' \
		'RestartPreventExitStatus=2 3 6' 'Type=notify' 'TimeoutStartSec=infinity'; do
		check "$name: $line" grep -Fx "$line" "$unit"
	done
	check "$name: a pause before the next start" grep -E '^RestartSec=[0-9]+$' "$unit"
	# shellcheck disable=SC2016 # awk's own.
	check "$name: start limits are of the unit" awk '/^\[/ { part = $0 } /^StartLimit/ { exit part != "[Unit]" }' "$unit"
done
finish
