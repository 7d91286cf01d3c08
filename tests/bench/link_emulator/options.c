/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The command line. One table has the keys of a link. It serves `--rate 1mbit`, for both
 * directions, and `--forward rate=1mbit,...`, for one. The former are applied first, wherever they
 * are.
 */

#include "options.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/error_text.h"

enum { SPEC_MAX = 200, LINE_MAX_BYTES = 1000, WORDS_MAX = 40 };

struct unit {
	const char *name;
	double factor;
};

/* ---- values ---- */

static int parse_number(const char *text, const struct unit *units, double max, double *ret_value)
{
	char *rest;

	if (!isdigit((unsigned char)text[0]) || text[1] == 'x' || text[1] == 'X')
		return -EINVAL;
	double number = strtod(text, &rest);
	for (; units->name; units++) {
		if (strcmp(units->name, rest) != 0)
			continue;
		if (number * units->factor > max)
			return -EINVAL;
		*ret_value = number * units->factor;
		return 0;
	}
	if (number > 0 || *rest != '\0')
		return -EINVAL;
	*ret_value = 0; /* 0 needs no unit */
	return 0;
}

static int parse_duration(const char *text, struct duration *ret_duration)
{
	static const struct unit units[] = { { "us", 1e3 }, { "ms", 1e6 }, { "s", 1e9 }, { 0 } };
	double ns;

	if (parse_number(text, units, 60e9, &ns) < 0)
		return -EINVAL;
	ret_duration->ns = (int64_t)(ns + 0.5);
	return 0;
}

static int set_rate(struct schedule_settings *settings, const char *text)
{
	static const struct unit units[] = { { "bit", 1 }, { "kbit", 1e3 }, { "mbit", 1e6 },
		{ "gbit", 1e9 }, { 0 } };
	double rate;

	if (parse_number(text, units, 1e12, &rate) < 0)
		return -EINVAL;
	settings->rate = (uint64_t)(rate + 0.5);
	return 0;
}

static int set_delay(struct schedule_settings *settings, const char *text)
{
	return parse_duration(text, &settings->delay);
}

static int set_jitter(struct schedule_settings *settings, const char *text)
{
	return parse_duration(text, &settings->jitter);
}

static int set_queue(struct schedule_settings *settings, const char *text)
{
	static const struct unit units[] = { { "", 1 }, { "kb", 1e3 }, { "mb", 1e6 }, { 0 } };
	double bytes;

	if (parse_number(text, units, 1e9, &bytes) < 0)
		return -EINVAL;
	settings->queue_bytes = (uint64_t)(bytes + 0.5);
	return 0;
}

static int set_loss(struct schedule_settings *settings, const char *text)
{
	static const struct unit units[] = { { "%", 0.01 }, { 0 } };

	return parse_number(text, units, 1, &settings->loss);
}

static int set_seed(struct schedule_settings *settings, const char *text)
{
	char *rest;

	if (!isdigit((unsigned char)text[0]))
		return -EINVAL;
	errno = 0;
	settings->seed = strtoull(text, &rest, 10);
	return errno != 0 || *rest != '\0' ? -EINVAL : 0;
}

/* ---- keys ---- */

struct key {
	const char *name;
	int (*set)(struct schedule_settings *settings, const char *text);
	const char *form;
};

static const struct key keys[] = {
	{ "rate", set_rate, "0 (no limit), or a number with bit, kbit, mbit or gbit: 100mbit" },
	{ "delay", set_delay, "0, or a number with us, ms or s, at most 60s: 20ms" },
	{ "jitter", set_jitter, "0, or a number with us, ms or s, at most 60s: 2ms" },
	{ "queue", set_queue, "bytes, or a number with kb or mb, at most 1000mb: 250000" },
	{ "loss", set_loss, "0, or a percentage from 0% to 100%: 1%" },
	{ "seed", set_seed, "a whole number: 1" },
};

static const struct key *find_key(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (strcmp(keys[i].name, name) == 0)
			return &keys[i];
	return NULL;
}

static int set(const struct key *key, struct schedule_settings *settings, const char *text,
	struct problem *problem)
{
	if (key->set(settings, text) == 0)
		return 0;
	problem_set(problem, "%s '%s' is not understood; it is %s", key->name, text, key->form);
	return -EINVAL;
}

/* KEY=VALUE,... */
static int set_spec(struct schedule_settings *settings, const char *text, struct problem *problem)
{
	char spec[SPEC_MAX], *rest = spec, *word;

	if (strlen(text) >= sizeof(spec)) {
		problem_set(problem, "a direction's description is longer than %d characters",
			SPEC_MAX - 1);
		return -EINVAL;
	}
	memcpy(spec, text, strlen(text) + 1);
	while ((word = strsep(&rest, ","))) {
		char *value = strchr(word, '=');

		if (value)
			*value++ = '\0';
		const struct key *key = find_key(word);
		if (!key || !value) {
			problem_set(problem,
				"'%s' describes no direction; it is rate=…, delay=…, jitter=…, queue=…, "
				"loss=… or seed=…, with commas between",
				word);
			return -EINVAL;
		}
		if (set(key, settings, value, problem) < 0)
			return -EINVAL;
	}
	return 0;
}

/* ---- the command line ---- */

/* Options for one direction are applied after those for both. */
enum pass { PASS_BOTH, PASS_ONE };

static int take_option(struct options *options, enum pass pass, const char *name, const char *value,
	struct problem *problem)
{
	const struct key *key = find_key(name);

	if (!key && strcmp(name, "forward") != 0 && strcmp(name, "backward") != 0 &&
		strcmp(name, "grain") != 0 && strcmp(name, "settings") != 0) {
		problem_set(problem, "there is no option --%s; --help names them", name);
		return -EINVAL;
	}
	if (!value) {
		problem_set(problem, "--%s wants a value", name);
		return -EINVAL;
	}
	if (strcmp(name, "settings") == 0) {
		options->settings = value;
		return 0;
	}
	if (strcmp(name, "grain") == 0) {
		if (parse_duration(value, &options->grain) == 0)
			return 0;
		problem_set(problem, "grain '%s' is not understood; it is %s", value,
			find_key("delay")->form);
		return -EINVAL;
	}
	if (!key)
		return pass == PASS_BOTH
			? 0
			: set_spec(strcmp(name, "forward") == 0 ? &options->forward
								: &options->backward,
				  value, problem);
	if (pass == PASS_ONE)
		return 0;
	int r = set(key, &options->forward, value, problem);
	return r < 0 ? r : set(key, &options->backward, value, problem);
}

static int take_line(struct options *options, enum pass pass, int argc, char *const *argv,
	struct problem *problem)
{
	int interfaces = 0;

	for (int i = 1; i < argc; i++) {
		const char *word = argv[i];

		if (strcmp(word, "--help") == 0) {
			options->help = true;
			return 0;
		}
		if (strcmp(word, "--realtime") == 0) {
			options->realtime = true;
		} else if (strncmp(word, "--", 2) == 0) {
			int r = take_option(options, pass, word + 2,
				i + 1 < argc ? argv[i + 1] : NULL, problem);
			if (r < 0)
				return r;
			i++;
		} else if (interfaces < 2) {
			options->interface[interfaces++] = word;
		} else {
			interfaces++;
		}
	}
	if (interfaces != 2 || strcmp(options->interface[0], options->interface[1]) == 0) {
		problem_set(problem, "two different interfaces are wanted; --help shows how");
		return -EINVAL;
	}
	return 0;
}

static int check_jitter(const struct schedule_settings *settings, struct problem *problem)
{
	if (settings->jitter.ns <= settings->delay.ns)
		return 0;
	problem_set(problem,
		"the jitter is larger than the delay, and time does not run back; "
		"make it at most as large");
	return -EINVAL;
}

int options_parse(struct options *ret_options, int argc, char *const *argv, struct problem *problem)
{
	const struct schedule_settings plain = { .queue_bytes = 1000000, .seed = 1 };
	struct options options = {
		.forward = plain,
		.backward = plain,
		.grain = { .ns = 50000 },
	};
	int r = take_line(&options, PASS_BOTH, argc, argv, problem);

	if (r == 0 && !options.help)
		r = take_line(&options, PASS_ONE, argc, argv, problem);
	if (r == 0 && !options.help)
		r = check_jitter(&options.forward, problem);
	if (r == 0 && !options.help)
		r = check_jitter(&options.backward, problem);
	if (r == 0)
		*ret_options = options;
	return r;
}

static int read_line(const char *path, char *line, size_t size, struct problem *problem)
{
	FILE *file = fopen(path, "re");

	if (!file) {
		int r = -errno;

		problem_set(problem, "%s cannot be read: %s", path, error_text(r));
		return r;
	}
	if (!fgets(line, (int)size, file))
		line[0] = '\0';
	fclose(file);
	return 0;
}

int options_take_settings(struct options *options, struct problem *problem)
{
	char line[LINE_MAX_BYTES], name[] = "", *rest = line, *word;
	/* Two interfaces end each command line; which ones does not matter here. */
	char a[] = "a", b[] = "b", *argv[WORDS_MAX + 3] = { name };
	struct options taken;
	int argc = 1;

	int r = read_line(options->settings, line, sizeof(line), problem);
	if (r < 0)
		return r;
	while ((word = strsep(&rest, " \n")))
		if (word[0] != '\0' && argc <= WORDS_MAX)
			argv[argc++] = word;
	argv[argc++] = a;
	argv[argc++] = b;
	r = options_parse(&taken, argc, argv, problem);
	if (r < 0)
		return r;
	options->forward = taken.forward;
	options->backward = taken.backward;
	return 0;
}
