/* The sequential detectors: a new generator is found in time, what is benign is not, bursts count
 * as one, state survives.  Seeded traffic: the same in every run. */
#include "drift_traffic.h"

#include <math.h>

#include "base/mem.h"
#include "drift/watch.h"

#define STEPS 2000000u /* of calibration: enough for limits within a few per cent */

struct world {
    struct drift_synthetic synthetic;
    struct drift_baseline baseline;
    struct drift_watch fresh, watch;
    struct rng rng;
    int64_t now_us;
};

static const struct drift_watch_options options = {
    .budget = {.false_alarms_a_month = 1, .predictions_a_day = 50000}, .calibration_steps = STEPS};

static int open_world(void **state)
{
    struct world *world = mem_alloc(1, sizeof *world);

    world->rng = rng_seed(11);
    drift_synthetic_open(&world->synthetic, 200000, rng_seed(2));
    traffic_baseline(&world->baseline, &world->synthetic, 100000, 0.5, &world->rng);
    drift_watch_open(&world->fresh, &world->baseline, &options, rng_seed(1));
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

/* Predictions until an alarm; 0: none within `patience`. */
static uint64_t run(struct world *world, const struct drift_change *change, uint64_t patience,
                    struct drift_alarm *alarm)
{
    for (uint64_t i = 1; i <= patience; i++) {
        double p = drift_synthetic_next(&world->synthetic, change, i, &world->rng).probability;
        struct drift_sample sample = traffic_sample(p, world->now_us += TRAFFIC_PACE_US, 0.5);
        if (drift_watch_add(&world->watch, &sample, alarm))
            return i;
    }
    return 0;
}

static uint64_t after_change(struct world *world, enum drift_scenario scenario, double share,
                             uint64_t patience)
{
    const struct drift_change change = {.scenario = scenario, .share = share, .ramp = 1};
    struct drift_alarm alarm;

    world->watch = world->fresh;
    assert_int_equal(run(world, NULL, 5000, &alarm), 0);
    return run(world, &change, patience, &alarm);
}

/* The bars: medians of 1,000, 4,000 and 12,000; one run each, with room for its luck. */
static void test_shares_are_found(void **state)
{
    uint64_t quarter = after_change(*state, DRIFT_MIXTURE, 0.25, 100000);
    uint64_t tenth = after_change(*state, DRIFT_MIXTURE, 0.10, 100000);
    uint64_t twentieth = after_change(*state, DRIFT_MIXTURE, 0.05, 100000);

    assert_in_range(quarter, 1, 1500);
    assert_in_range(tenth, 1, 6000);
    assert_in_range(twentieth, 1, 24000);
}

static void test_what_is_benign_is_not(void **state)
{
    assert_int_equal(after_change(*state, DRIFT_NO_CHANGE, 0, 200000), 0);
    assert_int_equal(after_change(*state, DRIFT_CONFIDENCE, 0.25, 50000), 0);
    assert_int_equal(after_change(*state, DRIFT_CONFIDENCE, 0.5, 50000), 0);
    assert_int_equal(after_change(*state, DRIFT_CONFIDENCE, 1, 50000), 0);
    assert_int_equal(after_change(*state, DRIFT_CONFIDENCE, -0.1, 50000), 0);
    assert_int_equal(after_change(*state, DRIFT_CONFIDENCE, -0.5, 50000), 0);
}

/* Four times less sure is another model, or a broken one. */
static void test_a_model_unsure_of_everything_is(void **state)
{
    assert_in_range(after_change(*state, DRIFT_CONFIDENCE, -0.75, 20000), 1, 5000);
}

static void test_another_threshold_is_no_alarm(void **state)
{
    struct world *world = *state;
    struct drift_alarm alarm;

    drift_baseline_rebase(&world->baseline, 0.35);
    drift_watch_open(&world->watch, &world->baseline, &options, rng_seed(1));
    for (int i = 0; i < 200000; i++) {
        double p = drift_synthetic_next(&world->synthetic, NULL, 0, &world->rng).probability;
        struct drift_sample sample = traffic_sample(p, world->now_us += TRAFFIC_PACE_US, 0.35);
        assert_false(drift_watch_add(&world->watch, &sample, &alarm));
    }
    drift_baseline_rebase(&world->baseline, 0.5);
}

/* Means of the bets' factors under the baseline itself are at most 1: what the guarantee needs. */
static void test_bets_gain_nothing_on_average(void **state)
{
    const struct world *world = *state;

    for (unsigned bet = 0; bet < DRIFT_BETS; bet++) {
        double mean = 0;
        for (unsigned b = 0; b < DRIFT_BINS; b++)
            mean += world->baseline.mass[b] * drift_bet_factor(&world->fresh.edetector, bet, b);
        assert_true(mean <= 1 && mean > 0.9);
    }
}

static void test_an_alarm_says_what_and_when(void **state)
{
    struct world *world = *state;
    const struct drift_change change = {.scenario = DRIFT_MIXTURE, .share = 0.25};
    struct drift_alarm alarm;

    world->watch = world->fresh;
    assert_int_equal(run(world, NULL, 5000, &alarm), 0);
    int64_t changed_us = world->now_us;
    assert_in_range(run(world, &change, 2000, &alarm), 1, 2000);
    assert_true(alarm.value >= alarm.limit && alarm.time_us == world->now_us);
    assert_non_null(strstr(drift_alarm_help(&alarm), "AI-generated photos"));
    /* within half an hour of traffic before the change */
    assert_true(alarm.since_us > changed_us - 1000 * (int64_t)TRAFFIC_PACE_US);
    assert_true(drift_watch_level(&world->watch, DRIFT_BY_EDETECTOR) == 0); /* begun again */
}

/* Five hundred alike photos of one seller: as many alarms as without a guard, none with it. */
static bool burst_alarms(struct world *world, bool guarded)
{
    struct drift_alarm alarm;
    bool raised = false;

    world->watch = world->fresh;
    world->watch.grouped = guarded;
    world->watch.burst_size = guarded ? DRIFT_BURST_LEAST : UINT32_MAX;
    assert_int_equal(run(world, NULL, 2000, &alarm), 0);
    for (int i = 0; i < 500 && !raised; i++) {
        struct drift_sample sample = traffic_sample(0.5, world->now_us, 0.5);
        sample.group = 9;
        raised = drift_watch_add(&world->watch, &sample, &alarm);
    }
    return raised || run(world, NULL, 2000, &alarm);
}

static void test_bursts_count_as_one(void **state)
{
    assert_true(burst_alarms(*state, false));
    assert_false(burst_alarms(*state, true));
}

static void test_state_goes_on(void **state)
{
    struct world *world = *state;
    const struct drift_change change = {.scenario = DRIFT_MIXTURE, .share = 0.25};
    struct drift_watch *again = mem_alloc(1, sizeof *again);
    struct drift_alarm a, b;
    struct err err;

    world->watch = world->fresh;
    (void)run(world, &change, 150, &a);
    struct json *saved = drift_watch_save(&world->watch);
    *again = world->fresh;
    assert_int_equal(drift_watch_restore(again, saved, &err), ST_OK);
    json_free(saved);
    assert_int_equal(again->adwin.width, world->watch.adwin.width);
    for (int i = 0; i < 20000; i++) {
        double p = drift_synthetic_next(&world->synthetic, &change, 0, &world->rng).probability;
        struct drift_sample sample = traffic_sample(p, world->now_us += TRAFFIC_PACE_US, 0.5);
        bool one = drift_watch_add(&world->watch, &sample, &a);
        assert_int_equal(drift_watch_add(again, &sample, &b), one); /* at the same photo */
        if (one)
            break;
        assert_true(i + 1 < 20000);
    }
    mem_free(again);
}

static void test_broken_state_changes_nothing(void **state)
{
    struct world *world = *state;
    struct json *saved = NULL;
    struct err err;

    world->watch = world->fresh;
    (void)run(world, NULL, 100, NULL);
    double before = world->watch.edetector.value;
    saved = drift_watch_save(&world->watch);
    json_set_int(saved, "seen", -1);
    assert_int_equal(drift_watch_restore(&world->watch, saved, &err), ST_CORRUPT);
    assert_true(world->watch.edetector.value == before);
    json_free(saved);
}

/* ---- embeddings ---- */

/* Places around 0, or 1.5 away from it in two of them. */
static uint64_t draw_embedding(struct rng *rng, bool is_new)
{
    uint64_t packed = 0;

    for (unsigned i = 0; i < DRIFT_EMBEDDING; i++) {
        double place = rng_normal(rng) + (is_new && i < 2 ? 1.5 : 0);
        packed |= (uint64_t)CLAMP(lrint(place * 2) + 8, 0L, 15L) << (4 * i);
    }
    return packed ? packed : 1;
}

static struct drift_sample draw_looking(struct world *world, bool is_new)
{
    double p = drift_synthetic_next(&world->synthetic, NULL, 0, &world->rng).probability;
    struct drift_sample sample = traffic_sample(p, world->now_us += TRAFFIC_PACE_US, 0.5);

    sample.embedding = draw_embedding(&world->rng, is_new);
    return sample;
}

static void open_looking(struct world *world, struct drift_baseline *baseline)
{
    struct drift_collector *collector = drift_collector_open("model-1", "abc", 0.5);
    struct err err;

    for (size_t i = 0; i < 50000; i++) {
        struct drift_sample sample = draw_looking(world, false);
        assert_true(drift_collector_add(collector, &sample));
    }
    assert_int_equal(drift_collector_finish(baseline, collector, 77, &err), ST_OK);
    drift_collector_close(collector);
    drift_watch_open(&world->watch, baseline, &options, rng_seed(1));
}

/* A fifth of the photos looks different, probabilities are as ever. */
static void test_what_photos_look_like_is_watched(void **state)
{
    struct world *world = *state;
    struct drift_baseline baseline;
    struct drift_alarm alarm;
    uint64_t count = 0;

    open_looking(world, &baseline);
    assert_int_equal(drift_watch_count(&world->watch), DRIFT_DETECTOR_COUNT);
    for (int i = 0; i < 20000; i++) {
        struct drift_sample sample = draw_looking(world, false);
        assert_false(drift_watch_add(&world->watch, &sample, &alarm));
    }
    for (bool raised = false; !raised; count++) {
        struct drift_sample sample = draw_looking(world, rng_chance(&world->rng, 0.2));
        raised = drift_watch_add(&world->watch, &sample, &alarm);
        assert_true(count < 5000);
    }
    assert_int_equal(alarm.detector, DRIFT_BY_EMBEDDING);
    assert_true(alarm.value >= alarm.limit && alarm.since_us > 0);
    assert_non_null(strstr(drift_alarm_help(&alarm), "look different"));
    unsigned found = 0, wrong = 0;
    for (int i = 0; i < 1000; i++) {
        struct drift_sample one = draw_looking(world, true), other = draw_looking(world, false);
        found += drift_watch_speaks(&world->watch, &alarm, &one);
        wrong += drift_watch_speaks(&world->watch, &alarm, &other);
    }
    assert_true(found > 600 && wrong < 150);
    drift_baseline_close(&baseline);
}

static void test_its_state_goes_on(void **state)
{
    struct world *world = *state;
    struct drift_watch *again = mem_alloc(1, sizeof *again);
    struct drift_baseline baseline;
    struct drift_alarm alarm;
    struct err err;

    open_looking(world, &baseline);
    *again = world->watch;
    for (int i = 0; i < 400; i++) {
        struct drift_sample sample = draw_looking(world, i % 5 == 0);
        (void)drift_watch_add(&world->watch, &sample, &alarm);
    }
    struct json *saved = drift_watch_save(&world->watch);
    assert_int_equal(drift_watch_restore(again, saved, &err), ST_OK);
    assert_true(drift_watch_level(again, DRIFT_BY_EMBEDDING) > 0);
    assert_true(fabs(drift_watch_level(again, DRIFT_BY_EMBEDDING) -
                     drift_watch_level(&world->watch, DRIFT_BY_EMBEDDING)) < 1e-6);
    /* That of a version before, and one of a baseline that has none. */
    json_free(json_take(saved, "directions"));
    assert_int_equal(drift_watch_restore(again, saved, &err), ST_OK);
    json_set(saved, "directions", json_new_object());
    assert_int_equal(drift_watch_restore(again, saved, &err), ST_CORRUPT);
    *again = world->fresh;
    assert_int_equal(drift_watch_restore(again, saved, &err), ST_OK);
    json_free(saved);
    drift_baseline_close(&baseline);
    mem_free(again);
}

static void test_without_embeddings_there_is_no_such_detector(void **state)
{
    const struct world *world = *state;
    struct drift_watch none = {0};

    assert_int_equal(drift_watch_count(&world->fresh), DRIFT_BY_EMBEDDING);
    assert_true(drift_watch_level(&world->fresh, DRIFT_BY_EMBEDDING) == 0);
    assert_int_equal(drift_watch_count(&none), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shares_are_found),
        cmocka_unit_test(test_what_is_benign_is_not),
        cmocka_unit_test(test_a_model_unsure_of_everything_is),
        cmocka_unit_test(test_another_threshold_is_no_alarm),
        cmocka_unit_test(test_bets_gain_nothing_on_average),
        cmocka_unit_test(test_an_alarm_says_what_and_when),
        cmocka_unit_test(test_bursts_count_as_one),
        cmocka_unit_test(test_state_goes_on),
        cmocka_unit_test(test_broken_state_changes_nothing),
        cmocka_unit_test(test_what_photos_look_like_is_watched),
        cmocka_unit_test(test_its_state_goes_on),
        cmocka_unit_test(test_without_embeddings_there_is_no_such_detector),
    };

    return cmocka_run_group_tests(tests, open_world, close_world);
}
