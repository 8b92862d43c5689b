/* detect/convention.h - what a weights file must say beside its network: how photos become inputs
 * and how logits become probabilities.  One place writes it, one place reads it. */
#pragma once

#include "detect/detect.h"
#include "nn/weights.h"

#define DETECT_MAP_SIDE_MAX  32 /* patches */
#define DETECT_MODEL_ID_SIZE 64

struct detect_convention {
    char version[DETECT_MODEL_ID_SIZE]; /* "aidetect-1" */
    int crop_side;                      /* pixels, multiple of 8 */
    int crop_count;                     /* crops a photo, at most DETECT_CROPS_MAX */
    /* log-odds = scale * network's logit + statistics_scale * statistics' score + bias */
    float scale, statistics_scale, bias;
    double threshold; /* default decision threshold on the probability */
    /* Thresholds at which 1 and 5 % of real photos were called AI-generated; 0: not stated. */
    double threshold_fpr_1, threshold_fpr_5;
    struct detect_band unsure; /* around the threshold; both 0: not stated */
};

/* ST_CORRUPT unless the network was trained behind the front end that is built in. */
enum status detect_convention_check_frontend(const struct nn_weights *weights,
                                             struct err *err) MUST_USE;

/* Checks every value and that the network fits, and the front end as above.
 * Errors: ST_CORRUPT naming the key. */
enum status detect_convention_read(struct detect_convention *out, const struct nn_weights *weights,
                                   struct err *err) MUST_USE;

#define DETECT_CONVENTION_KEYS 12 /* at most */
#define DETECT_CONVENTION_TEXT 64
/* The metadata entries to save with a network, and how many; their values point into `text`. */
int detect_convention_write(struct nn_metadata out[DETECT_CONVENTION_KEYS],
                            char text[DETECT_CONVENTION_KEYS][DETECT_CONVENTION_TEXT],
                            const struct detect_convention *convention);
