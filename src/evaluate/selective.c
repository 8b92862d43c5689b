/* evaluate/selective.c - accuracy when photos near the threshold are left to a person. */
#include <math.h>

#include "base/rng.h"
#include "evaluate/statistics.h"

#define BOOTSTRAP_PHOTOS  3
#define BOOTSTRAP_SOURCES 4

/* The decided photos into `out`, which has room for all. */
static size_t keep_decided(struct evaluate_sample *out, struct evaluate_selective *counts,
                           const struct evaluate_sample *samples, size_t count,
                           struct detect_band band)
{
    size_t n = 0;

    for (size_t i = 0; i < count; i++) {
        counts->all[samples[i].ai]++;
        if (detect_decide(samples[i].probability, band) == DETECT_UNSURE)
            continue;
        counts->decided[samples[i].ai]++;
        out[n++] = samples[i];
    }
    return n;
}

static enum status measure_decided(struct evaluate_selective *out,
                                   const struct evaluate_ranking *ranking, uint64_t seed,
                                   struct err *err)
{
    struct evaluate_intervals photos;
    struct evaluate_intervals sources;
    struct rng rng = rng_derive(seed, BOOTSTRAP_PHOTOS);
    enum status st = evaluate_bootstrap(&photos, ranking, false, rng_u64(&rng), err);

    rng = rng_derive(seed, BOOTSTRAP_SOURCES);
    if (st == ST_OK)
        st = evaluate_bootstrap(&sources, ranking, true, rng_u64(&rng), err);
    if (st != ST_OK)
        return st;
    out->balanced_accuracy = evaluate_ranking_balanced_accuracy(ranking, NULL);
    out->balanced_accuracy_ci = photos.balanced_accuracy;
    out->balanced_accuracy_ci_by_source = sources.balanced_accuracy;
    return ST_OK;
}

enum status evaluate_selective(struct evaluate_selective *out,
                               const struct evaluate_sample *samples, size_t count,
                               double threshold, struct detect_band band, uint64_t seed,
                               struct err *err)
{
    const struct evaluate_interval none = {(double)NAN, (double)NAN};
    struct evaluate_selective found = {.balanced_accuracy = (double)NAN,
                                       .balanced_accuracy_ci = none,
                                       .balanced_accuracy_ci_by_source = none};
    struct evaluate_ranking ranking = {0};
    enum status st = ST_OK;

    if (!(band.low > 0 && band.low <= threshold && threshold <= band.high && band.high < 1))
        return err_set(err, ST_INVALID, "the threshold %g is not in the band from %g to %g",
                       threshold, band.low, band.high);
    struct evaluate_sample *decided = mem_try_alloc(MAX_OF(count, 1u), sizeof *decided);
    if (!decided)
        return err_set(err, ST_NOMEM, "no room for %zu scores", count);
    size_t n = keep_decided(decided, &found, samples, count, band);
    found.coverage = (double)n / (double)count;
    if (n) {
        st = evaluate_ranking_init(&ranking, decided, n, threshold, err);
        if (st == ST_OK)
            st = measure_decided(&found, &ranking, seed, err);
        mem_free(ranking.samples);
    }
    mem_free(decided);
    if (st == ST_OK)
        *out = found;
    return st;
}
