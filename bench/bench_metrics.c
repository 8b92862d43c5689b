/* bench/bench_metrics.c - CPU time of a scrape of a thousand series, in both formats.
 * Prints JSON: milliseconds of one scrape (median), its bytes, the number of series. */
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "metrics/metrics.h"

#define ROUNDS   201
#define SERIES   1000
#define TEXT_MAX (4u << 20)

enum { REQUESTS, DURATION };

static const char *const endpoints[] = {"/predict", "/predict/batch", "/predict/explain",
                                        "/health",  "/metrics",       "other"};
static const char *const codes[] = {"200", "400", "404", "413", "429", "500", "503"};
static const char *const methods[] = {"GET", "POST"};
static const struct metrics_label endpoint = {"endpoint", endpoints, ARRAY_LEN(endpoints)};
static const struct metrics_label code = {"status_code", codes, ARRAY_LEN(codes)};
static const struct metrics_label method = {"method", methods, ARRAY_LEN(methods)};
static const double bounds[] = {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1,
                                0.25,  0.5,    1,     2.5,  5,     10};
static const struct metrics_spec requests = {.name = "aidetect_http_requests_total",
                                             .help = "Requests.",
                                             .type = METRICS_COUNTER,
                                             .labels = {&method, &endpoint, &code},
                                             .label_count = 3};
static const struct metrics_spec duration = {.name = "aidetect_http_request_duration_seconds",
                                             .help = "Durations.",
                                             .unit = "seconds",
                                             .type = METRICS_HISTOGRAM,
                                             .labels = {&method, &endpoint, &code},
                                             .label_count = 3,
                                             .bounds = bounds,
                                             .bound_count = ARRAY_LEN(bounds)};

static void fill(struct metrics *metrics)
{
    size_t count = 0;

    for (unsigned m = 0; m < ARRAY_LEN(methods); m++)
        for (unsigned e = 0; e < ARRAY_LEN(endpoints); e++)
            for (unsigned c = 0; c < ARRAY_LEN(codes) && count < SERIES; c++) {
                const unsigned values[] = {m, e, c};
                metrics_add(metrics, REQUESTS, values, 12345);
                for (int i = 0; i < 100; i++)
                    metrics_observe_traced(metrics, DURATION, values, 0.0007 * i * i,
                                           "4bf92f3577b34da6a3ce929d0e0e4736", 1700000000123456);
                count += 1 + ARRAY_LEN(bounds) + 3;
            }
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;

    return (x > y) - (x < y);
}

static size_t count_lines(const struct buf *text)
{
    size_t count = 0;

    for (size_t i = 0; i < text->len; i++)
        count += text->at[i] == '\n' && i + 1 < text->len && text->at[i + 1] != '#';
    return count;
}

static void measure(struct metrics *metrics, enum metrics_format format, const char *name)
{
    double ms[ROUNDS];
    struct buf text;

    buf_init(&text, TEXT_MAX);
    for (size_t i = 0; i < ROUNDS; i++) {
        buf_reset(&text);
        int64_t start_us = clock_thread_cpu_us();
        metrics_write(&text, metrics, format);
        ms[i] = (double)(clock_thread_cpu_us() - start_us) / 1e3;
    }
    qsort(ms, ROUNDS, sizeof *ms, compare);
    printf("{\"format\": \"%s\", \"series\": %zu, \"bytes\": %zu, \"cpu_ms_median\": %.3f, "
           "\"cpu_ms_p95\": %.3f}\n",
           name, count_lines(&text), text.len, ms[ROUNDS / 2], ms[ROUNDS * 95 / 100]);
    buf_fini(&text);
}

int main(void)
{
    const struct metrics_spec specs[] = {requests, duration};
    struct metrics *metrics = NULL;
    struct err err = {0};

    if (metrics_open(&metrics, specs, ARRAY_LEN(specs), &err) != ST_OK) {
        (void)fprintf(stderr, "%s\n", err.msg);
        return 1;
    }
    fill(metrics);
    measure(metrics, METRICS_TEXT, "text");
    measure(metrics, METRICS_OPENMETRICS, "openmetrics");
    metrics_close(metrics);
    return 0;
}
