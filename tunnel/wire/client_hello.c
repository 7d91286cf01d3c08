/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/client_hello.h"

#include <errno.h>
#include <stdbool.h>

#include "base/bytes.h"
#include "wire/word.h"

enum {
	RECORD_HEADER = 5, /* type, version (2), length (2) */
	RECORD_MAX = 16384,
	RECORD_TYPE_HANDSHAKE = 22,
	RECORD_TYPE_FIRST = 20, /* to 23: for these TLS waits until the record is whole */
	RECORD_TYPE_LAST = 23,
	RECORD_MAJOR = 3,
	SSL2 = 0x80,          /* a TLS library may wait for the rest of such a record, too */
	HANDSHAKE_HEADER = 4, /* type, length (3) */
	HANDSHAKE_CLIENT_HELLO = 1,
};

struct record {
	uint8_t type, major;
	uint16_t len;
};

static int want(size_t need, size_t *ret_need)
{
	if (need > CLIENT_HELLO_MAX)
		return -EMSGSIZE;
	*ret_need = need;
	return -EAGAIN;
}

static int read_header(struct reader *reader, struct record *ret_record)
{
	struct view header;

	if (reader_view(reader, RECORD_HEADER, &header) < 0)
		return -EBADMSG;
	*ret_record = (struct record){
		.type = header.data[0],
		.major = header.data[1],
		.len = word16(header.data, 3),
	};
	return 0;
}

/*
 * Judges a record that is no handshake record. 0: a TLS library refuses it without waiting for
 * more.
 */
static int judge_other(const struct record *record)
{
	if ((record->type & SSL2) != 0 || record->major == RECORD_MAJOR ||
		(record->type >= RECORD_TYPE_FIRST && record->type <= RECORD_TYPE_LAST))
		return -EBADMSG;
	return 0;
}

/*
 * Reads the message's own header at the beginning of the first record. Returns 0, or an error of
 * client_hello_look().
 */
static int read_message_header(struct reader record, size_t *ret_len, size_t *ret_need)
{
	size_t need = record.at + HANDSHAKE_HEADER;
	uint32_t body;
	uint8_t type;

	if (reader_u8(&record, &type) < 0 || reader_u24(&record, &body) < 0)
		return want(need, ret_need);
	if (type != HANDSHAKE_CLIENT_HELLO)
		return -EBADMSG;
	*ret_len = HANDSHAKE_HEADER + body;
	return *ret_len + RECORD_HEADER > CLIENT_HELLO_MAX ? -EMSGSIZE : 0;
}

/* The message may span several records, all of them whole but the last. */
int client_hello_look(const uint8_t *data, size_t len, size_t *ret_need)
{
	size_t message = HANDSHAKE_HEADER, have = 0;
	struct record record;
	struct reader reader;
	struct view body;

	reader_init(&reader, data, len);
	while (have < message) {
		bool first = reader.at == 0;

		if (read_header(&reader, &record) < 0)
			return want(reader.at + RECORD_HEADER, ret_need);
		if (first && record.type != RECORD_TYPE_HANDSHAKE)
			return judge_other(&record);
		if (record.type != RECORD_TYPE_HANDSHAKE || record.major != RECORD_MAJOR ||
			record.len == 0 || record.len > RECORD_MAX ||
			(first && record.len < HANDSHAKE_HEADER))
			return -EBADMSG;
		if (first) {
			int r = read_message_header(reader, &message, ret_need);
			if (r < 0)
				return r;
		}
		have += record.len;
		if (reader.at + record.len > CLIENT_HELLO_MAX)
			return -EMSGSIZE;
		if (reader_view(&reader, record.len, &body) < 0)
			return want(reader.at + record.len, ret_need);
	}
	return 0;
}
