#include "base/log.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"

#define LINE_SIZE 1024

static const char *const level_names[] = {
    [LOG_ERROR] = "error",
    [LOG_WARN] = "warn",
    [LOG_INFO] = "info",
    [LOG_DEBUG] = "debug",
};
_Static_assert(ARRAY_LEN(level_names) == LOG_LEVEL_COUNT, "one name for each level");

static _Atomic int level_max = LOG_INFO;

void log_set_level(enum log_level level)
{
    atomic_store(&level_max, (int)level);
}

bool log_level_parse(enum log_level *out, struct str name)
{
    for (size_t i = 0; i < LOG_LEVEL_COUNT; i++) {
        if (str_equal(name, level_names[i])) {
            *out = (enum log_level)i;
            return true;
        }
    }
    return false;
}

void log_write(enum log_level level, const char *event, const char *format, ...)
{
    char line[LINE_SIZE];
    char time_text[CLOCK_TEXT_SIZE];
    va_list args;

    if ((int)level > atomic_load(&level_max))
        return;
    int used = snprintf(line, sizeof line, "time=%s level=%s event=%s ",
                        clock_format_utc(time_text, clock_utc_us(&clock_system)),
                        level_names[level], event);
    va_start(args, format);
    int more = vsnprintf(line + used, sizeof line - (size_t)used, format, args);
    va_end(args);

    size_t len = MIN_OF((size_t)used + (size_t)MAX_OF(more, 0), sizeof line - 2);
    line[len++] = '\n';
    ssize_t written = write(STDERR_FILENO, line, len);
    (void)written; /* nowhere left to report a failing log */
}

const char *log_quote(char out[LOG_QUOTED_SIZE], const char *text)
{
    size_t len = 0;

    out[len++] = '"';
    for (; *text && len < LOG_QUOTED_SIZE - 4; text++) {
        unsigned char c = (unsigned char)*text;
        if (c == '"' || c == '\\')
            out[len++] = '\\';
        out[len++] = c < 0x20 || c == 0x7f ? '?' : (char)c;
    }
    out[len++] = '"';
    out[len] = '\0';
    return out;
}
