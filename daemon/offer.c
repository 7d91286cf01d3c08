/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/offer.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "base/container.h"
#include "base/error_text.h"
#include "base/log.h"
#include "daemon/leases.h"
#include "daemon/pool.h"
#include "system/tun.h"
#include "wire/feature.h"

enum { OFFER_SAVE_MS = 200 };

static void save_leases(const struct offer *offer)
{
	if (!offer->pool || offer->state_dir_fd < 0)
		return;
	int r = leases_save(offer->state_dir_fd, offer->pool);
	if (r < 0)
		log_error(
			"cannot write the leases to %s/%s: %s; peers may get other addresses after a restart",
			offer->settings->state_dir, LEASES_FILE, error_text(r));
}

static void save_due(struct loop_timer *timer)
{
	save_leases(container_of(timer, struct offer, save));
}

static void save_soon(struct offer *offer)
{
	if (!offer->stopped && !offer->save.running)
		loop_timer_start(offer->loop, &offer->save,
			mono_add(mono_now(), DURATION_MS(OFFER_SAVE_MS)), save_due);
}

int offer_init(struct offer *offer, struct problem *problem)
{
	size_t left_out;

	int r = pool_new(offer->settings, &offer->pool);
	if (r < 0) {
		problem_set(problem, "cannot make the address pool: %s", error_text(r));
		return r;
	}
	if (offer->state_dir_fd < 0)
		return 0;
	r = leases_load(offer->state_dir_fd, offer->pool, &left_out, problem);
	if (r < 0)
		log_error("cannot restore the leases: %s; peers may get other addresses",
			problem->text);
	else if (left_out > 0)
		log_warning(
			"dropped %zu leases: they do not fit the configuration any more", left_out);
	*problem = (struct problem){ 0 };
	return 0;
}

static int restore(const struct pool_lease *lease, void *context)
{
	int r = pool_restore(context, lease);

	return r == -ENOMEM ? r : 0; /* one that does not fit any more is left out */
}

int offer_follow(struct offer *offer, struct problem *problem)
{
	struct pool *pool = NULL;
	int r = pool_new(offer->settings, &pool);

	if (r == 0)
		r = pool_each(offer->pool, restore, pool);
	if (r < 0) {
		problem_set(problem, "cannot make the address pool: %s", error_text(r));
		pool_free(pool);
		return r;
	}
	pool_free(offer->pool);
	offer->pool = pool;
	save_soon(offer);
	return 0;
}

void offer_stop(struct offer *offer)
{
	offer->stopped = true;
	if (offer->pool)
		loop_timer_stop(offer->loop, &offer->save);
	save_leases(offer);
}

void offer_free(struct offer *offer)
{
	offer_stop(offer);
	pool_free(offer->pool);
	offer->pool = NULL;
}

/*
 * Waits until the kernel has random numbers; up to 256 bytes come at once. Negative errno of
 * getrandom(2); -EIO: fewer came.
 */
static int take_random(void *data, size_t len)
{
	ssize_t got = getrandom(data, len, 0);

	if (got < 0)
		return -errno;
	return (size_t)got == len ? 0 : -EIO;
}

static uint32_t smaller(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

static void fill_dns(const struct settings *settings, const struct settings_peer *peer,
	struct message_welcome *welcome)
{
	struct nameservers dns;

	settings_nameservers(settings, peer, &dns);
	welcome->dns_count = (uint8_t)dns.server_count;
	memcpy(welcome->dns, dns.server, sizeof(welcome->dns));
	welcome->domain_count = (uint8_t)dns.domain_count;
	memcpy(welcome->domains, dns.domain, sizeof(welcome->domains));
}

static int fill_welcome(const struct offer *offer, const struct settings_peer *peer,
	const struct session_terms *terms, struct message_welcome *welcome)
{
	const struct settings *settings = offer->settings;

	*welcome = (struct message_welcome){
		.version = MESSAGE_VERSION,
		.name = *offer->name,
		.session_id = terms->session_id,
		.offloads = terms->offloads_accept,
		.lanes = terms->lanes,
		.mtu = terms->mtu,
		.client4 = terms->remote4,
		.client6 = terms->remote6,
		.server4 = terms->local4,
		.server6 = terms->local6,
		.ping_ms = (uint32_t)duration_ms(settings->ping_interval),
		.dead_ms = (uint32_t)duration_ms(settings->dead_after),
		.linger_ms = (uint32_t)duration_ms(settings->linger),
		.features = FEATURES_OURS,
	};
	fill_dns(settings, peer, welcome);
	return take_random(welcome->token, sizeof(welcome->token));
}

int offer_make(struct offer *offer, const struct identity *name, const struct settings_peer *peer,
	const struct message_hello *hello, struct session_terms *ret_terms,
	struct message_welcome *ret_welcome, uint16_t *ret_code, struct problem *problem)
{
	const struct settings *settings = offer->settings;
	uint32_t ours = settings->offloads ? tun_kernel_offloads() : 0;
	struct session_terms terms = {
		.mtu = hello->mtu != 0 ? smaller(hello->mtu, settings->mtu) : settings->mtu,
		.lanes = (uint8_t)smaller(hello->lanes, settings_lanes(settings, peer)),
		.offloads_read = ours,
		.offloads_send = hello->offloads & ours,
		.offloads_accept = ours,
		.ping_interval = settings->ping_interval,
		.dead_after = settings->dead_after,
		.features = hello->features,
	};

	int r = pool_take(offer->pool, name, time(NULL), &terms.remote4, &terms.remote6, problem);
	if (r < 0) {
		*ret_code = GOODBYE_NO_ADDRESS;
		return r;
	}
	if (addr_is_set(&terms.remote4))
		terms.local4 = settings_server_address(&settings->pool4);
	if (addr_is_set(&terms.remote6))
		terms.local6 = settings_server_address(&settings->pool6);
	r = take_random(&terms.session_id, sizeof(terms.session_id));
	if (r == 0)
		r = fill_welcome(offer, peer, &terms, ret_welcome);
	if (r < 0) {
		offer_return(offer, name);
		problem_set(problem, "cannot get random numbers: %s", error_text(r));
		*ret_code = GOODBYE_INTERNAL;
		return r;
	}
	*ret_terms = terms;
	save_soon(offer);
	return 0;
}

int offer_keep(struct offer *offer, const struct identity *name, const struct addr *addr4,
	const struct addr *addr6, struct problem *problem)
{
	struct pool_lease lease = {
		.name = *name,
		.addr4 = *addr4,
		.addr6 = *addr6,
		.last_used = time(NULL),
	};
	int r = pool_claim(offer->pool, &lease, problem);

	if (r == 0)
		save_soon(offer);
	return r;
}

void offer_return(struct offer *offer, const struct identity *name)
{
	if (!offer->pool)
		return; /* offer_init() was not called */
	pool_release(offer->pool, name, time(NULL));
	save_soon(offer);
}
