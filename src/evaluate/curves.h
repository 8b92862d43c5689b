/* evaluate/curves.h - the curves behind the figures of one tier; private to evaluate/ and its
 * tests.  Pure. */
#pragma once

#include "evaluate/statistics.h"

#define EVALUATE_ROC_STEP       (1.0 / 128) /* points of a drawn curve are this far apart */
#define EVALUATE_ROC_POINTS_MAX 260
#define EVALUATE_HISTOGRAM_BINS 20
#define EVALUATE_COVERAGES_MAX  100

/* Photos with a probability in the i-th of EVALUATE_BINS equal parts of [0, 1]. */
struct evaluate_bin {
    size_t n;
    double mean;  /* of their probabilities; NaN when n is 0, as are the others */
    double share; /* of AI-generated photos among them */
    struct evaluate_interval share_ci;
};

/* What remains when only the photos farthest from the threshold are decided. */
struct evaluate_coverage {
    double coverage; /* share of the photos that are decided, in (0, 1] */
    double distance; /* the least of theirs, as detect_confidence() measures it, in [0, 1] */
    double accuracy;
    double balanced_accuracy; /* NaN while one class has no decided photo */
};

struct evaluate_curves {
    struct evaluate_roc_point roc[EVALUATE_ROC_POINTS_MAX]; /* thinned, both ends kept */
    size_t roc_count;                                       /* 0 without both classes */
    struct evaluate_bin bins[EVALUATE_BINS];
    size_t histogram[TRAIN_LABEL_COUNT][EVALUATE_HISTOGRAM_BINS];
    struct evaluate_coverage coverages[EVALUATE_COVERAGES_MAX]; /* rising, the last is 1 */
    size_t coverage_count;
};

/* Balanced accuracy of the surest photos, at least a share `coverage` of all; NaN without both
 * classes among them. */
double evaluate_accuracy_at(const struct evaluate_curves *curves, double coverage);

/* Errors: those of evaluate_statistics. */
enum status evaluate_curves(struct evaluate_curves *out, const struct evaluate_sample *samples,
                            size_t count, double threshold, struct err *err) MUST_USE;
