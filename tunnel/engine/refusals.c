/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/refusals.h"

#include <stdio.h>
#include <string.h>

static bool is_same(const struct refusal *refusal, const struct addr *outer, const char *name,
	const struct problem *cause)
{
	return refusal->count > 0 && strcmp(refusal->name, name) == 0 &&
		(name[0] != '\0' || addr_equal(&refusal->outer, outer)) &&
		strcmp(refusal->cause.text, cause->text) == 0;
}

/* True: `a` is replaced before `b`. */
static bool is_replaced_before(const struct refusal *a, const struct refusal *b)
{
	if (a->count == 0 || b->count == 0)
		return a->count == 0 && b->count != 0;
	if ((a->name[0] == '\0') != (b->name[0] == '\0'))
		return a->name[0] == '\0';
	return mono_before(a->last, b->last);
}

void refusals_add(struct refusals *refusals, const struct addr *outer, const char *name,
	const char *cause, struct mono now)
{
	struct refusal *oldest = &refusals->items[0];
	struct problem escaped;

	(void)problem_escape_rest(escaped.text, sizeof(escaped.text), cause, strlen(cause));
	for (size_t i = 0; i < REFUSALS_KEPT; i++) {
		struct refusal *refusal = &refusals->items[i];

		if (is_same(refusal, outer, name, &escaped)) {
			refusal->count++;
			refusal->last = now;
			refusal->outer = *outer;
			return;
		}
		if (is_replaced_before(refusal, oldest))
			oldest = refusal;
	}
	*oldest = (struct refusal){ .last = now, .outer = *outer, .cause = escaped, .count = 1 };
	(void)snprintf(oldest->name, sizeof(oldest->name), "%s", name);
}
