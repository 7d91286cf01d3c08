/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_CONFIG_DESCRIPTORS_H
#define CULVERT_CONFIG_DESCRIPTORS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/settings.h"

/*
 * Plans how many sessions and handshakes fit in the limit of open files (RLIMIT_NOFILE). A server
 * takes no more than that, so reaching the limit costs one connection and never the engine. Queues
 * of interfaces stay below a reserve, so the control socket, the leases and the log work when all
 * else is taken. Strangers get even less (system/spare). Per session netd needs half of the
 * engine's descriptors, under the same limit. Pure functions.
 */

enum {
	/* The last ones: control connections, lease file, name service, one reply of netd. */
	DESCRIPTORS_RESERVE = 48,
	DESCRIPTORS_OWN = 16, /* standard streams, netd, loop, signals, control socket, state */
	DESCRIPTORS_PER_WORKER = 4,    /* loop, mailbox, timers */
	DESCRIPTORS_PER_LANE = 2,      /* a socket, and a queue of the interface */
	DESCRIPTORS_PER_HANDSHAKE = 2, /* one before its ClientHello is complete, one after */
};

struct descriptors {
	uint64_t limit;
	uint64_t ceiling;    /* the reserve begins here; 0: there is no reserve */
	uint32_t sessions;   /* the most; max_sessions if they fit */
	uint32_t handshakes; /* the most; max_handshakes if they fit */
};

/* The most descriptors that a server with these settings needs. */
uint64_t descriptors_needed(const struct settings *settings, unsigned workers);

/* Grants at least one session and one handshake, however low the limit is. */
struct descriptors descriptors_plan(
	const struct settings *settings, unsigned workers, uint64_t limit);

/*
 * True: none of the descriptors belongs to the reserve. The kernel gives the lowest free number, so
 * a number at or above the ceiling means that all below are taken.
 */
bool descriptors_are_free(const struct descriptors *descriptors, const int *fds, size_t count);

#endif
