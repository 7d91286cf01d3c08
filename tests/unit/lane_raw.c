/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/lane_raw.h"

#include <errno.h>

static void flush(struct raw *raw)
{
	while (raw->output.len > 0) {
		ssize_t n = send(
			raw->fd, raw->output.data, raw->output.len, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0) {
			if (errno != EAGAIN)
				raw->broken = true;
			return;
		}
		raw->output.len -= (size_t)n;
		memmove(raw->output.data, raw->output.data + n, raw->output.len);
	}
}

static void take_control(struct raw *raw, const struct view *payload)
{
	uint8_t expected[FRAME_CONTROL_MAX];

	if (payload->len == strlen(LANES_GOODBYE) &&
		memcmp(payload->data, LANES_GOODBYE, payload->len) == 0) {
		raw->goodbyes++;
		return;
	}
	ck_assert_uint_eq(payload->len, lanes_message(raw->heard, expected));
	ck_assert_mem_eq(payload->data, expected, payload->len);
	raw->heard++;
	raw->packets_before = raw->packets;
}

/* The test has said how long they are; their sender is what the lane is not. */
static void take_packet(struct raw *raw, const struct view *payload)
{
	static struct inner_packet expected;
	uint32_t number = raw->next;

	ck_assert_uint_eq(payload->len, raw->packet_len);
	if (raw->losses) { /* the identification tells */
		number = (uint32_t)(payload->data[4] << 8 | payload->data[5]);
		ck_assert_uint_ge(number, raw->next);
	}
	lanes_packet(&expected, true, AF_INET, raw->packet_len, number);
	ck_assert_mem_eq(payload->data, expected.data, expected.len);
	raw->packets++;
	raw->next = number + 1;
}

static void take_frames(struct raw *raw)
{
	struct reader stream;
	struct frame frame;
	int r;

	reader_init(&stream, raw->plain, raw->plain_len);
	while ((r = frame_decode(&stream, &frame)) == 0) {
		if (frame.type == FRAME_CONTROL)
			take_control(raw, &frame.payload);
		else
			take_packet(raw, &frame.payload);
	}
	ck_assert_int_eq(r, -EAGAIN);
	raw->plain_len = reader_left(&stream);
	memmove(raw->plain, raw->plain + stream.at, raw->plain_len);
}

static void take_records(struct raw *raw)
{
	struct problem problem = { "" };
	size_t got;
	int r;

	if (!raw->established) {
		r = tls_handshake(raw->tls, &problem);
		raw->established = r == 1;
		raw->broken = raw->broken || r < 0;
	}
	if (!raw->established)
		return;
	while ((r = tls_read(raw->tls, raw->plain + raw->plain_len, RAW_PLAIN_MAX - raw->plain_len,
			&got, &problem)) == 0) {
		raw->plain_len += got;
		take_frames(raw);
	}
	raw->goodbye_notified = raw->goodbye_notified || r == -EPIPE;
	raw->broken = raw->broken || r == -EPROTO;
}

static void receive(struct raw *raw)
{
	uint8_t bytes[16384];
	ssize_t n;

	while ((n = recv(raw->fd, bytes, sizeof(bytes), MSG_DONTWAIT)) > 0) {
		tls_feed(raw->tls, bytes, (size_t)n);
		take_records(raw);
	}
	raw->eof = raw->eof || n == 0;
	raw->broken = raw->broken || (n < 0 && errno != EAGAIN);
}

void raw_step(struct raw *raw)
{
	if (raw->fd < 0)
		return;
	if (!raw->paused && !raw->eof)
		receive(raw);
	flush(raw);
}

int raw_poll_fd(const struct raw *raw)
{
	return raw->paused || raw->eof ? -1 : raw->fd;
}

struct raw *raw_start(struct side *side, enum tls_role lane_role, int deadline_ms, bool secure)
{
	struct raw *raw = calloc(1, sizeof(*raw));
	struct tls_context *context = lane_role == TLS_SERVER ? pki.client_context
							      : pki.server_context;
	struct problem problem;
	int fds[2], size = 16384;

	ck_assert_ptr_nonnull(raw);
	lanes_connect(SOCK_STREAM, fds);
	for (int i = 0; i < 2; i++)
		setsockopt(fds[i], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	raw->fd = fds[1];
	raw->output = (struct tls_output){ .data = raw->output_bytes, .capacity = RAW_OUTPUT_MAX };
	ck_assert_int_eq(tls_new(context, &raw->tls), 0);
	tls_set_output(raw->tls, &raw->output);
	lanes.raw = raw;
	side_start(side, 0, lane_role, fds[0], deadline_ms);
	if (!secure)
		return raw;
	ck_assert_int_eq(tls_handshake(raw->tls, &problem), 0);
	AWAIT(raw->established && side->secured);
	return raw;
}

void raw_free(struct raw *raw)
{
	lanes.raw = NULL;
	raw_close(raw);
	tls_free(raw->tls);
	free(raw);
}

void raw_write(struct raw *raw, const void *bytes, size_t len)
{
	ck_assert_int_eq(tls_write(raw->tls, bytes, len), 0);
}

void raw_frame(struct raw *raw, uint8_t type, const void *payload, size_t len)
{
	static uint8_t bytes[FRAME_MAX];
	struct writer writer;

	writer_init(&writer, bytes, sizeof(bytes));
	ck_assert_int_eq(writer_u8(&writer, type), 0);
	ck_assert_int_eq(writer_u24(&writer, len), 0);
	ck_assert_int_eq(writer_copy(&writer, payload, len), 0);
	raw_write(raw, bytes, writer.len);
}

void raw_message(struct raw *raw, uint32_t number)
{
	uint8_t message[FRAME_CONTROL_MAX];
	size_t len = lanes_message(number, message);

	raw_frame(raw, FRAME_CONTROL, message, len);
}

void raw_packet(struct raw *raw, const struct inner_packet *packet)
{
	raw_frame(raw, FRAME_PACKET, packet->data, packet->len);
}

void raw_superpacket(struct raw *raw, const struct vnet *vnet, const struct inner_packet *packet)
{
	static uint8_t payload[FRAME_VNET + FRAME_PACKET_MAX];
	struct writer writer;

	writer_init(&writer, payload, sizeof(payload));
	ck_assert_int_eq(vnet_encode(&writer, vnet), 0);
	ck_assert_int_eq(writer_copy(&writer, packet->data, packet->len), 0);
	raw_frame(raw, FRAME_OFFLOAD, payload, writer.len);
}

void raw_send_bytes(struct raw *raw, const void *bytes, size_t len)
{
	struct writer writer;

	writer_init(&writer, raw->output.data, raw->output.capacity);
	writer.len = raw->output.len;
	ck_assert_int_eq(writer_copy(&writer, bytes, len), 0);
	raw->output.len = writer.len;
}

void raw_close(struct raw *raw)
{
	if (raw->fd >= 0)
		close(raw->fd);
	raw->fd = -1;
}
