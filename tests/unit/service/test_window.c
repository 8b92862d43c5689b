/* The live window: figures by hand, and that it forgets the oldest. */
#include "support/unit.h"

#include <math.h>

#include "service/window.h"

static bool near_to(double a, double b)
{
    return fabs(a - b) < 1e-6;
}

static void test_empty(void **state)
{
    static struct service_window window;

    (void)state;
    struct service_window_statistics s = service_window_read(&window);
    assert_int_equal(s.count, 0);
    assert_true(s.mean_probability == 0 && s.std_probability == 0);
}

static void test_figures(void **state)
{
    static struct service_window window;

    (void)state;
    service_window_add(&window, 0.9, true, false);
    service_window_add(&window, 0.5, true, true);
    service_window_add(&window, 0.1, false, false);
    service_window_add(&window, 0.5, false, true);
    struct service_window_statistics s = service_window_read(&window);
    assert_int_equal(s.count, 4);
    assert_true(near_to(s.mean_probability, 0.5));
    assert_true(near_to(s.std_probability, sqrt(0.08)));
    assert_true(near_to(s.low_confidence_ratio, 0.5));
    assert_true(near_to(s.ai_generated_ratio, 0.5));
}

static void test_forgets_the_oldest(void **state)
{
    static struct service_window window;

    (void)state;
    for (int i = 0; i < SERVICE_WINDOW_MAX; i++)
        service_window_add(&window, 1, true, true);
    for (int i = 0; i < SERVICE_WINDOW_MAX / 4; i++)
        service_window_add(&window, 0, false, false);
    struct service_window_statistics s = service_window_read(&window);
    assert_int_equal(s.count, SERVICE_WINDOW_MAX);
    assert_true(near_to(s.mean_probability, 0.75));
    assert_true(near_to(s.ai_generated_ratio, 0.75));
    assert_true(near_to(s.low_confidence_ratio, 0.75));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_figures),
        cmocka_unit_test(test_forgets_the_oldest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
