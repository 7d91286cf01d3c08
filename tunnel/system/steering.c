/* SPDX-License-Identifier: Apache-2.0 */
#include "system/steering.h"

#include <errno.h>
#include <linux/bpf.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/array.h"

/*
 * The program, a line an instruction (RFC 9669). BPF_LD_ABS and BPF_LD_IND read the packet in host
 * order into r0 and overwrite r1 to r5. If the packet is too short they end the program with 0, the
 * first queue. A TUN's packet begins at its IP header.
 */
enum {
	RESULT = BPF_REG_0, /* of each load, and of the program */
	CONTEXT = BPF_REG_1,
	PACKET = BPF_REG_6, /* where the loads expect it */
	HASH = BPF_REG_7,
	PROTOCOL = BPF_REG_8,
	HEADER = BPF_REG_9, /* length of the IP header, bytes */
};

#define INSTRUCTION(op, dst, src, offset, value)                                                  \
	{                                                                                         \
		.code = (op), .dst_reg = (dst), .src_reg = (src), .off = (offset), .imm = (value) \
	}
#define LOAD(size, offset) INSTRUCTION(BPF_LD | BPF_ABS | (size), 0, 0, 0, offset)
#define LOAD_BEHIND(size, reg, offset) INSTRUCTION(BPF_LD | BPF_IND | (size), 0, reg, 0, offset)
#define MOVE(dst, src) INSTRUCTION(BPF_ALU64 | BPF_MOV | BPF_X, dst, src, 0, 0)
#define SET(dst, value) INSTRUCTION(BPF_ALU64 | BPF_MOV | BPF_K, dst, 0, 0, value)
#define WITH(op, dst, src) INSTRUCTION(BPF_ALU64 | (op) | BPF_X, dst, src, 0, 0)
#define WITH_VALUE(op, dst, value) INSTRUCTION(BPF_ALU64 | (op) | BPF_K, dst, 0, 0, value)
#define EXIT INSTRUCTION(BPF_JMP | BPF_EXIT, 0, 0, 0, 0)
/* A constant of 64 bits takes two instructions. */
#define SET_WIDE(dst, value)                                                              \
	INSTRUCTION(BPF_LD | BPF_DW | BPF_IMM, dst, 0, 0, (int32_t)((value)&UINT32_MAX)), \
		INSTRUCTION(0, 0, 0, 0, (int32_t)((value) >> 32))

/*
 * A jump names its own index, so that its target can be a label. The compiler refuses two
 * instructions at one index, the kernel a gap.
 */
#define JUMP_IF(at, op, reg, value, label) \
	[at] = INSTRUCTION(BPF_JMP | (op) | BPF_K, reg, 0, (label) - (at)-1, value)
#define JUMP(at, label) JUMP_IF(at, BPF_JA, 0, 0, label)

enum { IPV4 = 7, IPV6 = 20, PORTS = 39, READ_PORTS = 43, MIX = 49 };

enum {
	VERSION_SHIFT = 4,
	IHL_MASK = 0x0f,
	FRAGMENT_MASK = 0x3fff, /* more fragments, or not the first */
	IPV6_HEADER = 40,
};

/* The finalizer of MurmurHash3 for 64 bits: each bit of the input changes half of the result's. */
#define MIX_FIRST UINT64_C(0xff51afd7ed558ccd)
#define MIX_SECOND UINT64_C(0xc4ceb9fe1a85ec53)
enum { MIX_SHIFT = 33 };

static const struct bpf_insn program[] = {
	MOVE(PACKET, CONTEXT),
	LOAD(BPF_B, 0),
	WITH_VALUE(BPF_RSH, RESULT, VERSION_SHIFT),
	JUMP_IF(3, BPF_JEQ, RESULT, 4, IPV4),
	JUMP_IF(4, BPF_JEQ, RESULT, 6, IPV6),
	SET(RESULT, 0),
	EXIT,

	[IPV4] = LOAD(BPF_W, 12), /* source */
	MOVE(HASH, RESULT),
	LOAD(BPF_W, 16), /* destination */
	WITH(BPF_ADD, HASH, RESULT),
	LOAD(BPF_H, 6), /* flags and fragment offset */
	JUMP_IF(12, BPF_JSET, RESULT, FRAGMENT_MASK, MIX),
	LOAD(BPF_B, 9),
	MOVE(PROTOCOL, RESULT),
	LOAD(BPF_B, 0),
	WITH_VALUE(BPF_AND, RESULT, IHL_MASK),
	WITH_VALUE(BPF_LSH, RESULT, 2), /* the field counts words of four bytes */
	MOVE(HEADER, RESULT),
	JUMP(19, PORTS),

	[IPV6] = LOAD(BPF_W, 8), /* source, 16 bytes */
	MOVE(HASH, RESULT),
	LOAD(BPF_W, 12),
	WITH(BPF_ADD, HASH, RESULT),
	LOAD(BPF_W, 16),
	WITH(BPF_ADD, HASH, RESULT),
	LOAD(BPF_W, 20),
	WITH(BPF_ADD, HASH, RESULT),
	LOAD(BPF_W, 24), /* destination */
	WITH(BPF_ADD, HASH, RESULT),
	LOAD(BPF_W, 28),
	WITH(BPF_ADD, HASH, RESULT),
	LOAD(BPF_W, 32),
	WITH(BPF_ADD, HASH, RESULT),
	LOAD(BPF_W, 36),
	WITH(BPF_ADD, HASH, RESULT),
	LOAD(BPF_B, 6), /* next header: for a fragment the fragment header (44) */
	MOVE(PROTOCOL, RESULT),
	SET(HEADER, IPV6_HEADER),

	JUMP_IF(PORTS, BPF_JEQ, PROTOCOL, IPPROTO_TCP, READ_PORTS),
	JUMP_IF(PORTS + 1, BPF_JEQ, PROTOCOL, IPPROTO_UDP, READ_PORTS),
	JUMP_IF(PORTS + 2, BPF_JEQ, PROTOCOL, IPPROTO_SCTP, READ_PORTS),
	JUMP(PORTS + 3, MIX),
	[READ_PORTS] = LOAD_BEHIND(BPF_H, HEADER, 0), /* source */
	MOVE(PROTOCOL, RESULT),                       /* the protocol is no longer needed */
	LOAD_BEHIND(BPF_H, HEADER, 2),                /* destination */
	WITH(BPF_ADD, RESULT, PROTOCOL),
	WITH_VALUE(BPF_LSH, RESULT, 32), /* above the addresses */
	WITH(BPF_ADD, HASH, RESULT),

	[MIX] = MOVE(RESULT, HASH),
	WITH_VALUE(BPF_RSH, RESULT, MIX_SHIFT),
	WITH(BPF_XOR, HASH, RESULT),
	SET_WIDE(RESULT, MIX_FIRST),
	WITH(BPF_MUL, HASH, RESULT),
	MOVE(RESULT, HASH),
	WITH_VALUE(BPF_RSH, RESULT, MIX_SHIFT),
	WITH(BPF_XOR, HASH, RESULT),
	SET_WIDE(RESULT, MIX_SECOND),
	WITH(BPF_MUL, HASH, RESULT),
	MOVE(RESULT, HASH),
	WITH_VALUE(BPF_RSH, RESULT, MIX_SHIFT),
	WITH(BPF_XOR, RESULT, HASH),
	EXIT,
};

int steering_load(int *ret_program_fd)
{
	/* The program calls no kernel helper, so the licence is only informative. */
	static const char license[] = "Apache-2.0";
	union bpf_attr attr = {
		.prog_type = BPF_PROG_TYPE_SOCKET_FILTER,
		.insn_cnt = ARRAY_SIZE(program),
		.insns = (uintptr_t)program,
		.license = (uintptr_t)license,
		.prog_name = "culvert_steer",
	};
	long fd = syscall(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof(attr));

	if (fd < 0)
		return -errno;
	*ret_program_fd = (int)fd;
	return 0;
}
