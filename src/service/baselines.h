/* service/baselines.h - the folder of saved baselines: one file for each (model, threshold,
 * version), never overwritten, so that any of them can be gone back to.
 * Owns nothing; a file appears whole or not at all.  Thread-safe. */
#pragma once

#include "drift/baseline.h"

#define BASELINES_FILES_MAX 10000u /* looked at in one folder */

/* The model that baselines are looked for, by the start of its hash. */
struct baselines_key {
    const char *model_version;
    const char *model_hash;
    double threshold;
};

/* The newest version for that model and threshold; when there is none, the newest of that model for
 * another threshold, rebased.  Out: *out is the caller's, closed with drift_baseline_close.
 * ST_NOT_FOUND: that model has none. */
enum status baselines_load(struct drift_baseline *out, const char *folder,
                           const struct baselines_key *key, struct err *err) MUST_USE;
/* Gives the baseline the next version and writes it. */
enum status baselines_save(struct drift_baseline *baseline, const char *folder,
                           struct err *err) MUST_USE;
/* Calls visit(payload, baseline) for each that can be read, in the order of their files' names;
 * *broken counts the others. */
enum status baselines_each(const char *folder,
                           void (*visit)(void *payload, const struct drift_baseline *baseline),
                           void *payload, size_t *broken, struct err *err) MUST_USE;
