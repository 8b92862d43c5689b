/* api/predict.c - one photo in: its verdict, an explanation of it, or two models' verdicts.
 * Threads: handlers run on an HTTP thread, what is called when a photo is judged on a worker's. */
#include "api/log.h"
#include "api/routes.h"

#include <math.h>
#include <string.h>
#include <strings.h>

#include "base/base64.h"

#define FIELD_NAME "file"

static bool on_gone(const struct service_job *job)
{
    return http_request_gone(job->payload);
}

/* ---- requests ---- */

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

bool api_read_detail(bool *full, struct http_request *request)
{
    char word[16];
    struct err err;
    enum status st = http_request_query(word, sizeof word, request, "detail", &err);

    *full = st == ST_OK && strcmp(word, "full") == 0;
    if (st == ST_NOT_FOUND || *full || (st == ST_OK && strcmp(word, "plain") == 0))
        return true;
    api_answer_error(request, SERVICE_ERROR_BAD_REQUEST,
                     st == ST_OK ? "\"detail\" is \"plain\" or \"full\"" : err.msg);
    return false;
}

/* ---- answers ---- */

static double round_to(double value, double step)
{
    return round(value / step) * step;
}

static void set_prediction(struct json *value, const struct service_prediction *prediction)
{
    json_set_str(value, "prediction", prediction->prediction);
    json_set_number(value, "probability", round_to(prediction->probability, 1e-6));
    json_set_str(value, "confidence", prediction->confidence);
    json_set_number(value, "inference_time_ms", round_to(prediction->inference_time_ms, 1e-3));
    json_set_str(value, "model_version", prediction->model_version);
}

/* Where a part of the photo is. */
static struct json *place_json(uint32_t x, uint32_t y, uint32_t width, uint32_t height)
{
    struct json *place = json_new_object();

    json_set_int(place, "x", x);
    json_set_int(place, "y", y);
    json_set_int(place, "width", width);
    json_set_int(place, "height", height);
    return place;
}

static struct json *areas_json(const struct service_area *areas, size_t count)
{
    struct json *list = json_new_array();

    for (size_t i = 0; i < count; i++) {
        struct json *area = place_json(areas[i].x, areas[i].y, areas[i].width, areas[i].height);
        json_set_number(area, "probability", round_to(areas[i].probability, 1e-6));
        json_append(list, area);
    }
    return list;
}

static struct json *regions_json(const struct service_region *regions, size_t count)
{
    struct json *list = json_new_array();

    for (size_t i = 0; i < count; i++) {
        struct json *region =
            place_json(regions[i].x, regions[i].y, regions[i].width, regions[i].height);
        json_set_number(region, "log_odds", round_to(regions[i].log_odds, 1e-6));
        json_append(list, region);
    }
    return list;
}

static struct json *quality_json(unsigned quality)
{
    struct json *list = json_new_array();

    for (unsigned i = 0; i < service_quality_count(); i++) {
        if (!(quality >> i & 1u))
            continue;
        struct json *flag = json_new_object();
        json_set_str(flag, "flag", service_quality_name(i));
        json_set_str(flag, "help", service_quality_help(i));
        json_append(list, flag);
    }
    return list;
}

static struct json *stages_json(const struct service_job *job)
{
    struct json *stages = json_new_object();

    json_set_number(stages, "queue", round_to(job->queue_ms, 1e-3));
    json_set_number(stages, "decode", round_to(job->verdict.decode_ms, 1e-3));
    json_set_number(stages, "crops", round_to(job->verdict.crops_ms, 1e-3));
    json_set_number(stages, "network", round_to(job->verdict.network_ms, 1e-3));
    return stages;
}

void api_set_detail(struct json *value, const struct service_job *job)
{
    const struct service_verdict *verdict = &job->verdict;

    json_set_str(value, "decision", job->prediction.decision);
    json_set_number(value, "threshold", verdict->threshold);
    json_set_number(value, "unsure_low", round_to(verdict->unsure_low, 1e-6));
    json_set_number(value, "unsure_high", round_to(verdict->unsure_high, 1e-6));
    json_set_str(value, "model_hash", job->prediction.model_hash);
    if (job->prediction.precision)
        json_set_str(value, "precision", job->prediction.precision);
    json_set_str(value, "format", verdict->format ? verdict->format : "unknown");
    json_set_int(value, "width", verdict->width);
    json_set_int(value, "height", verdict->height);
    json_set_int(value, "photo_bytes", (int64_t)job->photo.len);
    json_set(value, "quality", quality_json(verdict->quality));
    json_set(value, "crops", areas_json(verdict->crops, verdict->crop_count));
    json_set(value, "stage_ms", stages_json(job));
}

/* True when the photo was judged; otherwise the request is answered. */
static bool is_judged(const struct service_job *job)
{
    api_log_prediction(job->payload, job);
    if (job->status == ST_OK)
        return true;
    api_answer_error(job->payload,
                     job->abandoned ? SERVICE_ERROR_CLIENT_GONE : api_error_of(job->status),
                     job->err.msg);
    return false;
}

/* Finds the photo of `request` and hands it to the workers; answers when that fails. */
static bool submit(struct service *service, struct http_request *request, struct service_job *job)
{
    const char *detail = "";
    struct err err;

    enum service_error error = find_photo(&job->photo, request, &detail);
    if (error != SERVICE_ERROR_NONE) {
        service_count_refused(service);
        api_answer_error(request, error, detail);
        return false;
    }
    job->payload = request;
    job->gone = on_gone;
    api_sign_job(job, request);
    http_request_defer(request); /* before the job is out of our hands */
    enum status st = service_submit(service, job, &err);
    if (st != ST_OK)
        api_answer_error(request, api_error_of(st), err.msg);
    return st == ST_OK;
}

/* ---- POST /predict ---- */

static void on_predicted(struct service_job *job)
{
    if (!is_judged(job))
        return;
    struct json *value = json_new_object();
    set_prediction(value, &job->prediction);
    api_answer_json(job->payload, 200, value);
}

static void on_predicted_in_detail(struct service_job *job)
{
    if (!is_judged(job))
        return;
    struct json *value = json_new_object();
    set_prediction(value, &job->prediction);
    api_set_detail(value, job);
    json_set_str(value, "request_id", http_request_id(job->payload));
    api_answer_json(job->payload, 200, value);
}

void api_handle_predict(void *payload, struct http_request *request)
{
    struct service_job *job = http_request_scratch(request, sizeof *job);
    bool full = false;

    if (!api_read_detail(&full, request))
        return;
    job->done = full ? on_predicted_in_detail : on_predicted;
    (void)submit(((struct api *)payload)->options.service, request, job);
}

/* ---- POST /predict/explain ---- */

/* In the request's scratch memory. */
struct explain {
    struct service_job job; /* first: `done` is given it */
    struct service_explanation explanation;
    bool full;
};

static void set_heatmap(struct json *value, const struct service_explanation *explanation)
{
    struct buf text;

    buf_init(&text, (size_t)SERVICE_PNG_MAX / 3 * 4 + 8);
    base64_encode(&text, buf_bytes(&explanation->png));
    buf_add(&text, "", 1);
    json_set_str(value, "heatmap_base64", text.failed ? "" : (const char *)text.at);
    buf_fini(&text);
}

static void on_explained(struct service_job *job)
{
    struct explain *explain = (struct explain *)(void *)job;
    struct service_explanation *explanation = &explain->explanation;
    struct json *value = NULL;

    if (job->status == ST_OK) {
        value = json_new_object();
        set_prediction(value, &job->prediction);
        set_heatmap(value, explanation);
        json_set_int(value, "heatmap_width", explanation->width);
        json_set_int(value, "heatmap_height", explanation->height);
        json_set(value, "regions", regions_json(explanation->regions, explanation->region_count));
        if (explain->full)
            api_set_detail(value, job);
    }
    buf_fini(&explanation->png);
    if (is_judged(job))
        api_answer_json(job->payload, 200, value);
}

void api_handle_explain(void *payload, struct http_request *request)
{
    struct explain *explain = http_request_scratch(request, sizeof *explain);

    if (!api_read_detail(&explain->full, request))
        return;
    buf_init(&explain->explanation.png, SERVICE_PNG_MAX);
    explain->job.work = SERVICE_EXPLAIN;
    explain->job.explanation = &explain->explanation;
    explain->job.done = on_explained;
    (void)submit(((struct api *)payload)->options.service, request, &explain->job);
}

/* ---- POST /predict/compare ---- */

static void on_compared(struct service_job *job)
{
    const struct service_prediction *main_one = &job->prediction;
    const struct service_prediction *shadow = &job->shadow;

    if (!is_judged(job))
        return;
    struct json *value = json_new_object();
    struct json *first = json_new_object();
    set_prediction(first, main_one);
    json_set(value, "primary", first);
    if (shadow->prediction) {
        struct json *second = json_new_object();
        set_prediction(second, shadow);
        json_set(value, "shadow", second);
        json_set_bool(value, "agreement", strcmp(main_one->prediction, shadow->prediction) == 0);
        json_set_number(value, "difference",
                        round_to(fabs(main_one->probability - shadow->probability), 1e-6));
        json_set_null(value, "message");
    } else {
        json_set_null(value, "shadow");
        json_set_bool(value, "agreement", true);
        json_set_number(value, "difference", 0);
        json_set_str(value, "message", "no shadow model is configured");
    }
    api_answer_json(job->payload, 200, value);
}

void api_handle_compare(void *payload, struct http_request *request)
{
    struct service_job *job = http_request_scratch(request, sizeof *job);

    job->work = SERVICE_COMPARE;
    job->done = on_compared;
    (void)submit(((struct api *)payload)->options.service, request, job);
}
