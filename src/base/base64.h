/* base/base64.h - bytes as text and back (RFC 4648, with padding).  Thread-safe. */
#pragma once

#include "base/buf.h"

/* Appends the text of `data`. */
void base64_encode(struct buf *out, struct bytes data);
/* Decodes the text at `at` where it stands; *len is its length, then that of the bytes.  Strict: no
 * blanks, no line ends, padding as it should be.  ST_INVALID names the place; the memory is then
 * half decoded and *len untouched. */
enum status base64_decode(uint8_t *at, size_t *len, struct err *err) MUST_USE;
