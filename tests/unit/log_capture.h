/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the code under test logs. log_capture_begin() replaces stderr by a file in memory, which
 * log_count() searches; log_capture_end() restores it. A test that fails meanwhile is reported all the
 * same: libcheck does not report through stderr.
 */
#ifndef CULVERT_TESTS_UNIT_LOG_CAPTURE_H
#define CULVERT_TESTS_UNIT_LOG_CAPTURE_H

#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/log.h"
#include "tests/unit/unit.h"

static struct log_capture {
	int stderr_before, file;
	off_t from; /* what stands before is forgotten */
} log_capture;

static inline void log_capture_begin(enum log_level level)
{
	log_capture.stderr_before = dup(STDERR_FILENO);
	log_capture.file = memfd_create("log", MFD_CLOEXEC);
	log_capture.from = 0;
	ck_assert_int_ge(log_capture.stderr_before, 0);
	ck_assert_int_ge(dup2(log_capture.file, STDERR_FILENO), 0);
	log_init("unit", level);
}

static inline void log_capture_end(void)
{
	ck_assert_int_ge(dup2(log_capture.stderr_before, STDERR_FILENO), 0);
	close(log_capture.stderr_before);
	close(log_capture.file);
}

/* How often the text was logged since the beginning, or since log_forget(). */
static inline unsigned log_count(const char *text)
{
	static char lines[1 << 16];
	ssize_t len = pread(log_capture.file, lines, sizeof(lines) - 1, log_capture.from);
	unsigned count = 0;

	ck_assert_int_ge(len, 0);
	lines[len] = '\0';
	for (const char *at = lines; (at = strstr(at, text)); at += strlen(text))
		count++;
	return count;
}

static inline bool log_has(const char *text)
{
	return log_count(text) > 0;
}

/* The logger writes through a descriptor with an offset of its own: a shorter file would have a hole. */
static inline void log_forget(void)
{
	log_capture.from = lseek(log_capture.file, 0, SEEK_END);
	ck_assert_int_ge(log_capture.from, 0);
}

#endif
