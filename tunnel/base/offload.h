/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_BASE_OFFLOAD_H
#define CULVERT_BASE_OFFLOAD_H

/*
 * The offloads that an end accepts in packets from its peer, as a set of bits. hello and welcome
 * carry the same numbers over the wire (docs/protocol.md): never renumber.
 */
enum offload {
	OFFLOAD_CSUM = 1u << 0, /* the receiver completes the transport checksum */
	OFFLOAD_TSO4 = 1u << 1, /* TCP superpackets over IPv4; needs CSUM */
	OFFLOAD_TSO6 = 1u << 2, /* TCP superpackets over IPv6; needs CSUM */
	OFFLOAD_ECN = 1u << 3,  /* TCP superpackets with CWR set; needs TSO4 or TSO6 */
	OFFLOAD_USO = 1u << 4,  /* UDP superpackets, both families (Linux 6.2); needs CSUM */
	OFFLOAD_ALL = OFFLOAD_CSUM | OFFLOAD_TSO4 | OFFLOAD_TSO6 | OFFLOAD_ECN | OFFLOAD_USO,
};

#endif
