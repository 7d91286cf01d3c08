/* SPDX-License-Identifier: Apache-2.0 */
#include "config/conf_difference.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "base/identity.h"
#include "config/conf_value.h"
#include "config/settings.h"

enum { PATH_MAX_LEN = 256 }; /* of keys, dots and the name of an entry, with NUL */

/* The comparison of two structs of one table. */
struct comparison {
	const char *path; /* of the structs, with a dot at its end; "" at the top */
	conf_difference_fn *found;
	void *context;
};

static bool texts_equal(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

static bool pointed_texts_equal(const void *a, const void *b)
{
	const char *first, *second;

	memcpy(&first, a, sizeof(first));
	memcpy(&second, b, sizeof(second));
	return texts_equal(first, second);
}

static bool endpoints_equal(const struct endpoint *a, const struct endpoint *b)
{
	return a->port == b->port && addr_equal(&a->addr, &b->addr);
}

static bool remotes_equal(const struct settings_remote *a, const struct settings_remote *b)
{
	return a->port == b->port && a->priority == b->priority && strcmp(a->host, b->host) == 0;
}

static bool proxies_equal(const struct proxy *a, const struct proxy *b)
{
	return a->kind == b->kind && a->port == b->port && strcmp(a->host, b->host) == 0 &&
		strcmp(a->user, b->user) == 0 && strcmp(a->password, b->password) == 0;
}

static bool groups_equal(const struct conf_table *table, const void *a, const void *b);

static bool values_equal(/* NOLINT(misc-no-recursion): as deep as the tables are */
	const struct conf_option *option, const void *a, const void *b)
{
	switch (option->type) {
	case CONF_BOOL:
		return *(const bool *)a == *(const bool *)b;
	case CONF_UINT:
	case CONF_NAMED:
	case CONF_LOG_LEVEL:
	case CONF_DURATION:
		return memcmp(a, b, conf_value_size(option)) == 0;
	case CONF_STRING:
	case CONF_PATH:
	case CONF_NAME:
	case CONF_IFNAME:
		return strcmp(a, b) == 0;
	case CONF_MATERIAL:
	case CONF_TEXT:
		return pointed_texts_equal(a, b);
	case CONF_ADDR:
		return addr_equal(a, b);
	case CONF_PREFIX:
		return prefix_equal(a, b);
	case CONF_ENDPOINT:
		return endpoints_equal(a, b);
	case CONF_REMOTE:
		return remotes_equal(a, b);
	case CONF_PROXY:
		return proxies_equal(a, b);
	case CONF_GROUP:
		return groups_equal(option->table, a, b);
	}
	return false;
}

/* The values of an option in one struct. */
struct values {
	const char *items;
	size_t count;
};

static struct values values_of(const struct conf_option *option, const void *target)
{
	const char *field = (const char *)target + option->offset;
	struct values values = { .items = field, .count = 1 };

	if (option->shape != CONF_ONE)
		memcpy(&values.count, (const char *)target + option->count_offset,
			sizeof(values.count));
	if (option->shape == CONF_ALLOCATED)
		memcpy(&values.items, field, sizeof(values.items));
	return values;
}

static bool was_given(const struct conf_option *option, const void *target)
{
	return option->given_offset != 0 &&
		*(const bool *)((const char *)target + option->given_offset);
}

static bool options_equal(/* NOLINT(misc-no-recursion): as deep as the tables are */
	const struct conf_option *option, const void *a, const void *b)
{
	struct values first = values_of(option, a), second = values_of(option, b);
	size_t size = conf_value_size(option);

	if (first.count != second.count || was_given(option, a) != was_given(option, b))
		return false;
	for (size_t i = 0; i < first.count; i++) {
		if (!values_equal(option, first.items + i * size, second.items + i * size))
			return false;
	}
	return true;
}

static bool groups_equal(/* NOLINT(misc-no-recursion): as deep as the tables are */
	const struct conf_table *table, const void *a, const void *b)
{
	struct conf_walk walk = { .table = table };
	const struct conf_option *option;

	while ((option = conf_next(&walk))) {
		if (!options_equal(option, a, b))
			return false;
	}
	return true;
}

/* ---- lists of entries that have names ---- */

/* Returns the option that names the entries of this list, or NULL. */
static const struct conf_option *name_of(const struct conf_option *list)
{
	const struct conf_option *first;

	if (list->type != CONF_GROUP || list->shape == CONF_ONE)
		return NULL;
	first = &list->table->options[0];
	return first->type == CONF_NAME && first->required ? first : NULL;
}

struct entry {
	const char *name, *item;
};

static int compare_entries(const void *a, const void *b)
{
	return strcmp(((const struct entry *)a)->name, ((const struct entry *)b)->name);
}

/* Makes a list of the entries, sorted by name. -ENOMEM. */
static int sort_entries(const struct conf_option *list, const void *target,
	struct entry **ret_entries, size_t *ret_count)
{
	const struct conf_option *name = name_of(list);
	struct values values = values_of(list, target);
	struct entry *entries = calloc(values.count + 1, sizeof(*entries));

	if (!entries)
		return -ENOMEM;
	for (size_t i = 0; i < values.count; i++) {
		entries[i].item = values.items + i * conf_value_size(list);
		entries[i].name = entries[i].item + name->offset;
	}
	if (values.count > 0)
		qsort(entries, values.count, sizeof(*entries), compare_entries);
	*ret_entries = entries;
	*ret_count = values.count;
	return 0;
}

static int compare_structs(const struct comparison *comparison, const struct conf_table *table,
	const void *before, const void *after);

static int compare_entry(/* NOLINT(misc-no-recursion): as deep as the tables are */
	const struct comparison *comparison, const struct conf_option *list,
	const struct entry *before, const struct entry *after)
{
	const char *name = before ? before->name : after->name;
	char path[PATH_MAX_LEN];
	struct comparison inner = *comparison;

	(void)snprintf(path, sizeof(path), "%s%s.%s%s", comparison->path, list->key, name,
		before && after ? "." : "");
	inner.path = path;
	if (before && after)
		return compare_structs(&inner, list->table, before->item, after->item);
	comparison->found(comparison->context, path, list, before ? CONF_REMOVED : CONF_ADDED);
	return 0;
}

static int compare_lists(/* NOLINT(misc-no-recursion): as deep as the tables are */
	const struct comparison *comparison, const struct conf_option *list, const void *before,
	const void *after)
{
	struct entry *olds = NULL, *news = NULL;
	size_t old_count = 0, new_count = 0, i = 0, j = 0;
	int r = sort_entries(list, before, &olds, &old_count);

	if (r == 0)
		r = sort_entries(list, after, &news, &new_count);
	while (r == 0 && (i < old_count || j < new_count)) {
		int order = i == old_count ? 1
			: j == new_count   ? -1
					   : compare_entries(&olds[i], &news[j]);

		r = compare_entry(comparison, list, order <= 0 ? &olds[i] : NULL,
			order >= 0 ? &news[j] : NULL);
		i += order <= 0 ? 1 : 0;
		j += order >= 0 ? 1 : 0;
	}
	free(olds);
	free(news);
	return r;
}

static int compare_structs(/* NOLINT(misc-no-recursion): as deep as the tables are */
	const struct comparison *comparison, const struct conf_table *table, const void *before,
	const void *after)
{
	struct conf_walk walk = { .table = table };
	const struct conf_option *option;
	char path[PATH_MAX_LEN];
	int r = 0;

	while (r == 0 && (option = conf_next(&walk))) {
		if (name_of(option)) {
			r = compare_lists(comparison, option, before, after);
			continue;
		}
		if (options_equal(option, before, after))
			continue;
		(void)snprintf(path, sizeof(path), "%s%s", comparison->path, option->key);
		comparison->found(comparison->context, path, option, CONF_CHANGED);
	}
	return r;
}

int conf_differences(const struct conf_table *table, const void *before, const void *after,
	conf_difference_fn *found, void *context)
{
	struct comparison comparison = { .path = "", .found = found, .context = context };

	return compare_structs(&comparison, table, before, after);
}
