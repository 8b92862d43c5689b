/* train/abstention.h - which photos are left to a person: a band of probabilities around the
 * threshold.  Pure functions over caller's arrays.  Must not know networks or photos. */
#pragma once

#include "base/base.h"

/* Undecided from `low`, below `high`, and what that does on the data. */
struct train_band {
    double low, high;         /* in (0, 1), low <= threshold <= high */
    double coverage;          /* share of the rows that are decided */
    double balanced_accuracy; /* weighted, of the decided ones; NaN when a class has none */
};

/* At most 1 - `coverage` of the rows are left undecided; how many of them below the threshold and
 * how many above is chosen, in steps of a twentieth, for the best weighted balanced accuracy of
 * the others; among equals evenly.  weights may be NULL: all 1.
 * Errors: ST_INVALID for no rows, a probability, threshold or coverage that is none. */
enum status train_band_fit(struct train_band *out, double coverage, double threshold,
                           const double *probabilities, const bool *labels, const double *weights,
                           size_t count, struct err *err) MUST_USE;
