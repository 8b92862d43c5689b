/* drift/drift.h - what the files of drift/ share: one judged photo as a sample, and its figures.
 * Pure statistics: time, random numbers and limits are passed in; no photo, no model, no metric.
 * Everything here is a value of the caller's; one thread at a time. */
#pragma once

#include "base/base.h"

#define DRIFT_BINS         64 /* equal steps of the probability */
#define DRIFT_FEATURES     8
#define DRIFT_EMBEDDING    16 /* numbers of an embedding */
#define DRIFT_NAME_SIZE    72 /* of a model's version and hash */
#define DRIFT_DAYS_A_MONTH 30

/* What of a photo is compared besides its probability; the file of a baseline keeps this order. */
enum drift_feature {
    DRIFT_LOGIT,      /* of the probability, in [-8, 8] */
    DRIFT_PIXELS,     /* log2 of width * height */
    DRIFT_DENSITY,    /* log2 of encoded bytes a pixel */
    DRIFT_ASPECT,     /* |log2 (width / height)| */
    DRIFT_SMALL,      /* quality flags, 0 or 1 */
    DRIFT_UPSCALED,   /* too little detail for its size */
    DRIFT_COMPRESSED, /* over-compressed */
    DRIFT_FLAT,       /* no texture */
    DRIFT_FEATURE_COUNT
};
_Static_assert(DRIFT_FEATURE_COUNT == DRIFT_FEATURES, "one place for each feature");
const char *drift_feature_name(enum drift_feature feature); /* "logit", "pixels", ... */
const char *drift_feature_help(enum drift_feature feature); /* a few words for people */

struct drift_sample {
    int64_t time_us;    /* since 1970-01-01 UTC */
    double probability; /* of "AI-generated", in [0, 1] */
    bool ai_generated;  /* what was answered */
    bool low;           /* low confidence */
    uint64_t group;     /* of the sender: equal for all of their photos; 0: unknown */
    uint64_t embedding; /* packed, see drift/embedding.h; 0: none */
    float features[DRIFT_FEATURES];
};

/* What a photo is besides its probability, as features; sizes of 0 count as 1. */
struct drift_photo {
    double probability;
    uint64_t width, height, bytes;
    unsigned quality; /* bits in the order of DRIFT_SMALL, DRIFT_UPSCALED, ... */
};
void drift_features(float out[DRIFT_FEATURES], const struct drift_photo *photo);

/* The verdict and the confidence that a threshold gives a probability: distance d = (p-t)/(1-t)
 * from t on, (t-p)/t below it; low when d < 0.4.  threshold in (0, 1). */
bool drift_is_ai(double probability, double threshold);
bool drift_is_low(double probability, double threshold);

unsigned drift_bin(double probability); /* below DRIFT_BINS */

struct drift_figures {
    size_t count; /* 0: the others are 0 */
    double mean_probability;
    double std_probability; /* of these very samples: divided by count */
    double low_confidence_ratio;
    double ai_generated_ratio;
};

/* How much is tolerated: the one number, and what it is counted in. */
struct drift_budget {
    double false_alarms_a_month;
    double predictions_a_day;
};
/* Predictions between two false alarms, on average: what the detectors are built for. */
double drift_run_length(const struct drift_budget *budget);
