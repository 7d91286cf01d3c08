/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One table for each message names its fields. Encoder and decoder both walk it, so they cannot
 * differ. Rules about several fields are in the message's check, which both call.
 */
#include "wire/message.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "base/array.h"
#include "wire/feature.h"
#include "wire/frame.h"
#include "wire/message_field.h"

/* The wire's field numbers, each unique within its message. Never renumber, never reuse. */
enum {
	HELLO_VERSION = 1,
	HELLO_NAME,
	HELLO_INSTANCE,
	HELLO_OFFLOADS,
	HELLO_LANES,
	HELLO_MTU,
	HELLO_FEATURES,
	HELLO_LAST,
};

enum {
	WELCOME_VERSION = 1,
	WELCOME_NAME,
	WELCOME_SESSION,
	WELCOME_TOKEN,
	WELCOME_OFFLOADS,
	WELCOME_LANES,
	WELCOME_MTU,
	WELCOME_CLIENT4,
	WELCOME_SERVER4,
	WELCOME_CLIENT6,
	WELCOME_SERVER6,
	WELCOME_PING,
	WELCOME_DEAD,
	WELCOME_LINGER,
	WELCOME_DNS,
	WELCOME_DOMAIN,
	WELCOME_FEATURES,
};

enum { PUSH_DNS = 1, PUSH_DOMAIN };

enum { JOIN_SESSION = 1, JOIN_TOKEN, JOIN_INSTANCE, JOIN_CLAIM };

enum { JOINED_CONTROL = 1 };

enum { PREFIXES_PREFIX = 1 };

enum { TIME_TIME = 1 };

enum { NOTICE_TEXT = 1 };

enum { GOODBYE_CODE = 1, GOODBYE_RETRY, GOODBYE_TEXT, GOODBYE_CLASS };

enum { SIGN_NUMBER = 1, SIGN_TOTAL, SIGN_OFFSET, SIGN_PIECE };

enum {
	ISSUED_NUMBER = 1,
	ISSUED_VERDICT,
	ISSUED_RETRY,
	ISSUED_TEXT,
	ISSUED_TOTAL,
	ISSUED_OFFSET,
	ISSUED_PIECE,
};

enum { TRUST_HASH = 1, TRUST_TOTAL, TRUST_OFFSET, TRUST_PIECE };

/* The offset and the size of a member, for the rows below. */
#define AT(path) \
	.offset = offsetof(struct message, path), .size = sizeof(((struct message *)NULL)->path)

static const struct message_field hello_fields[] = {
	{ HELLO_VERSION, "version", MESSAGE_FIELD_NUMBER, true, AT(hello.version), 1, UINT16_MAX },
	{ HELLO_NAME, "name", MESSAGE_FIELD_IDENTITY, true, AT(hello.name) },
	{ HELLO_INSTANCE, "instance", MESSAGE_FIELD_BYTES, true, AT(hello.instance) },
	{ HELLO_OFFLOADS, "offloads", MESSAGE_FIELD_NUMBER, false, AT(hello.offloads), 0,
		UINT32_MAX },
	{ HELLO_LANES, "lanes", MESSAGE_FIELD_NUMBER, true, AT(hello.lanes), 1, MESSAGE_LANES_MAX },
	{ HELLO_MTU, "mtu", MESSAGE_FIELD_NUMBER, false, AT(hello.mtu), MESSAGE_MTU_MIN,
		MESSAGE_MTU_MAX },
	{ HELLO_FEATURES, "features", MESSAGE_FIELD_NUMBER, false, AT(hello.features), 0,
		UINT32_MAX },
	{ HELLO_LAST, "last", MESSAGE_FIELD_NUMBER, false, AT(hello.last_session), 0, UINT64_MAX },
};

static const struct message_field welcome_fields[] = {
	{ WELCOME_VERSION, "version", MESSAGE_FIELD_NUMBER, true, AT(welcome.version), 1,
		UINT16_MAX },
	{ WELCOME_NAME, "name", MESSAGE_FIELD_IDENTITY, true, AT(welcome.name) },
	{ WELCOME_SESSION, "session", MESSAGE_FIELD_NUMBER, true, AT(welcome.session_id), 0,
		UINT64_MAX },
	{ WELCOME_TOKEN, "token", MESSAGE_FIELD_BYTES, true, AT(welcome.token) },
	{ WELCOME_OFFLOADS, "offloads", MESSAGE_FIELD_NUMBER, false, AT(welcome.offloads), 0,
		UINT32_MAX },
	{ WELCOME_LANES, "lanes", MESSAGE_FIELD_NUMBER, true, AT(welcome.lanes), 1,
		MESSAGE_LANES_MAX },
	{ WELCOME_MTU, "mtu", MESSAGE_FIELD_NUMBER, true, AT(welcome.mtu), MESSAGE_MTU_MIN,
		MESSAGE_MTU_MAX },
	{ WELCOME_CLIENT4, "client4", MESSAGE_FIELD_ADDR4, false, AT(welcome.client4) },
	{ WELCOME_SERVER4, "server4", MESSAGE_FIELD_ADDR4, false, AT(welcome.server4) },
	{ WELCOME_CLIENT6, "client6", MESSAGE_FIELD_ADDR6, false, AT(welcome.client6) },
	{ WELCOME_SERVER6, "server6", MESSAGE_FIELD_ADDR6, false, AT(welcome.server6) },
	{ WELCOME_PING, "ping", MESSAGE_FIELD_NUMBER, true, AT(welcome.ping_ms),
		MESSAGE_PING_MS_MIN, MESSAGE_LIFETIME_MS_MAX },
	{ WELCOME_DEAD, "dead", MESSAGE_FIELD_NUMBER, true, AT(welcome.dead_ms),
		MESSAGE_PING_MS_MIN, MESSAGE_LIFETIME_MS_MAX },
	{ WELCOME_LINGER, "linger", MESSAGE_FIELD_NUMBER, false, AT(welcome.linger_ms), 0,
		MESSAGE_LIFETIME_MS_MAX },
	{ WELCOME_DNS, "dns", MESSAGE_FIELD_DNS, false, AT(welcome.dns) },
	{ WELCOME_DOMAIN, "domain", MESSAGE_FIELD_DOMAIN, false, AT(welcome.domains) },
	{ WELCOME_FEATURES, "features", MESSAGE_FIELD_NUMBER, false, AT(welcome.features), 0,
		UINT32_MAX },
};

static const struct message_field push_fields[] = {
	{ PUSH_DNS, "dns", MESSAGE_FIELD_DNS, false, AT(welcome.dns) },
	{ PUSH_DOMAIN, "domain", MESSAGE_FIELD_DOMAIN, false, AT(welcome.domains) },
};

static const struct message_field join_fields[] = {
	{ JOIN_SESSION, "session", MESSAGE_FIELD_NUMBER, true, AT(join.session_id), 0, UINT64_MAX },
	{ JOIN_TOKEN, "token", MESSAGE_FIELD_BYTES, true, AT(join.token) },
	{ JOIN_INSTANCE, "instance", MESSAGE_FIELD_BYTES, true, AT(join.instance) },
	{ JOIN_CLAIM, "claim control", MESSAGE_FIELD_NUMBER, false, AT(join.claim_control), 0, 1 },
};

static const struct message_field joined_fields[] = {
	{ JOINED_CONTROL, "control", MESSAGE_FIELD_NUMBER, false, AT(joined.control), 0, 1 },
};

static const struct message_field prefix_fields[] = {
	{ PREFIXES_PREFIX, "prefix", MESSAGE_FIELD_PREFIX, true, AT(prefixes.prefix) },
};

static const struct message_field refuse_fields[] = {
	{ PREFIXES_PREFIX, "prefix", MESSAGE_FIELD_REFUSAL, true, AT(prefixes.prefix) },
};

static const struct message_field time_fields[] = {
	{ TIME_TIME, "time", MESSAGE_FIELD_NUMBER, true, AT(time.time), 0, UINT64_MAX },
};

static const struct message_field notice_fields[] = {
	{ NOTICE_TEXT, "text", MESSAGE_FIELD_TEXT, true, AT(notice.text) },
};

static const struct message_field goodbye_fields[] = {
	{ GOODBYE_CODE, "code", MESSAGE_FIELD_NUMBER, true, AT(goodbye.code), 1, UINT16_MAX },
	{ GOODBYE_RETRY, "retry after", MESSAGE_FIELD_NUMBER, false, AT(goodbye.retry_after_ms), 0,
		MESSAGE_LIFETIME_MS_MAX },
	{ GOODBYE_TEXT, "text", MESSAGE_FIELD_TEXT, false, AT(goodbye.text) },
	{ GOODBYE_CLASS, "class", MESSAGE_FIELD_NUMBER, false, AT(goodbye.class), 0, UINT8_MAX },
};

static const struct message_field sign_fields[] = {
	{ SIGN_NUMBER, "number", MESSAGE_FIELD_NUMBER, true, AT(sign.number), 1, UINT32_MAX },
	{ SIGN_TOTAL, "total", MESSAGE_FIELD_NUMBER, true, AT(sign.piece.total), 1,
		MESSAGE_SIGN_MAX },
	{ SIGN_OFFSET, "offset", MESSAGE_FIELD_NUMBER, false, AT(sign.piece.offset), 0,
		MESSAGE_SIGN_MAX },
	{ SIGN_PIECE, "piece", MESSAGE_FIELD_PIECE, true, AT(sign.piece) },
};

static const struct message_field issued_fields[] = {
	{ ISSUED_NUMBER, "number", MESSAGE_FIELD_NUMBER, true, AT(issued.number), 1, UINT32_MAX },
	{ ISSUED_VERDICT, "verdict", MESSAGE_FIELD_NUMBER, true, AT(issued.verdict), 0, UINT8_MAX },
	{ ISSUED_RETRY, "retry after", MESSAGE_FIELD_NUMBER, false, AT(issued.retry_after_ms), 0,
		MESSAGE_LIFETIME_MS_MAX },
	{ ISSUED_TEXT, "text", MESSAGE_FIELD_TEXT, false, AT(issued.text) },
	{ ISSUED_TOTAL, "total", MESSAGE_FIELD_NUMBER, false, AT(issued.piece.total), 0,
		MESSAGE_ISSUED_MAX },
	{ ISSUED_OFFSET, "offset", MESSAGE_FIELD_NUMBER, false, AT(issued.piece.offset), 0,
		MESSAGE_ISSUED_MAX },
	{ ISSUED_PIECE, "piece", MESSAGE_FIELD_PIECE, false, AT(issued.piece) },
};

static const struct message_field trust_fields[] = {
	{ TRUST_HASH, "hash", MESSAGE_FIELD_BYTES, true, AT(trust.hash) },
	{ TRUST_TOTAL, "total", MESSAGE_FIELD_NUMBER, false, AT(trust.piece.total), 0,
		MESSAGE_TRUST_MAX },
	{ TRUST_OFFSET, "offset", MESSAGE_FIELD_NUMBER, false, AT(trust.piece.offset), 0,
		MESSAGE_TRUST_MAX },
	{ TRUST_PIECE, "piece", MESSAGE_FIELD_PIECE, false, AT(trust.piece) },
};

struct layout {
	const char *name;
	const struct message_field *fields;
	size_t count;
};

#define FIELDS(table) (table), ARRAY_SIZE(table)

static const struct layout layouts[MESSAGE_TYPE_COUNT] = {
	[MESSAGE_UNKNOWN] = { "unknown", NULL, 0 },
	[MESSAGE_HELLO] = { "hello", FIELDS(hello_fields) },
	[MESSAGE_WELCOME] = { "welcome", FIELDS(welcome_fields) },
	[MESSAGE_JOIN] = { "join", FIELDS(join_fields) },
	[MESSAGE_ANNOUNCE] = { "announce", FIELDS(prefix_fields) },
	[MESSAGE_WITHDRAW] = { "withdraw", FIELDS(prefix_fields) },
	[MESSAGE_REFUSE] = { "refuse", FIELDS(refuse_fields) },
	[MESSAGE_END_OF_ROUTES] = { "end-of-routes", NULL, 0 },
	[MESSAGE_PING] = { "ping", FIELDS(time_fields) },
	[MESSAGE_PONG] = { "pong", FIELDS(time_fields) },
	[MESSAGE_NOTICE] = { "notice", FIELDS(notice_fields) },
	[MESSAGE_GOODBYE] = { "goodbye", FIELDS(goodbye_fields) },
	[MESSAGE_JOINED] = { "joined", FIELDS(joined_fields) },
	[MESSAGE_SIGN] = { "sign", FIELDS(sign_fields) },
	[MESSAGE_ISSUED] = { "issued", FIELDS(issued_fields) },
	[MESSAGE_TRUST] = { "trust", FIELDS(trust_fields) },
	[MESSAGE_PUSH] = { "push", FIELDS(push_fields) },
};

/* True if the family has both addresses, and they differ, or neither. */
static bool pair_is_valid(const struct addr *client, const struct addr *server)
{
	if (addr_is_set(client) != addr_is_set(server))
		return false;
	return !addr_is_set(client) || !addr_equal(client, server);
}

/* Checks the rules about several fields. */
static int check_welcome(const struct message_welcome *welcome, struct problem *problem)
{
	if (!pair_is_valid(&welcome->client4, &welcome->server4) ||
		!pair_is_valid(&welcome->client6, &welcome->server6)) {
		problem_set(problem, "welcome: the addresses of client and server are not a pair");
		return -EINVAL;
	}
	if (!addr_is_set(&welcome->client4) && !addr_is_set(&welcome->client6)) {
		problem_set(problem, "welcome: no address is given");
		return -EINVAL;
	}
	if (welcome->dead_ms <= welcome->ping_ms) {
		problem_set(problem, "welcome: dead is not above ping");
		return -EINVAL;
	}
	return 0;
}

static int check_piece(
	const struct message_piece *piece, bool wanted, const char *name, struct problem *problem)
{
	if (piece->offset > piece->total || piece->len > piece->total - piece->offset ||
		(piece->len > 0) != (piece->total > 0) || (piece->len > 0) != wanted) {
		problem_set(problem, "%s: the piece does not fit its total", name);
		return -EINVAL;
	}
	return 0;
}

static int check_message(const struct message *message, struct problem *problem)
{
	switch (message->type) {
	case MESSAGE_WELCOME:
		return check_welcome(&message->welcome, problem);
	case MESSAGE_SIGN:
		return check_piece(&message->sign.piece, true, "sign", problem);
	case MESSAGE_ISSUED:
		return check_piece(&message->issued.piece,
			message->issued.verdict == MESSAGE_VERDICT_ISSUED, "issued", problem);
	case MESSAGE_TRUST:
		return check_piece(
			&message->trust.piece, message->trust.piece.len > 0, "trust", problem);
	default:
		return 0;
	}
}

int message_encode(struct writer *writer, const struct message *message)
{
	struct writer attempt = *writer;
	const struct layout *layout;
	size_t mark;
	int r;

	if (message->type <= MESSAGE_UNKNOWN || message->type >= MESSAGE_TYPE_COUNT)
		return -EINVAL;
	r = check_message(message, NULL);
	if (r == 0)
		r = writer_u16(&attempt, message->type);
	if (r == 0)
		r = writer_reserve_u16(&attempt, &mark);
	if (r < 0)
		return r;
	layout = &layouts[message->type];
	for (size_t i = 0; i < layout->count; i++) {
		r = message_field_encode(&attempt, &layout->fields[i], message);
		if (r < 0)
			return r;
	}
	r = writer_fill_u16(&attempt, mark);
	if (r == 0)
		*writer = attempt;
	return r;
}

/* The row's index, or -1 for a field that this version does not know. */
static int find_field(const struct layout *layout, uint16_t number)
{
	for (size_t i = 0; i < layout->count; i++) {
		if (layout->fields[i].number == number)
			return (int)i;
	}
	return -1;
}

/* Decodes one known field; `seen` has a bit for each row of the layout. */
static int decode_known(const struct layout *layout, int row, struct view value, uint32_t *seen,
	struct message *message, struct problem *problem)
{
	const struct message_field *field = &layout->fields[row];

	if ((*seen & 1u << row) != 0 && !message_field_is_list(field)) {
		problem_set(
			problem, "%s: the field %s is present twice", layout->name, field->name);
		return -EEXIST;
	}
	*seen |= 1u << row;
	if (message_field_decode(value, field, message) < 0) {
		problem_set(problem, "%s: the field %s is out of range", layout->name, field->name);
		return -EINVAL;
	}
	return 0;
}

static int check_required(const struct layout *layout, uint32_t seen, struct problem *problem)
{
	for (size_t i = 0; i < layout->count; i++) {
		if (layout->fields[i].required && (seen & 1u << i) == 0) {
			problem_set(problem, "%s: the field %s is missing", layout->name,
				layout->fields[i].name);
			return -ENODATA;
		}
	}
	return 0;
}

static int decode_fields(const struct layout *layout, struct reader *body, struct message *message,
	struct problem *problem)
{
	uint32_t seen = 0;
	int r;

	while (reader_left(body) > 0) {
		uint16_t number, len;
		struct view value;
		int row;

		if (reader_u16(body, &number) < 0 || reader_u16(body, &len) < 0 ||
			reader_view(body, len, &value) < 0) {
			problem_set(
				problem, "%s: a field is cut at the message's end", layout->name);
			return -EBADMSG;
		}
		row = find_field(layout, number);
		if (row < 0)
			continue;
		r = decode_known(layout, row, value, &seen, message, problem);
		if (r < 0)
			return r;
	}
	r = check_required(layout, seen, problem);
	return r < 0 ? r : check_message(message, problem);
}

int message_decode(
	const void *data, size_t len, struct message *ret_message, struct problem *problem)
{
	struct message message;
	struct reader reader, body;
	uint16_t type, body_len;
	int r;

	reader_init(&reader, data, len);
	if (len > FRAME_CONTROL_MAX || reader_u16(&reader, &type) < 0 ||
		reader_u16(&reader, &body_len) < 0 || reader_sub(&reader, body_len, &body) < 0 ||
		reader_left(&reader) > 0) {
		problem_set(problem, "the length of a control message is not that of its frame");
		return -EBADMSG;
	}
	memset(&message, 0, sizeof(message));
	if (type > MESSAGE_UNKNOWN && type < MESSAGE_TYPE_COUNT) {
		message.type = (enum message_type)type;
		r = decode_fields(&layouts[type], &body, &message, problem);
		if (r < 0)
			return r;
	}
	*ret_message = message;
	return 0;
}

const char *message_type_name(enum message_type type)
{
	return (unsigned)type < MESSAGE_TYPE_COUNT ? layouts[type].name : "unknown";
}

/* NULL: the code is not known. */
static const char *find_code_text(uint16_t code)
{
	static const char *const texts[GOODBYE_CODE_COUNT] = {
		[GOODBYE_SHUTDOWN] = "the other end is shutting down",
		[GOODBYE_REPLACED] = "another instance with the same identity took over",
		[GOODBYE_UNLISTED] = "the certificate is valid, but no peers entry names it",
		[GOODBYE_BAD_IDENTITY] = "the certificate's name breaks the identity rules",
		[GOODBYE_PROTOCOL] = "a frame or message broke the protocol",
		[GOODBYE_NO_ADDRESS] = "no tunnel address is free",
		[GOODBYE_DEAD_PEER] = "nothing was received for too long",
		[GOODBYE_FLOOD] = "too many control messages",
		[GOODBYE_DEADLINE] = "hello did not come in time",
		[GOODBYE_LIMIT] = "a limit of the other end is reached",
		[GOODBYE_INTERNAL] = "the other end failed; its log says how",
		[GOODBYE_VERSION] = "the two ends have no protocol version in common",
		[GOODBYE_EXPIRED] = "the certificate has expired",
		[GOODBYE_REMOVED] = "the peers entry was removed from the configuration",
		[GOODBYE_REVOKED] = "the certificate is not accepted any more",
		[GOODBYE_ELSEWHERE] = "use another server",
	};

	return code < GOODBYE_CODE_COUNT ? texts[code] : NULL;
}

const char *goodbye_code_text(uint16_t code)
{
	const char *text = find_code_text(code);

	return text ? text : "unknown reason";
}

const char *goodbye_code_text_sent(uint16_t code)
{
	switch (code) {
	case GOODBYE_SHUTDOWN:
		return "this end is shutting down";
	case GOODBYE_LIMIT:
		return "a limit of this end is reached";
	case GOODBYE_INTERNAL:
		return "this end failed; its log says how";
	default:
		return goodbye_code_text(code);
	}
}

enum goodbye_class goodbye_code_class(uint16_t code)
{
	switch (code) {
	case GOODBYE_REPLACED:
		return GOODBYE_CLASS_STOP;
	case GOODBYE_UNLISTED:
	case GOODBYE_BAD_IDENTITY:
	case GOODBYE_NO_ADDRESS:
	case GOODBYE_LIMIT:
	case GOODBYE_VERSION:
	case GOODBYE_EXPIRED:
	case GOODBYE_REMOVED:
	case GOODBYE_REVOKED:
		return GOODBYE_CLASS_WAIT;
	default:
		return GOODBYE_CLASS_RETRY;
	}
}

enum goodbye_class goodbye_class(const struct message_goodbye *goodbye)
{
	if (find_code_text(goodbye->code) || goodbye->class == 0)
		return goodbye_code_class(goodbye->code);
	return goodbye->class <= GOODBYE_CLASS_STOP ? (enum goodbye_class)goodbye->class
						    : GOODBYE_CLASS_WAIT;
}

uint16_t goodbye_code_for(uint32_t features, uint16_t code)
{
	if (code <= GOODBYE_OLD_LAST || (features & FEATURE_GOODBYE_CLASS) != 0)
		return code;
	switch (goodbye_code_class(code)) {
	case GOODBYE_CLASS_STOP:
		return GOODBYE_REPLACED;
	case GOODBYE_CLASS_WAIT:
		return GOODBYE_LIMIT;
	case GOODBYE_CLASS_RETRY:
		break;
	}
	return GOODBYE_SHUTDOWN;
}
