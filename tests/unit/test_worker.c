/* SPDX-License-Identifier: Apache-2.0 */
/* check: threads */
/* What a worker is apart from its lanes, which the tests of lanes see at work. */
#include "lane/worker.h"

#include <dirent.h>
#include <signal.h>
#include <string.h>

#include "base/container.h"
#include "tests/unit/unit.h"

static struct loop *loop;
static struct mailbox reports;

static void no_report(struct mailbox *mailbox, struct mail *mail)
{
	(void)mailbox;
	(void)mail;
	ck_abort_msg("a worker without lanes has nothing to report");
}

static void set_up(void)
{
	ck_assert_int_eq(loop_new(&loop), 0);
	ck_assert_int_eq(mailbox_open(&reports, loop, no_report), 0);
}

static void tear_down(void)
{
	mailbox_close(&reports);
	loop_free(loop);
}

/* An order of the tests, and the worker that did it. */
struct order {
	struct mail mail;
	unsigned worker;
	pthread_t thread;
	unsigned turn;
	void (*work)(struct worker *worker); /* NULL: none */
};

static unsigned turn; /* of the one worker that gets orders */

static void take_order(struct worker *worker, struct mail *mail)
{
	struct order *order = container_of(mail, struct order, mail);

	order->worker = worker->index;
	order->thread = pthread_self();
	order->turn = turn++;
	if (order->work)
		order->work(worker);
}

static struct worker *start(unsigned index)
{
	struct worker *worker = NULL;

	ck_assert_int_eq(worker_start(index, &reports, take_order, &worker), 0);
	ck_assert_uint_eq(worker->index, index);
	return worker;
}

/* A worker's buffers and timers are its thread's alone. */
static void let_work(void (*work)(struct worker *worker))
{
	struct worker *worker = start(0);
	struct order order = { .work = work };

	mailbox_post(&worker->orders, &order.mail);
	worker_stop(worker);
}

START_TEST(start_and_stop)
{
	struct worker *workers[4];

	for (unsigned i = 0; i < 4; i++)
		workers[i] = start(i);
	for (unsigned i = 0; i < 4; i++)
		worker_stop(workers[i]);
	worker_stop(NULL);
}
END_TEST

/* Orders are done in turn, on the worker's thread, and all of them before it stops. */
START_TEST(orders)
{
	enum { COUNT = 100 };
	struct worker *worker = start(7);
	pthread_t thread = worker->thread;
	struct order many[COUNT] = { 0 };

	turn = 0;
	for (size_t i = 0; i < COUNT; i++)
		mailbox_post(&worker->orders, &many[i].mail);
	worker_stop(worker);
	for (unsigned i = 0; i < COUNT; i++) {
		ck_assert_uint_eq(many[i].worker, 7);
		ck_assert(pthread_equal(many[i].thread, thread));
		ck_assert_uint_eq(many[i].turn, i);
	}
}
END_TEST

static void use_buffers(struct worker *worker)
{
	struct worker_buffer *outputs[2], *plain;

	for (int i = 0; i < 2; i++) {
		outputs[i] = worker_borrow_output(worker);
		ck_assert_ptr_nonnull(outputs[i]);
		ck_assert_uint_eq(outputs[i]->size, WORKER_OUTPUT_SIZE);
		memset(outputs[i]->data, i, outputs[i]->size);
	}
	plain = worker_borrow_plain(worker);
	ck_assert_ptr_nonnull(plain);
	ck_assert_uint_eq(plain->size, WORKER_PLAIN_SIZE);
	memset(plain->data, 2, plain->size);
	ck_assert_uint_eq(outputs[0]->data[WORKER_OUTPUT_SIZE - 1], 0);
	ck_assert_uint_eq(outputs[1]->data[0], 1);

	worker_return_output(worker, outputs[0]);
	worker_return_output(worker, outputs[1]);
	worker_return_output(worker, NULL);
	worker_return_plain(worker, plain);
	worker_return_plain(worker, NULL);
	ck_assert_ptr_eq(worker_borrow_output(worker), outputs[1]);
	ck_assert_ptr_eq(worker_borrow_output(worker), outputs[0]);
	ck_assert_ptr_eq(worker_borrow_plain(worker), plain);
	worker_return_output(worker, outputs[0]);
	worker_return_output(worker, outputs[1]);
	worker_return_plain(worker, plain);
}

/* Buffers are whole, apart from each other, and come back last in, first out. */
START_TEST(buffers)
{
	let_work(use_buffers);
}
END_TEST

static void keep_much(struct worker *worker)
{
	enum { MANY = WORKER_KEPT_MAX / WORKER_PLAIN_SIZE + 1 };
	static struct worker_buffer *plains[MANY];
	int high = 0, over = 0;

	for (int i = 0; i < MANY; i++) {
		plains[i] = worker_borrow_plain(worker);
		ck_assert_ptr_nonnull(plains[i]);
		high += !worker_is_short(worker);
		over += !worker_is_overdrawn(worker);
	}
	ck_assert_int_eq(high, WORKER_KEPT_HIGH / WORKER_PLAIN_SIZE);
	ck_assert_int_eq(over, WORKER_KEPT_MAX / WORKER_PLAIN_SIZE);
	worker_return_plain(worker, plains[0]);
	ck_assert(!worker_is_overdrawn(worker));
	worker_account(worker, 1);
	ck_assert(worker_is_overdrawn(worker));
	worker_account(worker, -1);
	for (int i = 1; i < MANY; i++)
		worker_return_plain(worker, plains[i]);
	ck_assert(!worker_is_short(worker));
}

/* Everything that lanes keep counts, until it is given back. */
START_TEST(what_is_kept_is_bounded)
{
	let_work(keep_much);
}
END_TEST

/* True: the thread has SIGTERM blocked (proc(5), SigBlk). */
static bool blocks_sigterm(const char *task)
{
	char path[300], line[256];
	unsigned long long mask = 0;

	snprintf(path, sizeof(path), "/proc/self/task/%s/status", task);
	FILE *file = fopen(path, "r");
	ck_assert_ptr_nonnull(file);
	while (fgets(line, sizeof(line), file)) {
		if (strncmp(line, "SigBlk:", 7) == 0)
			mask = strtoull(line + 7, NULL, 16);
	}
	fclose(file);
	return (mask >> (SIGTERM - 1) & 1) != 0;
}

static int count_threads_that_block(void)
{
	DIR *tasks = opendir("/proc/self/task");
	const struct dirent *entry;
	int count = 0;

	ck_assert_ptr_nonnull(tasks);
	while ((entry = readdir(tasks)))
		count += entry->d_name[0] != '.' && blocks_sigterm(entry->d_name);
	closedir(tasks);
	return count;
}

/* Signals are the main thread's: of a process's threads the kernel picks any that takes them. */
START_TEST(takes_no_signals)
{
	/* A sanitizer adds a thread of its own when the first one starts. */
	struct worker *first = start(0);
	int before = count_threads_that_block();
	struct worker *worker = start(1);
	sigset_t own;

	ck_assert_int_ge(before, 1);
	ck_assert_int_eq(count_threads_that_block(), before + 1);
	pthread_sigmask(SIG_SETMASK, NULL, &own);
	ck_assert(!sigismember(&own, SIGTERM));
	worker_stop(worker);
	worker_stop(first);
}
END_TEST

static Suite *suite(void)
{
	const TTest *const tests[] = { start_and_stop, orders, buffers, what_is_kept_is_bounded,
		takes_no_signals };

	return unit_suite("worker", set_up, tear_down, tests, ARRAY_SIZE(tests));
}

int main(void)
{
	return unit_run("worker", suite());
}
