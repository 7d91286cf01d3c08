/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/status_internal.h"

#include <stdarg.h>

#include "base/json.h"
#include "engine/engine.h"

/* What the status says of a server that is being drained, and of a client with several remotes. */

/* The remote that would be used if it answered: the best of those that are better. */
static size_t preferred_of(const struct settings *settings, const struct engine_remote *remote)
{
	size_t best = remote->index;

	if (remote->answers)
		return remote->answering;
	for (size_t i = 0; i < settings->remote_count; i++) {
		if (settings->remotes[i].priority < settings->remotes[best].priority)
			best = i;
	}
	return best;
}

static bool read_remote(const struct engine *engine, struct engine_remote *ret_remote)
{
	if (!engine->role || !engine->role->remote)
		return false;
	engine->role->remote(engine, ret_remote);
	return ret_remote->index < engine->settings->remote_count;
}

static struct duration until(struct mono now, struct mono then)
{
	return mono_before(now, then) ? mono_since(then, now) : (struct duration){ 0 };
}

/* ---- JSON ---- */

static void put_remote_keys(struct json *json, const struct settings_remote *remote)
{
	json_string(json, "host", remote->host);
	json_u64(json, "port", remote->port);
	json_u64(json, "priority", remote->priority);
}

static void put_preferred(
	struct json *json, const struct status_view *view, const struct engine_remote *remote)
{
	const struct settings *settings = view->engine->settings;

	if (!remote->probes) {
		json_null(json, "preferred");
		return;
	}
	json_object_begin(json, "preferred");
	put_remote_keys(json, &settings->remotes[preferred_of(settings, remote)]);
	json_duration(json, "next_probe", until(view->now, remote->next));
	if (remote->answers)
		json_duration(json, "answers_for", mono_since(view->now, remote->since));
	else
		json_null(json, "answers_for");
	json_duration(json, "return_after", settings->return_after);
	json_object_end(json);
}

void status_json_failover(struct json *json, const struct status_view *view)
{
	const struct engine *engine = view->engine;
	struct engine_remote remote;

	if (engine->drain.active) {
		json_object_begin(json, "draining");
		json_duration(json, "for", mono_since(view->now, engine->drain.began));
		json_duration(json, "left", until(view->now, engine->drain.ends));
		json_object_end(json);
	} else {
		json_null(json, "draining");
	}
	if (!read_remote(engine, &remote)) {
		json_null(json, "remote");
		return;
	}
	json_object_begin(json, "remote");
	put_remote_keys(json, &engine->settings->remotes[remote.index]);
	put_preferred(json, view, &remote);
	json_object_end(json);
}

/* ---- text ---- */

__attribute__((format(printf, 3, 4))) static void line(
	FILE *out, const char *label, const char *format, ...)
{
	va_list args;

	fprintf(out, "  %-*s", STATUS_LABEL_WIDTH, label);
	va_start(args, format);
	vfprintf(out, format, args);
	va_end(args);
	fputc('\n', out);
}

static void write_preferred(
	FILE *out, const struct status_view *view, const struct engine_remote *remote)
{
	const struct settings *settings = view->engine->settings;
	const struct settings_remote
		*preferred = &settings->remotes[preferred_of(settings, remote)];
	char next[DURATION_TEXT_MAX], answers[DURATION_TEXT_MAX], after[DURATION_TEXT_MAX];

	duration_format(until(view->now, remote->next), next);
	duration_format(settings->return_after, after);
	if (remote->answers)
		line(out, "preferred remote:",
			"%s port %u, priority %u: answers for %s, returns after %s; the next probe in %s",
			preferred->host, preferred->port, preferred->priority,
			duration_format(mono_since(view->now, remote->since), answers), after,
			next);
	else
		line(out, "preferred remote:",
			"%s port %u, priority %u: does not answer; the next probe in %s",
			preferred->host, preferred->port, preferred->priority, next);
}

void status_text_failover(const struct status_view *view, FILE *out)
{
	const struct engine *engine = view->engine;
	struct engine_remote remote;
	char left[DURATION_TEXT_MAX];

	if (engine->drain.active)
		line(out,
			"draining:", "no new session is admitted; the last one is sent away in %s",
			duration_format(until(view->now, engine->drain.ends), left));
	if (!read_remote(engine, &remote) || engine->settings->remote_count < 2)
		return;
	line(out, "newest remote:", "%s port %u, priority %u",
		engine->settings->remotes[remote.index].host,
		engine->settings->remotes[remote.index].port,
		engine->settings->remotes[remote.index].priority);
	if (remote.probes)
		write_preferred(out, view, &remote);
}
