#include "drift/kernel.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"

#define SCALE_LEAST  0.05 /* of a feature that hardly varies */
#define PAIRS_LOOKED 500  /* for the median distance */
#define NULL_SIZE    256  /* points of a sample of the baseline */
#define ROWS_LEAST   32

static const float *row_at(const struct drift_baseline *baseline, size_t i)
{
    return baseline->rows + i * DRIFT_FEATURES;
}

static void standardise(struct drift_kernel *kernel, const struct drift_baseline *baseline)
{
    double n = (double)baseline->row_count;

    for (unsigned f = 0; f < DRIFT_FEATURES; f++) {
        double sum = 0, squares = 0;
        for (size_t i = 0; i < baseline->row_count; i++)
            sum += (double)row_at(baseline, i)[f] / n;
        for (size_t i = 0; i < baseline->row_count; i++)
            squares += pow((double)row_at(baseline, i)[f] - sum, 2) / n;
        kernel->centre[f] = (float)sum;
        kernel->scale[f] = (float)(1 / fmax(sqrt(squares), SCALE_LEAST));
    }
}

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return x < y ? -1 : x > y;
}

/* Median distance of standardised rows: the usual width of the kernel. */
static double median_distance(const struct drift_kernel *kernel,
                              const struct drift_baseline *baseline, struct rng *rng)
{
    double distances[PAIRS_LOOKED];

    for (unsigned i = 0; i < PAIRS_LOOKED; i++) {
        const float *a = row_at(baseline, rng_below(rng, (uint32_t)baseline->row_count));
        const float *b = row_at(baseline, rng_below(rng, (uint32_t)baseline->row_count));
        double square = 0;
        for (unsigned f = 0; f < DRIFT_FEATURES; f++)
            square += pow((double)(a[f] - b[f]) * (double)kernel->scale[f], 2);
        distances[i] = sqrt(square);
    }
    qsort(distances, PAIRS_LOOKED, sizeof *distances, compare_doubles);
    return fmax(distances[PAIRS_LOOKED / 2], 0.1);
}

static double statistic(const struct drift_kernel *kernel, const double sum[DRIFT_KERNEL_SIZE],
                        double count)
{
    double square = 0;

    for (unsigned i = 0; i < DRIFT_KERNEL_SIZE; i++)
        square += pow(sum[i] / count - kernel->normal[i], 2);
    return square;
}

static void add_point(double sum[DRIFT_KERNEL_SIZE], const struct drift_kernel_point *point)
{
    for (unsigned i = 0; i < DRIFT_KERNEL_SIZE; i++)
        sum[i] += (double)point->at[i];
}

static void fill_nulls(struct drift_kernel *kernel, const struct drift_kernel_point *points,
                       struct rng *rng)
{
    for (unsigned i = 0; i < DRIFT_KERNEL_NULLS; i++) {
        double sum[DRIFT_KERNEL_SIZE] = {0};
        for (unsigned j = 0; j < NULL_SIZE; j++)
            add_point(sum, &points[rng_below(rng, (uint32_t)kernel->row_count)]);
        kernel->nulls[i] = statistic(kernel, sum, NULL_SIZE) * NULL_SIZE;
    }
    qsort(kernel->nulls, DRIFT_KERNEL_NULLS, sizeof *kernel->nulls, compare_doubles);
}

void drift_kernel_open(struct drift_kernel *kernel, const struct drift_baseline *baseline,
                       struct rng rng)
{
    *kernel = (struct drift_kernel){.row_count = (double)baseline->row_count};
    if (baseline->row_count < ROWS_LEAST)
        return;
    standardise(kernel, baseline);
    double width = median_distance(kernel, baseline, &rng);
    for (unsigned i = 0; i < DRIFT_KERNEL_PAIRS; i++)
        for (unsigned f = 0; f < DRIFT_FEATURES; f++)
            kernel->frequencies[i][f] = (float)(rng_normal(&rng) / width);
    struct drift_kernel_point *points = mem_alloc(baseline->row_count, sizeof *points);
    double sum[DRIFT_KERNEL_SIZE] = {0};
    for (size_t i = 0; i < baseline->row_count; i++) {
        drift_kernel_map(&points[i], kernel, row_at(baseline, i));
        add_point(sum, &points[i]);
    }
    for (unsigned i = 0; i < DRIFT_KERNEL_SIZE; i++)
        kernel->normal[i] = sum[i] / kernel->row_count;
    fill_nulls(kernel, points, &rng);
    mem_free(points);
    kernel->known = true;
}

void drift_kernel_map(struct drift_kernel_point *out, const struct drift_kernel *kernel,
                      const float features[DRIFT_FEATURES])
{
    static const float norm = 0.17677669529663687f; /* 1 / sqrt (pairs) */
    float at[DRIFT_FEATURES];

    for (unsigned f = 0; f < DRIFT_FEATURES; f++)
        at[f] = (features[f] - kernel->centre[f]) * kernel->scale[f];
    for (unsigned i = 0; i < DRIFT_KERNEL_PAIRS; i++) {
        float angle = 0;
        for (unsigned f = 0; f < DRIFT_FEATURES; f++)
            angle += kernel->frequencies[i][f] * at[f];
        out->at[2 * i] = norm * cosf(angle);
        out->at[2 * i + 1] = norm * sinf(angle);
    }
}

double drift_kernel_distance(double *p_value, const struct drift_kernel *kernel,
                             const double sum[DRIFT_KERNEL_SIZE], double count)
{
    double farther = 0;

    *p_value = 1;
    if (!kernel->known || !(count > 0))
        return 0;
    double square = statistic(kernel, sum, count);
    double scaled = square / (1 / count + 1 / kernel->row_count);
    for (unsigned i = 0; i < DRIFT_KERNEL_NULLS; i++)
        farther += kernel->nulls[i] >= scaled;
    *p_value = (farther + 1) / (DRIFT_KERNEL_NULLS + 1);
    return square;
}
