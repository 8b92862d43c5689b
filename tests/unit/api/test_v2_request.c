/* Bodies of the Open Inference Protocol: what is read, and each way of being refused. */
#include "support/unit.h"

#include "api/v2_request.h"
#include "base/base64.h"
#include "base/mem.h"

#define PHOTO_MAX 2000u

/* A body under construction, and a copy of it to be read, exactly as long. */
static struct buf body;

static int open_body(void **state)
{
    (void)state;
    buf_init(&body, 16u << 20);
    return 0;
}

static int close_body(void **state)
{
    (void)state;
    buf_fini(&body);
    return 0;
}

static enum status read_body(struct api_v2_request *out, size_t json_len, struct err *err)
{
    uint8_t *copy = mem_alloc(body.len + 1, 1);

    memcpy(copy, body.at, body.len);
    enum status st = api_v2_read(out, copy, body.len, json_len, PHOTO_MAX, err);
    /* photos point into the copy: keep what the test looks at */
    for (size_t i = 0; st == ST_OK && i < out->photo_count; i++)
        assert_true(out->photos[i].len > 0 && out->photos[i].at >= copy &&
                    out->photos[i].at + out->photos[i].len <= copy + body.len);
    for (size_t i = 0; st == ST_OK && i < out->photo_count; i++)
        assert_int_equal(out->photos[i].at[out->photos[i].len - 1], 'a' + (int)i);
    mem_free(copy);
    return st;
}

/* A photo of `len` bytes that ends in the letter of its index, in base64. */
static void add_photo(size_t index, size_t len)
{
    uint8_t *photo = mem_alloc(len, 1);

    memset(photo, 0xf7, len); /* "9/f3": slashes */
    photo[len - 1] = (uint8_t)('a' + index);
    base64_encode(&body, (struct bytes){photo, len});
    mem_free(photo);
}

static void begin(const char *text)
{
    buf_reset(&body);
    buf_add_str(&body, text);
}

static void test_base64_photos(void **state)
{
    struct api_v2_request request;
    struct err err = {0};

    (void)state;
    begin("{\"id\":\"7\",\"inputs\":[{\"name\":\"image\",\"datatype\":\"BYTES\",\"shape\":[2],"
          "\"data\":[\"");
    add_photo(0, 500);
    buf_add_str(&body, "\",\"");
    add_photo(1, PHOTO_MAX);
    buf_add_str(&body, "\"]}]}");
    assert_int_equal(read_body(&request, API_V2_NO_BINARY, &err), ST_OK);
    assert_string_equal(request.id, "7");
    assert_int_equal(request.photo_count, 2);
    assert_int_equal(request.photos[0].len, 500);
    assert_int_equal(request.photos[1].len, PHOTO_MAX);
    assert_int_equal(request.output_count, API_V2_OUTPUT_COUNT);
    assert_false(request.outputs[0].binary);
}

/* Escaped slashes, nested elements, outputs in an order of their own. */
static void test_other_spellings(void **state)
{
    struct api_v2_request request;
    struct buf photo;
    struct err err = {0};

    (void)state;
    begin("");
    add_photo(0, 300);
    buf_init(&photo, 10000);
    for (size_t i = 0; i < body.len; i++) {
        if (body.at[i] == '/')
            buf_add_str(&photo, "\\");
        buf_add(&photo, &body.at[i], 1);
    }
    begin("{\"outputs\":[{\"name\":\"verdict\",\"parameters\":{\"binary_data\":false}},"
          "{\"name\":\"probability\"}],\"parameters\":{\"binary_data_output\":true},"
          "\"inputs\":[{\"name\":\"image\",\"datatype\":\"BYTES\",\"shape\":[1,1],\"data\":[[\"");
    buf_add(&body, photo.at, photo.len);
    buf_add_str(&body, "\"]]}]}");
    buf_fini(&photo);
    assert_int_equal(read_body(&request, API_V2_NO_BINARY, &err), ST_OK);
    assert_int_equal(request.photos[0].len, 300);
    assert_int_equal(request.output_count, 2);
    assert_int_equal(request.outputs[0].output, API_V2_VERDICT);
    assert_false(request.outputs[0].binary);
    assert_int_equal(request.outputs[1].output, API_V2_PROBABILITY);
    assert_true(request.outputs[1].binary);
}

static size_t begin_binary(size_t said, const char *shape)
{
    begin("");
    buf_printf(&body,
               "{\"inputs\":[{\"name\":\"image\",\"datatype\":\"BYTES\",\"shape\":%s,"
               "\"parameters\":{\"binary_data_size\":%zu}}]}",
               shape, said);
    return body.len;
}

static void test_binary_photos(void **state)
{
    struct api_v2_request request;
    struct err err = {0};

    (void)state;
    size_t json_len = begin_binary(13, "[2]");
    buf_add(&body, "\1\0\0\0a\4\0\0\0xyzb", 13);
    assert_int_equal(read_body(&request, json_len, &err), ST_OK);
    assert_int_equal(request.photo_count, 2);
    assert_int_equal(request.photos[1].len, 4);
}

static void refuse_binary(const char *shape, size_t said, const char *data, size_t len,
                          enum status want, const char *part)
{
    struct api_v2_request request = {.photo_count = 4711};
    struct err err = {0};
    size_t json_len = begin_binary(said, shape);

    buf_add(&body, data, len);
    assert_int_equal(read_body(&request, json_len, &err), want);
    if (!strstr(err.msg, part))
        fail_msg("%s (wanted ... %s)", err.msg, part);
    assert_int_equal(request.photo_count, 4711); /* untouched on failure */
}

static void test_binary_is_refused(void **state)
{
    (void)state;
    refuse_binary("[1]", 3, "\1\0\0", 3, ST_INVALID, "ends before photo 0");
    refuse_binary("[1]", 4, "\1\0\0\0", 4, ST_INVALID, "said to have 1 bytes, 0 are left");
    refuse_binary("[1]", 5, "\377\377\377\377a", 5, ST_INVALID, "4294967295 bytes");
    refuse_binary("[1]", 4, "\0\0\0\0", 4, ST_INVALID, "photo 0 is empty");
    refuse_binary("[1]", 6, "\1\0\0\0ab", 6, ST_INVALID, "1 bytes follow");
    refuse_binary("[2]", 5, "\1\0\0\0a", 5, ST_INVALID, "ends before photo 1");
    refuse_binary("[1]", 6, "\1\0\0\0a", 5, ST_INVALID, "\"binary_data_size\" is 6, and 5");
    refuse_binary("[11]", 5, "\1\0\0\0a", 5, ST_LIMIT, "11 photos, the limit is 10");
}

static void test_photo_over_the_limit(void **state)
{
    struct api_v2_request request;
    struct err err = {0};

    (void)state;
    begin("{\"inputs\":[{\"name\":\"image\",\"datatype\":\"BYTES\",\"shape\":[1],\"data\":[\"");
    add_photo(0, PHOTO_MAX + 1);
    buf_add_str(&body, "\"]}]}");
    assert_int_equal(read_body(&request, API_V2_NO_BINARY, &err), ST_LIMIT);
    assert_non_null(strstr(err.msg, "2001 bytes, the limit is 2000"));
}

static void test_json_is_refused(void **state)
{
#define INPUT(rest) "{\"inputs\":[{\"name\":\"image\",\"datatype\":\"BYTES\"," rest "}]}"
    static const char *const cases[][2] = {
        {"{", "JSON line 1"},
        {"\"", "does not end"},
        {"{\"a\":\"\\", "does not end"},
        {"[]", "exactly one input"},
        {"{}", "exactly one input"},
        {"{\"inputs\":[]}", "exactly one input"},
        {"{\"inputs\":[{},{}]}", "exactly one input"},
        {"{\"inputs\":[{\"name\":\"other\"}]}", "exactly one input"},
        {"{\"inputs\":[{\"name\":\"image\",\"datatype\":\"FP32\"}]}", "BYTES"},
        {INPUT("\"shape\":[]"), "[n] or [n, 1]"},
        {INPUT("\"shape\":[0]"), "[n] or [n, 1]"},
        {INPUT("\"shape\":[-1]"), "[n] or [n, 1]"},
        {INPUT("\"shape\":[1.0]"), "[n] or [n, 1]"},
        {INPUT("\"shape\":[1,2]"), "[n] or [n, 1]"},
        {INPUT("\"shape\":[1,1,1]"), "[n] or [n, 1]"},
        {INPUT("\"shape\":[99999999999999999999]"), "JSON line 1"},
        {INPUT("\"shape\":[1]"), "\"data\" has 0 elements"},
        {INPUT("\"shape\":[1],\"data\":\"x\""), "\"data\" has 0 elements"},
        {INPUT("\"shape\":[1],\"data\":[\"x\",\"y\"]"), "\"data\" has 2 elements"},
        {INPUT("\"shape\":[1],\"data\":[1]"), "no base64 text"},
        {INPUT("\"shape\":[1],\"data\":[\"aGVsbG8=\"]"), "is no photo"},
        {INPUT("\"shape\":[1],\"data\":[\"@0\"]"), "base64 of 2 characters"},
        {INPUT("\"shape\":[1],\"data\":[\"@123\"]"), "odd character at 0"},
        {INPUT("\"shape\":[1],\"data\":[\"\\u00400\"]"), "is no photo"},
        {INPUT("\"shape\":[1],\"data\":[\"\\u0040x00\"]"), "is no photo"},
        {INPUT("\"shape\":[1],\"data\":[\"a\"],\"parameters\":{\"binary_data_size\":0}"),
         "\"data\" and binary data"},
        {INPUT("\"shape\":[1],\"parameters\":{\"binary_data_size\":-1}"), "is -1"},
        {"{\"id\":7}", "\"id\""},
        {"{\"id\":\"@\"}", "\"id\""},
        {"{\"outputs\":[{\"name\":\"logit\"}]}", "outputs are"},
        {"{\"outputs\":[{},{},{},{}]}", "over 3 outputs"},
        {"{\"inputs\":1,\"inputs\":2}", "duplicate"},
    };
    struct api_v2_request request;
    struct err err;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        err.msg[0] = '\0';
        begin(cases[i][0]);
        if (read_body(&request, API_V2_NO_BINARY, &err) != ST_INVALID ||
            !strstr(err.msg, cases[i][1]))
            fail_msg("%s: '%s' (wanted ... %s)", cases[i][0], err.msg, cases[i][1]);
    }
}

/* What would be millions of values is refused before it is parsed. */
static void test_bombs(void **state)
{
    struct api_v2_request request;
    struct err err = {0};

    (void)state;
    begin("");
    for (size_t i = 0; i < 2u << 20; i++)
        buf_add(&body, "[", 1);
    assert_int_equal(read_body(&request, API_V2_NO_BINARY, &err), ST_LIMIT);
    assert_non_null(strstr(err.msg, "65536"));
    begin("[");
    for (size_t i = 0; i < 20; i++)
        buf_add_str(&body, "\"@\",");
    for (size_t i = 0; i < 20; i++)
        buf_add_str(&body, "\"@@\",");
    assert_int_equal(read_body(&request, API_V2_NO_BINARY, &err), ST_LIMIT);
    assert_non_null(strstr(err.msg, "32 long texts"));
    begin("");
    for (size_t i = 0; i < 30000; i++)
        buf_add(&body, "[", 1);
    assert_int_equal(read_body(&request, API_V2_NO_BINARY, &err), ST_INVALID); /* depth */
}

static void test_header_length(void **state)
{
    struct api_v2_request request;
    struct err err = {0};

    (void)state;
    begin("{}");
    assert_int_equal(read_body(&request, 3, &err), ST_INVALID);
    assert_int_equal(read_body(&request, 0, &err), ST_INVALID);
    begin("");
    assert_int_equal(read_body(&request, API_V2_NO_BINARY, &err), ST_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_base64_photos),
        cmocka_unit_test(test_other_spellings),
        cmocka_unit_test(test_binary_photos),
        cmocka_unit_test(test_binary_is_refused),
        cmocka_unit_test(test_photo_over_the_limit),
        cmocka_unit_test(test_json_is_refused),
        cmocka_unit_test(test_bombs),
        cmocka_unit_test(test_header_length),
    };
    return cmocka_run_group_tests(tests, open_body, close_body);
}
