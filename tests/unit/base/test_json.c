/* JSON: what is written reads back; hostile documents are refused with line and column. */
#include "support/unit.h"

#include <math.h>
#include <stdlib.h>

#include "base/json.h"

static struct bytes text(const char *t)
{
    return (struct bytes){(const uint8_t *)t, strlen(t)};
}

static void refuse(struct bytes document, const char *part)
{
    struct json *value = NULL;
    struct err err = {0};

    if (json_parse(&value, document, &err) == ST_OK)
        fail_msg("accepted: %.40s", (const char *)document.at);
    assert_null(value);
    assert_int_equal(err.code, ST_INVALID);
    if (!strstr(err.msg, part))
        fail_msg("'%s' does not mention '%s'", err.msg, part);
}

static struct json *parse(const char *document)
{
    struct json *value = NULL;
    struct err err = {0};

    if (json_parse(&value, text(document), &err) != ST_OK)
        fail_msg("%s", err.msg);
    return value;
}

static void check_written(const struct json *value, unsigned indent, const char *want)
{
    struct buf out;

    buf_init(&out, 4096);
    json_write(&out, value, indent);
    assert_int_equal(buf_check(&out, "it", NULL), ST_OK);
    assert_string_equal(buf_str(&out).at, want);
    buf_fini(&out);
}

static void test_write(void **state)
{
    (void)state;
    struct json *object = json_new_object();
    struct json *array = json_new_array();

    json_set_str(object, "text", "a\"b\\\n\x01 \xc3\xa9");
    json_set_number(object, "number", 0.1);
    json_set_number(object, "nan", NAN);
    json_set_number(object, "infinity", -INFINITY);
    json_set_int(object, "int", INT64_MIN);
    json_set_bool(object, "yes", true);
    json_append_number(array, 1.0 / 3);
    json_append_int(array, 7);
    json_append_str(array, "");
    json_set(object, "a list", array);
    check_written(object, 0,
                  "{\"text\":\"a\\\"b\\\\\\n\\u0001 \xc3\xa9\",\"number\":0.1,\"nan\":null,"
                  "\"infinity\":null,\"int\":-9223372036854775808,\"yes\":true,"
                  "\"a list\":[0.3333333333,7,\"\"]}");
    json_set_int(object, "int", 1); /* again: replaces, keeps the order */
    struct json *taken = json_take(object, "a list");
    assert_int_equal(json_count(taken), 3);
    json_free(taken);
    assert_null(json_take(object, "a list"));
    json_free(object);
    json_free(NULL);
}

static void test_indented(void **state)
{
    (void)state;
    struct json *object = json_new_object();

    json_set_int(object, "b", 1);
    json_set_int(object, "a", 2);
    check_written(object, 2, "{\n  \"b\": 1,\n  \"a\": 2\n}");
    json_free(object);
}

static void test_text_that_is_not_utf8(void **state)
{
    (void)state;
    struct json *object = json_new_object();

    json_set_str(object, "name", "caf\xe9.jpg");
    assert_string_equal(json_get_str(object, "name"), "?");
    json_free(object);
}

static void test_writing_over_the_maximum(void **state)
{
    (void)state;
    struct json *array = json_new_array();
    struct buf out;

    for (int i = 0; i < 100; i++)
        json_append_int(array, i);
    buf_init(&out, 50);
    json_write(&out, array, 0);
    assert_int_equal(buf_check(&out, "it", NULL), ST_LIMIT);
    buf_fini(&out);
    json_free(array);
}

static void test_read(void **state)
{
    (void)state;
    struct json *o =
        parse("{\"i\": 3, \"r\": 3.0, \"s\": \"x\", \"a\": [1, \"2\", null], \"n\": null}");
    int64_t whole = 99;
    double number = 99;

    assert_true(json_get_int(&whole, o, "i") && whole == 3);
    assert_false(json_get_int(&whole, o, "r")); /* 3.0 is not a whole number */
    assert_true(json_get_number(&number, o, "i") && number == 3);
    assert_true(json_get_number(&number, o, "r"));
    assert_false(json_get_number(&number, o, "s"));
    assert_false(json_get_number(&number, o, "n"));
    assert_false(json_get_number(&number, o, "absent"));
    assert_string_equal(json_get_str(o, "s"), "x");
    assert_null(json_get_str(o, "i"));
    assert_null(json_get_str(o, "absent"));
    const struct json *a = json_get(o, "a");
    assert_int_equal(json_count(a), 3);
    assert_int_equal(json_int_or(json_at(a, 0), -1), 1);
    assert_int_equal(json_int_or(json_at(a, 1), -1), -1);
    assert_true(json_number_or(json_at(a, 2), 5) == 5);
    assert_null(json_at(a, 3));
    assert_int_equal(json_count(json_get(o, "s")), 0);
    assert_null(json_get(a, "key")); /* an array has no keys */
    json_free(o);
}

static void append_key(void *payload, const char *key, const struct json *value)
{
    strncat(payload, key, 2);
    assert_int_equal(json_int_or(value, 0), 1);
}

static void test_each_in_order(void **state)
{
    (void)state;
    struct json *o = parse("{\"z\":1,\"a\":1,\"m\":1}");
    char keys[16] = "";

    json_each(o, append_key, keys);
    assert_string_equal(keys, "zam");
    json_free(o);
}

static void test_refused(void **state)
{
    (void)state;
    refuse(text(""), "line 1");
    refuse((struct bytes){NULL, 0}, "JSON");
    refuse(text("{\"a\":1,\"a\":2}"), "duplicate");
    refuse(text("{\n\"a\": tru}"), "line 2");
    refuse(text("[1,2"), "line 1 column 4");
    refuse(text("[1] x"), "end of file");
    refuse(text("{\"a\":NaN}"), "NaN");
    refuse(text("[Infinity]"), "Infinity");
    refuse(text("[1e999]"), "overflow");
    refuse(text("[9223372036854775808]"), "integer");
    refuse(text("[\"\xff\xfe\"]"), "0xff");
    refuse(text("[\"\xc0\x80\"]"), "0xc0"); /* overlong */
    refuse(text("[\"\\ud800\"]"), "");
    refuse(text("[\"\\u0000\"]"), "");
    refuse(text("[01]"), "");
    refuse(text("{'a':1}"), "");
    refuse((struct bytes){(const uint8_t *)"[1]\0", 4}, "end of file");
}

static void test_depth(void **state)
{
    (void)state;
    enum { DEPTH = 100000 };
    char *deep = malloc(2 * DEPTH + 1);
    struct json *value = NULL;

    memset(deep, '[', DEPTH);
    memset(deep + DEPTH, ']', DEPTH);
    deep[2 * DEPTH] = '\0';
    refuse(text(deep), "depth");
    assert_int_equal(json_parse(&value, text(deep + DEPTH - 500), NULL), ST_INVALID);
    deep[DEPTH + 500] = '\0';
    assert_int_equal(json_parse(&value, text(deep + DEPTH - 500), NULL), ST_OK);
    json_free(value);
    free(deep);
}

static void test_round_trip(void **state)
{
    (void)state;
    static const char *const documents[] = {"{}", "[]", "[-0.5,1e20,null,true]",
                                            "{\"a\":{\"b\":[{}]}}", "[\"\\u20ac\"]"};

    for (size_t i = 0; i < ARRAY_LEN(documents); i++) {
        struct json *once = parse(documents[i]);
        struct buf first;
        buf_init(&first, 1000);
        json_write(&first, once, 0);
        struct json *twice = parse(buf_str(&first).at);
        check_written(twice, 0, buf_str(&first).at);
        json_free(once);
        json_free(twice);
        buf_fini(&first);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_write),
        cmocka_unit_test(test_indented),
        cmocka_unit_test(test_text_that_is_not_utf8),
        cmocka_unit_test(test_writing_over_the_maximum),
        cmocka_unit_test(test_read),
        cmocka_unit_test(test_each_in_order),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_depth),
        cmocka_unit_test(test_round_trip),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
