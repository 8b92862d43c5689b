/* api/faults.c - POST /admin/faults: faults on purpose, for who tests alerts and people.
 * Threads: HTTP threads; starting and ending a fault may take a while. */
#include "api/routes.h"

#include <string.h>

/* Where the members of a form or of a JSON object are read from. */
struct reader {
    const struct http_request *request;
    struct json *body;
    const char *wrong; /* name of the first member that is no number */
};

static double read_number(struct reader *reader, const char *name, double otherwise)
{
    const struct http_part *part = http_request_part(reader->request, name);
    double number = otherwise;

    if (part) {
        struct str text = {(const char *)part->data.at, part->data.len};
        if (!str_to_double(&number, text, -1e15, 1e15))
            reader->wrong = name;
    } else if (reader->body && json_get(reader->body, name) &&
               !json_get_number(&number, reader->body, name)) {
        reader->wrong = name;
    }
    return number;
}

static void read_faults(struct service_faults *out, struct reader *reader)
{
    *out = (struct service_faults){
        .error_ratio = read_number(reader, "error_ratio", 0),
        .delay_ms = (int64_t)read_number(reader, "delay_ms", 0),
        .memory_bytes = (int64_t)read_number(reader, "memory_bytes", 0),
        .descriptors = (int64_t)read_number(reader, "descriptors", 0),
        .cpu_threads = (int64_t)read_number(reader, "cpu_threads", 0),
        .drift_score = read_number(reader, "drift_score", -1),
        .drift_alarm = read_number(reader, "drift_alarm", 0) != 0,
        .records_lost = read_number(reader, "records_lost", 0) != 0,
        .model_unloaded = read_number(reader, "model_unloaded", 0) != 0,
    };
}

static void answer_faults(struct http_request *request, const struct service_faults *faults)
{
    struct json *value = json_new_object();

    json_set_number(value, "error_ratio", faults->error_ratio);
    json_set_int(value, "delay_ms", faults->delay_ms);
    json_set_int(value, "memory_bytes", faults->memory_bytes);
    json_set_int(value, "descriptors", faults->descriptors);
    json_set_int(value, "cpu_threads", faults->cpu_threads);
    json_set_number(value, "drift_score", faults->drift_score);
    json_set_int(value, "drift_alarm", faults->drift_alarm);
    json_set_int(value, "model_unloaded", faults->model_unloaded);
    json_set_int(value, "records_lost", faults->records_lost);
    api_answer_json(request, 200, value);
}

void api_handle_admin_faults(void *payload, struct http_request *request)
{
    struct service *service = ((struct api *)payload)->options.service;
    struct reader reader = {.request = request};
    struct service_faults faults;
    struct err err = {0};
    enum status st = ST_OK;

    if (!http_request_is_form(request) && http_request_body(request).len)
        st = json_parse(&reader.body, http_request_body(request), &err);
    read_faults(&faults, &reader);
    json_free(reader.body);
    if (st == ST_OK && reader.wrong)
        st = err_set(&err, ST_INVALID, "%s is no number", reader.wrong);
    if (st == ST_OK)
        st = service_set_faults(service, &faults, &err);
    if (st == ST_OK)
        answer_faults(request, &faults);
    else if (st == ST_CONFLICT)
        api_answer_error(request, SERVICE_ERROR_NOT_FOUND, err.msg);
    else
        api_answer_error(request, SERVICE_ERROR_BAD_REQUEST, err.msg);
}
