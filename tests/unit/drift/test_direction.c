/* Embeddings: what is normal is fitted, kept and restored; the bets find another kind of photo,
 * and gain nothing on average while nothing moves (test_burst.c: senders count as one).  Seeded
 * traffic. */
#include "drift/direction.h"

#include <math.h>

#include "base/mem.h"
#include "drift_traffic.h"

#define BASELINE 100000u

/* A photo of two kinds in equal parts, some places depend on others; `shift` of a deviation for
 * those of a new kind. */
static uint64_t draw(struct rng *rng, double shift)
{
    double places[DRIFT_EMBEDDING], side = rng_chance(rng, 0.5) ? 1 : -1;
    uint64_t packed = 0;

    for (unsigned i = 0; i < DRIFT_EMBEDDING; i++)
        places[i] = 0.7 * rng_normal(rng) + (i % 3 ? 0.3 : 0.7) * side;
    places[5] += 0.5 * places[4];
    places[2] += shift;
    places[9] -= shift;
    for (unsigned i = 0; i < DRIFT_EMBEDDING; i++)
        packed |= (uint64_t)CLAMP(lrint(places[i] * 2) + 8, 0L, 15L) << (4 * i);
    return packed ? packed : 1;
}

struct world {
    struct drift_embedding normal;
    struct rng rng;
    int64_t now_us;
};

static int open_world(void **state)
{
    struct world *world = mem_alloc(1, sizeof *world);
    uint64_t *packed = mem_alloc(BASELINE, sizeof *packed);
    uint16_t *sizes = mem_alloc(BASELINE / 4, sizeof *sizes);

    world->rng = rng_seed(3);
    for (size_t i = 0; i < BASELINE; i++)
        packed[i] = draw(&world->rng, 0);
    for (size_t i = 0; i < BASELINE / 4; i++)
        sizes[i] = 4;
    drift_embedding_fit(&world->normal, packed, BASELINE, sizes, BASELINE / 4);
    mem_free(packed);
    mem_free(sizes);
    *state = world;
    return 0;
}

static int close_world(void **state)
{
    mem_free(*state);
    return 0;
}

static void test_places_are_unpacked(void **state)
{
    (void)state;
    double places[DRIFT_EMBEDDING];

    drift_embedding_unpack(places, UINT64_C(0xf000000000000180));
    assert_true(places[0] == -4 && places[1] == 0 && places[2] == -3.5 && places[15] == 3.5);
}

static void test_normal_deviations_are_white(void **state)
{
    struct world *world = *state;
    double sums[DRIFT_EMBEDDING] = {0}, squares[DRIFT_EMBEDDING] = {0}, both = 0;
    double places[DRIFT_EMBEDDING], deviation[DRIFT_EMBEDDING];

    assert_true(world->normal.known);
    for (size_t i = 0; i < BASELINE; i++) {
        drift_embedding_unpack(places, draw(&world->rng, 0));
        drift_embedding_deviation(deviation, &world->normal, places, false);
        for (unsigned k = 0; k < DRIFT_EMBEDDING; k++) {
            sums[k] += deviation[k] / BASELINE;
            squares[k] += deviation[k] * deviation[k] / BASELINE;
        }
        both += deviation[4] * deviation[5] / BASELINE;
    }
    for (unsigned k = 0; k < DRIFT_EMBEDDING; k++) {
        assert_float_equal(sums[k], 0, 0.02);
        assert_float_equal(squares[k], 1, 0.06); /* the longest ones are cut */
    }
    assert_float_equal(both, 0, 0.02);
}

/* 16 / 100,000 is the variance of the mean; four photos of a sender are as good as one. */
static void test_the_radius_is_that_of_the_mean(void **state)
{
    const struct world *world = *state;

    assert_in_range(lrint(1e5 * world->normal.units[0].radius), 1300, 2100);
    assert_in_range(lrint(1e5 * world->normal.units[1].radius), 1300, 2100);
}

/* When blocks differ more than chance would let them, the mean may wander as far again. */
static void test_a_baseline_that_wanders_has_a_wide_radius(void **state)
{
    struct world *world = *state;
    struct drift_embedding wandering;
    uint64_t *packed = mem_alloc(BASELINE, sizeof *packed);

    for (size_t i = 0; i < BASELINE; i++)
        packed[i] = draw(&world->rng, i / 5000 % 2 ? 0.3 : 0);
    drift_embedding_fit(&wandering, packed, BASELINE, NULL, 0);
    assert_true(wandering.units[0].radius > 0.3);
    packed[77] = 0; /* one without an embedding: then nothing is known */
    drift_embedding_fit(&wandering, packed, BASELINE, NULL, 0);
    assert_false(wandering.known);
    drift_embedding_fit(&wandering, packed, 50, NULL, 0);
    assert_false(wandering.known);
    mem_free(packed);
}

/* Photos until an alarm; 0: none within `patience`. */
static uint64_t run(struct world *world, struct drift_direction *direction, double share,
                    double shift, uint64_t patience)
{
    double places[DRIFT_EMBEDDING];

    for (uint64_t i = 1; i <= patience; i++) {
        bool is_new = rng_chance(&world->rng, share);
        drift_embedding_unpack(places, draw(&world->rng, is_new ? shift : 0));
        if (drift_direction_add(direction, places, ++world->now_us))
            return i;
    }
    return 0;
}

static void test_a_new_kind_is_found(void **state)
{
    struct world *world = *state;
    struct drift_direction direction;
    double to[DRIFT_EMBEDDING];

    drift_direction_open(&direction, &world->normal, false, 6e6);
    assert_int_equal(run(world, &direction, 0, 0, 20000), 0);
    int64_t change_us = world->now_us;
    assert_in_range(run(world, &direction, 0.25, 2, 20000), 1, 1000);
    assert_in_range(drift_direction_since_us(&direction), change_us - 200, change_us + 500);
    drift_direction_of(to, &direction);
    assert_true(to[2] > 0.4 && to[9] < -0.4);
    drift_direction_reset(&direction, 0);
    assert_true(direction.value == 0);
    assert_in_range(run(world, &direction, 0.05, 2, 100000), 1, 30000);
}

static void test_nothing_new_is_no_alarm(void **state)
{
    struct world *world = *state;
    struct drift_direction direction;

    drift_direction_open(&direction, &world->normal, false, 1e5); /* one in 100,000 at most */
    assert_int_equal(run(world, &direction, 0, 0, 400000), 0);
}

/* Whatever the mean of the deviations before, the factor of one that is normal is 1 at most. */
static void test_bets_gain_nothing_on_average(void **state)
{
    struct world *world = *state;
    struct drift_direction direction;
    double places[DRIFT_EMBEDDING], mean = 0, least = 1;

    drift_direction_open(&direction, &world->normal, false, 6e6);
    for (size_t i = 0; i < BASELINE; i++) {
        drift_direction_reset(&direction, 0);
        for (unsigned k = 0; k < DRIFT_EMBEDDING; k++)
            direction.bets[0].mean[k] = 0.1 + 0.02 * k;
        drift_embedding_unpack(places, draw(&world->rng, 0));
        (void)drift_direction_add(&direction, places, 1);
        mean += direction.bets[0].evidence / BASELINE;
        least = fmin(least, direction.bets[0].evidence);
    }
    assert_true(mean < 1 + 0.002);
    assert_true(mean > 0.95); /* nor is the bet wasted */
    assert_true(least >= 0.05);
}

static void test_state_survives(void **state)
{
    struct world *world = *state;
    struct drift_direction direction, again;

    drift_direction_open(&direction, &world->normal, false, 6e6);
    (void)run(world, &direction, 0.1, 2, 3000);
    struct json *saved = drift_direction_save(&direction);
    drift_direction_open(&again, &world->normal, false, 6e6);
    assert_true(drift_direction_restore(&again, saved));
    assert_true(fabs(again.value - direction.value) < 1e-9 * (1 + direction.value));
    assert_int_equal(drift_direction_since_us(&again), drift_direction_since_us(&direction));
    json_append(saved, json_new_object()); /* a fifth bet */
    again.value = 5;
    assert_false(drift_direction_restore(&again, saved));
    assert_true(again.value == 5);
    json_free(saved);
    assert_false(drift_direction_restore(&again, NULL));
}

static void test_what_is_normal_is_kept(void **state)
{
    struct world *world = *state;
    struct drift_embedding again = {0};
    struct json *saved = drift_embedding_save(&world->normal);

    assert_true(drift_embedding_restore(&again, saved));
    for (unsigned i = 0; i < DRIFT_EMBEDDING; i++)
        for (unsigned k = 0; k <= i; k++)
            assert_float_equal(again.factor[i][k], world->normal.factor[i][k], 1e-9);
    json_set_number(saved, "radius", 7);
    assert_false(drift_embedding_restore(&again, saved));
    json_set_number(saved, "radius", 0.01);
    assert_true(drift_embedding_restore(&again, saved));
    json_free(json_take(saved, "factor"));
    assert_false(drift_embedding_restore(&again, saved));
    json_free(saved);
    assert_false(drift_embedding_restore(&again, NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_places_are_unpacked),
        cmocka_unit_test(test_normal_deviations_are_white),
        cmocka_unit_test(test_the_radius_is_that_of_the_mean),
        cmocka_unit_test(test_a_baseline_that_wanders_has_a_wide_radius),
        cmocka_unit_test(test_a_new_kind_is_found),
        cmocka_unit_test(test_nothing_new_is_no_alarm),
        cmocka_unit_test(test_bets_gain_nothing_on_average),
        cmocka_unit_test(test_state_survives),
        cmocka_unit_test(test_what_is_normal_is_kept),
    };
    return cmocka_run_group_tests(tests, open_world, close_world);
}
