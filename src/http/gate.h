/* http/gate.h - which request heads are let in: the rules against request smuggling and excess.
 * Owns nothing.  Must not know the transport.  Every byte is hostile.  Thread-safe. */
#pragma once

#include "base/base.h"

#define HTTP_HEADERS_MAX 64   /* fields of a request */
#define HTTP_URI_MAX     2048 /* bytes */
#define HTTP_HOST_MAX    259  /* a name of 253 bytes and a port */
#define HTTP_METHOD_MAX  23

/* A request head as received; names and values are borrowed. */
struct http_gate_field {
    struct str name;
    struct str value;
};

struct http_gate_head {
    struct str method;
    struct str version; /* "HTTP/1.1" */
    size_t uri_len;
    const struct http_gate_field *fields; /* the first HTTP_HEADERS_MAX of them */
    size_t field_count;                   /* may be larger than that */
};

/* What the gate read on its way. */
struct http_gate_pass {
    uint64_t body_len;
    struct str content_type; /* len 0 when absent */
    bool expects_continue;
};

/* 0 when the head is fine; otherwise the HTTP status to refuse it with: 400, 411, 414, 417, 431 or
 * 505, and *err says why.  After 400 and 411 the connection's framing cannot be trusted. */
unsigned http_gate_check(struct http_gate_pass *out, const struct http_gate_head *head,
                         struct err *err) MUST_USE;
