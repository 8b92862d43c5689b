/* drift/distance.h - how far a window is from a baseline, as the usual figures: PSI, the
 * Kolmogorov-Smirnov statistic with its p-value, Jensen-Shannon, Wasserstein-1.  Pure. */
#pragma once

#include "drift/baseline.h"

#define DRIFT_PSI_BINS 32

struct drift_distances {
    double psi;            /* sum (w - b) ln (w / b) over DRIFT_PSI_BINS bins; empty ones 1e-4 */
    double ks;             /* largest distance of the distribution functions, on a grid of 1/1024 */
    double ks_p;           /* asymptotic (Stephens 1970) */
    double jensen_shannon; /* distance: root of the divergence in nats, [0, 0.83] */
    double wasserstein;    /* in probability */
    double wasserstein_normed; /* divided by the baseline's standard deviation, at least 0.001 */
};

/* The window must not be empty. */
struct drift_distances drift_distances_of(const struct drift_window *window,
                                          const struct drift_baseline *baseline);
/* P(D >= d) for samples of n and m. */
double drift_ks_p(double d, double n, double m);
/* From two histograms of shares over `count` bins. */
double drift_psi(const double *window, const double *baseline, size_t count);
