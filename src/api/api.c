#include "api/api.h"

#include <inttypes.h>

#include "api/routes.h"
#include "base/log.h"
#include "base/mem.h"

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

/* One line a request; the quiet ones are those that machines ask all day. */
static void log_request(const struct http_done *done)
{
    const struct api_route *route =
        done->route < ARRAY_LEN(api_routes) ? &api_routes[done->route] : NULL;
    bool quiet = done->status == 200 && route && route->body_max == 0;

    log_write(quiet ? LOG_DEBUG : LOG_INFO, "http.request",
              "request=%s method=%.*s endpoint=%s status=%u us=%" PRId64 " bytes=%" PRIu64,
              done->request_id, (int)done->method.len, done->method.at,
              route ? route->path : "other", done->status, done->duration_us, done->body_len);
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
    struct api *api = payload;
    const struct service_request request = {
        .method = done->method,
        .endpoint = done->route,
        .status = done->status,
        .error = error_of(done),
        .duration_us = done->duration_us,
    };

    service_count_request(api->options.service, &request);
    log_request(done);
}

enum status api_open(struct api **out, const struct api_options *options, struct err *err)
{
    struct api *api = mem_alloc(1, sizeof *api);

    api->options = *options;
    fill_http_routes(api->routes);
    const struct http_options http = {
        .listen = options->listen,
        .routes = api->routes,
        .route_count = ARRAY_LEN(api->routes),
        .limits = options->limits,
        .thread_count = options->thread_count,
        .request_id_seed = options->request_id_seed,
        .clock = options->clock,
        .payload = api,
        .refuse = api_answer_refusal,
        .done = on_done,
    };
    enum status st = http_server_open(&api->server, &http, err);
    if (st != ST_OK) {
        mem_free(api);
        return st;
    }
    *out = api;
    return ST_OK;
}

unsigned api_port(const struct api *api)
{
    return http_server_port(api->server);
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
    mem_free(api);
}
