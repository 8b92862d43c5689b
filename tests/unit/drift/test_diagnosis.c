/* Distances against values worked out by hand, the kernel's p-value, and the stories told. */
#include "drift_traffic.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "drift/adwin.h"
#include "drift/diagnosis.h"

struct world {
    struct drift_synthetic synthetic;
    struct drift_baseline baseline;
    struct drift_kernel kernel;
    struct rng rng;
};

static int open_world(void **state)
{
    struct world *world = mem_alloc(1, sizeof *world);

    world->rng = rng_seed(21);
    drift_synthetic_open(&world->synthetic, 100000, rng_seed(2));
    traffic_baseline(&world->baseline, &world->synthetic, 50000, 0.5, &world->rng);
    drift_kernel_open(&world->kernel, &world->baseline, rng_seed(4));
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

static struct drift_diagnosis diagnose(struct world *world, enum drift_scenario scenario,
                                       double share, uint64_t width)
{
    const struct drift_change change = {.scenario = scenario, .share = share, .ramp = 1};
    double sum[DRIFT_KERNEL_SIZE] = {0};
    struct drift_kernel_point point;
    struct drift_diagnosis out;
    struct drift_window window;

    drift_window_open(&window, 1000);
    for (int i = 0; i < 1000; i++) {
        double p = drift_synthetic_next(&world->synthetic, &change, 9, &world->rng).probability;
        struct drift_sample sample = traffic_sample(p, i, 0.5);
        const struct drift_photo photo = {p, width, 480, 60000 + (uint64_t)(10000 * p), 0};
        drift_features(sample.features, &photo);
        drift_window_add(&window, &sample);
        drift_kernel_map(&point, &world->kernel, sample.features);
        for (unsigned j = 0; j < DRIFT_KERNEL_SIZE; j++)
            sum[j] += (double)point.at[j];
    }
    drift_diagnose(&out, &window, &world->baseline, &world->kernel, sum);
    drift_window_close(&window);
    return out;
}

static void test_nothing_moved(void **state)
{
    struct drift_diagnosis d = diagnose(*state, DRIFT_NO_CHANGE, 0, 640);

    assert_int_equal(d.story, DRIFT_AS_BEFORE);
    assert_true(d.distances.ks_p > 0.01 && d.distances.psi < 0.1);
    assert_true(d.mmd_p > 0.01);
    assert_true(fabs(d.shifts[DRIFT_LOGIT].z) < 4 && fabs(d.shifts[DRIFT_PIXELS].shift) < 1e-6);
}

static void test_a_new_kind(void **state)
{
    struct drift_diagnosis d = diagnose(*state, DRIFT_MIXTURE, 0.5, 640);

    assert_int_equal(d.story, DRIFT_NEW_KIND);
    assert_true(d.more_low > 0.03 && d.more_top < 0.8 && d.more_window > d.more_before + 0.1);
    assert_true(d.distances.ks_p < 1e-6 && d.distances.psi > 0.2);
    assert_true(d.mmd_p < 0.02);
}

static void test_shares_moved(void **state)
{
    assert_int_equal(diagnose(*state, DRIFT_PRIOR, -0.4, 640).story, DRIFT_SHARES);
}

static void test_a_surer_model(void **state)
{
    assert_int_equal(diagnose(*state, DRIFT_CONFIDENCE, 0.5, 640).story, DRIFT_SURENESS);
}

/* Twice as wide: probabilities are as before, and yet something moved. */
static void test_inputs_moved(void **state)
{
    struct drift_diagnosis d = diagnose(*state, DRIFT_NO_CHANGE, 0, 1280);

    assert_int_equal(d.story, DRIFT_AS_BEFORE);
    assert_true(d.shifts[DRIFT_PIXELS].z > 10);
    assert_true(fabs(d.shifts[DRIFT_PIXELS].window - d.shifts[DRIFT_PIXELS].baseline - 1) < 0.01);
    assert_true(d.mmd_p < 0.02);
}

/* Against scipy.stats.kstwobign at sqrt(n m / (n + m)) d = 0.8276, 1.2239 and 1.6277, with the
 * correction for size taken out by large samples. */
static void test_ks_p(void **state)
{
    double n = 2e12;

    (void)state;
    assert_true(fabs(drift_ks_p(0.8276 / 1e6, n, n) - 0.5) < 1e-3);
    assert_true(fabs(drift_ks_p(1.2239 / 1e6, n, n) - 0.1) < 1e-3);
    assert_true(fabs(drift_ks_p(1.6277 / 1e6, n, n) - 0.01) < 1e-4);
    assert_true(drift_ks_p(0, 100, 100) == 1);
}

static void test_psi_by_hand(void **state)
{
    const double before[] = {0.5, 0.5, 0}, now[] = {0.25, 0.75, 0};

    (void)state;
    assert_true(fabs(drift_psi(now, before, 3) - 0.25 * log(3)) < 1e-9);
    assert_true(drift_psi(before, before, 3) == 0);
}

/* All of the window at one place, all of the baseline elsewhere: distances as large as they get. */
static void test_distances_at_their_ends(void **state)
{
    struct drift_collector *collector = drift_collector_open("m", "h", 0.5);
    struct drift_baseline baseline;
    struct drift_window window;
    struct err err;

    (void)state;
    drift_window_open(&window, 200);
    for (int i = 0; i < 200; i++) {
        struct drift_sample low = traffic_sample(0, i, 0.5), high = traffic_sample(0.5, i, 0.5);
        (void)drift_collector_add(collector, &low);
        drift_window_add(&window, &high);
    }
    assert_int_equal(drift_collector_finish(&baseline, collector, 0, &err), ST_OK);
    struct drift_distances d = drift_distances_of(&window, &baseline);
    assert_true(fabs(d.ks - 1) < 1e-9 && d.ks_p < 1e-12);
    assert_true(fabs(d.wasserstein - 0.5) < 1e-9);
    assert_true(fabs(d.jensen_shannon - sqrt(log(2))) < 1e-9);
    drift_collector_close(collector);
    drift_baseline_close(&baseline);
    drift_window_close(&window);
}

static void test_adwin_finds_where(void **state)
{
    static struct drift_adwin adwin;
    struct rng rng = rng_seed(6);
    bool cut = false;

    (void)state;
    drift_adwin_open(&adwin, 0.002);
    for (int i = 1; i <= 5000; i++)
        assert_false(drift_adwin_add(&adwin, 0.2 + 0.1 * rng_unit(&rng), i));
    assert_int_equal(adwin.width, 5000);
    for (int i = 5001; i <= 5400; i++)
        cut |= drift_adwin_add(&adwin, 0.4 + 0.1 * rng_unit(&rng), i);
    assert_true(cut && adwin.width < 1000);
    assert_true(llabs((long long)drift_adwin_since_us(&adwin) - 5001) < 600);
    double mean = adwin.sum / (double)adwin.width;
    assert_true(mean > 0.3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_moved),     cmocka_unit_test(test_a_new_kind),
        cmocka_unit_test(test_shares_moved),      cmocka_unit_test(test_a_surer_model),
        cmocka_unit_test(test_inputs_moved),      cmocka_unit_test(test_ks_p),
        cmocka_unit_test(test_psi_by_hand),       cmocka_unit_test(test_distances_at_their_ends),
        cmocka_unit_test(test_adwin_finds_where),
    };

    return cmocka_run_group_tests(tests, open_world, close_world);
}
