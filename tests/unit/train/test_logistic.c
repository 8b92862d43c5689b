/* Logistic regression: gradient against central differences, optimum, known answers, refusals. */
#include "train/logistic.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"

#define ROWS     400
#define FEATURES 3

struct sample {
    double features[ROWS * FEATURES];
    bool labels[ROWS];
    double weights[ROWS];
};

/* Labels drawn from a known model, so that the fit has something to find. */
static struct train_logistic_data draw(struct sample *sample, uint64_t seed)
{
    struct rng rng = rng_seed(seed);

    for (size_t i = 0; i < ROWS; i++) {
        double *x = sample->features + i * FEATURES;
        for (size_t j = 0; j < FEATURES; j++)
            x[j] = rng_normal(&rng);
        sample->labels[i] = rng_chance(&rng, train_sigmoid(1.5 * x[0] - x[1] + 0.5));
        sample->weights[i] = rng_range(&rng, 0, 2);
    }
    return (struct train_logistic_data){.features = sample->features,
                                        .labels = sample->labels,
                                        .weights = sample->weights,
                                        .count = ROWS,
                                        .feature_count = FEATURES};
}

static double *parameter(struct train_logistic *model, size_t j)
{
    return j < model->feature_count ? &model->slope[j] : &model->bias;
}

static void test_sigmoid(void **state)
{
    (void)state;
    assert_true(train_sigmoid(0) == 0.5);
    assert_true(fabs(train_sigmoid(log(3)) - 0.75) < 1e-15);
    assert_true(train_sigmoid(1000) == 1);
    assert_true(train_sigmoid(-1000) == 0);
    assert_true(train_sigmoid(-700) > 0);
}

static void test_gradient_is_the_slope_of_the_loss(void **state)
{
    static struct sample sample;
    struct train_logistic_data data = draw(&sample, 1);
    struct train_logistic centre = {.feature_count = FEATURES, .slope = {1, 0, -1}, .bias = 0.3};
    struct train_logistic at = {.feature_count = FEATURES, .slope = {0.4, -0.2, 0.9}, .bias = -0.7};
    double gradient[FEATURES + 1];
    const double step = 1e-6;

    (void)state;
    (void)train_logistic_loss(gradient, &at, &data, &centre, 0.1);
    for (size_t j = 0; j <= FEATURES; j++) {
        struct train_logistic above = at;
        struct train_logistic below = at;
        *parameter(&above, j) += step;
        *parameter(&below, j) -= step;
        double slope = (train_logistic_loss(NULL, &above, &data, &centre, 0.1) -
                        train_logistic_loss(NULL, &below, &data, &centre, 0.1)) /
                       (2 * step);
        assert_true(fabs(slope - gradient[j]) < 1e-8);
    }
}

static void test_fit_ends_where_the_gradient_vanishes(void **state)
{
    static struct sample sample;
    struct train_logistic_data data = draw(&sample, 2);
    struct train_logistic zero = {.feature_count = FEATURES};
    struct train_logistic fitted = {0};
    double gradient[FEATURES + 1];

    (void)state;
    assert_int_equal(train_logistic_fit(&fitted, &data, &zero, 1e-6, NULL), ST_OK);
    (void)train_logistic_loss(gradient, &fitted, &data, &zero, 1e-6);
    for (size_t j = 0; j <= FEATURES; j++)
        assert_true(fabs(gradient[j]) < 1e-9);
    assert_true(fabs(fitted.slope[0] - 1.5) < 0.5); /* 400 rows: about 0.15 of standard error */
    assert_true(fabs(fitted.slope[1] + 1.0) < 0.5);
    assert_true(fabs(fitted.slope[2]) < 0.5);
}

static void test_weights_count_as_repeats(void **state)
{
    const double x[] = {0, 1, 2, 2, 0, 1};
    const double x_again[] = {0, 1, 2, 2, 2, 2, 0, 1};
    const bool y[] = {false, true, true, false, true, false};
    const bool y_again[] = {false, true, true, true, true, false, true, false};
    const double weights[] = {1, 1, 3, 1, 1, 1};
    struct train_logistic zero = {.feature_count = 1};
    struct train_logistic a = {0};
    struct train_logistic b = {0};
    struct train_logistic_data weighted = {x, y, weights, 6, 1};
    struct train_logistic_data repeated = {x_again, y_again, NULL, 8, 1};

    (void)state;
    assert_int_equal(train_logistic_fit(&a, &weighted, &zero, 0.01, NULL), ST_OK);
    assert_int_equal(train_logistic_fit(&b, &repeated, &zero, 0.01, NULL), ST_OK);
    assert_true(fabs(a.slope[0] - b.slope[0]) < 1e-7);
    assert_true(fabs(a.bias - b.bias) < 1e-7);
}

/* Two groups of known odds: the unpenalised answer is their log-odds. */
static void test_known_answer(void **state)
{
    double x[20];
    bool y[20];
    struct train_logistic zero = {.feature_count = 1};
    struct train_logistic fitted = {0};
    struct train_logistic_data data = {x, y, NULL, 20, 1};

    (void)state;
    for (size_t i = 0; i < 20; i++) {
        x[i] = i < 10 ? 0 : 1;
        y[i] = i < 10 ? i < 2 : i < 18; /* 2 of 10, 8 of 10 */
    }
    assert_int_equal(train_logistic_fit(&fitted, &data, &zero, 1e-9, NULL), ST_OK);
    assert_true(fabs(fitted.bias - log(0.2 / 0.8)) < 1e-5);
    assert_true(fabs(fitted.slope[0] - 2 * log(0.8 / 0.2)) < 1e-5);
}

static void test_separable_data_stays_finite(void **state)
{
    const double x[] = {-1e3, -1, 1, 1e3};
    const bool y[] = {false, false, true, true};
    struct train_logistic zero = {.feature_count = 1};
    struct train_logistic fitted = {0};
    struct train_logistic_data data = {x, y, NULL, 4, 1};

    (void)state;
    assert_int_equal(train_logistic_fit(&fitted, &data, &zero, 1e-3, NULL), ST_OK);
    assert_true(isfinite(fitted.slope[0]));
    assert_true(fitted.slope[0] > 0 && fitted.slope[0] < 100);
}

static void refuse(struct train_logistic_data data, double penalty, enum status status)
{
    struct train_logistic zero = {.feature_count = data.feature_count};
    struct train_logistic fitted = {.bias = 42};
    struct err err = {0};

    assert_int_equal(train_logistic_fit(&fitted, &data, &zero, penalty, &err), status);
    assert_true(strlen(err.msg) > 0);
    assert_true(fitted.bias == 42);
}

static void test_refuses_what_cannot_be_fitted(void **state)
{
    const double x[] = {1, 2};
    const double not_finite[] = {1, (double)NAN};
    const double negative[] = {1, -1};
    const double infinite[] = {1, (double)INFINITY};
    const double nothing[] = {1, 0};
    const bool both[] = {false, true};
    const bool single[] = {true, true};

    (void)state;
    refuse((struct train_logistic_data){x, both, NULL, 0, 1}, 1, ST_INVALID);
    refuse((struct train_logistic_data){x, single, NULL, 2, 1}, 1, ST_INVALID);
    refuse((struct train_logistic_data){not_finite, both, NULL, 2, 1}, 1, ST_INVALID);
    refuse((struct train_logistic_data){x, both, negative, 2, 1}, 1, ST_INVALID);
    refuse((struct train_logistic_data){x, both, infinite, 2, 1}, 1, ST_INVALID);
    refuse((struct train_logistic_data){x, both, nothing, 2, 1}, 1, ST_INVALID);
    refuse((struct train_logistic_data){x, both, NULL, 2, 1}, 0, ST_INVALID);
    refuse((struct train_logistic_data){x, both, NULL, 2, 0}, 1, ST_LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sigmoid),
        cmocka_unit_test(test_gradient_is_the_slope_of_the_loss),
        cmocka_unit_test(test_fit_ends_where_the_gradient_vanishes),
        cmocka_unit_test(test_weights_count_as_repeats),
        cmocka_unit_test(test_known_answer),
        cmocka_unit_test(test_separable_data_stays_finite),
        cmocka_unit_test(test_refuses_what_cannot_be_fitted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
