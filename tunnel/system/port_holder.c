/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel lists listening sockets with their inodes in /proc/net/tcp and tcp6, and a process its
 * sockets as links "socket:[INODE]" in /proc/PID/fd, for root: proc(5).
 */
#include "system/port_holder.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum {
	INODES_MAX = 64, /* listening sockets on one port, at different addresses */
	LISTENING = 10,  /* TCP_LISTEN in /proc/net/tcp */
};

struct inodes {
	unsigned long items[INODES_MAX];
	size_t count;
};

int port_holder_try(const struct endpoint *endpoint)
{
	struct sockaddr_storage address;
	socklen_t len = endpoint_to_sockaddr(endpoint, &address);
	int fd = socket(endpoint->addr.family, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
	int r = fd < 0 ? -errno : 0;

	/* As the server sets them: connections that are about to end are not in its way. */
	if (r == 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0)
		r = -errno;
	if (r == 0 && endpoint->addr.family == AF_INET6 &&
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) < 0)
		r = -errno;
	if (r == 0 && bind(fd, (const struct sockaddr *)&address, len) < 0)
		r = -errno;
	if (fd >= 0)
		close(fd);
	return r;
}

/* Adds the inodes of the sockets that listen on the port. */
static void read_inodes(const char *path, uint16_t port, struct inodes *inodes)
{
	FILE *file = fopen(path, "re");
	char line[512];

	while (file && inodes->count < INODES_MAX && fgets(line, sizeof(line), file)) {
		unsigned at, state;
		unsigned long inode;

		if (sscanf(line, /* NOLINT(cert-err34-c): the kernel writes these numbers */
			    " %*d: %*[0-9A-Fa-f]:%x %*[0-9A-Fa-f]:%*x %x %*x:%*x %*x:%*x %*x %*u %*d %lu",
			    &at, &state, &inode) == 3 &&
			at == port && state == LISTENING && inode != 0)
			inodes->items[inodes->count++] = inode;
	}
	if (file)
		(void)fclose(file);
}

static bool is_one_of(const struct inodes *inodes, const char *link)
{
	char expected[48];

	for (size_t i = 0; i < inodes->count; i++) {
		(void)snprintf(expected, sizeof(expected), "socket:[%lu]", inodes->items[i]);
		if (strcmp(expected, link) == 0)
			return true;
	}
	return false;
}

static bool process_holds(pid_t pid, const struct inodes *inodes)
{
	char path[64], link[64];
	const struct dirent *entry;
	bool found = false;
	DIR *directory;

	(void)snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	directory = opendir(path);
	while (directory && !found && (entry = readdir(directory))) {
		ssize_t len = readlinkat(dirfd(directory), entry->d_name, link, sizeof(link) - 1);

		if (len <= 0)
			continue;
		link[len] = '\0';
		found = is_one_of(inodes, link);
	}
	if (directory)
		closedir(directory);
	return found;
}

static void name_of(pid_t pid, char out[PORT_HOLDER_NAME_MAX])
{
	char path[64], name[32] = "";
	FILE *file;

	(void)snprintf(path, sizeof(path), "/proc/%d/comm", (int)pid);
	file = fopen(path, "re");
	if (file) {
		if (!fgets(name, sizeof(name), file))
			name[0] = '\0';
		(void)fclose(file);
	}
	name[strcspn(name, "\n")] = '\0';
	(void)problem_escape(out, PORT_HOLDER_NAME_MAX, name, strlen(name));
}

static pid_t find_process(const struct inodes *inodes)
{
	DIR *directory = opendir("/proc");
	const struct dirent *entry;
	pid_t found = 0;

	while (directory && found == 0 && (entry = readdir(directory))) {
		pid_t pid = isdigit((unsigned char)entry->d_name[0])
			? (pid_t)strtol(entry->d_name, NULL, 10)
			: 0;

		if (pid > 0 && process_holds(pid, inodes))
			found = pid;
	}
	if (directory)
		closedir(directory);
	return found;
}

void port_holder_find(uint16_t port, pid_t instance, struct port_holder *ret_holder)
{
	struct inodes inodes = { .count = 0 };

	*ret_holder = (struct port_holder){ .pid = 0 };
	read_inodes("/proc/net/tcp", port, &inodes);
	read_inodes("/proc/net/tcp6", port, &inodes);
	if (inodes.count == 0)
		return;
	if (instance > 0 && process_holds(instance, &inodes))
		ret_holder->pid = instance;
	else
		ret_holder->pid = find_process(&inodes);
	if (ret_holder->pid > 0)
		name_of(ret_holder->pid, ret_holder->name);
}

pid_t port_holder_of_socket(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct ucred maker = { .pid = 0 };
	socklen_t len = sizeof(maker);
	pid_t pid = -1;
	int fd;

	if (strlen(path) >= sizeof(address.sun_path))
		return 0;
	memcpy(address.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -1;
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
		pid = errno == EACCES || errno == EAGAIN ? -1 : 0;
	else if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &maker, &len) == 0 && maker.pid > 0)
		pid = maker.pid;
	close(fd);
	return pid;
}
