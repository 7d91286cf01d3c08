/* SPDX-License-Identifier: Apache-2.0 */
#include "config/conf_nearest.h"

#include "base/nearest.h"

const char *conf_nearest_key(const struct conf_table *table, const char *word)
{
	struct conf_walk walk = { .table = table };
	struct nearest nearest = nearest_begin(word);
	const struct conf_option *option;

	while ((option = conf_next(&walk)))
		nearest_try(&nearest, option->key);
	return nearest.best;
}
