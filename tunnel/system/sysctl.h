/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_SYSTEM_SYSCTL_H
#define CULVERT_SYSTEM_SYSCTL_H

/*
 * Numbers below /proc/sys/net in the network namespace of the calling thread: sysctl(2), the
 * kernel's Documentation/networking/ip-sysctl.rst. Any user may read; writing needs CAP_NET_ADMIN.
 * A key is a path with slashes, "ipv4/conf/eth0.7/forwarding", since interface names may have dots.
 * `root` is SYSCTL_NET, except in tests. Any thread.
 */

#define SYSCTL_NET "/proc/sys/net"

enum { SYSCTL_KEY_MAX = 96 }; /* longest key with its NUL */

/*
 * -EINVAL: the key leads outside `root`, is too long, or its file has no number. -ENOENT: the
 * kernel or the interface has no such key. Else an error of open(2).
 */
int sysctl_read(const char *root, const char *key, int *ret_value);
int sysctl_write(const char *root, const char *key, int value);

#endif
