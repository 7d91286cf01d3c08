/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_CONFIG_CONF_VALUE_H
#define CULVERT_CONFIG_CONF_VALUE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/problem.h"
#include "config/conf.h"

/*
 * Converts one value of a configuration to its field in the target. Private to config/conf; knows
 * nothing of libconfig. Any thread.
 */

enum conf_got { CONF_GOT_BOOL, CONF_GOT_INTEGER, CONF_GOT_REAL, CONF_GOT_STRING, CONF_GOT_OTHER };

struct conf_scalar {
	enum conf_got got;
	bool boolean;
	int64_t integer;
	double real;
	/* STRING: borrowed; OTHER: a description for messages, such as "a list" */
	const char *string;
};

/*
 * Checks the value against the option (of any type but GROUP) and writes it to `out`, the field of
 * one value. -EINVAL: *problem says "expected ..., got ..."; -ENOMEM.
 */
int conf_value_set(const struct conf_option *option, const struct conf_scalar *scalar, void *out,
	struct problem *problem);

enum { CONF_VALUE_EXPECTED_MAX = 320 }; /* bytes of the text, with NUL */

/*
 * Describes one value that the option expects, such as "an integer from 1280 to 65535", for
 * messages and documentation. Returns `out` or a constant string.
 */
const char *conf_value_expected(
	const struct conf_option *option, char out[CONF_VALUE_EXPECTED_MAX]);

/* Returns the bytes of one value in the target. */
size_t conf_value_size(const struct conf_option *option);

/* Returns the key that a plain value sets in a list of groups; NULL: no plain value is allowed. */
const struct conf_option *conf_value_plain(const struct conf_option *option);

#endif
