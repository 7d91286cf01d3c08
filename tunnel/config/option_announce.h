/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_CONFIG_OPTION_ANNOUNCE_H
#define CULVERT_CONFIG_OPTION_ANNOUNCE_H

#include "config/conf.h"

/* The keys of one entry of `announce`, a struct settings_announce. Both programs have the list. */
extern const struct conf_table option_announce_table;

#endif
