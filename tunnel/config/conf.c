/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conf_scan() finds what libconfig accepts and should not, and libconfig parses the text. Then the
 * tree is compared with the table: every key of the file must have a row. Every row takes its value
 * from the file or from its preset, a text that is parsed in the same way. This file alone uses
 * libconfig, and only the calls that versions 1.5 to 1.7 share.
 */
#include "config/conf.h"

#include <errno.h>
#include <libconfig.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "config/conf_foreign.h"
#include "config/conf_grammar.h"
#include "config/conf_nearest.h"
#include "config/conf_scan.h"
#include "config/conf_value.h"

enum {
	KEY_PATH_MAX = 128,  /* "peers.[12].accept_routes.[3]" with NUL */
	FILE_SHOWN_MAX = 200 /* bytes of the file's path in messages, with NUL */
};

/* The state of one conf_load(), for every step. */
struct load {
	char *text; /* terminated copy */
	size_t len;
	char path[FILE_SHOWN_MAX]; /* printable */
	const config_setting_t *root;
	struct problem *problem;
};

static int apply_group(const struct load *load, const struct conf_table *table,
	const config_setting_t *group, const config_setting_t *presets, const char *group_key,
	void *target);

static bool is_list(const config_setting_t *setting)
{
	return config_setting_is_array(setting) || config_setting_is_list(setting);
}

static config_setting_t *child(const config_setting_t *setting, int index)
{
	return config_setting_get_elem(setting, (unsigned)index);
}

/* Counts the values without brackets before `wanted`. Returns true if it was found. */
static bool count_before(/* NOLINT(misc-no-recursion): CONF_DEPTH_MAX bounds it */
	const config_setting_t *setting, const config_setting_t *wanted, size_t *count)
{
	if (setting == wanted)
		return true;
	if (!config_setting_is_aggregate(setting)) {
		(*count)++;
		return false;
	}
	for (int i = 0; i < config_setting_length(setting); i++) {
		if (count_before(child(setting, i), wanted, count))
			return true;
	}
	return false;
}

/* libconfig has the line of a key; for a value in a list it has the line of the next token. */
static unsigned line_of(const struct load *load, const config_setting_t *setting)
{
	size_t ordinal = 0;
	unsigned line = 0;

	if (!config_setting_name(setting) && !config_setting_is_aggregate(setting) &&
		count_before(load->root, setting, &ordinal))
		line = conf_scan_value_line(load->text, load->len, ordinal);
	return line != 0 ? line : (unsigned)config_setting_source_line(setting);
}

/* Puts file, line and key in front of the problem's text. */
static void locate(const struct load *load, const config_setting_t *setting, const char *key)
{
	problem_prepend(load->problem, "%s:%u: %s", load->path, line_of(load, setting), key);
}

/* Writes "key" or "group.key" to `out`, and returns it. */
static const char *join_key(char out[KEY_PATH_MAX], const char *group, const char *key)
{
	(void)snprintf(out, KEY_PATH_MAX, "%s%s%s", group, group[0] != '\0' ? "." : "", key);
	return out;
}

/* ---- one value ---- */

static const char *type_text(const config_setting_t *setting)
{
	switch (config_setting_type(setting)) {
	case CONFIG_TYPE_GROUP:
		return "a group";
	case CONFIG_TYPE_ARRAY:
	case CONFIG_TYPE_LIST:
		return "a list";
	case CONFIG_TYPE_STRING:
		return "a string";
	case CONFIG_TYPE_BOOL:
		return "true or false";
	default:
		return "a number";
	}
}

static struct conf_scalar read_scalar(const config_setting_t *setting)
{
	struct conf_scalar scalar = { .got = CONF_GOT_OTHER };

	switch (config_setting_type(setting)) {
	case CONFIG_TYPE_BOOL:
		scalar.got = CONF_GOT_BOOL;
		scalar.boolean = config_setting_get_bool(setting) != 0;
		break;
	case CONFIG_TYPE_INT:
		scalar.got = CONF_GOT_INTEGER;
		scalar.integer = config_setting_get_int(setting);
		/* libconfig gives 0x80000000 and more as negative numbers. */
		if (config_setting_get_format(setting) == CONFIG_FORMAT_HEX)
			scalar.integer = (uint32_t)scalar.integer;
		break;
	case CONFIG_TYPE_INT64:
		scalar.got = CONF_GOT_INTEGER;
		scalar.integer = config_setting_get_int64(setting);
		break;
	case CONFIG_TYPE_FLOAT:
		scalar.got = CONF_GOT_REAL;
		scalar.real = config_setting_get_float(setting);
		break;
	case CONFIG_TYPE_STRING:
		scalar.got = CONF_GOT_STRING;
		scalar.string = config_setting_get_string(setting);
		break;
	default:
		scalar.string = type_text(setting);
		break;
	}
	return scalar;
}

static int apply_scalar(const struct load *load, const struct conf_option *option,
	const config_setting_t *setting, const char *key, void *out)
{
	struct conf_scalar scalar = read_scalar(setting);
	int r = conf_value_set(option, &scalar, out, load->problem);

	if (r == -EINVAL)
		locate(load, setting, key);
	return r;
}

/* ---- lists ---- */

/*
 * Parses the presets of a table into *presets, which the caller destroys when this returns 0. It
 * must not be copied: its settings point to it.
 */
static int parse_presets(const struct conf_table *table, config_t *presets)
{
	struct conf_walk walk = { .table = table };
	const struct conf_option *option;
	size_t size = 0;
	char *text = NULL;
	FILE *out;
	int r = 0;

	out = open_memstream(&text, &size);
	if (!out)
		return -ENOMEM;
	while ((option = conf_next(&walk))) {
		if (option->preset)
			(void)fprintf(out, "%s = %s;\n", option->key, option->preset);
	}
	if (fclose(out) != 0) {
		free(text);
		return -ENOMEM;
	}
	config_init(presets);
	if (config_read_string(presets, text) != CONFIG_TRUE) {
		config_destroy(presets);
		r = -EINVAL;
	}
	free(text);
	return r;
}

/* Returns room for `count` values of a list, in the target or allocated. NULL: out of memory. */
static char *list_room(const struct conf_option *option, size_t count, void *target)
{
	char *field = (char *)target + option->offset;
	char *items;

	if (option->shape == CONF_ARRAY)
		return field;
	items = calloc(count, conf_value_size(option));
	if (items)
		memcpy(field, &items, sizeof(items));
	return items;
}

static int apply_groups(/* NOLINT(misc-no-recursion): as deep as the tables are */
	const struct load *load, const struct conf_option *option, const config_setting_t *setting,
	const char *key, char *items, size_t count)
{
	const struct conf_option *plain = conf_value_plain(option);
	char item_key[KEY_PATH_MAX], expected[CONF_VALUE_EXPECTED_MAX];
	config_t presets;
	int r = parse_presets(option->table, &presets);

	if (r < 0)
		return r;
	for (size_t i = 0; i < count && r == 0; i++) {
		const config_setting_t *item = is_list(setting) ? child(setting, (int)i) : setting;
		char *out = &items[i * conf_value_size(option)];

		(void)snprintf(item_key, sizeof(item_key), "%.90s.[%zu]", key, i);
		if (config_setting_is_group(item)) {
			r = apply_group(load, option->table, item, config_root_setting(&presets),
				item_key, out);
		} else if (plain && !is_list(item)) {
			r = apply_scalar(load, plain, item, item == setting ? key : item_key,
				out + plain->offset);
		} else {
			problem_set(load->problem, "expected %s, got %s",
				conf_value_expected(option, expected), type_text(item));
			locate(load, item, item_key);
			r = -EINVAL;
		}
	}
	config_destroy(&presets);
	return r;
}

static int apply_list(/* NOLINT(misc-no-recursion): as deep as the tables are */
	const struct load *load, const struct conf_option *option, const config_setting_t *setting,
	const char *key, void *target)
{
	size_t count = is_list(setting) ? (size_t)config_setting_length(setting) : 1;
	char item_key[KEY_PATH_MAX];
	char *items;
	int r = 0;

	if (count > option->limit) {
		problem_set(load->problem, "expected at most %zu values, got %zu", option->limit,
			count);
		locate(load, setting, key);
		return -EINVAL;
	}
	if (count == 0)
		return 0;
	items = list_room(option, count, target);
	if (!items)
		return -ENOMEM;
	/* All values are zero so far, so a target with some of them unset can be freed. */
	memcpy((char *)target + option->count_offset, &count, sizeof(count));
	if (option->type == CONF_GROUP)
		return apply_groups(load, option, setting, key, items, count);
	if (!is_list(setting))
		return apply_scalar(load, option, setting, key, items);
	for (size_t i = 0; i < count && r == 0; i++) {
		(void)snprintf(item_key, sizeof(item_key), "%.90s.[%zu]", key, i);
		r = apply_scalar(load, option, child(setting, (int)i), item_key,
			&items[i * conf_value_size(option)]);
	}
	return r;
}

/* ---- groups ---- */

static int report_unknown(const struct load *load, const struct conf_table *table,
	const config_setting_t *setting, const char *group_key)
{
	const char *name = config_setting_name(setting);
	const char *nearest = conf_nearest_key(table, name);
	struct view view = { .data = (const uint8_t *)name, .len = strlen(name) };
	char key[KEY_PATH_MAX], word[CONF_WORD_MAX];

	if (nearest)
		problem_set(load->problem,
			"expected a known key, got an unknown one; did you mean \"%s\"?", nearest);
	else
		problem_set(load->problem,
			"expected a known key, got an unknown one; %s lists them",
			table->manual ? table->manual : "docs/configuration.md");
	locate(load, setting, join_key(key, group_key, conf_token_show(&view, word)));
	return -EINVAL;
}

static int report_missing(const struct load *load, const struct conf_option *option,
	const config_setting_t *group, const char *group_key)
{
	char expected[CONF_VALUE_EXPECTED_MAX], key[KEY_PATH_MAX];

	bool empty = config_setting_is_root(group) && config_setting_length(group) == 0;

	problem_set(load->problem, "expected %s, got nothing; the key is required%s",
		conf_value_expected(option, expected),
		empty ? ", and the file has no key at all" : "");
	join_key(key, group_key, option->key);
	if (config_setting_is_root(group))
		/*
		 * A missing key has no line, so the message has the last one, where the key can be
		 * added.
		 */
		problem_prepend(load->problem, "%s:%u: %s", load->path,
			conf_scan_last_line(load->text, load->len), key);
	else
		locate(load, group, key);
	return -EINVAL;
}

static int apply_group(/* NOLINT(misc-no-recursion): as deep as the tables are */
	const struct load *load, const struct conf_table *table, const config_setting_t *group,
	const config_setting_t *presets, const char *group_key, void *target)
{
	struct conf_walk walk = { .table = table };
	const struct conf_option *option;
	char key[KEY_PATH_MAX];
	int r = 0;

	for (int i = 0; i < config_setting_length(group); i++) {
		const config_setting_t *setting = child(group, i);

		if (!conf_find(table, config_setting_name(setting)))
			return report_unknown(load, table, setting, group_key);
	}
	while (r == 0 && (option = conf_next(&walk))) {
		const config_setting_t *setting = config_setting_get_member(group, option->key);
		bool given = setting != NULL;

		if (!setting && option->required)
			return report_missing(load, option, group, group_key);
		if (!setting)
			setting = config_setting_get_member(presets, option->key);
		if (!setting)
			continue;
		if (option->given_offset != 0)
			memcpy((char *)target + option->given_offset, &given, sizeof(given));
		join_key(key, group_key, option->key);
		if (option->shape != CONF_ONE)
			r = apply_list(load, option, setting, key, target);
		else
			r = apply_scalar(
				load, option, setting, key, (char *)target + option->offset);
	}
	return r;
}

/* ---- the whole file ---- */

static int parse(struct load *load, config_t *config)
{
	char word[CONF_WORD_MAX];
	unsigned line;

	if (config_read_string(config, load->text) == CONFIG_TRUE)
		return 0;
	line = (unsigned)config_error_line(config);
	conf_scan_near(load->text, load->len, line, word);
	problem_set(load->problem,
		"%s:%u: %s%sexpected KEY = VALUE; in libconfig's syntax, words in \"double quotes\", got a %s",
		load->path, line, word, word[0] != '\0' ? ": " : "",
		strcmp(config_error_text(config), "syntax error") == 0
			? "syntax error here or before"
			: config_error_text(config));
	return -EINVAL;
}

static const char byte_order_mark[] = "\xef\xbb\xbf";

static int load_init(
	struct load *load, const char *text, size_t len, const char *path, struct problem *problem)
{
	*load = (struct load){ .len = len, .problem = problem };
	problem_escape(load->path, sizeof(load->path), path, strlen(path));
	if (len > FILE_SIZE_MAX) {
		problem_set(problem, "%s:1: expected at most %d bytes, got %zu", load->path,
			FILE_SIZE_MAX, len);
		return -EFBIG;
	}
	/* libconfig sees no comment in a last line without a newline. */
	load->text = malloc(len + 2);
	if (!load->text)
		return -ENOMEM;
	if (len > 0)
		memcpy(load->text, text, len);
	load->text[len] = '\n';
	load->text[len + 1] = '\0';
	/* Some editors write this mark of UTF-8. As blanks it leaves each column where it is. */
	if (strncmp(load->text, byte_order_mark, 3) == 0)
		memset(load->text, ' ', 3);
	return 0;
}

/* The text may have a private key in it. */
static void load_done(struct load *load)
{
	explicit_bzero(load->text, load->len);
	free(load->text);
}

/*
 * Replaces a syntax error by a better reason where another program's file is given, or where the
 * mistake can be named.
 */
static void explain_syntax(const struct load *load, bool is_syntax)
{
	const char *foreign = conf_foreign(load->text, load->len);

	if (foreign)
		problem_set(load->problem, "%s:1: %s", load->path, foreign);
	else if (is_syntax)
		(void)conf_grammar(load->text, load->len, load->path, load->problem);
}

/* Scans the text, then parses it. -EINVAL: *problem says why. */
static int read_text(struct load *load, config_t *config)
{
	int r = conf_scan(load->text, load->len, load->path, load->problem);
	bool is_syntax = r == 0 || r == -EBADMSG;

	if (r == 0)
		r = parse(load, config);
	if (r < 0)
		explain_syntax(load, is_syntax);
	return r == -EBADMSG ? -EINVAL : r;
}

int conf_load(const char *text, size_t len, const char *path, const struct conf_table *table,
	void *target, struct problem *problem)
{
	config_t config, presets;
	struct load load;
	int r = load_init(&load, text, len, path, problem);

	if (r < 0)
		goto out;
	config_init(&config);
	r = read_text(&load, &config);
	if (r < 0)
		goto destroy;
	r = parse_presets(table, &presets);
	if (r < 0)
		goto destroy;
	load.root = config_root_setting(&config);
	r = apply_group(&load, table, load.root, config_root_setting(&presets), "", target);
	config_destroy(&presets);
destroy:
	config_destroy(&config);
	load_done(&load);
out:
	if (r == -ENOMEM)
		problem_set(problem, "%s: not enough memory to read it", load.path);
	return r;
}

int conf_has_key(const char *text, size_t len, const char *key)
{
	config_t config;
	struct load load;
	int r = load_init(&load, text, len, "", NULL);

	if (r < 0)
		return r;
	config_init(&config);
	r = read_text(&load, &config);
	if (r == 0)
		r = config_setting_get_member(config_root_setting(&config), key) != NULL;
	config_destroy(&config);
	load_done(&load);
	return r;
}

/* Copies the option's path at the beginning of the text to `out`; "" if it begins with none. */
static void first_key(const struct problem *problem, char out[KEY_PATH_MAX])
{
	size_t len = strcspn(problem->text, ": ");

	if (problem->text[len] == '\0' || len >= KEY_PATH_MAX)
		len = 0;
	memcpy(out, problem->text, len);
	out[len] = '\0';
}

/*
 * Returns the setting at the path, or the innermost one around it: a list with one value may have
 * no brackets. Shortens `key`.
 */
static const config_setting_t *find_setting(const config_t *config, char *key)
{
	const config_setting_t *setting = NULL;
	char *dot;

	while (key[0] != '\0') {
		setting = config_lookup(config, key);
		dot = strrchr(key, '.');
		if (setting || !dot)
			break;
		*dot = '\0';
	}
	return setting;
}

void conf_locate(const char *text, size_t len, const char *path, struct problem *problem)
{
	const config_setting_t *setting = NULL;
	char key[KEY_PATH_MAX];
	config_t config;
	struct load load;

	if (!problem)
		return;
	first_key(problem, key);
	if (load_init(&load, text, len, path, NULL) < 0)
		return;
	config_init(&config);
	if (config_read_string(&config, load.text) == CONFIG_TRUE)
		setting = find_setting(&config, key);
	load.root = config_root_setting(&config);
	if (setting)
		problem_prepend(problem, "%s:%u", load.path, line_of(&load, setting));
	else
		problem_prepend(problem, "%s", load.path);
	config_destroy(&config);
	load_done(&load);
}
