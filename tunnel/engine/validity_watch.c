/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/validity_watch.h"

#include <string.h>

#include "base/container.h"
#include "base/log.h"
#include "base/wall_clock.h"

static enum validity_stage told_of(const struct validity_watch *watch, const struct tls_term *term)
{
	for (size_t i = 0; i < watch->told_count; i++) {
		const struct tls_term *told = &watch->told[i].term;

		if (told->kind == term->kind && told->from == term->from &&
			told->until == term->until && strcmp(told->name, term->name) == 0)
			return watch->told[i].stage;
	}
	return VALIDITY_GOOD;
}

static void tell(
	const struct validity_watch *watch, const struct tls_term *term, enum validity_stage stage)
{
	bool current = watch->settings->crl_expired == SETTINGS_CRL_REFUSE;
	struct problem text;

	validity_explain(term, wall_now(), current, &text);
	if (stage == VALIDITY_MONTH)
		log_notice("%s", text.text);
	else
		log_warning("%s", text.text);
}

/* A minute, or the time until something begins to be valid. */
static struct duration time_to_look(const struct validity_watch *watch)
{
	int64_t wait = VALIDITY_WATCH_S, now = wall_now();

	for (size_t i = 0; i < watch->told_count; i++) {
		int64_t until = watch->told[i].term.from - now;

		if (until > 0 && until < wait)
			wait = until;
	}
	return DURATION_S(wait);
}

/* `fresh`: these credentials have just been loaded. */
static void look_at_all(struct validity_watch *watch, bool fresh)
{
	struct validity_told now[TLS_TERMS_MAX];
	struct tls_term terms[TLS_TERMS_MAX];
	size_t count = tls_context_terms(watch->tls, terms, TLS_TERMS_MAX);
	bool began = false;

	for (size_t i = 0; i < count; i++) {
		const struct tls_term *term = &terms[i];
		enum validity_stage stage = validity_judge(term->from, term->until, wall_now());
		enum validity_stage before = told_of(watch, term);
		bool told = fresh && term->kind == TLS_TERM_CERTIFICATE && stage >= VALIDITY_ENDED;

		began = began || (before == VALIDITY_TO_COME && stage != before);
		if (stage > before && !told)
			tell(watch, term, stage);
		now[i] = (struct validity_told){ .term = *term, .stage = stage };
	}
	memcpy(watch->told, now, count * sizeof(now[0]));
	watch->told_count = count;
	if (began && watch->began)
		watch->began(watch);
}

static void look(struct loop_timer *timer)
{
	struct validity_watch *watch = container_of(timer, struct validity_watch, timer);

	look_at_all(watch, false);
	loop_timer_start(
		watch->loop, &watch->timer, mono_add(mono_now(), time_to_look(watch)), look);
}

void validity_watch_follow(struct validity_watch *watch, struct loop *loop,
	const struct settings *settings, const struct tls_context *tls)
{
	watch->loop = loop;
	watch->settings = settings;
	watch->tls = tls;
	look_at_all(watch, true);
	loop_timer_start(loop, &watch->timer, mono_add(mono_now(), time_to_look(watch)), look);
}

void validity_watch_stop(struct validity_watch *watch)
{
	if (watch->loop)
		loop_timer_stop(watch->loop, &watch->timer);
	watch->loop = NULL;
}
