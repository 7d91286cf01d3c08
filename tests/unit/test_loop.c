/* SPDX-License-Identifier: Apache-2.0 */
#include "system/loop.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/container.h"
#include "tests/unit/random.h"
#include "tests/unit/unit.h"

static struct loop *new_loop(void)
{
	struct loop *loop;

	ck_assert_int_eq(loop_new(&loop), 0);
	return loop;
}

/* A timer that writes down when it came, and ends the loop if it is the last. */
struct note {
	struct loop_timer timer;
	struct loop *loop;
	struct mono *log; /* shared by all notes of a test */
	size_t *count;
	size_t stop_at;
	struct mono due;
};

static void take_note(struct loop_timer *timer)
{
	struct note *note = container_of(timer, struct note, timer);

	ck_assert(!mono_before(mono_now(), note->due));
	note->log[(*note->count)++] = note->due;
	if (*note->count == note->stop_at)
		loop_stop(note->loop);
}

/* An end of the loop for tests in which something must not happen. */
struct alarm {
	struct loop_timer timer;
	struct loop *loop;
};

static void ring(struct loop_timer *timer)
{
	loop_stop(container_of(timer, struct alarm, timer)->loop);
}

static void run_for(struct loop *loop, int ms)
{
	struct alarm alarm = { .loop = loop };

	loop_timer_start(loop, &alarm.timer, mono_add(mono_now(), DURATION_MS(ms)), ring);
	ck_assert_int_eq(loop_run(loop), 0);
}

/* A watched eventfd that counts how often it was called, and may do something to others. */
struct bell {
	struct loop_watch watch;
	struct loop *loop;
	struct bell *removes; /* taken off the loop when this one is called */
	bool stops;
	int stops_after; /* calls */
	int calls;
	uint32_t seen;
};

static void bell_rung(struct loop_watch *watch, uint32_t events)
{
	struct bell *bell = container_of(watch, struct bell, watch);

	bell->calls++;
	bell->seen = events;
	if (bell->removes)
		loop_watch_remove(bell->loop, &bell->removes->watch);
	if (bell->stops || bell->calls == bell->stops_after)
		loop_stop(bell->loop);
}

static int bell_add(struct bell *bell, struct loop *loop, unsigned count, uint32_t events)
{
	int fd = eventfd(count, EFD_CLOEXEC | EFD_NONBLOCK);

	ck_assert_int_ge(fd, 0);
	bell->loop = loop;
	ck_assert_int_eq(loop_watch_add(loop, &bell->watch, fd, events, bell_rung), 0);
	return fd;
}

START_TEST(watch_ready)
{
	struct loop *loop = new_loop();
	struct bell bell = { .stops = true };
	int fd = bell_add(&bell, loop, 1, EPOLLIN);

	ck_assert_int_eq(loop_run(loop), 0);
	ck_assert_int_eq(bell.calls, 1);
	ck_assert_uint_eq(bell.seen, EPOLLIN);
	loop_watch_remove(loop, &bell.watch);
	ck_assert_int_eq(bell.watch.fd, -1);
	close(fd);
	loop_free(loop);
}
END_TEST

START_TEST(watch_is_level_triggered)
{
	struct loop *loop = new_loop();
	struct bell bell = { .stops_after = 3 };
	int fd = bell_add(&bell, loop, 1, EPOLLIN);

	ck_assert_int_eq(loop_run(loop), 0); /* nobody reads it: it stays ready */
	ck_assert_int_eq(bell.calls, 3);
	close(fd);
	loop_free(loop);
}
END_TEST

START_TEST(watch_set_changes_events)
{
	struct loop *loop = new_loop();
	struct bell silent = { 0 }, writable = { .stops = true };
	int silent_fd = bell_add(&silent, loop, 1, EPOLLIN);
	int writable_fd = bell_add(&writable, loop, 0, EPOLLIN);

	ck_assert_int_eq(loop_watch_set(loop, &silent.watch, 0), 0);
	ck_assert_int_eq(loop_watch_set(loop, &writable.watch, EPOLLIN | EPOLLOUT), 0);
	ck_assert_uint_eq(writable.watch.events, EPOLLIN | EPOLLOUT);
	ck_assert_int_eq(loop_run(loop), 0);
	ck_assert_int_eq(silent.calls, 0);
	ck_assert_int_eq(writable.calls, 1);
	ck_assert_uint_eq(writable.seen, EPOLLOUT);
	close(silent_fd);
	close(writable_fd);
	loop_free(loop);
}
END_TEST

/* Both are ready in the same round; whichever comes first takes the other off. */
START_TEST(removed_watch_is_silent)
{
	struct loop *loop = new_loop();
	struct bell one = { .stops = true }, two = { .stops = true };
	int one_fd = bell_add(&one, loop, 1, EPOLLIN);
	int two_fd = bell_add(&two, loop, 1, EPOLLIN);

	one.removes = &two;
	two.removes = &one;
	ck_assert_int_eq(loop_run(loop), 0);
	ck_assert_int_eq(one.calls + two.calls, 1);
	close(one_fd);
	close(two_fd);
	loop_free(loop);
}
END_TEST

static void removes_twice(struct loop_watch *watch, uint32_t events)
{
	struct bell *bell = container_of(watch, struct bell, watch);

	bell_rung(watch, events);
	loop_watch_remove(bell->loop, watch); /* itself, from inside */
	loop_watch_remove(bell->loop, watch); /* and once more */
}

START_TEST(remove_is_idempotent)
{
	struct loop *loop = new_loop();
	struct bell bell = { .loop = loop, .stops = true };
	struct loop_watch never = { .fd = -1 };
	int fd = eventfd(1, EFD_CLOEXEC);

	loop_watch_remove(loop, &never);
	ck_assert_int_eq(loop_watch_add(loop, &bell.watch, fd, EPOLLIN, removes_twice), 0);
	ck_assert_int_eq(loop_run(loop), 0);
	ck_assert_int_eq(bell.calls, 1);
	close(fd);
	loop_free(loop);
}
END_TEST

START_TEST(add_refuses)
{
	struct loop *loop = new_loop();
	struct loop_watch watch = { .fd = -1 };

	ck_assert_int_eq(loop_watch_add(loop, &watch, -1, EPOLLIN, bell_rung), -EBADF);
	ck_assert_int_eq(watch.fd, -1);
	loop_free(loop);
}
END_TEST

START_TEST(hang_up_comes_unasked)
{
	struct loop *loop = new_loop();
	struct bell bell = { .loop = loop, .stops = true };
	int ends[2];

	ck_assert_int_eq(pipe(ends), 0);
	ck_assert_int_eq(loop_watch_add(loop, &bell.watch, ends[0], 0, bell_rung), 0);
	close(ends[1]);
	ck_assert_int_eq(loop_run(loop), 0);
	ck_assert_uint_eq(bell.seen & EPOLLHUP, EPOLLHUP);
	loop_watch_remove(loop, &bell.watch);
	close(ends[0]);
	loop_free(loop);
}
END_TEST

enum { NOTES = 500 };

/* Due at random times, a third of them stopped and a third moved: what is left comes in the order
 * of time. */
START_TEST(timers_in_order)
{
	struct loop *loop = new_loop();
	struct random random = { 7 };
	struct note *notes = calloc(NOTES, sizeof(*notes));
	struct mono *log = calloc(NOTES, sizeof(*log));
	struct mono start = mono_now();
	size_t count = 0, expected = 0;

	for (size_t i = 0; i < NOTES; i++) {
		notes[i] = (struct note){ .loop = loop, .log = log, .count = &count };
		notes[i].due = mono_add(
			start, (struct duration){ (int64_t)random_below(&random, 30000000) });
		loop_timer_start(loop, &notes[i].timer, notes[i].due, take_note);
	}
	for (size_t i = 0; i < NOTES; i++) {
		if (i % 3 == 0) {
			loop_timer_stop(loop, &notes[i].timer);
			ck_assert(!notes[i].timer.running);
			continue;
		}
		expected++;
		if (i % 3 == 1) {
			notes[i].due = mono_add(start,
				(struct duration){ (int64_t)random_below(&random, 30000000) });
			loop_timer_start(loop, &notes[i].timer, notes[i].due, take_note);
		}
	}
	for (size_t i = 0; i < NOTES; i++)
		notes[i].stop_at = expected;
	ck_assert_int_eq(loop_run(loop), 0);
	ck_assert_uint_eq(count, expected);
	for (size_t i = 1; i < count; i++)
		ck_assert(!mono_before(log[i], log[i - 1]));
	for (size_t i = 0; i < NOTES; i++)
		ck_assert(!notes[i].timer.running);
	free(notes);
	free(log);
	loop_free(loop);
}
END_TEST

START_TEST(timer_due_in_the_past)
{
	struct loop *loop = new_loop();
	struct mono log[1];
	size_t count = 0;
	struct note note = { .loop = loop, .log = log, .count = &count, .stop_at = 1 };

	loop_timer_start(loop, &note.timer, note.due, take_note);
	ck_assert(note.timer.running);
	ck_assert_int_eq(loop_run(loop), 0);
	ck_assert_uint_eq(count, 1);
	loop_free(loop);
}
END_TEST

START_TEST(stopped_timer_is_silent)
{
	struct loop *loop = new_loop();
	struct mono log[1];
	size_t count = 0;
	struct note note = { .loop = loop, .log = log, .count = &count };

	loop_timer_stop(loop, &note.timer); /* never ran: fine */
	loop_timer_start(loop, &note.timer, mono_now(), take_note);
	loop_timer_stop(loop, &note.timer);
	run_for(loop, 5);
	ck_assert_uint_eq(count, 0);
	loop_free(loop);
}
END_TEST

/* Of two that are due at once, the first stops the second. */
struct pair {
	struct loop_timer timer;
	struct loop *loop;
	struct pair *other;
	int calls;
};

static void stop_other(struct loop_timer *timer)
{
	struct pair *pair = container_of(timer, struct pair, timer);

	pair->calls++;
	loop_timer_stop(pair->loop, &pair->other->timer);
}

START_TEST(timer_stops_another)
{
	struct loop *loop = new_loop();
	struct pair one = { .loop = loop }, two = { .loop = loop, .other = &one };
	struct mono now = mono_now();

	one.other = &two;
	loop_timer_start(loop, &one.timer, now, stop_other);
	loop_timer_start(loop, &two.timer, now, stop_other);
	run_for(loop, 5);
	ck_assert_int_eq(one.calls + two.calls, 1);
	loop_free(loop);
}
END_TEST

/* A timer may free what it is embedded in. */
static void free_itself(struct loop_timer *timer)
{
	struct alarm *alarm = container_of(timer, struct alarm, timer);

	loop_stop(alarm->loop);
	free(alarm);
}

START_TEST(timer_frees_itself)
{
	struct loop *loop = new_loop();
	struct alarm *alarm = calloc(1, sizeof(*alarm));

	alarm->loop = loop;
	loop_timer_start(loop, &alarm->timer, mono_now(), free_itself);
	ck_assert_int_eq(loop_run(loop), 0);
	loop_free(loop);
}
END_TEST

static void restart_now(struct loop_timer *timer)
{
	struct pair *pair = container_of(timer, struct pair, timer);

	pair->calls++;
	loop_timer_start(pair->loop, timer, mono_now(), restart_now);
}

/* A timer that is always due leaves descriptors their turn. */
START_TEST(busy_timer_does_not_starve)
{
	struct loop *loop = new_loop();
	struct pair busy = { .loop = loop };
	struct bell bell = { .stops = true };
	int fd;

	loop_timer_start(loop, &busy.timer, mono_now(), restart_now);
	fd = bell_add(&bell, loop, 1, EPOLLIN);
	ck_assert_int_eq(loop_run(loop), 0);
	ck_assert_int_eq(bell.calls, 1);
	loop_timer_stop(loop, &busy.timer);
	close(fd);
	loop_free(loop);
}
END_TEST

/* A stop counts for one run: the next one works, until it is stopped in turn. */
START_TEST(runs_again)
{
	struct loop *loop = new_loop();
	struct bell bell = { .stops = true };
	int fd = bell_add(&bell, loop, 1, EPOLLIN);

	loop_stop(loop);
	ck_assert_int_eq(loop_run(loop), 0);
	ck_assert_int_eq(bell.calls, 0);
	for (int i = 1; i <= 2; i++) {
		ck_assert_int_eq(loop_run(loop), 0);
		ck_assert_int_eq(bell.calls, i);
	}
	close(fd);
	loop_free(loop);
}
END_TEST

START_TEST(free_nothing)
{
	loop_free(NULL);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("loop");

	unit_add(s, "watch_ready", watch_ready);
	unit_add(s, "watch_is_level_triggered", watch_is_level_triggered);
	unit_add(s, "watch_set_changes_events", watch_set_changes_events);
	unit_add(s, "removed_watch_is_silent", removed_watch_is_silent);
	unit_add(s, "remove_is_idempotent", remove_is_idempotent);
	unit_add(s, "add_refuses", add_refuses);
	unit_add(s, "hang_up_comes_unasked", hang_up_comes_unasked);
	unit_add(s, "timers_in_order", timers_in_order);
	unit_add(s, "timer_due_in_the_past", timer_due_in_the_past);
	unit_add(s, "stopped_timer_is_silent", stopped_timer_is_silent);
	unit_add(s, "timer_stops_another", timer_stops_another);
	unit_add(s, "timer_frees_itself", timer_frees_itself);
	unit_add(s, "busy_timer_does_not_starve", busy_timer_does_not_starve);
	unit_add(s, "runs_again", runs_again);
	unit_add(s, "free_nothing", free_nothing);
	return s;
}

int main(void)
{
	return unit_run("loop", suite());
}
