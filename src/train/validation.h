/* train/validation.h - scores of the validation photos through the very path that serves. */
#pragma once

#include "train/dataset.h"

enum train_tier { TRAIN_TIER_LIGHT, TRAIN_TIER_SHOP, TRAIN_TIER_SMALL, TRAIN_TIER_COUNT };

/* Log-odds of every validation photo after the re-encoding of `tier` (JPEG q95; q80; at most
 * 768 px and q60), by `workers` pinned threads.  logits has train_dataset_validation_count()
 * places.  A model file as nn_weights_save() writes it. */
enum status train_validation_run(double *logits, const struct train_dataset *dataset,
                                 const char *model_path, enum train_tier tier, unsigned workers,
                                 struct err *err) MUST_USE;

/* Area under the ROC curve by ranks, ties counted half; 0.5 when a class is missing. */
double train_validation_auc(const double *logits, const struct train_dataset *dataset);
