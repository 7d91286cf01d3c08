/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A line is formatted and escaped on the caller's stack. The mutex guards the table of recent
 * messages and the write(2), so that lines are written in the order in which they are counted.
 */
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "base/array.h"
#include "base/clock.h"
#include "base/log_quota.h"
#include "base/problem.h"

enum {
	REPEAT_SLOTS = 32, /* distinct messages watched at a time; a new one evicts the oldest */
	OWN_FD_MIN = 16,   /* leaves the low descriptors to programs that expect fixed numbers */
	TEXT_MAX = 900,    /* leaves room in a line for what surrounds the text */
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

enum { LEVEL_COUNT = ARRAY_SIZE(levels) };

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
	/*
	 * A second open of stderr, for a pipe or a terminal. It does not block, and no other
	 * program's descriptor changes with it. -1: impossible, as for a socket or another user's
	 * pipe.
	 */
	int own_fd;
	bool is_socket, is_file;
	pthread_mutex_t mutex; /* guards the members below and the writing */
	unsigned long lost;    /* lines lost since the last line written */
	bool cut;              /* the last line was written only in part */
	struct repeat repeats[REPEAT_SLOTS];
	/* Of notices and worse, and of the others, which do not take their place. */
	struct log_quota quotas[2];
} logger = {
	.part = "culvert",
	.level = LOG_LEVEL_INFO,
	.own_fd = -1,
	.mutex = PTHREAD_MUTEX_INITIALIZER,
};

/*
 * JOURNAL_STREAM is "DEVICE:INODE" of the stream that systemd opened. stderr may have been
 * redirected since (systemd.exec(5)).
 */
static bool stderr_is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	char own[64];
	struct stat st;

	if (!stream || fstat(STDERR_FILENO, &st) < 0)
		return false;
	(void)snprintf(own, sizeof(own), "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
	return strcmp(stream, own) == 0;
}

static void find_stderr(void)
{
	struct stat st;
	int fd;

	if (logger.own_fd >= 0)
		close(logger.own_fd);
	logger.own_fd = -1;
	logger.is_socket = logger.is_file = false;
	if (fstat(STDERR_FILENO, &st) < 0)
		return;
	logger.is_socket = S_ISSOCK(st.st_mode);
	logger.is_file = S_ISREG(st.st_mode);
	if (!S_ISFIFO(st.st_mode) && !S_ISCHR(st.st_mode))
		return;
	fd = open("/proc/self/fd/2", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return;
	logger.own_fd = fcntl(fd, F_DUPFD_CLOEXEC, OWN_FD_MIN);
	close(fd);
}

void log_init(const char *part, enum log_level level)
{
	/*
	 * A log file may reach RLIMIT_FSIZE: the write then fails with EFBIG, and the line counts
	 * as lost.
	 */
	(void)sigaction(SIGXFSZ, &(struct sigaction){ .sa_handler = SIG_IGN }, NULL);
	logger.part = part;
	find_stderr();
	logger.journal = stderr_is_journal();
	pthread_mutex_lock(&logger.mutex);
	for (size_t i = 0; i < REPEAT_SLOTS; i++)
		logger.repeats[i] = (struct repeat){ 0 };
	memset(logger.quotas, 0, sizeof(logger.quotas));
	pthread_mutex_unlock(&logger.mutex);
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
	if (localtime_r(&now.tv_sec, &local))
		(void)strftime(moment, sizeof(moment), "%Y-%m-%d %H:%M:%S", &local);
	(void)snprintf(out, size, "%s.%03ld %s %s: ", moment, now.tv_nsec / 1000000,
		levels[level].text, logger.part);
}

/* Tries one write that does not wait. Returns the bytes written, or -1 and errno. */
static ssize_t write_now(const char *data, size_t len)
{
	struct iovec part = { (void *)(uintptr_t)data, len };
	struct pollfd ready = { .fd = STDERR_FILENO, .events = POLLOUT };
	ssize_t n;

	if (logger.is_socket)
		return send(STDERR_FILENO, data, len, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (logger.own_fd >= 0)
		return write(logger.own_fd, data, len);
	if (logger.is_file)
		return write(STDERR_FILENO, data, len);
	/*
	 * A line is shorter than PIPE_BUF, so a pipe that is ready takes all of it. Another process
	 * may fill the pipe between the two calls; RWF_NOWAIT covers that where the kernel supports
	 * it for pipes (6.4).
	 */
	if (poll(&ready, 1, 0) != 1 || (ready.revents & POLLOUT) == 0) {
		errno = EAGAIN;
		return -1;
	}
	n = pwritev2(STDERR_FILENO, &part, 1, -1, RWF_NOWAIT);
	if (n < 0 && (errno == EOPNOTSUPP || errno == ENOSYS || errno == EINVAL))
		n = write(STDERR_FILENO, data, len);
	return n;
}

/* True: all bytes are written. A failure can be reported only later, in the log itself. */
static bool put_out(const char *line, size_t len)
{
	ssize_t n;

	do {
		n = write_now(line, len);
	} while (n < 0 && errno == EINTR);
	if (n > 0)
		logger.cut = (size_t)n < len;
	return n == (ssize_t)len;
}

/* Reports lost lines. False: the reader still takes nothing. */
static bool report_lost(void)
{
	char head[80], line[LOG_LINE_MAX];
	int len;

	if (logger.cut && !put_out("\n", 1))
		return false;
	if (logger.lost == 0)
		return true;
	format_head(head, sizeof(head), LOG_LEVEL_WARNING);
	len = snprintf(
		line, sizeof(line), "%s%lu lines lost: this log took no more\n", head, logger.lost);
	if (len < 0 || !put_out(line, (size_t)len))
		return false;
	logger.lost = 0;
	return true;
}

/* `more`: how many repeated lines were only counted; 0 for an ordinary line. */
static void emit(enum log_level level, const char *text, unsigned more)
{
	char head[80], tail[40] = "", line[LOG_LINE_MAX];
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
	if (!report_lost() || !put_out(line, (size_t)len))
		logger.lost++;
}

/*
 * False: the line's subject has had its lines. A person who asks for debugging lines gets all of
 * those.
 */
static bool has_quota(enum log_level level, const char *text, struct mono now)
{
	uint64_t held;
	char more[LOG_QUOTA_SUBJECT_MAX + 80];
	int len;

	if (level == LOG_LEVEL_DEBUG)
		return true;
	if (!log_quota_take(&logger.quotas[level > LOG_LEVEL_NOTICE], text, now, &held, &len))
		return false;
	if (held > 0) {
		(void)snprintf(more, sizeof(more), "%.*s: %llu more lines were held back", len,
			text, (unsigned long long)held);
		emit(LOG_LEVEL_WARNING, more, 0);
	}
	return true;
}

/* Ends a message's window: logs how many lines were only counted, and frees the slot. */
static void slot_close(struct repeat *slot, struct mono now)
{
	if (slot->text[0] != '\0' && slot->seen > LOG_REPEAT_BURST &&
		has_quota(slot->level, slot->text, now))
		emit(slot->level, slot->text, slot->seen - LOG_REPEAT_BURST);
	slot->text[0] = '\0';
	slot->seen = 0;
}

/*
 * Closes every window that is over and returns the message's slot: its own, a free one, or the
 * oldest, emptied.
 */
static struct repeat *slot_for(enum log_level level, const char *text, struct mono now)
{
	struct repeat *own = NULL, *best = &logger.repeats[0];

	for (size_t i = 0; i < REPEAT_SLOTS; i++) {
		struct repeat *slot = &logger.repeats[i];

		if (slot->text[0] != '\0' &&
			mono_since(now, slot->since).ns >= DURATION_S(LOG_REPEAT_WINDOW).ns)
			slot_close(slot, now);
		if (slot->text[0] == '\0')
			slot->since.ns = 0; /* sorts as older than any in use */
		else if (slot->level == level && strcmp(slot->text, text) == 0)
			own = slot;
		if (mono_before(slot->since, best->since))
			best = slot;
	}
	if (own)
		return own;
	slot_close(best, now);
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
	struct mono now = mono_now();
	va_list args;

	if ((unsigned)level >= LEVEL_COUNT ||
		(int)level > atomic_load_explicit(&logger.level, memory_order_relaxed))
		return;
	va_start(args, format);
	(void)vsnprintf(raw, sizeof(raw), format, args);
	va_end(args);
	problem_escape_rest(text, sizeof(text), raw, strlen(raw));

	pthread_mutex_lock(&logger.mutex);
	slot = slot_for(level, text, now);
	slot->seen++;
	if (slot->seen <= LOG_REPEAT_BURST && has_quota(level, text, now))
		emit(level, text, 0);
	pthread_mutex_unlock(&logger.mutex);
	errno = saved;
}

void log_relay(const char *line, size_t len)
{
	int saved = errno;
	char out[LOG_LINE_MAX];
	size_t end;

	problem_escape_rest(out, sizeof(out) - 1, line, len);
	end = strlen(out);
	out[end++] = '\n';
	pthread_mutex_lock(&logger.mutex);
	if (!report_lost() || !put_out(out, end))
		logger.lost++;
	pthread_mutex_unlock(&logger.mutex);
	errno = saved;
}
