/* SPDX-License-Identifier: Apache-2.0 */
#include "lane/lane_internal.h"

#include <errno.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/error_text.h"

/*
 * Sends the packets of a lane's queue: queue → frame → TLS records, about a millisecond's worth at
 * a time (outflow.h), so that new packets can still overtake the rest. The kernel reports
 * "writable" only when less than half of that is unsent (TCP_NOTSENT_LOWAT). Otherwise the
 * connection's own queue would be as long as its send buffer. Still, send() fills up the kernel's
 * last segment, to 64 KB. So on a slow connection the lane checks the unsent bytes before it gives
 * it more.
 */

enum {
	/* A packet of this size or more is encrypted where it lies; smaller ones share records. */
	IN_PLACE_MIN = 8 << 10,
};

struct batch {
	struct lane *lane;
	struct writer stage;
	size_t bytes; /* bytes of frames that TLS has had */
	int error;
};

static void write_frames(struct batch *batch, const struct writer *frames)
{
	if (frames->len == 0 || batch->error < 0)
		return;
	batch->error = tls_write(batch->lane->tls, frames->data, frames->len);
	batch->bytes += frames->len;
}

static void write_stage(struct batch *batch)
{
	write_frames(batch, &batch->stage);
	batch->stage.len = 0;
}

static void count(struct lane *lane, size_t bytes, bool packet)
{
	counter_add(&lane->counters.out_packets, packet ? 1 : 0);
	counter_add(&lane->counters.out_bytes, bytes);
}

/*
 * Finishes work that the peer does not accept. False: that is impossible, and the packet is
 * dropped.
 */
static bool finish(struct lane *lane, struct vnet *vnet, uint8_t *data, size_t len)
{
	if ((vnet_offloads(vnet) & ~lane->offloads_send) == 0 || vnet_finish(vnet, data, len) == 0)
		return true;
	lane_drop(lane, DROP_OUT_OFFLOAD);
	return false;
}

/* Frames the packet in its slot, which has room for the header. */
static void write_in_place(struct batch *batch, struct flow_packet *slot)
{
	const struct framer *framer = batch->lane->framer;
	struct superpacket *whole = &slot->whole;
	struct writer frame;

	write_stage(batch);
	writer_init(&frame, whole->data - framer->headroom, framer->headroom + whole->len);
	if (batch->error == 0)
		batch->error = framer->append(&frame, whole->len, &whole->vnet);
	write_frames(batch, &frame);
}

static void stage_whole(struct batch *batch, const struct flow_packet *slot)
{
	const struct framer *framer = batch->lane->framer;
	struct writer *stage = &batch->stage;

	memcpy(stage->data + stage->len + framer->headroom, slot->whole.data, slot->whole.len);
	batch->error = framer->append(stage, slot->whole.len, &slot->whole.vnet);
}

static void take_whole(struct batch *batch, struct flow_packet *slot)
{
	struct superpacket *whole = &slot->whole;

	if (slot->can_be_cut) /* segments may have been cut off before */
		vnet_drop_useless(&whole->vnet, whole->len);
	if (finish(batch->lane, &whole->vnet, whole->data, whole->len)) {
		count(batch->lane, whole->len, true);
		if (whole->len >= IN_PLACE_MIN)
			write_in_place(batch, slot);
		else
			stage_whole(batch, slot);
	}
	worker_return_packet(batch->lane->worker, slot);
}

/* False: the queue is empty. */
static bool take_one(struct batch *batch, struct mono now)
{
	struct lane *lane = batch->lane;
	struct writer *stage = &batch->stage;
	size_t headroom = lane->framer->headroom;
	struct flow_take take = {
		.now = now,
		.part_max = lane->outflow.ahead,
		.offloads = lane->offloads_send,
	};

	writer_init(&take.part, stage->data + stage->len + headroom,
		stage->capacity - stage->len - headroom);
	switch (flow_queue_take(lane->queue, &take)) {
	case FLOW_NONE:
		return false;
	case FLOW_WHOLE:
		take_whole(batch, take.ret_slot);
		break;
	case FLOW_PART:
		count(lane, take.part.len, take.ret_last);
		if (finish(lane, &take.ret_vnet, take.part.data, take.part.len))
			batch->error = lane->framer->append(stage, take.part.len, &take.ret_vnet);
		break;
	}
	return true;
}

bool lane_queue_has_room(struct lane *lane)
{
	int unsent = 0;

	if (lane->held.running)
		return false;
	if (lane_path_is_full(lane)) {
		loop_timer_start(lane->worker->loop, &lane->held,
			mono_add(mono_now(), DURATION_MS(PATH_WINDOW_RETRY_MS)),
			lane->held_expired);
		return false;
	}
	if (lane->outflow.ahead >= OUTFLOW_AHEAD_MOST || lane->no_low_water ||
		ioctl(lane->socket_watch.fd, SIOCOUTQNSD, &unsent) < 0)
		return true;
	return (size_t)unsent < lane->low_water / 2; /* the kernel's own rule for "writable" */
}

enum lane_verdict lane_queue_write(struct lane *lane)
{
	enum lane_verdict verdict;
	struct batch batch = { .lane = lane };
	size_t ahead = lane->outflow.ahead;

	if (lane->state != LANE_CARRYING || flow_queue_is_empty(lane->queue) ||
		!lane_queue_has_room(lane))
		return LANE_GOES_ON;
	verdict = lane_output_borrow(lane);
	if (verdict != LANE_GOES_ON)
		return verdict;
	writer_init(&batch.stage, lane->worker->stage, WORKER_STAGE_SIZE);
	struct mono now = mono_now();
	while (batch.error == 0 && batch.bytes + batch.stage.len + OUTFLOW_PACKET < ahead &&
		take_one(&batch, now))
		;
	write_stage(&batch);
	lane->busy = true;
	if (batch.error < 0)
		return lane_must_close(lane, LANE_END_BROKEN, error_text(batch.error));
	return LANE_GOES_ON;
}

static void set_low_water(struct lane *lane)
{
	int bytes = (int)lane->outflow.ahead;

	/*
	 * Without the option (MPTCP on an older kernel) the send buffer is the limit. Ours must not
	 * be lower then: "writable" would be reported again and again, and nothing written.
	 */
	lane->no_low_water = setsockopt(lane->socket_watch.fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT,
				     &bytes, sizeof(bytes)) < 0;
	lane->low_water = lane->outflow.ahead;
}

void lane_queue_watch(struct lane *lane, bool full)
{
	struct outflow *outflow = &lane->outflow;
	uint64_t sent = counter_read(&lane->counters.sent_bytes);

	if (full)
		outflow_full(outflow, mono_now(), sent);
	else if (outflow->since.ns != 0)
		outflow_free(outflow, mono_now(), sent);
	if (outflow->ahead < lane->low_water / 2 || outflow->ahead / 2 >= lane->low_water)
		set_low_water(lane);
}
