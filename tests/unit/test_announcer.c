/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/announcer.h"

#include "unit.h"

/* The peer here is a set of prefixes that follows the messages; a real loop runs the hold. */

enum { KNOWN_MAX = 1024 };

static struct fixture {
	struct loop *loop;
	struct routes routes;
	struct announcer announcer;
	struct prefix items[KNOWN_MAX];
	struct prefix_list wanted;
	struct prefix known[KNOWN_MAX]; /* at the peer */
	size_t known_count;
	int messages;
	struct loop_timer timer;
} fixture;

static size_t known_at(const struct prefix *prefix)
{
	size_t at = 0;

	while (at < fixture.known_count && !prefix_equal(&fixture.known[at], prefix))
		at++;
	return at;
}

static void on_send(struct routes *routes, const struct message *message)
{
	(void)routes;
	fixture.messages++;
	for (uint16_t i = 0; i < message->prefixes.count; i++) {
		const struct prefix *prefix = &message->prefixes.prefix[i];
		size_t at = known_at(prefix);

		if (message->type == MESSAGE_ANNOUNCE) {
			ck_assert_uint_eq(at, fixture.known_count); /* told once */
			fixture.known[fixture.known_count++] = *prefix;
		} else {
			ck_assert_int_eq(message->type, MESSAGE_WITHDRAW);
			ck_assert_uint_lt(at, fixture.known_count); /* what it knew */
			fixture.known[at] = fixture.known[--fixture.known_count];
		}
	}
}

static const struct routes_events events = { .send = on_send };

static struct prefix nth(size_t n)
{
	struct prefix prefix = { .addr.family = AF_INET, .len = 24 };

	prefix.addr.bytes[0] = 10;
	prefix.addr.bytes[1] = (uint8_t)(n >> 8);
	prefix.addr.bytes[2] = (uint8_t)n;
	return prefix;
}

static void begin(size_t count)
{
	fixture = (struct fixture){ .wanted = { .items = fixture.items } };
	ck_assert_int_eq(loop_new(&fixture.loop), 0);
	routes_init(&fixture.routes, &events, fixture.loop, NULL, 8);
	announcer_init(&fixture.announcer, fixture.loop, &fixture.routes, &fixture.wanted);
	for (size_t i = 0; i < count; i++)
		fixture.items[i] = nth(i);
	fixture.wanted.count = count;
}

static void end(void)
{
	announcer_free(&fixture.announcer);
	routes_free(&fixture.routes);
	loop_free(fixture.loop);
}

static void stop_loop(struct loop_timer *timer)
{
	(void)timer;
	loop_stop(fixture.loop);
}

/* Runs the loop until the hold that is on now is over. */
static void pass_hold(void)
{
	loop_timer_start(fixture.loop, &fixture.timer,
		mono_add(mono_now(), DURATION_MS(ANNOUNCER_HOLD_MS + 20)), stop_loop);
	ck_assert_int_eq(loop_run(fixture.loop), 0);
}

START_TEST(tells_all_at_the_beginning)
{
	begin(600);
	ck_assert_int_eq(announcer_begin(&fixture.announcer), 0);
	ck_assert_uint_eq(fixture.known_count, 600);
	ck_assert_int_eq(fixture.messages, 3); /* of MESSAGE_PREFIX_MAX each */
	end();
}
END_TEST

START_TEST(tells_all_again_to_a_new_connection)
{
	begin(3);
	ck_assert_int_eq(announcer_begin(&fixture.announcer), 0);
	announcer_end(&fixture.announcer);
	fixture.known_count = 0;
	ck_assert_int_eq(announcer_begin(&fixture.announcer), 0);
	ck_assert_uint_eq(fixture.known_count, 3);
	end();
}
END_TEST

START_TEST(says_nothing_without_a_connection)
{
	begin(3);
	ck_assert_int_eq(announcer_changed(&fixture.announcer), 0);
	ck_assert_int_eq(fixture.messages, 0);
	ck_assert_int_eq(announcer_begin(&fixture.announcer), 0);
	announcer_end(&fixture.announcer);
	fixture.messages = 0;
	ck_assert_int_eq(announcer_changed(&fixture.announcer), 0);
	ck_assert_int_eq(fixture.messages, 0);
	end();
}
END_TEST

START_TEST(many_changes_are_few_messages)
{
	begin(1);
	ck_assert_int_eq(announcer_begin(&fixture.announcer), 0);
	fixture.messages = 0;
	for (size_t i = 1; i <= 200; i++) {
		fixture.items[i] = nth(i);
		fixture.wanted.count = i + 1;
		ck_assert_int_eq(announcer_changed(&fixture.announcer), 0);
	}
	ck_assert_int_eq(fixture.messages, 0); /* held */
	pass_hold();
	ck_assert_int_eq(fixture.messages, 1);
	ck_assert_uint_eq(fixture.known_count, 201);
	end();
}
END_TEST

START_TEST(a_change_after_the_hold_goes_at_once)
{
	begin(2);
	ck_assert_int_eq(announcer_begin(&fixture.announcer), 0);
	pass_hold();
	fixture.wanted.count = 1;
	ck_assert_int_eq(announcer_changed(&fixture.announcer), 0);
	ck_assert_uint_eq(fixture.known_count, 1);
	ck_assert(prefix_equal(&fixture.known[0], &fixture.items[0]));
	end();
}
END_TEST

START_TEST(a_withdrawn_prefix_is_refused_no_more)
{
	struct message_prefixes refused = { .count = 1 };

	begin(2);
	ck_assert_int_eq(announcer_begin(&fixture.announcer), 0);
	refused.prefix[0] = fixture.items[1];
	refused.reason[0] = ROUTE_NOT_ALLOWED;
	routes_refused(&fixture.routes, &refused, &fixture.announcer.sent);
	ck_assert_uint_eq(routes_refusal(&fixture.routes, &fixture.items[1]), ROUTE_NOT_ALLOWED);
	pass_hold();
	fixture.wanted.count = 1;
	ck_assert_int_eq(announcer_changed(&fixture.announcer), 0);
	ck_assert_uint_eq(routes_refusal(&fixture.routes, &fixture.items[1]), ROUTE_ACCEPTED);
	end();
}
END_TEST

/* As many as were withdrawn are tried again, and nothing that was refused for another reason. */
START_TEST(what_was_too_much_is_announced_when_there_is_room)
{
	struct message_prefixes refused = { .count = 3 };

	begin(5);
	ck_assert_int_eq(announcer_begin(&fixture.announcer), 0);
	for (uint16_t i = 0; i < 3; i++) {
		refused.prefix[i] = fixture.items[i];
		refused.reason[i] = i == 0 ? ROUTE_NOT_ALLOWED : ROUTE_LIMIT;
		fixture.known[known_at(&fixture.items[i])] = fixture.known[fixture.known_count - 1];
		fixture.known_count--;
	}
	routes_refused(&fixture.routes, &refused, &fixture.announcer.sent);
	pass_hold();
	fixture.wanted.count = 4;
	ck_assert_int_eq(announcer_changed(&fixture.announcer), 0);
	ck_assert_uint_eq(fixture.known_count, 2);
	ck_assert_uint_lt(known_at(&fixture.items[2]), 2);
	ck_assert_uint_lt(known_at(&fixture.items[3]), 2);
	ck_assert_uint_eq(routes_refusal(&fixture.routes, &fixture.items[0]), ROUTE_NOT_ALLOWED);
	ck_assert_uint_eq(routes_refusal(&fixture.routes, &fixture.items[1]), ROUTE_LIMIT);
	ck_assert_uint_eq(routes_refusal(&fixture.routes, &fixture.items[2]), ROUTE_ACCEPTED);
	end();
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("announcer");

	unit_add(s, "tells_all_at_the_beginning", tells_all_at_the_beginning);
	unit_add(s, "tells_all_again_to_a_new_connection", tells_all_again_to_a_new_connection);
	unit_add(s, "says_nothing_without_a_connection", says_nothing_without_a_connection);
	unit_add(s, "many_changes_are_few_messages", many_changes_are_few_messages);
	unit_add(s, "a_change_after_the_hold_goes_at_once", a_change_after_the_hold_goes_at_once);
	unit_add(s, "a_withdrawn_prefix_is_refused_no_more", a_withdrawn_prefix_is_refused_no_more);
	unit_add(s, "what_was_too_much_is_announced_when_there_is_room",
		what_was_too_much_is_announced_when_there_is_room);
	return s;
}

int main(void)
{
	return unit_run("announcer", suite());
}
