/* nn/optimizer.h - from gradients to new values: AdamW or SGD with momentum, a learning-rate
 * schedule, gradient clipping and an exponential moving average of the values.
 * Works on any range of the block, so that workers can share one step.  No allocation after
 * opening.  A range belongs to one thread at a time. */
#pragma once

#include "nn/graph.h"

enum nn_optimizer_kind { NN_ADAMW, NN_SGD };

struct nn_optimizer_options {
    enum nn_optimizer_kind kind;
    float weight_decay;  /* decoupled (Loshchilov & Hutter 2019); weights only, not bias or norm */
    float momentum;      /* SGD: usually 0.9 */
    float beta1, beta2;  /* AdamW: usually 0.9, 0.999 */
    float epsilon;       /* AdamW: usually 1e-8 */
    float average_decay; /* of the moving average, 0..1; 0: the average is the values themselves */
};

struct nn_optimizer {
    struct nn_optimizer_options options;
    const struct nn_graph *graph;
    float *state;   /* 2 * trained_count floats: first and second moments, or momentum; to save */
    float *average; /* float_count floats: moving average of the values; to save */
};

void nn_optimizer_init(struct nn_optimizer *optimizer, const struct nn_graph *graph,
                       const struct nn_optimizer_options *options, const float *values);
void nn_optimizer_fini(struct nn_optimizer *optimizer);

/* Step number `step` (from 1) with learning rate `rate` on floats [begin, end) of the trained part.
 */
void nn_optimizer_step(struct nn_optimizer *optimizer, float *values, const float *gradients,
                       float rate, int64_t step, size_t begin, size_t end);
/* Moves the average toward the values over floats [begin, end) of the whole block.  Early steps
 * use a faster decay, min(decay, (1 + step) / (10 + step)), as TensorFlow's EMA does. */
void nn_optimizer_average(struct nn_optimizer *optimizer, const float *values, int64_t step,
                          size_t begin, size_t end);

/* Linear warm-up to `peak` over `warmup` steps, then half a cosine down to `peak * floor_ratio` at
 * `total` steps (Loshchilov & Hutter 2017). */
float nn_schedule_cosine(float peak, int64_t step, int64_t warmup, int64_t total,
                         float floor_ratio);
