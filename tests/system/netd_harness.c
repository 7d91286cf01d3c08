/* SPDX-License-Identifier: Apache-2.0 */
/*
 * netd with an engine that misbehaves, for tests/system/misbehaving-engine.sh.
 *
 * 	netd_harness server|client SCENARIO DIRECTORY
 *
 * runs the real netd_run() with settings of its own; since an engine is always netd's own program,
 * this program plays the engine as well, when its first argument is --engine. A scenario that is
 * refused by a reply says so in the log ("SCENARIO: as expected" or "SCENARIO: UNEXPECTED: ...");
 * one that has to be killed only waits for that. DIRECTORY holds the key, and gets control socket
 * and state. HARNESS_USER names the engine's user, HARNESS_PORT the listener's port.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/settings.h"
#include "netd/netd.h"
#include "system/ipc.h"
#include "system/process.h"
#include "wire/request.h"

enum { REPLY_MS = 20000, FLOOD_COUNT = 100000, MANY_COUNT = 300 };

/* ---- how an engine speaks ---- */

static uint8_t buffer[REQUEST_SIZE_MAX + 64];
static int fds[REQUEST_FDS_MAX];
static size_t fd_count;
static struct request in;
static uint32_t next_id = 1;

static _Noreturn void die(const char *what)
{
	log_error("UNEXPECTED: %s: %s", what, strerror(errno));
	exit(99);
}

/* Waits for one message; false: the channel is gone. */
static bool receive(void)
{
	struct pollfd poll_fd = { .fd = REQUEST_FD, .events = POLLIN };
	size_t len;
	int r;

	if (poll(&poll_fd, 1, REPLY_MS) != 1)
		die("no message came");
	r = ipc_receive(REQUEST_FD, buffer, sizeof(buffer), &len, fds, REQUEST_FDS_MAX, &fd_count);
	if (r == -EPIPE)
		return false;
	if (r < 0 || request_decode(buffer, len, &in) < 0)
		die("a message of netd's is broken");
	return true;
}

static void send_bytes(const void *data, size_t len, const int *with, size_t count)
{
	struct pollfd poll_fd = { .fd = REQUEST_FD, .events = POLLOUT };
	int r;

	while ((r = ipc_send(REQUEST_FD, data, len, with, count)) == -EAGAIN) {
		if (poll(&poll_fd, 1, -1) < 0)
			die("poll");
	}
	if (r == -EPIPE) /* netd has had enough: it is about to kill us */
		exit(0);
	if (r < 0)
		die("netd does not take a message");
}

static size_t encode(const struct request *request)
{
	struct writer writer;

	writer_init(&writer, buffer, sizeof(buffer));
	if (request_encode(&writer, request) < 0)
		die("a request cannot be encoded");
	return writer.len;
}

/* Sends a request and waits for its reply in `in`. */
static const struct request_reply *ask(struct request *request)
{
	request->id = next_id++;
	send_bytes(buffer, encode(request), NULL, 0);
	do {
		if (!receive())
			die("the channel closed instead of a reply");
	} while (in.type == REQUEST_STOP);
	if (in.type != REQUEST_REPLY || in.id != request->id)
		die("what came is not the reply");
	for (size_t i = 0; i < fd_count; i++)
		close(fds[i]);
	return &in.reply;
}

static void expect(const char *scenario, bool good, const struct request_reply *reply)
{
	if (good)
		log_info("%s: as expected (%u, %s)", scenario, reply->error, reply->text);
	else
		log_error("%s: UNEXPECTED: error %u (%s), verdict %u", scenario, reply->error,
			reply->text, reply->verdict[0]);
}

static void expect_refused(const char *scenario, struct request *request)
{
	const struct request_reply *reply = ask(request);

	expect(scenario, reply->error == EPERM && reply->text[0] != '\0', reply);
}

/* Until netd says STOP or is gone. */
static _Noreturn void linger(void)
{
	struct pollfd poll_fd = { .fd = REQUEST_FD, .events = POLLIN };

	do {
		if (poll(&poll_fd, 1, -1) < 0 || !receive())
			exit(0);
	} while (in.type != REQUEST_STOP);
	exit(0);
}

static void be_ready(void)
{
	struct request ready = { .type = REQUEST_READY };

	ready.ready.generation = in.configure.generation;
	if (ask(&ready)->error != 0)
		die("READY was refused");
}

static struct addr address(const char *text)
{
	struct addr addr = { .family = AF_UNSPEC };

	if (text != NULL && addr_parse(text, &addr) < 0)
		die(text);
	return addr;
}

static struct request interface_of(const char *peer, const char *local, const char *remote)
{
	struct request request = { .type = REQUEST_INTERFACE };

	(void)snprintf(
		request.interface.peer.name, sizeof(request.interface.peer.name), "%s", peer);
	request.interface.mtu = 1500;
	request.interface.local4 = address(local);
	request.interface.remote4 = address(remote);
	return request;
}

static struct request sound_interface(void)
{
	struct request request = interface_of("branch-a", "10.99.0.1", "10.99.0.7");

	request.interface.local6 = address("fd99::1");
	request.interface.remote6 = address("fd99::7");
	return request;
}

static struct request route_to(uint32_t index, const char *text)
{
	struct request request = { .type = REQUEST_ROUTE_ADD };

	request.routes.interface = index;
	request.routes.count = 1;
	if (prefix_parse(text, &request.routes.prefix[0]) < 0)
		die(text);
	return request;
}

static uint32_t make_sound_interface(void)
{
	struct request request = sound_interface();
	const struct request_reply *reply = ask(&request);

	if (reply->error != 0)
		die(reply->text);
	return reply->interface;
}

/* ---- messages that no engine sends: it is killed ---- */

static void garbage(const char *scenario)
{
	(void)scenario;
	for (size_t i = 0; i < 64; i++)
		buffer[i] = (uint8_t)(i * 37 + 11);
	send_bytes(buffer, 64, NULL, 0);
}

static void truncated(const char *scenario)
{
	struct request request = sound_interface();

	(void)scenario;
	request.id = 7;
	send_bytes(buffer, encode(&request) - 1, NULL, 0);
}

static void over_long(const char *scenario)
{
	(void)scenario;
	memset(buffer, 0, sizeof(buffer));
	send_bytes(buffer, REQUEST_SIZE_MAX + 1, NULL, 0);
}

static void unknown_type(const char *scenario)
{
	static const uint8_t bytes[] = { 0x7f, 0xff, 0, 0, 0, 1 };

	(void)scenario;
	send_bytes(bytes, sizeof(bytes), NULL, 0);
}

static void reply_from_engine(const char *scenario)
{
	struct request request = { .type = REQUEST_REPLY, .id = 9 };

	(void)scenario;
	send_bytes(buffer, encode(&request), NULL, 0);
}

static void interface_unready(const char *scenario)
{
	struct request request = sound_interface();

	(void)scenario;
	request.id = 1;
	send_bytes(buffer, encode(&request), NULL, 0);
}

static void wrong_generation(const char *scenario)
{
	struct request request = { .type = REQUEST_READY, .id = 1 };

	(void)scenario;
	request.ready.generation = in.configure.generation + 1;
	send_bytes(buffer, encode(&request), NULL, 0);
}

static void ready_twice(const char *scenario)
{
	wrong_generation(scenario);
}

static void mtu_zero(const char *scenario)
{
	struct request request = sound_interface();
	size_t len, mtu_at = 2 + 4 + 2 + strlen(request.interface.peer.name);

	(void)scenario;
	request.id = 1;
	len = encode(&request);
	memset(buffer + mtu_at, 0, 4);
	send_bytes(buffer, len, NULL, 0);
}

static void descriptors(const char *scenario)
{
	struct request request = sound_interface();
	int many[REQUEST_FDS_MAX];

	(void)scenario;
	for (size_t i = 0; i < REQUEST_FDS_MAX; i++)
		many[i] = STDERR_FILENO;
	request.id = 1;
	send_bytes(buffer, encode(&request), many, REQUEST_FDS_MAX);
}

static void flood(const char *scenario)
{
	struct request request = { .type = REQUEST_INTERFACE_DELETE, .id = 1 };

	(void)scenario;
	request.interface_delete.interface = 1;
	for (int i = 0; i < FLOOD_COUNT; i++)
		send_bytes(buffer, encode(&request), NULL, 0);
}

static void closes_channel(const char *scenario)
{
	(void)scenario;
	close(REQUEST_FD);
	for (;;)
		pause();
}

static void never_ready(const char *scenario)
{
	(void)scenario;
}

static void exits_at_once(const char *scenario)
{
	(void)scenario;
	exit(42);
}

/* Deaf to STOP. */
static void ignores_stop(const char *scenario)
{
	log_info("%s: as expected", scenario);
	for (;;)
		pause();
}

/* ---- requests that the configuration does not allow: they are refused ---- */

struct denied {
	const char *scenario, *peer, *local, *remote;
};

static void denied_interface(const char *scenario)
{
	static const struct denied table[] = {
		{ "unknown-peer", "stranger", "10.99.0.1", "10.99.0.7" },
		{ "outside-pool", "branch-a", "10.99.0.1", "10.98.0.7" },
		{ "server-address", "branch-a", "10.99.0.1", "10.99.0.1" },
		{ "wrong-local", "branch-a", "10.99.0.2", "10.99.0.7" },
		{ "anothers-address", "branch-a", "10.99.0.1", "10.99.0.50" },
		{ "fixed-ignored", "branch-b", "10.99.0.1", "10.99.0.51" },
		{ "client-loopback", "hub", "127.0.0.1", "10.99.0.1" },
		{ "client-multicast", "hub", "10.99.0.7", "224.0.0.1" },
		{ "client-remote", "hub", "10.99.0.7", "192.0.2.1" },
		{ "client-stranger", "other", "10.99.0.7", "10.99.0.1" },
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct request request = interface_of(
			table[i].peer, table[i].local, table[i].remote);

		if (strcmp(scenario, table[i].scenario) == 0)
			expect_refused(scenario, &request);
	}
}

static void foreign_index(const char *scenario)
{
	struct request route = route_to(1, "10.20.1.0/24");
	struct request removal = { .type = REQUEST_INTERFACE_DELETE };

	expect_refused(scenario, &route);
	route.type = REQUEST_ROUTE_DELETE;
	expect_refused(scenario, &route);
	removal.interface_delete.interface = 1;
	expect_refused(scenario, &removal);
}

static void outgoing_socket(const char *scenario)
{
	struct request request = { .type = REQUEST_SOCKET };

	request.socket.family = AF_INET;
	expect_refused(scenario, &request);
}

static void exit_code(const char *scenario)
{
	struct request request = { .type = REQUEST_EXIT };

	request.exit.code = 77;
	expect_refused(scenario, &request);
	request.exit.code = EXIT_CODE_REFUSED;
	(void)snprintf(
		request.exit.text, sizeof(request.exit.text), "the other end said no\n\x1b[31m");
	(void)ask(&request);
}

static void many_interfaces(const char *scenario)
{
	const struct request_reply *reply = NULL;
	unsigned made = 0;

	for (int i = 0; i < MANY_COUNT; i++) {
		char peer[32], remote[32];
		struct request request;

		(void)snprintf(peer, sizeof(peer), "spoke-%d", i);
		(void)snprintf(remote, sizeof(remote), "10.99.0.%d", 100 + i % 100);
		request = interface_of(peer, "10.99.0.1", remote);
		reply = ask(&request);
		made += reply->error == 0;
	}
	log_info("%s: %u interfaces were made", scenario, made);
	expect(scenario, made == 8 && reply->error == EPERM, reply);
}

static void denied_routes(const char *scenario)
{
	static const struct {
		const char *prefix;
		enum route_verdict verdict;
	} table[] = {
		{ "10.20.1.0/24", ROUTE_ACCEPTED },
		{ "10.21.0.0/16", ROUTE_NOT_ALLOWED },
		{ "0.0.0.0/0", ROUTE_DEFAULT },
		{ "::/0", ROUTE_DEFAULT },
		{ "10.20.0.1/16", ROUTE_HOST_BITS },
		{ "127.0.0.0/8", ROUTE_LOOPBACK },
		{ "224.0.0.0/4", ROUTE_MULTICAST },
		{ "10.99.0.0/16", ROUTE_TUNNEL },
		{ "10.20.30.0/24", ROUTE_LOCAL },
		{ "10.20.40.0/24", ROUTE_LOCAL },
		{ "10.20.2.0/24", ROUTE_ACCEPTED },
		{ "2001:db8:20::/48", ROUTE_ACCEPTED },
		{ "10.20.3.0/24", ROUTE_LIMIT },
		{ "10.20.2.0/24", ROUTE_ACCEPTED },
	};
	uint32_t index = make_sound_interface();

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct request request = route_to(index, table[i].prefix);
		const struct request_reply *reply = ask(&request);

		if (reply->error != 0 || reply->verdict[0] != table[i].verdict)
			log_error("%s: UNEXPECTED: %s: %s", scenario, table[i].prefix,
				route_verdict_text(reply->verdict[0]));
	}
	log_info("%s: as expected", scenario);
}

/* ---- a sound engine, for what netd does around it ---- */

static void sound(const char *scenario)
{
	uint32_t index = make_sound_interface();
	struct request route = route_to(index, "10.20.1.0/24");
	struct request moved = sound_interface();
	const struct request_reply *reply = ask(&route);

	/* The same again with other addresses and MTU: same interface, same routes. */
	moved.interface.remote4 = address("10.99.0.8");
	moved.interface.mtu = 1400;
	if (reply->verdict[0] == ROUTE_ACCEPTED)
		reply = ask(&moved);
	expect(scenario, reply->error == 0 && reply->interface == index, reply);
}

static void privileges(const char *scenario)
{
	char line[256];
	FILE *status = fopen("/proc/self/status", "re");
	char *key;
	size_t len;

	while (status != NULL && fgets(line, sizeof(line), status) != NULL) {
		if (strncmp(line, "Cap", 3) == 0 || strncmp(line, "Uid", 3) == 0 ||
			strncmp(line, "Groups", 6) == 0 || strncmp(line, "NoNewPrivs", 10) == 0 ||
			strncmp(line, "SigBlk", 6) == 0 || strncmp(line, "SigIgn", 6) == 0) {
			line[strcspn(line, "\n")] = '\0';
			for (char *tab = strchr(line, '\t'); tab != NULL; tab = strchr(tab, '\t'))
				*tab = ' ';
			log_info("status %s", line);
		}
	}
	if (status != NULL)
		fclose(status);
	/*
	 * be_ready() has closed what CONFIGURE brought: nothing but the channel may be open besides
	 * the standard three.
	 */
	for (int fd = 0; fd < 64; fd++) {
		if (fcntl(fd, F_GETFD) >= 0)
			log_info("open %d", fd);
	}
	if (file_read("/etc/shadow", FILE_PUBLIC, &key, &len, NULL) == 0)
		log_error("%s: UNEXPECTED: it can read /etc/shadow", scenario);
	log_info("%s: as expected", scenario);
}

/* What CONFIGURE brings: the very bytes, which nobody can change. */
static void configuration(const char *scenario)
{
	bool good = fd_count == 7;
	char *data = NULL;
	size_t len = 0;

	for (size_t i = 0; i < fd_count; i++) {
		enum request_fd_kind kind = in.configure.fd_kind[i];
		struct stat st;

		log_info("kind %d", (int)kind);
		if (kind != REQUEST_FD_KEY) {
			good = good && fstat(fds[i], &st) == 0;
			continue;
		}
		good = good && file_read_fd(fds[i], &data, &len) == 0 && len == 7 &&
			memcmp(data, "secret\n", len) == 0;
		good = good && pwrite(fds[i], "X", 1, 0) < 0 && errno == EPERM;
		free(data);
	}
	be_ready();
	log_info("%s: %s", scenario, good ? "as expected" : "UNEXPECTED");
}

/* ---- which is which ---- */

static const struct scenario {
	const char *name;
	void (*play)(const char *scenario);
	bool unready; /* it plays before READY */
} scenarios[] = {
	{ "garbage", garbage, false },
	{ "truncated", truncated, false },
	{ "over-long", over_long, false },
	{ "unknown-type", unknown_type, false },
	{ "reply", reply_from_engine, false },
	{ "interface-unready", interface_unready, true },
	{ "wrong-generation", wrong_generation, true },
	{ "ready-twice", ready_twice, false },
	{ "mtu-zero", mtu_zero, false },
	{ "descriptors", descriptors, false },
	{ "flood", flood, false },
	{ "closes-channel", closes_channel, false },
	{ "never-ready", never_ready, true },
	{ "exits-at-once", exits_at_once, true },
	{ "ignores-stop", ignores_stop, false },
	{ "foreign-index", foreign_index, false },
	{ "outgoing-socket", outgoing_socket, false },
	{ "exit-code", exit_code, false },
	{ "many-interfaces", many_interfaces, false },
	{ "routes", denied_routes, false },
	{ "sound", sound, false },
	{ "privileges", privileges, false },
	{ "configuration", configuration, true },
};

static _Noreturn void play(const char *name)
{
	const struct scenario *scenario = NULL;

	log_init("engine", LOG_LEVEL_DEBUG);
	process_settle("harness-engine");
	for (size_t i = 0; i < sizeof(scenarios) / sizeof(scenarios[0]); i++) {
		if (strcmp(scenarios[i].name, name) == 0)
			scenario = &scenarios[i];
	}
	if (!receive() || in.type != REQUEST_CONFIGURE)
		die("no CONFIGURE");
	if (scenario == NULL || !scenario->unready) {
		for (size_t i = 0; i < fd_count; i++)
			close(fds[i]);
		be_ready();
	}
	if (scenario != NULL)
		scenario->play(name);
	else
		denied_interface(name);
	linger();
}

/* ---- netd's side ---- */

static void add_prefix(struct prefix_list *list, const char *text)
{
	list->items = reallocarray(list->items, list->count + 1, sizeof(*list->items));
	if (list->items == NULL || prefix_parse(text, &list->items[list->count]) < 0)
		die(text);
	list->count++;
}

static void add_peer(struct settings *settings, const char *name, const char *fixed)
{
	struct settings_peer *peer;

	settings->peers = reallocarray(
		settings->peers, settings->peer_count + 1, sizeof(*settings->peers));
	if (settings->peers == NULL)
		die("memory");
	peer = &settings->peers[settings->peer_count++];
	*peer = (struct settings_peer){ .max_routes = 3, .address4 = address(fixed) };
	(void)snprintf(peer->name.name, sizeof(peer->name.name), "%s", name);
	add_prefix(&peer->accept_routes, "10.20.0.0/16");
	add_prefix(&peer->accept_routes, "2001:db8:20::/48");
}

static char *text(const char *format, ...)
{
	char *out = NULL;
	va_list args;

	va_start(args, format);
	if (vasprintf(&out, format, args) < 0)
		die("memory");
	va_end(args);
	return out;
}

static const char *from_environment(const char *name, const char *otherwise)
{
	const char *value = getenv(name);

	return value != NULL ? value : otherwise;
}

static struct settings *make_settings(bool server, const char *scenario, const char *directory)
{
	struct settings *settings;

	if (settings_new(server ? SETTINGS_SERVER : SETTINGS_CLIENT, &settings) < 0)
		die("memory");
	settings->certificate = text("-----BEGIN CERTIFICATE-----\n");
	settings->ca = text("-----BEGIN CERTIFICATE-----\n");
	settings->key = text("%s/key", directory);
	(void)snprintf(settings->user, sizeof(settings->user), "%s",
		from_environment("HARNESS_USER", "nobody"));
	(void)snprintf(settings->control_socket, sizeof(settings->control_socket),
		"%s/run/harness.sock", directory);
	(void)snprintf(settings->state_dir, sizeof(settings->state_dir), "%s/state", directory);
	(void)snprintf(settings->interface, sizeof(settings->interface), "cv%%d");
	(void)snprintf(settings->congestion, sizeof(settings->congestion), "%s",
		from_environment("HARNESS_CONGESTION", ""));
	settings->max_sessions = 8;
	add_prefix(&settings->announce, "10.20.30.0/24");
	if (server) {
		settings->listen_count = 1;
		settings->listen[0].addr = address("0.0.0.0");
		settings->listen[0].port = (uint16_t)strtoul(
			from_environment("HARNESS_PORT", "4430"), NULL, 10);
		settings->unlisted = strcmp(scenario, "many-interfaces") == 0;
		if (prefix_parse("10.99.0.0/24", &settings->pool4) < 0 ||
			prefix_parse("fd99::/64", &settings->pool6) < 0)
			die("pool");
		add_peer(settings, "branch-a", NULL);
		add_peer(settings, "branch-b", "10.99.0.50");
	} else {
		settings->remote_count = 1;
		(void)snprintf(
			settings->remotes[0].host, sizeof(settings->remotes[0].host), "192.0.2.1");
		add_peer(settings, "hub", NULL);
	}
	return settings;
}

int main(int argc, char **argv)
{
	char *engine_argv[] = { argv[0], "--engine", argc > 2 ? argv[2] : NULL, NULL };
	struct settings *settings;
	struct netd_program program = { .config_path = "harness.conf",
		.config_text = "harness",
		.config_len = 7,
		.engine_argv = engine_argv };
	enum exit_code code;

	if (argc == 3 && strcmp(argv[1], "--engine") == 0)
		play(argv[2]);
	if (argc != 4) {
		(void)fprintf(stderr, "usage: netd_harness server|client SCENARIO DIRECTORY\n");
		return EXIT_CODE_USAGE;
	}
	log_init("netd", LOG_LEVEL_DEBUG);
	settings = make_settings(strcmp(argv[1], "server") == 0, argv[2], argv[3]);
	program.settings = settings;
	code = netd_run(&program);
	settings_free(settings);
	return (int)code;
}
