/* What a model that is only more, or less, sure makes of a baseline; bets and charts that are blind
 * to it and still see the rest. */
#include "drift_traffic.h"

#include <math.h>

#include "base/mem.h"
#include "drift/cusum.h"
#include "drift/edetector.h"
#include "drift/sureness.h"

struct world {
    struct drift_synthetic synthetic;
    struct drift_baseline baseline;
    struct drift_sureness sureness;
    struct drift_edetector detector;
};

static int open_world(void **state)
{
    struct world *world = mem_alloc(1, sizeof *world);
    struct rng rng = rng_seed(11);

    drift_synthetic_open(&world->synthetic, 200000, rng_seed(2));
    traffic_baseline(&world->baseline, &world->synthetic, 100000, 0.5, &rng);
    drift_sureness_open(&world->sureness, &world->baseline, false);
    drift_edetector_open(&world->detector, &world->baseline, false, 1e6);
    *state = world;
    return 0;
}

static int close_world(void **state)
{
    struct world *world = *state;

    drift_sureness_close(&world->sureness);
    drift_baseline_close(&world->baseline);
    drift_synthetic_close(&world->synthetic);
    mem_free(world);
    return 0;
}

static void test_verdicts_stay(void **state)
{
    static const double thresholds[] = {0.2, 0.5, 0.8};

    (void)state;
    for (size_t t = 0; t < ARRAY_LEN(thresholds); t++)
        for (int i = 1; i < 200; i++)
            for (double by = 0.5; by <= 2; by += 0.25) {
                double p = i / 200.0, moved = drift_sureness_move(p, thresholds[t], by);
                if (fabs(p - thresholds[t]) < 1e-9)
                    continue;
                assert_int_equal(moved >= thresholds[t], p >= thresholds[t]);
            }
    assert_true(fabs(drift_sureness_move(0.8, 0.5, 2) - 16.0 / 17) < 1e-12); /* odds 4, squared */
    assert_true(fabs(drift_sureness_factor(0) - 0.5) < 1e-12);
    assert_true(drift_sureness_factor(DRIFT_SURENESS_AS_IS) == 1);
    assert_true(fabs(drift_sureness_factor(DRIFT_SURENESS_STEPS - 1) - 2) < 1e-12);
}

/* Bins by edges are those of moving each sample. */
static void test_masses_are_those_of_moved_samples(void **state)
{
    const struct world *world = *state;
    const struct drift_baseline *baseline = &world->baseline;

    for (unsigned step = 0; step < DRIFT_SURENESS_STEPS; step += 8) {
        double by = drift_sureness_factor(step), expected[DRIFT_BINS] = {0};
        for (size_t i = 0; i < baseline->count; i++)
            expected[drift_bin(drift_sureness_move(drift_value(baseline->values[i]), 0.5, by))] +=
                1 / (double)baseline->count;
        for (unsigned b = 0; b < DRIFT_BINS; b++)
            assert_true(fabs(world->sureness.mass[step][b] - expected[b]) < 1e-3);
    }
}

/* What is normal is its own nearest; what is not stays apart. */
static void test_nearest(void **state)
{
    const struct world *world = *state;
    double out[DRIFT_BINS], of[DRIFT_BINS], gain = 0;

    for (unsigned b = 0; b < DRIFT_BINS; b++)
        of[b] = 0.3 * world->sureness.mass[2][b] + 0.7 * world->sureness.mass[20][b];
    drift_sureness_nearest(out, &world->sureness, of);
    for (unsigned b = 0; b < DRIFT_BINS; b++)
        gain += of[b] * log(of[b] / out[b]);
    assert_true(gain < 1e-5);
    memset(of, 0, sizeof of);
    of[DRIFT_BINS / 2] = 1;
    drift_sureness_nearest(out, &world->sureness, of);
    assert_true(out[DRIFT_BINS / 2] < 0.1);
}

/* Between the steps as well, and for mixtures, which follow: what the guarantee needs. */
static void test_bets_gain_nothing_when_sureness_moves(void **state)
{
    const struct world *world = *state;
    const struct drift_baseline *baseline = &world->baseline;

    for (double by = 0.5; by <= 2; by *= 1.07) {
        double mass[DRIFT_BINS] = {0};
        for (size_t i = 0; i < baseline->count; i++)
            mass[drift_bin(drift_sureness_move(drift_value(baseline->values[i]), 0.5, by))] +=
                1 / (double)baseline->count;
        for (unsigned bet = 0; bet < DRIFT_BETS; bet++) {
            double mean = 0;
            for (unsigned b = 0; b < DRIFT_BINS; b++)
                mean += mass[b] * drift_bet_factor(&world->detector, bet, b);
            assert_true(mean <= 1);
        }
    }
}

/* A tenth of the AI-generated photos is new: some bet gains more than 3 nats in 1,000 photos. */
static void test_bets_still_gain_when_a_kind_is_new(void **state)
{
    const struct world *world = *state;
    const struct drift_change change = {.scenario = DRIFT_MIXTURE, .share = 0.1};
    struct rng rng = rng_seed(4);
    double mass[DRIFT_BINS] = {0}, best = 0;

    for (int i = 0; i < 200000; i++)
        mass[drift_bin(drift_synthetic_next(&world->synthetic, &change, 0, &rng).probability)] +=
            1 / 200000.0;
    for (unsigned bet = 0; bet < DRIFT_BETS; bet++) {
        double gain = 0;
        for (unsigned b = 0; b < DRIFT_BINS; b++)
            gain += mass[b] * log(drift_bet_factor(&world->detector, bet, b));
        best = fmax(best, gain);
    }
    assert_true(best > 0.003);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_verdicts_stay),
        cmocka_unit_test(test_masses_are_those_of_moved_samples),
        cmocka_unit_test(test_nearest),
        cmocka_unit_test(test_bets_gain_nothing_when_sureness_moves),
        cmocka_unit_test(test_bets_still_gain_when_a_kind_is_new),
    };

    return cmocka_run_group_tests(tests, open_world, close_world);
}
