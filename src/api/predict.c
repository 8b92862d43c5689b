/* api/predict.c - POST /predict: one photo in, one verdict out.
 * Threads: the handler runs on an HTTP thread, on_done on a worker's. */
#include "api/routes.h"

#include <math.h>
#include <string.h>

#define FIELD_NAME "file"

static bool on_gone(const struct service_job *job)
{
    return http_request_gone(job->payload);
}

static double round_to(double value, double step)
{
    return round(value / step) * step;
}

static void on_done(struct service_job *job)
{
    struct http_request *request = job->payload;

    if (job->status != ST_OK) {
        enum service_error error =
            job->abandoned ? SERVICE_ERROR_CLIENT_GONE : api_error_of(job->status);
        api_answer_error(request, error, job->err.msg);
        return;
    }
    struct json *value = json_new_object();
    json_set_str(value, "prediction", job->prediction.prediction);
    json_set_number(value, "probability", round_to(job->prediction.probability, 1e-6));
    json_set_str(value, "confidence", job->prediction.confidence);
    json_set_number(value, "inference_time_ms", round_to(job->prediction.inference_time_ms, 1e-3));
    json_set_str(value, "model_version", job->prediction.model_version);
    api_answer_json(request, 200, value);
}

static bool type_is(const char *content_type, const char *start)
{
    return strncasecmp(content_type, start, strlen(start)) == 0;
}

/* The photo of a form's field, or of a raw body.  SERVICE_ERROR_NONE when there is one. */
static enum service_error find_photo(struct bytes *out, const struct http_request *request,
                                     const char **detail)
{
    const char *content_type = http_request_content_type(request);

    if (http_request_is_form(request)) {
        const struct http_part *part = http_request_part(request, FIELD_NAME);
        *detail = part ? "the form field \"" FIELD_NAME "\" is empty"
                       : "the form needs exactly one field \"" FIELD_NAME "\"";
        if (!part || part->data.len == 0)
            return SERVICE_ERROR_MISSING_FILE;
        *out = part->data;
    } else if (type_is(content_type, "image/") ||
               type_is(content_type, "application/octet-stream")) {
        *out = http_request_body(request);
        *detail = "the body is empty";
        if (out->len == 0)
            return SERVICE_ERROR_MISSING_FILE;
    } else {
        *detail = "send the photo as form field \"" FIELD_NAME
                  "\" (multipart/form-data) or as an image/* body";
        bool none = content_type[0] == '\0';
        return none ? SERVICE_ERROR_MISSING_FILE : SERVICE_ERROR_UNSUPPORTED_TYPE;
    }
    if (out->len <= API_PHOTO_BYTES_MAX)
        return SERVICE_ERROR_NONE;
    *detail = "the photo is over 10 MB";
    return SERVICE_ERROR_TOO_LARGE;
}

void api_handle_predict(void *payload, struct http_request *request)
{
    struct service *service = ((struct api *)payload)->options.service;
    struct service_job *job = http_request_scratch(request, sizeof *job);
    struct bytes photo = {0};
    const char *detail = "";
    struct err err;

    enum service_error error = find_photo(&photo, request, &detail);
    if (error != SERVICE_ERROR_NONE) {
        service_count_refused(service);
        api_answer_error(request, error, detail);
        return;
    }
    *job =
        (struct service_job){.photo = photo, .payload = request, .gone = on_gone, .done = on_done};
    http_request_defer(request); /* before the job is out of our hands */
    enum status st = service_submit(service, job, &err);
    if (st != ST_OK)
        api_answer_error(request, api_error_of(st), err.msg);
}
