/* train/worker.h - one pinned thread's share of an epoch: draw, augment, forward, loss, backward,
 * then together: sum gradients, clip, step.  Workers share values; each owns its gradients. */
#pragma once

#include <pthread.h>
#include <stdatomic.h>

#include "nn/optimizer.h"
#include "nn/training.h"
#include "train/pairs.h"

#define TRAIN_WORKERS_MAX 64

/* What an epoch has seen so far; sums, to be divided by crops. */
struct train_totals {
    double loss;        /* binary cross-entropy */
    double family_loss; /* over AI crops */
    int64_t crops, ai_crops, correct;
};

/* Shared by all workers of a run. */
struct train_team {
    const struct train_config *config;
    const struct train_dataset *dataset;
    const struct train_pairs *pairs; /* NULL: none */
    const struct nn_graph *graph;
    struct nn_optimizer *optimizer;
    float *values;
    float *gradients; /* of the whole batch */
    int worker_count;
    int64_t first_step, last_step; /* of the epoch: [first, last) */
    int64_t total_steps;           /* of the run */
    pthread_barrier_t barrier;
    _Atomic bool failed;
    double norm_parts[TRAIN_WORKERS_MAX]; /* squared gradient norm of each worker's range */
    struct train_worker *workers;
    void (*on_step)(void *payload, int64_t step, const struct train_totals *totals);
    void *payload; /* on_step is called by worker 0 only, with its own totals */
};

struct train_worker {
    struct train_team *team;
    int index;
    struct nn_training *training;
    struct arena *arena; /* one example's pixels */
    float *scratch;      /* front end */
    float *statistics;   /* of the last forward pass */
    struct train_totals totals;
    enum status status;
    struct err err;
};

enum status train_worker_open(struct train_worker *worker, struct train_team *team, int index,
                              struct err *err) MUST_USE;
void train_worker_close(struct train_worker *worker);
/* Thread function: runs the team's steps [first_step, last_step). */
void *train_worker_epoch(void *payload);
