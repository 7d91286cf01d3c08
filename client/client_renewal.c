/* SPDX-License-Identifier: Apache-2.0 */
#include "client/client_renewal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/container.h"
#include "base/error_text.h"
#include "base/file.h"
#include "base/log.h"
#include "client/renewed_files.h"
#include "engine/delivery.h"
#include "engine/engine.h"
#include "engine/peers_certificates.h"
#include "engine/session.h"

static struct client_renewal *owner(struct renewal *renewal)
{
	return container_of(renewal, struct client_renewal, renewal);
}

/* ---- the files ---- */

/* A file's bytes, owned. */
struct text {
	char *data;
	size_t len;
};

static struct view view_of(const struct text *text)
{
	return (struct view){ .data = (const uint8_t *)text->data, .len = text->len };
}

static void text_free(struct text *text)
{
	if (text->data)
		explicit_bzero(text->data, text->len);
	free(text->data);
	*text = (struct text){ .data = NULL };
}

/* A file that is not there is empty, and so is one that cannot be read. */
static void read_file(const struct client_renewal *renewal, const char *name, struct text *ret_text)
{
	int fd = openat(renewal->engine->state_dir_fd, name,
		O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	int r = fd < 0 ? -errno : file_read_fd(fd, &ret_text->data, &ret_text->len);

	if (fd >= 0)
		close(fd);
	if (r == 0)
		return;
	*ret_text = (struct text){ .data = NULL };
	if (r != -ENOENT)
		log_error("cannot read %s/%s: %s", renewal->engine->settings->state_dir, name,
			error_text(r));
}

static int write_file(const struct client_renewal *renewal, const char *name, const void *data,
	size_t len, struct problem *problem)
{
	int r = file_replace_at(renewal->engine->state_dir_fd, name, data, len);

	if (r < 0)
		problem_set(problem, "cannot write %s/%s: %s; the old one stays",
			renewal->engine->settings->state_dir, name, error_text(r));
	return r;
}

/* ---- the context ---- */

/* Lanes begin with the new one, and by it the server's certificate is judged from now on. */
static void use(struct engine *engine, struct tls_context *next)
{
	struct tls_context *past = engine->tls;

	engine->tls = next;
	engine->world.identity = tls_context_identity(next);
	peers_judge_certificates(&engine->peers, next);
	/* It borrows the context. */
	validity_watch_follow(&engine->validity, engine->world.loop, engine->settings, next);
	tls_context_unref(past);
}

static void log_used(const struct client_renewal *renewal, const struct tls_renewed *renewed)
{
	const char *directory = renewal->engine->settings->state_dir;

	if (renewed->pair)
		log_info("the certificate is the renewed one in %s", directory);
	else if (renewed->pair_refused.text[0])
		log_warning("%s/" RENEWED_PAIR_FILE " is not used: %s", directory,
			renewed->pair_refused.text);
	if (renewed->trust_refused.text[0])
		log_warning("%s/" RENEWED_TRUST_FILE " is not used: %s", directory,
			renewed->trust_refused.text);
}

/* Uses what lies in the state directory, as far as it fits. */
static void take_files(struct client_renewal *renewal)
{
	struct text pair = { .data = NULL }, trust = { .data = NULL };
	struct tls_context *next = NULL;
	struct problem problem = { 0 };
	struct tls_renewed renewed;
	struct view pair_view, trust_view;

	read_file(renewal, RENEWED_PAIR_FILE, &pair);
	read_file(renewal, RENEWED_TRUST_FILE, &trust);
	pair_view = view_of(&pair);
	trust_view = view_of(&trust);
	if (pair.len > 0 || trust.len > 0) {
		if (tls_renewal_context(renewal->base, &trust_view, &pair_view, &next, &renewed,
			    &problem) == 0) {
			log_used(renewal, &renewed);
			use(renewal->engine, next);
		} else {
			log_error("cannot use what was renewed: %s",
				problem.text[0] ? problem.text : "out of memory");
		}
	}
	text_free(&pair);
	text_free(&trust);
}

/* ---- events ---- */

static bool send_message(struct renewal *renewal, const struct message *message)
{
	struct session *session = *owner(renewal)->session;

	return session && session_send_renewal(session, message);
}

static void validity(struct renewal *renewal, struct tls_validity *ret_validity)
{
	tls_context_validity(owner(renewal)->engine->tls, ret_validity);
}

static int make(struct renewal *renewal, struct tls_request *ret_request, struct problem *problem)
{
	return tls_request_make(owner(renewal)->engine->tls, ret_request, problem);
}

/* Verified first, then on the disk, then in use. */
static int take_pair(struct renewal *renewal, const struct view *pair, struct problem *problem)
{
	struct client_renewal *client = owner(renewal);
	struct text trust = { .data = NULL };
	struct tls_context *next = NULL;
	struct tls_renewed renewed;
	struct view trust_view;
	int r;

	read_file(client, RENEWED_TRUST_FILE, &trust);
	trust_view = view_of(&trust);
	r = tls_renewal_context(client->base, &trust_view, pair, &next, &renewed, problem);
	text_free(&trust);
	if (r == 0 && !renewed.pair) {
		problem_set(
			problem, "the new certificate does not fit: %s", renewed.pair_refused.text);
		r = -EACCES;
	}
	if (r == 0)
		r = write_file(client, RENEWED_PAIR_FILE, pair->data, pair->len, problem);
	if (r < 0) {
		tls_context_unref(next);
		return r;
	}
	use(client->engine, next);
	log_notice("the certificate is renewed; connecting with it beside the old connection");
	client->renewed(client);
	return 0;
}

/* What is trusted now vouches for the new bundle, and the old one stays beside it. */
static int join_bundles(const struct client_renewal *client, const struct view *bundle,
	struct tls_trust *ret_new, struct tls_trust *ret_all, struct problem *problem)
{
	struct tls_texts now = { .certificate = NULL }, profile = { .certificate = NULL };
	struct text old = { .data = NULL };
	char *both = NULL;
	int r = tls_context_export(client->engine->tls, &now);

	if (r == 0)
		r = tls_context_export(client->base, &profile);
	if (r == 0) {
		struct view trusted = { .data = (const uint8_t *)now.ca, .len = strlen(now.ca) };

		r = tls_trust_join(&trusted, bundle, true, ret_new, problem);
	}
	if (r == 0) {
		read_file(client, RENEWED_TRUST_FILE, &old);
		both = malloc(old.len + ret_new->len + 1);
		r = both ? 0 : -ENOMEM;
	}
	if (r == 0) {
		struct view trusted = { .data = (const uint8_t *)profile.ca,
			.len = strlen(profile.ca) };
		struct view all = { .data = (const uint8_t *)both, .len = old.len + ret_new->len };

		if (old.len > 0)
			memcpy(both, old.data, old.len);
		memcpy(&both[old.len], ret_new->pem, ret_new->len);
		r = tls_trust_join(&trusted, &all, false, ret_all, problem);
	}
	text_free(&old);
	tls_texts_free(&now);
	tls_texts_free(&profile);
	free(both);
	return r;
}

static void log_trust(const struct tls_trust *added)
{
	if (added->added > 0)
		log_notice("trusting %u more authorities, for which one vouches already: %s",
			added->added, added->names);
	if (added->refused > 0)
		log_info(
			"%u certificates in the server's bundle were left out: nothing trusted vouches for them",
			added->refused);
	if (added->lists > 0)
		log_info("took %u revocation lists from the server", added->lists);
}

static int take_trust(struct renewal *renewal, const struct view *bundle, struct problem *problem)
{
	struct client_renewal *client = owner(renewal);
	struct tls_trust added = { .pem = NULL }, all = { .pem = NULL };
	int r = join_bundles(client, bundle, &added, &all, problem);

	if (r == 0)
		r = write_file(client, RENEWED_TRUST_FILE, all.pem, all.len, problem);
	if (r == 0) {
		log_trust(&added);
		take_files(client);
	}
	free(added.pem);
	free(all.pem);
	return r;
}

static const struct renewal_events events = {
	.send = send_message,
	.validity = validity,
	.make = make,
	.take_pair = take_pair,
	.take_trust = take_trust,
};

/* ---- its life ---- */

/* By the certificate that is used: that in the profile may have ended long ago. */
static void warn_of_dates(const struct client_renewal *renewal)
{
	if (renewal->engine->settings->renew)
		delivery_warn_of_dates(renewal->engine->settings, renewal->engine->tls);
}

void client_renewal_start(struct client_renewal *renewal, struct engine *engine,
	struct session **session, void (*renewed)(struct client_renewal *renewal))
{
	uint64_t random = 0;

	*renewal = (struct client_renewal){
		.engine = engine, .session = session, .renewed = renewed
	};
	/* netd has said why there is no directory. */
	if (!engine->settings->renew || engine->state_dir_fd < 0) {
		warn_of_dates(renewal);
		return;
	}
	if (getrandom(&random, sizeof(random), GRND_NONBLOCK) != (ssize_t)sizeof(random))
		random = (uint64_t)mono_now().ns;
	renewal->base = tls_context_ref(engine->tls);
	take_files(renewal);
	warn_of_dates(renewal);
	renewal_init(&renewal->renewal, engine->world.loop, &events, random);
}

void client_renewal_rebase(struct client_renewal *renewal)
{
	if (renewal->base) {
		tls_context_unref(renewal->base);
		renewal->base = tls_context_ref(renewal->engine->tls);
		take_files(renewal);
		renewal_changed(&renewal->renewal);
	}
	warn_of_dates(renewal);
}

void client_renewal_free(struct client_renewal *renewal)
{
	renewal_free(&renewal->renewal);
	tls_context_unref(renewal->base);
	renewal->base = NULL;
}
