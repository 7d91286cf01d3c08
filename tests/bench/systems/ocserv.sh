# shellcheck shell=bash disable=SC2034,SC2154
# SPDX-License-Identifier: Apache-2.0
#
# ocserv with the openconnect client, over TLS only.
SYSTEM_TITLE='ocserv + openconnect, TLS'
SYSTEM_CIPHER='TLS 1.3, AES-256-GCM'
system_needs() { needs_command ocserv openconnect; }
system_version() {
	echo "$(PATH=$PATH:/usr/sbin ocserv --version 2>&1 | head -n 1), $(PATH=$PATH:/usr/sbin openconnect --version | head -n 1)"
}
system_address() { echo 10.215.0.1; }

system_prepare() {
	local files=$WORK/pki/servers/gw-b priorities='NORMAL:-VERS-ALL:+VERS-TLS1.3:-CIPHER-ALL:+AES-256-GCM'
	cat >"$WORK/ocserv.conf" <<-CONF
		auth = "certificate"
		cert-user-oid = 2.5.4.3
		listen-host = $FAR
		tcp-port = 4443
		run-as-user = nobody
		run-as-group = nogroup
		socket-file = $WORK/ocserv.sock
		server-cert = $files/gw-b.crt
		server-key = $files/gw-b.key
		ca-cert = $WORK/pki/ca.crt
		isolate-workers = false
		max-clients = 16
		max-same-clients = 4
		keepalive = 30
		try-mtu-discovery = false
		tls-priorities = "$priorities"
		device = bench
		ipv4-network = 10.215.0.0
		ipv4-netmask = 255.255.255.0
		predictable-ips = true
		mtu = 1500
		compression = false
		cisco-client-compat = true
		rekey-time = 172800
	CONF
	# Does the work of vpnc-script, without a name server and routes: the address, the MTU, the
	# route to the far end.
	cat >"$WORK/openconnect-script" <<-'SCRIPT'
		#!/bin/sh
		[ "$reason" = connect ] || exit 0
		ip link set "$TUNDEV" mtu "$INTERNAL_IP4_MTU" up
		ip addr add "$INTERNAL_IP4_ADDRESS/24" dev "$TUNDEV"
	SCRIPT
	chmod 755 "$WORK/openconnect-script"
	CLIENT_COMMAND=(openconnect --protocol=anyconnect --no-dtls --non-inter --gnutls-priority "$priorities"
		--certificate "$(pki_extract gw-a certificate)" --sslkey "$(pki_extract gw-a key)" --cafile "$WORK/pki/ca.crt"
		--no-system-trust --resolve "gw-b:$FAR" --script "$WORK/openconnect-script" https://gw-b:4443/)
}

system_server() {
	start_bg "$WORK/server.log" server in_ns b ocserv --foreground --config "$WORK/ocserv.conf"
	wait_for 10 'ocserv listens' listens b 4443
}
