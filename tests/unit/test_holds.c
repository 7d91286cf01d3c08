/* SPDX-License-Identifier: Apache-2.0 */
#include "client/holds.h"

#include "unit.h"

static const struct mono start = { 1000 };

static struct endpoint at(const char *text)
{
	struct endpoint endpoint;

	ck_assert_int_eq(endpoint_parse(text, 443, &endpoint), 0);
	return endpoint;
}

static struct mono after(int64_t ms)
{
	return mono_add(start, DURATION_MS(ms));
}

START_TEST(a_liar_holds_itself_alone_and_five_minutes)
{
	const struct endpoint liar = at("192.0.2.1"),
			      others[] = { at("192.0.2.2"), at("192.0.2.1:8443"),
				      at("[2001:db8::1]:443") };
	struct holds holds = { 0 };

	holds_set(&holds, &liar, 0, start, DURATION_S(86400));
	ck_assert(holds_has(&holds, &liar, 0, start));
	ck_assert(holds_has(&holds, &liar, 0, after(299999)));
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		ck_assert(!holds_has(&holds, &others[i], 0, start));
	ck_assert(!holds_has(&holds, &liar, 1, start)); /* another remote behind the same proxy */
	ck_assert_int_eq(holds_shortest(&holds, after(1000)).ns, DURATION_S(299).ns);
	ck_assert(!holds_has(&holds, &liar, 0, after(300000)));
	ck_assert_int_eq(holds_shortest(&holds, after(300000)).ns, 0);
}
END_TEST

START_TEST(the_last_word_counts)
{
	const struct endpoint server = at("192.0.2.1");
	struct holds holds = { 0 };

	holds_set(&holds, &server, 0, start, DURATION_S(60));
	holds_set(&holds, &server, 0, start, DURATION_S(2));
	ck_assert_uint_eq(holds.count, 1);
	ck_assert(!holds_has(&holds, &server, 0, after(2000)));
	holds_set(&holds, &server, 0, start, DURATION_S(60));
	holds_set(&holds, &server, 0, start, (struct duration){ 0 });
	ck_assert(!holds_has(&holds, &server, 0, start));
}
END_TEST

START_TEST(all_held_ends_with_the_shortest)
{
	const struct endpoint first = at("192.0.2.1"), second = at("192.0.2.2");
	struct holds holds = { 0 };

	holds_set(&holds, &first, 0, start, DURATION_S(60));
	holds_set(&holds, &second, 0, start, DURATION_S(5));
	ck_assert_int_eq(holds_shortest(&holds, start).ns, DURATION_S(5).ns);
	ck_assert_int_eq(holds_shortest(&holds, after(5000)).ns, DURATION_S(55).ns);
}
END_TEST

START_TEST(a_full_table_forgets_the_soonest)
{
	struct endpoint server = at("192.0.2.1");
	struct holds holds = { 0 };

	for (uint16_t i = 0; i <= HOLDS_MAX; i++) {
		server.port = (uint16_t)(1000 + i);
		holds_set(&holds, &server, 0, start, DURATION_S(10 + i));
	}
	ck_assert_uint_eq(holds.count, HOLDS_MAX);
	ck_assert(holds_has(&holds, &server, 0, start));
	server.port = 1000;
	ck_assert(!holds_has(&holds, &server, 0, start));
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("holds");

	unit_add(s, "liar", a_liar_holds_itself_alone_and_five_minutes);
	unit_add(s, "last_word", the_last_word_counts);
	unit_add(s, "shortest", all_held_ends_with_the_shortest);
	unit_add(s, "full", a_full_table_forgets_the_soonest);
	return s;
}

int main(void)
{
	return unit_run("holds", suite());
}
