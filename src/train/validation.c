#include "train/validation.h"

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/cpu.h"
#include "detect/detect.h"

#define WORKERS_MAX 64u
#define ARENA_BYTES ((size_t)2 << 30) /* virtual */

/* What the scoring threads share. */
struct scoring {
    const struct train_dataset *dataset;
    const struct detect_model *model;
    enum train_tier tier;
    struct train_opinion *opinions;
    _Atomic size_t next;
    _Atomic unsigned pinned;
    pthread_mutex_t lock;
    enum status status; /* first failure */
    struct err err;
};

static enum status score(struct train_opinion *out, const struct scoring *scoring,
                         struct detect_session *session, size_t i, struct arena *arena,
                         struct err *err)
{
    struct train_sample sample = train_dataset_validation(scoring->dataset, i);
    struct detect_result result;
    struct image photo;
    struct bytes file;
    enum status st = train_dataset_pixels(&photo, scoring->dataset, sample.row, arena, err);

    if (st == ST_OK)
        st = train_tier_apply(&file, NULL, &photo,
                              MAX_OF(sample.row->original_width, sample.row->original_height),
                              scoring->tier, arena, err);
    if (st == ST_OK)
        st = detect_photo(&result, session, file, err);
    if (st != ST_OK)
        return st;
    *out = (struct train_opinion){.network = result.network_logit,
                                  .statistics = result.statistics_logit};
    return ST_OK;
}

static void *score_all(void *payload)
{
    struct scoring *scoring = payload;
    size_t total = train_dataset_validation_count(scoring->dataset);
    struct detect_session *session = NULL;
    struct arena *arena = NULL;
    struct err err = {0};

    cpu_pin_thread(atomic_fetch_add(&scoring->pinned, 1));
    enum status st = detect_session_open(&session, scoring->model, &err);
    if (st == ST_OK)
        st = arena_open(&arena, ARENA_BYTES, &err);
    for (size_t i = atomic_fetch_add(&scoring->next, 1); i < total && st == ST_OK;
         i = atomic_fetch_add(&scoring->next, 1)) {
        st = score(&scoring->opinions[i], scoring, session, i, arena, &err);
        arena_reset(arena);
    }
    if (st != ST_OK) {
        pthread_mutex_lock(&scoring->lock);
        scoring->status = st;
        scoring->err = err;
        pthread_mutex_unlock(&scoring->lock);
        atomic_store(&scoring->next, total); /* the others stop, too */
    }
    detect_session_close(session);
    arena_close(arena);
    return NULL;
}

enum status train_validation_run(struct train_opinion *out, const struct train_dataset *dataset,
                                 const char *model_path, enum train_tier tier, unsigned workers,
                                 struct err *err)
{
    struct scoring scoring = {.dataset = dataset, .tier = tier, .opinions = out};
    struct detect_model *model = NULL;
    pthread_t threads[WORKERS_MAX];
    unsigned count = CLAMP(workers, 1u, WORKERS_MAX);
    enum status st = detect_model_open(&model, model_path, NULL, err);

    if (st != ST_OK)
        return st;
    scoring.model = model;
    pthread_mutex_init(&scoring.lock, NULL);
    for (unsigned i = 0; i < count; i++)
        REQUIRE(pthread_create(&threads[i], NULL, score_all, &scoring) == 0);
    for (unsigned i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
    pthread_mutex_destroy(&scoring.lock);
    detect_model_close(model);
    if (scoring.status != ST_OK)
        return err_set(err, scoring.status, "validation: %s", scoring.err.msg);
    return ST_OK;
}

static double sum_of(const struct train_opinion *opinion)
{
    return opinion->network + opinion->statistics;
}

/* Every (AI, real) pair: the AI photo should have the higher score. */
double train_validation_auc(const struct train_opinion *opinions,
                            const struct train_dataset *dataset)
{
    size_t count = train_dataset_validation_count(dataset);
    double wins = 0;
    double pairs = 0;

    for (size_t i = 0; i < count; i++) {
        if (train_dataset_validation(dataset, i).label != TRAIN_LABEL_AI)
            continue;
        double ai = sum_of(&opinions[i]);
        for (size_t j = 0; j < count; j++) {
            if (train_dataset_validation(dataset, j).label == TRAIN_LABEL_AI)
                continue;
            double real = sum_of(&opinions[j]);
            pairs++;
            wins += ai > real ? 1 : ai == real ? 0.5 : 0;
        }
    }
    return pairs > 0 ? wins / pairs : 0.5;
}
