/* evaluate/statistics.h - the core under points and intervals; private to evaluate/ and its tests.
 * Samples are sorted once; a resample is then a count for each of them, and every figure one pass.
 * Pure. */
#pragma once

#include "evaluate/evaluate.h"

/* Samples by falling probability. */
struct evaluate_ranking {
    struct evaluate_sample *samples;
    size_t count;
    double threshold;
};

/* Checks and sorts.  Out: ranking->samples is the caller's (mem_free). */
enum status evaluate_ranking_init(struct evaluate_ranking *out,
                                  const struct evaluate_sample *samples, size_t count,
                                  double threshold, struct err *err) MUST_USE;

/* counts[i]: how often sample i stands in the resample; NULL: once each.
 * Probability that an AI-generated photo outranks a real one, ties half; NaN without both. */
double evaluate_ranking_auc(const struct evaluate_ranking *ranking, const uint32_t *counts);
double evaluate_ranking_balanced_accuracy(const struct evaluate_ranking *ranking,
                                          const uint32_t *counts);

struct evaluate_intervals {
    struct evaluate_interval balanced_accuracy;
    struct evaluate_interval auc;
};
/* Percentile bootstrap within each class, of photos or of whole (source, class) clusters. */
enum status evaluate_bootstrap(struct evaluate_intervals *out,
                               const struct evaluate_ranking *ranking, bool by_source,
                               uint64_t seed, struct err *err) MUST_USE;
/* The middle EVALUATE_INTERVAL_SHARE of a rate of `part` in `n` (Wilson); NaN when n is 0. */
struct evaluate_interval evaluate_wilson(size_t part, size_t n);
/* The middle `share` of `values`, which are sorted in place; between two values linear. */
struct evaluate_interval evaluate_percentiles(double *values, size_t count, double share);

/* Clusters of the samples by (source, class), numbered from 0, the real ones first.
 * cluster_of: `count` numbers of the caller. */
struct evaluate_clusters {
    uint32_t *cluster_of;
    size_t count;
    size_t real_count;
};
enum status evaluate_clusters_find(struct evaluate_clusters *out,
                                   const struct evaluate_ranking *ranking,
                                   struct err *err) MUST_USE; /* mem_free cluster_of */
