/* SPDX-License-Identifier: Apache-2.0 */
#include "lane/lane_internal.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "base/error_text.h"
#include "wire/message.h"
#include "wire/packet.h"
#include "wire/vnet.h"

/*
 * A packet's way in: socket → TLS records → frame → checks → TUN. A burst takes the data of one
 * recv(), decrypts it into a borrowed buffer and writes each whole packet from there. Part of a
 * frame stays in the buffer, which the lane keeps until the rest has come.
 *
 * During the TLS handshake the data drives the handshake, and only the TLS library looks at it. The
 * lane's deadline limits its time.
 */

static_assert(
	WORKER_PLAIN_SIZE >= FRAME_MAX + TLS_RECORD_MAX, "a whole frame and a record must fit");

static void drop_unwanted(
	struct lane *lane, const struct packet *packet, enum filter_verdict verdict)
{
	if (verdict == FILTER_DESTINATION)
		stray_note(&lane->counters.stray, packet->family, packet->destination);
	lane_drop(lane, verdict == FILTER_DESTINATION ? DROP_IN_DESTINATION : DROP_IN_SOURCE);
}

static void take_packet(struct lane *lane, struct vnet *vnet, const struct view *data)
{
	enum filter_verdict verdict;
	struct packet packet;
	int r = 0;

	lane->busy = true;
	if (lane->state != LANE_CARRYING)
		lane_drop(lane, DROP_IN_NOT_READY);
	else if (packet_parse(data->data, data->len, &packet) < 0)
		lane_drop(lane, DROP_IN_MALFORMED);
	else if (packet_is_local_noise(&packet))
		lane_drop(lane, DROP_IN_NOISE);
	else if ((verdict = filter_judge_in(lane->filter, &packet, data->data)) != FILTER_PASS)
		drop_unwanted(lane, &packet, verdict);
	else if ((r = vnet_check(vnet, &packet, data->data, lane->offloads_accept)) < 0)
		lane_drop(lane, r == -E2BIG ? DROP_IN_SEGMENTS : DROP_IN_OFFLOAD);
	else {
		vnet_drop_useless(vnet, data->len);
		/* The frame is in our own buffer. A view is const only for readers. */
		lane_deliver(lane, vnet, &packet, (uint8_t *)(uintptr_t)data->data);
	}
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

static enum lane_verdict take_frame(struct lane *lane, const struct frame *frame)
{
	switch (frame->type) {
	case FRAME_PACKET:
		take_bare(lane, &frame->payload);
		break;
	case FRAME_OFFLOAD:
		take_offload(lane, &frame->payload);
		break;
	case FRAME_CONTROL:
		return lane_hear_message(lane, &frame->payload);
	}
	return LANE_GOES_ON;
}

/* Takes all whole frames, and moves the part that is left to the front. */
static enum lane_verdict take_frames(struct lane *lane)
{
	enum lane_verdict verdict = LANE_GOES_ON;
	struct reader stream;
	struct frame frame;
	int r = 0;

	reader_init(&stream, lane->plain->data, lane->plain_len);
	while (verdict == LANE_GOES_ON && (r = lane->framer->parse(&stream, &frame)) == 0)
		verdict = take_frame(lane, &frame);
	lane_deliver_rest(lane);
	if (verdict != LANE_GOES_ON)
		return verdict;
	if (r == -EPROTONOSUPPORT)
		return lane_must_fault(lane, GOODBYE_PROTOCOL, "unknown frame type");
	if (r != -EAGAIN)
		return lane_must_fault(lane, GOODBYE_PROTOCOL, "frame length outside its limits");
	size_t left = reader_left(&stream);
	memmove(lane->plain->data, lane->plain->data + (lane->plain_len - left), left);
	lane->plain_len = left;
	return LANE_GOES_ON;
}

static enum lane_verdict read_failed(struct lane *lane, int error, const struct problem *problem)
{
	if (error == -EPIPE)
		return lane_must_drain(lane, LANE_END_CLOSED, NULL);
	if (error == -ENOBUFS)
		return lane_must_close(
			lane, LANE_END_STUCK, "too many TLS answers wait to be sent");
	return lane_must_drain(lane, LANE_END_BROKEN, problem->text); /* the alert is sent */
}

/* Borrows the buffer for plaintext, unless the lane has it already, with part of a frame. */
static enum lane_verdict borrow_plain(struct lane *lane)
{
	if (lane->plain)
		return LANE_GOES_ON;
	lane->plain = worker_borrow_plain(lane->worker);
	lane->plain_len = 0;
	if (!lane->plain)
		return lane_must_close(lane, LANE_END_INTERNAL, "out of memory");
	return LANE_GOES_ON;
}

/* Returns the buffer, unless it has part of a frame. */
static enum lane_verdict return_plain(struct lane *lane)
{
	if (lane->plain_len == 0) {
		worker_return_plain(lane->worker, lane->plain);
		lane->plain = NULL;
	} else if (worker_is_overdrawn(lane->worker)) {
		return lane_must_close(lane, LANE_END_STUCK,
			"incomplete frames of all peers have used up the memory for them");
	}
	return LANE_GOES_ON;
}

enum lane_verdict lane_read_records(struct lane *lane)
{
	enum lane_verdict verdict = lane_output_borrow(lane); /* TLS may have to answer */
	struct problem problem = { 0 };
	size_t got;
	int r = 0;

	if (verdict == LANE_GOES_ON)
		verdict = borrow_plain(lane);
	while (verdict == LANE_GOES_ON &&
		(r = tls_read(lane->tls, lane->plain->data + lane->plain_len,
			 lane->plain->size - lane->plain_len, &got, &problem)) == 0) {
		lane->plain_len += got;
		verdict = take_frames(lane);
	}
	if (verdict == LANE_GOES_ON && r != -EAGAIN)
		verdict = read_failed(lane, r, &problem);
	if (verdict == LANE_GOES_ON)
		verdict = return_plain(lane);
	return verdict == LANE_GOES_ON ? lane_flush(lane) : verdict;
}

/* Receives bytes into the worker's scratch memory. *ret_len is 0: none came. */
static enum lane_verdict receive_bytes(struct lane *lane, size_t *ret_len)
{
	ssize_t n = recv(
		lane->socket_watch.fd, lane->worker->received, WORKER_RECEIVE_SIZE, MSG_DONTWAIT);

	*ret_len = n > 0 ? (size_t)n : 0;
	if (n > 0) {
		counter_add(&lane->counters.received_bytes, (uint64_t)n);
		atomic_store_explicit(
			&lane->counters.heard_ns, mono_now().ns, memory_order_relaxed);
		return LANE_GOES_ON;
	}
	if (n == 0)
		return lane_must_close(lane, LANE_END_CLOSED, NULL);
	if (errno != EAGAIN && errno != EINTR)
		return lane_must_close(lane, LANE_END_BROKEN, error_text(errno));
	return LANE_GOES_ON;
}

enum lane_verdict lane_handshake_step(struct lane *lane)
{
	enum lane_verdict verdict = lane_output_borrow(lane);
	struct problem problem = { 0 };

	if (verdict != LANE_GOES_ON)
		return verdict;
	int r = tls_handshake(lane->tls, &problem);
	if (r < 0)
		return lane_must_drain(
			lane, LANE_END_HANDSHAKE, problem.text); /* the alert is sent */
	verdict = lane_flush(lane);
	return verdict == LANE_GOES_ON && r > 0 ? LANE_SECURED : verdict;
}

enum lane_verdict lane_receive(struct lane *lane)
{
	size_t len;
	enum lane_verdict verdict = receive_bytes(lane, &len);

	if (len == 0)
		return verdict;
	tls_feed(lane->tls, lane->worker->received, len);
	return lane->state == LANE_HANDSHAKE ? lane_handshake_step(lane) : lane_read_records(lane);
}

enum lane_verdict lane_discard(struct lane *lane)
{
	size_t len;

	return receive_bytes(lane, &len);
}
