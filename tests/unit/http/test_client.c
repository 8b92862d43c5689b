/* How long the client waits. */
#include "support/unit.h"

#include "http/client.h"

static void test_retry_after_rules(void **state)
{
    struct rng rng = rng_seed(1);

    (void)state;
    assert_int_equal(http_client_delay_ms(0, 0, &rng), 0);
    assert_int_equal(http_client_delay_ms(3, 7, &rng), 7000);
    assert_int_equal(http_client_delay_ms(0, 60, &rng), 60000);
    assert_int_equal(http_client_delay_ms(0, 86400, &rng), 60000);
    assert_int_equal(http_client_delay_ms(0, INT64_MAX, &rng), 60000);
}

static void test_backs_off(void **state)
{
    static const unsigned middle[] = {250, 500, 1000, 2000, 4000, 8000, 8000, 8000};
    struct rng rng = rng_seed(1);

    (void)state;
    for (unsigned retry = 0; retry < ARRAY_LEN(middle); retry++) {
        unsigned low = UINT32_MAX;
        unsigned top = 0;
        for (int i = 0; i < 200; i++) {
            unsigned delay = http_client_delay_ms(retry, -1, &rng);
            low = MIN_OF(low, delay);
            top = MAX_OF(top, delay);
        }
        assert_true(low >= middle[retry] * 3 / 4 && low < middle[retry] * 8 / 10);
        assert_true(top <= middle[retry] * 5 / 4 && top > middle[retry] * 12 / 10);
    }
    assert_true(http_client_delay_ms(4000000000u, -1, &rng) <= 10000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_retry_after_rules),
        cmocka_unit_test(test_backs_off),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
