/* SPDX-License-Identifier: Apache-2.0 */
#include "config/check_certificate.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "config/credentials.h"

static void print_names(const struct peer_name_list *list, const char *title, FILE *out)
{
	char shown[PROBLEM_TEXT_MAX];
	const char *name = NULL;

	(void)fprintf(out, "%s:\n", title);
	while ((name = peer_names_next(list, name)))
		(void)fprintf(out, "  %s\n",
			problem_escape_rest(shown, sizeof(shown), name, strlen(name)));
}

/* One line for each entry but the one that is met. */
static void print_others(const struct settings *settings, const struct peer_names *names,
	const struct settings_peer *met, FILE *out)
{
	for (size_t i = 0; i < settings->peer_count; i++) {
		const struct settings_peer *peer = &settings->peers[i];
		struct problem reason;

		if (peer == met)
			continue;
		settings_explain(settings, peer, names, &reason);
		(void)fprintf(out, "entry %s: %s\n", peer->name.name, reason.text);
	}
}

/* The words that a handshake which was refused makes untrue are left out. */
static const char *reason_of(const struct problem *problem, bool valid)
{
	static const char verdict[] = "its certificate is valid, but ";
	size_t len = sizeof(verdict) - 1;

	return !valid && strncmp(problem->text, verdict, len) == 0 ? problem->text + len
								   : problem->text;
}

/* valid: the handshake takes the certificate. */
static int match(
	const struct settings *settings, const struct peer_names *names, bool valid, FILE *out)
{
	const struct settings_peer *met = NULL;
	struct identity name;
	struct problem problem = { 0 };
	int r;

	if (settings->role == SETTINGS_CLIENT) {
		r = settings_meet_server(settings, names, &problem);
		(void)fprintf(out, "%s%s\n",
			r < 0 ? "refused: " : "it is the server's: server_name ",
			r < 0 ? problem.text : settings->peers[0].name.name);
		return r;
	}
	r = settings_meet(settings, names, &name, &met, &problem);
	if (r < 0)
		(void)fprintf(out, "refused: %s\n", reason_of(&problem, valid));
	else if (met)
		(void)fprintf(out, "meets entry %s\n", met->name.name);
	else
		(void)fprintf(out, "meets no entry, and is let in as %s (unlisted)\n", name.name);
	print_others(settings, names, met, out);
	return r;
}

static int judge(const struct settings *settings, const struct tls_context *context,
	const char *file, FILE *out, struct problem *problem)
{
	struct peer_names *names = NULL;
	struct problem refusal;
	struct view text;
	char *data = NULL;
	size_t len;
	int r = file_read(file, FILE_PUBLIC, &data, &len, problem);

	if (r < 0)
		return r;
	text = (struct view){ .data = (const uint8_t *)data, .len = len };
	r = tls_context_shown(context, &text, &names, &refusal, problem);
	free(data);
	if (r < 0) {
		problem_prepend(problem, "%s", file);
		return r;
	}
	print_names(&names->own, "names of the certificate", out);
	print_names(&names->above, "CAs above it", out);
	r = match(settings, names, refusal.text[0] == '\0', out);
	if (refusal.text[0] != '\0') {
		(void)fprintf(out, "refused in the handshake: %s\n", refusal.text);
		r = -EACCES;
	}
	peer_names_unref(names);
	return r;
}

enum exit_code check_certificate(const struct configuration *configuration,
	const struct configuration_role *role, const char *file, FILE *out)
{
	struct credentials credentials = { 0 };
	struct tls_context *context = NULL;
	struct problem problem = { 0 };
	int r = credentials_read_files(&credentials, configuration->settings, &problem);

	if (r == 0) {
		credentials.skip_key = credentials_key_is_locked(&credentials);
		r = credentials_make_context(
			&credentials, configuration->settings, role->tls_role, &context, &problem);
	}
	if (r == 0)
		r = judge(configuration->settings, context, file, out, &problem);
	tls_context_unref(context);
	credentials_free(&credentials);
	if (r < 0 && problem.text[0] != '\0')
		(void)fprintf(stderr, "error: %s\n", problem.text);
	if (fflush(out) != 0)
		return EXIT_CODE_FAILURE;
	return r < 0 ? EXIT_CODE_CONFIG : EXIT_CODE_OK;
}
