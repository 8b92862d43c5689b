/* api/v2.c - Open Inference Protocol v2 (KServe, Triton): what there is, whether it is ready, and
 * inference on up to ten photos.  Errors carry their message in "error", as its clients expect.
 * Threads: handlers run on HTTP threads, on_done on workers', the last of them answers. */
#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "api/log.h"
#include "api/routes.h"
#include "api/v2_request.h"
#include "base/mem.h"

#include "revision.h"

#define MODEL_NAME  "aidetect"
#define JSON_LENGTH "Inference-Header-Content-Length"
#define BINARY_TYPE "application/octet-stream"

static struct service *service_of(void *payload)
{
    return ((struct api *)payload)->options.service;
}

static bool is_ready(struct service *service)
{
    return service_state(service) == SERVICE_READY;
}

/* ---- what there is ---- */

void api_handle_v2_server(void *payload, struct http_request *request)
{
    struct json *value = json_new_object();
    struct json *extensions = json_new_array();

    (void)payload;
    json_append_str(extensions, "binary_tensor_data");
    json_set_str(value, "name", MODEL_NAME);
    json_set_str(value, "version", AIDETECT_VERSION);
    json_set(value, "extensions", extensions);
    api_answer_json(request, 200, value);
}

void api_handle_v2_live(void *payload, struct http_request *request)
{
    struct json *value = json_new_object();

    (void)payload;
    json_set_bool(value, "live", true);
    api_answer_json(request, 200, value);
}

void api_handle_v2_ready(void *payload, struct http_request *request)
{
    bool ready = is_ready(service_of(payload));
    struct json *value = json_new_object();

    json_set_bool(value, "ready", ready);
    api_answer_json(request, ready ? 200 : 503, value);
}

/* The model goes by one name for ever, and by that of its version.  False: answered. */
static bool check_name(struct service *service, struct http_request *request)
{
    struct str name;

    if (http_request_parameter(&name, request, "name") &&
        (str_equal(name, MODEL_NAME) || str_equal(name, service_model_version(service))))
        return true;
    api_answer_error(request, SERVICE_ERROR_NOT_FOUND,
                     "there is no such model: it is called \"" MODEL_NAME "\"");
    return false;
}

static void append_tensor(struct json *list, const char *name, const char *datatype)
{
    struct json *tensor = json_new_object();
    struct json *shape = json_new_array();

    json_append_int(shape, -1);
    json_set_str(tensor, "name", name);
    json_set_str(tensor, "datatype", datatype);
    json_set(tensor, "shape", shape);
    json_append(list, tensor);
}

static const char *datatype_of(enum api_v2_output output)
{
    return output == API_V2_PROBABILITY ? "FP32" : "BYTES";
}

void api_handle_v2_model(void *payload, struct http_request *request)
{
    struct service *service = service_of(payload);

    if (!check_name(service, request))
        return;
    struct json *value = json_new_object();
    struct json *versions = json_new_array();
    struct json *inputs = json_new_array();
    struct json *outputs = json_new_array();
    json_append_str(versions, service_model_version(service));
    append_tensor(inputs, "image", "BYTES");
    for (int i = 0; i < API_V2_OUTPUT_COUNT; i++)
        append_tensor(outputs, api_v2_output_name((enum api_v2_output)i),
                      datatype_of((enum api_v2_output)i));
    json_set_str(value, "name", MODEL_NAME);
    json_set(value, "versions", versions);
    json_set_str(value, "platform", "aidetect");
    json_set(value, "inputs", inputs);
    json_set(value, "outputs", outputs);
    api_answer_json(request, 200, value);
}

void api_handle_v2_model_ready(void *payload, struct http_request *request)
{
    struct service *service = service_of(payload);

    if (!check_name(service, request))
        return;
    bool ready = is_ready(service);
    struct json *value = json_new_object();
    json_set_str(value, "name", MODEL_NAME);
    json_set_bool(value, "ready", ready);
    api_answer_json(request, ready ? 200 : 503, value);
}

/* ---- inference ---- */

struct inference {
    struct http_request *request;
    struct api_v2_request wanted;
    _Atomic size_t open_count; /* jobs that are not done */
    struct service_job jobs[API_V2_PHOTOS_MAX];
};

static bool on_gone(const struct service_job *job)
{
    return http_request_gone(((struct inference *)job->payload)->request);
}

static const char *word_of(const struct service_prediction *prediction, enum api_v2_output output)
{
    return output == API_V2_VERDICT ? prediction->prediction : prediction->confidence;
}

static void add_little_endian(struct buf *out, uint32_t number)
{
    const uint8_t bytes[4] = {(uint8_t)number, (uint8_t)(number >> 8), (uint8_t)(number >> 16),
                              (uint8_t)(number >> 24)};

    buf_add(out, bytes, sizeof bytes);
}

static void add_binary(struct buf *out, const struct inference *inference,
                       enum api_v2_output output)
{
    for (size_t i = 0; i < inference->wanted.photo_count; i++) {
        const struct service_prediction *prediction = &inference->jobs[i].prediction;
        float probability = (float)prediction->probability;
        uint32_t bits;
        if (output == API_V2_PROBABILITY) {
            memcpy(&bits, &probability, sizeof bits);
            add_little_endian(out, bits);
        } else {
            const char *word = word_of(prediction, output);
            add_little_endian(out, (uint32_t)strlen(word));
            buf_add_str(out, word);
        }
    }
}

static struct json *data_json(const struct inference *inference, enum api_v2_output output)
{
    struct json *data = json_new_array();

    for (size_t i = 0; i < inference->wanted.photo_count; i++) {
        const struct service_prediction *prediction = &inference->jobs[i].prediction;
        if (output == API_V2_PROBABILITY)
            json_append_number(data, round(prediction->probability * 1e6) / 1e6);
        else
            json_append_str(data, word_of(prediction, output));
    }
    return data;
}

/* One output; as binary data it goes to the end of `binary`. */
static struct json *output_json(const struct inference *inference, enum api_v2_output output,
                                bool as_binary, struct buf *binary)
{
    struct json *value = json_new_object();
    struct json *shape = json_new_array();
    size_t before = binary->len;

    json_append_int(shape, (int64_t)inference->wanted.photo_count);
    json_set_str(value, "name", api_v2_output_name(output));
    json_set_str(value, "datatype", datatype_of(output));
    json_set(value, "shape", shape);
    if (as_binary) {
        struct json *parameters = json_new_object();
        add_binary(binary, inference, output);
        json_set_int(parameters, "binary_data_size", (int64_t)(binary->len - before));
        json_set(value, "parameters", parameters);
    } else {
        json_set(value, "data", data_json(inference, output));
    }
    return value;
}

static struct json *answer_json(const struct inference *inference, struct buf *binary)
{
    const struct api_v2_request *wanted = &inference->wanted;
    struct json *value = json_new_object();
    struct json *outputs = json_new_array();

    json_set_str(value, "model_name", MODEL_NAME);
    json_set_str(value, "model_version", inference->jobs[0].prediction.model_version);
    if (wanted->id[0])
        json_set_str(value, "id", wanted->id);
    for (size_t i = 0; i < wanted->output_count; i++)
        json_append(outputs, output_json(inference, wanted->outputs[i].output,
                                         wanted->outputs[i].binary, binary));
    json_set(value, "outputs", outputs);
    return value;
}

/* Takes `value`. */
static void answer_binary(struct http_request *request, struct json *value,
                          const struct buf *binary)
{
    struct buf *body = http_request_buffer(request);
    char length[24];

    json_write(body, value, 0);
    json_free(value);
    (void)snprintf(length, sizeof length, "%zu", body->len);
    http_answer_field(request, JSON_LENGTH, length);
    buf_add(body, binary->at, binary->len);
    const struct http_answer answer = {
        .status = 200, .content_type = BINARY_TYPE, .body = buf_bytes(body)};
    http_answer(request, &answer);
}

/* The first photo that could not be judged, or NULL. */
static const struct service_job *find_failure(const struct inference *inference)
{
    for (size_t i = 0; i < inference->wanted.photo_count; i++)
        if (inference->jobs[i].status != ST_OK)
            return &inference->jobs[i];
    return NULL;
}

/* Frees the inference: the request's memory lives until it is answered. */
static void answer(struct inference *inference)
{
    struct http_request *request = inference->request;
    const struct service_job *failure = find_failure(inference);
    struct buf binary;

    if (failure) {
        struct err err = failure->err;
        enum service_error error =
            failure->abandoned ? SERVICE_ERROR_CLIENT_GONE : api_error_of(failure->status);
        err_prefix(&err, "photo %zu", (size_t)(failure - inference->jobs));
        mem_free(inference);
        api_answer_error(request, error, err.msg);
        return;
    }
    buf_init(&binary, 4096);
    struct json *value = answer_json(inference, &binary);
    mem_free(inference);
    if (binary.len)
        answer_binary(request, value, &binary);
    else
        api_answer_json(request, 200, value);
    buf_fini(&binary);
}

static void on_done(struct service_job *job)
{
    struct inference *inference = job->payload;

    if (atomic_fetch_sub(&inference->open_count, 1) == 1)
        answer(inference);
}

/* The body, read.  False: answered. */
static bool read_request(struct api_v2_request *out, struct http_request *request)
{
    struct bytes body = http_request_body(request);
    size_t json_len = API_V2_NO_BINARY;
    struct str field;
    int64_t number = 0;
    struct err err;

    if (http_request_is_form(request)) {
        api_answer_error(request, SERVICE_ERROR_UNSUPPORTED_TYPE, "the body is JSON, not a form");
        return false;
    }
    if (http_request_header(&field, request, JSON_LENGTH)) {
        if (!str_to_int(&number, field, 1, (int64_t)body.len)) {
            api_answer_error(request, SERVICE_ERROR_BAD_REQUEST,
                             JSON_LENGTH " is no length within the body");
            return false;
        }
        json_len = (size_t)number;
    }
    enum status st = api_v2_read(out, http_request_body_memory(request), body.len, json_len,
                                 API_PHOTO_BYTES_MAX, &err);
    if (st != ST_OK)
        api_answer_error(
            request, st == ST_LIMIT ? SERVICE_ERROR_TOO_LARGE : SERVICE_ERROR_BAD_REQUEST, err.msg);
    return st == ST_OK;
}

void api_handle_v2_infer(void *payload, struct http_request *request)
{
    struct service *service = service_of(payload);
    struct api_v2_request wanted;
    struct err err;

    if (!check_name(service, request) || !read_request(&wanted, request))
        return;
    struct inference *inference = mem_try_alloc(1, sizeof *inference);
    if (!inference) {
        api_answer_error(request, SERVICE_ERROR_BUSY, "no room for the inference");
        return;
    }
    inference->request = request;
    inference->wanted = wanted;
    atomic_store(&inference->open_count, wanted.photo_count);
    for (size_t i = 0; i < wanted.photo_count; i++) {
        inference->jobs[i] = (struct service_job){
            .photo = wanted.photos[i], .payload = inference, .gone = on_gone, .done = on_done};
        api_sign_job(&inference->jobs[i], request);
    }
    http_request_defer(request); /* before the jobs are out of our hands */
    enum status st = service_submit_all(service, inference->jobs, wanted.photo_count, &err);
    if (st != ST_OK) {
        mem_free(inference);
        api_answer_error(request, api_error_of(st), err.msg);
    }
}
