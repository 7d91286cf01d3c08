/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_TESTS_BENCH_LINK_EMULATOR_PORT_H
#define CULVERT_TESTS_BENCH_LINK_EMULATOR_PORT_H

#include <net/if.h>
#include <stdint.h>

#include "base/problem.h"

/*
 * One interface, its frames in and out by one packet socket. Every frame that is received or sent has a struct
 * virtio_net_hdr in front of it, which tells of a checksum that the sender has left to its hardware: handed on as it
 * is, the far end takes the packet as one whose checksum its hardware has verified, as over any veth.
 */

struct port {
	int fd;
	char name[IFNAMSIZ];
	unsigned mtu;
	uint64_t overflowed;     /* frames that came faster than they were fetched */
	uint32_t dropped_before; /* the interface's own count when it was opened */
};

/* Frames are collected from here on. Negative errno, with a problem. */
int port_open(struct port *port, const char *name, struct problem *problem);
void port_close(struct port *port);

/* Whether the interface is still there; its socket reports an error also when it only went down. */
int port_check(const struct port *port, struct problem *problem);

/* Brings `overflowed` up to date. */
void port_count_overflow(struct port *port);

/* Frames that the interface took for sending and then dropped, as its far end's queue was full. */
uint64_t port_dropped(const struct port *port);

#endif
