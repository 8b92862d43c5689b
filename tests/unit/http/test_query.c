/* The query of a request: what is found, what is refused. */
#include "support/unit.h"

#include "http/query.h"

static enum status find(char out[16], const char *query, const char *name, struct err *err)
{
    return http_query_find(out, 16, str_of(query), name, err);
}

static void test_finds_values(void **state)
{
    static const struct {
        const char *query, *name, *value;
    } cases[] = {
        {"a=1", "a", "1"},
        {"a=1&b=two+words", "b", "two words"},
        {"b=%32%2b%2B&a=", "b", "2++"},
        {"a=&b=1", "a", ""},
        {"a&b=1", "a", ""},
        {"&&a=x=y&", "a", "x=y"},
        {"ab=1&a=2", "a", "2"},
        {"a=%C3%A9", "a", "\xc3\xa9"},
        {"a=123456789012345", "a", "123456789012345"},
    };
    char out[16];
    struct err err;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(find(out, cases[i].query, cases[i].name, &err), ST_OK);
        assert_string_equal(out, cases[i].value);
    }
}

static void test_refuses(void **state)
{
    static const struct {
        const char *query;
        enum status expected;
    } cases[] = {
        {"", ST_NOT_FOUND},       {"b=1", ST_NOT_FOUND},
        {"A=1", ST_NOT_FOUND},    {"a=1&a=1", ST_INVALID},
        {"a=%", ST_INVALID},      {"a=%2", ST_INVALID},
        {"a=%zz", ST_INVALID},    {"a=%00", ST_INVALID},
        {"a=%0d%0a", ST_INVALID}, {"a=1234567890123456", ST_LIMIT},
    };
    char out[16] = "untouched";
    struct err err;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(find(out, cases[i].query, "a", &err), cases[i].expected);
        assert_non_null(strstr(err.msg, "\"a\""));
        assert_string_equal(out, "untouched");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_finds_values),
        cmocka_unit_test(test_refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
