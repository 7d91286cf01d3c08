/* SPDX-License-Identifier: Apache-2.0 */
/* culvertd.conf: the shipped example, the defaults, the mistakes, and text that is cut or broken. */
#include "daemon/options.h"

#include "options_test.h"

#define EXAMPLE "docs/examples/culvertd.conf"
#define REQUIRED "certificate = \"/c.crt\"; key = \"/c.key\"; ca = \"/ca.crt\"; "

static void is_addr(const struct addr *addr, const char *text)
{
	char out[ADDR_TEXT_MAX];

	ck_assert_str_eq(addr_format(addr, out), text);
}

static void is_prefix(const struct prefix *prefix, const char *text)
{
	char out[ADDR_TEXT_MAX];

	ck_assert_str_eq(prefix_format(prefix, out), text);
}

static void is_endpoint(const struct endpoint *endpoint, const char *text)
{
	char out[ENDPOINT_TEXT_MAX];

	ck_assert_str_eq(endpoint_format(endpoint, out), text);
}

START_TEST(test_example)
{
	size_t len;
	char *text = options_read(EXAMPLE, &len);
	struct settings *settings = options_good(daemon_options_load, text, EXAMPLE);
	const struct settings_peer *peer;

	ck_assert_int_eq(settings->role, SETTINGS_SERVER);
	ck_assert_str_eq(settings->name, "hub");
	ck_assert_uint_eq(settings->listen_count, 2);
	is_endpoint(&settings->listen[0], "[::]:443");
	ck_assert_str_eq(settings->key, "/etc/culvert/hub.key");
	ck_assert_str_eq(settings->crl, "/etc/culvert/crl.pem");
	ck_assert_str_eq(settings->control_socket, "/run/culvert/hub.sock");
	ck_assert_str_eq(settings->state_dir, "/var/lib/culvert/hub");
	is_prefix(&settings->pool4, "10.213.0.0/24");
	is_prefix(&settings->pool6, "fd00:c17:e27::/64");
	ck_assert_uint_eq(settings->announce.count, 2);
	is_prefix(&settings->announce.items[1].prefix, "fd00:c17:1::/64");
	ck_assert_int_eq(settings->ping_interval.ns, DURATION_S(5).ns);
	ck_assert_int_eq(settings->dead_after.ns, DURATION_S(15).ns);
	ck_assert_uint_eq(settings->peer_count, 3);
	peer = &settings->peers[0];
	ck_assert_str_eq(peer->name.name, "branch-a");
	ck_assert_str_eq(peer->interface, "cv-branch-a");
	is_addr(&peer->address4, "10.213.0.10");
	is_addr(&peer->address6, "fd00:c17:e27::10");
	ck_assert_uint_eq(peer->accept_routes.count, 2);
	is_prefix(&peer->accept_routes.items[0], "10.1.0.0/16");
	ck_assert_uint_eq(peer->max_routes, 16);
	peer = &settings->peers[2];
	ck_assert_str_eq(peer->name.name, "alice");
	ck_assert_str_eq(peer->interface, "");
	ck_assert(!addr_is_set(&peer->address4));
	ck_assert_uint_eq(peer->accept_routes.count, 0);
	ck_assert_uint_eq(peer->max_routes, 64);
	settings_free(settings);
	free(text);
}
END_TEST

/* As docs/configuration.md has them. */
START_TEST(test_defaults)
{
	struct settings *settings = options_good(
		daemon_options_load, REQUIRED "pool6 = \"fd00::/64\";", "culvertd.conf");

	ck_assert_str_eq(settings->name, "culvertd");
	ck_assert_str_eq(settings->control_socket, "/run/culvert/culvertd.sock");
	ck_assert_str_eq(settings->state_dir, "/var/lib/culvert/culvertd");
	ck_assert_uint_eq(settings->listen_count, 2);
	is_endpoint(&settings->listen[0], "[::]:443");
	is_endpoint(&settings->listen[1], "0.0.0.0:443");
	ck_assert_ptr_null(settings->crl);
	ck_assert_uint_eq(settings->crl_missing, SETTINGS_CRL_WARN);
	ck_assert_uint_eq(settings->crl_expired, SETTINGS_CRL_WARN);
	ck_assert(settings->check_destination);
	ck_assert_str_eq(settings->user, "nobody");
	ck_assert_int_eq(settings->log_level, LOG_LEVEL_INFO);
	ck_assert_uint_eq(settings->workers, 0);
	ck_assert_str_eq(settings->congestion, "auto");
	ck_assert(settings_chooses_congestion(settings));
	ck_assert_uint_eq(settings->mark, 0);
	ck_assert_int_eq(settings->handshake_timeout.ns, DURATION_S(10).ns);
	ck_assert_str_eq(settings->interface, "cv%d");
	ck_assert_uint_eq(settings->mtu, 1500);
	ck_assert(settings->offloads);
	ck_assert_int_eq(settings->ping_interval.ns, DURATION_S(5).ns);
	ck_assert_int_eq(settings->dead_after.ns, DURATION_S(15).ns);
	ck_assert(!addr_is_set(&settings->pool4.addr));
	ck_assert_uint_eq(settings->max_sessions, 1024);
	ck_assert_uint_eq(settings->max_handshakes, 256);
	ck_assert_uint_eq(settings->announce.count, 0);
	ck_assert(!settings->unlisted);
	ck_assert(!settings->nat);
	ck_assert_uint_eq(settings->peer_count, 0);
	settings_free(settings);
}
END_TEST

START_TEST(test_forms)
{
	size_t len;
	char *text = options_read("tests/golden/conf/culvertd/lists.conf", &len);
	struct settings *settings = options_good(daemon_options_load, text, "lists.conf");

	ck_assert_uint_eq(settings->listen_count, 2);
	is_endpoint(&settings->listen[0], "0.0.0.0:1");
	is_endpoint(&settings->listen[1], "[::1]:443");
	ck_assert_uint_eq(settings->announce.count, 1);
	is_prefix(&settings->announce.items[0].prefix, "10.1.0.0/16");
	ck_assert_uint_eq(settings->mark, 0xffffffff);
	ck_assert_uint_eq(settings->crl_missing, SETTINGS_CRL_REFUSE);
	ck_assert_uint_eq(settings->crl_expired, SETTINGS_CRL_REFUSE);
	ck_assert(!settings->check_destination);
	ck_assert_int_eq(settings->ping_interval.ns, DURATION_MS(250).ns);
	ck_assert_int_eq(settings->dead_after.ns, DURATION_MS(500).ns);
	ck_assert_int_eq(settings->handshake_timeout.ns, DURATION_S(60).ns);
	ck_assert_uint_eq(settings->peer_count, 2);
	ck_assert_uint_eq(settings->peers[0].accept_routes.count, 0);
	is_prefix(&settings->peers[1].accept_routes.items[0], "10.2.0.0/16");
	ck_assert_uint_eq(settings->dns.server_count, 1);
	ck_assert_uint_eq(settings->dns.domain_count, 2);
	ck_assert_str_eq(settings->dns.domain[0], "corp.example");
	ck_assert_str_eq(settings->dns.domain[1], "example.org");
	settings_free(settings);
	free(text);
}
END_TEST

START_TEST(test_golden)
{
	ck_assert_int_gt(options_golden(daemon_options_load, "tests/golden/conf/culvertd"), 40);
}
END_TEST

/* A hub with many peers loads, and in a time that grows with their number only. */
START_TEST(test_many_peers)
{
	const int peers = unit_rounds(20000);
	struct problem problem = { .text = "" };
	struct settings *settings;
	size_t len;
	char *text, last[16];
	FILE *out = open_memstream(&text, &len);

	ck_assert_ptr_nonnull(out);
	(void)fprintf(out, REQUIRED "pool4 = \"10.0.0.0/8\"; peers = (");
	for (int i = 0; i < peers; i++)
		(void)fprintf(out, "%s{name=\"p%d\"; address4=\"10.1.%d.%d\";}\n", i > 0 ? "," : "",
			i, i / 256, i % 256);
	(void)fprintf(out, ");");
	ck_assert_int_eq(fclose(out), 0);
	ck_assert_msg(daemon_options_load(text, len, "many", &settings, &problem) == 0, "%s",
		problem.text);
	ck_assert_uint_eq(settings->peer_count, (unsigned)peers);
	(void)snprintf(last, sizeof(last), "p%d", peers - 1);
	ck_assert_str_eq(settings->peers[peers - 1].name.name, last);
	ck_assert_uint_eq(settings->peers[peers - 1].max_routes, 64);
	settings_free(settings);
	free(text);
}
END_TEST

START_TEST(test_too_large)
{
	struct problem problem = { .text = "" };
	struct settings *settings = NULL;
	size_t len = FILE_SIZE_MAX + 1;
	char *text = malloc(len);

	ck_assert_ptr_nonnull(text);
	memset(text, ' ', len);
	ck_assert_int_eq(daemon_options_load(text, len, "large.conf", &settings, &problem), -EFBIG);
	ck_assert_str_eq(problem.text, "large.conf:1: expected at most 4194304 bytes, got 4194305");
	free(text);
}
END_TEST

START_TEST(test_cut)
{
	options_cut_everywhere(daemon_options_load, EXAMPLE);
	options_cut_everywhere(daemon_options_load, "tests/golden/conf/culvertd/lists.conf");
}
END_TEST

START_TEST(test_mutated)
{
	options_mutate(daemon_options_load, EXAMPLE);
	options_mutate(daemon_options_load, "tests/golden/conf/culvertd/lists.conf");
}
END_TEST

START_TEST(test_documented)
{
	options_documented(daemon_options_describe, "culvertd.conf");
}
END_TEST

static Suite *suite(void)
{
	Suite *suite = suite_create("daemon_options");

	unit_add(suite, "example", test_example);
	unit_add(suite, "defaults", test_defaults);
	unit_add(suite, "forms", test_forms);
	unit_add(suite, "golden", test_golden);
	unit_add(suite, "many peers", test_many_peers);
	unit_add(suite, "too large", test_too_large);
	unit_add(suite, "cut", test_cut);
	unit_add(suite, "mutated", test_mutated);
	unit_add(suite, "documented", test_documented);
	return suite;
}

int main(void)
{
	return unit_run("daemon_options", suite());
}
