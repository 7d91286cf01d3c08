/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Configurations of the tunnels' ends. The programs' own option tables check them before anything
 * is made.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "client/options.h"
#include "daemon/options.h"
#include "lab.h"
#include "config/conf.h"

enum { FILE_NAME_MAX = IDENTITY_MAX + 8 };

struct config {
	const char *settings; /* the file's own lines; NULL: none */
	FILE *out;
};

/* Sets one key, unless the file's own lines have it. */
static void set(const struct config *config, const char *key, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static void set(const struct config *config, const char *key, const char *format, ...)
{
	va_list arguments;

	if (config->settings && conf_has_key(config->settings, strlen(config->settings), key) > 0)
		return;
	(void)fprintf(config->out, "%s = ", key);
	va_start(arguments, format);
	(void)vfprintf(config->out, format, arguments);
	va_end(arguments);
	(void)fputs(";\n", config->out);
}

/* Makes [ "10.1.0.0/24", "fd00:1::/64" ]; the caller frees it. NULL: no memory. */
static char *list_text(const struct prefix_list *list)
{
	char text[ADDR_TEXT_MAX], *all = NULL;
	size_t size;
	FILE *out = open_memstream(&all, &size);

	if (!out)
		return NULL;
	(void)fputs("[ ", out);
	for (size_t i = 0; i < list->count; i++)
		(void)fprintf(
			out, "%s\"%s\"", i > 0 ? ", " : "", prefix_format(&list->items[i], text));
	(void)fputs(list->count > 0 ? " ]" : "]", out);
	if (fclose(out) == 0)
		return all;
	free(all);
	return NULL;
}

static int set_list(const struct config *config, const char *key, const struct prefix_list *list)
{
	char *text = list_text(list);

	if (!text)
		return -ENOMEM;
	set(config, key, "%s", text);
	free(text);
	return 0;
}

/* A server's peers are the clients of its tunnels; each may announce what its tunnel announces. */
static int set_peers(
	const struct config *config, const struct lab *lab, const struct lab_server *server)
{
	char *all = NULL;
	size_t size;
	FILE *out = open_memstream(&all, &size);
	bool any = false;
	int r = out ? 0 : -ENOMEM;

	for (size_t i = 0; i < lab->tunnel_count && r == 0; i++) {
		const struct lab_tunnel *tunnel = &lab->tunnels[i];

		if (!identity_equal(&tunnel->server, &server->host))
			continue;
		char *list = list_text(&tunnel->announce);
		r = list ? 0 : -ENOMEM;
		if (list)
			(void)fprintf(out, "%s\n  { name = \"%s\"; accept_routes = %s; }",
				any ? "," : "", tunnel->name.name, list);
		any = true;
		free(list);
	}
	if (out && fclose(out) != 0)
		r = -ENOMEM;
	if (r == 0)
		set(config, "peers", "(%s )", all);
	free(all);
	return r;
}

/* Ends a text of open_memstream(). */
static int finish(struct config *config, int r, char **text, char **ret_text)
{
	if (config->settings)
		(void)fprintf(config->out, "%s\n", config->settings);
	if (fclose(config->out) != 0 && r == 0)
		r = -ENOMEM;
	if (r == 0)
		*ret_text = *text;
	else
		free(*text);
	return r;
}

int lab_config_server(
	const struct lab *lab, const struct lab_server *server, const char *state, char **ret_text)
{
	char *text = NULL, pool[ADDR_TEXT_MAX];
	const char *name = server->host.name;
	size_t size;
	struct config config = { server->settings, open_memstream(&text, &size) };

	if (!config.out)
		return -ENOMEM;
	set(&config, "name", "\"%s\"", name);
	set(&config, "certificate", "\"%s/pki/servers/%s/%s.crt\"", state, name, name);
	set(&config, "key", "\"%s/pki/servers/%s/%s.key\"", state, name, name);
	set(&config, "ca", "\"%s/pki/ca.crt\"", state);
	set(&config, "control_socket", "\"%s/%s.sock\"", state, name);
	set(&config, "state_dir", "\"%s/%s.state\"", state, name);
	set(&config, "pool4", "\"%s\"", prefix_format(&server->pool4, pool));
	set(&config, "pool6", "\"%s\"", prefix_format(&server->pool6, pool));
	int r = set_list(&config, "announce", &server->announce);
	if (r == 0)
		r = set_peers(&config, lab, server);
	return finish(&config, r, &text, ret_text);
}

static void set_remotes(const struct config *config, const struct lab_tunnel *tunnel)
{
	char all[SETTINGS_REMOTES_MAX * (ENDPOINT_TEXT_MAX + 4)] = "", text[ENDPOINT_TEXT_MAX];
	size_t len = 0;

	for (size_t i = 0; i < tunnel->remote_count; i++)
		len += (size_t)snprintf(&all[len], sizeof(all) - len, "%s\"%s\"", i > 0 ? ", " : "",
			endpoint_format(&tunnel->remotes[i], text));
	set(config, "remotes", "[ %s ]", all);
}

int lab_config_client(const struct lab_tunnel *tunnel, const char *state, char **ret_text)
{
	char *text = NULL;
	size_t size;
	struct config config = { tunnel->settings, open_memstream(&text, &size) };

	if (!config.out)
		return -ENOMEM;
	set(&config, "name", "\"%s\"", tunnel->name.name);
	set_remotes(&config, tunnel);
	set(&config, "server_name", "\"%s\"", tunnel->server.name);
	set(&config, "control_socket", "\"%s/%s.sock\"", state, tunnel->name.name);
	return finish(&config, set_list(&config, "announce", &tunnel->announce), &text, ret_text);
}

/* ---- checks ---- */

typedef int load_fn(const char *text, size_t len, const char *path, struct settings **ret_settings,
	struct problem *problem);

/* The file's own lines must be whole lines, since they are parsed on their own. */
static int check_lines(const char *settings, struct problem *problem)
{
	if (!settings || conf_has_key(settings, strlen(settings), "name") != -EINVAL)
		return 0;
	problem_set(problem, "expected KEY = VALUE; in libconfig's syntax, got something else");
	return -EINVAL;
}

static int judge(
	load_fn *load, const char *text, const struct identity *name, struct problem *problem)
{
	struct settings *settings;
	char path[FILE_NAME_MAX];

	(void)snprintf(path, sizeof(path), "%s.conf", name->name);
	int r = load(text, strlen(text), path, &settings, problem);
	if (r == 0)
		settings_free(settings);
	return r;
}

static int check_server(const struct lab *lab, size_t at, struct problem *problem)
{
	const struct lab_server *server = &lab->servers[at];
	char *text = NULL;
	int r = check_lines(server->settings, problem);

	if (r < 0) {
		problem_prepend(problem, "servers.[%zu].settings (%s)", at, server->host.name);
		return r;
	}
	r = lab_config_server(lab, server, "/", &text);
	if (r == 0)
		r = judge(daemon_options_load, text, &server->host, problem);
	free(text);
	if (r == -EINVAL && server->is_implied)
		problem_prepend(problem, "tunnels (to %s)", server->host.name);
	else if (r == -EINVAL)
		problem_prepend(problem, "servers.[%zu]%s (%s)", at,
			server->settings ? ".settings" : "", server->host.name);
	return r;
}

/* culvert-pki adds the missing three. */
#define BY_PKI "certificate = \"c\";\nkey = \"k\";\nca = \"a\";\n"

static int check_client(const struct lab *lab, size_t at, struct problem *problem)
{
	const struct lab_tunnel *tunnel = &lab->tunnels[at];
	char *text = NULL, *whole = NULL;
	int r = check_lines(tunnel->settings, problem);

	if (r == 0)
		r = lab_config_client(tunnel, "/", &text);
	if (r == 0 && asprintf(&whole, "%s" BY_PKI, text) < 0)
		r = -ENOMEM;
	if (r == 0)
		r = judge(client_options_load, whole, &tunnel->name, problem);
	free(whole);
	free(text);
	if (r == -EINVAL)
		problem_prepend(problem, "tunnels.[%zu]%s (%s)", at,
			tunnel->settings ? ".settings" : "", tunnel->name.name);
	return r;
}

int lab_config_check(const struct lab *lab, struct problem *problem)
{
	int r = 0;

	for (size_t i = 0; i < lab->server_count && r == 0; i++)
		r = check_server(lab, i, problem);
	for (size_t i = 0; i < lab->tunnel_count && r == 0; i++)
		r = check_client(lab, i, problem);
	return r;
}
