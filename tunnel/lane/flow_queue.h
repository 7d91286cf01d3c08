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
 * The queue between TUN and TLS, for packets that the connection cannot take yet: FQ-CoDel (RFC
 * 8290). Packets queue by flow. Flows take turns, new flows first, so a flow that sends little
 * never waits for one that sends much. CoDel keeps each flow's queue short: it marks packets (ECN,
 * RFC 3168) or drops them, of a superpacket only one segment. When the whole queue is full, the
 * flow with the most bytes loses its oldest packets. A superpacket that would delay the others is
 * cut as it leaves.
 *
 * The worker owns the packets' memory. The worker's thread only.
 */

struct worker;
struct flow_queue;

enum {
	/*
	 * The limit of a lane's queue, in bytes of memory, is its share of the worker's memory, but
	 * at least the first and at most the second.
	 */
	FLOW_BYTES_LEAST = 128 << 10, /* more than a slot of the largest size */
	FLOW_BYTES_MOST = 4 << 20,
	FLOW_TABLE_BYTES = 96 << 10, /* more than an empty queue costs */
};

/* A slot of the worker's memory, with a packet in it. */
struct flow_packet {
	STAILQ_ENTRY(flow_packet) link;
	struct mono came;
	size_t size;              /* of the slot */
	struct superpacket whole; /* its data, len and vnet are set before flow_queue_put() */
	bool can_be_cut;
	uint8_t memory[]; /* the packet, behind room for its frame's header */
};

STAILQ_HEAD(flow_packets, flow_packet);

/* Makes a queue. It counts drops, marks, and the bytes that wait, in `counters`. -ENOMEM. */
int flow_queue_new(
	struct worker *worker, struct lane_counters *counters, struct flow_queue **ret_queue);
/* Drops all packets that wait. Accepts NULL. */
void flow_queue_free(struct flow_queue *queue);

/*
 * Packets may wait this much longer from now on, before CoDel takes the wait for a standing queue.
 * A path that loses packets needs it: the receiver holds back what arrives behind a loss, for a
 * round trip, and then the inner senders' acknowledgements and next packets come in one burst.
 * CoDel would drop some of nearly each burst, and CUBIC never get beyond a part of the path's rate.
 */
void flow_queue_allow(struct flow_queue *queue, struct duration burst);

bool flow_queue_is_empty(const struct flow_queue *queue); /* NULL: true */

/*
 * Takes the packet in `slot`, which `packet` describes. To make room it may drop others, or this
 * one.
 */
void flow_queue_put(struct flow_queue *queue, struct mono now, struct flow_packet *slot,
	const struct packet *packet);

enum flow_taken {
	FLOW_NONE, /* the queue is empty */
	/*
	 * A packet in ret_slot: the caller frames it in place and returns the slot to the worker.
	 */
	FLOW_WHOLE,
	/* the first segments of a superpacket were written to `part`, with ret_vnet */
	FLOW_PART,
};

struct flow_take {
	struct mono now;
	size_t part_max; /* a longer superpacket is cut to this size, or to one segment */
	/*
	 * Offloads that the peer accepts. A superpacket that needs others is cut into single
	 * segments, whose checksums stay open.
	 */
	uint32_t offloads;
	/* Where a part is written: it has room for part_max, or for a segment of any size. */
	struct writer part;
	struct flow_packet *ret_slot;
	struct vnet ret_vnet; /* the offload header of a part */
	bool ret_last;        /* it was the last part of its superpacket */
};

/* Takes the next packet that leaves. */
enum flow_taken flow_queue_take(struct flow_queue *queue, struct flow_take *take);

#endif
