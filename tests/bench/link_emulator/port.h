/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_TESTS_BENCH_LINK_EMULATOR_PORT_H
#define CULVERT_TESTS_BENCH_LINK_EMULATOR_PORT_H

#include <net/if.h>
#include <stdint.h>

#include "base/problem.h"

/*
 * One interface, whose frames go in and out by one packet socket. Every frame has a struct
 * virtio_net_hdr before it, which says if the sender left a checksum to its hardware. The header is
 * passed on unchanged, so the far end takes the checksum as verified by its hardware, as over any
 * veth.
 */

struct port {
	int fd;
	char name[IFNAMSIZ];
	unsigned mtu;
	uint64_t overflowed;     /* frames that came faster than they were fetched */
	uint32_t dropped_before; /* the interface's own count when it was opened */
};

/* Opens the port and collects frames from then on. Negative errno; on failure *problem says why. */
int port_open(struct port *port, const char *name, struct problem *problem);
void port_close(struct port *port);

/* Checks that the interface still exists: its socket also reports an error if it only went down. */
int port_check(const struct port *port, struct problem *problem);

/* Updates `overflowed`. */
void port_count_overflow(struct port *port);

/*
 * Frames that the interface accepted for sending and then dropped, because its far end's queue was
 * full.
 */
uint64_t port_dropped(const struct port *port);

#endif
