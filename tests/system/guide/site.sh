# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# The README's two hosts, set up as it says: where the other guides begin.
#
#   pc-a ─────────── gw-a ──────────── wan ──────────── gw-b ─────────── pc-b
#   10.1.0.2/24   lan0  192.0.2.1      ca      192.0.2.2  lan0   10.2.0.2/24
#
# `ca` is the host that keeps the CA's key. gw-b is vpn.example.org, and has the firewall that many hosts have.

# shellcheck source=tests/system/guide/guide.sh
source "$(dirname "${BASH_SOURCE[0]}")/guide.sh"

guide_tree "$WORK/guide/tree" built
guide_tree "$WORK/guide/ca.tree"

# A host that the README's first step has been done on, at the wan.
guide_host_at_wan() { # NAME ADDRESS/LENGTH [forward]
	guide_repository=$WORK/guide/tree guide_host "$1" "${3-}"
	veth "$1" wan0 wan "to-$1"
	ip_ns wan link set "to-$1" master br0
	addr "$1" wan0 "$2"
	guide_resolves "$1" 192.0.2.2 vpn.example.org
}

guide_installs() { # HOST
	on "$1" make --no-print-directory install >"$WORK/$1.install" 2>&1 || fail "make install on $1"
}

# A gateway of the site of pc-a, whose eth0 is the LAN's switch as well.
guide_joins_lan() { # GATEWAY
	veth "$1" lan0 pc-a "to-$1"
	ip_ns pc-a link set "to-$1" master eth0
}

guide_site() {
	switch_add
	guide_repository=$WORK/guide/ca.tree guide_host ca
	guide_host_at_wan gw-a 192.0.2.1/24
	guide_host_at_wan gw-b 192.0.2.2/24
	ns_add pc-a
	ns_add pc-b
	ip_ns pc-a link add eth0 type bridge
	ip_ns pc-a link set eth0 up
	guide_joins_lan gw-a
	veth pc-b eth0 gw-b lan0
	addr pc-a eth0 10.1.0.2/24
	addr gw-a lan0 10.1.0.1/24
	addr gw-b lan0 10.2.0.1/24 fd00:2::1/64
	addr pc-b eth0 10.2.0.2/24
	route pc-a default via 10.1.0.1
	route pc-b default via 10.2.0.1
	on gw-b nft -f - <<-'NFT'
		table inet filter {
			chain input {
				type filter hook input priority 0; policy drop;
				ct state established,related accept
				iif lo accept
				icmp type echo-request accept
				icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, nd-router-advert, echo-request } accept
			}
		}
	NFT
	guide_names['both hosts']='gw-b gw-a'
	guide_names["a host that you trust to keep the CA's key"]=ca
	guide_names['the host with the CA']=ca
	guide_names['either host']='gw-a gw-b'
}
