/* train/checkpoint.h - everything a run needs to go on after it was killed: one file, written
 * atomically, refused when it belongs to another network or configuration. */
#pragma once

#include "base/hash.h"
#include "nn/optimizer.h"

struct train_progress {
    int64_t step;       /* optimiser steps done */
    int64_t epoch;      /* epochs done */
    int64_t best_epoch; /* of the best validation AUC; 0 when none yet */
    double best_auc;
};

/* `identity` is a hash of what must be the same when resuming: network, data, settings. */
enum status train_checkpoint_save(const char *path, const char identity[HASH_HEX_SIZE],
                                  const struct train_progress *progress,
                                  const struct nn_optimizer *optimizer, const float *values,
                                  struct err *err) MUST_USE;
/* Errors: ST_NOT_FOUND, ST_CONFLICT (another run's), ST_CORRUPT (damaged; checked by SHA-256). */
enum status train_checkpoint_load(struct train_progress *progress, struct nn_optimizer *optimizer,
                                  float *values, const char *path,
                                  const char identity[HASH_HEX_SIZE], struct err *err) MUST_USE;
