/* SPDX-License-Identifier: Apache-2.0 */
#include "lane/lane_internal.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/*
 * The last part of a packet's way out: TLS records → socket. Everything that was encrypted lies in
 * one output buffer, which the lane keeps until the socket has taken it all; only then more is
 * encrypted: control messages first, then what waits in the lane's queue (lane_queue.c).
 */

static_assert(WORKER_OUTPUT_SIZE >= WORKER_STAGE_SIZE +
			(WORKER_STAGE_SIZE / TLS_RECORD_MAX + 1) * TLS_RECORD_OVERHEAD +
			TLS_OUTPUT_SLACK + WORKER_CONTROL_ROOM,
	"a burst and the control room must fit into one output");

bool lane_has_backlog(const struct lane *lane)
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
	while (lane_has_backlog(lane)) {
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

static int write_more(struct lane *lane)
{
	if (!STAILQ_EMPTY(&lane->messages))
		return write_messages(lane);
	return lane_queue_write(lane);
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
		if (r == 0 && lane->state != LANE_HANDSHAKE && !lane->finishing)
			r = write_more(lane);
	} while (r == 0 && lane_has_backlog(lane));
	if (lane->state == LANE_CLOSED)
		return;
	if (r < 0 && r != -EAGAIN) {
		lane_close_now(lane, LANE_END_BROKEN, strerror(-r));
		return;
	}
	lane_queue_watch(lane, r == -EAGAIN || !flow_queue_is_empty(lane->queue));
	if (r == 0 && lane->state == LANE_DRAINING)
		finish(lane);
	if (lane->output_buffer && !lane_has_backlog(lane))
		output_return(lane);
	if (lane_has_backlog(lane) && worker_is_overdrawn(lane->worker)) {
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
	if (!lane_has_backlog(lane))
		lane_flush(lane);
	lane_note_activity(lane);
	lane_rest(lane);
}
