/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_CONFIG_CONF_FOREIGN_H
#define CULVERT_CONFIG_CONF_FOREIGN_H

#include <stddef.h>

/*
 * Recognizes the configuration of another VPN in a text that is no configuration of Culvert's.
 * Returns what it is and what to do instead, for a message, or NULL. Private to config/conf. Any
 * thread.
 */
const char *conf_foreign(const char *text, size_t len);

#endif
