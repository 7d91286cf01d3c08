/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/probing.h"

#include <errno.h>
#include <netinet/icmp6.h>
#include <netinet/ip_icmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/container.h"
#include "base/error_text.h"
#include "base/log.h"

enum {
	JITTER_PERCENT = 10, /* of the interval, at most, by which a probe comes sooner */
	STAGGER_MS = 1,      /* between the first probes of two items */
	GATHER_MS = 5,       /* from a change until it is told, once for many */
	ANSWERS_MAX = 8,     /* read at once: a target cannot hold the thread */
};

/* An echo of ICMP or ICMPv6, which differ in the type alone. The kernel fills in the rest. */
struct echo {
	uint8_t type, code;
	uint16_t checksum, id, sequence;
	uint64_t cookie;
};

/* splitmix64: the jitter needs no more, nor does a cookie, which hides from all that do not see it. */
static uint64_t next_random(struct probing *probing)
{
	uint64_t mixed = probing->random += UINT64_C(0x9e3779b97f4a7c15);

	mixed = (mixed ^ (mixed >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	mixed = (mixed ^ (mixed >> 27)) * UINT64_C(0x94d049bb133111eb);
	return mixed ^ (mixed >> 31);
}

/* ---- one probe ---- */

static void end_probe(struct probing_item *item)
{
	int fd = item->watch.fd;

	if (fd < 0)
		return;
	loop_watch_remove(item->probing->loop, &item->watch);
	close(fd);
	item->watch.fd = -1;
}

static void tell(struct loop_timer *timer)
{
	struct probing *probing = container_of(timer, struct probing, gathering);

	probing->changed(probing);
}

static void log_change(const struct probing_item *item)
{
	const struct probe *probe = &item->probe;
	char prefix[ADDR_TEXT_MAX], target[ENDPOINT_TEXT_MAX];

	prefix_format(&item->prefix, prefix);
	probing_target_format(item, target);
	if (probe->state == PROBE_ALIVE)
		log_notice("%s is announced: %s answers", prefix, target);
	else
		log_warning(
			"%s is not announced: %s does not answer: %s; needs %u answers in a row",
			prefix, target, probe->why, probe_needed(probe));
}

static void take_result(struct probing_item *item, bool answered, const char *why)
{
	struct probing *probing = item->probing;
	bool announced = probe_announces(&item->probe);

	end_probe(item);
	if (!probe_take(&item->probe, answered, why, mono_now()))
		return;
	log_change(item);
	if (announced != probe_announces(&item->probe) && !probing->gathering.running)
		loop_timer_start(probing->loop, &probing->gathering,
			mono_add(mono_now(), DURATION_MS(GATHER_MS)), tell);
}

static void connected(struct loop_watch *watch, uint32_t events)
{
	struct probing_item *item = container_of(watch, struct probing_item, watch);
	int error = 0;
	socklen_t len = sizeof(error);

	(void)events;
	if (getsockopt(watch->fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
		error = errno;
	take_result(item, error == 0, error_text(-error));
}

static bool is_answer(const struct probing_item *item, const struct echo *echo)
{
	uint8_t type = item->target.addr.family == AF_INET ? ICMP_ECHOREPLY : ICMP6_ECHO_REPLY;

	return echo->type == type && echo->code == 0 && echo->sequence == item->sequence &&
		echo->cookie == item->cookie;
}

/* Only the target may answer: the socket hears every host that uses its number. */
static bool is_target(
	const struct probing_item *item, const struct sockaddr_storage *from, socklen_t len)
{
	struct endpoint source;

	return endpoint_from_sockaddr((const struct sockaddr *)from, len, &source) == 0 &&
		addr_equal(&source.addr, &item->target.addr);
}

static void echoed(struct loop_watch *watch, uint32_t events)
{
	struct probing_item *item = container_of(watch, struct probing_item, watch);

	(void)events;
	for (int i = 0; i < ANSWERS_MAX; i++) {
		struct sockaddr_storage from = { .ss_family = AF_UNSPEC };
		socklen_t from_len = sizeof(from);
		struct echo echo;
		ssize_t len = recvfrom(
			watch->fd, &echo, sizeof(echo), 0, (struct sockaddr *)&from, &from_len);

		if (len < 0 && errno == EAGAIN)
			return;
		if (len < 0) {
			take_result(item, false, error_text(-errno));
			return;
		}
		if (len == sizeof(echo) && is_target(item, &from, from_len) &&
			is_answer(item, &echo)) {
			take_result(item, true, "");
			return;
		}
	}
}

/* Returns a negative errno of send(2). */
static int send_echo(struct probing_item *item, int fd)
{
	bool v4 = item->target.addr.family == AF_INET;
	struct echo echo = { .type = v4 ? ICMP_ECHO : ICMP6_ECHO_REQUEST };

	item->cookie = next_random(item->probing);
	item->sequence++;
	echo.sequence = item->sequence;
	echo.cookie = item->cookie;
	return send(fd, &echo, sizeof(echo), 0) < 0 ? -errno : 0;
}

/* ---- one after the other ---- */

static void next_probe(struct loop_timer *timer);

static void schedule(struct probing_item *item)
{
	int64_t interval = item->probe.rule.interval.ns;
	uint64_t choices = (uint64_t)interval / 100 * JITTER_PERCENT + 1;
	struct duration wait = { .ns = interval - (int64_t)(next_random(item->probing) % choices) };

	loop_timer_start(item->probing->loop, &item->timer, mono_add(mono_now(), wait), next_probe);
}

/* This host is short of something: that says nothing about the target. */
static bool is_no_result(int error)
{
	return error == -ENOMEM || error == -EMFILE || error == -ENFILE || error == -ENOBUFS;
}

static void begin(struct probing_item *item, int fd)
{
	bool echo = item->target.port == 0;
	int r = loop_watch_add(item->probing->loop, &item->watch, fd, echo ? EPOLLIN : EPOLLOUT,
		echo ? echoed : connected);

	if (r < 0) {
		close(fd);
		item->watch.fd = -1;
		return;
	}
	r = echo ? send_echo(item, fd) : 0;
	if (r < 0 && !is_no_result(r))
		take_result(item, false, error_text(r));
	else if (r < 0)
		end_probe(item);
}

/* The time for the answer begins when netd has begun to connect. */
static void opened(
	struct netd_call *call, const struct request_reply *reply, const int *fds, size_t fd_count)
{
	struct probing_item *item = container_of(call, struct probing_item, call);
	int error = -(int)reply->error;

	if (item->removed) {
		netd_link_close_fds(fds, fd_count);
		free(item);
		return;
	}
	if (error == 0 && fd_count == 1) {
		begin(item, fds[0]);
	} else {
		netd_link_close_fds(fds, fd_count);
		if (error != 0 && !is_no_result(error))
			take_result(item, false, reply->text);
	}
	schedule(item);
}

static void next_probe(struct loop_timer *timer)
{
	struct probing_item *item = container_of(timer, struct probing_item, timer);
	struct request request = { .type = REQUEST_PROBE, .probe.prefix = item->prefix };
	char why[PROBE_WHY_MAX];

	if (item->watch.fd >= 0) {
		(void)snprintf(why, sizeof(why), "no answer within %lld ms",
			(long long)duration_ms(item->probe.rule.interval));
		take_result(item, false, why);
	}
	/* Out of memory: the next one is asked for an interval later. */
	if (netd_link_ask(item->probing->netd, &item->call, &request, opened) < 0)
		schedule(item);
}

/* ---- all of them ---- */

static struct probing_item *find(
	const struct probing *probing, const struct prefix *prefix, const struct endpoint *target)
{
	for (size_t i = 0; i < probing->count; i++) {
		struct probing_item *item = probing->items[i];

		if (item && prefix_equal(&item->prefix, prefix) &&
			(!target ||
				(addr_equal(&item->target.addr, &target->addr) &&
					item->target.port == target->port)))
			return item;
	}
	return NULL;
}

const struct probing_item *probing_find(const struct probing *probing, const struct prefix *prefix)
{
	return find(probing, prefix, NULL);
}

static void remove_item(struct probing_item *item)
{
	loop_timer_stop(item->probing->loop, &item->timer);
	end_probe(item);
	item->removed = true;
	if (!item->call.pending)
		free(item);
}

static struct probing_item *new_item(
	struct probing *probing, const struct settings_announce *entry, bool trusted)
{
	struct settings_probe_rule rule = settings_probe_rule(entry);
	struct probing_item *item = calloc(1, sizeof(*item));

	if (!item)
		return NULL;
	*item = (struct probing_item){
		.probing = probing,
		.prefix = entry->prefix,
		.target = entry->probe,
		.watch.fd = -1,
	};
	probe_init(&item->probe, &rule, trusted, mono_now());
	return item;
}

/* Makes the items that are not there yet. `made` tells them from the others. -ENOMEM. */
static int make_items(struct probing *probing, const struct settings *settings, bool trusted,
	struct probing_item **items, bool *made)
{
	size_t count = 0;

	for (size_t i = 0; i < settings->announce.count; i++) {
		const struct settings_announce *entry = &settings->announce.items[i];

		if (!addr_is_set(&entry->probe.addr))
			continue;
		items[count] = find(probing, &entry->prefix, &entry->probe);
		made[count] = !items[count];
		if (made[count])
			items[count] = new_item(probing, entry, trusted);
		if (!items[count++])
			return -ENOMEM;
	}
	return (int)count;
}

/* Removes what the new settings lack, and lets the kept items follow the new rules. */
static void exchange(struct probing *probing, const struct settings *settings,
	struct probing_item **items, size_t count)
{
	for (size_t i = 0; i < probing->count; i++) {
		bool kept = false;

		for (size_t n = 0; n < count; n++)
			kept = kept || items[n] == probing->items[i];
		if (!kept)
			remove_item(probing->items[i]);
	}
	free(probing->items);
	probing->items = items;
	probing->count = count;
	for (size_t i = 0; i < count; i++)
		items[i]->probe.rule = settings_probe_rule(
			settings_find_probe(settings, &items[i]->prefix));
}

int probing_configure(struct probing *probing, struct loop *loop, const struct settings *settings,
	bool trusted, void (*changed)(struct probing *probing))
{
	struct probing_item **items = calloc(
		settings->announce.count + 1, sizeof(struct probing_item *));
	bool *made = calloc(settings->announce.count + 1, sizeof(bool));
	int r = -ENOMEM;

	if (!probing->loop)
		(void)!getrandom(&probing->random, sizeof(probing->random), GRND_NONBLOCK);
	probing->loop = loop;
	probing->changed = changed;
	if (items && made)
		r = make_items(probing, settings, trusted, items, made);
	if (r < 0) {
		for (size_t i = 0; items && made && i < settings->announce.count; i++) {
			if (made[i])
				free(items[i]);
		}
		free(items);
	} else {
		exchange(probing, settings, items, (size_t)r);
	}
	free(made);
	return r < 0 ? r : 0;
}

void probing_start(struct probing *probing, struct netd_link *netd)
{
	probing->netd = netd;
	for (size_t i = 0; i < probing->count; i++) {
		struct probing_item *item = probing->items[i];

		/* One that is at work already goes on. */
		if (!item->timer.running && !item->call.pending && item->watch.fd < 0)
			loop_timer_start(probing->loop, &item->timer,
				mono_add(mono_now(), DURATION_MS((int64_t)i * STAGGER_MS)),
				next_probe);
	}
}

void probing_free(struct probing *probing)
{
	if (!probing->loop)
		return;
	loop_timer_stop(probing->loop, &probing->gathering);
	for (size_t i = 0; i < probing->count; i++) {
		/* No reply comes any more. */
		probing->items[i]->call.pending = false;
		remove_item(probing->items[i]);
	}
	free(probing->items);
	probing->items = NULL;
	probing->count = 0;
}

int probing_withheld(const struct probing *probing, struct prefix_list *list)
{
	for (size_t i = 0; i < probing->count; i++) {
		if (!probe_announces(&probing->items[i]->probe) &&
			prefix_list_append(list, &probing->items[i]->prefix, 1) < 0)
			return -ENOMEM;
	}
	prefix_list_sort(list);
	return 0;
}

const char *probing_target_format(
	const struct probing_item *item, char out[static ENDPOINT_TEXT_MAX])
{
	char text[ADDR_TEXT_MAX];

	if (item->target.port != 0)
		return endpoint_format(&item->target, out);
	(void)snprintf(out, ENDPOINT_TEXT_MAX, "%s", addr_format(&item->target.addr, text));
	return out;
}
