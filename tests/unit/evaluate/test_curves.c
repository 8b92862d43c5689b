/* The curves of a handful of scores, worked out by hand. */
#include <math.h>

#include "support/unit.h"

#include "base/rng.h"
#include "evaluate/curves.h"

static struct evaluate_curves curves;

static void draw(const struct evaluate_sample *samples, size_t count, double threshold)
{
    assert_int_equal(evaluate_curves(&curves, samples, count, threshold, NULL), ST_OK);
}

static const struct evaluate_sample four[] = {{.probability = 0.9, .ai = true},
                                              {.probability = 0.6, .ai = false},
                                              {.probability = 0.4, .ai = true},
                                              {.probability = 0.1, .ai = false}};

static void test_roc_of_four(void **state)
{
    static const double fpr[] = {0, 0, 0.5, 0.5, 1};
    static const double tpr[] = {0, 0.5, 0.5, 1, 1};

    (void)state;
    draw(four, 4, 0.5);
    assert_int_equal(curves.roc_count, 5);
    for (size_t i = 0; i < 5; i++)
        assert_true(curves.roc[i].fpr == fpr[i] && curves.roc[i].tpr == tpr[i]);
}

/* Away from the threshold, in units of what is possible: 0.8, 0.8, 0.2, 0.2. */
static void test_sure_photos_are_decided_first(void **state)
{
    (void)state;
    draw(four, 4, 0.5);
    assert_int_equal(curves.coverage_count, 2); /* equals are decided together */
    assert_true(fabs(curves.coverages[0].coverage - 0.5) < 1e-12);
    assert_true(curves.coverages[0].accuracy == 1);
    assert_true(curves.coverages[0].balanced_accuracy == 1);
    assert_true(fabs(curves.coverages[0].distance - 0.8) < 1e-12);
    assert_true(curves.coverages[1].coverage == 1);
    assert_true(curves.coverages[1].accuracy == 0.5);
    assert_true(curves.coverages[1].balanced_accuracy == 0.5);
}

static void test_distance_is_relative_to_the_threshold(void **state)
{
    (void)state;
    draw(four, 4, 0.8); /* 0.9: 0.5, 0.6: 0.25, 0.4: 0.5, 0.1: 0.875 */
    assert_int_equal(curves.coverage_count, 3);
    assert_true(fabs(curves.coverages[0].coverage - 0.25) < 1e-12);
    assert_true(isnan(curves.coverages[0].balanced_accuracy)); /* one class only */
    assert_true(fabs(curves.coverages[1].accuracy - 2.0 / 3) < 1e-12);
}

static void test_bins_and_histogram(void **state)
{
    const struct evaluate_sample samples[] = {{.probability = 0, .ai = false},
                                              {.probability = 0.02, .ai = true},
                                              {.probability = 1, .ai = true}};

    (void)state;
    draw(samples, 3, 0.5);
    assert_int_equal(curves.bins[0].n, 2);
    assert_true(fabs(curves.bins[0].mean - 0.01) < 1e-12);
    assert_true(curves.bins[0].share == 0.5);
    assert_true(curves.bins[0].share_ci.low < 0.5 && curves.bins[0].share_ci.high > 0.5);
    assert_int_equal(curves.bins[EVALUATE_BINS - 1].n, 1);
    assert_true(isnan(curves.bins[1].mean) && isnan(curves.bins[1].share_ci.low));
    assert_int_equal(curves.histogram[TRAIN_LABEL_REAL][0], 1);
    assert_int_equal(curves.histogram[TRAIN_LABEL_AI][0], 1);
    assert_int_equal(curves.histogram[TRAIN_LABEL_AI][EVALUATE_HISTOGRAM_BINS - 1], 1);
}

/* Many scores: bounded, both ends kept, never falling, close to the whole curve. */
static void test_long_curves_are_thinned(void **state)
{
    enum { COUNT = 5000 };
    struct evaluate_sample *samples = mem_alloc(COUNT, sizeof *samples);
    struct rng rng = rng_seed(3);
    size_t right = 0;

    (void)state;
    for (size_t i = 0; i < COUNT; i++) {
        double noise = (double)rng_below(&rng, 1000000) / 1e6;
        samples[i] =
            (struct evaluate_sample){.ai = i % 2, .probability = (noise + (double)(i % 2)) / 2};
        samples[i].probability = samples[i].probability * 0.8 + noise * 0.2;
        right += (samples[i].probability >= 0.5) == samples[i].ai;
    }
    draw(samples, COUNT, 0.5);
    assert_true(curves.roc_count > 100 && curves.roc_count <= EVALUATE_ROC_POINTS_MAX);
    assert_true(curves.roc[0].fpr == 0 && curves.roc[0].tpr == 0);
    assert_true(curves.roc[curves.roc_count - 1].fpr == 1);
    assert_true(curves.roc[curves.roc_count - 1].tpr == 1);
    for (size_t i = 1; i < curves.roc_count; i++)
        assert_true(curves.roc[i].fpr >= curves.roc[i - 1].fpr &&
                    curves.roc[i].tpr >= curves.roc[i - 1].tpr);
    assert_int_equal(curves.coverage_count, EVALUATE_COVERAGES_MAX);
    assert_true(curves.coverages[EVALUATE_COVERAGES_MAX - 1].coverage == 1);
    assert_true(fabs(curves.coverages[EVALUATE_COVERAGES_MAX - 1].accuracy -
                     (double)right / COUNT) < 1e-12);
    mem_free(samples);
}

static void test_one_class_has_no_roc(void **state)
{
    (void)state;
    draw(four, 1, 0.5);
    assert_int_equal(curves.roc_count, 0);
    assert_int_equal(curves.coverage_count, 1);
}

static void test_what_is_no_probability_is_refused(void **state)
{
    const struct evaluate_sample wrong = {.probability = 1.5};

    (void)state;
    assert_int_equal(evaluate_curves(&curves, &wrong, 1, 0.5, NULL), ST_INVALID);
    assert_int_equal(evaluate_curves(&curves, NULL, 0, 0.5, NULL), ST_INVALID);
}

/* Wilson's interval for 8 of 10, by the formula in any textbook. */
static void test_wilson(void **state)
{
    struct evaluate_interval interval = evaluate_wilson(8, 10);

    (void)state;
    assert_true(fabs(interval.low - 0.4902) < 5e-5);
    assert_true(fabs(interval.high - 0.9433) < 5e-5);
    assert_true(evaluate_wilson(0, 10).low == 0);
    assert_true(isnan(evaluate_wilson(0, 0).low));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_roc_of_four),
        cmocka_unit_test(test_sure_photos_are_decided_first),
        cmocka_unit_test(test_distance_is_relative_to_the_threshold),
        cmocka_unit_test(test_bins_and_histogram),
        cmocka_unit_test(test_long_curves_are_thinned),
        cmocka_unit_test(test_one_class_has_no_roc),
        cmocka_unit_test(test_what_is_no_probability_is_refused),
        cmocka_unit_test(test_wilson),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
