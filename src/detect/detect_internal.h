/* detect/detect_internal.h - what a model and a session are, for the files that open one, judge
 * with it and explain by it. */
#pragma once

#include <math.h>

#include "base/hash.h"
#include "base/mem.h"
#include "detect/convention.h"
#include "detect/detect.h"
#include "detect/statistics.h"
#include "image/image.h"
#include "nn/inference.h"
#include "nn/weights.h"

struct detect_model {
    struct nn_weights *weights;
    struct detect_convention convention;
    const float *statistics; /* rows of detect/statistics.h; NULL: the network judges alone */
    const float *embedding;  /* NULL: it has none */
    struct image_limits limits;
    double threshold;
    struct detect_band band;
    enum detect_precision precision;
    char hash[HASH_HEX_SIZE];
};

struct detect_session {
    const struct detect_model *model;
    struct nn_inference *network;
    struct arena *arena; /* one photo's pixels and scratch */
    uint8_t *window;
    float *scratch;
    float *maps;                          /* patch logits of all crops */
    struct detect_statistics *statistics; /* NULL when the model has none */
};

/* By the form that the model's precision names, or another one. */
enum status detect_open_network(struct nn_inference **out, const struct detect_model *model,
                                enum detect_precision precision, struct err *err) MUST_USE;

static inline double detect_probability_of(double logit)
{
    return 1.0 / (1.0 + exp(-logit));
}

/* Decodes and judges; the pixels stay in the session's arena until it forgets the photo. */
enum status detect_judge(struct detect_result *out, struct image *pixels,
                         struct detect_session *session, struct bytes photo,
                         struct err *err) MUST_USE;
void detect_forget_photo(struct detect_session *session);
