/* A baseline: figures, another threshold, there and back through its file, broken files. */
#include "drift_traffic.h"

#include <math.h>

#include "base/json.h"
#include "base/mem.h"

struct world {
    struct drift_synthetic synthetic;
    struct drift_baseline baseline;
};

static int open_world(void **state)
{
    struct world *world = mem_alloc(1, sizeof *world);
    struct rng rng = rng_seed(3);

    drift_synthetic_open(&world->synthetic, 20000, rng_seed(2));
    traffic_baseline(&world->baseline, &world->synthetic, 5000, 0.5, &rng);
    *state = world;
    return 0;
}

static int close_world(void **state)
{
    struct world *world = *state;

    drift_baseline_close(&world->baseline);
    drift_synthetic_close(&world->synthetic);
    mem_free(world);
    return 0;
}

/* The stream's own figures (mean 0.481, sd 0.392, 47.8 % AI-generated) within 4 standard errors. */
static void test_figures(void **state)
{
    const struct drift_baseline *b = &((struct world *)*state)->baseline;
    double sum = 0;

    assert_int_equal(b->count, 5000);
    assert_true(fabs(b->figures.mean_probability - 0.481) < 4 * 0.392 / sqrt(5000));
    assert_true(fabs(b->figures.std_probability - 0.392) < 0.02);
    assert_true(fabs(b->figures.ai_generated_ratio - 0.478) < 4 * 0.5 / sqrt(5000));
    for (unsigned i = 0; i < DRIFT_BINS; i++)
        sum += b->mass[i];
    assert_true(fabs(sum - 1) < 1e-9);
    assert_true(fabs(b->cumulative[DRIFT_GRID - 1] - 1) < 1e-9);
    assert_true(b->burst_effect < 1.2); /* photos come one by one */
}

/* R13: a lower threshold calls more photos AI-generated; rebasing moves the baseline along, and
 * what does not depend on the threshold stays. */
static void test_rebased(void **state)
{
    struct drift_baseline *b = &((struct world *)*state)->baseline;
    struct drift_figures before = b->figures;

    drift_baseline_rebase(b, 0.35);
    assert_true(b->figures.ai_generated_ratio > before.ai_generated_ratio + 0.01);
    assert_true(b->figures.mean_probability == before.mean_probability);
    assert_true(b->threshold == 0.35 && b->saved_threshold == 0.5);
    drift_baseline_rebase(b, 0.5);
    assert_true(b->figures.ai_generated_ratio == before.ai_generated_ratio);
}

static void test_there_and_back(void **state)
{
    struct drift_baseline *b = &((struct world *)*state)->baseline, again;
    struct buf text;
    struct err err;

    buf_init(&text, DRIFT_BASELINE_BYTES);
    b->version = 3;
    drift_baseline_write(&text, b);
    assert_int_equal(buf_check(&text, "t", &err), ST_OK);
    assert_int_equal(drift_baseline_parse(&again, buf_bytes(&text), &err), ST_OK);
    assert_string_equal(again.model_version, "model-1");
    assert_int_equal(again.version, 3);
    assert_int_equal(again.created_us, 77);
    assert_int_equal(again.count, b->count);
    assert_memory_equal(again.values, b->values, b->count * sizeof *b->values);
    assert_int_equal(again.row_count, b->row_count);
    for (size_t i = 0; i < b->row_count * DRIFT_FEATURES; i++)
        assert_true(fabsf(again.rows[i] - b->rows[i]) <= 1.0f / 1024); /* half a step */
    assert_true(fabs(again.figures.low_confidence_ratio - b->figures.low_confidence_ratio) < 1e-9);
    drift_baseline_close(&again);
    buf_fini(&text);
}

static void refuse(const char *text, const char *part)
{
    struct drift_baseline out = {.count = 42};
    struct err err;

    assert_int_equal(
        drift_baseline_parse(&out, (struct bytes){(const uint8_t *)text, strlen(text)}, &err),
        ST_CORRUPT);
    if (!strstr(err.msg, part))
        fail_msg("'%s' lacks '%s'", err.msg, part);
    assert_int_equal(out.count, 42);
}

#define HEAD                                                                                       \
    "{\"format\":\"aidetect drift baseline 1\",\"model_version\":\"m\",\"model_hash\":\"h\","      \
    "\"version\":1,\"created_us\":1,\"first_us\":1,\"last_us\":1,\"burst_effect\":1,"              \
    "\"burst_size\":1,"
static void test_broken_files(void **state)
{
    (void)state;
    refuse("", "");
    refuse("[1,2]", "this is no");
    refuse("{\"format\":\"aidetect drift baseline 2\"}", "this is no");
    refuse(HEAD "\"threshold\":1.5}", "'threshold'");
    refuse(HEAD "\"threshold\":0.5}", "'values'");
    refuse(HEAD "\"threshold\":0.5,\"values\":\"AAA\"}", "'values'");
    refuse(HEAD "\"threshold\":0.5,\"values\":\"AAAA\",\"rows\":\"\"}", "'values'");
}

/* Two senders take turns: their values lie together, sender by sender, in each minute. */
static void collect_turns(struct drift_baseline *out)
{
    struct drift_collector *collector = drift_collector_open("m", "h", 0.5);
    struct err err;

    for (int64_t minute = 0; minute < 20; minute++)
        for (int i = 0; i < 7; i++) {
            struct drift_sample sample =
                traffic_sample(i % 2 ? 0.75 : 0.25, minute * 60000000, 0.5);
            sample.group = (uint64_t)(i % 2);
            assert_true(drift_collector_add(collector, &sample));
        }
    assert_int_equal(drift_collector_finish(out, collector, 0, &err), ST_OK);
    drift_collector_close(collector);
}

static void assert_turns(const struct drift_baseline *baseline)
{
    struct drift_units units = {.baseline = baseline, .grouped = true};
    const uint16_t *values = NULL;

    assert_int_equal(drift_unit_count(baseline, false), 140);
    assert_int_equal(drift_unit_count(baseline, true), 40);
    for (unsigned unit = 0; unit < 40; unit++) {
        size_t size = drift_units_next(&values, &units);
        assert_int_equal(size, unit % 2 ? 3 : 4);
        for (size_t i = 0; i < size; i++)
            assert_int_equal(values[i] > DRIFT_VALUE_TOP / 2, unit % 2);
    }
    assert_int_equal(drift_units_next(&values, &units), 0);
}

static void test_senders_lie_together(void **state)
{
    struct drift_baseline made, again;
    struct buf file;
    struct err err;

    (void)state;
    collect_turns(&made);
    assert_turns(&made);
    buf_init(&file, DRIFT_BASELINE_BYTES);
    drift_baseline_write(&file, &made);
    assert_int_equal(drift_baseline_parse(&again, buf_bytes(&file), &err), ST_OK);
    assert_turns(&again);
    buf_fini(&file);
    drift_baseline_close(&again);
    drift_baseline_close(&made);
}

/* A file with other group sizes; NULL: without them, as before there were any. */
static enum status parse_with(struct drift_baseline *out, const char *sizes, struct err *err)
{
    struct drift_baseline made;
    struct json *value = NULL;
    struct buf file;

    collect_turns(&made);
    buf_init(&file, DRIFT_BASELINE_BYTES);
    drift_baseline_write(&file, &made);
    assert_int_equal(json_parse(&value, buf_bytes(&file), err), ST_OK);
    json_free(json_take(value, "group_sizes"));
    if (sizes)
        json_set_str(value, "group_sizes", sizes);
    buf_reset(&file);
    json_write(&file, value, 0);
    enum status st = drift_baseline_parse(out, buf_bytes(&file), err);
    json_free(value);
    buf_fini(&file);
    drift_baseline_close(&made);
    return st;
}

static void test_group_sizes_are_checked(void **state)
{
    struct drift_baseline out;
    struct err err;

    (void)state;
    assert_int_equal(parse_with(&out, NULL, &err), ST_OK);
    assert_int_equal(drift_unit_count(&out, true), 140); /* each value on its own */
    drift_baseline_close(&out);
    assert_int_equal(parse_with(&out, "jAA=", &err), ST_OK); /* 140: all one group */
    assert_int_equal(drift_unit_count(&out, true), 1);
    drift_baseline_close(&out);
    assert_int_equal(parse_with(&out, "iwA=", &err), ST_CORRUPT); /* 139 */
    assert_non_null(strstr(err.msg, "'group_sizes'"));
    assert_int_equal(parse_with(&out, "jAAAAA==", &err), ST_CORRUPT); /* 140 and 0 */
}

static void test_too_few(void **state)
{
    struct drift_collector *collector = drift_collector_open("m", "h", 0.5);
    struct drift_baseline out;
    struct err err;

    (void)state;
    for (unsigned i = 0; i + 1 < DRIFT_BASELINE_MIN; i++) {
        struct drift_sample sample = traffic_sample(0.5, i, 0.5);
        assert_true(drift_collector_add(collector, &sample));
    }
    assert_int_equal(drift_collector_finish(&out, collector, 0, &err), ST_INVALID);
    assert_non_null(strstr(err.msg, "there are 99"));
    drift_collector_close(collector);
}

/* Sellers who upload twenty alike photos in a minute: the design effect shows it. */
static void test_bursts_are_measured(void **state)
{
    struct drift_collector *collector = drift_collector_open("m", "h", 0.5);
    struct rng rng = rng_seed(8);
    struct drift_baseline out;
    struct err err;

    (void)state;
    for (int64_t minute = 0; minute < 200; minute++) {
        double p = rng_unit(&rng);
        for (int i = 0; i < 20; i++) {
            struct drift_sample sample = traffic_sample(p, minute * 60000000 + i, 0.5);
            sample.group = 7;
            (void)drift_collector_add(collector, &sample);
        }
    }
    assert_int_equal(drift_collector_finish(&out, collector, 0, &err), ST_OK);
    assert_true(out.burst_effect > 19 && out.burst_effect < 21); /* one says as much as twenty */
    assert_int_equal(out.burst_size, 20);
    drift_baseline_close(&out);
    drift_collector_close(collector);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_figures),
        cmocka_unit_test(test_rebased),
        cmocka_unit_test(test_there_and_back),
        cmocka_unit_test(test_broken_files),
        cmocka_unit_test(test_too_few),
        cmocka_unit_test(test_bursts_are_measured),
        cmocka_unit_test(test_senders_lie_together),
        cmocka_unit_test(test_group_sizes_are_checked),
    };

    return cmocka_run_group_tests(tests, open_world, close_world);
}
