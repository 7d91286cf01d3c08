/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_ENGINE_DESCRIPTORS_H
#define CULVERT_ENGINE_DESCRIPTORS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/settings.h"

/*
 * How many sessions and handshakes the limit of open files (RLIMIT_NOFILE) has room for. The rule: a
 * server takes no more than that, so that its limit refuses one connection and never stops the
 * engine; and the queues of interfaces stay below a reserve, so that the control socket, the leases
 * and the log work when everything else is taken. What strangers bring is kept lower still
 * (system/spare). netd needs half of what an engine needs a session, under the same limit. Pure
 * functions.
 */

enum {
	/* The last ones: control connections, the lease file, name service, one reply of netd's. */
	DESCRIPTORS_RESERVE = 48,
	DESCRIPTORS_OWN = 16,       /* standard ones, netd, loop, signals, control socket, state */
	DESCRIPTORS_PER_WORKER = 4, /* loop, mailbox, timers */
	DESCRIPTORS_PER_LANE = 2,   /* a socket, and a queue of the interface */
	DESCRIPTORS_PER_HANDSHAKE = 2, /* one before its ClientHello is whole, one behind that */
};

struct descriptors {
	uint64_t limit;
	uint64_t ceiling;    /* the reserve begins with this descriptor; 0: none is kept */
	uint32_t sessions;   /* at most; max_sessions where there is room */
	uint32_t handshakes; /* at most; max_handshakes where there is room */
};

/* What a server of these settings needs at most. */
uint64_t descriptors_needed(const struct settings *settings, unsigned workers);

/* At least one session and one handshake, however low the limit is. */
struct descriptors descriptors_plan(
	const struct settings *settings, unsigned workers, uint64_t limit);

/*
 * None of them belongs to the reserve. The kernel gives the lowest number that is free, so one above
 * the ceiling says that all below are taken.
 */
bool descriptors_are_free(const struct descriptors *descriptors, const int *fds, size_t count);

#endif
