/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/engine.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "engine/session.h"

/*
 * What this end announces, changed while it runs; and what it holds for peers that are away. A
 * change is all or nothing: everything is judged before anything is sent, and every session that is
 * up tells its peer (engine/announcer). A session that comes up later announces the list as it is
 * then.
 */

static bool is_listed(const struct prefix *prefixes, size_t count, const struct prefix *prefix)
{
	for (size_t i = 0; i < count; i++) {
		if (prefix_equal(&prefixes[i], prefix))
			return true;
	}
	return false;
}

static void tell_sessions(struct engine *engine)
{
	struct session *session;

	engine_bar_again(engine);
	TAILQ_FOREACH(session, &engine->sessions, link)
	{
		if (session->state == SESSION_UP)
			session_announced_changed(session);
	}
}

static int judge(const struct engine *engine, const struct prefix *prefixes, size_t at,
	struct problem *problem)
{
	const struct prefix_list *announced = &engine->announced;
	enum route_verdict verdict = route_rule_form(&prefixes[at]);
	char text[ADDR_TEXT_MAX];

	prefix_format(&prefixes[at], text);
	if (verdict == ROUTE_DEFAULT && engine->settings->role == SETTINGS_SERVER)
		verdict = ROUTE_ACCEPTED;
	if (verdict != ROUTE_ACCEPTED) {
		problem_set(
			problem, "%s cannot be announced: %s", text, route_verdict_text(verdict));
		return -EINVAL;
	}
	if (is_listed(announced->items, announced->count, &prefixes[at])) {
		problem_set(problem, "%s is announced already", text);
		return -EEXIST;
	}
	if (is_listed(prefixes, at, &prefixes[at])) {
		problem_set(problem, "%s is named twice", text);
		return -EEXIST;
	}
	if (announced->count + at >= SETTINGS_PREFIX_MAX) {
		problem_set(problem,
			"%s would be one more than the %d prefixes that can be announced", text,
			SETTINGS_PREFIX_MAX);
		return -ENOSPC;
	}
	return 0;
}

int engine_announce(
	struct engine *engine, const struct prefix *prefixes, size_t count, struct problem *problem)
{
	struct prefix_list *announced = &engine->announced;

	for (size_t i = 0; i < count; i++) {
		int r = judge(engine, prefixes, i, problem);
		if (r < 0)
			return r;
	}
	struct prefix *grown = reallocarray(
		announced->items, announced->count + count + 1, sizeof(*grown));
	if (!grown) {
		problem_set(problem, "out of memory");
		return -ENOMEM;
	}
	announced->items = grown;
	memcpy(announced->items + announced->count, prefixes, count * sizeof(*prefixes));
	announced->count += count;
	tell_sessions(engine);
	return 0;
}

int engine_withdraw(
	struct engine *engine, const struct prefix *prefixes, size_t count, struct problem *problem)
{
	struct prefix_list *announced = &engine->announced;
	char text[ADDR_TEXT_MAX];
	size_t kept = 0;

	for (size_t i = 0; i < count; i++) {
		if (!is_listed(announced->items, announced->count, &prefixes[i])) {
			problem_set(
				problem, "%s is not announced", prefix_format(&prefixes[i], text));
			return -ENOENT;
		}
		if (is_listed(prefixes, i, &prefixes[i])) {
			problem_set(
				problem, "%s is named twice", prefix_format(&prefixes[i], text));
			return -EEXIST;
		}
	}
	for (size_t i = 0; i < announced->count; i++) {
		if (!is_listed(prefixes, count, &announced->items[i]))
			announced->items[kept++] = announced->items[i];
	}
	announced->count = kept;
	tell_sessions(engine);
	return 0;
}

void engine_yield_routes(struct engine *engine, const struct session *except,
	const struct message_prefixes *prefixes)
{
	struct session *session;

	TAILQ_FOREACH(session, &engine->sessions, link)
	{
		if (session != except && session->state == SESSION_IDLE &&
			strcmp(session_netns(session), session_netns(except)) == 0)
			routes_withdrawn(&session->routes, prefixes);
	}
}
