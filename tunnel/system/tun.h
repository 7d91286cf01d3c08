/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_SYSTEM_TUN_H
#define CULVERT_SYSTEM_TUN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/problem.h"

/*
 * TUN interfaces (Documentation/networking/tuntap.rst): IFF_TUN | IFF_NO_PI | IFF_VNET_HDR, header
 * of 10 bytes, little-endian (TUNSETVNETLE). Opening needs CAP_NET_ADMIN and is netd's; the
 * offloads are set by whoever holds the descriptor, the engine.
 *
 * Every interface belongs to the effective user and group of the process that made it. Without an
 * owner the kernel lets any local user attach a queue to an interface with several, and read what
 * the tunnel carries. So nothing else in Culvert calls TUNSETIFF. The owner comes a moment after the
 * interface: before it is up, its maker compares the queues that it has with those that were opened
 * here (netlink_link_queues()).
 */

/*
 * Makes an interface; name is a template such as "cv%d" or a whole name. The descriptor is
 * non-blocking and CLOEXEC. ret_name has IFNAMSIZ bytes. -EBUSY: the name is in use;
 * -EPERM: no CAP_NET_ADMIN, or the device does not open; -EACCES, -ENOENT, -ENODEV, -ENXIO: the
 * device does not open (tun_check_device() says which). `multi_queue` adds IFF_MULTI_QUEUE; the descriptor is then
 * the first queue.
 */
int tun_open(const char *name, bool multi_queue, int *ret_fd, char *ret_name);

/*
 * May this process open /dev/net/tun? Its owner, mode and the container's list of devices decide,
 * whatever capabilities the process has. Negative errno of open(2), with words that name the cure.
 */
int tun_check_device(struct problem *problem);

/*
 * Opens one more queue, attached, of the interface that tun_open() made with `multi_queue` and
 * named `name`. -ENODEV: it is gone; -EINVAL: it has one queue only; -E2BIG: no more queues;
 * otherwise as tun_open().
 */
int tun_open_queue(const char *name, int *ret_fd);

/*
 * Gives a queue of a multi-queue interface its share of the packets, or takes it away. Needs no
 * privilege. What waits in a queue when it is detached is dropped; the others are renumbered, so
 * a queue is known by its descriptor only. A detached queue is still written to. 0 also when it is
 * so already; -EINVAL: the interface is not multi-queue; -EBADFD: it is gone.
 */
int tun_queue_attach(int fd, bool attached);

/* What the interface is called now; ret_name has IFNAMSIZ bytes. -EBADFD: it is gone. */
int tun_name(int fd, char *ret_name);

/*
 * The network namespace that the interface is in, wherever it was made; the caller closes it. Needs
 * CAP_NET_ADMIN there. -EBADFD: the interface is gone, maybe with its namespace.
 */
int tun_netns(int fd, int *ret_netns);

/*
 * The queue of each packet is now what the program (steering_load()) says, modulo the number of
 * attached queues, instead of what the kernel learnt from packets written. The interface keeps the
 * program: the descriptor may be closed. -EINVAL: not such a program; -EBADFD: the interface is
 * gone.
 */
int tun_set_steering(int fd, int program_fd);

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
