#include "api/api.h"

#include <inttypes.h>

#include "api/routes.h"
#include "base/log.h"
#include "base/mem.h"

/* One row a route and its twin below /v1; a route's index is that of its template in
 * api_endpoints, which metrics use. */
/* clang-format off */
#define ROUTES(ROW) \
    ROW("POST", "/predict", API_BODY_BYTES_MAX, api_handle_predict) \
    ROW("GET",  "/health",  0,                  api_handle_health) \
    ROW("GET",  "/healthz", 0,                  api_handle_alive) \
    ROW("GET",  "/readyz",  0,                  api_handle_ready) \
    ROW("GET",  "/metrics", 0,                  api_handle_metrics)

static const struct http_route routes[] = {
#define ROW(method, path, body_max, handle) {method, path, body_max, handle}, \
                                            {method, "/v1" path, body_max, handle},
    ROUTES(ROW)
#undef ROW
    {"GET", "/", 0, api_handle_index},
};

const char *const api_endpoints[] = {
#define ROW(method, path, body_max, handle) path, "/v1" path,
    ROUTES(ROW)
#undef ROW
    "/",
};
/* clang-format on */
const size_t api_endpoint_count = ARRAY_LEN(api_endpoints);
_Static_assert(ARRAY_LEN(api_endpoints) == ARRAY_LEN(routes), "one template a route");

/* One line a request; the quiet ones are those that machines ask all day. */
static void log_request(const struct http_done *done)
{
    const char *endpoint = done->route < ARRAY_LEN(routes) ? routes[done->route].path : "other";
    bool quiet =
        done->status == 200 && done->route < ARRAY_LEN(routes) && routes[done->route].body_max == 0;

    log_write(quiet ? LOG_DEBUG : LOG_INFO, "http.request",
              "request=%s method=%.*s endpoint=%s status=%u us=%" PRId64 " bytes=%" PRIu64,
              done->request_id, (int)done->method.len, done->method.at, endpoint, done->status,
              done->duration_us, done->body_len);
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
    const struct http_options http = {
        .listen = options->listen,
        .routes = routes,
        .route_count = ARRAY_LEN(routes),
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
