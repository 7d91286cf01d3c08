/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What the handlers of a peer's bytes may cost. Each case gives one of them the input that costs it
 * most, for its length, that its author knows:
 *
 * 	input_cost
 *
 * prints for each case its function's name, the bytes of the input and the instructions that the
 * bound beside the handler allows, and calls the function once. input_cost.sh counts what it took.
 */

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "engine/routes.h"
#include "wire/client_hello.h"
#include "wire/frame.h"
#include "wire/message.h"
#include "wire/packet.h"
#include "wire/request.h"
#include "wire/vnet.h"

enum {
	INPUT_MAX = 65536,
	ROUTES = 4096,      /* the largest max_routes */
	PREFIX_BYTES = 10,  /* of an IPv4 prefix in a message */
	REFUSAL_BYTES = 11, /* of one that is refused */
};

#define CASE __attribute__((noinline)) static void

static uint8_t input[INPUT_MAX];
static size_t input_len;
static struct message message;
static struct problem problem;
static int result; /* so that no call is left out */

static void require(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "input_cost: this went wrong: %s\n", what);
	exit(1);
}

static struct prefix net(unsigned number)
{
	struct prefix prefix = { .addr.family = AF_INET, .len = 28 };

	prefix.addr.bytes[0] = 10;
	prefix.addr.bytes[1] = (uint8_t)(number >> 12);
	prefix.addr.bytes[2] = (uint8_t)(number >> 4);
	prefix.addr.bytes[3] = (uint8_t)(number << 4);
	return prefix;
}

/* ---- wire/message ---- */

static void encode(void)
{
	struct writer writer;

	writer_init(&writer, input, sizeof(input));
	require(message_encode(&writer, &message) == 0, "a message is encoded");
	input_len = writer.len;
}

static void prepare_list(enum message_type type, uint8_t family)
{
	message = (struct message){ .type = type };
	message.prefixes.count = MESSAGE_PREFIX_MAX;
	for (unsigned i = 0; i < MESSAGE_PREFIX_MAX; i++) {
		message.prefixes.prefix[i] = net(i);
		message.prefixes.prefix[i].addr.family = family;
		message.prefixes.reason[i] = ROUTE_LIMIT;
	}
	encode();
}

static void prepare_announce(void)
{
	prepare_list(MESSAGE_ANNOUNCE, AF_INET);
}

static void prepare_announce6(void)
{
	prepare_list(MESSAGE_ANNOUNCE, AF_INET6);
}

static void prepare_refuse(void)
{
	prepare_list(MESSAGE_REFUSE, AF_INET);
}

static void prepare_ping(void)
{
	message = (struct message){ .type = MESSAGE_PING };
	encode();
}

/* Fields that nobody knows, as short as fields are. */
static void prepare_unknown_fields(void)
{
	prepare_ping();
	for (; input_len + 4 <= FRAME_CONTROL_MAX; input_len += 4)
		memcpy(input + input_len, "\x7f\xff\x00\x00", 4);
	input[2] = (uint8_t)((input_len - 4) >> 8);
	input[3] = (uint8_t)(input_len - 4);
}

static void decode(void)
{
	result += message_decode(input, input_len, &message, &problem);
}

CASE case_message_announce(void)
{
	decode();
}
CASE case_message_announce6(void)
{
	decode();
	__asm__ volatile(""); /* else it is the function above */
}
CASE case_message_refuse(void)
{
	decode();
	__asm__ volatile("" ::"i"(1));
}
CASE case_message_ping(void)
{
	decode();
	__asm__ volatile("" ::"i"(2));
}
CASE case_message_unknown_fields(void)
{
	decode();
	__asm__ volatile("" ::"i"(3));
}

/* ---- wire/client_hello ---- */

/* Records of one byte each, behind the first. */
static void prepare_hello(void)
{
	static const uint8_t first[] = { 0x16, 3, 1, 0, 4, 1, 0, 0x3f, 0 };
	static const uint8_t more[] = { 0x16, 3, 1, 0, 1, 0 };

	memcpy(input, first, sizeof(first));
	input_len = sizeof(first);
	for (; input_len + sizeof(more) + 16 < CLIENT_HELLO_MAX; input_len += sizeof(more))
		memcpy(input + input_len, more, sizeof(more));
}

CASE case_client_hello(void)
{
	size_t need;

	require(client_hello_look(input, input_len, &need) == -EAGAIN, "a hello is read");
}

/* ---- wire/frame ---- */

/* The shortest control messages. */
static void prepare_frames(void)
{
	struct writer writer;

	writer_init(&writer, input, sizeof(input));
	while (writer.len + FRAME_HEADER + FRAME_CONTROL_MIN <= sizeof(input)) {
		(void)frame_encode_header(&writer, FRAME_CONTROL, FRAME_CONTROL_MIN);
		memset(input + writer.len, 0, FRAME_CONTROL_MIN);
		writer.len += FRAME_CONTROL_MIN;
	}
	input_len = writer.len;
}

CASE case_frames(void)
{
	struct reader stream;
	struct frame frame;

	reader_init(&stream, input, input_len);
	while (frame_decode(&stream, &frame) == 0)
		result++;
}

/* ---- wire/packet, wire/vnet ---- */

/* An IPv6 packet with all the extension headers that are followed, and TCP behind them. */
static void prepare_packet(void)
{
	enum { HEADERS = 8, TCP = 20 };
	size_t at = 40;

	memset(input, 0, sizeof(input));
	input[0] = 0x60;
	input[6] = 60; /* destination options */
	input[7] = 64;
	for (int i = 0; i < HEADERS; i++, at += 8) {
		input[at] = i == HEADERS - 1 ? 6 : 60;
		input[at + 2] = 1; /* PadN */
		input[at + 3] = 4;
	}
	input[at + 12] = 0x50;
	input_len = at + TCP;
	input[5] = (uint8_t)(input_len - 40);
	input[8] = input[24] = 0xfd;
	input[9] = 1;
}

CASE case_packet(void)
{
	struct packet packet;
	struct vnet vnet = { .flags = 0 };

	result += packet_parse(input, input_len, &packet);
	result += packet_is_local_noise(&packet);
	result += vnet_check(&vnet, &packet, input, 0);
}

/* ---- engine/routes ---- */

static struct routes routes;
static struct prefix accepted[1];
static struct prefix_list own;

static void on_changed(struct routes *changed)
{
	(void)changed;
}

static void on_send(struct routes *sender, const struct message *sent)
{
	(void)sender;
	(void)sent;
}

static void on_taken(struct routes *taker, const struct prefix *prefixes, size_t count)
{
	(void)taker;
	(void)prefixes;
	(void)count;
}

static void on_note(struct routes *noted, const struct route *route, const char *what)
{
	(void)noted;
	(void)route;
	(void)what;
}

static const struct routes_events events = {
	.changed = on_changed,
	.send = on_send,
	.taken = on_taken,
	.note = on_note,
};

/* A message of `count` prefixes before number `last`, backwards. */
static void list_before(unsigned last, unsigned count)
{
	message.prefixes.count = (uint16_t)count;
	for (unsigned i = 0; i < count; i++)
		message.prefixes.prefix[i] = net(last - 1 - i);
}

/* So many routes of the peer are known, and as many prefixes of ours were sent. */
static void prepare_routes(unsigned count)
{
	routes_free(&routes);
	prefix_list_free(&own);
	routes_init(&routes, &events, NULL, NULL, ROUTES);
	accepted[0] = (struct prefix){ .addr.family = AF_INET, .len = 8 };
	accepted[0].addr.bytes[0] = 10;
	routes.rule = (struct route_rule){ .accept = accepted, .accept_count = 1 };
	for (unsigned i = 0; i < ROUTES; i++) {
		struct prefix prefix = net(2 * ROUTES + i);

		require(prefix_list_append(&own, &prefix, 1) == 0, "memory");
	}
	prefix_list_sort(&own);
	for (unsigned done = count; done > 0; done -= MESSAGE_PREFIX_MAX) {
		list_before(ROUTES - count + done, MESSAGE_PREFIX_MAX);
		routes_announced(&routes, &message.prefixes, &own);
	}
	require(routes.count == count, "routes are announced");
}

static void prepare_new(void)
{
	prepare_routes(ROUTES - MESSAGE_PREFIX_MAX);
	list_before(MESSAGE_PREFIX_MAX, MESSAGE_PREFIX_MAX);
	input_len = MESSAGE_PREFIX_MAX * PREFIX_BYTES;
}

static void prepare_known(void)
{
	prepare_routes(ROUTES);
	list_before(MESSAGE_PREFIX_MAX, MESSAGE_PREFIX_MAX);
	input_len = MESSAGE_PREFIX_MAX * PREFIX_BYTES;
}

static void prepare_known_one(void)
{
	prepare_routes(ROUTES);
	list_before(ROUTES, 1);
	input_len = PREFIX_BYTES;
}

/* More than are kept, none of them accepted. */
static void prepare_not_allowed(void)
{
	prepare_routes(ROUTES);
	list_before(ROUTES, MESSAGE_PREFIX_MAX);
	for (unsigned i = 0; i < MESSAGE_PREFIX_MAX; i++)
		message.prefixes.prefix[i].addr.bytes[0] = 9;
	input_len = MESSAGE_PREFIX_MAX * PREFIX_BYTES;
}

static void prepare_ours(void)
{
	prepare_routes(ROUTES);
	list_before(3 * ROUTES, MESSAGE_PREFIX_MAX);
	input_len = MESSAGE_PREFIX_MAX * REFUSAL_BYTES;
}

static void announced(void)
{
	routes_announced(&routes, &message.prefixes, &own);
}

CASE case_routes_new(void)
{
	announced();
}
CASE case_routes_known(void)
{
	announced();
	__asm__ volatile("" ::"i"(1));
}
CASE case_routes_known_one(void)
{
	announced();
	__asm__ volatile("" ::"i"(2));
}
CASE case_routes_not_allowed(void)
{
	announced();
	__asm__ volatile("" ::"i"(3));
}
CASE case_routes_withdrawn(void)
{
	routes_withdrawn(&routes, &message.prefixes);
}
CASE case_routes_refused(void)
{
	routes_refused(&routes, &message.prefixes, &own);
}

/* ---- wire/request: what an engine sends to netd ---- */

static struct request request;

static void prepare_request(void)
{
	struct writer writer;

	request = (struct request){ .type = REQUEST_ROUTE_ADD, .routes.interface = 1 };
	request.routes.count = REQUEST_PREFIX_MAX;
	for (unsigned i = 0; i < REQUEST_PREFIX_MAX; i++)
		request.routes.prefix[i] = net(i);
	writer_init(&writer, input, sizeof(input));
	require(request_encode(&writer, &request) == 0, "a request is encoded");
	input_len = writer.len;
}

CASE case_request(void)
{
	result += request_decode(input, input_len, &request);
}

/* ---- all of them ---- */

#define BOUND(handler) handler##_COST_MAX, handler##_BYTE_COST_MAX

static const struct cost_case {
	const char *name;
	void (*prepare)(void);
	void (*run)(void);
	unsigned long once, byte; /* instructions */
} cases[] = {
	{ "message_announce", prepare_announce, case_message_announce, BOUND(MESSAGE) },
	{ "message_announce6", prepare_announce6, case_message_announce6, BOUND(MESSAGE) },
	{ "message_refuse", prepare_refuse, case_message_refuse, BOUND(MESSAGE) },
	{ "message_ping", prepare_ping, case_message_ping, BOUND(MESSAGE) },
	{ "message_unknown_fields", prepare_unknown_fields, case_message_unknown_fields,
		BOUND(MESSAGE) },
	{ "client_hello", prepare_hello, case_client_hello, BOUND(CLIENT_HELLO) },
	{ "frames", prepare_frames, case_frames, BOUND(FRAME) },
	{ "packet", prepare_packet, case_packet, BOUND(PACKET) },
	{ "routes_new", prepare_new, case_routes_new, BOUND(ROUTES) },
	{ "routes_known", prepare_known, case_routes_known, BOUND(ROUTES) },
	{ "routes_known_one", prepare_known_one, case_routes_known_one, BOUND(ROUTES) },
	{ "routes_not_allowed", prepare_not_allowed, case_routes_not_allowed, BOUND(ROUTES) },
	{ "routes_withdrawn", prepare_known, case_routes_withdrawn, BOUND(ROUTES) },
	{ "routes_refused", prepare_ours, case_routes_refused, BOUND(ROUTES) },
	{ "request", prepare_request, case_request, BOUND(REQUEST) },
};

int main(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cases[i].prepare();
		cases[i].run();
		printf("case_%s %zu %lu\n", cases[i].name, input_len,
			cases[i].once + cases[i].byte * input_len);
	}
	return result == -1 ? 1 : 0;
}
