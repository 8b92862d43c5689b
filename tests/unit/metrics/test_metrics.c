/* The registry: what the exposition says, which specs are refused, updates from many threads. */
#include "support/unit.h"

#include <math.h>
#include <pthread.h>

#include "metrics/metrics.h"

#define TEXT_MAX     (1u << 16)
#define THREAD_COUNT 4
#define ROUNDS       10000

static const char *const colors[] = {"red", "a\"b\\c\nd"};
static const char *const sizes[] = {"s", "m", "l"};
static const struct metrics_label color = {"color", colors, 2};
static const struct metrics_label size_label = {"size", sizes, 3};
static const double bounds[] = {0.1, 1, 2.5};

static const struct metrics_spec specs[] = {
    {.name = "shop_sold_total",
     .help = "Things sold\\ever.",
     .type = METRICS_COUNTER,
     .labels = {&color, &size_label},
     .label_count = 2},
    {.name = "shop_open", .help = "Open (1) or not.", .type = METRICS_GAUGE},
    {.name = "shop_wait_seconds",
     .help = "Waiting.",
     .unit = "seconds",
     .type = METRICS_HISTOGRAM,
     .bounds = bounds,
     .bound_count = 3},
};
enum { SOLD, OPEN, WAIT };

static struct metrics *open_all(void)
{
    struct metrics *metrics = NULL;
    struct err err;

    assert_int_equal(metrics_open(&metrics, specs, ARRAY_LEN(specs), &err), ST_OK);
    return metrics;
}

static void test_exposition(void **state)
{
    static const char expected[] = "# HELP shop_sold_total Things sold\\\\ever.\n"
                                   "# TYPE shop_sold_total counter\n"
                                   "shop_sold_total{color=\"red\",size=\"l\"} 2\n"
                                   "shop_sold_total{color=\"a\\\"b\\\\c\\nd\",size=\"s\"} 0.5\n"
                                   "# HELP shop_open Open (1) or not.\n"
                                   "# TYPE shop_open gauge\n"
                                   "shop_open -1.25\n"
                                   "# HELP shop_wait_seconds Waiting.\n"
                                   "# TYPE shop_wait_seconds histogram\n"
                                   "shop_wait_seconds_bucket{le=\"0.1\"} 2\n"
                                   "shop_wait_seconds_bucket{le=\"1.0\"} 2\n"
                                   "shop_wait_seconds_bucket{le=\"2.5\"} 3\n"
                                   "shop_wait_seconds_bucket{le=\"+Inf\"} 4\n"
                                   "shop_wait_seconds_sum 103.15\n"
                                   "shop_wait_seconds_count 4\n";
    struct metrics *metrics = open_all();
    struct buf text;

    (void)state;
    metrics_add(metrics, SOLD, (const unsigned[]){0, 2}, 1);
    metrics_add(metrics, SOLD, (const unsigned[]){0, 2}, 1);
    metrics_add(metrics, SOLD, (const unsigned[]){1, 0}, 0.5);
    metrics_set(metrics, OPEN, NULL, -1.25);
    metrics_observe(metrics, WAIT, NULL, 0.1); /* on the bound: inside */
    metrics_observe(metrics, WAIT, NULL, 0.05);
    metrics_observe(metrics, WAIT, NULL, 2.5);
    metrics_observe(metrics, WAIT, NULL, 100.5);
    buf_init(&text, TEXT_MAX);
    metrics_write(&text, metrics, METRICS_TEXT);
    assert_string_equal((const char *)text.at, expected);
    buf_fini(&text);
    metrics_close(metrics);
}

static void test_numbers_read_back(void **state)
{
    static const double values[] = {
        0, 1, 0.1, 1.0 / 3, 1e-9, 123456789012.0, 1e300, 0.30000000000000004};
    struct metrics *metrics = open_all();

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(values); i++) {
        struct buf text;
        double back = -1;
        metrics_set(metrics, OPEN, NULL, values[i]);
        buf_init(&text, TEXT_MAX);
        metrics_write(&text, metrics, METRICS_TEXT);
        const char *at = strstr((const char *)text.at, "\nshop_open ") + strlen("\nshop_open ");
        struct str rest = str_of(at);
        assert_true(str_to_double(&back, str_split(&rest, '\n'), -1e308, 1e308));
        assert_true(back == values[i]);
        buf_fini(&text);
    }
    metrics_set(metrics, OPEN, NULL, NAN);
    assert_true(isnan(metrics_value(metrics, OPEN, NULL)));
    metrics_close(metrics);
}

static void test_series_without_update_are_absent(void **state)
{
    struct metrics *metrics = open_all();
    struct buf text;

    (void)state;
    buf_init(&text, TEXT_MAX);
    metrics_write(&text, metrics, METRICS_TEXT);
    assert_null(strstr((const char *)text.at, "shop_sold_total{"));
    assert_non_null(strstr((const char *)text.at, "\nshop_open 0\n"));
    assert_non_null(strstr((const char *)text.at, "\nshop_wait_seconds_count 0\n"));
    buf_fini(&text);
    metrics_close(metrics);
}

static void test_openmetrics(void **state)
{
    static const char expected[] =
        "# HELP shop_sold Things sold\\\\ever.\n"
        "# TYPE shop_sold counter\n"
        "shop_sold_total{color=\"red\",size=\"s\"} 1\n"
        "# HELP shop_open Open (1) or not.\n"
        "# TYPE shop_open gauge\n"
        "shop_open 0\n"
        "# HELP shop_wait_seconds Waiting.\n"
        "# TYPE shop_wait_seconds histogram\n"
        "# UNIT shop_wait_seconds seconds\n"
        "shop_wait_seconds_bucket{le=\"0.1\"} 1 # {trace_id=\"cafe\"} 0.0625 3.000001\n"
        "shop_wait_seconds_bucket{le=\"1.0\"} 2\n"
        "shop_wait_seconds_bucket{le=\"2.5\"} 2\n"
        "shop_wait_seconds_bucket{le=\"+Inf\"} 3 # {trace_id=\"beef\"} 7 12.500000\n"
        "shop_wait_seconds_sum 7.5625\n"
        "shop_wait_seconds_count 3\n"
        "# EOF\n";
    struct metrics *metrics = open_all();
    char too_long[METRICS_TRACE_SIZE + 1];
    struct buf text;

    (void)state;
    memset(too_long, 'a', METRICS_TRACE_SIZE);
    too_long[METRICS_TRACE_SIZE] = '\0';
    metrics_add(metrics, SOLD, (const unsigned[]){0, 0}, 1);
    metrics_observe_traced(metrics, WAIT, NULL, 0.0625, "cafe", 3000001);
    metrics_observe_traced(metrics, WAIT, NULL, 0.5, NULL, 4000000);
    metrics_observe_traced(metrics, WAIT, NULL, 7, "beef", 12500000);
    buf_init(&text, TEXT_MAX);
    metrics_write(&text, metrics, METRICS_OPENMETRICS);
    assert_string_equal((const char *)text.at, expected);
    buf_reset(&text);
    metrics_write(&text, metrics, METRICS_TEXT);
    assert_null(strstr((const char *)text.at, "trace_id")); /* it knows none */
    buf_reset(&text);
    metrics_observe_traced(metrics, WAIT, NULL, 0.0625, "f00d", 5000000);
    metrics_observe_traced(metrics, WAIT, NULL, 0.0625, too_long, 6000000);
    metrics_write(&text, metrics, METRICS_OPENMETRICS);
    assert_non_null(strstr((const char *)text.at, "3 # {trace_id=\"f00d\"} 0.0625 5.000000\n"));
    buf_fini(&text);
    metrics_close(metrics);
}

static void test_bad_specs(void **state)
{
    static const char *const none[] = {"x"};
    static const struct metrics_label empty = {"color", none, 0};
    static const struct metrics_label huge = {"color", none, METRICS_SERIES_MAX + 1};
    static const struct metrics_label odd = {"co-lor", none, 1};
    static const double descending[] = {2, 1};
    const struct metrics_spec bad[] = {
        {.name = "1shop", .help = "x", .type = METRICS_GAUGE},
        {.name = "shop-a", .help = "x", .type = METRICS_GAUGE},
        {.name = "shop", .help = "", .type = METRICS_GAUGE},
        {.name = "shop", .help = "a\nb", .type = METRICS_GAUGE},
        {.name = "shop_sold", .help = "x", .type = METRICS_COUNTER},
        {.name = "shop_total", .help = "x", .type = METRICS_GAUGE},
        {.name = "shop_wait", .help = "x", .type = METRICS_GAUGE, .unit = "seconds"},
        {.name = "shop_seconds", .help = "x", .type = METRICS_GAUGE, .unit = "bytes"},
        {.name = "shop_seconds", .help = "x", .type = METRICS_COUNTER, .unit = "seconds"},
        {.name = "shop", .help = "x", .type = METRICS_GAUGE, .labels = {&empty}, .label_count = 1},
        {.name = "shop", .help = "x", .type = METRICS_GAUGE, .labels = {&huge}, .label_count = 1},
        {.name = "shop", .help = "x", .type = METRICS_GAUGE, .labels = {&odd}, .label_count = 1},
        {.name = "shop",
         .help = "x",
         .type = METRICS_HISTOGRAM,
         .bounds = descending,
         .bound_count = 2},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct metrics *metrics = NULL;
        struct err err = {0};
        assert_int_equal(metrics_open(&metrics, &bad[i], 1, &err), ST_INVALID);
        assert_null(metrics);
        assert_true(err.msg[0] != '\0');
    }
}

static void *count_up(void *payload)
{
    struct metrics *metrics = payload;

    for (int i = 0; i < ROUNDS; i++) {
        metrics_add(metrics, SOLD, (const unsigned[]){0, 0}, 1);
        metrics_observe(metrics, WAIT, NULL, 0.5);
    }
    return NULL;
}

static void test_threads_lose_nothing(void **state)
{
    struct metrics *metrics = open_all();
    pthread_t threads[THREAD_COUNT];

    (void)state;
    for (size_t i = 0; i < THREAD_COUNT; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, count_up, metrics), 0);
    for (size_t i = 0; i < THREAD_COUNT; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_true(metrics_value(metrics, SOLD, (const unsigned[]){0, 0}) == THREAD_COUNT * ROUNDS);
    assert_true(metrics_value(metrics, WAIT, NULL) == THREAD_COUNT * ROUNDS);
    metrics_close(metrics);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exposition),
        cmocka_unit_test(test_numbers_read_back),
        cmocka_unit_test(test_series_without_update_are_absent),
        cmocka_unit_test(test_openmetrics),
        cmocka_unit_test(test_bad_specs),
        cmocka_unit_test(test_threads_lose_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
