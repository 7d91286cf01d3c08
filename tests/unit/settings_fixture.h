/* SPDX-License-Identifier: Apache-2.0 */
/* Settings built by hand, for the tests of config/settings. */
#ifndef CULVERT_TESTS_UNIT_SETTINGS_FIXTURE_H
#define CULVERT_TESTS_UNIT_SETTINGS_FIXTURE_H

#include "config/settings.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "parse.h"
#include "unit.h"

static inline struct settings *server(size_t peer_count)
{
	struct settings *settings;

	ck_assert_int_eq(settings_new(SETTINGS_SERVER, &settings), 0);
	ck_assert_int_eq(endpoint_parse("0.0.0.0:443", 0, &settings->listen[0]), 0);
	settings->listen_count = 1;
	settings->pool4 = prefix_of("10.9.0.0/29");
	settings->pool6 = prefix_of("fd00::/64");
	settings->ping_interval = DURATION_S(5);
	settings->dead_after = DURATION_S(15);
	settings->peers = calloc(peer_count + 1, sizeof(*settings->peers));
	ck_assert_ptr_nonnull(settings->peers);
	settings->peer_count = peer_count;
	for (size_t i = 0; i < peer_count; i++) {
		char name[32];

		(void)snprintf(name, sizeof(name), "peer-%zu", i);
		ck_assert_int_eq(identity_set(&settings->peers[i].name, name, strlen(name)), 0);
	}
	return settings;
}

static inline struct settings *client(void)
{
	struct settings *settings;

	ck_assert_int_eq(settings_new(SETTINGS_CLIENT, &settings), 0);
	settings->remote_count = 1;
	settings->peers = calloc(1, sizeof(*settings->peers));
	ck_assert_ptr_nonnull(settings->peers);
	settings->peer_count = 1;
	return settings;
}

static inline void announce(struct settings *settings, const char *text)
{
	settings->announce.items = calloc(1, sizeof(*settings->announce.items));
	ck_assert_ptr_nonnull(settings->announce.items);
	settings->announce.items[0].prefix = prefix_of(text);
	settings->announce.count = 1;
}

/* Frees the settings. */
static inline void good(struct settings *settings)
{
	struct problem problem = { .text = "" };

	ck_assert_msg(settings_check(settings, &problem) == 0, "refused: %s", problem.text);
	settings_free(settings);
}

/* The words begin with the option and name the value. Frees the settings. */
static inline void refused(struct settings *settings, const char *key, const char *word)
{
	struct problem problem = { .text = "" };

	ck_assert_int_eq(settings_check(settings, &problem), -EINVAL);
	ck_assert_msg(strncmp(problem.text, key, strlen(key)) == 0, "not about %s: %s", key,
		problem.text);
	ck_assert_msg(
		strstr(problem.text, word) != NULL, "does not say %s: %s", word, problem.text);
	settings_free(settings);
}

#endif
