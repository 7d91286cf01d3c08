/* SPDX-License-Identifier: Apache-2.0 */
/* check: no-valgrind */
/* Dozens of handshakes: half a minute there, nearly all of it in libcrypto; test_tls has some, the sanitizers see all. */
/*
 * Each rule for a certificate with chains of one, two and three levels below the root: what is
 * refused of the leaf is refused of each CA above it.
 */
#include "tests/unit/unit.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "system/tls.h"
#include "tests/unit/tls_ends.h"
#include "tests/unit/tls_fixture.h"

enum {
	DAY = 86400,
	LEVELS_MAX = 3, /* a leaf and two CAs below the root */
	CERTIFICATES_MAX = LEVELS_MAX + 1,
};

/* Where a fault is: 0 the leaf, 1 its issuer, up to the number of levels, which is the root. */
static const char *const names[CERTIFICATES_MAX] = { "branch-a", "CA 1", "CA 2", "CA 3" };

/* What differs from a plain chain; strings of one certificate, by its place. */
struct plan {
	struct fixture_spec specs[CERTIFICATES_MAX];
	int revoked; /* that certificate is on its issuer's list; -1: none */
	int missing; /* that CA's list is not there; -1: none */
	int stale;   /* that CA's list has expired; -1: none */
	bool strict, no_lists;
};

static const struct plan plain = { .revoked = -1, .missing = -1, .stale = -1 };

struct chain {
	int levels;
	struct fixture_pair pairs[CERTIFICATES_MAX]; /* the root is [levels] */
	struct tls_context *context;                 /* of a server that trusts the root */
};

static void issue(struct chain *chain, const struct plan *plan)
{
	for (int at = chain->levels; at >= 0; at--) {
		struct fixture_spec spec = plan->specs[at];

		spec.common[0].data = names[at];
		spec.is_ca = at > 0;
		if (at == 0 && !spec.usage)
			spec.usage = "clientAuth";
		chain->pairs[at] = fixture_issue(
			at < chain->levels ? &chain->pairs[at + 1] : NULL, &spec);
	}
}

static struct view lists(const struct chain *chain, const struct plan *plan)
{
	struct view all = { .data = NULL };

	for (int at = 1; at <= chain->levels && !plan->no_lists; at++) {
		const struct fixture_pair *revoked = plan->revoked == at - 1 ? &chain->pairs[at - 1]
									     : NULL;
		struct view one;

		if (plan->missing == at)
			continue;
		if (plan->revoked == chain->levels && at == chain->levels)
			revoked = &chain->pairs[at]; /* the root's own list has the root */
		one = fixture_crl_text(
			&chain->pairs[at], revoked, -2L * DAY, plan->stale == at ? -DAY : DAY);
		all = all.data ? fixture_join(all, one) : one;
	}
	return all;
}

static void chain_make(struct chain *chain, int levels, const struct plan *plan)
{
	struct tls_material material = {
		.certificate = fixture_certificate_text(&pki.server_pair),
		.key = fixture_key_text(&pki.server_pair, NULL),
		.crl_strict = plan->strict,
		.crl_current = plan->strict,
	};
	struct problem problem = { "" };

	*chain = (struct chain){ .levels = levels };
	issue(chain, plan);
	material.ca = fixture_certificate_text(&chain->pairs[levels]);
	material.crl = lists(chain, plan);
	ck_assert_msg(tls_context_new(TLS_SERVER, &material, &chain->context, &problem) == 0, "%s",
		problem.text);
	fixture_text_free(&material.certificate);
	fixture_text_free(&material.key);
	fixture_text_free(&material.ca);
	fixture_text_free(&material.crl);
}

static void chain_free(struct chain *chain)
{
	for (int at = 0; at <= chain->levels; at++)
		fixture_free(&chain->pairs[at]);
	tls_context_unref(chain->context);
}

/* A client with that chain comes; `ours` is the server's end, to be freed. */
static struct end *connect_with(const struct chain *chain)
{
	struct fixture_raw_options options = raw_plain;
	struct end *ours = end_new(chain->context), *theirs;

	options.chain = sk_X509_new_null();
	for (int at = 1; at < chain->levels; at++)
		sk_X509_push(options.chain, chain->pairs[at].certificate);
	theirs = end_new_raw(false, &chain->pairs[0], &options);
	ends_converse(theirs, ours);
	end_free(theirs);
	sk_X509_free(options.chain);
	return ours;
}

static void assert_refused(int levels, const struct plan *plan, const char *words)
{
	struct chain chain;
	struct end *ours;

	chain_make(&chain, levels, plan);
	ours = connect_with(&chain);
	ck_assert_msg(!ours->established, "%d levels: let in, not: %s", levels, words);
	ck_assert_msg(strstr(ours->problem.text, words) != NULL, "%d levels: \"%s\", not \"%s\"",
		levels, ours->problem.text, words);
	end_free(ours);
	chain_free(&chain);
}

/* Let in, with that notice; "" for none. */
static void assert_taken(int levels, const struct plan *plan, const char *notice)
{
	struct chain chain;
	struct end *ours;

	chain_make(&chain, levels, plan);
	ours = connect_with(&chain);
	ck_assert_msg(ours->established, "%d levels: %s", levels, ours->problem.text);
	ck_assert_msg(notice[0] != '\0' ? strstr(tls_peer_notice(ours->tls), notice) != NULL
					: tls_peer_notice(ours->tls)[0] == '\0',
		"%d levels: \"%s\", not \"%s\"", levels, tls_peer_notice(ours->tls), notice);
	end_free(ours);
	/* Told once, however often it comes. */
	ours = connect_with(&chain);
	ck_assert(ours->established);
	ck_assert_str_eq(tls_peer_notice(ours->tls), "");
	end_free(ours);
	chain_free(&chain);
}

/* Let in, but without a plain name. */
static void assert_nameless(int levels, const struct plan *plan, const char *fault)
{
	struct chain chain;
	struct end *ours;
	const struct peer_names *peer;

	chain_make(&chain, levels, plan);
	ours = connect_with(&chain);
	ck_assert_msg(ours->established, "%d levels: %s", levels, ours->problem.text);
	peer = tls_peer_names(ours->tls);
	ck_assert_str_eq(peer->plain.name, "");
	ck_assert_msg(strstr(peer->fault, fault) != NULL, "%d levels: %s", levels, peer->fault);
	end_free(ours);
	chain_free(&chain);
}

/* ---- what holds with lists and without ---- */

START_TEST(good)
{
	for (int levels = 1; levels <= LEVELS_MAX; levels++) {
		struct plan plan = plain;

		assert_taken(levels, &plan, "");
		plan.strict = true;
		assert_taken(levels, &plan, "");
		plan = plain;
		plan.no_lists = true;
		assert_taken(levels, &plan, "");
	}
}
END_TEST

static const char *words_about(char out[static 128], int at, const char *rest)
{
	if (at == 0)
		(void)snprintf(out, 128, "certificate of %s %s", names[at], rest);
	else
		(void)snprintf(out, 128, "certificate of the CA \"%s\" %s", names[at], rest);
	return out;
}

START_TEST(dates)
{
	char words[128];

	for (int levels = 1; levels <= LEVELS_MAX; levels++) {
		for (int at = 0; at <= levels; at++) {
			struct plan plan = plain;

			plan.no_lists = true;
			plan.specs[at].from = -9L * DAY;
			plan.specs[at].until = -1L * DAY;
			assert_refused(levels, &plan, words_about(words, at, "expired on "));
			plan.specs[at].from = 1L * DAY;
			plan.specs[at].until = 9L * DAY;
			assert_refused(
				levels, &plan, words_about(words, at, "is valid only from "));
		}
	}
}
END_TEST

/* The end of a chain is that of the certificate in it that ends first. */
START_TEST(first_end)
{
	for (int levels = 1; levels <= LEVELS_MAX; levels++) {
		for (int at = 0; at <= levels; at++) {
			struct plan plan = plain;
			struct chain chain;
			struct end *ours;
			time_t now = time(NULL);

			plan.specs[at].from = -3600;
			plan.specs[at].until = 3600;
			chain_make(&chain, levels, &plan);
			ours = end_new(chain.context);
			ck_assert_int_eq(tls_peer_valid_until(ours->tls), 0);
			end_free(ours);
			ours = connect_with(&chain);
			ck_assert_msg(ours->established, "%s", ours->problem.text);
			ck_assert_int_ge(tls_peer_valid_until(ours->tls), now + 3600);
			ck_assert_int_lt(tls_peer_valid_until(ours->tls), now + DAY - 3600);
			end_free(ours);
			chain_free(&chain);
		}
	}
}
END_TEST

/* A CA that is there for servers alone issues no client, and neither does one that is no CA. */
START_TEST(purpose)
{
	for (int levels = 1; levels <= LEVELS_MAX; levels++) {
		for (int at = 0; at < levels; at++) {
			struct plan plan = plain;

			plan.specs[at].usage = "serverAuth";
			assert_refused(levels, &plan, at == 0 ? "lacks clientAuth" : names[at]);
			if (at == 0)
				continue;
			plan = plain;
			plan.specs[at].basic = "critical,CA:FALSE";
			plan.specs[at].key_usage = "critical,digitalSignature";
			plan.no_lists = true;
			assert_refused(levels, &plan, names[at]);
			plan = plain;
			plan.specs[at].key_usage = "critical,cRLSign";
			assert_refused(levels, &plan, "is refused: ");
		}
	}
}
END_TEST

START_TEST(path_length)
{
	for (int levels = 1; levels <= LEVELS_MAX; levels++) {
		for (int at = 1; at <= levels; at++) {
			struct plan plan = plain;

			/* There are at - 1 CAs between that one and the leaf. */
			plan.specs[at].basic = at == 1 ? "critical,CA:TRUE,pathlen:0"
				: at == 2              ? "critical,CA:TRUE,pathlen:1"
						       : "critical,CA:TRUE,pathlen:2";
			assert_taken(levels, &plan, "");
			if (at == 1)
				continue;
			plan.specs[at].basic = at == 2 ? "critical,CA:TRUE,pathlen:0"
						       : "critical,CA:TRUE,pathlen:1";
			assert_refused(levels, &plan, "than its path length allows");
		}
	}
}
END_TEST

START_TEST(name_constraints)
{
	for (int levels = 1; levels <= LEVELS_MAX; levels++) {
		for (int at = 1; at <= levels; at++) {
			struct plan plan = plain;

			plan.specs[at].constraints = "critical,permitted;DNS:example.org";
			/* A common name alone is not held against them, so it does not count. */
			assert_nameless(levels, &plan, "has name constraints");
			plan.specs[0].alternative[0] = (struct fixture_name){ .data = "branch-a",
				.type = GEN_DNS };
			assert_refused(levels, &plan,
				"not among those that the name constraints of its CA permit");
			plan.specs[at].constraints = "critical,permitted;DNS:branch-a";
			assert_taken(levels, &plan, "");
		}
	}
}
END_TEST

/* ---- revocation ---- */

START_TEST(revoked)
{
	char words[128];

	for (int levels = 1; levels <= LEVELS_MAX; levels++) {
		for (int at = 0; at <= levels; at++) {
			struct plan plan = plain;

			plan.revoked = at;
			assert_refused(levels, &plan, words_about(words, at, "was revoked on "));
			/* A list that is missing elsewhere changes nothing. */
			for (int missing = 1; missing <= levels; missing++) {
				plan.missing = missing;
				if (missing != at + 1 && !(at == levels && missing == levels))
					assert_refused(levels, &plan,
						words_about(words, at, "was revoked on "));
			}
		}
	}
}
END_TEST

START_TEST(missing)
{
	for (int levels = 1; levels <= LEVELS_MAX; levels++) {
		for (int at = 1; at <= levels; at++) {
			struct plan plan = plain;
			char words[128];

			/* Without any list nothing is checked. */
			if (levels == 1)
				continue;
			plan.missing = at;
			(void)snprintf(
				words, sizeof(words), "no revocation list of \"%s\",", names[at]);
			assert_taken(levels, &plan, words);
			plan.strict = true;
			(void)snprintf(words, sizeof(words),
				"has no revocation list of its issuer \"%s\"", names[at]);
			if (at < levels)
				assert_refused(levels, &plan, words);
		}
	}
}
END_TEST

START_TEST(stale)
{
	for (int levels = 1; levels <= LEVELS_MAX; levels++) {
		for (int at = 1; at <= levels; at++) {
			struct plan plan = plain;
			char words[128];

			plan.stale = at;
			(void)snprintf(words, sizeof(words), "no list of \"%s\" in crl is valid",
				names[at]);
			assert_taken(levels, &plan, words);
			plan.strict = true;
			(void)snprintf(words, sizeof(words),
				"our revocation list of \"%s\" expired on ", names[at]);
			assert_refused(levels, &plan, words);
		}
	}
}
END_TEST

/* By the intermediate's name, and by another key: it is nobody's list. */
START_TEST(forged_list_of_an_intermediate)
{
	struct tls_material material = {
		.certificate = fixture_certificate_text(&pki.server_pair),
		.key = fixture_key_text(&pki.server_pair, NULL),
	};
	struct fixture_pair forged = fixture_ca(names[1]);
	struct problem problem = { "" };
	struct chain chain;
	struct end *ours;

	chain_make(&chain, 2, &plain);
	tls_context_unref(chain.context);
	material.ca = fixture_certificate_text(&chain.pairs[2]);
	material.crl = fixture_join(fixture_crl_text(&chain.pairs[2], NULL, -DAY, DAY),
		fixture_crl_text(&forged, &chain.pairs[0], -DAY, DAY));
	ck_assert_int_eq(tls_context_new(TLS_SERVER, &material, &chain.context, &problem), 0);
	ours = connect_with(&chain);
	ck_assert_msg(ours->established, "%s", ours->problem.text);
	ck_assert(strstr(tls_peer_notice(ours->tls), "\"CA 1\"") != NULL);
	end_free(ours);
	tls_context_unref(chain.context);
	material.crl_strict = true;
	ck_assert_int_eq(tls_context_new(TLS_SERVER, &material, &chain.context, &problem), 0);
	ours = connect_with(&chain);
	ck_assert(!ours->established);
	end_free(ours);
	chain_free(&chain);
	fixture_free(&forged);
	fixture_text_free(&material.certificate);
	fixture_text_free(&material.key);
	fixture_text_free(&material.ca);
	fixture_text_free(&material.crl);
}
END_TEST

/* Of a root, and of a CA between: nothing that such a list revokes is let in for want of a list. */
START_TEST(list_of_an_unusable_form)
{
	static const struct {
		const char *form, *words;
	} cases[] = {
		{ "delta", "delta" }, { "critical,indirectCRL:TRUE", "several authorities" },
		{ "critical,onlysomereasons:keyCompromise", "some reasons" },
		{ "critical,onlyAA:TRUE", "attribute certificates" },
		{ "critical,onlyuser:TRUE", NULL }, /* of a scope that OpenSSL judges */
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases) * 2; i++) {
		const char *words = cases[i / 2].words;
		struct tls_material material = {
			.certificate = fixture_certificate_text(&pki.server_pair),
			.key = fixture_key_text(&pki.server_pair, NULL),
		};
		struct problem problem = { "" };
		struct chain chain;
		int r;

		chain_make(&chain, 2, &plain);
		tls_context_unref(chain.context);
		chain.context = NULL;
		material.ca = fixture_certificate_text(&chain.pairs[2]);
		material.crl = fixture_crl_text_of(
			&chain.pairs[1 + i % 2], &chain.pairs[i % 2], -DAY, DAY, cases[i / 2].form);
		r = tls_context_new(TLS_SERVER, &material, &chain.context, &problem);
		ck_assert_int_eq(r, words ? -EINVAL : 0);
		if (words)
			ck_assert_msg(strstr(problem.text, words) != NULL, "%s", problem.text);
		chain_free(&chain);
		fixture_text_free(&material.certificate);
		fixture_text_free(&material.key);
		fixture_text_free(&material.ca);
		fixture_text_free(&material.crl);
	}
}
END_TEST

static Suite *suite(void)
{
	const TTest *chains[] = { good, dates, first_end, purpose, path_length, name_constraints };
	const TTest *revocation[] = { revoked, missing, stale, forged_list_of_an_intermediate,
		list_of_an_unusable_form };
	Suite *made = suite_create("tls_levels");

	pki_add(made, "chains", chains, ARRAY_SIZE(chains));
	pki_add(made, "revocation", revocation, ARRAY_SIZE(revocation));
	return made;
}

int main(void)
{
	return unit_run("tls_levels", suite());
}
