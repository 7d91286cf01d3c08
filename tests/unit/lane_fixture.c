/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/lane_fixture.h"

#include <errno.h>
#include <poll.h>
#include <sys/uio.h>

#include "base/container.h"
#include "tests/unit/lane_raw.h"
#include "tests/unit/parse.h"
#include "tests/unit/random.h"
#include "tests/unit/unit.h"

struct lanes lanes;
const struct vnet lanes_bare = { 0 };

/* ---- workers and reports ---- */

static void deliver(struct mailbox *mailbox, struct mail *mail)
{
	(void)mailbox;
	lane_deliver_report(mail);
}

void lanes_set_up(void)
{
	pki_set_up();
	lanes = (struct lanes){ 0 };
	ck_assert_int_eq(loop_new(&lanes.loop), 0);
	ck_assert_int_eq(mailbox_open(&lanes.reports, lanes.loop, deliver), 0);
	for (unsigned i = 0; i < LANES_WORKERS; i++)
		ck_assert_int_eq(
			worker_start(i, &lanes.reports, lane_deliver_order, &lanes.workers[i]), 0);
}

void lanes_tear_down(void)
{
	for (unsigned i = 0; i < LANES_WORKERS; i++)
		worker_stop(lanes.workers[i]);
	mailbox_close(&lanes.reports);
	loop_free(lanes.loop);
	pki_tear_down();
}

void lanes_add(Suite *suite, const char *name, const TTest *const *tests, size_t count)
{
	tcase_set_timeout(unit_add_case(suite, name, lanes_set_up, lanes_tear_down, tests, count),
		LANES_WAIT_S * 2);
}

/*
 * A loop runs once, and a test waits many times: so this asks the mailbox's watch as the loop
 * would. The wait is short since counters and TUN ends have nothing here that wakes it.
 */
void lanes_step(struct mono limit, const char *condition)
{
	struct loop_watch *watch = &lanes.reports.watch;
	struct pollfd fds[2] = {
		{ .fd = watch->fd, .events = POLLIN },
		{ .fd = lanes.raw ? raw_poll_fd(lanes.raw) : -1, .events = POLLIN },
	};

	ck_assert_msg(mono_before(mono_now(), limit), "waited in vain: %s", condition);
	ck_assert_int_ge(poll(fds, 2, 1), 0);
	if (fds[0].revents)
		watch->ready(watch, EPOLLIN);
	if (lanes.raw)
		raw_step(lanes.raw);
}

void lanes_connect(int type, int fds[2])
{
	ck_assert_int_eq(socketpair(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
}

/* Orders are done in turn: when a lane given last has ended, everything before it was done. */
void lanes_run(unsigned worker)
{
	struct side side;
	int fds[2];

	lanes_connect(SOCK_STREAM, fds);
	close(fds[1]);
	side_start(&side, worker, TLS_SERVER, fds[0], LANES_LONG_MS);
	AWAIT(side.ended);
	side_finish(&side);
}

/* ---- messages and packets ---- */

size_t lanes_message(uint32_t number, uint8_t out[FRAME_CONTROL_MAX])
{
	size_t len = number % 32 == 31 ? FRAME_CONTROL_MAX : FRAME_CONTROL_MIN + number * 37 % 1000;
	struct random random = { .state = number };
	struct writer writer;

	random_fill(&random, out, len);
	writer_init(&writer, out, len);
	ck_assert_int_eq(writer_u32(&writer, number), 0);
	return len;
}

void lanes_set_addresses(struct inner_packet *packet, const char *from, const char *to)
{
	bool v4 = packet->data[0] >> 4 == 4;
	struct addr source, destination;

	source = addr_of(from);
	destination = addr_of(to);
	memcpy(packet->data + (v4 ? 12 : 8), source.bytes, addr_size(&source));
	memcpy(packet->data + (v4 ? 16 : 24), destination.bytes, addr_size(&destination));
}

void lanes_packet(
	struct inner_packet *packet, bool from_client, int family, size_t len, uint32_t number)
{
	bool v4 = family == AF_INET;
	const char *client = v4 ? "10.1.0.5" : "2001:db8:1::5";
	const char *server = v4 ? "10.2.0.7" : "2001:db8:2::7";
	struct random random = { .state = number };
	enum { EXPERIMENT = 253 }; /* a protocol that nobody looks into: RFC 3692 */

	if (v4)
		inner_v4(packet, EXPERIMENT);
	else
		inner_v6(packet, EXPERIMENT);
	ck_assert_uint_ge(len, packet->len);
	random_fill(&random, packet->data + packet->len, len - packet->len);
	packet->len = len;
	if (v4) { /* the identification, so that even the shortest is told from others */
		packet->data[4] = (uint8_t)(number >> 8);
		packet->data[5] = (uint8_t)number;
	}
	lanes_set_addresses(packet, from_client ? client : server, from_client ? server : client);
	inner_finish(packet);
}

/* ---- the owner ---- */

static struct side *side_of(struct lane_owner *owner, struct lane *lane)
{
	struct side *side = container_of(owner, struct side, owner);

	ck_assert_ptr_eq(lane, side->lane);
	ck_assert_msg(!side->ended, "a report came after the end");
	return side;
}

static void on_secured(struct lane_owner *owner, struct lane *lane, const struct lane_peer *peer)
{
	struct side *side = side_of(owner, lane);

	ck_assert(!side->secured);
	side->secured = true;
	side->peer = *peer;
}

static void on_control(struct lane_owner *owner, struct lane *lane, const uint8_t *data, size_t len)
{
	struct side *side = side_of(owner, lane);
	uint8_t expected[FRAME_CONTROL_MAX];

	ck_assert(side->secured);
	if (len == strlen(LANES_GOODBYE) && memcmp(data, LANES_GOODBYE, len) == 0) {
		side->goodbyes++;
		return;
	}
	ck_assert_uint_eq(len, lanes_message(side->heard, expected));
	ck_assert_mem_eq(data, expected, len);
	side->heard++;
}

static void on_fault(struct lane_owner *owner, struct lane *lane, uint16_t code, const char *text)
{
	struct side *side = side_of(owner, lane);

	ck_assert(side->secured && !side->faulted);
	side->faulted = true;
	side->fault_code = code;
	snprintf(side->fault_text, sizeof(side->fault_text), "%s", text);
	side_end_with_goodbye(side);
}

static void on_ended(
	struct lane_owner *owner, struct lane *lane, enum lane_end end, const char *text)
{
	struct side *side = side_of(owner, lane);

	side->ended = true;
	side->end = end;
	snprintf(side->end_text, sizeof(side->end_text), "%s", text);
}

/* ---- sides ---- */

void side_start(struct side *side, unsigned worker, enum tls_role role, int fd, int deadline_ms)
{
	struct tls_context *context = role == TLS_CLIENT ? pki.client_context : pki.server_context;

	*side = (struct side){
		.owner = { .secured = on_secured,
			.control = on_control,
			.fault = on_fault,
			.ended = on_ended },
		.worker = worker,
		.role = role,
		.queue = -1,
		.host = -1,
	};
	ck_assert_int_eq(
		lane_new(lanes.workers[worker], context, role, fd,
			mono_add(mono_now(), DURATION_MS(deadline_ms)), &side->owner, &side->lane),
		0);
}

void sides_start(struct side *client, struct side *server)
{
	int fds[2];

	lanes_connect(SOCK_STREAM, fds);
	side_start(client, 0, TLS_CLIENT, fds[0], LANES_LONG_MS);
	side_start(server, 1, TLS_SERVER, fds[1], LANES_LONG_MS);
	AWAIT(client->secured && server->secured);
}

void side_send(struct side *side, uint32_t number)
{
	uint8_t message[FRAME_CONTROL_MAX];
	size_t len = lanes_message(number, message);

	ck_assert_int_eq(lane_send_control(side->lane, message, len), 0);
}

struct filter *side_filter(enum tls_role role)
{
	static const char *const texts[2][2] = {
		{ "10.1.0.0/16", "2001:db8:1::/48" },
		{ "10.2.0.0/16", "2001:db8:2::/48" },
	};
	struct prefix prefixes[2][2];
	int our = role == TLS_CLIENT ? 0 : 1;
	struct filter *filter;

	for (int i = 0; i < 2; i++)
		for (int j = 0; j < 2; j++)
			prefixes[i][j] = prefix_of(texts[i][j]);
	ck_assert_int_eq(filter_new(prefixes[!our], 2, prefixes[our], 2, &filter), 0);
	return filter;
}

void side_make_tun(struct side *side)
{
	int fds[2], size = 1 << 20;

	lanes_connect(SOCK_SEQPACKET, fds);
	for (int i = 0; i < 2; i++)
		setsockopt(fds[i], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	side->queue = fds[0];
	side->host = fds[1];
}

void side_carry(struct side *side, uint32_t offloads)
{
	const struct lane_carry terms = {
		.offloads_read = offloads,
		.offloads_send = offloads,
		.offloads_accept = offloads,
	};

	side_carry_as(side, &terms);
}

void side_carry_as(struct side *side, const struct lane_carry *terms)
{
	struct lane_carry carry = *terms;

	carry.filter = side_filter(side->role);
	if (side->queue < 0)
		side_make_tun(side);
	carry.tun_fd = side->queue;
	ck_assert_int_eq(lane_carry(side->lane, &carry), 0);
	filter_unref(carry.filter); /* the lane has its own reference */
}

void sides_carry(struct side *client, struct side *server, uint32_t offloads)
{
	sides_start(client, server);
	side_carry(client, offloads);
	side_carry(server, offloads);
	/* A packet that comes before its lane carries would be dropped. */
	lanes_run(client->worker);
	lanes_run(server->worker);
}

void side_end_with_goodbye(struct side *side)
{
	ck_assert_int_eq(lane_send_control(side->lane, LANES_GOODBYE, strlen(LANES_GOODBYE)), 0);
	lane_end(side->lane);
}

void side_finish(struct side *side)
{
	if (!side->lane)
		return;
	lane_end(side->lane);
	AWAIT(side->ended);
	lane_release(side->lane);
	side->lane = NULL;
	if (side->queue >= 0)
		close(side->queue);
	if (side->host >= 0)
		close(side->host);
	side->queue = side->host = -1;
}

void sides_finish(struct side *client, struct side *server)
{
	lane_end(client->lane);
	lane_end(server->lane);
	side_finish(client);
	side_finish(server);
}

uint64_t side_drops(const struct side *side, enum drop_reason reason)
{
	return counter_read(&lane_counters(side->lane)->drops[reason]);
}

void side_assert_drops(const struct side *side, enum drop_reason reason, uint64_t count)
{
	for (int i = 0; i < DROP_REASON_COUNT; i++) {
		enum drop_reason each = (enum drop_reason)i;
		uint64_t expected = each == reason ? count : 0;

		ck_assert_msg(side_drops(side, each) == expected, "%s: %llu instead of %llu",
			drop_reason_text(each), (unsigned long long)side_drops(side, each),
			(unsigned long long)expected);
	}
}

/* ---- the fake TUN ---- */

static void encode(const struct vnet *vnet, uint8_t out[VNET_SIZE])
{
	struct writer writer;

	writer_init(&writer, out, VNET_SIZE);
	ck_assert_int_eq(vnet_encode(&writer, vnet), 0);
}

void host_send(struct side *side, const struct vnet *vnet, const struct inner_packet *packet)
{
	uint8_t header[VNET_SIZE];
	struct iovec parts[2] = {
		{ .iov_base = header, .iov_len = sizeof(header) },
		{ .iov_base = (void *)(uintptr_t)packet->data, .iov_len = packet->len },
	};

	encode(vnet, header);
	ck_assert_int_eq(writev(side->host, parts, 2), (ssize_t)(sizeof(header) + packet->len));
}

void host_expect(struct side *side, const struct vnet *vnet, const struct inner_packet *packet)
{
	static uint8_t got[VNET_SIZE + FRAME_PACKET_MAX + 1];
	uint8_t header[VNET_SIZE];
	ssize_t len;

	AWAIT((len = recv(side->host, got, sizeof(got), 0)) >= 0);
	ck_assert_int_eq(len, (ssize_t)(sizeof(header) + packet->len));
	encode(vnet, header);
	ck_assert_mem_eq(got, header, sizeof(header));
	ck_assert_mem_eq(got + sizeof(header), packet->data, packet->len);
}
