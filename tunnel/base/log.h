/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_BASE_LOG_H
#define CULVERT_BASE_LOG_H

#include <stdbool.h>
#include <stddef.h>

/*
 * The logger: the project's only global. One line an event, to stderr. Run by systemd
 * (JOURNAL_STREAM names the stderr that is open), each line begins with the journald priority "<N>"
 * (sd-daemon(3)); otherwise with the local time and the level. A line is one write(2), so that
 * threads and processes do not mix theirs.
 *
 * It never waits for its reader: a pipe that nobody empties, a terminal that is paused, a full disk. What
 * cannot be written at once is lost and counted, and the next line that can be written is preceded by
 * "N lines lost". The caller's own descriptor 2 keeps its flags, which other programs share.
 *
 * Any byte that is not printable ASCII is escaped here as \xNN, so peer-supplied text cannot forge
 * a line. A backslash stays, so that what problem_escape() has escaped is not escaped twice.
 *
 * The same message (level and text) more than LOG_REPEAT_BURST times in LOG_REPEAT_WINDOW seconds
 * is counted instead, and told as "TEXT (N more like this)" by the first line that is logged after
 * the window. Thread-safe; errno is kept. Never called on a packet's path.
 */

enum log_level {
	LOG_LEVEL_ERROR,
	LOG_LEVEL_WARNING,
	LOG_LEVEL_NOTICE,
	LOG_LEVEL_INFO,
	LOG_LEVEL_DEBUG,
};

enum {
	LOG_LINE_MAX = 1024, /* bytes of a line with its newline; what is longer is cut */
	LOG_REPEAT_BURST = 5,
	LOG_REPEAT_WINDOW = 10, /* seconds */
};

/*
 * `part` names the process in each line ("netd", "engine"); a literal. Called once, before other
 * threads log; a line before it is written as if by part "culvert" at level info. stderr is looked at here:
 * who points it elsewhere later calls this again. From here on the process ignores SIGXFSZ, so that a log, or a state file,
 * that reaches the limit of file sizes is an error and not the end; other programs that it starts get the default back.
 */
void log_init(const char *part, enum log_level level);
/* Any thread, any time. */
void log_set_level(enum log_level level);
/* "error", "warning", "notice", "info", "debug". -EINVAL. */
int log_level_parse(const char *text, enum log_level *ret_level);

/*
 * Writes on a line (without its newline) that another process has formatted and that nothing vouches for:
 * escaped like all others, cut at LOG_LINE_MAX, with nothing added. Any thread.
 */
void log_relay(const char *line, size_t len);

void log_write(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...) log_write(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_write(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_notice(...) log_write(LOG_LEVEL_NOTICE, __VA_ARGS__)
#define log_info(...) log_write(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_write(LOG_LEVEL_DEBUG, __VA_ARGS__)

#endif
