# shellcheck shell=bash disable=SC2034,SC2154
# SPDX-License-Identifier: Apache-2.0
#
# OpenVPN over TCP with its defaults and one cipher; other systems set the protocol and more
# options. It does not use the kernel's data channel, which is no VPN in user space.
SYSTEM_TITLE='OpenVPN, TCP'
SYSTEM_CIPHER='TLS 1.3 control, AES-256-GCM data'
OPENVPN_PROTO=tcp OPENVPN_MTU=1500 OPENVPN_OPTIONS=()
system_needs() { needs_command openvpn; }
system_version() { PATH=$PATH:/usr/sbin openvpn --version | head -n 1 | cut -d' ' -f1,2; }
system_address() { echo 10.214.0.1; }

# Certificates are checked against the CA only: the PKI's own purpose fields serve both.
system_prepare() {
	local role=server server_proto=$OPENVPN_PROTO client_proto=$OPENVPN_PROTO ca=$WORK/pki/ca.crt
	if [[ $OPENVPN_PROTO == tcp ]]; then
		server_proto=tcp-server client_proto=tcp-client
	fi
	OPENVPN_COMMON=(openvpn --dev tun --topology subnet --ca "$ca" --tun-mtu "$OPENVPN_MTU"
		--data-ciphers AES-256-GCM --cipher AES-256-GCM --disable-dco --verb 3
		${OPENVPN_OPTIONS[@]+"${OPENVPN_OPTIONS[@]}"})
	OPENVPN_SERVER=("${OPENVPN_COMMON[@]}" --mode server --tls-server --proto "$server_proto" --local "$FAR" --port 1194
		--dh none --ifconfig 10.214.0.1 255.255.255.0 --ifconfig-pool 10.214.0.2 10.214.0.20 --keepalive 10 60
		--push 'topology subnet' --cert "$WORK/pki/servers/gw-b/gw-b.crt" --key "$WORK/pki/servers/gw-b/gw-b.key")
	CLIENT_COMMAND=("${OPENVPN_COMMON[@]}" --client --proto "$client_proto" --remote "$FAR" 1194 --nobind
		--cert "$(pki_extract gw-a certificate)" --key "$(pki_extract gw-a key)")
}

system_server() {
	start_bg "$WORK/server.log" server in_ns b "${OPENVPN_SERVER[@]}"
	wait_log "$WORK/server.log" 'Initialization Sequence Completed' 10
}
