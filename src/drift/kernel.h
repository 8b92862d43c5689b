/* drift/kernel.h - maximum mean discrepancy (Gretton et al. 2012) between feature vectors, with a
 * Gaussian kernel as random Fourier features (Rahimi & Recht 2007): one vector of means for a
 * window, updated by addition and subtraction, and mergeable.
 * The vectors are drift_sample.features; more of them, such as an embedding, only make
 * DRIFT_FEATURES larger.  One thread at a time. */
#pragma once

#include "base/rng.h"
#include "drift/baseline.h"

#define DRIFT_KERNEL_PAIRS 32
#define DRIFT_KERNEL_SIZE  (2 * DRIFT_KERNEL_PAIRS)
#define DRIFT_KERNEL_NULLS 199

struct drift_kernel {
    bool known;                   /* the baseline has rows */
    float centre[DRIFT_FEATURES]; /* standardisation */
    float scale[DRIFT_FEATURES];
    float frequencies[DRIFT_KERNEL_PAIRS][DRIFT_FEATURES];
    double normal[DRIFT_KERNEL_SIZE]; /* mean over the baseline's rows */
    double nulls[DRIFT_KERNEL_NULLS]; /* statistics of samples of the baseline, ascending */
    double row_count;
};

struct drift_kernel_point {
    float at[DRIFT_KERNEL_SIZE];
};

void drift_kernel_open(struct drift_kernel *kernel, const struct drift_baseline *baseline,
                       struct rng rng);
void drift_kernel_map(struct drift_kernel_point *out, const struct drift_kernel *kernel,
                      const float features[DRIFT_FEATURES]);

/* Squared discrepancy of `count` points with that sum, and the share of samples of the baseline
 * itself that are as far away; 0 and 1 when nothing is known. */
double drift_kernel_distance(double *p_value, const struct drift_kernel *kernel,
                             const double sum[DRIFT_KERNEL_SIZE], double count);
