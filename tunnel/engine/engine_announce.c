/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/engine.h"

#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "engine/session.h"

/*
 * What this end announces, changed while it runs: by the command line, and by netd, which tracks
 * what the kernel has. A change by command is all or nothing: everything is judged before anything
 * is sent. Every session that is up then tells its peer (engine/session_offer, engine/announcer); one
 * that comes up later announces the list as it is then.
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

	if (engine_bar(engine) < 0)
		log_error("what peers have is not kept apart anew: out of memory");
	TAILQ_FOREACH(session, &engine->sessions, link)
	{
		if (session->state == SESSION_UP)
			session_announced_changed(session);
	}
}

/* All that is announced, of what is stated and what is tracked. -ENOMEM: it stays as it was. */
static int combine(struct engine *engine)
{
	struct prefix_list both = { .items = NULL };
	int r = prefix_list_append(&both, engine->stated.items, engine->stated.count);

	if (r == 0)
		r = prefix_list_append(&both, engine->tracked.items, engine->tracked.count);
	if (r < 0) {
		prefix_list_free(&both);
		return r;
	}
	prefix_list_sort(&both);
	prefix_list_free(&engine->announced);
	engine->announced = both;
	return 0;
}

int engine_announce_configured(struct engine *engine)
{
	if (settings_stated(engine->settings, &engine->stated) < 0)
		return -ENOMEM;
	for (size_t i = 0; i < engine->settings->peer_count; i++)
		engine->has_reach |= engine->settings->peers[i].reach.count > 0;
	return combine(engine);
}

static int judge(const struct engine *engine, const struct prefix *prefixes, size_t at,
	struct problem *problem)
{
	const struct prefix_list *stated = &engine->stated;
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
	if (is_listed(stated->items, stated->count, &prefixes[at])) {
		problem_set(problem, "%s is announced already", text);
		return -EEXIST;
	}
	if (is_listed(prefixes, at, &prefixes[at])) {
		problem_set(problem, "%s is named twice", text);
		return -EEXIST;
	}
	if (stated->count + at >= SETTINGS_PREFIX_MAX) {
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
	struct prefix_list *stated = &engine->stated;
	size_t before = stated->count;
	int r;

	for (size_t i = 0; i < count; i++) {
		r = judge(engine, prefixes, i, problem);
		if (r < 0)
			return r;
	}
	r = prefix_list_append(stated, prefixes, count);
	if (r == 0)
		r = combine(engine);
	if (r < 0) {
		stated->count = before;
		problem_set(problem, "out of memory");
		return r;
	}
	tell_sessions(engine);
	return 0;
}

static int judge_withdrawal(const struct engine *engine, const struct prefix *prefixes, size_t at,
	struct problem *problem)
{
	char text[ADDR_TEXT_MAX];

	prefix_format(&prefixes[at], text);
	if (!is_listed(engine->stated.items, engine->stated.count, &prefixes[at])) {
		problem_set(problem, "%s is %s", text,
			engine_is_tracked(engine, &prefixes[at])
				? "tracked: it is announced as long as this host has it"
				: "not announced");
		return -ENOENT;
	}
	if (is_listed(prefixes, at, &prefixes[at])) {
		problem_set(problem, "%s is named twice", text);
		return -EEXIST;
	}
	return 0;
}

int engine_withdraw(
	struct engine *engine, const struct prefix *prefixes, size_t count, struct problem *problem)
{
	struct prefix_list *stated = &engine->stated, left = { .items = NULL }, before = *stated;
	int r = 0;

	for (size_t i = 0; i < count; i++) {
		r = judge_withdrawal(engine, prefixes, i, problem);
		if (r < 0)
			return r;
	}
	for (size_t i = 0; i < stated->count && r == 0; i++) {
		if (!is_listed(prefixes, count, &stated->items[i]))
			r = prefix_list_append(&left, &stated->items[i], 1);
	}
	if (r == 0) {
		*stated = left;
		r = combine(engine);
	}
	if (r < 0) {
		*stated = before;
		prefix_list_free(&left);
		problem_set(problem, "out of memory");
		return r;
	}
	prefix_list_free(&before);
	tell_sessions(engine);
	return 0;
}

bool engine_is_tracked(const struct engine *engine, const struct prefix *prefix)
{
	return prefix_list_has(&engine->tracked, prefix);
}

void engine_tracked(struct engine *engine, const struct request_tracked *page)
{
	struct prefix_list *pages = &engine->tracked_pages, before = engine->tracked;

	if (page->offset == 0)
		prefix_list_free(pages);
	/* Of a set whose beginning did not come; netd sends it again. */
	if (page->offset != pages->count ||
		prefix_list_append(pages, page->prefix, page->count) < 0 ||
		pages->count < page->total)
		return;
	prefix_list_sort(pages);
	engine->tracked = *pages;
	if (combine(engine) < 0) {
		log_error("what is tracked cannot be announced: out of memory");
		engine->tracked = before;
		return;
	}
	*pages = (struct prefix_list){ .items = NULL };
	prefix_list_free(&before);
	log_info("%zu tracked prefixes are announced", engine->tracked.count);
	tell_sessions(engine);
}

void engine_yield_routes(struct engine *engine, const struct session *except,
	const struct message_prefixes *prefixes)
{
	struct session *session;

	TAILQ_FOREACH(session, &engine->sessions, link)
	{
		if (session != except && session->state == SESSION_IDLE &&
			strcmp(session_netns(session), session_netns(except)) == 0 &&
			routes_has_any(&session->routes, prefixes))
			session_set_carrier(session, false);
	}
}
