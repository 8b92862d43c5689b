/* train/validation.h - scores of the validation photos through the very path that serves. */
#pragma once

#include "train/dataset.h"
#include "train/tiers.h"

/* What each of the model's two classifiers adds to a photo's log-odds. */
struct train_opinion {
    double network, statistics;
};

/* Opinions on every validation photo after the re-encoding of `tier`, by `workers` pinned threads.
 * out has train_dataset_validation_count() places.  A model file as nn_weights_save() writes it. */
enum status train_validation_run(struct train_opinion *out, const struct train_dataset *dataset,
                                 const char *model_path, enum train_tier tier, unsigned workers,
                                 struct err *err) MUST_USE;

/* Area under the ROC curve of their sum by ranks, ties counted half; 0.5 when a class is missing.
 */
double train_validation_auc(const struct train_opinion *opinions,
                            const struct train_dataset *dataset);
