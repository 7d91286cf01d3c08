/* SPDX-License-Identifier: Apache-2.0 */
/* How many prefixes a peer may have, refuse or make us remember, and how many fit into one message. */
#include "tests/unit/routes_fixture.h"

#include <errno.h>

START_TEST(limit)
{
	begin(2);
	routes_set_interface(&fixture.routes, IFINDEX);
	announce("10.1.0.0/16 10.2.0.0/16 10.3.0.0/16 10.4.0.0/16");
	ck_assert_int_eq(fixture.sent_count, 1);
	ck_assert_uint_eq(fixture.sent[0].prefixes.count, 2);
	ck_refusal(0, 0, "10.3.0.0/16", ROUTE_LIMIT);
	ck_refusal(0, 1, "10.4.0.0/16", ROUTE_LIMIT);
	ck_assert_uint_eq(fixture.routes.over_limit, 2);
	ck_assert_uint_eq(fixture.request.routes.count, 2);
	answer(ROUTE_ACCEPTED);
	announce("10.1.0.0/16"); /* a known one is not one more */
	ck_assert_int_eq(fixture.sent_count, 1);
	/* Room again, also while what was there is on its way out. */
	routes_withdrawn(&fixture.routes, list_of("10.1.0.0/16"));
	announce("10.3.0.0/16");
	ck_assert_int_eq(fixture.sent_count, 1);
	ck_assert_int_eq(fixture.request.type, REQUEST_ROUTE_DELETE);
	answer(ROUTE_ACCEPTED);
	answer(ROUTE_ACCEPTED);
	ck_state("10.3.0.0/16", ROUTE_INSTALLED);
	/* Back before it has gone, it counts once more. */
	routes_withdrawn(&fixture.routes, list_of("10.3.0.0/16"));
	announce("10.4.0.0/16 10.3.0.0/16");
	ck_refusal(1, 0, "10.3.0.0/16", ROUTE_LIMIT);
	answer(ROUTE_ACCEPTED);
	answer(ROUTE_ACCEPTED);
	ck_state("10.4.0.0/16", ROUTE_INSTALLED);
	routes_free(&fixture.routes);
}
END_TEST

START_TEST(nothing_allowed)
{
	begin(0);
	routes_set_interface(&fixture.routes, IFINDEX);
	announce("10.1.0.0/16");
	ck_refusal(0, 0, "10.1.0.0/16", ROUTE_LIMIT);
	ck_state("10.1.0.0/16", ROUTE_REFUSED);
	ck_assert_int_eq(fixture.asked, 0);
	routes_free(&fixture.routes);
}
END_TEST

START_TEST(refused_ones_use_up_nothing)
{
	begin(2);
	routes_set_interface(&fixture.routes, IFINDEX);
	announce("203.0.113.0/24 198.51.100.0/24 192.0.2.0/24 10.1.0.0/16 10.2.0.0/16");
	ck_assert_uint_eq(fixture.sent[0].prefixes.count, 3);
	ck_assert_uint_eq(fixture.routes.over_limit, 0);
	ck_assert_uint_eq(fixture.request.routes.count, 2);
	answer(ROUTE_ACCEPTED);
	ck_state("10.1.0.0/16", ROUTE_INSTALLED);
	ck_state("10.2.0.0/16", ROUTE_INSTALLED);
	routes_free(&fixture.routes);
}
END_TEST

START_TEST(refused_ones_are_bounded)
{
	char text[32];

	begin(1);
	routes_set_interface(&fixture.routes, IFINDEX);
	announce("10.1.0.0/16");
	answer(ROUTE_ACCEPTED);
	for (int i = 0; i < 2 * ROUTES_REFUSED_MAX; i++) {
		fixture.sent_count = 0;
		snprintf(text, sizeof(text), "203.0.%d.0/24", i);
		announce(text);
		ck_refusal(0, 0, text, ROUTE_NOT_ALLOWED);
	}
	ck_assert_uint_eq(fixture.routes.count, 1 + ROUTES_REFUSED_MAX);
	/* The oldest went, what is installed stayed. */
	ck_assert_ptr_null(find("203.0.0.0/24"));
	ck_state(text, ROUTE_REFUSED);
	ck_state("10.1.0.0/16", ROUTE_INSTALLED);
	routes_free(&fixture.routes);
}
END_TEST

/* The first of all is refused, too, and counts. */
START_TEST(nothing_but_refused_ones_is_bounded)
{
	char text[32];

	begin(1);
	for (int i = 0; i <= ROUTES_REFUSED_MAX; i++) {
		fixture.sent_count = 0;
		snprintf(text, sizeof(text), "203.0.%d.0/24", i);
		announce(text);
	}
	ck_assert_uint_eq(fixture.routes.count, ROUTES_REFUSED_MAX);
	ck_assert_ptr_null(find("203.0.0.0/24"));
	ck_state("203.0.1.0/24", ROUTE_REFUSED);
	routes_free(&fixture.routes);
}
END_TEST

static void announce_nets(int count)
{
	struct message_prefixes *list = list_of("10.0.0.0/24");
	const struct prefix_list none = { 0 };

	list->count = (uint16_t)count;
	for (int i = 0; i < count; i++) {
		list->prefix[i] = prefix_of("10.0.0.0/24");
		list->prefix[i].addr.bytes[2] = (uint8_t)i;
	}
	pass_ms(3600000);
	routes_announced(&fixture.routes, list, &none);
}

/* Whatever room there is for them: nothing is read behind the last. Freed, there is none, and all can begin again. */
START_TEST(every_number)
{
	begin(20);
	for (int count = 1; count <= 20; count++) {
		struct message_prefixes *list = list_of("10.0.0.0/24");
		const struct prefix_list told = { list->prefix, 1 };

		routes_set_interface(&fixture.routes, IFINDEX);
		fixture.ask_error = -ENOMEM;
		announce_nets(count);
		ck_assert_uint_eq(fixture.routes.count, (size_t)count);
		fixture.ask_error = 0;
		announce_nets(count);
		ck_assert_uint_eq(fixture.request.routes.count, (size_t)count);
		answer(ROUTE_ACCEPTED);
		routes_ask_again(&fixture.routes);
		ck_assert_ptr_null(fixture.call);
		ck_assert_uint_eq(routes_count_missing(&fixture.routes), 0);
		routes_missing(&fixture.routes, fixture.request.routes.prefix, (size_t)count, true);
		ck_assert_uint_eq(routes_count_missing(&fixture.routes), (size_t)count);
		routes_refused(&fixture.routes, list_of("10.0.0.0/24"), &told);
		ck_assert_uint_eq(fixture.routes.refusal_count, 1);
		routes_set_interface(&fixture.routes, 0);
		ck_state("10.0.0.0/24", ROUTE_ABSENT);
		routes_free(&fixture.routes);
		ck_assert_uint_eq(fixture.routes.count + fixture.routes.refusal_count, 0);
	}
}
END_TEST

/* netd refuses many at once, of which the peer has withdrawn some meanwhile: those do not count. */
START_TEST(refused_at_once_are_bounded)
{
	enum { MANY = 100, WITHDRAWN = 30 };
	struct message_prefixes *list = calloc(1, sizeof(*list));
	const struct prefix_list none = { 0 };

	ck_assert_int_le(MANY, REQUEST_PREFIX_MAX);
	ck_assert_int_gt(MANY - WITHDRAWN, ROUTES_REFUSED_MAX);
	begin(MANY);
	routes_set_interface(&fixture.routes, IFINDEX);
	for (int i = 0; i < MANY; i++) {
		list->prefix[i] = prefix_of("10.0.0.0/24");
		list->prefix[i].addr.bytes[2] = (uint8_t)i;
	}
	list->count = MANY;
	routes_announced(&fixture.routes, list, &none);
	list->count = WITHDRAWN;
	routes_withdrawn(&fixture.routes, list);
	answer(ROUTE_TAKEN);
	ck_assert_uint_eq(fixture.routes.count, ROUTES_REFUSED_MAX);
	ck_state("10.0.99.0/24", ROUTE_REFUSED); /* the oldest went */
	free(list);
	routes_free(&fixture.routes);
}
END_TEST

/* More than one request holds: netd is asked until all are in. */
START_TEST(many)
{
	enum { MANY = 600 };
	struct message_prefixes *list = calloc(1, sizeof(*list));
	const struct prefix_list none = { 0 };
	int done = 0;

	begin(MANY);
	routes_set_interface(&fixture.routes, IFINDEX);
	while (done < MANY) {
		list->count = 0;
		for (; done < MANY && list->count < MESSAGE_PREFIX_MAX; done++) {
			struct prefix prefix = prefix_of("10.0.0.0/24");

			prefix.addr.bytes[1] = (uint8_t)(done / 256);
			prefix.addr.bytes[2] = (uint8_t)done;
			list->prefix[list->count++] = prefix;
		}
		routes_announced(&fixture.routes, list, &none);
	}
	while (fixture.call) {
		ck_assert_uint_le(fixture.request.routes.count, REQUEST_PREFIX_MAX);
		answer(ROUTE_ACCEPTED);
	}
	ck_assert_uint_eq(fixture.routes.count, MANY);
	for (size_t i = 0; i < fixture.routes.count; i++)
		ck_assert_int_eq(fixture.routes.items[i].state, ROUTE_INSTALLED);
	free(list);
	routes_free(&fixture.routes);
}
END_TEST

enum { NETS = 400, NETS_LIMIT = 150 };

static struct prefix net_of(unsigned int which)
{
	struct prefix prefix = prefix_of("10.0.0.0/24");

	prefix.addr.bytes[1] = (uint8_t)(100 + which % 2);
	prefix.addr.bytes[2] = (uint8_t)(which / 2);
	return prefix;
}

/* Sorted, each prefix once, each item named once; no more than is allowed. */
static void ck_order(void)
{
	const struct routes *routes = &fixture.routes;
	size_t accepted = 0, refused = 0;

	for (size_t i = 0; i < routes->count; i++) {
		const struct route *route = &routes->items[routes->order[i]];

		ck_assert_uint_lt(routes->order[i], routes->count);
		ck_assert(i == 0 ||
			prefix_compare(
				&routes->items[routes->order[i - 1]].prefix, &route->prefix) < 0);
		refused += route->wanted && route->state == ROUTE_REFUSED;
		accepted += route->wanted && route->state != ROUTE_REFUSED;
	}
	ck_assert_uint_le(accepted, NETS_LIMIT);
	ck_assert_uint_le(refused, ROUTES_REFUSED_MAX);
}

/* The peer announces and withdraws, and netd takes and refuses, in no order. */
START_TEST(order_holds)
{
	struct message_prefixes *list = calloc(1, sizeof(*list));
	const struct prefix_list none = { 0 };
	bool announced[NETS] = { false };
	unsigned int random = 1;

	begin(NETS_LIMIT);
	routes_set_interface(&fixture.routes, IFINDEX);
	for (int round = 0; round < unit_rounds(600); round++) {
		bool withdraws = round % 3 == 2;

		list->count = 0;
		for (int i = 0; i < 40; i++) {
			random = random * 1103515245u + 12345u;
			unsigned int which = (random >> 16) % NETS;

			announced[which] = !withdraws;
			list->prefix[list->count++] = net_of(which);
		}
		fixture.sent_count = 0;
		if (withdraws)
			routes_withdrawn(&fixture.routes, list);
		else
			routes_announced(&fixture.routes, list, &none);
		ck_order();
		if (fixture.call && round % 5 != 0)
			answer(round % 7 == 0 ? ROUTE_FAILED : ROUTE_ACCEPTED);
		ck_order();
	}
	do {
		pass_ms(DAMPING_LAST_MS);
		while (fixture.call)
			answer(ROUTE_ACCEPTED);
	} while (fixture.routes.later.running);
	for (size_t i = 0; i < fixture.routes.count; i++) {
		const struct route *route = &fixture.routes.items[i];
		unsigned int which = route->prefix.addr.bytes[2] * 2u +
			(route->prefix.addr.bytes[1] - 100u);

		ck_assert(announced[which]);
		ck_assert(route->state == ROUTE_INSTALLED || route->state == ROUTE_REFUSED);
	}
	free(list);
	routes_free(&fixture.routes);
}
END_TEST

static void refuse_net(struct message_prefixes *list, int second, int count)
{
	list->count = (uint16_t)count;
	for (int i = 0; i < count; i++) {
		list->prefix[i] = prefix_of("10.0.0.0/24");
		list->prefix[i].addr.bytes[1] = (uint8_t)second;
		list->prefix[i].addr.bytes[2] = (uint8_t)(count - 1 - i);
		list->reason[i] = ROUTE_LIMIT;
	}
}

/* A peer that refuses what it was never told makes us remember nothing. */
START_TEST(refusals_of_what_was_never_announced_are_ignored)
{
	struct message_prefixes *list = calloc(1, sizeof(*list));
	struct prefix ours[] = { prefix_of("10.3.7.0/24") };
	const struct prefix_list told = { ours, 1 }, nothing = { NULL, 0 };

	begin(10);
	for (int round = 0; round < 20; round++) {
		refuse_net(list, round, MESSAGE_PREFIX_MAX);
		routes_refused(&fixture.routes, list, &nothing);
		ck_assert_uint_eq(fixture.routes.refusal_count, 0);
	}
	for (int round = 0; round < 20; round++) {
		refuse_net(list, round, MESSAGE_PREFIX_MAX);
		routes_refused(&fixture.routes, list, &told);
	}
	ck_assert_uint_eq(fixture.routes.refusal_count, 1);
	ck_assert_uint_eq(routes_refusal(&fixture.routes, &ours[0]), ROUTE_LIMIT);
	free(list);
	routes_free(&fixture.routes);
}
END_TEST

/* They come in the worst order, are each kept once, and stay sorted, whatever is forgotten. */
START_TEST(refusals_are_sorted)
{
	struct message_prefixes *list = calloc(1, sizeof(*list));
	struct prefix_list told = { .items = NULL };

	begin(10);
	for (int round = 0; round < 4; round++) {
		refuse_net(list, round, MESSAGE_PREFIX_MAX);
		ck_assert_int_eq(prefix_list_append(&told, list->prefix, list->count), 0);
	}
	prefix_list_sort(&told);
	for (int round = 7; round >= 0; round--) {
		refuse_net(list, round % 4, MESSAGE_PREFIX_MAX);
		routes_refused(&fixture.routes, list, &told);
	}
	ck_assert_uint_eq(fixture.routes.refusal_count, told.count);
	for (size_t i = 0; i < told.count; i += 3)
		routes_forget_refusal(&fixture.routes, &told.items[i]);
	for (size_t i = 0; i < told.count; i++)
		ck_assert_uint_eq(routes_refusal(&fixture.routes, &told.items[i]),
			i % 3 == 0 ? ROUTE_ACCEPTED : ROUTE_LIMIT);
	for (size_t i = 1; i < fixture.routes.refusal_count; i++)
		ck_assert_int_lt(prefix_compare(&fixture.routes.refusals[i - 1].prefix,
					 &fixture.routes.refusals[i].prefix),
			0);
	prefix_list_free(&told);
	free(list);
	routes_free(&fixture.routes);
}
END_TEST

START_TEST(sends_in_parts)
{
	enum { COUNT = 2 * MESSAGE_PREFIX_MAX + 3 };
	struct prefix *prefixes = calloc(COUNT, sizeof(*prefixes));
	size_t total = 0;

	begin(10);
	routes_send(&fixture.routes, MESSAGE_ANNOUNCE, prefixes, 0);
	ck_assert_int_eq(fixture.sent_count, 0); /* a message needs at least one */
	for (size_t i = 0; i < COUNT; i++) {
		prefixes[i] = prefix_of("10.0.0.0/24");
		prefixes[i].addr.bytes[1] = (uint8_t)(i >> 8);
		prefixes[i].addr.bytes[2] = (uint8_t)i;
	}
	routes_send(&fixture.routes, MESSAGE_WITHDRAW, prefixes, COUNT);
	for (int m = 0; m < fixture.sent_count; m++) {
		const struct message_prefixes *part = &fixture.sent[m].prefixes;

		ck_assert_int_eq(fixture.sent[m].type, MESSAGE_WITHDRAW);
		ck_assert_uint_ge(part->count, 1);
		ck_assert_uint_le(part->count, MESSAGE_PREFIX_MAX);
		for (uint16_t i = 0; i < part->count; i++)
			ck_assert(prefix_equal(&part->prefix[i], &prefixes[total++]));
	}
	ck_assert_uint_eq(total, COUNT);
	free(prefixes);
	routes_free(&fixture.routes);
}
END_TEST

/* The entry allows other prefixes now, and more of them. The peer announces nothing again. */
START_TEST(changed_settings)
{
	begin(1);
	routes_set_interface(&fixture.routes, IFINDEX);
	announce("10.1.0.0/16 203.0.113.0/24 10.2.0.0/16");
	answer(ROUTE_ACCEPTED);
	ck_state("10.1.0.0/16", ROUTE_INSTALLED);
	ck_state("203.0.113.0/24", ROUTE_REFUSED);
	ck_state("10.2.0.0/16", ROUTE_REFUSED); /* over the limit */
	/* Nothing that matters has changed: netd hears nothing. */
	routes_settings_changed(&fixture.routes, 1);
	ck_assert_ptr_null(fixture.call);
	/* One more of what the rule allows. */
	routes_settings_changed(&fixture.routes, 2);
	ck_assert_uint_eq(fixture.request.type, REQUEST_ROUTE_ADD);
	ck_assert_uint_eq(fixture.request.routes.count, 1);
	answer(ROUTE_ACCEPTED);
	ck_state("10.2.0.0/16", ROUTE_INSTALLED);
	ck_state("203.0.113.0/24", ROUTE_REFUSED);
	/* The rule allows the other one, but the limit does not. */
	fixture.accept[1] = prefix_of("203.0.113.0/24");
	routes_settings_changed(&fixture.routes, 2);
	ck_assert_ptr_null(fixture.call);
	routes_settings_changed(&fixture.routes, 3);
	answer(ROUTE_ACCEPTED);
	ck_state("203.0.113.0/24", ROUTE_INSTALLED);
	routes_free(&fixture.routes);
}
END_TEST

/* A prefix that was refused and withdrawn since is not asked for. */
START_TEST(changed_settings_of_what_is_withdrawn)
{
	begin(2);
	routes_set_interface(&fixture.routes, IFINDEX);
	announce("203.0.113.0/24");
	routes_withdrawn(&fixture.routes, list_of("203.0.113.0/24"));
	fixture.accept[1] = prefix_of("203.0.113.0/24");
	routes_settings_changed(&fixture.routes, 2);
	ck_assert_ptr_null(fixture.call);
	routes_free(&fixture.routes);
}
END_TEST

/* netd refuses it again: it is asked once a change, not in a loop. */
START_TEST(changed_settings_that_netd_does_not_allow)
{
	begin(2);
	routes_set_interface(&fixture.routes, IFINDEX);
	announce("203.0.113.0/24");
	fixture.accept[1] = prefix_of("203.0.113.0/24");
	routes_settings_changed(&fixture.routes, 2);
	answer(ROUTE_NOT_ALLOWED);
	ck_assert_ptr_null(fixture.call);
	ck_state("203.0.113.0/24", ROUTE_REFUSED);
	routes_settings_changed(&fixture.routes, 2);
	answer(ROUTE_ACCEPTED);
	ck_state("203.0.113.0/24", ROUTE_INSTALLED);
	routes_free(&fixture.routes);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("routes_limits");

	unit_add(s, "limit", limit);
	unit_add(s, "nothing_allowed", nothing_allowed);
	unit_add(s, "refused_ones_use_up_nothing", refused_ones_use_up_nothing);
	unit_add(s, "refused_ones_are_bounded", refused_ones_are_bounded);
	unit_add(s, "nothing_but_refused_ones_is_bounded", nothing_but_refused_ones_is_bounded);
	unit_add(s, "every_number", every_number);
	unit_add(s, "changed_settings", changed_settings);
	unit_add(s, "changed_settings_of_what_is_withdrawn", changed_settings_of_what_is_withdrawn);
	unit_add(s, "changed_settings_that_netd_does_not_allow",
		changed_settings_that_netd_does_not_allow);
	unit_add(s, "refused_at_once_are_bounded", refused_at_once_are_bounded);
	unit_add(s, "many", many);
	unit_add(s, "order_holds", order_holds);
	unit_add(s, "refusals_of_what_was_never_announced_are_ignored",
		refusals_of_what_was_never_announced_are_ignored);
	unit_add(s, "refusals_are_sorted", refusals_are_sorted);
	unit_add(s, "sends_in_parts", sends_in_parts);
	return s;
}

int main(void)
{
	return unit_run("routes_limits", suite());
}
