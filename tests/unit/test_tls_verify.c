/* SPDX-License-Identifier: Apache-2.0 */
/* check: no-valgrind */
/* Dozens of handshakes: half a minute there, nearly all of it in libcrypto; test_tls has some, the sanitizers see all. */
/* Dates, issuers and revocation: what is refused, and what both ends say about it. */
#include "tests/unit/unit.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "system/tls.h"
#include "tests/unit/tls_ends.h"
#include "tests/unit/tls_fixture.h"

enum { DAY = 86400 };

/* "2026-11-02", so many seconds from now. */
static const char *date(char out[static 16], long seconds)
{
	time_t when = time(NULL) + seconds;
	struct tm tm;

	ck_assert_uint_gt(strftime(out, 16, "%Y-%m-%d", gmtime_r(&when, &tm)), 0);
	return out;
}

/* ---- dates ---- */

START_TEST(expired)
{
	struct fixture_spec spec = { .common = { { .data = "branch-a" } },
		.usage = "clientAuth,serverAuth",
		.from = -90L * DAY,
		.until = -30L * DAY };
	struct fixture_pair pair = fixture_issue(&pki.ca, &spec);
	char words[192], day[16], today[16];

	snprintf(words, sizeof(words),
		"certificate of branch-a expired on %s; renew it with culvert-pki renew branch-a, unless this host's clock is wrong (it says %s)",
		date(day, -30L * DAY), date(today, 0));
	end_assert_refuses(pki.server_context, false, &pair, words, SSL_AD_CERTIFICATE_EXPIRED);
	end_assert_refuses(pki.client_context, true, &pair, words, SSL_AD_CERTIFICATE_EXPIRED);
	fixture_free(&pair);
}
END_TEST

START_TEST(expired_with_a_bad_name)
{
	struct fixture_spec spec = { .common = { { .data = "x; rm -rf /\n" } },
		.usage = "clientAuth",
		.from = -90L * DAY,
		.until = -30L * DAY };
	struct fixture_pair pair = fixture_issue(&pki.ca, &spec);

	/* No command to type where the name is not one. */
	end_assert_refuses(pki.server_context, false, &pair,
		"certificate of \"x; rm -rf /\\x0a\" expired on", SSL_AD_CERTIFICATE_EXPIRED);
	end_assert_refuses(pki.server_context, false, &pair, "; it has to be replaced",
		SSL_AD_CERTIFICATE_EXPIRED);
	fixture_free(&pair);
}
END_TEST

START_TEST(not_yet_valid)
{
	struct fixture_spec spec = { .common = { { .data = "branch-a" } },
		.usage = "clientAuth,serverAuth",
		.from = 30L * DAY,
		.until = 90L * DAY };
	struct fixture_pair pair = fixture_issue(&pki.ca, &spec);
	char words[128], day[16];

	snprintf(words, sizeof(words), "certificate of branch-a is valid only from %s",
		date(day, 30L * DAY));
	end_assert_refuses(pki.server_context, false, &pair, words, SSL_AD_BAD_CERTIFICATE);
	end_assert_refuses(
		pki.client_context, true, &pair, "check the clock", SSL_AD_BAD_CERTIFICATE);
	fixture_free(&pair);
}
END_TEST

START_TEST(ca_expired)
{
	struct fixture_spec old_spec = { .common = { { .data = "Old CA" } },
		.is_ca = true,
		.from = -90L * DAY,
		.until = -1L * DAY };
	struct fixture_pair old = fixture_issue(NULL, &old_spec);
	struct fixture_pair leaf = fixture_client(&old, "branch-a");
	struct tls_context *context = fixture_context(TLS_SERVER, &pki.server_pair, &old, NULL);

	end_assert_refuses(context, false, &leaf, "certificate of the CA \"Old CA\" expired on",
		SSL_AD_CERTIFICATE_EXPIRED);
	tls_context_unref(context);
	fixture_free(&old);
	fixture_free(&leaf);
}
END_TEST

/* ---- issuers ---- */

/* Both ends ours: both say why. */
static void assert_both_say(struct tls_context *client_with, struct tls_context *server_with,
	const char *server_words, const char *client_words)
{
	struct end *client = end_new(client_with), *server = end_new(server_with);

	ends_converse(client, server);
	ck_assert_int_eq(server->error, -EPROTO);
	ck_assert_int_eq(client->error, -EPROTO);
	end_assert_says(server, server_words);
	end_assert_says(client, client_words);
	end_free(client);
	end_free(server);
}

START_TEST(unknown_issuer)
{
	struct fixture_pair other = fixture_ca("Other CA");
	struct fixture_pair pair = fixture_client(&other, "branch-a");
	struct fixture_pair hub = fixture_server(&other, "hub");
	struct tls_context *client_with = fixture_context(TLS_CLIENT, &pair, &pki.ca, NULL);
	struct tls_context *server_with = fixture_context(TLS_SERVER, &hub, &pki.ca, NULL);

	assert_both_say(client_with, pki.server_context,
		"certificate of branch-a was issued by \"Other CA\", which is not in our ca file",
		"the other end refused our certificate: its issuer is not in the ca file");
	assert_both_say(pki.client_context, server_with,
		"the other end refused our certificate: its issuer is not in the ca file",
		"certificate of hub was issued by \"Other CA\", which is not in our ca file; use a certificate of our CA there; add that CA only if it is yours");
	tls_context_unref(client_with);
	tls_context_unref(server_with);
	fixture_free(&other);
	fixture_free(&pair);
	fixture_free(&hub);
}
END_TEST

START_TEST(self_signed)
{
	struct fixture_spec spec = { .common = { { .data = "branch-a" } }, .usage = "clientAuth" };
	struct fixture_pair pair = fixture_issue(NULL, &spec);

	end_assert_refuses(pki.server_context, false, &pair,
		"certificate of branch-a is signed by its own key and by no CA", SSL_AD_UNKNOWN_CA);
	fixture_free(&pair);
}
END_TEST

START_TEST(issuer_of_the_same_name)
{
	struct fixture_pair forged = fixture_ca("Test CA");
	struct fixture_pair pair = fixture_client(&forged, "branch-a");
	struct end *ours = end_new(pki.server_context);
	struct end *theirs = end_new_raw(false, &pair, &raw_plain);

	ends_converse(theirs, ours);
	ck_assert_int_eq(ours->error, -EPROTO);
	end_assert_says(ours,
		"certificate of branch-a is not signed by the CA \"Test CA\" in our ca file, only by one of that name");
	end_free(ours);
	end_free(theirs);
	fixture_free(&forged);
	fixture_free(&pair);
}
END_TEST

START_TEST(issued_by_a_peer)
{
	struct fixture_spec spec = { .common = { { .data = "fake" } }, .usage = "clientAuth" };
	struct fixture_pair pair = fixture_issue(&pki.client_pair, &spec);

	end_assert_refuses(pki.server_context, false, &pair,
		"certificate of fake was issued by \"branch-a\"", SSL_AD_UNKNOWN_CA);
	fixture_free(&pair);
}
END_TEST

START_TEST(no_certificate)
{
	end_assert_refuses(pki.server_context, false, NULL, "the other end sent no certificate",
		SSL_AD_CERTIFICATE_REQUIRED);
}
END_TEST

START_TEST(weak_key)
{
	struct fixture_spec spec = {
		.common = { { .data = "branch-a" } }, .usage = "clientAuth", .weak = true
	};
	struct fixture_pair pair = fixture_issue(&pki.ca, &spec);
	struct end *ours = end_new(pki.server_context);
	struct end *theirs = end_new_raw(false, &pair, &raw_plain);

	ends_converse(theirs, ours);
	ck_assert_int_eq(ours->error, -EPROTO);
	end_assert_says(ours, "too short");
	end_free(ours);
	end_free(theirs);
	fixture_free(&pair);
}
END_TEST

/* ---- revocation ---- */

START_TEST(revoked)
{
	struct view crl = fixture_crl_text(&pki.ca, &pki.client_pair, -DAY, DAY);
	struct tls_context *context = fixture_context(TLS_SERVER, &pki.server_pair, &pki.ca, &crl);
	struct fixture_pair good = fixture_client(&pki.ca, "branch-b");
	struct end *ours = end_new(context), *theirs = end_new_raw(false, &good, &raw_plain);
	char words[128], day[16];

	snprintf(words, sizeof(words),
		"certificate of branch-a was revoked on %s; only to admit it again: "
		"culvert-pki renew branch-a",
		date(day, -DAY));
	assert_both_say(pki.client_context, context, words,
		"the other end refused our certificate: it has been revoked");
	ends_converse(theirs, ours);
	ck_assert_msg(ours->established, "%s", ours->problem.text);
	end_free(ours);
	end_free(theirs);
	fixture_free(&good);
	tls_context_unref(context);
	fixture_text_free(&crl);
}
END_TEST

static struct tls_context *context_with_list(const struct view *crl, bool current)
{
	struct tls_material material = {
		.certificate = fixture_certificate_text(&pki.server_pair),
		.key = fixture_key_text(&pki.server_pair, NULL),
		.ca = fixture_certificate_text(&pki.ca),
		.crl = *crl,
		.crl_current = current,
	};
	struct tls_context *context = NULL;
	struct problem problem = { "" };

	ck_assert_msg(tls_context_new(TLS_SERVER, &material, &context, &problem) == 0, "%s",
		problem.text);
	fixture_text_free(&material.certificate);
	fixture_text_free(&material.key);
	fixture_text_free(&material.ca);
	return context;
}

START_TEST(crl_expired)
{
	struct view crl = fixture_crl_text(&pki.ca, NULL, -2L * DAY, -DAY);
	struct tls_context *context = context_with_list(&crl, true);
	char words[128], day[16];

	/* It must not look like an expired certificate at the other end. */
	snprintf(words, sizeof(words), "our revocation list of \"Test CA\" expired on %s",
		date(day, -DAY));
	assert_both_say(
		pki.client_context, context, words, "the other end failed for a reason of its own");
	tls_context_unref(context);
	fixture_text_free(&crl);
}
END_TEST

static void assert_stays_in_force(long from, long until)
{
	struct fixture_pair pair = fixture_client(&pki.ca, "branch-b");
	struct fixture_pair gone = fixture_client(&pki.ca, "branch-c");
	struct view crl = fixture_crl_text(&pki.ca, &gone, from, until);
	struct tls_context *context = context_with_list(&crl, false);
	struct problem problem = { "" };

	ck_assert_int_eq(tls_context_check_dates(context, &problem), 0);
	for (int i = 0; i < 2; i++) {
		struct end *ours = end_new(context);
		struct end *theirs = end_new_raw(false, &pair, &raw_plain);
		bool told;

		ends_converse(theirs, ours);
		ck_assert_msg(ours->established, "%s", ours->problem.text);
		told = strstr(tls_peer_notice(ours->tls),
			       "no list of \"Test CA\" in crl is valid now;") != NULL;
		ck_assert_msg(told == (i == 0), "%s", tls_peer_notice(ours->tls));
		end_free(ours);
		end_free(theirs);
	}
	end_assert_refuses(context, false, &gone, "certificate of branch-c is revoked",
		SSL_AD_CERTIFICATE_REVOKED);
	tls_context_unref(context);
	fixture_text_free(&crl);
	fixture_free(&pair);
	fixture_free(&gone);
}

/* What it revokes is refused, and for the rest there is one notice. */
START_TEST(crl_outside_its_dates)
{
	assert_stays_in_force(-2L * DAY, -DAY);
	assert_stays_in_force(DAY, 2L * DAY);
}
END_TEST

START_TEST(crl_of_another_issuer_only)
{
	/* During a change of CA there may be a list of one alone: that is told, or refused. */
	struct fixture_pair second = fixture_ca("Second CA");
	struct fixture_pair pair = fixture_client(&second, "branch-b");
	struct tls_material material = {
		.certificate = fixture_certificate_text(&pki.server_pair),
		.key = fixture_key_text(&pki.server_pair, NULL),
		.ca = fixture_join(
			fixture_certificate_text(&pki.ca), fixture_certificate_text(&second)),
		.crl = fixture_crl_text(&pki.ca, NULL, -DAY, DAY),
	};
	struct tls_context *context = NULL;
	struct problem problem = { "" };
	struct end *ours, *theirs;

	ck_assert_msg(tls_context_new(TLS_SERVER, &material, &context, &problem) == 0, "%s",
		problem.text);
	ours = end_new(context);
	theirs = end_new_raw(false, &pair, &raw_plain);
	ends_converse(theirs, ours);
	ck_assert_msg(ours->established, "%s", ours->problem.text);
	ck_assert_msg(
		strstr(tls_peer_notice(ours->tls), "no revocation list of \"Second CA\",") != NULL,
		"%s", tls_peer_notice(ours->tls));
	end_free(ours);
	end_free(theirs);
	tls_context_unref(context);
	material.crl_strict = true;
	ck_assert_int_eq(tls_context_new(TLS_SERVER, &material, &context, &problem), -EINVAL);
	ck_assert_msg(
		strstr(problem.text,
			"crl_missing: crl has no revocation list of the CA \"Second CA\"") != NULL,
		"%s", problem.text);
	fixture_text_free(&material.certificate);
	fixture_text_free(&material.key);
	fixture_text_free(&material.ca);
	fixture_text_free(&material.crl);
	fixture_free(&second);
	fixture_free(&pair);
}
END_TEST

static Suite *suite(void)
{
	const TTest *dates[] = { expired, expired_with_a_bad_name, not_yet_valid, ca_expired };
	const TTest *issuers[] = { unknown_issuer, self_signed, issuer_of_the_same_name,
		issued_by_a_peer, no_certificate, weak_key };
	const TTest *revocation[] = { revoked, crl_expired, crl_outside_its_dates,
		crl_of_another_issuer_only };
	Suite *made = suite_create("tls_verify");

	pki_add(made, "dates", dates, ARRAY_SIZE(dates));
	pki_add(made, "issuers", issuers, ARRAY_SIZE(issuers));
	pki_add(made, "revocation", revocation, ARRAY_SIZE(revocation));
	return made;
}

int main(void)
{
	return unit_run("tls_verify", suite());
}
