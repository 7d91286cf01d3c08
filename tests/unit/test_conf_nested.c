/* SPDX-License-Identifier: Apache-2.0 */
/* config/conf: lists of groups inside groups of lists, free text, addresses with the length of their network. */
#include "config/conf.h"

#include <errno.h>
#include <string.h>

#include "config/settings.h"

#include "unit.h"

struct part {
	struct prefix address;
};

struct item {
	char *text;
	struct part *parts;
	size_t part_count;
};

struct target {
	struct item *items;
	size_t item_count;
};

static const struct conf_option part_options[] = {
	{ .key = "address",
		.type = CONF_PREFIX,
		.offset = offsetof(struct part, address),
		.host_bits = true,
		.help = "Address." },
};

static const struct conf_table part_table = { part_options, 1, sizeof(struct part), "a/page.md" };

static const struct conf_option item_options[] = {
	{ .key = "text",
		.type = CONF_TEXT,
		.offset = offsetof(struct item, text),
		.min = 1,
		.max = 9,
		.help = "Text." },
	{ .key = "parts",
		.type = CONF_GROUP,
		.shape = CONF_ALLOCATED,
		.offset = offsetof(struct item, parts),
		.count_offset = offsetof(struct item, part_count),
		.limit = 2,
		.table = &part_table,
		.help = "Parts." },
};

static const struct conf_table item_table = { item_options, 2, sizeof(struct item), NULL };

static const struct conf_option options[] = {
	{ .key = "items",
		.type = CONF_GROUP,
		.shape = CONF_ALLOCATED,
		.offset = offsetof(struct target, items),
		.count_offset = offsetof(struct target, item_count),
		.limit = 3,
		.table = &item_table,
		.help = "Items." },
};

static const struct conf_table table = { options, 1, sizeof(struct target), NULL };

static void done(struct target *target)
{
	for (size_t i = 0; i < target->item_count; i++) {
		free(target->items[i].text);
		free(target->items[i].parts);
	}
	free(target->items);
}

static struct target good(const char *text)
{
	struct problem problem = { .text = "" };
	struct target target = { .items = NULL };

	ck_assert_msg(conf_load(text, strlen(text), "f", &table, &target, &problem) == 0, "%s: %s",
		text, problem.text);
	return target;
}

static void refused(const char *text, const char *place, const char *word)
{
	struct problem problem = { .text = "" };
	struct target target = { .items = NULL };

	ck_assert_int_eq(conf_load(text, strlen(text), "f", &table, &target, &problem), -EINVAL);
	ck_assert_msg(strncmp(problem.text, place, strlen(place)) == 0, "not at %s: %s", place,
		problem.text);
	ck_assert_msg(
		strstr(problem.text, word) != NULL, "does not say %s: %s", word, problem.text);
	done(&target);
}

START_TEST(test_text)
{
	struct target target = good("items = { text = \"a b\n\" \"\\\"c;\"; };");

	ck_assert_str_eq(target.items[0].text, "a b\n\"c;");
	done(&target);
	refused("items = { text = \"\"; };", "f:1: items.[0].text:", "text of 1 to 9 bytes");
	refused("items = { text = \"ten bytes.\"; };", "f:1: items.[0].text:", "\"ten bytes.\"");
	refused("items = { text = 5; };", "f:1: items.[0].text:", "got 5");
}
END_TEST

START_TEST(test_nested)
{
	struct target target = good("items = ( { parts = ( { address = \"10.1.0.1/24\"; },\n"
				    "{ address = \"fd00::1\"; } ); }, { text = \"b\"; } );");
	char text[ADDR_TEXT_MAX];

	ck_assert_uint_eq(target.item_count, 2);
	ck_assert_uint_eq(target.items[0].part_count, 2);
	ck_assert_uint_eq(target.items[1].part_count, 0);
	ck_assert_str_eq(prefix_format(&target.items[0].parts[0].address, text), "10.1.0.1/24");
	ck_assert_str_eq(prefix_format(&target.items[0].parts[1].address, text), "fd00::1/128");
	done(&target);
	refused("items = { parts = (\n{ address =\n\"10.1.0.1/33\"; } ); };",
		"f:2: items.[0].parts.[0].address:", "an address with its network's length");
	refused("items = { parts =\n{ adress = 1; }; };",
		"f:2: items.[0].parts.[0].adress:", "did you mean \"address\"?");
	/* The page is that of the table. */
	refused("items = { parts = { colour = 1; }; };",
		"f:1: items.[0].parts.[0].colour:", "a/page.md lists them");
	refused("items = { colour = 1; };",
		"f:1: items.[0].colour:", "docs/configuration.md lists them");
}
END_TEST

START_TEST(test_describe)
{
	size_t len;
	char *text;
	FILE *out = open_memstream(&text, &len);

	ck_assert_int_eq(conf_describe(&table, out), 0);
	ck_assert_int_eq(fclose(out), 0);
	ck_assert_ptr_nonnull(
		strstr(text, "| `items.text` | text of 1 to 9 bytes | none | Text. |\n"));
	ck_assert_ptr_nonnull(strstr(
		text, "| `items.parts.address` | an address with its network's length, such as "));
	free(text);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("conf nested");

	unit_add(suite, "text", test_text);
	unit_add(suite, "nested", test_nested);
	unit_add(suite, "describe", test_describe);
	return unit_run("conf_nested", suite);
}
