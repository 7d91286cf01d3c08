/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/lane_internal.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "wire/packet.h"
#include "wire/vnet.h"

/*
 * A packet leaves: TUN → check → frame → TLS records → socket. One burst reads the TUN until it is
 * empty or the stage is full, encrypts it all into one output buffer and sends that at once. When
 * the socket does not take all of it, the lane keeps the buffer, and the TUN is not read before it
 * is empty again. (The lane's own queue will stand here.)
 */

static_assert(WORKER_OUTPUT_SIZE >= WORKER_STAGE_SIZE +
			(WORKER_STAGE_SIZE / TLS_RECORD_MAX + 1) * TLS_RECORD_OVERHEAD +
			TLS_OUTPUT_SLACK + WORKER_CONTROL_ROOM,
	"a burst and the control room must fit into one output");

static bool has_backlog(const struct lane *lane)
{
	return lane->output_sent < lane->output.len;
}

bool lane_output_ready(struct lane *lane)
{
	if (lane->output_buffer)
		return true;
	lane->output_buffer = worker_borrow_output(lane->worker);
	if (!lane->output_buffer) {
		lane_close_now(lane, LANE_END_INTERNAL, "out of memory");
		return false;
	}
	lane->output = (struct tls_output){
		.data = lane->output_buffer->data,
		.capacity = lane->output_buffer->size,
	};
	lane->output_sent = 0;
	tls_set_output(lane->tls, &lane->output);
	return true;
}

static void output_return(struct lane *lane)
{
	worker_return_output(lane->worker, lane->output_buffer);
	lane->output_buffer = NULL;
	lane->output = (struct tls_output){ 0 };
	lane->output_sent = 0;
}

/* -EAGAIN: the socket is full. Other negative errno: the connection is gone. */
static int send_output(struct lane *lane)
{
	while (has_backlog(lane)) {
		ssize_t n = send(lane->socket_watch.fd, lane->output.data + lane->output_sent,
			lane->output.len - lane->output_sent, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		lane->output_sent += (size_t)n;
		counter_add(&lane->counters.sent_bytes, (uint64_t)n);
	}
	lane->output.len = 0;
	lane->output_sent = 0;
	return 0;
}

static int write_control(struct lane *lane, const struct lane_message *message)
{
	uint8_t frame[FRAME_HEADER + FRAME_CONTROL_MAX];
	struct writer writer;

	writer_init(&writer, frame, sizeof(frame));
	int r = lane->framer->append_control(&writer, message->data, message->len);
	if (r == 0)
		r = tls_write(lane->tls, frame, writer.len);
	if (r == 0)
		counter_add(&lane->counters.out_control, 1);
	return r;
}

/* Moves waiting messages into the output as far as there is room. */
static int write_messages(struct lane *lane)
{
	struct lane_message *message;

	while ((message = STAILQ_FIRST(&lane->messages))) {
		if (!lane_output_ready(lane))
			return -ENOMEM;
		int r = write_control(lane, message);
		if (r == -ENOBUFS)
			return 0;
		if (r < 0)
			return r;
		STAILQ_REMOVE_HEAD(&lane->messages, link);
		lane->messages_size -= message->len;
		worker_account(lane->worker, -(ptrdiff_t)message->len);
		free(message);
	}
	return 0;
}

void lane_free_messages(struct lane *lane)
{
	while (!STAILQ_EMPTY(&lane->messages)) {
		struct lane_message *message = STAILQ_FIRST(&lane->messages);
		STAILQ_REMOVE_HEAD(&lane->messages, link);
		free(message);
	}
	worker_account(lane->worker, -(ptrdiff_t)lane->messages_size);
	lane->messages_size = 0;
}

/* Draining: close_notify goes behind everything else, then our direction ends. */
static void finish(struct lane *lane)
{
	if (!lane->finishing) {
		lane->finishing = true;
		if (!lane_output_ready(lane))
			return;
		tls_close(lane->tls);
		if (send_output(lane) < 0)
			return;
	}
	shutdown(lane->socket_watch.fd, SHUT_WR);
}

void lane_flush(struct lane *lane)
{
	int r;

	do {
		r = send_output(lane);
		if (r == 0 && lane->state != LANE_HANDSHAKE && !lane->finishing &&
			!STAILQ_EMPTY(&lane->messages))
			r = write_messages(lane);
	} while (r == 0 && has_backlog(lane));
	if (lane->state == LANE_CLOSED)
		return;
	if (r < 0 && r != -EAGAIN) {
		lane_close_now(lane, LANE_END_BROKEN, strerror(-r));
		return;
	}
	if (r == 0 && lane->state == LANE_DRAINING)
		finish(lane);
	if (lane->output_buffer && !has_backlog(lane))
		output_return(lane);
	if (has_backlog(lane) && worker_is_overdrawn(lane->worker)) {
		lane_close_now(lane, LANE_END_STUCK, "too much waits for all peers together");
		return;
	}
	lane_set_events(lane);
}

void lane_send_message(struct lane *lane, struct lane_message *message)
{
	if (lane->state >= LANE_DRAINING || lane->state == LANE_HANDSHAKE) {
		free(message);
		return;
	}
	if (lane->messages_size + message->len > LANE_CONTROL_QUEUE_MAX) {
		free(message);
		lane_close_now(lane, LANE_END_STUCK, "too many control messages wait for it");
		return;
	}
	STAILQ_INSERT_TAIL(&lane->messages, message, link);
	lane->messages_size += message->len;
	worker_account(lane->worker, (ptrdiff_t)message->len);
	if (!has_backlog(lane))
		lane_flush(lane);
	lane_note_activity(lane);
}

/* True: the packet may go to the peer. */
static bool packet_passes(
	struct lane *lane, const uint8_t *data, size_t len, const struct vnet *vnet)
{
	struct packet packet;
	enum drop_reason reason;

	if (packet_parse(data, len, &packet) < 0) {
		reason = DROP_OUT_MALFORMED;
	} else if (packet_is_local_noise(&packet)) {
		reason = DROP_OUT_NOISE;
	} else if (vnet_offloads(vnet) & ~lane->offloads_send) {
		reason = DROP_OUT_OFFLOAD;
	} else {
		enum reach_verdict verdict = reach_judge_out(lane->reach, &packet, data);
		if (verdict == REACH_PASS)
			return true;
		reason = verdict == REACH_SOURCE ? DROP_OUT_SOURCE : DROP_OUT_DESTINATION;
	}
	lane_drop(lane, reason);
	return false;
}

/*
 * Reads one packet to its place in the stage and frames it. 1: go on; 0: TUN is empty; negative
 * errno.
 */
static int stage_packet(struct lane *lane, struct writer *stage)
{
	size_t headroom = lane->framer->headroom;
	uint8_t *at = stage->data + stage->len + headroom;
	struct vnet vnet;
	struct reader reader;

	/*
	 * The kernel puts the offload header in front of the packet: into the end of the headroom.
	 */
	ssize_t n = read(lane->tun_fd, at - VNET_SIZE,
		stage->capacity - stage->len - (headroom - VNET_SIZE));
	if (n == 0)
		return 0;
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	if ((size_t)n < VNET_SIZE)
		return 1;
	size_t len = (size_t)n - VNET_SIZE;
	reader_init(&reader, at - VNET_SIZE, VNET_SIZE);
	if (vnet_decode(&reader, &vnet) < 0 || !packet_passes(lane, at, len, &vnet))
		return 1;
	if (lane->framer->append(stage, len, &vnet) < 0) {
		lane_drop(lane, DROP_OUT_MALFORMED);
		return 1;
	}
	counter_add(&lane->counters.out_packets, 1);
	counter_add(&lane->counters.out_bytes, len);
	return 1;
}

void lane_send_tun(struct lane *lane)
{
	struct writer stage;
	int r = 1;

	if (has_backlog(lane) || !lane_output_ready(lane))
		return;
	writer_init(&stage, lane->worker->stage, WORKER_STAGE_SIZE);
	for (int i = 0; i < LANE_BURST_PACKETS && r > 0 && stage.capacity - stage.len >= FRAME_MAX;
		i++)
		r = stage_packet(lane, &stage);
	if (r < 0) {
		lane_drain(lane, LANE_END_TUN, "the tunnel interface has vanished");
		return;
	}
	if (stage.len > 0) {
		if (tls_write(lane->tls, stage.data, stage.len) < 0) {
			lane_close_now(lane, LANE_END_BROKEN, "TLS cannot write");
			return;
		}
		lane_note_activity(lane);
	}
	lane_flush(lane);
}

/*
 * What the ring holds is as old as the outage: retransmissions of it have been given up or are on
 * their way again.
 */
void lane_discard_tun(struct lane *lane)
{
	for (int i = 0; i < LANE_BURST_PACKETS; i++) {
		if (read(lane->tun_fd, lane->worker->stage, FRAME_MAX) < 0)
			return;
		lane_drop(lane, DROP_OUT_STALE);
	}
}
