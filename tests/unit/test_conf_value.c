/* SPDX-License-Identifier: Apache-2.0 */
/* config/conf on a table of its own: every type of value at its limits, presets, lists. */
#include "conf_target.h"
#include "unit.h"

START_TEST(test_presets)
{
	struct target target = good("");
	char text[ADDR_TEXT_MAX];

	ck_assert(target.flag);
	ck_assert_uint_eq(target.number, 0);
	ck_assert_int_eq(target.wait.ns, 2500000000);
	ck_assert_uint_eq(target.prefixes.count, 2);
	ck_assert_str_eq(prefix_format(&target.prefixes.items[1], text), "fc00::/7");
	ck_assert_ptr_null(target.items);
	done(&target);

	target = good("flag = false; prefixes = [ ];");
	ck_assert(!target.flag);
	ck_assert_uint_eq(target.prefixes.count, 0);
	done(&target);
}
END_TEST

START_TEST(test_numbers)
{
	struct target target = good("number = 10; even_zero = 0;");

	ck_assert_uint_eq(target.number, 10);
	ck_assert_uint_eq(target.even_zero, 0);
	done(&target);
	target = good("number = 0x14; even_zero = 4294967295L;");
	ck_assert_uint_eq(target.number, 20);
	ck_assert_uint_eq(target.even_zero, UINT32_MAX);
	done(&target);
	target = good("even_zero = 0x80000000;");
	ck_assert_uint_eq(target.even_zero, 0x80000000);
	done(&target);

	refused("number = 9;", "f:1: number:", "got 9");
	refused("number = 21;", "f:1: number:", "from 10 to 20");
	refused("number = 0;", "f:1: number:", "got 0");
	refused("number = -10;", "f:1: number:", "got -10");
	refused("number = 10.0;", "f:1: number:", "integer");
	refused("number = true;", "f:1: number:", "true");
	refused("number = ( 10 );", "f:1: number:", "a list");
	refused("even_zero = 1;", "f:1: even_zero:", "0 or");
	refused("even_zero = 4294967296L;", "f:1: even_zero:", "4294967296");
	refused("even_zero = 4294967296;", "f:1:", "4294967296");
	refused("even_zero = 99999999999999999999L;", "f:1: even_zero:", "expected");
	refused("even_zero = -9223372036854775808L;", "f:1: even_zero:", "expected");
}
END_TEST

START_TEST(test_durations)
{
	static const struct {
		const char *text;
		int64_t ns;
	} rows[] = {
		{ "1", 1000000000 },
		{ "0.1", 100000000 },
		{ "3600", 3600000000000 },
		{ "\"250ms\"", 250000000 },
		{ "\"100 ms\"", 100000000 },
		{ "\"15s\"", 15000000000 },
		{ "\"2min\"", 120000000000 },
		{ "\"1.5min\"", 90000000000 },
		{ "\"1h\"", 3600000000000 },
	};
	static const char *const bad[] = { "0", "0.0999", "3600.1", "-1", "1e999", "\"\"", "\"15\"",
		"\"s\"", "\"15S\"", "\"1.5.0s\"", "\"99ms\"", "\"61min\"", "\"-1s\"", "\"1s2\"",
		"\"0x1s\"", "\"nan s\"", "\"111111111111111111111111111111111s\"", "true" };
	char text[96];

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct target target;

		(void)snprintf(text, sizeof(text), "wait = %s;", rows[i].text);
		target = good(text);
		ck_assert_int_eq(target.wait.ns, rows[i].ns);
		done(&target);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		(void)snprintf(text, sizeof(text), "wait = %s;", bad[i]);
		refused(text, "f:1: wait:", "from 0.1 s to 3600 s");
	}
}
END_TEST

START_TEST(test_texts)
{
	struct target target = good("word = \"seven77\"; path = \"/14-characters\"; "
				    "ifname = \"abcdefghijklm%d\"; level = \"debug\";");

	ck_assert_str_eq(target.word, "seven77");
	ck_assert_str_eq(target.path, "/14-characters");
	ck_assert_str_eq(target.ifname, "abcdefghijklm%d");
	ck_assert_int_eq(target.level, LOG_LEVEL_DEBUG);
	done(&target);

	taken("word = \"ab\";");
	refused("word = \"a\";", "f:1: word:", "2 to 7");
	refused("word = \"eight888\";", "f:1: word:", "\"eight888\"");
	refused("word = \"a b\";", "f:1: word:", "spaces");
	refused("word = \"a\\nb\";", "f:1: word:", "several lines");
	refused("word = \"a\xc3\xa9\";", "f:1: word:", "\\xc3\\xa9");
	refused("word = 5;", "f:1: word:", "got 5");
	refused("path = \"relative\";", "f:1: path:", "/");
	refused("path = \"/sixteen-charact\";", "f:1: path:", "15");
	refused("ifname = \"abcdefghijklmn%d\";", "f:1: ifname:", "15");
	refused("ifname = \"a%d%d\";", "f:1: ifname:", "%d");
	refused("ifname = \"a%\";", "f:1: ifname:", "%d");
	refused("ifname = \"a:0\";", "f:1: ifname:", ":");
	refused("ifname = \"..\";", "f:1: ifname:", "interface name");
	refused("ifname = \"\";", "f:1: ifname:", "1 to 15");
	refused("level = \"Debug\";", "f:1: level:", "\"debug\"");
}
END_TEST

START_TEST(test_material)
{
	struct target target = good("material = \"-----BEGIN X-----\\n\" \"secret\";");

	ck_assert_str_eq(target.material, "-----BEGIN X-----\nsecret");
	done(&target);
	taken("material = \"relative path.pem\";");
	refused("material = \"\";", "f:1: material:", "path");
	/* What may be a key is not repeated. */
	refused("material = \"MC4CAQAw\nBQYDK2Vw\";", "f:1: material:", "got neither");
	refused("material = 7;", "f:1: material:", "got 7");
}
END_TEST

START_TEST(test_addresses)
{
	struct target target = good("addr = \"2001:db8::7\"; prefix = \"10.1.2.0/23\";\n"
				    "endpoints = ( \"192.0.2.1\", \"[::]:8443\" );\n"
				    "remotes = [ \"a.example:1\", \"2001:db8::1\" ];");
	char text[ADDR_TEXT_MAX], endpoint[ENDPOINT_TEXT_MAX];

	ck_assert_str_eq(addr_format(&target.addr, text), "2001:db8::7");
	ck_assert_str_eq(prefix_format(&target.prefix, text), "10.1.2.0/23");
	ck_assert_uint_eq(target.endpoint_count, 2);
	ck_assert_str_eq(endpoint_format(&target.endpoints[0], endpoint), "192.0.2.1:443");
	ck_assert_str_eq(endpoint_format(&target.endpoints[1], endpoint), "[::]:8443");
	ck_assert_str_eq(target.remotes[0].host, "a.example");
	ck_assert_uint_eq(target.remotes[0].port, 1);
	ck_assert_str_eq(target.remotes[1].host, "2001:db8::1");
	ck_assert_uint_eq(target.remotes[1].port, 443);
	done(&target);

	refused("addr = \"10.0.0.1\";", "f:1: addr:", "IPv6");
	refused("prefix = \"fd00::/8\";", "f:1: prefix:", "IPv4");
	refused("prefix = \"10.1.2.1/23\";", "f:1: prefix:", "host bits");
	refused("prefix = \"10.1.2.0/33\";", "f:1: prefix:", "10.1.2.0/33");
	refused("endpoints = \"host:1\";", "f:1: endpoints:", "host:1");
	refused("endpoints = [ \"1.2.3.4:0\" ];", "f:1: endpoints.[0]:", "1.2.3.4:0");
	refused("remotes = \"a b\";", "f:1: remotes:", "a b");
	refused("remotes = \"-v\";", "f:1: remotes:", "-v");
	refused("remotes = \"host:port\";", "f:1: remotes:", "host:port");
}
END_TEST

START_TEST(test_lists)
{
	struct target target = good("prefixes = \"10.0.0.0/8\"; items = { name = \"one\"; };");

	ck_assert_uint_eq(target.prefixes.count, 1);
	done(&target);
	target = good("prefixes = [ \"10.0.0.0/8\", \"@some\" ]; items = { name = \"one\"; };");
	ck_assert_uint_eq(target.prefixes.count, 2);
	ck_assert(addr_is_set(&target.prefixes.items[0].addr));
	ck_assert(!addr_is_set(&target.prefixes.items[1].addr));
	ck_assert_uint_eq(target.item_count, 1);
	ck_assert_str_eq(target.items[0].name, "one");
	ck_assert_uint_eq(target.items[0].weight, 7);
	done(&target);
	target = good("items = ( { name = \"a\"; weight = 0; }, { weight = 9; name = \"b\"; } );");
	ck_assert_uint_eq(target.item_count, 2);
	ck_assert_uint_eq(target.items[0].weight, 0);
	ck_assert_str_eq(target.items[1].name, "b");
	ck_assert_uint_eq(target.items[1].weight, 9);
	done(&target);

	refused("prefixes = [ \"10.0.0.0/8\", \"10.0.0.0/8\",\n \"10.0.0.0/8\", \"10.0.0.0/8\" ];",
		"f:1: prefixes:", "at most 3 values, got 4");
	refused("prefixes = { };", "f:1: prefixes:", "a group");
	refused("prefixes = [ \"@other\" ];",
		"f:1: prefixes.[0]:", "such as 10.1.0.0/16, or \"@some\", got \"@other\"");
	refused("prefixes = [ 1, 2 ];", "f:1: prefixes.[0]:", "got 1");
	refused("prefixes = ( \"10.0.0.0/8\", ( ) );", "f:1: prefixes.[1]:", "a list");
	refused("items = ( { name = \"a\"; }, \"b\" );", "f:1: items.[1]:", "a group");
	refused("items = [ \"a\" ];", "f:1: items.[0]:", "a group");
	refused("items = ( { name = \"a\"; weight = 10; } );", "f:1: items.[0].weight:", "10");
	refused("items = ( { weight = 1; } );", "f:1: items.[0].name:", "required");
}
END_TEST

START_TEST(test_mixed)
{
	struct target target = good("mixed = ( \"a\", { name = \"b\"; weight = 2; } );");

	ck_assert_uint_eq(target.mixed_count, 2);
	ck_assert_str_eq(target.mixed[0].name, "a");
	ck_assert_uint_eq(target.mixed[0].weight, 0);
	ck_assert_str_eq(target.mixed[1].name, "b");
	ck_assert_uint_eq(target.mixed[1].weight, 2);
	done(&target);
	target = good("mixed = [ \"a\", \"b\" ];");
	ck_assert_uint_eq(target.mixed_count, 2);
	ck_assert_str_eq(target.mixed[1].name, "b");
	done(&target);
	target = good("mixed = \"a\";");
	ck_assert_uint_eq(target.mixed_count, 1);
	done(&target);

	refused("mixed = (\n\"a\",\n5 );", "f:3: mixed.[1]:", "expected a name of 1 to 64");
	refused("mixed = (\n\"a\",\n\"b c\" );", "f:3: mixed.[1]:", "got \"b c\"");
	refused("mixed = ( \"a\", { name = 5; } );", "f:1: mixed.[1].name:", "got 5");
	refused("mixed = ( \"a\", { weight = 5; } );", "f:1: mixed.[1].name:", "required");
	refused("mixed = ( \"a\", { nam = \"x\"; } );", "f:1: mixed.[1].nam:", "\"name\"");
	refused("mixed = ( \"a\", ( \"b\" ) );", "f:1: mixed.[1]:", "or a group");
	refused("mixed = [ \"a\",\n{ name = \"b\"; } ];", "f:2:", "( ) around a list");
	refused("items = ( \"a\" );", "f:1: items.[0]:", "expected a group");
}
END_TEST

START_TEST(test_named)
{
	struct target target = good("colour = \"blue\";");

	ck_assert_uint_eq(target.colour, 3);
	done(&target);
	target = good("colour = 9;");
	ck_assert_uint_eq(target.colour, 9);
	done(&target);
	refused("colour = \"green\";", "f:1: colour:",
		"expected \"red\", \"blue\" or an integer from 1 to 9, got \"green\"");
	refused("colour = 70;", "f:1: colour:", "got 70");
	refused("colour = true;", "f:1: colour:", "got true");
}
END_TEST

static Suite *suite(void)
{
	Suite *suite = suite_create("conf_value");

	unit_add(suite, "presets", test_presets);
	unit_add(suite, "numbers", test_numbers);
	unit_add(suite, "durations", test_durations);
	unit_add(suite, "texts", test_texts);
	unit_add(suite, "material", test_material);
	unit_add(suite, "addresses", test_addresses);
	unit_add(suite, "lists", test_lists);
	unit_add(suite, "mixed", test_mixed);
	unit_add(suite, "named", test_named);
	return suite;
}

int main(void)
{
	return unit_run("conf_value", suite());
}
