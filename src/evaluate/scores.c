/* evaluate/scores.c - runs the detector over rows x tiers with one pinned worker a processor.
 * Workers share the next row (atomic) and the failure list (mutex); each writes its own row's
 * scores, so the result does not depend on their number. */
#include "evaluate/evaluate.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/cpu.h"
#include "base/fs.h"
#include "base/rng.h"
#include "evaluate/features.h"

#define WORKERS_MAX    256u
#define ARENA_SIZE     ((size_t)1 << 30)  /* address space; touched only as far as photos need */
#define FILE_BYTES_MAX ((size_t)64 << 20) /* a stored photo; detect has its own, lower limit */
#define PROGRESS_MS    500
#define SAMPLE_STREAM  0x73616d70 /* of the seed: choice of rows */

struct run {
    const struct train_manifest *manifest;
    const struct evaluate_scorer *scorer;
    const uint32_t *rows;
    size_t row_count;
    enum train_tier tiers[TRAIN_TIER_COUNT];
    size_t tier_count;
    struct evaluate_score *scores; /* row_count x tier_count */
    atomic_size_t next_row;
    atomic_size_t rows_done;

    pthread_mutex_t lock; /* guards the fields below */
    pthread_cond_t finished;
    struct evaluate_failure *failures;
    size_t failure_count;
    size_t failure_capacity;
    bool failures_lost; /* no room for the list */
    unsigned workers_left;
    enum status status; /* first worker that could not start */
    struct err err;
};

struct worker {
    struct run *run;
    unsigned index;
    pthread_t thread;
    struct arena *arena;
    void *session;
};

static void add_failure(struct run *run, uint32_t row, enum train_tier tier, const struct err *err)
{
    struct evaluate_failure failure = {.row = row, .tier = tier, .code = err->code};

    memcpy(failure.message, err->msg, MIN_OF(strlen(err->msg), sizeof failure.message - 1));
    (void)pthread_mutex_lock(&run->lock);
    if (run->failure_count == run->failure_capacity) {
        size_t capacity = run->failure_capacity * 2 + 16;
        void *grown = mem_try_resize(run->failures, capacity, sizeof failure);
        if (grown) {
            run->failures = grown;
            run->failure_capacity = capacity;
        }
    }
    if (run->failure_count < run->failure_capacity)
        run->failures[run->failure_count++] = failure;
    else
        run->failures_lost = true;
    (void)pthread_mutex_unlock(&run->lock);
}

static enum status score_tier(struct evaluate_score *score, struct worker *worker,
                              const struct image *photo, uint32_t original_side, struct err *err)
{
    struct bytes file = {0};
    struct image pixels = {0};
    struct detect_result result;
    double logit = 0;
    enum status st =
        train_tier_apply(&file, &pixels, photo, original_side, score->tier, worker->arena, err);

    if (st == ST_OK)
        st = worker->run->scorer->score(&result, worker->session, file, err);
    if (st != ST_OK)
        return st;
    if (!(result.probability >= 0 && result.probability <= 1))
        return err_set(err, ST_CORRUPT, "the model answers %g, no probability", result.probability);
    if (score->features)
        st = evaluate_features(score->features, &result, file, &pixels, score->tier, worker->arena,
                               err);
    if (st != ST_OK)
        return st;
    for (size_t i = 0; i < result.crop_count; i++)
        logit += (double)result.crops[i].logit / (double)result.crop_count;
    score->probability = result.probability;
    score->logit = logit;
    score->embedding = result.embedding;
    score->failed = false;
    return ST_OK;
}

static void score_row(struct worker *worker, size_t i)
{
    struct run *run = worker->run;
    uint32_t index = run->rows[i];
    const struct train_manifest_row *row = &run->manifest->rows[index];
    uint32_t original_side = MAX_OF(row->original_width, row->original_height);
    struct bytes file = {0};
    struct image photo;
    struct err err = {0};

    arena_reset(worker->arena);
    enum status st = fs_read(&file, row->path, FILE_BYTES_MAX, &err);
    if (st == ST_OK)
        st = image_decode(&photo, NULL, file, &image_limits_default, worker->arena, &err);
    if (st != ST_OK)
        add_failure(run, index, TRAIN_TIER_COUNT, &err);
    for (size_t j = 0; st == ST_OK && j < run->tier_count; j++) {
        size_t mark = arena_mark(worker->arena);
        struct evaluate_score *score = &run->scores[i * run->tier_count + j];
        if (score_tier(score, worker, &photo, original_side, &err) != ST_OK)
            add_failure(run, index, run->tiers[j], &err);
        arena_release(worker->arena, mark);
    }
    mem_free((void *)(uintptr_t)file.at);
    atomic_fetch_add(&run->rows_done, 1);
}

static void worker_stop(struct worker *worker, enum status st, const struct err *err)
{
    struct run *run = worker->run;

    (void)pthread_mutex_lock(&run->lock);
    if (st != ST_OK && run->status == ST_OK) {
        run->status = st;
        run->err = *err;
    }
    run->workers_left--;
    (void)pthread_cond_signal(&run->finished);
    (void)pthread_mutex_unlock(&run->lock);
}

static void *worker_main(void *payload)
{
    struct worker *worker = payload;
    struct run *run = worker->run;
    struct err err = {0};

    cpu_pin_thread(worker->index);
    enum status st = arena_open(&worker->arena, ARENA_SIZE, &err);
    if (st == ST_OK)
        st = run->scorer->open(&worker->session, run->scorer->payload, &err);
    if (st != ST_OK)
        atomic_store(&run->next_row, run->row_count); /* nobody goes on */
    for (;;) {
        size_t i = st == ST_OK ? atomic_fetch_add(&run->next_row, 1) : run->row_count;
        if (i >= run->row_count)
            break;
        score_row(worker, i);
    }
    if (worker->session)
        run->scorer->close(worker->session);
    arena_close(worker->arena);
    worker_stop(worker, st, &err);
    return NULL;
}

/* Reports until the last worker has stopped. */
static void watch(struct run *run, const struct evaluate_options *options, int64_t started_us)
{
    (void)pthread_mutex_lock(&run->lock);
    while (run->workers_left) {
        struct timespec until;
        (void)clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_nsec += PROGRESS_MS * 1000000L;
        until.tv_sec += until.tv_nsec / 1000000000L;
        until.tv_nsec %= 1000000000L;
        if (pthread_cond_timedwait(&run->finished, &run->lock, &until) != ETIMEDOUT)
            continue;
        (void)pthread_mutex_unlock(&run->lock);
        if (options->progress)
            options->progress(options->progress_payload, atomic_load(&run->rows_done),
                              run->row_count,
                              (double)(clock_monotonic_us(&clock_system) - started_us) / 1e6);
        (void)pthread_mutex_lock(&run->lock);
    }
    (void)pthread_mutex_unlock(&run->lock);
}

static enum status start_workers(struct run *run, const struct evaluate_options *options,
                                 int64_t started_us, struct err *err)
{
    struct worker workers[WORKERS_MAX];
    unsigned count = options->workers ? options->workers : cpu_count();
    unsigned started = 0;
    enum status st = ST_OK;

    count = (unsigned)MIN_OF(MIN_OF(count, WORKERS_MAX), run->row_count);
    run->workers_left = count;
    for (; started < count; started++) {
        workers[started] = (struct worker){.run = run, .index = started};
        if (pthread_create(&workers[started].thread, NULL, worker_main, &workers[started]) == 0)
            continue;
        st = err_set(err, ST_NOMEM, "cannot start worker %u of %u", started + 1, count);
        atomic_store(&run->next_row, run->row_count);
        (void)pthread_mutex_lock(&run->lock);
        run->workers_left -= count - started;
        (void)pthread_mutex_unlock(&run->lock);
        break;
    }
    watch(run, options, started_us);
    for (unsigned i = 0; i < started; i++)
        (void)pthread_join(workers[i].thread, NULL);
    if (st == ST_OK && run->status != ST_OK)
        st = err_set(err, run->status, "%s", run->err.msg);
    if (st == ST_OK && run->failures_lost)
        st = err_set(err, ST_NOMEM, "no room for the list of failures");
    return st;
}

static int compare_indices(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a;
    uint32_t y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

/* A seeded sample of `max` of them, in file order again. */
static void sample_rows(uint32_t *rows, size_t *count, size_t max, uint64_t seed)
{
    struct rng rng = rng_derive(seed, SAMPLE_STREAM);

    if (!max || max >= *count)
        return;
    for (size_t i = 0; i < max; i++) {
        size_t other = i + rng_below(&rng, (uint32_t)(*count - i));
        uint32_t moved = rows[i];
        rows[i] = rows[other];
        rows[other] = moved;
    }
    *count = max;
    qsort(rows, max, sizeof *rows, compare_indices);
}

static enum status choose_rows(uint32_t **out, size_t *count, const struct train_manifest *manifest,
                               const struct evaluate_options *options, struct err *err)
{
    enum status st = train_manifest_select(out, count, manifest, options->role, 0, err);
    struct buf known;

    if (st != ST_OK)
        return st;
    if (!*count) {
        buf_init(&known, 96);
        for (size_t i = 0; i < manifest->role_count; i++)
            buf_printf(&known, "%s%s", i ? ", " : "", manifest->role_names[i]);
        st = err_set(err, ST_NOT_FOUND, "no row has the role '%.32s'; there are: %.*s",
                     options->role, (int)known.len, known.at ? (const char *)known.at : "");
        buf_fini(&known);
        return st;
    }
    sample_rows(*out, count, options->rows_max, options->seed);
    return ST_OK;
}

static int compare_failures(const void *a, const void *b)
{
    const struct evaluate_failure *x = a;
    const struct evaluate_failure *y = b;

    if (x->row != y->row)
        return x->row < y->row ? -1 : 1;
    return (x->tier > y->tier) - (x->tier < y->tier);
}

static enum status make_scores(struct evaluate_scores *scores, struct run *run, bool features,
                               struct err *err)
{
    scores->count = run->row_count * run->tier_count;
    scores->scores = mem_try_alloc(scores->count, sizeof *scores->scores);
    if (features)
        scores->features =
            mem_try_alloc(scores->count, EVALUATE_FEATURE_COUNT * sizeof *scores->features);
    if (!scores->scores || (features && !scores->features))
        return err_set(err, ST_NOMEM, "no room for %zu scores", scores->count);
    for (size_t i = 0; i < scores->count; i++)
        scores->scores[i] = (struct evaluate_score){
            .row = run->rows[i / run->tier_count],
            .tier = run->tiers[i % run->tier_count],
            .failed = true,
            .features = features ? scores->features + i * EVALUATE_FEATURE_COUNT : NULL};
    run->scores = scores->scores;
    return ST_OK;
}

static void run_init(struct run *run, unsigned tiers)
{
    pthread_condattr_t monotonic;

    for (unsigned i = 0; i < TRAIN_TIER_COUNT; i++)
        if (tiers & (1u << i))
            run->tiers[run->tier_count++] = (enum train_tier)i;
    REQUIRE(run->tier_count > 0);
    (void)pthread_mutex_init(&run->lock, NULL);
    (void)pthread_condattr_init(&monotonic);
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&run->finished, &monotonic);
    (void)pthread_condattr_destroy(&monotonic);
}

enum status evaluate_run(struct evaluate_scores **out, const struct train_manifest *manifest,
                         const struct evaluate_scorer *scorer,
                         const struct evaluate_options *options, struct err *err)
{
    unsigned tiers = options->tiers ? options->tiers : TRAIN_TIERS_STANDARD;
    struct run run = {.manifest = manifest, .scorer = scorer};
    struct evaluate_scores *scores = mem_alloc(1, sizeof *scores);
    uint32_t *rows = NULL;
    int64_t started_us = clock_monotonic_us(&clock_system);

    run_init(&run, tiers);
    enum status st = choose_rows(&rows, &run.row_count, manifest, options, err);
    run.rows = rows;
    if (st == ST_OK)
        st = make_scores(scores, &run, options->features, err);
    if (st == ST_OK)
        st = start_workers(&run, options, started_us, err);
    if (st != ST_OK)
        goto out;

    if (run.failure_count)
        qsort(run.failures, run.failure_count, sizeof *run.failures, compare_failures);
    scores->failures = run.failures;
    run.failures = NULL; /* handed over */
    scores->failure_count = run.failure_count;
    scores->row_count = run.row_count;
    scores->tiers = tiers;
    scores->seconds = (double)(clock_monotonic_us(&clock_system) - started_us) / 1e6;
    if (options->progress)
        options->progress(options->progress_payload, run.row_count, run.row_count, scores->seconds);
    *out = scores;
    scores = NULL;
out:
    evaluate_scores_close(scores);
    mem_free(run.failures);
    mem_free(rows);
    (void)pthread_cond_destroy(&run.finished);
    (void)pthread_mutex_destroy(&run.lock);
    return st;
}

void evaluate_scores_close(struct evaluate_scores *scores)
{
    if (!scores)
        return;
    mem_free(scores->scores);
    mem_free(scores->failures);
    mem_free(scores->features);
    mem_free(scores);
}

static enum status open_session(void **session, void *payload, struct err *err)
{
    struct detect_session *opened = NULL;
    enum status st = detect_session_open(&opened, payload, err);

    if (st == ST_OK)
        *session = opened;
    return st;
}

static enum status score_photo(struct detect_result *out, void *session, struct bytes photo,
                               struct err *err)
{
    return detect_photo(out, session, photo, err);
}

static void close_session(void *session)
{
    detect_session_close(session);
}

struct evaluate_scorer evaluate_scorer_of_model(const struct detect_model *model)
{
    return (struct evaluate_scorer){.open = open_session,
                                    .score = score_photo,
                                    .close = close_session,
                                    .payload = (void *)(uintptr_t)model};
}
