/* Who may queue, and when: bursts may, a queue that stands keeps its wait short. */
#include "support/unit.h"

#include "service/admission.h"

static bool refuses(const struct service_admission *admission, size_t depth, unsigned wait_ms,
                    int64_t now_us)
{
    int64_t wait_us = 0;

    return service_admission_refuses(&wait_us, admission, depth, 2, wait_ms, now_us);
}

static void test_a_burst_is_let_in(void **state)
{
    struct service_admission admission = {.photo_us = 10000};

    (void)state;
    service_admission_depth(&admission, 1, 1000);
    assert_false(refuses(&admission, 1000, 0, 1000));
    assert_false(refuses(&admission, 1000, 0, 1000 + SERVICE_STANDING_US - 1));
}

static void test_a_standing_queue_is_short(void **state)
{
    struct service_admission admission = {.photo_us = 10000};
    int64_t later_us = 1000 + SERVICE_STANDING_US;

    (void)state;
    service_admission_depth(&admission, 1, 1000);
    service_admission_depth(&admission, 40, 2000); /* it stands since it was empty last */
    size_t fits = 2 * SERVICE_WAIT_PHOTOS;
    assert_false(refuses(&admission, fits, 0, later_us));
    assert_true(refuses(&admission, fits + 1, 0, later_us));
    assert_false(refuses(&admission, 10, 50, later_us)); /* 10 photos of 10 ms, two workers */
    assert_true(refuses(&admission, 11, 50, later_us));
    service_admission_depth(&admission, 0, later_us); /* empty: bursts again */
    service_admission_depth(&admission, 1, later_us);
    assert_false(refuses(&admission, 1000, 0, later_us));
}

static void test_workers_never_starve(void **state)
{
    struct service_admission admission = {.photo_us = 1e6};

    (void)state;
    service_admission_depth(&admission, 1, 1000);
    assert_false(refuses(&admission, 1, 1, 1000 + SERVICE_STANDING_US));
    assert_true(refuses(&admission, 2, 1, 1000 + SERVICE_STANDING_US));
}

static void test_the_wait_is_told(void **state)
{
    struct service_admission admission = {.photo_us = 10000};
    int64_t wait_us = 0;

    (void)state;
    (void)service_admission_refuses(&wait_us, &admission, 8, 2, 0, 0);
    assert_int_equal(wait_us, 40000);
}

static void test_the_average_follows(void **state)
{
    struct service_admission admission = {.photo_us = 0};

    (void)state;
    service_admission_measured(&admission, 8000);
    assert_true(admission.photo_us == 8000);
    for (int i = 0; i < 200; i++)
        service_admission_measured(&admission, 20000);
    assert_true(admission.photo_us > 19900 && admission.photo_us <= 20000);
    service_admission_measured(&admission, -5); /* a clock that a test moved back */
    assert_true(admission.photo_us >= 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_burst_is_let_in),
        cmocka_unit_test(test_a_standing_queue_is_short),
        cmocka_unit_test(test_workers_never_starve),
        cmocka_unit_test(test_the_wait_is_told),
        cmocka_unit_test(test_the_average_follows),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
