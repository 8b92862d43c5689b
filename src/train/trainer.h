/* train/trainer.h - a whole training run: data, epochs, validation, early stopping, checkpoints,
 * calibration, and the model file that serves.  Prints its progress to standard error. */
#pragma once

#include "base/clock.h"
#include "train/config.h"

struct train_run_options {
    bool resume;          /* go on from the run's checkpoint when there is one */
    const char *revision; /* git revision for run.json */
    const struct clock *clock;
};

struct train_report {
    int64_t epochs; /* done */
    int64_t best_epoch;
    double best_auc;
    char model_path[2 * TRAIN_PATH_SIZE];
};

/* Writes into config->output: checkpoint.bin each epoch, best.safetensors (not calibrated),
 * run.json, and at the end <version>.safetensors. */
enum status train_run(struct train_report *out, const struct train_config *config,
                      const struct train_run_options *options, struct err *err) MUST_USE;
