/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/engine_reload.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/container.h"
#include "base/error_text.h"
#include "base/log.h"
#include "engine/delivery.h"
#include "engine/engine.h"

void engine_reload_init(struct engine_reload *reload, struct engine *engine)
{
	*reload = (struct engine_reload){ .engine = engine };
}

static void drop_next(struct engine_next *next)
{
	for (size_t i = 0; i < next->listener_count; i++)
		close(next->listeners[i]);
	tls_context_unref(next->tls);
	settings_free(next->settings);
	*next = (struct engine_next){ .settings = NULL };
}

void engine_reload_free(struct engine_reload *reload)
{
	drop_next(&reload->next);
	reload->done = NULL;
}

void engine_reload_forget(struct engine_reload *reload)
{
	reload->done = NULL;
}

/* Reports the outcome to the caller that asked for the reload, if it is still there. */
static void finish(struct engine_reload *reload, enum exit_code code, const char *text)
{
	void (*done)(struct engine_reload *, enum exit_code, const char *) = reload->done;

	reload->done = NULL;
	if (done)
		done(reload, code, text);
}

/*
 * netd has refused, or has found no change. Else it has sent a RECONFIGURE, which comes before this
 * reply or after it.
 */
static void asked_answered(
	struct netd_call *call, const struct request_reply *reply, const int *fds, size_t fd_count)
{
	struct engine_reload *reload = container_of(call, struct engine_reload, asked);

	netd_link_close_fds(fds, fd_count);
	if (reply->error != 0)
		finish(reload, EXIT_CODE_CONFIG, reply->text);
	else if (reply->text[0] != '\0')
		finish(reload, EXIT_CODE_OK, reply->text);
}

int engine_reload_ask(struct engine_reload *reload, bool only_check,
	void (*done)(struct engine_reload *reload, enum exit_code code, const char *text))
{
	struct request request = { .type = REQUEST_RELOAD, .reload.only_check = only_check };
	int r = reload->done ? -EBUSY
			     : netd_link_ask(reload->engine->world.netd, &reload->asked, &request,
				       asked_answered);

	if (r == 0)
		reload->done = done;
	return r;
}

/* ---- the switch ---- */

/*
 * The contents of the settings are exchanged in their place. Sessions and the role follow while
 * both exist.
 */
static void switch_over(struct engine_reload *reload)
{
	struct engine *engine = reload->engine;
	struct engine_next next = reload->next;
	struct tls_context *past = engine->tls;

	reload->next = (struct engine_next){ .settings = NULL };
	log_notice("configuration %u -> %u: %s", engine->load.number, next.load.number,
		next.load.changed);
	settings_exchange(engine->settings, next.settings);
	engine->tls = next.tls;
	engine->load = next.load;
	engine->world.identity = tls_context_identity(engine->tls);
	log_set_level(engine->settings->log_level);
	engine_follow_settings(engine, next.settings);
	/* Only now: the role has closed those that the settings have no more. */
	if (engine->role->listener) {
		for (size_t i = 0; i < next.listener_count; i++)
			engine->role->listener(engine, next.listeners[i]);
		next.listener_count = 0;
	}
	next.tls = past; /* lanes keep it as long as they live */
	drop_next(&next);
}

static void confirmed_answered(
	struct netd_call *call, const struct request_reply *reply, const int *fds, size_t fd_count)
{
	struct engine_reload *reload = container_of(call, struct engine_reload, confirmed);
	struct request_load load = reload->next.load;
	char text[2 * REQUEST_TEXT_MAX + 64];
	bool lacks = reply->text[0] != '\0'; /* netd says what it could not put in force */

	netd_link_close_fds(fds, fd_count);
	if (reply->error != 0) {
		drop_next(&reload->next);
		finish(reload, EXIT_CODE_CONFIG, reply->text);
		return;
	}
	switch_over(reload);
	(void)snprintf(text, sizeof(text), "configuration %u is in force%s%s: %s", load.number,
		lacks ? ", except for this: " : "", lacks ? reply->text : "", load.changed);
	finish(reload, lacks ? EXIT_CODE_FAILURE : EXIT_CODE_OK, text);
}

/* Loads what came. On failure *problem says why, and nothing waits. */
static int load_next(struct engine_reload *reload, const struct request_reconfigure *reconfigure,
	const int *fds, size_t fd_count, struct problem *problem)
{
	struct engine *engine = reload->engine;
	struct engine_next *next = &reload->next;
	struct delivery delivery;
	int r;

	delivery_sort(&delivery, reconfigure->fd_kind, reconfigure->fd_count, fds, fd_count);
	if (fd_count != reconfigure->fd_count) {
		problem_set(problem,
			"the engine received %zu of netd's %u files: the limit of open files is too low; raise LimitNOFILE= or \"ulimit -n\"",
			fd_count, (unsigned)reconfigure->fd_count);
		r = -EMFILE;
	} else {
		r = delivery_load(&delivery, &engine->role->configuration, engine->config_path,
			&next->settings, &next->tls, problem);
	}
	if (r == 0) {
		next->load = reconfigure->load;
		for (; next->listener_count < delivery.listener_count; next->listener_count++)
			next->listeners[next->listener_count] =
				delivery.listeners[next->listener_count];
		delivery.listener_count = 0;
	}
	delivery_close(&delivery);
	return r;
}

void engine_reload_take(struct engine_reload *reload, const struct request_reconfigure *reconfigure,
	const int *fds, size_t fd_count)
{
	struct request request = { .type = REQUEST_RECONFIGURED,
		.reconfigured.number = reconfigure->load.number };
	struct problem problem = { .text = "" };
	int r;

	drop_next(&reload->next); /* netd has given up the one before */
	r = load_next(reload, reconfigure, fds, fd_count, &problem);
	request.reconfigured.error = (uint32_t)-r;
	problem_escape_rest(request.reconfigured.text, sizeof(request.reconfigured.text),
		problem.text, strlen(problem.text));
	r = netd_link_ask(
		reload->engine->world.netd, &reload->confirmed, &request, confirmed_answered);
	if (r == 0)
		return;
	log_error("reload: cannot answer netd: %s; nothing has changed", error_text(r));
	drop_next(&reload->next);
	finish(reload, EXIT_CODE_FAILURE, "the engine cannot answer netd");
}
