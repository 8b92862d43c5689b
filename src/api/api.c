#include "api/api.h"

#include "api/access.h"
#include "api/log.h"
#include "api/routes.h"
#include "base/log.h"
#include "base/mem.h"
#include "http/listen.h"

/* clang-format off */
const struct api_route api_routes[] = {
#define ROUTE(method, path, body_max, handler, role, rate, body, answer, tag, summary) \
    {method, path, path, body_max, handler, API_ROLE_##role, API_RATE_##rate, API_BODY_##body, \
     answer, tag, summary},
#define ROUTE_V1(method, path, body_max, handler, role, rate, body, answer, tag, summary) \
    ROUTE(method, path, body_max, handler, role, rate, body, answer, tag, summary) \
    {method, "/v1" path, path, body_max, handler, API_ROLE_##role, API_RATE_##rate, \
     API_BODY_##body, answer, tag, summary},
#include "api/routes.def"
#undef ROUTE
#undef ROUTE_V1
};

const char *const api_endpoints[] = {
#define ROUTE(method, path, ...) path,
#define ROUTE_V1(method, path, ...) path, "/v1" path,
#include "api/routes.def"
#undef ROUTE
#undef ROUTE_V1
};
/* clang-format on */
const size_t api_route_count = ARRAY_LEN(api_routes);
const size_t api_endpoint_count = ARRAY_LEN(api_endpoints);
_Static_assert(ARRAY_LEN(api_endpoints) == ARRAY_LEN(api_routes), "one template a route");

/* Every request that has a route comes through here. */
static void dispatch(void *payload, struct http_request *request)
{
    api_routes[http_request_route(request)].handle(payload, request);
}

static void fill_http_routes(struct http_route *out)
{
    for (size_t i = 0; i < ARRAY_LEN(api_routes); i++)
        out[i] = (struct http_route){
            .method = api_routes[i].method,
            .path = api_routes[i].path,
            .body_max = api_routes[i].body_max,
            .handle = dispatch,
        };
}

static enum service_error error_of(const struct http_done *done)
{
    if (done->tag != SERVICE_ERROR_NONE)
        return (enum service_error)done->tag;
    if (done->status == 408)
        return SERVICE_ERROR_TIMEOUT;
    return done->status >= 400 && done->status < 500 ? SERVICE_ERROR_BAD_REQUEST
                                                     : SERVICE_ERROR_NONE;
}

static void on_done(void *payload, const struct http_done *done)
{
    const struct api_client *client = done->context;
    struct api *api = payload;
    const struct service_request request = {
        .method = done->method,
        .endpoint = done->route,
        .status = done->status,
        .error = error_of(done),
        .duration_us = done->duration_us,
        .received_bytes = done->body_len,
        .sent_bytes = done->answer_len,
        .trace_id = client->is_traced ? client->trace.trace_id : NULL,
    };

    service_count_request(api->options.service, &request);
    api_log_request(done);
    api_access_audit(api, done);
}

static void on_admit(void *payload, struct http_request *request)
{
    api_access_admit(payload, request);
}

static void on_tls_read(void *payload, const struct err *failure)
{
    char quoted[LOG_QUOTED_SIZE];

    (void)payload;
    if (failure)
        log_error("tls.unreadable", "certificate=kept error=%s", log_quote(quoted, failure->msg));
    else
        log_info("tls.read", "certificate=new");
}

/* "127.0.0.1:8080", "[::1]:0", "localhost:80": nobody but this machine can come. */
static bool is_loopback(const char *listen, int listen_fd)
{
    struct access_address address;
    struct str host = str_of(listen);
    struct err ignored;
    struct str port;

    if (listen_fd > 0) /* handed over: its own address counts, not the setting */
        return http_listen_is_loopback(listen_fd);
    if (http_listen_split(&host, &port, listen, &ignored) != ST_OK)
        return false;
    return str_equal(host, "localhost") ||
           (access_address_parse(&address, host) && access_address_is_loopback(&address));
}

enum status api_open(struct api **out, const struct api_options *options, struct err *err)
{
    struct api *api = mem_alloc(1, sizeof *api);

    api->options = *options;
    api->options.access.settings.loopback_only = is_loopback(options->listen, options->listen_fd);
    api->routes = mem_alloc(api_route_count, sizeof *api->routes);
    fill_http_routes(api->routes);
    const struct http_options http = {
        .listen = options->listen,
        .listen_fd = options->listen_fd,
        .routes = api->routes,
        .route_count = api_route_count,
        .limits = options->limits,
        .tls = options->tls,
        .thread_count = options->thread_count,
        .request_id_seed = options->request_id_seed,
        .clock = options->clock,
        .payload = api,
        .admit = on_admit,
        .refuse = api_answer_refusal,
        .tls_read = on_tls_read,
        .done = on_done,
    };
    enum status st = api_access_open(&api->access, &api->options, err);
    if (st == ST_OK)
        st = http_server_open(&api->server, &http, err);
    if (st != ST_OK) {
        api_close(api);
        return st;
    }
    *out = api;
    return ST_OK;
}

enum status api_reload(struct api *api, const struct api_access_options *options, struct err *err)
{
    struct api_access_options fresh = *options;

    fresh.settings.loopback_only = api->options.access.settings.loopback_only;
    enum status st = api_access_reload(api->access, &fresh, err);
    return st == ST_OK ? http_server_reload_tls(api->server, err) : st;
}

unsigned api_port(const struct api *api)
{
    return http_server_port(api->server);
}

int api_listen_fd(const struct api *api)
{
    return http_server_listen_fd(api->server);
}

bool api_wait_closed(struct api *api, unsigned timeout_ms)
{
    return http_server_wait_closed(api->server, timeout_ms);
}

bool api_drain(struct api *api, unsigned timeout_ms)
{
    http_server_quiesce(api->server);
    return http_server_wait_idle(api->server, timeout_ms);
}

void api_close(struct api *api)
{
    if (!api)
        return;
    http_server_close(api->server);
    api_access_close(api->access);
    mem_free(api->routes);
    mem_free(api);
}
