/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Similarity is the number of letters to insert, delete or replace: Levenshtein's distance, with
 * one row of the table in memory at a time.
 */
#include "base/nearest.h"

#include <string.h>

enum {
	KEY_MAX = 64, /* no known word is longer */
	FAR_MAX = 3,  /* letters that may differ; beyond that any two words are similar */
};

/*
 * Returns how many letters must change to make one word of the other; from `limit` on the number is
 * not exact.
 */
static size_t distance(const char *a, const char *b, size_t limit)
{
	size_t row[KEY_MAX + 1], columns = strlen(b);

	if (columns > KEY_MAX || strlen(a) > KEY_MAX)
		return limit;
	for (size_t j = 0; j <= columns; j++)
		row[j] = j;
	for (size_t i = 0; a[i] != '\0'; i++) {
		size_t diagonal = row[0];

		row[0] = i + 1;
		for (size_t j = 0; j < columns; j++) {
			size_t changed = diagonal + (a[i] != b[j]);
			size_t shorter = (row[j] < row[j + 1] ? row[j] : row[j + 1]) + 1;

			diagonal = row[j + 1];
			row[j + 1] = changed < shorter ? changed : shorter;
		}
	}
	return row[columns] < limit ? row[columns] : limit;
}

struct nearest nearest_begin(const char *word)
{
	/* Half of a short word may differ: in three letters two, as when they are exchanged. */
	size_t len = strlen(word), half = len == 3 ? 2 : len / 2;

	return (struct nearest){ .word = word, .far = (half < FAR_MAX ? half : FAR_MAX) + 1 };
}

void nearest_try(struct nearest *nearest, const char *known)
{
	size_t far = distance(nearest->word, known, nearest->far);

	if (far < nearest->far) {
		nearest->far = far;
		nearest->best = known;
	}
}
