/* api/answer.c - how answers look: JSON bodies, and the one table of errors.
 * Owns nothing.  Thread-safe. */
#include "api/access.h"
#include "api/routes.h"

#include <stdio.h>

#define JSON_TYPE     "application/json"
#define RETRY_AFTER_S 1

/* Each kind of error: its HTTP status and what it is called. */
static const struct {
    unsigned http_status;
    const char *title;
} errors[] = {
    [SERVICE_ERROR_NONE] = {200, ""},
    [SERVICE_ERROR_BAD_REQUEST] = {400, "Bad request"},
    [SERVICE_ERROR_UNAUTHORIZED] = {401, "Unauthorized"},
    [SERVICE_ERROR_FORBIDDEN] = {403, "Forbidden"},
    [SERVICE_ERROR_RATE_LIMITED] = {429, "Rate limit exceeded"},
    [SERVICE_ERROR_NOT_FOUND] = {404, "Not found"},
    [SERVICE_ERROR_METHOD] = {405, "Method not allowed"},
    [SERVICE_ERROR_LENGTH_REQUIRED] = {411, "Length required"},
    [SERVICE_ERROR_TOO_LARGE] = {413, "Payload too large"},
    [SERVICE_ERROR_UNSUPPORTED_TYPE] = {415, "Unsupported media type"},
    [SERVICE_ERROR_MISSING_FILE] = {422, "Missing file"},
    [SERVICE_ERROR_INVALID_IMAGE] = {400, "Invalid image"},
    [SERVICE_ERROR_TIMEOUT] = {408, "Request timeout"},
    [SERVICE_ERROR_CLIENT_GONE] = {499, "Client closed request"},
    [SERVICE_ERROR_BUSY] = {503, "Service busy"},
    [SERVICE_ERROR_UNAVAILABLE] = {503, "Service unavailable"},
    [SERVICE_ERROR_INTERNAL] = {500, "Internal error"},
};
_Static_assert(ARRAY_LEN(errors) == SERVICE_ERROR_COUNT, "one row for each error");

/* What a failure of the service means to the sender of the photo. */
static const enum service_error of_status[] = {
    [ST_OK] = SERVICE_ERROR_NONE,
    [ST_INVALID] = SERVICE_ERROR_INVALID_IMAGE,
    [ST_UNSUPPORTED] = SERVICE_ERROR_UNSUPPORTED_TYPE,
    [ST_LIMIT] = SERVICE_ERROR_TOO_LARGE,
    [ST_NOT_FOUND] = SERVICE_ERROR_INTERNAL,
    [ST_CONFLICT] = SERVICE_ERROR_UNAVAILABLE,
    [ST_BUSY] = SERVICE_ERROR_BUSY,
    [ST_NOMEM] = SERVICE_ERROR_BUSY,
    [ST_IO] = SERVICE_ERROR_INTERNAL,
    [ST_UNAVAILABLE] = SERVICE_ERROR_UNAVAILABLE,
    [ST_CORRUPT] = SERVICE_ERROR_INTERNAL,
};
_Static_assert(ARRAY_LEN(of_status) == ST_COUNT, "one error for each status");

enum service_error api_error_of(enum status st)
{
    return of_status[st];
}

static void answer_value(struct http_request *request, unsigned http_status, enum service_error tag,
                         struct json *value)
{
    struct buf *text = http_request_buffer(request);

    json_write(text, value, 0);
    buf_add_str(text, "\n");
    json_free(value);
    const struct http_answer answer = {
        .status = http_status,
        .content_type = JSON_TYPE,
        .body = buf_bytes(text),
        .retry_after_s = http_status == 503 ? RETRY_AFTER_S : 0,
        .tag = tag,
    };
    http_answer(request, &answer);
}

void api_answer_json(struct http_request *request, unsigned http_status, struct json *value)
{
    answer_value(request, http_status, SERVICE_ERROR_NONE, value);
}

static void answer_error(struct http_request *request, unsigned http_status,
                         enum service_error error, const char *detail)
{
    struct str path = http_request_path(request);
    bool v2 = str_equal(path, "/v2") || str_starts(path, "/v2/");
    struct json *value = json_new_object();

    json_set_str(value, "error", v2 ? detail : errors[error].title);
    json_set_str(value, "detail", detail);
    json_set_str(value, "request_id", http_request_id(request));
    json_set_int(value, "status_code", http_status);
    json_set_str(value, "error_class", service_error_name(error));
    answer_value(request, http_status, error, value);
}

void api_answer_error(struct http_request *request, enum service_error error, const char *detail)
{
    answer_error(request, errors[error].http_status, error, detail);
}

void api_answer_refusal(void *payload, struct http_request *request, unsigned http_status,
                        const char *detail)
{
    enum service_error error = SERVICE_ERROR_BAD_REQUEST;

    if (http_status == 405 && api_access_answer_preflight(payload, request))
        return;
    for (size_t i = 1; i < SERVICE_ERROR_COUNT; i++) {
        if (errors[i].http_status == http_status) {
            error = (enum service_error)i;
            break;
        }
    }
    answer_error(request, http_status, error, detail);
}
