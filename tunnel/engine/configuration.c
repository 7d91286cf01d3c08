/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/configuration.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/executable.h"
#include "base/file.h"
#include "base/log.h"
#include "engine/material.h"
#include "system/conf.h"
#include "system/netns.h"

/* The file is read once: what is judged here is, byte for byte, what netd hands to the engine. */

int configuration_load(struct configuration *configuration, const struct engine_role *role,
	const char *path, struct problem *problem)
{
	*configuration = (struct configuration){ .path = path };
	int r = file_read(path, FILE_PUBLIC, &configuration->text, &configuration->len, problem);
	if (r == 0)
		r = role->load(configuration->text, configuration->len, path,
			&configuration->settings, problem);
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

int configuration_check(const struct configuration *configuration, const struct engine_role *role,
	struct identity *ret_identity, struct problem *problem)
{
	struct material material = { 0 };
	struct tls_context *context = NULL;

	int r = check_hooks(configuration->settings, problem);
	if (r == 0)
		r = material_read_files(&material, configuration->settings, problem);
	if (r == 0)
		r = material_make_context(
			&material, configuration->settings, role->tls_role, &context, problem);
	if (r < 0)
		conf_locate(configuration->text, configuration->len, configuration->path, problem);
	else
		*ret_identity = *tls_context_identity(context);
	tls_context_unref(context);
	material_free(&material);
	return r;
}

void configuration_warn(const struct configuration *configuration)
{
	const struct settings *settings = configuration->settings;

	for (size_t i = 0; i < settings->peer_count; i++) {
		const struct settings_peer *peer = &settings->peers[i];
		struct problem problem = { 0 };
		int fd;

		if (!peer->netns[0])
			continue;
		if (netns_open(peer->netns, &fd, &problem) == 0) {
			close(fd);
			continue;
		}
		if (settings->role == SETTINGS_SERVER)
			problem_prepend(&problem, "peers.[%zu].netns (%s)", i, peer->name.name);
		else
			problem_prepend(&problem, "netns");
		conf_locate(configuration->text, configuration->len, configuration->path, &problem);
		log_warning("%s", problem.text);
	}
}

void configuration_free(struct configuration *configuration)
{
	settings_free(configuration->settings);
	if (configuration->text)
		explicit_bzero(configuration->text, configuration->len);
	free(configuration->text);
	*configuration = (struct configuration){ 0 };
}
