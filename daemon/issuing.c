/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/issuing.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/container.h"
#include "base/error_text.h"
#include "base/log.h"
#include "engine/session.h"
#include "system/ipc.h"
#include "system/tls_renewal.h"
#include "wire/issue.h"

/* ---- the bundle ---- */

void issuing_trust_changed(struct issuing *issuing, const struct tls_context *tls)
{
	struct issuing_peer *peer;
	char *text = NULL;
	size_t len = 0;

	if (tls_context_bundle(tls, &text, &len) < 0)
		return; /* out of memory: the old one stays */
	if (len > MESSAGE_TRUST_MAX) {
		log_warning(
			"`ca` and `crl` have %zu bytes together; only %d can be sent to clients that renew, so they get none",
			len, MESSAGE_TRUST_MAX);
		free(text);
		text = NULL;
		len = 0;
	}
	free(issuing->bundle);
	issuing->bundle = text;
	issuing->bundle_len = len;
	tls_trust_hash(text ? text : "", len, issuing->hash);
	TAILQ_FOREACH(peer, &issuing->peers, link) {
		struct message message = { .type = MESSAGE_TRUST };

		if (peer->wants_bundle)
			issuing_take(issuing, peer->session, &message);
	}
}

static void send_bundle(const struct issuing *issuing, struct session *session)
{
	struct view whole = { .data = (const uint8_t *)issuing->bundle,
		.len = issuing->bundle_len };
	struct message message = { .type = MESSAGE_TRUST };

	memcpy(message.trust.hash, issuing->hash, sizeof(message.trust.hash));
	for (size_t at = 0; at < whole.len; at += MESSAGE_PIECE_MAX) {
		pieces_cut(&whole, (uint32_t)at, &message.trust.piece);
		if (!session_send_renewal(session, &message))
			return;
	}
	log_info("%s: sent the authorities and revocation lists", session->name.name);
}

static void take_trust(struct issuing_peer *peer, const struct message_trust *trust)
{
	struct issuing *issuing = peer->issuing;

	peer->wants_bundle = true;
	if (!issuing->bundle || memcmp(trust->hash, issuing->hash, sizeof(trust->hash)) == 0 ||
		!rate_take(&peer->bundles, mono_now()))
		return;
	send_bundle(issuing, peer->session);
}

/* ---- answers ---- */

static void answer(struct issuing_peer *peer, uint32_t number, uint8_t verdict,
	uint32_t retry_after_ms, const char *text)
{
	struct message message = { .type = MESSAGE_ISSUED,
		.issued = {
			.number = number, .verdict = verdict, .retry_after_ms = retry_after_ms } };

	(void)snprintf(message.issued.text, sizeof(message.issued.text), "%s", text);
	if (rate_take(&peer->session->log_rate, mono_now()))
		log_notice(
			"%s: its certificate is not renewed: %s", peer->session->name.name, text);
	(void)session_send_renewal(peer->session, &message);
}

static void patience_over(struct loop_timer *timer)
{
	struct issuing_peer *peer = container_of(timer, struct issuing_peer, patience);
	uint32_t number = peer->number;

	peer->number = peer->ours = 0;
	answer(peer, number, MESSAGE_VERDICT_LATER, 30000,
		"the issuing process of the server does not answer");
}

static void send_certificate(struct issuing_peer *peer, uint32_t number, const struct view *whole)
{
	struct message message = { .type = MESSAGE_ISSUED, .issued.number = number };

	for (size_t at = 0; at < whole->len; at += MESSAGE_PIECE_MAX) {
		pieces_cut(whole, (uint32_t)at, &message.issued.piece);
		if (!session_send_renewal(peer->session, &message))
			break;
	}
}

static struct issuing_peer *find(const struct issuing *issuing, uint32_t ours)
{
	struct issuing_peer *peer;

	TAILQ_FOREACH(peer, &issuing->peers, link) {
		if (peer->ours == ours)
			return peer;
	}
	return NULL;
}

/* An answer that nobody waits for is for a session that has ended, or for an engine before. */
static void take_answer(struct issuing *issuing, const struct issue_answer *from)
{
	struct issuing_peer *peer = find(issuing, from->number);
	uint32_t number;

	if (!peer)
		return;
	number = peer->number;
	peer->number = peer->ours = 0;
	loop_timer_stop(issuing->loop, &peer->patience);
	if (from->verdict == MESSAGE_VERDICT_ISSUED)
		send_certificate(peer, number, &from->certificate);
	else
		answer(peer, number, from->verdict, from->retry_after_ms, from->text);
}

static void answers_ready(struct loop_watch *watch, uint32_t events)
{
	struct issuing *issuing = container_of(watch, struct issuing, watch);
	uint8_t data[ISSUE_SIZE_MAX];
	struct issue_answer from;
	size_t len, count;
	int fds[1], r;

	(void)events;
	r = ipc_receive(issuing->fd, data, sizeof(data), &len, fds, 1, &count);
	if (r == 0 && count > 0)
		close(fds[0]);
	if (r == 0)
		r = issue_answer_decode(data, len, &from);
	if (r == 0)
		take_answer(issuing, &from);
	else if (r == -EPIPE)
		loop_watch_remove(issuing->loop, watch);
	else if (r != -EAGAIN)
		log_error("an answer of the issuing process cannot be read: %s", error_text(r));
}

/* ---- requests ---- */

static int ask(struct issuing *issuing, struct issuing_peer *peer)
{
	const struct issue_request request = {
		.number = peer->ours,
		.name = peer->session->name,
		.request = { .data = peer->pieces.data, .len = peer->pieces.total },
	};
	uint8_t *data = malloc(ISSUE_SIZE_MAX);
	struct writer writer;
	int r = data ? 0 : -ENOMEM;

	if (r == 0) {
		writer_init(&writer, data, ISSUE_SIZE_MAX);
		r = issue_request_encode(&writer, &request);
	}
	if (r == 0)
		r = ipc_send(issuing->fd, data, writer.len, NULL, 0);
	free(data);
	return r;
}

static void begin(struct issuing *issuing, struct issuing_peer *peer, uint32_t number)
{
	if (issuing->fd < 0) {
		answer(peer, number, MESSAGE_VERDICT_REFUSED, MESSAGE_LIFETIME_MS_MAX,
			"this server issues no certificates (issuer)");
		return;
	}
	if (++issuing->last == 0)
		issuing->last = 1;
	peer->number = number;
	peer->ours = issuing->last;
	if (ask(issuing, peer) == 0) {
		loop_timer_start(issuing->loop, &peer->patience,
			mono_add(mono_now(), DURATION_S(ISSUING_SECONDS)), patience_over);
		return;
	}
	peer->number = peer->ours = 0;
	answer(peer, number, MESSAGE_VERDICT_LATER, 30000,
		"the issuing process of the server cannot take the request now");
}

static void take_sign(
	struct issuing *issuing, struct issuing_peer *peer, const struct message_sign *sign)
{
	int r;

	if (sign->piece.offset == 0 && !rate_take(&peer->requests, mono_now())) {
		pieces_drop(&peer->pieces);
		answer(peer, sign->number, MESSAGE_VERDICT_LATER, ISSUING_PAUSE_S * 1000,
			"too many requests of this session");
		return;
	}
	r = pieces_take(&peer->pieces, sign->number, &sign->piece, MESSAGE_SIGN_MAX);
	if (r == 0)
		return;
	if (r < 0)
		answer(peer, sign->number, MESSAGE_VERDICT_REFUSED, ISSUING_PAUSE_S * 1000,
			r == -ENOMEM ? "the server is out of memory"
				     : "a piece of the request is missing");
	else if (peer->number != 0)
		answer(peer, sign->number, MESSAGE_VERDICT_LATER, ISSUING_PAUSE_S * 1000,
			"another request of this session is under way");
	else
		begin(issuing, peer, sign->number);
	pieces_drop(&peer->pieces);
}

/* NULL: no memory. */
static struct issuing_peer *peer_of(struct issuing *issuing, struct session *session)
{
	struct issuing_peer *peer = session->renewal;
	struct mono now = mono_now();

	if (peer)
		return peer;
	peer = calloc(1, sizeof(*peer));
	if (!peer)
		return NULL;
	peer->session = session;
	peer->issuing = issuing;
	rate_init(&peer->requests, 1.0 / ISSUING_PAUSE_S, ISSUING_BURST, now);
	rate_init(&peer->bundles, 1.0 / ISSUING_PAUSE_S, ISSUING_BURST, now);
	session->renewal = peer;
	TAILQ_INSERT_TAIL(&issuing->peers, peer, link);
	return peer;
}

void issuing_take(struct issuing *issuing, struct session *session, const struct message *message)
{
	struct issuing_peer *peer = peer_of(issuing, session);

	if (!peer)
		return; /* the client asks again */
	if (message->type == MESSAGE_SIGN)
		take_sign(issuing, peer, &message->sign);
	else if (message->type == MESSAGE_TRUST)
		take_trust(peer, &message->trust);
}

void issuing_forget(struct session *session)
{
	struct issuing_peer *peer = session->renewal;

	if (!peer)
		return;
	loop_timer_stop(peer->issuing->loop, &peer->patience);
	TAILQ_REMOVE(&peer->issuing->peers, peer, link);
	pieces_drop(&peer->pieces);
	free(peer);
	session->renewal = NULL;
}

int issuing_init(struct issuing *issuing, struct loop *loop, int fd, const struct tls_context *tls)
{
	*issuing = (struct issuing){ .loop = loop, .fd = fd, .watch.fd = -1 };
	TAILQ_INIT(&issuing->peers);
	issuing_trust_changed(issuing, tls);
	return fd < 0 ? 0 : loop_watch_add(loop, &issuing->watch, fd, EPOLLIN, answers_ready);
}

void issuing_free(struct issuing *issuing)
{
	if (!issuing->loop)
		return;
	loop_watch_remove(issuing->loop, &issuing->watch);
	while (!TAILQ_EMPTY(&issuing->peers))
		issuing_forget(TAILQ_FIRST(&issuing->peers)->session);
	free(issuing->bundle);
	issuing->bundle = NULL;
}
