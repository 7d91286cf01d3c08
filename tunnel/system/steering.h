/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_SYSTEM_STEERING_H
#define CULVERT_SYSTEM_STEERING_H

/*
 * A small eBPF program that chooses the TUN queue of a packet. It hashes what both directions of a
 * flow have in common, so that a flow's packets stay on one lane, in order. That is the addresses,
 * with ports for TCP, UDP and SCTP. For fragments and other protocols it hashes only the addresses,
 * since only a packet's first fragment has ports. tun_set_steering() attaches it.
 */

/*
 * Loads the program. The descriptor is CLOEXEC, and the caller closes it. -EPERM: the kernel
 * requires CAP_BPF in the first user namespace (kernel.unprivileged_bpf_disabled), or a filter of
 * system calls forbids bpf(2). -ENOSYS: this kernel has no bpf(2). Else the kernel's error.
 */
int steering_load(int *ret_program_fd);

#endif
