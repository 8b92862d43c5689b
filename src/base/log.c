#include "base/log.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"

#define LINE_SIZE     1024
#define JSON_LINE_MAX (8 * LINE_SIZE)
#define NUMBER_DIGITS 15 /* more are not exact as a double */

static const char *const level_names[] = {
    [LOG_ERROR] = "error",
    [LOG_WARN] = "warn",
    [LOG_INFO] = "info",
    [LOG_DEBUG] = "debug",
};
_Static_assert(ARRAY_LEN(level_names) == LOG_LEVEL_COUNT, "one name for each level");

static _Atomic int level_max = LOG_INFO;

static _Atomic int format_used = LOG_LOGFMT;

void log_set_format(enum log_format format)
{
    atomic_store(&format_used, (int)format);
}

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

/* Ids are text even when all their digits are decimal. */
static bool is_id(const char *name)
{
    static const char *const ids[] = {"request", "trace", "span",    "parent",
                                      "key",     "run",   "version", "model"};

    for (size_t i = 0; i < ARRAY_LEN(ids); i++)
        if (strcmp(name, ids[i]) == 0)
            return true;
    return false;
}

/* 17, -3 and 0.25 as other languages write them, too: no leading zeros, no exponents. */
static bool is_number(struct str text)
{
    size_t dots = 0;
    size_t start = text.len && text.at[0] == '-';
    bool zero = text.len > start + 1 && text.at[start] == '0' && text.at[start + 1] != '.';

    if (text.len == start || text.len - start > NUMBER_DIGITS || zero)
        return false;
    for (size_t i = start; i < text.len; i++) {
        dots += text.at[i] == '.';
        if ((text.at[i] < '0' || text.at[i] > '9') && text.at[i] != '.')
            return false;
    }
    return dots <= 1 && text.at[start] != '.' && text.at[text.len - 1] != '.';
}

static void set_bare(struct json *object, const char *name, struct str text)
{
    char copy[LINE_SIZE];
    int64_t whole = 0;
    double real = 0;

    (void)snprintf(copy, sizeof copy, "%.*s", (int)text.len, text.len ? text.at : "");
    if (is_id(name) ||
        (!is_number(text) && strcmp(copy, "true") != 0 && strcmp(copy, "false") != 0))
        json_set_str(object, name, copy);
    else if (str_to_int(&whole, text, INT64_MIN, INT64_MAX))
        json_set_int(object, name, whole);
    else if (str_to_double(&real, text, -1e15, 1e15))
        json_set_number(object, name, real);
    else
        json_set_bool(object, name, copy[0] == 't');
}

/* The text between quotes, as log_quote wrote it; *rest is what comes after them. */
static void take_quoted(char out[LINE_SIZE], struct str *rest)
{
    size_t len = 0;
    size_t at = 1;

    while (at < rest->len && rest->at[at] != '"') {
        at += rest->at[at] == '\\' && at + 1 < rest->len;
        out[len++] = rest->at[at++];
    }
    out[len] = '\0';
    at = MIN_OF(at + 1, rest->len);
    *rest = (struct str){rest->at + at, rest->len - at};
}

void log_write_json(struct buf *out, struct str line)
{
    struct json *object = json_new_object();
    struct str rest = {line.at, MIN_OF(line.len, LINE_SIZE - 1u)};
    char name[LINE_SIZE];
    char text[LINE_SIZE];

    while (rest.len) {
        size_t len = 0;
        while (len < rest.len && rest.at[len] != '=' && rest.at[len] != ' ')
            len++;
        (void)snprintf(name, sizeof name, "%.*s", (int)len, rest.at);
        bool valued = len > 0 && len < rest.len && rest.at[len] == '=';
        size_t past = MIN_OF(len + 1, rest.len);
        rest = (struct str){rest.at + past, rest.len - past};
        if (!valued)
            continue;
        if (rest.len && rest.at[0] == '"') {
            take_quoted(text, &rest);
            json_set_str(object, name, text);
        } else {
            set_bare(object, name, str_split(&rest, ' '));
        }
    }
    json_write(out, object, 0);
    json_free(object);
}

static void write_line_as_json(struct str line)
{
    struct buf text;

    buf_init(&text, JSON_LINE_MAX);
    log_write_json(&text, line);
    buf_add_str(&text, "\n");
    ssize_t written = text.failed ? 0 : write(STDERR_FILENO, text.at, text.len);
    (void)written;
    buf_fini(&text);
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
    if (atomic_load(&format_used) == LOG_JSON) {
        write_line_as_json((struct str){line, len});
        return;
    }
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
