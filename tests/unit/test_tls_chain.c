/* SPDX-License-Identifier: Apache-2.0 */
/* A connected peer's certificates, judged again by another context: as its next handshake would, except dates. */
#include "tests/unit/unit.h"

#include <errno.h>
#include <string.h>

#include "system/tls.h"
#include "tests/unit/tls_ends.h"
#include "tests/unit/tls_fixture.h"

enum { DAY = 86400 };

static struct tls_peer_chain *client_chain, *server_chain;

/* Connects both ends and keeps what each has seen of the other. The connection ends. */
static void set_up(void)
{
	struct end *client, *server;

	pki_set_up();
	ends_connect(&client, &server);
	client_chain = tls_peer_chain_new(server->tls);
	server_chain = tls_peer_chain_new(client->tls);
	ends_free(client, server);
	ck_assert_ptr_nonnull(client_chain);
	ck_assert_ptr_nonnull(server_chain);
}

static void tear_down(void)
{
	tls_peer_chain_unref(client_chain);
	tls_peer_chain_unref(server_chain);
	pki_tear_down();
}

/* Judges by a context with this CA and list, and frees the list. */
static int judge(enum tls_role role, struct tls_peer_chain *chain, const struct fixture_pair *ca,
	struct view *crl, struct problem *problem)
{
	struct tls_context *context = fixture_context(
		role, role == TLS_SERVER ? &pki.server_pair : &pki.client_pair, ca, crl);
	bool suspect;
	int r;

	*problem = (struct problem){ 0 };
	ck_assert(!tls_peer_chain_was_judged(chain, context));
	suspect = tls_context_suspects(context, chain);
	r = tls_context_judge(context, chain, problem);
	/* A CA of the same name is not told apart. */
	ck_assert_int_eq(suspect, r < 0 && !strstr(problem->text, "only by one of that name"));
	ck_assert_int_eq(tls_context_judge(context, chain, problem), r); /* it is kept */
	ck_assert(tls_peer_chain_was_judged(chain, context));
	tls_context_unref(context);
	if (crl)
		fixture_text_free(crl);
	return r;
}

START_TEST(by_whom)
{
	ck_assert(tls_peer_chain_was_judged(client_chain, pki.server_context));
	ck_assert(tls_peer_chain_was_judged(server_chain, pki.client_context));
	ck_assert(!tls_peer_chain_was_judged(client_chain, pki.client_context));
}
END_TEST

START_TEST(nothing_changed)
{
	struct problem problem;

	ck_assert_int_eq(judge(TLS_SERVER, client_chain, &pki.ca, NULL, &problem), 0);
	ck_assert_int_eq(judge(TLS_CLIENT, server_chain, &pki.ca, NULL, &problem), 0);
	ck_assert_str_eq(problem.text, "");
}
END_TEST

START_TEST(revoked)
{
	struct view list = fixture_crl_text(&pki.ca, &pki.client_pair, -60, DAY);
	struct problem problem;

	ck_assert_int_eq(judge(TLS_SERVER, client_chain, &pki.ca, &list, &problem), -EKEYREVOKED);
	ck_assert_ptr_nonnull(strstr(problem.text, "certificate of branch-a was revoked on "));
	list = fixture_crl_text(&pki.ca, &pki.server_pair, -60, DAY);
	ck_assert_int_eq(judge(TLS_CLIENT, server_chain, &pki.ca, &list, &problem), -EKEYREVOKED);
	ck_assert_ptr_nonnull(strstr(problem.text, "certificate of hub was revoked on "));
}
END_TEST

/* The lists of others, and one that has expired, whose entries stay in force. */
START_TEST(lists_of_others)
{
	struct view list = fixture_crl_text(&pki.ca, &pki.server_pair, -60, DAY);
	struct problem problem;

	ck_assert_int_eq(judge(TLS_SERVER, client_chain, &pki.ca, &list, &problem), 0);
	list = fixture_crl_text(&pki.ca, NULL, -2 * DAY, -DAY);
	ck_assert_int_eq(judge(TLS_SERVER, client_chain, &pki.ca, &list, &problem), 0);
	list = fixture_crl_text(&pki.ca, &pki.client_pair, -2 * DAY, -DAY);
	ck_assert_int_eq(judge(TLS_SERVER, client_chain, &pki.ca, &list, &problem), -EKEYREVOKED);
}
END_TEST

/* Another CA, and one of the same name. */
START_TEST(ca_is_gone)
{
	struct fixture_pair other = fixture_ca("Other CA"), same = fixture_ca("Test CA");
	struct problem problem;

	ck_assert_int_eq(judge(TLS_SERVER, client_chain, &other, NULL, &problem), -EKEYREJECTED);
	ck_assert_ptr_nonnull(strstr(problem.text, "which is not in our ca file"));
	ck_assert_int_eq(judge(TLS_SERVER, client_chain, &same, NULL, &problem), -EKEYREJECTED);
	ck_assert_int_eq(judge(TLS_CLIENT, server_chain, &other, NULL, &problem), -EKEYREJECTED);
	fixture_free(&other);
	fixture_free(&same);
}
END_TEST

/* A list is missing: crl_missing decides, as in the handshake. fixture_context() does not refuse it. */
START_TEST(list_is_missing)
{
	struct fixture_pair other = fixture_ca("Other CA");
	struct view list = fixture_crl_text(&other, NULL, -60, DAY);
	struct problem problem;

	ck_assert_int_eq(judge(TLS_SERVER, client_chain, &pki.ca, &list, &problem), 0);
	fixture_free(&other);
}
END_TEST

/* What the peer sends above its leaf is kept, too; each has a list. */
START_TEST(intermediate)
{
	struct fixture_spec spec = { .common = { { .data = "Middle CA" } }, .is_ca = true };
	struct fixture_pair middle = fixture_issue(&pki.ca, &spec);
	struct fixture_pair leaf = fixture_client(&middle, "branch-b");
	struct fixture_raw_options options = raw_plain;
	struct end *client, *server = end_new(pki.server_context);
	struct tls_peer_chain *chain;
	struct problem problem;
	struct view lists;

	options.chain = sk_X509_new_null();
	ck_assert_int_gt(sk_X509_push(options.chain, middle.certificate), 0);
	client = end_new_raw(false, &leaf, &options);
	ends_converse(client, server);
	ck_assert(server->established);
	chain = tls_peer_chain_new(server->tls);
	ends_free(client, server);
	sk_X509_free(options.chain);
	ck_assert_ptr_nonnull(chain);
	ck_assert(!tls_peer_chain_equal(chain, client_chain));
	ck_assert_int_eq(judge(TLS_SERVER, chain, &pki.ca, NULL, &problem), 0);
	lists = fixture_join(fixture_crl_text(&pki.ca, NULL, -60, DAY),
		fixture_crl_text(&middle, &leaf, -60, DAY));
	ck_assert_int_eq(judge(TLS_SERVER, chain, &pki.ca, &lists, &problem), -EKEYREVOKED);
	lists = fixture_join(fixture_crl_text(&pki.ca, &middle, -60, DAY),
		fixture_crl_text(&middle, NULL, -60, DAY));
	ck_assert_int_eq(judge(TLS_SERVER, chain, &pki.ca, &lists, &problem), -EKEYREJECTED);
	ck_assert_ptr_nonnull(
		strstr(problem.text, "certificate of the CA \"Middle CA\" was revoked"));
	tls_peer_chain_unref(chain);
	fixture_free(&leaf);
	fixture_free(&middle);
}
END_TEST

/* A CA alone in `ca` that another one has issued: trusted as in the handshake, and its list counts. */
START_TEST(anchor)
{
	struct fixture_spec spec = { .common = { { .data = "Middle CA" } }, .is_ca = true };
	struct fixture_pair middle = fixture_issue(&pki.ca, &spec);
	struct fixture_pair leaf = fixture_client(&middle, "branch-b");
	struct tls_context *context = fixture_context(TLS_SERVER, &pki.server_pair, &middle, NULL);
	struct end *client = end_new_raw(false, &leaf, &raw_plain), *server = end_new(context);
	struct tls_peer_chain *chain;
	struct problem problem;
	struct view list;

	ends_converse(client, server);
	ck_assert(server->established);
	chain = tls_peer_chain_new(server->tls);
	ends_free(client, server);
	tls_context_unref(context);
	list = fixture_crl_text(&middle, NULL, -60, DAY);
	ck_assert_int_eq(judge(TLS_SERVER, chain, &middle, &list, &problem), 0);
	list = fixture_crl_text(&middle, &leaf, -60, DAY);
	ck_assert_int_eq(judge(TLS_SERVER, chain, &middle, &list, &problem), -EKEYREVOKED);
	tls_peer_chain_unref(chain);
	fixture_free(&leaf);
	fixture_free(&middle);
}
END_TEST

START_TEST(counted)
{
	struct end *client, *server;
	struct tls_peer_chain *again;

	ends_connect(&client, &server);
	again = tls_peer_chain_new(server->tls);
	ends_free(client, server);
	ck_assert(tls_peer_chain_equal(again, client_chain));
	ck_assert(!tls_peer_chain_equal(again, server_chain));
	ck_assert_ptr_eq(tls_peer_chain_ref(again), again);
	tls_peer_chain_unref(again);
	tls_peer_chain_unref(again);
	ck_assert_ptr_null(tls_peer_chain_ref(NULL));
	tls_peer_chain_unref(NULL);
}
END_TEST

START_TEST(before_the_handshake)
{
	struct end *end = end_new(pki.server_context);

	ck_assert_ptr_null(tls_peer_chain_new(end->tls));
	end_free(end);
}
END_TEST

static Suite *suite(void)
{
	const TTest *tests[] = { by_whom, nothing_changed, revoked, lists_of_others, ca_is_gone,
		list_is_missing, intermediate, anchor, counted, before_the_handshake };

	return unit_suite("tls_chain", set_up, tear_down, tests, ARRAY_SIZE(tests));
}

int main(void)
{
	return unit_run("tls_chain", suite());
}
