/* SPDX-License-Identifier: Apache-2.0 */
#include "lane/lane_internal.h"

#include <assert.h>
#include <errno.h>
#include <sys/socket.h>

/*
 * The end of a packet's way out: TLS records → socket. All encrypted data is in one output buffer,
 * which the worker lends. The lane keeps it until the socket has taken everything.
 */

static_assert(WORKER_OUTPUT_SIZE >= WORKER_STAGE_SIZE +
			(WORKER_STAGE_SIZE / TLS_RECORD_MAX + 1) * TLS_RECORD_OVERHEAD +
			TLS_OUTPUT_SLACK + WORKER_CONTROL_ROOM,
	"a burst and the control room must fit into one output");

bool lane_has_backlog(const struct lane *lane)
{
	return lane->output_sent < lane->output.len;
}

enum lane_verdict lane_output_borrow(struct lane *lane)
{
	if (lane->output_buffer)
		return LANE_GOES_ON;
	lane->output_buffer = worker_borrow_output(lane->worker);
	if (!lane->output_buffer)
		return lane_must_close(lane, LANE_END_INTERNAL, "out of memory");
	lane->output = (struct tls_output){
		.data = lane->output_buffer->data,
		.capacity = lane->output_buffer->size,
	};
	lane->output_sent = 0;
	tls_set_output(lane->tls, &lane->output);
	return LANE_GOES_ON;
}

void lane_output_return(struct lane *lane)
{
	worker_return_output(lane->worker, lane->output_buffer);
	lane->output_buffer = NULL;
	lane->output = (struct tls_output){ 0 };
	lane->output_sent = 0;
}

int lane_output_send(struct lane *lane)
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
