#include "train/least_squares.h"

#include <math.h>

#include "base/mem.h"
#include "train/moments.h"

#define PIVOT_MIN 1e-13 /* of a column's square sum: below that it is a sum of the others */

/* The target is one more column: the last row of the moments is then the right side. */
struct train_least_squares {
    size_t columns;
    struct train_moments *moments;
};

enum status train_least_squares_open(struct train_least_squares **out, size_t columns,
                                     struct err *err)
{
    struct train_least_squares *squares = mem_alloc(1, sizeof *squares);
    enum status st = train_moments_open(&squares->moments, columns + 1, err);

    squares->columns = columns;
    if (st != ST_OK) {
        train_least_squares_close(squares);
        return st;
    }
    *out = squares;
    return ST_OK;
}

void train_least_squares_close(struct train_least_squares *squares)
{
    if (!squares)
        return;
    train_moments_close(squares->moments);
    mem_free(squares);
}

float *train_least_squares_row(struct train_least_squares *squares, double weight, float target)
{
    float *row = train_moments_row(squares->moments, weight);

    row[squares->columns] = target;
    return row;
}

/* Four sums, so that one addition need not wait for the one before it. */
static double dot(const double *a, const double *b, size_t count)
{
    double sums[4] = {0};
    size_t i = 0;

    for (; i + 4 <= count; i += 4)
        for (size_t k = 0; k < 4; k++)
            sums[k] += a[i + k] * b[i + k];
    for (; i < count; i++)
        sums[0] += a[i] * b[i];
    return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

/* Cholesky: lower triangle in place, then forward and back substitution. */
enum status train_least_squares_solve(float *coefficients, struct train_least_squares *squares,
                                      const double *ridge, struct err *err)
{
    size_t columns = squares->columns, stride = columns + 1;
    double *matrix = train_moments_matrix(squares->moments);
    double *right = matrix + columns * stride;

    for (size_t i = 0; i < columns; i++) {
        double *row = matrix + i * stride;
        row[i] += ridge[i];
        for (size_t k = 0; k <= i; k++) {
            const double *above = matrix + k * stride;
            double rest = row[k] - dot(row, above, k);
            if (k == i && !(rest > PIVOT_MIN * row[i] && isfinite(rest)))
                return err_set(err, ST_INVALID, "unknown %zu of %zu has no single best value", i,
                               columns);
            row[k] = k == i ? sqrt(rest) : rest / above[k];
        }
        right[i] = (right[i] - dot(row, right, i)) / row[i];
    }
    for (size_t i = columns; i-- > 0;) {
        const double *row = matrix + i * stride;
        right[i] /= row[i];
        for (size_t k = 0; k < i; k++)
            right[k] -= row[k] * right[i];
        coefficients[i] = (float)right[i];
    }
    return ST_OK;
}
