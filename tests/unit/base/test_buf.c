/* A buffer with its maximum: exact fits, overruns that stick, formats, reuse. */
#include "support/unit.h"

#include "base/buf.h"

static void test_empty(void **state)
{
    (void)state;
    struct buf buf;

    buf_init(&buf, 10);
    assert_int_equal(buf_str(&buf).len, 0);
    assert_string_equal(buf_str(&buf).at, "");
    assert_null(buf_bytes(&buf).at);
    assert_int_equal(buf_check(&buf, "nothing", NULL), ST_OK);
    buf_fini(&buf);
    buf_fini(&buf); /* twice is fine */
}

static void test_exact_maximum(void **state)
{
    (void)state;
    struct buf buf;

    buf_init(&buf, 6);
    buf_add_str(&buf, "abc");
    buf_printf(&buf, "%s", "def");
    assert_int_equal(buf_check(&buf, "it", NULL), ST_OK);
    assert_string_equal(buf_str(&buf).at, "abcdef"); /* NUL-ended beyond its length */
    buf_add(&buf, "", 0);
    assert_false(buf.failed);
    buf_fini(&buf);
}

static void test_over_the_maximum(void **state)
{
    (void)state;
    struct buf buf;
    struct err err = {0};

    buf_init(&buf, 5);
    buf_add_str(&buf, "abc");
    buf_add_str(&buf, "def");
    buf_add_str(&buf, "g"); /* would fit, but comes after a loss */
    assert_int_equal(buf_check(&buf, "the answer", &err), ST_LIMIT);
    assert_string_equal(err.msg, "the answer is over 5 bytes");
    assert_string_equal(buf_str(&buf).at, "abc");
    buf_reset(&buf);
    assert_int_equal(buf_check(&buf, "the answer", &err), ST_OK);
    buf_printf(&buf, "%d%d", 123, 456);
    assert_true(buf.failed);
    assert_int_equal(buf.len, 0);
    buf_fini(&buf);
    buf_init(&buf, 0);
    buf_add_str(&buf, "x");
    assert_true(buf.failed);
    buf_fini(&buf);
}

static void test_huge_length_is_refused(void **state)
{
    (void)state;
    struct buf buf;

    buf_init(&buf, 100);
    buf_add_str(&buf, "abc");
    buf_add(&buf, "x", SIZE_MAX); /* must not wrap round */
    assert_true(buf.failed);
    assert_int_equal(buf.len, 3);
    buf_fini(&buf);
}

static void test_growth(void **state)
{
    (void)state;
    struct buf buf;
    char want[16];

    buf_init(&buf, 1u << 20);
    for (int i = 0; i < 20000; i++)
        buf_printf(&buf, "%05d,", i);
    assert_int_equal(buf.len, 120000);
    for (int i = 0; i < 20000; i += 777) {
        (void)snprintf(want, sizeof want, "%05d,", i);
        assert_memory_equal(buf.at + 6 * i, want, 6);
    }
    uint8_t *kept = buf.at;
    buf_reset(&buf);
    buf_add_str(&buf, "again");
    assert_ptr_equal(buf.at, kept);
    buf_fini(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_exact_maximum),
        cmocka_unit_test(test_over_the_maximum),
        cmocka_unit_test(test_huge_length_is_refused),
        cmocka_unit_test(test_growth),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
