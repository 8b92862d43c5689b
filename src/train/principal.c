#include "train/principal.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "train/moments.h"

#define SPARE        8u  /* directions carried along, so that the last wanted one is found sooner */
#define ROUNDS       100 /* each shrinks what does not belong by the ratio of two variances */
#define SWEEPS       30  /* of rotations: a few are enough */
#define DUST         1e-14 /* of the sum of variances */
#define VARIANCE_MIN 1e-9  /* of the largest one */
#define SIDE         (TRAIN_PRINCIPAL_MAX + SPARE)

/* A constant one is one more column: the last row of the moments then holds sums of columns. */
struct train_principal {
    size_t columns;
    struct train_moments *moments;
};

enum status train_principal_open(struct train_principal **out, size_t columns, struct err *err)
{
    struct train_principal *principal = mem_alloc(1, sizeof *principal);
    enum status st = train_moments_open(&principal->moments, columns + 1, err);

    principal->columns = columns;
    if (st != ST_OK) {
        train_principal_close(principal);
        return st;
    }
    *out = principal;
    return ST_OK;
}

void train_principal_close(struct train_principal *principal)
{
    if (!principal)
        return;
    train_moments_close(principal->moments);
    mem_free(principal);
}

float *train_principal_row(struct train_principal *principal, double weight)
{
    float *row = train_moments_row(principal->moments, weight);

    row[principal->columns] = 1;
    return row;
}

/* What the search works in; all but `covariance` are its own. */
struct search {
    size_t columns, stride, width; /* width: directions carried along */
    const double *covariance;      /* lower triangle, rows of `stride` */
    double *basis, *next;          /* width x columns */
    double small[SIDE][SIDE];      /* the covariance within the basis */
    double turn[SIDE][SIDE];       /* its eigenvectors, as columns */
};

/* Moments to covariances, in place.  A little is added to each variance, so that a direction in
 * which nothing differs is no zero. */
static bool centre(double *matrix, size_t columns)
{
    size_t stride = columns + 1;
    const double *sums = matrix + columns * stride;
    double total = sums[columns], all = 0;

    for (size_t i = 0; i < columns; i++)
        all += matrix[i * stride + i] / total;
    for (size_t i = 0; i < columns; i++)
        for (size_t k = 0; k <= i; k++) {
            double *at = &matrix[i * stride + k];
            *at = *at / total - sums[i] / total * (sums[k] / total);
            *at += i == k ? DUST * (all + 1) : 0;
            if (!isfinite(*at))
                return false;
        }
    return true;
}

static double dot(const double *a, const double *b, size_t count)
{
    double sum = 0;

    for (size_t i = 0; i < count; i++)
        sum += a[i] * b[i];
    return sum;
}

static void add(double *restrict to, const double *restrict from, double factor, size_t count)
{
    for (size_t i = 0; i < count; i++)
        to[i] += factor * from[i];
}

/* next = basis * covariance; each value of the triangle stands for itself and its mirror. */
static void multiply(struct search *search)
{
    size_t columns = search->columns;

    memset(search->next, 0, search->width * columns * sizeof *search->next);
    for (size_t i = 0; i < columns; i++) {
        const double *row = search->covariance + i * search->stride;
        for (size_t d = 0; d < search->width; d++) {
            const double *from = search->basis + d * columns;
            double *to = search->next + d * columns;
            to[i] += dot(row, from, i + 1);
            add(to, row, from[i], i);
        }
    }
}

/* Gram-Schmidt, twice over, since once leaves what rounding left; false: the rows depend on each
 * other. */
static bool straighten(double *rows, size_t count, size_t columns)
{
    for (size_t d = 0; d < count; d++) {
        double *row = rows + d * columns;
        for (int pass = 0; pass < 2; pass++)
            for (size_t k = 0; k < d; k++)
                add(row, rows + k * columns, -dot(row, rows + k * columns, columns), columns);
        double length = sqrt(dot(row, row, columns));
        if (!(length > 0 && isfinite(length)))
            return false;
        for (size_t i = 0; i < columns; i++)
            row[i] /= length;
    }
    return true;
}

/* Eigenvectors of the small matrix by rotations (Jacobi). */
static void rotate(struct search *search, size_t p, size_t q)
{
    double(*a)[SIDE] = search->small;

    if (a[p][q] == 0)
        return;
    double theta = (a[q][q] - a[p][p]) / (2 * a[p][q]);
    double t = copysign(1, theta) / (fabs(theta) + sqrt(theta * theta + 1));
    double c = 1 / sqrt(t * t + 1), s = t * c;
    for (size_t k = 0; k < search->width; k++) {
        double x = a[k][p], y = a[k][q];
        a[k][p] = c * x - s * y;
        a[k][q] = s * x + c * y;
    }
    for (size_t k = 0; k < search->width; k++) {
        double x = a[p][k], y = a[q][k];
        a[p][k] = c * x - s * y;
        a[q][k] = s * x + c * y;
        x = search->turn[k][p];
        y = search->turn[k][q];
        search->turn[k][p] = c * x - s * y;
        search->turn[k][q] = s * x + c * y;
    }
}

static void diagonalise(struct search *search)
{
    multiply(search);
    for (size_t p = 0; p < search->width; p++)
        for (size_t q = 0; q < search->width; q++) {
            search->small[p][q] = dot(search->next + p * search->columns,
                                      search->basis + q * search->columns, search->columns);
            search->turn[p][q] = p == q;
        }
    for (int sweep = 0; sweep < SWEEPS; sweep++)
        for (size_t p = 0; p < search->width; p++)
            for (size_t q = p + 1; q < search->width; q++)
                rotate(search, p, q);
}

/* The place of the largest variance that was not taken yet. */
static size_t largest(const struct search *search, const bool *taken)
{
    size_t best = search->width;

    for (size_t i = 0; i < search->width; i++)
        if (!taken[i] && (best == search->width || search->small[i][i] > search->small[best][best]))
            best = i;
    return best;
}

/* One direction of the basis turned, with deviation 1 along it. */
static void write_direction(float *out, struct search *search, size_t place)
{
    double *sum = search->next;
    double deviation = sqrt(search->small[place][place]), top = 0;

    memset(sum, 0, search->columns * sizeof *sum);
    for (size_t d = 0; d < search->width; d++)
        add(sum, search->basis + d * search->columns, search->turn[d][place], search->columns);
    for (size_t i = 0; i < search->columns; i++)
        if (fabs(sum[i]) > fabs(top))
            top = sum[i];
    for (size_t i = 0; i < search->columns; i++)
        out[i] = (float)(copysign(1, top) * sum[i] / deviation);
}

static void write_directions(float *directions, struct search *search, size_t count)
{
    bool taken[SIDE] = {false};
    double most = 0;

    memset(directions, 0, count * search->columns * sizeof *directions);
    for (size_t d = 0; d < count; d++) {
        size_t place = largest(search, taken);
        most = MAX_OF(most, search->small[place][place]);
        if (!(search->small[place][place] > VARIANCE_MIN * most))
            return;
        taken[place] = true;
        write_direction(directions + d * search->columns, search, place);
    }
}

enum status train_principal_solve(float *directions, struct train_principal *principal,
                                  size_t count, struct err *err)
{
    double *matrix = train_moments_matrix(principal->moments);
    size_t columns = principal->columns;
    struct search *search = mem_alloc(1, sizeof *search);
    struct rng rng = rng_seed(1);

    REQUIRE(count >= 1 && count <= MIN_OF(columns, (size_t)TRAIN_PRINCIPAL_MAX));
    search->columns = columns;
    search->stride = columns + 1;
    search->width = MIN_OF(columns, count + SPARE);
    search->covariance = matrix;
    search->basis = mem_alloc(search->width * columns, sizeof *search->basis);
    search->next = mem_alloc(search->width * columns, sizeof *search->next);
    for (size_t i = 0; i < search->width * columns; i++)
        search->basis[i] = rng_normal(&rng);
    bool fine = centre(matrix, columns) && straighten(search->basis, search->width, columns);
    for (int round = 0; round < ROUNDS && fine; round++) {
        multiply(search);
        double *basis = search->next;
        search->next = search->basis;
        search->basis = basis;
        fine = straighten(search->basis, search->width, columns);
    }
    if (fine) {
        diagonalise(search);
        write_directions(directions, search, count);
    }
    mem_free(search->basis);
    mem_free(search->next);
    mem_free(search);
    return fine ? ST_OK
                : err_set(err, ST_INVALID, "a value of the rows is not finite, or there are none");
}
