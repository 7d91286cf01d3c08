/* SPDX-License-Identifier: Apache-2.0 */
#include "config/configuration.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/wall_clock.h"
#include "base/executable.h"
#include "base/file.h"
#include "config/configuration_internal.h"
#include "config/validity.h"
#include "config/credentials.h"
#include "config/conf.h"
#include "system/passphrase.h"
#include "system/process.h"

enum {
	PASSPHRASE_TRIES = 3,
	DAY_S = 86400,
};

/* The file is read once, so netd hands the engine exactly the bytes that were checked here. */

int configuration_parse(struct configuration *configuration, const struct configuration_role *role,
	struct problem *problem)
{
	return role->load(configuration->text, configuration->len, configuration->path,
		&configuration->settings, problem);
}

int configuration_load(struct configuration *configuration, const struct configuration_role *role,
	const char *path, struct problem *problem)
{
	*configuration = (struct configuration){ .path = path };
	int r = file_read(path, FILE_PUBLIC, &configuration->text, &configuration->len, problem);
	if (r == 0)
		r = configuration_parse(configuration, role, problem);
	if (r == 0 && settings_hold_secret(configuration->settings))
		r = file_check_private(path, problem);
	return r;
}

static int check_hook(const char *key, const struct settings_hook *hook, struct problem *problem)
{
	int fd, r;

	if (hook->count == 0)
		return 0;
	r = executable_open(hook->words[0], SETTINGS_HOOK_STAKE, &fd, problem);
	if (r < 0)
		problem_prepend(problem, "%s", key);
	else
		close(fd);
	return r;
}

static int check_hooks(const struct settings *settings, struct problem *problem)
{
	int r = check_hook("on_up", &settings->on_up, problem);

	if (r == 0)
		r = check_hook("on_down", &settings->on_down, problem);
	if (r == 0)
		r = check_hook("on_route", &settings->on_route, problem);
	return r;
}

/*
 * Only root can make the engine another user. Any other user may check or start a configuration on
 * a host that lacks the user. `user` must never be root.
 */
static int check_user(const struct settings *settings, struct problem *problem)
{
	struct process_user user;
	int r;

	if (settings->contained)
		return 0;
	r = process_find_user(settings->user, &user, problem);
	if (r == 0 || (r != -EPERM && geteuid() != 0))
		return 0;
	problem_prepend(problem, "user");
	return r;
}

/* Adds an error, if `r` is one, and returns the errno of the first. */
static int find_error(const struct configuration *configuration, struct findings *findings,
	const char *check, int first, int r, struct problem *problem)
{
	if (r < 0)
		configuration_find(configuration, findings, FINDING_ERROR, check, problem);
	return first < 0 ? first : r;
}

/* Judges our own certificate and key by the rules of the other end's handshake. */
static int examine_own(const struct configuration *configuration, const struct tls_context *context,
	struct findings *findings)
{
	size_t first = findings->count;
	int r = 0;

	credentials_examine(context, configuration->settings, findings);
	for (size_t i = first; i < findings->count; i++) {
		conf_locate(configuration->text, configuration->len, configuration->path,
			&findings->items[i].text);
		if (findings->items[i].level == FINDING_ERROR)
			r = -EINVAL;
	}
	return r;
}

/* Names what ends soon, or has ended without being refused for that, while a person can act. */
static void examine_ends(const struct configuration *configuration,
	const struct tls_context *context, struct findings *findings)
{
	bool current = configuration->settings->crl_expired == SETTINGS_CRL_REFUSE;
	struct tls_term terms[TLS_TERMS_MAX];
	size_t count = tls_context_terms(context, terms, TLS_TERMS_MAX);
	struct problem problem;

	for (size_t i = 0; i < count; i++) {
		validity_explain(&terms[i], wall_now(), current, &problem);
		if (problem.text[0] != '\0')
			configuration_find(
				configuration, findings, FINDING_WARNING, "dates", &problem);
	}
}

/* What is not valid yet will be by itself; what has expired needs a person. */
static int examine_dates(const struct configuration *configuration,
	const struct tls_context *context, struct findings *findings, int first)
{
	struct problem problem = { 0 };
	int r = credentials_check_dates(context, configuration->settings, &problem);

	if (r == 0)
		examine_ends(configuration, context, findings);
	if (r != -EAGAIN)
		return find_error(configuration, findings, "dates", first, r, &problem);
	configuration_find(configuration, findings, FINDING_WARNING, "dates", &problem);
	return first;
}

/* Judges the certificate, the key, the CA and the lists. */
static int examine_credentials(const struct configuration *configuration,
	const struct configuration_role *role, enum configuration_purpose purpose,
	struct findings *findings, struct configuration_verdict *ret_verdict)
{
	const struct settings *settings = configuration->settings;
	struct credentials credentials = { 0 };
	struct tls_context *context = NULL;
	struct problem problem = { 0 };

	int r = credentials_read_files(&credentials, settings, &problem);
	if (r == 0) {
		credentials.skip_key = credentials_key_is_locked(&credentials);
		r = credentials_make_context(
			&credentials, settings, role->tls_role, &context, &problem);
	}
	if (r == 0)
		*ret_verdict = (struct configuration_verdict){
			.identity = *tls_context_identity(context),
			.key_locked = credentials.skip_key,
		};
	r = find_error(configuration, findings, "credentials", 0, r, &problem);
	if (context)
		r = examine_own(configuration, context, findings);
	if (context && role->examine)
		r = find_error(configuration, findings, "credentials", r,
			role->examine(settings, context, &problem), &problem);
	if (context && purpose == CONFIGURATION_CHECK)
		r = examine_dates(configuration, context, findings, r);
	tls_context_unref(context);
	credentials_free(&credentials);
	return r;
}

int configuration_examine(const struct configuration *configuration,
	const struct configuration_role *role, enum configuration_purpose purpose,
	struct findings *findings, struct configuration_verdict *ret_verdict)
{
	const struct settings *settings = configuration->settings;
	struct problem problem = { 0 };
	int first = 0, r;

	if (purpose != CONFIGURATION_FILE) {
		r = check_user(settings, &problem);
		first = find_error(configuration, findings, "user", first, r, &problem);
		r = check_hooks(settings, &problem);
		first = find_error(configuration, findings, "hooks", first, r, &problem);
	}
	r = examine_credentials(configuration, role, purpose, findings, ret_verdict);
	first = first < 0 ? first : r;
	r = configuration_examine_values(configuration, findings);
	first = first < 0 ? first : r;
	if (purpose == CONFIGURATION_FILE || settings->contained)
		return first;
	configuration_examine_host(configuration, findings);
	r = configuration_examine_places(configuration, purpose, findings);
	return first < 0 ? first : r;
}

void configuration_explain(const struct findings *findings, struct problem *problem)
{
	const struct finding *error = findings_first(findings, FINDING_ERROR);

	problem_set(problem, "%s", error ? error->text.text : "not enough memory to check it");
}

/* Asks until the passphrase is right, PASSPHRASE_TRIES times at most. */
static int ask_and_unlock(
	struct credentials *credentials, const char *file, char **ret_key, struct problem *problem)
{
	char prompt[PROBLEM_TEXT_MAX], passphrase[PASSPHRASE_MAX + 1];
	int r = -EACCES;

	for (int i = 0; i < PASSPHRASE_TRIES && r == -EACCES; i++) {
		(void)snprintf(prompt, sizeof(prompt), "%sPassphrase of the key in %s",
			i > 0 ? "Wrong passphrase. " : "", file);
		r = passphrase_ask(prompt, passphrase, problem);
		if (r < 0)
			problem_prepend(
				problem, "the key in %s is protected by a passphrase", file);
		else
			r = credentials_unlock_key(credentials, passphrase, ret_key, problem);
		explicit_bzero(passphrase, sizeof(passphrase));
	}
	if (r == -EACCES)
		problem_set(problem, "the passphrase of the key in %s was wrong %d times", file,
			PASSPHRASE_TRIES);
	return r;
}

static int unlock(struct configuration *configuration, struct problem *problem)
{
	struct settings *settings = configuration->settings;
	struct credentials credentials = { 0 };

	int r = credentials_read_files(&credentials, settings, problem);
	if (r == 0)
		r = ask_and_unlock(&credentials,
			settings_is_inline(settings->key) ? configuration->path : settings->key,
			&settings->unlocked_key, problem);
	credentials_free(&credentials);
	return r;
}

static int judge_for(const struct configuration *configuration,
	const struct configuration_role *role, enum configuration_purpose purpose, bool quiet,
	struct configuration_verdict *ret_verdict, struct problem *problem)
{
	struct findings findings = { .count = 0 };
	int r = configuration_examine(configuration, role, purpose, &findings, ret_verdict);

	if (r < 0)
		configuration_explain(&findings, problem);
	if (!quiet)
		configuration_log(&findings);
	findings_free(&findings);
	return r;
}

static int judge(const struct configuration *configuration, const struct configuration_role *role,
	bool again, struct configuration_verdict *ret_verdict, struct problem *problem)
{
	return judge_for(configuration, role, CONFIGURATION_START, again, ret_verdict, problem);
}

int configuration_prepare(struct configuration *configuration,
	const struct configuration_role *role, struct problem *problem)
{
	struct configuration_verdict verdict = { .key_locked = false };
	int r = judge(configuration, role, false, &verdict, problem);
	if (r < 0 || !verdict.key_locked)
		return r;
	r = unlock(configuration, problem);
	return r == 0 ? judge(configuration, role, true, &verdict, problem) : r;
}

/* Judges a configuration that takes the place of `live`. */
static int prepare_next(struct configuration *configuration, const struct configuration_role *role,
	enum configuration_purpose purpose, bool quiet, const struct settings *live,
	struct problem *problem)
{
	struct settings *settings = configuration->settings;
	struct configuration_verdict verdict = { .key_locked = false };
	int r = judge_for(configuration, role, purpose, quiet, &verdict, problem);

	if (r < 0 || !verdict.key_locked)
		return r;
	settings->unlocked_key = live->unlocked_key ? strdup(live->unlocked_key) : NULL;
	if (live->unlocked_key && !settings->unlocked_key) {
		problem_set(problem, "out of memory");
		return -ENOMEM;
	}
	if (settings->unlocked_key &&
		judge_for(configuration, role, purpose, true, &verdict, problem) == 0)
		return 0;
	problem_set(problem,
		"key: a passphrase protects the key in %s, and it is not the key that was unlocked at the start; restart the program to type its passphrase",
		settings_is_inline(settings->key) ? configuration->path : settings->key);
	return -EACCES;
}

int configuration_prepare_again(struct configuration *configuration,
	const struct configuration_role *role, const struct settings *live, struct problem *problem)
{
	return prepare_next(configuration, role, CONFIGURATION_START, false, live, problem);
}

int configuration_prepare_files(struct configuration *configuration,
	const struct configuration_role *role, const struct settings *live, struct problem *problem)
{
	return prepare_next(configuration, role, CONFIGURATION_FILE, true, live, problem);
}

void configuration_free(struct configuration *configuration)
{
	settings_free(configuration->settings);
	if (configuration->text)
		explicit_bzero(configuration->text, configuration->len);
	free(configuration->text);
	*configuration = (struct configuration){ 0 };
}
