/* http/trace.h - W3C trace context: the traceparent field of a request and of its answer.
 * Owns nothing.  Every byte is hostile.  Thread-safe. */
#pragma once

#include "base/base.h"

#define HTTP_TRACE_ID_SIZE    33
#define HTTP_SPAN_ID_SIZE     17
#define HTTP_TRACEPARENT_SIZE 56

struct http_trace {
    char trace_id[HTTP_TRACE_ID_SIZE];
    char parent_id[HTTP_SPAN_ID_SIZE]; /* the caller's span */
    char span_id[HTTP_SPAN_ID_SIZE];   /* ours */
    uint8_t flags;
};

/* Reads a traceparent and gives our own span the id `span`.  False for what the standard calls
 * invalid: it is then as if there were none. */
bool http_trace_read(struct http_trace *out, struct str text, uint64_t span) MUST_USE;
/* The field for those that this request leads to; returns `out`. */
const char *http_trace_write(char out[HTTP_TRACEPARENT_SIZE], const struct http_trace *trace);
