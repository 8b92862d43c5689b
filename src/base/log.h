/* base/log.h - logfmt, or JSON, to standard error: time, level, constant event name, key=value
 * pairs. Only service/, api/, cli/ and train/trainer.c log above debug; the rest returns `struct
 * err`. Never log image bytes, keys or raw file names.  Thread-safe: a line is one write. */
#pragma once

#include "base/buf.h"

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG, LOG_LEVEL_COUNT };

/* JSON is one object a line with the same names; numbers, true and false are such, but for ids. */
enum log_format { LOG_LOGFMT, LOG_JSON };

void log_set_level(enum log_level level);
void log_set_format(enum log_format format);
bool log_level_parse(enum log_level *out, struct str name) MUST_USE;
void log_write(enum log_level level, const char *event, const char *format, ...) PRINTF_LIKE(3, 4);

/* The JSON of a logfmt line, without its line end; what is no key=value is left out. */
void log_write_json(struct buf *out, struct str line);

#define log_error(event, ...) log_write(LOG_ERROR, (event), __VA_ARGS__)
#define log_warn(event, ...)  log_write(LOG_WARN, (event), __VA_ARGS__)
#define log_info(event, ...)  log_write(LOG_INFO, (event), __VA_ARGS__)
#define log_debug(event, ...) log_write(LOG_DEBUG, (event), __VA_ARGS__)

#define LOG_QUOTED_SIZE 256
/* A logfmt-safe quoted copy of `text` (quotes, backslashes and control bytes escaped, cut when
 * too long), for use as a %s argument. */
const char *log_quote(char out[LOG_QUOTED_SIZE], const char *text);
