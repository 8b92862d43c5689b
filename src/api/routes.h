/* api/routes.h - what the files of api/ share: the table of routes, the API's state, handlers, and
 * how answers look.  Thread-safe: the table is constant. */
#pragma once

#include "api/api.h"
#include "base/json.h"

#define API_PHOTO_BYTES_MAX (10u << 20)
#define API_BATCH_FILES_MAX 10
#define API_BATCH_BYTES_MAX (50u << 20)
#define API_BATCH_BODY_MAX  (API_BATCH_BYTES_MAX + (64u << 10))
#define API_INFER_BODY_MAX  (API_BATCH_BYTES_MAX / 3 * 4 + (128u << 10)) /* base64 and JSON */
#define API_BODY_BYTES_MAX  (API_PHOTO_BYTES_MAX + (64u << 10)) /* a form around the photo */

/* Who may ask; each role may do what those before it may. */
enum api_role { API_ROLE_PUBLIC, API_ROLE_PREDICT, API_ROLE_OPERATOR, API_ROLE_ADMIN };

/* Which of the configured rate limits counts. */
enum api_rate { API_RATE_NONE, API_RATE_PREDICT, API_RATE_BATCH, API_RATE_EXPLAIN, API_RATE_COUNT };

/* What a request carries. */
enum api_body {
    API_BODY_NONE,
    API_BODY_PHOTO,  /* form field "file", or the photo itself */
    API_BODY_PHOTOS, /* form fields "files" */
    API_BODY_INFER,  /* Open Inference Protocol v2 */
    API_BODY_JSON,
    API_BODY_COUNT
};

/* A row of routes.def. */
struct api_route {
    const char *method;
    const char *path;      /* template */
    const char *canonical; /* the same without /v1 */
    size_t body_max;       /* bytes */
    http_handler *handle;
    enum api_role role;
    enum api_rate rate;
    enum api_body body;
    const char *answer; /* schema of the 200 answer; NULL: no JSON */
    const char *tag;    /* group in the documentation */
    const char *summary;
};
extern const struct api_route api_routes[];
extern const size_t api_route_count;

struct api {
    struct api_options options;
    struct http_route *routes; /* made of api_routes */
    struct http_server *server;
    struct api_access *access;
};

/* Handlers; `payload` is the struct api. */
void api_handle_predict(void *payload, struct http_request *request);
void api_handle_explain(void *payload, struct http_request *request);
void api_handle_compare(void *payload, struct http_request *request);
void api_handle_batch(void *payload, struct http_request *request);
void api_handle_drift(void *payload, struct http_request *request);
void api_handle_startup(void *payload, struct http_request *request);
void api_handle_v2_server(void *payload, struct http_request *request);
void api_handle_v2_live(void *payload, struct http_request *request);
void api_handle_v2_ready(void *payload, struct http_request *request);
void api_handle_v2_model(void *payload, struct http_request *request);
void api_handle_v2_model_ready(void *payload, struct http_request *request);
void api_handle_v2_infer(void *payload, struct http_request *request);
void api_handle_openapi(void *payload, struct http_request *request);
void api_handle_health(void *payload, struct http_request *request);
void api_handle_alive(void *payload, struct http_request *request);
void api_handle_ready(void *payload, struct http_request *request);
void api_handle_metrics(void *payload, struct http_request *request);
void api_handle_admin_model(void *payload, struct http_request *request);
void api_handle_admin_faults(void *payload, struct http_request *request);
void api_handle_index(void *payload, struct http_request *request);
void api_handle_page(void *payload, struct http_request *request);
void api_handle_web_file(void *payload, struct http_request *request);

/* The page for people at `/`, when that is what the client asks for; false otherwise. */
bool api_answer_front_page(const struct api *api, struct http_request *request);

/* ?detail=full or plain.  False: neither, and the request is answered. */
bool api_read_detail(bool *full, struct http_request *request);
/* What ?detail=full adds to a prediction. */
void api_set_detail(struct json *value, const struct service_job *job);
/* Takes `value`. */
void api_answer_json(struct http_request *request, unsigned http_status, struct json *value);
/* The one shape of an error: error, detail, request_id, status_code, error_class.  Below /v2
 * "error" is the whole message, which is all that clients of that protocol show. */
void api_answer_error(struct http_request *request, enum service_error error, const char *detail);
/* The same for what the HTTP layer refuses with a status of its own. */
void api_answer_refusal(void *payload, struct http_request *request, unsigned http_status,
                        const char *detail);
/* What a failed photo is to its sender. */
enum service_error api_error_of(enum status st);
