#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Two tunnels of one host want its resolvers, which are a file: the first has it, the second takes its turn when the first ends.
#
#   laptop ── 192.0.2.0/24 ── gw-b (dns 10.2.0.53), gw-c (dns 10.3.0.53)
#
# check: quick
# shellcheck disable=SC2317 # Functions are called by name.
set -euo pipefail
# shellcheck source=tests/system/tunnel/common.sh
source "$(dirname "$0")/tunnel/common.sh"

ns_add laptop
ns_add gw-b
veth laptop wan0 gw-b wan0
addr laptop wan0 192.0.2.1/24
addr gw-b wan0 192.0.2.2/24
etc=$(ns_etc laptop)
printf '# by hand\nnameserver 192.0.2.254\n' >"$etc/resolv.conf"
cp "$etc/resolv.conf" "$WORK/original"
pki_add laptop
asks() { # ADDRESS; the file's first resolver
	[[ $(awk '$1 == "nameserver" { print $2; exit }' "$etc/resolv.conf") == "$1" ]]
}

server_conf gw-b <<'CONF'
dns = [ "10.2.0.53" ];
peers = ( { name = "laptop"; } );
CONF
server_start gw-b
server_conf gw-c gw-b <<'CONF'
listen = [ "0.0.0.0:444" ];
pool4 = "10.214.0.0/24";
pool6 = "fd00:c17:e28::/64";
dns = [ "10.3.0.53" ];
peers = ( { name = "laptop"; } );
CONF
server_start gw-c gw-b
client_conf laptop </dev/null
client_conf second laptop <<<'remotes = [ "192.0.2.2:444" ];'
client_start laptop
wait_up laptop gw-b
wait_for 5 'the first has the file' asks 10.2.0.53 && pass 'the first has the file'
client_start second laptop
wait_up second gw-b
wait_log "$WORK/second.log" 'another running Culvert has its resolvers in /etc/resolv.conf' 5 && pass 'the second says who has it'
wait_for 5 'the status says that they are not in place' bash -c "'$CULVERT' status --socket '$WORK/second.sock' --json |
	jq -e '.host[] | select(.item == \"resolvers\") | .in_place == false'" && pass 'the status says that they are not in place'
check 'the first keeps it' asks 10.2.0.53
stop_bg laptop
wait_for 5 'the second takes its turn' asks 10.3.0.53 && pass 'the second takes its turn'
stop_bg second
check 'at the end all is as before' cmp "$WORK/original" "$etc/resolv.conf"
finish
