#include "base/base.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const status_names[] = {
    [ST_OK] = "ok",           [ST_INVALID] = "invalid",         [ST_UNSUPPORTED] = "unsupported",
    [ST_LIMIT] = "limit",     [ST_NOT_FOUND] = "not_found",     [ST_CONFLICT] = "conflict",
    [ST_BUSY] = "busy",       [ST_NOMEM] = "no_memory",         [ST_IO] = "input_output",
    [ST_CORRUPT] = "corrupt", [ST_UNAVAILABLE] = "unavailable",
};
_Static_assert(ARRAY_LEN(status_names) == ST_COUNT, "one name for each status");

const char *status_name(enum status code)
{
    return (unsigned)code < ST_COUNT ? status_names[code] : "unknown";
}

int err_write(struct err *err, enum status code, const char *format, ...)
{
    if (err) {
        va_list args;

        err->code = code;
        va_start(args, format);
        (void)vsnprintf(err->msg, sizeof err->msg, format, args);
        va_end(args);
    }
    return 0;
}

void err_prefix(struct err *err, const char *format, ...)
{
    char text[sizeof err->msg];
    va_list args;

    if (!err)
        return;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);

    size_t used = strlen(text);
    (void)snprintf(text + used, sizeof text - used, ": %s", err->msg);
    memcpy(err->msg, text, sizeof text);
}

struct str str_of(const char *text)
{
    return (struct str){.at = text, .len = strlen(text)};
}

/* memcmp takes no NULL, which an empty text may be. */
bool str_equal(struct str a, const char *b)
{
    return a.len == strlen(b) && (a.len == 0 || memcmp(a.at, b, a.len) == 0);
}

bool str_starts(struct str text, const char *prefix)
{
    size_t len = strlen(prefix);

    return len == 0 || (text.len >= len && memcmp(text.at, prefix, len) == 0);
}

struct str str_split(struct str *rest, char separator)
{
    struct str head = *rest;
    const char *at = rest->len ? memchr(rest->at, separator, rest->len) : NULL;

    if (at) {
        head.len = (size_t)(at - rest->at);
        *rest = (struct str){.at = at + 1, .len = rest->len - head.len - 1};
    } else {
        *rest = (struct str){.at = rest->at + rest->len, .len = 0};
    }
    return head;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct str str_trim(struct str text)
{
    while (text.len && is_blank(text.at[0])) {
        text.at++;
        text.len--;
    }
    while (text.len && is_blank(text.at[text.len - 1]))
        text.len--;
    return text;
}

/* Numbers are short: copy to a NUL-ended buffer, so that the C library can read them. */
static bool copy_number(char out[64], struct str text)
{
    if (!text.len || text.len >= 64 || (unsigned char)text.at[0] <= ' ') /* strtol skips blanks */
        return false;
    memcpy(out, text.at, text.len);
    out[text.len] = '\0';
    return strlen(out) == text.len;
}

bool str_to_int(int64_t *out, struct str text, int64_t low, int64_t top)
{
    char copy[64];
    char *end = NULL;

    if (!copy_number(copy, text))
        return false;
    errno = 0;
    long long value = strtoll(copy, &end, 10); /* the one place that may call it */
    if (errno || *end || value < low || value > top)
        return false;
    *out = value;
    return true;
}

/* The program never calls setlocale(), so the decimal point is always '.'. */
bool str_to_double(double *out, struct str text, double low, double top)
{
    char copy[64];
    char *end = NULL;

    if (!copy_number(copy, text))
        return false;
    errno = 0;
    double value = strtod(copy, &end);
    if (errno == ERANGE || *end || !isfinite(value) || value < low || value > top)
        return false;
    *out = value;
    return true;
}

void require_failed(const char *condition, const char *file, int line)
{
    (void)fprintf(stderr, "aidetect: internal error: %s does not hold (%s:%d)\n", condition, file,
                  line);
    abort();
}
