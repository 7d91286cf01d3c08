/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Reads a capture of the wan (tcpdump -w, Ethernet) and checks every packet of it:
 *
 * 	only_tls [--headers] FILE
 *
 * It accepts ARP, IPv6 neighbour and multicast discovery, and TCP from or to port 443 whose payload
 * is only TLS records (RFC 8446, 5.1). It follows each stream from its SYN by the records' lengths.
 * If the capture lacks a packet or cut it, it follows that stream no further and reports that.
 * --headers: it ignores the payload. It ends with 0 if all packets are accepted and there was TLS.
 * At the first other packet it ends with 1 and a line on stderr.
 */

#include <arpa/inet.h>
#include <net/ethernet.h>
#include <netinet/icmp6.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/addr.h"
#include "base/bytes.h"

enum {
	PCAP_HEADER = 24,
	PCAP_ETHERNET = 1,
	STREAMS_MAX = 256,
	TLS_PORT = 443,
	TLS_HEADER = 5,
	TLS_LENGTH_MAX = 16384 + 256,
	TLS_TYPE_FIRST = 20, /* change_cipher_spec */
	TLS_TYPE_LAST = 23,  /* application_data */
	TCP_FLAG_SYN = 2,
	IPV6_HEADER = 40,
};

#define PCAP_MAGIC UINT32_C(0xa1b2c3d4) /* microseconds, this machine's byte order */

struct stream { /* one direction of one connection */
	struct endpoint from, to;
	bool followed;
	uint32_t next; /* sequence number */
	uint8_t header[TLS_HEADER];
	size_t header_len;
	size_t left; /* of the record */
	uint64_t bytes, records, by_type[TLS_TYPE_LAST - TLS_TYPE_FIRST + 1];
};

struct segment {
	struct endpoint from, to;
	uint32_t sequence;
	uint8_t flags;
	size_t len; /* from the IP header */
	struct view payload;
};

static struct stream streams[STREAMS_MAX];
static size_t stream_count;
static bool headers_only;
static uint64_t packet_number, tcp_packets;

static int bad(const char *what)
{
	fprintf(stderr, "only_tls: packet %llu: %s\n", (unsigned long long)packet_number, what);
	return -1;
}

/* ---- TLS ---- */

static int take_header(struct stream *stream)
{
	uint8_t type = stream->header[0];

	stream->header_len = 0;
	stream->left = (size_t)stream->header[3] << 8 | stream->header[4];
	if (type < TLS_TYPE_FIRST || type > TLS_TYPE_LAST || stream->header[1] != 3 ||
		stream->left == 0 || stream->left > TLS_LENGTH_MAX)
		return bad("its bytes are no TLS record");
	stream->records++;
	stream->by_type[type - TLS_TYPE_FIRST]++;
	return 0;
}

static int take_bytes(struct stream *stream, struct reader *bytes)
{
	stream->bytes += reader_left(bytes);
	while (reader_left(bytes) > 0) {
		size_t skip = stream->left < reader_left(bytes) ? stream->left : reader_left(bytes);
		struct view skipped;

		reader_view(bytes, skip, &skipped);
		stream->left -= skip;
		if (stream->left > 0 || reader_left(bytes) == 0)
			break;
		reader_u8(bytes, &stream->header[stream->header_len++]);
		if (stream->header_len == TLS_HEADER && take_header(stream) < 0)
			return -1;
	}
	return 0;
}

/* ---- TCP ---- */

static bool endpoint_equal(const struct endpoint *a, const struct endpoint *b)
{
	return a->port == b->port && addr_equal(&a->addr, &b->addr);
}

static struct stream *find_stream(const struct segment *segment)
{
	/* The newest comes first: ports are used again. */
	for (size_t i = stream_count; i-- > 0;) {
		if (endpoint_equal(&streams[i].from, &segment->from) &&
			endpoint_equal(&streams[i].to, &segment->to))
			return &streams[i];
	}
	return NULL;
}

static int begin_stream(const struct segment *segment)
{
	const struct stream *known = find_stream(segment);

	if (known && known->next == segment->sequence + 1)
		return 0; /* a repeated SYN */
	if (stream_count == STREAMS_MAX)
		return bad("too many connections");
	streams[stream_count++] = (struct stream){
		.from = segment->from,
		.to = segment->to,
		.followed = true,
		.next = segment->sequence + 1,
	};
	return 0;
}

static int take_segment(const struct segment *segment)
{
	struct stream *stream;
	struct reader bytes;
	struct view again;

	if (segment->from.port != TLS_PORT && segment->to.port != TLS_PORT)
		return bad("TCP beside port 443");
	tcp_packets++;
	if (headers_only)
		return 0;
	if (segment->flags & TCP_FLAG_SYN)
		return begin_stream(segment);
	stream = find_stream(segment);
	if (!stream)
		return bad("its connection began before the capture");
	uint32_t ahead = segment->sequence - stream->next;
	if (!stream->followed || segment->len == 0)
		return 0;
	if (ahead != 0 && ahead < UINT32_MAX / 2) {
		stream->followed = false;
		return 0;
	}
	uint32_t old = -ahead; /* bytes that were received before */
	if (old >= segment->len)
		return 0;
	reader_init(&bytes, segment->payload.data, segment->payload.len);
	if (reader_view(&bytes, old, &again) < 0 || segment->payload.len < segment->len)
		stream->followed = false;
	else
		stream->next += (uint32_t)segment->len - old;
	return take_bytes(stream, &bytes);
}

static int take_tcp(struct reader *packet, size_t len, struct segment *segment)
{
	uint8_t offset;
	uint32_t acknowledgement;
	struct view rest;

	if (reader_u16(packet, &segment->from.port) < 0 ||
		reader_u16(packet, &segment->to.port) < 0 ||
		reader_u32(packet, &segment->sequence) < 0 ||
		reader_u32(packet, &acknowledgement) < 0 || reader_u8(packet, &offset) < 0 ||
		reader_u8(packet, &segment->flags) < 0)
		return bad("cut inside its TCP header");
	size_t header = (size_t)(offset >> 4) * 4;
	if (header < 20 || header > len)
		return bad("a broken TCP header");
	segment->len = len - header;
	/* The capture cut the options, so it has no payload. */
	if (reader_view(packet, header - 14, &rest) == 0) {
		size_t there = reader_left(packet) < segment->len ? reader_left(packet)
								  : segment->len;
		reader_view(packet, there, &segment->payload);
	}
	return take_segment(segment);
}

/* ---- IP ---- */

static int take_ipv4(struct reader *packet)
{
	struct segment segment = { .len = 0 };
	struct view fixed, options;

	if (reader_view(packet, 20, &fixed) < 0)
		return bad("cut inside its IPv4 header");
	size_t header = (fixed.data[0] & 15u) * 4u;
	size_t total = (size_t)fixed.data[2] << 8 | fixed.data[3];
	if (header < 20 || total < header || reader_view(packet, header - 20, &options) < 0)
		return bad("a broken IPv4 header");
	if (fixed.data[9] != IPPROTO_TCP)
		return bad("IPv4, but not TCP");
	segment.from.addr = addr_v4(fixed.data + 12);
	segment.to.addr = addr_v4(fixed.data + 16);
	return take_tcp(packet, total - header, &segment);
}

static int take_icmp6(struct reader *packet)
{
	uint8_t type;

	if (reader_u8(packet, &type) < 0)
		return bad("cut inside its ICMPv6 header");
	if (type >= MLD_LISTENER_QUERY && type <= ND_REDIRECT)
		return 0;
	return type == 143 ? 0 : bad("ICMPv6, but no discovery"); /* 143: MLDv2 report, RFC 3810 */
}

static int take_ipv6(struct reader *packet)
{
	struct segment segment = { .len = 0 };
	struct view fixed, options;

	if (reader_view(packet, IPV6_HEADER, &fixed) < 0)
		return bad("cut inside its IPv6 header");
	uint8_t next = fixed.data[6];
	if (next == IPPROTO_HOPOPTS) { /* MLD's router alert, RFC 2711 */
		if (reader_view(packet, 8, &options) < 0 || options.data[1] != 0)
			return bad("unknown IPv6 options");
		next = options.data[0] == IPPROTO_ICMPV6 ? IPPROTO_ICMPV6 : IPPROTO_NONE;
	}
	if (next == IPPROTO_ICMPV6)
		return take_icmp6(packet);
	if (next != IPPROTO_TCP)
		return bad("IPv6, but neither TCP nor discovery");
	segment.from.addr = addr_v6(fixed.data + 8);
	segment.to.addr = addr_v6(fixed.data + 24);
	return take_tcp(packet, (size_t)fixed.data[4] << 8 | fixed.data[5], &segment);
}

static int take_frame(struct reader *frame)
{
	struct view addresses;
	uint16_t type;

	packet_number++;
	if (reader_view(frame, 2 * ETHER_ADDR_LEN, &addresses) < 0 || reader_u16(frame, &type) < 0)
		return bad("cut inside its Ethernet header");
	switch (type) {
	case ETHERTYPE_ARP:
		return 0;
	case ETHERTYPE_IP:
		return take_ipv4(frame);
	case ETHERTYPE_IPV6:
		return take_ipv6(frame);
	default:
		return bad("neither IP nor ARP");
	}
}

/* ---- the capture ---- */

/* The file's numbers are in the byte order of the machine that wrote it, which is this one. */
static int reader_native32(struct reader *file, uint32_t *ret_value)
{
	return reader_copy(file, ret_value, sizeof(*ret_value));
}

static int take_file(struct reader *file)
{
	struct view header;
	uint32_t magic, link, seconds, fraction, captured, length;

	if (reader_native32(file, &magic) < 0 || magic != PCAP_MAGIC ||
		reader_view(file, PCAP_HEADER - 8, &header) < 0 ||
		reader_native32(file, &link) < 0 || link != PCAP_ETHERNET)
		return bad("this is no capture of an Ethernet");
	while (reader_left(file) > 0) {
		struct reader frame;
		if (reader_native32(file, &seconds) < 0 || reader_native32(file, &fraction) < 0 ||
			reader_native32(file, &captured) < 0 ||
			reader_native32(file, &length) < 0 ||
			reader_sub(file, captured, &frame) < 0)
			return 0; /* the capture ended in the middle of a packet */
		if (take_frame(&frame) < 0)
			return -1;
	}
	return 0;
}

static int report(void)
{
	char from[ENDPOINT_TEXT_MAX], to[ENDPOINT_TEXT_MAX];
	uint64_t records = 0;

	printf("%llu packets, %llu of them TCP with port 443, the others ARP and IPv6 discovery\n",
		(unsigned long long)packet_number, (unsigned long long)tcp_packets);
	for (size_t i = 0; i < stream_count; i++) {
		const struct stream *stream = &streams[i];
		printf("%s > %s: %llu bytes are %llu TLS records, %llu of them application data%s\n",
			endpoint_format(&stream->from, from), endpoint_format(&stream->to, to),
			(unsigned long long)stream->bytes, (unsigned long long)stream->records,
			(unsigned long long)stream->by_type[3],
			stream->followed ? "" : " (followed as far as the capture is whole)");
		records += stream->by_type[3];
	}
	if (tcp_packets == 0 || (!headers_only && records == 0)) {
		fputs("only_tls: there is no TLS in it\n", stderr);
		return 1;
	}
	return 0;
}

int main(int argc, char **argv)
{
	const char *path = argv[argc - 1];
	struct reader file;
	struct stat status;

	headers_only = argc == 3 && strcmp(argv[1], "--headers") == 0;
	if (argc != 2 && !headers_only) {
		fputs("usage: only_tls [--headers] FILE\n", stderr);
		return 2;
	}
	FILE *stream = fopen(path, "rb");
	if (!stream || fstat(fileno(stream), &status) < 0 || status.st_size == 0) {
		fprintf(stderr, "only_tls: %s cannot be read, or is empty\n", path);
		return 2;
	}
	void *data = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, fileno(stream), 0);
	if (data == MAP_FAILED) {
		perror("only_tls: mmap");
		return 2;
	}
	reader_init(&file, data, (size_t)status.st_size);
	int r = take_file(&file) < 0 ? 1 : report();
	munmap(data, (size_t)status.st_size);
	fclose(stream);
	return r;
}
