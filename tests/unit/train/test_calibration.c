/* Calibration and thresholds: recovery of a known distortion, and exhaustive search as reference.
 */
#include "train/calibration.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "train/logistic.h"

#define ROWS 20000

static void test_recovers_a_known_distortion(void **state)
{
    static double logits[ROWS];
    static bool labels[ROWS];
    struct rng rng = rng_seed(7);
    struct train_calibration fitted = {0};

    (void)state;
    for (size_t i = 0; i < ROWS; i++) {
        double honest = 2 * rng_normal(&rng);
        labels[i] = rng_chance(&rng, train_sigmoid(honest));
        logits[i] = 3 * honest + 1; /* over-confident and biased */
    }
    assert_int_equal(train_calibration_fit(&fitted, logits, labels, NULL, ROWS, 1e-6, NULL), ST_OK);
    assert_true(fabs(fitted.slope - 1.0 / 3) < 0.02);
    assert_true(fabs(fitted.bias + 1.0 / 3) < 0.06);
    assert_true(fabs(train_calibration_apply(&fitted, 4) -
                     train_sigmoid(4 * fitted.slope + fitted.bias)) < 1e-15);
}

static void test_little_data_stays_near_the_identity(void **state)
{
    const double logits[] = {-1, 1};
    const bool labels[] = {false, true};
    struct train_calibration fitted = {0};

    (void)state;
    assert_int_equal(train_calibration_fit(&fitted, logits, labels, NULL, 2, 100, NULL), ST_OK);
    assert_true(fabs(fitted.slope - 1) < 0.01);
    assert_true(fabs(fitted.bias) < 0.01);
}

static void test_refuses_logits_that_fall(void **state)
{
    const double logits[] = {-3, -2, 2, 3};
    const bool labels[] = {true, true, false, false};
    struct train_calibration fitted = {.bias = 42};
    struct err err = {0};

    (void)state;
    assert_int_equal(train_calibration_fit(&fitted, logits, labels, NULL, 4, 1e-3, &err),
                     ST_INVALID);
    assert_non_null(strstr(err.msg, "fall"));
    assert_true(fitted.bias == 42);
}

/* What "AI-generated when p >= threshold" does, counted the plain way. */
static struct train_threshold measure(double threshold, const double *p, const bool *labels,
                                      const double *weights, size_t count)
{
    double called[2] = {0, 0};
    double mass[2] = {0, 0};
    struct train_threshold out = {.threshold = threshold};

    for (size_t i = 0; i < count; i++) {
        mass[labels[i]] += weights[i];
        if (p[i] >= threshold)
            called[labels[i]] += weights[i];
    }
    out.true_positive_rate = called[1] / mass[1];
    out.false_positive_rate = called[0] / mass[0];
    out.balanced_accuracy = (out.true_positive_rate + 1 - out.false_positive_rate) / 2;
    return out;
}

/* Probabilities on a grid of 12 values, so that ties are many. */
static void draw(double *p, bool *labels, double *weights, size_t count, uint64_t seed)
{
    struct rng rng = rng_seed(seed);

    for (size_t i = 0; i < count; i++) {
        p[i] = (1 + rng_below(&rng, 12)) / 16.0;
        labels[i] = i < 2 ? i : rng_chance(&rng, p[i]);
        weights[i] = 0.5 + rng_unit(&rng);
    }
}

static void test_balanced_threshold_against_exhaustive_search(void **state)
{
    double p[40];
    bool labels[40];
    double weights[40];

    (void)state;
    for (uint64_t seed = 0; seed < 50; seed++) {
        struct train_threshold chosen = {0};
        double best = 0;
        draw(p, labels, weights, 40, seed);
        assert_int_equal(train_threshold_balanced(&chosen, p, labels, weights, 40, NULL), ST_OK);
        for (int cut = 1; cut < 64; cut++)
            best = fmax(best, measure(cut / 64.0, p, labels, weights, 40).balanced_accuracy);
        struct train_threshold seen = measure(chosen.threshold, p, labels, weights, 40);
        assert_true(fabs(chosen.balanced_accuracy - best) < 1e-9);
        assert_true(fabs(seen.balanced_accuracy - best) < 1e-9);
        assert_true(fabs(seen.true_positive_rate - chosen.true_positive_rate) < 1e-9);
        assert_true(fabs(seen.false_positive_rate - chosen.false_positive_rate) < 1e-9);
    }
}

static void test_threshold_at_fpr_against_exhaustive_search(void **state)
{
    static const double rates[] = {0, 0.01, 0.05, 0.2, 0.5, 1};
    double p[40];
    bool labels[40];
    double weights[40];

    (void)state;
    for (uint64_t seed = 0; seed < 50; seed++) {
        double rate = rates[seed % ARRAY_LEN(rates)];
        struct train_threshold chosen = {0};
        double best = 0;
        draw(p, labels, weights, 40, seed);
        assert_int_equal(train_threshold_at_fpr(&chosen, rate, p, labels, weights, 40, NULL),
                         ST_OK);
        for (int cut = 1; cut < 64; cut++) {
            struct train_threshold other = measure(cut / 64.0, p, labels, weights, 40);
            if (other.false_positive_rate <= rate)
                best = fmax(best, other.true_positive_rate);
        }
        struct train_threshold seen = measure(chosen.threshold, p, labels, weights, 40);
        assert_true(seen.false_positive_rate <= rate + 1e-9);
        assert_true(fabs(seen.true_positive_rate - best) < 1e-9);
    }
}

static void test_among_equal_cuts_nearest_to_a_half(void **state)
{
    const double p[] = {0.1, 0.9};
    const bool labels[] = {false, true};
    struct train_threshold chosen = {0};

    (void)state;
    assert_int_equal(train_threshold_balanced(&chosen, p, labels, NULL, 2, NULL), ST_OK);
    assert_true(fabs(chosen.threshold - 0.5) < 1e-12);
    assert_true(chosen.balanced_accuracy == 1);
}

static void test_saturated_probabilities(void **state)
{
    const double certain[] = {0, 1};
    const double stuck[] = {1, 1};
    const bool labels[] = {false, true};
    struct train_threshold chosen = {0};

    (void)state;
    assert_int_equal(train_threshold_balanced(&chosen, certain, labels, NULL, 2, NULL), ST_OK);
    assert_true(chosen.threshold > 0 && chosen.threshold < 1);
    assert_true(chosen.balanced_accuracy == 1);
    assert_int_equal(train_threshold_at_fpr(&chosen, 0, stuck, labels, NULL, 2, NULL), ST_INVALID);
}

static void test_thresholds_refuse_bad_data(void **state)
{
    const double p[] = {0.2, 0.4};
    const double not_a_number[] = {0.2, (double)NAN};
    const double above[] = {0.2, 1.5};
    const bool both[] = {false, true};
    const bool single[] = {true, true};
    struct train_threshold chosen = {0};

    (void)state;
    assert_int_equal(train_threshold_balanced(&chosen, p, both, NULL, 0, NULL), ST_INVALID);
    assert_int_equal(train_threshold_balanced(&chosen, p, single, NULL, 2, NULL), ST_INVALID);
    assert_int_equal(train_threshold_balanced(&chosen, not_a_number, both, NULL, 2, NULL),
                     ST_INVALID);
    assert_int_equal(train_threshold_balanced(&chosen, above, both, NULL, 2, NULL), ST_INVALID);
    assert_int_equal(train_threshold_at_fpr(&chosen, 1.5, p, both, NULL, 2, NULL), ST_INVALID);
    assert_int_equal(train_threshold_at_fpr(&chosen, (double)NAN, p, both, NULL, 2, NULL),
                     ST_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_recovers_a_known_distortion),
        cmocka_unit_test(test_little_data_stays_near_the_identity),
        cmocka_unit_test(test_refuses_logits_that_fall),
        cmocka_unit_test(test_balanced_threshold_against_exhaustive_search),
        cmocka_unit_test(test_threshold_at_fpr_against_exhaustive_search),
        cmocka_unit_test(test_among_equal_cuts_nearest_to_a_half),
        cmocka_unit_test(test_saturated_probabilities),
        cmocka_unit_test(test_thresholds_refuse_bad_data),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
