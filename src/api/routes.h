/* api/routes.h - what the files of api/ share: the API's state, handlers, and how answers look. */
#pragma once

#include "api/api.h"
#include "base/json.h"

#define API_PHOTO_BYTES_MAX (10u << 20)
#define API_BODY_BYTES_MAX  (API_PHOTO_BYTES_MAX + (64u << 10)) /* a form around the photo */

struct api {
    struct api_options options;
    struct http_server *server;
};

/* Handlers; `payload` is the struct api. */
void api_handle_predict(void *payload, struct http_request *request);
void api_handle_health(void *payload, struct http_request *request);
void api_handle_alive(void *payload, struct http_request *request);
void api_handle_ready(void *payload, struct http_request *request);
void api_handle_metrics(void *payload, struct http_request *request);
void api_handle_index(void *payload, struct http_request *request);

/* Takes `value`. */
void api_answer_json(struct http_request *request, unsigned http_status, struct json *value);
/* The one shape of an error: error, detail, request_id, status_code, error_class. */
void api_answer_error(struct http_request *request, enum service_error error, const char *detail);
/* The same for what the HTTP layer refuses with a status of its own. */
void api_answer_refusal(void *payload, struct http_request *request, unsigned http_status,
                        const char *detail);
/* What a failed photo is to its sender. */
enum service_error api_error_of(enum status st);
