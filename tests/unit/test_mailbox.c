/* SPDX-License-Identifier: Apache-2.0 */
/* check: threads */
#include "lane/mailbox.h"

#include "base/container.h"
#include "tests/unit/unit.h"

enum { THREADS = 4, LETTERS = 2000 };

/* A mailbox and what came out of it. */
struct receiver {
	struct mailbox mailbox;
	struct loop *loop;
	int next[THREADS]; /* the number that is to come next from each thread */
	int received, stop_at;
	bool replies; /* posts one more to itself for each letter number 0 */
};

struct letter {
	struct mail mail;
	int thread, number;
};

static void post(struct receiver *receiver, int thread, int number)
{
	struct letter *letter = calloc(1, sizeof(*letter));

	letter->thread = thread;
	letter->number = number;
	mailbox_post(&receiver->mailbox, &letter->mail);
}

static void deliver(struct mailbox *mailbox, struct mail *mail)
{
	struct receiver *receiver = container_of(mailbox, struct receiver, mailbox);
	struct letter *letter = container_of(mail, struct letter, mail);

	ck_assert_int_eq(letter->number, receiver->next[letter->thread]);
	receiver->next[letter->thread]++;
	if (receiver->replies && letter->number == 0)
		post(receiver, letter->thread, 1);
	free(letter);
	if (++receiver->received == receiver->stop_at)
		loop_stop(receiver->loop);
}

static void open_receiver(struct receiver *receiver)
{
	*receiver = (struct receiver){ 0 };
	ck_assert_int_eq(loop_new(&receiver->loop), 0);
	ck_assert_int_eq(mailbox_open(&receiver->mailbox, receiver->loop, deliver), 0);
}

static void close_receiver(struct receiver *receiver)
{
	mailbox_close(&receiver->mailbox);
	loop_free(receiver->loop);
}

START_TEST(in_order)
{
	struct receiver receiver;

	open_receiver(&receiver);
	receiver.stop_at = LETTERS;
	for (int i = 0; i < LETTERS; i++)
		post(&receiver, 0, i);
	ck_assert_int_eq(receiver.received, 0); /* delivery is the loop's */
	ck_assert_int_eq(loop_run(receiver.loop), 0);
	ck_assert_int_eq(receiver.received, LETTERS);
	close_receiver(&receiver);
}
END_TEST

struct sender {
	struct receiver *receiver;
	int thread;
};

static void *send_all(void *argument)
{
	struct sender *sender = argument;

	for (int i = 0; i < LETTERS; i++)
		post(sender->receiver, sender->thread, i);
	return NULL;
}

/* Whatever the threads do, nothing is lost, and each one's letters stay in order. */
START_TEST(from_many_threads)
{
	struct receiver receiver;
	struct sender senders[THREADS];
	pthread_t threads[THREADS];

	open_receiver(&receiver);
	receiver.stop_at = THREADS * LETTERS;
	for (int i = 0; i < THREADS; i++) {
		senders[i] = (struct sender){ .receiver = &receiver, .thread = i };
		ck_assert_int_eq(pthread_create(&threads[i], NULL, send_all, &senders[i]), 0);
	}
	ck_assert_int_eq(loop_run(receiver.loop), 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	ck_assert_int_eq(receiver.received, THREADS * LETTERS);
	close_receiver(&receiver);
}
END_TEST

START_TEST(posted_while_delivering)
{
	struct receiver receiver;

	open_receiver(&receiver);
	receiver.replies = true;
	receiver.stop_at = 2;
	post(&receiver, 0, 0);
	ck_assert_int_eq(loop_run(receiver.loop), 0);
	ck_assert_int_eq(receiver.received, 2);
	close_receiver(&receiver);
}
END_TEST

START_TEST(close_delivers_the_rest)
{
	struct receiver receiver;

	open_receiver(&receiver);
	post(&receiver, 0, 0);
	post(&receiver, 0, 1);
	mailbox_close(&receiver.mailbox);
	ck_assert_int_eq(receiver.received, 2);
	mailbox_close(
		&receiver.mailbox); /* again, and one that was never opened: nothing happens */
	mailbox_close(&(struct mailbox){ 0 });
	ck_assert_int_eq(receiver.received, 2);
	loop_free(receiver.loop);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("mailbox");

	unit_add(s, "in_order", in_order);
	unit_add(s, "from_many_threads", from_many_threads);
	unit_add(s, "posted_while_delivering", posted_while_delivering);
	unit_add(s, "close_delivers_the_rest", close_delivers_the_rest);
	return s;
}

int main(void)
{
	return unit_run("mailbox", suite());
}
