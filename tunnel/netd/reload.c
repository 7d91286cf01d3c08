/* SPDX-License-Identifier: Apache-2.0 */
#include "netd/reload.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/array.h"
#include "base/container.h"
#include "base/error_text.h"
#include "base/file.h"
#include "base/log.h"
#include "netd/engine_plan.h"

/* A sealed copy is a few kilobytes, so two are compared by reading both. */
static bool same_bytes(int a, int b)
{
	char *first = NULL, *second = NULL;
	size_t first_len = 0, second_len = 0;
	bool same = false;

	if (a < 0 || b < 0)
		return a < 0 && b < 0;
	if (file_read_fd(a, &first, &first_len) == 0 && file_read_fd(b, &second, &second_len) == 0)
		same = first_len == second_len && memcmp(first, second, first_len) == 0;
	if (first)
		explicit_bzero(first, first_len);
	if (second)
		explicit_bzero(second, second_len);
	free(first);
	free(second);
	return same;
}

/* Notes the files whose bytes have changed behind the same name. */
static void note_files(const struct sealed_files *before, const struct sealed_files *after,
	struct configuration_changes *changes)
{
	const struct {
		const char *what;
		int before, after;
	} files[] = {
		{ "the file of certificate", before->certificate, after->certificate },
		{ "the file of key", before->key, after->key },
		{ "the file of ca", before->ca, after->ca },
		{ "the file of crl", before->crl, after->crl },
	};

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		if (!same_bytes(files[i].before, files[i].after))
			configuration_changes_note(changes, files[i].what);
	}
}

static uint32_t now_s(void)
{
	return (uint32_t)(mono_now().ns / DURATION_S(1).ns);
}

void reload_init(struct reload *reload)
{
	reload->load = (struct request_load){ .number = 1, .at_s = now_s() };
	reload->next_files = (struct sealed_files){ -1, -1, -1, -1, -1 };
}

static void drop(struct reload *reload)
{
	if (!reload->pending)
		return;
	reload->pending = false;
	loop_timer_stop(reload->loop, &reload->deadline);
	engine_files_drop_change(&reload->listeners);
	sealed_files_close(&reload->next_files);
	configuration_free(&reload->next);
}

void reload_free(struct reload *reload)
{
	if (reload->loop)
		drop(reload);
}

/* ---- the first phase: netd examines ---- */

/* The engine must be able to answer, or there must be none. */
static int check_state(const struct reload *reload, struct problem *problem)
{
	if (!reload->role) {
		problem_set(problem,
			"culvert run keeps the profile that it was started with; start it again to use the new one");
		return -EOPNOTSUPP;
	}
	if (reload->pending) {
		problem_set(problem, "another reload is in progress; try again in a moment");
		return -EBUSY;
	}
	if (reload->unanswered) {
		problem_set(problem,
			"the engine has not answered the last reload yet; try again in a moment");
		return -EBUSY;
	}
	if (reload->engine->state != ENGINE_RUNNING && reload->engine->state != ENGINE_WAITING) {
		problem_set(problem, "the engine is starting or ending; try again in a moment");
		return -EBUSY;
	}
	return 0;
}

/* Loads and examines the file. */
static int load_next(struct reload *reload, struct problem *problem)
{
	struct configuration *next = &reload->next;
	int r = configuration_load(next, reload->role, reload->live->path, problem);

	return r < 0
		? r
		: configuration_prepare_again(next, reload->role, reload->live->settings, problem);
}

/* Loads the live configuration once more, and examines the files that it names. */
static int load_files(struct reload *reload, struct problem *problem)
{
	const struct configuration *live = reload->live;
	struct configuration *next = &reload->next;
	int r;

	*next = (struct configuration){ .path = live->path, .len = live->len };
	next->text = malloc(live->len + 1);
	if (!next->text) {
		problem_set(problem, "out of memory");
		return -ENOMEM;
	}
	memcpy(next->text, live->text, live->len);
	next->text[live->len] = '\0';
	r = configuration_parse(next, reload->role, problem);
	return r < 0 ? r : configuration_prepare_files(next, reload->role, live->settings, problem);
}

/* Loads and examines what is new, and makes copies. */
static int read_next(struct reload *reload, struct problem *problem)
{
	struct configuration *next = &reload->next;
	int r = reload->scope == RELOAD_FILES ? load_files(reload, problem)
					      : load_next(reload, problem);

	if (r == 0)
		r = sealed_files_open(next->settings, next->path, next->text, next->len,
			&reload->next_files, problem);
	return r;
}

/* Finds what has changed. *ret_nothing: nothing. -EPERM: a change needs a restart. */
static int compare(struct reload *reload, bool *ret_nothing, struct problem *problem)
{
	struct configuration_changes changes = { .count = 0 };
	const struct settings *before = reload->live->settings, *after = reload->next.settings;
	int r = reload->role->compare(before, after, &changes);

	if (r < 0) {
		problem_set(problem, "out of memory");
		return r;
	}
	if (changes.restart[0] != '\0') {
		problem_set(problem,
			"%s: %s: a change of %s needs a restart, so nothing of the file was applied; restart the program, or take the change back and reload again%s",
			reload->next.path, changes.restart,
			changes.restart_count > 1 ? "these keys" : "this key",
			changes.pool_restart
				? "; without a restart a pool can only grow behind the same first address"
				: "");
		return -EPERM;
	}
	note_files(reload->files, &reload->next_files, &changes);
	*ret_nothing = changes.count == 0;
	reload->next_load = (struct request_load){
		.number = reload->load.number + 1,
		.at_s = now_s(),
	};
	configuration_changes_format(
		&changes, reload->next_load.changed, sizeof(reload->next_load.changed));
	return 0;
}

/* ---- the second phase: both switch ---- */

/*
 * netd switches. The contents of the settings are exchanged in their place; text and copies are
 * those of the new configuration.
 */
static void switch_over(struct reload *reload, struct problem *lack)
{
	struct configuration *live = reload->live, *next = &reload->next;
	char *text = live->text;
	size_t len = live->len;
	struct sealed_files files = *reload->files;

	log_notice("configuration %u -> %u: %s", reload->load.number, reload->next_load.number,
		reload->next_load.changed);
	reload->events->leave(reload);
	live->text = next->text;
	live->len = next->len;
	next->text = text;
	next->len = len;
	settings_exchange(live->settings, next->settings);
	*reload->files = reload->next_files;
	reload->next_files = files;
	engine_files_commit_change(reload->engine_files, &reload->listeners);
	reload->load = reload->next_load;
	engine_plan_files(reload->plan, reload->files, reload->engine_files);
	log_set_level(live->settings->log_level);
	problem_set(lack, "%s", "");
	reload->events->apply(reload, next->settings, lack);
	drop(reload);
}

static void begin_again(struct loop_timer *timer)
{
	reload_ask(container_of(timer, struct reload, deadline), "reload");
}

/* Not at once: the engine first has to read the reply of now. */
static void begin_pending(struct reload *reload)
{
	if (!reload->again || reload->pending || reload->unanswered)
		return;
	reload->again = false;
	loop_timer_start(reload->loop, &reload->deadline, mono_now(), begin_again);
}

static void answer_overdue(struct loop_timer *timer)
{
	struct reload *reload = container_of(timer, struct reload, deadline);

	log_error("reload: the engine did not answer within %d s; nothing has changed",
		RELOAD_ANSWER_S);
	drop(reload);
	reload->unanswered = true; /* what waits begins when the answer is there */
}

static int send_to_engine(struct reload *reload, struct problem *problem)
{
	struct request request = { .type = REQUEST_RECONFIGURE };
	struct engine_plan plan = { .fd_count = 0 };
	struct engine_files fresh = { .control = -1, .state = -1, .issuer = -1 };
	int r;

	for (size_t i = 0; i < reload->listeners.count; i++) {
		if (reload->listeners.fresh[i])
			fresh.listeners[fresh.listener_count++] = reload->listeners.listeners[i];
	}
	engine_plan_files(&plan, &reload->next_files, &fresh);
	request.reconfigure.fd_count = (uint8_t)plan.fd_count;
	memcpy(request.reconfigure.fd_kind, plan.fd_kind, plan.fd_count);
	request.reconfigure.load = reload->next_load;
	r = engine_process_reconfigure(reload->engine, &request, plan.fd, plan.fd_count);
	if (r < 0)
		problem_set(problem, "cannot send the new configuration to the engine: %s",
			error_text(r));
	return r;
}

static int begin(
	struct reload *reload, enum reload_scope scope, bool *ret_nothing, struct problem *problem)
{
	bool nothing = false;
	int r = check_state(reload, problem);

	if (r < 0)
		return r;
	reload->pending = true;
	reload->scope = scope;
	r = read_next(reload, problem);
	if (r == 0)
		r = compare(reload, &nothing, problem);
	if (r == 0 && !nothing)
		r = engine_files_plan_change(
			reload->engine_files, reload->next.settings, &reload->listeners, problem);
	if (r == 0 && scope == RELOAD_NOTHING && !nothing) {
		problem_set(problem, "configuration %u would change: %s", reload->load.number,
			reload->next_load.changed);
		drop(reload);
		return 0;
	}
	if (r == 0 && !nothing && reload->engine->state == ENGINE_RUNNING)
		r = send_to_engine(reload, problem);
	if (r < 0 || nothing) {
		if (r == 0)
			problem_set(problem, "nothing has changed: configuration %u stays",
				reload->load.number);
		drop(reload);
	} else if (reload->engine->state == ENGINE_RUNNING) {
		loop_timer_start(reload->loop, &reload->deadline,
			mono_add(mono_now(), DURATION_S(RELOAD_ANSWER_S)), answer_overdue);
	} else {
		switch_over(reload, problem); /* the next engine gets it at its start */
	}
	if (r == 0)
		*ret_nothing = nothing;
	return r;
}

int reload_begin(struct reload *reload, bool *ret_nothing, struct problem *problem)
{
	return begin(reload, RELOAD_ALL, ret_nothing, problem);
}

int reload_begin_files(struct reload *reload, bool *ret_nothing, struct problem *problem)
{
	return begin(reload, RELOAD_FILES, ret_nothing, problem);
}

int reload_check(struct reload *reload, struct problem *problem)
{
	bool nothing = false;

	return begin(reload, RELOAD_NOTHING, &nothing, problem);
}

void reload_ask(struct reload *reload, const char *why)
{
	struct problem problem = { .text = "" };
	bool nothing = false;
	int r = reload_begin(reload, &nothing, &problem);

	if (r == -EBUSY) {
		reload->again = true;
		log_info("%s: reading the configuration as soon as the engine can take it", why);
	} else if (r < 0) {
		log_error("%s: nothing has changed: %s", why, problem.text);
	} else if (nothing) {
		log_info("%s: %s", why, problem.text);
	}
}

int reload_confirm(struct reload *reload, const struct request_reconfigured *confirmed,
	struct problem *problem)
{
	int r = confirmed->error > INT_MAX ? -EINVAL : -(int)confirmed->error;

	if (!reload->pending || confirmed->number != reload->next_load.number) {
		problem_set(problem, "netd has given up that configuration, as it took too long");
		reload->unanswered = false;
		begin_pending(reload);
		return -ESTALE;
	}
	if (r < 0) {
		problem_set(problem, "%s", confirmed->text);
		log_error("reload: nothing has changed: %s", confirmed->text);
		drop(reload);
	} else {
		switch_over(reload, problem);
		r = problem->text[0] != '\0';
	}
	begin_pending(reload);
	return r;
}

void reload_engine_ready(struct reload *reload)
{
	begin_pending(reload);
}

void reload_engine_ended(struct reload *reload)
{
	reload->unanswered = false;
	if (!reload->pending)
		return;
	drop(reload);
	if (reload->scope == RELOAD_FILES)
		return;
	log_warning("reload: the engine ended meanwhile; beginning again with the next one");
	reload->again = true;
}
