/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/message_field.h"

#include <errno.h>
#include <string.h>

#include "base/nameservers.h"
#include "wire/field.h"

/* An address's family on the wire. */
enum { WIRE_FAMILY_4 = 4, WIRE_FAMILY_6 = 6 };

static const void *member(const struct message *message, const struct message_field *field)
{
	return (const uint8_t *)message + field->offset;
}

static void *member_of(struct message *message, const struct message_field *field)
{
	return (uint8_t *)message + field->offset;
}

/* Writes number, length and a value that exists as bytes. */
static int encode_value(
	struct writer *writer, const struct message_field *field, const void *value, size_t len)
{
	int r = writer_u16(writer, field->number);

	if (r == 0)
		r = writer_u16(writer, len);
	if (r == 0)
		r = writer_copy(writer, value, len);
	return r;
}

/* ---- numbers ---- */

static int encode_number(
	struct writer *writer, const struct message_field *field, const struct message *message)
{
	uint64_t value = field_load(member(message, field), field->size);
	uint8_t bytes[8];

	if (!field->required && value == 0)
		return 0;
	if (value < field->min || value > field->max)
		return -EINVAL;
	for (size_t i = 0; i < field->size; i++)
		bytes[i] = (uint8_t)(value >> (8 * (field->size - 1 - i)));
	return encode_value(writer, field, bytes, field->size);
}

static int decode_number(
	struct view value, const struct message_field *field, struct message *message)
{
	uint64_t number = 0;

	if (value.len != field->size)
		return -EINVAL;
	for (size_t i = 0; i < value.len; i++)
		number = number << 8 | value.data[i];
	if (number < field->min || number > field->max)
		return -EINVAL;
	field_store(member_of(message, field), field->size, number);
	return 0;
}

/* ---- bytes, identities, texts ---- */

static int encode_bytes(
	struct writer *writer, const struct message_field *field, const struct message *message)
{
	return encode_value(writer, field, member(message, field), field->size);
}

static int decode_bytes(
	struct view value, const struct message_field *field, struct message *message)
{
	if (value.len != field->size)
		return -EINVAL;
	memcpy(member_of(message, field), value.data, value.len);
	return 0;
}

static int encode_identity(
	struct writer *writer, const struct message_field *field, const struct message *message)
{
	const struct identity *identity = member(message, field);
	size_t len = strnlen(identity->name, sizeof(identity->name));
	struct identity valid;

	if (identity_set(&valid, identity->name, len) < 0)
		return -EINVAL;
	return encode_value(writer, field, valid.name, len);
}

static int decode_identity(
	struct view value, const struct message_field *field, struct message *message)
{
	return identity_set(member_of(message, field), value.data, value.len);
}

static int encode_text(
	struct writer *writer, const struct message_field *field, const struct message *message)
{
	const char *text = member(message, field);
	size_t len = strnlen(text, field->size);

	if (len == 0)
		return field->required ? -EINVAL : 0;
	if (len == field->size)
		return -EINVAL;
	return encode_value(writer, field, text, len);
}

static int decode_text(
	struct view value, const struct message_field *field, struct message *message)
{
	char *text = member_of(message, field);

	if (value.len == 0 || value.len >= field->size || memchr(value.data, 0, value.len))
		return -EINVAL;
	memcpy(text, value.data, value.len);
	text[value.len] = '\0';
	return 0;
}

static int encode_piece(
	struct writer *writer, const struct message_field *field, const struct message *message)
{
	const struct message_piece *piece = member(message, field);

	if (piece->len == 0)
		return field->required ? -EINVAL : 0;
	if (piece->len > sizeof(piece->data))
		return -EINVAL;
	return encode_value(writer, field, piece->data, piece->len);
}

static int decode_piece(
	struct view value, const struct message_field *field, struct message *message)
{
	struct message_piece *piece = member_of(message, field);

	if (value.len == 0 || value.len > sizeof(piece->data))
		return -EINVAL;
	memcpy(piece->data, value.data, value.len);
	piece->len = (uint16_t)value.len;
	return 0;
}

/* ---- addresses ---- */

static int addr_from_view(struct view value, struct addr *ret_addr)
{
	struct addr addr;

	if (value.len == 4)
		addr = addr_v4(value.data);
	else if (value.len == 16)
		addr = addr_v6(value.data);
	else
		return -EINVAL;
	if (!addr_is_host(&addr))
		return -EINVAL;
	*ret_addr = addr;
	return 0;
}

static uint8_t family_of_kind(enum message_field_kind kind)
{
	return kind == MESSAGE_FIELD_ADDR4 ? AF_INET : AF_INET6;
}

static int encode_addr(
	struct writer *writer, const struct message_field *field, const struct message *message)
{
	const struct addr *addr = member(message, field);

	if (!addr_is_set(addr))
		return field->required ? -EINVAL : 0;
	if (addr->family != family_of_kind(field->kind) || !addr_is_host(addr))
		return -EINVAL;
	return encode_value(writer, field, addr->bytes, addr_size(addr));
}

static int decode_addr(
	struct view value, const struct message_field *field, struct message *message)
{
	struct addr addr;

	if (addr_from_view(value, &addr) < 0 || addr.family != family_of_kind(field->kind))
		return -EINVAL;
	memcpy(member_of(message, field), &addr, sizeof(addr));
	return 0;
}

/* ---- welcome's lists ---- */

static int encode_dns(
	struct writer *writer, const struct message_field *field, const struct message *message)
{
	const struct message_welcome *welcome = &message->welcome;
	int r = 0;

	if (welcome->dns_count > MESSAGE_DNS_MAX)
		return -EINVAL;
	for (size_t i = 0; r == 0 && i < welcome->dns_count; i++) {
		const struct addr *addr = &welcome->dns[i];

		if (!nameservers_server_is_valid(addr))
			return -EINVAL;
		r = encode_value(writer, field, addr->bytes, addr_size(addr));
	}
	return r;
}

static int decode_dns(struct view value, struct message *message)
{
	struct message_welcome *welcome = &message->welcome;

	struct addr addr;

	if (welcome->dns_count == MESSAGE_DNS_MAX || addr_from_view(value, &addr) < 0 ||
		!nameservers_server_is_valid(&addr))
		return -EINVAL;
	welcome->dns[welcome->dns_count++] = addr;
	return 0;
}

static int encode_domains(
	struct writer *writer, const struct message_field *field, const struct message *message)
{
	const struct message_welcome *welcome = &message->welcome;
	int r = 0;

	if (welcome->domain_count > MESSAGE_DOMAIN_MAX)
		return -EINVAL;
	for (size_t i = 0; r == 0 && i < welcome->domain_count; i++) {
		const char *text = welcome->domains[i];
		size_t len = strnlen(text, sizeof(welcome->domains[i]));

		if (!nameservers_domain_is_valid(text, len))
			return -EINVAL;
		r = encode_value(writer, field, text, len);
	}
	return r;
}

static int decode_domain(struct view value, struct message *message)
{
	struct message_welcome *welcome = &message->welcome;
	char *text;

	if (welcome->domain_count == MESSAGE_DOMAIN_MAX ||
		!nameservers_domain_is_valid((const char *)value.data, value.len))
		return -EINVAL;
	text = welcome->domains[welcome->domain_count++];
	memcpy(text, value.data, value.len);
	text[value.len] = '\0';
	return 0;
}

/* ---- prefixes; in a refusal the reason precedes each ---- */

static int encode_prefix(struct writer *value, const struct prefix *prefix)
{
	size_t size = addr_size(&prefix->addr);
	int r;

	if (size == 0 || prefix->len > size * 8)
		return -EINVAL;
	r = writer_u8(value, size == 4 ? WIRE_FAMILY_4 : WIRE_FAMILY_6);
	if (r == 0)
		r = writer_u8(value, prefix->len);
	if (r == 0)
		r = writer_copy(value, prefix->addr.bytes, size);
	return r;
}

static int decode_prefix(struct reader *value, struct prefix *ret_prefix)
{
	uint8_t family, len, bytes[16];
	struct prefix prefix;

	if (reader_u8(value, &family) < 0 || reader_u8(value, &len) < 0)
		return -EINVAL;
	if (family != WIRE_FAMILY_4 && family != WIRE_FAMILY_6)
		return -EINVAL;
	if (reader_copy(value, bytes, family == WIRE_FAMILY_4 ? 4 : 16) < 0 ||
		reader_left(value) > 0)
		return -EINVAL;
	prefix.addr = family == WIRE_FAMILY_4 ? addr_v4(bytes) : addr_v6(bytes);
	prefix.len = len;
	if (len > addr_size(&prefix.addr) * 8)
		return -EINVAL;
	*ret_prefix = prefix;
	return 0;
}

static int encode_prefixes(
	struct writer *writer, const struct message_field *field, const struct message *message)
{
	const struct message_prefixes *list = &message->prefixes;
	int r = 0;

	if (list->count < 1 || list->count > MESSAGE_PREFIX_MAX)
		return -EINVAL;
	for (size_t i = 0; r == 0 && i < list->count; i++) {
		uint8_t bytes[1 + 2 + 16];
		struct writer value;

		writer_init(&value, bytes, sizeof(bytes));
		if (field->kind == MESSAGE_FIELD_REFUSAL) {
			if (list->reason[i] == ROUTE_ACCEPTED)
				return -EINVAL;
			(void)writer_u8(&value, list->reason[i]);
		}
		r = encode_prefix(&value, &list->prefix[i]);
		if (r == 0)
			r = encode_value(writer, field, value.data, value.len);
	}
	return r;
}

static int decode_prefixes(
	struct view value, const struct message_field *field, struct message *message)
{
	struct message_prefixes *list = &message->prefixes;
	uint8_t reason = ROUTE_ACCEPTED;
	struct reader reader;

	if (list->count == MESSAGE_PREFIX_MAX)
		return -EINVAL;
	reader_init(&reader, value.data, value.len);
	if (field->kind == MESSAGE_FIELD_REFUSAL &&
		(reader_u8(&reader, &reason) < 0 || reason == ROUTE_ACCEPTED))
		return -EINVAL;
	if (decode_prefix(&reader, &list->prefix[list->count]) < 0)
		return -EINVAL;
	list->reason[list->count] = reason;
	list->count++;
	return 0;
}

/* ---- by kind ---- */

bool message_field_is_list(const struct message_field *field)
{
	return field->kind >= MESSAGE_FIELD_DNS;
}

int message_field_encode(
	struct writer *writer, const struct message_field *field, const struct message *message)
{
	switch (field->kind) {
	case MESSAGE_FIELD_NUMBER:
		return encode_number(writer, field, message);
	case MESSAGE_FIELD_BYTES:
		return encode_bytes(writer, field, message);
	case MESSAGE_FIELD_IDENTITY:
		return encode_identity(writer, field, message);
	case MESSAGE_FIELD_TEXT:
		return encode_text(writer, field, message);
	case MESSAGE_FIELD_PIECE:
		return encode_piece(writer, field, message);
	case MESSAGE_FIELD_ADDR4:
	case MESSAGE_FIELD_ADDR6:
		return encode_addr(writer, field, message);
	case MESSAGE_FIELD_DNS:
		return encode_dns(writer, field, message);
	case MESSAGE_FIELD_DOMAIN:
		return encode_domains(writer, field, message);
	case MESSAGE_FIELD_PREFIX:
	case MESSAGE_FIELD_REFUSAL:
		return encode_prefixes(writer, field, message);
	}
	return -EINVAL;
}

int message_field_decode(
	struct view value, const struct message_field *field, struct message *message)
{
	switch (field->kind) {
	case MESSAGE_FIELD_NUMBER:
		return decode_number(value, field, message);
	case MESSAGE_FIELD_BYTES:
		return decode_bytes(value, field, message);
	case MESSAGE_FIELD_IDENTITY:
		return decode_identity(value, field, message);
	case MESSAGE_FIELD_TEXT:
		return decode_text(value, field, message);
	case MESSAGE_FIELD_PIECE:
		return decode_piece(value, field, message);
	case MESSAGE_FIELD_ADDR4:
	case MESSAGE_FIELD_ADDR6:
		return decode_addr(value, field, message);
	case MESSAGE_FIELD_DNS:
		return decode_dns(value, message);
	case MESSAGE_FIELD_DOMAIN:
		return decode_domain(value, message);
	case MESSAGE_FIELD_PREFIX:
	case MESSAGE_FIELD_REFUSAL:
		return decode_prefixes(value, field, message);
	}
	return -EINVAL;
}
