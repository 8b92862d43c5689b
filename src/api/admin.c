/* api/admin.c - what administrators may change: the model in use.
 * Threads: the handler runs on an HTTP thread, on_swapped on the service's spare one. */
#include "api/routes.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

#define NAME_MAX_LEN 100
#define SUFFIX       ".safetensors"

struct change {
    struct service_swap swap;
    struct http_request *request;
};

/* A file's name in the folder of models, never a path: letters, digits, '.', '_' and '-'. */
static bool is_name(struct str name)
{
    if (name.len == 0 || name.len > NAME_MAX_LEN || name.at[0] == '.')
        return false;
    for (size_t i = 0; i < name.len; i++) {
        char c = name.at[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!letter && !(c >= '0' && c <= '9') && c != '.' && c != '_' && c != '-')
            return false;
    }
    return true;
}

/* "model" of the form or the JSON object; *body is to be freed once the name was read. */
static struct str read_name(struct json **body, const struct http_request *request)
{
    const struct http_part *part = http_request_part(request, "model");
    const char *text = NULL;
    struct err ignored;

    if (part)
        return (struct str){(const char *)part->data.at, part->data.len};
    if (json_parse(body, http_request_body(request), &ignored) == ST_OK)
        text = json_get_str(*body, "model");
    return text ? str_of(text) : (struct str){"", 0};
}

static void find_path(char out[SERVICE_MODEL_PATH_SIZE], const struct api *api, struct str name)
{
    char folder[SERVICE_MODEL_PATH_SIZE];
    size_t suffix = strlen(SUFFIX);
    bool has_suffix = name.len > suffix && memcmp(name.at + name.len - suffix, SUFFIX, suffix) == 0;

    service_read_model_path(folder, api->options.service);
    char *slash = strrchr(folder, '/');
    if (slash)
        *slash = '\0';
    else
        (void)snprintf(folder, sizeof folder, ".");
    bool given = api->options.models && api->options.models[0];
    (void)snprintf(out, SERVICE_MODEL_PATH_SIZE, "%s/%.*s%s", given ? api->options.models : folder,
                   (int)name.len, name.at, has_suffix ? "" : SUFFIX);
}

static void on_swapped(struct service_swap *swap)
{
    struct change *change = swap->payload;

    if (swap->status == ST_OK) {
        struct json *value = json_new_object();
        json_set_str(value, "model_version", swap->model_version);
        json_set_str(value, "model_hash", swap->model_hash);
        json_set_bool(value, "changed", !swap->unchanged);
        json_set_number(value, "load_time_ms", round(swap->took_ms));
        api_answer_json(change->request, 200, value);
    } else {
        bool absent = swap->status == ST_NOT_FOUND;
        bool later = swap->status == ST_CONFLICT;
        api_answer_error(change->request,
                         absent  ? SERVICE_ERROR_NOT_FOUND
                         : later ? SERVICE_ERROR_UNAVAILABLE
                                 : SERVICE_ERROR_BAD_REQUEST,
                         absent ? "there is no such model" : swap->err.msg);
    }
    mem_free(change);
}

void api_handle_admin_model(void *payload, struct http_request *request)
{
    struct api *api = payload;
    struct json *body = NULL;
    struct err err;

    struct str name = read_name(&body, request);
    if (!is_name(name)) {
        json_free(body);
        api_answer_error(request, SERVICE_ERROR_BAD_REQUEST,
                         "\"model\" names a file in the folder of models: at most 100 letters, "
                         "digits, '.', '_', '-'");
        return;
    }
    struct change *change = mem_alloc(1, sizeof *change);
    change->request = request;
    change->swap.payload = change;
    change->swap.done = on_swapped;
    service_read_model_options(&change->swap.model, api->options.service);
    find_path(change->swap.model.path, api, name);
    json_free(body);
    http_request_defer(request); /* before the change is out of our hands */
    enum status st = service_swap_model(api->options.service, &change->swap, &err);
    if (st == ST_OK)
        return;
    mem_free(change);
    api_answer_error(request, api_error_of(st), err.msg);
}
