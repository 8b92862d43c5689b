#include "service/drift_replay.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "train/logistic.h"

#define FOLDS      5u
#define ROWS_LEAST 50u /* of each side, for the classifier */
#define PENALTY    1e-3
#define SD_LEAST   0.05 /* of a feature that hardly varies */
#define SEED       0x7265706c6179u

/* Of records of a version that kept no sender. */
static uint64_t hash_of(const char *text)
{
    uint64_t hash = 14695981039346656037u; /* FNV-1a */

    if (!text[0])
        return 0;
    for (; *text; text++)
        hash = (hash ^ (uint8_t)*text) * 1099511628211u;
    return hash >> 1;
}

static struct drift_sample sample_of(const struct service_record *record, double threshold)
{
    const struct drift_photo photo = {
        .probability = record->probability,
        .width = (uint64_t)MAX_OF(record->width, 0),
        .height = (uint64_t)MAX_OF(record->height, 0),
        .bytes = (uint64_t)MAX_OF(record->photo_bytes, 0),
        .quality = (unsigned)record->evidence,
    };
    struct drift_sample out = {
        .time_us = record->time_us,
        .probability = CLAMP(record->probability, 0.0, 1.0),
        .ai_generated = drift_is_ai(record->probability, threshold),
        .low = drift_is_low(record->probability, threshold),
        .group = record->sender ? (uint64_t)record->sender : hash_of(record->key_id),
        .embedding = (uint64_t)record->embedding,
    };

    drift_features(out.features, &photo);
    return out;
}

/* ---- the model ---- */

static enum status keep_subject(void *payload, const struct service_record *record, struct err *err)
{
    struct drift_subject *subject = payload;

    (void)err;
    (void)snprintf(subject->model_version, DRIFT_NAME_SIZE, "%s", record->model_version);
    (void)snprintf(subject->model_hash, DRIFT_NAME_SIZE, "%s", record->model_hash);
    subject->threshold = record->threshold;
    return ST_OK;
}

enum status drift_replay_subject(struct drift_subject *out, struct store *store,
                                 const struct service_predictions_filter *filter, struct err *err)
{
    struct service_predictions_filter newest = *filter;
    struct drift_subject subject = {.threshold = NAN};

    newest.limit = 1;
    newest.newest_first = true;
    enum status st = service_predictions_each(store, &newest, keep_subject, &subject, err);
    if (st == ST_OK && !(subject.threshold > 0 && subject.threshold < 1))
        st = err_set(err, ST_NOT_FOUND, "the prediction log has no prediction that fits");
    if (st == ST_OK)
        *out = subject;
    return st;
}

/* ---- a baseline ---- */

struct collecting {
    struct drift_collector *collector;
    double threshold;
};

static enum status collect(void *payload, const struct service_record *record, struct err *err)
{
    struct collecting *collecting = payload;
    struct drift_sample sample = sample_of(record, collecting->threshold);

    (void)err;
    (void)drift_collector_add(collecting->collector, &sample);
    return ST_OK;
}

/* Records of another threshold are as good: only probabilities are kept. */
enum status drift_replay_baseline(struct drift_baseline *out, struct store *store,
                                  const struct service_predictions_filter *filter,
                                  const struct drift_subject *subject, int64_t now_us,
                                  struct err *err)
{
    struct service_predictions_filter all = *filter;
    struct collecting collecting = {
        .collector =
            drift_collector_open(subject->model_version, subject->model_hash, subject->threshold),
        .threshold = subject->threshold,
    };

    all.model = subject->model_hash[0] ? subject->model_hash : subject->model_version;
    all.limit = all.limit ? MIN_OF(all.limit, (uint64_t)DRIFT_BASELINE_MAX) : DRIFT_BASELINE_MAX;
    enum status st = service_predictions_each(store, &all, collect, &collecting, err);
    if (st == ST_OK)
        st = drift_collector_finish(out, collecting.collector, now_us, err);
    drift_collector_close(collecting.collector);
    return st;
}

/* ---- everything since ---- */

struct running {
    struct drift_replay *out;
    struct drift_watch watch;
    struct drift_window window;
    struct kept {
        char request[DRIFT_ID_SIZE], photo[DRIFT_ID_SIZE];
    } * kept; /* by place in the window */
    double threshold;
};

static enum status replay_one(void *payload, const struct service_record *record, struct err *err)
{
    struct running *running = payload;
    struct drift_sample sample = sample_of(record, running->threshold);
    struct drift_alarm alarm;

    (void)err;
    size_t place = drift_window_add(&running->window, &sample);
    (void)snprintf(running->kept[place].request, DRIFT_ID_SIZE, "%s", record->request_id);
    (void)snprintf(running->kept[place].photo, DRIFT_ID_SIZE, "%s", record->photo_sha256);
    running->out->replayed++;
    if (!drift_watch_add(&running->watch, &sample, &alarm))
        return ST_OK;
    running->out->alarms[running->out->alarm_count++ % DRIFT_REPLAY_ALARMS] = alarm;
    running->out->status.alarmed = true;
    running->out->status.alarm = alarm;
    running->out->status.alarm_counts[alarm.detector]++;
    return ST_OK;
}

/* ---- a classifier of new against old ---- */

struct rows {
    double *features;
    bool *labels; /* of the window */
    double *logits;
    size_t count;
};

static void fill_rows(struct rows *rows, const struct drift_window *window,
                      const struct drift_baseline *baseline)
{
    size_t old = MIN_OF(baseline->row_count, window->count);

    rows->count = old + window->count;
    rows->features = mem_alloc(rows->count * DRIFT_FEATURES, sizeof *rows->features);
    rows->labels = mem_alloc(rows->count, sizeof *rows->labels);
    rows->logits = mem_alloc(rows->count, sizeof *rows->logits);
    for (size_t i = 0; i < rows->count; i++) {
        const float *from = i < old ? baseline->rows + i * DRIFT_FEATURES
                                    : drift_window_at(window, i - old)->features;
        for (unsigned f = 0; f < DRIFT_FEATURES; f++)
            rows->features[i * DRIFT_FEATURES + f] = (double)from[f];
        rows->labels[i] = i >= old;
    }
    for (unsigned f = 0; f < DRIFT_FEATURES; f++) {
        double mean = 0, square = 0, n = (double)rows->count;
        for (size_t i = 0; i < rows->count; i++)
            mean += rows->features[i * DRIFT_FEATURES + f] / n;
        for (size_t i = 0; i < rows->count; i++)
            square += pow(rows->features[i * DRIFT_FEATURES + f] - mean, 2) / n;
        for (size_t i = 0; i < rows->count; i++) {
            double *x = &rows->features[i * DRIFT_FEATURES + f];
            *x = (*x - mean) / fmax(sqrt(square), SD_LEAST);
        }
    }
}

/* Fits on all folds but one (fold FOLDS: on all) by giving the others no weight. */
static enum status fit(struct train_logistic *out, const struct rows *rows, unsigned fold,
                       struct err *err)
{
    static const struct train_logistic centre = {.feature_count = DRIFT_FEATURES};
    double *weights = mem_alloc(rows->count, sizeof *weights);
    const struct train_logistic_data data = {rows->features, rows->labels, weights, rows->count,
                                             DRIFT_FEATURES};

    for (size_t i = 0; i < rows->count; i++)
        weights[i] = i % FOLDS != fold;
    enum status st = train_logistic_fit(out, &data, &centre, PENALTY, err);
    mem_free(weights);
    return st;
}

struct ranked {
    double logit;
    bool label;
};

static int compare_ranked(const void *a, const void *b)
{
    double x = ((const struct ranked *)a)->logit, y = ((const struct ranked *)b)->logit;

    return x < y ? -1 : x > y;
}

/* Probability that a row of the window outranks one of the baseline. */
static double auc_of(const struct rows *rows)
{
    struct ranked *ranked = mem_alloc(rows->count, sizeof *ranked);
    double below = 0, pairs = 0, new_count = 0;

    for (size_t i = 0; i < rows->count; i++) {
        ranked[i] = (struct ranked){rows->logits[i], rows->labels[i]};
        new_count += rows->labels[i];
    }
    qsort(ranked, rows->count, sizeof *ranked, compare_ranked);
    for (size_t i = 0; i < rows->count;) {
        double old_here = 0, new_here = 0;
        size_t j = i;
        for (; j < rows->count && ranked[j].logit == ranked[i].logit; j++) {
            new_here += ranked[j].label;
            old_here += !ranked[j].label;
        }
        pairs += new_here * (below + old_here / 2);
        below += old_here;
        i = j;
    }
    mem_free(ranked);
    return pairs / (new_count * ((double)rows->count - new_count));
}

static void classify(struct drift_replay *out, const struct running *running,
                     const struct drift_baseline *baseline)
{
    struct rows rows = {0};
    struct train_logistic model;
    struct err err;
    enum status st = ST_OK;

    out->domain_auc = NAN;
    if (running->window.count < ROWS_LEAST || baseline->row_count < ROWS_LEAST)
        return;
    fill_rows(&rows, &running->window, baseline);
    for (unsigned fold = 0; fold < FOLDS && st == ST_OK; fold++) {
        st = fit(&model, &rows, fold, &err);
        for (size_t i = fold; st == ST_OK && i < rows.count; i += FOLDS)
            rows.logits[i] = train_logistic_logit(&model, rows.features + i * DRIFT_FEATURES);
    }
    if (st == ST_OK)
        out->domain_auc = auc_of(&rows);
    if (st == ST_OK && fit(&model, &rows, FOLDS, &err) == ST_OK)
        memcpy(out->domain_weights, model.slope, sizeof out->domain_weights);
    mem_free(rows.features);
    mem_free(rows.labels);
    mem_free(rows.logits);
}

/* ---- examples ---- */

static bool is_by_look(const struct drift_replay *replay)
{
    return replay->status.alarmed && replay->status.alarm.detector == DRIFT_BY_EMBEDDING;
}

/* The latest photos with a probability in the range that grew, or that look like what made the
 * alarm. */
static void find_examples(struct drift_replay *out, const struct running *running)
{
    const struct drift_diagnosis *diagnosis = &out->diagnosis;
    bool by_look = is_by_look(out);

    for (size_t i = running->window.count; i-- > 0 && out->example_count < DRIFT_EXAMPLES_MAX;) {
        const struct drift_sample *sample = drift_window_at(&running->window, i);
        size_t place = drift_window_place(&running->window, i);
        if (by_look ? !drift_watch_speaks(&running->watch, &out->status.alarm, sample)
                    : sample->probability < diagnosis->more_low ||
                          sample->probability > diagnosis->more_top)
            continue;
        memcpy(out->examples[out->example_count], running->kept[place].request, DRIFT_ID_SIZE);
        memcpy(out->example_photos[out->example_count], running->kept[place].photo, DRIFT_ID_SIZE);
        out->example_probabilities[out->example_count++] = sample->probability;
    }
}

static void conclude(struct drift_replay *out, struct running *running,
                     const struct drift_baseline *baseline)
{
    struct drift_kernel *kernel = mem_alloc(1, sizeof *kernel);
    struct drift_kernel_point point;
    double sum[DRIFT_KERNEL_SIZE] = {0};

    out->status.window = drift_window_figures(&running->window);
    out->status.score =
        drift_score_of(&out->status.window, &out->status.baseline, &out->status.thresholds);
    for (unsigned i = 0; i < DRIFT_DETECTOR_COUNT; i++)
        out->status.levels[i] = drift_watch_level(&running->watch, (enum drift_detector)i);
    out->status.adwin_width = running->watch.adwin.width;
    out->status.run_length = running->watch.run_length;
    out->status.grouped = running->watch.grouped;
    out->status.detector_count = drift_watch_count(&running->watch);
    drift_kernel_open(kernel, baseline, rng_seed(SEED));
    for (size_t i = 0; i < running->window.count && kernel->known; i++) {
        drift_kernel_map(&point, kernel, running->window.samples[i].features);
        for (unsigned j = 0; j < DRIFT_KERNEL_SIZE; j++)
            sum[j] += (double)point.at[j];
    }
    out->diagnosed = running->window.count > 0;
    if (out->diagnosed)
        drift_diagnose(&out->diagnosis, &running->window, baseline, kernel, sum);
    mem_free(kernel);
}

void drift_replay_close(struct drift_replay *replay)
{
    drift_window_close(&replay->window);
}

enum status drift_replay_run(struct drift_replay *out, struct store *store,
                             const struct drift_baseline *baseline,
                             const struct drift_subject *subject,
                             const struct drift_monitor_options *options, struct err *err)
{
    const struct service_predictions_filter filter = {
        .since_us = baseline->last_us + 1,
        .model = subject->model_hash[0] ? subject->model_hash : subject->model_version,
    };
    struct running *running = mem_alloc(1, sizeof *running);

    *out = (struct drift_replay){.baseline = baseline};
    out->status = (struct drift_status){
        .threshold = subject->threshold,
        .window_size = options->window_size,
        .baseline = baseline->figures,
        .baseline_version = baseline->version,
        .baseline_saved_threshold = baseline->saved_threshold,
        .baseline_created_us = baseline->created_us,
        .thresholds = options->thresholds,
        .utc_us = clock_utc_us(options->clock),
    };
    memcpy(out->status.model_version, subject->model_version, DRIFT_NAME_SIZE);
    running->out = out;
    running->threshold = subject->threshold;
    drift_window_open(&running->window, options->window_size);
    running->kept = mem_alloc(options->window_size, sizeof *running->kept);
    drift_watch_open(&running->watch, baseline, &options->watch, rng_seed(SEED));
    enum status st = service_predictions_each(store, &filter, replay_one, running, err);
    if (st == ST_OK) {
        conclude(out, running, baseline);
        classify(out, running, baseline);
        if (out->diagnosed && (out->diagnosis.story != DRIFT_AS_BEFORE || is_by_look(out)))
            find_examples(out, running);
    }
    out->window = running->window;
    if (st != ST_OK)
        drift_replay_close(out);
    mem_free(running->kept);
    mem_free(running);
    return st;
}
