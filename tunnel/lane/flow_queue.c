/* SPDX-License-Identifier: Apache-2.0 */
#include "lane/flow_queue.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>

#include "lane/codel.h"
#include "lane/worker.h"
#include "wire/ecn.h"

/*
 * The scheduler is that of RFC 8290, 4. A flow without packets is in no list; other flows are in
 * the list of new flows or of old ones. The first flow sends until its credit is used up; it then
 * gets new credit and goes to the end of the old flows. A superpacket is charged for the part that
 * was cut off, so the credit can be small.
 *
 * A flow is all packets that hash to the same slot of a table. The hash has a secret key, so no
 * host can choose a flow to share.
 */

enum {
	FLOW_COUNT = 1024,
	FLOW_QUANTUM = 1514,    /* the least credit in bytes: RFC 8290, 5.2.4 */
	FLOW_TARGET_MS = 5,     /* RFC 8290, 5.2.2 */
	FLOW_INTERVAL_MS = 100, /* 5.2.3 */
	FLOW_TARGET_BURSTS = 2,
	FLOW_INTERVAL_BURSTS = 10,
	FLOW_DELAY_SHIFT = 4, /* the delay in the counters is smoothed over 16 packets */
};

enum flow_list { FLOW_IDLE, FLOW_NEW, FLOW_OLD };

struct flow {
	STAILQ_ENTRY(flow) link;
	struct flow_packets packets;
	size_t bytes;   /* memory of its slots */
	size_t waiting; /* bytes of its packets */
	int credit;
	enum flow_list list;
	struct codel codel;
};

STAILQ_HEAD(flows, flow);

struct flow_queue {
	struct worker *worker;
	struct lane_counters *counters;
	struct flows fresh, old;
	size_t bytes;   /* memory of all slots */
	size_t waiting; /* bytes of its packets */
	int quantum;
	struct codel_limits limits;
	bool bursts;        /* limits are for a path that loses packets */
	struct mono warned; /* when a sender was last told that the memory is half full */
	uint64_t key;
	struct flow flow[FLOW_COUNT];
};

static_assert(
	sizeof(struct flow_queue) <= FLOW_TABLE_BYTES, "the flow table fits into FLOW_TABLE_BYTES");

void flow_queue_allow(struct flow_queue *queue, struct duration burst)
{
	queue->bursts = burst.ns > 0;
	queue->limits = (struct codel_limits){
		.target = { FLOW_TARGET_MS * INT64_C(1000000) + FLOW_TARGET_BURSTS * burst.ns },
		.interval = { FLOW_INTERVAL_MS * INT64_C(1000000) +
			FLOW_INTERVAL_BURSTS * burst.ns },
	};
}

int flow_queue_new(
	struct worker *worker, struct lane_counters *counters, struct flow_queue **ret_queue)
{
	struct flow_queue *queue = calloc(1, sizeof(*queue));

	if (!queue)
		return -ENOMEM;
	queue->worker = worker;
	queue->counters = counters;
	queue->quantum = FLOW_QUANTUM;
	flow_queue_allow(queue, (struct duration){ 0 });
	STAILQ_INIT(&queue->fresh);
	STAILQ_INIT(&queue->old);
	for (size_t i = 0; i < FLOW_COUNT; i++)
		STAILQ_INIT(&queue->flow[i].packets);
	/* Without entropy a host can make flows share a slot, and no more than that. */
	if (getrandom(&queue->key, sizeof(queue->key), GRND_NONBLOCK) < 0)
		queue->key = (uint64_t)mono_now().ns;
	worker->queue_count++;
	worker_account(worker, (ptrdiff_t)sizeof(*queue));
	*ret_queue = queue;
	return 0;
}

/* A packet that waits has changed its length: updates the sum. */
static void note_waiting(struct flow_queue *queue, struct flow *flow, size_t before, size_t after)
{
	flow->waiting = flow->waiting - before + after;
	queue->waiting = queue->waiting - before + after;
	counter_set(&queue->counters->queue_bytes, queue->waiting);
}

static struct flow_packet *unlink_head(struct flow_queue *queue, struct flow *flow)
{
	struct flow_packet *slot = STAILQ_FIRST(&flow->packets);

	STAILQ_REMOVE_HEAD(&flow->packets, link);
	flow->bytes -= slot->size;
	queue->bytes -= slot->size;
	note_waiting(queue, flow, slot->whole.len, 0);
	if (STAILQ_EMPTY(&flow->packets))
		codel_idle(&flow->codel);
	return slot;
}

static void drop_head(struct flow_queue *queue, struct flow *flow)
{
	worker_return_packet(queue->worker, unlink_head(queue, flow));
}

void flow_queue_free(struct flow_queue *queue)
{
	if (!queue)
		return;
	for (size_t i = 0; i < FLOW_COUNT; i++) {
		while (!STAILQ_EMPTY(&queue->flow[i].packets)) {
			drop_head(queue, &queue->flow[i]);
			counter_add(&queue->counters->drops[DROP_OUT_STALE], 1);
		}
	}
	counter_set(&queue->counters->queue_delay_ns, 0);
	queue->worker->queue_count--;
	worker_account(queue->worker, -(ptrdiff_t)sizeof(*queue));
	free(queue);
}

bool flow_queue_is_empty(const struct flow_queue *queue)
{
	return !queue || queue->bytes == 0;
}

/* ---- in ---- */

/*
 * Multiplies twice, as SplitMix64 does. After one multiplication, the top bits of two words could
 * cancel each other under any key.
 */
static uint64_t mix(uint64_t hash, uint64_t word)
{
	hash ^= word;
	hash = (hash ^ hash >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	hash = (hash ^ hash >> 27) * UINT64_C(0x94d049bb133111eb);
	return hash ^ hash >> 31;
}

static uint64_t mix_address(uint64_t hash, const uint8_t *address, uint8_t family)
{
	uint64_t words[2] = { 0 };

	memcpy(words, address, family == AF_INET ? 4 : 16);
	return mix(mix(hash, words[0]), words[1]);
}

static bool has_ports(const struct packet *packet)
{
	return !packet->fragment && packet->length >= (uint32_t)packet->transport + 4 &&
		(packet->protocol == IPPROTO_TCP || packet->protocol == IPPROTO_UDP ||
			packet->protocol == IPPROTO_SCTP);
}

static struct flow *flow_of(
	struct flow_queue *queue, const struct packet *packet, const uint8_t *data)
{
	uint64_t hash = mix(queue->key, packet->protocol);

	hash = mix_address(hash, packet->source, packet->family);
	hash = mix_address(hash, packet->destination, packet->family);
	if (has_ports(packet)) {
		uint32_t ports;
		memcpy(&ports, data + packet->transport, sizeof(ports));
		hash = mix(hash, ports);
	}
	return &queue->flow[hash % FLOW_COUNT];
}

static struct flow *fatter(struct flow *fattest, struct flows *flows)
{
	struct flow *flow;

	STAILQ_FOREACH(flow, flows, link) {
		if (!fattest || flow->bytes > fattest->bytes)
			fattest = flow;
	}
	return fattest;
}

/* The most memory of this lane's queue: less when many of the worker's lanes have a queue. */
static size_t bytes_max(const struct flow_queue *queue)
{
	size_t share = WORKER_QUEUES_MAX / queue->worker->queue_count;

	if (share < FLOW_BYTES_LEAST)
		return FLOW_BYTES_LEAST;
	return share < FLOW_BYTES_MOST ? share : FLOW_BYTES_MOST;
}

/*
 * Drops the oldest packet of the largest flow: its sender learns soonest, and other flows lose
 * nothing.
 */
static void make_room(struct flow_queue *queue)
{
	size_t most = bytes_max(queue);

	while (queue->bytes > most) {
		struct flow *fattest = fatter(fatter(NULL, &queue->fresh), &queue->old);
		drop_head(queue, fattest);
		counter_add(&queue->counters->drops[DROP_OUT_QUEUE], 1);
	}
}

/* Drops one segment: the sender notices it as well as forty, and the flow loses less. */
static void drop_segment(struct flow_queue *queue, struct flow *flow)
{
	struct flow_packet *slot = STAILQ_FIRST(&flow->packets);
	size_t before = slot->whole.len;

	counter_add(&queue->counters->drops[DROP_OUT_DELAY], 1);
	if (slot->can_be_cut && superpacket_segments(&slot->whole) > 1 &&
		superpacket_skip(&slot->whole, 1) == 0)
		note_waiting(queue, flow, before, slot->whole.len);
	else
		drop_head(queue, flow);
}

/* Tells the flow's sender to slow down: by a mark, or by the loss of a segment, then false. */
static bool signal_sender(struct flow_queue *queue, struct flow *flow)
{
	struct flow_packet *slot = STAILQ_FIRST(&flow->packets);

	if (!ecn_mark(slot->whole.data, slot->whole.len)) {
		drop_segment(queue, flow);
		return false;
	}
	counter_add(&queue->counters->marks, 1);
	return true;
}

/*
 * Where bursts are allowed, CoDel is slow. An inner sender that begins would fill the memory, and
 * lose a whole window in make_room(). One segment, once in a while, is enough for it.
 */
static void warn(struct flow_queue *queue, struct mono now)
{
	struct duration pause = { 2 * queue->limits.target.ns };

	if (!queue->bursts || queue->bytes <= bytes_max(queue) / 2 ||
		mono_since(now, queue->warned).ns < pause.ns)
		return;
	queue->warned = now;
	(void)signal_sender(queue, fatter(fatter(NULL, &queue->fresh), &queue->old));
}

void flow_queue_put(struct flow_queue *queue, struct mono now, struct flow_packet *slot,
	const struct packet *packet)
{
	struct superpacket *whole = &slot->whole;
	struct flow *flow = flow_of(queue, packet, whole->data);

	slot->came = now;
	slot->can_be_cut = superpacket_init(whole, whole->data, whole->len, &whole->vnet) == 0;
	STAILQ_INSERT_TAIL(&flow->packets, slot, link);
	flow->bytes += slot->size;
	queue->bytes += slot->size;
	note_waiting(queue, flow, 0, whole->len);
	if (flow->list == FLOW_IDLE) {
		flow->list = FLOW_NEW;
		flow->credit = queue->quantum;
		STAILQ_INSERT_TAIL(&queue->fresh, flow, link);
	}
	warn(queue, now);
	make_room(queue);
}

/* ---- out ---- */

static void to_old(struct flow_queue *queue, struct flows *from, struct flow *flow)
{
	STAILQ_REMOVE_HEAD(from, link);
	flow->list = FLOW_OLD;
	STAILQ_INSERT_TAIL(&queue->old, flow, link);
}

/*
 * The flow that sends next; it has packets. A new flow that is empty goes through the old ones
 * once. Otherwise its next packet would make it new again.
 */
static struct flow *next_flow(struct flow_queue *queue)
{
	for (;;) {
		struct flows *list = STAILQ_EMPTY(&queue->fresh) ? &queue->old : &queue->fresh;
		struct flow *flow = STAILQ_FIRST(list);

		if (!flow)
			return NULL;
		if (flow->credit <= 0) {
			flow->credit += queue->quantum;
			to_old(queue, list, flow);
		} else if (!STAILQ_EMPTY(&flow->packets)) {
			return flow;
		} else if (list == &queue->fresh && !STAILQ_EMPTY(&queue->old)) {
			to_old(queue, list, flow);
		} else {
			STAILQ_REMOVE_HEAD(list, link);
			flow->list = FLOW_IDLE;
		}
	}
}

/* True: no packet of its flow waits behind it. A superpacket's segments wait behind each other. */
static bool is_last(const struct flow_packet *slot)
{
	return !STAILQ_NEXT(slot, link) &&
		(!slot->can_be_cut || superpacket_segments(&slot->whole) <= 1);
}

/* True: the flow's first packet may leave. False: the packet, or a segment of it, was dropped. */
static bool first_passes(struct flow_queue *queue, struct flow *flow, struct mono now)
{
	struct flow_packet *slot = STAILQ_FIRST(&flow->packets);
	const struct codel_head head = {
		.waited = mono_since(now, slot->came),
		.bytes = (uint32_t)flow->waiting,
		.last = is_last(slot),
	};

	if (codel_judge(&flow->codel, &queue->limits, now, &head) && !signal_sender(queue, flow))
		return false;
	counter_smooth(
		&queue->counters->queue_delay_ns, (uint64_t)head.waited.ns, FLOW_DELAY_SHIFT);
	return true;
}

/* How many segments to cut off; 0: the packet leaves whole. */
static size_t segments_to_cut(const struct flow_packet *slot, const struct flow_take *take)
{
	const struct superpacket *whole = &slot->whole;

	if (!slot->can_be_cut)
		return 0;
	if ((vnet_offloads(&whole->vnet) & ~take->offloads) != 0)
		return 1;
	if (whole->len <= take->part_max || superpacket_segments(whole) <= 1)
		return 0;
	size_t payload = take->part_max > whole->headers ? take->part_max - whole->headers : 0;
	size_t segments = payload / whole->vnet.gso_size;
	return segments > 0 ? segments : 1;
}

static bool cut(struct flow_queue *queue, struct flow *flow, struct flow_take *take)
{
	struct flow_packet *slot = STAILQ_FIRST(&flow->packets);
	size_t before = slot->whole.len, room = take->part.len;
	size_t segments = segments_to_cut(slot, take);

	if (segments == 0 ||
		superpacket_cut(&slot->whole, segments, &take->part, &take->ret_vnet) < 0)
		return false;
	flow->credit -= (int)(take->part.len - room);
	note_waiting(queue, flow, before, slot->whole.len);
	take->ret_last = slot->whole.len == 0;
	if (take->ret_last)
		worker_return_packet(queue->worker, unlink_head(queue, flow));
	return true;
}

enum flow_taken flow_queue_take(struct flow_queue *queue, struct flow_take *take)
{
	struct flow *flow;

	queue->quantum = take->part_max > FLOW_QUANTUM ? (int)take->part_max : FLOW_QUANTUM;
	do {
		flow = next_flow(queue);
		if (!flow)
			return FLOW_NONE;
	} while (!first_passes(queue, flow, take->now));
	if (cut(queue, flow, take))
		return FLOW_PART;
	take->ret_slot = unlink_head(queue, flow);
	flow->credit -= (int)take->ret_slot->whole.len;
	return FLOW_WHOLE;
}
