/* SPDX-License-Identifier: Apache-2.0 */
/* check: no-valgrind */
/* It makes a key and a certificate for each case. */
/* All names in a certificate, and trust in a CA that is no root. */
#include "tests/unit/unit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/array.h"
#include "system/tls_internal.h"
#include "tests/unit/tls_ends.h"
#include "tests/unit/tls_fixture.h"

enum { DAY = 86400 };

static struct peer_names *names_in(
	const struct fixture_spec *spec, const struct fixture_pair *above, size_t count)
{
	struct fixture_pair leaf = fixture_issue(&pki.ca, spec);
	STACK_OF(X509) *chain = sk_X509_new_null();
	struct peer_names *names = NULL;
	struct problem problem = { "" };

	sk_X509_push(chain, leaf.certificate);
	for (size_t i = 0; i < count; i++)
		sk_X509_push(chain, above[i].certificate);
	ck_assert_msg(tls_name_collect(leaf.certificate, chain, &names, &problem) == 0, "%s",
		problem.text);
	sk_X509_free(chain);
	fixture_free(&leaf);
	return names;
}

static void assert_has(const struct peer_names *names, const char *const *expected)
{
	char text[1024];

	for (; *expected; expected++)
		ck_assert_msg(peer_names_have(&names->own, *expected), "%s is not in %s", *expected,
			peer_names_format(&names->own, text, sizeof(text)));
}

static bool has_kind(const struct peer_name_list *list, const char *kind)
{
	const char *name = NULL;

	while ((name = peer_names_next(list, name))) {
		if (strncmp(name, kind, strlen(kind)) == 0)
			return true;
	}
	return false;
}

START_TEST(every_kind)
{
	static const char *const expected[] = { "dns:gw.example.org", "uri:spiffe://example.org/gw",
		"email:Gw@example.org", "cn:Büro 1", "cn:Zoë", NULL };
	struct fixture_spec spec = {
		.common = { { .data = "Büro 1" },
			{ .data = "\0Z\0o\0\xeb", .len = 6, .type = V_ASN1_BMPSTRING } },
		.alternative = { { .data = "GW.example.org", .type = GEN_DNS },
			{ .data = "spiffe://example.org/gw", .type = GEN_URI },
			{ .data = "Gw@Example.org", .type = GEN_EMAIL } },
	};
	struct peer_names *names = names_in(&spec, &pki.ca, 1);

	assert_has(names, expected);
	ck_assert(has_kind(&names->own, "subject:"));
	ck_assert(has_kind(&names->own, "sha256:"));
	ck_assert(has_kind(&names->own, "spki-sha256:"));
	ck_assert_str_eq(names->plain.name, "");
	ck_assert_ptr_nonnull(strstr(names->fault, "holds 3 names"));
	peer_names_unref(names);
}
END_TEST

/* What is broken, or cut by a NUL where C reads it, is no other name. */
START_TEST(what_is_no_name)
{
	static const char *const good[] = { "dns:good", NULL };
	static const struct fixture_name bad[] = {
		{ .data = "gw\0.evil", .len = 8, .type = GEN_DNS },
		{ .data = "spiffe://a/b\n", .type = GEN_URI },
		{ .data = "a\0@b", .len = 4, .type = GEN_EMAIL },
	};
	struct fixture_spec spec = {
		.common = { { .data = "\xff\xfe", .type = V_ASN1_PRINTABLESTRING } },
		.alternative = { { .data = "good", .type = GEN_DNS },
			{ .data = "\xc3\xa4", .type = GEN_DNS } }
	};
	struct peer_names *names = names_in(&spec, &pki.ca, 1);

	assert_has(names, good);
	ck_assert(!has_kind(&names->own, "cn:"));
	peer_names_unref(names);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct fixture_pair leaf;
		struct problem problem = { "" };

		spec.alternative[1] = bad[i];
		leaf = fixture_issue(&pki.ca, &spec);
		ck_assert_int_eq(
			tls_name_collect(leaf.certificate, NULL, &names, &problem), -EACCES);
		ck_assert_ptr_nonnull(strstr(problem.text, "has a control character"));
		fixture_free(&leaf);
	}
}
END_TEST

/* Only the trusted CA is known by its name: those below it have what it gave them. */
START_TEST(what_is_above)
{
	struct fixture_spec middle_spec = { .common = { { .data = "Middle" } }, .is_ca = true };
	struct fixture_spec spec = { .common = { { .data = "a" } } };
	struct fixture_pair above[] = { fixture_issue(&pki.ca, &middle_spec), pki.ca };
	struct peer_names *names = names_in(&spec, above, 2);
	size_t digests = 0;
	const char *name = NULL;

	ck_assert(peer_names_have(&names->above, "subject:CN=Test CA"));
	ck_assert(!peer_names_have(&names->above, "subject:CN=Middle"));
	while ((name = peer_names_next(&names->above, name)))
		digests += strncmp(name, "sha256:", 7) == 0;
	ck_assert_uint_eq(digests, 2);
	peer_names_unref(names);
	names = names_in(&spec, above, 1); /* trusted without its root */
	ck_assert(peer_names_have(&names->above, "subject:CN=Middle"));
	peer_names_unref(names);
	fixture_free(&above[0]);
}
END_TEST

/* ---- a CA below a root that is not in ca ---- */

/* 1: let in, 0: refused, with *ret_text. */
static int comes(struct fixture_pair *const *ca, size_t count, struct view crl, bool strict,
	const struct fixture_pair *leaf, char ret_text[static PROBLEM_TEXT_MAX])
{
	struct tls_material material = {
		.certificate = fixture_certificate_text(&pki.server_pair),
		.key = fixture_key_text(&pki.server_pair, NULL),
		.crl = crl,
		.crl_strict = strict,
	};
	struct tls_context *context = NULL;
	struct problem problem = { "" };
	struct end *ours, *theirs;
	int established;

	material.ca = fixture_certificate_text(ca[0]);
	for (size_t i = 1; i < count; i++)
		material.ca = fixture_join(material.ca, fixture_certificate_text(ca[i]));
	ck_assert_msg(tls_context_new(TLS_SERVER, &material, &context, &problem) == 0, "%s",
		problem.text);
	ours = end_new(context);
	theirs = end_new_raw(false, leaf, &raw_plain);
	ends_converse(theirs, ours);
	established = ours->established;
	(void)snprintf(ret_text, PROBLEM_TEXT_MAX, "%s%s", ours->problem.text,
		established ? tls_peer_notice(ours->tls) : "");
	end_free(ours);
	end_free(theirs);
	tls_context_unref(context);
	fixture_text_free(&material.certificate);
	fixture_text_free(&material.key);
	fixture_text_free(&material.ca);
	fixture_text_free(&material.crl);
	return established;
}

START_TEST(anchors)
{
	struct fixture_spec middle_spec = { .common = { { .data = "Middle" } }, .is_ca = true };
	struct fixture_pair middle = fixture_issue(&pki.ca, &middle_spec);
	struct fixture_pair leaf = fixture_client(&middle, "a"), root = pki.ca;
	struct fixture_pair other = fixture_ca("Test CA");
	struct fixture_pair *alone[] = { &middle }, *both[] = { &middle, &root },
			    *namesake[] = { &middle, &other };
	struct view none = { .data = NULL };
	char text[PROBLEM_TEXT_MAX];

	ck_assert_msg(comes(alone, 1, none, false, &leaf, text), "%s", text);
	ck_assert_msg(comes(both, 2, none, false, &leaf, text), "%s", text);
	ck_assert_msg(comes(namesake, 2, none, false, &leaf, text), "%s", text);
	/* Its own list is enough, and is asked. */
	ck_assert_msg(
		comes(alone, 1, fixture_crl_text(&middle, NULL, -DAY, DAY), true, &leaf, text),
		"%s", text);
	ck_assert_str_eq(text, "");
	ck_assert(!comes(alone, 1, fixture_crl_text(&middle, &leaf, -DAY, DAY), true, &leaf, text));
	ck_assert_ptr_nonnull(strstr(text, "certificate of a was revoked"));
	/* A list of the root beside it decides nothing, as nobody can verify it. */
	ck_assert_msg(comes(alone, 1,
			      fixture_join(fixture_crl_text(&middle, NULL, -DAY, DAY),
				      fixture_crl_text(&root, NULL, -9 * DAY, -DAY)),
			      true, &leaf, text),
		"%s", text);
	/* With the root there, its list revokes the CA below it. */
	ck_assert(!comes(both, 2,
		fixture_join(fixture_crl_text(&middle, NULL, -DAY, DAY),
			fixture_crl_text(&root, &middle, -DAY, DAY)),
		false, &leaf, text));
	ck_assert_ptr_nonnull(strstr(text, "certificate of the CA \"Middle\" was revoked"));
	fixture_free(&leaf);
	fixture_free(&middle);
	fixture_free(&other);
}
END_TEST

/* The rest of the chain is checked as ever: a CA beside the trusted one is not trusted. */
START_TEST(not_anchors)
{
	struct fixture_spec middle_spec = { .common = { { .data = "Middle" } }, .is_ca = true };
	struct fixture_pair middle = fixture_issue(&pki.ca, &middle_spec);
	struct fixture_pair impostor = fixture_issue(&pki.ca, &middle_spec);
	struct fixture_pair leaf = fixture_client(&impostor, "a"),
			    root_leaf = fixture_client(&pki.ca, "b");
	struct fixture_pair *alone[] = { &middle };
	struct view none = { .data = NULL };
	char text[PROBLEM_TEXT_MAX];

	ck_assert(!comes(alone, 1, none, false, &leaf, text));
	ck_assert(!comes(alone, 1, none, false, &root_leaf, text));
	ck_assert_ptr_nonnull(strstr(text, "which is not in our ca file"));
	fixture_free(&root_leaf);
	fixture_free(&leaf);
	fixture_free(&impostor);
	fixture_free(&middle);
}
END_TEST

static Suite *suite(void)
{
	const TTest *names[] = { every_kind, what_is_no_name, what_is_above };
	const TTest *chains[] = { anchors, not_anchors };
	Suite *made = suite_create("tls_name");

	pki_add(made, "names", names, ARRAY_SIZE(names));
	pki_add(made, "anchors", chains, ARRAY_SIZE(chains));
	return made;
}

int main(void)
{
	return unit_run("tls_name", suite());
}
