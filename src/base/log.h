/* log.h - one line per event on standard error, for journald and people
 *
 * `2026-11-23T09:15:02.120Z info  flow: task 12 waits for hub`.  Thread-safe.
 * Secrets never reach it: tokens are named by id.  Control characters in
 * arguments are shown as '?', so a client cannot forge a line.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

void log_set_level(enum log_level l);           /* default LOG_INFO */
int log_level_parse(const char *s, enum log_level *ret);        /* 0 or 1 */
void log_line(enum log_level l, const char *area, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#define log_debug(area, ...) log_line(LOG_DEBUG, area, __VA_ARGS__)
#define log_info(area, ...) log_line(LOG_INFO, area, __VA_ARGS__)
#define log_warn(area, ...) log_line(LOG_WARN, area, __VA_ARGS__)
#define log_error(area, ...) log_line(LOG_ERROR, area, __VA_ARGS__)

#endif
