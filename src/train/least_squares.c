#include "train/least_squares.h"

#include <math.h>

#include "base/mem.h"

#define PENDING_MAX 32u   /* rows added at once: the matrix is far larger than a cache */
#define PIVOT_MIN   1e-13 /* of a column's square sum: below that it is a sum of the others */

struct train_least_squares {
    size_t columns;
    double *matrix; /* columns x columns, the lower triangle of it */
    double *right;
    float *rows; /* PENDING_MAX x columns */
    double weights[PENDING_MAX], targets[PENDING_MAX];
    size_t pending;
};

enum status train_least_squares_open(struct train_least_squares **out, size_t columns,
                                     struct err *err)
{
    struct train_least_squares *squares = mem_alloc(1, sizeof *squares);

    squares->columns = columns;
    squares->matrix = mem_try_alloc(columns * columns, sizeof *squares->matrix);
    squares->right = mem_try_alloc(columns, sizeof *squares->right);
    squares->rows = mem_try_alloc(PENDING_MAX * columns, sizeof *squares->rows);
    if (!squares->matrix || !squares->right || !squares->rows) {
        train_least_squares_close(squares);
        return err_set(err, ST_NOMEM, "no room for equations of %zu unknowns", columns);
    }
    *out = squares;
    return ST_OK;
}

void train_least_squares_close(struct train_least_squares *squares)
{
    if (!squares)
        return;
    mem_free(squares->matrix);
    mem_free(squares->right);
    mem_free(squares->rows);
    mem_free(squares);
}

/* out += factor * values */
VECTORISED static void add_scaled(double *restrict out, const float *restrict values, double factor,
                                  size_t count)
{
    for (size_t i = 0; i < count; i++)
        out[i] += factor * (double)values[i];
}

static void add_pending(struct train_least_squares *squares)
{
    size_t columns = squares->columns;

    for (size_t r = 0; r < squares->pending; r++)
        add_scaled(squares->right, squares->rows + r * columns,
                   squares->weights[r] * squares->targets[r], columns);
    for (size_t i = 0; i < columns; i++)
        for (size_t r = 0; r < squares->pending; r++) {
            const float *row = squares->rows + r * columns;
            add_scaled(squares->matrix + i * columns, row, squares->weights[r] * (double)row[i],
                       i + 1);
        }
    squares->pending = 0;
}

float *train_least_squares_row(struct train_least_squares *squares, double weight, double target)
{
    if (squares->pending == PENDING_MAX)
        add_pending(squares);
    squares->weights[squares->pending] = weight;
    squares->targets[squares->pending] = target;
    return squares->rows + squares->columns * squares->pending++;
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
    size_t columns = squares->columns;
    double *right = squares->right;

    add_pending(squares);
    for (size_t i = 0; i < columns; i++) {
        double *row = squares->matrix + i * columns;
        row[i] += ridge[i];
        for (size_t k = 0; k <= i; k++) {
            const double *above = squares->matrix + k * columns;
            double rest = row[k] - dot(row, above, k);
            if (k == i && !(rest > PIVOT_MIN * row[i] && isfinite(rest)))
                return err_set(err, ST_INVALID, "unknown %zu of %zu has no single best value", i,
                               columns);
            row[k] = k == i ? sqrt(rest) : rest / above[k];
        }
        right[i] = (right[i] - dot(row, right, i)) / row[i];
    }
    for (size_t i = columns; i-- > 0;) {
        const double *row = squares->matrix + i * columns;
        right[i] /= row[i];
        for (size_t k = 0; k < i; k++)
            right[k] -= row[k] * right[i];
        coefficients[i] = (float)right[i];
    }
    return ST_OK;
}
