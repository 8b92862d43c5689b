/* The live window: figures by hand, exact for ever, and judged again for another threshold. */
#include "support/unit.h"

#include <math.h>

#include "base/rng.h"
#include "detect/detect.h"
#include "drift/window.h"

static bool near_to(double a, double b)
{
    return fabs(a - b) < 1e-6;
}

static void add(struct drift_window *window, double p, double threshold)
{
    const struct drift_sample sample = {.probability = p,
                                        .ai_generated = drift_is_ai(p, threshold),
                                        .low = drift_is_low(p, threshold)};

    (void)drift_window_add(window, &sample);
}

static void test_figures(void **state)
{
    struct drift_window window;

    (void)state;
    drift_window_open(&window, 4);
    assert_int_equal(drift_window_figures(&window).count, 0);
    add(&window, 0.9, 0.5);
    add(&window, 0.5, 0.5);
    add(&window, 0.1, 0.5);
    add(&window, 0.5, 0.5);
    struct drift_figures s = drift_window_figures(&window);
    assert_int_equal(s.count, 4);
    assert_true(near_to(s.mean_probability, 0.5));
    assert_true(near_to(s.std_probability, sqrt(0.08)));
    assert_true(near_to(s.low_confidence_ratio, 0.5));
    assert_true(near_to(s.ai_generated_ratio, 0.75));
    add(&window, 0.2, 0.5); /* the first is forgotten */
    assert_true(near_to(drift_window_figures(&window).mean_probability, 1.3 / 4));
    assert_true(near_to(drift_window_at(&window, 0)->probability, 0.5));
    assert_true(near_to(drift_window_at(&window, 3)->probability, 0.2));
    drift_window_close(&window);
}

static void test_sums_stay_exact(void **state)
{
    struct drift_window window;
    struct rng rng = rng_seed(5);

    (void)state;
    drift_window_open(&window, 1000);
    for (int i = 0; i < 300000; i++)
        add(&window, rng_unit(&rng), 0.5);
    for (int i = 0; i < 1000; i++)
        add(&window, 0.25, 0.5);
    struct drift_figures s = drift_window_figures(&window);
    assert_true(s.mean_probability == 0.25); /* not nearly: nothing is left of what went */
    assert_true(s.std_probability == 0);
    assert_int_equal(window.grid[256], 1000);
    drift_window_close(&window);
}

static void test_judged_again(void **state)
{
    struct drift_window window;

    (void)state;
    drift_window_open(&window, 10);
    add(&window, 0.4, 0.5);
    add(&window, 0.8, 0.5);
    assert_true(near_to(drift_window_figures(&window).ai_generated_ratio, 0.5));
    drift_window_judge(&window, 0.35);
    struct drift_figures s = drift_window_figures(&window);
    assert_true(near_to(s.ai_generated_ratio, 1));
    assert_true(near_to(s.low_confidence_ratio, 0.5));
    drift_window_reset(&window);
    assert_int_equal(drift_window_figures(&window).count, 0);
    drift_window_close(&window);
}

/* One definition of confidence in the whole program. */
static void test_low_is_what_answers_say(void **state)
{
    static const double thresholds[] = {0.05, 0.35, 0.5, 0.9};

    (void)state;
    for (size_t t = 0; t < ARRAY_LEN(thresholds); t++)
        for (int i = 0; i <= 1000; i++) {
            double p = i / 1000.0;
            assert_int_equal(drift_is_low(p, thresholds[t]),
                             detect_confidence(p, thresholds[t]) == DETECT_CONFIDENCE_LOW);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_figures),
        cmocka_unit_test(test_sums_stay_exact),
        cmocka_unit_test(test_judged_again),
        cmocka_unit_test(test_low_is_what_answers_say),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
