/* SPDX-License-Identifier: Apache-2.0 */
/* Keys with a passphrase: what is seen without it, and what comes out with it alone. */
#include "system/tls_key.h"

#include <errno.h>
#include <string.h>

#include "tls_client_fixture.h"
#include "tls_fixture.h"
#include "unit.h"

static struct view ca_text, certificate, locked;

static void set_up(void)
{
	make_client();
	ca_text = fixture_certificate_text(&ca);
	certificate = fixture_certificate_text(&client);
	locked = fixture_key_text(&client, "secret");
}

static void tear_down(void)
{
	fixture_text_free(&ca_text);
	fixture_text_free(&certificate);
	fixture_text_free(&locked);
	free_client();
}

static int judge(struct view own, struct view key, struct view authority, bool key_locked)
{
	return make_context(&(struct tls_material){
		.certificate = own, .key = key, .ca = authority, .key_locked = key_locked });
}

START_TEST(only_the_passphrase_opens_a_key)
{
	struct view open = fixture_key_text(&client, NULL);
	char *pem = NULL;

	ck_assert(tls_key_is_locked(&locked));
	ck_assert(!tls_key_is_locked(&open));
	ck_assert(!tls_key_is_locked(&certificate));
	ck_assert(!tls_key_is_locked(&(struct view){ .data = NULL }));
	ck_assert_int_eq(tls_key_unlock(&locked, "Secret", &pem, &problem), -EACCES);
	ck_assert_int_eq(tls_key_unlock(&locked, "", &pem, &problem), -EACCES);
	ck_assert_ptr_null(pem);
	ck_assert_int_eq(tls_key_unlock(&locked, "secret", &pem, &problem), 0);
	ck_assert_int_eq(judge(certificate, view_of(pem), ca_text, false), 0);
	fixture_text_free(&open);
	free(pem);
}
END_TEST

/* A check without the passphrase looks at everything else. */
START_TEST(the_rest_is_judged_without_the_key)
{
	ck_assert_int_eq(judge(certificate, locked, ca_text, false), -EINVAL);
	ck_assert_int_eq(judge(certificate, locked, ca_text, true), 0);
	ck_assert_int_eq(judge(ca_text, locked, ca_text, true), -EINVAL);
	ck_assert_msg(strncmp(problem.text, "certificate", 11) == 0, "%s", problem.text);
	ck_assert_int_eq(judge(certificate, locked, certificate, true), -EINVAL);
	ck_assert_msg(strncmp(problem.text, "ca", 2) == 0, "%s", problem.text);
}
END_TEST

static void add(Suite *suite, const char *name, const TTest *test)
{
	unit_add_between(suite, name, test, set_up, tear_down);
}

static Suite *suite(void)
{
	Suite *suite = suite_create("tls_key");

	add(suite, "unlock", only_the_passphrase_opens_a_key);
	add(suite, "check", the_rest_is_judged_without_the_key);
	return suite;
}

int main(void)
{
	return unit_run("tls_key", suite());
}
