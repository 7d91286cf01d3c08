/* SPDX-License-Identifier: Apache-2.0 */
#include "lane/lane_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/container.h"
#include "base/log.h"
#include "wire/frame.h"

/*
 * The orders and reports between the main thread and a lane: how they are made, and the main
 * thread's side of both. Orders that must not fail (start, admit, end, cut, release) are part of
 * the lane; the others are allocated.
 */

static void post(struct lane *lane, struct lane_order *order, enum lane_order_kind kind)
{
	order->kind = kind;
	order->lane = lane;
	mailbox_post(&lane->worker->orders, &order->mail);
}

void lane_order_free(struct lane_order *order)
{
	switch (order->kind) {
	case LANE_ORDER_START:
	case LANE_ORDER_ADMIT:
	case LANE_ORDER_END:
	case LANE_ORDER_CUT:
	case LANE_ORDER_RELEASE:
		break;
	case LANE_ORDER_CONTROL:
	case LANE_ORDER_CARRY:
	case LANE_ORDER_CARRY_ON:
	case LANE_ORDER_FILTER:
		free(order);
		break;
	}
}

struct lane_report *lane_report_new(struct lane *lane, enum lane_report_kind kind, size_t data_len)
{
	struct lane_report *report = calloc(1, sizeof(*report) + data_len);
	if (report) {
		report->kind = kind;
		report->lane = lane;
	}
	return report;
}

void lane_report_post(struct lane *lane, struct lane_report *report)
{
	mailbox_post(lane->worker->reports, &report->mail);
}

/* Called before the worker owns the socket. */
static struct addr local_of(int socket_fd)
{
	struct sockaddr_storage sa;
	socklen_t len = sizeof(sa);
	struct endpoint local = { 0 };

	if (getsockname(socket_fd, (struct sockaddr *)&sa, &len) < 0 ||
		endpoint_from_sockaddr((struct sockaddr *)&sa, len, &local) < 0)
		return (struct addr){ .family = AF_UNSPEC };
	return local.addr;
}

int lane_new(struct worker *worker, struct tls_context *tls, enum tls_role role, int socket_fd,
	struct mono deadline, struct lane_owner *owner, struct lane **ret_lane)
{
	struct lane *lane = calloc(1, sizeof(*lane));
	if (!lane)
		return -ENOMEM;
	*lane = (struct lane){
		.owner = owner,
		.local = local_of(socket_fd),
		.worker = worker,
		.role = role,
		.state = LANE_HANDSHAKE,
		.socket_watch = { .fd = socket_fd },
		.tun_watch = { .fd = -1 },
		.tun_fd = -1,
		.framer = &framer_native,
		.start_order = { .deadline = deadline },
	};
	STAILQ_INIT(&lane->messages);
	STAILQ_INIT(&lane->unheard);
	outflow_init(&lane->outflow);
	atomic_store(&lane->counters.heard_ns, mono_now().ns);
	lane->ended_report = lane_report_new(lane, LANE_REPORT_ENDED, 0);
	if (!lane->ended_report || tls_new(tls, &lane->tls) < 0) {
		free(lane->ended_report);
		free(lane);
		return -ENOMEM;
	}
	worker->lane_count++;
	post(lane, &lane->start_order, LANE_ORDER_START);
	*ret_lane = lane;
	return 0;
}

void lane_set_owner(struct lane *lane, struct lane_owner *owner)
{
	lane->owner = owner;
}

void lane_hear(struct lane *lane, const uint8_t *data, size_t len)
{
	lane->owner->control(lane->owner, lane, data, len);
}

int lane_send_control(struct lane *lane, const void *payload, size_t len)
{
	if (len > FRAME_CONTROL_MAX)
		return -EMSGSIZE;
	struct lane_order *order = calloc(1, sizeof(*order));
	struct lane_message *message = malloc(sizeof(*message) + len);
	if (!order || !message) {
		free(order);
		free(message);
		return -ENOMEM;
	}
	message->len = len;
	memcpy(message->data, payload, len);
	order->message = message;
	post(lane, order, LANE_ORDER_CONTROL);
	return 0;
}

int lane_carry(struct lane *lane, const struct lane_carry *carry)
{
	struct lane_order *order = calloc(1, sizeof(*order));
	if (!order)
		return -ENOMEM;
	order->carry = *carry;
	filter_ref(carry->filter);
	post(lane, order, LANE_ORDER_CARRY);
	return 0;
}

int lane_carry_on(struct lane *lane)
{
	struct lane_order *order = calloc(1, sizeof(*order));
	if (!order)
		return -ENOMEM;
	post(lane, order, LANE_ORDER_CARRY_ON);
	return 0;
}

int lane_set_filter(struct lane *lane, struct filter *filter)
{
	struct lane_order *order = calloc(1, sizeof(*order));
	if (!order)
		return -ENOMEM;
	order->filter = filter_ref(filter);
	post(lane, order, LANE_ORDER_FILTER);
	return 0;
}

void lane_admit(struct lane *lane)
{
	if (lane->admit_ordered)
		return;
	lane->admit_ordered = true;
	post(lane, &lane->admit_order, LANE_ORDER_ADMIT);
}

void lane_end(struct lane *lane)
{
	if (lane->end_ordered)
		return;
	lane->end_ordered = true;
	post(lane, &lane->end_order, LANE_ORDER_END);
}

void lane_cut(struct lane *lane)
{
	if (lane->cut_ordered)
		return;
	lane->cut_ordered = true;
	post(lane, &lane->cut_order, LANE_ORDER_CUT);
}

void lane_release(struct lane *lane)
{
	if (!lane || lane->release_ordered)
		return;
	lane->release_ordered = true;
	lane->worker->lane_count--;
	post(lane, &lane->release_order, LANE_ORDER_RELEASE);
}

struct addr lane_local(const struct lane *lane)
{
	return lane->local;
}

unsigned lane_worker(const struct lane *lane)
{
	return lane->worker->index;
}

int64_t lane_valid_until(const struct lane *lane)
{
	return lane->valid_until;
}

struct tls_peer_chain *lane_take_chain(struct lane *lane)
{
	struct tls_peer_chain *chain = lane->chain;

	lane->chain = NULL;
	return chain;
}

struct stray *lane_stray(struct lane *lane)
{
	return &lane->counters.stray;
}

const struct lane_counters *lane_counters(const struct lane *lane)
{
	return &lane->counters;
}

struct mono lane_heard(const struct lane *lane)
{
	return (struct mono){ .ns = atomic_load_explicit(
				      &lane->counters.heard_ns, memory_order_relaxed) };
}

const char *lane_end_text(enum lane_end end)
{
	switch (end) {
	case LANE_END_ORDERED:
		return "closed";
	case LANE_END_HANDSHAKE:
		return "TLS handshake failed";
	case LANE_END_DEADLINE:
		return "deadline passed";
	case LANE_END_CLOSED:
		return "the other end closed the connection";
	case LANE_END_BROKEN:
		return "connection failed";
	case LANE_END_STUCK:
		return "the other end does not read";
	case LANE_END_TUN:
		return "tunnel interface failed";
	case LANE_END_INTERNAL:
		return "internal failure";
	}
	return "unknown";
}

void lane_deliver_report(struct mail *mail)
{
	struct lane_report *report = container_of(mail, struct lane_report, mail);
	struct lane *lane = report->lane;
	struct lane_owner *owner = lane->owner;

	switch (report->kind) {
	case LANE_REPORT_SECURED:
		if (report->secured.notice.text[0] != '\0')
			log_warning("%s: %s",
				report->secured.peer.identity.name[0] != '\0'
					? report->secured.peer.identity.name
					: "a peer",
				report->secured.notice.text);
		lane->valid_until = report->secured.peer.valid_until;
		owner->secured(owner, lane, &report->secured.peer);
		peer_names_unref(report->secured.peer.names);
		break;
	case LANE_REPORT_CONTROL:
		owner->control(owner, lane, report->data, report->len);
		break;
	case LANE_REPORT_FAULT:
		owner->fault(owner, lane, report->fault.code, report->fault.problem.text);
		break;
	case LANE_REPORT_DOUBT:
		if (owner->doubted)
			owner->doubted(owner, lane);
		break;
	case LANE_REPORT_CONGESTION:
		if (owner->congestion)
			owner->congestion(owner, lane, &report->congestion);
		break;
	case LANE_REPORT_SILENT:
		if (owner->silent)
			owner->silent(owner, lane, &report->silent);
		break;
	case LANE_REPORT_ENDED:
		owner->ended(owner, lane, report->ended.end, report->ended.problem.text);
		break;
	}
	free(report);
}
