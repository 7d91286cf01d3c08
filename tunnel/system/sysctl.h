/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_SYSTEM_SYSCTL_H
#define CULVERT_SYSTEM_SYSCTL_H

/*
 * Numbers below /proc/sys/net, of the network namespace of the calling thread: sysctl(2), the
 * kernel's Documentation/networking/ip-sysctl.rst. Anybody may read; writing needs CAP_NET_ADMIN.
 * A key is a path with slashes, "ipv4/conf/eth0.7/forwarding": dots stand in interface names.
 * `root` is SYSCTL_NET, but for tests. Any thread.
 */

#define SYSCTL_NET "/proc/sys/net"

enum { SYSCTL_KEY_MAX = 96 }; /* longest key with its NUL */

/*
 * -EINVAL: the key leads elsewhere, is too long, or holds no number; -ENOENT: this kernel (or the
 * interface) has none of that name; or what open(2) says.
 */
int sysctl_read(const char *root, const char *key, int *ret_value);
int sysctl_write(const char *root, const char *key, int value);

#endif
