/* api/openapi.c - GET /openapi.json: OpenAPI 3.1, made from routes.def and schemas.def.
 * Owns nothing.  Must not know what a route does.  Thread-safe. */
#include "api/routes.h"

#include <stdio.h>
#include <string.h>

#include "revision.h"

#define NAME_SIZE 96

/* ---- the tables ---- */

enum presence { ALWAYS, OR_NULL, DETAIL, MAYBE };

struct schema_row {
    const char *schema; /* set: a schema begins, `name` is its description */
    const char *name;
    const char *type;
    enum presence presence;
    const char *help;
};

static const struct schema_row schema_rows[] = {
#define SCHEMA(name, description)         {#name, description, NULL, ALWAYS, NULL},
#define FIELD(name, type, presence, help) {NULL, name, type, presence, help},
#include "api/schemas.def"
#undef SCHEMA
#undef FIELD
};

static const char *const body_schemas[API_BODY_COUNT] = {[API_BODY_INFER] = "InferRequest"};

/* ---- schemas ---- */

static struct json *new_typed(const char *type)
{
    struct json *value = json_new_object();

    json_set_str(value, "type", type);
    return value;
}

static struct json *new_reference(const char *kind, const char *name)
{
    struct json *value = json_new_object();
    char path[NAME_SIZE];

    (void)snprintf(path, sizeof path, "#/components/%s/%s", kind, name);
    json_set_str(value, "$ref", path);
    return value;
}

static struct json *new_enumeration(struct str words)
{
    struct json *value = new_typed("string");
    struct json *list = json_new_array();
    char word[NAME_SIZE];

    while (words.len) {
        struct str next = str_split(&words, '|');
        (void)snprintf(word, sizeof word, "%.*s", (int)next.len, next.at);
        json_append_str(list, word);
    }
    json_set(value, "enum", list);
    return value;
}

static bool is_schema(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(schema_rows); i++)
        if (schema_rows[i].schema && strcmp(schema_rows[i].schema, name) == 0)
            return true;
    return false;
}

static struct json *new_number(const char *type)
{
    struct json *value = new_typed("number");

    json_set_int(value, "minimum", 0);
    if (strcmp(type, "probability") == 0)
        json_set_int(value, "maximum", 1);
    return value;
}

/* One type of schemas.def without "[]". */
static struct json *new_single(const char *type)
{
    static const char *const plain[] = {"string", "number", "integer", "boolean"};

    for (size_t i = 0; i < ARRAY_LEN(plain); i++)
        if (strcmp(type, plain[i]) == 0)
            return new_typed(type);
    if (strcmp(type, "any") == 0)
        return json_new_object();
    if (strcmp(type, "probability") == 0 || strcmp(type, "milliseconds") == 0)
        return new_number(type);
    if (strcmp(type, "date-time") == 0) {
        struct json *value = new_typed("string");
        json_set_str(value, "format", type);
        return value;
    }
    return is_schema(type) ? new_reference("schemas", type) : new_enumeration(str_of(type));
}

static struct json *new_type(const char *type)
{
    size_t len = strlen(type);
    char single[NAME_SIZE];

    if (len < 2 || strcmp(type + len - 2, "[]") != 0)
        return new_single(type);
    struct json *value = new_typed("array");
    (void)snprintf(single, sizeof single, "%.*s", (int)(len - 2), type);
    json_set(value, "items", new_single(single));
    return value;
}

static struct json *new_field(const struct schema_row *row)
{
    struct json *value = new_type(row->type);

    if (row->presence == OR_NULL) {
        struct json *choices = json_new_array();
        json_append(choices, value);
        json_append(choices, new_typed("null"));
        value = json_new_object();
        json_set(value, "oneOf", choices);
    }
    json_set_str(value, "description", row->help);
    return value;
}

/* The schema that begins at schema_rows[at]. */
static struct json *new_schema(size_t at)
{
    struct json *value = new_typed("object");
    struct json *properties = json_new_object();
    struct json *required = json_new_array();

    json_set_str(value, "description", schema_rows[at].name);
    for (at++; at < ARRAY_LEN(schema_rows) && !schema_rows[at].schema; at++) {
        const struct schema_row *row = &schema_rows[at];
        json_set(properties, row->name, new_field(row));
        if (row->presence == ALWAYS || row->presence == OR_NULL)
            json_append_str(required, row->name);
    }
    json_set(value, "properties", properties);
    json_set(value, "required", required);
    return value;
}

static struct json *new_schemas(void)
{
    struct json *schemas = json_new_object();

    for (size_t i = 0; i < ARRAY_LEN(schema_rows); i++)
        if (schema_rows[i].schema)
            json_set(schemas, schema_rows[i].schema, new_schema(i));
    return schemas;
}

/* ---- requests ---- */

static void set_content(struct json *content, const char *type, struct json *schema)
{
    struct json *media = json_new_object();

    json_set(media, "schema", schema);
    json_set(content, type, media);
}

static struct json *new_binary(void)
{
    struct json *value = new_typed("string");

    json_set_str(value, "format", "binary");
    return value;
}

/* A form with one field: a file, or a list of files. */
static struct json *new_form(const char *field, bool several)
{
    struct json *form = new_typed("object");
    struct json *properties = json_new_object();
    struct json *required = json_new_array();
    struct json *file = new_binary();

    if (several) {
        struct json *list = new_typed("array");
        json_set(list, "items", file);
        json_set_int(list, "maxItems", API_BATCH_FILES_MAX);
        file = list;
    }
    json_set(properties, field, file);
    json_append_str(required, field);
    json_set(form, "properties", properties);
    json_set(form, "required", required);
    return form;
}

static struct json *new_request_body(const struct api_route *route)
{
    static const char *const photo_types[] = {"image/jpeg", "image/png", "image/webp",
                                              "application/octet-stream"};
    struct json *body = json_new_object();
    struct json *content = json_new_object();

    if (route->body == API_BODY_PHOTO) {
        set_content(content, "multipart/form-data", new_form("file", false));
        for (size_t i = 0; i < ARRAY_LEN(photo_types); i++)
            set_content(content, photo_types[i], new_binary());
    } else if (route->body == API_BODY_PHOTOS) {
        set_content(content, "multipart/form-data", new_form("files", true));
    } else {
        const char *schema = body_schemas[route->body];
        set_content(content, "application/json",
                    schema ? new_reference("schemas", schema) : new_typed("object"));
        if (route->body == API_BODY_INFER)
            set_content(content, "application/octet-stream", new_binary());
    }
    json_set(body, "content", content);
    json_set_bool(body, "required", true);
    return body;
}

static struct json *new_parameter(const char *name, const char *in, bool required,
                                  struct json *schema, const char *help)
{
    struct json *parameter = json_new_object();

    json_set_str(parameter, "name", name);
    json_set_str(parameter, "in", in);
    json_set_bool(parameter, "required", required);
    json_set(parameter, "schema", schema);
    json_set_str(parameter, "description", help);
    return parameter;
}

static struct json *new_parameters(const struct api_route *route)
{
    bool detail = (route->body == API_BODY_PHOTO || route->body == API_BODY_PHOTOS) &&
                  strcmp(route->answer, "Comparison") != 0;
    struct json *parameters = json_new_array();
    char name[NAME_SIZE];

    for (const char *at = route->path; (at = strchr(at, '{')) != NULL; at++) {
        (void)snprintf(name, sizeof name, "%.*s", (int)strcspn(at + 1, "}"), at + 1);
        json_append(parameters,
                    new_parameter(name, "path", true, new_typed("string"), "part of the path"));
    }
    if (detail)
        json_append(parameters,
                    new_parameter("detail", "query", false, new_enumeration(str_of("plain|full")),
                                  "full adds what the verdict rests on"));
    return parameters;
}

/* ---- answers ---- */

static struct json *new_answer(const char *description, const char *type, struct json *schema)
{
    struct json *answer = json_new_object();
    struct json *content = json_new_object();

    json_set_str(answer, "description", description);
    set_content(content, type, schema);
    json_set(answer, "content", content);
    return answer;
}

static void set_errors(struct json *responses, const struct api_route *route)
{
    static const struct {
        const char *status;
        bool body, access, limited, photo; /* when this can happen */
    } rows[] = {
        {.status = "400", .body = true},    {.status = "401", .access = true},
        {.status = "403", .access = true},  {.status = "408", .body = true},
        {.status = "411", .body = true},    {.status = "413", .body = true},
        {.status = "415", .body = true},    {.status = "422", .photo = true},
        {.status = "429", .limited = true}, {.status = "503", .body = true},
    };
    bool body = route->body != API_BODY_NONE;
    bool photo = route->body == API_BODY_PHOTO || route->body == API_BODY_PHOTOS;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if ((rows[i].body && body) || (rows[i].photo && photo) ||
            (rows[i].access && route->role != API_ROLE_PUBLIC) ||
            (rows[i].limited && route->rate != API_RATE_NONE))
            json_set(responses, rows[i].status, new_reference("responses", "Error"));
}

static struct json *new_responses(const struct api_route *route)
{
    struct json *responses = json_new_object();
    bool state = route->answer && (strcmp(route->answer, "State") == 0 ||
                                   strcmp(route->answer, "ServerReady") == 0 ||
                                   strcmp(route->answer, "ModelReady") == 0);

    json_set(responses, "200",
             route->answer
                 ? new_answer("done", "application/json", new_reference("schemas", route->answer))
                 : new_answer("a text", "text/plain", new_typed("string")));
    set_errors(responses, route);
    if (strchr(route->path, '{'))
        json_set(responses, "404", new_reference("responses", "Error"));
    if (state)
        json_set(responses, "503",
                 new_answer("not yet, or no more", "application/json",
                            new_reference("schemas", route->answer)));
    return responses;
}

/* ---- paths ---- */

static struct json *new_scheme(const char *type, const char *key, const char *value,
                               const char *name)
{
    struct json *scheme = new_typed(type);

    json_set_str(scheme, key, value);
    if (name)
        json_set_str(scheme, "name", name);
    return scheme;
}

/* Keys are needed where they are configured: none at all is a third way. */
static struct json *new_security(void)
{
    static const char *const names[] = {"apiKey", "bearer", NULL};
    struct json *security = json_new_array();

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct json *way = json_new_object();
        if (names[i])
            json_set(way, names[i], json_new_array());
        json_append(security, way);
    }
    return security;
}

/* "post_predict_batch". */
static void name_operation(char out[NAME_SIZE], const struct api_route *route)
{
    size_t len = 0;
    bool separated = false;

    for (const char *at = route->method; *at && len < NAME_SIZE - 1; at++)
        out[len++] = (char)(*at | 32);
    for (const char *at = route->canonical; *at && len < NAME_SIZE - 1; at++) {
        bool plain = (*at >= 'a' && *at <= 'z') || (*at >= '0' && *at <= '9');
        if (plain)
            out[len++] = *at;
        else if (*at != '}' && at[1] != '\0' && !separated)
            out[len++] = '_';
        separated = !plain && *at != '}';
    }
    out[len] = '\0';
}

static struct json *new_operation(const struct api_route *route)
{
    struct json *operation = json_new_object();
    struct json *tags = json_new_array();
    char id[NAME_SIZE];

    name_operation(id, route);
    json_append_str(tags, route->tag);
    json_set_str(operation, "operationId", id);
    json_set_str(operation, "summary", route->summary);
    json_set(operation, "tags", tags);
    struct json *parameters = new_parameters(route);
    if (json_count(parameters))
        json_set(operation, "parameters", parameters);
    else
        json_free(parameters);
    if (route->body != API_BODY_NONE)
        json_set(operation, "requestBody", new_request_body(route));
    json_set(operation, "responses", new_responses(route));
    if (route->role != API_ROLE_PUBLIC)
        json_set(operation, "security", new_security());
    return operation;
}

static struct json *new_server(const char *url)
{
    struct json *server = json_new_object();

    json_set_str(server, "url", url);
    return server;
}

static bool has_twin(const struct api_route *route)
{
    for (size_t i = 0; i < api_route_count; i++)
        if (api_routes[i].path != api_routes[i].canonical &&
            strcmp(api_routes[i].canonical, route->path) == 0)
            return true;
    return false;
}

static void add_path(struct json *paths, const struct api_route *route)
{
    struct json *item = json_take(paths, route->path);
    char method[NAME_SIZE];

    item = item ? item : json_new_object();
    for (size_t i = 0; i <= strlen(route->method); i++)
        method[i] = (char)(route->method[i] ? route->method[i] | 32 : 0);
    if (has_twin(route)) {
        struct json *servers = json_new_array();
        json_append(servers, new_server("/"));
        json_append(servers, new_server("/v1"));
        json_set(item, "servers", servers);
    }
    json_set(item, method, new_operation(route));
    json_set(paths, route->path, item);
}

static struct json *new_components(void)
{
    struct json *components = json_new_object();
    struct json *responses = json_new_object();
    struct json *schemes = json_new_object();

    json_set(responses, "Error",
             new_answer("why not", "application/json", new_reference("schemas", "Error")));
    json_set(schemes, "apiKey", new_scheme("apiKey", "in", "header", "X-API-Key"));
    json_set(schemes, "bearer", new_scheme("http", "scheme", "bearer", NULL));
    json_set(components, "schemas", new_schemas());
    json_set(components, "responses", responses);
    json_set(components, "securitySchemes", schemes);
    return components;
}

static struct json *new_document(void)
{
    struct json *document = json_new_object();
    struct json *info = json_new_object();
    struct json *servers = json_new_array();
    struct json *paths = json_new_object();

    json_set_str(info, "title", "aidetect");
    json_set_str(info, "version", AIDETECT_VERSION);
    json_set_str(info, "description",
                 "Tells AI-generated product photos from camera photos. A verdict is evidence, "
                 "not proof. Paths whose servers name /v1 answer below /v1 as well.");
    json_append(servers, new_server("/"));
    for (size_t i = 0; i < api_route_count; i++)
        if (api_routes[i].path == api_routes[i].canonical)
            add_path(paths, &api_routes[i]);
    json_set_str(document, "openapi", "3.1.0");
    json_set(document, "info", info);
    json_set(document, "servers", servers);
    json_set(document, "paths", paths);
    json_set(document, "components", new_components());
    return document;
}

void api_handle_openapi(void *payload, struct http_request *request)
{
    (void)payload;
    api_answer_json(request, 200, new_document());
}
