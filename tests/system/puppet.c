/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A peer whose every move is told to it, for tests that misbehave after a proper TLS handshake:
 *
 *	puppet connect|listen ADDRESS:PORT CERTIFICATE KEY CA <SCRIPT
 *
 * It prints `secured NAME` once TLS is done, then does one command a line. Numbers may be hexadecimal
 * (0x…); HEX is bytes in hexadecimal.
 *
 *	hello [mtu N] [version N] [instance N] [offloads N]   a good hello but for what is said
 *	control HEX              a control message, given whole
 *	frame TYPE LENGTH HEX    a frame whose header says LENGTH, whatever is behind it; HEX may be -
 *	zeros COUNT              so many zero bytes inside the TLS stream
 *	announce PREFIX...       withdraw PREFIX...   end   ping   goodbye CODE TEXT
 *	vnet FLAGS TYPE HEADER SIZE START OFFSET     an offload header for the next udp or tcp
 *	udp SRC DST PORT TEXT    a UDP packet with right checksums
 *	tcp SRC DST LENGTH       a TCP segment with so many zero bytes in it
 *	repeat COUNT COMMAND...  without vnet
 *	sync                     ping, and wait for the pong: all before it has been taken
 *	await WHAT [SECONDS]     a message's name, `packet` or `close`; prints it; otherwise pings are answered
 *	shut                     ends our direction of the TCP connection
 *	say WORD                 prints it
 *	quit                     ends the script
 *
 * Ends with 0 when every command could be done and every wait came true. A wait that sees goodbye or the end of
 * the connection instead prints that and fails.
 */

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/offload.h"
#include "system/tls.h"
#include "wire/frame.h"
#include "wire/message.h"
#include "wire/packet.h"
#include "wire/vnet.h"

enum {
	WORDS_MAX = 600,
	LINE_MAX_BYTES = 64 << 10,
	AWAIT_SECONDS = 10,
	INCOMING_MAX = 256 << 10,
	UDP_HEADER = 8,
	TCP_HEADER = 20,
};

struct puppet {
	int fd;
	struct tls *tls;
	struct tls_output output;
	uint8_t output_bytes[TLS_OUTPUT_HANDSHAKE + FRAME_MAX];
	uint8_t received[64 << 10];
	uint8_t plain[INCOMING_MAX];
	size_t plain_len;
	bool closed, vnet_set;
	struct vnet vnet;
	uint64_t pings;
	struct message message; /* the one that came last */
};

static struct puppet puppet;
static char line[LINE_MAX_BYTES];

static int fail(const char *what, const char *why)
{
	printf("failed: %s: %s\n", what, why);
	return -1;
}

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

/* ---- bytes in and out ---- */

/* A connection that is gone is no failure here: the next wait tells of it. */
static void flush_output(void)
{
	size_t done = 0;

	while (done < puppet.output.len) {
		ssize_t n = send(puppet.fd, puppet.output.data + done, puppet.output.len - done,
			MSG_NOSIGNAL);
		if (n < 0)
			break;
		done += (size_t)n;
	}
	puppet.output.len = 0;
}

static int write_plain(const void *data, size_t len)
{
	int r = tls_write(puppet.tls, data, len);
	if (r < 0)
		return fail("tls_write", strerror(-r));
	flush_output();
	return 0;
}

static int write_frame(enum frame_type type, const void *payload, size_t len)
{
	static uint8_t bytes[FRAME_MAX];
	struct writer writer;

	writer_init(&writer, bytes, sizeof(bytes));
	int r = frame_encode_header(&writer, type, len);
	if (r == 0)
		r = writer_copy(&writer, payload, len);
	return r < 0 ? fail("frame", strerror(-r)) : write_plain(bytes, writer.len);
}

static int write_message(const struct message *message)
{
	uint8_t bytes[FRAME_CONTROL_MAX];
	struct writer writer;

	writer_init(&writer, bytes, sizeof(bytes));
	int r = message_encode(&writer, message);
	return r < 0 ? fail("message", strerror(-r)) : write_frame(FRAME_CONTROL, bytes, writer.len);
}

/* Waits for bytes; false when none came in time. Sets closed. */
static bool receive(struct mono deadline)
{
	struct pollfd waiting = { .fd = puppet.fd, .events = POLLIN };
	int64_t left = duration_ms(mono_since(deadline, mono_now()));

	if (left < 0 || poll(&waiting, 1, (int)left) <= 0)
		return false;
	ssize_t n = recv(puppet.fd, puppet.received, sizeof(puppet.received), 0);
	if (n > 0)
		tls_feed(puppet.tls, puppet.received, (size_t)n);
	else
		puppet.closed = true;
	return true;
}

static int handshake(void)
{
	struct mono deadline = mono_add(mono_now(), DURATION_S(AWAIT_SECONDS));
	struct problem problem = { .text = "" };
	struct identity identity;
	int r;

	while ((r = tls_handshake(puppet.tls, &problem)) == 0) {
		flush_output();
		if (!receive(deadline) || puppet.closed)
			return fail("handshake", puppet.closed ? "closed" : "nothing came");
	}
	flush_output();
	if (r < 0 || tls_peer_identity(puppet.tls, &identity, &problem) < 0)
		return fail("handshake", problem.text);
	printf("secured %s\n", identity.name);
	return 0;
}

/* Decrypts what was fed. */
static void decrypt(void)
{
	struct problem problem = { .text = "" };
	size_t got;
	int r;

	while ((r = tls_read(puppet.tls, puppet.plain + puppet.plain_len,
			sizeof(puppet.plain) - puppet.plain_len, &got, &problem)) == 0)
		puppet.plain_len += got;
	flush_output();
	if (r != -EAGAIN)
		puppet.closed = true;
}

/* Takes one frame out of the stream into `copy`; false: nothing in time, or the connection is closed. */
static bool next_frame(struct mono deadline, struct frame *frame, uint8_t copy[FRAME_MAX])
{
	struct reader stream;
	int r;

	for (;;) {
		reader_init(&stream, puppet.plain, puppet.plain_len);
		r = frame_decode(&stream, frame);
		if (r != -EAGAIN || puppet.closed || !receive(deadline))
			break;
		decrypt();
	}
	if (r < 0)
		return false;
	memcpy(copy, frame->payload.data, frame->payload.len);
	frame->payload.data = copy;
	puppet.plain_len = reader_left(&stream);
	memmove(puppet.plain, puppet.plain + stream.at, puppet.plain_len);
	return true;
}

/* ---- waiting ---- */

static void print_prefixes(const struct message *message)
{
	char text[ADDR_TEXT_MAX];

	for (size_t i = 0; i < message->prefixes.count; i++) {
		printf(" %s", prefix_format(&message->prefixes.prefix[i], text));
		if (message->type == MESSAGE_REFUSE)
			printf(" (%s)", route_verdict_text(message->prefixes.reason[i]));
	}
}

static void print_message(const struct message *message)
{
	char client4[ADDR_TEXT_MAX], client6[ADDR_TEXT_MAX];

	printf("%s", message_type_name(message->type));
	if (message->type == MESSAGE_WELCOME)
		printf(" client4 %s client6 %s mtu %u ping %u dead %u",
			addr_format(&message->welcome.client4, client4),
			addr_format(&message->welcome.client6, client6), message->welcome.mtu,
			message->welcome.ping_ms, message->welcome.dead_ms);
	else if (message->type == MESSAGE_GOODBYE)
		printf(" %u %s", message->goodbye.code, message->goodbye.text);
	else if (message->type >= MESSAGE_ANNOUNCE && message->type <= MESSAGE_REFUSE)
		print_prefixes(message);
	printf("\n");
}

static void print_packet(const struct frame *frame)
{
	size_t skip = frame->type == FRAME_OFFLOAD ? FRAME_VNET : 0;
	char source[INET6_ADDRSTRLEN], destination[INET6_ADDRSTRLEN];
	struct packet packet;

	if (packet_parse(frame->payload.data + skip, frame->payload.len - skip, &packet) < 0)
		return;
	inet_ntop(packet.family, packet.source, source, sizeof(source));
	inet_ntop(packet.family, packet.destination, destination, sizeof(destination));
	printf("packet %s %s protocol %u\n", source, destination, packet.protocol);
}

static int take_control(const struct frame *frame)
{
	struct problem problem = { .text = "" };
	struct message pong = { .type = MESSAGE_PONG };

	if (message_decode(frame->payload.data, frame->payload.len, &puppet.message, &problem) < 0)
		return fail("the peer's message", problem.text);
	if (puppet.message.type != MESSAGE_PING)
		return 0;
	pong.time = puppet.message.time;
	return write_message(&pong);
}

static int await(const char *what, struct mono deadline, bool quiet)
{
	static uint8_t payload[FRAME_MAX];
	struct frame frame;

	while (next_frame(deadline, &frame, payload)) {
		bool control = frame.type == FRAME_CONTROL;
		if (control && take_control(&frame) < 0)
			return -1;
		bool wanted = control ? strcmp(what, message_type_name(puppet.message.type)) == 0 :
					strcmp(what, "packet") == 0;
		if (wanted && control && !quiet)
			print_message(&puppet.message);
		else if (wanted && !control)
			print_packet(&frame);
		if (wanted)
			return 0;
		if (control && puppet.message.type == MESSAGE_GOODBYE) {
			print_message(&puppet.message);
			if (strcmp(what, "close") != 0)
				return -1;
		}
	}
	printf("%s\n", puppet.closed ? "closed" : "nothing came");
	return puppet.closed && strcmp(what, "close") == 0 ? 0 : -1;
}

/* ---- commands: 0, or negative after a line that says why ---- */

static int do_await(int count, char **words)
{
	uint64_t seconds = count > 1 ? number(words[1]) : AWAIT_SECONDS;
	return await(words[0], mono_add(mono_now(), DURATION_S(seconds)), false);
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
		else if (strcmp(words[i], "instance") == 0)
			memset(hello->instance, (int)number(words[i + 1]), sizeof(hello->instance));
		else if (strcmp(words[i], "offloads") == 0)
			hello->offloads = (uint32_t)number(words[i + 1]);
		else
			return fail("hello", words[i]);
	}
	return write_message(&message);
}

static int do_control(int count, char **words)
{
	static uint8_t bytes[FRAME_CONTROL_MAX];
	(void)count;
	return write_frame(FRAME_CONTROL, bytes, parse_hex(words[0], bytes, sizeof(bytes)));
}

static int do_frame(int count, char **words)
{
	static uint8_t bytes[LINE_MAX_BYTES];
	struct writer writer;

	writer_init(&writer, bytes, FRAME_HEADER);
	if (count < 3 || writer_u8(&writer, number(words[0])) < 0 ||
		writer_u24(&writer, number(words[1])) < 0)
		return fail("frame", "needs TYPE LENGTH HEX");
	size_t len = parse_hex(words[2], bytes + FRAME_HEADER, sizeof(bytes) - FRAME_HEADER);
	return write_plain(bytes, FRAME_HEADER + len);
}

static int do_zeros(int count, char **words)
{
	static const uint8_t zeros[TLS_RECORD_MAX];
	(void)count;

	for (size_t left = number(words[0]); left > 0;) {
		size_t len = left < sizeof(zeros) ? left : sizeof(zeros);
		if (write_plain(zeros, len) < 0)
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
			return fail("no prefix", words[i]);
		message.prefixes.count++;
	}
	return write_message(&message);
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
	return write_message(&message);
}

static int do_ping(int count, char **words)
{
	struct message message = { .type = MESSAGE_PING, .time = { ++puppet.pings } };
	(void)count, (void)words;
	return write_message(&message);
}

static int do_sync(int count, char **words)
{
	struct mono deadline = mono_add(mono_now(), DURATION_S(AWAIT_SECONDS));

	if (do_ping(count, words) < 0)
		return -1;
	do {
		if (await("pong", deadline, true) < 0)
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
	return write_message(&message);
}

static int do_shut(int count, char **words)
{
	(void)count, (void)words;
	return shutdown(puppet.fd, SHUT_WR) < 0 ? fail("shutdown", strerror(errno)) : 0;
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
	exit(0);
}

static int do_vnet(int count, char **words)
{
	if (count < 6)
		return fail("vnet", "needs six numbers");
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

/* ---- packets ---- */

/* RFC 1071. */
static uint32_t sum(uint32_t total, const void *data, size_t len)
{
	const uint8_t *bytes = data;

	for (size_t i = 0; i < len; i++)
		total += i % 2 ? bytes[i] : (uint32_t)bytes[i] << 8;
	return total;
}

static uint16_t checksum(uint32_t total)
{
	while (total > 0xffff)
		total = (total & 0xffff) + (total >> 16);
	return (uint16_t)~total;
}

static void write_ip(struct writer *writer, const struct addr *source, const struct addr *destination,
	uint8_t protocol, size_t len)
{
	size_t size = addr_size(source);

	if (source->family == AF_INET) {
		uint8_t fixed[12] = { 0x45, 0, (uint8_t)((20 + len) >> 8), (uint8_t)(20 + len), 0, 0, 0, 0,
			64, protocol, 0, 0 };
		uint32_t total = sum(sum(sum(0, fixed, 12), source->bytes, 4), destination->bytes, 4);
		writer_copy(writer, fixed, 10);
		writer_u16(writer, checksum(total));
	} else {
		uint8_t fixed[8] = { 0x60, 0, 0, 0, (uint8_t)(len >> 8), (uint8_t)len, protocol, 64 };
		writer_copy(writer, fixed, 8);
	}
	writer_copy(writer, source->bytes, size);
	writer_copy(writer, destination->bytes, size);
}

/* Sends an IP packet around the transport bytes. */
static int send_ip(const char *from, const char *to, uint8_t protocol, uint8_t *transport, size_t len,
	size_t checksum_at)
{
	static uint8_t bytes[FRAME_VNET + FRAME_PACKET_MAX];
	struct addr source, destination;
	struct writer writer;

	if (addr_parse(from, &source) < 0 || addr_parse(to, &destination) < 0 ||
		source.family != destination.family)
		return fail("addresses", from);
	if (checksum_at > 0) {
		uint32_t total = sum(sum(protocol + (uint32_t)len, source.bytes, addr_size(&source)),
			destination.bytes, addr_size(&destination));
		uint16_t value = checksum(sum(total, transport, len));
		transport[checksum_at] = (uint8_t)(value >> 8);
		transport[checksum_at + 1] = (uint8_t)value;
	}
	writer_init(&writer, bytes, sizeof(bytes));
	if (puppet.vnet_set)
		vnet_encode(&writer, &puppet.vnet);
	write_ip(&writer, &source, &destination, protocol, len);
	int r = writer_copy(&writer, transport, len);
	if (r < 0)
		return fail("packet", strerror(-r));
	r = write_frame(puppet.vnet_set ? FRAME_OFFLOAD : FRAME_PACKET, bytes, writer.len);
	puppet.vnet_set = false;
	return r;
}

static int do_udp(int count, char **words)
{
	uint8_t bytes[UDP_HEADER + MESSAGE_TEXT_MAX] = { 0 };

	if (count < 4)
		return fail("udp", "needs SRC DST PORT TEXT");
	uint16_t port = (uint16_t)number(words[2]);
	size_t len = strnlen(words[3], MESSAGE_TEXT_MAX);
	const uint8_t header[UDP_HEADER] = { 0x30, 0x39, (uint8_t)(port >> 8), (uint8_t)port,
		(uint8_t)((UDP_HEADER + len) >> 8), (uint8_t)(UDP_HEADER + len) };
	memcpy(bytes, header, sizeof(header));
	memcpy(bytes + UDP_HEADER, words[3], len);
	return send_ip(words[0], words[1], IPPROTO_UDP, bytes, UDP_HEADER + len, 6);
}

static int do_tcp(int count, char **words)
{
	static uint8_t bytes[FRAME_PACKET_MAX];
	const uint8_t header[TCP_HEADER] = { 0x30, 0x39, 0x30, 0x39, [12] = TCP_HEADER / 4 << 4, [13] = 0x10 };

	if (count < 3)
		return fail("tcp", "needs SRC DST LENGTH");
	size_t len = number(words[2]);
	if (len > sizeof(bytes) - TCP_HEADER)
		return fail("tcp", "too long");
	memset(bytes, 0, sizeof(bytes));
	memcpy(bytes, header, sizeof(header));
	return send_ip(words[0], words[1], IPPROTO_TCP, bytes, TCP_HEADER + len, 16);
}

/* ---- the script ---- */

static const struct {
	const char *name;
	int least; /* words behind it */
	int (*run)(int count, char **words);
} commands[] = {
	{ "hello", 0, do_hello }, { "control", 1, do_control }, { "frame", 3, do_frame },
	{ "zeros", 1, do_zeros }, { "announce", 1, do_announce }, { "withdraw", 1, do_withdraw },
	{ "end", 0, do_end }, { "ping", 0, do_ping }, { "goodbye", 1, do_goodbye },
	{ "vnet", 6, do_vnet }, { "udp", 4, do_udp }, { "tcp", 3, do_tcp }, { "sync", 0, do_sync },
	{ "await", 1, do_await }, { "shut", 0, do_shut }, { "say", 1, do_say }, { "quit", 0, do_quit },
};

static int run_command(int count, char **words)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (strcmp(words[0], commands[i].name) == 0 && count - 1 >= commands[i].least)
			return commands[i].run(count - 1, words + 1);
	}
	return fail("not understood", words[0]);
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

static int load_tls(enum tls_role role, char **paths)
{
	struct problem problem = { .text = "" };
	struct tls_context *context;
	struct view parts[3];

	for (int i = 0; i < 3; i++) {
		char *text;
		size_t len;
		if (file_read(paths[i], FILE_PUBLIC, &text, &len, &problem) < 0)
			return fail("file", problem.text);
		parts[i] = (struct view){ (uint8_t *)text, len };
	}
	struct tls_material material = { .certificate = parts[0], .key = parts[1], .ca = parts[2] };
	if (tls_context_new(role, &material, &context, &problem) < 0)
		return fail("certificate", problem.text);
	return tls_new(context, &puppet.tls);
}

static int open_socket(bool listener, const char *where)
{
	struct endpoint endpoint;
	struct sockaddr_storage address;
	const int on = 1;

	if (endpoint_parse(where, 443, &endpoint) < 0)
		return fail("no endpoint", where);
	socklen_t len = endpoint_to_sockaddr(&endpoint, &address);
	puppet.fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (!listener)
		return connect(puppet.fd, (struct sockaddr *)&address, len);
	int waiting = puppet.fd;
	if (setsockopt(waiting, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
		bind(waiting, (struct sockaddr *)&address, len) < 0 || listen(waiting, 8) < 0)
		return -1;
	puppet.fd = accept4(waiting, NULL, NULL, SOCK_CLOEXEC);
	close(waiting);
	return puppet.fd < 0 ? -1 : 0;
}

int main(int argc, char **argv)
{
	if (argc != 6) {
		fputs("usage: puppet connect|listen ADDRESS:PORT CERTIFICATE KEY CA <SCRIPT\n", stderr);
		return 2;
	}
	bool listener = strcmp(argv[1], "listen") == 0;
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (load_tls(listener ? TLS_SERVER : TLS_CLIENT, argv + 3) < 0)
		return 1;
	if (open_socket(listener, argv[2]) < 0) {
		fail("socket", strerror(errno));
		return 1;
	}
	const struct timeval patience = { .tv_sec = AWAIT_SECONDS };
	setsockopt(puppet.fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	puppet.output.data = puppet.output_bytes;
	puppet.output.capacity = sizeof(puppet.output_bytes);
	tls_set_output(puppet.tls, &puppet.output);
	if (handshake() < 0)
		return 1;
	decrypt();
	while (fgets(line, sizeof(line), stdin))
		if (run_line(line) < 0)
			return 1;
	return 0;
}
