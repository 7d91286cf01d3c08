/* SPDX-License-Identifier: Apache-2.0 */
/* Probes with real sockets, in a world whose time and netd the test plays. */
#include "engine/probing.h"

#include <netinet/ip_icmp.h>
#include <sys/socket.h>

#include "tests/unit/netd_fixture.h"
#include "tests/unit/settings_fixture.h"
#include "tests/unit/unit.h"

static struct loop *loop;
static struct probing probing;
static struct settings *settings;
static struct mono now;
static unsigned changes; /* how often the withheld prefixes have changed */

struct mono mono_now(void)
{
	return now;
}

static void changed(struct probing *probing_)
{
	ck_assert_ptr_eq(probing_, &probing);
	changes++;
}

static void set_probes(const char *const *prefixes, const char *const *targets, size_t count)
{
	settings->announce.items = calloc(count + 1, sizeof(*settings->announce.items));
	ck_assert_ptr_nonnull(settings->announce.items);
	settings->announce.count = count;
	for (size_t i = 0; i < count; i++) {
		struct settings_announce *item = &settings->announce.items[i];

		item->prefix = prefix_of(prefixes[i]);
		if (targets[i])
			item->probe = (struct endpoint){ addr_of(targets[i]), 22 };
	}
}

static void setup(void)
{
	static const char *const prefixes[] = { "10.1.0.0/24", "10.2.0.0/24", "10.3.0.0/24" };
	static const char *const targets[] = { "127.0.0.1", NULL, "127.0.0.1" };

	now = (struct mono){ DURATION_S(1000).ns };
	netd = (struct netd_fixture){ .told_count = 0 };
	changes = 0;
	settings = server(0);
	set_probes(prefixes, targets, 3);
	ck_assert_int_eq(loop_new(&loop), 0);
	probing = (struct probing){ .loop = NULL };
}

static void teardown(void)
{
	probing_free(&probing);
	loop_free(loop);
	settings_free(settings);
}

static void configure(bool trusted)
{
	ck_assert_int_eq(probing_configure(&probing, loop, settings, trusted, changed), 0);
}

static void expire(struct loop_timer *timer)
{
	ck_assert(timer->running);
	now = mono_before(now, timer->due) ? timer->due : now;
	loop_timer_stop(loop, timer);
	timer->expired(timer);
}

static size_t withheld(void)
{
	struct prefix_list list = { .items = NULL };
	size_t count;

	ck_assert_int_eq(probing_withheld(&probing, &list), 0);
	count = list.count;
	prefix_list_free(&list);
	return count;
}

/* A pair of connected sockets of 127.0.0.1: the engine's, and the target's. */
static void make_pair(int type, int fds[2])
{
	struct sockaddr_in own = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(own);

	for (int i = 0; i < 2; i++) {
		fds[i] = socket(AF_INET, type | SOCK_NONBLOCK, 0);
		own.sin_port = 0;
		ck_assert_int_eq(bind(fds[i], (struct sockaddr *)&own, sizeof(own)), 0);
	}
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(getsockname(fds[1 - i], (struct sockaddr *)&own, &len), 0);
		ck_assert_int_eq(connect(fds[i], (struct sockaddr *)&own, sizeof(own)), 0);
	}
}

/* netd has made a socket for the item, which is the next to be probed. */
static void open_probe(struct probing_item *item, int fd)
{
	const struct request_reply reply = { .error = 0 };

	expire(&item->timer);
	ck_assert(prefix_equal(&netd_next(REQUEST_PROBE)->probe.prefix, &item->prefix));
	netd_answer(&reply, &fd, 1);
}

static void refuse_probe(struct probing_item *item, int error)
{
	expire(&item->timer);
	netd_refuse(error, "no route");
}

/* A TCP probe of a port that listens. */
static void probe_tcp(struct probing_item *item)
{
	struct sockaddr_in port = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(port);
	int listener = socket(AF_INET, SOCK_STREAM, 0), fd = socket(AF_INET, SOCK_STREAM, 0);

	ck_assert_int_eq(bind(listener, (struct sockaddr *)&port, sizeof(port)), 0);
	ck_assert_int_eq(listen(listener, 1), 0);
	ck_assert_int_eq(getsockname(listener, (struct sockaddr *)&port, &len), 0);
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&port, sizeof(port)), 0);
	open_probe(item, fd);
	ck_assert_int_eq(item->watch.fd, fd);
	item->watch.ready(&item->watch, EPOLLOUT);
	ck_assert(!netd_is_open(fd));
	close(listener);
}

START_TEST(it_asks_for_those_that_have_a_probe)
{
	configure(false);
	ck_assert_uint_eq(probing.count, 2);
	ck_assert_uint_eq(withheld(), 2);
	ck_assert_ptr_nonnull(probing_find(&probing, &settings->announce.items[0].prefix));
	ck_assert_ptr_null(probing_find(&probing, &settings->announce.items[1].prefix));
	ck_assert(!probing.items[0]->timer.running);
	probing_start(&probing, NULL);
	ck_assert(probing.items[0]->timer.running && probing.items[1]->timer.running);
	probe_tcp(probing.items[0]);
	ck_assert_uint_eq(withheld(), 1);
	ck_assert_uint_eq(changes, 0);
	expire(&probing.gathering);
	ck_assert_uint_eq(changes, 1);
}
END_TEST

START_TEST(what_was_announced_stays_so_at_first)
{
	configure(true);
	ck_assert_uint_eq(withheld(), 0);
	probing_start(&probing, NULL);
	probe_tcp(probing.items[0]);
	ck_assert(!probing.gathering.running);
	refuse_probe(probing.items[1], ENETUNREACH);
	ck_assert_uint_eq(withheld(), 1);
	ck_assert_str_eq(probing.items[1]->probe.why, "no route");
	expire(&probing.gathering);
}
END_TEST

START_TEST(each_begins_within_its_interval)
{
	configure(false);
	probing_start(&probing, NULL);
	for (int i = 0; i < 100; i++) {
		struct probing_item *item = probing.items[0];
		int64_t wait;

		probe_tcp(item);
		wait = item->timer.due.ns - now.ns;
		ck_assert_int_le(wait, DURATION_MS(400).ns);
		ck_assert_int_ge(wait, DURATION_MS(360).ns);
	}
}
END_TEST

/* The target is silent: the probe has failed when the next one begins. */
START_TEST(silence_is_a_failure)
{
	struct probing_item *item;
	int fds[2];

	configure(false);
	probing_start(&probing, NULL);
	item = probing.items[0];
	make_pair(SOCK_DGRAM, fds);
	open_probe(item, fds[0]);
	expire(&item->timer);
	ck_assert_int_eq(item->probe.state, PROBE_DEAD);
	ck_assert_str_eq(item->probe.why, "no answer within 400 ms");
	ck_assert(!netd_is_open(fds[0]));
	netd_next(REQUEST_PROBE);
	close(fds[1]);
}
END_TEST

/* A socket with an error, such as a connection that was refused has. */
START_TEST(an_error_is_a_failure)
{
	struct probing_item *item;
	int fds[2];

	configure(false);
	probing_start(&probing, NULL);
	item = probing.items[0];
	probe_tcp(item);
	for (int i = 0; i < 3; i++) {
		make_pair(SOCK_DGRAM, fds);
		close(fds[1]);
		ck_assert_int_eq(send(fds[0], "", 1, 0), 1);
		open_probe(item, fds[0]);
		item->watch.ready(&item->watch, EPOLLOUT | EPOLLERR);
		ck_assert(!netd_is_open(fds[0]));
	}
	ck_assert_int_eq(item->probe.state, PROBE_DEAD);
	ck_assert_str_eq(item->probe.why, "Connection refused");
}
END_TEST

/* A failure of this host says nothing about the target. */
START_TEST(shortage_is_no_result)
{
	static const int shortages[] = { ENOMEM, EMFILE, ENFILE, ENOBUFS };

	configure(false);
	probing_start(&probing, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(shortages); i++)
		refuse_probe(probing.items[0], shortages[i]);
	netd.ask_error = -ENOMEM;
	expire(&probing.items[0]->timer);
	ck_assert(probing.items[0]->timer.running);
	ck_assert_int_eq(probing.items[0]->probe.state, PROBE_UNKNOWN);
}
END_TEST

/* The bytes of an echo, which the target sends back changed. */
static void echo(void (*change)(uint8_t *bytes, ssize_t *len), bool answered)
{
	struct probing_item *item = probing.items[0];
	uint8_t bytes[64];
	ssize_t len;
	int fds[2];

	item->target.port = 0;
	make_pair(SOCK_DGRAM, fds);
	open_probe(item, fds[0]);
	len = recv(fds[1], bytes, sizeof(bytes), 0);
	ck_assert_int_eq(len, 16);
	ck_assert_uint_eq(bytes[0], ICMP_ECHO);
	bytes[0] = ICMP_ECHOREPLY;
	change(bytes, &len);
	ck_assert_int_eq(send(fds[1], bytes, (size_t)len, 0), len);
	item->watch.ready(&item->watch, EPOLLIN);
	ck_assert(answered == (item->watch.fd < 0));
	if (!answered)
		expire(&item->timer);
	close(fds[1]);
	if (!answered)
		netd_refuse(ENOMEM, "");
}

static void nothing(uint8_t *bytes, ssize_t *len)
{
	(void)bytes;
	(void)len;
}

static void other_type(uint8_t *bytes, ssize_t *len)
{
	(void)len;
	bytes[0] = ICMP_ECHO;
}

static void other_sequence(uint8_t *bytes, ssize_t *len)
{
	(void)len;
	bytes[6] ^= 1;
}

static void other_cookie(uint8_t *bytes, ssize_t *len)
{
	(void)len;
	bytes[15] ^= 1;
}

static void too_short(uint8_t *bytes, ssize_t *len)
{
	(void)bytes;
	*len = 8;
}

START_TEST(only_its_own_echo_counts)
{
	configure(false);
	probing_start(&probing, NULL);
	echo(nothing, true);
	ck_assert_int_eq(probing.items[0]->probe.state, PROBE_ALIVE);
	echo(other_type, false);
	echo(other_sequence, false);
	echo(other_cookie, false);
	ck_assert_int_eq(probing.items[0]->probe.state, PROBE_DEAD);
	echo(too_short, false);
	echo(nothing, true);
	ck_assert_uint_eq(probing.items[0]->probe.streak, 1);
}
END_TEST

START_TEST(only_its_target_may_answer)
{
	configure(false);
	probing_start(&probing, NULL);
	probing.items[0]->target.addr = addr_of("127.0.0.2");
	echo(nothing, false);
	ck_assert_int_eq(probing.items[0]->probe.state, PROBE_DEAD);
}
END_TEST

/* New settings: what is the same goes on, a removed item waits for the reply to its question. */
START_TEST(new_settings)
{
	static const char *const prefixes[] = { "10.4.0.0/24", "10.1.0.0/24" };
	static const char *const targets[] = { "127.0.0.1", "127.0.0.1" };
	const struct request_reply reply = { .error = 0 };
	struct probing_item *kept, *removed;
	int fd;

	configure(false);
	probing_start(&probing, NULL);
	kept = probing.items[0];
	removed = probing.items[1];
	probe_tcp(kept);
	expire(&removed->timer);
	free(settings->announce.items);
	set_probes(prefixes, targets, 2);
	settings->announce.items[1].probe_down = 1;
	configure(false);
	probing_start(&probing, NULL);
	ck_assert_uint_eq(probing.count, 2);
	ck_assert_ptr_eq(probing.items[1], kept);
	ck_assert_uint_eq(kept->probe.rule.down, 1);
	ck_assert_int_eq(kept->probe.state, PROBE_ALIVE);
	ck_assert_uint_eq(withheld(), 1);
	fd = netd_fd();
	netd_answer(&reply, &fd, 1); /* to the removed one */
	ck_assert(!netd_is_open(fd));
	/* Another target of the same prefix begins again. */
	settings->announce.items[1].probe.port = 23;
	configure(false);
	ck_assert(!probing.items[1]->timer.running);
	ck_assert_int_eq(probing.items[1]->probe.state, PROBE_UNKNOWN);
}
END_TEST

START_TEST(targets_have_a_text)
{
	char out[ENDPOINT_TEXT_MAX];

	configure(false);
	ck_assert_str_eq(probing_target_format(probing.items[0], out), "127.0.0.1:22");
	probing.items[0]->target.port = 0;
	ck_assert_str_eq(probing_target_format(probing.items[0], out), "127.0.0.1");
}
END_TEST

static Suite *suite(void)
{
	const TTest *const tests[] = { it_asks_for_those_that_have_a_probe,
		what_was_announced_stays_so_at_first, each_begins_within_its_interval,
		silence_is_a_failure, an_error_is_a_failure, shortage_is_no_result,
		only_its_own_echo_counts, only_its_target_may_answer, new_settings,
		targets_have_a_text };

	return unit_suite("probing", setup, teardown, tests, ARRAY_SIZE(tests));
}

int main(void)
{
	return unit_run("probing", suite());
}
