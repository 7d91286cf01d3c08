/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_SYSTEM_TUN_H
#define CULVERT_SYSTEM_TUN_H

#include <stdbool.h>
#include <stdint.h>

/*
 * TUN interfaces (Documentation/networking/tuntap.rst): IFF_TUN | IFF_NO_PI | IFF_VNET_HDR, header
 * of 10 bytes, little-endian (TUNSETVNETLE). Opening needs CAP_NET_ADMIN and is netd's; the
 * offloads are set by whoever holds the descriptor, the engine.
 */

/*
 * Makes an interface; name is a template such as "cv%d" or a whole name. The descriptor is
 * non-blocking and CLOEXEC. ret_name has IFNAMSIZ bytes. -EBUSY: the name is in use; -EPERM;
 * -ENOENT or -ENODEV: no /dev/net/tun. `multi_queue` adds IFF_MULTI_QUEUE.
 */
int tun_open(const char *name, bool multi_queue, int *ret_fd, char *ret_name);

/*
 * TUNSETOFFLOAD from enum offload bits (TSO and USO need CSUM, USO needs Linux 6.2). Sets what we
 * want the kernel to hand us. *ret_set: the bits that are in force (what the kernel does not know
 * is left out). Negative errno when even none cannot be set.
 */
int tun_set_offloads(int fd, uint32_t offloads, uint32_t *ret_set);

/*
 * What this kernel takes in packets written to a TUN, as enum offload bits: everything, but USO
 * only since Linux 6.2.
 */
uint32_t tun_kernel_offloads(void);

#endif
