/* http/parameter.h - the `value; name=token; name="quoted"` grammar of HTTP and MIME header values.
 * Owns nothing.  Every byte is hostile.  Thread-safe. */
#pragma once

#include "base/base.h"

/* A parameter as it stands in the header: `raw` is without its quotes, escapes still in it. */
struct http_parameter {
    struct str name;
    struct str raw;
    bool quoted;
};

enum http_parameter_result { HTTP_PARAMETER_FOUND, HTTP_PARAMETER_END, HTTP_PARAMETER_MALFORMED };

/* Takes the value before the first ';' off *rest, without blanks. */
struct str http_parameter_value(struct str *rest);
/* Takes the next "name=value" off *rest. */
enum http_parameter_result http_parameter_next(struct http_parameter *out, struct str *rest);
/* Copies the value with \" and \\ resolved, cut to size - 1 bytes; returns its full length. */
size_t http_parameter_copy(char *out, size_t size, const struct http_parameter *parameter);

bool http_str_is(struct str text, const char *other); /* equal without regard to ASCII case */
bool http_is_token(struct str text);                  /* one or more RFC 9110 tchar */
