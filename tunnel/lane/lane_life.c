/* SPDX-License-Identifier: Apache-2.0 */
#include "lane/lane_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/container.h"
#include "wire/message.h"

/*
 * A lane's life on its worker: orders, states, timers and its end. Only this file changes
 * lane->state:
 *
 *  HANDSHAKE   CONTROL (secured), DRAINING (TLS
 *              refused, deadline)
 *  CONTROL     CARRYING (ordered; with `hold` it does not send yet), FAULTED (the peer broke the
 *              protocol), DRAINING
 *  CARRYING    FAULTED, DRAINING
 *  FAULTED     DRAINING (ordered: the goodbye is queued)
 *  DRAINING    CLOSED (the peer has closed, or LANE_FLUSH_MS are over)
 *
 * A connection that fails, or that an order cuts, goes to CLOSED at once from any state.
 *
 * Bursts, in the other files, never end a lane: they return a verdict. Each wake-up (socket, TUN
 * queue, order, timer) ends with conclude(). It acts on the verdict, sets what epoll watches, and
 * returns buffers, once.
 *
 * Handshakes take turns, WORKER_HANDSHAKES in each round of the loop, behind the packets that have
 * come. So a flood of handshakes takes the time that packets leave.
 *
 * Closing a socket with unread bytes sends a reset, which would overtake our goodbye or alert. So
 * draining ends our direction and discards what still comes. The lane closes when the peer closes,
 * or at its deadline.
 */

static void set_state(struct lane *lane, enum lane_state state)
{
	lane->state = state;
}

/* Watches the events that the state and the buffers need. */
static void set_events(struct lane *lane)
{
	/* While the paths are full the socket is writable; a timer tells when they are not. */
	bool waits = lane_has_backlog(lane) ||
		(!flow_queue_is_empty(lane->queue) && !lane->held.running);
	uint32_t socket_events = waits ? EPOLLOUT : 0u;

	if (lane->state != LANE_FAULTED && !lane->waits && !lane_hears_late(lane))
		socket_events |= EPOLLIN;
	loop_watch_set(lane->worker->loop, &lane->socket_watch, socket_events);
	if (lane->tun_watch.fd >= 0)
		loop_watch_set(lane->worker->loop, &lane->tun_watch,
			lane->state == LANE_CARRYING ? EPOLLIN : 0u);
}

/* Drops the queue's packets: only a lane that carries sends them. */
static void release_queue(struct lane *lane)
{
	flow_queue_free(lane->queue);
	lane->queue = NULL;
}

static void return_buffers(struct lane *lane)
{
	lane_output_return(lane);
	worker_return_plain(lane->worker, lane->plain);
	lane->plain = NULL;
	lane->plain_len = 0;
	release_queue(lane);
	lane_free_messages(lane);
	lane_hear_nothing(lane);
}

static void end_waiting(struct lane *lane)
{
	if (lane->waits)
		TAILQ_REMOVE(&lane->worker->turns, lane, turn);
	lane->waits = false;
}

static void close_now(struct lane *lane)
{
	struct loop *loop = lane->worker->loop;
	int fd = lane->socket_watch.fd;

	set_state(lane, LANE_CLOSED);
	end_waiting(lane);
	loop_timer_stop(loop, &lane->deadline);
	loop_timer_stop(loop, &lane->idle);
	loop_timer_stop(loop, &lane->path);
	loop_timer_stop(loop, &lane->paths);
	loop_timer_stop(loop, &lane->held);
	loop_timer_stop(loop, &lane->unheard_timer);
	loop_watch_remove(loop, &lane->tun_watch);
	loop_watch_remove(loop, &lane->socket_watch);
	close(fd);
	return_buffers(lane);
	tls_free(lane->tls);
	lane->tls = NULL;
	filter_unref(lane->filter);
	lane->filter = NULL;

	struct lane_report *report = lane->ended_report;
	lane->ended_report = NULL;
	lane_report_post(lane, report);
}

static void deadline_expired(struct loop_timer *timer);

static enum lane_verdict drain(struct lane *lane)
{
	struct loop *loop = lane->worker->loop;

	if (lane->state >= LANE_DRAINING)
		return LANE_GOES_ON;
	set_state(lane, LANE_DRAINING);
	end_waiting(lane);
	release_queue(lane);
	lane_hear_nothing(lane);
	loop_watch_remove(loop, &lane->tun_watch);
	loop_timer_start(loop, &lane->deadline, mono_add(mono_now(), DURATION_MS(LANE_FLUSH_MS)),
		deadline_expired);
	return lane_flush(lane);
}

static enum lane_verdict fault(struct lane *lane)
{
	if (lane->state != LANE_CONTROL && lane->state != LANE_CARRYING)
		return LANE_GOES_ON;
	struct lane_report *report = lane_report_new(lane, LANE_REPORT_FAULT, 0);
	if (!report)
		return lane_must_close(lane, LANE_END_INTERNAL, "out of memory");
	report->fault.code = lane->fault_code;
	report->fault.problem = lane->ended_report->ended.problem;
	loop_timer_stop(lane->worker->loop, &lane->deadline); /* the goodbye has its own */
	set_state(lane, LANE_FAULTED);
	release_queue(lane);
	lane_hear_nothing(lane);
	lane_report_post(lane, report);
	return LANE_GOES_ON;
}

static enum lane_verdict secured(struct lane *lane)
{
	lane->chain = tls_peer_chain_new(lane->tls);
	struct lane_report *report = lane->chain ? lane_report_new(lane, LANE_REPORT_SECURED, 0)
						 : NULL;
	if (!report)
		return lane_must_close(lane, LANE_END_INTERNAL, "out of memory");
	struct lane_peer *peer = &report->secured.peer;
	peer->names = peer_names_ref(tls_peer_names(lane->tls));
	if (peer->names)
		peer->identity = peer->names->plain;
	snprintf(peer->cipher, sizeof(peer->cipher), "%s", tls_cipher(lane->tls));
	snprintf(peer->group, sizeof(peer->group), "%s", tls_group(lane->tls));
	peer->not_before = tls_peer_not_before(lane->tls);
	peer->not_after = tls_peer_not_after(lane->tls);
	peer->valid_until = tls_peer_valid_until(lane->tls);
	problem_set(&report->secured.notice, "%s", tls_peer_notice(lane->tls));
	set_state(lane, LANE_CONTROL);
	lane_report_post(lane, report);
	/* Data that the peer sent right behind its handshake may already be here. */
	return lane_read_records(lane);
}

/*
 * Returns the TLS library's buffers when the lane is not busy. A busy lane keeps them, so that
 * packets need no allocation; a lane that only pings needs them for a moment.
 */
static void release_tls_buffers(struct lane *lane)
{
	if (!lane->busy && lane->state <= LANE_CARRYING)
		tls_release_buffers(lane->tls);
}

static uint64_t bytes_passed(const struct lane *lane)
{
	return counter_read(&lane->counters.sent_bytes) +
		counter_read(&lane->counters.received_bytes);
}

/*
 * Checks whether the lane was used since the last time. If not, it is not busy any more, and the
 * timer stops, unless data is still unacknowledged.
 */
static void idle_expired(struct loop_timer *timer)
{
	struct lane *lane = container_of(timer, struct lane, idle);
	uint64_t now = bytes_passed(lane);
	unsigned look_ms = lane_path_look(lane);

	if (now == lane->idle_mark && look_ms == 0) {
		lane->busy = false;
		if (flow_queue_is_empty(lane->queue))
			release_queue(lane);
		release_tls_buffers(lane);
		return;
	}
	lane->idle_mark = now;
	loop_timer_start(lane->worker->loop, timer,
		mono_add(mono_now(), DURATION_MS(look_ms > 0 ? look_ms : LANE_IDLE_MS)),
		idle_expired);
}

/* Starts the idle timer again if bytes have passed since it last expired. */
static void watch_idle(struct lane *lane)
{
	if (!lane->idle.running && lane->state < LANE_DRAINING &&
		bytes_passed(lane) != lane->idle_mark)
		loop_timer_start(lane->worker->loop, &lane->idle,
			mono_add(mono_now(), DURATION_MS(LANE_IDLE_MS)), idle_expired);
}

static void unheard_expired(struct loop_timer *timer);

static void watch_unheard(struct lane *lane)
{
	if (lane_hears_late(lane) && !lane->unheard_timer.running)
		loop_timer_start(lane->worker->loop, &lane->unheard_timer, lane_hears_next(lane),
			unheard_expired);
}

/* Ends a wake-up. Acting on a verdict can make another one; CLOSED is the last. */
static void conclude(struct lane *lane, enum lane_verdict verdict)
{
	while (verdict != LANE_GOES_ON && lane->state != LANE_CLOSED) {
		lane->verdict = LANE_GOES_ON;
		switch (verdict) {
		case LANE_GOES_ON:
			break;
		case LANE_SECURED:
			verdict = secured(lane);
			break;
		case LANE_FAULTS:
			verdict = fault(lane);
			break;
		case LANE_DRAINS:
			verdict = drain(lane);
			break;
		case LANE_CLOSES:
			close_now(lane);
			break;
		}
	}
	if (lane->state == LANE_CLOSED)
		return;
	set_events(lane);
	watch_unheard(lane);
	watch_idle(lane);
	lane_congestion_watch(lane);
	lane_path_watch(lane);
	release_tls_buffers(lane);
}

/* Only a verified peer learns why. */
static enum lane_verdict too_late(struct lane *lane)
{
	switch (lane->state) {
	case LANE_CONTROL:
		return lane_must_fault(lane, GOODBYE_DEADLINE, "no hello or welcome came in time");
	case LANE_CARRYING:
		return lane_must_drain(lane, LANE_END_DEADLINE, "join was not answered in time");
	case LANE_HANDSHAKE:
	case LANE_FAULTED:
		return lane_must_drain(
			lane, LANE_END_DEADLINE, "the TLS handshake was not finished in time");
	case LANE_DRAINING:
		return lane_must_close(lane, LANE_END_ORDERED, NULL);
	case LANE_CLOSED:
		break;
	}
	return LANE_GOES_ON;
}

static void deadline_expired(struct loop_timer *timer)
{
	struct lane *lane = container_of(timer, struct lane, deadline);

	conclude(lane, too_late(lane));
}

static void unheard_expired(struct loop_timer *timer)
{
	struct lane *lane = container_of(timer, struct lane, unheard_timer);

	conclude(lane, lane_hears_late(lane) ? lane_hear_late(lane) : LANE_GOES_ON);
}

/* Starts a round of handshakes behind what has come until then. */
static void take_turns(struct loop_timer *timer)
{
	struct worker *worker = container_of(timer, struct worker, turn);

	for (int i = 0; i < WORKER_HANDSHAKES && !TAILQ_EMPTY(&worker->turns); i++) {
		struct lane *lane = TAILQ_FIRST(&worker->turns);

		end_waiting(lane);
		conclude(lane, lane_receive(lane));
	}
	if (!TAILQ_EMPTY(&worker->turns))
		loop_timer_start(worker->loop, &worker->turn, mono_now(), take_turns);
}

static enum lane_verdict wait_for_turn(struct lane *lane, uint32_t events)
{
	struct worker *worker = lane->worker;

	/* Nobody is left to shake hands with. */
	if (lane->waits && (events & (EPOLLHUP | EPOLLERR)))
		return lane_must_close(lane, LANE_END_BROKEN, "connection reset");
	if (lane->waits)
		return LANE_GOES_ON;
	TAILQ_INSERT_TAIL(&worker->turns, lane, turn);
	lane->waits = true;
	if (!worker->turn.running)
		loop_timer_start(worker->loop, &worker->turn, mono_now(), take_turns);
	return LANE_GOES_ON;
}

static enum lane_verdict arrived(struct lane *lane, uint32_t events)
{
	if (lane->state == LANE_DRAINING)
		return lane_discard(lane);
	if (lane->state == LANE_HANDSHAKE)
		return wait_for_turn(lane, events);
	if (lane->state < LANE_FAULTED && !lane_hears_late(lane))
		return lane_receive(lane);
	if (events & (EPOLLHUP | EPOLLERR))
		return lane_must_close(lane, LANE_END_BROKEN, "connection reset");
	return LANE_GOES_ON;
}

static void socket_ready(struct loop_watch *watch, uint32_t events)
{
	struct lane *lane = container_of(watch, struct lane, socket_watch);
	enum lane_verdict verdict = LANE_GOES_ON;

	if (events & EPOLLOUT)
		verdict = lane_flush(lane);
	if (verdict == LANE_GOES_ON && events & (EPOLLIN | EPOLLHUP | EPOLLERR))
		verdict = arrived(lane, events);
	conclude(lane, verdict);
}

static void held_expired(struct loop_timer *timer)
{
	struct lane *lane = container_of(timer, struct lane, held);

	conclude(lane, lane_flush(lane));
}

static void tun_ready(struct loop_watch *watch, uint32_t events)
{
	struct lane *lane = container_of(watch, struct lane, tun_watch);
	enum lane_verdict verdict = LANE_GOES_ON;

	if (events & (EPOLLERR | EPOLLHUP))
		verdict = lane_must_drain(
			lane, LANE_END_TUN, "the interface does not exist any more");
	else if (lane->state == LANE_CARRYING)
		verdict = lane_send_tun(lane);
	conclude(lane, verdict);
}

/* ---- orders ---- */

static enum lane_verdict do_start(struct lane *lane, struct mono deadline)
{
	int fd = lane->socket_watch.fd;
	int r = loop_watch_add(lane->worker->loop, &lane->socket_watch, fd, EPOLLIN, socket_ready);
	if (r < 0)
		return lane_must_close(lane, LANE_END_INTERNAL, "epoll refuses the connection");
	rate_init(&lane->control_rate, LANE_CONTROL_PER_SECOND, LANE_CONTROL_BURST, mono_now());
	loop_timer_start(lane->worker->loop, &lane->deadline, deadline, deadline_expired);
	return lane_handshake_step(lane);
}

static void do_admit(struct lane *lane)
{
	if (lane->state == LANE_CONTROL)
		loop_timer_stop(lane->worker->loop, &lane->deadline);
}

static enum lane_verdict do_carry_on(struct lane *lane)
{
	struct loop *loop = lane->worker->loop;

	if (lane->state != LANE_CARRYING || lane->tun_watch.fd >= 0)
		return LANE_GOES_ON;
	loop_timer_stop(loop, &lane->deadline);
	if (loop_watch_add(loop, &lane->tun_watch, lane->tun_fd, EPOLLIN, tun_ready) < 0) {
		lane->tun_watch.fd = -1;
		return lane_must_drain(lane, LANE_END_TUN, "epoll refuses the tunnel interface");
	}
	if (lane->discard)
		lane_discard_tun(lane);
	return LANE_GOES_ON;
}

static enum lane_verdict do_carry(struct lane *lane, const struct lane_carry *carry)
{
	if (lane->state != LANE_CONTROL) {
		filter_unref(carry->filter);
		return LANE_GOES_ON;
	}
	lane->offloads_read = carry->offloads_read;
	lane->offloads_send = carry->offloads_send;
	lane->offloads_accept = carry->offloads_accept;
	lane->gro = carry->gro;
	filter_unref(lane->filter);
	lane->filter = carry->filter;
	lane_path_limit(lane, carry->dead_after);
	lane->held_expired = held_expired;
	lane_congestion_begin(lane, carry->choose_congestion);
	lane->tun_fd = carry->tun_fd;
	lane->discard = carry->discard;
	set_state(lane, LANE_CARRYING);
	return carry->hold ? LANE_GOES_ON : do_carry_on(lane);
}

static void do_filter(struct lane *lane, struct filter *filter)
{
	if (lane->state != LANE_CARRYING) {
		filter_unref(filter);
		return;
	}
	filter_unref(lane->filter);
	lane->filter = filter;
}

/* A reset leaves nothing in the kernel, whatever the peer does. */
static enum lane_verdict do_cut(struct lane *lane)
{
	const struct linger none = { .l_onoff = 1, .l_linger = 0 };

	if (lane->state == LANE_CLOSED)
		return LANE_GOES_ON;
	(void)setsockopt(lane->socket_watch.fd, SOL_SOCKET, SO_LINGER, &none,
		sizeof(none)); /* else it closes normally */
	return lane_must_close(lane, LANE_END_ORDERED, NULL);
}

static enum lane_verdict do_order(struct lane *lane, const struct lane_order *order)
{
	switch (order->kind) {
	case LANE_ORDER_START:
		return do_start(lane, order->deadline);
	case LANE_ORDER_ADMIT:
		do_admit(lane);
		break;
	case LANE_ORDER_CONTROL:
		return lane_send_message(lane, order->message);
	case LANE_ORDER_CARRY:
		return do_carry(lane, &order->carry);
	case LANE_ORDER_CARRY_ON:
		return do_carry_on(lane);
	case LANE_ORDER_FILTER:
		do_filter(lane, order->filter);
		break;
	case LANE_ORDER_END:
		return lane_must_drain(lane, LANE_END_ORDERED, NULL);
	case LANE_ORDER_CUT:
		return do_cut(lane);
	case LANE_ORDER_RELEASE:
		break; /* lane_deliver_order() has freed it */
	}
	return LANE_GOES_ON;
}

void lane_deliver_order(struct worker *worker, struct mail *mail)
{
	struct lane_order *order = container_of(mail, struct lane_order, mail);
	struct lane *lane = order->lane;

	(void)worker;
	if (order->kind == LANE_ORDER_RELEASE) {
		tls_peer_chain_unref(lane->chain);
		free(lane);
		return;
	}
	conclude(lane, do_order(lane, order));
	lane_order_free(order);
}
