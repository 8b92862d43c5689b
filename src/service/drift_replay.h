/* service/drift_replay.h - drift out of the prediction log: a baseline of a calm time, and what the
 * window and the detectors would say of everything since; which photos differ most.
 * The store must be migrated.  Owns nothing; one thread at a time. */
#pragma once

#include "service/drift_monitor.h"
#include "service/predictions.h"

/* The model whose predictions are looked at. */
struct drift_subject {
    char model_version[DRIFT_NAME_SIZE], model_hash[DRIFT_NAME_SIZE];
    double threshold;
};
/* That of the newest record that `filter` lets through.  ST_NOT_FOUND: there is none. */
enum status drift_replay_subject(struct drift_subject *out, struct store *store,
                                 const struct service_predictions_filter *filter,
                                 struct err *err) MUST_USE;

/* Of the records of that model and threshold, oldest first, DRIFT_BASELINE_MAX at most.
 * Out: *out is the caller's.  ST_INVALID: too few. */
enum status drift_replay_baseline(struct drift_baseline *out, struct store *store,
                                  const struct service_predictions_filter *filter,
                                  const struct drift_subject *subject, int64_t now_us,
                                  struct err *err) MUST_USE;

#define DRIFT_REPLAY_ALARMS 16 /* the latest ones are kept */

struct drift_replay {
    const struct drift_baseline *baseline; /* borrowed */
    struct drift_window window;            /* closed by drift_replay_close */
    struct drift_status status;            /* as the service would answer */
    bool diagnosed;
    struct drift_diagnosis diagnosis;
    /* A classifier of window against baseline, judged on what it was not fitted on: 0.5 is what
     * chance gives.  NaN: too few rows. */
    double domain_auc;
    double domain_weights[DRIFT_FEATURE_COUNT]; /* log-odds of "new" a standard deviation */
    struct drift_alarm alarms[DRIFT_REPLAY_ALARMS];
    size_t alarm_count; /* in all */
    uint64_t replayed;
    char examples[DRIFT_EXAMPLES_MAX][DRIFT_ID_SIZE]; /* requests that look newest */
    char example_photos[DRIFT_EXAMPLES_MAX][DRIFT_ID_SIZE];
    double example_probabilities[DRIFT_EXAMPLES_MAX];
    size_t example_count;
};
void drift_replay_close(struct drift_replay *replay);
/* Records of the subject after the baseline's last one. */
enum status drift_replay_run(struct drift_replay *out, struct store *store,
                             const struct drift_baseline *baseline,
                             const struct drift_subject *subject,
                             const struct drift_monitor_options *options, struct err *err) MUST_USE;
