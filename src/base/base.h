/* base/base.h - the few words every file speaks: status, error, views, attributes.
 * Owns nothing.  Must not know any other folder.  Thread-safe. */
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MUST_USE           __attribute__((warn_unused_result))
#define PRINTF_LIKE(f, a)  __attribute__((format(printf, f, a)))
#define ARRAY_LEN(a)       (sizeof(a) / sizeof((a)[0]))
#define MIN_OF(a, b)       ((a) < (b) ? (a) : (b))
#define MAX_OF(a, b)       ((a) > (b) ? (a) : (b))
#define CLAMP(x, low, top) ((x) < (low) ? (low) : (x) > (top) ? (top) : (x))

/* Loops that the compiler turns into vector code, once for each generation of processors, chosen
 * at load; not under sanitizers, whose run-time is not ready then, or without the attribute. */
#if defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__) &&                  \
    !defined(__SANITIZE_THREAD__)
#define VECTORISED                                                                                 \
    __attribute__((target_clones("default", "arch=x86-64-v3", "arch=x86-64-v4"), optimize("O3")))
#else
#define VECTORISED
#endif

/* Asks for memory that is read soon: what a decoder wrote has left the nearest caches. */
static inline void prefetch(const void *at, size_t bytes)
{
    enum { CACHE_LINE = 64 };

    for (size_t i = 0; i < bytes; i += CACHE_LINE)
        __builtin_prefetch((const char *)at + i);
}

/* What went wrong, in the few kinds a caller acts on.  api/ maps each to one HTTP status,
 * cli/ to one exit code. */
enum status {
    ST_OK,
    ST_INVALID,     /* input is malformed */
    ST_UNSUPPORTED, /* well-formed, but a kind we do not handle */
    ST_LIMIT,       /* over a stated limit */
    ST_NOT_FOUND,
    ST_CONFLICT,    /* state does not allow it now */
    ST_BUSY,        /* try again later */
    ST_NOMEM,       /* a size from outside could not be allocated */
    ST_IO,          /* file, socket or library failure */
    ST_CORRUPT,     /* our own stored data fails its checks */
    ST_UNAVAILABLE, /* another system, such as a database, is away */
    ST_COUNT
};

/* Filled by the function that failed; msg says what, which value, which limit - never the bytes. */
struct err {
    enum status code;
    char msg[224];
};

/* Sets *err (may be NULL) and returns `code`, so that `return err_set(...)` reads as one step.  The
 * last step is inline: compilers and analysers see that a failure is not ST_OK. */
#define err_set(err, code, ...) err_returned((code), err_write((err), (code), __VA_ARGS__))
int err_write(struct err *err, enum status code, const char *format, ...) PRINTF_LIKE(3, 4);
static inline enum status err_returned(enum status code, int ignored)
{
    (void)ignored;
    return code;
}

/* Puts "context: " before the message that is already in *err, unless err is NULL. */
void err_prefix(struct err *err, const char *format, ...) PRINTF_LIKE(2, 3);

/* "invalid", "limit", ... - constant, lower case, used in logs and answers. */
const char *status_name(enum status code);

/* Views: borrowed memory with its length.  Strings need not end in NUL. */
struct bytes {
    const uint8_t *at;
    size_t len;
};

struct str {
    const char *at;
    size_t len;
};

struct str str_of(const char *text); /* view of a C string */
bool str_equal(struct str a, const char *b);
bool str_starts(struct str text, const char *prefix);
/* Splits *rest at the next `separator`: returns what is before it, leaves what is after it. */
struct str str_split(struct str *rest, char separator);
struct str str_trim(struct str text); /* without spaces, tabs and line ends on both sides */

/* Locale-proof, whole-string number parsing; false on anything but a number in [low, top]. */
bool str_to_int(int64_t *out, struct str text, int64_t low, int64_t top) MUST_USE;
bool str_to_double(double *out, struct str text, double low, double top) MUST_USE;

/* Stays on in release.  For programmer errors only: no input may ever reach one. */
#define REQUIRE(condition)                                                                         \
    do {                                                                                           \
        if (!(condition))                                                                          \
            require_failed(#condition, __FILE__, __LINE__);                                        \
    } while (0)
_Noreturn void require_failed(const char *condition, const char *file, int line);
