/* SPDX-License-Identifier: Apache-2.0 */
/*
 * netd with a misbehaving or a normal engine, for tests/system/misbehaving_engine.sh and
 * tests/system/netd.sh.
 *
 * 	netd_harness server|client SCENARIO DIRECTORY
 *
 * It runs the real netd_run() with its own settings. An engine is always netd's own program, so
 * this program is the engine, too, if its first argument is --engine. A scenario that netd refuses
 * by a reply logs the result ("SCENARIO: as expected" or "SCENARIO: UNEXPECTED: ..."). A scenario
 * that netd must kill only waits for that.
 *
 * 	netd_harness/talk.c      how an engine talks to netd
 * 	netd_harness/adopt.c     engines that adopt
 * 	netd_harness/exchange.c  engines that ask to be exchanged
 * 	netd_harness/denied.c    engines that ask for what they may not have
 * 	netd_harness/queues.c    engines with several lanes
 * 	netd_harness/network.c   an engine that gets network events
 *
 * DIRECTORY has the key, and gets control socket and state. HARNESS_USER names the engine's user,
 * HARNESS_PORT the listener's port.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/array.h"
#include "base/file.h"
#include "base/log.h"
#include "config/settings.h"
#include "netd/netd.h"
#include "system/process.h"
#include "tests/system/netd_harness/adopt.h"
#include "tests/system/netd_harness/denied.h"
#include "tests/system/netd_harness/queues.h"
#include "tests/system/netd_harness/exchange.h"
#include "tests/system/netd_harness/network.h"
#include "tests/system/netd_harness/talk.h"
#include "wire/request.h"

enum { FLOOD_COUNT = 100000 };

/* ---- messages that no real engine sends: netd kills it ---- */

static void garbage(const char *scenario)
{
	(void)scenario;
	for (size_t i = 0; i < 64; i++)
		talk.buffer[i] = (uint8_t)(i * 37 + 11);
	talk_send(talk.buffer, 64, NULL, 0);
}

static void truncated(const char *scenario)
{
	struct request request = talk_sound();

	(void)scenario;
	request.id = 7;
	talk_send(talk.buffer, talk_encode(&request) - 1, NULL, 0);
}

static void over_long(const char *scenario)
{
	(void)scenario;
	memset(talk.buffer, 0, sizeof(talk.buffer));
	talk_send(talk.buffer, REQUEST_SIZE_MAX + 1, NULL, 0);
}

static void unknown_type(const char *scenario)
{
	static const uint8_t bytes[] = { 0x7f, 0xff, 0, 0, 0, 1 };

	(void)scenario;
	talk_send(bytes, sizeof(bytes), NULL, 0);
}

static void reply_from_engine(const char *scenario)
{
	struct request request = { .type = REQUEST_REPLY, .id = 9 };

	(void)scenario;
	talk_send(talk.buffer, talk_encode(&request), NULL, 0);
}

static void interface_unready(const char *scenario)
{
	struct request request = talk_sound();

	(void)scenario;
	request.id = 1;
	talk_send(talk.buffer, talk_encode(&request), NULL, 0);
}

static void wrong_generation(const char *scenario)
{
	struct request request = { .type = REQUEST_READY, .id = 1 };

	(void)scenario;
	request.ready.generation = talk.in.configure.generation + 1;
	talk_send(talk.buffer, talk_encode(&request), NULL, 0);
}

static void ready_twice(const char *scenario)
{
	wrong_generation(scenario);
}

static void mtu_zero(const char *scenario)
{
	struct request request = talk_sound();
	size_t len, mtu_at = 2 + 4 + 2 + strlen(request.interface.peer.name);

	(void)scenario;
	request.id = 1;
	len = talk_encode(&request);
	memset(talk.buffer + mtu_at, 0, 4);
	talk_send(talk.buffer, len, NULL, 0);
}

/* Sends control sequences for root's terminal by both ways that lead there. */
static void drives_terminal(const char *scenario)
{
	static const char words[] = "clear \x1b[2J \x9b"
				    "31m title \x1b]0;x\x07 over\rwritten\n";
	ssize_t n = write(STDOUT_FILENO, words, sizeof(words) - 1);

	n += write(STDERR_FILENO, words, sizeof(words) - 1);
	n += write(STDERR_FILENO, "unended \x1b[2J", strlen("unended \x1b[2J"));
	log_info("%s: wrote %zd bytes, to a terminal: %d", scenario, n,
		isatty(STDOUT_FILENO) + isatty(STDERR_FILENO));
}

/* Waits for the test, which counts netd's descriptors while an engine is ready and idle. */
static void descriptors(const char *scenario)
{
	struct request request = talk_sound();
	int many[REQUEST_FDS_MAX];

	if (!talk_wait(scenario))
		return;
	for (size_t i = 0; i < REQUEST_FDS_MAX; i++)
		many[i] = STDERR_FILENO;
	request.id = 1;
	talk_send(talk.buffer, talk_encode(&request), many, REQUEST_FDS_MAX);
}

static void flood(const char *scenario)
{
	struct request request = { .type = REQUEST_INTERFACE_DELETE, .id = 1 };

	(void)scenario;
	request.interface_delete.interface = 1;
	for (int i = 0; i < FLOOD_COUNT; i++)
		talk_send(talk.buffer, talk_encode(&request), NULL, 0);
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

/* The first engine accepts the configuration, the second refuses it, the third accepts it again. */
static void refuses_next(const char *scenario)
{
	struct request request = { .type = REQUEST_EXIT, .exit.code = EXIT_CODE_CONFIG };
	uint32_t generation = talk.in.configure.generation;

	if (generation == 2) {
		(void)snprintf(request.exit.text, sizeof(request.exit.text), "no such key");
		talk_send(talk.buffer, talk_encode(&request), NULL, 0);
		return;
	}
	talk_close();
	talk_ready();
	if (generation == 1)
		exit(42);
	log_info("%s: as expected", scenario);
}

/* Ignores STOP. */
static void ignores_stop(const char *scenario)
{
	log_info("%s: as expected", scenario);
	for (;;)
		pause();
}

/* ---- a normal engine, for netd's own actions ---- */

static void sound(const char *scenario)
{
	uint32_t index = talk_make_sound();
	struct request route = talk_route(index, "10.20.1.0/24");
	struct request moved = talk_sound();
	const struct request_reply *reply = talk_ask(&route);

	/* The same interface with other addresses and another MTU keeps its routes. */
	moved.interface.remote4 = talk_address("10.99.0.8");
	moved.interface.mtu = 1400;
	if (reply->verdicts[0].verdict == ROUTE_ACCEPTED)
		reply = talk_ask(&moved);
	talk_expect(scenario, reply->error == 0 && reply->interface == index, reply);
}

static void privileges(const char *scenario)
{
	char line[256];
	FILE *status = fopen("/proc/self/status", "re");
	char *key;
	size_t len;

	while (status && fgets(line, sizeof(line), status)) {
		if (strncmp(line, "Cap", 3) == 0 || strncmp(line, "Uid", 3) == 0 ||
			strncmp(line, "Groups", 6) == 0 || strncmp(line, "NoNewPrivs", 10) == 0 ||
			strncmp(line, "SigBlk", 6) == 0 || strncmp(line, "SigIgn", 6) == 0) {
			line[strcspn(line, "\n")] = '\0';
			for (char *tab = strchr(line, '\t'); tab; tab = strchr(tab, '\t'))
				*tab = ' ';
			log_info("status %s", line);
		}
	}
	if (status)
		fclose(status);
	/*
	 * talk_ready() has closed CONFIGURE's descriptors: only the channel and the standard three
	 * may be open.
	 */
	for (int fd = 0; fd < 64; fd++) {
		if (fcntl(fd, F_GETFD) >= 0)
			log_info("open %d", fd);
	}
	if (file_read("/etc/shadow", FILE_PUBLIC, &key, &len, NULL) == 0)
		log_error("%s: UNEXPECTED: it can read /etc/shadow", scenario);
	log_info("%s: as expected", scenario);
}

/* CONFIGURE brings the exact bytes, and no process can change them. */
static void configuration(const char *scenario)
{
	bool good = talk.fd_count == 7;
	char *data = NULL;
	size_t len = 0;

	for (size_t i = 0; i < talk.fd_count; i++) {
		enum request_fd_kind kind = talk.in.configure.fd_kind[i];
		struct stat st;

		log_info("kind %d", (int)kind);
		if (kind != REQUEST_FD_KEY) {
			good = good && fstat(talk.fds[i], &st) == 0;
			continue;
		}
		good = good && file_read_fd(talk.fds[i], &data, &len) == 0 && len == 7 &&
			memcmp(data, "secret\n", len) == 0;
		good = good && pwrite(talk.fds[i], "X", 1, 0) < 0 && errno == EPERM;
		free(data);
		data = NULL;
	}
	talk_ready();
	log_info("%s: %s", scenario, good ? "as expected" : "UNEXPECTED");
}

/* ---- the table of scenarios ---- */

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
	{ "drives-terminal", drives_terminal, false },
	{ "never-ready", never_ready, true },
	{ "exits-at-once", exits_at_once, true },
	{ "refuses-next", refuses_next, true },
	{ "ignores-stop", ignores_stop, false },
	{ "foreign-index", denied_foreign_index, false },
	{ "outgoing-socket", denied_socket, false },
	{ "exit-code", denied_exit_code, false },
	{ "many-interfaces", denied_many_interfaces, false },
	{ "routes", denied_routes, false },
	{ "sound", sound, false },
	{ "adopt-server", adopt_server, true },
	{ "adopt-client", adopt_client, true },
	{ "adopt-pages", adopt_pages, true },
	{ "adopt-beyond", adopt_beyond, true },
	{ "adopt-when-ready", adopt_when_ready, true },
	{ "adopt-after-garbage", adopt_after_garbage, true },
	{ "adopt-never", adopt_never, true },
	{ "queues-server", queues_server, true },
	{ "queues-client", queues_client, true },
	{ "queues-refused", queues_refused, false },
	{ "queues-single", queues_single, false },
	{ "exchange-unready", exchange_unready, true },
	{ "exchange-stays", exchange_stays, true },
	{ "exchange-exits", exchange_exits, true },
	{ "network", network_own_changes, false },
	{ "privileges", privileges, false },
	{ "configuration", configuration, true },
};

static _Noreturn void play(const char *name)
{
	const struct scenario *scenario = NULL;

	log_init("engine", LOG_LEVEL_DEBUG);
	process_harden("harness-engine");
	for (size_t i = 0; i < ARRAY_SIZE(scenarios); i++) {
		if (strcmp(scenarios[i].name, name) == 0)
			scenario = &scenarios[i];
	}
	if (!talk_receive())
		exit(0); /* netd stopped, or ended this engine */
	if (talk.in.type != REQUEST_CONFIGURE)
		talk_die("no CONFIGURE");
	if (!scenario || !scenario->unready) {
		talk_close();
		talk_ready();
	}
	if (scenario)
		scenario->play(name);
	else
		denied_interface(name);
	talk_linger();
}

/* ---- netd's side ---- */

static void add_prefix(struct prefix_list *list, const char *text)
{
	list->items = reallocarray(list->items, list->count + 1, sizeof(*list->items));
	if (!list->items || prefix_parse(text, &list->items[list->count]) < 0)
		talk_die(text);
	list->count++;
}

static void add_peer(struct settings *settings, const char *name, const char *fixed)
{
	struct settings_peer *peer;

	settings->peers = reallocarray(
		settings->peers, settings->peer_count + 1, sizeof(*settings->peers));
	if (!settings->peers)
		talk_die("memory");
	peer = &settings->peers[settings->peer_count++];
	*peer = (struct settings_peer){ .max_routes = 3, .address4 = talk_address(fixed) };
	(void)snprintf(peer->name.name, sizeof(peer->name.name), "%s", name);
	add_prefix(&peer->accept_routes, "10.20.0.0/16");
	add_prefix(&peer->accept_routes, "2001:db8:20::/48");
	if (settings->tunnel_addresses.count == 0) {
		add_prefix(&settings->tunnel_addresses, "10.99.0.0/24");
		add_prefix(&settings->tunnel_addresses, "fd99::/64");
	}
}

static char *text(const char *format, ...)
{
	char *out = NULL;
	va_list args;

	va_start(args, format);
	if (vasprintf(&out, format, args) < 0)
		talk_die("memory");
	va_end(args);
	return out;
}

static const char *from_environment(const char *name, const char *otherwise)
{
	const char *value = getenv(name);

	return value ? value : otherwise;
}

static struct settings *make_settings(bool server, const char *scenario, const char *directory)
{
	struct settings *settings;

	if (settings_new(server ? SETTINGS_SERVER : SETTINGS_CLIENT, &settings) < 0)
		talk_die("memory");
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
	settings->lanes = QUEUES_LANES;
	settings->announce.items = calloc(1, sizeof(*settings->announce.items));
	if (!settings->announce.items ||
		prefix_parse("10.20.30.0/24", &settings->announce.items[0].prefix) < 0)
		talk_die("announce");
	settings->announce.count = 1;
	if (server) {
		settings->listen_count = 1;
		settings->listen[0].addr = talk_address("0.0.0.0");
		settings->listen[0].port = (uint16_t)strtoul(
			from_environment("HARNESS_PORT", "4430"), NULL, 10);
		settings->unlisted = strcmp(scenario, "many-interfaces") == 0;
		if (prefix_parse("10.99.0.0/24", &settings->pool4) < 0 ||
			prefix_parse("fd99::/64", &settings->pool6) < 0)
			talk_die("pool");
		add_peer(settings, "branch-a", NULL);
		add_peer(settings, "branch-b", "10.99.0.50");
		if (strcmp(scenario, "adopt-pages") == 0)
			settings->peers[0].max_routes = ADOPT_PAGES_ROUTES;
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
	char text[] = "harness";
	struct configuration configuration = { .text = text, .len = strlen(text) };
	struct netd_program program = { .config_path = "harness.conf",
		.configuration = &configuration,
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
	program.settings = configuration.settings = settings;
	code = netd_run(&program);
	settings_free(settings);
	return (int)code;
}
