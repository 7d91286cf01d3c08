/* SPDX-License-Identifier: Apache-2.0 */
#include "system/userns.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error_text.h"
#include "base/file.h"

/* ---- settings that forbid it ---- */

/* Reads the number in a file of /proc/sys; -1: no such setting. */
static long setting(const char *path)
{
	char *text, *end;
	size_t len;
	long value;

	if (file_read(path, FILE_PUBLIC, &text, &len, NULL) < 0)
		return -1;
	value = strtol(text, &end, 10);
	if (end == text)
		value = -1;
	free(text);
	return value;
}

static bool has_seccomp_filter(void)
{
	char *text, *line;
	size_t len;
	bool filtered;

	if (file_read("/proc/self/status", FILE_PUBLIC, &text, &len, NULL) < 0)
		return false;
	line = strstr(text, "\nSeccomp:\t");
	filtered = line && strncmp(line, "\nSeccomp:\t2", 11) == 0;
	free(text);
	return filtered;
}

static const char *forbidden_by(void)
{
	if (setting("/proc/sys/kernel/unprivileged_userns_clone") == 0)
		return "kernel.unprivileged_userns_clone is 0; root can allow it: sysctl -w "
		       "kernel.unprivileged_userns_clone=1";
	if (setting("/proc/sys/kernel/apparmor_restrict_unprivileged_userns") == 1)
		return "kernel.apparmor_restrict_unprivileged_userns is 1; root can allow it: sysctl "
		       "-w kernel.apparmor_restrict_unprivileged_userns=0, or give culvert an AppArmor "
		       "profile with `userns,`";
	if (has_seccomp_filter())
		return "a filter of system calls (seccomp) is in force, as container engines set it; "
		       "start the container with one that allows unshare and mount";
	return "user namespaces are not allowed here (in a chroot they never are)";
}

/*
 * Explains a limit of user.max_*_namespaces, in this user namespace or an outer one: namespaces(7).
 */
static void explain_limit(const char *what, const char *name, int error, struct problem *problem)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/sys/user/%s", name);
	problem_set(problem,
		"cannot make a %s namespace: %s: the limit user.%s (here %ld) is reached; root can raise "
		"it: sysctl -w user.%s=10000",
		what, error_text(error), name, setting(path), name);
}

static void explain(const char *what, int error, struct problem *problem)
{
	const char *why = "";

	if (error == -EPERM || error == -EACCES)
		why = forbidden_by();
	else if (error == -EINVAL || error == -ENOSYS)
		why = "this kernel is built without them (CONFIG_USER_NS, CONFIG_NET_NS)";
	else if (error == -EUSERS)
		why = "they are nested too deep";
	else if (error == -EROFS || error == -ENOENT)
		why = "/proc is read-only or not mounted here, as in some containers; a user namespace gets its users through it";
	problem_set(problem, "cannot make a %s namespace: %s%s%s", what, error_text(error),
		why[0] != '\0' ? ": " : "", why);
}

/* ---- the user namespace ---- */

static int write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	int r;

	if (fd < 0)
		return -errno;
	r = file_write_all(fd, text, strlen(text));
	close(fd);
	return r;
}

/* Maps only the user itself, the one line that an ordinary user may write. */
static int map_self(const char *path, unsigned id)
{
	char line[64];

	(void)snprintf(line, sizeof(line), "%u %u 1\n", id, id);
	return write_file(path, line);
}

int userns_enter(struct problem *problem)
{
	unsigned uid = geteuid(), gid = getegid(); /* later both would be unmapped */
	int r = unshare(CLONE_NEWUSER) < 0 ? -errno : 0;

	if (r == -ENOSPC) {
		explain_limit("user", "max_user_namespaces", r, problem);
		return r;
	}
	/* Without this, setgroups(2) could drop a group that denies the user access. */
	if (r == 0)
		r = write_file("/proc/self/setgroups", "deny");
	if (r == 0)
		r = map_self("/proc/self/gid_map", gid);
	if (r == 0)
		r = map_self("/proc/self/uid_map", uid);
	if (r < 0)
		explain("user", r, problem);
	return r;
}

/* ---- the other namespaces ---- */

static int loopback_up(void)
{
	struct ifreq request = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int r = 0;

	if (fd < 0)
		return -errno;
	if (ioctl(fd, SIOCSIFFLAGS, &request) < 0)
		r = -errno;
	close(fd);
	return r;
}

/*
 * Mounts made inside do not show outside. Mounts and unmounts outside do show inside
 * (mount_namespaces(7)): autofs homes, ejected media.
 */
static int unshare_mounts(void)
{
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0)
		return -errno;
	return 0;
}

/* Unprivileged ping(8) is a setting of each network namespace: icmp(7). Best effort. */
static void allow_ping(void)
{
	char line[64];
	unsigned gid = getegid();

	(void)snprintf(line, sizeof(line), "%u %u\n", gid, gid);
	(void)write_file("/proc/sys/net/ipv4/ping_group_range", line);
}

int userns_unshare(struct problem *problem)
{
	const char *what = "network", *limit = "max_net_namespaces";
	int r = unshare(CLONE_NEWNET) < 0 ? -errno : loopback_up();

	if (r == 0) {
		allow_ping();
		what = "mount";
		limit = "max_mnt_namespaces";
		r = unshare_mounts();
	}
	if (r == -ENOSPC)
		explain_limit(what, limit, r, problem);
	else if (r < 0)
		explain(what, r, problem);
	return r;
}
