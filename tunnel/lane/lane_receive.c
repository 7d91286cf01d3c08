/* SPDX-License-Identifier: Apache-2.0 */
#include "lane/lane_internal.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "wire/message.h"
#include "wire/packet.h"
#include "wire/vnet.h"

/*
 * A packet arrives: socket → TLS records → frame → checks → TUN. One burst takes what one recv
 * gives, decrypts it into a borrowed buffer and writes each whole packet from there. Part of a
 * frame stays in the buffer, which the lane then keeps until the rest has come.
 *
 * Until the TLS handshake is done, what arrives drives that: nothing but the TLS library looks at what
 * the other end sends. The lane's deadline bounds it.
 */

static_assert(
	WORKER_PLAIN_SIZE >= FRAME_MAX + TLS_RECORD_MAX, "a whole frame and a record must fit");

static void drop_unwanted(
	struct lane *lane, const struct packet *packet, enum reach_verdict verdict)
{
	if (verdict == REACH_DESTINATION)
		stray_note(&lane->counters.stray, packet->family, packet->destination);
	lane_drop(lane, verdict == REACH_DESTINATION ? DROP_IN_DESTINATION : DROP_IN_SOURCE);
}

static void take_packet(struct lane *lane, struct vnet *vnet, const struct view *data)
{
	enum reach_verdict verdict;
	struct packet packet;
	int r = 0;

	lane->busy = true;
	if (lane->state != LANE_CARRYING)
		lane_drop(lane, DROP_IN_NOT_READY);
	else if (packet_parse(data->data, data->len, &packet) < 0)
		lane_drop(lane, DROP_IN_MALFORMED);
	else if (packet_is_local_noise(&packet))
		lane_drop(lane, DROP_IN_NOISE);
	else if ((verdict = reach_judge_in(lane->reach, &packet, data->data)) != REACH_PASS)
		drop_unwanted(lane, &packet, verdict);
	else if ((r = vnet_check(vnet, &packet, data->data, lane->offloads_accept)) < 0)
		lane_drop(lane, r == -E2BIG ? DROP_IN_SEGMENTS : DROP_IN_OFFLOAD);
	else
		/* The frame lies in our own buffer; a view is const for those who only read. */
		lane_deliver(lane, vnet, &packet, (uint8_t *)(uintptr_t)data->data);
}

static void take_bare(struct lane *lane, const struct view *payload)
{
	struct vnet none = { 0 };
	take_packet(lane, &none, payload);
}

static void take_offload(struct lane *lane, const struct view *payload)
{
	struct reader reader;
	struct vnet vnet;
	struct view packet;

	reader_init(&reader, payload->data, payload->len);
	if (vnet_decode(&reader, &vnet) < 0 ||
		reader_view(&reader, reader_left(&reader), &packet) < 0) {
		lane_drop(lane, DROP_IN_MALFORMED);
		return;
	}
	take_packet(lane, &vnet, &packet);
}

static void take_control(struct lane *lane, const struct view *payload)
{
	if (!rate_take(&lane->control_rate, mono_now())) {
		lane_fault(lane, GOODBYE_FLOOD, "too many control messages");
		return;
	}
	struct lane_report *report = lane_report_new(lane, LANE_REPORT_CONTROL, payload->len);
	if (!report) {
		lane_close_now(lane, LANE_END_INTERNAL, "out of memory");
		return;
	}
	report->len = payload->len;
	memcpy(report->data, payload->data, payload->len);
	counter_add(&lane->counters.in_control, 1);
	lane_report_post(lane, report);
}

static void take_frame(struct lane *lane, const struct frame *frame)
{
	switch (frame->type) {
	case FRAME_PACKET:
		take_bare(lane, &frame->payload);
		break;
	case FRAME_OFFLOAD:
		take_offload(lane, &frame->payload);
		break;
	case FRAME_CONTROL:
		take_control(lane, &frame->payload);
		break;
	}
}

/* Takes all whole frames; what is left of the last moves to the front. */
static void take_frames(struct lane *lane)
{
	struct reader stream;
	struct frame frame;
	int r = 0;

	reader_init(&stream, lane->plain->data, lane->plain_len);
	while (lane->state <= LANE_CARRYING && (r = lane->framer->parse(&stream, &frame)) == 0)
		take_frame(lane, &frame);
	lane_deliver_rest(lane);
	if (lane->state > LANE_CARRYING)
		return;
	if (r == -EPROTONOSUPPORT) {
		lane_fault(lane, GOODBYE_PROTOCOL, "unknown frame type");
		return;
	}
	if (r != -EAGAIN) {
		lane_fault(lane, GOODBYE_PROTOCOL, "frame length outside its limits");
		return;
	}
	size_t left = reader_left(&stream);
	memmove(lane->plain->data, lane->plain->data + (lane->plain_len - left), left);
	lane->plain_len = left;
}

static void read_failed(struct lane *lane, int error, const struct problem *problem)
{
	if (error == -EPIPE)
		lane_drain(lane, LANE_END_CLOSED, NULL);
	else if (error == -ENOBUFS)
		lane_close_now(lane, LANE_END_STUCK, "TLS answers wait for it");
	else
		lane_drain(lane, LANE_END_BROKEN, problem->text); /* sends the alert */
}

static void read_records(struct lane *lane)
{
	struct problem problem = { 0 };
	size_t got;
	int r;

	if (!lane_output_ready(lane)) /* TLS may have something to answer */
		return;
	if (!lane->plain) {
		lane->plain = worker_borrow_plain(lane->worker);
		lane->plain_len = 0;
	}
	if (!lane->plain) {
		lane_close_now(lane, LANE_END_INTERNAL, "out of memory");
		return;
	}
	while (lane->state <= LANE_CARRYING &&
		(r = tls_read(lane->tls, lane->plain->data + lane->plain_len,
			 lane->plain->size - lane->plain_len, &got, &problem)) == 0) {
		lane->plain_len += got;
		take_frames(lane);
	}
	if (lane->state > LANE_CARRYING)
		return;
	if (r != -EAGAIN) {
		read_failed(lane, r, &problem);
		return;
	}
	if (lane->plain_len == 0) {
		worker_return_plain(lane->worker, lane->plain);
		lane->plain = NULL;
	} else if (worker_is_overdrawn(lane->worker)) {
		lane_close_now(lane, LANE_END_STUCK, "too many halves of frames wait for the rest");
		return;
	}
	lane_flush(lane);
}

/* Bytes received into the worker's scratch; 0: none now, or the lane is closed. */
static size_t receive_bytes(struct lane *lane)
{
	ssize_t n = recv(
		lane->socket_watch.fd, lane->worker->received, WORKER_RECEIVE_SIZE, MSG_DONTWAIT);
	if (n > 0) {
		counter_add(&lane->counters.received_bytes, (uint64_t)n);
		atomic_store_explicit(
			&lane->counters.heard_ns, mono_now().ns, memory_order_relaxed);
		return (size_t)n;
	}
	if (n == 0)
		lane_close_now(lane, LANE_END_CLOSED, NULL);
	else if (errno != EAGAIN && errno != EINTR)
		lane_close_now(lane, LANE_END_BROKEN, strerror(errno));
	return 0;
}

void lane_handshake_step(struct lane *lane)
{
	struct problem problem = { 0 };

	if (!lane_output_ready(lane))
		return;
	int r = tls_handshake(lane->tls, &problem);
	if (r < 0) {
		lane_drain(lane, LANE_END_HANDSHAKE, problem.text); /* sends the alert */
		return;
	}
	lane_flush(lane);
	if (r == 0 || lane->state != LANE_HANDSHAKE)
		return;
	lane_secured(lane);
	/* What the other end sent right behind its last flight is already here. */
	if (lane->state == LANE_CONTROL)
		read_records(lane);
}

void lane_receive(struct lane *lane)
{
	size_t len = receive_bytes(lane);
	if (len == 0)
		return;
	lane_note_activity(lane);
	tls_feed(lane->tls, lane->worker->received, len);
	if (lane->state == LANE_HANDSHAKE)
		lane_handshake_step(lane);
	else
		read_records(lane);
	lane_rest(lane);
}

void lane_discard(struct lane *lane)
{
	receive_bytes(lane);
}
