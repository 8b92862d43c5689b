/* http/server.c - the only file that knows libmicrohttpd: its callbacks to the phases of a request.
 * Owns the daemon and its connections.  Must not know what routes do.
 * Threads: the callbacks run on the daemon's threads; http_answer, quiesce and wait_idle on any. */
#include <errno.h>
#include <fcntl.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/rng.h"
#include "http/listen.h"
#include "http/parameter.h"
#include "http/request.h"
#include "http/tls.h"
#include "http/watch.h"

#define CONNECTION_MEMORY (64u << 10) /* heads, and half of it at a time of a body */
#define HEAD_MAX          (32u << 10)
#define RETRY_AFTER_S     1
#define ANSWER_TIMEOUT_MS 30000 /* for a client that does not read its answer */

struct http_server {
    struct MHD_Daemon *daemon;
    struct http_options options;
    unsigned port;
    struct http_pool pool;
    struct http_watchlist watchlist;
    struct http_tls *tls; /* NULL: plain */
    _Atomic uint64_t request_count;
    _Atomic size_t bodies_bytes; /* announced bodies under way */
    _Atomic bool quiet;          /* quiesced */
    int listen_fd;               /* the daemon's until it is quiesced */
    int nowhere_fd;              /* its number afterwards; 0: there is none */
    pthread_mutex_t lock;        /* guards the counts */
    pthread_cond_t idle;         /* one of them became 0 */
    size_t active_count;         /* requests */
    size_t connection_count;
};

static const struct http_limits limits_default = {
    .connections_max = 1024,
    .bodies_bytes_max = 256u << 20,
    .discard_bytes_max = 32u << 20,
    .head_timeout_ms = 10000,
    .body_timeout_ms = 30000,
    .idle_timeout_ms = 60000,
};

/* ---- requests under way ---- */

static void enter(struct http_server *server, struct http_request *request)
{
    (void)pthread_mutex_lock(&server->lock);
    server->active_count++;
    (void)pthread_mutex_unlock(&server->lock);
    request->active = true;
}

static void leave(struct http_server *server, struct http_request *request)
{
    if (!request->active)
        return;
    (void)pthread_mutex_lock(&server->lock);
    if (--server->active_count == 0)
        (void)pthread_cond_broadcast(&server->idle);
    (void)pthread_mutex_unlock(&server->lock);
    request->active = false;
}

/* `count` is guarded by the server's lock. */
static bool wait_for_none(struct http_server *server, const size_t *count, unsigned timeout_ms)
{
    struct timespec until;
    int error = 0;

    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += timeout_ms / 1000;
    until.tv_nsec += (long)(timeout_ms % 1000) * 1000000;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    (void)pthread_mutex_lock(&server->lock);
    while (*count > 0 && error != ETIMEDOUT)
        error = pthread_cond_timedwait(&server->idle, &server->lock, &until);
    bool none = *count == 0;
    (void)pthread_mutex_unlock(&server->lock);
    return none;
}

bool http_server_wait_idle(struct http_server *server, unsigned timeout_ms)
{
    return wait_for_none(server, &server->active_count, timeout_ms);
}

bool http_server_wait_closed(struct http_server *server, unsigned timeout_ms)
{
    return wait_for_none(server, &server->connection_count, timeout_ms);
}

static void count_connection(struct http_server *server, bool opened)
{
    (void)pthread_mutex_lock(&server->lock);
    if (opened)
        server->connection_count++;
    else if (--server->connection_count == 0)
        (void)pthread_cond_broadcast(&server->idle);
    (void)pthread_mutex_unlock(&server->lock);
}

/* ---- answers ---- */

static void report(struct http_server *server, const struct http_request *request, unsigned status)
{
    const struct http_done done = {
        .request_id = request->id,
        .method = str_of(request->method),
        .path = {request->path, request->path_len},
        .route = request->route,
        .status = status,
        .tag = request->tag,
        .duration_us = clock_monotonic_us(server->options.clock) - request->started_us,
        .body_len = request->body_len,
        .answer_len = status ? request->answer.len : 0,
        .peer = request->peer,
        .context = request->context,
    };

    server->options.done(server->options.payload, &done);
}

/* What every answer carries unless its handler says otherwise. */
static const struct {
    const char *name, *value;
} default_fields[] = {
    {"X-Content-Type-Options", "nosniff"},
    {"X-Frame-Options", "DENY"},
    {"Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"},
    {"Referrer-Policy", "no-referrer"},
    {"Cache-Control", "no-store"},
};

static bool is_replaced(const struct http_request *request, const char *name)
{
    for (size_t i = 0; i < request->field_count; i++)
        if (http_str_is(str_of(request->fields[i].name), name))
            return true;
    return false;
}

static void add_fields(struct MHD_Response *response, const struct http_request *request)
{
    char number[16];

    (void)MHD_add_response_header(response, "Content-Type", request->answer_type);
    (void)MHD_add_response_header(response, "X-Request-ID", request->id);
    for (size_t i = 0; i < ARRAY_LEN(default_fields); i++)
        if (!is_replaced(request, default_fields[i].name))
            (void)MHD_add_response_header(response, default_fields[i].name,
                                          default_fields[i].value);
    for (size_t i = 0; i < request->field_count; i++)
        (void)MHD_add_response_header(response, request->fields[i].name, request->fields[i].value);
    if (request->allow[0])
        (void)MHD_add_response_header(response, "Allow", request->allow);
    if (request->retry_after_s) {
        (void)snprintf(number, sizeof number, "%u", request->retry_after_s);
        (void)MHD_add_response_header(response, "Retry-After", number);
    }
    if (request->close || atomic_load(&request->server->quiet))
        (void)MHD_add_response_header(response, "Connection", "close");
}

/* On a daemon thread.  The response borrows the request's buffer, which lives until on_completed.
 */
static enum MHD_Result send_answer(struct http_request *request)
{
    static uint8_t nothing;
    struct http_server *server = request->server;
    struct MHD_Response *response = MHD_create_response_from_buffer(
        request->answer.len, request->answer.at ? request->answer.at : &nothing,
        MHD_RESPMEM_PERSISTENT);

    if (!response)
        return MHD_NO; /* out of memory: the connection closes */
    add_fields(response, request);
    request->phase = HTTP_PHASE_ANSWERED;
    http_watch_arm(&server->watchlist, request->watch, ANSWER_TIMEOUT_MS, false);
    enum MHD_Result result = MHD_queue_response(request->connection, request->status, response);
    MHD_destroy_response(response);
    return result;
}

void http_answer(struct http_request *request, const struct http_answer *answer)
{
    bool deferred = request->phase == HTTP_PHASE_DEFERRED;

    REQUIRE(!request->answered);
    request->answered = true;
    request->status = answer->status;
    request->answer_type = answer->content_type;
    if (answer->retry_after_s)
        request->retry_after_s = answer->retry_after_s;
    request->tag = answer->tag;
    if (answer->body.at != request->answer.at) {
        buf_reset(&request->answer);
        buf_add(&request->answer, answer->body.at, answer->body.len);
    }
    if (answer->allow && answer->allow != request->allow)
        (void)snprintf(request->allow, sizeof request->allow, "%s", answer->allow);
    if (deferred)
        MHD_resume_connection(request->connection); /* from here on it is the daemon's again */
}

void http_request_defer(struct http_request *request)
{
    request->phase = HTTP_PHASE_DEFERRED;
    MHD_suspend_connection(request->connection);
}

static enum MHD_Result refuse_now(struct http_request *request)
{
    struct http_options *options = &request->server->options;

    options->refuse(options->payload, request, request->refusal, request->detail);
    REQUIRE(request->answered);
    return send_answer(request);
}

/* ---- head ---- */

struct field_list {
    struct http_gate_field fields[HTTP_HEADERS_MAX];
    size_t count;
};

static enum MHD_Result add_field(void *payload, enum MHD_ValueKind kind, const char *name,
                                 size_t name_len, const char *value, size_t value_len)
{
    struct field_list *list = payload;

    (void)kind;
    if (list->count < HTTP_HEADERS_MAX)
        list->fields[list->count] = (struct http_gate_field){
            .name = {.at = name, .len = name_len},
            .value = {.at = value ? value : "", .len = value ? value_len : 0},
        };
    list->count++;
    return MHD_YES;
}

/* Bytes that mean something wherever they stand in a head. */
static size_t count_visible(const char *at, size_t len)
{
    size_t count = 0;

    for (size_t i = 0; i < len; i++)
        count += (unsigned char)at[i] > ' ' && at[i] != ':';
    return count;
}

static size_t head_size(const struct http_request *request)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(request->connection, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);

    return info ? info->header_size : 0;
}

/* The transport drops a last field that is folded over two lines, and what follows a NUL: somebody
 * in front of us may have read it.  So whatever is in its memory from the version to the end of
 * the head must be in what it gave us. */
static bool is_whole(const struct http_request *request, const char *method, const char *version,
                     const struct field_list *list)
{
    uintptr_t start = (uintptr_t)version;
    uintptr_t end = (uintptr_t)method + head_size(request);
    size_t given = count_visible(version, strlen(version));

    if (start < (uintptr_t)method || end < start || end - start > CONNECTION_MEMORY)
        return false;
    for (size_t i = 0; i < MIN_OF(list->count, HTTP_HEADERS_MAX); i++)
        given += count_visible(list->fields[i].name.at, list->fields[i].name.len) +
                 count_visible(list->fields[i].value.at, list->fields[i].value.len);
    return list->count > HTTP_HEADERS_MAX || count_visible(version, end - start) == given;
}

static struct str path_of(const struct http_request *request)
{
    return (struct str){.at = request->path, .len = request->path_len};
}

static void find_route(struct http_request *request)
{
    const struct http_options *options = &request->server->options;
    unsigned found =
        http_route_find(&request->route, request->allow, options->routes, options->route_count,
                        str_of(request->method), path_of(request));

    if (found == 404)
        http_request_refuse(request, 404, "there is nothing at this path");
    if (found == 405)
        http_request_refuse(request, 405, "this path does not take this method");
}

static void check_body_size(struct http_request *request, size_t body_max)
{
    char detail[HTTP_DETAIL_SIZE];

    if (request->body_len <= body_max)
        return;
    if (body_max == 0)
        (void)snprintf(detail, sizeof detail, "this path takes no body");
    else
        (void)snprintf(detail, sizeof detail, "the body has %llu bytes, the limit is %zu",
                       (unsigned long long)request->body_len, body_max);
    http_request_refuse(request, 413, detail);
}

/* Room for the body, counted against that of all requests together. */
static void admit_body(struct http_request *request)
{
    struct http_server *server = request->server;
    size_t len = (size_t)request->body_len;
    struct err err;

    size_t before = atomic_fetch_add(&server->bodies_bytes, len);
    request->charged = len;
    if (before + len > server->options.limits.bodies_bytes_max ||
        http_request_reserve(request, len, &err) != ST_OK) {
        request->retry_after_s = RETRY_AFTER_S;
        http_request_refuse(request, 503, "too many uploads are under way");
        return;
    }
    if (http_multipart_is_form(str_of(request->content_type)) &&
        http_request_start_form(request, &err) != ST_OK)
        http_request_refuse(request, 400, err.msg);
}

/* True when the head lets the connection go on; false when it has to be answered and closed. */
static bool read_head(struct http_request *request, const char *method, const char *version)
{
    struct field_list list = {.count = 0};
    struct http_gate_pass pass = {0};
    struct str proposed_id = {0};
    struct err err;

    (void)MHD_get_connection_values_n(request->connection, MHD_HEADER_KIND, add_field, &list);
    if (!http_request_header(&proposed_id, request, "X-Request-ID"))
        proposed_id = (struct str){0};
    uint64_t number = atomic_fetch_add(&request->server->request_count, 1);
    struct rng rng = rng_derive(request->server->options.request_id_seed, number);
    http_request_set_id(request, proposed_id, rng_u64(&rng));

    const struct http_gate_head head = {
        .method = str_of(request->method),
        .version = str_of(version),
        .uri_len = request->uri_len,
        .fields = list.fields,
        .field_count = list.count,
    };
    unsigned refusal = http_gate_check(&pass, &head, &err);
    if (!refusal && !is_whole(request, method, version, &list)) {
        (void)err_set(&err, ST_INVALID, "the head has a folded field or a NUL");
        refusal = 400;
    }
    if (!refusal && head_size(request) > HEAD_MAX) {
        (void)err_set(&err, ST_LIMIT, "the head has %zu bytes, the limit is %u", head_size(request),
                      HEAD_MAX);
        refusal = 431;
    }
    if (refusal) {
        http_request_refuse(request, refusal, err.msg);
        return false;
    }
    request->body_len = pass.body_len;
    size_t type_len = MIN_OF(pass.content_type.len, sizeof request->content_type - 1);
    (void)snprintf(request->content_type, sizeof request->content_type, "%.*s", (int)type_len,
                   type_len ? pass.content_type.at : "");
    find_route(request);
    if (!request->refusal)
        check_body_size(request, request->server->options.routes[request->route].body_max);
    if (request->server->options.admit)
        request->server->options.admit(request->server->options.payload, request);
    if (!request->refusal && request->body_len)
        admit_body(request);
    return !(request->refusal && request->body_len &&
             (pass.expects_continue ||
              request->body_len > request->server->options.limits.discard_bytes_max));
}

/* ---- callbacks ---- */

static void read_peer(struct http_request *request)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(request->connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    const struct sockaddr *address = info ? info->client_addr : NULL;
    struct sockaddr_in6 six;
    struct sockaddr_in four;

    if (address && address->sa_family == AF_INET6) {
        memcpy(&six, address, sizeof six);
        memcpy(request->peer, &six.sin6_addr, sizeof request->peer);
    } else if (address && address->sa_family == AF_INET) {
        memcpy(&four, address, sizeof four);
        memset(request->peer + 10, 0xff, 2);
        memcpy(request->peer + 12, &four.sin_addr, 4);
    }
}

/* The request line is there.  The raw URI is kept: no decoding means nothing to decode twice. */
static void *on_uri(void *payload, const char *uri, struct MHD_Connection *connection)
{
    struct http_server *server = payload;
    struct http_request *request = http_pool_take(&server->pool);
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

    request->server = server;
    request->connection = connection;
    request->watch = info->socket_context;
    request->fd = request->watch->fd;
    request->is_tls = server->tls != NULL;
    read_peer(request);
    request->started_us = clock_monotonic_us(server->options.clock);
    request->uri_len = strlen(uri);
    size_t kept = MIN_OF(request->uri_len, sizeof request->path - 2);
    memcpy(request->path, uri, kept);
    request->path[kept] = '\0';
    request->path_len = strcspn(request->path, "?");
    request->path[request->path_len] = '\0'; /* in place of the question mark */
    request->query_len = kept > request->path_len ? kept - request->path_len - 1 : 0;
    return request;
}

static enum MHD_Result on_head(struct http_request *request, const char *method,
                               const char *version)
{
    struct http_server *server = request->server;

    (void)snprintf(request->method, sizeof request->method, "%s", method);
    enter(server, request);
    if (!read_head(request, method, version)) {
        request->close = true;
        return refuse_now(request);
    }
    request->phase = request->refusal ? HTTP_PHASE_DISCARD : HTTP_PHASE_BODY;
    http_watch_arm(&server->watchlist, request->watch,
                   request->body_len ? server->options.limits.body_timeout_ms : 0, true);
    return MHD_YES; /* an answer on the first call would cost the client its connection */
}

/* The request is complete: to its handler, or refused. */
static enum MHD_Result on_complete_request(struct http_request *request)
{
    struct http_server *server = request->server;

    http_watch_arm(&server->watchlist, request->watch, 0, false);
    http_request_end_body(request);
    if (request->refusal)
        return refuse_now(request);
    server->options.routes[request->route].handle(server->options.payload, request);
    /* A deferred request may already be answered, by another thread: hands off. */
    if (request->phase == HTTP_PHASE_DEFERRED)
        return MHD_YES;
    REQUIRE(request->answered);
    return send_answer(request);
}

static enum MHD_Result on_request(void *payload, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *upload,
                                  size_t *upload_len, void **state)
{
    struct http_request *request = *state;

    (void)payload;
    (void)connection;
    (void)url;
    switch (request->phase) {
    case HTTP_PHASE_HEAD:
        return on_head(request, method, version);
    case HTTP_PHASE_BODY:
    case HTTP_PHASE_DISCARD:
        if (*upload_len == 0)
            return on_complete_request(request);
        http_request_feed(request, (struct bytes){(const uint8_t *)upload, *upload_len});
        *upload_len = 0;
        return MHD_YES;
    case HTTP_PHASE_DEFERRED:
        return send_answer(request);
    case HTTP_PHASE_ANSWERED:
        break;
    }
    return MHD_NO;
}

/* Refused by the transport itself, before any of our code: malformed, or larger than its memory. */
static unsigned transport_status(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_HTTP_STATUS);

    return info && info->http_status ? info->http_status : 400;
}

static void on_completed(void *payload, struct MHD_Connection *connection, void **state,
                         enum MHD_RequestTerminationCode code)
{
    struct http_server *server = payload;
    struct http_request *request = *state;

    if (!request)
        return;
    *state = NULL;
    if (request->phase == HTTP_PHASE_ANSWERED) {
        report(server, request, request->status); /* only now: nobody waits for it */
    } else {
        bool expired = http_watch_expired(&server->watchlist, request->watch);
        bool refused = code == MHD_REQUEST_TERMINATED_COMPLETED_OK;
        report(server, request, expired ? 408 : refused ? transport_status(connection) : 0);
    }
    atomic_fetch_sub(&server->bodies_bytes, request->charged);
    http_watch_arm(&server->watchlist, request->watch, server->options.limits.idle_timeout_ms,
                   false);
    leave(server, request);
    http_pool_give(&server->pool, request);
}

/* A new session gets the newest certificate. */
static void enter_tls(struct http_server *server, struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_GNUTLS_SESSION);
    bool changed = false;
    struct err err;

    enum status st = http_tls_follow(server->tls, &changed, &err);
    if (changed && server->options.tls_read)
        server->options.tls_read(server->options.payload, st == ST_OK ? NULL : &err);
    http_tls_enter(server->tls, info->tls_session);
}

static void on_connection(void *payload, struct MHD_Connection *connection, void **state,
                          enum MHD_ConnectionNotificationCode code)
{
    struct http_server *server = payload;

    count_connection(server, code != MHD_CONNECTION_NOTIFY_CLOSED);
    if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
        http_watch_remove(&server->watchlist, *state);
        *state = NULL;
        return;
    }
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    struct http_watch *watch = http_watch_add(&server->watchlist, info->connect_fd);
    http_watch_arm(&server->watchlist, watch, server->options.limits.head_timeout_ms, true);
    *state = watch;
    if (server->tls)
        enter_tls(server, connection);
}

/* ---- life ---- */

static void apply_defaults(struct http_options *options)
{
    struct http_limits *limits = &options->limits;

    if (!limits->connections_max)
        limits->connections_max = limits_default.connections_max;
    if (!limits->bodies_bytes_max)
        limits->bodies_bytes_max = limits_default.bodies_bytes_max;
    if (!limits->discard_bytes_max)
        limits->discard_bytes_max = limits_default.discard_bytes_max;
    if (!limits->head_timeout_ms)
        limits->head_timeout_ms = limits_default.head_timeout_ms;
    if (!limits->body_timeout_ms)
        limits->body_timeout_ms = limits_default.body_timeout_ms;
    if (!limits->idle_timeout_ms)
        limits->idle_timeout_ms = limits_default.idle_timeout_ms;
    if (!options->thread_count)
        options->thread_count = 1;
}

static struct MHD_Daemon *start_daemon(struct http_server *server, int listen_fd)
{
    const struct http_limits *limits = &server->options.limits;
    const struct MHD_OptionItem threads[] = {
        {MHD_OPTION_THREAD_POOL_SIZE, (intptr_t)server->options.thread_count, NULL},
        {MHD_OPTION_END, 0, NULL},
    };
    const struct MHD_OptionItem tls[] = {
        {MHD_OPTION_HTTPS_MEM_CERT, 0, (void *)(uintptr_t)http_tls_certificate(server->tls)},
        {MHD_OPTION_HTTPS_MEM_KEY, 0, (void *)(uintptr_t)http_tls_key(server->tls)},
        {MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)(uintptr_t)http_tls_priorities(server->tls)},
        {MHD_OPTION_END, 0, NULL},
    };
    unsigned idle_s = MAX_OF(limits->idle_timeout_ms, limits->body_timeout_ms) / 1000 + 2;

    return MHD_start_daemon(
        MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ITC |
            (server->tls ? MHD_USE_TLS : 0),
        0, NULL, NULL, on_request, server, MHD_OPTION_LISTEN_SOCKET, listen_fd,
        MHD_OPTION_URI_LOG_CALLBACK, on_uri, server, MHD_OPTION_NOTIFY_COMPLETED, on_completed,
        server, MHD_OPTION_NOTIFY_CONNECTION, on_connection, server, MHD_OPTION_STRICT_FOR_CLIENT,
        1, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY,
        MHD_OPTION_CONNECTION_LIMIT, limits->connections_max, MHD_OPTION_PER_IP_CONNECTION_LIMIT,
        limits->address_max, MHD_OPTION_CONNECTION_TIMEOUT, idle_s, MHD_OPTION_ARRAY,
        server->options.thread_count > 1 ? threads : threads + 1, MHD_OPTION_ARRAY,
        server->tls ? tls : threads + 1, MHD_OPTION_END);
}

enum status http_server_open(struct http_server **out, const struct http_options *options,
                             struct err *err)
{
    pthread_condattr_t monotonic;
    int listen_fd = -1;
    unsigned port = 0;
    enum status st = ST_OK;

    if (options->listen_fd > 0) {
        listen_fd = options->listen_fd;
        st = http_listen_adopt(listen_fd, &port, err);
    } else {
        st = http_listen(&listen_fd, &port, options->listen, err);
    }
    if (st != ST_OK)
        return st;
    struct http_server *server = mem_alloc(1, sizeof *server);
    server->options = *options;
    server->port = port;
    server->listen_fd = listen_fd;
    apply_defaults(&server->options);
    if (options->tls.certificate)
        st = http_tls_open(&server->tls, &options->tls, options->clock, err);
    if (st == ST_OK)
        st = http_watch_start(&server->watchlist, server->options.clock, err);
    if (st != ST_OK) {
        (void)close(listen_fd);
        http_tls_close(server->tls);
        mem_free(server);
        return st;
    }
    server->watchlist.silent = server->tls != NULL;
    http_pool_init(&server->pool);
    (void)pthread_mutex_init(&server->lock, NULL);
    (void)pthread_condattr_init(&monotonic);
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&server->idle, &monotonic);
    (void)pthread_condattr_destroy(&monotonic);
    server->daemon = start_daemon(server, listen_fd);
    if (!server->daemon) {
        (void)close(listen_fd);
        http_server_close(server);
        return err_set(err, ST_IO, "the HTTP transport does not start on '%.100s'",
                       options->listen);
    }
    *out = server;
    return ST_OK;
}

enum status http_server_reload_tls(struct http_server *server, struct err *err)
{
    return server->tls ? http_tls_reload(server->tls, err) : ST_OK;
}

unsigned http_server_port(const struct http_server *server)
{
    return server->port;
}

int http_server_listen_fd(const struct http_server *server)
{
    return server->listen_fd;
}

/* Connections are refused from now on, unless a successor has the socket, too.  But the daemon's
 * thread may still use the number, so it must not become another file's before that has ended: it
 * stands for a socket that nobody reaches. */
static void let_go(struct http_server *server, int listen_fd)
{
    int nowhere = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (nowhere >= 0 && dup2(nowhere, listen_fd) == listen_fd) {
        (void)fcntl(listen_fd, F_SETFD, FD_CLOEXEC);
        server->nowhere_fd = listen_fd;
    } else {
        (void)close(listen_fd);
    }
    if (nowhere >= 0)
        (void)close(nowhere);
}

void http_server_quiesce(struct http_server *server)
{
    if (atomic_exchange(&server->quiet, true))
        return;
    MHD_socket listen_fd = MHD_quiesce_daemon(server->daemon);
    if (listen_fd != MHD_INVALID_SOCKET)
        let_go(server, listen_fd);
}

void http_server_close(struct http_server *server)
{
    if (!server)
        return;
    if (server->daemon) {
        http_server_quiesce(server);
        MHD_stop_daemon(server->daemon);
    }
    if (server->nowhere_fd)
        (void)close(server->nowhere_fd);
    http_watch_stop(&server->watchlist);
    http_tls_close(server->tls);
    http_pool_fini(&server->pool);
    (void)pthread_cond_destroy(&server->idle);
    (void)pthread_mutex_destroy(&server->lock);
    mem_free(server);
}

/* ---- request, the part that asks the transport ---- */

bool http_request_header(struct str *out, const struct http_request *request, const char *name)
{
    const char *value = MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, name);

    if (!value)
        return false;
    *out = str_of(value);
    return true;
}

struct named_fields {
    struct str *out;
    size_t max, count;
    const char *name;
};

static enum MHD_Result add_named(void *payload, enum MHD_ValueKind kind, const char *name,
                                 const char *value)
{
    struct named_fields *fields = payload;

    (void)kind;
    if (!http_str_is(str_of(name), fields->name))
        return MHD_YES;
    if (fields->count < fields->max)
        fields->out[fields->count] = str_of(value ? value : "");
    fields->count++;
    return MHD_YES;
}

size_t http_request_header_all(struct str *out, size_t max, const struct http_request *request,
                               const char *name)
{
    struct named_fields fields = {.out = out, .max = max, .name = name};

    (void)MHD_get_connection_values(request->connection, MHD_HEADER_KIND, add_named, &fields);
    return fields.count;
}

bool http_request_parameter(struct str *out, const struct http_request *request, const char *name)
{
    const struct http_route *route = &request->server->options.routes[request->route];

    return http_route_parameter(out, route->path, path_of(request), name);
}
