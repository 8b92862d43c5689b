/* Bursts: senders are told apart, a burst counts as one, normal bursts raise no alarm and do not
 * hide a new generator, and the minute under way survives a restart. */
#include "drift_traffic.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "drift/trial.h"

#define MOST 300u /* photos of a burst */

static struct drift_sample sample_of(double p, int64_t time_us, uint64_t sender)
{
    struct drift_sample sample = traffic_sample(p, time_us, 0.5);

    sample.group = sender;
    return sample;
}

/* ---- the minute under way ---- */

static void test_senders_are_told_apart(void **state)
{
    static struct drift_burst burst;
    struct drift_sample sample;

    (void)state;
    burst = (struct drift_burst){0};
    for (unsigned i = 0; i < 3 * DRIFT_BURST_GROUPS; i++) {
        sample = sample_of(i % 3 ? 0.1 : 0.9, i, i % DRIFT_BURST_GROUPS);
        assert_false(drift_burst_ends(&burst, &sample));
        const struct drift_burst_group *group = drift_burst_add(&burst, &sample);
        assert_int_equal(group->sender, i % DRIFT_BURST_GROUPS);
        assert_int_equal(group->count, 1 + i / DRIFT_BURST_GROUPS);
    }
    assert_int_equal(burst.groups[0].ai_count, 1); /* of its photos 0, 64 and 128 only the first */
    sample = sample_of(0.5, 1000, DRIFT_BURST_GROUPS); /* there is no place for one more */
    assert_true(drift_burst_ends(&burst, &sample));
    sample = sample_of(0.5, 60000000, 1); /* another minute */
    assert_true(drift_burst_ends(&burst, &sample));
    drift_burst_begin(&burst, &sample);
    assert_int_equal(burst.group_count, 0);
}

static struct json *saved_of(const char *text)
{
    struct json *value = NULL;
    struct err err;

    assert_int_equal(json_parse(&value, (struct bytes){(const uint8_t *)text, strlen(text)}, &err),
                     ST_OK);
    return value;
}

static bool is_taken(const char *text)
{
    static struct drift_burst burst;
    struct json *saved = saved_of(text);

    bool taken = drift_burst_restore(&burst, saved);
    json_free(saved);
    return taken;
}

static void test_broken_minutes_are_refused(void **state)
{
    (void)state;
    assert_true(is_taken("{\"minute\":5,\"groups\":[]}"));
    assert_true(is_taken("{\"minute\":5,\"groups\":[[7,3,1,1.5,2,1,40,2]]}"));
    assert_false(is_taken("{\"groups\":[]}"));
    assert_false(is_taken("{\"minute\":5,\"groups\":[[7,3,1,1.5,2,1,40,1]]}")); /* 2 of 3 */
    assert_false(is_taken("{\"minute\":5,\"groups\":[[7,3,1,1.5,2,1,64,2]]}")); /* no such bin */
    assert_false(is_taken("{\"minute\":5,\"groups\":[[7,3,1,1.5,2,1,2,2]]}"));  /* a bin twice */
    assert_false(is_taken("{\"minute\":5,\"groups\":[[7,3,4,1.5,2,1,40,2]]}")); /* 4 of 3 */
    assert_false(is_taken("{\"minute\":5,\"groups\":[[7,3,1,3.5,2,1,40,2]]}")); /* mean over 1 */
    assert_false(is_taken("{\"minute\":5,\"groups\":[[7,1,1,0.5,2,1],[7,1,1,0.5,2,1]]}"));
}

/* What a sender's photos look like is their mean: the sum of places, and how many have any. */
static void test_places_are_added_up(void **state)
{
    (void)state;
    static struct drift_burst burst, again;
    struct drift_sample sample = sample_of(0.5, 1, 7);
    const struct drift_burst_group *group = NULL;

    burst = again = (struct drift_burst){0};
    for (int i = 0; i < 3; i++) {
        sample.embedding = i == 2 ? 0 : UINT64_C(0x888888888888888c); /* 2 deviations, then 0 */
        group = drift_burst_add(&burst, &sample);
    }
    assert_int_equal(group->embedded, 2);
    assert_true(group->places[0] == 4 && group->places[1] == 0);
    struct json *saved = drift_burst_save(&burst);
    assert_true(drift_burst_restore(&again, saved));
    json_free(saved);
    assert_int_equal(again.groups[0].embedded, 2);
    assert_true(again.groups[0].places[0] == 4);
    assert_false(is_taken("{\"minute\":5,\"groups\":[[7,1,1,0.5,2,1]],\"places\":[[1,9]]}"));
    assert_false(is_taken("{\"minute\":5,\"groups\":[[7,1,1,0.5,2,1]],\"places\":"
                          "[[2,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0]]}")); /* 2 of 1 */
    assert_false(is_taken("{\"minute\":5,\"groups\":[[7,1,1,0.5,2,1]],\"places\":"
                          "[[1,4.1,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0]]}")); /* over 4 deviations */
}

/* ---- detectors before traffic in bursts ---- */

struct traffic {
    struct drift_synthetic synthetic;
};

static int open_traffic(void **state)
{
    struct traffic *traffic = mem_alloc(1, sizeof *traffic);

    drift_synthetic_open(&traffic->synthetic, 100000, rng_seed(2));
    *state = traffic;
    return 0;
}

static int close_traffic(void **state)
{
    struct traffic *traffic = *state;

    drift_synthetic_close(&traffic->synthetic);
    mem_free(traffic);
    return 0;
}

/* One false alarm in 300,000 predictions is wanted. */
static struct drift_trial *open_trial(struct traffic *traffic, enum drift_grouping grouping,
                                      uint32_t burst_limit)
{
    const struct drift_trial_options options = {
        .budget = {.false_alarms_a_month = 1, .predictions_a_day = 10000},
        .baseline_size = 100000,
        .runs = 9,
        .control = 600000,
        .patience = 20000,
        .seed = 4,
        .threshold = 0.5,
        .burst = MOST,
        .grouping = grouping,
        .burst_limit = burst_limit,
    };
    struct drift_trial *trial = NULL;
    struct err err;

    assert_int_equal(drift_trial_open(&trial, &traffic->synthetic, &options, false, &err), ST_OK);
    return trial;
}

static void test_bursts_raise_no_alarm(void **state)
{
    struct drift_trial *guarded = open_trial(*state, DRIFT_GROUP_AUTO, 0);
    struct drift_trial *bare = open_trial(*state, DRIFT_GROUP_OFF, UINT32_MAX);

    assert_true(drift_trial_baseline(guarded)->burst_effect > 5);
    assert_in_range(drift_trial_control(guarded, DRIFT_TRY_OURS).alarms, 0, 3);
    assert_true(drift_trial_control(bare, DRIFT_TRY_OURS).alarms > 100);
    drift_trial_close(bare);
    drift_trial_close(guarded);
}

/* A sender has 2.5 photos on average: so many times the bar of 1,000. */
static void test_bursts_hide_no_new_generator(void **state)
{
    struct drift_trial *trial = open_trial(*state, DRIFT_GROUP_AUTO, 0);
    const struct drift_change change = {.scenario = DRIFT_MIXTURE, .share = 0.25};
    const struct drift_change surer = {.scenario = DRIFT_CONFIDENCE, .share = 0.5};

    assert_true(drift_trial_delay(trial, DRIFT_TRY_OURS, &change).median < 2500);
    assert_in_range(drift_trial_delay(trial, DRIFT_TRY_OURS, &surer).found, 0, 2);
    drift_trial_close(trial);
}

/* The new generator is judged like the others, but its photos look different. */
static void test_bursts_hide_no_new_looks(void **state)
{
    struct traffic traffic = {0};
    const struct drift_change change = {.scenario = DRIFT_MIXTURE, .share = 0.5};
    struct rng rng = rng_seed(8);

    (void)state;
    drift_synthetic_open(&traffic.synthetic, 100000, rng_seed(2));
    memcpy(traffic.synthetic.scores[DRIFT_POOL_NEW], traffic.synthetic.scores[DRIFT_POOL_AI],
           100000 * sizeof(float));
    for (unsigned k = 0; k < DRIFT_POOL_COUNT; k++) {
        uint64_t *embeddings = mem_alloc(100000, sizeof *embeddings);
        for (size_t i = 0; i < 100000; i++)
            for (unsigned j = 0; j < DRIFT_EMBEDDING; j++) {
                double place = rng_normal(&rng) + (k == DRIFT_POOL_NEW && j < 4 ? 1 : 0);
                embeddings[i] |= (uint64_t)CLAMP(lrint(place * 2) + 8, 1L, 15L) << (4 * j);
            }
        traffic.synthetic.embeddings[k] = embeddings;
    }
    struct drift_trial *trial = open_trial(&traffic, DRIFT_GROUP_AUTO, 0);
    assert_true(drift_trial_baseline(trial)->embedding.known);
    assert_in_range(drift_trial_control(trial, DRIFT_TRY_OURS).alarms, 0, 3);
    assert_true(drift_trial_delay(trial, DRIFT_TRY_OURS, &change).median < 2500);
    drift_trial_close(trial);
    drift_synthetic_close(&traffic.synthetic);
}

static void add_burst(struct drift_watch *watch, int64_t time_us)
{
    struct drift_alarm alarm;

    for (int i = 0; i < 40; i++) {
        struct drift_sample sample = sample_of(0.45 + 0.001 * i, time_us + i, (uint64_t)(i % 3));
        assert_false(drift_watch_add(watch, &sample, &alarm));
    }
}

static void test_the_minute_survives_a_restart(void **state)
{
    struct drift_trial *trial = open_trial(*state, DRIFT_GROUP_AUTO, 0);
    const struct drift_watch_options options = {
        .budget = {.false_alarms_a_month = 1, .predictions_a_day = 10000},
        .calibration_steps = 100000};
    struct drift_watch *watch = mem_alloc(2, sizeof *watch), *again = watch + 1;
    struct drift_sample next = sample_of(0.9, 120000000, 5);
    struct drift_alarm alarm;
    struct err err;

    drift_watch_open(watch, drift_trial_baseline(trial), &options, rng_seed(1));
    *again = *watch;
    assert_true(watch->grouped);
    add_burst(watch, 60000000);
    assert_true(watch->edetector.value == 0); /* the minute is not over */
    struct json *saved = drift_watch_save(watch);
    assert_int_equal(drift_watch_restore(again, saved, &err), ST_OK);
    json_free(saved);
    assert_false(drift_watch_add(watch, &next, &alarm));
    assert_false(drift_watch_add(again, &next, &alarm));
    assert_true(watch->edetector.value > 0);
    assert_true(fabs(watch->edetector.value - again->edetector.value) < 1e-9);
    assert_true(watch->charts[0].sum == again->charts[0].sum);
    assert_int_equal(watch->adwin.width, 3); /* three senders */
    mem_free(watch);
    drift_trial_close(trial);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_senders_are_told_apart),
        cmocka_unit_test(test_broken_minutes_are_refused),
        cmocka_unit_test(test_places_are_added_up),
        cmocka_unit_test(test_bursts_raise_no_alarm),
        cmocka_unit_test(test_bursts_hide_no_new_generator),
        cmocka_unit_test(test_bursts_hide_no_new_looks),
        cmocka_unit_test(test_the_minute_survives_a_restart),
    };

    return cmocka_run_group_tests(tests, open_traffic, close_traffic);
}
