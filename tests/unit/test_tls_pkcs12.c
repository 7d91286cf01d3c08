/* SPDX-License-Identifier: Apache-2.0 */
/* PKCS#12 bundles: what a client needs comes out, and what is missing is named. */
#include "system/tls_pkcs12.h"

#include <errno.h>
#include <string.h>

#include <openssl/pkcs12.h>

#include "tls_client_fixture.h"
#include "tls_fixture.h"
#include "unit.h"

static void is_whole(const struct tls_bundle *bundle)
{
	struct tls_material material = {
		.certificate = view_of(bundle->certificate),
		.key = view_of(bundle->key),
		.ca = view_of(bundle->ca),
	};

	ck_assert_msg(make_context(&material) == 0, "%s", problem.text);
}

/* DER of a bundle on the heap. Any part may be NULL. */
static struct view bundle_of(const char *passphrase, EVP_PKEY *key, X509 *own, X509 *authority)
{
	STACK_OF(X509) *others = sk_X509_new_null();
	unsigned char *data = NULL;
	PKCS12 *bundle;
	int len;

	ck_assert_ptr_nonnull(others);
	if (authority)
		ck_assert_int_gt(sk_X509_push(others, authority), 0);
	bundle = PKCS12_create(passphrase, "branch-a", key, own, others, 0, 0, 0, 0, 0);
	ck_assert_ptr_nonnull(bundle);
	len = i2d_PKCS12(bundle, &data);
	ck_assert_int_gt(len, 0);
	PKCS12_free(bundle);
	sk_X509_free(others);
	return (struct view){ .data = data, .len = (size_t)len };
}

START_TEST(a_bundle_is_all_a_client_needs)
{
	static const char *const passphrases[] = { "", "secret" };

	for (size_t i = 0; i < 2; i++) {
		struct view data = bundle_of(
			passphrases[i], client.key, client.certificate, ca.certificate);
		struct tls_bundle bundle = { .key = NULL };

		ck_assert(tls_pkcs12_is(&data));
		ck_assert_int_eq(tls_pkcs12_open(&data, "wrong", &bundle, &problem), -EACCES);
		ck_assert_ptr_null(bundle.key);
		ck_assert_int_eq(tls_pkcs12_open(&data, passphrases[i], &bundle, &problem), 0);
		is_whole(&bundle);
		tls_bundle_free(&bundle);
		OPENSSL_free((void *)data.data);
	}
}
END_TEST

static void refused(struct view data, const char *word)
{
	struct tls_bundle bundle = { .key = NULL };

	ck_assert_int_eq(tls_pkcs12_open(&data, "", &bundle, &problem), -EINVAL);
	ck_assert_msg(strstr(problem.text, word) != NULL, "%s", problem.text);
	ck_assert_ptr_null(bundle.key);
	OPENSSL_free((void *)data.data);
}

START_TEST(what_a_bundle_lacks_is_named)
{
	struct view data;

	refused(bundle_of("", client.key, client.certificate, NULL), "-certfile");
	refused(bundle_of("", NULL, client.certificate, ca.certificate), "no private key");
	data = view_of("-----BEGIN CERTIFICATE-----");
	ck_assert(!tls_pkcs12_is(&data));
	ck_assert(!tls_pkcs12_is(&(struct view){ .data = NULL }));
	/* Cut anywhere it is none any more, or one whose passphrase nobody knows. */
	data = bundle_of("", client.key, client.certificate, ca.certificate);
	for (size_t len = 0; len < data.len; len += 13) {
		struct view cut = { .data = data.data, .len = len };
		struct tls_bundle bundle = { .key = NULL };
		int r = tls_pkcs12_open(&cut, "", &bundle, &problem);

		ck_assert(r == -EINVAL || r == -EACCES);
		ck_assert_ptr_null(bundle.key);
	}
	OPENSSL_free((void *)data.data);
}
END_TEST

static void add(Suite *suite, const char *name, const TTest *test)
{
	unit_add_between(suite, name, test, make_client, free_client);
}

static Suite *suite(void)
{
	Suite *suite = suite_create("tls_pkcs12");

	add(suite, "bundle", a_bundle_is_all_a_client_needs);
	add(suite, "lacking", what_a_bundle_lacks_is_named);
	return suite;
}

int main(void)
{
	return unit_run("tls_pkcs12", suite());
}
