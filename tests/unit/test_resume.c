/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/resume.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/container.h"
#include "tests/unit/unit.h"

struct host {
	struct resume resume;
	struct loop *loop;
	struct loop_timer end;
	int resumed;
	struct duration slept;
	int set;
	struct duration by;
};

static void clock_set(struct resume *resume, struct duration by)
{
	struct host *host = container_of(resume, struct host, resume);

	host->set++;
	host->by = by;
}

static void resumed(struct resume *resume, struct duration slept)
{
	struct host *host = container_of(resume, struct host, resume);

	host->resumed++;
	host->slept = slept;
}

static void stop_loop(struct loop_timer *timer)
{
	loop_stop(container_of(timer, struct host, end)->loop);
}

static void run_for(struct host *host, int ms)
{
	loop_timer_start(host->loop, &host->end, mono_add(mono_now(), DURATION_MS(ms)), stop_loop);
	ck_assert_int_eq(loop_run(host->loop), 0);
}

START_TEST(sleep_is_what_was_added)
{
	struct duration asleep = DURATION_S(5);

	ck_assert_int_eq(resume_slept(&asleep, DURATION_S(5)).ns, 0);
	ck_assert_int_eq(resume_slept(&asleep, DURATION_S(35)).ns, DURATION_S(30).ns);
	ck_assert_int_eq(asleep.ns, DURATION_S(35).ns);
	ck_assert_int_eq(resume_slept(&asleep, DURATION_S(35)).ns, 0);
}
END_TEST

START_TEST(naps_do_not_count)
{
	struct duration asleep = { 0 };

	ck_assert_int_eq(resume_slept(&asleep, DURATION_MS(RESUME_LEAST_MS)).ns, 0);
	ck_assert_int_eq(asleep.ns, DURATION_MS(RESUME_LEAST_MS).ns);
	ck_assert_int_eq(resume_slept(&asleep, DURATION_MS(2 * RESUME_LEAST_MS + 1)).ns,
		DURATION_MS(RESUME_LEAST_MS + 1).ns);
}
END_TEST

/* A look that was interrupted for 20 s shows 20 s less; the next one is right again. */
START_TEST(bad_look_is_no_sleep)
{
	struct duration asleep = DURATION_S(60);

	ck_assert_int_eq(resume_slept(&asleep, DURATION_S(40)).ns, 0);
	ck_assert_int_eq(resume_slept(&asleep, DURATION_S(60)).ns, 0);
	ck_assert_int_eq(asleep.ns, DURATION_S(60).ns);
}
END_TEST

START_TEST(awake_is_silent)
{
	struct host host = { 0 };
	int fd;

	resume_close(&host.resume); /* never opened: fine */
	ck_assert_int_eq(loop_new(&host.loop), 0);
	ck_assert_int_eq(resume_open(&host.resume, host.loop, resumed), 0);
	run_for(&host, 20);
	ck_assert_int_eq(host.resumed, 0);
	fd = host.resume.watch.fd;
	resume_close(&host.resume);
	ck_assert(fcntl(fd, F_GETFD) < 0 && errno == EBADF);
	resume_close(&host.resume);
	loop_free(host.loop);
}
END_TEST

/* As if the clock had jumped: an eventfd in the timer's place can be read as well. */
START_TEST(jump_is_looked_into)
{
	struct host host = { 0 };
	struct loop_watch *watch = &host.resume.watch;
	int event = eventfd(1, EFD_NONBLOCK);

	ck_assert_int_eq(loop_new(&host.loop), 0);
	ck_assert_int_eq(resume_open(&host.resume, host.loop, resumed), 0);
	host.resume.asleep.ns -= DURATION_S(30).ns;
	watch->ready(watch, EPOLLIN); /* nothing to read: no jump */
	ck_assert_int_eq(host.resumed, 0);

	ck_assert_int_eq(dup2(event, watch->fd), watch->fd);
	watch->ready(watch, EPOLLIN);
	ck_assert_int_eq(host.resumed, 1);
	ck_assert_int_gt(host.slept.ns, DURATION_S(20).ns);
	ck_assert_int_eq(eventfd_write(event, 1), 0);
	watch->ready(watch, EPOLLIN); /* a jump without a sleep */
	ck_assert_int_eq(host.resumed, 1);
	/* Its step is told, in either direction, once. */
	host.resume.clock_set = clock_set;
	for (int sign = -1; sign <= 1; sign += 2) {
		host.resume.ahead.ns -= sign * DURATION_S(3600).ns;
		ck_assert_int_eq(eventfd_write(event, 1), 0);
		watch->ready(watch, EPOLLIN);
		ck_assert_int_lt(llabs(host.by.ns - sign * DURATION_S(3600).ns), DURATION_S(10).ns);
		ck_assert_int_eq(eventfd_write(event, 1), 0);
		watch->ready(watch, EPOLLIN);
	}
	ck_assert_int_eq(host.set, 2);
	ck_assert_int_eq(host.resumed, 1);
	resume_close(&host.resume);
	close(event);
	loop_free(host.loop);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("resume");

	unit_add(s, "sleep_is_what_was_added", sleep_is_what_was_added);
	unit_add(s, "naps_do_not_count", naps_do_not_count);
	unit_add(s, "bad_look_is_no_sleep", bad_look_is_no_sleep);
	unit_add(s, "awake_is_silent", awake_is_silent);
	unit_add(s, "jump_is_looked_into", jump_is_looked_into);
	return s;
}

int main(void)
{
	return unit_run("resume", suite());
}
