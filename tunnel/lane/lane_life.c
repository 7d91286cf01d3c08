/* SPDX-License-Identifier: Apache-2.0 */
#include "lane/lane_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/container.h"
#include "wire/message.h"

/*
 * A lane's life on its worker: the orders it is given, its states and timers, its end. The one
 * place where lane->state changes:
 *
 *   HANDSHAKE   CONTROL (secured), DRAINING (TLS refused, deadline)
 *   CONTROL     CARRYING (ordered; held, it does not send yet), FAULTED (the peer broke the protocol), DRAINING
 *   CARRYING    FAULTED, DRAINING
 *   FAULTED     DRAINING (ordered: the goodbye has been queued)
 *   DRAINING    CLOSED (the peer has closed, or LANE_FLUSH_MS are over)
 *
 * A connection that breaks, or that is cut by order, goes to CLOSED at once, from anywhere.
 *
 * A socket closed with unread bytes in it sends a reset, which would overtake the goodbye or alert
 * we have just sent: so draining ends our direction, discards what still comes, and closes when the
 * peer does, or at its deadline.
 */

static void set_state(struct lane *lane, enum lane_state state)
{
	lane->state = state;
}

void lane_set_events(struct lane *lane)
{
	if (lane->state == LANE_CLOSED)
		return;
	bool waits = lane_has_backlog(lane) || !flow_queue_is_empty(lane->queue);
	uint32_t socket_events = waits ? EPOLLOUT : 0u;

	if (lane->state != LANE_FAULTED)
		socket_events |= EPOLLIN;
	loop_watch_set(lane->worker->loop, &lane->socket_watch, socket_events);
	if (lane->tun_watch.fd >= 0)
		loop_watch_set(lane->worker->loop, &lane->tun_watch,
			lane->state == LANE_CARRYING ? EPOLLIN : 0u);
}

/* What waits in the queue is dropped: only a lane that carries sends of it. */
static void give_back_queue(struct lane *lane)
{
	flow_queue_free(lane->queue);
	lane->queue = NULL;
}

static void give_back_buffers(struct lane *lane)
{
	lane_output_return(lane);
	worker_return_plain(lane->worker, lane->plain);
	lane->plain = NULL;
	lane->plain_len = 0;
	give_back_queue(lane);
	lane_free_messages(lane);
}

static void note_end(struct lane *lane, enum lane_end end, const char *text)
{
	lane->ended_report->ended.end = end;
	problem_set(&lane->ended_report->ended.problem, "%s", text ? text : "");
}

void lane_close_now(struct lane *lane, enum lane_end end, const char *text)
{
	if (lane->state == LANE_CLOSED)
		return;
	struct loop *loop = lane->worker->loop;
	int fd = lane->socket_watch.fd;

	if (lane->state != LANE_DRAINING)
		note_end(lane, end, text);
	set_state(lane, LANE_CLOSED);
	loop_timer_stop(loop, &lane->deadline);
	loop_timer_stop(loop, &lane->quiet);
	loop_watch_remove(loop, &lane->tun_watch);
	loop_watch_remove(loop, &lane->socket_watch);
	close(fd);
	give_back_buffers(lane);
	tls_free(lane->tls);
	lane->tls = NULL;
	reach_unref(lane->reach);
	lane->reach = NULL;

	struct lane_report *report = lane->ended_report;
	lane->ended_report = NULL;
	lane_report_post(lane, report);
}

static void drain_expired(struct loop_timer *timer)
{
	lane_close_now(container_of(timer, struct lane, deadline), LANE_END_ORDERED, NULL);
}

void lane_drain(struct lane *lane, enum lane_end end, const char *text)
{
	if (lane->state >= LANE_DRAINING)
		return;
	struct loop *loop = lane->worker->loop;

	note_end(lane, end, text);
	set_state(lane, LANE_DRAINING);
	give_back_queue(lane);
	loop_watch_remove(loop, &lane->tun_watch);
	loop_timer_start(loop, &lane->deadline, mono_add(mono_now(), DURATION_MS(LANE_FLUSH_MS)),
		drain_expired);
	lane_flush(lane);
}

void lane_fault(struct lane *lane, uint16_t goodbye_code, const char *text)
{
	if (lane->state != LANE_CONTROL && lane->state != LANE_CARRYING)
		return;
	struct lane_report *report = lane_report_new(lane, LANE_REPORT_FAULT, 0);
	if (!report) {
		lane_close_now(lane, LANE_END_INTERNAL, "out of memory");
		return;
	}
	report->fault.code = goodbye_code;
	problem_set(&report->fault.problem, "%s", text);
	loop_timer_stop(lane->worker->loop, &lane->deadline); /* the goodbye has its own time */
	set_state(lane, LANE_FAULTED);
	give_back_queue(lane);
	lane_set_events(lane);
	lane_report_post(lane, report);
}

void lane_secured(struct lane *lane)
{
	struct lane_report *report = lane_report_new(lane, LANE_REPORT_SECURED, 0);
	if (!report) {
		lane_close_now(lane, LANE_END_INTERNAL, "out of memory");
		return;
	}
	struct lane_peer *peer = &report->secured.peer;
	struct problem *refusal = &report->secured.refusal;
	tls_peer_identity(lane->tls, &peer->identity, refusal);
	snprintf(peer->cipher, sizeof(peer->cipher), "%s", tls_cipher(lane->tls));
	snprintf(peer->group, sizeof(peer->group), "%s", tls_group(lane->tls));
	peer->not_after = tls_peer_not_after(lane->tls);
	peer->valid_until = tls_peer_valid_until(lane->tls);
	problem_set(&report->secured.notice, "%s", tls_peer_notice(lane->tls));
	set_state(lane, LANE_CONTROL);
	/* An identity that is not acceptable stays unparsed: only its goodbye is sent. */
	if (refusal->text[0])
		set_state(lane, LANE_FAULTED);
	lane_set_events(lane);
	lane_report_post(lane, report);
}

/*
 * Looks whether the lane was used since it last looked; when not, it is not busy any more, and the
 * timer rests, unless what was sent is still under way.
 */
static void quiet_expired(struct loop_timer *timer)
{
	struct lane *lane = container_of(timer, struct lane, quiet);
	uint64_t now = counter_read(&lane->counters.sent_bytes) +
		counter_read(&lane->counters.received_bytes);

	bool under_way = lane_path_look(lane);

	if (now == lane->quiet_mark && !under_way) {
		lane->busy = false;
		lane_rest(lane);
		if (flow_queue_is_empty(lane->queue))
			give_back_queue(lane);
		return;
	}
	lane->quiet_mark = now;
	loop_timer_start(lane->worker->loop, timer,
		mono_add(mono_now(), DURATION_MS(LANE_QUIET_MS)), quiet_expired);
}

void lane_note_activity(struct lane *lane)
{
	if (!lane->quiet.running && lane->state < LANE_DRAINING)
		loop_timer_start(lane->worker->loop, &lane->quiet,
			mono_add(mono_now(), DURATION_MS(LANE_QUIET_MS)), quiet_expired);
}

void lane_note_packets(struct lane *lane)
{
	lane->busy = true;
	lane_note_activity(lane);
}

/*
 * The TLS library's buffers stay while packets pass, so that these need no allocation. Who only
 * pings, or has just been admitted, needs them for a moment each time: they go back at once.
 */
void lane_rest(struct lane *lane)
{
	if (!lane->busy && lane->state <= LANE_CARRYING)
		tls_release_buffers(lane->tls);
}

/* Who is verified is told why; nobody else is. */
static void deadline_expired(struct loop_timer *timer)
{
	struct lane *lane = container_of(timer, struct lane, deadline);

	if (lane->state == LANE_CONTROL)
		lane_fault(lane, GOODBYE_DEADLINE, "no hello or welcome came in time");
	else if (lane->state == LANE_CARRYING)
		lane_drain(lane, LANE_END_DEADLINE, "join was not answered in time");
	else
		lane_drain(lane, LANE_END_DEADLINE, "the TLS handshake was not finished in time");
}

static void socket_ready(struct loop_watch *watch, uint32_t events)
{
	struct lane *lane = container_of(watch, struct lane, socket_watch);

	if (events & EPOLLOUT)
		lane_flush(lane);
	if (lane->state == LANE_DRAINING && events & (EPOLLIN | EPOLLHUP | EPOLLERR))
		lane_discard(lane);
	else if (lane->state < LANE_FAULTED && events & (EPOLLIN | EPOLLHUP | EPOLLERR))
		lane_receive(lane);
	else if (lane->state == LANE_FAULTED && events & (EPOLLHUP | EPOLLERR))
		lane_close_now(lane, LANE_END_BROKEN, "connection reset");
}

static void tun_ready(struct loop_watch *watch, uint32_t events)
{
	struct lane *lane = container_of(watch, struct lane, tun_watch);

	if (events & (EPOLLERR | EPOLLHUP)) {
		loop_watch_remove(lane->worker->loop, watch);
		lane_drain(lane, LANE_END_TUN, "the tunnel interface has vanished");
		return;
	}
	if (lane->state == LANE_CARRYING)
		lane_send_tun(lane);
}

static void do_start(struct lane *lane, struct mono deadline)
{
	int fd = lane->socket_watch.fd;
	int r = loop_watch_add(lane->worker->loop, &lane->socket_watch, fd, EPOLLIN, socket_ready);
	if (r < 0) {
		lane_close_now(lane, LANE_END_INTERNAL, "epoll refuses the connection");
		return;
	}
	rate_init(&lane->control_rate, LANE_CONTROL_PER_SECOND, LANE_CONTROL_BURST, mono_now());
	loop_timer_start(lane->worker->loop, &lane->deadline, deadline, deadline_expired);
	lane_handshake_step(lane);
}

static void do_carry_on(struct lane *lane)
{
	struct loop *loop = lane->worker->loop;

	if (lane->state != LANE_CARRYING || lane->tun_watch.fd >= 0)
		return;
	loop_timer_stop(loop, &lane->deadline);
	if (loop_watch_add(loop, &lane->tun_watch, lane->tun_fd, EPOLLIN, tun_ready) < 0) {
		lane->tun_watch.fd = -1;
		lane_drain(lane, LANE_END_TUN, "epoll refuses the tunnel interface");
		return;
	}
	if (lane->discard)
		lane_discard_tun(lane);
	lane_set_events(lane);
}

static void do_carry(struct lane *lane, const struct lane_carry *carry)
{
	if (lane->state != LANE_CONTROL) {
		reach_unref(carry->reach);
		return;
	}
	lane->offloads_read = carry->offloads_read;
	lane->offloads_send = carry->offloads_send;
	lane->offloads_accept = carry->offloads_accept;
	lane->gro = carry->gro;
	reach_unref(lane->reach);
	lane->reach = carry->reach;
	lane_path_limit(lane, carry->dead_after);
	lane->tun_fd = carry->tun_fd;
	lane->discard = carry->discard;
	set_state(lane, LANE_CARRYING);
	if (!carry->hold)
		do_carry_on(lane);
}

static void do_reach(struct lane *lane, struct reach *reach)
{
	if (lane->state != LANE_CARRYING) {
		reach_unref(reach);
		return;
	}
	reach_unref(lane->reach);
	lane->reach = reach;
}

/* A reset leaves nothing behind in the kernel, whatever the peer does. */
static void do_cut(struct lane *lane)
{
	const struct linger none = { .l_onoff = 1, .l_linger = 0 };

	if (lane->state == LANE_CLOSED)
		return;
	(void)setsockopt(lane->socket_watch.fd, SOL_SOCKET, SO_LINGER, &none,
		sizeof(none)); /* else it ends orderly */
	lane_close_now(lane, LANE_END_ORDERED, NULL);
}

void lane_deliver_order(struct worker *worker, struct mail *mail)
{
	struct lane_order *order = container_of(mail, struct lane_order, mail);
	struct lane *lane = order->lane;

	switch (order->kind) {
	case LANE_ORDER_START:
		do_start(lane, order->deadline);
		return;
	case LANE_ORDER_ADMIT:
		if (lane->state == LANE_CONTROL)
			loop_timer_stop(worker->loop, &lane->deadline);
		return;
	case LANE_ORDER_END:
		lane_drain(lane, LANE_END_ORDERED, NULL);
		return;
	case LANE_ORDER_CUT:
		do_cut(lane);
		return;
	case LANE_ORDER_RELEASE:
		free(lane);
		return;
	case LANE_ORDER_CONTROL:
		lane_send_message(lane, order->message);
		break;
	case LANE_ORDER_CARRY:
		do_carry(lane, &order->carry);
		break;
	case LANE_ORDER_CARRY_ON:
		do_carry_on(lane);
		break;
	case LANE_ORDER_REACH:
		do_reach(lane, order->reach);
		break;
	}
	free(order);
}
