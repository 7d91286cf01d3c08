/* SPDX-License-Identifier: Apache-2.0 */
/* check: threads */
#include "client/resolver.h"

#include <errno.h>
#include <sched.h>
#include <string.h>

#include "base/container.h"
#include "tests/unit/unit.h"

/* Asks, and stops its loop when the answer, or the second where one is asked for, has come. */
struct asker {
	struct resolver resolver;
	struct loop *loop;
	const char *then; /* asked from within the first answer; NULL: nothing */
	int answers;
};

static void answered(struct resolver *resolver)
{
	struct asker *asker = container_of(resolver, struct asker, resolver);

	asker->answers++;
	ck_assert(!resolver->busy);
	if (asker->then) {
		ck_assert_int_eq(resolver_ask(resolver, asker->then, 8443), 0);
		asker->then = NULL;
	} else {
		loop_stop(asker->loop);
	}
}

static void set_up(struct asker *asker)
{
	*asker = (struct asker){ 0 };
	ck_assert_int_eq(loop_new(&asker->loop), 0);
	ck_assert_int_eq(resolver_init(&asker->resolver, asker->loop, answered), 0);
}

static void tear_down(struct asker *asker)
{
	resolver_free(&asker->resolver);
	loop_free(asker->loop);
}

/* A world without a network, so that no name server is asked; where that is refused, one may be. */
static void leave_network(void)
{
	if (unshare(CLONE_NEWNET) < 0)
		(void)unshare(CLONE_NEWUSER | CLONE_NEWNET);
}

static void expect(const struct resolver *resolver, const char *text)
{
	char out[ENDPOINT_TEXT_MAX];

	ck_assert_uint_eq(resolver->answer.count, 1);
	ck_assert_str_eq(endpoint_format(&resolver->answer.endpoints[0], out), text);
	ck_assert_str_eq(resolver->answer.problem.text, "");
}

START_TEST(addresses_as_text)
{
	static const struct {
		const char *host, *endpoint;
	} cases[] = {
		{ "192.0.2.1", "192.0.2.1:443" },
		{ "2001:db8::1", "[2001:db8::1]:443" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct asker asker;

		set_up(&asker);
		ck_assert_int_eq(resolver_ask(&asker.resolver, cases[i].host, 443), 0);
		ck_assert(!asker.resolver.threaded);
		ck_assert_int_eq(asker.answers, 0); /* it comes through the mailbox */
		ck_assert_int_eq(loop_run(asker.loop), 0);
		ck_assert_int_eq(asker.answers, 1);
		expect(&asker.resolver, cases[i].endpoint);
		tear_down(&asker);
	}
}
END_TEST

/* RFC 6761, 6.4: no name under "invalid" exists. */
START_TEST(unknown_host)
{
	struct asker asker;

	leave_network();
	set_up(&asker);
	ck_assert_int_eq(resolver_ask(&asker.resolver, "name.invalid", 443), 0);
	ck_assert_int_eq(asker.answers, 0);
	ck_assert_int_eq(loop_run(asker.loop), 0);
	ck_assert_int_eq(asker.answers, 1);
	ck_assert_uint_eq(asker.resolver.answer.count, 0);
	const char *text = asker.resolver.answer.problem.text;
	const char *prefix = "cannot resolve name.invalid: ";
	ck_assert_msg(strncmp(text, prefix, strlen(prefix)) == 0, "%s", text);
	ck_assert_msg(strstr(text, "; check ") != NULL, "%s", text);
	tear_down(&asker);
}
END_TEST

START_TEST(one_question_at_a_time)
{
	struct asker asker;

	leave_network();
	set_up(&asker);
	ck_assert_int_eq(resolver_ask(&asker.resolver, "192.0.2.1", 443), 0);
	ck_assert_int_eq(resolver_ask(&asker.resolver, "192.0.2.2", 443), -EBUSY);
	ck_assert_int_eq(resolver_ask(&asker.resolver, "name.invalid", 443), -EBUSY);
	ck_assert_int_eq(loop_run(asker.loop), 0);
	ck_assert_int_eq(asker.answers, 1);
	expect(&asker.resolver, "192.0.2.1:443");
	tear_down(&asker);
}
END_TEST

/* The words of a failed question do not stay for the next. */
START_TEST(one_after_the_other)
{
	struct asker asker;

	leave_network();
	set_up(&asker);
	asker.then = "2001:db8::7";
	ck_assert_int_eq(resolver_ask(&asker.resolver, "name.invalid", 443), 0);
	ck_assert_int_eq(loop_run(asker.loop), 0);
	ck_assert_int_eq(asker.answers, 2);
	expect(&asker.resolver, "[2001:db8::7]:8443");
	tear_down(&asker);
}
END_TEST

START_TEST(too_long)
{
	struct asker asker;
	char name[sizeof(asker.resolver.host) + 1];

	memset(name, 'a', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	set_up(&asker);
	ck_assert_int_eq(resolver_ask(&asker.resolver, name, 443), -ENAMETOOLONG);
	ck_assert(!asker.resolver.busy);
	ck_assert_int_eq(resolver_ask(&asker.resolver, "192.0.2.1", 443), 0);
	tear_down(&asker);
}
END_TEST

/* Nobody hears the answer then. */
START_TEST(freed_with_a_question_on_its_way)
{
	struct asker asker;

	leave_network();
	set_up(&asker);
	ck_assert_int_eq(resolver_ask(&asker.resolver, "name.invalid", 443), 0);
	tear_down(&asker);
	ck_assert_int_eq(asker.answers, 0);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("resolver");

	unit_add(s, "addresses_as_text", addresses_as_text);
	unit_add(s, "unknown_host", unknown_host);
	unit_add(s, "one_question_at_a_time", one_question_at_a_time);
	unit_add(s, "one_after_the_other", one_after_the_other);
	unit_add(s, "too_long", too_long);
	unit_add(s, "freed_with_a_question_on_its_way", freed_with_a_question_on_its_way);
	return s;
}

int main(void)
{
	return unit_run("resolver", suite());
}
