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

/* `fresh`: these credentials have just been loaded. */
static void look_at_all(struct validity_watch *watch, bool fresh)
{
	struct validity_told now[TLS_TERMS_MAX];
	struct tls_term terms[TLS_TERMS_MAX];
	size_t count = tls_context_terms(watch->tls, terms, TLS_TERMS_MAX);

	for (size_t i = 0; i < count; i++) {
		const struct tls_term *term = &terms[i];
		enum validity_stage stage = validity_judge(term->from, term->until, wall_now());
		enum validity_stage before = told_of(watch, term);
		bool told = fresh && term->kind == TLS_TERM_CERTIFICATE && stage >= VALIDITY_ENDED;

		if (stage > before && !told)
			tell(watch, term, stage);
		now[i] = (struct validity_told){ .term = *term, .stage = stage };
	}
	memcpy(watch->told, now, count * sizeof(now[0]));
	watch->told_count = count;
}

static void look(struct loop_timer *timer)
{
	struct validity_watch *watch = container_of(timer, struct validity_watch, timer);

	look_at_all(watch, false);
	loop_timer_start(watch->loop, &watch->timer,
		mono_add(mono_now(), DURATION_S(VALIDITY_WATCH_S)), look);
}

void validity_watch_follow(struct validity_watch *watch, struct loop *loop,
	const struct settings *settings, const struct tls_context *tls)
{
	watch->loop = loop;
	watch->settings = settings;
	watch->tls = tls;
	look_at_all(watch, true);
	loop_timer_start(
		loop, &watch->timer, mono_add(mono_now(), DURATION_S(VALIDITY_WATCH_S)), look);
}

void validity_watch_stop(struct validity_watch *watch)
{
	if (watch->loop)
		loop_timer_stop(watch->loop, &watch->timer);
	watch->loop = NULL;
}
