/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_SYSTEM_STEERING_H
#define CULVERT_SYSTEM_STEERING_H

/*
 * Which queue of a TUN a packet goes to: a small eBPF program that hashes what both directions of a
 * flow have in common, so that its packets stay on one lane, in order. Addresses, and ports for
 * TCP, UDP and SCTP; of fragments, and of whatever else, addresses only, as only a packet's first
 * fragment has ports. Attached by tun_set_steering().
 */

/*
 * Loads it; the descriptor is CLOEXEC and the caller's. -EPERM: the kernel wants CAP_BPF in the
 * first user namespace (kernel.unprivileged_bpf_disabled), or a filter of system calls forbids
 * bpf(2); -ENOSYS: it is not in this kernel; or the kernel's own.
 */
int steering_load(int *ret_program_fd);

#endif
