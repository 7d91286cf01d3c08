/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_CONFIG_CONFIGURATION_CHANGES_H
#define CULVERT_CONFIG_CONFIGURATION_CHANGES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/problem.h"
#include "config/conf.h"
#include "config/settings.h"

/*
 * What differs between the configuration that runs and one that was read again. Both programs'
 * option tables say which changes a reload may make. netd's only thread.
 */

enum {
	CONFIGURATION_CHANGES_TEXT = 256, /* with NUL; what does not fit is counted */
	CONFIGURATION_CHANGES_KEY = 128,
};

struct configuration_changes {
	size_t count;
	size_t hidden;                         /* of these, those that `text` has no room for */
	char text[CONFIGURATION_CHANGES_TEXT]; /* "mtu, peers.berlin.reach, peers.rome (new)" */
	/* The changes that need a restart, as paths in libconfig's sense, or "". */
	char restart[CONFIGURATION_CHANGES_KEY];
	size_t restart_count;
	bool pool_restart; /* one of them is a pool, which may grow without a restart */
};

/*
 * Adds the differences between two structs of a table; they are the settings, or begin with them.
 * -ENOMEM.
 */
int configuration_changes_add(struct configuration_changes *changes, const struct conf_table *table,
	const void *before, const void *after);

/* Adds one difference that no option shows, such as a file with other bytes. */
void configuration_changes_note(struct configuration_changes *changes, const char *what);

/*
 * Adds what two settings show only together: a pool that an address would leave needs a restart,
 * while one that grows behind the same first address does not.
 */
void configuration_changes_pools(struct configuration_changes *changes,
	const struct settings *before, const struct settings *after);

/* Writes "KEY, KEY and N more", or "nothing". Returns `out`. */
const char *configuration_changes_format(
	const struct configuration_changes *changes, char *out, size_t size);

#endif
