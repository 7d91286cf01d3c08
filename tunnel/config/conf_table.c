/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "config/conf.h"

const struct conf_option *conf_next(struct conf_walk *walk)
{
	if (walk->also && walk->also_at < walk->also->count)
		return &walk->also->options[walk->also_at++];
	walk->also = NULL;
	if (walk->at == walk->table->count)
		return NULL;

	const struct conf_option *option = &walk->table->options[walk->at++];

	if (!option->also)
		return option;
	walk->also = option->also;
	walk->also_at = 1;
	return &option->also->options[0];
}

const struct conf_option *conf_find(const struct conf_table *table, const char *key)
{
	struct conf_walk walk = { .table = table };
	const struct conf_option *option;

	while ((option = conf_next(&walk))) {
		if (strcmp(option->key, key) == 0)
			break;
	}
	return option;
}
