/* SPDX-License-Identifier: Apache-2.0 */
/* The issuing process's judgement: whose request, how often, and what the engine may not choose. */
#include "daemon/issuer.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "system/tls_request.h"
#include "tls_fixture.h"
#include "unit.h"

static struct fixture_pair ca, client, stranger, server;
static struct settings *settings;
static struct issuer issuer;
static int64_t wall;

/* Played, so that the limits can be tried out. */
int64_t wall_now(void)
{
	return wall;
}

static struct tls_issuer *make_tls(void)
{
	struct view certificate = fixture_certificate_text(&ca);
	struct view key = fixture_key_text(&ca, NULL);
	struct tls_issuer_material material = {
		.trust = fixture_context(TLS_SERVER, &server, &ca, NULL),
		.certificate = certificate,
		.key = key,
		.lifetime = 800,
	};
	struct problem problem = { 0 };
	struct tls_issuer *tls = NULL;

	ck_assert_msg(tls_issuer_new(&material, &tls, &problem) == 0, "%s", problem.text);
	tls_context_unref(material.trust);
	fixture_text_free(&certificate);
	fixture_text_free(&key);
	return tls;
}

static void setup(void)
{
	wall = (int64_t)time(NULL);
	ca = fixture_ca("Test CA");
	client = fixture_client(&ca, "branch-a");
	stranger = fixture_client(&ca, "stranger");
	server = fixture_server(&ca, "hub");
	ck_assert_int_eq(settings_new(SETTINGS_SERVER, &settings), 0);
	settings->peers = calloc(1, sizeof(*settings->peers));
	settings->peer_count = 1;
	ck_assert_int_eq(identity_set(&settings->peers[0].name, "branch-a", 8), 0);
	ck_assert_int_eq(settings_index(settings, NULL), 0);
	settings->issuer = calloc(1, sizeof(*settings->issuer));
	settings->issuer_count = 1;
	settings->issuer->lifetime = DURATION_S(800);
	ck_assert_int_eq(issuer_init(&issuer, settings, make_tls()), 0);
}

static void teardown(void)
{
	issuer_free(&issuer);
	settings_free(settings);
	fixture_free(&ca);
	fixture_free(&client);
	fixture_free(&stranger);
	fixture_free(&server);
}

/* Asks with the certificate of `pair`, in the session of `name`. */
static struct issue_answer ask(const struct fixture_pair *pair, const char *name)
{
	struct tls_context *context = fixture_context(TLS_CLIENT, pair, &ca, NULL);
	struct issue_request request = { .number = 5 };
	struct issue_answer answer;
	struct tls_request made;
	struct problem problem;
	char *pem;

	ck_assert_int_eq(identity_set(&request.name, name, strlen(name)), 0);
	ck_assert_int_eq(tls_request_make(context, &made, &problem), 0);
	request.request = (struct view){ .data = made.data, .len = made.len };
	issuer_answer(&issuer, &request, &answer, &pem);
	ck_assert_uint_eq(answer.number, 5);
	ck_assert_int_eq(pem != NULL, answer.verdict == MESSAGE_VERDICT_ISSUED);
	free(pem);
	answer.certificate.data = NULL;
	tls_request_free(&made);
	tls_context_unref(context);
	return answer;
}

START_TEST(it_issues_to_the_peer_of_the_session)
{
	ck_assert_uint_eq(ask(&client, "branch-a").verdict, MESSAGE_VERDICT_ISSUED);
}
END_TEST

START_TEST(the_engine_cannot_ask_for_another)
{
	struct issue_answer answer = ask(&client, "branch-b");

	ck_assert_uint_eq(answer.verdict, MESSAGE_VERDICT_REFUSED);
	ck_assert_ptr_nonnull(strstr(answer.text, "not that of this session"));
}
END_TEST

START_TEST(who_is_not_listed_gets_none)
{
	struct issue_answer answer = ask(&stranger, "stranger");

	ck_assert_uint_eq(answer.verdict, MESSAGE_VERDICT_REFUSED);
	ck_assert_ptr_nonnull(strstr(answer.text, "not admitted"));
	settings->unlisted = true;
	ck_assert_uint_eq(ask(&stranger, "stranger").verdict, MESSAGE_VERDICT_ISSUED);
}
END_TEST

/* The next certificate has another digest: it would be locked out. */
START_TEST(a_pinned_peer_is_not_renewed)
{
	struct issue_answer answer;
	unsigned char digest[32];
	char text[80] = "sha256:";
	struct problem problem = { 0 };

	ck_assert_int_eq(X509_digest(client.certificate, EVP_sha256(), digest, NULL), 1);
	for (size_t i = 0; i < sizeof(digest); i++)
		(void)snprintf(&text[7 + 2 * i], 3, "%02x", digest[i]);
	settings->peers[0].identity = strdup(text);
	settings_index_free(settings);
	ck_assert_msg(settings_index(settings, &problem) == 0, "%s", problem.text);
	answer = ask(&client, "branch-a");
	ck_assert_uint_eq(answer.verdict, MESSAGE_VERDICT_REFUSED);
	ck_assert_ptr_nonnull(strstr(answer.text, "next certificate"));
}
END_TEST

START_TEST(an_identity_has_its_limit)
{
	struct issue_answer answer;

	for (int i = 0; i < ISSUER_PEER_BURST; i++)
		ck_assert_uint_eq(ask(&client, "branch-a").verdict, MESSAGE_VERDICT_ISSUED);
	answer = ask(&client, "branch-a");
	ck_assert_uint_eq(answer.verdict, MESSAGE_VERDICT_LATER);
	ck_assert_uint_gt(answer.retry_after_ms, 90000);
	ck_assert_uint_le(answer.retry_after_ms, 100001);
	/* It has nothing to do with others. */
	settings->unlisted = true;
	ck_assert_uint_eq(ask(&stranger, "stranger").verdict, MESSAGE_VERDICT_ISSUED);
	wall += 101;
	ck_assert_uint_eq(ask(&client, "branch-a").verdict, MESSAGE_VERDICT_ISSUED);
	ck_assert_uint_eq(ask(&client, "branch-a").verdict, MESSAGE_VERDICT_LATER);
}
END_TEST

START_TEST(all_together_have_a_limit)
{
	struct issue_request request = { .number = 1,
		.name = { .name = "x" },
		.request = { .data = (const uint8_t *)"nonsense", .len = 8 } };
	struct issue_answer answer;
	char *pem;

	for (int i = 0; i < ISSUER_BURST; i++) {
		issuer_answer(&issuer, &request, &answer, &pem);
		ck_assert_uint_eq(answer.verdict, MESSAGE_VERDICT_REFUSED);
	}
	ck_assert_uint_eq(ask(&client, "branch-a").verdict, MESSAGE_VERDICT_LATER);
	wall += 1;
	ck_assert_uint_eq(ask(&client, "branch-a").verdict, MESSAGE_VERDICT_ISSUED);
}
END_TEST

static Suite *suite(void)
{
	const TTest *const tests[] = { it_issues_to_the_peer_of_the_session,
		the_engine_cannot_ask_for_another, who_is_not_listed_gets_none,
		a_pinned_peer_is_not_renewed, an_identity_has_its_limit,
		all_together_have_a_limit };

	return unit_suite("issuer", setup, teardown, tests, ARRAY_SIZE(tests));
}

int main(void)
{
	return unit_run("issuer", suite());
}
