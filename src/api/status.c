/* api/status.c - how the service is: health, liveness, readiness, and the index.
 * Threads: HTTP threads; never waits. */
#include "api/routes.h"

#include <math.h>

static struct service *service_of(void *payload)
{
    return ((struct api *)payload)->options.service;
}

void api_handle_health(void *payload, struct http_request *request)
{
    struct service_health health;
    struct json *value = json_new_object();

    service_read_health(&health, service_of(payload));
    bool healthy = health.state == SERVICE_READY;
    json_set_str(value, "status", healthy ? "healthy" : service_state_name(health.state));
    json_set_bool(value, "model_loaded", health.model_loaded);
    json_set_str(value, "model_version", health.model_version);
    json_set_number(value, "uptime_seconds", round(health.uptime_seconds * 1e3) / 1e3);
    json_set_int(value, "active_requests", (int64_t)health.active_requests);
    if (health.drift_known)
        json_set_bool(value, "drift_detected", health.drift_detected);
    else
        json_set_null(value, "drift_detected"); /* nothing to compare with */
    json_set_int(value, "predictions_total", (int64_t)health.predictions_total);
    json_set_number(value, "memory_usage_mb", round(health.memory_usage_mb * 10) / 10);
    json_set_int(value, "pid", health.pid);
    json_set_int(value, "workers", health.worker_count);
    json_set_int(value, "workers_ready", health.workers_ready);
    json_set_int(value, "queue_depth", (int64_t)health.queue_depth);
    json_set_int(value, "queue_max", (int64_t)health.queue_max);
    api_answer_json(request, 200, value);
}

static void answer_state(struct http_request *request, unsigned http_status, const char *state)
{
    struct json *value = json_new_object();

    json_set_str(value, "status", state);
    json_set_bool(value, "alive", true);
    api_answer_json(request, http_status, value);
}

void api_handle_startup(void *payload, struct http_request *request)
{
    enum service_state state = service_state(service_of(payload));
    bool started = state != SERVICE_STARTING && state != SERVICE_FAILED;

    answer_state(request, started ? 200 : 503, started ? "started" : service_state_name(state));
}

void api_handle_alive(void *payload, struct http_request *request)
{
    (void)payload;
    answer_state(request, 200, "alive");
}

void api_handle_ready(void *payload, struct http_request *request)
{
    enum service_state state = service_state(service_of(payload));

    answer_state(request, state == SERVICE_READY ? 200 : 503, service_state_name(state));
}

void api_handle_index(void *payload, struct http_request *request)
{
    http_answer_field(request, "Vary", "Accept");
    if (api_answer_front_page(payload, request))
        return;
    struct json *value = json_new_object();
    struct json *routes = json_new_array();

    for (size_t i = 0; i < api_endpoint_count; i++)
        json_append_str(routes, api_endpoints[i]);
    json_set_str(value, "service", "aidetect");
    json_set_str(value, "try", "curl -F file=@photo.jpg http://HOST:PORT/predict");
    json_set(value, "routes", routes);
    api_answer_json(request, 200, value);
}
