/* Principal components: known directions come out, in order and with their scale; odd rows. */
#include "train/principal.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/rng.h"

#define COLUMNS 20u
#define ROWS    5000u
#define WANTED  3u

/* Three perpendicular directions with deviations of 5, 3 and 2, the rest is noise of 0.1; all
 * around 7. */
static const float deviations[WANTED] = {5, 3, 2};

static float truth(unsigned d, unsigned i)
{
    return i / 4 == d ? (i % 4 < 2 ? 0.5f : -0.5f) : 0;
}

static void fill(float *row, struct rng *rng, double noise)
{
    for (unsigned i = 0; i < COLUMNS; i++)
        row[i] = 7 + (float)(noise * rng_normal(rng));
    for (unsigned d = 0; d < WANTED; d++) {
        float along = deviations[d] * (float)rng_normal(rng);
        for (unsigned i = 0; i < COLUMNS; i++)
            row[i] += along * truth(d, i);
    }
}

static void solve(float *directions, size_t rows, double noise, double weight)
{
    struct train_principal *principal = NULL;
    struct rng rng = rng_seed(5);

    assert_int_equal(train_principal_open(&principal, COLUMNS, NULL), ST_OK);
    for (size_t r = 0; r < rows; r++)
        fill(train_principal_row(principal, weight), &rng, noise);
    assert_int_equal(train_principal_solve(directions, principal, WANTED, NULL), ST_OK);
    train_principal_close(principal);
}

static void test_known_directions(void **state)
{
    (void)state;
    float directions[WANTED * COLUMNS];

    solve(directions, ROWS, 0.1, 0.25);
    for (unsigned d = 0; d < WANTED; d++)
        for (unsigned i = 0; i < COLUMNS; i++) {
            float expected = truth(d, i) / deviations[d];
            float sign = directions[d * COLUMNS + 4 * d] * truth(d, 4 * d) > 0 ? 1 : -1;
            assert_float_equal(sign * directions[d * COLUMNS + i], expected, 0.01);
        }
}

/* What is left of the rows along the directions has deviation 1 and says nothing of the others. */
static void test_white_on_the_rows_themselves(void **state)
{
    (void)state;
    float directions[WANTED * COLUMNS], row[COLUMNS];
    double sums[WANTED] = {0}, products[WANTED][WANTED] = {{0}};
    struct rng rng = rng_seed(5); /* the same rows */

    solve(directions, ROWS, 0.1, 1);
    for (size_t r = 0; r < ROWS; r++) {
        double along[WANTED] = {0};
        fill(row, &rng, 0.1);
        for (unsigned d = 0; d < WANTED; d++)
            for (unsigned i = 0; i < COLUMNS; i++)
                along[d] += (double)(directions[d * COLUMNS + i] * row[i]);
        for (unsigned d = 0; d < WANTED; d++) {
            sums[d] += along[d] / ROWS;
            for (unsigned e = 0; e < WANTED; e++)
                products[d][e] += along[d] * along[e] / ROWS;
        }
    }
    for (unsigned d = 0; d < WANTED; d++)
        for (unsigned e = 0; e < WANTED; e++)
            assert_true(fabs(products[d][e] - sums[d] * sums[e] - (d == e)) < 1e-3);
}

static void test_the_largest_value_is_positive(void **state)
{
    (void)state;
    float directions[WANTED * COLUMNS];

    solve(directions, ROWS, 0.1, 1);
    for (unsigned d = 0; d < WANTED; d++) {
        float most = 0;
        for (unsigned i = 0; i < COLUMNS; i++)
            most = fabsf(directions[d * COLUMNS + i]) > fabsf(most) ? directions[d * COLUMNS + i]
                                                                    : most;
        assert_true(most > 0);
    }
}

/* Two rows differ in one direction. */
static void test_fewer_directions_than_wanted(void **state)
{
    (void)state;
    float directions[WANTED * COLUMNS];
    double squares[WANTED] = {0};

    solve(directions, 2, 0.1, 1);
    for (unsigned i = 0; i < WANTED * COLUMNS; i++)
        squares[i / COLUMNS] += (double)(directions[i] * directions[i]);
    assert_true(squares[0] > 0);
    assert_true(squares[1] == 0 && squares[2] == 0);
}

static void test_rows_without_a_direction(void **state)
{
    (void)state;
    struct train_principal *principal = NULL;
    float directions[WANTED * COLUMNS];
    struct err err = {0};

    for (int broken = 0; broken < 2; broken++) {
        struct rng rng = rng_seed(1);
        assert_int_equal(train_principal_open(&principal, COLUMNS, &err), ST_OK);
        for (int r = 0; r < 40 * broken; r++) {
            float *row = train_principal_row(principal, 1);
            fill(row, &rng, 1);
            row[3] = r == 20 ? NAN : row[3];
        }
        assert_int_equal(train_principal_solve(directions, principal, WANTED, &err), ST_INVALID);
        assert_string_equal(err.msg, "a value of the rows is not finite, or there are none");
        train_principal_close(principal);
    }
    train_principal_close(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_directions),
        cmocka_unit_test(test_white_on_the_rows_themselves),
        cmocka_unit_test(test_the_largest_value_is_positive),
        cmocka_unit_test(test_fewer_directions_than_wanted),
        cmocka_unit_test(test_rows_without_a_direction),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
