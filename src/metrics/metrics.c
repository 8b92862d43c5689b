#include "metrics/metrics.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "metrics/metrics_internal.h"

/* [a-zA-Z_][a-zA-Z0-9_]* : names and labels; colons are left to recording rules. */
static bool name_is_valid(const char *name)
{
    if (!name || !(isalpha((unsigned char)name[0]) || name[0] == '_'))
        return false;
    for (; *name; name++)
        if (!(isalnum((unsigned char)*name) || *name == '_'))
            return false;
    return true;
}

static bool ends_with(const char *text, const char *end)
{
    size_t text_len = strlen(text);
    size_t end_len = strlen(end);

    return text_len >= end_len && strcmp(text + text_len - end_len, end) == 0;
}

static enum status check_bounds(const struct metrics_spec *spec, struct err *err)
{
    if (spec->bound_count > METRICS_BOUNDS_MAX)
        return err_set(err, ST_INVALID, "metric %s has %zu buckets, the maximum is %u", spec->name,
                       spec->bound_count, METRICS_BOUNDS_MAX);
    for (size_t i = 1; i < spec->bound_count; i++)
        if (!(spec->bounds[i] > spec->bounds[i - 1]))
            return err_set(err, ST_INVALID, "bucket %zu of metric %s does not ascend", i,
                           spec->name);
    return ST_OK;
}

/* The name without _total ends in _UNIT. */
static bool unit_fits(const struct metrics_spec *spec)
{
    char end[64];

    if (!spec->unit || !spec->unit[0])
        return true;
    (void)snprintf(end, sizeof end, "_%s%s", spec->unit,
                   spec->type == METRICS_COUNTER ? "_total" : "");
    return ends_with(spec->name, end);
}

static enum status check_spec(const struct metrics_spec *spec, struct err *err)
{
    if (!name_is_valid(spec->name))
        return err_set(err, ST_INVALID, "'%s' is not a metric name", spec->name ? spec->name : "");
    if (!spec->help || !spec->help[0] || strchr(spec->help, '\n'))
        return err_set(err, ST_INVALID, "metric %s needs one line of help", spec->name);
    if (ends_with(spec->name, "_total") != (spec->type == METRICS_COUNTER))
        return err_set(err, ST_INVALID, "metric %s: counters, and only they, end in _total",
                       spec->name);
    if (!unit_fits(spec))
        return err_set(err, ST_INVALID, "metric %s does not end in its unit, %s", spec->name,
                       spec->unit);
    if (spec->label_count > METRICS_LABELS_MAX)
        return err_set(err, ST_INVALID, "metric %s has %zu labels, the maximum is %d", spec->name,
                       spec->label_count, METRICS_LABELS_MAX);
    for (size_t i = 0; i < spec->label_count; i++)
        if (!name_is_valid(spec->labels[i]->name) || spec->labels[i]->value_count == 0)
            return err_set(err, ST_INVALID, "label %zu of metric %s has no name or no values", i,
                           spec->name);
    return check_bounds(spec, err);
}

static enum status open_metric(struct metric *out, const struct metrics_spec *spec, struct err *err)
{
    size_t series_count = 1;

    if (check_spec(spec, err) != ST_OK)
        return err->code;
    for (size_t i = 0; i < spec->label_count; i++) {
        size_t values = spec->labels[i]->value_count;
        if (values > METRICS_SERIES_MAX / series_count)
            return err_set(err, ST_INVALID, "metric %s has over %u series", spec->name,
                           METRICS_SERIES_MAX);
        series_count *= values;
    }
    bool histogram = spec->type == METRICS_HISTOGRAM;
    size_t stride = histogram ? spec->bound_count + 2 : 1;
    *out = (struct metric){
        .spec = spec,
        .cells = mem_alloc(series_count * stride, sizeof *out->cells),
        .used = mem_alloc(series_count, sizeof *out->used),
        .series_count = series_count,
        .stride = stride,
    };
    if (histogram) {
        out->examples = mem_alloc(series_count * (spec->bound_count + 1), sizeof *out->examples);
        metrics_format_bounds(out);
    }
    return ST_OK;
}

enum status metrics_open(struct metrics **out, const struct metrics_spec *specs, size_t count,
                         struct err *err)
{
    struct err local = {0};
    struct metrics *metrics = mem_alloc(1, sizeof *metrics);

    err = err ? err : &local;
    metrics->metrics = mem_alloc(count, sizeof *metrics->metrics);
    metrics->count = count;
    (void)pthread_mutex_init(&metrics->examples_lock, NULL);
    for (size_t i = 0; i < count; i++) {
        if (open_metric(&metrics->metrics[i], &specs[i], err) != ST_OK) {
            metrics_close(metrics);
            return err->code;
        }
    }
    *out = metrics;
    return ST_OK;
}

void metrics_close(struct metrics *metrics)
{
    if (!metrics)
        return;
    for (size_t i = 0; i < metrics->count; i++) {
        mem_free(metrics->metrics[i].cells);
        mem_free(metrics->metrics[i].used);
        mem_free(metrics->metrics[i].examples);
    }
    (void)pthread_mutex_destroy(&metrics->examples_lock);
    mem_free(metrics->metrics);
    mem_free(metrics);
}

static size_t series_of(const struct metric *metric, const unsigned *values)
{
    size_t series = 0;

    for (size_t i = 0; i < metric->spec->label_count; i++) {
        REQUIRE(values[i] < metric->spec->labels[i]->value_count);
        series = series * metric->spec->labels[i]->value_count + values[i];
    }
    return series;
}

static void cell_add(_Atomic double *cell, double amount)
{
    double old = atomic_load_explicit(cell, memory_order_relaxed);

    while (!atomic_compare_exchange_weak_explicit(cell, &old, old + amount, memory_order_relaxed,
                                                  memory_order_relaxed))
        ; /* `old` has been read again */
}

/* The first cell of a series, which counts as used from now on. */
static _Atomic double *use_series(const struct metrics *metrics, size_t index,
                                  const unsigned *values)
{
    const struct metric *metric = &metrics->metrics[index];
    size_t series = series_of(metric, values);

    if (!atomic_load_explicit(&metric->used[series], memory_order_relaxed))
        atomic_store_explicit(&metric->used[series], true, memory_order_relaxed);
    return metric->cells + series * metric->stride;
}

void metrics_add(struct metrics *metrics, size_t index, const unsigned *values, double amount)
{
    cell_add(use_series(metrics, index, values), amount);
}

void metrics_set(struct metrics *metrics, size_t index, const unsigned *values, double value)
{
    atomic_store_explicit(use_series(metrics, index, values), value, memory_order_relaxed);
}

/* Returns the bucket. */
static size_t observe(struct metrics *metrics, size_t index, const unsigned *values, double value)
{
    const struct metrics_spec *spec = metrics->metrics[index].spec;
    _Atomic double *cells = use_series(metrics, index, values);
    size_t bucket = 0;

    REQUIRE(spec->type == METRICS_HISTOGRAM);
    while (bucket < spec->bound_count && !(value <= spec->bounds[bucket]))
        bucket++;
    cell_add(cells + bucket, 1);
    cell_add(cells + spec->bound_count + 1, value);
    return bucket;
}

void metrics_observe(struct metrics *metrics, size_t index, const unsigned *values, double value)
{
    (void)observe(metrics, index, values, value);
}

void metrics_observe_traced(struct metrics *metrics, size_t index, const unsigned *values,
                            double value, const char *trace_id, int64_t utc_us)
{
    size_t bucket = observe(metrics, index, values, value);
    const struct metric *metric = &metrics->metrics[index];
    size_t len = trace_id ? strlen(trace_id) : 0;

    /* It is an example: nobody waits to leave one. */
    if (len == 0 || len >= METRICS_TRACE_SIZE ||
        pthread_mutex_trylock(&metrics->examples_lock) != 0)
        return;
    struct metrics_example *example =
        &metric->examples[series_of(metric, values) * (metric->spec->bound_count + 1) + bucket];
    example->value = value;
    example->utc_us = utc_us;
    memcpy(example->trace_id, trace_id, len + 1);
    (void)pthread_mutex_unlock(&metrics->examples_lock);
}

double metrics_value(const struct metrics *metrics, size_t index, const unsigned *values)
{
    const struct metric *metric = &metrics->metrics[index];
    const _Atomic double *cells = metric->cells + series_of(metric, values) * metric->stride;

    if (metric->spec->type != METRICS_HISTOGRAM)
        return atomic_load_explicit(cells, memory_order_relaxed);
    double count = 0;
    for (size_t i = 0; i <= metric->spec->bound_count; i++)
        count += atomic_load_explicit(cells + i, memory_order_relaxed);
    return count;
}
