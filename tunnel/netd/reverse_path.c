/* SPDX-License-Identifier: Apache-2.0 */
#include "netd/reverse_path.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/array.h"
#include "base/container.h"
#include "base/error_text.h"
#include "base/log.h"

#define CONF_DIRECTORY "/proc/sys/net/ipv4/conf"

static int open_value(const char *name, int flags)
{
	char path[sizeof(CONF_DIRECTORY) + IF_NAMESIZE + sizeof("/rp_filter")];

	(void)snprintf(path, sizeof(path), CONF_DIRECTORY "/%s/rp_filter", name);
	return open(path, flags | O_CLOEXEC);
}

/* Returns '0', '1' or '2'; '0' also when there is no value. */
static char read_value(const char *name)
{
	int fd = open_value(name, O_RDONLY);
	char value = '0';

	if (fd < 0)
		return value;
	if (read(fd, &value, 1) != 1)
		value = '0';
	close(fd);
	return value;
}

static int write_value(const char *name, char value)
{
	int fd = open_value(name, O_WRONLY);
	int r;

	if (fd < 0)
		return -errno;
	r = write(fd, &value, 1) == 1 ? 0 : -errno;
	close(fd);
	return r;
}

/* An interface that has been saved before keeps its first value. */
static int save(struct reverse_path *reverse_path, const char *name, char value)
{
	struct reverse_path_saved *saved = reverse_path->saved;

	for (size_t i = 0; i < reverse_path->count; i++) {
		if (strcmp(saved[i].name, name) == 0)
			return 0;
	}
	saved = array_grow(saved, reverse_path->count, &reverse_path->capacity, sizeof(*saved));
	if (!saved)
		return -ENOMEM;
	reverse_path->saved = saved;
	saved[reverse_path->count] = (struct reverse_path_saved){ .value = value };
	(void)snprintf(saved[reverse_path->count].name, IF_NAMESIZE, "%s", name);
	reverse_path->count++;
	return 0;
}

static enum desired_look look(struct desired_item *item, struct desired_sight *sight)
{
	const struct reverse_path *reverse_path = container_of(item, struct reverse_path, item);

	for (size_t i = 0; i < reverse_path->count; i++) {
		const char *name = reverse_path->saved[i].name;
		char value = read_value(name);

		if (value == '0')
			continue;
		(void)snprintf(sight->what, sizeof(sight->what), "net.ipv4.conf.%s.rp_filter = %c",
			name, value);
		return DESIRED_LOST;
	}
	return reverse_path->count > 0 ? DESIRED_IN_PLACE : DESIRED_UNWANTED;
}

static int repair(struct desired_item *item, struct problem *problem)
{
	const struct reverse_path *reverse_path = container_of(item, struct reverse_path, item);
	int r = 0;

	for (size_t i = 0; i < reverse_path->count && r == 0; i++) {
		const char *name = reverse_path->saved[i].name;

		if (read_value(name) != '0')
			r = write_value(name, '0');
	}
	if (r < 0)
		problem_set(problem, "%s", error_text(r));
	return r;
}

void reverse_path_init(struct reverse_path *reverse_path)
{
	*reverse_path = (struct reverse_path){
		.item = { .name = "settings of rp_filter",
			.meanwhile = "the kernel drops the server's packets",
			.look = look,
			.repair = repair },
	};
}

static void relax(struct reverse_path *reverse_path, const char *name)
{
	char value = read_value(name);
	int r;

	if (value == '0')
		return;
	r = save(reverse_path, name, value);
	if (r == 0)
		r = write_value(name, '0');
	if (r == 0) {
		log_info(
			"net.ipv4.conf.%s.rp_filter: 0 instead of %c while full tunnel is in force",
			name, value);
	} else if (!reverse_path->logged) {
		reverse_path->logged = true;
		log_warning(
			"net.ipv4.conf.%s.rp_filter is %c and cannot be changed: %s; the "
			"server's packets may be dropped: sysctl -w net.ipv4.conf.%s.rp_filter=0",
			name, value, error_text(r), name);
	}
}

void reverse_path_relax(struct reverse_path *reverse_path)
{
	DIR *directory = opendir(CONF_DIRECTORY);
	const struct dirent *entry;

	if (!directory)
		return; /* no IPv4, or /proc/sys cannot be read: nothing can be done */
	while ((entry = readdir(directory))) {
		/* An interface that is made later inherits from "default", and keeps that. */
		if (entry->d_name[0] != '.' && strcmp(entry->d_name, "default") != 0 &&
			strlen(entry->d_name) < IF_NAMESIZE)
			relax(reverse_path, entry->d_name);
	}
	closedir(directory);
}

int reverse_path_inherit(
	struct reverse_path *reverse_path, const struct reverse_path_saved *saved, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		int r = save(reverse_path, saved[i].name, saved[i].value);

		if (r < 0)
			return r;
	}
	return 0;
}

void reverse_path_leave(struct reverse_path *reverse_path)
{
	free(reverse_path->saved);
	reverse_path->saved = NULL;
	reverse_path->count = reverse_path->capacity = 0;
}

void reverse_path_restore(struct reverse_path *reverse_path)
{
	for (size_t i = 0; i < reverse_path->count; i++) {
		const struct reverse_path_saved *saved = &reverse_path->saved[i];

		/*
		 * Leaves out interfaces that are gone, and values that another program has set
		 * since.
		 */
		if (read_value(saved->name) == '0')
			(void)write_value(saved->name, saved->value);
	}
	reverse_path_leave(reverse_path);
}
