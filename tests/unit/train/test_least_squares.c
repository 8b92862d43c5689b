/* Ridge regression: no neighbour is better, known answers, refusals. */
#include "train/least_squares.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/rng.h"

#define COLUMNS 5u
#define ROWS    75u /* more than are added at once, and no multiple of that */

struct sample {
    float row[COLUMNS];
    double weight;
    float target;
};

static void make_samples(struct sample *samples)
{
    struct rng rng = rng_seed(7);

    for (size_t r = 0; r < ROWS; r++) {
        for (size_t i = 0; i < COLUMNS; i++)
            samples[r].row[i] = (float)rng_unit(&rng) - 0.5f;
        samples[r].weight = rng_unit(&rng);
        samples[r].target = (float)rng_unit(&rng);
    }
}

static double loss(const float *coefficients, const struct sample *samples, const double *ridge)
{
    double sum = 0;

    for (size_t r = 0; r < ROWS; r++) {
        double off = -samples[r].target;
        for (size_t i = 0; i < COLUMNS; i++)
            off += (double)(coefficients[i] * samples[r].row[i]);
        sum += samples[r].weight * off * off;
    }
    for (size_t i = 0; i < COLUMNS; i++)
        sum += ridge[i] * (double)(coefficients[i] * coefficients[i]);
    return sum;
}

static enum status fit(float *coefficients, const struct sample *samples, size_t count,
                       const double *ridge, struct err *err)
{
    struct train_least_squares *squares = NULL;

    assert_int_equal(train_least_squares_open(&squares, COLUMNS, NULL), ST_OK);
    for (size_t r = 0; r < count; r++) {
        float *row = train_least_squares_row(squares, samples[r].weight, samples[r].target);
        for (size_t i = 0; i < COLUMNS; i++)
            row[i] = samples[r].row[i];
    }
    enum status st = train_least_squares_solve(coefficients, squares, ridge, err);
    train_least_squares_close(squares);
    return st;
}

/* The loss is convex: a point that is best along every axis is the best one. */
static void test_nothing_near_is_better(void **state)
{
    (void)state;
    static const double ridge[COLUMNS] = {0, 0.1, 1, 10, 0};
    struct sample samples[ROWS];
    float coefficients[COLUMNS];

    make_samples(samples);
    assert_int_equal(fit(coefficients, samples, ROWS, ridge, NULL), ST_OK);
    double best = loss(coefficients, samples, ridge);
    for (size_t i = 0; i < COLUMNS; i++) {
        for (int side = -1; side <= 1; side += 2) {
            float moved[COLUMNS];
            for (size_t k = 0; k < COLUMNS; k++)
                moved[k] = coefficients[k] + (k == i ? 0.01f * (float)side : 0);
            assert_true(loss(moved, samples, ridge) > best);
        }
    }
}

static void test_exact_when_rows_agree(void **state)
{
    (void)state;
    static const double ridge[COLUMNS] = {0};
    static const float truth[COLUMNS] = {1, -2, 0.5f, 0, 3};
    struct sample samples[ROWS];
    float coefficients[COLUMNS];

    make_samples(samples);
    for (size_t r = 0; r < ROWS; r++) {
        samples[r].target = 0;
        for (size_t i = 0; i < COLUMNS; i++)
            samples[r].target += truth[i] * samples[r].row[i];
    }
    assert_int_equal(fit(coefficients, samples, ROWS, ridge, NULL), ST_OK);
    for (size_t i = 0; i < COLUMNS; i++)
        assert_float_equal(coefficients[i], truth[i], 1e-4);
}

static void test_what_has_no_answer(void **state)
{
    (void)state;
    static const double ridge[COLUMNS] = {0};
    struct sample samples[ROWS];
    float coefficients[COLUMNS];
    struct err err = {0};

    make_samples(samples);
    assert_int_equal(fit(coefficients, samples, COLUMNS - 1, ridge, &err), ST_INVALID);
    assert_string_equal(err.msg, "unknown 4 of 5 has no single best value");
    samples[3].row[2] = NAN;
    assert_int_equal(fit(coefficients, samples, ROWS, ridge, &err), ST_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_near_is_better),
        cmocka_unit_test(test_exact_when_rows_agree),
        cmocka_unit_test(test_what_has_no_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
