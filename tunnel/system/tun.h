/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_SYSTEM_TUN_H
#define CULVERT_SYSTEM_TUN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/problem.h"

/*
 * TUN interfaces (Documentation/networking/tuntap.rst): IFF_TUN | IFF_NO_PI | IFF_VNET_HDR, header
 * of 10 bytes, little-endian (TUNSETVNETLE). Only netd opens them, which needs CAP_NET_ADMIN. The
 * engine has the descriptors and sets the offloads.
 *
 * Every interface belongs to the effective user and group of the process that made it. Without an
 * owner, the kernel lets any local user attach a queue to a multi-queue interface and read the
 * tunnel's packets. So nothing else in Culvert calls TUNSETIFF. The owner is set a moment after the
 * interface is made. So its maker, before bringing it up, compares the interface's queues with
 * those opened here (netlink_link_queues()).
 */

/*
 * Makes an interface; `name` is a template such as "cv%d" or a whole name. The descriptor is
 * non-blocking and CLOEXEC. `multi_queue` adds IFF_MULTI_QUEUE; the descriptor is then the first
 * queue. ret_name has IFNAMSIZ bytes. -EBUSY: the name is in use. -EPERM: no CAP_NET_ADMIN, or the
 * device does not open. -EACCES, -ENOENT, -ENODEV, -ENXIO: the device does not open;
 * tun_check_device() says why.
 */
int tun_open(const char *name, bool multi_queue, int *ret_fd, char *ret_name);

/*
 * Checks that this process can open /dev/net/tun. That depends on its owner, its mode and the
 * container's device list, whatever the capabilities. Negative errno of open(2); on failure
 * *problem says what to do.
 */
int tun_check_device(struct problem *problem);

/*
 * Opens one more queue, attached, of an interface named `name` that tun_open() made with
 * `multi_queue`. -ENODEV: the interface is gone. -EINVAL: it has only one queue. -E2BIG: no more
 * queues. Else the errors of tun_open().
 */
int tun_open_queue(const char *name, int *ret_fd);

/*
 * Attaches a queue of a multi-queue interface, so that it gets its share of the packets, or
 * detaches it. Needs no privilege. Detaching drops the packets in the queue and renumbers the
 * others, so only a descriptor identifies a queue. Writing to a detached queue still works. Returns
 * 0 also when nothing changes. -EINVAL: the interface is not multi-queue. -EBADFD: it is gone.
 */
int tun_queue_attach(int fd, bool attached);

/*
 * Gets the interface's current name; ret_name has IFNAMSIZ bytes. -EBADFD: the interface is gone.
 */
int tun_name(int fd, char *ret_name);

/*
 * Opens the network namespace that the interface is in now; the caller closes it. Needs
 * CAP_NET_ADMIN there. -EBADFD: the interface is gone, maybe with its namespace.
 */
int tun_netns(int fd, int *ret_netns);

/*
 * Makes the program (steering_load()) choose the queue of each packet, modulo the number of
 * attached queues. Otherwise the kernel gives a flow the queue to which its packets from the peer
 * were written. The interface keeps the program, so the descriptor may be closed. -EINVAL: not such
 * a program. -EBADFD: the interface is gone.
 */
int tun_set_steering(int fd, int program_fd);

/*
 * Sets TUNSETOFFLOAD from enum offload bits: which offloads the kernel may hand us (TSO and USO
 * need CSUM, USO needs Linux 6.2). *ret_set: the bits in force, without those that the kernel does
 * not know. Negative errno if even an empty set fails.
 */
int tun_set_offloads(int fd, uint32_t offloads, uint32_t *ret_set);

/*
 * The offloads that this kernel accepts in packets written to a TUN, as enum offload bits: all, but
 * USO only since Linux 6.2.
 */
uint32_t tun_kernel_offloads(void);

#endif
