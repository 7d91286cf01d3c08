/* SPDX-License-Identifier: Apache-2.0 */
/* A session's interface between a session, which counts what it hears, and a simulated netd. */
#include "engine/session_interface.h"

#include "base/container.h"
#include "config/descriptors.h"
#include "tests/unit/log_capture.h"
#include "tests/unit/netd_fixture.h"
#include "tests/unit/parse.h"

enum { MADE, FAILED, REFUSED, LOST, CARRIER, REMOVED, EVENT_COUNT };

static struct fixture {
	struct session_world world;
	struct descriptors descriptors;
	struct settings *settings;
	struct loop *loop;
	struct identity name;
	struct settings_peer peer;
	struct session_interface interface;
	int heard[EVENT_COUNT];
	char why[256]; /* of the last refusal */
	int fds[REQUEST_QUEUES_MAX];
} fixture;

static void hear(int event)
{
	fixture.heard[event]++;
}

static void on_made(struct session_interface *interface)
{
	ck_assert(session_interface_is_there(interface));
	hear(MADE);
}

static void on_failed(struct session_interface *interface)
{
	ck_assert_ptr_nonnull(session_interface_failure(interface));
	hear(FAILED);
}

static void on_refused(struct session_interface *interface, const char *why)
{
	ck_assert_ptr_null(session_interface_failure(interface));
	snprintf(fixture.why, sizeof(fixture.why), "%s", why);
	hear(REFUSED);
}

static void on_lost(struct session_interface *interface)
{
	ck_assert_ptr_eq(interface, &fixture.interface);
	hear(LOST);
}

static void on_carrier(struct session_interface *interface)
{
	ck_assert_ptr_eq(interface, &fixture.interface);
	hear(CARRIER);
}

static void on_removed(struct session_interface *interface)
{
	ck_assert(!session_interface_is_there(interface));
	hear(REMOVED);
}

static const struct session_interface_events events = {
	.made = on_made,
	.failed = on_failed,
	.refused = on_refused,
	.lost = on_lost,
	.carrier = on_carrier,
	.removed = on_removed,
};

/* The event was heard so often since it was last asked about. */
static void ck_heard(int event, int count)
{
	ck_assert_int_eq(fixture.heard[event], count);
	fixture.heard[event] = 0;
}

static void ck_silence(void)
{
	for (int i = 0; i < EVENT_COUNT; i++)
		ck_assert_msg(fixture.heard[i] == 0, "event %d", i);
}

static void expire(struct loop_timer *timer)
{
	ck_assert(timer->running);
	loop_timer_stop(fixture.loop, timer);
	timer->expired(timer);
}

static struct request_interface wanted(void)
{
	return (struct request_interface){
		.peer = fixture.name,
		.mtu = 1400,
		.queues = 1,
		.local4 = addr_of("10.99.0.2"),
		.remote4 = addr_of("10.99.0.1"),
		.local6 = addr_of("fd99::2"),
		.remote6 = addr_of("fd99::1"),
		.outer = { addr_of("192.0.2.1"), 443 },
	};
}

static void make(void)
{
	struct request_interface asked = wanted();

	session_interface_make(&fixture.interface, &asked);
}

static void make_there(uint32_t number, size_t queues)
{
	make();
	netd_make(number, queues, fixture.fds);
	ck_heard(MADE, 1);
	ck_heard(LOST, 1);
}

static void set_up(enum settings_role role)
{
	fixture = (struct fixture){ .descriptors = { .ceiling = 0 } };
	netd = (struct netd_fixture){ .tun_offloads = 3 };
	ck_assert_int_eq(loop_new(&fixture.loop), 0);
	ck_assert_int_eq(settings_new(role, &fixture.settings), 0);
	ck_assert_int_eq(identity_set(&fixture.name, "branch-a", 8), 0);
	fixture.world = (struct session_world){
		.loop = fixture.loop,
		.settings = fixture.settings,
		.descriptors = &fixture.descriptors,
		.ready = true,
	};
	session_interface_init(
		&fixture.interface, &fixture.world, &fixture.name, &fixture.peer, &events);
}

static void server(void)
{
	set_up(SETTINGS_SERVER);
}

static void client(void)
{
	static const char *const ranges[] = { "10.0.0.0/8", "192.0.2.0/24", "fd00::/8" };
	struct prefix range;

	set_up(SETTINGS_CLIENT);
	for (size_t i = 0; i < ARRAY_SIZE(ranges); i++) {
		range = prefix_of(ranges[i]);
		ck_assert_int_eq(
			prefix_list_append(&fixture.settings->tunnel_addresses, &range, 1), 0);
	}
	fixture.settings->peers = calloc(1, sizeof(*fixture.settings->peers));
	fixture.settings->peer_count = 1;
}

static void tear_down(void)
{
	session_interface_free(&fixture.interface);
	settings_free(fixture.settings);
	loop_free(fixture.loop);
}

START_TEST(made)
{
	ck_assert(!session_interface_is_there(&fixture.interface));
	make();
	ck_silence();
	ck_assert_uint_eq(netd_next(REQUEST_INTERFACE)->interface.mtu, 1400);
	netd_make(3, 1, fixture.fds);
	ck_heard(MADE, 1);
	ck_heard(LOST, 1);
	ck_silence();
	ck_assert(session_interface_is(&fixture.interface, 3));
	ck_assert(!session_interface_is(&fixture.interface, 4));
	ck_assert_uint_eq(session_interface_number(&fixture.interface), 3);
	ck_assert_uint_eq(session_interface_index(&fixture.interface), 103);
	ck_assert_str_eq(session_interface_name(&fixture.interface), "cv3");
	ck_assert_uint_eq(session_interface_count_queues(&fixture.interface), 1);
	ck_assert(!session_interface_has_queues(&fixture.interface));
	ck_assert(!session_interface_lacks_family(&fixture.interface, AF_INET));
	ck_assert(!session_interface_lacks_family(&fixture.interface, AF_INET6));
	ck_assert(session_interface_carries(&fixture.interface));
}
END_TEST

/* netd answers with copies of the same descriptors: they are closed, and those of before stay. */
START_TEST(made_again)
{
	int copy;

	make_there(3, 1);
	make();
	netd_make(3, 1, &copy);
	ck_heard(MADE, 1);
	ck_silence();
	ck_assert(!netd_is_open(copy));
	ck_assert(netd_is_open(fixture.fds[0]));
}
END_TEST

/* Another one takes its place. A lane that has not ended keeps the old descriptor open. */
START_TEST(replaced)
{
	int old, queue;

	make_there(3, 1);
	old = fixture.fds[0];
	ck_assert_int_eq(session_interface_take_queue(&fixture.interface, &queue), 0);
	session_interface_return_queue(&fixture.interface, queue);
	make_there(4, 1);
	ck_assert(netd_is_open(old));
	session_interface_lane_ended(&fixture.interface);
	ck_assert(!netd_is_open(old));
	ck_assert(netd_is_open(fixture.fds[0]));
}
END_TEST

/* What no lane uses is closed at once; and there is an end to what is kept for lanes that never end. */
START_TEST(replaced_often)
{
	int first, queue;

	make_there(1, 1);
	first = fixture.fds[0];
	make_there(2, 1);
	ck_assert(!netd_is_open(first));
	ck_assert_int_eq(session_interface_take_queue(&fixture.interface, &queue), 0);
	for (uint32_t i = 3; i < 100; i++)
		make_there(i, REQUEST_QUEUES_MAX);
	ck_assert_uint_le(fixture.interface.parked_count, 2 * (size_t)REQUEST_QUEUES_MAX);
}
END_TEST

static bool all_are_open(const int *fds, bool open)
{
	for (size_t i = 0; i < REQUEST_QUEUES_MAX; i++) {
		if (netd_is_open(fds[i]) != open)
			return false;
	}
	return true;
}

/* Two that went before are kept for a lane that has not ended, with all their queues. */
START_TEST(replaced_while_a_lane_ends)
{
	int fds[3][REQUEST_QUEUES_MAX], queue;

	for (uint32_t i = 0; i < 3; i++) {
		make_there(1 + i, REQUEST_QUEUES_MAX);
		memcpy(fds[i], fixture.fds, sizeof(fds[i]));
		if (i == 0)
			ck_assert_int_eq(
				session_interface_take_queue(&fixture.interface, &queue), 0);
	}
	ck_assert(all_are_open(fds[0], true));
	ck_assert(all_are_open(fds[1], true));
	ck_assert(all_are_open(fds[2], true));
	session_interface_lane_ended(&fixture.interface);
	ck_assert(all_are_open(fds[0], false));
	ck_assert(all_are_open(fds[1], false));
	ck_assert(all_are_open(fds[2], true));
}
END_TEST

START_TEST(refused_by_netd)
{
	make();
	netd_refuse(EPERM, "not in a hundred years");
	ck_heard(FAILED, 1);
	ck_silence();
	ck_assert_str_eq(session_interface_failure(&fixture.interface), "not in a hundred years");
	make_there(3, 1);
	ck_assert_ptr_null(session_interface_failure(&fixture.interface));
}
END_TEST

START_TEST(netd_cannot_be_asked)
{
	netd.ask_error = -ENOMEM;
	make();
	ck_heard(FAILED, 1);
	ck_silence();
}
END_TEST

START_TEST(without_descriptors)
{
	make();
	netd_make(3, 0, fixture.fds);
	ck_heard(FAILED, 1);
	ck_silence();
	ck_assert_ptr_nonnull(
		strstr(session_interface_failure(&fixture.interface), "limit of open files"));
}
END_TEST

/* The last descriptors are not for interfaces. */
START_TEST(reserve)
{
	make();
	fixture.descriptors.ceiling = 1;
	netd_make(3, 1, fixture.fds);
	ck_heard(FAILED, 1);
	ck_silence();
	ck_assert(!netd_is_open(fixture.fds[0]));
}
END_TEST

/* The connection went, and another one wants other terms before netd has answered. */
START_TEST(stale)
{
	struct request_interface other = wanted();

	make();
	session_interface_detach(&fixture.interface);
	other.mtu = 1300;
	session_interface_make(&fixture.interface, &other);
	ck_assert_uint_eq(netd.asked_count, 1);
	netd_make(3, 1, fixture.fds);
	ck_heard(LOST, 1);
	ck_silence();
	ck_assert_uint_eq(netd_next(REQUEST_INTERFACE)->interface.mtu, 1300);
	netd_refuse(EPERM, "no");
	ck_heard(FAILED, 1);
	ck_silence();
}
END_TEST

/* Nobody waits any more: it is kept for the next connection. */
START_TEST(let_be)
{
	make();
	session_interface_detach(&fixture.interface);
	netd_make(3, 1, fixture.fds);
	ck_heard(LOST, 1);
	ck_silence();
	ck_assert(session_interface_is_there(&fixture.interface));
	make();
	session_interface_detach(&fixture.interface);
	netd_refuse(EADDRINUSE, "taken");
	ck_silence();
}
END_TEST

START_TEST(without_a_family)
{
	struct request_reply reply = { .interface = 3, .adopts = true };

	make();
	reply.adopted = netd_next(REQUEST_INTERFACE)->interface;
	reply.adopted.local6 = reply.adopted.remote6 = (struct addr){ .family = AF_UNSPEC };
	fixture.fds[0] = netd_fd();
	netd_answer(&reply, fixture.fds, 1);
	ck_heard(MADE, 1);
	ck_assert(!session_interface_lacks_family(&fixture.interface, AF_INET));
	ck_assert(session_interface_lacks_family(&fixture.interface, AF_INET6));
	make();
	reply.adopted = wanted();
	reply.adopted.local4 = (struct addr){ .family = AF_UNSPEC };
	fixture.fds[1] = netd_fd();
	netd_answer(&reply, &fixture.fds[1], 1);
	ck_assert(session_interface_lacks_family(&fixture.interface, AF_INET));
	ck_assert(!session_interface_lacks_family(&fixture.interface, AF_INET6));
}
END_TEST

START_TEST(addresses_of_others)
{
	make();
	netd_refuse(EADDRINUSE, "address 10.99.0.2 is the printer's");
	ck_heard(REFUSED, 1);
	ck_silence();
	ck_assert_str_eq(fixture.why, "address 10.99.0.2 is the printer's");
}
END_TEST

/* Also when netd has made it: then it has to go. */
START_TEST(address_of_the_server)
{
	struct request_interface asked = wanted();

	asked.remote4 = asked.outer.addr;
	session_interface_make(&fixture.interface, &asked);
	ck_silence();
	netd_make(3, 1, fixture.fds);
	ck_heard(LOST, 1);
	ck_heard(REFUSED, 1);
	ck_silence();
	ck_assert_ptr_nonnull(strstr(fixture.why, "192.0.2.1, at which this host reaches"));
	session_interface_disconnected(&fixture.interface);
	ck_assert_uint_eq(netd_count_told(REQUEST_INTERFACE_DELETE, NULL), 1);
	ck_heard(LOST, 1);
	ck_assert(!session_interface_is_there(&fixture.interface));
}
END_TEST

/* netd refuses it as well: the interface of before stays. */
START_TEST(address_of_the_server_refused)
{
	struct request_interface asked = wanted();

	make_there(3, 1);
	asked.local4 = asked.outer.addr;
	session_interface_make(&fixture.interface, &asked);
	netd_refuse(EINVAL, "no");
	ck_heard(REFUSED, 1);
	session_interface_disconnected(&fixture.interface);
	ck_silence();
	ck_assert(session_interface_is_there(&fixture.interface));
}
END_TEST

/* In a namespace of its own it may have the address. */
START_TEST(address_of_the_server_apart)
{
	struct request_interface asked = wanted();

	unit_text(fixture.peer.netns, "inside");
	ck_assert(session_interface_is_apart(&fixture.interface));
	asked.remote4 = asked.outer.addr;
	session_interface_make(&fixture.interface, &asked);
	netd_make(3, 1, fixture.fds);
	ck_heard(MADE, 1);
}
END_TEST

START_TEST(addresses_that_none_may_have)
{
	struct request_interface asked = wanted();

	asked.local4 = addr_of("127.0.0.1");
	session_interface_make(&fixture.interface, &asked);
	netd_make(3, 1, fixture.fds);
	ck_heard(REFUSED, 1);
	ck_assert_ptr_nonnull(strstr(fixture.why, "127.0.0.1"));
}
END_TEST

/* A server with one family gives no addresses of the other. */
START_TEST(addresses_of_one_family)
{
	struct request_interface asked = wanted();

	asked.local6 = asked.remote6 = (struct addr){ .family = AF_UNSPEC };
	session_interface_make(&fixture.interface, &asked);
	netd_make(3, 1, fixture.fds);
	ck_heard(MADE, 1);
	ck_assert(!session_interface_lacks_family(&fixture.interface, AF_INET6));
}
END_TEST

/* The log names the end at which the cure is. */
START_TEST(cures)
{
	static const char here[] = "add their range to tunnel_addresses in this profile";
	struct request_interface asked = wanted();

	log_capture_begin(LOG_LEVEL_ERROR);
	asked.remote4 = asked.outer.addr;
	session_interface_make(&fixture.interface, &asked);
	netd_refuse(EINVAL, "no");
	ck_heard(REFUSED, 1);
	ck_assert_uint_eq(log_count(here), 0);
	ck_assert_uint_eq(log_count("give the server another pool"), 1);
	asked.remote4 = addr_of("198.51.100.1"); /* of no range that the profile allows */
	session_interface_make(&fixture.interface, &asked);
	netd_refuse(EINVAL, "no");
	ck_heard(REFUSED, 1);
	ck_assert_uint_eq(log_count(here), 1);
	log_capture_end();
}
END_TEST

/* A server gives the addresses: it is not asked about them. */
START_TEST(addresses_of_a_server)
{
	struct request_interface asked = wanted();

	asked.local4 = asked.outer.addr;
	session_interface_make(&fixture.interface, &asked);
	netd_make(3, 1, fixture.fds);
	ck_heard(MADE, 1);
}
END_TEST

START_TEST(judged)
{
	struct request_interface asked = wanted();

	make_there(3, 1);
	session_interface_judge(&fixture.interface, &asked);
	session_interface_judge(&fixture.interface, &asked);
	ck_assert_uint_eq(netd.asked_count, 1);
	netd_make(3, 1, fixture.fds + 1);
	ck_silence();
	session_interface_judge(&fixture.interface, &asked);
	netd_refuse(EPERM, "another cause");
	ck_silence();
	session_interface_judge(&fixture.interface, &asked);
	netd_refuse(EADDRINUSE, "the printer has it");
	ck_heard(REFUSED, 1);
	ck_silence();
	netd.ask_error = -ENOMEM;
	session_interface_judge(&fixture.interface, &asked);
	ck_silence();
	netd.ask_error = 0;
	/* The connection goes meanwhile. */
	session_interface_judge(&fixture.interface, &asked);
	session_interface_detach(&fixture.interface);
	netd_refuse(EADDRINUSE, "the printer has it");
	ck_silence();
}
END_TEST

/* A second question changes nothing about the first. */
START_TEST(judged_twice)
{
	struct request_interface asked = wanted();

	make_there(3, 1);
	session_interface_judge(&fixture.interface, &asked);
	session_interface_judge(&fixture.interface, &asked);
	netd_refuse(EADDRINUSE, "the printer has it");
	ck_heard(REFUSED, 1);
	ck_silence();
	ck_assert_uint_eq(netd.asked_count, 0);
}
END_TEST

/* What was wrong with one is not wrong with the next, which nobody waited for. */
START_TEST(broken_once)
{
	make_there(3, 1);
	session_interface_break(&fixture.interface);
	session_interface_disconnected(&fixture.interface);
	ck_heard(LOST, 1);
	make();
	session_interface_detach(&fixture.interface);
	netd_make(4, 1, fixture.fds);
	ck_heard(LOST, 1);
	session_interface_disconnected(&fixture.interface);
	ck_silence();
	ck_assert(session_interface_is_there(&fixture.interface));
}
END_TEST

/* netd cannot be told: the log says that the interface may still be there. */
START_TEST(broken_and_not_removed)
{
	log_capture_begin(LOG_LEVEL_ERROR);
	make_there(3, 1);
	session_interface_break(&fixture.interface);
	session_interface_disconnected(&fixture.interface);
	ck_heard(LOST, 1);
	ck_assert_uint_eq(log_count("cannot ask netd to remove"), 0);
	make_there(4, 1);
	session_interface_break(&fixture.interface);
	netd.tell_error = -ENOMEM;
	session_interface_disconnected(&fixture.interface);
	ck_heard(LOST, 1);
	ck_assert_uint_eq(log_count("cannot ask netd to remove cv4"), 1);
	log_capture_end();
}
END_TEST

START_TEST(rest)
{
	make_there(3, 1);
	session_interface_disconnected(&fixture.interface);
	ck_silence();
	ck_assert(session_interface_is_there(&fixture.interface));
	ck_assert_uint_eq(netd.told_count, 0);
	session_interface_break(&fixture.interface);
	session_interface_disconnected(&fixture.interface);
	ck_heard(LOST, 1);
	ck_assert(!session_interface_is_there(&fixture.interface));
	ck_assert(!netd_is_open(fixture.fds[0]));
	ck_assert_uint_eq(netd_count_told(REQUEST_INTERFACE_DELETE, NULL), 1);
	/* It was that one that was broken. */
	make_there(4, 1);
	session_interface_disconnected(&fixture.interface);
	ck_assert(session_interface_is_there(&fixture.interface));
}
END_TEST

START_TEST(carrier)
{
	const struct request *last = NULL;

	session_interface_set_carrier(&fixture.interface, false); /* not there */
	ck_assert(session_interface_carries(&fixture.interface));
	make_there(3, 1);
	session_interface_set_carrier(&fixture.interface, true); /* so it is with a new one */
	ck_silence();
	ck_assert_uint_eq(netd.told_count, 0);
	session_interface_set_carrier(&fixture.interface, false);
	ck_heard(CARRIER, 1);
	ck_assert(!session_interface_carries(&fixture.interface));
	ck_assert_uint_eq(netd_count_told(REQUEST_CARRIER, &last), 1);
	ck_assert_uint_eq(last->carrier.interface, 3);
	ck_assert(!last->carrier.on);
	session_interface_set_carrier(&fixture.interface, false);
	ck_silence();
	netd.tell_error = -ENOMEM;
	session_interface_set_carrier(&fixture.interface, true);
	ck_silence();
	ck_assert(!session_interface_carries(&fixture.interface));
	netd.tell_error = 0;
	session_interface_set_carrier(&fixture.interface, true);
	ck_heard(CARRIER, 1);
	ck_assert(session_interface_carries(&fixture.interface));
}
END_TEST

/* A peer that stays away for long; but not before every other session is there that could do better. */
START_TEST(peer_stays_away)
{
	make_there(3, 1);
	session_interface_disconnected(&fixture.interface);
	session_interface_set_carrier(&fixture.interface, true); /* it is back */
	ck_assert(!fixture.interface.idle.running);
	session_interface_disconnected(&fixture.interface);
	fixture.world.ready = false;
	expire(&fixture.interface.idle);
	ck_silence();
	ck_assert(session_interface_carries(&fixture.interface));
	fixture.world.ready = true;
	expire(&fixture.interface.idle);
	ck_heard(CARRIER, 1);
	ck_assert(!session_interface_carries(&fixture.interface));
	ck_assert(!fixture.interface.idle.running);
}
END_TEST

START_TEST(removed)
{
	make_there(3, 1);
	session_interface_remove(&fixture.interface);
	session_interface_remove(&fixture.interface);
	ck_assert_uint_eq(netd_next(REQUEST_INTERFACE_DELETE)->interface_delete.interface, 3);
	ck_silence();
	log_capture_begin(LOG_LEVEL_WARNING);
	netd_answer(&(struct request_reply){ .error = 0 }, NULL, 0);
	ck_assert_uint_eq(log_count("netd did not remove"), 0);
	log_capture_end();
	ck_heard(LOST, 1);
	ck_heard(REMOVED, 1);
	ck_silence();
	ck_assert(!netd_is_open(fixture.fds[0]));
	ck_assert_uint_eq(netd.asked_count, 0);
}
END_TEST

START_TEST(removed_where_none_is)
{
	session_interface_remove(&fixture.interface);
	ck_heard(REMOVED, 1);
	ck_silence();
}
END_TEST

/* netd refuses, or cannot be asked: it is gone for the session all the same. */
START_TEST(removed_with_failures)
{
	make_there(3, 1);
	session_interface_remove(&fixture.interface);
	log_capture_begin(LOG_LEVEL_WARNING);
	netd_refuse(1, "no"); /* EPERM */
	ck_assert_uint_eq(log_count("netd did not remove cv3: no"), 1);
	log_capture_end();
	ck_heard(LOST, 1);
	ck_heard(REMOVED, 1);
	make_there(4, 1);
	netd.ask_error = -ENOMEM;
	session_interface_remove(&fixture.interface);
	ck_heard(LOST, 1);
	ck_heard(REMOVED, 1);
}
END_TEST

/* While netd still makes it. */
START_TEST(removed_before_it_was_made)
{
	make();
	session_interface_remove(&fixture.interface);
	ck_silence();
	netd_make(3, 1, fixture.fds);
	ck_heard(LOST, 1);
	ck_silence();
	ck_assert_uint_eq(netd_next(REQUEST_INTERFACE_DELETE)->interface_delete.interface, 3);
	netd_answer(&(struct request_reply){ .error = 0 }, NULL, 0);
	ck_heard(LOST, 1);
	ck_heard(REMOVED, 1);
}
END_TEST

/* At the end netd removes all of them at once. */
START_TEST(removed_at_the_end)
{
	make_there(3, 1);
	fixture.world.stopping = true;
	session_interface_remove(&fixture.interface);
	ck_heard(LOST, 1);
	ck_heard(REMOVED, 1);
	ck_assert_uint_eq(netd.asked_count, 0);
}
END_TEST

START_TEST(queues)
{
	int first, second, third;

	make_there(3, 2);
	ck_assert(session_interface_has_queues(&fixture.interface));
	ck_assert_int_eq(session_interface_take_queue(&fixture.interface, &first), 0);
	ck_assert_int_eq(session_interface_take_queue(&fixture.interface, &second), 0);
	ck_assert_int_ne(first, second);
	ck_assert_int_eq(session_interface_take_queue(&fixture.interface, &third), -ENOBUFS);
	ck_assert_int_eq(
		session_interface_queue_fd(&fixture.interface, second), fixture.fds[second]);
	ck_assert_int_eq(session_interface_attach(&fixture.interface, second), 0);
	ck_assert(netd.attached[fixture.fds[second]]);
	session_interface_return_queue(&fixture.interface, second);
	ck_assert(!netd.attached[fixture.fds[second]]);
	ck_assert_int_eq(session_interface_take_queue(&fixture.interface, &third), 0);
	ck_assert_int_eq(third, second);
	netd.tun_error = -ENODEV;
	ck_assert_int_eq(session_interface_attach(&fixture.interface, third), -ENODEV);
}
END_TEST

/* The one queue of a plain interface is always attached. */
START_TEST(plain_queue)
{
	uint32_t offloads = 0;
	int queue;

	make_there(3, 1);
	ck_assert_int_eq(session_interface_take_queue(&fixture.interface, &queue), 0);
	netd.tun_error = -ENODEV;
	ck_assert_int_eq(session_interface_attach(&fixture.interface, queue), 0);
	ck_assert_int_eq(session_interface_set_offloads(&fixture.interface, 7, &offloads), -ENODEV);
	netd.tun_error = 0;
	ck_assert_int_eq(session_interface_set_offloads(&fixture.interface, 7, &offloads), 0);
	ck_assert_uint_eq(offloads, 3);
	ck_assert_int_eq(netd.tun_fd, fixture.fds[0]);
	netd.attached[fixture.fds[0]] = true;
	session_interface_return_queue(&fixture.interface, queue);
	ck_assert(netd.attached[fixture.fds[0]]);
}
END_TEST

START_TEST(adopted)
{
	struct request_reply reply = { .interface = 5, .ifindex = 6, .ifname = "cv9" };
	const struct request *last = NULL;

	for (int i = 0; i < 2; i++) {
		fixture.fds[i] = netd_fd();
		netd.attached[fixture.fds[i]] = true;
	}
	netd.attached[0] = true; /* another's */
	session_interface_adopt(&fixture.interface, &reply, fixture.fds, 2);
	ck_silence();
	ck_assert(session_interface_is(&fixture.interface, 5));
	ck_assert_str_eq(session_interface_name(&fixture.interface), "cv9");
	ck_assert(!netd.attached[fixture.fds[0]] && !netd.attached[fixture.fds[1]]);
	ck_assert(netd.attached[0]);
	/* What netd was told last is not known: it is told in either case. */
	ck_assert(session_interface_carries(&fixture.interface));
	ck_assert(fixture.interface.idle.running);
	session_interface_set_carrier(&fixture.interface, true);
	ck_heard(CARRIER, 1);
	ck_assert_uint_eq(netd_count_told(REQUEST_CARRIER, &last), 1);
	ck_assert(last->carrier.on);
}
END_TEST

START_TEST(lacking)
{
	const struct session_interface_lack *lack = session_interface_lack(&fixture.interface);
	struct request_lack page = { .local6 = true, .total = 3, .text = "wan0 has it" };

	make_there(3, 1);
	ck_assert_ptr_null(lack->why);
	session_interface_take_lack(&fixture.interface, &page);
	ck_assert_str_eq(lack->why, "wan0 has it");
	ck_assert(lack->local6 && !lack->local4 && !lack->link);
	/* A later page is about routes alone. */
	page = (struct request_lack){ .offset = 2, .total = 3, .link = true, .text = "other" };
	session_interface_take_lack(&fixture.interface, &page);
	ck_assert_str_eq(lack->why, "wan0 has it");
	ck_assert(lack->local6 && !lack->link);
	page = (struct request_lack){ .total = 0 };
	session_interface_take_lack(&fixture.interface, &page);
	ck_assert_ptr_null(lack->why);
	ck_assert(!lack->local6);
	page = (struct request_lack){ .link = true, .local4 = true, .text = "gone" };
	session_interface_take_lack(&fixture.interface, &page);
	ck_assert(lack->link && lack->local4);
	make_there(4, 1); /* a new one has all that is its */
	ck_assert_ptr_null(lack->why);
}
END_TEST

/* Each of them is worth a word, also alone. */
START_TEST(lacking_one_thing)
{
	static const struct request_lack pages[] = {
		{ .link = true, .text = "why" },
		{ .local4 = true, .text = "why" },
		{ .local6 = true, .text = "why" },
		{ .total = 1, .text = "why" },
	};
	const struct session_interface_lack *lack = session_interface_lack(&fixture.interface);

	make_there(3, 1);
	for (size_t i = 0; i < ARRAY_SIZE(pages); i++) {
		session_interface_take_lack(&fixture.interface, &pages[i]);
		ck_assert_str_eq(lack->why, "why");
		ck_assert_int_eq(lack->link, pages[i].link);
		ck_assert_int_eq(lack->local4, pages[i].local4);
		ck_assert_int_eq(lack->local6, pages[i].local6);
	}
}
END_TEST

START_TEST(namespaces)
{
	ck_assert_str_eq(session_interface_netns(&fixture.interface), "");
	ck_assert(!session_interface_is_apart(&fixture.interface));
	fixture.settings->contained = true;
	ck_assert(session_interface_is_apart(&fixture.interface));
	fixture.settings->contained = false;
	unit_text(fixture.peer.netns, "inside");
	ck_assert(session_interface_is_apart(&fixture.interface));
	ck_assert_str_eq(session_interface_netns(&fixture.interface), "inside");
	fixture.interface.peer = NULL; /* unlisted */
	ck_assert(!session_interface_is_apart(&fixture.interface));
}
END_TEST

static Suite *suite(void)
{
	const TTest *const at_server[] = { made, made_again, replaced, replaced_often,
		replaced_while_a_lane_ends, refused_by_netd, netd_cannot_be_asked,
		without_descriptors, reserve, stale, let_be, without_a_family,
		addresses_of_a_server, carrier, peer_stays_away, removed, removed_where_none_is,
		removed_with_failures, removed_before_it_was_made, removed_at_the_end, queues,
		plain_queue, adopted, lacking, lacking_one_thing, namespaces };
	const TTest *const at_client[] = { addresses_of_others, address_of_the_server,
		address_of_the_server_refused, address_of_the_server_apart,
		addresses_that_none_may_have, addresses_of_one_family, cures, judged, judged_twice,
		broken_once, broken_and_not_removed, rest };
	Suite *s = suite_create("session_interface");

	unit_add_case(s, "server", server, tear_down, at_server, ARRAY_SIZE(at_server));
	unit_add_case(s, "client", client, tear_down, at_client, ARRAY_SIZE(at_client));
	return s;
}

int main(void)
{
	return unit_run("session_interface", suite());
}
