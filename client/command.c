/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A sub-command becomes one request line. This file checks all that needs no daemon and prints the
 * daemon's answer unchanged.
 */
#include "client/command.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "base/array.h"
#include "base/error_text.h"
#include "client/command_internal.h"
#include "client/control_client.h"
#include "client/doctor.h"

struct command {
	const char *name;
	const char *usage;
	const char *help;
	bool has_json;
	bool has_changes; /* add and del */
	bool has_names;   /* status: several, also of peers */
	bool examines;    /* doctor: uses the daemon's answer instead of printing it */
	bool ends;        /* ends the daemon, by a signal if possible */
	bool is_slow;     /* its answer takes longer */
	bool reloads;     /* --check: says what it would change */
	bool drains;      /* takes --over */
};

static const struct command commands[] = {
	{ .name = "down", .usage = "down [NAME]", .help = "end a running tunnel", .ends = true },
	{ .name = "status",
		.usage = "status [NAME...] [--peer NAME] [--json] [--full] [--check]",
		.help = "show the state of all running tunnels, or of instances or peers by name;\n"
			"      --check: end with 0 only if all of these sessions are up",
		.has_json = true,
		.has_names = true },
	{ .name = "peers",
		.usage = "peers [NAME] [--json]",
		.help = "list the connected peers",
		.has_json = true },
	{ .name = "drain",
		.usage = "drain [NAME] [--over DURATION]",
		.help = "send a server's clients to another server, and end it when all have left;\n"
			"      over DURATION, such as 90 (seconds), 10m or 1h; at once without it",
		.drains = true },
	{ .name = "reexec",
		.usage = "reexec [NAME]",
		.help = "replace a running engine by the program that is on disk now" },
	{ .name = "reload",
		.usage = "reload [NAME | --pid PID] [--check]",
		.help = "read the configuration again and switch to it, without a restart;\n"
			"      --check: only say what would change;\n"
			"      status 3: it was refused, and nothing has changed",
		.reloads = true,
		.is_slow = true },
	{ .name = "routes",
		.usage = "routes [NAME] [--json] | routes add|del PREFIX... [--name NAME]",
		.help = "show the routes, or announce and withdraw prefixes",
		.has_json = true,
		.has_changes = true },
	{ .name = "doctor",
		.usage = "doctor [NAME] [--json]",
		.help = "show what blocks a tunnel, and the command that fixes it",
		.has_json = true,
		.examines = true },
};

enum { COMMAND_OVER_MS_MAX = 86400000 };

struct arguments {
	const struct command *command;
	const char *name;   /* of the daemon; NULL: the only one */
	const char *socket; /* NULL: found by the name */
	pid_t pid;          /* of the daemon; 0: found by the name */
	bool json;
	bool only_check; /* reload */
	bool help;
	const char *over;   /* drain: how long; NULL: at once */
	const char *change; /* "add", "del", or NULL */
	char **prefixes;
	int prefix_count;
	struct command_status status; /* of a command that has names */
};

static const struct command *find_command(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	}
	return NULL;
}

bool command_is(const char *name)
{
	return find_command(name) != NULL;
}

void command_try_names(struct nearest *nearest)
{
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		nearest_try(nearest, commands[i].name);
}

static int misused(const struct command *command, const char *why, const char *what)
{
	(void)fprintf(stderr, "culvert %s: %s%s\nusage: culvert %s [--socket PATH]\n",
		command->name, why, what, command->usage);
	return EXIT_CODE_USAGE;
}

/* ---- the command line ---- */

static int add_name(struct arguments *arguments, struct command_name name)
{
	struct command_status *status = &arguments->status;

	if (status->name_count == COMMAND_NAMES_MAX)
		return misused(arguments->command, "too many names: ", name.text);
	status->names[status->name_count++] = name;
	return EXIT_CODE_OK;
}

/* The options of `status` alone. */
static int parse_status_option(int option, struct arguments *arguments)
{
	if (option == 'p')
		return add_name(arguments, (struct command_name){ .text = optarg, .peer = true });
	*(option == 'f' ? &arguments->status.full : &arguments->status.check) = true;
	return EXIT_CODE_OK;
}

static bool parse_pid(const char *text, pid_t *ret_pid)
{
	char *end;
	long pid = strtol(text, &end, 10);

	if (*text == '\0' || *end != '\0' || pid <= 0 || pid > INT_MAX)
		return false;
	*ret_pid = (pid_t)pid;
	return true;
}

/* The options of some commands only. `word`: as it was typed, or its value. */
static int parse_own_option(int option, const char *word, struct arguments *arguments)
{
	const struct command *command = arguments->command;

	if (option == 'o' && command->drains) {
		arguments->over = optarg;
		return EXIT_CODE_OK;
	}
	if (option == 'P' && command->reloads)
		return parse_pid(optarg, &arguments->pid)
			? EXIT_CODE_OK
			: misused(command, "no process id: ", optarg);
	if (option == 'c' && command->reloads) {
		arguments->only_check = true;
		return EXIT_CODE_OK;
	}
	if (strchr("pfc", option) && command->has_names)
		return parse_status_option(option, arguments);
	return misused(command, "unknown option: ",
		option == 'o'           ? "--over"
			: option == 'P' ? "--pid"
			: option == 'p' ? "--peer"
					: word);
}

static int parse_options(int argc, char **argv, struct arguments *arguments)
{
	static const struct option options[] = {
		{ "name", required_argument, NULL, 'n' },
		{ "socket", required_argument, NULL, 's' },
		{ "json", no_argument, NULL, 'j' },
		{ "peer", required_argument, NULL, 'p' },
		{ "full", no_argument, NULL, 'f' },
		{ "check", no_argument, NULL, 'c' },
		{ "over", required_argument, NULL, 'o' },
		{ "pid", required_argument, NULL, 'P' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int option;

	optind = 0; /* glibc: start again */
	opterr = 0;
	while ((option = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
		switch (option) {
		case 'n':
			arguments->name = optarg;
			break;
		case 's':
			arguments->socket = optarg;
			break;
		case 'j':
			arguments->json = true;
			break;
		case 'h':
			arguments->help = true;
			break;
		case ':':
			return misused(
				arguments->command, "a value is missing after ", argv[optind - 1]);
		default:
			if (parse_own_option(option, argv[optind - 1], arguments) != EXIT_CODE_OK)
				return EXIT_CODE_USAGE;
		}
	}
	if (arguments->json && !arguments->command->has_json)
		return misused(arguments->command, "unknown option: ", "--json");
	return EXIT_CODE_OK;
}

static bool is_change(const char *word)
{
	return strcmp(word, "add") == 0 || strcmp(word, "del") == 0;
}

static int parse_names(int count, char **words, struct arguments *arguments)
{
	struct command_status *status = &arguments->status;
	int r = EXIT_CODE_OK;

	if (status->check && arguments->json)
		return misused(arguments->command, "--check prints no JSON; leave out ", "--json");
	status->json = arguments->json;
	if (arguments->name)
		r = add_name(arguments,
			(struct command_name){ .text = arguments->name, .instance = true });
	for (int i = 0; i < count && r == EXIT_CODE_OK; i++)
		r = add_name(arguments, (struct command_name){ .text = words[i] });
	return r;
}

static int parse_words(int count, char **words, struct arguments *arguments)
{
	const struct command *command = arguments->command;

	if (count > 0 && command->has_changes && is_change(words[0])) {
		arguments->change = words[0];
		arguments->prefixes = &words[1];
		arguments->prefix_count = count - 1;
		if (arguments->json)
			return misused(
				command, "--json is for showing the routes, not for ", words[0]);
		return count > 1 ? EXIT_CODE_OK
				 : misused(command, "a prefix is missing after ", words[0]);
	}
	if (command->has_names)
		return parse_names(count, words, arguments);
	if (count > 1 && command->has_changes)
		return misused(command, "expected add or del before prefixes, got: ", words[0]);
	if (count > 1)
		return misused(command, "one name at most, not also: ", words[1]);
	if (count == 1 && arguments->name)
		return misused(command, "two names: --name and ", words[0]);
	if (count == 1)
		arguments->name = words[0];
	return EXIT_CODE_OK;
}

/* ---- the request ---- */

/* Appends each prefix in its plain form, after a TAB. */
static int append_prefixes(const struct arguments *arguments, FILE *out)
{
	for (int i = 0; i < arguments->prefix_count; i++) {
		char text[ADDR_TEXT_MAX];
		struct prefix prefix;

		if (prefix_parse(arguments->prefixes[i], &prefix) < 0)
			return misused(arguments->command,
				"expected a prefix such as 10.1.0.0/16, got ",
				arguments->prefixes[i]);
		(void)fprintf(out, "\t%s", prefix_format(&prefix, text));
	}
	return EXIT_CODE_OK;
}

/* "90", "90s", "10m", "1h": up to a day. Appends the milliseconds, after a TAB. */
static int append_duration(const struct arguments *arguments, FILE *out)
{
	static const struct {
		const char *unit;
		unsigned long ms;
	} units[] = { { "", 1000 }, { "s", 1000 }, { "ms", 1 }, { "m", 60000 }, { "min", 60000 },
		{ "h", 3600000 } };
	const char *text = arguments->over ? arguments->over : "0";
	size_t digits = strspn(text, "0123456789");

	for (size_t i = 0; i < ARRAY_SIZE(units) && digits > 0 && digits < 9; i++) {
		unsigned long ms = strtoul(text, NULL, 10) * units[i].ms;

		if (strcmp(text + digits, units[i].unit) != 0)
			continue;
		if (ms > COMMAND_OVER_MS_MAX)
			return misused(arguments->command, "a day is the most, not ", text);
		(void)fprintf(out, "\t%lu", ms);
		return EXIT_CODE_OK;
	}
	return misused(arguments->command, "expected a duration such as 90, 10m or 1h, got ", text);
}

static int make_request(const struct arguments *arguments, char request[CONTROL_REQUEST_MAX])
{
	FILE *out = fmemopen(request, CONTROL_REQUEST_MAX, "w");
	int r;

	if (!out)
		return EXIT_CODE_FAILURE;
	(void)fprintf(out, "%s%s%s%s%s", arguments->command->name, arguments->change ? "-" : "",
		arguments->change ? arguments->change : "",
		arguments->json && !arguments->command->examines ? "\tjson" : "",
		arguments->only_check ? "\tcheck" : "");
	r = arguments->command->drains ? append_duration(arguments, out)
				       : append_prefixes(arguments, out);
	/* The newline must fit, too. */
	if (r == EXIT_CODE_OK && (fflush(out) != 0 || ftell(out) >= CONTROL_REQUEST_MAX - 1))
		r = misused(arguments->command, "too many prefixes for one request", "");
	(void)fclose(out);
	return r;
}

/* ---- asking ---- */

/* The socket that the environment names, if the arguments name none. NULL: none. */
static const char *named_socket(const struct arguments *arguments)
{
	const char *socket;

	if (arguments->socket || arguments->name)
		return arguments->socket;
	socket = getenv("CULVERT_SOCKET");
	return socket && socket[0] != '\0' ? socket : NULL;
}

/*
 * Finds the daemon's socket; uses `found` if the arguments do not name it. On failure *problem says
 * why.
 */
static int socket_path(const struct arguments *arguments, char found[CONTROL_PATH_SIZE],
	const char **ret_path, struct problem *problem)
{
	const char *named = named_socket(arguments);
	int r = named                ? 0
		: arguments->pid > 0 ? command_find_socket_of(arguments->pid, found, problem)
				     : command_find_socket(arguments->name, found, problem);

	if (r == 0)
		*ret_path = named ? named : found;
	return r;
}

/* Asks the daemon; the caller frees the answer's text. On failure *problem says why. */
static int ask(const struct arguments *arguments, const char *request,
	struct control_answer *ret_answer, struct problem *problem)
{
	char found[CONTROL_PATH_SIZE];
	const char *path = NULL;
	int r = socket_path(arguments, found, &path, problem);

	if (r == 0)
		r = control_client_ask(path, request,
			DURATION_S(arguments->command->is_slow ? CONTROL_SLOW_TIMEOUT_S
							       : CONTROL_TIMEOUT_S),
			ret_answer, problem);
	return r;
}

static int print_answer(const struct arguments *arguments, const char *request)
{
	struct problem problem = { .text = "" };
	struct control_answer answer = { .code = EXIT_CODE_FAILURE };
	int r = ask(arguments, request, &answer, &problem);

	if (r < 0)
		return command_complain_of_silence(
			arguments->command->name, &problem, command_exit_code(r));
	r = (int)answer.code;
	if (fwrite(answer.text, 1, answer.len, stdout) != answer.len || fflush(stdout) != 0) {
		problem_set(&answer.why, "cannot write the answer: %s", error_text(errno));
		r = EXIT_CODE_FAILURE;
	}
	free(answer.text);
	return r == EXIT_CODE_OK ? r : command_complain(arguments->command->name, &answer.why, r);
}

/*
 * Ends the daemon by a signal to netd, which then removes its kill switch. If netd cannot be
 * signalled, asks the engine; the kill switch then stays.
 */
static int end(const struct arguments *arguments, const char *request)
{
	struct problem problem = { .text = "" };
	char found[CONTROL_PATH_SIZE];
	const char *path = NULL;
	int r = socket_path(arguments, found, &path, &problem);

	if (r == 0)
		r = control_client_terminate(path, &problem);
	if (r == -ESRCH || r == -EPERM)
		return print_answer(arguments, request);
	return r < 0 ? command_complain_of_silence(
			       arguments->command->name, &problem, command_exit_code(r))
		     : EXIT_CODE_OK;
}

/* Runs without a daemon, too: the host may be what prevents its start. */
static int examine(const struct arguments *arguments, const char *request)
{
	struct problem problem = { .text = "" };
	struct control_answer answer = { .code = EXIT_CODE_FAILURE, .text = NULL };
	int r = ask(arguments, request, &answer, &problem);
	char *text = NULL;
	int code;

	/* With several daemons the user must name one. */
	if (r == 0 && answer.code == EXIT_CODE_OK)
		text = answer.text;
	code = r < 0 && command_exit_code(r) == EXIT_CODE_USAGE
		? EXIT_CODE_USAGE
		: doctor_run(text, arguments->json, stdout);
	free(answer.text);
	if (r < 0)
		return command_complain(arguments->command->name, &problem, command_exit_code(r));
	return answer.code == EXIT_CODE_OK
		? code
		: command_complain(arguments->command->name, &answer.why, (int)answer.code);
}

/* The environment gives way to the name of an instance, but not to that of a peer. */
static const char *status_socket(const struct arguments *arguments)
{
	const struct command_status *status = &arguments->status;

	for (size_t i = 0; i < status->name_count; i++) {
		if (!status->names[i].peer)
			return arguments->socket;
	}
	return named_socket(arguments);
}

int command_run(int argc, char **argv)
{
	struct arguments arguments = { .command = find_command(argv[0]) };
	char request[CONTROL_REQUEST_MAX] = "";
	int r;

	if (!arguments.command) {
		(void)fprintf(stderr, "culvert: %s is not a command\n", argv[0]);
		return EXIT_CODE_USAGE;
	}
	r = parse_options(argc, argv, &arguments);
	if (r == EXIT_CODE_OK && arguments.help) {
		(void)printf("usage: culvert %s [--socket PATH]\n      %s\n",
			arguments.command->usage, arguments.command->help);
		return EXIT_CODE_OK;
	}
	if (r == EXIT_CODE_OK)
		r = parse_words(argc - optind, &argv[optind], &arguments);
	if (r == EXIT_CODE_OK && arguments.command->has_names) {
		arguments.status.socket = status_socket(&arguments);
		return command_status_run(&arguments.status);
	}
	if (r == EXIT_CODE_OK)
		r = make_request(&arguments, request);
	if (r != EXIT_CODE_OK)
		return r;
	if (arguments.command->ends)
		return end(&arguments, request);
	return arguments.command->examines ? examine(&arguments, request)
					   : print_answer(&arguments, request);
}
