/* The playbook's rule: its own figures, each threshold, each band of remediation. */
#include "support/unit.h"

#include <math.h>

#include "drift/score.h"

static const struct drift_thresholds thresholds = {.probability = 0.15,
                                                   .confidence = 0.15,
                                                   .ratio = 0.20,
                                                   .warning = 0.10,
                                                   .detected = 0.15,
                                                   .critical = 0.30,
                                                   .minimum = 100};

static struct drift_score score(double mean, double low, double ai)
{
    const struct drift_figures baseline = {10000, 0.72, 0.3, 0.123, 0.48};
    const struct drift_figures window = {1000, mean, 0.3, low, ai};

    return drift_score_of(&window, &baseline, &thresholds);
}

/* The incident: 0.72 to 0.54, 12.3 % to 34.8 %, 48 % to 26 %. */
static void test_the_incident(void **state)
{
    struct drift_score s = score(0.54, 0.348, 0.26);

    (void)state;
    assert_true(fabs(s.probability - 0.18) < 1e-9);
    assert_true(fabs(s.confidence - 0.225) < 1e-9);
    assert_true(fabs(s.ratio - 0.22) < 1e-9);
    assert_true(fabs(s.score - 0.225) < 1e-9);
    assert_true(s.known && s.detected && s.confirmed);
    assert_int_equal(s.level, DRIFT_CRITICAL); /* all three */
    assert_int_equal(s.action, DRIFT_MONITOR); /* 0.15 to 0.25 */
}

static void test_levels_and_actions(void **state)
{
    (void)state;
    assert_int_equal(score(0.70, 0.123, 0.48).level, DRIFT_QUIET);
    assert_int_equal(score(0.60, 0.123, 0.48).level, DRIFT_WARNING);
    assert_false(score(0.60, 0.123, 0.48).detected);
    assert_int_equal(score(0.55, 0.123, 0.48).level, DRIFT_DETECTED);
    assert_int_equal(score(0.55, 0.123, 0.48).action, DRIFT_MONITOR);
    assert_int_equal(score(0.44, 0.123, 0.48).action, DRIFT_LOWER_THRESHOLD);
    assert_int_equal(score(0.41, 0.123, 0.48).level, DRIFT_CRITICAL);
    assert_int_equal(score(0.30, 0.123, 0.48).action, DRIFT_HUMAN_REVIEW);
    assert_int_equal(score(0.72, 0.123, 0.27).level, DRIFT_DETECTED); /* the ratio alone */
    assert_true(score(0.72, 0.123, 0.27).score == 0);
}

static void test_a_surer_model_is_no_drift(void **state)
{
    struct drift_score s = score(0.72, 0.0, 0.48);

    (void)state;
    assert_true(s.confidence == 0 && s.score == 0 && !s.detected);
    assert_int_equal(s.action, DRIFT_NOTHING);
}

static void test_unknown_says_nothing(void **state)
{
    const struct drift_figures none = {0}, few = {99, 0.1, 0, 1, 0}, some = {500, 0.7, 0, 0, 1};

    (void)state;
    assert_false(drift_score_of(&some, &none, &thresholds).known);
    struct drift_score s = drift_score_of(&few, &some, &thresholds);
    assert_false(s.known || s.detected);
    assert_int_equal(s.level, DRIFT_QUIET);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_incident),
        cmocka_unit_test(test_levels_and_actions),
        cmocka_unit_test(test_a_surer_model_is_no_drift),
        cmocka_unit_test(test_unknown_says_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
