/* SPDX-License-Identifier: Apache-2.0 */
#include "client/bundle.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "system/passphrase.h"
#include "system/tls_pkcs12.h"

enum { PASSPHRASE_TRIES = 3 };

/* Many bundles have no passphrase, so it tries an empty one before it asks. */
static int open_bundle(const struct view *data, const char *file, struct tls_bundle *ret_bundle,
	struct problem *problem)
{
	char prompt[PROBLEM_TEXT_MAX], passphrase[PASSPHRASE_MAX + 1];
	int r = tls_pkcs12_open(data, "", ret_bundle, problem);

	for (int i = 0; i < PASSPHRASE_TRIES && r == -EACCES; i++) {
		(void)snprintf(prompt, sizeof(prompt), "%sPassphrase of %s",
			i > 0 ? "Wrong passphrase. " : "", file);
		r = passphrase_ask(prompt, passphrase, problem);
		if (r < 0)
			problem_prepend(problem, "it is protected by a passphrase");
		else
			r = tls_pkcs12_open(data, passphrase, ret_bundle, problem);
		explicit_bzero(passphrase, sizeof(passphrase));
	}
	if (r == -EACCES)
		problem_set(problem, "its passphrase was wrong %d times", PASSPHRASE_TRIES);
	else if (r == -ENOMEM)
		problem_set(problem, "out of memory");
	return r;
}

static void write_profile(
	FILE *out, const struct tls_bundle *bundle, const struct bundle_server *server)
{
	(void)fprintf(out,
		"# Culvert profile, made of a PKCS#12 bundle by culvert import.\n"
		"# It holds a private key: keep it 0600.\nremotes = [ ");
	for (size_t i = 0; i < server->remote_count; i++)
		(void)fprintf(out, "%s\"%s\"", i > 0 ? ", " : "", server->remotes[i]);
	(void)fprintf(out,
		" ];\nserver_name = \"%s\";\ncertificate = \"%s\";\nkey = \"%s\";\nca = \"%s\";\n",
		server->name.name, bundle->certificate, bundle->key, bundle->ca);
}

int bundle_to_profile(const struct view *data, const char *file, const struct bundle_server *server,
	char **ret_text, size_t *ret_len, struct problem *problem)
{
	struct tls_bundle bundle = { .key = NULL };
	char *text = NULL;
	FILE *out;
	int r;

	/*
	 * Refuses characters that would end a string of the profile; the profile's own check finds
	 * all else.
	 */
	for (size_t i = 0; i < server->remote_count; i++) {
		if (!strpbrk(server->remotes[i], "\"\\\n"))
			continue;
		problem_set(problem, "--remote: expected HOST:PORT, [IPV6]:PORT or a host");
		return -EINVAL;
	}
	r = open_bundle(data, file, &bundle, problem);
	if (r < 0) {
		problem_prepend(problem, "%s", file);
		return r;
	}
	out = open_memstream(&text, ret_len);
	if (out)
		write_profile(out, &bundle, server);
	tls_bundle_free(&bundle);
	if (!out || fclose(out) != 0) {
		free(text);
		problem_set(problem, "out of memory");
		return -ENOMEM;
	}
	*ret_text = text;
	return 0;
}
