/* SPDX-License-Identifier: Apache-2.0 */
/* Control messages: the examples of docs/protocol.md, and a full announcement. */
#include "base/array.h"
#include "wire/message.h"

#include "stage.h"
#include "tests/unit/message_samples.h"
#include "wire/frame.h"

static struct message message, decoded;
static uint8_t bytes[FRAME_CONTROL_MAX];
static size_t len;

static int encode(void)
{
	struct writer writer;
	int r;

	writer_init(&writer, bytes, sizeof(bytes));
	r = message_encode(&writer, &message);
	len = writer.len;
	return r;
}

static void make_announcement(size_t count)
{
	message = (struct message){ .type = MESSAGE_ANNOUNCE };
	message.prefixes.count = (uint16_t)count;
	for (size_t i = 0; i < count; i++) {
		const uint8_t address[4] = { 10, 0, (uint8_t)i };

		message.prefixes.prefix[i] = (struct prefix){ addr_v4(address), 24 };
	}
}

/* `size` other than 0: an announcement of that many prefixes. */
static void prepare(const struct stage *stage, size_t count)
{
	(void)count;
	for (size_t i = 0; i < MESSAGE_SAMPLES; i++) {
		const struct message_sample *sample = &message_samples[i];

		if ((int)sample->type == stage->kind)
			stage_require(
				message_decode(sample->data, sample->len, &message, NULL) == 0,
				"an example is decoded");
	}
	if (stage->size > 0)
		make_announcement(stage->size);
	stage_require(encode() == 0, "it can be encoded");
}

static void run_encode(size_t count)
{
	int r = 0;

	for (size_t i = 0; i < count; i++)
		r |= encode();
	stage_require(r == 0, "a message is encoded");
}

static void run_decode(size_t count)
{
	int r = 0;

	for (size_t i = 0; i < count; i++)
		r |= message_decode(bytes, len, &decoded, NULL);
	stage_require(r == 0 && decoded.type == message.type, "a message is decoded");
}

static const struct stage stages[] = {
	{ "message-encode-ping", "a ping", false, prepare, run_encode, NULL, MESSAGE_PING, 0 },
	{ "message-decode-ping", "a ping", false, prepare, run_decode, NULL, MESSAGE_PING, 0 },
	{ "message-encode-welcome", "a welcome", false, prepare, run_encode, NULL, MESSAGE_WELCOME,
		0 },
	{ "message-decode-welcome", "a welcome", false, prepare, run_decode, NULL, MESSAGE_WELCOME,
		0 },
	{ "message-encode-announce", "an announcement of 256 prefixes", false, prepare, run_encode,
		NULL, MESSAGE_ANNOUNCE, MESSAGE_PREFIX_MAX },
	{ "message-decode-announce", "an announcement of 256 prefixes", false, prepare, run_decode,
		NULL, MESSAGE_ANNOUNCE, MESSAGE_PREFIX_MAX },
};

const struct stage_group message_stages = { stages, ARRAY_SIZE(stages) };
