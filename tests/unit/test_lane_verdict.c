/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a burst says of its lane, and that it does no more than say it: the lane, its socket and its
 * report are as they were until lane_life.c acts. No thread runs here: the test is the worker.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/container.h"
#include "base/error_text.h"
#include "lane/lane_internal.h"
#include "tests/unit/parse.h"
#include "tests/unit/tls_ends.h"
#include "tests/unit/unit.h"
#include "wire/message.h"

static struct worker *worker;
static struct mailbox reports;
static struct lane *lane;
static int peer; /* the other end of the lane's connection; -1: closed */

static struct { /* the reports that were delivered */
	unsigned count;
	enum lane_report_kind kind; /* of the last */
	enum lane_end end;
	uint16_t code;
	char text[PROBLEM_TEXT_MAX];
} heard;

static void hear(struct mailbox *mailbox, struct mail *mail)
{
	struct lane_report *report = container_of(mail, struct lane_report, mail);
	const struct problem *problem = &report->ended.problem;

	(void)mailbox;
	ck_assert_ptr_eq(report->lane, lane);
	heard.count++;
	heard.kind = report->kind;
	if (report->kind == LANE_REPORT_FAULT) {
		heard.code = report->fault.code;
		problem = &report->fault.problem;
	} else {
		ck_assert_int_eq(report->kind, LANE_REPORT_ENDED);
		heard.end = report->ended.end;
	}
	snprintf(heard.text, sizeof(heard.text), "%s", problem->text);
	free(report);
}

/* Delivers what was posted; how many reports came in all. */
static unsigned reports_heard(void)
{
	reports.watch.ready(&reports.watch, EPOLLIN);
	return heard.count;
}

static void set_up_worker(void)
{
	worker = calloc(1, sizeof(*worker));
	ck_assert_ptr_nonnull(worker);
	ck_assert_int_eq(loop_new(&worker->loop), 0);
	for (size_t i = 0; i < WORKER_SLOT_SIZES; i++)
		STAILQ_INIT(&worker->slots[i]);
	worker->stage = malloc(WORKER_STAGE_SIZE);
	worker->received = malloc(WORKER_RECEIVE_SIZE);
	ck_assert(worker->stage && worker->received);
	ck_assert_int_eq(mailbox_open(&reports, worker->loop, hear), 0);
	worker->reports = &reports;
}

static void set_up(void)
{
	int fds[2];

	pki_set_up();
	set_up_worker();
	memset(&heard, 0, sizeof(heard));
	lane = calloc(1, sizeof(*lane));
	ck_assert_ptr_nonnull(lane);
	ck_assert_int_eq(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
	peer = fds[1];
	lane->worker = worker;
	lane->state = LANE_CONTROL;
	lane->socket_watch.fd = fds[0];
	lane->tun_watch.fd = lane->tun_fd = -1;
	lane->framer = &framer_native;
	STAILQ_INIT(&lane->messages);
	STAILQ_INIT(&lane->unheard);
	outflow_init(&lane->outflow);
	rate_init(&lane->control_rate, LANE_CONTROL_PER_SECOND, LANE_CONTROL_BURST, mono_now());
	ck_assert_int_eq(tls_new(pki.server_context, &lane->tls), 0);
	lane->ended_report = lane_report_new(lane, LANE_REPORT_ENDED, 0);
	ck_assert_ptr_nonnull(lane->ended_report);
}

static void order(enum lane_order_kind kind)
{
	struct lane_order *each = kind == LANE_ORDER_START ? &lane->start_order
		: kind == LANE_ORDER_ADMIT                 ? &lane->admit_order
		: kind == LANE_ORDER_END                   ? &lane->end_order
		: kind == LANE_ORDER_CUT                   ? &lane->cut_order
							   : &lane->release_order;

	each->kind = kind;
	each->lane = lane;
	if (kind == LANE_ORDER_START)
		each->deadline = mono_add(mono_now(), DURATION_S(60));
	lane_deliver_order(worker, &each->mail);
}

/* As the main thread gives orders that can fail: allocated, and freed by the worker. */
static void order_allocated(enum lane_order_kind kind)
{
	struct lane_order *each = calloc(1, sizeof(*each));
	struct prefix prefix;

	ck_assert_ptr_nonnull(each);
	prefix = prefix_of("10.0.0.0/8");
	each->kind = kind;
	each->lane = lane;
	if (kind == LANE_ORDER_CONTROL) {
		each->message = calloc(1, sizeof(*each->message) + FRAME_CONTROL_MIN);
		ck_assert_ptr_nonnull(each->message);
		each->message->len = FRAME_CONTROL_MIN;
	} else if (kind == LANE_ORDER_CARRY) {
		each->carry.tun_fd = -1;
		ck_assert_int_eq(filter_new(&prefix, 1, &prefix, 1, &each->carry.filter), 0);
	} else if (kind == LANE_ORDER_FILTER) {
		ck_assert_int_eq(filter_new(&prefix, 1, &prefix, 1, &each->filter), 0);
	}
	lane_deliver_order(worker, &each->mail);
}

static void tear_down(void)
{
	lane->verdict = LANE_GOES_ON; /* the burst's, which lane_life.c clears */
	order(LANE_ORDER_CUT);
	ck_assert_int_eq(lane->state, LANE_CLOSED);
	reports_heard();
	order(LANE_ORDER_RELEASE);
	if (peer >= 0)
		close(peer);
	mailbox_close(&reports);
	loop_free(worker->loop);
	ck_assert_uint_eq(atomic_load(&worker->kept), 0);
	while (!SLIST_EMPTY(&worker->outputs)) {
		struct worker_buffer *buffer = SLIST_FIRST(&worker->outputs);
		SLIST_REMOVE_HEAD(&worker->outputs, link);
		free(buffer);
	}
	while (!SLIST_EMPTY(&worker->plains)) {
		struct worker_buffer *buffer = SLIST_FIRST(&worker->plains);
		SLIST_REMOVE_HEAD(&worker->plains, link);
		free(buffer);
	}
	free(worker->stage);
	free(worker->received);
	free(worker);
	pki_tear_down();
}

/* ---- verdicts ---- */

static const enum lane_verdict ends[] = { LANE_FAULTS, LANE_DRAINS, LANE_CLOSES };

static enum lane_verdict must(enum lane_verdict verdict, const char *text)
{
	switch (verdict) {
	case LANE_FAULTS:
		return lane_must_fault(lane, GOODBYE_PROTOCOL, text);
	case LANE_DRAINS:
		return lane_must_drain(lane, LANE_END_TUN, text);
	case LANE_CLOSES:
		return lane_must_close(lane, LANE_END_STUCK, text);
	case LANE_GOES_ON:
	case LANE_SECURED:
		break;
	}
	ck_abort_msg("no such end");
}

/* This is what the burst says, and the lane does not know of it yet. */
static void expect(enum lane_verdict said, enum lane_verdict verdict, enum lane_end end,
	const char *words, enum lane_state state)
{
	ck_assert_int_eq(said, verdict);
	ck_assert_int_eq(lane->verdict, verdict);
	ck_assert_int_eq(lane->ended_report->ended.end, end);
	ck_assert_msg(strstr(lane->ended_report->ended.problem.text, words) != NULL, "%s",
		lane->ended_report->ended.problem.text);
	ck_assert_int_eq(lane->state, state);
	ck_assert_int_ge(fcntl(lane->socket_watch.fd, F_GETFD), 0);
	ck_assert_ptr_nonnull(lane->tls);
	ck_assert_uint_eq(reports_heard(), 0);
}

START_TEST(first_wins)
{
	static const enum lane_end reasons[] = { LANE_END_ORDERED, LANE_END_TUN, LANE_END_STUCK };

	for (size_t i = 0; i < 3; i++) {
		for (size_t j = 0; j < 3; j++) {
			lane->verdict = LANE_GOES_ON; /* as lane_life.c does */
			ck_assert_int_eq(must(ends[i], "the first"), ends[i]);
			expect(must(ends[j], "the second"), ends[i], reasons[i], "the first",
				LANE_CONTROL);
			ck_assert_uint_eq(lane->fault_code, i == 0 ? GOODBYE_PROTOCOL : 0);
		}
	}
}
END_TEST

/* A lane that drains can only end sooner: why it drains stays why it ended. */
START_TEST(draining_keeps_its_reason)
{
	ck_assert_int_eq(lane_must_drain(lane, LANE_END_DEADLINE, "too late"), LANE_DRAINS);
	for (size_t i = 0; i < 3; i++) {
		lane->state = LANE_DRAINING;
		lane->verdict = LANE_GOES_ON;
		expect(must(ends[i], "later"), ends[i], LANE_END_DEADLINE, "too late",
			LANE_DRAINING);
	}
}
END_TEST

/* ---- bursts ---- */

/* Which the kernel takes no more of. */
static void fill_socket(void)
{
	static const char bytes[4096];

	while (send(lane->socket_watch.fd, bytes, sizeof(bytes), MSG_NOSIGNAL) > 0)
		;
	ck_assert_int_eq(errno, EAGAIN);
}

static void close_peer(void)
{
	close(peer);
	peer = -1;
}

START_TEST(peer_closes)
{
	close_peer();
	expect(lane_receive(lane), LANE_CLOSES, LANE_END_CLOSED, "", LANE_CONTROL);
}
END_TEST

START_TEST(peer_resets)
{
	ck_assert_int_eq(send(lane->socket_watch.fd, "unread", 6, MSG_NOSIGNAL), 6);
	close_peer();
	expect(lane_receive(lane), LANE_CLOSES, LANE_END_BROKEN, error_text(ECONNRESET),
		LANE_CONTROL);
}
END_TEST

START_TEST(nothing_to_read)
{
	expect(lane_receive(lane), LANE_GOES_ON, LANE_END_ORDERED, "", LANE_CONTROL);
}
END_TEST

START_TEST(no_tls)
{
	lane->state = LANE_HANDSHAKE;
	ck_assert_int_eq(send(peer, "GET / HTTP/1.1\r\n\r\n", 18, MSG_NOSIGNAL), 18);
	expect(lane_receive(lane), LANE_DRAINS, LANE_END_HANDSHAKE, "HTTP", LANE_HANDSHAKE);
}
END_TEST

/* What a lane that drains throws away never ends it; that the peer has closed does. */
START_TEST(discards)
{
	ck_assert_int_eq(lane_must_drain(lane, LANE_END_BROKEN, "bad record"), LANE_DRAINS);
	lane->verdict = LANE_GOES_ON;
	lane->state = LANE_DRAINING;
	ck_assert_int_eq(send(peer, "anything", 8, MSG_NOSIGNAL), 8);
	expect(lane_discard(lane), LANE_GOES_ON, LANE_END_BROKEN, "bad record", LANE_DRAINING);
	close_peer();
	expect(lane_discard(lane), LANE_CLOSES, LANE_END_BROKEN, "bad record", LANE_DRAINING);
}
END_TEST

static void fill_output(void)
{
	ck_assert_int_eq(lane_output_borrow(lane), LANE_GOES_ON);
	memset(lane->output.data, 0, 100);
	lane->output.len = 100;
}

START_TEST(cannot_send)
{
	close_peer();
	fill_output();
	expect(lane_flush(lane), LANE_CLOSES, LANE_END_BROKEN, error_text(EPIPE), LANE_CONTROL);
}
END_TEST

START_TEST(backlog_of_all_peers)
{
	fill_socket();
	fill_output();
	expect(lane_flush(lane), LANE_GOES_ON, LANE_END_ORDERED, "", LANE_CONTROL);
	worker_account(worker, WORKER_KEPT_MAX);
	expect(lane_flush(lane), LANE_CLOSES, LANE_END_STUCK, "all peers", LANE_CONTROL);
	ck_assert(lane_has_backlog(lane)); /* still there */
	worker_account(worker, -WORKER_KEPT_MAX);
}
END_TEST

static struct lane_message *message(void)
{
	struct lane_message *each = calloc(1, sizeof(*each) + FRAME_CONTROL_MIN);

	ck_assert_ptr_nonnull(each);
	each->len = FRAME_CONTROL_MIN;
	return each;
}

START_TEST(messages_wait_in_vain)
{
	enum { MOST = LANE_CONTROL_QUEUE_MAX / FRAME_CONTROL_MIN };

	fill_socket();
	fill_output();
	for (size_t i = 0; i < MOST; i++)
		ck_assert_int_eq(lane_send_message(lane, message()), LANE_GOES_ON);
	expect(lane_send_message(lane, message()), LANE_CLOSES, LANE_END_STUCK, "control messages",
		LANE_CONTROL);
	ck_assert_uint_eq(lane->messages_size, (size_t)MOST * FRAME_CONTROL_MIN);
}
END_TEST

/* TLS is not up, so it cannot write. */
START_TEST(cannot_encrypt)
{
	expect(lane_send_message(lane, message()), LANE_CLOSES, LANE_END_BROKEN, error_text(EPROTO),
		LANE_CONTROL);
	ck_assert_uint_eq(lane->messages_size, FRAME_CONTROL_MIN);
}
END_TEST

/* Both ways out of TUN: at once, and by the queue. */
START_TEST(interface_vanishes)
{
	lane->state = LANE_CARRYING;
	expect(lane_send_tun(lane), LANE_DRAINS, LANE_END_TUN, "does not exist any more",
		LANE_CARRYING);
	lane->verdict = LANE_GOES_ON;
	lane->offloads_read = OFFLOAD_ALL;
	ck_assert(lane_cuts(lane));
	expect(lane_send_tun(lane), LANE_DRAINS, LANE_END_TUN, "does not exist any more",
		LANE_CARRYING);
	ck_assert_ptr_nonnull(lane->queue); /* still there */
	lane->verdict = LANE_GOES_ON;
	order(LANE_ORDER_CUT);
	struct flow_packet *slot;
	for (size_t i = 0; i < WORKER_SLOT_SIZES; i++) {
		while ((slot = STAILQ_FIRST(&worker->slots[i]))) {
			STAILQ_REMOVE_HEAD(&worker->slots[i], link);
			free(slot);
		}
	}
}
END_TEST

/* ---- what lane_life.c does with them ---- */

/* Epoll watches no regular file: the lane is closed where it would begin, and says so once. */
START_TEST(ends_once)
{
	int file = memfd_create("no socket", MFD_CLOEXEC);

	ck_assert_int_ge(dup2(file, lane->socket_watch.fd), 0);
	close(file);
	lane->state = LANE_HANDSHAKE;
	order(LANE_ORDER_START);
	ck_assert_int_eq(lane->state, LANE_CLOSED);
	order(LANE_ORDER_END);
	order(LANE_ORDER_CUT);
	ck_assert_uint_eq(reports_heard(), 1);
	ck_assert_int_eq(heard.kind, LANE_REPORT_ENDED);
	ck_assert_int_eq(heard.end, LANE_END_INTERNAL);
	ck_assert_str_eq(heard.text, "epoll refuses the connection");
}
END_TEST

/* A connection that fails while the lane drains: it ends at once, for the reason that it drained for. */
START_TEST(drains_to_its_end)
{
	order(LANE_ORDER_START);
	ck_assert_int_eq(lane->state, LANE_CONTROL);
	close_peer();
	fill_output();
	order(LANE_ORDER_END);
	ck_assert_int_eq(lane->state, LANE_CLOSED);
	ck_assert_uint_eq(reports_heard(), 1);
	ck_assert_int_eq(heard.end, LANE_END_ORDERED);
	ck_assert_str_eq(heard.text, "");
}
END_TEST

/* Whatever is ordered of a lane that has ended: nothing of it is touched, and the order is freed. */
START_TEST(orders_after_the_end)
{
	struct lane before;

	order(LANE_ORDER_CUT);
	ck_assert_uint_eq(reports_heard(), 1);
	order(LANE_ORDER_ADMIT); /* their kinds are part of the lane: now they are set */
	order(LANE_ORDER_END);
	memcpy(&before, lane, sizeof(before));
	order(LANE_ORDER_ADMIT);
	order(LANE_ORDER_END);
	order(LANE_ORDER_CUT);
	order_allocated(LANE_ORDER_CONTROL);
	order_allocated(LANE_ORDER_CARRY);
	order_allocated(LANE_ORDER_CARRY_ON);
	order_allocated(LANE_ORDER_FILTER);
	for (size_t i = 0; i < 3; i++)
		ck_assert_int_eq(must(ends[i], "too late"), LANE_GOES_ON);
	ck_assert_mem_eq(&before, lane, sizeof(before));
	ck_assert_uint_eq(reports_heard(), 1);
}
END_TEST

static Suite *suite(void)
{
	const TTest *const verdicts[] = { first_wins, draining_keeps_its_reason };
	const TTest *const bursts[] = { peer_closes, peer_resets, nothing_to_read, no_tls, discards,
		cannot_send, backlog_of_all_peers, messages_wait_in_vain, cannot_encrypt,
		interface_vanishes };
	const TTest *const life[] = { ends_once, drains_to_its_end, orders_after_the_end };
	Suite *s = suite_create("lane_verdict");

	unit_add_case(s, "verdicts", set_up, tear_down, verdicts, ARRAY_SIZE(verdicts));
	unit_add_case(s, "bursts", set_up, tear_down, bursts, ARRAY_SIZE(bursts));
	unit_add_case(s, "life", set_up, tear_down, life, ARRAY_SIZE(life));
	return s;
}

int main(void)
{
	return unit_run("lane_verdict", suite());
}
