#include "base/json.h"

#include <jansson.h>
#include <math.h>
#include <string.h>

#define JSON_DIGITS 10 /* enough for every figure we report, and the same on every machine */

/* `struct json` is jansson's json_t under a name of our own: nobody else includes jansson.h. */
static json_t *theirs(const struct json *value)
{
    return (json_t *)(uintptr_t)value;
}

static struct json *ours(json_t *value)
{
    REQUIRE(value != NULL); /* NULL: out of memory, for sizes that we chose */
    return (struct json *)value;
}

struct json *json_new_object(void)
{
    return ours(json_object());
}

struct json *json_new_array(void)
{
    return ours(json_array());
}

void json_free(struct json *value)
{
    json_decref(theirs(value));
}

static json_t *new_text(const char *text)
{
    json_t *value = json_string(text);

    return value ? value : json_string("?"); /* not UTF-8 */
}

void json_set(struct json *object, const char *key, struct json *value)
{
    REQUIRE(json_object_set_new(theirs(object), key, theirs(value)) == 0);
}

void json_set_copy(struct json *object, const char *key, const struct json *value)
{
    json_set(object, key, ours(json_copy(theirs(value))));
}

void json_append(struct json *array, struct json *value)
{
    REQUIRE(json_array_append_new(theirs(array), theirs(value)) == 0);
}

void json_set_str(struct json *object, const char *key, const char *text)
{
    json_set(object, key, ours(new_text(text)));
}

static json_t *new_number(double number)
{
    return isfinite(number) ? json_real(number) : json_null();
}

void json_set_number(struct json *object, const char *key, double number)
{
    json_set(object, key, ours(new_number(number)));
}

void json_set_int(struct json *object, const char *key, int64_t number)
{
    json_set(object, key, ours(json_integer(number)));
}

void json_set_bool(struct json *object, const char *key, bool truth)
{
    json_set(object, key, ours(json_boolean(truth)));
}

void json_set_null(struct json *object, const char *key)
{
    json_set(object, key, ours(json_null()));
}

void json_append_number(struct json *array, double number)
{
    json_append(array, ours(new_number(number)));
}

void json_append_int(struct json *array, int64_t number)
{
    json_append(array, ours(json_integer(number)));
}

void json_append_str(struct json *array, const char *text)
{
    json_append(array, ours(new_text(text)));
}

struct json *json_take(struct json *object, const char *key)
{
    json_t *value = json_incref(json_object_get(theirs(object), key));

    if (value)
        (void)json_object_del(theirs(object), key);
    return (struct json *)value;
}

static int add_chunk(const char *at, size_t len, void *payload)
{
    buf_add(payload, at, len);
    return 0;
}

void json_write(struct buf *out, const struct json *value, unsigned indent)
{
    size_t flags = JSON_REAL_PRECISION(JSON_DIGITS) | JSON_ENCODE_ANY;

    flags |= indent ? (size_t)JSON_INDENT(indent) : (size_t)JSON_COMPACT;
    REQUIRE(json_dump_callback(theirs(value), add_chunk, out, flags) == 0);
}

enum status json_parse(struct json **out, struct bytes text, struct err *err)
{
    json_error_t where;
    json_t *value = json_loadb((const char *)text.at, text.len, JSON_REJECT_DUPLICATES, &where);

    if (!value)
        return err_set(err, ST_INVALID, "JSON line %d column %d: %.120s", where.line, where.column,
                       where.text);
    *out = ours(value);
    return ST_OK;
}

const struct json *json_get(const struct json *object, const char *key)
{
    return (const struct json *)json_object_get(theirs(object), key);
}

const char *json_text(const struct json *value)
{
    return json_string_value(theirs(value));
}

const char *json_get_str(const struct json *object, const char *key)
{
    return json_text(json_get(object, key));
}

bool json_get_number(double *out, const struct json *object, const char *key)
{
    const json_t *value = theirs(json_get(object, key));

    if (!json_is_number(value))
        return false;
    *out = json_number_value(value);
    return true;
}

bool json_get_int(int64_t *out, const struct json *object, const char *key)
{
    const json_t *value = theirs(json_get(object, key));

    if (!json_is_integer(value))
        return false;
    *out = json_integer_value(value);
    return true;
}

size_t json_count(const struct json *array)
{
    return json_array_size(theirs(array));
}

const struct json *json_at(const struct json *array, size_t i)
{
    return (const struct json *)json_array_get(theirs(array), i);
}

double json_number_or(const struct json *value, double otherwise)
{
    return json_is_number(theirs(value)) ? json_number_value(theirs(value)) : otherwise;
}

int64_t json_int_or(const struct json *value, int64_t otherwise)
{
    return json_is_integer(theirs(value)) ? json_integer_value(theirs(value)) : otherwise;
}

void json_each(const struct json *object,
               void (*visit)(void *payload, const char *key, const struct json *value),
               void *payload)
{
    const char *key = NULL;
    json_t *value = NULL;

    json_object_foreach(theirs(object), key, value) visit(payload, key, (const struct json *)value);
}
