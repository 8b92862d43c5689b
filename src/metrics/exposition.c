/* metrics/exposition.c - the registry as text, in both formats.
 * Owns nothing.  Formats by hand where every series passes: a scrape of a thousand series must not
 * be felt by those who ask for predictions.  Thread-safe. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "metrics/metrics_internal.h"

static const char *const type_names[] = {
    [METRICS_COUNTER] = "counter",
    [METRICS_GAUGE] = "gauge",
    [METRICS_HISTOGRAM] = "histogram",
};
_Static_assert(ARRAY_LEN(type_names) == METRICS_TYPE_COUNT, "one name for each type");

/* What one scrape needs to know. */
struct page {
    struct buf *out;
    bool openmetrics;
};

/* ---- numbers ---- */

/* Whole numbers without an exponent; |value| < 1e15.  Returns the length. */
static size_t format_whole(char out[METRICS_NUMBER_SIZE], double value)
{
    char digits[METRICS_NUMBER_SIZE];
    uint64_t rest = (uint64_t)fabs(value);
    size_t count = 0;
    size_t len = 0;

    do {
        digits[count++] = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest);
    if (value < 0)
        out[len++] = '-';
    while (count)
        out[len++] = digits[--count];
    out[len] = '\0';
    return len;
}

/* The shortest text that reads back as the same number.  Returns its length. */
static size_t format_number(char out[METRICS_NUMBER_SIZE], double value)
{
    double back = 0;
    int len = 0;

    if (isfinite(value) && value == rint(value) && fabs(value) < 1e15)
        return format_whole(out, value);
    if (!isfinite(value)) {
        len = snprintf(out, METRICS_NUMBER_SIZE, "%s",
                       isnan(value) ? "NaN"
                       : value > 0  ? "+Inf"
                                    : "-Inf");
        return (size_t)len;
    }
    for (int digits = 15; digits <= 17; digits++) { /* %g drops zeros at the end */
        len = snprintf(out, METRICS_NUMBER_SIZE, "%.*g", digits, value);
        if (str_to_double(&back, str_of(out), -INFINITY, INFINITY) && back == value)
            break;
    }
    return (size_t)len;
}

/* As OpenMetrics wants them, in both formats: a series must not change its name with the format. */
void metrics_format_bounds(struct metric *metric)
{
    for (size_t i = 0; i <= metric->spec->bound_count; i++) {
        double bound = i < metric->spec->bound_count ? metric->spec->bounds[i] : INFINITY;
        size_t len = format_number(metric->bound_texts[i], bound);
        if (isfinite(bound) && bound == rint(bound) && fabs(bound) < 1e15)
            memcpy(metric->bound_texts[i] + len, ".0", sizeof ".0");
    }
}

/* ---- lines ---- */

/* Backslash, line feed and (where asked) double quote are escaped. */
static void write_escaped(struct buf *out, const char *text, bool quote)
{
    const char *special = quote ? "\\\n\"" : "\\\n";

    for (;;) {
        size_t plain = strcspn(text, special);
        buf_add(out, text, plain);
        text += plain;
        if (!*text)
            return;
        buf_add(out, *text == '\n' ? "\\n" : (char[]){'\\', *text}, 2);
        text++;
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
        const struct metrics_label *label = spec->labels[i];
        block /= label->value_count;
        buf_add(out, separator, 1);
        buf_add_str(out, label->name);
        buf_add(out, "=\"", 2);
        write_escaped(out, label->values[series / block % label->value_count], true);
        buf_add(out, "\"", 1);
        separator = ",";
    }
    if (le) {
        buf_add(out, separator, 1);
        buf_add_str(out, "le=\"");
        buf_add_str(out, le);
        buf_add(out, "\"", 1);
    }
    if (le || spec->label_count)
        buf_add(out, "}", 1);
}

/* Nine digits are more than a stopwatch gives, and one conversion instead of up to three. */
static void write_example(struct buf *out, const struct metrics_example *example)
{
    char number[METRICS_NUMBER_SIZE];
    char micros[] = ".000000";
    int64_t seconds = example->utc_us / 1000000;
    int64_t rest = example->utc_us % 1000000;

    buf_add_str(out, " # {trace_id=\"");
    buf_add_str(out, example->trace_id);
    buf_add_str(out, "\"} ");
    buf_add(out, number, (size_t)snprintf(number, sizeof number, "%.9g", example->value));
    buf_add(out, " ", 1);
    buf_add(out, number, format_whole(number, (double)seconds));
    for (size_t i = sizeof micros - 2; i > 0; i--, rest /= 10)
        micros[i] = (char)('0' + rest % 10);
    buf_add(out, micros, sizeof micros - 1);
}

static void write_sample(const struct page *page, const struct metric *metric, size_t series,
                         const char *suffix, const char *le, double value,
                         const struct metrics_example *example)
{
    char number[METRICS_NUMBER_SIZE];
    struct buf *out = page->out;

    buf_add_str(out, metric->spec->name);
    buf_add_str(out, suffix);
    write_labels(out, metric, series, le);
    buf_add(out, " ", 1);
    buf_add(out, number, format_number(number, value));
    if (example && example->trace_id[0])
        write_example(out, example);
    buf_add(out, "\n", 1);
}

/* The count is the sum of the buckets as read, so that it always equals the +Inf bucket. */
static void write_histogram(const struct page *page, const struct metric *metric, size_t series)
{
    const struct metrics_spec *spec = metric->spec;
    const _Atomic double *cells = metric->cells + series * metric->stride;
    const struct metrics_example *examples =
        page->openmetrics ? metric->examples + series * (spec->bound_count + 1) : NULL;
    double sum = atomic_load_explicit(cells + spec->bound_count + 1, memory_order_relaxed);
    double count = 0;

    for (size_t i = 0; i <= spec->bound_count; i++) {
        count += atomic_load_explicit(cells + i, memory_order_relaxed);
        write_sample(page, metric, series, "_bucket", metric->bound_texts[i], count,
                     examples ? &examples[i] : NULL);
    }
    write_sample(page, metric, series, "_sum", NULL, sum, NULL);
    write_sample(page, metric, series, "_count", NULL, count, NULL);
}

/* OpenMetrics names a counter without its _total. */
static void write_head(const struct page *page, const struct metrics_spec *spec)
{
    struct buf *out = page->out;
    size_t len = strlen(spec->name);

    if (page->openmetrics && spec->type == METRICS_COUNTER)
        len -= strlen("_total");
    buf_printf(out, "# HELP %.*s ", (int)len, spec->name);
    write_escaped(out, spec->help, page->openmetrics);
    buf_printf(out, "\n# TYPE %.*s %s\n", (int)len, spec->name, type_names[spec->type]);
    if (page->openmetrics && spec->unit && spec->unit[0])
        buf_printf(out, "# UNIT %.*s %s\n", (int)len, spec->name, spec->unit);
}

static void write_metric(const struct page *page, const struct metric *metric)
{
    write_head(page, metric->spec);
    for (size_t series = 0; series < metric->series_count; series++) {
        bool used = atomic_load_explicit(&metric->used[series], memory_order_relaxed);
        if (metric->spec->label_count > 0 && !used)
            continue;
        if (metric->spec->type == METRICS_HISTOGRAM)
            write_histogram(page, metric, series);
        else
            write_sample(page, metric, series, "", NULL,
                         atomic_load_explicit(metric->cells + series, memory_order_relaxed), NULL);
    }
}

void metrics_write(struct buf *out, struct metrics *metrics, enum metrics_format format)
{
    const struct page page = {out, format == METRICS_OPENMETRICS};

    if (page.openmetrics)
        (void)pthread_mutex_lock(&metrics->examples_lock);
    for (size_t i = 0; i < metrics->count; i++)
        write_metric(&page, &metrics->metrics[i]);
    if (page.openmetrics)
        (void)pthread_mutex_unlock(&metrics->examples_lock);
    if (page.openmetrics)
        buf_add_str(out, "# EOF\n");
}
