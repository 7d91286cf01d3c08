/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/server.h"

#include "base/log.h"

void refusal_log(
	struct server *server, const struct endpoint *outer, const char *name, const char *cause)
{
	char text[ENDPOINT_TEXT_MAX];

	refusals_add(&server->engine.refusals, &outer->addr, name, cause, mono_now());
	if (!rate_take(&server->refusals_logged, mono_now())) {
		server->refusals_held_back++;
		return;
	}
	if (server->refusals_held_back > 0)
		log_warning("refused %llu more connections",
			(unsigned long long)server->refusals_held_back);
	server->refusals_held_back = 0;
	endpoint_format(outer, text);
	log_warning("%s: refused: %s%s%s", text, name, name[0] ? ": " : "", cause);
}
