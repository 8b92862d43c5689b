#include "base/buf.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"

#define BUF_CAPACITY_MIN 256u

void buf_init(struct buf *buf, size_t max)
{
    *buf = (struct buf){.max = max};
}

void buf_fini(struct buf *buf)
{
    mem_free(buf->at);
    *buf = (struct buf){.max = buf->max};
}

void buf_reset(struct buf *buf)
{
    buf->len = 0;
    buf->failed = false;
}

/* Room for `more` bytes and a closing NUL; false (and failed) when the maximum forbids it. */
static bool reserve(struct buf *buf, size_t more)
{
    if (buf->failed || more > buf->max - buf->len) {
        buf->failed = true;
        return false;
    }
    size_t need = buf->len + more + 1;
    if (need <= buf->capacity)
        return true;

    size_t capacity = MAX_OF(need, MAX_OF(buf->capacity * 2, BUF_CAPACITY_MIN));
    uint8_t *at = mem_try_resize(buf->at, capacity, 1);
    if (!at) {
        buf->failed = true;
        return false;
    }
    buf->at = at;
    buf->capacity = capacity;
    return true;
}

void buf_add(struct buf *buf, const void *at, size_t len)
{
    if (!reserve(buf, len))
        return;
    if (len)
        memcpy(buf->at + buf->len, at, len);
    buf->len += len;
    buf->at[buf->len] = '\0';
}

void buf_add_str(struct buf *buf, const char *text)
{
    buf_add(buf, text, strlen(text));
}

void buf_vprintf(struct buf *buf, const char *format, va_list args)
{
    va_list again;

    va_copy(again, args);
    int need = vsnprintf(NULL, 0, format, args);
    if (need >= 0 && reserve(buf, (size_t)need)) {
        (void)vsnprintf((char *)buf->at + buf->len, (size_t)need + 1, format, again);
        buf->len += (size_t)need;
    }
    va_end(again);
}

void buf_printf(struct buf *buf, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    buf_vprintf(buf, format, args);
    va_end(args);
}

enum status buf_check(const struct buf *buf, const char *what, struct err *err)
{
    if (buf->failed)
        return err_set(err, ST_LIMIT, "%s is over %zu bytes", what, buf->max);
    return ST_OK;
}

struct bytes buf_bytes(const struct buf *buf)
{
    return (struct bytes){.at = buf->at, .len = buf->len};
}

struct str buf_str(const struct buf *buf)
{
    return (struct str){.at = buf->at ? (const char *)buf->at : "", .len = buf->len};
}
