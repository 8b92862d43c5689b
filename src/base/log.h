/* base/log.h - logfmt to standard error: time, level, constant event name, key=value pairs.
 * Only service/, api/, cli/ and train/trainer.c log above debug; the rest returns `struct err`.
 * Never log image bytes, keys or raw file names.  Thread-safe: a line is one write. */
#pragma once

#include "base/base.h"

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG, LOG_LEVEL_COUNT };

void log_set_level(enum log_level level);
bool log_level_parse(enum log_level *out, struct str name) MUST_USE;
void log_write(enum log_level level, const char *event, const char *format, ...) PRINTF_LIKE(3, 4);

#define log_error(event, ...) log_write(LOG_ERROR, (event), __VA_ARGS__)
#define log_warn(event, ...)  log_write(LOG_WARN, (event), __VA_ARGS__)
#define log_info(event, ...)  log_write(LOG_INFO, (event), __VA_ARGS__)
#define log_debug(event, ...) log_write(LOG_DEBUG, (event), __VA_ARGS__)

#define LOG_QUOTED_SIZE 256
/* A logfmt-safe quoted copy of `text` (quotes, backslashes and control bytes escaped, cut when
 * too long), for use as a %s argument. */
const char *log_quote(char out[LOG_QUOTED_SIZE], const char *text);
