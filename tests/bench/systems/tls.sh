# shellcheck shell=bash disable=SC2034,SC2154
# SPDX-License-Identifier: Apache-2.0
#
# TLS over TCP without a tunnel: the upper limit for tunnels over TLS. It measures only bulk data.
SYSTEM_TITLE='TLS stream, no TUN'
SYSTEM_CIPHER='TLS 1.3, AES-256-GCM'
SYSTEM_MEASURES='throughput'
system_version() { openssl version; }

system_server() {
	start_bg "$WORK/server.log" server in_ns b "$BUILD/bench/tls_stream" serve "$FAR" 4433 \
		"$WORK/pki/servers/gw-b/gw-b.crt" "$WORK/pki/servers/gw-b/gw-b.key"
	wait_for 5 'tls_stream listens' listens b 4433
}

system_bulk() { # FLOWS up|down SECONDS
	in_ns a timeout $(($3 + 30)) "$BUILD/bench/tls_stream" run "$FAR" 4433 "$WORK/pki/ca.crt" "$2" "$1" "$3"
}
