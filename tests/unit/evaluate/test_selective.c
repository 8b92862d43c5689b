/* Accuracy of the decided photos, counted by hand. */
#include "support/unit.h"

#include <math.h>

#include "evaluate/curves.h"

static const struct detect_band band = {0.4, 0.7};

/* Two real sources, two generators; from below: real right, undecided, AI right, and one error of
 * each class. */
static const struct evaluate_sample samples[] = {
    {0.1, false, 0, 0}, {0.2, false, 0, 0}, {0.39, true, 1, 1}, {0.4, false, 2, 0},
    {0.5, true, 1, 1},  {0.69, true, 3, 2}, {0.7, false, 2, 0}, {0.8, true, 1, 1},
    {0.9, true, 3, 2},  {0.95, true, 3, 2},
};

static void test_counts(void **state)
{
    struct evaluate_selective out;

    (void)state;
    assert_int_equal(evaluate_selective(&out, samples, ARRAY_LEN(samples), 0.5, band, 1, NULL),
                     ST_OK);
    assert_int_equal(out.all[0], 4);
    assert_int_equal(out.all[1], 6);
    assert_int_equal(out.decided[0], 3);
    assert_int_equal(out.decided[1], 4);
    assert_true(fabs(out.coverage - 0.7) < 1e-12);
    assert_true(fabs(out.balanced_accuracy - (2.0 / 3 + 3.0 / 4) / 2) < 1e-12);
    assert_true(out.balanced_accuracy_ci.low <= out.balanced_accuracy);
    assert_true(out.balanced_accuracy_ci.high >= out.balanced_accuracy);
}

static void test_nothing_or_one_class_decided(void **state)
{
    const struct detect_band wide = {0.05, 0.97};
    const struct detect_band upper = {0.05, 0.75};
    struct evaluate_selective out;

    (void)state;
    assert_int_equal(evaluate_selective(&out, samples, ARRAY_LEN(samples), 0.5, wide, 1, NULL),
                     ST_OK);
    assert_true(out.coverage == 0 && isnan(out.balanced_accuracy));
    assert_int_equal(evaluate_selective(&out, samples, ARRAY_LEN(samples), 0.5, upper, 1, NULL),
                     ST_OK);
    assert_true(fabs(out.coverage - 0.3) < 1e-12 && isnan(out.balanced_accuracy));
    assert_true(isnan(out.balanced_accuracy_ci.low));
}

static void test_refused(void **state)
{
    struct evaluate_selective out = {.coverage = 42};
    struct err err = {0};

    (void)state;
    assert_int_equal(evaluate_selective(&out, samples, ARRAY_LEN(samples), 0.39, band, 1, &err),
                     ST_INVALID);
    assert_non_null(strstr(err.msg, "0.39 is not in the band"));
    assert_true(out.coverage == 42);
}

static void test_accuracy_at_a_coverage(void **state)
{
    static struct evaluate_curves curves;

    (void)state;
    assert_int_equal(evaluate_curves(&curves, samples, ARRAY_LEN(samples), 0.5, NULL), ST_OK);
    assert_true(fabs(evaluate_accuracy_at(&curves, 1) - (3.0 / 4 + 5.0 / 6) / 2) < 1e-12);
    assert_true(evaluate_accuracy_at(&curves, 0.5) == 1);
    assert_true(isnan(evaluate_accuracy_at(&curves, 0.05)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_counts),
        cmocka_unit_test(test_nothing_or_one_class_decided),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_accuracy_at_a_coverage),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
