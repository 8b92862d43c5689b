/* base/buf.h - a growable byte buffer that is born with its maximum.
 * Heap-backed; going over the maximum or out of memory makes it `failed`, keeps what it has and
 * ignores later writes: check once, at the end.  One thread at a time. */
#pragma once

#include "base/base.h"

struct buf {
    uint8_t *at; /* NULL while empty */
    size_t len;
    size_t capacity;
    size_t max;
    bool failed;
};

void buf_init(struct buf *buf, size_t max);
void buf_fini(struct buf *buf);  /* frees; the struct may be initialised again */
void buf_reset(struct buf *buf); /* keeps the memory, drops contents and failure */
void buf_add(struct buf *buf, const void *at, size_t len);
void buf_add_str(struct buf *buf, const char *text);
void buf_printf(struct buf *buf, const char *format, ...) PRINTF_LIKE(2, 3);
void buf_vprintf(struct buf *buf, const char *format, va_list args) PRINTF_LIKE(2, 0);
/* ST_OK, or ST_LIMIT naming `what` and the maximum. */
enum status buf_check(const struct buf *buf, const char *what, struct err *err) MUST_USE;
struct bytes buf_bytes(const struct buf *buf);
struct str buf_str(const struct buf *buf);
