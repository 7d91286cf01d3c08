/* SPDX-License-Identifier: Apache-2.0 */
#include "system/tun.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/array.h"
#include "base/error_text.h"
#include "base/offload.h"

/* Linux 6.2 and later; Debian 12's headers are older. */
#ifndef TUN_F_USO4
#define TUN_F_USO4 0x20
#define TUN_F_USO6 0x40
#endif

enum { TUN_VNET_SIZE = 10 }; /* struct virtio_net_hdr without num_buffers */

/* Works for any queue: the owner belongs to the interface. */
static int set_owner(int fd)
{
	if (ioctl(fd, TUNSETOWNER, (unsigned long)geteuid()) < 0 ||
		ioctl(fd, TUNSETGROUP, (unsigned long)getegid()) < 0)
		return -errno;
	return 0;
}

/* `flags` of TUNSETIFF, besides those of every interface of ours. */
static int configure(int fd, const char *name, int flags, char *ret_name)
{
	struct ifreq request = { .ifr_flags = (short)(IFF_TUN | IFF_NO_PI | IFF_VNET_HDR | flags) };
	int header_size = TUN_VNET_SIZE, little_endian = 1, r;

	memcpy(request.ifr_name, name, strlen(name) + 1);
	if (ioctl(fd, TUNSETIFF, &request) < 0)
		return -errno;
	r = set_owner(fd);
	if (r < 0)
		return r;
	if (ioctl(fd, TUNSETVNETHDRSZ, &header_size) < 0 ||
		ioctl(fd, TUNSETVNETLE, &little_endian) < 0)
		return -errno;
	memcpy(ret_name, request.ifr_name, IFNAMSIZ);
	return 0;
}

static int open_device(void)
{
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);

	return fd < 0 ? -errno : fd;
}

int tun_check_device(struct problem *problem)
{
	int r = open_device();

	if (r >= 0) {
		close(r);
		return 0;
	}
	if (r == -ENOENT || r == -ENODEV || r == -ENXIO)
		problem_set(problem,
			"this host has no /dev/net/tun: root can load the module (modprobe tun), "
			"or give the container that device");
	else if (r == -EACCES)
		problem_set(problem,
			"cannot open /dev/net/tun: %s; root can open it to everybody, as it is on "
			"most hosts: chmod 666 /dev/net/tun",
			error_text(r));
	else if (r == -EPERM)
		problem_set(problem,
			"cannot open /dev/net/tun: %s; the container has to be given that device",
			error_text(r));
	else
		problem_set(problem, "cannot open /dev/net/tun: %s", error_text(r));
	return r;
}

static int open_queue(const char *name, int flags, int *ret_fd, char *ret_name)
{
	int fd, r;

	if (name[0] == '\0' || strlen(name) >= IFNAMSIZ)
		return -EINVAL;
	fd = open_device();
	if (fd < 0)
		return fd;
	r = configure(fd, name, flags, ret_name);
	if (r < 0) {
		close(fd);
		return r;
	}
	*ret_fd = fd;
	return 0;
}

int tun_open(const char *name, bool multi_queue, int *ret_fd, char *ret_name)
{
	/* Without IFF_TUN_EXCL a multi-queue open would join an existing interface of that name. */
	return open_queue(name, multi_queue ? IFF_MULTI_QUEUE | IFF_TUN_EXCL : 0, ret_fd, ret_name);
}

int tun_open_queue(const char *name, int *ret_fd)
{
	char ret_name[IFNAMSIZ];

	/* TUNSETIFF would make a missing interface. */
	if (if_nametoindex(name) == 0)
		return -errno;
	return open_queue(name, IFF_MULTI_QUEUE, ret_fd, ret_name);
}

/* Returns 0 if the queue's state is the requested one. */
static int check_attached(int fd, bool attached)
{
	struct ifreq request = { 0 };

	if (ioctl(fd, TUNGETIFF, &request) < 0)
		return -errno;
	if ((request.ifr_flags & IFF_MULTI_QUEUE) == 0 ||
		((request.ifr_flags & IFF_DETACH_QUEUE) == 0) != attached)
		return -EINVAL;
	return 0;
}

int tun_queue_attach(int fd, bool attached)
{
	struct ifreq request = { .ifr_flags = attached ? IFF_ATTACH_QUEUE : IFF_DETACH_QUEUE };

	if (ioctl(fd, TUNSETQUEUE, &request) == 0)
		return 0;
	if (errno != EINVAL)
		return -errno;
	/* EINVAL is ambiguous: the state may be right already. */
	return check_attached(fd, attached);
}

int tun_name(int fd, char *ret_name)
{
	struct ifreq request = { 0 };

	if (ioctl(fd, TUNGETIFF, &request) < 0)
		return -errno;
	memcpy(ret_name, request.ifr_name, IFNAMSIZ);
	return 0;
}

int tun_netns(int fd, int *ret_netns)
{
	int netns = ioctl(fd, TUNGETDEVNETNS);

	if (netns < 0)
		return -errno;
	*ret_netns = netns;
	return 0;
}

int tun_set_steering(int fd, int program_fd)
{
	if (ioctl(fd, TUNSETSTEERINGEBPF, &program_fd) < 0)
		return -errno;
	return 0;
}

/*
 * Removes offloads without the one that they need, for which the kernel would refuse the whole set.
 */
static uint32_t well_founded(uint32_t offloads)
{
	offloads &= OFFLOAD_ALL;
	if ((offloads & OFFLOAD_CSUM) == 0)
		return 0;
	if ((offloads & (OFFLOAD_TSO4 | OFFLOAD_TSO6)) == 0)
		offloads &= ~(uint32_t)OFFLOAD_ECN;
	return offloads;
}

static unsigned long kernel_flags(uint32_t offloads)
{
	static const struct {
		uint32_t offload;
		unsigned flags;
	} table[] = {
		{ OFFLOAD_CSUM, TUN_F_CSUM },
		{ OFFLOAD_TSO4, TUN_F_TSO4 },
		{ OFFLOAD_TSO6, TUN_F_TSO6 },
		{ OFFLOAD_ECN, TUN_F_TSO_ECN },
		{ OFFLOAD_USO, TUN_F_USO4 | TUN_F_USO6 },
	};
	unsigned long flags = 0;

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		if ((offloads & table[i].offload) != 0)
			flags |= table[i].flags;
	}
	return flags;
}

int tun_set_offloads(int fd, uint32_t offloads, uint32_t *ret_set)
{
	/*
	 * Tries the most first, then drops what older kernels, or other builds of them, do not
	 * know.
	 */
	static const uint32_t give_up[] = { 0, OFFLOAD_USO, OFFLOAD_USO | OFFLOAD_ECN,
		OFFLOAD_ALL };
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(give_up); i++) {
		uint32_t set = well_founded(offloads & ~give_up[i]);

		if (ioctl(fd, TUNSETOFFLOAD, kernel_flags(set)) == 0) {
			*ret_set = set;
			return 0;
		}
		r = -errno;
		if (r != -EINVAL)
			return r;
	}
	return r;
}

uint32_t tun_kernel_offloads(void)
{
	struct utsname name;
	unsigned long major, minor = 0;
	char *end;

	if (uname(&name) < 0)
		return OFFLOAD_ALL & ~(uint32_t)OFFLOAD_USO;
	major = strtoul(name.release, &end, 10);
	if (*end == '.')
		minor = strtoul(end + 1, NULL, 10);
	if (major > 6 || (major == 6 && minor >= 2))
		return OFFLOAD_ALL;
	return OFFLOAD_ALL & ~(uint32_t)OFFLOAD_USO;
}
