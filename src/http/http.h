/* http/http.h - the seam to the HTTP transport: listen, let well-formed requests in, hand each to
 * its route with its whole body, answer now or later from any thread, drain.
 * Must not know photos, models or what a route does.  A request belongs to the server; a handler
 * may use it until it calls http_answer.  Threads: see each function. */
#pragma once

#include "base/base.h"
#include "base/buf.h"
#include "base/clock.h"

struct http_server;
struct http_request;

/* Called on a server thread once the body is there.  Must end in http_answer, or call
 * http_request_defer first and have any thread call http_answer later. */
typedef void http_handler(void *payload, struct http_request *request);

struct http_route {
    const char *method; /* "GET" also answers HEAD */
    const char *path;   /* template: "/incidents/{id}" */
    size_t body_max;    /* bytes; 0: the route takes no body */
    http_handler *handle;
};

#define HTTP_ROUTE_NONE  SIZE_MAX
#define HTTP_PARTS_MAX   16
#define HTTP_FIELDS_MAX  24   /* header fields that an answer gets besides the default ones */
#define HTTP_FIELD_MAX   319  /* bytes of such a field's value */
#define HTTP_SCRATCH_MAX 2048 /* bytes of a handler's own state in each request */
#define HTTP_CONTEXT_MAX 320  /* bytes that `admit` leaves for those who come after it */
#define HTTP_ADDRESS_LEN 16   /* an IPv6 address; IPv4 as ::ffff:a.b.c.d */

/* 0 stands for the default in brackets. */
struct http_limits {
    unsigned connections_max; /* [1024] */
    unsigned address_max;     /* connections from one address [0: no limit] */
    size_t bodies_bytes_max;  /* bodies of all requests together [256 MB]; over it: 503 */
    size_t discard_bytes_max; /* a refused body up to this is read to the end, so that the
                                 client sees the answer; over it the connection closes [32 MB] */
    unsigned head_timeout_ms; /* from connection, or last answer, to a complete head [10 s] */
    unsigned body_timeout_ms; /* from complete head to complete body [30 s] */
    unsigned idle_timeout_ms; /* kept-alive connection without a request [60 s] */
};

/* One finished request, for metrics and logs. */
struct http_done {
    const char *request_id;
    struct str method;
    struct str path;     /* as sent, without its query */
    size_t route;        /* index, HTTP_ROUTE_NONE for unknown paths */
    unsigned status;     /* 0: the client went away before an answer */
    unsigned tag;        /* of struct http_answer */
    int64_t duration_us; /* from request line to answer */
    uint64_t body_len;   /* announced by the client */
    uint64_t answer_len; /* body of the answer */
    const uint8_t *peer; /* HTTP_ADDRESS_LEN bytes: the socket's other end; zeros: no address */
    const void *context; /* see http_request_context() */
};

/* Certificate chain and private key, PEM; followed while the server runs. */
struct http_tls_options {
    const char *certificate; /* path; NULL: no TLS */
    const char *key;         /* path; NULL: in the certificate's file */
    bool only_1_3;           /* otherwise TLS 1.2 and 1.3 */
};

struct http_options {
    const char
        *listen;   /* "ADDR:PORT", "[ADDR]:PORT", ":PORT" for all addresses; port 0: a free one */
    int listen_fd; /* > 0: a listening socket that is used instead; the server's once it is open */
    const struct http_route *routes; /* borrowed */
    size_t route_count;
    struct http_limits limits;
    struct http_tls_options tls;
    unsigned thread_count;     /* 0: 1 */
    uint64_t request_id_seed;  /* makes request ids hard to guess */
    const struct clock *clock; /* borrowed */
    void *payload;             /* passed to everything below and to the handlers */
    /* Called once a well-formed head is read, before the body is: may call http_request_reject
     * and http_answer_field.  Must not wait.  NULL: everybody is let in. */
    void (*admit)(void *payload, struct http_request *request);
    /* Answers a request that no handler sees; must call http_answer before it returns. */
    void (*refuse)(void *payload, struct http_request *request, unsigned status,
                   const char *detail);
    /* Certificate and key have changed and were read: NULL, or why the old ones stay.  May be
     * NULL itself. */
    void (*tls_read)(void *payload, const struct err *failure);
    /* Called on a server thread just before the answer is sent, or after the client left. */
    void (*done)(void *payload, const struct http_done *done);
};

/* Listens and serves when it returns.  Errors: ST_INVALID for the address, ST_IO. */
enum status http_server_open(struct http_server **out, const struct http_options *options,
                             struct err *err) MUST_USE;
unsigned http_server_port(const struct http_server *server);
/* The listening socket, to hand it to a successor before http_server_quiesce; borrowed. */
int http_server_listen_fd(const struct http_server *server);
/* Reads certificate and key at once, not only when the next connection comes: for connections that
 * are made from now on.  On failure the old ones stay.  ST_OK without TLS.  Any thread. */
enum status http_server_reload_tls(struct http_server *server, struct err *err) MUST_USE;
/* No new connections; every further answer closes its connection.  Any thread. */
void http_server_quiesce(struct http_server *server);
/* Waits until no request is under way; false when that takes over timeout_ms. */
bool http_server_wait_idle(struct http_server *server, unsigned timeout_ms) MUST_USE;
/* Waits until every connection is closed: quiesced, each ends with its next answer. */
bool http_server_wait_closed(struct http_server *server, unsigned timeout_ms) MUST_USE;
/* Every deferred request must have been answered.  NULL is fine. */
void http_server_close(struct http_server *server);

/* ---- request: valid in a handler and, if deferred, until http_answer ---- */

struct http_part {
    char name[64];
    char filename[256]; /* "" when absent */
    struct bytes data;
};

const char *http_request_id(const struct http_request *request);
size_t http_request_route(const struct http_request *request); /* index in the options' routes */
struct str http_request_method(const struct http_request *request);
struct str http_request_path(const struct http_request *request);
/* The socket's other end, HTTP_ADDRESS_LEN bytes; zeros when it has no address. */
const uint8_t *http_request_peer(const struct http_request *request);
bool http_request_is_tls(const struct http_request *request);       /* of this connection itself */
const char *http_request_allow(const struct http_request *request); /* "" unless refused by 405 */
const char *http_request_content_type(const struct http_request *request); /* "" when absent */
bool http_request_is_form(const struct http_request *request);
struct bytes http_request_body(const struct http_request *request); /* of anything but a form */
/* The same memory for a handler that decodes a body in place; NULL for a form. */
uint8_t *http_request_body_memory(struct http_request *request);
/* The parts of a form in their order, i below the count. */
size_t http_request_part_count(const struct http_request *request);
const struct http_part *http_request_part_at(const struct http_request *request, size_t i);
/* The only part of that name; NULL when there is none or more than one. */
const struct http_part *http_request_part(const struct http_request *request, const char *name);
/* A header field's value; only in a handler, before http_request_defer. */
bool http_request_header(struct str *out, const struct http_request *request,
                         const char *name) MUST_USE;
/* Every field of that name in the order sent, at most `max` of them; returns how many there are. */
size_t http_request_header_all(struct str *out, size_t max, const struct http_request *request,
                               const char *name);
bool http_request_parameter(struct str *out, const struct http_request *request,
                            const char *name) MUST_USE;
/* A member of the query, percent-decoded: see http_query_find(). */
enum status http_request_query(char *out, size_t size, const struct http_request *request,
                               const char *name, struct err *err) MUST_USE;
/* `size` zeroed bytes for the handler's own use, the same ones on each call. */
void *http_request_scratch(struct http_request *request, size_t size);
/* `size` zeroed bytes that live as long as the request and are passed to `done`. */
void *http_request_context(struct http_request *request, size_t size);
/* Only in `admit`: no handler will see the request, `refuse` answers it with this status.  The
 * first reason counts.  retry_after_s 0: no Retry-After field. */
void http_request_reject(struct http_request *request, unsigned status, unsigned retry_after_s,
                         const char *detail);
/* The answer will come later, from any thread. */
void http_request_defer(struct http_request *request);
/* The client has closed its connection: an answer would reach nobody.  Any thread. */
bool http_request_gone(const struct http_request *request);

struct http_answer {
    unsigned status;
    const char *content_type; /* a constant */
    struct bytes body;        /* copied, unless it is in the request's own buffer */
    const char *allow;        /* Allow field or NULL; copied */
    unsigned retry_after_s;   /* 0: no Retry-After field */
    unsigned tag;             /* passed to `done` */
};

/* The answer's own buffer, empty: what is written here and passed as the body is not copied. */
struct buf *http_request_buffer(struct http_request *request);
/* Adds a header field to the answer, in place of a default field of the same name.  `name` is a
 * constant, `value` is copied; a value with control bytes or over HTTP_FIELD_MAX is dropped. */
void http_answer_field(struct http_request *request, const char *name, const char *value);
/* Exactly once a request; it must not be used afterwards.  Any thread. */
void http_answer(struct http_request *request, const struct http_answer *answer);
