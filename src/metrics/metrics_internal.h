/* metrics/metrics_internal.h - what metrics.c (cells and updates) and exposition.c (texts) share.
 * Nobody else includes it. */
#pragma once

#include <pthread.h>
#include <stdatomic.h>

#include "metrics/metrics.h"

#define METRICS_NUMBER_SIZE 32

/* The last observation of a bucket that belongs to a trace; trace_id "": there was none. */
struct metrics_example {
    double value;
    int64_t utc_us;
    char trace_id[METRICS_TRACE_SIZE];
};

/* One metric.  The cells of a series start at series * stride: a counter or gauge has one; a
 * histogram has one a bucket (not cumulative), one for +Inf, one for the sum. */
struct metric {
    const struct metrics_spec *spec;
    _Atomic double *cells;
    _Atomic bool *used;               /* one a series: has been updated */
    struct metrics_example *examples; /* histogram: one a bucket and series; the lock's */
    char bound_texts[METRICS_BOUNDS_MAX + 1][METRICS_NUMBER_SIZE]; /* with +Inf */
    size_t series_count;
    size_t stride;
};

struct metrics {
    struct metric *metrics;
    size_t count;
    pthread_mutex_t examples_lock;
};

/* Fills bound_texts. */
void metrics_format_bounds(struct metric *metric);
