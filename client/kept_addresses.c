/* SPDX-License-Identifier: Apache-2.0 */
#include "client/kept_addresses.h"

#include <string.h>

void kept_addresses_add(struct kept_addresses *kept, size_t remote, const struct endpoint *endpoint)
{
	struct endpoint *items = kept->remotes[remote].items;
	size_t *count = &kept->remotes[remote].count;
	size_t at = 0;

	while (at < *count &&
		(items[at].port != endpoint->port || !addr_equal(&items[at].addr, &endpoint->addr)))
		at++;
	if (at == *count && *count < KEPT_ADDRESSES_MAX)
		(*count)++;
	if (at == KEPT_ADDRESSES_MAX)
		at--; /* drop the oldest */
	memmove(&items[1], &items[0], at * sizeof(items[0]));
	items[0] = *endpoint;
}

size_t kept_addresses_get(const struct kept_addresses *kept, size_t remote,
	struct endpoint out[static KEPT_ADDRESSES_MAX])
{
	memcpy(out, kept->remotes[remote].items, sizeof(kept->remotes[remote].items));
	return kept->remotes[remote].count;
}
