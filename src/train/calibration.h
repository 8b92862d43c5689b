/* train/calibration.h - from raw logits to honest probabilities, and the choice of a threshold.
 * Pure functions over caller's arrays.  Must not know networks or photos.  Thread-safe. */
#pragma once

#include "base/base.h"

/* probability = sigmoid(slope * logit + bias); the temperature of the literature is 1 / slope. */
struct train_calibration {
    double slope; /* above 0 */
    double bias;
};

/* Fits slope and bias by cross-entropy; a penalty > 0 (1e-3 is a good one) pulls them towards
 * (1, 0), which keeps separable data finite.  weights may be NULL.
 * Errors: ST_INVALID (no rows, one class, not finite, or logits that fall where labels rise). */
enum status train_calibration_fit(struct train_calibration *out, const double *logits,
                                  const bool *labels, const double *weights, size_t count,
                                  double penalty, struct err *err) MUST_USE;
double train_calibration_apply(const struct train_calibration *calibration, double logit);

/* A decision "AI-generated when probability >= threshold" and what it does on the data. */
struct train_threshold {
    double threshold; /* in (0, 1), halfway between two probabilities of the data */
    double balanced_accuracy;
    double true_positive_rate;
    double false_positive_rate;
};

/* The threshold of the best weighted balanced accuracy; among equals the one nearest 0.5. */
enum status train_threshold_balanced(struct train_threshold *out, const double *probabilities,
                                     const bool *labels, const double *weights, size_t count,
                                     struct err *err) MUST_USE;
/* The lowest threshold whose weighted false-positive rate is at most `rate`. */
enum status train_threshold_at_fpr(struct train_threshold *out, double rate,
                                   const double *probabilities, const bool *labels,
                                   const double *weights, size_t count, struct err *err) MUST_USE;
