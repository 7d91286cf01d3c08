/* SPDX-License-Identifier: Apache-2.0 */
#include "lane/lane_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/error_text.h"

/*
 * Decides what to encrypt next. When the socket has taken the whole output buffer (lane_output.c),
 * control messages come first, then packets of the lane's queue (lane_queue.c).
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

/* Moves waiting messages into the output while there is room. */
static enum lane_verdict write_messages(struct lane *lane)
{
	struct lane_message *message;

	while ((message = STAILQ_FIRST(&lane->messages))) {
		enum lane_verdict verdict = lane_output_borrow(lane);
		if (verdict != LANE_GOES_ON)
			return verdict;
		int r = write_control(lane, message);
		if (r == -ENOBUFS)
			return LANE_GOES_ON;
		if (r < 0)
			return lane_must_close(lane, LANE_END_BROKEN, error_text(r));
		STAILQ_REMOVE_HEAD(&lane->messages, link);
		lane->messages_size -= message->len;
		worker_account(lane->worker, -(ptrdiff_t)message->len);
		free(message);
	}
	return LANE_GOES_ON;
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

static enum lane_verdict write_more(struct lane *lane)
{
	if (!STAILQ_EMPTY(&lane->messages))
		return write_messages(lane);
	return lane_queue_write(lane);
}

/* Draining: sends close_notify behind everything else, then ends our direction. */
static enum lane_verdict finish(struct lane *lane)
{
	if (!lane->finishing) {
		lane->finishing = true;
		enum lane_verdict verdict = lane_output_borrow(lane);
		if (verdict != LANE_GOES_ON)
			return verdict;
		tls_close(lane->tls);
		/* Another "writable" follows, or the deadline. */
		if (lane_output_send(lane) < 0)
			return LANE_GOES_ON;
	}
	shutdown(lane->socket_watch.fd, SHUT_WR);
	return LANE_GOES_ON;
}

/*
 * Returns the output buffer when it is empty. Keeps it otherwise, unless all lanes together keep
 * too much.
 */
static enum lane_verdict keep_output(struct lane *lane)
{
	if (lane->output_buffer && !lane_has_backlog(lane))
		lane_output_return(lane);
	if (lane_has_backlog(lane) && worker_is_overdrawn(lane->worker))
		return lane_must_close(lane, LANE_END_STUCK,
			"unsent data of all peers has used up the memory for it");
	return LANE_GOES_ON;
}

enum lane_verdict lane_flush(struct lane *lane)
{
	enum lane_verdict verdict = LANE_GOES_ON;
	int r;

	do {
		r = lane_output_send(lane);
		if (r < 0 && r != -EAGAIN)
			return lane_must_close(lane, LANE_END_BROKEN, error_text(r));
		if (r == 0 && lane->state != LANE_HANDSHAKE && !lane->finishing)
			verdict = write_more(lane);
	} while (r == 0 && verdict == LANE_GOES_ON && lane_has_backlog(lane));
	if (verdict != LANE_GOES_ON)
		return verdict;
	lane_queue_watch(lane, r == -EAGAIN || !flow_queue_is_empty(lane->queue));
	if (r == 0 && lane->state == LANE_DRAINING)
		verdict = finish(lane);
	return verdict == LANE_GOES_ON ? keep_output(lane) : verdict;
}

enum lane_verdict lane_send_message(struct lane *lane, struct lane_message *message)
{
	if (lane->state >= LANE_DRAINING || lane->state == LANE_HANDSHAKE) {
		free(message);
		return LANE_GOES_ON;
	}
	if (lane->messages_size + message->len > LANE_CONTROL_QUEUE_MAX) {
		free(message);
		return lane_must_close(
			lane, LANE_END_STUCK, "too many control messages wait to be sent");
	}
	STAILQ_INSERT_TAIL(&lane->messages, message, link);
	lane->messages_size += message->len;
	worker_account(lane->worker, (ptrdiff_t)message->len);
	return lane_has_backlog(lane) ? LANE_GOES_ON : lane_flush(lane);
}
