/* drift/trial.h - detectors on trial, ours and what other libraries do by default: how far between
 * two false alarms, how long until a change is found, what is let through meanwhile.
 * Pure but for the heap.  One thread at a time. */
#pragma once

#include "drift/synthetic.h"
#include "drift/watch.h"

enum drift_contestant {
    DRIFT_TRY_OURS,            /* e-detector and CUSUM together, as the service runs them */
    DRIFT_TRY_EDETECTOR,       /* alone, with the whole budget */
    DRIFT_TRY_CUSUM,           /* the two charts alone, with the whole budget */
    DRIFT_TRY_PLAYBOOK,        /* window of 1,000: 0.15, 0.15, 0.20 */
    DRIFT_TRY_PLAYBOOK_AT,     /* the same with thresholds scaled to the wanted run length */
    DRIFT_TRY_ADWIN,           /* delta 0.002 */
    DRIFT_TRY_PAGE_HINKLEY,    /* delta 0.005, lambda 50, alpha 0.9999, upwards */
    DRIFT_TRY_PAGE_HINKLEY_AT, /* downwards, lambda for the wanted run length */
    DRIFT_TRY_KS,              /* p <= 0.05 for each 1,000 against the baseline's first 10,000 */
    DRIFT_TRY_KS_AT,           /* p for the wanted run length */
    DRIFT_TRY_PSI,             /* >= 0.1 over 32 bins for each 1,000 */
    DRIFT_CONTESTANT_COUNT
};
const char *drift_contestant_name(enum drift_contestant contestant);
bool drift_contestant_is_calibrated(enum drift_contestant contestant); /* to the run length */

struct drift_trial_options {
    struct drift_budget budget;
    size_t baseline_size; /* predictions; 0: DRIFT_BASELINE_MAX */
    size_t runs;          /* for each delay */
    uint64_t control;     /* predictions without a change, for the run length */
    uint64_t patience;    /* predictions after a change, then it counts as not found */
    uint64_t seed;
    double threshold;
    uint32_t burst; /* photos of a sender's largest burst; 0, 1: no bursts, no senders */
    enum drift_grouping grouping;
    uint32_t burst_limit; /* of drift_watch_options */
};

struct drift_trial;
/* Draws a baseline and builds the detectors; those of others are calibrated when `all`, which takes
 * long.  Borrows `synthetic`. */
enum status drift_trial_open(struct drift_trial **out, const struct drift_synthetic *synthetic,
                             const struct drift_trial_options *options, bool all,
                             struct err *err) MUST_USE;
void drift_trial_close(struct drift_trial *trial); /* NULL is fine */

struct drift_run_length {
    uint64_t predictions, alarms; /* without a change; traffic that the baseline has not seen */
};
struct drift_run_length drift_trial_control(struct drift_trial *trial,
                                            enum drift_contestant contestant);

struct drift_delay {
    double median, p95; /* predictions until the alarm; INFINITY: not found in time */
    size_t found, runs;
    double missed; /* mean of AI-generated photos called real before the alarm, at most patience */
};
/* Each run: normal traffic of random length without an alarm, then the change. */
struct drift_delay drift_trial_delay(struct drift_trial *trial, enum drift_contestant contestant,
                                     const struct drift_change *change);
const struct drift_baseline *drift_trial_baseline(const struct drift_trial *trial);
