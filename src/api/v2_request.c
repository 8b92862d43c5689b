/* A photo as base64 makes a JSON text of megabytes.  Long texts are therefore taken out before the
 * JSON is parsed, each replaced by "@" and its number: what is parsed is small whatever is sent,
 * and photos are decoded in place instead of copied. */
#include "api/v2_request.h"

#include <stdio.h>
#include <string.h>

#include "base/base64.h"
#include "base/json.h"

#define LONG_TEXT    256u /* bytes from which on a text is taken out */
#define LENGTH_BYTES 4u   /* before each element of binary data, little endian */

static const char *const output_names[] = {
    [API_V2_PROBABILITY] = "probability",
    [API_V2_VERDICT] = "verdict",
    [API_V2_CONFIDENCE] = "confidence",
};
_Static_assert(ARRAY_LEN(output_names) == API_V2_OUTPUT_COUNT, "one name for each output");

const char *api_v2_output_name(enum api_v2_output output)
{
    return output_names[output];
}

/* ---- taking long texts out ---- */

/* A text between its quotes, escapes still in it. */
struct text {
    uint8_t *at;
    size_t len;
};

struct reader {
    struct buf json; /* what is left of it */
    struct text texts[API_V2_TEXTS_MAX];
    size_t text_count;
    const struct json *root;
    uint8_t *binary;
    size_t binary_len;
    size_t photo_bytes_max;
    struct api_v2_request request;
};

/* The length of the text that begins at `at`; SIZE_MAX when it does not end. */
static size_t text_length(const uint8_t *at, size_t len)
{
    size_t i = 0;

    while (i < len) {
        const uint8_t *quote = memchr(at + i, '"', len - i);
        if (!quote)
            return SIZE_MAX;
        size_t end = (size_t)(quote - at);
        const uint8_t *escape = memchr(at + i, '\\', end - i);
        if (!escape)
            return end;
        i = (size_t)(escape - at) + 2; /* behind what is escaped */
    }
    return SIZE_MAX;
}

/* A text stays when it is short and cannot be mistaken for a number of ours. */
static enum status move_text(struct reader *reader, uint8_t *at, size_t len, struct err *err)
{
    if (len < LONG_TEXT && !(len > 0 && at[0] == '@')) {
        buf_add_str(&reader->json, "\"");
        buf_add(&reader->json, at, len);
        buf_add_str(&reader->json, "\"");
        return ST_OK;
    }
    if (reader->text_count == API_V2_TEXTS_MAX)
        return err_set(err, ST_LIMIT, "the JSON has over %d long texts", API_V2_TEXTS_MAX);
    buf_printf(&reader->json, "\"@%zu\"", reader->text_count);
    reader->texts[reader->text_count++] = (struct text){at, len};
    return ST_OK;
}

static enum status take_texts_out(struct reader *reader, uint8_t *json, size_t len, struct err *err)
{
    size_t i = 0;

    while (i < len && !reader->json.failed) {
        const uint8_t *quote = memchr(json + i, '"', len - i);
        size_t before = quote ? (size_t)(quote - json) : len;
        buf_add(&reader->json, json + i, before - i);
        if (!quote)
            break;
        size_t text_len = text_length(json + before + 1, len - before - 1);
        if (text_len == SIZE_MAX)
            return err_set(err, ST_INVALID, "a JSON text does not end");
        enum status st = move_text(reader, json + before + 1, text_len, err);
        if (st != ST_OK)
            return st;
        i = before + 1 + text_len + 1;
    }
    return buf_check(&reader->json, "the JSON without its long texts", err);
}

/* The text that stands at "@17"; NULL when `value` is another one. */
static struct text *find_text(struct reader *reader, const char *value)
{
    int64_t number = 0;

    if (value[0] != '@' ||
        !str_to_int(&number, str_of(value + 1), 0, (int64_t)reader->text_count - 1))
        return NULL;
    return &reader->texts[number];
}

/* ---- photos ---- */

static enum status add_photo(struct reader *reader, struct bytes photo, struct err *err)
{
    struct api_v2_request *request = &reader->request;

    if (photo.len == 0)
        return err_set(err, ST_INVALID, "photo %zu is empty", request->photo_count);
    if (photo.len > reader->photo_bytes_max)
        return err_set(err, ST_LIMIT, "photo %zu has %zu bytes, the limit is %zu",
                       request->photo_count, photo.len, reader->photo_bytes_max);
    request->photos[request->photo_count++] = photo;
    return ST_OK;
}

/* "\/" is how some writers put a slash. */
static size_t drop_slash_escapes(uint8_t *at, size_t len)
{
    size_t used = 0;

    if (!memchr(at, '\\', len))
        return len;
    for (size_t i = 0; i < len; i++) {
        bool escape = at[i] == '\\' && i + 1 < len && at[i + 1] == '/';
        if (!escape)
            at[used++] = at[i];
    }
    return used;
}

static enum status add_base64(struct reader *reader, const struct json *value, struct err *err)
{
    const char *word = json_text(value);
    struct text *text = word ? find_text(reader, word) : NULL;

    if (!word)
        return err_set(err, ST_INVALID, "\"data\" holds something that is no base64 text");
    if (!text) /* shorter than any photo */
        return err_set(err, ST_INVALID, "element %zu of \"data\" is no photo in base64",
                       reader->request.photo_count);
    if (!text->at)
        return err_set(err, ST_INVALID, "a text of \"data\" is used twice");
    size_t len = drop_slash_escapes(text->at, text->len);
    enum status st = base64_decode(text->at, &len, err);
    if (st != ST_OK) {
        err_prefix(err, "element %zu of \"data\"", reader->request.photo_count);
        return st;
    }
    struct bytes photo = {text->at, len};
    text->at = NULL;
    return add_photo(reader, photo, err);
}

/* [a, b] or, for the shape [n, 1], [[a], [b]]. */
static enum status read_data(struct reader *reader, const struct json *data, size_t count,
                             struct err *err)
{
    if (json_count(data) != count)
        return err_set(err, ST_INVALID, "\"data\" has %zu elements, \"shape\" says %zu",
                       json_count(data), count);
    for (size_t i = 0; i < count; i++) {
        const struct json *element = json_at(data, i);
        if (json_count(element) == 1)
            element = json_at(element, 0);
        enum status st = add_base64(reader, element, err);
        if (st != ST_OK)
            return st;
    }
    return ST_OK;
}

static enum status read_binary(struct reader *reader, size_t count, struct err *err)
{
    const uint8_t *at = reader->binary;
    size_t rest = reader->binary_len;

    for (size_t i = 0; i < count; i++) {
        if (rest < LENGTH_BYTES)
            return err_set(err, ST_INVALID, "the binary data ends before photo %zu", i);
        size_t len = (size_t)at[0] | (size_t)at[1] << 8 | (size_t)at[2] << 16 | (size_t)at[3] << 24;
        at += LENGTH_BYTES;
        rest -= LENGTH_BYTES;
        if (len > rest)
            return err_set(err, ST_INVALID, "photo %zu is said to have %zu bytes, %zu are left", i,
                           len, rest);
        enum status st = add_photo(reader, (struct bytes){at, len}, err);
        if (st != ST_OK)
            return st;
        at += len;
        rest -= len;
    }
    return rest ? err_set(err, ST_INVALID, "%zu bytes follow the last photo", rest) : ST_OK;
}

/* ---- JSON ---- */

static bool text_is(const struct json *object, const char *key, const char *expected)
{
    const char *text = json_get_str(object, key);

    return text && strcmp(text, expected) == 0;
}

/* [n] or [n, 1]. */
static enum status read_shape(size_t *count, const struct json *input, struct err *err)
{
    const struct json *shape = json_get(input, "shape");
    size_t dimensions = json_count(shape);
    int64_t n = json_int_or(json_at(shape, 0), -1);

    if (dimensions < 1 || dimensions > 2 ||
        (dimensions == 2 && json_int_or(json_at(shape, 1), -1) != 1) || n < 1)
        return err_set(err, ST_INVALID, "the \"shape\" of \"image\" is [n] or [n, 1]");
    if (n > API_V2_PHOTOS_MAX)
        return err_set(err, ST_LIMIT, "%lld photos, the limit is %d", (long long)n,
                       API_V2_PHOTOS_MAX);
    *count = (size_t)n;
    return ST_OK;
}

static enum status read_input(struct reader *reader, struct err *err)
{
    const struct json *inputs = json_get(reader->root, "inputs");
    const struct json *input = json_at(inputs, 0);
    const struct json *data = json_get(input, "data");
    int64_t binary_size = -1;
    size_t count = 0;

    if (json_count(inputs) != 1 || !text_is(input, "name", "image"))
        return err_set(err, ST_INVALID, "\"inputs\" holds exactly one input, \"image\"");
    if (!text_is(input, "datatype", "BYTES"))
        return err_set(err, ST_INVALID, "the \"datatype\" of \"image\" is BYTES");
    enum status st = read_shape(&count, input, err);
    if (st != ST_OK)
        return st;
    bool binary = json_get_int(&binary_size, json_get(input, "parameters"), "binary_data_size");
    if (binary && data)
        return err_set(err, ST_INVALID, "\"image\" has \"data\" and binary data");
    if (!binary && reader->binary_len)
        return err_set(err, ST_INVALID, "binary data follows, and no \"binary_data_size\" is said");
    if (!binary)
        return read_data(reader, data, count, err);
    if (binary_size < 0 || (uint64_t)binary_size != reader->binary_len)
        return err_set(err, ST_INVALID, "\"binary_data_size\" is %lld, and %zu bytes follow",
                       (long long)binary_size, reader->binary_len);
    return read_binary(reader, count, err);
}

static bool is_true(const struct json *object, const char *key)
{
    struct buf text;

    buf_init(&text, 16);
    const struct json *value = json_get(object, key);
    if (value)
        json_write(&text, value, 0);
    bool truth = str_equal(buf_str(&text), "true");
    buf_fini(&text);
    return truth;
}

static enum status read_output(struct reader *reader, const struct json *wanted, bool binary,
                               struct err *err)
{
    struct api_v2_request *request = &reader->request;
    const struct json *parameters = json_get(wanted, "parameters");

    for (int i = 0; i < API_V2_OUTPUT_COUNT; i++) {
        if (!text_is(wanted, "name", output_names[i]))
            continue;
        if (json_get(parameters, "binary_data"))
            binary = is_true(parameters, "binary_data");
        request->outputs[request->output_count].output = (enum api_v2_output)i;
        request->outputs[request->output_count++].binary = binary;
        return ST_OK;
    }
    return err_set(err, ST_INVALID, "outputs are probability, verdict and confidence");
}

static enum status read_outputs(struct reader *reader, struct err *err)
{
    const struct json *outputs = json_get(reader->root, "outputs");
    bool binary = is_true(json_get(reader->root, "parameters"), "binary_data_output");
    struct api_v2_request *request = &reader->request;
    enum status st = ST_OK;

    if (json_count(outputs) > API_V2_OUTPUT_COUNT)
        return err_set(err, ST_INVALID, "over %d outputs are asked for", API_V2_OUTPUT_COUNT);
    for (size_t i = 0; i < json_count(outputs) && st == ST_OK; i++)
        st = read_output(reader, json_at(outputs, i), binary, err);
    for (int i = 0; !json_count(outputs) && i < API_V2_OUTPUT_COUNT; i++) {
        request->outputs[request->output_count].output = (enum api_v2_output)i;
        request->outputs[request->output_count++].binary = binary;
    }
    return st;
}

static enum status read_id(struct reader *reader, struct err *err)
{
    const struct json *value = json_get(reader->root, "id");
    const char *id = json_text(value);

    if (!value)
        return ST_OK;
    if (!id || id[0] == '@' || strlen(id) >= API_V2_ID_SIZE)
        return err_set(err, ST_INVALID, "\"id\" is a text of at most %d bytes without \"@\" first",
                       API_V2_ID_SIZE - 1);
    (void)snprintf(reader->request.id, sizeof reader->request.id, "%s", id);
    return ST_OK;
}

static enum status read_root(struct reader *reader, struct err *err)
{
    enum status st = read_id(reader, err);

    if (st == ST_OK)
        st = read_outputs(reader, err);
    if (st == ST_OK)
        st = read_input(reader, err);
    return st;
}

enum status api_v2_read(struct api_v2_request *out, uint8_t *body, size_t len, size_t json_len,
                        size_t photo_bytes_max, struct err *err)
{
    struct reader reader = {.photo_bytes_max = photo_bytes_max};
    struct json *root = NULL;

    if (json_len == API_V2_NO_BINARY)
        json_len = len;
    if (json_len > len)
        return err_set(err, ST_INVALID, "the JSON is said to have %zu bytes, the body has %zu",
                       json_len, len);
    if (json_len == 0)
        return err_set(err, ST_INVALID, "there is no JSON");
    reader.binary = body + json_len;
    reader.binary_len = len - json_len;
    buf_init(&reader.json, API_V2_JSON_MAX);
    enum status st = take_texts_out(&reader, body, json_len, err);
    if (st == ST_OK)
        st = json_parse(&root, buf_bytes(&reader.json), err);
    if (st == ST_OK) {
        reader.root = root;
        st = read_root(&reader, err);
    }
    json_free(root);
    buf_fini(&reader.json);
    if (st == ST_OK)
        *out = reader.request;
    return st;
}
