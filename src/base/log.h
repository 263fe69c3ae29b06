/* log.h: structured log. A line is an event name and key=value pairs; as text for people or as JSON for machines.
 *
 *     log_info("peer.closed", "conn=%u code=%u sent_bytes=%zu", id, code, sent);
 *     log_warn("login.refused", "user=" LOG_QUOTED " address=%s", LOG_TEXT(name), address);
 *
 * Format strings are constant. Text chosen by a peer goes through LOG_TEXT, which quotes it, escapes control characters
 * and cuts it at 256 bytes, so that one event is always one line. Secrets (passwords, tokens, cookies, session ids)
 * are never passed to the log at all. Lines go to standard error with one write(2). Any thread. */
#pragma once

#include "base/span.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR, LOG_OFF };
enum log_format { LOG_FORMAT_TEXT, LOG_FORMAT_JSON };

void log_configure(enum log_level level, enum log_format format); /* also while running */
bool log_is_on(enum log_level level);
bool log_level_parse(struct span name, enum log_level *out);

#define LOG_QUOTED "%s"
/* A quoted, escaped copy in one of a few thread-local buffers: valid for the log call it is an argument of. */
const char *log_text(struct span text);
#define LOG_TEXT(span) log_text(span)

__attribute__((format(printf, 3, 4))) void log_write(enum log_level level, const char *event, const char *format, ...);

#define log_debug(event, ...) (log_is_on(LOG_DEBUG) ? log_write(LOG_DEBUG, event, __VA_ARGS__) : (void)0)
#define log_info(event, ...) (log_is_on(LOG_INFO) ? log_write(LOG_INFO, event, __VA_ARGS__) : (void)0)
#define log_warn(event, ...) (log_is_on(LOG_WARN) ? log_write(LOG_WARN, event, __VA_ARGS__) : (void)0)
#define log_error(event, ...) (log_is_on(LOG_ERROR) ? log_write(LOG_ERROR, event, __VA_ARGS__) : (void)0)

/* Tests: lines go to this function instead of standard error (NULL: back). */
void log_redirect(void (*sink)(void *arg, struct span line), void *arg);
