/* train/statistics.c - weighted ridge regression on labels of -1 and 1.
 * Least squares on standardised, clipped values ranks as well as logistic regression here and has
 * one exact solution; probabilities come later, from the calibration. */
#include "train/statistics.h"

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "base/cpu.h"
#include "base/mem.h"
#include "base/rng.h"
#include "detect/detect.h"
#include "detect/statistics.h"
#include "train/least_squares.h"
#include "train/principal.h"
#include "train/tiers.h"

#define COUNT          ((size_t)DETECT_STATISTICS_COUNT)
#define WORKERS_MAX    64u
#define ARENA_BYTES    ((size_t)2 << 30) /* virtual */
#define RIDGE          0.01 /* of a standardised value's mean square; see EXPERIMENTS */
#define RIDGE_DAMAGED  0.2
#define DEVIATION_MIN  1e-6f
#define PROGRESS_EVERY 64u

#define TIERS 5u
static const struct {
    enum train_tier tier;
    float damage; /* their mean is about 0 */
} tiers[TIERS] = {{TRAIN_T0, -1.2f},
                  {TRAIN_T1, -0.4f},
                  {TRAIN_T2, 0.6f},
                  {TRAIN_T3, 1.4f},
                  {TRAIN_RESIZE75, -0.2f}};

/* Each photo is shown twice: as it is, and shrunk to this share at least, as shops and people do
 * before they upload; few training photos were. */
#define VIEWS       2u
#define SHRUNK_MIN  0.5
#define SHRUNK_SEED 10u
#define ROWS        (VIEWS * TIERS) /* a photo */

struct train_statistics {
    const struct train_dataset *dataset;
    float *values; /* photos x views x tiers x COUNT: those for training, then for validation */
    size_t training, photos;
};

/* What the measuring threads share. */
struct measuring {
    struct train_statistics *statistics;
    _Atomic size_t next;
    _Atomic unsigned pinned;
    void (*progress)(void *payload, size_t done, size_t total);
    void *payload;
    pthread_mutex_t lock;
    enum status status; /* first failure */
    struct err err;
};

static struct train_sample sample_of(const struct train_statistics *statistics, size_t index)
{
    return index < statistics->training
               ? train_dataset_training(statistics->dataset, index)
               : train_dataset_validation(statistics->dataset, index - statistics->training);
}

/* row: view x tier, the photo as it is first. */
static float *values_of(const struct train_statistics *statistics, size_t photo, size_t row)
{
    return statistics->values + (photo * ROWS + row) * COUNT;
}

/* Measuring --------------------------------------------------------------------------------- */

/* After each tier.  original_side: of the photo that this one was cut from, pixels. */
static enum status measure_view(float *values, struct detect_statistics *instrument,
                                const struct image *photo, uint32_t original_side,
                                struct arena *arena, struct err *err)
{
    enum status st = ST_OK;

    for (size_t t = 0; t < TIERS && st == ST_OK; t++) {
        size_t mark = arena_mark(arena);
        struct detect_scales scales;
        struct image degraded;
        struct bytes file;
        st = train_tier_apply(&file, NULL, photo, original_side, tiers[t].tier, arena, err);
        if (st == ST_OK)
            st = image_decode(&degraded, NULL, file, &image_limits_default, arena, err);
        if (st == ST_OK)
            st = detect_scales_of(&scales, &degraded, arena, err);
        if (st == ST_OK)
            st = detect_statistics_measure(values + t * COUNT, instrument, &scales, arena, err);
        arena_release(arena, mark);
    }
    return st;
}

/* By a share and a filter that the line in the manifest draws. */
static enum status shrink(struct image *photo, uint32_t *original_side, uint32_t line,
                          struct arena *arena, struct err *err)
{
    static const enum image_filter filters[] = {IMAGE_BILINEAR, IMAGE_BICUBIC, IMAGE_LANCZOS3};
    struct rng rng = rng_derive(SHRUNK_SEED, line);
    double share = rng_range(&rng, SHRUNK_MIN, 1);
    uint32_t width = MAX_OF((uint32_t)(photo->width * share), TRAIN_SIDE_MIN);
    uint32_t height = MAX_OF((uint32_t)(photo->height * share), TRAIN_SIDE_MIN);

    *original_side = (uint32_t)(*original_side * share);
    return image_resize(photo, photo, MIN_OF(width, photo->width), MIN_OF(height, photo->height),
                        filters[rng_below(&rng, ARRAY_LEN(filters))], arena, err);
}

static enum status measure_photo(const struct train_statistics *statistics, size_t index,
                                 struct detect_statistics *instrument, struct arena *arena,
                                 struct err *err)
{
    struct train_sample sample = sample_of(statistics, index);
    uint32_t side = MAX_OF(sample.row->original_width, sample.row->original_height);
    struct image photo;
    enum status st = train_dataset_pixels(&photo, statistics->dataset, sample.row, arena, err);

    for (size_t view = 0; view < VIEWS && st == ST_OK; view++) {
        if (view)
            st = shrink(&photo, &side, sample.row->line, arena, err);
        if (st == ST_OK)
            st = measure_view(values_of(statistics, index, view * TIERS), instrument, &photo, side,
                              arena, err);
    }
    return st;
}

static void *measure_all(void *payload)
{
    struct measuring *measuring = payload;
    size_t photos = measuring->statistics->photos;
    struct detect_statistics *instrument = detect_statistics_open();
    struct arena *arena = NULL;
    struct err err = {0};
    size_t i = 0;

    cpu_pin_thread(atomic_fetch_add(&measuring->pinned, 1));
    enum status st = arena_open(&arena, ARENA_BYTES, &err);
    while (st == ST_OK && (i = atomic_fetch_add(&measuring->next, 1)) < photos) {
        st = measure_photo(measuring->statistics, i, instrument, arena, &err);
        arena_reset(arena);
        if (measuring->progress && i % PROGRESS_EVERY == 0)
            measuring->progress(measuring->payload, i, photos);
    }
    if (st != ST_OK) {
        pthread_mutex_lock(&measuring->lock);
        measuring->status = st;
        measuring->err = err;
        pthread_mutex_unlock(&measuring->lock);
        atomic_store(&measuring->next, photos); /* the others stop, too */
    }
    detect_statistics_close(instrument);
    arena_close(arena);
    return NULL;
}

static enum status measure(struct measuring *measuring, unsigned workers, struct err *err)
{
    pthread_t threads[WORKERS_MAX];
    unsigned count = CLAMP(workers, 1u, WORKERS_MAX);

    pthread_mutex_init(&measuring->lock, NULL);
    for (unsigned i = 0; i < count; i++)
        REQUIRE(pthread_create(&threads[i], NULL, measure_all, measuring) == 0);
    for (unsigned i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
    pthread_mutex_destroy(&measuring->lock);
    if (measuring->status != ST_OK)
        return err_set(err, measuring->status, "statistics: %s", measuring->err.msg);
    return ST_OK;
}

enum status train_statistics_open(struct train_statistics **out,
                                  const struct train_dataset *dataset, unsigned workers,
                                  void (*progress)(void *payload, size_t done, size_t total),
                                  void *payload, struct err *err)
{
    struct train_statistics *statistics = mem_alloc(1, sizeof *statistics);
    struct measuring measuring = {
        .statistics = statistics, .progress = progress, .payload = payload};
    enum status st = ST_OK;

    statistics->dataset = dataset;
    statistics->training = train_dataset_training_count(dataset);
    statistics->photos = statistics->training + train_dataset_validation_count(dataset);
    statistics->values =
        mem_try_alloc(MAX_OF(statistics->photos, 1u) * ROWS, COUNT * sizeof(float));
    if (!statistics->values)
        st = err_set(err, ST_NOMEM, "no room for the statistics of %zu photos", statistics->photos);
    if (st == ST_OK)
        st = measure(&measuring, workers, err);
    if (st != ST_OK) {
        train_statistics_close(statistics);
        return st;
    }
    *out = statistics;
    return ST_OK;
}

void train_statistics_close(struct train_statistics *statistics)
{
    if (!statistics)
        return;
    mem_free(statistics->values);
    mem_free(statistics);
}

/* Weights ----------------------------------------------------------------------------------- */

/* What counts as one origin: a source of real photos, a generator of AI ones. */
static bool same_origin(const struct train_sample *a, const struct train_sample *b)
{
    return a->label == b->label &&
           (a->label == TRAIN_LABEL_REAL ? a->row->source == b->row->source
                                         : a->row->family == b->row->family);
}

static bool same_group(const struct train_sample *a, const struct train_sample *b)
{
    return same_origin(a, b) && a->row->source == b->row->source;
}

/* One weight for each of the first `count` photos, summing to one half a class.  ST_INVALID: a
 * class has no photo. */
static enum status weigh(double *weights, const struct train_statistics *statistics, size_t count,
                         struct err *err)
{
    double sums[TRAIN_LABEL_COUNT] = {0};

    for (size_t i = 0; i < count; i++) {
        struct train_sample sample = sample_of(statistics, i);
        double group = 0;
        double origin = 0;
        for (size_t k = 0; k < count; k++) {
            struct train_sample other = sample_of(statistics, k);
            group += same_group(&sample, &other);
            origin += same_origin(&sample, &other);
        }
        weights[i] = 1 / (sqrt(group) * sqrt(sqrt(origin)));
        sums[sample.label] += weights[i];
    }
    for (int label = 0; label < TRAIN_LABEL_COUNT; label++)
        if (!(sums[label] > 0))
            return err_set(err, ST_INVALID, "no '%s' photo to fit the statistics on",
                           train_label_name((enum train_label)label));
    for (size_t i = 0; i < count; i++)
        weights[i] /= 2 * sums[sample_of(statistics, i).label];
    return ST_OK;
}

/* Regression -------------------------------------------------------------------------------- */

/* Means and deviations of the columns into the table. */
static void describe_columns(float *table, const float *values, size_t rows)
{
    float *mean = table + DETECT_STATISTICS_MEAN * COUNT;
    float *deviation = table + DETECT_STATISTICS_DEVIATION * COUNT;
    double *sums = mem_alloc(2 * COUNT, sizeof *sums);

    for (size_t r = 0; r < rows; r++)
        for (size_t i = 0; i < COUNT; i++)
            sums[i] += (double)values[r * COUNT + i];
    for (size_t i = 0; i < COUNT; i++)
        mean[i] = (float)(sums[i] / (double)rows);
    for (size_t r = 0; r < rows; r++) {
        for (size_t i = 0; i < COUNT; i++) {
            double off = (double)(values[r * COUNT + i] - mean[i]);
            sums[COUNT + i] += off * off;
        }
    }
    for (size_t i = 0; i < COUNT; i++)
        deviation[i] = MAX_OF((float)sqrt(sums[COUNT + i] / (double)rows), DEVIATION_MIN);
    mem_free(sums);
}

static void standardise(float *out, const float *table, const float *values)
{
    for (size_t i = 0; i < COUNT; i++)
        out[i] = detect_statistics_standard(values[i], table[DETECT_STATISTICS_MEAN * COUNT + i],
                                            table[DETECT_STATISTICS_DEVIATION * COUNT + i]);
}

/* What the fits share. */
struct fitting {
    float *table;
    const struct train_statistics *statistics;
    const double *weights; /* one a photo */
    size_t photos;
};

/* How far a tier degrades, told from the statistics.  Columns: the statistics. */
static enum status fit_damage(const struct fitting *fitting, struct err *err)
{
    double ridge[COUNT];
    struct train_least_squares *squares = NULL;
    enum status st = train_least_squares_open(&squares, COUNT, err);

    for (size_t i = 0; i < COUNT; i++)
        ridge[i] = RIDGE;
    for (size_t i = 0; i < fitting->photos && st == ST_OK; i++)
        for (size_t r = 0; r < ROWS; r++)
            standardise(train_least_squares_row(squares, fitting->weights[i] / (double)ROWS,
                                                tiers[r % TIERS].damage),
                        fitting->table, values_of(fitting->statistics, i, r));
    if (st == ST_OK)
        st = train_least_squares_solve(fitting->table + DETECT_STATISTICS_DAMAGE * COUNT, squares,
                                       ridge, err);
    train_least_squares_close(squares);
    return st;
}

/* Columns: the statistics, the same times the damage, 1.  The constant is not kept: the calibration
 * has one of its own. */
static enum status fit_weights(const struct fitting *fitting, struct err *err)
{
    double ridge[2 * COUNT + 1];
    float coefficients[2 * COUNT + 1];
    float *table = fitting->table;
    struct train_least_squares *squares = NULL;
    enum status st = train_least_squares_open(&squares, 2 * COUNT + 1, err);

    for (size_t i = 0; i < 2 * COUNT; i++)
        ridge[i] = i < COUNT ? RIDGE : RIDGE_DAMAGED;
    ridge[2 * COUNT] = 0;
    for (size_t i = 0; i < fitting->photos && st == ST_OK; i++) {
        bool ai = sample_of(fitting->statistics, i).label == TRAIN_LABEL_AI;
        for (size_t r = 0; r < ROWS; r++) {
            float *row =
                train_least_squares_row(squares, fitting->weights[i] / (double)ROWS, ai ? 1 : -1);
            standardise(row, table, values_of(fitting->statistics, i, r));
            float damage = detect_statistics_damage(table, row);
            for (size_t k = 0; k < COUNT; k++)
                row[COUNT + k] = damage * row[k];
            row[2 * COUNT] = 1;
        }
    }
    if (st == ST_OK)
        st = train_least_squares_solve(coefficients, squares, ridge, err);
    if (st == ST_OK) {
        memcpy(table + DETECT_STATISTICS_WEIGHT * COUNT, coefficients, COUNT * sizeof *table);
        memcpy(table + DETECT_STATISTICS_DAMAGED_WEIGHT * COUNT, coefficients + COUNT,
               COUNT * sizeof *table);
    }
    train_least_squares_close(squares);
    return st;
}

enum status train_statistics_fit(float *table, const struct train_statistics *statistics,
                                 enum train_statistics_photos photos, struct err *err)
{
    size_t count = photos == TRAIN_STATISTICS_ALL ? statistics->photos : statistics->training;
    double *weights = mem_try_alloc(MAX_OF(count, 1u), sizeof *weights);
    enum status st = ST_OK;

    if (!weights)
        st = err_set(err, ST_NOMEM, "no room for the weights of %zu photos", count);
    if (st == ST_OK)
        st = weigh(weights, statistics, count, err);
    if (st == ST_OK) {
        describe_columns(table, statistics->values, count * ROWS);
        struct fitting fitting = {table, statistics, weights, count};
        st = fit_damage(&fitting, err);
        if (st == ST_OK)
            st = fit_weights(&fitting, err);
    }
    mem_free(weights);
    return st;
}

enum status train_statistics_embedding(float *embedding, const float *table,
                                       const struct train_statistics *statistics, struct err *err)
{
    double *weights = mem_try_alloc(MAX_OF(statistics->photos, 1u), sizeof *weights);
    struct train_principal *principal = NULL;
    enum status st = ST_OK;

    if (!weights)
        st = err_set(err, ST_NOMEM, "no room for the weights of %zu photos", statistics->photos);
    if (st == ST_OK)
        st = weigh(weights, statistics, statistics->photos, err);
    if (st == ST_OK)
        st = train_principal_open(&principal, COUNT, err);
    for (size_t i = 0; i < statistics->photos && st == ST_OK; i++)
        for (size_t r = 0; r < ROWS; r++)
            standardise(train_principal_row(principal, weights[i]), table,
                        values_of(statistics, i, r));
    if (st == ST_OK)
        st = train_principal_solve(embedding, principal, DETECT_EMBEDDING_SIZE, err);
    train_principal_close(principal);
    mem_free(weights);
    return st;
}

void train_statistics_neutral(float *table)
{
    memset(table, 0, DETECT_STATISTICS_ROW_COUNT * COUNT * sizeof *table);
    for (size_t i = 0; i < COUNT; i++)
        table[DETECT_STATISTICS_DEVIATION * COUNT + i] = 1;
}
