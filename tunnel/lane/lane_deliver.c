/* SPDX-License-Identifier: Apache-2.0 */
#include "lane/lane_internal.h"

#include <sys/uio.h>

#include "wire/vnet.h"

/*
 * The end of a packet's way in: writes packets that passed their checks to TUN. A superpacket is
 * written whole. Single segments are gathered (wire/gather.h) during a burst, a few flows at a
 * time. A packet must not overtake the gathered segments of its flow, so those are written first.
 * Other small packets wait for each other (tun_batch.h), in order, and before any packet that does
 * not wait.
 */

static void write_batch(struct lane *lane)
{
	struct tun_batch *batch = lane->worker->batch;

	if (!batch || tun_batch_is_empty(batch))
		return;
	struct tun_batch_written written = tun_batch_write(batch, lane->tun_fd);
	counter_add(&lane->counters.in_packets, written.packets);
	counter_add(&lane->counters.in_bytes, written.bytes);
	counter_add(&lane->counters.drops[DROP_IN_TUN], written.refused);
}

/*
 * Writes `packets` packets of `bytes` in all, which parts[1] and the following have. parts[0] is
 * free for the offload header.
 */
static void write_parts(struct lane *lane, const struct vnet *vnet, struct iovec *parts,
	size_t packets, size_t bytes)
{
	uint8_t header[VNET_SIZE];
	struct writer writer;

	write_batch(lane);
	writer_init(&writer, header, sizeof(header));
	vnet_encode(&writer, vnet);
	parts[0] = (struct iovec){ .iov_base = header, .iov_len = sizeof(header) };
	ssize_t n = writev(lane->tun_fd, parts, (int)packets + 1);
	parts[0] = (struct iovec){ .iov_base = NULL };
	if (n < 0) {
		counter_add(&lane->counters.drops[DROP_IN_TUN], packets);
		return;
	}
	counter_add(&lane->counters.in_packets, packets);
	counter_add(&lane->counters.in_bytes, bytes);
}

static void write_gathered(struct lane *lane, struct gather *gather)
{
	struct vnet vnet;

	gather_end(gather, &vnet);
	write_parts(lane, &vnet, gather->part, gather->count, gather->len);
	gather->data = NULL;
}

/* The gathered segments of the packet's flow; NULL: none. */
static struct gather *gathered_of(
	struct worker *worker, const struct packet *packet, const uint8_t *data)
{
	for (size_t i = 0; i < WORKER_GATHERS; i++) {
		struct gather *gather = &worker->gathers[i];
		if (gather->data && gather_is_same_flow(gather, packet, data))
			return gather;
	}
	return NULL;
}

/* A slot to gather in: a free one, or one whose segments are written now, in turn. */
static struct gather *pick_gather(struct lane *lane)
{
	struct worker *worker = lane->worker;
	struct gather *gather;

	for (size_t i = 0; i < WORKER_GATHERS; i++) {
		if (!worker->gathers[i].data)
			return &worker->gathers[i];
	}
	gather = &worker->gathers[worker->gather_turn++ % WORKER_GATHERS];
	write_gathered(lane, gather);
	return gather;
}

static void write_packet(
	struct lane *lane, const struct vnet *vnet, const struct packet *packet, uint8_t *data)
{
	struct iovec parts[2] = { [1] = { .iov_base = data, .iov_len = packet->length } };
	struct tun_batch *batch = lane->worker->batch;

	if (!batch || packet->length > TUN_BATCH_SMALL) {
		write_parts(lane, vnet, parts, 1, packet->length);
		return;
	}
	tun_batch_put(batch, vnet, data, packet->length);
	if (tun_batch_is_full(batch))
		write_batch(lane);
}

void lane_deliver(
	struct lane *lane, const struct vnet *vnet, const struct packet *packet, uint8_t *data)
{
	struct gather *before = gathered_of(lane->worker, packet, data);
	bool bare = lane->gro && vnet_is_plain(vnet);

	if (before && bare && gather_add(before, packet, data) == 0)
		return;
	if (before)
		write_gathered(lane, before);
	if (bare && gather_can_begin(packet, data))
		gather_begin(pick_gather(lane), packet, data);
	else
		write_packet(lane, vnet, packet, data);
}

void lane_deliver_rest(struct lane *lane)
{
	for (size_t i = 0; i < WORKER_GATHERS; i++) {
		if (lane->worker->gathers[i].data)
			write_gathered(lane, &lane->worker->gathers[i]);
	}
	write_batch(lane);
}
