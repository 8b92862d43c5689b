/* train/logistic.h - weighted logistic regression on a handful of features, by Newton's method.
 * Pure functions over caller's arrays.  Must not know what the features mean.  Thread-safe. */
#pragma once

#include "base/base.h"

#define TRAIN_LOGISTIC_FEATURES_MAX 16

/* One data set: n rows of `feature_count` values, row after row. */
struct train_logistic_data {
    const double *features;
    const bool *labels;
    const double *weights; /* NULL: all 1; else not negative, with a positive sum */
    size_t count;
    size_t feature_count; /* 1 .. TRAIN_LOGISTIC_FEATURES_MAX */
};

struct train_logistic {
    size_t feature_count;
    double slope[TRAIN_LOGISTIC_FEATURES_MAX];
    double bias;
};

/* Minimises mean weighted cross-entropy + penalty / 2 * |(slope, bias) - centre|^2.
 * `centre` is where too little data leaves the answer; penalty > 0 makes it unique.
 * Errors: ST_INVALID for no rows, a single class, values that are not finite, bad weights. */
enum status train_logistic_fit(struct train_logistic *out, const struct train_logistic_data *data,
                               const struct train_logistic *centre, double penalty,
                               struct err *err) MUST_USE;
double train_logistic_logit(const struct train_logistic *model, const double *features);
/* The minimised quantity, and its gradient (slopes, then bias) unless NULL. */
double train_logistic_loss(double *gradient, const struct train_logistic *model,
                           const struct train_logistic_data *data,
                           const struct train_logistic *centre, double penalty);

double train_sigmoid(double logit);
