/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `culvert status`: without a name of all running instances; with names, each of an instance or, if
 * there is none of that name, of a peer of one. JSON is an object with the array "instances",
 * unless the command names one instance: then it is that instance's object, as the other commands
 * have it. An instance that runs alone and was not named has both.
 */
#include "client/command_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error_text.h"
#include "base/json.h"

/* What was printed so far. */
struct output {
	const struct command_status *status;
	bool plain; /* one instance was named: its answer as it is */
	bool alone; /* no name, and one instance runs */
	bool begun; /* something was printed */
	int code;   /* enum exit_code of the first failure */
};

static void note_failure(struct output *output, int code)
{
	if (output->code == EXIT_CODE_OK)
		output->code = code;
}

/* ---- printing ---- */

static void print_indented(const char *text)
{
	for (const char *line = text; *line;) {
		size_t len = strcspn(line, "\n");

		(void)printf("    %.*s%s", (int)len, line, line[len] && line[len + 1] ? "\n" : "");
		line += len + (line[len] != '\0');
	}
}

/* Where only one runs, scripts may go by its own keys, as before there was "instances". */
static void begin_json(struct output *output, const char *text)
{
	size_t len = text ? strlen(text) : 0;

	if (output->begun)
		(void)fputs(",\n", stdout);
	else if (output->alone && len > 3 && strcmp(&text[len - 3], "\n}\n") == 0)
		(void)printf("%.*s,\n  \"instances\": [\n", (int)(len - 3), text);
	else
		(void)fputs("{\n  \"instances\": [\n", stdout);
	output->begun = true;
}

/* `--check`: each line is one session that is not up. */
static void print_check(struct output *output, const char *instance, char *text)
{
	char *line;

	if (text[0] != '\0')
		note_failure(output, EXIT_CODE_FAILURE);
	while ((line = strsep(&text, "\n"))) {
		if (line[0] != '\0')
			(void)printf("%s: %s\n", instance, line);
	}
}

static void print_answer(struct output *output, const char *instance, char *text)
{
	if (output->status->check) {
		print_check(output, instance, text);
	} else if (output->plain) {
		(void)fputs(text, stdout);
	} else if (output->status->json) {
		begin_json(output, text);
		print_indented(text);
	} else {
		(void)printf("%s%s", output->begun ? "\n" : "", text);
		output->begun = true;
	}
}

static void print_failure(
	struct output *output, const char *instance, const struct problem *why, int code)
{
	note_failure(output, code);
	if (output->status->json && !output->plain) {
		char *text = NULL;
		size_t len;
		FILE *stream = open_memstream(&text, &len);
		struct json json;

		begin_json(output, NULL);
		if (!stream)
			return;
		json_init(&json, stream);
		json_object_begin(&json, NULL);
		json_string(&json, "name", instance);
		json_string(&json, "error", why->text);
		json_object_end(&json);
		if (fclose(stream) == 0)
			print_indented(text);
		free(text);
	}
	(void)command_complain_of_silence("status", why, code);
}

static int finish(struct output *output)
{
	if (output->begun && output->status->json && !output->plain)
		(void)fputs("\n  ]\n}\n", stdout);
	if (fflush(stdout) == 0 && !ferror(stdout))
		return output->code;
	(void)fprintf(stderr, "culvert status: cannot write the answer: %s\n", error_text(errno));
	return EXIT_CODE_FAILURE;
}

/* ---- asking ---- */

/*
 * Returns an enum exit_code; on failure *problem says why, and *ret_text stays NULL. The caller
 * frees *ret_text.
 */
static int ask(const struct output *output, const struct control_instance *instance,
	const char *peer, char **ret_text, struct problem *problem)
{
	const struct command_status *status = output->status;
	struct control_answer answer = { .code = EXIT_CODE_FAILURE };
	char request[CONTROL_REQUEST_MAX];
	int r;

	(void)snprintf(request, sizeof(request), "status%s%s%s%s%s", status->json ? "\tjson" : "",
		status->check ? "\tcheck" : "", status->full ? "\tfull" : "",
		peer ? "\tpeer\t" : "", peer ? peer : "");
	r = control_client_ask(
		instance->path, request, DURATION_S(CONTROL_TIMEOUT_S), &answer, problem);
	if (r < 0)
		return command_exit_code(r);
	if (answer.code == EXIT_CODE_OK) {
		*ret_text = answer.text;
		return EXIT_CODE_OK;
	}
	free(answer.text);
	*problem = answer.why;
	return (int)answer.code;
}

static void show_instance(struct output *output, const struct control_instance *instance)
{
	struct problem problem = { .text = "" };
	char *text = NULL;
	int code = ask(output, instance, NULL, &text, &problem);

	if (text)
		print_answer(output, instance->name.name, text);
	else
		print_failure(output, instance->name.name, &problem, code);
	free(text);
}

static void explain_missing(struct problem *problem, const struct command_name *name,
	const struct control_instances *instances)
{
	char running[256];

	problem_set(problem,
		name->peer
			? "no running instance has a peer %s; running: %s; culvert peers NAME lists the peers of one"
			: "%s is neither a running instance nor a peer of one; running: %s",
		name->text, control_client_join(instances, running, sizeof(running)));
}

/* Every instance that has this peer shows it. */
static void show_peer(struct output *output, const struct command_name *name,
	const struct control_instances *instances)
{
	struct problem problem = { .text = "" };
	int worst = EXIT_CODE_OK;
	bool found = false;

	for (size_t i = 0; i < instances->count; i++) {
		struct problem why = { .text = "" };
		char *text = NULL;
		int code = ask(output, &instances->items[i], name->text, &text, &why);

		if (text)
			print_answer(output, instances->items[i].name.name, text);
		found |= text != NULL;
		/* Another failure than "no such peer" may be why it is not found. */
		if (code != EXIT_CODE_OK && code != EXIT_CODE_UNREACHABLE) {
			worst = code;
			problem = why;
		}
		free(text);
	}
	if (found)
		return;
	if (worst == EXIT_CODE_OK)
		explain_missing(&problem, name, instances);
	note_failure(output, worst == EXIT_CODE_OK ? EXIT_CODE_UNREACHABLE : worst);
	(void)command_complain_of_silence("status", &problem, output->code);
}

/* ---- finding ---- */

/* A directory that cannot be read does not hide the instances of the other. */
static int find_all(struct control_instances *instances, struct problem *problem)
{
	char dir[CONTROL_PATH_SIZE];
	struct problem own_problem;
	int r = control_client_list(SETTINGS_RUN_DIR, instances, problem), own = 0;

	if (command_user_dir(dir))
		own = control_client_list(dir, instances, &own_problem);
	if (r == 0 && own < 0)
		*problem = own_problem;
	return r < 0 ? r : own;
}

/* "x" of "/run/culvert/x.sock", where it is one. */
static void name_socket(const char *path, struct control_instance *ret_instance)
{
	const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
	const char *dot = strrchr(base, '.');
	size_t len = dot ? (size_t)(dot - base) : strlen(base);

	if (identity_set(&ret_instance->name, base, len) < 0)
		(void)identity_set(&ret_instance->name, "culvert", 7);
	(void)snprintf(ret_instance->path, sizeof(ret_instance->path), "%s", path);
}

/* False: it is not an instance, or is not to be one. */
static bool find_instance(const struct command_status *status, const struct command_name *name,
	const struct control_instances *instances, struct control_instance *ret_instance)
{
	struct problem problem;

	if (name->peer)
		return false;
	if (status->socket) {
		*ret_instance = instances->items[0];
		return strcmp(ret_instance->name.name, name->text) == 0;
	}
	return identity_set(&ret_instance->name, name->text, strlen(name->text)) == 0 &&
		command_find_socket(name->text, ret_instance->path, &problem) == 0;
}

static void show_name(struct output *output, const struct command_name *name,
	const struct control_instances *instances)
{
	struct control_instance instance = { .path = "" };
	struct problem problem;
	int r;

	if (find_instance(output->status, name, instances, &instance)) {
		show_instance(output, &instance);
		return;
	}
	if (!name->instance && instances->count > 0) {
		show_peer(output, name, instances);
		return;
	}
	/* Where none runs, the name of a peer is nobody's fault. */
	r = command_find_socket(name->peer ? NULL : name->text, instance.path, &problem);
	note_failure(output, r < 0 ? command_exit_code(r) : EXIT_CODE_FAILURE);
	(void)command_complain_of_silence("status", &problem, output->code);
}

static bool names_are_valid(const struct command_status *status)
{
	struct problem problem;
	struct identity name;
	char got[4 * IDENTITY_MAX];

	for (size_t i = 0; i < status->name_count; i++) {
		const char *text = status->names[i].text;

		if (identity_set(&name, text, strlen(text)) == 0)
			continue;
		problem_escape(got, sizeof(got), text, strlen(text));
		problem_set(&problem,
			"a name has 1 to %d characters of A-Z a-z 0-9 . _ -, got \"%s\"",
			IDENTITY_MAX, got);
		(void)fprintf(stderr, "culvert status: %s\n", problem.text);
		return false;
	}
	return true;
}

static void show(struct output *output, const struct control_instances *instances)
{
	const struct command_status *status = output->status;
	char path[CONTROL_PATH_SIZE];
	struct problem problem;
	int r;

	for (size_t i = 0; i < status->name_count; i++)
		show_name(output, &status->names[i], instances);
	for (size_t i = 0; status->name_count == 0 && i < instances->count; i++)
		show_instance(output, &instances->items[i]);
	if (status->name_count > 0 || instances->count > 0)
		return;
	r = command_find_socket(NULL, path, &problem);
	note_failure(output, r < 0 ? command_exit_code(r) : EXIT_CODE_FAILURE);
	(void)command_complain_of_silence("status", &problem, output->code);
}

int command_status_run(const struct command_status *status)
{
	struct control_instances *instances = calloc(1, sizeof(*instances));
	struct output output = { .status = status };
	struct control_instance named;
	struct problem problem = { .text = "" };
	int r = 0;

	if (!instances)
		return EXIT_CODE_FAILURE;
	if (!names_are_valid(status)) {
		free(instances);
		return EXIT_CODE_USAGE;
	}
	if (status->socket)
		name_socket(status->socket, &instances->items[instances->count++]);
	else
		r = find_all(instances, &problem);
	/* A name's socket can be tried even if the directory cannot be listed. */
	if (r < 0 && status->name_count == 0)
		(void)fprintf(stderr, "culvert status: %s\n", problem.text);
	output.plain = status->name_count == 0 ? status->socket != NULL
					       : status->name_count == 1 &&
			find_instance(status, &status->names[0], instances, &named);
	output.alone = r == 0 && status->name_count == 0 && instances->count == 1;
	if (r < 0 && status->name_count == 0)
		output.code = command_exit_code(r);
	if (r == 0 || status->name_count > 0 || instances->count > 0)
		show(&output, instances);
	free(instances);
	return finish(&output);
}
