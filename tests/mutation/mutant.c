/* SPDX-License-Identifier: Apache-2.0 */
/* Reads from the environment which mutant is on, and where to record the mutants that a test reaches. */
#include "mutant.h"

#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

int culvert_mutant;
unsigned char *culvert_mutants_reached;

/* The record is a shared mapping: libcheck runs each test in a process of its own. */
static void record_in(const char *path)
{
	struct stat stat;
	void *mapped;
	int fd = open(path, O_RDWR | O_CLOEXEC);

	if (fd < 0 || fstat(fd, &stat) < 0)
		abort();
	mapped = mmap(NULL, (size_t)stat.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (mapped == MAP_FAILED)
		abort();
	culvert_mutants_reached = mapped;
	(void)close(fd);
}

__attribute__((constructor)) static void read_environment(void)
{
	const char *number = getenv("CULVERT_MUTANT"), *path = getenv("CULVERT_MUTANTS_REACHED");

	if (number) {
		char *end;
		long parsed = strtol(number, &end, 10);

		if (end == number || *end != '\0' || parsed < 0 || parsed > INT_MAX)
			abort();
		culvert_mutant = (int)parsed;
	}
	if (path)
		record_in(path);
}
