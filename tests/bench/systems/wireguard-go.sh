# shellcheck shell=bash disable=SC2034,SC2154
# SPDX-License-Identifier: Apache-2.0
#
# WireGuard in user space. Its control sockets are global to the machine, so interfaces have this
# script's pid in their names.
SYSTEM_TITLE='wireguard-go'
SYSTEM_CIPHER='ChaCha20-Poly1305'
system_needs() { needs_command wireguard-go wg; }
system_version() { dpkg-query -W -f "wireguard-go \${Version}\n" wireguard-go 2>/dev/null || echo wireguard-go; }
system_address() { echo 10.216.0.1; }

wireguard_end() { # NAME IF ADDRESS PEER ENDPOINT
	cat >"$WORK/wg-$1.conf" <<-CONF
		[Interface]
		PrivateKey = $(cat "$WORK/wg-$1.key")
		ListenPort = 51820
		[Peer]
		PublicKey = $(wg pubkey <"$WORK/wg-$4.key")
		AllowedIPs = 10.216.0.0/24
		Endpoint = $5:51820
	CONF
	# The program runs in the foreground; a shell beside it waits for its socket and configures
	# it.
	cat >"$WORK/wg-$1" <<-SCRIPT
		#!/bin/bash
		(
			until wg setconf $2 "$WORK/wg-$1.conf" 2>/dev/null; do
				read -rt 0.005 <> <(:) || true # the socket does not exist yet; a pause without a process
			done
			ip addr add $3/24 dev $2
			ip link set $2 up
		) &
		exec env WG_PROCESS_FOREGROUND=1 wireguard-go -f $2
	SCRIPT
	chmod 755 "$WORK/wg-$1"
}

system_prepare() {
	local end
	for end in a b; do
		(umask 077 && wg genkey >"$WORK/wg-$end.key")
	done
	wireguard_end a "wa$$" 10.216.0.2 b "$FAR"
	wireguard_end b "wb$$" 10.216.0.1 a "$NEAR"
	CLIENT_COMMAND=("$WORK/wg-a")
}

wireguard_ready() {
	ip_ns b -4 -o addr show "wb$$" | grep -q 10.216
}

system_server() {
	start_bg "$WORK/server.log" server in_ns b "$WORK/wg-b"
	wait_for 10 'wireguard-go is up' wireguard_ready
}
