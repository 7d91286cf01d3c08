/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_WIRE_FIELD_H
#define CULVERT_WIRE_FIELD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/addr.h"
#include "base/bytes.h"

/*
 * The values in the bodies of requests (wire/request_field.c), each with a put_ and a get_. They
 * are big-endian integers, texts after their length (u16), and addresses after their family (one
 * byte: 0 for none, 4 or 6). The calls may go on after an error: `error` keeps the first one. Pure
 * functions; any thread.
 */

struct field_writer {
	struct writer writer;
	int error; /* 0, or the error of the first write that failed */
};

struct field_reader {
	struct reader reader;
	int error; /* 0, or the error of the first read that failed; later reads give zero */
};

/*
 * Loads and stores an unsigned number of a struct in the host's byte order. `size` is 1, 2, 4 or 8
 * bytes.
 */
static inline uint64_t field_load(const void *at, size_t size)
{
	uint8_t one;
	uint16_t two;
	uint32_t four;
	uint64_t eight;

	switch (size) {
	case sizeof(one):
		memcpy(&one, at, sizeof(one));
		return one;
	case sizeof(two):
		memcpy(&two, at, sizeof(two));
		return two;
	case sizeof(four):
		memcpy(&four, at, sizeof(four));
		return four;
	default:
		memcpy(&eight, at, sizeof(eight));
		return eight;
	}
}

static inline void field_store(void *at, size_t size, uint64_t value)
{
	uint8_t one = (uint8_t)value;
	uint16_t two = (uint16_t)value;
	uint32_t four = (uint32_t)value;

	switch (size) {
	case sizeof(one):
		memcpy(at, &one, sizeof(one));
		break;
	case sizeof(two):
		memcpy(at, &two, sizeof(two));
		break;
	case sizeof(four):
		memcpy(at, &four, sizeof(four));
		break;
	default:
		memcpy(at, &value, sizeof(value));
		break;
	}
}

/* `size` is 1, 2 or 4 bytes. */
void field_put_number(struct field_writer *out, size_t size, uint64_t value);
uint8_t field_get_u8(struct field_reader *in);
uint16_t field_get_u16(struct field_reader *in);
uint32_t field_get_u32(struct field_reader *in);
bool field_get_bool(struct field_reader *in); /* one byte, 0 or 1; else -EINVAL */

void field_put_bytes(struct field_writer *out, const void *bytes, size_t len);
void field_get_bytes(struct field_reader *in, void *bytes, size_t len);

/* Reads an array's length (u16). -EINVAL: more than `max`, for which the array has no room. */
uint16_t field_get_count(struct field_reader *in, uint16_t max);

/* `size` is that of the array: the text has at most size - 1 bytes and no NUL. */
void field_put_text(struct field_writer *out, const char *text, size_t size);
void field_get_text(struct field_reader *in, char *text, size_t size);

/* AF_INET, AF_INET6, or AF_UNSPEC. */
void field_put_family(struct field_writer *out, uint8_t family);
uint8_t field_get_family(struct field_reader *in);

void field_put_addr(struct field_writer *out, const struct addr *addr);
void field_get_addr(struct field_reader *in, struct addr *addr);

#endif
