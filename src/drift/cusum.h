/* drift/cusum.h - Page's cumulative sum (Page 1954): S = max(0, S + x - mean - slack), an alarm at
 * S >= limit; and the limit for a wanted run length, found by replaying a baseline in blocks.
 * Pure; one thread at a time. */
#pragma once

#include "drift/baseline.h"
#include "drift/bootstrap.h"

enum drift_chart {
    DRIFT_CHART_FEWER, /* AI-generated verdicts become less frequent */
    DRIFT_CHART_MORE,  /* and more frequent */
    DRIFT_CHART_COUNT
};
const char *drift_chart_name(enum drift_chart chart); /* "verdicts_down", ... */

struct drift_cusum {
    double centre;    /* mean + slack of the signed value */
    double limit;     /* > 0 */
    double sum;       /* 0 and above */
    int64_t since_us; /* of the sample after which the sum was last 0 */
};

/* The signed value that a chart adds up: the share of AI-generated verdicts of what counts as one;
 * verdicts, because they do not depend on how sure a model is. */
static inline double drift_chart_value(enum drift_chart chart, double share)
{
    return chart == DRIFT_CHART_FEWER ? -share : share;
}

static inline bool drift_cusum_add(struct drift_cusum *cusum, double value, int64_t time_us)
{
    double sum = cusum->sum + value - cusum->centre;

    if (!(sum > 0)) {
        sum = 0;
        cusum->since_us = time_us;
    }
    cusum->sum = sum;
    return sum >= cusum->limit;
}

/* Centres and limits: each chart alone has at least about `run_length` units (values, or groups
 * when `grouped`) between two false alarms.  Replays the baseline for `steps` units. */
void drift_cusum_calibrate(struct drift_cusum charts[DRIFT_CHART_COUNT],
                           const struct drift_baseline *baseline, bool grouped, double run_length,
                           size_t steps, struct rng rng);
