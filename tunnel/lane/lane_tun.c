/* SPDX-License-Identifier: Apache-2.0 */
#include "lane/lane_internal.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "wire/packet.h"
#include "wire/vnet.h"

/*
 * The start of a packet's way out: TUN → checks → frame. The lane always reads TUN until it is
 * empty or a burst is full, as a full TUN queue drops packets without a plan. While the connection
 * takes everything, a burst is framed where it was read, encrypted and sent at once. Packets go to
 * the lane's queue when the connection is full, while others wait, or when superpackets have to be
 * cut. The cut is made as they leave the queue.
 *
 * A burst begins with packets that are read one by one, to their place. When enough small ones have
 * come it reads as many at once as came before, and copies them (tun_batch.h).
 */

enum {
	/* From the stage to a slot, this much is read and queued before others get their turn. */
	QUEUE_BURST = 1 << 20,
};

/* True: the packet may go to the peer, and *packet describes it. */
static bool packet_passes(struct lane *lane, const uint8_t *data, size_t len,
	const struct vnet *vnet, struct packet *packet)
{
	enum drop_reason reason;

	if (packet_parse(data, len, packet) < 0) {
		reason = DROP_OUT_MALFORMED;
	} else if (packet_is_local_noise(packet)) {
		reason = DROP_OUT_NOISE;
	} else if (vnet_offloads(vnet) & ~lane->offloads_read) {
		reason = DROP_OUT_OFFLOAD;
	} else {
		enum filter_verdict verdict = filter_judge_out(lane->reach, packet, data);
		if (verdict == FILTER_PASS)
			return true;
		reason = verdict == FILTER_SOURCE ? DROP_OUT_SOURCE : DROP_OUT_DESTINATION;
	}
	lane_drop(lane, reason);
	return false;
}

/*
 * Finishes the inner checksum of a packet inside another one (VXLAN, GRE), which this host, or a
 * host behind it, left open. No peer would accept that. False: it cannot be done.
 */
static bool finish_inner(struct lane *lane, uint8_t *data, size_t len, struct vnet *vnet,
	const struct packet *packet)
{
	if (vnet_is_outermost(vnet, packet) || vnet_finish(vnet, data, len) == 0)
		return true;
	lane_drop(lane, DROP_OUT_OFFLOAD);
	return false;
}

/* False: cutting it into segments would cost too much, so that no peer accepts it. */
static bool cut_is_cheap(struct lane *lane, const uint8_t *data, const struct vnet *vnet,
	const struct packet *packet)
{
	struct vnet judged = *vnet;

	if (vnet->gso_type == VNET_GSO_NONE ||
		vnet_check(&judged, packet, data, OFFLOAD_ALL) != -E2BIG)
		return true;
	lane_drop(lane, DROP_OUT_SEGMENTS);
	return false;
}

struct arrival {
	struct vnet vnet;
	struct packet packet;
	size_t len;
	bool passes;
};

/*
 * Reads one packet to `at`, which the offload header stands directly in front of, as the kernel
 * delivers it. 1: there was one; 0: TUN is empty; negative errno: it is gone.
 */
static int read_packet(struct lane *lane, uint8_t *at, size_t room, struct arrival *ret_arrival)
{
	ssize_t n = read(lane->tun_fd, at - VNET_SIZE, room + VNET_SIZE);
	struct reader reader;

	ret_arrival->passes = false;
	if (n <= 0)
		return n == 0 || errno == EAGAIN || errno == EINTR ? 0 : -errno;
	if ((size_t)n < VNET_SIZE)
		return 1;
	ret_arrival->len = (size_t)n - VNET_SIZE;
	reader_init(&reader, at - VNET_SIZE, VNET_SIZE);
	ret_arrival->passes = vnet_decode(&reader, &ret_arrival->vnet) == 0 &&
		packet_passes(
			lane, at, ret_arrival->len, &ret_arrival->vnet, &ret_arrival->packet) &&
		finish_inner(
			lane, at, ret_arrival->len, &ret_arrival->vnet, &ret_arrival->packet) &&
		cut_is_cheap(lane, at, &ret_arrival->vnet, &ret_arrival->packet);
	return 1;
}

/* What read_packet() could not do. */
static enum lane_verdict tun_failed(struct lane *lane, int error)
{
	if (error == -ENOMEM)
		return lane_must_close(lane, LANE_END_INTERNAL, "out of memory");
	return lane_must_drain(lane, LANE_END_TUN, "the tunnel interface has vanished");
}

/* ---- at once ---- */

/* Reads one packet to its place in the stage and frames it. As read_packet(). */
static int stage_packet(struct lane *lane, struct writer *stage)
{
	size_t headroom = lane->framer->headroom;
	struct arrival arrival;
	int r = read_packet(lane, stage->data + stage->len + headroom,
		stage->capacity - stage->len - headroom, &arrival);

	if (r <= 0 || !arrival.passes)
		return r;
	if (lane->framer->append(stage, arrival.len, &arrival.vnet) < 0) {
		lane_drop(lane, DROP_OUT_MALFORMED);
		return 1;
	}
	counter_add(&lane->counters.out_packets, 1);
	counter_add(&lane->counters.out_bytes, arrival.len);
	return 1;
}

/* Sets *ret_whole when a whole moment's worth was there. */
static enum lane_verdict pass_burst(struct lane *lane, bool *ret_whole)
{
	enum lane_verdict verdict = lane_output_borrow(lane);
	struct writer stage;
	int r = 1;

	if (verdict != LANE_GOES_ON)
		return verdict;
	writer_init(&stage, lane->worker->stage, WORKER_STAGE_SIZE);
	for (int i = 0; i < LANE_BURST_PACKETS && r > 0 && stage.len < lane->outflow.ahead &&
		stage.capacity - stage.len >= FRAME_MAX;
		i++)
		r = stage_packet(lane, &stage);
	*ret_whole = stage.len >= lane->outflow.ahead;
	if (stage.len > 0) {
		if (tls_write(lane->tls, stage.data, stage.len) < 0)
			return lane_must_close(lane, LANE_END_BROKEN, "TLS cannot write");
		lane->busy = true;
	}
	return r < 0 ? tun_failed(lane, r) : LANE_GOES_ON;
}

/* ---- into the queue ---- */

/* The packet that was read into `slot`, or a smaller slot with the same. */
static struct flow_packet *fit(struct lane *lane, struct flow_packet *slot, size_t len)
{
	struct flow_packet *smaller = worker_borrow_packet(lane->worker, len);

	if (smaller && smaller->size < slot->size) {
		memcpy(smaller->memory + WORKER_SLOT_HEADROOM, slot->memory + WORKER_SLOT_HEADROOM,
			len);
		return smaller;
	}
	worker_return_packet(lane->worker, smaller);
	return slot;
}

/* Reads into *spare, and puts that, or a smaller one, into the queue. As read_packet(). */
static int queue_packet(
	struct lane *lane, struct mono now, struct flow_packet **spare, size_t *ret_len)
{
	uint8_t *at = (*spare)->memory + WORKER_SLOT_HEADROOM;
	struct arrival arrival;
	int r = read_packet(lane, at, FRAME_PACKET_MAX, &arrival);

	if (r <= 0 || !arrival.passes)
		return r;
	/* The packet's description points into the slot where it was read. */
	struct flow_packet *slot = fit(lane, *spare, arrival.len);
	slot->whole = (struct superpacket){
		.data = slot->memory + WORKER_SLOT_HEADROOM,
		.len = arrival.len,
		.vnet = arrival.vnet,
	};
	flow_queue_put(lane->queue, now, slot, &arrival.packet);
	*ret_len = arrival.len;
	if (slot == *spare)
		*spare = worker_borrow_packet(lane->worker, FRAME_PACKET_MAX);
	return *spare ? 1 : -ENOMEM;
}

static enum lane_verdict queue_burst(struct lane *lane)
{
	struct flow_packet *spare = worker_borrow_packet(lane->worker, FRAME_PACKET_MAX);
	struct mono now = mono_now();
	/* What is to be read again at once, to be cut, should still be in the cache. */
	size_t most = lane_cuts(lane) ? lane->outflow.ahead : QUEUE_BURST;
	size_t bytes = 0;
	int r = spare ? 1 : -ENOMEM;

	if (r > 0 && !lane->queue)
		r = flow_queue_new(lane->worker, &lane->counters, &lane->queue) < 0 ? -ENOMEM : 1;
	for (int i = 0; i < LANE_BURST_PACKETS && r > 0 && bytes < most; i++) {
		size_t len = 0;
		r = queue_packet(lane, now, &spare, &len);
		bytes += len;
	}
	worker_return_packet(lane->worker, spare);
	return r < 0 ? tun_failed(lane, r) : LANE_GOES_ON;
}

enum lane_verdict lane_send_tun(struct lane *lane)
{
	enum lane_verdict verdict;
	bool whole = false;

	if (!lane_cuts(lane) && !lane_has_backlog(lane) && flow_queue_is_empty(lane->queue) &&
		lane_queue_has_room(lane))
		verdict = pass_burst(lane, &whole);
	else
		verdict = queue_burst(lane);
	if (verdict == LANE_GOES_ON)
		verdict = lane_flush(lane);
	if (verdict == LANE_GOES_ON && whole && !lane_has_backlog(lane) &&
		lane_queue_has_room(lane))
		outflow_ran(&lane->outflow);
	return verdict;
}

/*
 * The packets in the queue are as old as the outage. TCP has given up their data, or sends it
 * again.
 */
void lane_discard_tun(struct lane *lane)
{
	for (int i = 0; i < LANE_BURST_PACKETS; i++) {
		if (read(lane->tun_fd, lane->worker->stage, FRAME_MAX) < 0)
			return;
		lane_drop(lane, DROP_OUT_STALE);
	}
}
