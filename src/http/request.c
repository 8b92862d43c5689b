#include "http/request.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/mem.h"
#include "http/query.h"

_Static_assert(sizeof((struct http_part *)0)->name == HTTP_PART_NAME_SIZE, "same size");
_Static_assert(sizeof((struct http_part *)0)->filename == HTTP_PART_FILENAME_SIZE, "same size");

/* ---- pool ---- */

void http_pool_init(struct http_pool *pool)
{
    *pool = (struct http_pool){0};
    (void)pthread_mutex_init(&pool->lock, NULL);
}

static void free_request(struct http_request *request)
{
    mem_free(request->body);
    buf_fini(&request->answer);
    mem_free(request);
}

void http_pool_fini(struct http_pool *pool)
{
    while (pool->free) {
        struct http_request *request = pool->free;
        pool->free = request->next_free;
        free_request(request);
    }
    (void)pthread_mutex_destroy(&pool->lock);
}

/* Back to the first state; the buffers keep their memory.  The large arrays are not cleared:
 * their lengths say what is valid. */
static void reset(struct http_request *request)
{
    request->server = NULL;
    request->connection = NULL;
    request->watch = NULL;
    request->fd = -1;
    request->phase = HTTP_PHASE_HEAD;
    request->active = false;
    request->started_us = 0;
    request->next_free = NULL;
    request->id[0] = request->method[0] = request->path[0] = request->content_type[0] = '\0';
    request->allow[0] = request->detail[0] = '\0';
    request->path_len = request->query_len = request->uri_len = 0;
    request->field_count = 0;
    request->route = HTTP_ROUTE_NONE;
    request->refusal = 0;
    request->body_len = 0;
    request->charged = request->body_used = request->part_count = 0;
    request->is_form = request->is_tls = request->answered = request->close = false;
    memset(request->peer, 0, sizeof request->peer);
    memset(request->context, 0, sizeof request->context);
    request->status = request->tag = request->retry_after_s = 0;
    request->answer_type = NULL;
    buf_reset(&request->answer);
    memset(request->scratch, 0, sizeof request->scratch);
}

struct http_request *http_pool_take(struct http_pool *pool)
{
    (void)pthread_mutex_lock(&pool->lock);
    struct http_request *request = pool->free;
    if (request) {
        pool->free = request->next_free;
        pool->count--;
        pool->bodies_bytes -= request->body_capacity;
    }
    (void)pthread_mutex_unlock(&pool->lock);
    if (!request) {
        request = mem_alloc(1, sizeof *request);
        buf_init(&request->answer, HTTP_ANSWER_MAX);
    }
    reset(request);
    return request;
}

void http_pool_give(struct http_pool *pool, struct http_request *request)
{
    if (request->answer.capacity > HTTP_POOL_ANSWER)
        buf_fini(&request->answer);
    (void)pthread_mutex_lock(&pool->lock);
    if (request->body_capacity > HTTP_POOL_BODY ||
        request->body_capacity > HTTP_POOL_BODIES - pool->bodies_bytes) {
        mem_free(request->body);
        request->body = NULL;
        request->body_capacity = 0;
    }
    bool keep = pool->count < HTTP_POOL_MAX;
    if (keep) {
        request->next_free = pool->free;
        pool->free = request;
        pool->count++;
        pool->bodies_bytes += request->body_capacity;
    }
    (void)pthread_mutex_unlock(&pool->lock);
    if (!keep)
        free_request(request);
}

/* ---- body ---- */

void http_request_refuse(struct http_request *request, unsigned status, const char *detail)
{
    if (request->refusal)
        return; /* the first reason is the telling one */
    request->refusal = status;
    (void)snprintf(request->detail, sizeof request->detail, "%s", detail);
}

enum status http_request_reserve(struct http_request *request, size_t len, struct err *err)
{
    if (len <= request->body_capacity)
        return ST_OK;
    mem_free(request->body); /* empty: nothing to keep, so nothing is copied */
    request->body_capacity = 0;
    request->body = mem_try_resize(NULL, len, 1);
    if (!request->body)
        return err_set(err, ST_NOMEM, "no room for a body of %zu bytes", len);
    request->body_capacity = len;
    return ST_OK;
}

static bool append(struct http_request *request, struct bytes data)
{
    if (data.len > request->body_capacity - request->body_used)
        return false; /* cannot be: the transport stops at the announced length */
    memcpy(request->body + request->body_used, data.at, data.len);
    request->body_used += data.len;
    return true;
}

static enum status begin_part(void *payload, const struct http_part_head *head, struct err *err)
{
    struct http_request *request = payload;

    if (request->part_count == HTTP_PARTS_MAX)
        return err_set(err, ST_LIMIT, "the form has over %d parts", HTTP_PARTS_MAX);
    struct http_part *part = &request->parts[request->part_count++];
    memcpy(part->name, head->name, sizeof part->name);
    memcpy(part->filename, head->filename, sizeof part->filename);
    part->data = (struct bytes){.at = request->body + request->body_used, .len = 0};
    return ST_OK;
}

static enum status add_to_part(void *payload, struct bytes data, struct err *err)
{
    struct http_request *request = payload;

    if (!append(request, data))
        return err_set(err, ST_LIMIT, "the form is over %zu bytes", request->body_capacity);
    request->parts[request->part_count - 1].data.len += data.len;
    return ST_OK;
}

static enum status end_part(void *payload, struct err *err)
{
    (void)payload;
    (void)err;
    return ST_OK;
}

enum status http_request_start_form(struct http_request *request, struct err *err)
{
    const struct http_multipart_sink sink = {
        .payload = request, .begin = begin_part, .data = add_to_part, .end = end_part};
    char boundary[HTTP_BOUNDARY_MAX + 1];

    if (http_multipart_boundary(boundary, str_of(request->content_type), err) != ST_OK)
        return ST_INVALID;
    http_multipart_init(&request->parser, boundary, &sink);
    request->is_form = true;
    return ST_OK;
}

static void refuse_form(struct http_request *request, enum status st, const struct err *err)
{
    unsigned http_status = st == ST_LIMIT ? 413 : st == ST_UNSUPPORTED ? 415 : 400;

    http_request_refuse(request, http_status, err->msg);
}

void http_request_feed(struct http_request *request, struct bytes chunk)
{
    struct err err;

    if (request->refusal)
        return;
    if (request->is_form) {
        enum status st = http_multipart_feed(&request->parser, chunk, &err);
        if (st != ST_OK)
            refuse_form(request, st, &err);
    } else if (!append(request, chunk)) {
        http_request_refuse(request, 413, "the body is longer than announced");
    }
}

void http_request_end_body(struct http_request *request)
{
    struct err err;

    if (!request->refusal && request->is_form &&
        http_multipart_finish(&request->parser, &err) != ST_OK)
        refuse_form(request, ST_INVALID, &err);
}

/* ---- what handlers see ---- */

static bool id_is_sane(struct str text)
{
    if (text.len == 0 || text.len >= HTTP_ID_SIZE)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.at[i];
        bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!plain && c != '-' && c != '_' && c != '.')
            return false;
    }
    return true;
}

void http_request_set_id(struct http_request *request, struct str proposed, uint64_t number)
{
    if (id_is_sane(proposed))
        (void)snprintf(request->id, sizeof request->id, "%.*s", (int)proposed.len, proposed.at);
    else
        (void)snprintf(request->id, sizeof request->id, "%016" PRIx64, number);
}

const char *http_request_id(const struct http_request *request)
{
    return request->id;
}

size_t http_request_route(const struct http_request *request)
{
    return request->route;
}

struct str http_request_method(const struct http_request *request)
{
    return str_of(request->method);
}

const uint8_t *http_request_peer(const struct http_request *request)
{
    return request->peer;
}

bool http_request_is_tls(const struct http_request *request)
{
    return request->is_tls;
}

const char *http_request_allow(const struct http_request *request)
{
    return request->allow;
}

struct str http_request_path(const struct http_request *request)
{
    return (struct str){.at = request->path, .len = request->path_len};
}

const char *http_request_content_type(const struct http_request *request)
{
    return request->content_type;
}

bool http_request_is_form(const struct http_request *request)
{
    return request->is_form;
}

struct bytes http_request_body(const struct http_request *request)
{
    return (struct bytes){.at = request->body, .len = request->is_form ? 0 : request->body_used};
}

uint8_t *http_request_body_memory(struct http_request *request)
{
    return request->is_form ? NULL : request->body;
}

size_t http_request_part_count(const struct http_request *request)
{
    return request->part_count;
}

const struct http_part *http_request_part_at(const struct http_request *request, size_t i)
{
    REQUIRE(i < request->part_count);
    return &request->parts[i];
}

const struct http_part *http_request_part(const struct http_request *request, const char *name)
{
    const struct http_part *found = NULL;

    for (size_t i = 0; i < request->part_count; i++) {
        if (strcmp(request->parts[i].name, name) != 0)
            continue;
        if (found)
            return NULL;
        found = &request->parts[i];
    }
    return found;
}

enum status http_request_query(char *out, size_t size, const struct http_request *request,
                               const char *name, struct err *err)
{
    struct str query = {request->path + request->path_len + 1, request->query_len};

    return http_query_find(out, size, query, name, err);
}

void http_answer_field(struct http_request *request, const char *name, const char *value)
{
    size_t len = strlen(value);
    bool sane = len <= HTTP_FIELD_MAX;

    for (size_t i = 0; sane && i < len; i++)
        sane = (unsigned char)value[i] >= ' ' && value[i] != 127;
    if (!sane)
        return;
    REQUIRE(request->field_count < HTTP_FIELDS_MAX);
    struct http_answer_field *field = &request->fields[request->field_count++];
    field->name = name;
    memcpy(field->value, value, len + 1);
}

struct buf *http_request_buffer(struct http_request *request)
{
    return &request->answer;
}

void *http_request_scratch(struct http_request *request, size_t size)
{
    REQUIRE(size <= sizeof request->scratch);
    return request->scratch;
}

void *http_request_context(struct http_request *request, size_t size)
{
    REQUIRE(size <= sizeof request->context);
    return request->context;
}

void http_request_reject(struct http_request *request, unsigned status, unsigned retry_after_s,
                         const char *detail)
{
    if (request->refusal)
        return;
    http_request_refuse(request, status, detail);
    request->retry_after_s = retry_after_s;
}

bool http_request_gone(const struct http_request *request)
{
    char byte;
    ssize_t got = recv(request->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);

    return got == 0 || (got < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR);
}
