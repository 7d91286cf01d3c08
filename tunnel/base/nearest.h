/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_BASE_NEAREST_H
#define CULVERT_BASE_NEAREST_H

#include <stddef.h>

/*
 * Finds the word that somebody meant among those that are known:
 *
 *	struct nearest nearest = nearest_begin(word);
 *	for (each known word)
 *		nearest_try(&nearest, known);
 *
 * nearest.best is the most similar one then, the first of several, or NULL when none is similar.
 * Pure functions; any thread.
 */

struct nearest {
	const char *word; /* borrowed, as is `best` */
	const char *best;
	size_t far; /* letters that differ; more do not count as similar */
};

struct nearest nearest_begin(const char *word);
void nearest_try(struct nearest *nearest, const char *known);

#endif
