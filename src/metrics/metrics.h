/* metrics/metrics.h - counters, gauges and histograms, written as Prometheus text 0.0.4 or as
 * OpenMetrics 1.0, which also shows traces of single observations (exemplars).  Every label has a
 * closed set of values, so the number of series is fixed when the registry is opened and no input
 * can make it grow.  Owns its cells; knows no metric of ours by name.
 * Thread-safe: updates are lock-free and take no memory. */
#pragma once

#include "base/base.h"
#include "base/buf.h"

enum metrics_type {
    METRICS_COUNTER,
    METRICS_GAUGE,
    METRICS_HISTOGRAM,
    METRICS_TYPE_COUNT,
};

#define METRICS_LABELS_MAX 4
#define METRICS_SERIES_MAX 65536u /* of one metric: the product of its label set sizes */
#define METRICS_BOUNDS_MAX 24u    /* of one histogram */
#define METRICS_TRACE_SIZE 33     /* bytes of a trace id with its NUL; a longer one is dropped */

/* A label and all the values that it can take. */
struct metrics_label {
    const char *name;
    const char *const *values;
    size_t value_count;
};

/* One metric.  Everything is borrowed and must outlive the registry. */
struct metrics_spec {
    const char *name;
    const char *help; /* one line */
    const char *unit; /* "seconds", "bytes", ...: the name ends in it; NULL, "": it has none */
    enum metrics_type type;
    const struct metrics_label *labels[METRICS_LABELS_MAX]; /* NULL from label_count on */
    size_t label_count;
    const double *bounds; /* histogram: upper bounds, ascending, without +Inf */
    size_t bound_count;
};

struct metrics;

/* `index` of a metric is its place in `specs`.  Errors: ST_INVALID names the metric that breaks
 * a naming or size rule. */
enum status metrics_open(struct metrics **out, const struct metrics_spec *specs, size_t count,
                         struct err *err) MUST_USE;
void metrics_close(struct metrics *metrics); /* NULL is fine */

/* `values` has one index into each label's set, in the order of the spec; NULL without labels. */
void metrics_add(struct metrics *metrics, size_t index, const unsigned *values, double amount);
void metrics_set(struct metrics *metrics, size_t index, const unsigned *values, double value);
void metrics_observe(struct metrics *metrics, size_t index, const unsigned *values, double value);

/* The same; the bucket remembers this observation, in place of the one before it, as an example
 * that leads to its trace.  trace_id NULL: there is none. */
void metrics_observe_traced(struct metrics *metrics, size_t index, const unsigned *values,
                            double value, const char *trace_id, int64_t utc_us);

/* A counter's or gauge's value; a histogram's number of observations. */
double metrics_value(const struct metrics *metrics, size_t index, const unsigned *values);

enum metrics_format {
    METRICS_TEXT,        /* text/plain; version=0.0.4 */
    METRICS_OPENMETRICS, /* application/openmetrics-text; version=1.0.0 */
};

/* Appends the exposition: HELP, TYPE and, for OpenMetrics, UNIT of every metric.  A series with
 * labels appears from its first update on, one without labels always. */
void metrics_write(struct buf *out, struct metrics *metrics, enum metrics_format format);
