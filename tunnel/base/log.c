/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A line is formatted and escaped on the caller's stack. The mutex guards the table of recent
 * messages and the write(2) alone, so that lines come out in the order in which they were counted.
 */
#include "base/log.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/problem.h"

enum {
	REPEAT_SLOTS = 32, /* distinct messages watched at a time; the oldest window gives way */
	TEXT_MAX = 900,    /* leaves room in a line for what stands before and behind the text */
};

struct level_name {
	const char *text;
	int priority; /* syslog(3)'s, which journald reads */
};

static const struct level_name levels[] = {
	[LOG_LEVEL_ERROR] = { "error", 3 },
	[LOG_LEVEL_WARNING] = { "warning", 4 },
	[LOG_LEVEL_NOTICE] = { "notice", 5 },
	[LOG_LEVEL_INFO] = { "info", 6 },
	[LOG_LEVEL_DEBUG] = { "debug", 7 },
};

enum { LEVEL_COUNT = sizeof(levels) / sizeof(levels[0]) };

struct repeat {
	char text[TEXT_MAX]; /* empty: a free slot */
	enum log_level level;
	unsigned seen;
	struct mono since; /* when the window began */
};

static struct {
	const char *part;
	atomic_int level;
	bool journal;
	pthread_mutex_t mutex; /* guards repeats and the writing */
	struct repeat repeats[REPEAT_SLOTS];
} logger = {
	.part = "culvert",
	.level = LOG_LEVEL_INFO,
	.mutex = PTHREAD_MUTEX_INITIALIZER,
};

/* JOURNAL_STREAM is "DEVICE:INODE" of the stream that systemd opened; stderr may since have been
 * redirected (systemd.exec(5)). */
static bool stderr_is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	char own[64];
	struct stat st;

	if (stream == NULL || fstat(STDERR_FILENO, &st) < 0)
		return false;
	(void)snprintf(own, sizeof(own), "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
	return strcmp(stream, own) == 0;
}

void log_init(const char *part, enum log_level level)
{
	logger.part = part;
	logger.journal = stderr_is_journal();
	log_set_level(level);
}

void log_set_level(enum log_level level)
{
	atomic_store_explicit(&logger.level, (int)level, memory_order_relaxed);
}

int log_level_parse(const char *text, enum log_level *ret_level)
{
	for (int i = 0; i < LEVEL_COUNT; i++) {
		if (strcmp(text, levels[i].text) == 0) {
			*ret_level = (enum log_level)i;
			return 0;
		}
	}
	return -EINVAL;
}

/* "<6>engine: " or "2026-11-02 14:03:05.123 info engine: ". */
static void format_head(char *out, size_t size, enum log_level level)
{
	char moment[32] = "";
	struct timespec now;
	struct tm local;

	if (logger.journal) {
		(void)snprintf(out, size, "<%d>%s: ", levels[level].priority, logger.part);
		return;
	}
	(void)clock_gettime(CLOCK_REALTIME, &now);
	if (localtime_r(&now.tv_sec, &local) != NULL)
		(void)strftime(moment, sizeof(moment), "%Y-%m-%d %H:%M:%S", &local);
	(void)snprintf(out, size, "%s.%03ld %s %s: ", moment, now.tv_nsec / 1000000,
		levels[level].text, logger.part);
}

/* `more`: how many lines like this were held back; 0: an ordinary line. */
static void emit(enum log_level level, const char *text, unsigned more)
{
	char head[80], tail[40] = "", line[LOG_LINE_MAX];
	ssize_t n;
	int len;

	format_head(head, sizeof(head), level);
	if (more > 0)
		(void)snprintf(tail, sizeof(tail), " (%u more like this)", more);
	len = snprintf(line, sizeof(line), "%s%.*s%s\n", head, TEXT_MAX, text, tail);
	if (len < 0)
		return;
	if ((size_t)len >= sizeof(line)) {
		len = LOG_LINE_MAX - 1;
		line[len - 1] = '\n';
	}
	do {
		n = write(STDERR_FILENO, line, (size_t)len);
	} while (n < 0 && errno == EINTR);
	/* Where a line cannot be written there is nobody to tell. */
}

/* Ends a message's window: tells what was held back and frees the slot. */
static void slot_close(struct repeat *slot)
{
	if (slot->text[0] != '\0' && slot->seen > LOG_REPEAT_BURST)
		emit(slot->level, slot->text, slot->seen - LOG_REPEAT_BURST);
	slot->text[0] = '\0';
	slot->seen = 0;
}

/* Closes every window that is over, and returns this message's slot: its own, a free one, or the
 * oldest, emptied. */
static struct repeat *slot_for(enum log_level level, const char *text, struct mono now)
{
	struct repeat *own = NULL, *best = &logger.repeats[0];

	for (size_t i = 0; i < REPEAT_SLOTS; i++) {
		struct repeat *slot = &logger.repeats[i];

		if (slot->text[0] != '\0' &&
			mono_since(now, slot->since).ns >= DURATION_S(LOG_REPEAT_WINDOW).ns)
			slot_close(slot);
		if (slot->text[0] == '\0')
			slot->since.ns = 0; /* older than any in use */
		else if (slot->level == level && strcmp(slot->text, text) == 0)
			own = slot;
		if (mono_before(slot->since, best->since))
			best = slot;
	}
	if (own != NULL)
		return own;
	slot_close(best);
	best->since = now;
	best->level = level;
	memcpy(best->text, text, strlen(text) + 1);
	return best;
}

void log_write(enum log_level level, const char *format, ...)
{
	int saved = errno;
	char raw[TEXT_MAX], text[TEXT_MAX];
	struct repeat *slot;
	va_list args;

	if ((unsigned)level >= LEVEL_COUNT ||
		(int)level > atomic_load_explicit(&logger.level, memory_order_relaxed))
		return;
	va_start(args, format);
	(void)vsnprintf(raw, sizeof(raw), format, args);
	va_end(args);
	problem_escape_rest(text, sizeof(text), raw, strlen(raw));

	pthread_mutex_lock(&logger.mutex);
	slot = slot_for(level, text, mono_now());
	slot->seen++;
	if (slot->seen <= LOG_REPEAT_BURST)
		emit(level, text, 0);
	pthread_mutex_unlock(&logger.mutex);
	errno = saved;
}
