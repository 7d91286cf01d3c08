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
	BURST_ALONE = 4, /* packets read one by one, and the fewest worth reading at once */
	/* The most bytes read and queued at once, before other lanes get their turn. */
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
		enum filter_verdict verdict = filter_judge_out(lane->filter, packet, data);
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
	uint8_t *at; /* its offload header is in the bytes in front */
	size_t len;
	bool passes;
};

/* What a burst has read so far. */
struct burst {
	size_t packets;
	bool large; /* a packet that is no small one was among them */
};

/* Judges what a read of `n` bytes brought: the packet at `at`. */
static void judge(struct lane *lane, uint8_t *at, size_t n, struct arrival *ret_arrival)
{
	struct reader reader;

	ret_arrival->passes = false;
	if (n < VNET_SIZE)
		return;
	ret_arrival->at = at;
	ret_arrival->len = n - VNET_SIZE;
	reader_init(&reader, at - VNET_SIZE, VNET_SIZE);
	ret_arrival->passes = vnet_decode(&reader, &ret_arrival->vnet) == 0 &&
		packet_passes(
			lane, at, ret_arrival->len, &ret_arrival->vnet, &ret_arrival->packet) &&
		finish_inner(
			lane, at, ret_arrival->len, &ret_arrival->vnet, &ret_arrival->packet) &&
		cut_is_cheap(lane, at, &ret_arrival->vnet, &ret_arrival->packet);
}

static void count_read(struct burst *burst, size_t n)
{
	burst->packets++;
	burst->large = burst->large || n > TUN_BATCH_SMALL;
}

/*
 * Reads one packet to `at`, and its offload header to the bytes in front, as the kernel delivers
 * them. 1: a packet was read; 0: TUN is empty; negative errno: TUN is gone.
 */
static int read_packet(struct lane *lane, struct burst *burst, uint8_t *at, size_t room,
	struct arrival *ret_arrival)
{
	ssize_t n = read(lane->tun_fd, at - VNET_SIZE, room + VNET_SIZE);

	ret_arrival->passes = false;
	if (n <= 0)
		return n == 0 || errno == EAGAIN || errno == EINTR ? 0 : -errno;
	count_read(burst, (size_t)n);
	judge(lane, at, (size_t)n, ret_arrival);
	return 1;
}

/* How many packets to read at once, of `bytes` that the burst may still take; 0: one, alone. */
static size_t packets_at_once(const struct lane *lane, const struct burst *burst, size_t bytes)
{
	size_t count = burst->packets < TUN_BATCH_READS ? burst->packets : TUN_BATCH_READS;

	if (bytes / TUN_BATCH_SMALL < count)
		count = bytes / TUN_BATCH_SMALL;
	return lane->worker->batch && !burst->large && count >= BURST_ALONE ? count : 0;
}

/* Takes the packet of that index from the batch that was read last. */
static void take_arrival(
	struct lane *lane, struct burst *burst, size_t index, struct arrival *ret_arrival)
{
	size_t n;
	uint8_t *at = tun_batch_packet(lane->worker->batch, index, &n);

	count_read(burst, n);
	judge(lane, at, n, ret_arrival);
}

/* Makes the verdict for an error of read_packet() or of memory. */
static enum lane_verdict tun_failed(struct lane *lane, int error)
{
	if (error == -ENOMEM)
		return lane_must_close(lane, LANE_END_INTERNAL, "out of memory");
	return lane_must_drain(lane, LANE_END_TUN, "the interface does not exist any more");
}

/* ---- into the queue ---- */

static int make_queue(struct lane *lane)
{
	if (lane->queue)
		return 1;
	if (flow_queue_new(lane->worker, &lane->counters, &lane->queue) < 0)
		return -ENOMEM;
	flow_queue_allow(lane->queue, lane->burst);
	return 1;
}

/* Queues the packet, which `slot` holds. */
static void queue_slot(
	struct lane *lane, struct mono now, struct flow_packet *slot, const struct arrival *arrival)
{
	slot->whole = (struct superpacket){
		.data = slot->memory + WORKER_SLOT_HEADROOM,
		.len = arrival->len,
		.vnet = arrival->vnet,
	};
	flow_queue_put(lane->queue, now, slot, &arrival->packet);
}

/* Copies a packet that passes to a slot, and queues it. 1; -ENOMEM. */
static int queue_copy(struct lane *lane, struct mono now, const struct arrival *arrival)
{
	struct flow_packet *slot = worker_borrow_packet(lane->worker, arrival->len);

	if (!slot)
		return -ENOMEM;
	memcpy(slot->memory + WORKER_SLOT_HEADROOM, arrival->at, arrival->len);
	queue_slot(lane, now, slot, arrival);
	return 1;
}

/* Reads up to `count` packets at once and queues them. Returns as read_packet(); -ENOMEM. */
static int queue_batch(
	struct lane *lane, struct mono now, struct burst *burst, size_t count, size_t *bytes)
{
	struct arrival arrival;
	int more, r = 1;
	size_t came = tun_batch_read(lane->worker->batch, lane->tun_fd, count, &more);

	for (size_t i = 0; i < came && r > 0; i++) {
		take_arrival(lane, burst, i, &arrival);
		if (!arrival.passes)
			continue;
		r = queue_copy(lane, now, &arrival);
		*bytes += arrival.len;
	}
	return r > 0 ? more : r;
}

/* Moves the packet from `slot` to a smaller slot if one is large enough. Returns its slot. */
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

/* Reads into *spare, and queues that slot or a smaller one. Returns as read_packet(); -ENOMEM. */
static int queue_packet(struct lane *lane, struct mono now, struct burst *burst,
	struct flow_packet **spare, size_t *bytes)
{
	uint8_t *at = (*spare)->memory + WORKER_SLOT_HEADROOM;
	struct arrival arrival;
	int r = read_packet(lane, burst, at, FRAME_PACKET_MAX, &arrival);

	if (r <= 0 || !arrival.passes)
		return r;
	/* The packet's description points into the slot where it was read. */
	struct flow_packet *slot = fit(lane, *spare, arrival.len);
	queue_slot(lane, now, slot, &arrival);
	*bytes += arrival.len;
	if (slot == *spare)
		*spare = worker_borrow_packet(lane->worker, FRAME_PACKET_MAX);
	return *spare ? 1 : -ENOMEM;
}

static enum lane_verdict queue_burst(struct lane *lane)
{
	struct flow_packet *spare = worker_borrow_packet(lane->worker, FRAME_PACKET_MAX);
	struct mono now = mono_now();
	struct burst burst = { 0 };
	/* Packets to be cut are read again soon, and should still be in the cache. */
	size_t most = lane_cuts(lane) ? lane->outflow.ahead : QUEUE_BURST;
	size_t bytes = 0;
	int r = spare ? make_queue(lane) : -ENOMEM;

	while (r > 0 && burst.packets < LANE_BURST_PACKETS && bytes < most) {
		size_t count = packets_at_once(lane, &burst, most - bytes);
		r = count > 0 ? queue_batch(lane, now, &burst, count, &bytes)
			      : queue_packet(lane, now, &burst, &spare, &bytes);
	}
	worker_return_packet(lane->worker, spare);
	return r < 0 ? tun_failed(lane, r) : LANE_GOES_ON;
}

/* ---- at once ---- */

/* Frames a packet that passes, which is behind the stage's content and its headroom. */
static void frame_staged(struct lane *lane, struct writer *stage, const struct arrival *arrival)
{
	if (lane->framer->append(stage, arrival->len, &arrival->vnet) < 0) {
		lane_drop(lane, DROP_OUT_MALFORMED);
		return;
	}
	counter_add(&lane->counters.out_packets, 1);
	counter_add(&lane->counters.out_bytes, arrival->len);
}

/* Reads one packet into the stage and frames it there. Returns as read_packet(). */
static int stage_packet(struct lane *lane, struct burst *burst, struct writer *stage)
{
	size_t headroom = lane->framer->headroom;
	struct arrival arrival;
	int r = read_packet(lane, burst, stage->data + stage->len + headroom,
		stage->capacity - stage->len - headroom, &arrival);

	if (r > 0 && arrival.passes)
		frame_staged(lane, stage, &arrival);
	return r;
}

/*
 * Reads up to `count` packets at once into the stage. The stage is large enough for small ones. If
 * others came, those that do not fit go to the queue, and all behind them. Returns as
 * read_packet(); -ENOMEM.
 */
static int stage_batch(struct lane *lane, struct burst *burst, size_t count, struct writer *stage)
{
	size_t headroom = lane->framer->headroom;
	struct arrival arrival;
	bool full = false;
	int more, r = 1;
	size_t came = tun_batch_read(lane->worker->batch, lane->tun_fd, count, &more);

	for (size_t i = 0; i < came && r > 0; i++) {
		take_arrival(lane, burst, i, &arrival);
		if (!arrival.passes)
			continue;
		if (!full && stage->capacity - stage->len < headroom + arrival.len) {
			full = true;
			r = make_queue(lane);
		}
		if (full) {
			r = r > 0 ? queue_copy(lane, mono_now(), &arrival) : r;
			continue;
		}
		memcpy(stage->data + stage->len + headroom, arrival.at, arrival.len);
		frame_staged(lane, stage, &arrival);
	}
	return r > 0 ? more : r;
}

/* Sets *ret_whole if TUN had a whole millisecond's worth. */
static enum lane_verdict pass_burst(struct lane *lane, bool *ret_whole)
{
	enum lane_verdict verdict = lane_output_borrow(lane);
	size_t ahead = lane->outflow.ahead;
	struct burst burst = { 0 };
	struct writer stage;
	int r = 1;

	if (verdict != LANE_GOES_ON)
		return verdict;
	writer_init(&stage, lane->worker->stage, WORKER_STAGE_SIZE);
	while (r > 0 && burst.packets < LANE_BURST_PACKETS && stage.len < ahead &&
		stage.capacity - stage.len >= FRAME_MAX) {
		size_t count = packets_at_once(lane, &burst, ahead - stage.len);
		r = count > 0 ? stage_batch(lane, &burst, count, &stage)
			      : stage_packet(lane, &burst, &stage);
	}
	*ret_whole = stage.len >= ahead;
	if (stage.len > 0) {
		if (tls_write(lane->tls, stage.data, stage.len) < 0)
			return lane_must_close(lane, LANE_END_BROKEN, "TLS cannot write");
		lane->busy = true;
	}
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
