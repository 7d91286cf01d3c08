/* SPDX-License-Identifier: Apache-2.0 */
/* Our own material: what is taken, and what is said where it does not do. */
#include "tests/unit/unit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "system/tls.h"
#include "tests/unit/tls_ends.h"
#include "tests/unit/tls_fixture.h"

enum { DAY = 86400 };

static struct fixture_pair ca, client_pair;
static struct tls_material material; /* a client's; every text on the heap */

static void set_up(void)
{
	ca = fixture_ca("Test CA");
	client_pair = fixture_client(&ca, "branch-a");
	material = (struct tls_material){
		.certificate = fixture_certificate_text(&client_pair),
		.key = fixture_key_text(&client_pair, NULL),
		.ca = fixture_certificate_text(&ca),
	};
}

static void tear_down(void)
{
	fixture_text_free(&material.certificate);
	fixture_text_free(&material.key);
	fixture_text_free(&material.ca);
	fixture_text_free(&material.crl);
	fixture_free(&ca);
	fixture_free(&client_pair);
}

static void put(struct view *part, struct view text)
{
	fixture_text_free(part);
	*part = text;
}

static void put_string(struct view *part, const char *text)
{
	uint8_t *copy = malloc(strlen(text) + 1);

	ck_assert_ptr_nonnull(copy);
	memcpy(copy, text, strlen(text) + 1);
	put(part, (struct view){ .data = copy, .len = strlen(text) });
}

static void assert_taken(enum tls_role role)
{
	struct tls_context *context = NULL;
	struct problem problem = { "" };

	ck_assert_msg(
		tls_context_new(role, &material, &context, &problem) == 0, "%s", problem.text);
	ck_assert_uint_eq(ERR_peek_error(), 0);
	tls_context_unref(context);
}

static void assert_refused(enum tls_role role, const char *words)
{
	struct tls_context *context = NULL;
	struct problem problem = { "" };

	ck_assert_int_eq(tls_context_new(role, &material, &context, &problem), -EINVAL);
	ck_assert_ptr_null(context);
	ck_assert_uint_eq(ERR_peek_error(), 0);
	ck_assert_msg(
		strstr(problem.text, words) != NULL, "\"%s\" lacks \"%s\"", problem.text, words);
}

/* Replaces our own certificate by one made from `spec`. */
static void use_spec(const struct fixture_spec *spec)
{
	struct fixture_pair pair = fixture_issue(&ca, spec);

	put(&material.certificate, fixture_certificate_text(&pair));
	put(&material.key, fixture_key_text(&pair, NULL));
	fixture_free(&pair);
}

START_TEST(good)
{
	struct tls_context *context = NULL;
	struct problem problem = { "" };
	struct tm tm;

	ck_assert_int_eq(tls_context_new(TLS_CLIENT, &material, &context, &problem), 0);
	ck_assert_str_eq(tls_context_identity(context)->name, "branch-a");
	ck_assert_int_eq(ASN1_TIME_to_tm(X509_get0_notAfter(client_pair.certificate), &tm), 1);
	ck_assert_int_eq(tls_context_not_after(context), timegm(&tm));
	tls_context_unref(context);
}
END_TEST

START_TEST(not_pem)
{
	put_string(&material.certificate, "hello");
	assert_refused(TLS_CLIENT, "certificate: holds no certificate in PEM form");
	put_string(&material.certificate, "");
	assert_refused(TLS_CLIENT, "certificate: holds no certificate in PEM form");
	put_string(&material.certificate, "0\x82\x01\x02");
	assert_refused(TLS_CLIENT, "; it is binary: convert DER with openssl x509 -inform DER");
	put_string(&material.certificate, "\xff\xfe-");
	assert_refused(TLS_CLIENT, "; it is UTF-16");
	put_string(&material.certificate,
		"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
	assert_refused(TLS_CLIENT, "certificate: certificate 1 is damaged");
	/* Cut off. */
	put(&material.certificate, fixture_certificate_text(&client_pair));
	material.certificate.len -= 100;
	assert_refused(TLS_CLIENT, "is damaged (bad end line); copy the whole file again");
}
END_TEST

/* What is told leads to the right file. */
START_TEST(another_file)
{
	put(&material.certificate, fixture_key_text(&client_pair, NULL));
	assert_refused(TLS_CLIENT, "; it holds a private key: that belongs into key");
	put_string(&material.certificate,
		"-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n");
	assert_refused(TLS_CLIENT, "; it holds a request for a certificate");
	put_string(
		&material.certificate, "-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n");
	assert_refused(TLS_CLIENT, "; it holds a revocation list");
	put(&material.certificate, fixture_certificate_text(&ca));
	assert_refused(TLS_CLIENT,
		"certificate: its first certificate is a CA's own; put the one of this end's key first, and the CA's into ca");
	put(&material.key, fixture_key_text(&ca, NULL));
	assert_refused(TLS_CLIENT, "certificate: it is a CA's own certificate (CA:TRUE)");
}
END_TEST

/* Editors write a mark before the text, and openssl a description. */
START_TEST(what_stands_before)
{
	static const char mark[] = "\xef\xbb\xbf";
	struct view *parts[] = { &material.certificate, &material.key, &material.ca };

	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		struct view text = { .data = NULL };

		put_string(&text,
			i == 1 ? "\xef\xbb\xbf"
				 "Bag Attributes\n"
			       : mark);
		*parts[i] = fixture_join(text, *parts[i]);
	}
	assert_taken(TLS_CLIENT);
}
END_TEST

/*
 * Wherever the text is cut: an error that names the part, or (behind the last line that counts)
 * success.
 */
START_TEST(cut_anywhere)
{
	size_t whole = material.certificate.len;

	for (size_t len = 0; len < whole - 1; len += 7) {
		struct tls_context *context = NULL;
		struct problem problem = { "" };

		material.certificate.len = len;
		ck_assert_int_eq(
			tls_context_new(TLS_CLIENT, &material, &context, &problem), -EINVAL);
		ck_assert_ptr_nonnull(strstr(problem.text, "certificate: "));
	}
	material.certificate.len = whole;
	whole = material.key.len;
	for (size_t len = 0; len < whole - 1; len += 7) {
		material.key.len = len;
		assert_refused(TLS_CLIENT, "key: ");
	}
}
END_TEST

START_TEST(no_key)
{
	put_string(&material.key, "");
	assert_refused(TLS_CLIENT, "key: holds no readable private key in PEM form");
	put(&material.key, fixture_certificate_text(&client_pair));
	assert_refused(TLS_CLIENT, "key: holds no readable private key in PEM form");
}
END_TEST

START_TEST(other_key)
{
	put(&material.key, fixture_key_text(&ca, NULL));
	assert_refused(TLS_CLIENT, "key: does not belong to the certificate");
}
END_TEST

START_TEST(passphrase)
{
	put(&material.key, fixture_key_text(&client_pair, "secret"));
	assert_refused(TLS_CLIENT, "key: is protected by a passphrase");
}
END_TEST

/* A context comes of it all the same: dates are of the moment. */
static void assert_dates(const char *expected, int error)
{
	struct tls_context *context;
	struct problem problem = { 0 };
	int r;

	ck_assert_int_eq(tls_context_new(TLS_CLIENT, &material, &context, &problem), 0);
	r = tls_context_check_dates(context, &problem);
	ck_assert_int_eq(r, error);
	if (expected)
		ck_assert_msg(strstr(problem.text, expected) != NULL, "%s", problem.text);
	tls_context_unref(context);
}

START_TEST(dates)
{
	assert_dates(NULL, 0);
	use_spec(&(struct fixture_spec){ .common = { { .data = "branch-a" } },
		.usage = "clientAuth",
		.from = -9L * DAY,
		.until = -1L * DAY });
	assert_dates("certificate: that of branch-a expired on ", -EINVAL);
	assert_dates("; renew it with culvert-pki renew branch-a", -EINVAL);
	use_spec(&(struct fixture_spec){ .common = { { .data = "branch-a" } },
		.usage = "clientAuth",
		.from = 1L * DAY,
		.until = 9L * DAY });
	assert_dates("certificate: that of branch-a is valid only from ", -EAGAIN);
}
END_TEST

/* What comes with the certificate ends as well, and so does what others are held against. */
START_TEST(dates_of_the_rest)
{
	struct fixture_spec spec = { .common = { { .data = "CA 1" } },
		.is_ca = true,
		.from = -9L * DAY,
		.until = -1L * DAY };
	struct fixture_pair between = fixture_issue(&ca, &spec);
	struct fixture_pair leaf = fixture_client(&between, "branch-a");
	struct fixture_pair other = fixture_ca("CA 2");

	put(&material.crl, fixture_crl_text(&ca, NULL, -2L * DAY, DAY));
	assert_dates(NULL, 0);
	put(&material.crl, fixture_crl_text(&ca, NULL, -2L * DAY, -1L * DAY));
	assert_dates(NULL, 0);
	material.crl_current = true;
	put(&material.crl, fixture_crl_text(&ca, NULL, 1L * DAY, 2L * DAY));
	assert_dates("crl: the revocation list of \"Test CA\" is valid only from ", -EAGAIN);
	put(&material.crl, fixture_crl_text(&ca, NULL, -2L * DAY, -1L * DAY));
	assert_dates("crl: the revocation list of \"Test CA\" expired on ", -EINVAL);
	/* A newer one takes the place of it, and one of another CA does not. */
	put(&material.crl,
		fixture_join(fixture_crl_text(&ca, NULL, -2L * DAY, -1L * DAY),
			fixture_crl_text(&other, NULL, -2L * DAY, DAY)));
	assert_dates("crl: the revocation list of \"Test CA\" expired on ", -EINVAL);
	put(&material.crl,
		fixture_join(fixture_crl_text(&ca, NULL, -2L * DAY, -1L * DAY),
			fixture_crl_text(&ca, NULL, -1L * DAY, DAY)));
	assert_dates(NULL, 0);
	put(&material.certificate,
		fixture_join(fixture_certificate_text(&leaf), fixture_certificate_text(&between)));
	put(&material.key, fixture_key_text(&leaf, NULL));
	assert_dates("certificate: that of \"CA 1\" expired on ", -EINVAL);
	fixture_free(&between);
	fixture_free(&leaf);
	fixture_free(&other);
}
END_TEST

START_TEST(role)
{
	assert_refused(TLS_SERVER, "certificate: it is not meant for a server");
	use_spec(&(struct fixture_spec){ .common = { { .data = "branch-a" } } });
	assert_refused(TLS_CLIENT, "certificate: it has no extended key usage");
}
END_TEST

/* What this end is called, for status and messages. */
static void assert_called(enum tls_role end, const char *name)
{
	struct tls_context *context = NULL;
	struct problem problem = { "" };

	ck_assert_msg(tls_context_new(end, &material, &context, &problem) == 0, "%s", problem.text);
	if (strchr(name, '*'))
		ck_assert_int_eq(
			strncmp(tls_context_identity(context)->name, name, strcspn(name, "*")), 0);
	else
		ck_assert_str_eq(tls_context_identity(context)->name, name);
	tls_context_unref(context);
}

START_TEST(identity)
{
	use_spec(&(struct fixture_spec){ .common = { { .data = "../x" } }, .usage = "clientAuth" });
	assert_called(TLS_CLIENT, "sha256-*");
	use_spec(&(struct fixture_spec){
		.common = { { .data = "a b" }, { .data = "b" } }, .usage = "clientAuth" });
	assert_called(TLS_CLIENT, "b");
	use_spec(&(struct fixture_spec){ .common = { { .data = "a" } },
		.alternative = { { .data = "x.example.org", .type = GEN_DNS },
			{ .data = "\x7f\0\0\1", .len = 4, .type = GEN_IPADD } },
		.usage = "serverAuth" });
	assert_called(TLS_SERVER, "x.example.org");
	use_spec(&(struct fixture_spec){ .common = { { .data = "a\nb" } }, .usage = "clientAuth" });
	assert_refused(TLS_CLIENT, "certificate: its name \"a\\x0ab\" has a control character");
	use_spec(&(struct fixture_spec){ .common = { { .data = "a" } },
		.alternative = { { .data = "spiffe://example.org/hub", .type = GEN_URI } },
		.usage = "serverAuth" });
	assert_refused(TLS_SERVER, "certificate: it has no DNS name that server_name");
}
END_TEST

START_TEST(weak)
{
	use_spec(&(struct fixture_spec){
		.common = { { .data = "branch-a" } }, .usage = "clientAuth", .weak = true });
	assert_refused(TLS_CLIENT,
		"certificate: cannot be used: its key is too short (RSA needs 2,048 bits");
}
END_TEST

START_TEST(too_large)
{
	/*
	 * The last size that is taken lies above 4,000 bytes, the first that is refused at 32,000.
	 */
	while (material.certificate.len < 4000)
		material.certificate = fixture_join(
			material.certificate, fixture_certificate_text(&client_pair));
	assert_taken(TLS_CLIENT);
	while (material.certificate.len < 60000) /* in base64 */
		material.certificate = fixture_join(
			material.certificate, fixture_certificate_text(&client_pair));
	assert_refused(TLS_CLIENT, "at most 32000 can be sent");
}
END_TEST

START_TEST(bad_ca)
{
	put_string(&material.ca, "");
	assert_refused(TLS_CLIENT, "ca: holds no certificate in PEM form");
	put(&material.ca, fixture_certificate_text(&client_pair));
	assert_refused(TLS_CLIENT, "ca: the certificate \"branch-a\" in it is not a CA's");
}
END_TEST

START_TEST(several_cas)
{
	struct fixture_pair second = fixture_ca("Second CA");
	struct fixture_pair server = fixture_server(&second, "hub");
	struct tls_context *client_context = NULL, *server_context;
	struct problem problem = { "" };
	struct end *client, *server_end;

	put(&material.ca,
		fixture_join(fixture_certificate_text(&ca), fixture_certificate_text(&second)));
	ck_assert_int_eq(tls_context_new(TLS_CLIENT, &material, &client_context, &problem), 0);
	server_context = fixture_context(TLS_SERVER, &server, &ca, NULL);
	client = end_new(client_context);
	server_end = end_new(server_context);
	ends_converse(client, server_end);
	ck_assert_msg(client->established, "%s", client->problem.text);
	ck_assert_msg(server_end->established, "%s", server_end->problem.text);
	end_free(client);
	end_free(server_end);
	tls_context_unref(client_context);
	tls_context_unref(server_context);
	fixture_free(&second);
	fixture_free(&server);
}
END_TEST

/* A chain with an intermediate, whose CA alone the other end knows. */
START_TEST(intermediate)
{
	struct fixture_spec spec = { .common = { { .data = "Intermediate" } }, .is_ca = true };
	struct fixture_pair between = fixture_issue(&ca, &spec);
	struct fixture_pair leaf = fixture_client(&between, "branch-a");
	struct fixture_pair hub = fixture_server(&ca, "hub");
	struct tls_context *client_context = NULL, *server_context;
	struct problem problem = { "" };
	struct end *client, *server;

	put(&material.certificate,
		fixture_join(fixture_certificate_text(&leaf), fixture_certificate_text(&between)));
	put(&material.key, fixture_key_text(&leaf, NULL));
	ck_assert_int_eq(tls_context_new(TLS_CLIENT, &material, &client_context, &problem), 0);
	server_context = fixture_context(TLS_SERVER, &hub, &ca, NULL);
	client = end_new(client_context);
	server = end_new(server_context);
	ends_converse(client, server);
	ck_assert_msg(server->established, "%s", server->problem.text);
	end_free(client);
	end_free(server);
	tls_context_unref(client_context);
	tls_context_unref(server_context);
	fixture_free(&between);
	fixture_free(&leaf);
	fixture_free(&hub);
}
END_TEST

START_TEST(crl)
{
	struct fixture_pair other = fixture_ca("Other CA"), forged = fixture_ca("Test CA");

	put(&material.crl, fixture_crl_text(&ca, NULL, -DAY, DAY));
	assert_taken(TLS_CLIENT);
	put_string(&material.crl, "no list");
	assert_refused(TLS_CLIENT, "crl: holds no revocation list in PEM form");
	/* An empty file, as of a full disk, must not mean that nothing is revoked. */
	put_string(&material.crl, "");
	assert_refused(TLS_CLIENT, "crl: holds no revocation list in PEM form");
	put_string(&material.crl, "-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n");
	assert_refused(TLS_CLIENT, "crl: revocation list 1 is damaged");
	/* It may be the list of a CA between, which comes with a peer. */
	put(&material.crl, fixture_crl_text(&other, NULL, -DAY, DAY));
	assert_taken(TLS_CLIENT);
	put(&material.crl, fixture_crl_text(&forged, NULL, -DAY, DAY));
	assert_refused(TLS_CLIENT, "crl: the revocation list of \"Test CA\" is not signed by");
	/* Strict: a CA without a list of its own would refuse everybody. */
	material.crl_strict = true;
	assert_refused(TLS_CLIENT, "crl: the revocation list of \"Test CA\" is not signed by");
	put(&material.crl, fixture_crl_text(&other, NULL, -DAY, DAY));
	assert_refused(TLS_CLIENT, "crl_missing: crl has no revocation list of the CA \"Test CA\"");
	fixture_text_free(&material.crl);
	assert_refused(TLS_CLIENT, "crl_missing: crl has no revocation list of the CA \"Test CA\"");
	put(&material.crl, fixture_crl_text(&ca, NULL, -DAY, DAY));
	assert_taken(TLS_CLIENT);
	fixture_free(&other);
	fixture_free(&forged);
}
END_TEST

/*
 * Whatever openssl.cnf says: here it allows what no certificate of ours can sign with. OpenSSL reads
 * it once, so this needs a process of its own (without one, CK_FORK=no, it shows nothing).
 */
START_TEST(openssl_cnf_changes_nothing)
{
	static const char text[] = "openssl_conf = init\n[init]\nssl_conf = ssl\n[ssl]\n"
				   "system_default = system\n[system]\n"
				   "SignatureAlgorithms = rsa_pss_rsae_sha256\n"
				   "ClientSignatureAlgorithms = rsa_pss_rsae_sha256\n"
				   "Groups = P-521\nCiphersuites = TLS_AES_128_CCM_SHA256\n";
	char path[] = "/tmp/test_tls_context.XXXXXX";
	struct end *client, *server;
	int fd = mkstemp(path);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, text, sizeof(text) - 1), (ssize_t)sizeof(text) - 1);
	close(fd);
	ck_assert_int_eq(setenv("OPENSSL_CONF", path, 1), 0);
	pki_set_up();
	ends_connect(&client, &server);
	ends_free(client, server);
	pki_tear_down();
	unlink(path);
	unsetenv("OPENSSL_CONF");
}
END_TEST

/* What we offer has names, each of which this library knows; and no SHA-1. */
START_TEST(signatures)
{
	struct tls_context *context;
	struct problem problem = { "" };
	struct end *ours, *theirs;
	int count, hash;

	ck_assert_int_eq(tls_context_new(TLS_CLIENT, &material, &context, &problem), 0);
	ours = end_new(context);
	theirs = end_new_raw(true, &client_pair, &raw_plain);
	ends_converse(ours, theirs);
	count = SSL_get_sigalgs(theirs->raw.ssl, 0, NULL, &hash, NULL, NULL, NULL);
	ck_assert_int_ge(count, 14);
	for (int i = 0; i < count; i++) {
		SSL_get_sigalgs(theirs->raw.ssl, i, NULL, &hash, NULL, NULL, NULL);
		ck_assert_int_ne(hash, NID_sha1);
		ck_assert_int_ne(hash, NID_sha224);
	}
	end_free(ours);
	end_free(theirs);
	tls_context_unref(context);
}
END_TEST

static Suite *suite(void)
{
	const TTest *tests[] = { good, not_pem, what_stands_before, cut_anywhere, no_key, other_key,
		passphrase, dates, dates_of_the_rest, role, identity, another_file, weak, too_large,
		bad_ca, several_cas, intermediate, crl, signatures };
	Suite *made = suite_create("tls_context");

	unit_add_case(made, "material", set_up, tear_down, tests, ARRAY_SIZE(tests));
	unit_add(made, "openssl.cnf", openssl_cnf_changes_nothing);
	return made;
}

int main(void)
{
	return unit_run("tls_context", suite());
}
