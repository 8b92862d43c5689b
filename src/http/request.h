/* http/request.h - one request inside the server: its head, its body or form, its answer.
 * Owns the buffers, pooled across requests.  Must not know how bytes come and go: `connection` is
 * opaque here.  One thread at a time, handed over with the request. */
#pragma once

#include <pthread.h>

#include "http/gate.h"
#include "http/http.h"
#include "http/multipart.h"
#include "http/route.h"

#define HTTP_ID_SIZE     65
#define HTTP_METHOD_SIZE (HTTP_METHOD_MAX + 2) /* one byte more shows that it is too long */
#define HTTP_TYPE_SIZE   192
#define HTTP_DETAIL_SIZE 224
#define HTTP_ANSWER_MAX  (16u << 20)
#define HTTP_POOL_MAX    16u          /* requests kept for reuse */
#define HTTP_POOL_BODY   (2u << 20)   /* a larger body buffer is given back at once */
#define HTTP_POOL_BODIES (4u << 20)   /* body buffers kept in all */
#define HTTP_POOL_ANSWER (256u << 10) /* a larger answer buffer is given back at once */

struct http_answer_field {
    const char *name;
    char value[HTTP_FIELD_MAX + 1];
};

enum http_phase {
    HTTP_PHASE_HEAD,     /* the request line is there, the head is coming */
    HTTP_PHASE_BODY,     /* the body is coming, and is kept */
    HTTP_PHASE_DISCARD,  /* the body is coming, and is dropped: the request is refused */
    HTTP_PHASE_DEFERRED, /* a handler has it and answers later */
    HTTP_PHASE_ANSWERED, /* the answer is on its way */
};

struct http_request {
    /* transport */
    struct http_server *server;
    void *connection;
    struct http_watch *watch;
    int fd;
    enum http_phase phase;
    bool active;   /* counted as under way */
    bool answered; /* http_answer has been called */
    bool close;    /* the connection ends with the answer */
    bool is_form;  /* the body is read as a form */
    bool is_tls;
    uint8_t peer[HTTP_ADDRESS_LEN];
    int64_t started_us;
    struct http_request *next_free;
    /* head */
    char id[HTTP_ID_SIZE];
    char method[HTTP_METHOD_SIZE];
    char path[HTTP_URI_MAX + 2]; /* as sent; the query follows after the path's NUL */
    size_t path_len;
    size_t query_len;
    size_t uri_len;
    char content_type[HTTP_TYPE_SIZE];
    size_t route; /* HTTP_ROUTE_NONE while unknown */
    /* why no handler will see it; 0: one will */
    unsigned refusal;
    char allow[HTTP_ALLOW_SIZE];
    char detail[HTTP_DETAIL_SIZE];
    /* body: all of it, or the data of all parts of a form one after the other */
    uint64_t body_len; /* announced */
    size_t charged;    /* counted against the bodies of all requests */
    uint8_t *body;
    size_t body_used;
    size_t body_capacity;
    struct http_multipart parser;
    struct http_part parts[HTTP_PARTS_MAX];
    size_t part_count;
    /* answer */
    unsigned status;
    unsigned tag;
    unsigned retry_after_s;
    const char *answer_type;
    struct http_answer_field fields[HTTP_FIELDS_MAX];
    size_t field_count;
    struct buf answer;
    /* the application's, then the handler's */
    _Alignas(16) uint8_t context[HTTP_CONTEXT_MAX];
    _Alignas(16) uint8_t scratch[HTTP_SCRATCH_MAX];
};

struct http_pool {
    pthread_mutex_t lock; /* guards what follows */
    struct http_request *free;
    size_t count;
    size_t bodies_bytes;
};

void http_pool_init(struct http_pool *pool);
void http_pool_fini(struct http_pool *pool);
/* A request in its first state, buffers empty. */
struct http_request *http_pool_take(struct http_pool *pool);
void http_pool_give(struct http_pool *pool, struct http_request *request);

/* Makes room for `len` bytes.  ST_NOMEM. */
enum status http_request_reserve(struct http_request *request, size_t len,
                                 struct err *err) MUST_USE;
/* The next bytes of the body.  A refusal is remembered in the request. */
void http_request_feed(struct http_request *request, struct bytes chunk);
/* The body is complete. */
void http_request_end_body(struct http_request *request);
/* Starts reading the body as a form.  ST_INVALID when the content type has no proper boundary. */
enum status http_request_start_form(struct http_request *request, struct err *err) MUST_USE;
void http_request_refuse(struct http_request *request, unsigned status, const char *detail);
/* `proposed` when it is 1 to 64 of A-Z a-z 0-9 . _ -, otherwise 16 digits made from `number`. */
void http_request_set_id(struct http_request *request, struct str proposed, uint64_t number);
