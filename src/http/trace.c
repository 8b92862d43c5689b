#include "http/trace.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01 */
#define VERSION_LEN  2
#define TRACE_AT     3
#define PARENT_AT    36
#define FLAGS_AT     53
#define VERSION0_LEN 55

static int digit_of(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool all_hex(const char *at, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (digit_of(at[i]) < 0)
            return false;
    return true;
}

static bool all_zero(const char *at, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (at[i] != '0')
            return false;
    return true;
}

/* Later versions may add fields at the end; this one may not. */
static bool has_shape(struct str text)
{
    if (text.len < VERSION0_LEN || !all_hex(text.at, VERSION_LEN) || str_starts(text, "ff"))
        return false;
    if (str_starts(text, "00") ? text.len != VERSION0_LEN
                               : text.len > VERSION0_LEN && text.at[VERSION0_LEN] != '-')
        return false;
    return text.at[TRACE_AT - 1] == '-' && text.at[PARENT_AT - 1] == '-' &&
           text.at[FLAGS_AT - 1] == '-';
}

bool http_trace_read(struct http_trace *out, struct str text, uint64_t span)
{
    struct http_trace trace = {.flags = 0};
    size_t trace_len = HTTP_TRACE_ID_SIZE - 1;
    size_t parent_len = HTTP_SPAN_ID_SIZE - 1;

    if (!has_shape(text) || !all_hex(text.at + TRACE_AT, trace_len) ||
        !all_hex(text.at + PARENT_AT, parent_len) || !all_hex(text.at + FLAGS_AT, 2) ||
        all_zero(text.at + TRACE_AT, trace_len) || all_zero(text.at + PARENT_AT, parent_len))
        return false;
    memcpy(trace.trace_id, text.at + TRACE_AT, trace_len);
    memcpy(trace.parent_id, text.at + PARENT_AT, parent_len);
    trace.flags = (uint8_t)(16 * digit_of(text.at[FLAGS_AT]) + digit_of(text.at[FLAGS_AT + 1]));
    (void)snprintf(trace.span_id, sizeof trace.span_id, "%016" PRIx64, span ? span : 1);
    *out = trace;
    return true;
}

const char *http_trace_write(char out[HTTP_TRACEPARENT_SIZE], const struct http_trace *trace)
{
    (void)snprintf(out, HTTP_TRACEPARENT_SIZE, "00-%s-%s-%02x", trace->trace_id, trace->span_id,
                   trace->flags & 1u); /* version 0 knows the sampled flag only */
    return out;
}
