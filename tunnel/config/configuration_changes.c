/* SPDX-License-Identifier: Apache-2.0 */
#include "config/configuration_changes.h"

#include <stdio.h>
#include <string.h>

#include "config/conf_difference.h"

/* Adds the words, or counts them as hidden. Once one is hidden, all that follow are. */
static void add_text(struct configuration_changes *changes, const char *what, const char *suffix)
{
	size_t used = strlen(changes->text), room = sizeof(changes->text) - used;
	const char *separator = used > 0 ? ", " : "";

	changes->count++;
	if (changes->hidden == 0 && strlen(separator) + strlen(what) + strlen(suffix) < room)
		(void)snprintf(changes->text + used, room, "%s%s%s", separator, what, suffix);
	else
		changes->hidden++;
}

/* Keys past the room are left out: those before them refuse the reload already. */
static void need_restart(struct configuration_changes *changes, const char *key)
{
	size_t used = strlen(changes->restart), room = sizeof(changes->restart) - used;
	const char *separator = used > 0 ? ", " : "";

	if (strlen(separator) + strlen(key) < room)
		(void)snprintf(changes->restart + used, room, "%s%s", separator, key);
	changes->restart_count++;
}

static void found(void *context, const char *path, const struct conf_option *option,
	enum conf_difference difference)
{
	static const char *const suffixes[] = {
		[CONF_CHANGED] = "", [CONF_ADDED] = " (new)", [CONF_REMOVED] = " (removed)"
	};
	struct configuration_changes *changes = context;

	add_text(changes, path, suffixes[difference]);
	if (option->applies == CONF_RESTART)
		need_restart(changes, path);
}

int configuration_changes_add(struct configuration_changes *changes, const struct conf_table *table,
	const void *before, const void *after)
{
	return conf_differences(table, before, after, found, changes);
}

void configuration_changes_note(struct configuration_changes *changes, const char *what)
{
	add_text(changes, what, "");
}

/* True: every address of `before` is in `after` and the server's own is the same. */
static bool only_grows(const struct prefix *before, const struct prefix *after)
{
	struct addr old_own, new_own;

	if (!addr_is_set(&before->addr))
		return true;
	if (!addr_is_set(&after->addr) || after->len > before->len ||
		!prefix_contains(after, before))
		return false;
	old_own = settings_server_address(before);
	new_own = settings_server_address(after);
	return addr_equal(&old_own, &new_own);
}

void configuration_changes_pools(struct configuration_changes *changes,
	const struct settings *before, const struct settings *after)
{
	if (!only_grows(&before->pool4, &after->pool4)) {
		need_restart(changes, "pool4");
		changes->pool_restart = true;
	}
	if (!only_grows(&before->pool6, &after->pool6)) {
		need_restart(changes, "pool6");
		changes->pool_restart = true;
	}
}

const char *configuration_changes_format(
	const struct configuration_changes *changes, char *out, size_t size)
{
	if (changes->count == 0)
		(void)snprintf(out, size, "nothing");
	else if (changes->hidden == 0)
		(void)snprintf(out, size, "%s", changes->text);
	else
		(void)snprintf(out, size, "%s and %zu more", changes->text, changes->hidden);
	return out;
}
