/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_CONFIG_CONF_EXPECTED_H
#define CULVERT_CONFIG_CONF_EXPECTED_H

#include "config/conf.h"

/*
 * What an option expects, in words: for error messages and for the documentation. Private to
 * config/conf. Any thread.
 */

enum { CONF_EXPECTED_MAX = 320 }; /* bytes of the words, with NUL */

/* Words for one value, as in "an integer from 1280 to 65535": in `out`, or lasting ones. */
const char *conf_expected(const struct conf_option *option, char out[CONF_EXPECTED_MAX]);

#endif
