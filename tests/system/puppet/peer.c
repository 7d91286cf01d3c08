/* SPDX-License-Identifier: Apache-2.0 */
#include "peer.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/error_text.h"
#include "base/file.h"
#include "wire/packet.h"

int peer_fail(const char *what, const char *why)
{
	printf("failed: %s: %s\n", what, why);
	return -1;
}

/* ---- bytes out ---- */

static void flush_output(struct peer *peer)
{
	for (size_t done = 0; done < peer->output.len;) {
		ssize_t n = send(
			peer->fd, peer->output.data + done, peer->output.len - done, MSG_NOSIGNAL);
		if (n < 0)
			break;
		done += (size_t)n;
	}
	peer->output.len = 0;
}

int peer_write(struct peer *peer, const void *data, size_t len)
{
	int r = tls_write(peer->tls, data, len);
	if (r < 0)
		return peer_fail("tls_write", error_text(r));
	flush_output(peer);
	return 0;
}

int peer_write_frame(struct peer *peer, enum frame_type type, const void *payload, size_t len)
{
	uint8_t bytes[FRAME_MAX];
	struct writer writer;

	writer_init(&writer, bytes, sizeof(bytes));
	int r = frame_encode_header(&writer, type, len);
	if (r == 0)
		r = writer_copy(&writer, payload, len);
	return r < 0 ? peer_fail("frame", error_text(r)) : peer_write(peer, bytes, writer.len);
}

int peer_write_message(struct peer *peer, const struct message *message)
{
	uint8_t bytes[FRAME_CONTROL_MAX];
	struct writer writer;

	writer_init(&writer, bytes, sizeof(bytes));
	int r = message_encode(&writer, message);
	if (r < 0)
		return peer_fail("message", error_text(r));
	return peer_write_frame(peer, FRAME_CONTROL, bytes, writer.len);
}

/* ---- bytes in ---- */

/* Waits for bytes. False: none came in time. Notices the end of the connection. */
static bool receive(struct peer *peer, struct mono deadline)
{
	struct pollfd waiting = { .fd = peer->fd, .events = POLLIN };
	int64_t left = duration_ms(mono_since(deadline, mono_now()));

	if (left < 0 || poll(&waiting, 1, (int)left) <= 0)
		return false;
	ssize_t n = recv(peer->fd, peer->received, sizeof(peer->received), 0);
	if (n > 0)
		tls_feed(peer->tls, peer->received, (size_t)n);
	else
		peer->closed = true;
	return true;
}

static void decrypt(struct peer *peer)
{
	struct problem problem = { .text = "" };
	size_t got;
	int r;

	while ((r = tls_read(peer->tls, peer->plain + peer->plain_len,
			sizeof(peer->plain) - peer->plain_len, &got, &problem)) == 0)
		peer->plain_len += got;
	flush_output(peer);
	if (r != -EAGAIN)
		peer->closed = true;
}

/*
 * Takes one frame and copies its payload to `copy`. False: none in time, or the connection has
 * ended.
 */
static bool next_frame(
	struct peer *peer, struct mono deadline, struct frame *ret_frame, uint8_t copy[FRAME_MAX])
{
	struct reader stream;
	int r;

	for (;;) {
		reader_init(&stream, peer->plain, peer->plain_len);
		r = frame_decode(&stream, ret_frame);
		if (r != -EAGAIN || peer->closed || !receive(peer, deadline))
			break;
		decrypt(peer);
	}
	if (r < 0)
		return false;
	memcpy(copy, ret_frame->payload.data, ret_frame->payload.len);
	ret_frame->payload.data = copy;
	peer->plain_len = reader_left(&stream);
	memmove(peer->plain, peer->plain + stream.at, peer->plain_len);
	return true;
}

/* ---- opening ---- */

static int make_context(enum tls_role role, char *const paths[3], struct tls_context **ret_context)
{
	struct problem problem = { .text = "" };
	char *texts[3] = { NULL, NULL, NULL };
	struct view views[3];
	int r = 0;

	for (int i = 0; i < 3 && r == 0; i++) {
		r = file_read(paths[i], FILE_PUBLIC, &texts[i], &views[i].len, &problem);
		views[i].data = (const uint8_t *)texts[i];
	}
	if (r == 0) {
		const struct tls_material material = {
			.certificate = views[0], .key = views[1], .ca = views[2]
		};
		r = tls_context_new(role, &material, ret_context, &problem);
	}
	for (int i = 0; i < 3; i++)
		free(texts[i]);
	return r < 0 ? peer_fail("certificate", problem.text) : 0;
}

static int take_connection(int listener, const struct sockaddr *address, socklen_t len)
{
	const int on = 1;

	if (setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
		bind(listener, address, len) < 0 || listen(listener, 8) < 0)
		return -1;
	puts("listening");
	return accept4(listener, NULL, NULL, SOCK_CLOEXEC);
}

static int open_socket(struct peer *peer, bool listener, const char *where)
{
	const struct timeval patience = { .tv_sec = PEER_PATIENCE_S };
	struct sockaddr_storage storage;
	struct sockaddr *address = (struct sockaddr *)&storage;
	struct endpoint endpoint;

	if (endpoint_parse(where, 443, &endpoint) < 0)
		return peer_fail("no endpoint", where);
	socklen_t len = endpoint_to_sockaddr(&endpoint, &storage);
	int fd = socket(storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return peer_fail("socket", error_text(errno));
	if (listener)
		peer->fd = take_connection(fd, address, len);
	else
		peer->fd = connect(fd, address, len) < 0 ? -1 : fd;
	if (peer->fd < 0)
		peer_fail(where, error_text(errno));
	else
		setsockopt(peer->fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	if (fd != peer->fd)
		close(fd);
	return peer->fd < 0 ? -1 : 0;
}

static int handshake(struct peer *peer)
{
	struct mono deadline = mono_add(mono_now(), DURATION_S(PEER_PATIENCE_S));
	struct problem problem = { .text = "" };
	int r;

	while ((r = tls_handshake(peer->tls, &problem)) == 0) {
		flush_output(peer);
		if (!receive(peer, deadline) || peer->closed)
			return peer_fail("handshake", peer->closed ? "closed" : "nothing came");
	}
	flush_output(peer);
	if (r < 0)
		return peer_fail("handshake", problem.text);
	printf("secured %s\n", tls_peer_names(peer->tls)->plain.name);
	decrypt(peer); /* bytes that followed the handshake */
	return 0;
}

int peer_open(struct peer *peer, bool listener, const char *where, char *const paths[3])
{
	struct tls_context *context;

	if (make_context(listener ? TLS_SERVER : TLS_CLIENT, paths, &context) < 0)
		return -1;
	int r = tls_new(context, &peer->tls);
	tls_context_unref(context);
	if (r < 0)
		return peer_fail("tls", error_text(r));
	peer->output.data = peer->output_bytes;
	peer->output.capacity = sizeof(peer->output_bytes);
	tls_set_output(peer->tls, &peer->output);
	r = open_socket(peer, listener, where);
	return r < 0 ? r : handshake(peer);
}

void peer_close(struct peer *peer)
{
	tls_free(peer->tls);
	if (peer->fd >= 0)
		close(peer->fd);
}

/* ---- waiting ---- */

static void print_prefixes(const struct message *message)
{
	char text[ADDR_TEXT_MAX];

	for (size_t i = 0; i < message->prefixes.count; i++) {
		printf(" %s", prefix_format(&message->prefixes.prefix[i], text));
		if (message->type == MESSAGE_REFUSE)
			printf(" (%s)", route_verdict_text(message->prefixes.reason[i]));
	}
}

static void print_welcome(const struct message_welcome *welcome)
{
	char client4[ADDR_TEXT_MAX], client6[ADDR_TEXT_MAX];

	printf(" client4 %s client6 %s mtu %u ping %u dead %u lanes %u session %016llx token ",
		addr_format(&welcome->client4, client4), addr_format(&welcome->client6, client6),
		welcome->mtu, welcome->ping_ms, welcome->dead_ms, welcome->lanes,
		(unsigned long long)welcome->session_id);
	for (size_t i = 0; i < sizeof(welcome->token); i++)
		printf("%02x", welcome->token[i]);
}

static void print_message(const struct message *message)
{
	printf("%s", message_type_name(message->type));
	if (message->type == MESSAGE_WELCOME)
		print_welcome(&message->welcome);
	else if (message->type == MESSAGE_JOINED)
		printf(" control %d", message->joined.control);
	else if (message->type == MESSAGE_GOODBYE)
		printf(" %u %s", message->goodbye.code, message->goodbye.text);
	else if (message->type >= MESSAGE_ANNOUNCE && message->type <= MESSAGE_REFUSE)
		print_prefixes(message);
	printf("\n");
}

static void print_packet(const struct frame *frame)
{
	char source[INET6_ADDRSTRLEN], destination[INET6_ADDRSTRLEN];
	struct reader reader;
	struct view view, header;
	struct packet packet;

	reader_init(&reader, frame->payload.data, frame->payload.len);
	if (frame->type == FRAME_OFFLOAD)
		reader_view(&reader, FRAME_VNET, &header);
	reader_view(&reader, reader_left(&reader), &view);
	if (packet_parse(view.data, view.len, &packet) < 0)
		return;
	inet_ntop(packet.family, packet.source, source, sizeof(source));
	inet_ntop(packet.family, packet.destination, destination, sizeof(destination));
	printf("packet %s %s protocol %u\n", source, destination, packet.protocol);
}

static int take_control(struct peer *peer, const struct frame *frame)
{
	struct problem problem = { .text = "" };
	struct message pong = { .type = MESSAGE_PONG };

	if (message_decode(frame->payload.data, frame->payload.len, &peer->message, &problem) < 0)
		return peer_fail("the other end's message", problem.text);
	if (peer->message.type != MESSAGE_PING)
		return 0;
	pong.time = peer->message.time;
	return peer_write_message(peer, &pong);
}

/* Returns 1 for what the script waits for, 0 for another frame, -1 if it ends the wait. */
static int judge(struct peer *peer, const struct frame *frame, const char *what, bool quiet)
{
	if (frame->type != FRAME_CONTROL) {
		if (strcmp(what, "packet") != 0)
			return 0;
		print_packet(frame);
		return 1;
	}
	if (take_control(peer, frame) < 0)
		return -1;
	bool wanted = strcmp(what, message_type_name(peer->message.type)) == 0;
	bool goodbye = peer->message.type == MESSAGE_GOODBYE;
	if ((wanted && !quiet) || (goodbye && !wanted))
		print_message(&peer->message);
	if (wanted)
		return 1;
	return goodbye && strcmp(what, "close") != 0 ? -1 : 0;
}

int peer_await(struct peer *peer, const char *what, struct duration patience, bool quiet)
{
	struct mono deadline = mono_add(mono_now(), patience);
	uint8_t payload[FRAME_MAX];
	struct frame frame;

	while (next_frame(peer, deadline, &frame, payload)) {
		int r = judge(peer, &frame, what, quiet);
		if (r != 0)
			return r < 0 ? -1 : 0;
	}
	printf("%s\n", peer->closed ? "closed" : "nothing came");
	return peer->closed && strcmp(what, "close") == 0 ? 0 : -1;
}
