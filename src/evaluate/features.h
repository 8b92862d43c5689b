/* evaluate/features.h - what a degraded photo shows besides its content; private to evaluate/.
 * Pure. */
#pragma once

#include "evaluate/evaluate.h"

/* Fills EVALUATE_FEATURE_COUNT numbers.  `pixels` is what was encoded as `file`. */
enum status evaluate_features(float *out, const struct detect_result *result, struct bytes file,
                              const struct image *pixels, enum train_tier tier, struct arena *arena,
                              struct err *err) MUST_USE;
