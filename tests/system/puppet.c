/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A peer that follows a script, for tests that misbehave after a proper TLS handshake:
 *
 * 	puppet connect|listen ADDRESS:PORT CERTIFICATE KEY CA <SCRIPT
 *
 * It prints `listening` while it waits for a connection and `secured NAME` after TLS. Then it does
 * one command a line. Numbers may be hexadecimal (0x…); HEX is bytes in hexadecimal.
 *
 * 	hello [mtu N] [version N] [instance N] [last N] [offloads N] [lanes N]   a valid hello with these changes
 * 	join SESSION TOKEN [instance N] [claim N]    SESSION and TOKEN as HEX, as welcome is printed
 * 	control HEX              a whole control message
 * 	frame TYPE LENGTH HEX    a frame whose header has LENGTH, whatever its payload; HEX may be -
 * 	zeros COUNT              that many zero bytes inside the TLS stream
 * 	announce PREFIX...       withdraw PREFIX...   end   ping   goodbye CODE TEXT
 * 	vnet FLAGS TYPE HEADER SIZE START OFFSET     an offload header for the next udp or tcp
 * 	udp SRC DST PORT TEXT    a UDP packet with right checksums
 * 	tcp SRC DST LENGTH       a TCP segment with that many zero bytes
 * 	repeat COUNT COMMAND...  without vnet
 * 	sync                     ping, and wait for the pong: all before it is processed
 * 	await WHAT [SECONDS]     a message's name, `packet` or `close`; prints it; otherwise answers pings
 * 	shut                     closes our direction of the TCP connection
 * 	say WORD                 prints it
 * 	quit                     ends the script
 *
 * It ends with 0 if every command and every wait succeeded. A wait that gets goodbye or the end of
 * the connection instead prints that and fails.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/array.h"
#include "base/error_text.h"
#include "base/offload.h"
#include "puppet/craft.h"
#include "puppet/peer.h"

enum {
	WORDS_MAX = 600,
	LINE_SIZE = 64 << 10,
};

static struct peer puppet;
static char line[LINE_SIZE];
static bool finished; /* by quit */

static uint64_t number(const char *text)
{
	return strtoull(text, NULL, 0);
}

static size_t parse_hex(const char *text, uint8_t *bytes, size_t size)
{
	size_t len = 0;
	unsigned value;

	if (strcmp(text, "-") == 0)
		return 0;
	for (; len < size && sscanf(text + 2 * len, "%2x", &value) == 1; len++)
		bytes[len] = (uint8_t)value;
	return len;
}

/* ---- commands: 0, or negative after a line that says why ---- */

static int do_await(int count, char **words)
{
	uint64_t seconds = count > 1 ? number(words[1]) : PEER_PATIENCE_S;
	return peer_await(&puppet, words[0], DURATION_S(seconds), false);
}

static int do_hello(int count, char **words)
{
	struct message message = {
		.type = MESSAGE_HELLO,
		.hello = { .version = MESSAGE_VERSION, .offloads = OFFLOAD_ALL, .lanes = 1 },
	};
	struct message_hello *hello = &message.hello;

	identity_set(&hello->name, "puppet", 6);
	hello->instance[0] = (uint8_t)getpid();
	hello->instance[1] = (uint8_t)(getpid() >> 8);
	for (int i = 0; i + 1 < count; i += 2) {
		if (strcmp(words[i], "mtu") == 0)
			hello->mtu = (uint32_t)number(words[i + 1]);
		else if (strcmp(words[i], "version") == 0)
			hello->version = (uint16_t)number(words[i + 1]);
		else if (strcmp(words[i], "last") == 0)
			hello->last_session = number(words[i + 1]);
		else if (strcmp(words[i], "instance") == 0)
			memset(hello->instance, (int)number(words[i + 1]), sizeof(hello->instance));
		else if (strcmp(words[i], "offloads") == 0)
			hello->offloads = (uint32_t)number(words[i + 1]);
		else if (strcmp(words[i], "lanes") == 0)
			hello->lanes = (uint8_t)number(words[i + 1]);
		else
			return peer_fail("hello", words[i]);
	}
	return peer_write_message(&puppet, &message);
}

static int do_join(int count, char **words)
{
	struct message message = { .type = MESSAGE_JOIN };
	struct message_join *join = &message.join;

	join->session_id = strtoull(words[0], NULL, 16);
	parse_hex(words[1], join->token, sizeof(join->token));
	for (int i = 2; i + 1 < count; i += 2) {
		if (strcmp(words[i], "instance") == 0)
			memset(join->instance, (int)number(words[i + 1]), sizeof(join->instance));
		else if (strcmp(words[i], "claim") == 0)
			join->claim_control = number(words[i + 1]) != 0;
		else
			return peer_fail("join", words[i]);
	}
	return peer_write_message(&puppet, &message);
}

static int do_control(int count, char **words)
{
	static uint8_t bytes[FRAME_CONTROL_MAX];
	(void)count;
	return peer_write_frame(
		&puppet, FRAME_CONTROL, bytes, parse_hex(words[0], bytes, sizeof(bytes)));
}

static int do_frame(int count, char **words)
{
	static uint8_t bytes[LINE_SIZE];
	struct writer writer;

	writer_init(&writer, bytes, FRAME_HEADER);
	if (count < 3 || writer_u8(&writer, number(words[0])) < 0 ||
		writer_u24(&writer, number(words[1])) < 0)
		return peer_fail("frame", "needs TYPE LENGTH HEX");
	size_t len = parse_hex(words[2], bytes + FRAME_HEADER, sizeof(bytes) - FRAME_HEADER);
	return peer_write(&puppet, bytes, FRAME_HEADER + len);
}

static int do_zeros(int count, char **words)
{
	static const uint8_t zeros[TLS_RECORD_MAX];
	(void)count;

	for (size_t left = number(words[0]); left > 0;) {
		size_t len = left < sizeof(zeros) ? left : sizeof(zeros);
		if (peer_write(&puppet, zeros, len) < 0)
			return -1;
		left -= len;
	}
	return 0;
}

static int send_prefixes(enum message_type type, int count, char **words)
{
	struct message message = { .type = type };

	for (int i = 0; i < count && i < MESSAGE_PREFIX_MAX; i++) {
		if (prefix_parse(words[i], &message.prefixes.prefix[i]) < 0)
			return peer_fail("no prefix", words[i]);
		message.prefixes.count++;
	}
	return peer_write_message(&puppet, &message);
}

static int do_announce(int count, char **words)
{
	return send_prefixes(MESSAGE_ANNOUNCE, count, words);
}

static int do_withdraw(int count, char **words)
{
	return send_prefixes(MESSAGE_WITHDRAW, count, words);
}

static int do_end(int count, char **words)
{
	struct message message = { .type = MESSAGE_END_OF_ROUTES };
	(void)count, (void)words;
	return peer_write_message(&puppet, &message);
}

static int do_ping(int count, char **words)
{
	struct message message = { .type = MESSAGE_PING, .time = { ++puppet.pings } };
	(void)count, (void)words;
	return peer_write_message(&puppet, &message);
}

static int do_sync(int count, char **words)
{
	if (do_ping(count, words) < 0)
		return -1;
	do {
		if (peer_await(&puppet, "pong", DURATION_S(PEER_PATIENCE_S), true) < 0)
			return -1;
	} while (puppet.message.time.time != puppet.pings);
	printf("in sync\n");
	return 0;
}

static int do_goodbye(int count, char **words)
{
	struct message message = { .type = MESSAGE_GOODBYE };

	message.goodbye.code = (uint16_t)number(words[0]);
	if (count > 1)
		snprintf(message.goodbye.text, sizeof(message.goodbye.text), "%s", words[1]);
	return peer_write_message(&puppet, &message);
}

static int do_shut(int count, char **words)
{
	(void)count, (void)words;
	return shutdown(puppet.fd, SHUT_WR) < 0 ? peer_fail("shutdown", error_text(errno)) : 0;
}

static int do_say(int count, char **words)
{
	(void)count;
	printf("%s\n", words[0]);
	return 0;
}

static int do_quit(int count, char **words)
{
	(void)count, (void)words;
	finished = true;
	return 0;
}

static int do_vnet(int count, char **words)
{
	if (count < 6)
		return peer_fail("vnet", "needs six numbers");
	puppet.vnet = (struct vnet){
		.flags = (uint8_t)number(words[0]),
		.gso_type = (uint8_t)number(words[1]),
		.header_len = (uint16_t)number(words[2]),
		.gso_size = (uint16_t)number(words[3]),
		.csum_start = (uint16_t)number(words[4]),
		.csum_offset = (uint16_t)number(words[5]),
	};
	puppet.vnet_set = true;
	return 0;
}

/* Sends the writer's packet, after the offload header if one is set. */
static int send_packet(const struct writer *packet, int made)
{
	uint8_t bytes[FRAME_VNET + FRAME_PACKET_MAX];
	struct writer writer;

	if (made < 0)
		return peer_fail("packet", error_text(made));
	if (!puppet.vnet_set)
		return peer_write_frame(&puppet, FRAME_PACKET, packet->data, packet->len);
	puppet.vnet_set = false;
	writer_init(&writer, bytes, sizeof(bytes));
	vnet_encode(&writer, &puppet.vnet);
	writer_copy(&writer, packet->data, packet->len);
	return peer_write_frame(&puppet, FRAME_OFFLOAD, bytes, writer.len);
}

static int parse_ends(char **words, struct addr *ret_source, struct addr *ret_destination)
{
	if (addr_parse(words[0], ret_source) < 0 || addr_parse(words[1], ret_destination) < 0)
		return peer_fail("no address", words[0]);
	return 0;
}

static int do_udp(int count, char **words)
{
	uint8_t bytes[FRAME_PACKET_MAX];
	struct addr source, destination;
	struct writer writer;
	(void)count;

	if (parse_ends(words, &source, &destination) < 0)
		return -1;
	writer_init(&writer, bytes, sizeof(bytes));
	int r = craft_udp(&writer, &source, &destination, (uint16_t)number(words[2]), words[3]);
	return send_packet(&writer, r);
}

static int do_tcp(int count, char **words)
{
	uint8_t bytes[FRAME_PACKET_MAX];
	struct addr source, destination;
	struct writer writer;
	(void)count;

	if (parse_ends(words, &source, &destination) < 0)
		return -1;
	writer_init(&writer, bytes, sizeof(bytes));
	int r = craft_tcp(&writer, &source, &destination, number(words[2]));
	return send_packet(&writer, r);
}

/* ---- the script ---- */

static const struct {
	const char *name;
	int least; /* number of its arguments */
	int (*run)(int count, char **words);
} commands[] = {
	{ "hello", 0, do_hello },
	{ "join", 2, do_join },
	{ "control", 1, do_control },
	{ "frame", 3, do_frame },
	{ "zeros", 1, do_zeros },
	{ "announce", 1, do_announce },
	{ "withdraw", 1, do_withdraw },
	{ "end", 0, do_end },
	{ "ping", 0, do_ping },
	{ "goodbye", 1, do_goodbye },
	{ "vnet", 6, do_vnet },
	{ "udp", 4, do_udp },
	{ "tcp", 3, do_tcp },
	{ "sync", 0, do_sync },
	{ "await", 1, do_await },
	{ "shut", 0, do_shut },
	{ "say", 1, do_say },
	{ "quit", 0, do_quit },
};

static int run_command(int count, char **words)
{
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		if (strcmp(words[0], commands[i].name) == 0 && count - 1 >= commands[i].least)
			return commands[i].run(count - 1, words + 1);
	}
	return peer_fail("not understood", words[0]);
}

static int run_line(char *text)
{
	char *words[WORDS_MAX], *rest;
	int count = 0;
	uint64_t times = 1;

	for (char *word = strtok_r(text, " \t\n", &rest); word && count < WORDS_MAX;
		word = strtok_r(NULL, " \t\n", &rest))
		words[count++] = word;
	char **command = words;
	if (count > 2 && strcmp(words[0], "repeat") == 0) {
		times = number(words[1]);
		command += 2;
		count -= 2;
	}
	while (count > 0 && times-- > 0)
		if (run_command(count, command) < 0)
			return -1;
	return 0;
}

int main(int argc, char **argv)
{
	int r = 0;

	if (argc != 6) {
		fputs("usage: puppet connect|listen ADDRESS:PORT CERTIFICATE KEY CA <SCRIPT\n",
			stderr);
		return 2;
	}
	puppet.fd = -1;
	setvbuf(stdout, NULL, _IOLBF, 0);
	r = peer_open(&puppet, strcmp(argv[1], "listen") == 0, argv[2], argv + 3);
	while (r == 0 && !finished && fgets(line, sizeof(line), stdin))
		r = run_line(line);
	peer_close(&puppet);
	return r < 0;
}
