/* evaluate/bootstrap.c - percentile intervals.  Photos of one source resemble each other, so that
 * resampling photos alone is too sure of itself: resampling whole sources shows what another
 * collection of sources might have given.  Both are done within each class. */
#include "evaluate/statistics.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;

    return (x > y) - (x < y);
}

static double percentile(const double *sorted, size_t count, double share)
{
    double at = share * (double)(count - 1);
    size_t low = (size_t)at;
    size_t high = MIN_OF(low + 1, count - 1);

    return sorted[low] + (at - (double)low) * (sorted[high] - sorted[low]);
}

struct evaluate_interval evaluate_percentiles(double *values, size_t count, double share)
{
    if (!count)
        return (struct evaluate_interval){(double)NAN, (double)NAN};
    qsort(values, count, sizeof *values, compare_doubles);
    return (struct evaluate_interval){percentile(values, count, (1 - share) / 2),
                                      percentile(values, count, (1 + share) / 2)};
}

struct key {
    bool ai;
    uint32_t source;
    uint32_t sample;
};

static int compare_keys(const void *a, const void *b)
{
    const struct key *x = a;
    const struct key *y = b;

    if (x->ai != y->ai)
        return x->ai ? 1 : -1;
    if (x->source != y->source)
        return x->source < y->source ? -1 : 1;
    return (x->sample > y->sample) - (x->sample < y->sample);
}

enum status evaluate_clusters_find(struct evaluate_clusters *out,
                                   const struct evaluate_ranking *ranking, struct err *err)
{
    size_t n = ranking->count;
    struct key *keys = mem_try_alloc(n, sizeof *keys);
    uint32_t *cluster_of = mem_try_alloc(n, sizeof *cluster_of);
    struct evaluate_clusters found = {.cluster_of = cluster_of};
    enum status st = ST_OK;

    if (!keys || !cluster_of) {
        st = err_set(err, ST_NOMEM, "no room for the clusters of %zu samples", n);
        goto out;
    }
    for (size_t i = 0; i < n; i++)
        keys[i] = (struct key){ranking->samples[i].ai, ranking->samples[i].source, (uint32_t)i};
    qsort(keys, n, sizeof *keys, compare_keys);
    for (size_t i = 0; i < n; i++) {
        if (!i || keys[i].ai != keys[i - 1].ai || keys[i].source != keys[i - 1].source) {
            found.count++;
            found.real_count += !keys[i].ai;
        }
        cluster_of[keys[i].sample] = (uint32_t)found.count - 1;
    }
    *out = found;
    cluster_of = NULL; /* handed over */
out:
    mem_free(cluster_of);
    mem_free(keys);
    return st;
}

/* Each photo a cluster of its own, in the same numbering: the real ones first. */
static enum status photos_as_clusters(struct evaluate_clusters *out,
                                      const struct evaluate_ranking *ranking, struct err *err)
{
    struct evaluate_clusters made = {.count = ranking->count};
    uint32_t next = 0;

    made.cluster_of = mem_try_alloc(ranking->count, sizeof *made.cluster_of);
    if (!made.cluster_of)
        return err_set(err, ST_NOMEM, "no room for %zu photos", ranking->count);
    for (int ai = 0; ai < 2; ai++) {
        for (size_t i = 0; i < ranking->count; i++)
            if (ranking->samples[i].ai == (bool)ai)
                made.cluster_of[i] = next++;
        if (!ai)
            made.real_count = next;
    }
    *out = made;
    return ST_OK;
}

/* Draws as many clusters of each class as there are, with replacement. */
static void draw(uint32_t *drawn, const struct evaluate_clusters *clusters, struct rng *rng)
{
    size_t reals = clusters->real_count;
    size_t generated = clusters->count - reals;

    memset(drawn, 0, clusters->count * sizeof *drawn);
    for (size_t i = 0; i < reals; i++)
        drawn[rng_below(rng, (uint32_t)reals)]++;
    for (size_t i = 0; i < generated; i++)
        drawn[reals + rng_below(rng, (uint32_t)generated)]++;
}

static void resample(struct evaluate_intervals *out, const struct evaluate_ranking *ranking,
                     const struct evaluate_clusters *clusters, uint32_t *drawn, uint32_t *counts,
                     uint64_t seed)
{
    double accuracies[EVALUATE_RESAMPLES];
    double aucs[EVALUATE_RESAMPLES];

    for (size_t r = 0; r < EVALUATE_RESAMPLES; r++) {
        struct rng rng = rng_derive(seed, r);
        draw(drawn, clusters, &rng);
        for (size_t i = 0; i < ranking->count; i++)
            counts[i] = drawn[clusters->cluster_of[i]];
        accuracies[r] = evaluate_ranking_balanced_accuracy(ranking, counts);
        aucs[r] = evaluate_ranking_auc(ranking, counts);
    }
    out->balanced_accuracy =
        evaluate_percentiles(accuracies, EVALUATE_RESAMPLES, EVALUATE_INTERVAL_SHARE);
    out->auc = evaluate_percentiles(aucs, EVALUATE_RESAMPLES, EVALUATE_INTERVAL_SHARE);
}

enum status evaluate_bootstrap(struct evaluate_intervals *out,
                               const struct evaluate_ranking *ranking, bool by_source,
                               uint64_t seed, struct err *err)
{
    struct evaluate_clusters clusters = {0};
    uint32_t *drawn = NULL;
    uint32_t *counts = NULL;
    enum status st = by_source ? evaluate_clusters_find(&clusters, ranking, err)
                               : photos_as_clusters(&clusters, ranking, err);

    if (st != ST_OK)
        return st;
    if (!clusters.real_count || clusters.real_count == clusters.count) { /* a single class */
        *out = (struct evaluate_intervals){{(double)NAN, (double)NAN}, {(double)NAN, (double)NAN}};
        goto out;
    }
    drawn = mem_try_alloc(clusters.count, sizeof *drawn);
    counts = mem_try_alloc(ranking->count, sizeof *counts);
    if (drawn && counts)
        resample(out, ranking, &clusters, drawn, counts, seed);
    else
        st = err_set(err, ST_NOMEM, "no room for resamples of %zu", ranking->count);
out:
    mem_free(clusters.cluster_of);
    mem_free(drawn);
    mem_free(counts);
    return st;
}
