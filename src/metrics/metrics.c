#include "metrics/metrics.h"

#include <ctype.h>
#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

#define NUMBER_SIZE 32

/* One series: `cells` of it start at first + series * stride.  A counter or gauge has one cell;
 * a histogram has one a bucket (not cumulative), one for +Inf, one for the sum. */
struct metric {
    const struct metrics_spec *spec;
    _Atomic double *cells;
    _Atomic bool *used; /* one a series: has been updated */
    size_t series_count;
    size_t stride;
};

struct metrics {
    struct metric *metrics;
    size_t count;
};

static const char *const type_names[] = {
    [METRICS_COUNTER] = "counter",
    [METRICS_GAUGE] = "gauge",
    [METRICS_HISTOGRAM] = "histogram",
};
_Static_assert(ARRAY_LEN(type_names) == METRICS_TYPE_COUNT, "one name for each type");

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

static enum status check_spec(const struct metrics_spec *spec, struct err *err)
{
    if (!name_is_valid(spec->name))
        return err_set(err, ST_INVALID, "'%s' is not a metric name", spec->name ? spec->name : "");
    if (!spec->help || !spec->help[0] || strchr(spec->help, '\n'))
        return err_set(err, ST_INVALID, "metric %s needs one line of help", spec->name);
    if (ends_with(spec->name, "_total") != (spec->type == METRICS_COUNTER))
        return err_set(err, ST_INVALID, "metric %s: counters, and only they, end in _total",
                       spec->name);
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
    size_t stride = spec->type == METRICS_HISTOGRAM ? spec->bound_count + 2 : 1;
    *out = (struct metric){
        .spec = spec,
        .cells = mem_alloc(series_count * stride, sizeof *out->cells),
        .used = mem_alloc(series_count, sizeof *out->used),
        .series_count = series_count,
        .stride = stride,
    };
    return ST_OK;
}

enum status metrics_open(struct metrics **out, const struct metrics_spec *specs, size_t count,
                         struct err *err)
{
    struct err local;
    struct metrics *metrics = mem_alloc(1, sizeof *metrics);

    err = err ? err : &local;
    metrics->metrics = mem_alloc(count, sizeof *metrics->metrics);
    metrics->count = count;
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
    }
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

void metrics_observe(struct metrics *metrics, size_t index, const unsigned *values, double value)
{
    const struct metrics_spec *spec = metrics->metrics[index].spec;
    _Atomic double *cells = use_series(metrics, index, values);
    size_t bucket = 0;

    REQUIRE(spec->type == METRICS_HISTOGRAM);
    while (bucket < spec->bound_count && !(value <= spec->bounds[bucket]))
        bucket++;
    cell_add(cells + bucket, 1);
    cell_add(cells + spec->bound_count + 1, value);
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

/* ---- exposition ---- */

/* The shortest text that reads back as the same number; whole numbers without an exponent. */
static const char *format_number(char out[NUMBER_SIZE], double value)
{
    double back = 0;

    if (isnan(value))
        return "NaN";
    if (isinf(value))
        return value > 0 ? "+Inf" : "-Inf";
    if (value == rint(value) && fabs(value) < 1e15) {
        (void)snprintf(out, NUMBER_SIZE, "%.0f", value);
        return out;
    }
    for (int digits = 6; digits <= 17; digits++) {
        (void)snprintf(out, NUMBER_SIZE, "%.*g", digits, value);
        if (str_to_double(&back, str_of(out), -INFINITY, INFINITY) && back == value)
            break;
    }
    return out;
}

/* Backslash, line feed and (in label values) double quote are escaped. */
static void write_escaped(struct buf *out, const char *text, bool quote)
{
    for (; *text; text++) {
        if (*text == '\n')
            buf_add_str(out, "\\n");
        else if (*text == '\\' || (quote && *text == '"'))
            buf_add(out, (char[]){'\\', *text}, 2);
        else
            buf_add(out, text, 1);
    }
}

/* {a="x",b="y"} of a series, with `le` last when given; nothing without any label. */
static void write_labels(struct buf *out, const struct metric *metric, size_t series,
                         const char *le)
{
    const struct metrics_spec *spec = metric->spec;
    size_t block = metric->series_count;
    const char *separator = "{";

    for (size_t i = 0; i < spec->label_count; i++) {
        block /= spec->labels[i]->value_count;
        const char *value = spec->labels[i]->values[series / block % spec->labels[i]->value_count];
        buf_printf(out, "%s%s=\"", separator, spec->labels[i]->name);
        write_escaped(out, value, true);
        buf_add_str(out, "\"");
        separator = ",";
    }
    if (le)
        buf_printf(out, "%sle=\"%s\"", separator, le);
    if (le || spec->label_count)
        buf_add_str(out, "}");
}

static void write_sample(struct buf *out, const struct metric *metric, size_t series,
                         const char *suffix, const char *le, double value)
{
    char number[NUMBER_SIZE];

    buf_printf(out, "%s%s", metric->spec->name, suffix);
    write_labels(out, metric, series, le);
    buf_printf(out, " %s\n", format_number(number, value));
}

/* The count is the sum of the buckets as read, so that it always equals the +Inf bucket. */
static void write_histogram(struct buf *out, const struct metric *metric, size_t series)
{
    const struct metrics_spec *spec = metric->spec;
    const _Atomic double *cells = metric->cells + series * metric->stride;
    double sum = atomic_load_explicit(cells + spec->bound_count + 1, memory_order_relaxed);
    double count = 0;
    char number[NUMBER_SIZE];

    for (size_t i = 0; i <= spec->bound_count; i++) {
        count += atomic_load_explicit(cells + i, memory_order_relaxed);
        double bound = i < spec->bound_count ? spec->bounds[i] : INFINITY;
        write_sample(out, metric, series, "_bucket", format_number(number, bound), count);
    }
    write_sample(out, metric, series, "_sum", NULL, sum);
    write_sample(out, metric, series, "_count", NULL, count);
}

static void write_metric(struct buf *out, const struct metric *metric)
{
    buf_printf(out, "# HELP %s ", metric->spec->name);
    write_escaped(out, metric->spec->help, false);
    buf_printf(out, "\n# TYPE %s %s\n", metric->spec->name, type_names[metric->spec->type]);
    for (size_t series = 0; series < metric->series_count; series++) {
        bool used = atomic_load_explicit(&metric->used[series], memory_order_relaxed);
        if (metric->spec->label_count > 0 && !used)
            continue;
        if (metric->spec->type == METRICS_HISTOGRAM)
            write_histogram(out, metric, series);
        else
            write_sample(out, metric, series, "", NULL,
                         atomic_load_explicit(metric->cells + series, memory_order_relaxed));
    }
}

void metrics_write(struct buf *out, const struct metrics *metrics)
{
    for (size_t i = 0; i < metrics->count; i++)
        write_metric(out, &metrics->metrics[i]);
}
