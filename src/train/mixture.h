/* train/mixture.h - how the two opinions on the validation photos become one probability, and the
 * limits that are read off it.  Must not know how either classifier was trained. */
#pragma once

#include "detect/detect.h"
#include "train/dataset.h"

#define TRAIN_THRESHOLD 0.5

/* log-odds = network * its logit + statistics * their score + bias. */
struct train_mixture {
    double network, statistics, bias;
    double threshold_fpr_1, threshold_fpr_5; /* 0: there is none */
    struct detect_band unsure;               /* as in detect/convention.h */
};

struct train_mixture_options {
    const struct train_dataset *dataset;
    const char *model_path; /* of the weights file, not calibrated */
    unsigned workers;
    double coverage;      /* share of the photos that is decided */
    bool has_statistics;  /* else the network judges alone */
    bool network_trained; /* else it must not count */
};

/* One mixture for the tiers T0 to T2, fitted on the validation photos, whose sources were never
 * trained on.  Each class weighs the same; within one, sources by the square root of their size.
 * Errors: ST_INVALID for a class without photos, or opinions that fall where the labels rise;
 * those of opening the model. */
enum status train_mixture_fit(struct train_mixture *out,
                              const struct train_mixture_options *options,
                              struct err *err) MUST_USE;
