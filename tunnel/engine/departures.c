/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/departures.h"

#include <errno.h>
#include <stdlib.h>

#include "config/settings.h"
#include "engine/session.h"

int departures_init(struct departures *departures, const struct settings *settings)
{
	departures->items = calloc(settings->peer_count + 1, sizeof(*departures->items));
	return departures->items ? 0 : -ENOMEM;
}

void departures_follow(
	struct departures *departures, const struct settings *before, const struct settings *now)
{
	struct departure *items = calloc(now->peer_count + 1, sizeof(*items));

	for (size_t i = 0; items && departures->items && i < before->peer_count; i++) {
		const struct settings_peer *peer = settings_find_peer(now, &before->peers[i].name);

		if (peer)
			items[peer - now->peers] = departures->items[i];
	}
	free(departures->items);
	departures->items = items;
}

void departures_free(struct departures *departures)
{
	free(departures->items);
	departures->items = NULL;
}

/* How long ago the peer was last heard is not kept; the session was up until down_since. */
void departures_add(struct departures *departures, const struct session *session)
{
	const struct session_leave *leave = session->leave.text[0] != '\0' ? &session->leave
									   : &session->last_leave;
	struct departure *departure;

	if (!departures->items || !session->peer || session->connections == 0)
		return;
	departure = &departures->items[session->peer - session->world->settings->peers];
	*departure = (struct departure){ .seen = session->down_since, .outer = session->outer };
	(void)attempts_leave_text(leave, departure->text);
}

const struct departure *departures_find(const struct departures *departures,
	const struct settings *settings, const struct settings_peer *peer)
{
	const struct departure *departure;

	if (!departures->items)
		return NULL;
	departure = &departures->items[peer - settings->peers];
	return departure->seen.ns != 0 ? departure : NULL;
}
