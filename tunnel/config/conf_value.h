/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_CONFIG_CONF_VALUE_H
#define CULVERT_CONFIG_CONF_VALUE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/problem.h"
#include "config/conf.h"

/*
 * One value of a configuration: from what stands in the file to the field of the target. Private to
 * config/conf; knows nothing of libconfig. Any thread.
 */

enum conf_got { CONF_GOT_BOOL, CONF_GOT_INTEGER, CONF_GOT_REAL, CONF_GOT_STRING, CONF_GOT_OTHER };

struct conf_scalar {
	enum conf_got got;
	bool boolean;
	int64_t integer;
	double real;
	const char *string; /* STRING: borrowed; OTHER: words for what it is, as in "a list" */
};

/*
 * Checks the value against the option (of any type but GROUP) and writes it to `out`, the field for
 * one value. -EINVAL with "expected ..., got ..." in `problem`; -ENOMEM.
 */
int conf_value_set(const struct conf_option *option, const struct conf_scalar *scalar, void *out,
	struct problem *problem);

enum { CONF_VALUE_EXPECTED_MAX = 320 }; /* bytes of the words, with NUL */

/*
 * Words for one value that the option expects, as in "an integer from 1280 to 65535": for error messages and for
 * the documentation. In `out`, or lasting ones.
 */
const char *conf_value_expected(
	const struct conf_option *option, char out[CONF_VALUE_EXPECTED_MAX]);

/* Bytes of one value in the target. */
size_t conf_value_size(const struct conf_option *option);

/* The key that a plain value stands for in a list of groups; NULL: a plain value is none. */
const struct conf_option *conf_value_plain(const struct conf_option *option);

#endif
