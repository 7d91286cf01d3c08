/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_LANE_FLOW_QUEUE_H
#define CULVERT_LANE_FLOW_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "lane/counters.h"
#include "wire/packet.h"
#include "wire/superpacket.h"

/*
 * What waits between TUN and TLS while the connection takes no more: FQ-CoDel (RFC 8290). Packets
 * queue by flow; flows take turns, those that have just begun first, so a flow that sends little
 * never waits behind one that sends much. CoDel keeps each flow's own queue short, by marking (ECN,
 * RFC 3168) or by dropping, and of a superpacket it drops a single segment. When all is full, the
 * flow with most bytes loses packets, from the front. A superpacket that would hold up the others is
 * cut as it leaves.
 *
 * The memory of packets belongs to the lane's worker, and everything here runs on its thread.
 */

struct worker;
struct flow_queue;

enum {
	/* What a lane's queue may cost, in bytes of memory; in between, its share of the worker's. */
	FLOW_BYTES_LEAST = 128 << 10, /* a slot of the largest size, and more */
	FLOW_BYTES_MOST = 4 << 20,
	FLOW_TABLE_BYTES = 96 << 10, /* more than the queue itself costs */
};

struct flow_packet { /* a slot of the worker's memory and the packet in it */
	STAILQ_ENTRY(flow_packet) link;
	struct mono came;
	size_t size;              /* of memory */
	struct superpacket whole; /* whose data, len and vnet are set before it is put */
	bool can_be_cut;
	uint8_t memory[]; /* the packet, with room in front for its frame's header */
};

STAILQ_HEAD(flow_packets, flow_packet);

/* `counters` gets drops and marks, and what waits. -ENOMEM. */
int flow_queue_new(
	struct worker *worker, struct lane_counters *counters, struct flow_queue **ret_queue);
/* What waits is dropped. NULL is fine. */
void flow_queue_free(struct flow_queue *queue);

bool flow_queue_is_empty(const struct flow_queue *queue); /* NULL: yes */

/* Takes the packet, which `packet` describes; others, or it, may be dropped for it. */
void flow_queue_put(struct flow_queue *queue, struct mono now, struct flow_packet *slot,
	const struct packet *packet);

enum flow_taken {
	FLOW_NONE,  /* the queue is empty */
	FLOW_WHOLE, /* ret_slot is the caller's, to frame in place and to return to the worker */
	/* The beginning of a superpacket was written, as a packet of ret_vnet. */
	FLOW_PART,
};

struct flow_take {
	struct mono now;
	size_t part_max; /* a superpacket that is longer is cut to this, or to one segment */
	/* A superpacket that needs others than these is cut into single segments, checksums to do. */
	uint32_t offloads;
	struct writer part; /* where a part goes; it holds part_max, or a segment of any size */
	struct flow_packet *ret_slot;
	struct vnet ret_vnet; /* of a part */
	bool ret_last;        /* nothing is left of its superpacket */
};

/* The next that is to leave. */
enum flow_taken flow_queue_take(struct flow_queue *queue, struct flow_take *take);

#endif
