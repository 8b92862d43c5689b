#include "drift/trial.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "drift/distance.h"
#include "drift/score.h"

#define WINDOW         1000u
#define REFERENCE      10000.0 /* samples of the KS test */
#define WARM_LEAST     2000u
#define WARM_SPREAD    8000u
#define PACE_US        1728000 /* 50,000 a day */
#define BURST_PACE_US  100000  /* between photos of a burst */
#define NEW_THRESHOLD  0.35    /* of the scenario "threshold" */
#define SEARCH_STEPS   10
#define SEARCH_LENGTHS 6.0 /* wanted run lengths that each step of a search replays */

static const struct {
    const char *name;
    bool is_calibrated;
} contestants[] = {
    [DRIFT_TRY_OURS] = {"aidetect", true},
    [DRIFT_TRY_EDETECTOR] = {"e-detector", true},
    [DRIFT_TRY_CUSUM] = {"CUSUM", true},
    [DRIFT_TRY_PLAYBOOK] = {"playbook", false},
    [DRIFT_TRY_PLAYBOOK_AT] = {"playbook-calibrated", true},
    [DRIFT_TRY_ADWIN] = {"ADWIN", false},
    [DRIFT_TRY_PAGE_HINKLEY] = {"Page-Hinkley", false},
    [DRIFT_TRY_PAGE_HINKLEY_AT] = {"Page-Hinkley-calibrated", true},
    [DRIFT_TRY_KS] = {"KS", false},
    [DRIFT_TRY_KS_AT] = {"KS-calibrated", true},
    [DRIFT_TRY_PSI] = {"PSI", false},
};
_Static_assert(ARRAY_LEN(contestants) == DRIFT_CONTESTANT_COUNT, "one row for each");

const char *drift_contestant_name(enum drift_contestant contestant)
{
    return contestants[contestant].name;
}

bool drift_contestant_is_calibrated(enum drift_contestant contestant)
{
    return contestants[contestant].is_calibrated;
}

struct drift_trial {
    struct drift_trial_options options;
    const struct drift_synthetic *synthetic;
    struct rng rng;
    double threshold; /* in use */
    struct drift_baseline baseline;
    struct drift_watch ours, fresh;   /* fresh: as built for the first threshold */
    struct drift_watch rebased;       /* as built for NEW_THRESHOLD; known when it is */
    struct drift_edetector edetector; /* with the whole budget */
    struct drift_cusum charts[DRIFT_CHART_COUNT];
    double limits[DRIFT_CONTESTANT_COUNT]; /* of those that were calibrated by search */
    struct drift_window window;
    struct drift_adwin adwin;
    double hinkley_sum, hinkley_mean, hinkley_count;
    int64_t now_us;
    uint64_t sender;
    uint32_t burst_left; /* photos of its burst that are to come */
    int64_t pause_us;    /* after it: so that the pace is the same on average */
    struct drift_draw first;
};

/* ---- contestants ---- */

static void restart(struct drift_trial *trial)
{
    trial->threshold = trial->options.threshold;
    trial->ours = trial->fresh;
    drift_edetector_reset(&trial->edetector);
    for (unsigned i = 0; i < DRIFT_CHART_COUNT; i++)
        trial->charts[i].sum = 0;
    drift_window_reset(&trial->window);
    drift_adwin_open(&trial->adwin, 0.002);
    trial->hinkley_sum = trial->hinkley_mean = trial->hinkley_count = 0;
}

static bool try_cusum(struct drift_trial *trial, const struct drift_sample *sample)
{
    bool alarm = false;

    for (unsigned i = 0; i < DRIFT_CHART_COUNT; i++)
        alarm |= drift_cusum_add(&trial->charts[i],
                                 drift_chart_value((enum drift_chart)i, sample->ai_generated), 0);
    return alarm;
}

/* `scale` 1: the playbook's thresholds. */
static bool try_playbook(struct drift_trial *trial, const struct drift_sample *sample, double scale)
{
    (void)drift_window_add(&trial->window, sample);
    if (trial->window.count < trial->window.size)
        return false;
    struct drift_figures now = drift_window_figures(&trial->window);
    const struct drift_figures *normal = &trial->baseline.figures;
    return fabs(now.mean_probability - normal->mean_probability) > 0.15 * scale ||
           fabs(now.low_confidence_ratio - normal->low_confidence_ratio) > 0.15 * scale ||
           fabs(now.ai_generated_ratio - normal->ai_generated_ratio) > 0.20 * scale;
}

/* As in the usual implementation: running mean, forgetting sum, one side. */
static bool try_page_hinkley(struct drift_trial *trial, double x, double limit)
{
    trial->hinkley_count++;
    trial->hinkley_mean += (x - trial->hinkley_mean) / trial->hinkley_count;
    trial->hinkley_sum = fmax(0, 0.9999 * trial->hinkley_sum + x - trial->hinkley_mean - 0.005);
    return trial->hinkley_count >= 30 && trial->hinkley_sum > limit;
}

/* Every 1,000 predictions on their own. */
static bool try_distance(struct drift_trial *trial, const struct drift_sample *sample, double limit,
                         bool psi)
{
    (void)drift_window_add(&trial->window, sample);
    if (trial->window.count < trial->window.size)
        return false;
    struct drift_distances distances = drift_distances_of(&trial->window, &trial->baseline);
    drift_window_reset(&trial->window);
    return psi ? distances.psi >= limit : drift_ks_p(distances.ks, WINDOW, REFERENCE) <= limit;
}

static bool try_sample(struct drift_trial *trial, enum drift_contestant contestant,
                       const struct drift_sample *sample)
{
    double p = sample->probability;
    double limit = trial->limits[contestant];
    struct drift_alarm alarm;

    switch (contestant) {
    case DRIFT_TRY_OURS:
        return drift_watch_add(&trial->ours, sample, &alarm);
    case DRIFT_TRY_EDETECTOR:
        return drift_edetector_add(&trial->edetector, drift_bin(p));
    case DRIFT_TRY_CUSUM:
        return try_cusum(trial, sample);
    case DRIFT_TRY_PLAYBOOK:
    case DRIFT_TRY_PLAYBOOK_AT:
        return try_playbook(trial, sample, limit);
    case DRIFT_TRY_ADWIN:
        return drift_adwin_add(&trial->adwin, p, 0);
    case DRIFT_TRY_PAGE_HINKLEY:
        return try_page_hinkley(trial, p, limit);
    case DRIFT_TRY_PAGE_HINKLEY_AT:
        return try_page_hinkley(trial, -p, limit);
    case DRIFT_TRY_PSI:
        return try_distance(trial, sample, limit, true);
    default:
        return try_distance(trial, sample, limit, false);
    }
}

/* ---- traffic ---- */

/* The next photo of a sender's burst; a burst that began before a change ends as it began. */
static struct drift_draw draw_in_burst(struct drift_trial *trial, const struct drift_change *change,
                                       uint64_t since)
{
    if (trial->burst_left) {
        struct drift_draw out = trial->first;
        trial->burst_left--;
        trial->now_us += BURST_PACE_US;
        out.probability = drift_synthetic_alike(&out, change, &trial->rng);
        return out;
    }
    trial->now_us += trial->pause_us + PACE_US;
    if (trial->options.burst > 1) {
        trial->burst_left = drift_synthetic_burst(trial->options.burst, &trial->rng) - 1;
        trial->pause_us = trial->burst_left * (int64_t)(PACE_US - BURST_PACE_US);
        trial->sender++;
    }
    trial->first = drift_synthetic_next(trial->synthetic, change, since, &trial->rng);
    return trial->first;
}

static struct drift_draw draw(struct drift_trial *trial, struct drift_sample *sample,
                              const struct drift_change *change, uint64_t since)
{
    struct drift_draw out = draw_in_burst(trial, change, since);

    *sample = (struct drift_sample){
        .time_us = trial->now_us,
        .probability = out.probability,
        .ai_generated = drift_is_ai(out.probability, trial->threshold),
        .low = drift_is_low(out.probability, trial->threshold),
        .group = trial->sender,
        .embedding = out.embedding,
    };
    return out;
}

static struct drift_run_length control(struct drift_trial *trial, enum drift_contestant contestant,
                                       uint64_t predictions)
{
    struct drift_run_length out = {.predictions = predictions};
    struct drift_sample sample;

    restart(trial);
    for (uint64_t i = 0; i < predictions; i++) {
        (void)draw(trial, &sample, NULL, 0);
        if (!try_sample(trial, contestant, &sample))
            continue;
        out.alarms++;
        restart(trial);
    }
    return out;
}

struct drift_run_length drift_trial_control(struct drift_trial *trial,
                                            enum drift_contestant contestant)
{
    return control(trial, contestant, trial->options.control);
}

/* The threshold changes as the service changes it: everything is rebased, and the window is judged
 * again.  Detectors of others know nothing of that. */
static void change_threshold(struct drift_trial *trial, enum drift_contestant contestant)
{
    trial->threshold = NEW_THRESHOLD;
    if (contestant == DRIFT_TRY_OURS)
        trial->ours = trial->rebased;
}

static bool warm_up(struct drift_trial *trial, enum drift_contestant contestant)
{
    uint32_t count = WARM_LEAST + rng_below(&trial->rng, WARM_SPREAD);
    struct drift_sample sample;

    restart(trial);
    for (uint32_t i = 0; i < count; i++) {
        (void)draw(trial, &sample, NULL, 0);
        if (try_sample(trial, contestant, &sample))
            return false;
    }
    return true;
}

/* Predictions until the alarm; 0: none in time. */
static uint64_t run_once(struct drift_trial *trial, enum drift_contestant contestant,
                         const struct drift_change *change, uint64_t *missed)
{
    struct drift_sample sample;

    for (int tries = 0; tries < 20 && !warm_up(trial, contestant); tries++)
        continue; /* a false alarm before the change: begin again */
    if (change->scenario == DRIFT_THRESHOLD)
        change_threshold(trial, contestant);
    *missed = 0;
    for (uint64_t i = 1; i <= trial->options.patience; i++) {
        struct drift_draw out = draw(trial, &sample, change, i - 1);
        *missed += out.pool != DRIFT_POOL_REAL && !sample.ai_generated;
        if (try_sample(trial, contestant, &sample))
            return i;
    }
    return 0;
}

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return x < y ? -1 : x > y;
}

struct drift_delay drift_trial_delay(struct drift_trial *trial, enum drift_contestant contestant,
                                     const struct drift_change *change)
{
    struct drift_delay out = {.runs = trial->options.runs};
    double *delays = mem_alloc(out.runs, sizeof *delays);

    for (size_t i = 0; i < out.runs; i++) {
        uint64_t missed = 0;
        uint64_t delay = run_once(trial, contestant, change, &missed);
        delays[i] = delay ? (double)delay : INFINITY;
        out.found += delay > 0;
        out.missed += (double)missed / (double)out.runs;
    }
    qsort(delays, out.runs, sizeof *delays, compare_doubles);
    out.median = delays[out.runs / 2];
    out.p95 = delays[MIN_OF(out.runs * 95 / 100, out.runs - 1)];
    mem_free(delays);
    return out;
}

/* ---- building ---- */

/* The limit between `low` (more alarms when `rising`) and `top` at which false alarms are as rare
 * as wanted; logarithmic. */
static void search(struct drift_trial *trial, enum drift_contestant contestant, double low,
                   double top, bool rising)
{
    double wanted = drift_run_length(&trial->options.budget);

    for (int step = 0; step < SEARCH_STEPS; step++) {
        trial->limits[contestant] = sqrt(low * top);
        struct drift_run_length got =
            control(trial, contestant, (uint64_t)(SEARCH_LENGTHS * wanted));
        bool too_many = (double)got.alarms > SEARCH_LENGTHS;
        if (too_many == rising)
            low = trial->limits[contestant];
        else
            top = trial->limits[contestant];
    }
    trial->limits[contestant] = rising ? top : low; /* the side with fewer alarms */
}

static enum status make_baseline(struct drift_trial *trial, struct err *err)
{
    struct drift_collector *collector =
        drift_collector_open("synthetic", "", trial->options.threshold);
    struct drift_sample sample;

    for (size_t i = 0; i < trial->options.baseline_size; i++) {
        (void)draw(trial, &sample, NULL, 0);
        (void)drift_collector_add(collector, &sample);
    }
    enum status st = drift_collector_finish(&trial->baseline, collector, 0, err);
    drift_collector_close(collector);
    return st;
}

static void build(struct drift_trial *trial, bool all)
{
    const struct drift_watch_options options = {.budget = trial->options.budget,
                                                .grouping = trial->options.grouping,
                                                .burst_limit = trial->options.burst_limit};
    double wanted = drift_run_length(&trial->options.budget);

    drift_watch_open(&trial->fresh, &trial->baseline, &options, rng_derive(trial->options.seed, 1));
    drift_edetector_open(&trial->edetector, &trial->baseline, false, wanted);
    drift_cusum_calibrate(trial->charts, &trial->baseline, false, wanted * DRIFT_CHART_COUNT,
                          8000000, rng_derive(trial->options.seed, 2));
    drift_baseline_rebase(&trial->baseline, NEW_THRESHOLD);
    drift_watch_open(&trial->rebased, &trial->baseline, &options,
                     rng_derive(trial->options.seed, 3));
    drift_baseline_rebase(&trial->baseline, trial->options.threshold);
    trial->limits[DRIFT_TRY_PLAYBOOK] = 1;
    trial->limits[DRIFT_TRY_PAGE_HINKLEY] = 50;
    trial->limits[DRIFT_TRY_KS] = 0.05;
    trial->limits[DRIFT_TRY_PSI] = 0.1;
    if (!all)
        return;
    search(trial, DRIFT_TRY_PLAYBOOK_AT, 0.05, 2, true);
    search(trial, DRIFT_TRY_PAGE_HINKLEY_AT, 5, 2000, true);
    search(trial, DRIFT_TRY_KS_AT, 1e-9, 0.05, false);
}

enum status drift_trial_open(struct drift_trial **out, const struct drift_synthetic *synthetic,
                             const struct drift_trial_options *options, bool all, struct err *err)
{
    struct drift_trial *trial = mem_alloc(1, sizeof *trial);

    trial->options = *options;
    if (!trial->options.baseline_size)
        trial->options.baseline_size = DRIFT_BASELINE_MAX;
    trial->synthetic = synthetic;
    trial->rng = rng_seed(options->seed);
    trial->threshold = options->threshold;
    drift_window_open(&trial->window, WINDOW);
    enum status st = make_baseline(trial, err);
    if (st == ST_OK && trial->baseline.count < DRIFT_WATCH_LEAST)
        st = err_set(err, ST_INVALID, "a trial needs a baseline of %u predictions, not %zu",
                     DRIFT_WATCH_LEAST, trial->baseline.count);
    if (st != ST_OK) {
        drift_trial_close(trial);
        return st;
    }
    build(trial, all);
    *out = trial;
    return ST_OK;
}

void drift_trial_close(struct drift_trial *trial)
{
    if (!trial)
        return;
    drift_baseline_close(&trial->baseline);
    drift_window_close(&trial->window);
    mem_free(trial);
}

const struct drift_baseline *drift_trial_baseline(const struct drift_trial *trial)
{
    return &trial->baseline;
}
