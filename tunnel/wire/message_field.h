/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_WIRE_MESSAGE_FIELD_H
#define CULVERT_WIRE_MESSAGE_FIELD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "wire/message.h"

/*
 * The fields of control messages. Each row of message.c's tables is one field, and each kind of
 * field has its encoder and its decoder in message_field.c, side by side. Only message.c includes
 * it.
 */

enum message_field_kind {
	MESSAGE_FIELD_NUMBER,   /* big-endian, as wide as the member: 1, 2, 4 or 8 bytes */
	MESSAGE_FIELD_BYTES,    /* exactly `size` of them */
	MESSAGE_FIELD_IDENTITY, /* 1 to 64 bytes, base/identity.h's rules */
	MESSAGE_FIELD_TEXT,     /* 1 to size - 1 bytes, none of them NUL */
	MESSAGE_FIELD_PIECE,    /* the bytes of a struct message_piece, 1 to MESSAGE_PIECE_MAX */
	MESSAGE_FIELD_ADDR4,    /* 4 bytes */
	MESSAGE_FIELD_ADDR6,    /* 16 bytes */
	/* Lists: the field comes once for each item. */
	MESSAGE_FIELD_DNS,     /* 4 or 16 bytes */
	MESSAGE_FIELD_DOMAIN,  /* 1 to 253 bytes [A-Za-z0-9._-] */
	MESSAGE_FIELD_PREFIX,  /* family (4 or 6), length, the address's 4 or 16 bytes */
	MESSAGE_FIELD_REFUSAL, /* reason, then as a prefix */
};

struct message_field {
	uint16_t number; /* on the wire: never renumber */
	const char *name;
	enum message_field_kind kind;
	bool required;   /* lists: at least one item */
	uint16_t offset; /* of the member in struct message */
	uint16_t size;   /* of the member */
	uint64_t min;    /* NUMBER: the limits of the value */
	uint64_t max;
};

bool message_field_is_list(const struct message_field *field);

/*
 * Writes the field, or nothing if it is optional and the member is zero, empty or unset. -EINVAL:
 * the value is out of range, or required and absent. -ENOBUFS.
 */
int message_field_encode(
	struct writer *writer, const struct message_field *field, const struct message *message);

/* Stores one value; in a list, behind the others. -EINVAL: wrong size or content. */
int message_field_decode(
	struct view value, const struct message_field *field, struct message *message);

#endif
