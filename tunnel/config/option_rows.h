/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_CONFIG_OPTION_ROWS_H
#define CULVERT_CONFIG_OPTION_ROWS_H

#include <stddef.h>

#include "config/conf.h"
#include "config/settings.h"

/*
 * The rows that both programs' option tables share (struct conf_option's `also`), so that an option
 * is declared once. An option whose range, default or meaning differs between the programs (name,
 * mtu, state_dir, ...) is a row of each program's own table. The target of such a table must begin
 * with a struct settings.
 */
extern const struct conf_table option_rows_common;

#define OPTION_FIELD(member) .offset = offsetof(struct settings, member)

#endif
