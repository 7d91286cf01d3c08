/* SPDX-License-Identifier: Apache-2.0 */
/* What a hello is answered with, and when the leases behind the answers are written. */
#include "daemon/offer.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/log.h"
#include "daemon/leases.h"
#include "tests/unit/log_capture.h"
#include "tests/unit/parse.h"
#include "tests/unit/settings_fixture.h"
#include "tests/unit/unit.h"

enum { SAVED_MS = 400 }; /* longer than a lease waits to be written */

static struct fixture {
	struct loop *loop;
	struct settings *settings;
	struct identity name;
	struct offer offer;
	struct problem problem;
	struct loop_timer end;
	char dir[64];
	/* of the last answer */
	struct session_terms terms;
	struct message_welcome welcome;
	uint16_t code;
	/* of the kernel */
	int random_error;
	bool random_short;
	bool gathers_entropy; /* as after a boot: it has no random numbers for a caller that does not wait */
	uint32_t offloads;
} fixture;

ssize_t getrandom(void *data, size_t len, unsigned flags)
{
	if (fixture.gathers_entropy && (flags & GRND_NONBLOCK))
		errno = EAGAIN;
	else if (fixture.random_error != 0)
		errno = fixture.random_error;
	else if (fixture.random_short)
		return (ssize_t)len - 1;
	else
		return syscall(SYS_getrandom, data, len, flags);
	return -1;
}

uint32_t tun_kernel_offloads(void)
{
	return fixture.offloads;
}

static void lend(void)
{
	fixture.offer = (struct offer){ .loop = fixture.loop,
		.settings = fixture.settings,
		.name = &fixture.name,
		.state_dir_fd = fixture.offer.state_dir_fd };
	ck_assert_int_eq(offer_init(&fixture.offer, &fixture.problem), 0);
}

static void setup(void)
{
	fixture = (struct fixture){ .name = { "hub" }, .dir = "/tmp/culvert-offer-XXXXXX" };
	log_set_level(LOG_LEVEL_ERROR);
	fixture.settings = server(2);
	fixture.settings->mtu = 1400;
	fixture.settings->lanes = 4;
	fixture.settings->linger = DURATION_S(60);
	ck_assert_int_eq(loop_new(&fixture.loop), 0);
	ck_assert_ptr_nonnull(mkdtemp(fixture.dir));
	unit_text(fixture.settings->state_dir, fixture.dir);
	fixture.offer.state_dir_fd = open(fixture.dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_ge(fixture.offer.state_dir_fd, 0);
	lend();
}

static bool is_saved(void)
{
	return faccessat(fixture.offer.state_dir_fd, LEASES_FILE, F_OK, 0) == 0;
}

static void forget_saved(void)
{
	(void)unlinkat(fixture.offer.state_dir_fd, LEASES_FILE, 0);
}

static void teardown(void)
{
	offer_free(&fixture.offer);
	forget_saved();
	close(fixture.offer.state_dir_fd);
	ck_assert_int_eq(rmdir(fixture.dir), 0);
	loop_free(fixture.loop);
	settings_free(fixture.settings);
}

static void over(struct loop_timer *timer)
{
	(void)timer;
	loop_stop(fixture.loop);
}

static void wait_ms(int ms)
{
	loop_timer_start(fixture.loop, &fixture.end, mono_add(mono_now(), DURATION_MS(ms)), over);
	ck_assert_int_eq(loop_run(fixture.loop), 0);
}

static struct message_hello hello(void)
{
	return (struct message_hello){
		.version = MESSAGE_VERSION, .lanes = 2, .mtu = 1300, .features = 0x80000001
	};
}

static int make(
	const char *name, const struct settings_peer *peer, const struct message_hello *said)
{
	struct identity identity = identity_of(name);

	return offer_make(&fixture.offer, &identity, peer, said, &fixture.terms, &fixture.welcome,
		&fixture.code, &fixture.problem);
}

/* The first address of either pool is the server's own. */
START_TEST(addresses)
{
	struct message_hello said = hello();
	struct addr client4 = addr_of("10.9.0.2"), client6 = addr_of("fd00::2");
	struct addr server4 = addr_of("10.9.0.1"), server6 = addr_of("fd00::1");

	ck_assert_int_eq(make("branch-a", NULL, &said), 0);
	ck_assert(addr_equal(&fixture.terms.remote4, &client4));
	ck_assert(addr_equal(&fixture.terms.remote6, &client6));
	ck_assert(addr_equal(&fixture.terms.local4, &server4));
	ck_assert(addr_equal(&fixture.terms.local6, &server6));
	ck_assert(addr_equal(&fixture.welcome.client4, &client4));
	ck_assert(addr_equal(&fixture.welcome.client6, &client6));
	ck_assert(addr_equal(&fixture.welcome.server4, &server4));
	ck_assert(addr_equal(&fixture.welcome.server6, &server6));
}
END_TEST

START_TEST(one_family)
{
	struct message_hello said = hello();

	offer_free(&fixture.offer);
	fixture.settings->pool6 = (struct prefix){ .len = 0 };
	lend();
	ck_assert_int_eq(make("branch-a", NULL, &said), 0);
	ck_assert(addr_is_set(&fixture.terms.local4) && addr_is_set(&fixture.terms.remote4));
	ck_assert(!addr_is_set(&fixture.terms.local6) && !addr_is_set(&fixture.terms.remote6));
	offer_free(&fixture.offer);
	fixture.settings->pool6 = prefix_of("fd00::/64");
	fixture.settings->pool4 = (struct prefix){ .len = 0 };
	lend();
	ck_assert_int_eq(make("branch-a", NULL, &said), 0);
	ck_assert(!addr_is_set(&fixture.terms.local4) && addr_is_set(&fixture.terms.local6));
}
END_TEST

/* The smaller of both ends' wishes. */
START_TEST(terms)
{
	struct message_hello said = hello();

	ck_assert_int_eq(make("branch-a", NULL, &said), 0);
	ck_assert_uint_eq(fixture.terms.mtu, 1300);
	ck_assert_uint_eq(fixture.terms.lanes, 2);
	ck_assert_uint_eq(fixture.terms.features, 0x80000001);
	ck_assert_uint_eq(fixture.welcome.mtu, 1300);
	ck_assert_uint_eq(fixture.welcome.lanes, 2);
	said.mtu = 0; /* our choice */
	said.lanes = 9;
	ck_assert_int_eq(make("branch-b", NULL, &said), 0);
	ck_assert_uint_eq(fixture.terms.mtu, 1400);
	ck_assert_uint_eq(fixture.terms.lanes, 4);
	said.mtu = 1401;
	ck_assert_int_eq(make("branch-b", NULL, &said), 0);
	ck_assert_uint_eq(fixture.terms.mtu, 1400);
	fixture.settings->peers[0].lanes = 3;
	ck_assert_int_eq(make("branch-b", &fixture.settings->peers[0], &said), 0);
	ck_assert_uint_eq(fixture.terms.lanes, 3);
}
END_TEST

/* Each end leaves undone what the other does; this end does all that its kernel can, if it is told to. */
START_TEST(offloads)
{
	struct message_hello said = hello();

	fixture.offloads = 0x3;
	fixture.settings->offloads = true;
	said.offloads = 0x6;
	ck_assert_int_eq(make("branch-a", NULL, &said), 0);
	ck_assert_uint_eq(fixture.terms.offloads_read, 0x3);
	ck_assert_uint_eq(fixture.terms.offloads_send, 0x2);
	ck_assert_uint_eq(fixture.terms.offloads_accept, 0x3);
	ck_assert_uint_eq(fixture.welcome.offloads, 0x3);
	fixture.settings->offloads = false;
	ck_assert_int_eq(make("branch-a", NULL, &said), 0);
	ck_assert_uint_eq(fixture.terms.offloads_read, 0);
	ck_assert_uint_eq(fixture.terms.offloads_send, 0);
	ck_assert_uint_eq(fixture.terms.offloads_accept, 0);
	ck_assert_uint_eq(fixture.welcome.offloads, 0);
}
END_TEST

START_TEST(welcome)
{
	struct message_hello said = hello();
	uint8_t token[MESSAGE_TOKEN_SIZE];
	uint64_t session_id;

	fixture.settings->dns.server_count = 1;
	fixture.settings->dns.server[0] = addr_of("10.9.0.1");
	fixture.settings->dns.domain_count = 1;
	unit_text(fixture.settings->dns.domain[0], "lan.example");
	ck_assert_int_eq(make("branch-a", NULL, &said), 0);
	ck_assert_uint_eq(fixture.welcome.version, MESSAGE_VERSION);
	ck_assert_str_eq(fixture.welcome.name.name, "hub");
	ck_assert_uint_eq(fixture.welcome.ping_ms, 5000);
	ck_assert_uint_eq(fixture.welcome.dead_ms, 15000);
	ck_assert_uint_eq(fixture.welcome.linger_ms, 60000);
	ck_assert_uint_eq(fixture.welcome.dns_count, 1);
	ck_assert_uint_eq(fixture.welcome.domain_count, 1);
	ck_assert_str_eq(fixture.welcome.domains[0], "lan.example");
	ck_assert_str_eq(fixture.welcome.domains[1], "");
	ck_assert_uint_eq(fixture.welcome.session_id, fixture.terms.session_id);
	memcpy(token, fixture.welcome.token, sizeof(token));
	session_id = fixture.welcome.session_id;
	/* The next one can be guessed by nobody. */
	ck_assert_int_eq(make("branch-a", NULL, &said), 0);
	ck_assert_mem_ne(token, fixture.welcome.token, sizeof(token));
	ck_assert_uint_ne(session_id, fixture.welcome.session_id);
}
END_TEST

/* An entry's own lists replace the common ones, here with none. */
START_TEST(own_dns)
{
	struct message_hello said = hello();
	struct settings_peer peer = { .has_dns = true, .has_domains = true };

	fixture.settings->dns.server_count = 1;
	fixture.settings->dns.server[0] = addr_of("10.9.0.1");
	fixture.settings->dns.domain_count = 1;
	unit_text(fixture.settings->dns.domain[0], "lan.example");
	ck_assert_int_eq(make("branch-a", &peer, &said), 0);
	ck_assert_uint_eq(fixture.welcome.dns_count, 0);
	ck_assert_uint_eq(fixture.welcome.domain_count, 0);
	ck_assert_str_eq(fixture.welcome.domains[0], "");
	peer.has_dns = false;
	ck_assert_int_eq(make("branch-b", &peer, &said), 0);
	ck_assert_uint_eq(fixture.welcome.dns_count, 1);
	ck_assert(addr_equal(&fixture.welcome.dns[0], &fixture.settings->dns.server[0]));
	ck_assert_uint_eq(fixture.welcome.domain_count, 0);
}
END_TEST

/* 10.9.0.0/29 has five addresses for peers; one that is given back is another's. */
START_TEST(no_address)
{
	struct message_hello said = hello();
	struct identity first = identity_of("peer-a-0");
	char name[32];

	for (int i = 0; i < 5; i++) {
		(void)snprintf(name, sizeof(name), "peer-a-%d", i);
		ck_assert_int_eq(make(name, NULL, &said), 0);
	}
	ck_assert_int_eq(make("late", NULL, &said), -EADDRNOTAVAIL);
	ck_assert_uint_eq(fixture.code, GOODBYE_NO_ADDRESS);
	ck_assert_ptr_nonnull(strstr(fixture.problem.text, "10.9.0.0/29"));
	offer_return(&fixture.offer, &first);
	ck_assert_int_eq(make("late", NULL, &said), 0);
}
END_TEST

/* A token that can be guessed is none: the client is refused, and its address is free again. */
START_TEST(no_random_numbers)
{
	struct message_hello said = hello();
	struct addr addr4 = addr_of("10.9.0.2"), none = { .family = AF_UNSPEC };
	struct identity other = identity_of("branch-b");

	fixture.random_error = ENOSYS;
	fixture.terms.mtu = 1;
	ck_assert_int_eq(make("branch-a", NULL, &said), -ENOSYS);
	ck_assert_uint_eq(fixture.code, GOODBYE_INTERNAL);
	ck_assert_ptr_nonnull(strstr(fixture.problem.text, "random numbers"));
	ck_assert_uint_eq(fixture.terms.mtu, 1);
	ck_assert_int_eq(offer_keep(&fixture.offer, &other, &addr4, &none, &fixture.problem), 0);
	fixture.random_error = 0;
	fixture.random_short = true;
	ck_assert_int_eq(make("branch-c", NULL, &said), -EIO);
}
END_TEST

/* A server that starts with its host does not refuse its first clients for want of random numbers: they wait. */
START_TEST(random_numbers_later)
{
	struct message_hello said = hello();

	fixture.gathers_entropy = true;
	ck_assert_int_eq(make("branch-a", NULL, &said), 0);
}
END_TEST

static int keep(const char *name, const char *addr4)
{
	struct identity identity = identity_of(name);
	struct addr addr = addr_of(addr4), none = { .family = AF_UNSPEC };

	return offer_keep(&fixture.offer, &identity, &addr, &none, &fixture.problem);
}

/* The addresses of before stay, and those that the pool has besides are given away. */
START_TEST(grown_pool)
{
	struct message_hello said = hello();

	ck_assert_int_eq(make("branch-a", NULL, &said), 0);
	wait_ms(SAVED_MS);
	forget_saved();
	fixture.settings->pool4 = prefix_of("10.9.0.0/24");
	ck_assert_int_eq(offer_follow(&fixture.offer, &fixture.problem), 0);
	ck_assert_int_eq(make("branch-b", NULL, &said), 0);
	ck_assert(!addr_equal(&fixture.terms.remote4, &(struct addr){ 0 }));
	ck_assert_int_eq(keep("branch-a", "10.9.0.2"), 0);
	ck_assert_int_eq(keep("branch-c", "10.9.0.200"), 0);
	/* What was given is written down under the new settings. */
	wait_ms(SAVED_MS);
	ck_assert(is_saved());
}
END_TEST

/* A lease that the pool has no room for any more is left out, and is no failure. */
START_TEST(other_pool)
{
	struct message_hello said = hello();

	ck_assert_int_eq(make("branch-a", NULL, &said), 0);
	fixture.settings->pool4 = prefix_of("10.8.0.0/29");
	fixture.settings->pool6 = prefix_of("fd01::/64");
	ck_assert_int_eq(offer_follow(&fixture.offer, &fixture.problem), 0);
	ck_assert_int_eq(keep("branch-a", "10.9.0.2"), -ERANGE);
	ck_assert_ptr_nonnull(strstr(fixture.problem.text, "outside the pools"));
	ck_assert_int_eq(make("branch-a", NULL, &said), 0);
	ck_assert(prefix_contains_addr(&fixture.settings->pool4, &fixture.terms.remote4));
}
END_TEST

/* An entry has the address of another peer's session now: that session cannot keep it. */
START_TEST(address_of_a_changed_entry)
{
	struct message_hello said = hello();

	ck_assert_int_eq(make("branch-a", NULL, &said), 0);
	fixture.settings->peers[1].address4 = addr_of("10.9.0.2");
	ck_assert_int_eq(offer_follow(&fixture.offer, &fixture.problem), 0);
	ck_assert_int_eq(keep("branch-a", "10.9.0.2"), -EADDRINUSE);
	ck_assert_int_eq(keep("peer-1", "10.9.0.2"), 0);
}
END_TEST

/* The session of a renamed entry takes its lease along. */
START_TEST(lease_of_a_renamed_entry)
{
	struct message_hello said = hello();

	ck_assert_int_eq(make("peer-0", &fixture.settings->peers[0], &said), 0);
	unit_text(fixture.settings->peers[0].name.name, "peer-x");
	ck_assert_int_eq(offer_follow(&fixture.offer, &fixture.problem), 0);
	ck_assert_int_eq(keep("peer-x", "10.9.0.2"), 0);
	ck_assert_int_eq(keep("peer-0", "10.9.0.2"), -EADDRINUSE);
}
END_TEST

START_TEST(adopted_addresses)
{
	struct message_hello said = hello();
	struct identity first = identity_of("branch-a"), other = identity_of("branch-b");
	struct addr addr4 = addr_of("10.9.0.4"), none = { .family = AF_UNSPEC };

	ck_assert_int_eq(offer_keep(&fixture.offer, &first, &addr4, &none, &fixture.problem), 0);
	ck_assert(fixture.offer.save.running);
	ck_assert_int_eq(make("branch-a", NULL, &said), 0);
	ck_assert(addr_equal(&fixture.terms.remote4, &addr4));
	ck_assert_int_eq(
		offer_keep(&fixture.offer, &other, &addr4, &none, &fixture.problem), -EADDRINUSE);
}
END_TEST

/* Written a moment later, once for many, and at the end at once. */
START_TEST(saved_later)
{
	struct message_hello said = hello();
	struct identity first = identity_of("branch-a");
	struct mono due;

	ck_assert_int_eq(make("branch-a", NULL, &said), 0);
	due = fixture.offer.save.due;
	wait_ms(1);
	ck_assert_int_eq(make("branch-b", NULL, &said), 0);
	ck_assert(!is_saved());
	ck_assert_int_eq(fixture.offer.save.due.ns,
		due.ns); /* peers that come all the time do not put it off */
	wait_ms(SAVED_MS);
	ck_assert(is_saved());
	forget_saved();
	wait_ms(SAVED_MS);
	ck_assert(!is_saved());
	offer_return(&fixture.offer, &first);
	wait_ms(SAVED_MS);
	ck_assert(is_saved());
}
END_TEST

START_TEST(saved_at_the_end)
{
	struct message_hello said = hello();
	struct identity first = identity_of("branch-a");

	ck_assert_int_eq(make("branch-a", NULL, &said), 0);
	offer_stop(&fixture.offer);
	ck_assert(is_saved());
	forget_saved();
	/* A session that ends later is written with the others, by the last save. */
	offer_return(&fixture.offer, &first);
	wait_ms(SAVED_MS);
	ck_assert(!is_saved());
	offer_free(&fixture.offer);
	ck_assert(is_saved());
	offer_return(&fixture.offer, &first); /* of an engine that stops before it began */
}
END_TEST

/* Leases that are there again, or a file that is not there yet, are not worth a line. */
START_TEST(remembered)
{
	struct message_hello said = hello();
	struct addr mine;

	log_capture_begin(LOG_LEVEL_DEBUG);
	ck_assert_int_eq(make("branch-a", NULL, &said), 0);
	ck_assert_int_eq(make("branch-b", NULL, &said), 0);
	mine = fixture.terms.remote4;
	offer_free(&fixture.offer);
	lend();
	ck_assert_int_eq(make("branch-b", NULL, &said), 0);
	ck_assert(addr_equal(&fixture.terms.remote4, &mine));
	offer_free(&fixture.offer);
	forget_saved();
	lend();
	ck_assert_uint_eq(log_count("leases"), 0);
	log_capture_end();
}
END_TEST

/* A peer has another address after a restart, and the log says why. */
START_TEST(forgotten)
{
	struct message_hello said = hello();

	ck_assert_int_eq(make("branch-a", NULL, &said), 0);
	ck_assert_int_eq(make("branch-b", NULL, &said), 0);
	offer_free(&fixture.offer);
	fixture.settings->pool4 = prefix_of("10.8.0.0/29");
	fixture.settings->pool6 = prefix_of("fd08::/64");
	log_capture_begin(LOG_LEVEL_WARNING);
	lend();
	ck_assert_uint_eq(log_count("dropped 2 leases"), 1);
	ck_assert_uint_eq(log_count("cannot restore"), 0);
	log_capture_end();
}
END_TEST

/* Leases that cannot be read, or do not fit any more, cost no start; nor does a full disk cost a session. */
START_TEST(broken_file)
{
	struct message_hello said = hello();
	int fd;

	offer_free(&fixture.offer);
	fd = openat(fixture.offer.state_dir_fd, LEASES_FILE, O_WRONLY | O_TRUNC);
	ck_assert_int_eq(write(fd, "nonsense\n", 9), 9);
	close(fd);
	log_set_level((enum log_level) - 1);
	lend();
	ck_assert_str_eq(fixture.problem.text, "");
	ck_assert_int_eq(
		unlinkat(fixture.offer.state_dir_fd, LEASES_BROKEN_FILE, 0), 0); /* kept aside */
	ck_assert_int_eq(make("branch-a", NULL, &said), 0);
	offer_free(&fixture.offer);
	fixture.settings->pool4 = prefix_of("10.8.0.0/29");
	fixture.settings->pool6 = prefix_of("fd08::/64");
	lend();
	ck_assert_int_eq(make("branch-a", NULL, &said), 0);
	forget_saved();
	ck_assert_int_eq(mkdirat(fixture.offer.state_dir_fd, LEASES_FILE, 0700), 0);
	wait_ms(SAVED_MS);
	ck_assert_int_eq(make("branch-b", NULL, &said), 0);
	ck_assert_int_eq(unlinkat(fixture.offer.state_dir_fd, LEASES_FILE, AT_REMOVEDIR), 0);
}
END_TEST

/* Peers may get other addresses after a restart then: that is worth a line, and success is not. */
START_TEST(leases_cannot_be_written)
{
	struct message_hello said = hello();

	log_capture_begin(LOG_LEVEL_ERROR);
	ck_assert_int_eq(make("branch-a", NULL, &said), 0);
	offer_stop(&fixture.offer);
	ck_assert_uint_eq(log_count("cannot write the leases"), 0);
	forget_saved();
	ck_assert_int_eq(mkdirat(fixture.offer.state_dir_fd, LEASES_FILE, 0700), 0);
	offer_stop(&fixture.offer);
	ck_assert_uint_eq(log_count("cannot write the leases"), 1);
	ck_assert_uint_eq(log_count(fixture.dir), 1);
	log_capture_end();
	ck_assert_int_eq(unlinkat(fixture.offer.state_dir_fd, LEASES_FILE, AT_REMOVEDIR), 0);
}
END_TEST

/* 0 is a descriptor like all others. */
START_TEST(state_directory_is_descriptor_0)
{
	struct message_hello said = hello();
	struct addr mine;

	ck_assert_int_eq(dup2(fixture.offer.state_dir_fd, 0), 0);
	close(fixture.offer.state_dir_fd);
	fixture.offer.state_dir_fd = 0;
	ck_assert_int_eq(make("branch-a", NULL, &said), 0);
	ck_assert_int_eq(make("branch-b", NULL, &said), 0);
	mine = fixture.terms.remote4;
	offer_free(&fixture.offer);
	ck_assert(is_saved());
	lend();
	ck_assert_int_eq(make("branch-b", NULL, &said), 0);
	ck_assert(addr_equal(&fixture.terms.remote4, &mine));
}
END_TEST

/* Leases are not kept then. That is as wanted: nothing is logged. */
START_TEST(without_a_state_directory)
{
	struct message_hello said = hello();
	int fd = fixture.offer.state_dir_fd;

	offer_free(&fixture.offer);
	forget_saved();
	fixture.offer.state_dir_fd = -1;
	log_capture_begin(LOG_LEVEL_DEBUG);
	lend();
	ck_assert_int_eq(make("branch-a", NULL, &said), 0);
	wait_ms(SAVED_MS);
	offer_free(&fixture.offer);
	ck_assert_uint_eq(log_count("leases"), 0);
	log_capture_end();
	fixture.offer.state_dir_fd = fd;
	ck_assert(!is_saved());
}
END_TEST

/* A program that fails before offer_init() has no leases: it must not replace those of its last run by none. */
START_TEST(never_began)
{
	struct message_hello said = hello();
	struct stat before, after;
	struct offer offer;

	ck_assert_int_eq(make("branch-a", NULL, &said), 0);
	offer_free(&fixture.offer);
	ck_assert_int_eq(fstatat(fixture.offer.state_dir_fd, LEASES_FILE, &before, 0), 0);
	offer = (struct offer){ .loop = fixture.loop,
		.settings = fixture.settings,
		.name = &fixture.name,
		.state_dir_fd = fixture.offer.state_dir_fd };
	offer_stop(&offer);
	offer_free(&offer);
	ck_assert_int_eq(fstatat(fixture.offer.state_dir_fd, LEASES_FILE, &after, 0), 0);
	ck_assert_uint_eq(before.st_ino, after.st_ino);
}
END_TEST

static Suite *suite(void)
{
	const TTest *const tests[] = { addresses, one_family, terms, offloads, welcome, own_dns,
		no_address, no_random_numbers, random_numbers_later, grown_pool, other_pool,
		address_of_a_changed_entry, lease_of_a_renamed_entry, adopted_addresses,
		saved_later, saved_at_the_end, remembered, forgotten, broken_file,
		leases_cannot_be_written, state_directory_is_descriptor_0,
		without_a_state_directory, never_began };

	return unit_suite("offer", setup, teardown, tests, ARRAY_SIZE(tests));
}

int main(void)
{
	return unit_run("offer", suite());
}
