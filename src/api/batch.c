/* api/batch.c - POST /predict/batch: several photos in one form, judged in parallel, answered in
 * the order of the form; what is wrong with one does not touch the others.
 * Threads: the handler runs on an HTTP thread, on_done on workers', the last of them answers. */
#include "api/log.h"
#include "api/routes.h"

#include <math.h>
#include <stdatomic.h>
#include <string.h>

#include "base/mem.h"

#define FIELD_NAMES_TEXT "\"files\""

/* A file of the form: refused at once, or one of the jobs. */
struct item {
    const struct http_part *part;
    enum service_error refusal; /* SERVICE_ERROR_NONE: see job */
    const char *detail;
    struct service_job *job;
};

struct batch {
    struct http_request *request;
    struct service *service;
    const struct clock *clock;
    int64_t started_us;
    bool full;
    size_t item_count, job_count;
    _Atomic size_t open_count; /* jobs that are not done */
    struct item items[API_BATCH_FILES_MAX];
    struct service_job jobs[API_BATCH_FILES_MAX];
};

static bool is_file(const struct http_part *part)
{
    return strcmp(part->name, "files") == 0 || strcmp(part->name, "file") == 0;
}

static bool on_gone(const struct service_job *job)
{
    return http_request_gone(((struct batch *)job->payload)->request);
}

/* ---- answer ---- */

static enum service_error error_of(const struct item *item)
{
    if (item->refusal != SERVICE_ERROR_NONE)
        return item->refusal;
    return api_error_of(item->job->status);
}

static void set_success(struct json *value, const struct service_job *job, bool full)
{
    api_log_prediction(((struct batch *)job->payload)->request, job);
    json_set_str(value, "prediction", job->prediction.prediction);
    json_set_number(value, "probability", round(job->prediction.probability * 1e6) / 1e6);
    json_set_str(value, "confidence", job->prediction.confidence);
    json_set_null(value, "error");
    if (!full)
        return;
    json_set_number(value, "inference_time_ms",
                    round(job->prediction.inference_time_ms * 1e3) / 1e3);
    api_set_detail(value, job);
}

static void set_failure(struct json *value, const struct item *item, enum service_error error,
                        bool full)
{
    json_set_null(value, "prediction");
    json_set_null(value, "probability");
    json_set_null(value, "confidence");
    json_set_str(value, "error", item->detail ? item->detail : item->job->err.msg);
    if (full)
        json_set_str(value, "error_class", service_error_name(error));
}

static struct json *results_json(const struct batch *batch, size_t *successful)
{
    struct json *results = json_new_array();

    *successful = 0;
    for (size_t i = 0; i < batch->item_count; i++) {
        const struct item *item = &batch->items[i];
        const char *filename = item->part->filename;
        struct json *value = json_new_object();
        json_set_str(value, "filename", filename[0] ? filename : "unknown");
        enum service_error error = error_of(item);
        if (error == SERVICE_ERROR_NONE) {
            set_success(value, item->job, batch->full);
            ++*successful;
        } else {
            set_failure(value, item, error, batch->full);
        }
        json_append(results, value);
    }
    return results;
}

/* The error of every photo, when they all failed because nobody had time; the client may repeat. */
static const struct service_job *find_busy(const struct batch *batch)
{
    for (size_t i = 0; i < batch->job_count; i++)
        if (batch->jobs[i].status != ST_BUSY)
            return NULL;
    return batch->job_count ? &batch->jobs[0] : NULL;
}

/* Frees the batch: the request's memory lives until it is answered. */
static void answer(struct batch *batch)
{
    struct http_request *request = batch->request;
    int64_t took_us = clock_monotonic_us(batch->clock) - batch->started_us;
    const struct service_job *busy = find_busy(batch);
    size_t successful = 0;

    service_count_batch(batch->service, batch->item_count, took_us, busy == NULL);
    if (busy) {
        struct err err = busy->err;
        enum service_error error = busy->abandoned ? SERVICE_ERROR_CLIENT_GONE : SERVICE_ERROR_BUSY;
        mem_free(batch);
        api_answer_error(request, error, err.msg);
        return;
    }
    struct json *value = json_new_object();
    json_set(value, "results", results_json(batch, &successful));
    json_set_int(value, "total", (int64_t)batch->item_count);
    json_set_int(value, "successful", (int64_t)successful);
    json_set_int(value, "failed", (int64_t)(batch->item_count - successful));
    json_set_number(value, "total_inference_time_ms", (double)took_us / 1e3);
    json_set_str(value, "model_version", service_model_version(batch->service));
    mem_free(batch);
    api_answer_json(request, 200, value);
}

static void on_done(struct service_job *job)
{
    struct batch *batch = job->payload;

    if (atomic_fetch_sub(&batch->open_count, 1) == 1)
        answer(batch);
}

/* ---- request ---- */

static void add_item(struct batch *batch, const struct http_part *part)
{
    struct item *item = &batch->items[batch->item_count++];

    *item = (struct item){.part = part, .refusal = SERVICE_ERROR_NONE};
    if (part->data.len == 0) {
        item->refusal = SERVICE_ERROR_MISSING_FILE;
        item->detail = "the file is empty";
    } else if (part->data.len > API_PHOTO_BYTES_MAX) {
        item->refusal = SERVICE_ERROR_TOO_LARGE;
        item->detail = "the photo is over 10 MB";
    } else {
        item->job = &batch->jobs[batch->job_count++];
        *item->job = (struct service_job){
            .photo = part->data, .payload = batch, .gone = on_gone, .done = on_done};
        api_sign_job(item->job, batch->request);
    }
}

/* SERVICE_ERROR_NONE when the form holds a batch of lawful size. */
static enum service_error check_form(const struct http_request *request, const char **detail)
{
    size_t count = 0;
    size_t bytes = 0;

    *detail = "send the photos as form fields " FIELD_NAMES_TEXT " (multipart/form-data)";
    if (!http_request_is_form(request))
        return http_request_content_type(request)[0] ? SERVICE_ERROR_UNSUPPORTED_TYPE
                                                     : SERVICE_ERROR_MISSING_FILE;
    for (size_t i = 0; i < http_request_part_count(request); i++) {
        const struct http_part *part = http_request_part_at(request, i);
        count += is_file(part);
        bytes += is_file(part) ? part->data.len : 0;
    }
    if (count == 0)
        return SERVICE_ERROR_MISSING_FILE;
    *detail = "the batch has over 10 files";
    if (count > API_BATCH_FILES_MAX)
        return SERVICE_ERROR_BAD_REQUEST;
    *detail = "the batch is over 50 MB";
    return bytes > API_BATCH_BYTES_MAX ? SERVICE_ERROR_TOO_LARGE : SERVICE_ERROR_NONE;
}

static void submit(struct batch *batch)
{
    struct http_request *request = batch->request;
    struct err err;

    http_request_defer(request); /* before the jobs are out of our hands */
    if (batch->job_count == 0) {
        answer(batch);
        return;
    }
    enum status st = service_submit_all(batch->service, batch->jobs, batch->job_count, &err);
    if (st != ST_OK) {
        mem_free(batch);
        api_answer_error(request, api_error_of(st), err.msg);
    }
}

void api_handle_batch(void *payload, struct http_request *request)
{
    const struct api_options *options = &((struct api *)payload)->options;
    struct batch *batch = NULL;
    const char *detail = "";
    bool full = false;

    if (!api_read_detail(&full, request))
        return;
    enum service_error error = check_form(request, &detail);
    if (error == SERVICE_ERROR_NONE) {
        batch = mem_try_alloc(1, sizeof *batch);
        detail = "no room for the batch";
        error = batch ? SERVICE_ERROR_NONE : SERVICE_ERROR_BUSY;
    }
    if (error != SERVICE_ERROR_NONE) {
        service_count_refused(options->service);
        api_answer_error(request, error, detail);
        return;
    }
    batch->request = request;
    batch->service = options->service;
    batch->clock = options->clock;
    batch->started_us = clock_monotonic_us(options->clock);
    batch->full = full;
    for (size_t i = 0; i < http_request_part_count(request); i++)
        if (is_file(http_request_part_at(request, i)))
            add_item(batch, http_request_part_at(request, i));
    for (size_t i = batch->job_count; i < batch->item_count; i++)
        service_count_refused(options->service);
    atomic_store(&batch->open_count, batch->job_count);
    submit(batch);
}
