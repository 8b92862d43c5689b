/* Status names, messages, views of strings, and numbers that must fill their whole string. */
#include "support/unit.h"

#include "base/base.h"

static void test_status_names(void **state)
{
    (void)state;
    assert_string_equal(status_name(ST_OK), "ok");
    assert_string_equal(status_name(ST_CORRUPT), "corrupt");
    assert_string_equal(status_name(ST_COUNT), "unknown");
    for (int i = 0; i < ST_COUNT; i++)
        for (int j = 0; j < i; j++)
            assert_string_not_equal(status_name((enum status)i), status_name((enum status)j));
}

static void test_err_set(void **state)
{
    (void)state;
    struct err err;
    char longer[400];

    assert_int_equal(err_set(&err, ST_LIMIT, "%d of %s", 5, "three"), ST_LIMIT);
    assert_int_equal(err.code, ST_LIMIT);
    assert_string_equal(err.msg, "5 of three");
    assert_int_equal(err_set(NULL, ST_IO, "nobody listens"), ST_IO);
    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    assert_int_equal(err_set(&err, ST_IO, "%s", longer), ST_IO);
    assert_int_equal(strlen(err.msg), sizeof err.msg - 1);
}

static void test_err_prefix(void **state)
{
    (void)state;
    struct err err;
    char longer[400];

    assert_int_equal(err_set(&err, ST_CORRUPT, "bad byte"), ST_CORRUPT);
    err_prefix(&err, "line %d", 7);
    assert_int_equal(err.code, ST_CORRUPT);
    assert_string_equal(err.msg, "line 7: bad byte");
    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    err_prefix(&err, "%s", longer);
    assert_int_equal(err.code, ST_CORRUPT);
    assert_int_equal(strlen(err.msg), sizeof err.msg - 1);
}

static void test_views(void **state)
{
    (void)state;
    assert_true(str_equal(str_of("ab"), "ab"));
    assert_false(str_equal(str_of("ab"), "abc"));
    assert_false(str_equal(str_of("ab"), "a"));
    assert_true(str_equal(str_of(""), ""));
    assert_true(str_equal((struct str){NULL, 0}, ""));
    assert_false(str_equal((struct str){NULL, 0}, "a"));
    assert_true(str_starts((struct str){NULL, 0}, ""));
    assert_true(str_starts(str_of("network line"), "network"));
    assert_false(str_starts(str_of("net"), "network"));
    assert_true(str_starts(str_of(""), ""));
}

static void test_split(void **state)
{
    (void)state;
    struct str rest = str_of("a,,b");

    assert_true(str_equal(str_split(&rest, ','), "a"));
    assert_true(str_equal(str_split(&rest, ','), ""));
    assert_int_equal(rest.len, 1);
    assert_true(str_equal(str_split(&rest, ','), "b"));
    assert_int_equal(rest.len, 0);
    assert_true(str_equal(str_split(&rest, ','), ""));
    rest = str_of("a,");
    assert_true(str_equal(str_split(&rest, ','), "a"));
    assert_int_equal(rest.len, 0);
}

static void test_trim(void **state)
{
    (void)state;
    assert_true(str_equal(str_trim(str_of(" \t a b\r\n")), "a b"));
    assert_true(str_equal(str_trim(str_of(" \n\t")), ""));
    assert_true(str_equal(str_trim(str_of("")), ""));
}

static void test_whole_numbers(void **state)
{
    (void)state;
    static const char *const junk[] = {
        "",
        "-",
        "+",
        " 1",
        "1 ",
        "1x",
        "0x10",
        "1.0",
        "1e3",
        "--1",
        "\v1",
        "\f1",
        "\n1",
        "9223372036854775808",
        "１",
        "1,000",
        "0000000000000000000000000000000000000000000000000000000000000001",
    };
    int64_t value = 77;

    for (size_t i = 0; i < ARRAY_LEN(junk); i++)
        if (str_to_int(&value, str_of(junk[i]), INT64_MIN, INT64_MAX))
            fail_msg("'%s' was read as %lld", junk[i], (long long)value);
    assert_int_equal(value, 77); /* untouched on failure */
    assert_false(str_to_int(&value, (struct str){"1\0", 2}, 0, 9));
    assert_true(str_to_int(&value, str_of("-9223372036854775808"), INT64_MIN, INT64_MAX));
    assert_true(value == INT64_MIN);
    assert_true(str_to_int(&value, str_of("9223372036854775807"), INT64_MIN, INT64_MAX));
    assert_true(value == INT64_MAX);
    assert_true(str_to_int(&value, str_of("10"), 10, 10));
    assert_false(str_to_int(&value, str_of("9"), 10, 20));
    assert_false(str_to_int(&value, str_of("21"), 10, 20));
    assert_true(str_to_int(&value, (struct str){"123", 2}, 0, 99)); /* the view ends it */
    assert_int_equal(value, 12);
}

static void test_real_numbers(void **state)
{
    (void)state;
    static const char *const junk[] = {"",    ".",   "e5",   "1e",  " 1",   "1 ",    "\v1",
                                       "nan", "inf", "-inf", "1,5", "1.5x", "1e999", "infinity"};
    double value = 77;

    for (size_t i = 0; i < ARRAY_LEN(junk); i++)
        if (str_to_double(&value, str_of(junk[i]), -1e308, 1e308))
            fail_msg("'%s' was read as %g", junk[i], value);
    assert_true(value == 77);
    assert_true(str_to_double(&value, str_of("-2.5e-3"), -1, 1));
    assert_true(value == -2.5e-3);
    assert_true(str_to_double(&value, str_of("0.1"), 0.1, 0.1));
    assert_false(str_to_double(&value, str_of("0.11"), 0, 0.1));
    assert_false(str_to_double(&value, str_of("-0.1"), 0, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_status_names),  cmocka_unit_test(test_err_set),
        cmocka_unit_test(test_err_prefix),    cmocka_unit_test(test_views),
        cmocka_unit_test(test_split),         cmocka_unit_test(test_trim),
        cmocka_unit_test(test_whole_numbers), cmocka_unit_test(test_real_numbers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
