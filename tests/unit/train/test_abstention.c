/* The band: never more undecided than allowed, on the side where the errors are, and no luck. */
#include "support/unit.h"

#include <math.h>

#include "base/rng.h"
#include "train/abstention.h"

#define ROWS 1000

static double probabilities[ROWS];
static bool labels[ROWS];

static struct train_band fit(double coverage, const double *weights, size_t count)
{
    struct train_band band = {0};
    struct err err = {0};

    if (train_band_fit(&band, coverage, 0.5, probabilities, labels, weights, count, &err) != ST_OK)
        fail_msg("%s", err.msg);
    assert_true(band.low > 0 && band.low <= 0.5 && band.high >= 0.5 && band.high < 1);
    return band;
}

static double coverage_of(const struct train_band *band, size_t count)
{
    size_t decided = 0;

    for (size_t i = 0; i < count; i++)
        decided += probabilities[i] < band->low || probabilities[i] >= band->high;
    return (double)decided / (double)count;
}

static void test_coverage_is_kept(void **state)
{
    struct rng rng = rng_seed(7);

    (void)state;
    for (int round = 0; round < 50; round++) {
        double coarse = round % 2 ? 1000 : 10; /* many equal probabilities in every other round */
        size_t count = 1 + rng_below(&rng, ROWS);
        for (size_t i = 0; i < count; i++) {
            probabilities[i] = rng_below(&rng, (uint32_t)coarse + 1) / coarse;
            labels[i] = rng_below(&rng, 1000) < 1000 * probabilities[i];
        }
        for (double coverage = 0.5; coverage <= 1; coverage += 0.1) {
            struct train_band band = fit(coverage, NULL, count);
            assert_true(band.coverage >= coverage - 1e-9);
            assert_true(fabs(coverage_of(&band, count) - band.coverage) < 1e-12);
        }
    }
}

/* Probabilities 0.0005, 0.0015, ...; right but for those between 0.5 and 0.6. */
static void wrong_above_the_threshold(void)
{
    for (size_t i = 0; i < ROWS; i++) {
        probabilities[i] = ((double)i + 0.5) / ROWS;
        labels[i] = probabilities[i] >= 0.6;
    }
}

static void test_it_lies_where_the_errors_are(void **state)
{
    (void)state;
    wrong_above_the_threshold();
    struct train_band band = fit(0.9, NULL, ROWS);
    assert_true(band.low == 0.5);
    assert_true(fabs(band.high - 0.6) < 1e-9);
    assert_true(band.balanced_accuracy == 1);
    assert_true(fabs(band.coverage - 0.9) < 1e-12);
    for (size_t i = 0; i < ROWS; i++)
        labels[i] = probabilities[i] >= 0.4;
    band = fit(0.9, NULL, ROWS);
    assert_true(band.high == 0.5);
    assert_true(fabs(band.low - 0.4) < 1e-9);
}

static void test_even_when_it_does_not_matter(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS; i++) {
        probabilities[i] = ((double)i + 0.5) / ROWS;
        labels[i] = i >= ROWS / 2;
    }
    struct train_band band = fit(0.8, NULL, ROWS);
    assert_true(fabs(band.low - 0.4) < 1e-9);
    assert_true(fabs(band.high - 0.6) < 1e-9);
}

static void test_weights_count(void **state)
{
    static double weights[ROWS];

    (void)state;
    wrong_above_the_threshold();
    for (size_t i = 0; i < ROWS; i++) { /* an error below the threshold outweighs those above */
        bool heavy = probabilities[i] > 0.45 && probabilities[i] < 0.5;
        labels[i] = heavy || probabilities[i] >= 0.6;
        weights[i] = heavy ? 100 : probabilities[i] > 0.5 && probabilities[i] < 0.6 ? 1e-3 : 1;
    }
    struct train_band band = fit(0.95, weights, ROWS);
    assert_true(fabs(band.low - 0.45) < 1e-9);
    assert_true(band.high == 0.5);
}

static void test_refused(void **state)
{
    struct train_band band = {.low = 42};
    struct err err = {0};

    (void)state;
    wrong_above_the_threshold();
    assert_int_equal(train_band_fit(&band, 0, 0.5, probabilities, labels, NULL, ROWS, &err),
                     ST_INVALID);
    assert_int_equal(train_band_fit(&band, 1.1, 0.5, probabilities, labels, NULL, ROWS, &err),
                     ST_INVALID);
    assert_int_equal(train_band_fit(&band, 0.9, 1, probabilities, labels, NULL, ROWS, &err),
                     ST_INVALID);
    assert_int_equal(train_band_fit(&band, 0.9, 0.5, probabilities, labels, NULL, 0, &err),
                     ST_INVALID);
    probabilities[3] = (double)NAN;
    assert_int_equal(train_band_fit(&band, 0.9, 0.5, probabilities, labels, NULL, ROWS, &err),
                     ST_INVALID);
    assert_non_null(strstr(err.msg, "row 3"));
    assert_true(band.low == 42);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_coverage_is_kept),
        cmocka_unit_test(test_it_lies_where_the_errors_are),
        cmocka_unit_test(test_even_when_it_does_not_matter),
        cmocka_unit_test(test_weights_count),
        cmocka_unit_test(test_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
