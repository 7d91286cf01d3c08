/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_BASE_LOG_H
#define CULVERT_BASE_LOG_H

#include <stdbool.h>
#include <stddef.h>

/*
 * The logger: one line an event, to stderr. It is the project's only global. Under systemd
 * (JOURNAL_STREAM names the open stderr) a line begins with the journald priority "<N>"
 * (sd-daemon(3)). Otherwise it begins with the local time and the level. A line is one write(2), so
 * that threads and processes do not mix their lines.
 *
 * The logger never waits for a full pipe, a paused terminal or a full disk. A line that cannot be
 * written at once is lost and counted. "N lines lost" then precedes the next line that can be
 * written. Descriptor 2 keeps its flags, which other programs share.
 *
 * A byte that is not printable ASCII becomes \xNN, so text from a peer cannot forge a line. A
 * backslash stays, so that text from problem_escape() is not escaped twice.
 *
 * A message (level and text) that repeats more than LOG_REPEAT_BURST times in LOG_REPEAT_WINDOW
 * seconds is only counted. After the window the next line of any message first logs "TEXT (N more
 * like this)". Whatever stands before a line's first colon, such as a peer's name, has a quota of
 * info lines and one of notices and worse (base/log_quota); those beyond it are held back and
 * counted. Any thread; errno is kept. Never called on a packet's path.
 */

enum log_level {
	LOG_LEVEL_ERROR,
	LOG_LEVEL_WARNING,
	LOG_LEVEL_NOTICE,
	LOG_LEVEL_INFO,
	LOG_LEVEL_DEBUG,
};

enum {
	LOG_LINE_MAX = 1024, /* bytes of a line with its newline; a longer line is cut */
	LOG_REPEAT_BURST = 5,
	LOG_REPEAT_WINDOW = 10, /* seconds */
};

/*
 * `part` is a literal that names the process in each line ("netd", "engine"). Called once, before
 * other threads log. Earlier lines have part "culvert" and level info, and do not count as repeated
 * ones. The call examines stderr: a caller that redirects stderr later calls it again. From here on
 * the process ignores SIGXFSZ. So a log or state file that reaches the file size limit causes an
 * error instead of killing the process. Programs that it starts get the default again.
 */
void log_init(const char *part, enum log_level level);
/* Any thread, any time. */
void log_set_level(enum log_level level);
/* Accepts "error", "warning", "notice", "info", "debug". -EINVAL: another text. */
int log_level_parse(const char *text, enum log_level *ret_level);

/*
 * Relays a line that another process formatted, without its newline. The logger does not trust it:
 * it escapes the line like all others and cuts it at LOG_LINE_MAX. It adds nothing. Any thread.
 */
void log_relay(const char *line, size_t len);

void log_write(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...) log_write(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_write(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_notice(...) log_write(LOG_LEVEL_NOTICE, __VA_ARGS__)
#define log_info(...) log_write(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_write(LOG_LEVEL_DEBUG, __VA_ARGS__)

#endif
