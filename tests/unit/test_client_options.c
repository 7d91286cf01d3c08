/* SPDX-License-Identifier: Apache-2.0 */
/* Profiles: the shipped examples, the defaults, the mistakes, and text that is cut or broken. */
#include "client/options.h"

#include "options_test.h"

#define SITE "docs/examples/site.conf"
#define WORKER "docs/examples/worker.conf"
#define INLINE "tests/golden/conf/profile/inline.conf"

static void is_prefix(const struct prefix *prefix, const char *text)
{
	char out[ADDR_TEXT_MAX];

	ck_assert_str_eq(prefix_format(prefix, out), text);
}

START_TEST(test_site)
{
	size_t len;
	char *text = options_read(SITE, &len);
	struct settings *settings = options_good(client_options_load, text, SITE);

	ck_assert_int_eq(settings->role, SETTINGS_CLIENT);
	ck_assert_str_eq(settings->name, "branch-a");
	ck_assert_str_eq(settings->control_socket, "/run/culvert/branch-a.sock");
	ck_assert_uint_eq(settings->remote_count, 3);
	ck_assert_str_eq(settings->remotes[0].host, "hub.example.net");
	ck_assert_uint_eq(settings->remotes[0].port, 443);
	ck_assert_str_eq(settings->remotes[2].host, "2001:db8::1");
	ck_assert_uint_eq(settings->peer_count, 1);
	ck_assert_str_eq(settings->peers[0].name.name, "hub");
	ck_assert_uint_eq(settings->peers[0].accept_routes.count, 2);
	is_prefix(&settings->peers[0].accept_routes.items[1], "fd00:c17::/32");
	ck_assert_uint_eq(settings->peers[0].max_routes, 64);
	ck_assert_uint_eq(settings->announce.count, 2);
	ck_assert_uint_eq(settings->workers, 0);
	ck_assert_str_eq(settings->congestion, "auto");
	settings_free(settings);
	free(text);
}
END_TEST

START_TEST(test_worker)
{
	size_t len;
	char *text = options_read(WORKER, &len);
	struct settings *settings = options_good(client_options_load, text, WORKER);

	ck_assert_str_eq(settings->name, "worker");
	ck_assert_uint_eq(settings->remote_count, 1);
	ck_assert_str_eq(settings->remotes[0].host, "hub.example.net");
	ck_assert_uint_eq(settings->remotes[0].port, 443);
	ck_assert_str_eq(settings->interface, "work%d");
	ck_assert_int_eq(settings->handshake_timeout.ns, DURATION_S(20).ns);
	ck_assert_int_eq(settings->log_level, LOG_LEVEL_NOTICE);
	settings_free(settings);
	free(text);
}
END_TEST

/* As culvert-pki writes it; and, with it, the defaults as docs/configuration.md has them. */
START_TEST(test_inline)
{
	static const char *const accepted[] = { "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16",
		"100.64.0.0/10", "fc00::/7" };
	size_t len;
	char *text = options_read(INLINE, &len);
	struct settings *settings = options_good(client_options_load, text, "/tmp/gw-a.conf");

	ck_assert_str_eq(settings->name, "gw-a");
	ck_assert_str_eq(settings->control_socket, "/run/culvert/gw-a.sock");
	ck_assert_str_eq(settings->state_dir, ""); /* a client keeps nothing */
	ck_assert(settings_is_inline(settings->certificate));
	ck_assert(settings_is_inline(settings->key));
	ck_assert(settings_is_inline(settings->ca));
	ck_assert_str_eq(settings->key,
		"-----BEGIN PRIVATE KEY-----\nMIIBdummydummydummy+/=\nAAAA\n"
		"-----END PRIVATE KEY-----\n");
	ck_assert_str_eq(settings->remotes[1].host, "fe80::1%eth0");
	ck_assert_uint_eq(settings->remotes[1].port, 1);
	ck_assert_uint_eq(settings->remotes[2].port, 443);

	ck_assert_ptr_null(settings->crl);
	ck_assert_uint_eq(settings->crl_missing, SETTINGS_CRL_WARN);
	ck_assert_uint_eq(settings->crl_expired, SETTINGS_CRL_WARN);
	ck_assert(settings->check_destination);
	ck_assert_str_eq(settings->user, "nobody");
	ck_assert_uint_eq(settings->workers, 0);
	ck_assert_uint_eq(settings->mtu, 0);
	ck_assert(settings->offloads);
	ck_assert_str_eq(settings->interface, "cv%d");
	ck_assert_int_eq(settings->handshake_timeout.ns, DURATION_S(10).ns);
	ck_assert_uint_eq(settings->announce.count, 0);
	ck_assert_uint_eq(settings->peers[0].max_routes, 256);
	ck_assert(!settings->kill_switch);
	ck_assert_uint_eq(settings->peers[0].accept_routes.count, 5);
	for (size_t i = 0; i < 5; i++)
		is_prefix(&settings->peers[0].accept_routes.items[i], accepted[i]);
	settings_free(settings);
	free(text);
}
END_TEST

/* As people paste it: on the line after the quote, with what openssl writes before it. */
START_TEST(test_pasted)
{
	static const char text[] =
		"\xef\xbb\xbfserver_name = \"hub\";\nremotes = \"vpn.example\";\n"
		"certificate = \"\n  -----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n\";\n"
		"key = \"Bag Attributes\n    friendlyName: x\nKey Attributes: <No Attributes>\n"
		"-----BEGIN PRIVATE KEY-----\nAA==\n-----END PRIVATE KEY-----\n\";\n"
		"ca = \"Certificate:\r\n    Data:\r\n-----BEGIN CERTIFICATE-----\r\nAA==\r\n"
		"-----END CERTIFICATE-----\r\n\";\n";
	struct settings *settings = options_good(client_options_load, text, "/tmp/gw-a.conf");

	ck_assert_str_eq(settings->certificate,
		"-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n");
	ck_assert_str_eq(
		settings->key, "-----BEGIN PRIVATE KEY-----\nAA==\n-----END PRIVATE KEY-----\n");
	ck_assert(settings_is_inline(settings->ca));
	ck_assert(settings_hold_secret(settings));
	settings_free(settings);
}
END_TEST

START_TEST(test_golden)
{
	ck_assert_int_gt(options_golden(client_options_load, "tests/golden/conf/profile"), 8);
}
END_TEST

START_TEST(test_cut)
{
	options_cut_everywhere(client_options_load, SITE);
	options_cut_everywhere(client_options_load, WORKER);
	options_cut_everywhere(client_options_load, INLINE);
}
END_TEST

START_TEST(test_mutated)
{
	options_mutate(client_options_load, SITE);
	options_mutate(client_options_load, INLINE);
}
END_TEST

START_TEST(test_documented)
{
	options_documented(client_options_describe, "profile");
}
END_TEST

static Suite *suite(void)
{
	Suite *suite = suite_create("client_options");

	unit_add(suite, "site", test_site);
	unit_add(suite, "worker", test_worker);
	unit_add(suite, "inline", test_inline);
	unit_add(suite, "pasted", test_pasted);
	unit_add(suite, "golden", test_golden);
	unit_add(suite, "cut", test_cut);
	unit_add(suite, "mutated", test_mutated);
	unit_add(suite, "documented", test_documented);
	return suite;
}

int main(void)
{
	return unit_run("client_options", suite());
}
