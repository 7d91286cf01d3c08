/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/issuer.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "base/fingerprint.h"
#include "base/log.h"
#include "base/wall_clock.h"

int issuer_init(struct issuer *issuer, const struct settings *settings, struct tls_issuer *tls)
{
	*issuer = (struct issuer){ .settings = settings, .tls = tls };
	issuer->slots = calloc(ISSUER_SLOTS, sizeof(*issuer->slots));
	if (!issuer->slots ||
		getrandom(&issuer->fingerprint, sizeof(issuer->fingerprint), 0) !=
			(ssize_t)sizeof(issuer->fingerprint))
		return -ENOMEM;
	rate_init(&issuer->all, ISSUER_PER_SECOND, ISSUER_BURST,
		(struct mono){ .ns = wall_now() * 1000000000 });
	return 0;
}

void issuer_free(struct issuer *issuer)
{
	tls_issuer_free(issuer->tls);
	free(issuer->slots);
	*issuer = (struct issuer){ .tls = NULL };
}

/* ---- limits ---- */

static struct rate *slot_of(struct issuer *issuer, const struct identity *name, struct mono now)
{
	uint64_t hash = fingerprint_add(issuer->fingerprint, name->name, strlen(name->name));
	struct rate *slot = &issuer->slots[(hash ^ hash >> 32) % ISSUER_SLOTS];

	if (slot->burst == 0)
		rate_init(slot,
			ISSUER_PEER_PER_LIFETIME /
				duration_seconds(issuer->settings->issuer->lifetime),
			ISSUER_PEER_BURST, now);
	return slot;
}

static void set_text(struct issue_answer *answer, uint8_t verdict, const char *text)
{
	answer->verdict = verdict;
	(void)snprintf(answer->text, sizeof(answer->text), "%.*s", MESSAGE_TEXT_MAX, text);
}

static void set_wait(struct issue_answer *answer, struct duration wait)
{
	int64_t ms = duration_ms(wait) + 1;

	answer->retry_after_ms = ms < MESSAGE_LIFETIME_MS_MAX ? (uint32_t)ms
							      : (uint32_t)MESSAGE_LIFETIME_MS_MAX;
}

/* True: within the limits. */
static bool is_within(struct issuer *issuer, const struct identity *name, struct mono now,
	struct issue_answer *answer)
{
	struct rate *slot = slot_of(issuer, name, now);

	if (rate_take(slot, now))
		return true;
	set_text(answer, MESSAGE_VERDICT_LATER,
		"too many certificates were issued to this identity lately");
	set_wait(answer, rate_wait(slot, 1, now));
	return false;
}

/* ---- a request ---- */

/*
 * The certificate with these names has to be the session's, and admitted. The session has the name
 * of the entry that its certificate meets.
 */
static bool is_admitted(const struct issuer *issuer, const struct peer_names *names,
	const struct issue_request *request, const char *which, struct issue_answer *answer)
{
	const struct settings_peer *peer = NULL;
	struct problem problem = { 0 };
	struct identity name;
	char text[MESSAGE_TEXT_MAX + 1];

	if (settings_meet(issuer->settings, names, &name, &peer, &problem) < 0)
		(void)snprintf(text, sizeof(text), "the %s certificate is not admitted: %.150s",
			which, problem.text);
	else if (!identity_equal(&name, &request->name))
		(void)snprintf(text, sizeof(text), "the %s certificate is not that of this session",
			which);
	else
		return true;
	set_text(answer, MESSAGE_VERDICT_REFUSED, text);
	return false;
}

static const char *format_date(int64_t seconds, char out[static 32])
{
	time_t moment = (time_t)seconds;
	struct tm utc;

	if (!gmtime_r(&moment, &utc) || strftime(out, 32, "%Y-%m-%d %H:%M:%S UTC", &utc) == 0)
		(void)snprintf(out, 32, "an unknown date");
	return out;
}

/* An entry may pin the key, the certificate or the CA: then the next one would be locked out. */
static void issue(struct issuer *issuer, const struct tls_petition *petition,
	const struct issue_request *request, struct issue_answer *answer, char **ret_pem)
{
	const char *name = request->name.name;
	struct problem problem = { 0 };
	struct tls_issued issued;
	char date[32];

	if (tls_petition_issue(issuer->tls, petition, &issued, &problem) < 0) {
		log_error("%s: cannot issue its certificate: %s", name, problem.text);
		set_text(answer, MESSAGE_VERDICT_LATER,
			"the issuing CA cannot issue now; the server's log says why");
		set_wait(answer, DURATION_S(60));
		return;
	}
	if (!is_admitted(issuer, issued.names, request, "next", answer)) {
		log_warning("%s: cannot issue its certificate: %s", name, answer->text);
		tls_issued_free(&issued);
		return;
	}
	log_notice("%s: issued a certificate: serial %s, valid until %s", name, issued.serial,
		format_date(issued.not_after, date));
	answer->certificate = (struct view){ .data = (const uint8_t *)issued.pem,
		.len = issued.len };
	*ret_pem = issued.pem;
	issued.pem = NULL;
	tls_issued_free(&issued);
}

static void refuse(struct issuer *issuer, const struct issue_request *request, struct mono now,
	struct issue_answer *answer)
{
	/* Refusals cost the same, so that a flood of bad requests does not fill the log. */
	if (rate_take(slot_of(issuer, &request->name, now), now))
		log_warning(
			"%s: refused to issue a certificate: %s", request->name.name, answer->text);
}

void issuer_answer(struct issuer *issuer, const struct issue_request *request,
	struct issue_answer *ret_answer, char **ret_pem)
{
	struct mono now = { .ns = wall_now() * 1000000000 };
	struct tls_petition *petition = NULL;
	struct problem problem = { 0 };

	*ret_pem = NULL;
	*ret_answer = (struct issue_answer){ .number = request->number };
	if (!rate_take(&issuer->all, now)) {
		set_text(ret_answer, MESSAGE_VERDICT_LATER,
			"too many certificates are asked for at this time");
		set_wait(ret_answer, DURATION_S(10));
		return;
	}
	if (tls_petition_check(issuer->tls, &request->request, &petition, &problem) < 0) {
		set_text(ret_answer, MESSAGE_VERDICT_REFUSED, problem.text);
		refuse(issuer, request, now, ret_answer);
		return;
	}
	if (!is_admitted(issuer, tls_petition_names(petition), request, "present", ret_answer))
		refuse(issuer, request, now, ret_answer);
	else if (is_within(issuer, &request->name, now, ret_answer))
		issue(issuer, petition, request, ret_answer, ret_pem);
	tls_petition_free(petition);
}
