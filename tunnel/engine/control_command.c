/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/control_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/error_text.h"
#include "base/exit_code.h"
#include "base/log.h"
#include "engine/engine.h"
#include "engine/examine.h"
#include "engine/status.h"

/*
 * The commands of the command line. A command writes its output or sets the problem. It makes all
 * the changes that it was asked for, or none.
 */

enum {
	/* A command, and as many prefixes as can be announced. */
	WORDS_MAX = SETTINGS_PREFIX_MAX + 1,
	WORD_SHOWN = 200, /* bytes of an argument that an error repeats */
	CONTROL_DRAIN_MS_MAX = 86400000,
	REQUEST_SHOWN = 600, /* bytes of a request that the log repeats */
};

struct command_call {
	struct engine *engine;
	const struct ucred *who;
	const char *words[WORDS_MAX];
	size_t word_count;
	FILE *out; /* the command's output */
	struct problem problem;
	bool reexec, reload, only_check;
	bool exits;
};

/* False: there are more than WORDS_MAX arguments. */
static bool split(struct command_call *call, char *line)
{
	char *tab;

	do {
		if (call->word_count == WORDS_MAX)
			return false;
		call->words[call->word_count++] = line;
		tab = strchr(line, '\t');
		if (tab) {
			*tab = '\0';
			line = tab + 1;
		}
	} while (tab);
	return true;
}

static enum exit_code unknown_word(struct command_call *call, const char *what, const char *word)
{
	char shown[WORD_SHOWN];

	problem_set(&call->problem, "%s \"%s\"", what,
		problem_escape(shown, sizeof(shown), word, strlen(word)));
	return EXIT_CODE_USAGE;
}

static enum exit_code render(struct command_call *call, const struct status_request *request)
{
	int r = status_render(call->engine, request, call->out);

	if (r == -ENOENT) {
		problem_set(&call->problem, "%s has no peer of this name",
			call->engine->settings->name);
		return EXIT_CODE_UNREACHABLE;
	}
	if (r < 0) {
		problem_set(&call->problem, "cannot write the answer: %s", error_text(r));
		return EXIT_CODE_FAILURE;
	}
	return EXIT_CODE_OK;
}

static enum exit_code render_all(struct command_call *call, enum status_kind kind)
{
	struct status_request request = { .kind = kind };

	request.json = call->word_count == 2 && strcmp(call->words[1], "json") == 0;
	if (call->word_count > 1 && !request.json)
		return unknown_word(call, "unknown argument", call->words[1]);
	return render(call, &request);
}

/* "json" or "check", "full", "peer" NAME: each once at most. */
static enum exit_code do_status(struct command_call *call)
{
	struct status_request request = { .kind = STATUS_OVERVIEW };

	for (size_t i = 1; i < call->word_count; i++) {
		const char *word = call->words[i];
		bool plain = !request.json && request.kind == STATUS_OVERVIEW;

		if (plain && strcmp(word, "json") == 0)
			request.json = true;
		else if (plain && strcmp(word, "check") == 0)
			request.kind = STATUS_CHECK;
		else if (!request.full && strcmp(word, "full") == 0)
			request.full = true;
		else if (!request.peer && strcmp(word, "peer") == 0 && i + 1 < call->word_count)
			request.peer = call->words[++i];
		else
			return unknown_word(call, "unknown argument", word);
	}
	return render(call, &request);
}

static enum exit_code do_peers(struct command_call *call)
{
	return render_all(call, STATUS_PEERS);
}

static enum exit_code do_routes(struct command_call *call)
{
	return render_all(call, STATUS_ROUTES);
}

static enum exit_code do_doctor(struct command_call *call)
{
	if (call->word_count > 1)
		return unknown_word(call, "unknown argument", call->words[1]);
	int r = examine_render(call->engine, call->out);
	if (r < 0) {
		problem_set(&call->problem, "cannot write the answer: %s", error_text(r));
		return EXIT_CODE_FAILURE;
	}
	return EXIT_CODE_OK;
}

typedef int change_fn(
	struct peers *peers, const struct prefix *prefixes, size_t count, struct problem *problem);

/* All arguments but the first are prefixes. The change is made with all of them or with none. */
static enum exit_code change_routes(struct command_call *call, change_fn *change, const char *done)
{
	struct prefix prefixes[WORDS_MAX];
	size_t count = call->word_count - 1;
	char text[ADDR_TEXT_MAX], shown[WORD_SHOWN];

	if (count == 0) {
		problem_set(&call->problem, "%s needs at least one prefix", call->words[0]);
		return EXIT_CODE_USAGE;
	}
	for (size_t i = 0; i < count; i++) {
		const char *word = call->words[i + 1];
		if (prefix_parse(word, &prefixes[i]) < 0) {
			problem_escape(shown, sizeof(shown), word, strlen(word));
			problem_set(&call->problem,
				"\"%s\" is not a prefix such as 10.1.0.0/16 or fd00:1::/48", shown);
			return EXIT_CODE_REFUSED;
		}
	}
	int r = change(&call->engine->peers, prefixes, count, &call->problem);
	if (r < 0)
		return r == -ENOMEM ? EXIT_CODE_FAILURE : EXIT_CODE_REFUSED;
	for (size_t i = 0; i < count; i++)
		fprintf(call->out, "%s %s\n", done, prefix_format(&prefixes[i], text));
	return EXIT_CODE_OK;
}

static enum exit_code do_routes_add(struct command_call *call)
{
	return change_routes(call, peers_announce, "announced");
}

static enum exit_code do_routes_del(struct command_call *call)
{
	return change_routes(call, peers_withdraw, "withdrawn");
}

static enum exit_code do_down(struct command_call *call)
{
	if (call->word_count > 1)
		return unknown_word(call, "unknown argument", call->words[1]);
	call->exits = true;
	return EXIT_CODE_OK;
}

/* "drain" MILLISECONDS */
static enum exit_code do_drain(struct command_call *call)
{
	const struct engine_role *role = call->engine->role;
	const char *word = call->word_count == 2 ? call->words[1] : "";
	char *end;

	errno = 0;
	unsigned long ms = strtoul(word, &end, 10);
	if (word[0] < '0' || word[0] > '9' || *end != '\0' || errno != 0 ||
		ms > CONTROL_DRAIN_MS_MAX)
		return unknown_word(call, "drain needs a time in milliseconds, not", word);
	if (!role->drain) {
		problem_set(
			&call->problem, "only a server can be drained; culvert down ends a client");
		return EXIT_CODE_REFUSED;
	}
	if (!call->engine->world.ready || call->engine->world.stopping) {
		problem_set(&call->problem, "the server is %s; try again in a moment",
			call->engine->world.stopping ? "ending" : "starting");
		return EXIT_CODE_REFUSED;
	}
	role->drain(call->engine, DURATION_MS(ms));
	fprintf(call->out, "%s is being drained: %zu sessions, over %.0f s\n",
		call->engine->settings->name, (size_t)call->engine->peers.session_count,
		(double)ms / 1000);
	return EXIT_CODE_OK;
}

static enum exit_code do_reexec(struct command_call *call)
{
	if (call->word_count > 1)
		return unknown_word(call, "unknown argument", call->words[1]);
	if (!call->engine->world.ready) {
		problem_set(&call->problem,
			"the engine has just started and is adopting the last engine's interfaces; try again in a moment");
		return EXIT_CODE_REFUSED;
	}
	fprintf(call->out, "the engine of %s is being replaced\n", call->engine->settings->name);
	call->reexec = true;
	return EXIT_CODE_OK;
}

static enum exit_code do_reload(struct command_call *call)
{
	call->only_check = call->word_count == 2 && strcmp(call->words[1], "check") == 0;
	if (call->word_count > 1 && !call->only_check)
		return unknown_word(call, "unknown argument", call->words[1]);
	if (!call->engine->world.ready) {
		problem_set(&call->problem,
			"the engine has just started and is adopting the last engine's interfaces; try again in a moment");
		return EXIT_CODE_REFUSED;
	}
	call->reload = true;
	return EXIT_CODE_OK;
}

static const struct command {
	const char *word;
	enum exit_code (*run)(struct command_call *call);
	bool changes; /* it changes something: the log names the caller */
} commands[] = {
	{ "status", do_status, false },
	{ "peers", do_peers, false },
	{ "routes", do_routes, false },
	{ "doctor", do_doctor, false },
	{ "routes-add", do_routes_add, true },
	{ "routes-del", do_routes_del, true },
	{ "down", do_down, true },
	{ "drain", do_drain, true },
	{ "reexec", do_reexec, true },
	{ "reload", do_reload, true },
};

static void log_call(const struct command_call *call, enum exit_code code)
{
	char request[REQUEST_SHOWN] = "";
	size_t len = 0;

	for (size_t i = 0; i < call->word_count && len < sizeof(request); i++) {
		int n = snprintf(request + len, sizeof(request) - len, "%s%s", i > 0 ? " " : "",
			call->words[i]);
		len += n > 0 ? (size_t)n : 0;
	}
	log_notice("control: \"%s%s\" from uid %u, pid %d: %s%s", request,
		len < sizeof(request) ? "" : "...", call->who->uid, call->who->pid,
		code != EXIT_CODE_OK                   ? "refused: "
			: call->reexec || call->reload ? "passed to netd"
						       : "done",
		call->problem.text);
}

static enum exit_code run(struct command_call *call, char *line)
{
	if (!split(call, line)) {
		problem_set(&call->problem, "too many words: the limit is %d", WORDS_MAX);
		return EXIT_CODE_USAGE;
	}
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		if (strcmp(call->words[0], commands[i].word) != 0)
			continue;
		enum exit_code code = commands[i].run(call);
		if (commands[i].changes)
			log_call(call, code);
		return code;
	}
	return unknown_word(call, "unknown command", call->words[0]);
}

void control_refuse(int code, const char *text, struct control_answer *ret_answer)
{
	struct control_answer answer = { 0 };
	int len = asprintf(&answer.data, "error %d %s\n", code, text);

	if (len < 0)
		answer.data = NULL;
	else
		answer.len = (size_t)len;
	*ret_answer = answer;
}

void control_command(struct engine *engine, char *line, const struct ucred *who,
	struct control_answer *ret_answer)
{
	struct command_call call = { .engine = engine, .who = who };
	struct control_answer answer = { 0 };

	call.out = open_memstream(&answer.data, &answer.len);
	if (!call.out) {
		control_refuse(EXIT_CODE_FAILURE, "out of memory", ret_answer);
		return;
	}
	fputs("ok\n", call.out);
	enum exit_code code = run(&call, line);
	if (fclose(call.out) != 0 && code == EXIT_CODE_OK) {
		problem_set(&call.problem, "out of memory");
		code = EXIT_CODE_FAILURE;
	}
	if (code == EXIT_CODE_OK) {
		answer.reexec = call.reexec;
		answer.reload = call.reload;
		answer.only_check = call.only_check;
		answer.exits = call.exits;
		*ret_answer = answer;
		return;
	}
	free(answer.data);
	control_refuse((int)code, call.problem.text, ret_answer);
}
