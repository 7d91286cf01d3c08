/* SPDX-License-Identifier: Apache-2.0 */
/* A table of options of every type and what it fills, for the tests of config/conf. */
#ifndef CULVERT_TESTS_UNIT_CONF_TARGET_H
#define CULVERT_TESTS_UNIT_CONF_TARGET_H

#include "base/array.h"
#include "config/conf.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "config/settings.h"

#include "unit.h"

struct item {
	char name[IDENTITY_MAX + 1];
	uint32_t weight;
};

struct target {
	bool flag;
	uint32_t number, even_zero;
	struct duration wait;
	char word[8];
	char path[16];
	char ifname[SETTINGS_IFNAME_MAX + 1];
	char *material;
	enum log_level level;
	struct addr addr;
	struct prefix prefix;
	struct endpoint endpoints[2];
	size_t endpoint_count;
	struct settings_remote remotes[2];
	size_t remote_count;
	struct prefix_list prefixes;
	struct item *items;
	size_t item_count;
	struct item *mixed;
	size_t mixed_count;
	uint32_t colour;
};

#define AT(member) .offset = offsetof(struct target, member)
#define COUNTED(member) .count_offset = offsetof(struct target, member)

static const struct conf_option item_options[] = {
	{ .key = "name",
		.type = CONF_NAME,
		.offset = offsetof(struct item, name),
		.required = true,
		.help = "Name." },
	{ .key = "weight",
		.type = CONF_UINT,
		.offset = offsetof(struct item, weight),
		.max = 9,
		.preset = "7",
		.help = "Weight." },
};

static const struct conf_name colours[] = { { "red", 70 }, { "blue", 3 }, { NULL, 0 } };

static const struct conf_table item_table = { item_options, 2, sizeof(struct item), NULL };

static const struct conf_option options[] = {
	{ .key = "flag",
		.applies = CONF_LIVE,
		.type = CONF_BOOL,
		AT(flag),
		.preset = "true",
		.help = "A flag." },
	{ .key = "number",
		.applies = CONF_RESTART,
		.type = CONF_UINT,
		AT(number),
		.min = 10,
		.max = 20,
		.help = "Ten." },
	{ .key = "even_zero",
		.type = CONF_UINT,
		AT(even_zero),
		.min = 10,
		.max = UINT32_MAX,
		.or_zero = true,
		.help = "Or zero." },
	{ .key = "wait",
		.type = CONF_DURATION,
		AT(wait),
		.min = 0.1,
		.max = 3600,
		.preset = "2.5",
		.help = "Wait." },
	{ .key = "word", .type = CONF_STRING, AT(word), .min = 2, .max = 7, .help = "Word." },
	{ .key = "path", .type = CONF_PATH, AT(path), .min = 1, .max = 15, .help = "Path." },
	{ .key = "ifname",
		.type = CONF_IFNAME,
		AT(ifname),
		.min = 1,
		.max = SETTINGS_IFNAME_MAX,
		.help = "Interface." },
	{ .key = "material", .type = CONF_MATERIAL, AT(material), .help = "Material." },
	{ .key = "level", .type = CONF_LOG_LEVEL, AT(level), .help = "Level." },
	{ .key = "addr", .type = CONF_ADDR, AT(addr), .family = AF_INET6, .help = "Address." },
	{ .key = "prefix", .type = CONF_PREFIX, AT(prefix), .family = AF_INET, .help = "Prefix." },
	{ .key = "endpoints",
		.type = CONF_ENDPOINT,
		.shape = CONF_ARRAY,
		AT(endpoints),
		COUNTED(endpoint_count),
		.limit = 2,
		.help = "Endpoints." },
	{ .key = "remotes",
		.applies = CONF_NEXT,
		.type = CONF_REMOTE,
		.shape = CONF_ARRAY,
		AT(remotes),
		COUNTED(remote_count),
		.limit = 2,
		.preset_note = "made up",
		.help = "Remotes." },
	{ .key = "prefixes",
		.type = CONF_PREFIX,
		.shape = CONF_ALLOCATED,
		AT(prefixes.items),
		COUNTED(prefixes.count),
		.limit = 3,
		.keyword = "@some",
		.preset = "[ \"10.0.0.0/8\", \"fc00::/7\" ]",
		.help = "Prefixes." },
	{ .key = "items",
		.type = CONF_GROUP,
		.shape = CONF_ALLOCATED,
		AT(items),
		COUNTED(item_count),
		.limit = 3,
		.table = &item_table,
		.help = "Items." },
	{ .key = "mixed",
		.type = CONF_GROUP,
		.shape = CONF_ALLOCATED,
		AT(mixed),
		COUNTED(mixed_count),
		.limit = 3,
		.table = &item_table,
		.shorthand = "name",
		.help = "Names and items." },
	{ .key = "colour",
		.type = CONF_NAMED,
		AT(colour),
		.names = colours,
		.min = 1,
		.max = 9,
		.help = "Colour." },
};

static const struct conf_table table = {
	.options = options,
	.count = ARRAY_SIZE(options),
	.size = sizeof(struct target),
};

static inline void done(struct target *target)
{
	free(target->material);
	free(target->prefixes.items);
	free(target->items);
	free(target->mixed);
}

static inline struct target good(const char *text)
{
	struct problem problem = { .text = "" };
	struct target target = { .flag = false };

	ck_assert_msg(conf_load(text, strlen(text), "f", &table, &target, &problem) == 0, "%s: %s",
		text, problem.text);
	return target;
}

/* Loads and drops: only that it is taken matters. */
static inline void taken(const char *text)
{
	struct target target = good(text);

	done(&target);
}

/* Refused at that place of the file, with that word in the line. */
static inline void refused(const char *text, const char *place, const char *word)
{
	struct problem problem = { .text = "" };
	struct target target = { .flag = false };

	ck_assert_msg(conf_load(text, strlen(text), "f", &table, &target, &problem) == -EINVAL,
		"%s", text);
	ck_assert_msg(strncmp(problem.text, place, strlen(place)) == 0, "not at %s: %s", place,
		problem.text);
	ck_assert_msg(
		strstr(problem.text, word) != NULL, "does not say %s: %s", word, problem.text);
	done(&target);
}

#endif
