/* drift/score.h - the playbook's rule: three indicators of a window against a baseline, their
 * thresholds, a level, and what to do.  Pure. */
#pragma once

#include "drift/drift.h"

struct drift_thresholds {
    double probability, confidence, ratio; /* of the three indicators */
    double warning, detected, critical;    /* of the score */
    size_t minimum;                        /* samples, before anything is said */
};

enum drift_level { DRIFT_QUIET, DRIFT_WARNING, DRIFT_DETECTED, DRIFT_CRITICAL, DRIFT_LEVEL_COUNT };
const char *drift_level_name(enum drift_level level); /* "none", "warning", "detected", ... */

enum drift_action {
    DRIFT_NOTHING,
    DRIFT_MONITOR,         /* watch closely, collect data to train on */
    DRIFT_LOWER_THRESHOLD, /* temporary, and train at once */
    DRIFT_HUMAN_REVIEW,    /* people look at what is of low confidence */
    DRIFT_ACTION_COUNT
};
const char *drift_action_name(enum drift_action action); /* "none", "monitor", ... */
const char *drift_action_help(enum drift_action action); /* one sentence for people */

struct drift_score {
    bool known;                            /* enough samples, and a baseline */
    double probability, confidence, ratio; /* the indicators, not below 0 */
    bool over_probability, over_confidence, over_ratio;
    double score;   /* the larger of probability and confidence */
    bool detected;  /* any indicator over its threshold */
    bool confirmed; /* all three */
    enum drift_level level;
    enum drift_action action;
};

/* Confidence counts only as far as low confidence became more frequent: a model that grew surer is
 * no drift.  baseline->count 0: there is none. */
struct drift_score drift_score_of(const struct drift_figures *window,
                                  const struct drift_figures *baseline,
                                  const struct drift_thresholds *thresholds);
