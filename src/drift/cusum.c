#include "drift/cusum.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"

/* Of the share of verdicts: shifts below are never alarms, above they add up. */
#define SLACK 0.02

#define BLOCK      1000u /* predictions: the unit whose means show what a baseline leaves open */
#define DEVIATIONS 2.0

#define LEVELS      4096u /* of a cycle's highest sum */
#define LEVEL_STEP  0.125
#define TAIL_MANY   400.0 /* cycles that reach the lower end of the tail ... */
#define TAIL_FEW    25.0  /* ... and the upper */
#define LIMIT_LEAST 15.0

static const char *const names[] = {
    [DRIFT_CHART_FEWER] = "verdicts_down",
    [DRIFT_CHART_MORE] = "verdicts_up",
};
_Static_assert(ARRAY_LEN(names) == DRIFT_CHART_COUNT, "one name for each chart");

const char *drift_chart_name(enum drift_chart chart)
{
    return names[chart];
}

/* Shares of AI-generated verdicts, one of each unit of the baseline; their mean. */
struct verdicts {
    float *shares;
    size_t count;
    double mean;
};

static struct verdicts verdicts_of(const struct drift_baseline *baseline, bool grouped)
{
    struct drift_units units = {.baseline = baseline, .grouped = grouped};
    struct verdicts out = {.count = drift_unit_count(baseline, grouped)};
    const uint16_t *values = NULL;

    out.shares = mem_alloc(out.count, sizeof *out.shares);
    for (size_t i = 0; i < out.count; i++) {
        size_t size = drift_units_next(&values, &units), ai = 0;
        for (size_t j = 0; j < size; j++)
            ai += drift_is_ai(drift_value(values[j]), baseline->threshold);
        out.shares[i] = (float)ai / (float)size;
        out.mean += (double)out.shares[i] / (double)out.count;
    }
    return out;
}

/* How far the true mean may be from the baseline's. */
static double open_mean(const struct verdicts *verdicts)
{
    size_t block = MAX_OF(MIN_OF((size_t)BLOCK, verdicts->count / 2), (size_t)1);
    size_t count = verdicts->count / block;
    double sum = 0, squares = 0;

    if (count < 2)
        return 1; /* one unit says nothing */
    for (size_t i = 0; i < count; i++) {
        double mean = 0;
        for (size_t j = i * block; j < (i + 1) * block; j++)
            mean += (double)verdicts->shares[j] / (double)block;
        sum += mean;
        squares += mean * mean;
    }
    double n = (double)count;
    return DEVIATIONS * sqrt(fmax(0, squares / n - sum * sum / n / n) / (n - 1));
}

/* Sums from one return to 0 to the next are alike and independent: how high they get tells how
 * often any limit is reached. */
struct peaks {
    double cycles[LEVELS]; /* whose highest sum was at least that level */
    double highest;        /* of the cycle under way */
};

static void end_cycle(struct peaks *peaks)
{
    if (peaks->highest > 0)
        peaks->cycles[(size_t)MIN_OF(peaks->highest / LEVEL_STEP, LEVELS - 1.0)] += 1;
    peaks->highest = 0;
}

static void replay(struct peaks peaks[DRIFT_CHART_COUNT],
                   struct drift_cusum charts[DRIFT_CHART_COUNT], const struct verdicts *verdicts,
                   struct rng rng, size_t steps)
{
    struct drift_bootstrap bootstrap;

    drift_bootstrap_open(&bootstrap, verdicts->count, 0, rng);
    for (size_t i = 0; i < steps; i++) {
        double share = (double)verdicts->shares[drift_bootstrap_next(&bootstrap)];
        for (size_t c = 0; c < DRIFT_CHART_COUNT; c++) {
            (void)drift_cusum_add(&charts[c], drift_chart_value((enum drift_chart)c, share), 0);
            if (charts[c].sum > 0)
                peaks[c].highest = fmax(peaks[c].highest, charts[c].sum);
            else
                end_cycle(&peaks[c]);
        }
    }
}

/* The level that `count` cycles reach, between the levels that were seen. */
static double level_of(const double cycles[LEVELS], double count)
{
    for (size_t i = LEVELS; i-- > 0;)
        if (cycles[i] >= count)
            return (double)i * LEVEL_STEP;
    return 0;
}

/* The number of cycles over a level falls exponentially with it (Siegmund 1985), so that a line
 * through its logarithm leads to limits that are reached less than once in the replay. */
static double limit_of(struct peaks *peaks, double wanted)
{
    for (size_t i = LEVELS - 1; i-- > 0;)
        peaks->cycles[i] += peaks->cycles[i + 1];
    double few = MIN_OF(TAIL_FEW, peaks->cycles[0] / 4);
    double many = MIN_OF(TAIL_MANY, peaks->cycles[0] / 2);
    double upper = level_of(peaks->cycles, few);
    double lower = level_of(peaks->cycles, many);
    if (few < 5 || upper <= lower)
        return fmax(LIMIT_LEAST, 2 * upper);
    double slope = log(many / few) / (upper - lower);
    return fmax(LIMIT_LEAST, upper + log(few / wanted) / slope);
}

void drift_cusum_calibrate(struct drift_cusum charts[DRIFT_CHART_COUNT],
                           const struct drift_baseline *baseline, bool grouped, double run_length,
                           size_t steps, struct rng rng)
{
    struct peaks *peaks = mem_alloc(DRIFT_CHART_COUNT, sizeof *peaks);
    struct verdicts verdicts = verdicts_of(baseline, grouped);

    for (size_t i = 0; i < DRIFT_CHART_COUNT; i++)
        charts[i] = (struct drift_cusum){
            .limit = INFINITY,
            .centre = drift_chart_value((enum drift_chart)i, verdicts.mean) + SLACK,
        };
    replay(peaks, charts, &verdicts, rng, steps);
    for (size_t i = 0; i < DRIFT_CHART_COUNT; i++) {
        charts[i].limit = limit_of(&peaks[i], (double)steps / run_length);
        charts[i].centre += open_mean(&verdicts);
        charts[i].sum = 0;
        charts[i].since_us = 0;
    }
    mem_free(verdicts.shares);
    mem_free(peaks);
}
