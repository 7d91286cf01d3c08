/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_BASE_OFFLOAD_H
#define CULVERT_BASE_OFFLOAD_H

/*
 * Offloads of packets in a tunnel, as a set of bits: what an end accepts in packets from the other.
 * The same numbers go over the wire in hello and welcome (docs/protocol.md): never renumber.
 */
enum offload {
	OFFLOAD_CSUM = 1u << 0, /* transport checksum left to the receiver */
	OFFLOAD_TSO4 = 1u << 1, /* TCP superpackets over IPv4; needs CSUM */
	OFFLOAD_TSO6 = 1u << 2, /* TCP superpackets over IPv6; needs CSUM */
	OFFLOAD_ECN = 1u << 3,  /* TCP superpackets with CWR set; needs TSO4 or TSO6 */
	OFFLOAD_USO = 1u << 4,  /* UDP superpackets, both families (Linux 6.2); needs CSUM */
	OFFLOAD_ALL = OFFLOAD_CSUM | OFFLOAD_TSO4 | OFFLOAD_TSO6 | OFFLOAD_ECN | OFFLOAD_USO,
};

#endif
