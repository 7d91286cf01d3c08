/* SPDX-License-Identifier: Apache-2.0 */
/* check: no-valgrind */
/* Keys are made, which takes long there. */
/* What ends is told once for each stage, by a clock that is set. The dates of all that a context has. */
#include "engine/validity_watch.h"

#include <string.h>
#include <time.h>

#include "base/array.h"
#include "tests/unit/log_capture.h"
#include "tests/unit/tls_ends.h"
#include "tests/unit/tls_fixture.h"
#include "tests/unit/unit.h"

enum { DAY = 86400 };

static int64_t ahead; /* of the host's clock */

time_t time(time_t *ret_time)
{
	struct timespec now;
	time_t seconds;

	clock_gettime(CLOCK_REALTIME, &now);
	seconds = (time_t)(now.tv_sec + ahead);
	if (ret_time)
		*ret_time = seconds;
	return seconds;
}

static struct watched {
	struct validity_watch watch;
	struct settings settings;
	struct loop *loop;
	struct tls_context *tls;
} watched;

/* The files are made now, and loaded by a clock that is ahead by so much. */
static void begin(long list_from, long list_until, int64_t loaded)
{
	struct view crl;

	pki_set_up();
	crl = fixture_crl_text(&pki.ca, NULL, list_from, list_until);
	watched.tls = fixture_context(TLS_SERVER, &pki.server_pair, &pki.ca, &crl);
	fixture_text_free(&crl);
	ck_assert_int_eq(loop_new(&watched.loop), 0);
	log_capture_begin(LOG_LEVEL_INFO);
	ahead = loaded;
	validity_watch_follow(&watched.watch, watched.loop, &watched.settings, watched.tls);
}

static void end(void)
{
	validity_watch_stop(&watched.watch);
	validity_watch_stop(&watched.watch); /* fine */
	log_capture_end();
	loop_free(watched.loop);
	tls_context_unref(watched.tls);
	pki_tear_down();
}

static void look_at(int64_t when)
{
	ahead = when;
	watched.watch.timer.expired(&watched.watch.timer);
}

START_TEST(each_stage_once)
{
	begin(-300L * DAY, 40L * DAY, 0);
	ck_assert(!log_has("crl: "));
	look_at(11L * DAY);
	look_at(12L * DAY);
	ck_assert_uint_eq(log_count("crl: the list of Test CA ends in less than 30 days"), 1);
	ck_assert_uint_eq(log_count("crl: the list of"), 1);
	look_at(34L * DAY);
	ck_assert_uint_eq(log_count("crl: the list of"), 2);
	/* From a week to the end at once; then back, and the day is told when it comes. */
	look_at(3650L * DAY);
	ck_assert_uint_eq(log_count("crl: the list of Test CA expired on"), 1);
	ck_assert(log_has("it stays in force"));
	look_at(34L * DAY);
	ck_assert_uint_eq(log_count("crl: the list of"), 3);
	look_at(39L * DAY + 3600);
	ck_assert_uint_eq(log_count("crl: the list of"), 4);
	/* The same files, read again, say nothing new. */
	validity_watch_follow(&watched.watch, watched.loop, &watched.settings, watched.tls);
	ck_assert_uint_eq(log_count("crl: the list of"), 4);
	end();
}
END_TEST

static unsigned begun;

static void began(struct validity_watch *watch)
{
	ck_assert_ptr_eq(watch, &watched.watch);
	begun++;
}

/* The clock was behind, or the certificate was made for later: the owner hears when its time has come, to the second. */
START_TEST(begins_to_be_valid)
{
	begin(-300L * DAY, 400L * DAY, -3600 - 20);
	watched.watch.began = began;
	ck_assert(!log_has("certificate: ")); /* the engine says so when it loads it */
	ck_assert_int_le(mono_since(watched.watch.timer.due, mono_now()).ns, DURATION_S(21).ns);
	look_at(-3600 - 10);
	ck_assert_uint_eq(begun, 0);
	look_at(-3600 + 10);
	ck_assert_uint_eq(begun, 1);
	look_at(-3600 + 20);
	ck_assert_uint_eq(begun, 1);
	/* Set back while it runs: it is told. */
	look_at(-10L * DAY);
	ck_assert(log_has("certificate: that of"));
	end();
}
END_TEST

/* The dates of the own certificate, the CA and the list, the newest of two. */
START_TEST(terms_of_a_context)
{
	struct tls_term terms[TLS_TERMS_MAX];
	struct view lists;
	struct tls_context *context;

	pki_set_up();
	lists = fixture_join(fixture_crl_text(&pki.ca, NULL, -9L * DAY, 2L * DAY),
		fixture_crl_text(&pki.ca, NULL, -DAY, 9L * DAY));
	context = fixture_context(TLS_SERVER, &pki.server_pair, &pki.ca, &lists);
	ck_assert_uint_eq(tls_context_terms(context, terms, TLS_TERMS_MAX), 3);
	ck_assert_int_eq(terms[0].kind, TLS_TERM_CERTIFICATE);
	ck_assert_int_eq(terms[0].until, tls_context_not_after(context));
	ck_assert_int_lt(terms[0].from, terms[0].until);
	for (int i = 1; i < 3; i++) {
		ck_assert_str_eq(terms[i].name, "Test CA");
		if (terms[i].kind == TLS_TERM_LIST)
			ck_assert_int_gt(terms[i].until, time(NULL) + 8L * DAY);
		else
			ck_assert_int_eq(terms[i].kind, TLS_TERM_CA);
	}
	ck_assert_int_ne(terms[1].kind, terms[2].kind);
	ck_assert_uint_eq(tls_context_terms(context, terms, 1), 1);
	tls_context_unref(context);
	fixture_text_free(&lists);
	pki_tear_down();
}
END_TEST

int main(void)
{
	const TTest *const tests[] = { each_stage_once, begins_to_be_valid, terms_of_a_context };

	return unit_run("validity_watch",
		unit_suite("validity_watch", NULL, NULL, tests, ARRAY_SIZE(tests)));
}
