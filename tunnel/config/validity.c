/* SPDX-License-Identifier: Apache-2.0 */
#include "config/validity.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "base/array.h"

enum { DAY_S = 86400, DATE_MAX = 32, WHAT_MAX = TLS_TERM_NAME_MAX + 64 };

/* The stages with so much left, the longest first. */
static const struct {
	enum validity_stage stage;
	int64_t left;
} ahead[] = {
	{ VALIDITY_MONTH, INT64_C(30) * DAY_S },
	{ VALIDITY_WEEK, INT64_C(7) * DAY_S },
	{ VALIDITY_DAY, DAY_S },
};

enum validity_stage validity_judge(int64_t from, int64_t until, int64_t now)
{
	enum validity_stage stage = VALIDITY_GOOD;
	int64_t left = until - now, life = until - from;

	if (now < from)
		return VALIDITY_TO_COME;
	if (until == 0)
		return VALIDITY_GOOD;
	if (left <= 0)
		return VALIDITY_ENDED;
	if (life < INT64_C(3) * DAY_S)
		return left <= life / 6 ? VALIDITY_DAY : VALIDITY_GOOD;
	for (size_t i = 0; i < ARRAY_SIZE(ahead); i++) {
		if (left <= ahead[i].left && left <= life / 3)
			stage = ahead[i].stage;
	}
	return stage;
}

const char *validity_stage_text(enum validity_stage stage)
{
	static const char *const texts[VALIDITY_STAGE_COUNT] = {
		[VALIDITY_GOOD] = "good",
		[VALIDITY_MONTH] = "month",
		[VALIDITY_WEEK] = "week",
		[VALIDITY_DAY] = "day",
		[VALIDITY_ENDED] = "expired",
		[VALIDITY_TO_COME] = "not yet",
	};

	return stage < VALIDITY_STAGE_COUNT ? texts[stage] : "unknown";
}

static const char *date_text(char out[static DATE_MAX], int64_t seconds)
{
	time_t moment = (time_t)seconds;
	struct tm utc;

	if (!gmtime_r(&moment, &utc) || strftime(out, DATE_MAX, "%Y-%m-%d %H:%M UTC", &utc) == 0)
		(void)snprintf(out, DATE_MAX, "an unknown date");
	return out;
}

static const char *what_text(char out[static WHAT_MAX], const struct tls_term *term)
{
	static const char *const forms[] = {
		[TLS_TERM_CERTIFICATE] = "certificate: that of",
		[TLS_TERM_CA] = "ca: the certificate of",
		[TLS_TERM_LIST] = "crl: the list of",
	};

	(void)snprintf(out, WHAT_MAX, "%s %s", forms[term->kind], term->name);
	return out;
}

static const char *cure_text(enum tls_term_kind kind, bool ended, bool current)
{
	switch (kind) {
	case TLS_TERM_CERTIFICATE:
		return "renew it, for example with culvert-pki renew";
	case TLS_TERM_CA:
		return ended ? "what it has issued is refused; replace it (culvert-pki rollover)"
			     : "what it has issued ends with it; replace it (culvert-pki rollover)";
	case TLS_TERM_LIST:
		break;
	}
	if (!ended)
		return "put a new one there (culvert-pki crl)";
	return current
		? "each certificate of that CA is refused (crl_expired); put a new one there (culvert-pki crl)"
		: "it stays in force, and later revocations are not known; put a new one there (culvert-pki crl)";
}

void validity_explain(
	const struct tls_term *term, int64_t now, bool current, struct problem *ret_text)
{
	enum validity_stage stage = validity_judge(term->from, term->until, now);
	char what[WHAT_MAX], date[DATE_MAX];
	int64_t left = term->until - now;

	what_text(what, term);
	ret_text->text[0] = '\0';
	if (stage == VALIDITY_GOOD)
		return;
	if (stage == VALIDITY_TO_COME)
		problem_set(ret_text, "%s is valid only from %s; check the clock of this host",
			what, date_text(date, term->from));
	else if (stage == VALIDITY_ENDED)
		problem_set(ret_text, "%s expired on %s, or this host's clock is wrong: %s", what,
			date_text(date, term->until), cure_text(term->kind, true, current));
	else if (left <= DAY_S)
		problem_set(ret_text, "%s ends in less than %" PRId64 " hours, on %s: %s", what,
			left / 3600 + 1, date_text(date, term->until),
			cure_text(term->kind, false, current));
	else
		problem_set(ret_text, "%s ends in less than %" PRId64 " days, on %s: %s", what,
			left / DAY_S + 1, date_text(date, term->until),
			cure_text(term->kind, false, current));
}
