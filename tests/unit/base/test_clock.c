/* Clocks: one that a test moves, the system's, and dates as text. */
#include "support/unit.h"

#include "base/clock.h"

static void test_manual(void **state)
{
    (void)state;
    int64_t now = 1000;
    const struct clock clock = {.manual_us = &now};

    assert_int_equal(clock_monotonic_us(&clock), 1000);
    assert_int_equal(clock_utc_us(&clock), 1000);
    now += 48LL * 3600 * 1000000;
    assert_int_equal(clock_monotonic_us(&clock), 172800001000);
}

static void test_system(void **state)
{
    (void)state;
    int64_t before = clock_monotonic_us(&clock_system);
    int64_t cpu = clock_thread_cpu_us();
    volatile double sum = 0;

    for (int i = 0; i < 2000000; i++)
        sum = sum + i;
    assert_true(clock_monotonic_us(&clock_system) > before);
    assert_true(clock_thread_cpu_us() > cpu);
    assert_true(clock_utc_us(&clock_system) > 1600000000LL * 1000000); /* after 2020 */
}

static void test_text(void **state)
{
    (void)state;
    char text[CLOCK_TEXT_SIZE];

    assert_string_equal(clock_format_utc(text, 0), "1970-01-01T00:00:00Z");
    assert_string_equal(clock_format_utc(text, 951782400LL * 1000000 + 999999),
                        "2000-02-29T00:00:00Z");
    assert_string_equal(clock_format_utc(text, 1769850300LL * 1000000), "2026-01-31T09:05:00Z");
    clock_format_utc(text, INT64_MAX); /* the year 294247: whatever it is, it fits and ends */
    assert_true(strlen(text) < CLOCK_TEXT_SIZE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_manual),
        cmocka_unit_test(test_system),
        cmocka_unit_test(test_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
