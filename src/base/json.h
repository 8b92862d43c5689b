/* base/json.h - JSON values (jansson stays inside json.c): build, write, read.  Never glue JSON
 * from strings.  Reading is capped in depth; numbers read from outside are checked by the caller.
 * A value belongs to whoever made it until it is put into another value. */
#pragma once

#include "base/buf.h"

struct json;

struct json *json_new_object(void) MUST_USE;
struct json *json_new_array(void) MUST_USE;
void json_free(struct json *value); /* NULL is fine */

/* Building.  Keys keep their order.  Text must be UTF-8; what is not is replaced by "?". */
void json_set_str(struct json *object, const char *key, const char *text);
void json_set_number(struct json *object, const char *key, double number); /* NaN becomes null */
void json_set_int(struct json *object, const char *key, int64_t number);
void json_set_bool(struct json *object, const char *key, bool truth);
void json_set_null(struct json *object, const char *key);
void json_set(struct json *object, const char *key, struct json *value); /* takes `value` */
void json_set_copy(struct json *object, const char *key, const struct json *value); /* shallow */
void json_append(struct json *array, struct json *value); /* takes `value` */
void json_append_number(struct json *array, double number);
void json_append_int(struct json *array, int64_t number);
void json_append_str(struct json *array, const char *text);

/* Takes a member out of an object: it is the caller's again.  NULL when there is none. */
struct json *json_take(struct json *object, const char *key);

/* One line when indent is 0.  Numbers are written with up to 10 significant digits. */
void json_write(struct buf *out, const struct json *value, unsigned indent);

/* Reading.  Out: *out is the caller's.  The message names line and column. */
enum status json_parse(struct json **out, struct bytes text, struct err *err) MUST_USE;
/* Borrowed from `object`; NULL when it is not an object or has no such key. */
const struct json *json_get(const struct json *object, const char *key);
const char *json_get_str(const struct json *object, const char *key); /* NULL: absent or not text */
bool json_get_number(double *out, const struct json *object, const char *key) MUST_USE;
bool json_get_int(int64_t *out, const struct json *object, const char *key) MUST_USE;
size_t json_count(const struct json *array); /* 0 when it is not an array */
const struct json *json_at(const struct json *array, size_t i);
double json_number_or(const struct json *value, double otherwise);
int64_t json_int_or(const struct json *value, int64_t otherwise); /* 3.0 is not a whole number */
/* Calls visit(payload, key, value) for each member, in order. */
void json_each(const struct json *object,
               void (*visit)(void *payload, const char *key, const struct json *value),
               void *payload);
const char *json_text(const struct json *value); /* NULL when it is not text */
