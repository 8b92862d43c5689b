#include "drift/score.h"

#include <math.h>

/* Bands of the playbook's table of remediations. */
#define LOWER_THRESHOLD_FROM 0.25
#define HUMAN_REVIEW_FROM    0.40

static const char *const levels[] = {
    [DRIFT_QUIET] = "none",
    [DRIFT_WARNING] = "warning",
    [DRIFT_DETECTED] = "detected",
    [DRIFT_CRITICAL] = "critical",
};
_Static_assert(ARRAY_LEN(levels) == DRIFT_LEVEL_COUNT, "one name for each level");

static const struct {
    const char *name, *help;
} actions[] = {
    [DRIFT_NOTHING] = {"none", "Nothing to do."},
    [DRIFT_MONITOR] = {"monitor", "Monitor closely and begin to collect data for retraining."},
    [DRIFT_LOWER_THRESHOLD] = {"lower_threshold",
                               "Lower the decision threshold (0.5 to 0.35) as a temporary measure "
                               "and fast-track retraining."},
    [DRIFT_HUMAN_REVIEW] = {"human_review", "Critical: let people review predictions of low "
                                            "confidence and retrain at once."},
};
_Static_assert(ARRAY_LEN(actions) == DRIFT_ACTION_COUNT, "one text for each action");

const char *drift_level_name(enum drift_level level)
{
    return levels[level];
}

const char *drift_action_name(enum drift_action action)
{
    return actions[action].name;
}

const char *drift_action_help(enum drift_action action)
{
    return actions[action].help;
}

static enum drift_level level_of(const struct drift_score *score,
                                 const struct drift_thresholds *thresholds)
{
    if (score->score > thresholds->critical || score->confirmed)
        return DRIFT_CRITICAL;
    if (score->score > thresholds->detected || score->detected)
        return DRIFT_DETECTED;
    return score->score > thresholds->warning ? DRIFT_WARNING : DRIFT_QUIET;
}

static enum drift_action action_of(const struct drift_score *score,
                                   const struct drift_thresholds *thresholds)
{
    if (score->score > HUMAN_REVIEW_FROM)
        return DRIFT_HUMAN_REVIEW;
    if (score->score > LOWER_THRESHOLD_FROM)
        return DRIFT_LOWER_THRESHOLD;
    return score->detected || score->score > thresholds->detected ? DRIFT_MONITOR : DRIFT_NOTHING;
}

struct drift_score drift_score_of(const struct drift_figures *window,
                                  const struct drift_figures *baseline,
                                  const struct drift_thresholds *thresholds)
{
    struct drift_score out = {.known = baseline->count && window->count &&
                                       window->count >= thresholds->minimum};

    if (!out.known)
        return out;
    out.probability = fabs(window->mean_probability - baseline->mean_probability);
    out.confidence = fmax(0, window->low_confidence_ratio - baseline->low_confidence_ratio);
    out.ratio = fabs(window->ai_generated_ratio - baseline->ai_generated_ratio);
    out.over_probability = out.probability > thresholds->probability;
    out.over_confidence = out.confidence > thresholds->confidence;
    out.over_ratio = out.ratio > thresholds->ratio;
    out.score = fmax(out.probability, out.confidence);
    out.detected = out.over_probability || out.over_confidence || out.over_ratio;
    out.confirmed = out.over_probability && out.over_confidence && out.over_ratio;
    out.level = level_of(&out, thresholds);
    out.action = action_of(&out, thresholds);
    return out;
}
