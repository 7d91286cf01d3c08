/* SPDX-License-Identifier: Apache-2.0 */
#include "lane/lane_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/*
 * What is encrypted next: when the socket has taken all that lay in the output buffer (lane_output.c),
 * control messages come first, then what waits in the lane's queue (lane_queue.c).
 */

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
		if (lane_output_send(lane) < 0)
			return;
	}
	shutdown(lane->socket_watch.fd, SHUT_WR);
}

void lane_flush(struct lane *lane)
{
	int r;

	do {
		r = lane_output_send(lane);
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
		lane_output_return(lane);
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
