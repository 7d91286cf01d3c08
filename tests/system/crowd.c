/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Many clients in one process, each with its own certificate and session but no interface. It
 * measures what an idle server costs:
 *
 * 	crowd ADDRESS:PORT PROFILE...
 *
 * culvert-pki wrote each profile: certificate, key and CA come from it. Connections are made a few
 * at a time. It prints `up COUNT` when each client has its welcome, and then answers pings. When
 * the server has closed all, it prints `closed COUNT` and ends with 0. If a session fails to come
 * up, it ends with 1.
 */

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/addr.h"
#include "base/error_text.h"
#include "base/file.h"
#include "system/tls.h"
#include "wire/frame.h"
#include "wire/message.h"

enum {
	CROWD_OPENING_MAX = 32, /* at a time; a server accepts more handshakes than that */
	CROWD_PLAIN = FRAME_HEADER + FRAME_CONTROL_MAX,
};

struct member {
	const char *profile;
	int fd; /* -1: not connected yet, or closed */
	struct tls *tls;
	bool secured, up;
	bool leaving; /* received goodbye */
	size_t len;
	uint8_t plain[CROWD_PLAIN]; /* decrypted, not a whole frame yet */
};

static struct member *members;
static size_t member_count, begun_count, up_count, closed_count;
static uint8_t received[64 << 10];
static uint8_t output_bytes[TLS_OUTPUT_HANDSHAKE + FRAME_MAX];
static struct tls_output output = { .data = output_bytes, .capacity = sizeof(output_bytes) };

static int fail(const struct member *member, const char *what, const char *why)
{
	fprintf(stderr, "crowd: %s: %s: %s\n", member->profile, what, why);
	return -1;
}

/* ---- out ---- */

static void flush_output(const struct member *member)
{
	for (size_t done = 0; done < output.len;) {
		ssize_t n = send(member->fd, output.data + done, output.len - done, MSG_NOSIGNAL);
		if (n < 0)
			break; /* the next recv reports it */
		done += (size_t)n;
	}
	output.len = 0;
}

static int send_message(struct member *member, const struct message *message)
{
	uint8_t payload[FRAME_CONTROL_MAX], bytes[FRAME_HEADER + FRAME_CONTROL_MAX];
	struct writer control, frame;

	writer_init(&control, payload, sizeof(payload));
	writer_init(&frame, bytes, sizeof(bytes));
	int r = message_encode(&control, message);
	if (r == 0)
		r = frame_encode_header(&frame, FRAME_CONTROL, control.len);
	if (r == 0)
		r = writer_copy(&frame, payload, control.len);
	if (r == 0)
		r = tls_write(member->tls, bytes, frame.len);
	if (r < 0)
		return fail(member, "message", error_text(r));
	flush_output(member);
	return 0;
}

static int send_hello(struct member *member)
{
	struct message message = {
		.type = MESSAGE_HELLO,
		.hello = { .version = MESSAGE_VERSION, .lanes = 1 },
	};

	identity_set(&message.hello.name, "crowd", 5);
	if (getrandom(message.hello.instance, sizeof(message.hello.instance), 0) < 0)
		return fail(member, "getrandom", error_text(errno));
	return send_message(member, &message);
}

/* ---- in ---- */

static int take_message(struct member *member, const struct message *message)
{
	struct message answer = { .type = MESSAGE_UNKNOWN };

	switch (message->type) {
	case MESSAGE_WELCOME:
		member->up = true;
		up_count++;
		if (up_count == member_count)
			printf("up %zu\n", up_count);
		answer.type = MESSAGE_END_OF_ROUTES;
		break;
	case MESSAGE_PING:
		answer.type = MESSAGE_PONG;
		answer.time = message->time;
		break;
	case MESSAGE_GOODBYE:
		if (!member->up)
			return fail(member, "refused", message->goodbye.text);
		member->leaving = true;
		break;
	default:
		break;
	}
	return answer.type == MESSAGE_UNKNOWN ? 0 : send_message(member, &answer);
}

static int take_frames(struct member *member)
{
	static struct message message;
	struct problem problem = { .text = "" };
	struct reader stream;
	struct frame frame;
	int r;

	reader_init(&stream, member->plain, member->len);
	while ((r = frame_decode(&stream, &frame)) == 0) {
		if (frame.type != FRAME_CONTROL)
			continue;
		if (message_decode(frame.payload.data, frame.payload.len, &message, &problem) < 0)
			return fail(member, "message", problem.text);
		if (take_message(member, &message) < 0)
			return -1;
	}
	member->len = reader_left(&stream);
	memmove(member->plain, member->plain + stream.at, member->len);
	return r == -EAGAIN ? 0 : fail(member, "frame", error_text(r));
}

static void close_member(struct member *member)
{
	close(member->fd);
	member->fd = -1;
	tls_free(member->tls);
	member->tls = NULL;
	closed_count++;
}

/* Returns 0 if the session continues, or was closed after it was up; -1 if it failed. */
static int decrypt(struct member *member)
{
	struct problem problem = { .text = "" };
	size_t got;
	int r;

	while ((r = tls_read(member->tls, member->plain + member->len, CROWD_PLAIN - member->len,
			&got, &problem)) == 0) {
		member->len += got;
		if (take_frames(member) < 0)
			return -1;
	}
	flush_output(member);
	if (r == -EAGAIN && !member->leaving)
		return 0;
	if (!member->up)
		return fail(member, "connection", problem.text);
	close_member(member);
	return 0;
}

static int take_bytes(struct member *member)
{
	struct problem problem = { .text = "" };
	ssize_t n = recv(member->fd, received, sizeof(received), MSG_DONTWAIT);

	if (n < 0 && errno == EAGAIN)
		return 0;
	if (n <= 0) {
		if (!member->up)
			return fail(member, "connection", "closed");
		close_member(member);
		return 0;
	}
	tls_feed(member->tls, received, (size_t)n);
	if (!member->secured) {
		int r = tls_handshake(member->tls, &problem);
		flush_output(member);
		if (r < 0)
			return fail(member, "handshake", problem.text);
		if (r == 0)
			return 0;
		member->secured = true;
		if (send_hello(member) < 0)
			return -1;
	}
	int r = decrypt(member);
	if (r == 0 && member->tls)
		tls_release_buffers(member->tls);
	return r;
}

/* ---- opening ---- */

/* The PEM text of KEY = "…" in a profile. */
static struct view find_pem(const char *text, const char *key)
{
	char begin[32];
	struct view view = { NULL, 0 };

	snprintf(begin, sizeof(begin), "\n%s = \"-----", key);
	const char *found = strstr(text, begin);
	const char *from = found ? strstr(found, "-----") : NULL;
	const char *end = from ? strchr(from, '"') : NULL;
	if (end) {
		view.data = (const uint8_t *)from;
		view.len = (size_t)(end - from);
	}
	return view;
}

static int make_tls(struct member *member)
{
	struct problem problem = { .text = "" };
	struct tls_context *context = NULL;
	char *text = NULL;
	size_t len;

	int r = file_read(member->profile, FILE_PUBLIC, &text, &len, &problem);
	if (r < 0)
		return fail(member, "profile", problem.text);
	const struct tls_material material = {
		.certificate = find_pem(text, "certificate"),
		.key = find_pem(text, "key"),
		.ca = find_pem(text, "ca"),
	};
	r = tls_context_new(TLS_CLIENT, &material, &context, &problem);
	free(text);
	if (r < 0)
		return fail(member, "certificate", problem.text);
	r = tls_new(context, &member->tls);
	tls_context_unref(context);
	if (r < 0)
		return fail(member, "tls", error_text(r));
	tls_set_output(member->tls, &output);
	return 0;
}

static int open_member(struct member *member, const struct endpoint *endpoint)
{
	struct problem problem = { .text = "" };
	struct sockaddr_storage address;
	socklen_t len = endpoint_to_sockaddr(endpoint, &address);

	if (make_tls(member) < 0)
		return -1;
	member->fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (member->fd < 0 || connect(member->fd, (struct sockaddr *)&address, len) < 0)
		return fail(member, "connect", error_text(errno));
	if (tls_handshake(member->tls, &problem) < 0)
		return fail(member, "handshake", problem.text);
	flush_output(member);
	return 0;
}

static int run(const struct endpoint *endpoint, struct pollfd *waiting)
{
	while (closed_count < member_count) {
		while (begun_count < member_count && begun_count - up_count < CROWD_OPENING_MAX)
			if (open_member(&members[begun_count++], endpoint) < 0)
				return 1;
		for (size_t i = 0; i < begun_count; i++)
			waiting[i] = (struct pollfd){ .fd = members[i].fd, .events = POLLIN };
		if (poll(waiting, begun_count, -1) < 0)
			return 1;
		for (size_t i = 0; i < begun_count; i++)
			if (waiting[i].revents != 0 && take_bytes(&members[i]) < 0)
				return 1;
	}
	printf("closed %zu\n", closed_count);
	return 0;
}

int main(int argc, char **argv)
{
	struct endpoint endpoint;

	if (argc < 3 || endpoint_parse(argv[1], 443, &endpoint) < 0) {
		fputs("usage: crowd ADDRESS:PORT PROFILE...\n", stderr);
		return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	member_count = (size_t)argc - 2;
	members = calloc(member_count, sizeof(*members));
	struct pollfd *waiting = calloc(member_count, sizeof(*waiting));
	if (!members || !waiting)
		return 1;
	for (size_t i = 0; i < member_count; i++) {
		members[i].profile = argv[i + 2];
		members[i].fd = -1;
	}
	int r = run(&endpoint, waiting);
	free(waiting);
	free(members);
	return r;
}
