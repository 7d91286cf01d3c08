/* SPDX-License-Identifier: Apache-2.0 */
#include "netd/resolvers.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/array.h"
#include "netd/resolv_conf.h"

static const char *const files[] = { RESOLV_CONF_PATH, "/run/systemd/resolve/resolv.conf",
	"/run/NetworkManager/no-stub-resolv.conf" };

bool resolvers_have(const struct resolvers *resolvers, const struct addr *addr)
{
	for (size_t i = 0; i < resolvers->count; i++) {
		if (addr_equal(&resolvers->items[i], addr))
			return true;
	}
	return false;
}

/*
 * Adds the address of "nameserver ADDRESS", also after the "#|" of a line that resolv_conf keeps.
 */
static void add_line(struct resolvers *resolvers, char *line)
{
	static const char kept[] = "#|", keyword[] = "nameserver", spaces[] = " \t\r\n";
	struct addr addr;

	if (strncmp(line, kept, sizeof(kept) - 1) == 0)
		line += sizeof(kept) - 1;
	if (strncmp(line, keyword, sizeof(keyword) - 1) != 0)
		return;
	line += sizeof(keyword) - 1;
	if (*line != ' ' && *line != '\t')
		return;
	line += strspn(line, spaces);
	line[strcspn(line, spaces)] = '\0';
	if (addr_parse(line, &addr) == 0 && !resolvers_have(resolvers, &addr) &&
		resolvers->count < RESOLVERS_MAX)
		resolvers->items[resolvers->count++] = addr;
}

void resolvers_add_file(struct resolvers *resolvers, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	char line[1024];
	size_t read = 0;
	struct stat st;
	FILE *file;

	if (fd < 0)
		return;
	file = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) ? fdopen(fd, "r") : NULL;
	if (!file) {
		close(fd);
		return;
	}
	while (read < RESOLV_CONF_SIZE_MAX && fgets(line, sizeof(line), file)) {
		read += strlen(line) + 1;
		add_line(resolvers, line);
	}
	(void)fclose(file);
}

void resolvers_add_all(struct resolvers *resolvers)
{
	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		resolvers_add_file(resolvers, files[i]);
}
