/* http/query.h - one member of a request's query: "a=1&b=two%20words".
 * Owns nothing.  Every byte is hostile.  Thread-safe. */
#pragma once

#include "base/base.h"

/* The value of `name`, percent-decoded ('+' is a blank), NUL-ended in `out`; "" when it has none.
 * ST_NOT_FOUND: not there.  ST_INVALID: there twice, a bad escape, or a byte below 32 in it.
 * ST_LIMIT: longer than size - 1 bytes.  `out` is untouched on failure. */
enum status http_query_find(char *out, size_t size, struct str query, const char *name,
                            struct err *err) MUST_USE;
